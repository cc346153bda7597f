# SPDX-License-Identifier: GPL-2.0
"""The parts of `make check`, each a function that returns results.

What several need, kernels and programs, is made before by prepare(). A job that raises
Failed has one failed result.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchlib import baseline, cases, report
from vmlib import paths

from . import contention as contentions
from . import ktap
from .results import FAILED, PASSED, SKIPPED, Result
from .run import PYTHON, Failed, Guest, path_from, pytest, tap_program, tool

# Programs of the kernel's own selftests that pin, with the options that make them take
# each of their ways. Those that pin come first: each is to have left a trace.
MM_PROGRAMS = [
    "gup_test -a",
    "gup_test -a -w -n 512",
    "gup_test -u",
    "gup_test -b",
    "gup_test -L",
    "gup_test -ct -F 0x1 0 19 0x1000",
    "gup_test -t -a -m 16 -n 512",
    "gup_test -t -L -m 16 -n 512",
    "gup_longterm",
    "cow",
]

# Those that want a guest of their own, and its options. Who switches tracking off and on
# patches code that other CPUs run, and leaves figures unlike those since boot.
ALONE = {
    "gup_pin_enable": ["-m", "2G", "--one-thread"],
    "gup_pin_events": ["-m", "2G", "--one-thread"],
    "gup_pin_growth": ["-m", "2G", "--one-thread"],
    # Fills memory until it gets some from CMA.
    "gup_pin_movable": ["-m", "1G"],
    # Takes memory offline.
    "gup_pin_contig": ["-m", "2G", "--one-thread"],
    # Anybody's pins may be reported.
    "gup_pin_hazard_overdue": ["-m", "2G"],
    # Fills and pins most of the memory, and compares what slabs have in use.
    "gup_pin_scale": ["-m", "4G"],
    # These measure time, which here is instructions.
    "gup_pin_million": ["-m", "4G", "--icount"],
    "gup_pin_one_page": ["-m", "1G", "--icount"],
}
# More words for the kernel. Below CMA is memory of the kernel's own, below that a whole
# block that is movable.
WORDS = {
    "gup_pin_contig": "movablecore=512M",
    "gup_pin_hazard_overdue": "gup_pin.max_short_ms=700",
}
# They take long, and have a job of their own.
STRESS = ["gup_pin_stress"]
# Programs that make hazards happen, and what the kernel may say of it; elsewhere, a
# report is as bad as any splat.
HAZARDS = ("gup_pin_hazard_", "gup_pin_outlive")
REPORTS = (
    r"BUG: GUP_PIN: (writeback of|(write|read) pin of folio under writeback|truncat"
    r"|pinned folio dirtied after|page changed under writeback"
    r"|short-term (read|write) pin held for too long)"
)
# KUnit makes all of them.
ANY_REPORT = "BUG: GUP_PIN: "


@dataclass
class Built:
    """What prepare() made for one version.

    tree: kernel tree with the project; programs: folder of our selftests; mm: folder of
    the kernel's own.
    """

    version: str
    tree: Path
    programs: Path
    mm: Path


def programs_of(built: Built) -> list[str]:
    """The names of our test programs, as the Makefile has them."""
    text = Path(
        paths.PROJECT, "tools/testing/selftests/gup_pin/Makefile"
    ).read_text()
    names = [
        word
        for line in text.splitlines()
        if line.startswith("TEST_GEN_PROGS ")
        for word in line.split("=", 1)[1].split()
    ]
    missing = [name for name in names if not (built.programs / name).exists()]
    if missing or not names:
        raise Failed(f"not built: {' '.join(missing) or 'anything'}")
    return names


def prepare(version: str) -> Built:
    """Kernel and programs of one version. Raises Failed."""
    path_from(paths.SCRIPTS / "kernel", version, "test")
    tree = path_from(paths.SCRIPTS / "tree", version)
    return Built(
        version,
        tree,
        path_from(paths.SCRIPTS / "selftests", version),
        path_from(paths.SCRIPTS / "selftests", version, "mm"),
    )


def kunit(built: Built) -> list[Result]:
    """The KUnit suites, which run while the kernel boots."""
    words = "kunit.enable=1 kunit.autorun=1 kunit.filter_glob=gup_pin* gup_pin=on"
    guest = Guest(["-k", built.version, "--append", words, "-t", "300"], ["true"])
    name = f"{built.version}: kunit"
    results = ktap.parse(ktap.strip_console(guest.console), name)
    if guest.status or not results:
        results.append(Result(name, FAILED, guest.whole()))
    return [*results, guest.splats(f"{name}: no splat", ANY_REPORT)]


def run_programs(
    built: Built, names: list[str], options: list[str], words: str, reports: str = ""
) -> list[Result]:
    """Our programs, one after another in one guest, which may cause those reports."""
    with_status = (
        'cd "$1" || exit; shift; for p; do echo "== $p"; ./$p 2>&1;'
        ' echo "== status $?"; done'
    )
    # Stacks lie elsewhere with each system call, and a remembered trace that is not
    # the fresh one is a splat.
    stacks = "randomize_kstack_offset=on gup_pin.check_traces=1"
    append = f"gup_pin=on movablecore=256M cma=128M {stacks} {words}".strip()
    guest = Guest(
        ["-k", built.version, "--append", append, *options],
        ["sh", "-c", with_status, "sh", built.programs, *names],
    )
    results = []
    parts = guest.out.split("\n== status ")
    for name, part in zip(names, parts, strict=False):
        _, found, text = part.partition(f"== {name}\n")
        if not found:
            break
        after = parts[parts.index(part) + 1] if part is not parts[-1] else "125"
        status = int(after.split("\n", 1)[0])
        results += tap_program(guest, text, f"{built.version}: {name}", status)
    for name in names[len(parts) - 1 :]:
        results.append(Result(f"{built.version}: {name}", FAILED, guest.whole()))
    allowed = f"page allocation|{reports}" if reports else "page allocation"
    splat = guest.splats(f"{built.version}: {names[0]} and others: no splat", allowed)
    return [*results, splat]


def selftests(built: Built) -> list[Result]:
    """Our programs that share a guest."""
    names = [n for n in programs_of(built) if n not in (*ALONE, *STRESS)]
    names = [n for n in names if not n.startswith(HAZARDS)]
    return run_programs(built, names, ["-m", "4G", "-t", "900"], "")


def hazards(built: Built) -> list[Result]:
    """Our programs that make hazards happen, with persistent memory for DAX."""
    names = [n for n in programs_of(built) if n.startswith(HAZARDS) and n not in ALONE]
    return run_programs(built, names, ["-t", "900"], "memmap=64M!1G", REPORTS)


def alone(built: Built) -> list[Result]:
    """Our programs that each want a guest."""
    results = []
    for name, options in ALONE.items():
        words = f"slab_nomerge {WORDS.get(name, '')}"
        reports = REPORTS if name.startswith(HAZARDS) else ""
        results += run_programs(built, [name], [*options, "-t", "900"], words, reports)
    return results


# Disks for an ext4 and an xfs; the second wants 300 MB at least.
RAM_DISKS = "brd.rd_nr=2 brd.rd_size=327680"
# What must be 0 where nothing is wrong.
ALARMS = ("hazard_", "reports_suppressed", "false_positive", "unmatched", "untracked")
# Pins and rounds below which the guest has hardly done anything.
LEAST = {"acquired": 10_000, "rounds": 5}


def alarms(stats: Mapping[str, int]) -> dict[str, int]:
    """The figures that say that something was wrong."""
    return {name: value for name, value in stats.items() if value and name.startswith(ALARMS)}


def quiet(built: Built) -> list[Result]:
    """Heavy I/O, but no pin of a file's page: not one hazard."""
    script = paths.PROJECT / "tests" / "quiet_guest.py"
    options = ["-k", built.version, "-m", "3G", "-t", "900", "--append", f"gup_pin=on {RAM_DISKS}"]
    guest = Guest(options, [PYTHON, script])
    name = f"{built.version}: quiet"
    results = [guest.splats(f"{name}: no splat")]
    try:
        stats = json.loads(guest.out)
    except ValueError:
        stats = {}
    if guest.status or not stats:
        return [*results, Result(name, FAILED, guest.whole())]
    few = {what: stats[what] for what, least in LEAST.items() if stats[what] < least}
    wrong = alarms(stats)
    results.append(Result(f"{name}: enough done", FAILED if few else PASSED, f"{few or ''}"))
    results.append(Result(f"{name}: no hazard", FAILED if wrong else PASSED, f"{wrong or ''}"))
    return results


