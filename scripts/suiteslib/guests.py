# SPDX-License-Identifier: GPL-2.0
"""Run suites in a guest, and read what it says."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from checklib.results import FAILED, Result
from checklib.run import PYTHON, Failed, Guest, path_from
from checklib.stock import images, options_of
from checklib.users import IOMMU, ROOT, loaded
from vmlib import paths

from .judge import Figures, Run, figures, judge
from .outcome import outcome
from .table import GUESTS, Suite

PROGRAM = paths.PROJECT / "tests" / "suites_guest.py"
PATIENCE = "7200"


@dataclass
class Ready:
    """A suite that is built: where it is, its version, and its tests, with no pattern."""

    suite: Suite
    folder: Path
    version: str
    tests: dict[str, str]
    off: Run = field(default_factory=Run)
    on: Run = field(default_factory=Run)


def expand(suite: Suite, folder: Path) -> dict[str, str]:
    """The tests of a suite: a pattern stands for the files of its folder.

    Raises Failed if there is none, or if one that is to be left out is not there.
    """
    tests: dict[str, str] = {}
    for name, command in suite.tests.items():
        if "*" not in name:
            tests[name] = command
            continue
        files = sorted(path.name for path in folder.glob(name))
        if not files:
            raise Failed(f"{suite.title}: no {name} in {folder}")
        tests |= {file: command.replace(name, file) for file in files}
    if gone := [name for name in suite.without if name not in tests]:
        raise Failed(f"{suite.title}: there is no {gone[0]} to leave out")
    return {name: tests[name] for name in tests if name not in suite.without}


def prepare(suite: Suite, version: str) -> Ready:
    """Build what a suite is made of. Raises Failed."""
    folder = path_from(paths.SCRIPTS / "suite", suite.folder, version)
    own = (folder / "version").read_text().strip()
    return Ready(suite, folder, own, expand(suite, folder))


def errand(ready: Sequence[Ready]) -> str:
    """What the program in the guest is to do."""
    in_root = f"{shlex.quote(str(paths.SCRIPTS / 'in-root'))} {ROOT}"
    return json.dumps(
        [
            {
                "env": {"FOLDER": str(one.folder), "IN_ROOT": in_root},
                "place": one.suite.place,
                "prepare": one.suite.prepare,
                "finish": one.suite.finish,
                "limit": one.suite.limit,
                "tests": one.tests,
            }
            for one in ready
        ]
    )


def read(text: str, ready: Sequence[Ready]) -> None:
    """Put the events that a guest printed where they belong. Raises Failed."""
    for line in text.splitlines():
        try:
            event = json.loads(line)
            one = ready[event["suite"]]
            run = one.on if event["tracked"] else one.off
            if "test" in event:
                test, suite = event["test"], one.suite
                found = outcome(
                    suite.results, test, event["status"], event["text"], suite.skipped
                )
                run.add(found)
                if event["left"]:
                    run.left[test] = event["left"]
            else:
                run.before, run.after = event["before"], event["after"]
                run.verify, run.seconds = event["verify"], event["seconds"]
                run.ended = True
        except (ValueError, KeyError, TypeError, IndexError) as err:
            raise Failed(f"the guest said {line[:500]!r}: {err!r}") from err


def guest_of(kind: str, version: str) -> tuple[str, list[str], list[str | Path]]:
    """A kind of guest: its kernel's name, scripts/vm's options, and how a command begins."""
    if kind == "test":
        path_from(paths.SCRIPTS / "kernel", version, "test")
        options = ["-k", version, "-m", "4G", "-t", PATIENCE, "--append", "gup_pin=off"]
        return f"{version} test", options, []
    image = images(version)[0]
    options = ["--stock", image.version, *options_of(image), "-m", "4G", "-t", PATIENCE, *IOMMU]
    return image.release, options, loaded(image, Path("/tmp"))


def run_guest(
    kind: str, suites: Sequence[Suite], version: str
) -> tuple[list[Figures], list[Result]]:
    """Run suites in one guest: the figures of those that ended, and the results.

    Raises Failed.
    """
    kernel, options, begin = guest_of(kind, version)
    ready = [prepare(suite, version) for suite in suites]
    guest = Guest(options, [*begin, PYTHON, PROGRAM, errand(ready)])
    what = f"{version}: suites, {kind} kernel"
    read(guest.out, ready)
    found, results = [], []
    for one in ready:
        name = one.suite.title
        results += judge(f"{version}: {name}", one.off, one.on, one.suite.hazards)
        if one.off.ended and one.on.ended:
            found.append(figures(name, one.version, kernel, one.off, one.on))
    if guest.status:
        results.append(Result(f"{what}: ends", FAILED, guest.whole()))
    return found, [*results, guest.splats(f"{what}: no report")]


def run(suites: Sequence[Suite], version: str) -> tuple[list[Figures], list[Result]]:
    """Run suites, those that want the same kernel in one guest."""
    found: list[Figures] = []
    results: list[Result] = []
    for kind in GUESTS:
        chosen = [s for s in suites if s.guest == kind and version in s.kernels]
        if not chosen:
            continue
        try:
            figures_, more = run_guest(kind, chosen, version)
        except Failed as err:
            results.append(Result(f"{version}: suites, {kind} kernel", FAILED, str(err)))
            continue
        found += figures_
        results += more
    return found, results
