# SPDX-License-Identifier: GPL-2.0
"""Runs KUnit, and our own programs, in a guest of any flavour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import ktap
from .built import Built, programs_of
from .kunit_tool import as_kunit_counts
from .results import FAILED, PASSED, SKIPPED, Result
from .run import Guest, tap_programs

# Programs that need a guest of their own, and its options. Disabling and enabling tracking
# changes figures that count since boot; the first two affect the code of the other CPU.
ALONE = {
    "gup_pin_enable": ["-m", "2G", "--one-thread"],
    "gup_pin_events": ["-m", "2G", "--one-thread"],
    "gup_pin_growth": ["-m", "2G"],
    # Fills memory until it gets some from CMA.
    "gup_pin_movable": ["-m", "1G"],
    # Takes memory offline.
    "gup_pin_contig": ["-m", "2G"],
    # Pins of any task may be reported.
    "gup_pin_hazard_overdue": ["-m", "2G"],
    # Fills and pins most of the memory, and compares the use of slabs.
    "gup_pin_scale": ["-m", "4G"],
    # Enables tracking late, which changes figures that count since boot.
    "gup_pin_truth": ["-m", "2G"],
    # Measures time: instructions in this guest.
    "gup_pin_one_page": ["-m", "1G", "--icount"],
}
# The same, for some minutes: once, since the results hardly differ between kernels.
MILLION = {"gup_pin_million": ["-m", "4G", "--icount"]}
# More words for the kernel's command line.
WORDS = {
    "gup_pin_hazard_overdue": "gup_pin.max_short_ms=700",
}
# Longest time with interrupts off, in a guest whose kernel and clock can measure it.
BOUNDS = {"gup_pin_irqsoff": ["-m", "2G", "--icount"]}
# Programs that check stacks and sites, while tracers have changed the return addresses of all
# functions that pin and unpin; and the tracers.
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
# A tracer, the words that enable it, and what tracefs shows then.
TRACERS = (
    ("graph", f"ftrace=function_graph ftrace_filter={FUNCTIONS}", "function_graph\n"),
    ("kretprobe", "kprobe_event=" + ";".join(f"r:{n},{n}" for n in PROBED), " unpin_user_folio"),
)
# Several movable blocks of 128 MB: the last has memory that was reserved during boot, and one
# with a page that something else holds cannot go offline either.
MOVABLE = "movablecore=512M"
# KASAN reserves an eighth of the memory during boot, from the end: half of a GB.
MOVABLE_KASAN = "movablecore=1280M"
# make check-users runs the scenes of these.
FILE_SYSTEMS = "btrfs|f2fs|overlay|nfs"
# These take long, and have a job of their own.
STRESS = ["gup_pin_stress"]
# By make check-users, since they need drivers that the project's own kernels lack.
USERS = (
    "gup_pin_rdma",
    "gup_pin_rds",
    "gup_pin_vdpa",
    "gup_pin_scsi",
    "gup_pin_nvme",
    "gup_pin_v4l2",
    "gup_pin_crypto",
    "gup_pin_process_vm",
    "gup_pin_direct_fs",
    "gup_pin_not_pinned",
    "gup_pin_vduse",
    "gup_pin_vfio",
    "gup_pin_vhost_net",
)
# Programs that cause hazards, and the reports they may cause; elsewhere, a report is an
# error like any other splat.
HAZARDS = "gup_pin_hazard_"
REPORTS = (
    r"BUG: GUP_PIN: (writeback of|(write|read) pin of folio under writeback|truncat"
    r"|pinned folio dirtied after|page changed under writeback"
    r"|short-term (read|write) pin held for too long)"
)
# KUnit causes all of them.
ANY_REPORT = "BUG: GUP_PIN: "
# Correct programs, and guilty ones: these take memory away from devices on purpose, and
# disable and enable tracking.
INNOCENT = "gup_pin_innocent_"
GUILTY = "gup_pin_guilty_"
# How long all innocent programs run together; the same for instrumented kernels.
INNOCENT_SECONDS = 60
INNOCENT_SECONDS_WATCHED = 600


# Instrumented kernels are slower: the factor for timeouts.
TIMES_SLOWER = {"debug": 4, "stress": 4, "rt": 4, "kcsan": 6}


def prefix(built: Built, flavour: str) -> str:
    """The prefix of result names."""
    return built.version if flavour in ("test", "stress") else f"{built.version}-{flavour}"


def guest_of(built: Built, flavour: str, seconds: int) -> list[str]:
    """The options of scripts/vm for the kernel and the timeout."""
    patience = seconds * TIMES_SLOWER.get(flavour, 1)
    return ["-k", built.version, "-f", flavour, "-t", str(patience)]


def kunit(
    built: Built, flavour: str = "test", wanted: str = "gup_pin*", seconds: int = 900
) -> list[Result]:
    """The KUnit suites, or the selected cases, which run during boot."""
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
    """How to run programs, except for the kernel.

    options: more for scripts/vm; words: more for the kernel's command line;
    reports: the allowed reports of hazards; seconds: how long a program repeats its tests,
    if it does; patience: how long all programs may take, in addition.
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
    # The address of stacks varies with each system call, and a cached trace that differs
    # from the fresh one is a splat.
    stacks = "randomize_kstack_offset=on gup_pin.check_traces=1"
    movable = MOVABLE_KASAN if flavour == "debug" else MOVABLE
    append = f"gup_pin=on {movable} cma=128M {stacks} {way.words}".strip()
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
    """Without skipped scenes on file systems for which make check-users has drivers and tools."""
    scene = re.compile(rf": file\.(?:{FILE_SYSTEMS})_")
    return [r for r in results if r.status != SKIPPED or not scene.search(r.name)]


