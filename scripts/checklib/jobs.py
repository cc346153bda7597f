# SPDX-License-Identifier: GPL-2.0
"""The parts of `make check`, each a function that returns results.

prepare() makes what several jobs need. A job that raises Failed has one failed result.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from benchlib import baseline, cases, report
from vmlib import paths

from . import contention as contentions
from . import ktap
from .built import Built
from .kselftest import kselftest
from .kunit_tool import kunit_py
from .programs import (
    alone,
    bounds,
    guilty,
    hazards,
    innocents,
    kunit,
    million,
    selftests,
    stress,
    traced,
)
from .results import FAILED, PASSED, SKIPPED, Result
from .rounds import rounds
from .run import PYTHON, Guest, pytest, tool
from .stats import alarms
from .stock import on_stock
from .suites import mm_selftests, suites
from .users import users

Job = Callable[[Built], list[Result]]

# Disks for an ext4 and an xfs, which needs at least 300 MB.
RAM_DISKS = "brd.rd_nr=2 brd.rd_size=327680"
# The minimum of pins and rounds for a useful run.
LEAST = {"acquired": 10_000, "rounds": 5}


def quiet(built: Built) -> list[Result]:
    """Heavy I/O, but no pin on a file's page: no hazard."""
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


def contention(built: Built) -> list[Result]:
    """Two CPUs wait for each other only if they work on the same memory, or shard."""
    program = paths.PROJECT / "tests/contention_guest.py"
    options = ["-k", built.version, "-f", "stress", "-c", "2", "--append", "gup_pin=on"]
    name = f"{built.version}: contention"
    guest = Guest([*options, "-t", "600"], [PYTHON, program])
    splat = guest.splats(f"{name}: no splat")
    if guest.status:
        return [Result(name, FAILED, guest.whole()), splat]
    return [*contentions.judge(guest.out, name), splat]


def dump(built: Built) -> list[Result]:
    """A crash dump contains what debugfs showed, in any dump format, and so does live memory."""
    kinds = ("dump", "dump_changed", "dump_left", "dump_broken", "dump_upstream", "kdump", "live")
    return pytest(built.version, *(f"tests/test_{kind}.py" for kind in kinds))


def report_page(_: Built) -> list[Result]:
    """The HTML page for the pins of a dump, in a browser; and for a live machine."""
    tool(paths.SCRIPTS / "setup", "browser")
    return pytest(None, "tests/test_report.py", "tests/test_report_live.py")


def source(built: Built) -> list[Result]:
    """Tests without a guest: applying, the series, auditing, the cost of the hooks."""
    names = ("apply", "series", "hooks")
    return pytest(built.version, *(f"tests/test_{name}.py" for name in names))


def series(built: Built) -> list[Result]:
    """Each patch of the series compiles, boots, and passes its KUnit tests."""
    return pytest(built.version, "tests/test_series_build.py")


def program(built: Built) -> list[Result]:
    """tools/mm/gup_pin: on copies, in a guest, and built in a kernel tree."""
    return pytest(built.version, "tests/gup_pin_tool")


def stock(built: Built) -> list[Result]:
    """The core as a module, in kernels that Debian ships."""
    dumped = pytest(built.version, "tests/test_stock_dump.py")
    return [*on_stock(built), *unloaded(built.version, "test_stock"), *dumped]


def unload_trace(built: Built) -> list[Result]:
    """Modules that are unloaded under every tracer keep their names."""
    return unloaded(built.version, "test_built_in")


def unloaded(version: str, test: str) -> list[Result]:
    """Modules that are unloaded keep their names."""
    return pytest(version, f"tests/test_unload.py::{test}")


def examples(built: Built) -> list[Result]:
    """The examples of the admin guide, README, and the bugs that were found."""
    names = ("examples", "readme", "findings")
    return pytest(built.version, *(f"tests/test_{name}.py" for name in names))


def fresh(suite: str) -> Job:
    """A machine of that release that has never seen this project."""

    def job(_: Built) -> list[Result]:
        return pytest(None, "tests/test_fresh.py", "-k", suite)

    job.__doc__ = f"A newcomer's steps in a {suite} that has never seen this project."
    return job


def many(built: Built) -> list[Result]:
    """A crash dump with millions of pins."""
    return pytest(built.version, "tests/test_dump_many.py", "tests/test_dump_million.py")


def dkms(_: Built) -> list[Result]:
    """The Debian package of the module on a machine of that release, and signed modules."""
    return pytest(None, "tests/test_dkms.py", "tests/test_secure_boot.py")