MM_SCRIPT = """
cd "$1" || exit
echo 64 >/proc/sys/vm/nr_hugepages
while read -r words; do
	echo "== program"
	./$words 2>&1 </dev/null
	echo "== status $?"
	cat /sys/kernel/debug/gup_pin/stats
done <<END
$2
END
"""


@dataclass
class Outcome:
    """How one of the kernel's own programs ended.

    tests: names and statuses; stats: the figures of tracking after it.
    """

    tests: list[tuple[str, str]]
    stats: dict[str, str]
    text: str


def mm_guest(built: Built, switch: str) -> tuple[Guest, list[Outcome]]:
    """Run the kernel's own programs with tracking on or off."""
    guest = Guest(
        ["-k", built.version, "-m", "3G", "--append", f"gup_pin={switch}", "-t", "900"],
        ["sh", "-c", MM_SCRIPT, "sh", built.mm, "\n".join(MM_PROGRAMS)],
    )
    outcomes = []
    for part in guest.out.split("== program\n")[1:]:
        text, _, rest = part.partition("== status ")
        status, *stats = rest.splitlines() or [""]
        tests = [(r.name, r.status) for r in ktap.parse(text, "")]
        outcomes.append(
            Outcome(
                [*tests, ("exit status", status)],
                dict(line.split(" ", 1) for line in stats if " " in line),
                part,
            )
        )
    return guest, outcomes