def unskipped(results: Sequence[Result]) -> list[Result]:
    """Skips are failures: config/ has to enable what these kernels lack."""
    return [replace(r, status=FAILED) if r.status == SKIPPED else r for r in results]


def way_of(name: str) -> Way:
    """How to run one of our programs, alone or with others like it."""
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
    """Correct programs, repeatedly: a single report ends the guest."""
    names = [n for n in programs_of(built) if n.startswith(INNOCENT)]
    seconds = INNOCENT_SECONDS if flavour == "test" else INNOCENT_SECONDS_WATCHED
    way = way_of(names[0])
    words = f"{way.words} panic_on_warn=1"
    way = replace(way, words=words, seconds=seconds // len(names))
    return run_programs(built, names, way, flavour)


def guilty(built: Built, flavour: str = "test") -> list[Result]:
    """Guilty programs, which must be reported."""
    names = [n for n in programs_of(built) if n.startswith(GUILTY)]
    return run_programs(built, names, way_of(names[0]), flavour)


def hazards(built: Built, flavour: str = "test") -> list[Result]:
    """Our programs that cause hazards, with persistent memory for DAX."""
    names = [n for n in programs_of(built) if n.startswith(HAZARDS) and n not in ALONE]
    return run_programs(built, names, way_of(names[0]), flavour)


def one_program(built: Built, name: str, flavour: str, seconds: int) -> list[Result]:
    """One of our programs, with this timeout; a splat ends it."""
    way = replace(way_of(name), patience=seconds)
    if not way.reports:
        way.words += " panic_on_warn=1"
    return run_programs(built, [name], way, flavour)


def each_alone(built: Built, wanted: dict[str, list[str]]) -> list[Result]:
    """Programs that each need their own guest."""
    return [result for name in wanted for result in run_programs(built, [name], way_of(name))]


def alone(built: Built) -> list[Result]:
    """Our programs that each need their own guest."""
    return each_alone(built, ALONE)


def million(built: Built) -> list[Result]:
    """A million pins, held and read."""
    return each_alone(built, MILLION)


def bounds(built: Built) -> list[Result]:
    """The longest time with interrupts off."""
    name = next(iter(BOUNDS))
    return unskipped(run_programs(built, [name], way_of(name), "trace"))


def tracer_is_on(built: Built, tracer: str, words: str, seen: str) -> Result:
    """Whether these words on the command line enable it."""
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
    """All at once for half a minute, in an instrumented kernel."""
    results = run_programs(built, STRESS, Way(["-m", "4G", "-c", "2"]), flavour)
    return unskipped(results)
