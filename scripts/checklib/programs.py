# SPDX-License-Identifier: GPL-2.0
"""KUnit, and our own programs, in a guest of any flavour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import ktap
from .built import Built, programs_of
from .kunit_tool import as_kunit_counts
from .results import FAILED, PASSED, SKIPPED, Result
from .run import Guest, tap_programs

# Those that want a guest of their own, and its options. Switching tracking off and on
# leaves figures unlike those since boot; the first two switch what the other CPU runs.
ALONE = {
    "gup_pin_enable": ["-m", "2G", "--one-thread"],
    "gup_pin_events": ["-m", "2G", "--one-thread"],
    "gup_pin_growth": ["-m", "2G"],
    # Fills memory until it gets some from CMA.
    "gup_pin_movable": ["-m", "1G"],
    # Takes memory offline.
    "gup_pin_contig": ["-m", "2G"],
    # Anybody's pins may be reported.
    "gup_pin_hazard_overdue": ["-m", "2G"],
    # Fills and pins most of the memory, and compares what slabs have in use.
    "gup_pin_scale": ["-m", "4G"],
    # Switches tracking on late, after which figures are unlike those since boot.
    "gup_pin_truth": ["-m", "2G"],
    # Measures time, which here is instructions.
    "gup_pin_one_page": ["-m", "1G", "--icount"],
}
# The same, and for some minutes: once, for what is measured hardly differs between kernels.
MILLION = {"gup_pin_million": ["-m", "4G", "--icount"]}
# More words for the kernel. Below CMA is memory of the kernel's own, below that a whole
# block that is movable.
WORDS = {
    "gup_pin_contig": "movablecore=512M",
    "gup_pin_hazard_overdue": "gup_pin.max_short_ms=700",
}
# Longest time with interrupts off, in a guest whose kernel and clock can tell.
BOUNDS = {"gup_pin_irqsoff": ["-m", "2G", "--icount"]}
# What looks at stacks and sites, while tracers have changed the return addresses of all
# functions that pin and unpin; and how they do it.
TRACED = [
    "gup_pin_files",
    "gup_pin_gup_test",
    "gup_pin_io_uring",
    "gup_pin_udmabuf",
    "gup_pin_registered",
    "gup_pin_share",
    "gup_pin_direct_io",
]
FUNCTIONS = "*pin_user*,*unpin_folio*,memfd_pin_folios,*bio_release_pages*,io_sqe_buffers_*"
PROBED = ("pin_user_pages_fast", "unpin_user_folio", "unpin_user_pages")
# A tracer, the words that switch it on, and what tracefs shows then.
TRACERS = (
    ("graph", f"ftrace=function_graph ftrace_filter={FUNCTIONS}", "function_graph\n"),
    ("kretprobe", "kprobe_event=" + ";".join(f"r:{n},{n}" for n in PROBED), " unpin_user_folio"),
)
# Of which make check-users runs the scenes.
FILE_SYSTEMS = "btrfs|f2fs|overlay|nfs"
# They take long, and have a job of their own.
STRESS = ["gup_pin_stress"]
# By make check-users, for they want drivers that the project's own kernels lack.
USERS = (
    "gup_pin_rdma",
    "gup_pin_vdpa",
    "gup_pin_scsi",
    "gup_pin_v4l2",
    "gup_pin_crypto",
    "gup_pin_process_vm",
    "gup_pin_direct_fs",
    "gup_pin_not_pinned",
    "gup_pin_vduse",
    "gup_pin_vfio",
    "gup_pin_vhost_net",
)
# Programs that make hazards happen, and what the kernel may say of it; elsewhere, a
# report is as bad as any splat.
HAZARDS = "gup_pin_hazard_"
REPORTS = (
    r"BUG: GUP_PIN: (writeback of|(write|read) pin of folio under writeback|truncat"
    r"|pinned folio dirtied after|page changed under writeback"
    r"|short-term (read|write) pin held for too long)"
)
# KUnit makes all of them.
ANY_REPORT = "BUG: GUP_PIN: "
# What correct programs do, and what is wrong indeed: these take memory away from devices
# on purpose, and switch tracking off and on.
INNOCENT = "gup_pin_innocent_"
GUILTY = "gup_pin_guilty_"
# For how long innocents go on, all of them together; where the kernel watches itself.
INNOCENT_SECONDS = 60
INNOCENT_SECONDS_WATCHED = 600


# Of the flavours that watch themselves, all are slower: by what the patience grows.
TIMES_SLOWER = {"debug": 4, "stress": 4, "rt": 4, "kcsan": 6}


def prefix(built: Built, flavour: str) -> str:
    """What the names of results begin with."""
    return built.version if flavour in ("test", "stress") else f"{built.version}-{flavour}"


def guest_of(built: Built, flavour: str, seconds: int) -> list[str]:
    """The options of scripts/vm that say which kernel, and how long it may take."""
    patience = seconds * TIMES_SLOWER.get(flavour, 1)
    return ["-k", built.version, "-f", flavour, "-t", str(patience)]


def kunit(
    built: Built, flavour: str = "test", wanted: str = "gup_pin*", seconds: int = 900
) -> list[Result]:
    """The KUnit suites, or the wanted cases, which run while the kernel boots."""
    words = f"kunit.enable=1 kunit.autorun=1 kunit.filter_glob={wanted} gup_pin=on"
    guest = Guest([*guest_of(built, flavour, seconds), "--append", words], ["true"])
    name = f"{prefix(built, flavour)}: kunit"
    log = ktap.strip_console(guest.console)
    results = ktap.parse(log, name, starts=True)
    counted = as_kunit_counts(built, log, results, name)
    # What did not end has failed by its own name.
    if not results or (guest.status and not any(r.status == FAILED for r in results)):
        results.append(Result(name, FAILED, guest.whole()))
    return [*results, counted, guest.splats(f"{name}: no splat", ANY_REPORT)]


@dataclass
class Way:
    """How to run programs, but for the kernel.

    options: more of scripts/vm's; words: more for the kernel's command line;
    reports: what the kernel may say of hazards; seconds: for how long a program that
    can repeats its tests; patience: for how long all of them may take, beside that.
    """

    options: Sequence[str] = ()
    words: str = ""
    reports: str = ""
    seconds: int = 0
    patience: int = 3600


def run_programs(
    built: Built, names: Sequence[str], way: Way, flavour: str = "test"
) -> list[Result]:
    """Our programs, one after another in one guest."""
    with_status = (
        'cd "$1" || exit; export GUP_PIN_SECONDS=$2; shift 2; for p; do echo "== $p";'
        ' ./$p 2>&1; echo "== status $?"; done'
    )
    # Stacks lie elsewhere with each system call, and a remembered trace that is not
    # the fresh one is a splat.
    stacks = "randomize_kstack_offset=on gup_pin.check_traces=1"
    append = f"gup_pin=on movablecore=256M cma=128M {stacks} {way.words}".strip()
    patience = way.patience + way.seconds * len(names)
    guest = Guest(
        [*guest_of(built, flavour, patience), "--append", append, *way.options],
        ["sh", "-c", with_status, "sh", built.programs, str(way.seconds), *names],
    )
    what = prefix(built, flavour)
    results = but_for_users(tap_programs(guest, names, what))
    allowed = f"page allocation|{way.reports}" if way.reports else "page allocation"
    return [*results, guest.splats(f"{what}: {names[0]} and others: no splat", allowed)]


def but_for_users(results: Sequence[Result]) -> list[Result]:
    """Without skipped scenes on file systems that make check-users has drivers and tools for."""
    scene = re.compile(rf": file\.(?:{FILE_SYSTEMS})_")
    return [r for r in results if r.status != SKIPPED or not scene.search(r.name)]


def unskipped(results: Sequence[Result]) -> list[Result]:
    """Skips are failures: these kernels are ours, what they miss has to come into config/."""
    return [replace(r, status=FAILED) if r.status == SKIPPED else r for r in results]


def way_of(name: str) -> Way:
    """How one of our programs runs, alone or with others of its kind."""
    own = {**ALONE, **MILLION, **BOUNDS}
    if name in own:
        reports = REPORTS if name.startswith((HAZARDS, *BOUNDS)) else ""
        options = own[name]
        return Way(options, f"slab_nomerge {WORDS.get(name, '')}", reports)
    if name.startswith(HAZARDS):
        return Way([], "memmap=64M!1G", REPORTS)
    if name.startswith((GUILTY, INNOCENT)):
        return Way(["-m", "4G"], "memmap=64M!1G", ANY_REPORT if name.startswith(GUILTY) else "")
    return Way(["-m", "4G"])


def selftests(built: Built, flavour: str = "test") -> list[Result]:
    """Our programs that share a guest."""
    others = (*ALONE, *MILLION, *BOUNDS, *STRESS, *USERS)
    names = [n for n in programs_of(built) if n not in others]
    names = [n for n in names if not n.startswith((HAZARDS, INNOCENT, GUILTY))]
    return run_programs(built, names, way_of(names[0]), flavour)


def innocents(built: Built, flavour: str = "test") -> list[Result]:
    """What correct programs do, again and again, where a single report is the end."""
    names = [n for n in programs_of(built) if n.startswith(INNOCENT)]
    seconds = INNOCENT_SECONDS if flavour == "test" else INNOCENT_SECONDS_WATCHED
    way = way_of(names[0])
    words = f"{way.words} panic_on_warn=1"
    way = replace(way, words=words, seconds=seconds // len(names))
    return run_programs(built, names, way, flavour)


def guilty(built: Built, flavour: str = "test") -> list[Result]:
    """What is wrong indeed, and has to be reported."""
    names = [n for n in programs_of(built) if n.startswith(GUILTY)]
    return run_programs(built, names, way_of(names[0]), flavour)


def hazards(built: Built, flavour: str = "test") -> list[Result]:
    """Our programs that make hazards happen, with persistent memory for DAX."""
    names = [n for n in programs_of(built) if n.startswith(HAZARDS) and n not in ALONE]
    return run_programs(built, names, way_of(names[0]), flavour)


def one_program(built: Built, name: str, flavour: str, seconds: int) -> list[Result]:
    """One of our programs, which may take so long; a complaint of the kernel ends it."""
    way = replace(way_of(name), patience=seconds)
    if not way.reports:
        way.words += " panic_on_warn=1"
    return run_programs(built, [name], way, flavour)


def each_alone(built: Built, wanted: dict[str, list[str]]) -> list[Result]:
    """Programs that each want a guest."""
    return [result for name in wanted for result in run_programs(built, [name], way_of(name))]


def alone(built: Built) -> list[Result]:
    """Our programs that each want a guest."""
    return each_alone(built, ALONE)


def million(built: Built) -> list[Result]:
    """A million pins, held and read."""
    return each_alone(built, MILLION)


def bounds(built: Built) -> list[Result]:
    """For how long interrupts are off at most."""
    name = next(iter(BOUNDS))
    return unskipped(run_programs(built, [name], way_of(name), "trace"))


def tracer_is_on(built: Built, tracer: str, words: str, seen: str) -> Result:
    """Do these words on the command line switch it on?"""
    show = "mount -t tracefs none $0; cat $0/current_tracer $0/kprobe_events"
    command = ["sh", "-c", show, "/sys/kernel/tracing"]
    guest = Guest([*guest_of(built, "trace", 300), "--append", words], command)
    status = PASSED if seen in guest.out else FAILED
    return Result(f"{prefix(built, 'trace')}: {tracer} is on", status, guest.whole())


def traced(built: Built) -> list[Result]:
    """Under the function graph tracer, and under kretprobes."""
    results = []
    for tracer, words, seen in TRACERS:
        results.append(tracer_is_on(built, tracer, words, seen))
        found = run_programs(built, TRACED, replace(way_of(TRACED[0]), words=words), "trace")
        results += [replace(r, name=f"{tracer}: {r.name}") for r in found]
    return results


def stress(built: Built, flavour: str = "stress") -> list[Result]:
    """All at once for half a minute, in a kernel that watches itself."""
    results = run_programs(built, STRESS, Way(["-m", "4G", "-c", "2"]), flavour)
    return unskipped(results)