def mm_selftests(built: Built) -> list[Result]:
    """The kernel's own programs that pin: the same outcome as without tracking."""
    _, off = mm_guest(built, "off")
    guest, on = mm_guest(built, "on")
    results = [guest.splats(f"{built.version}: mm: no splat")]
    for number, words in enumerate(MM_PROGRAMS):
        name = f"{built.version}: mm/{words}"
        if number >= len(on) or number >= len(off):
            results.append(Result(name, FAILED, f"not run\n{guest.whole()}"))
            continue
        results += compare_mm(name, off[number], on[number])
    return results


def compare_mm(name: str, off: Outcome, on: Outcome) -> list[Result]:
    """Tracking changes nothing, has seen pins, no hazard, and has nothing left over."""
    results = [Result(name, PASSED)]
    if off.tests != on.tests:
        differ = sorted(set(off.tests) ^ set(on.tests))
        results = [Result(name, FAILED, f"differs: {differ}\n{on.text}\n{off.text}")]
    elif on.tests[-1][1] != "0" and len(on.tests) == 1:
        results = [Result(name, FAILED, on.text)]
    wrong: dict[str, object] = {
        word: on.stats.get(word)
        for word in ("live_pins", "unmatched", "untracked")
        if on.stats.get(word) != "0"
    }
    # Some pin a file's pages, but let go of them before these leave it.
    wrong |= alarms({word: int(value) for word, value in on.stats.items()})
    if on.stats.get("acquired", "0") == "0":
        wrong["acquired"] = "0"
    what = f"{name}: nothing left"
    return [*results, Result(what, FAILED if wrong else PASSED, f"{wrong or ''}")]


def stress_in(built: Built, flavour: str) -> list[Result]:
    """All at once for half a minute, in a kernel that watches itself."""
    path_from(paths.SCRIPTS / "kernel", built.version, flavour)
    return run_programs(built, STRESS, ["-f", flavour, "-m", "4G", "-c", "2", "-t", "1200"], "")


def stress(built: Built) -> list[Result]:
    """With lockdep and KASAN."""
    return stress_in(built, "debug")


def stress_rt(built: Built) -> list[Result]:
    """With PREEMPT_RT."""
    return stress_in(built, "rt")


def stress_kcsan(built: Built) -> list[Result]:
    """With KCSAN."""
    return stress_in(built, "kcsan")