def rig(_: Built) -> list[Result]:
    """The tools that the other tests trust."""
    return pytest(
        None,
        "tests/test_ktap.py",
        "tests/test_abi.py",
        "tests/test_fit.py",
        "tests/test_survey.py",
        "tests/test_programs.py",
        "tests/test_mutate.py",
        "tests/test_apt.py",
        "tests/test_user_table.py",
        "tests/test_setup.py",
        "tests/test_two_commands.py",
        "tests/test_contributing.py",
        "tests/test_bench.py",
        "tests/test_figures.py",
        "tests/test_contention.py",
        "tests/test_vm_parts.py",
        "tests/test_stock.py",
        "tests/test_users.py",
        "tests/test_patience.py",
        "tests/test_suites.py",
        "tests/test_vm.py",
        "drgn-scripts/tests",
    )


def mutate(built: Built) -> list[Result]:
    """A test notices each mutation of the core."""
    name = f"{built.version}: mutate"
    done = subprocess.run(
        [paths.SCRIPTS / "mutate", "-k", built.version],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    results = ktap.parse(done.stdout, name)
    if not results or (done.returncode and not any(r.status == FAILED for r in results)):
        results.append(Result(name, FAILED, done.stderr[-4000:]))
    return results


def bench(built: Built) -> list[Result]:
    """The cost of tracking has not grown, relative to off in the same kernel.

    One guest at a time, since other jobs run, too.
    """
    found = report.measure(built.version, set(cases.CASES), at_once=1, columns=cases.BUILT)
    gcc = baseline.gcc_here()
    past = baseline.load(baseline.file(gcc)).get(built.version)
    within = f"at most {baseline.TOLERANCE * 100:.0f} % above its baseline"
    if past is None:
        return [Result(f"{built.version}: bench", SKIPPED, f"no baseline for gcc {gcc}")]
    return [
        Result(f"{built.version}: bench: {r.name} {within}", r.status, r.detail)
        for r in baseline.judge(found.ratios, past, cases.CASES, cases.BUILT)
    ]


# For each version.
EACH: dict[str, Job] = {
    "source": source,
    "kunit": kunit,
    "kselftest": kselftest,
    "program": program,
    "examples": examples,
    "alone": alone,
    "selftests": selftests,
    "hazards": hazards,
    "innocents": innocents,
    "guilty": guilty,
    "quiet": quiet,
    "dump": dump,
    "mm": mm_selftests,
    "stock": stock,
}
# For the default version.
ONCE: dict[str, Job] = {
    "fresh-bookworm": fresh("bookworm"),
    "fresh-trixie": fresh("trixie"),
    "rig": rig,
    "report": report_page,
    "stress": stress,
    "bench": bench,
    "many": many,
    "million": million,
    "contention": contention,
}
# Jobs that take some minutes.
LONG = (
    *("alone", "dump", "fresh-bookworm", "fresh-trixie", "many", "million", "mutate", "rig"),
    "stock",
    "suites",
)
# By make check-debug, in instrumented kernels: for lock order, invalid sleeps and memory
# errors, for sleeping spinlocks, for data races; with tracers; and jobs that take
# long.
_EVERYWHERE: dict[str, Callable[[Built, str], list[Result]]] = {
    "kunit": kunit,
    "selftests": selftests,
    "hazards": hazards,
    "innocents": innocents,
    "guilty": guilty,
    "stress": stress,
}


def _in_flavour(flavour: str) -> dict[str, Job]:
    def bound(job: Callable[[Built, str], list[Result]]) -> Job:
        return lambda built: job(built, flavour)

    return {f"{name}-{flavour}": bound(job) for name, job in _EVERYWHERE.items()}


# For each version, and only for the default one: the others would have to be built for it.
DEBUG: dict[str, Job] = {**_in_flavour("debug"), "series": series}
DEBUG_ONCE: dict[str, Job] = {
    **_in_flavour("rt"),
    **_in_flavour("kcsan"),
    "kunit_py": kunit_py,
    "bounds-trace": bounds,
    "traced-trace": traced,
    "unload-trace": unload_trace,
    "rounds": rounds,
    "dkms": dkms,
    "mutate": mutate,
}
WATCHED = {**DEBUG, **DEBUG_ONCE}
# By make check-users, for each version.
USERS: dict[str, Job] = {"suites": suites, "users": users}
ALL: dict[str, Job] = {**ONCE, **EACH, **WATCHED, **USERS}


def describe() -> str:
    """The jobs and what each does, for people: a line each."""
    watched = {name: job for name, job in WATCHED.items() if job.__doc__}
    everywhere = ", ".join(_EVERYWHERE)
    text = ""
    for title, table in (
        ("jobs", {**ONCE, **EACH}),
        (
            f"with --debug: {everywhere},\n"
            "each as NAME-debug (KASAN, lockdep), -rt (PREEMPT_RT) or -kcsan (data races); and",
            watched,
        ),
        ("with --users", USERS),
    ):
        text += f"{title}:\n"
        for name, job in table.items():
            about, _, _ = (job.__doc__ or "").partition("\n")
            text += f"  {name:<15} {about}\n"
    return text


# The kernels of jobs that use another one than the test kernel.
FLAVOURS = {
    "stress": "stress",
    "contention": "stress",
    **{name: name.rpartition("-")[2] for name in WATCHED if "-" in name},
}