def contention(built: Built) -> list[Result]:
    """Two CPUs wait for each other only if they work on the same memory, or shard."""
    path_from(paths.SCRIPTS / "kernel", built.version, "debug")
    program = paths.PROJECT / "tests/contention_guest.py"
    options = ["-k", built.version, "-f", "debug", "-c", "2", "--append", "gup_pin=on"]
    name = f"{built.version}: contention"
    guest = Guest([*options, "-t", "600"], [PYTHON, program])
    splat = guest.splats(f"{name}: no splat")
    if guest.status:
        return [Result(name, FAILED, guest.whole()), splat]
    return [*contentions.judge(guest.out, name), splat]


def dump(built: Built) -> list[Result]:
    """A crash dump tells what debugfs told, whoever wrote it, and so does memory."""
    files = ("tests/test_dump.py", "tests/test_kdump.py", "tests/test_live.py")
    return pytest(built.version, *files)


def report_page(_: Built) -> list[Result]:
    """The page that shows the pins of a dump, in a browser."""
    return pytest(None, "tests/test_report.py")


def source(built: Built) -> list[Result]:
    """What needs no guest: applying, auditing, the cost of the hooks."""
    return pytest(built.version, "tests/test_apply.py", "tests/test_hooks.py")


def program(built: Built) -> list[Result]:
    """tools/mm/gup_pin: on copies, in a guest, and built in a kernel tree."""
    return pytest(built.version, "tests/test_gup_pin_tool.py")


def examples(built: Built) -> list[Result]:
    """What the admin guide shows."""
    return pytest(built.version, "tests/test_examples.py")


def many(built: Built) -> list[Result]:
    """A crash dump with millions of pins."""
    return pytest(built.version, "tests/test_dump_many.py", "tests/test_dump_million.py")


def rig(_: Built) -> list[Result]:
    """The tools that the other tests trust."""
    return pytest(
        None,
        "tests/test_ktap.py",
        "tests/test_apt.py",
        "tests/test_bench.py",
        "tests/test_contention.py",
        "tests/test_vm_parts.py",
        "tests/test_vm.py",
        "drgn-scripts/tests",
    )


def bench(built: Built) -> list[Result]:
    """Tracking costs no more than it did; one guest at a time, as other jobs run too."""
    found = report.measure(built.version, set(cases.CASES), at_once=1)
    past = baseline.load().get(built.version)
    within = f"at most {baseline.TOLERANCE * 100:.0f} % above its baseline"
    if past is None:
        return [Result(f"{built.version}: bench", SKIPPED, "no baseline")]
    return [
        Result(f"{built.version}: bench: {r.name} {within}", r.status, r.detail)
        for r in baseline.judge(found.ratios, past, cases.CASES)
    ]


def kselftest_build(built: Built) -> list[Result]:
    """The kernel's own make builds our programs as well."""
    name = f"{built.version}: built by the kernel's selftest make"
    folder = paths.cache() / "selftests" / f"{built.version}-kernel"
    shutil.rmtree(folder, ignore_errors=True)
    tool(
        "make",
        "-C",
        built.tree / "tools/testing/selftests",
        "TARGETS=gup_pin",
        f"O={folder}",
        f"KHDR_INCLUDES=-isystem {paths.cache()}/selftests/{built.version}-headers/include",
    )
    made = {p.name for p in folder.rglob("gup_pin_*") if p.is_file()}
    missing = sorted(set(programs_of(built)) - made)
    if missing:
        return [Result(name, FAILED, f"lacks {' '.join(missing)}")]
    return [Result(name, PASSED)]


Job = Callable[[Built], list[Result]]

# For each version, in the order of what is quick.
EACH: dict[str, Job] = {
    "source": source,
    "kunit": kunit,
    "kselftest-build": kselftest_build,
    "program": program,
    "examples": examples,
    "alone": alone,
    "selftests": selftests,
    "hazards": hazards,
    "quiet": quiet,
    "dump": dump,
    "mm": mm_selftests,
}
# For the default version.
ONCE: dict[str, Job] = {
    "rig": rig,
    "report": report_page,
    "stress": stress,
    "bench": bench,
    "many": many,
    # Last, for it wants the kernel that stress builds.
    "contention": contention,
}
# By make check-debug: for the default version in kernels of other kinds, for the others
# what the default one has had.
DEBUG_ONCE: dict[str, Job] = {"stress-rt": stress_rt, "stress-kcsan": stress_kcsan}
DEBUG: dict[str, Job] = {"stress": stress}
