# SPDX-License-Identifier: GPL-2.0
"""Check whether the test that should detect a mutation does so."""

from __future__ import annotations

from collections.abc import Sequence

from checklib.built import Built
from checklib.programs import kunit, one_program
from checklib.results import FAILED, PASSED, Result
from checklib.run import Failed, tool
from vmlib import paths

from .mutation import Mutation
from .place import project

# Timeouts for a case, a program, and all cases: a mutant may hang.
SECONDS = 120
SECONDS_OF_PROGRAM = 400
SECONDS_OF_ALL = 900
# All cases together take hardly longer than one.
ALL = "gup_pin_*.*"


def is_kunit(noticed: str) -> bool:
    """Whether it is a KUnit case, and not one of our programs."""
    return "." in noticed


def run_test(built: Built, noticed: str, flavour: str) -> list[Result]:
    """Run a test on the current kernel."""
    if is_kunit(noticed):
        return kunit(built, flavour, noticed, SECONDS_OF_ALL if noticed == ALL else SECONDS)
    return one_program(built, noticed, flavour, SECONDS_OF_PROGRAM)


def failed_in(results: Sequence[Result]) -> list[Result]:
    """The results that are not passes."""
    return [r for r in results if r.status == FAILED]


def build(version: str, flavour: str) -> None:
    """Build the copy as it is. Raises Failed."""
    tool(project() / "scripts" / "kernel", version, flavour)


def unchanged(built: Built, mutations: Sequence[Mutation]) -> Result:
    """Without a mutation no test may fail."""
    for flavour in dict.fromkeys(m.flavour for m in mutations):
        build(built.version, flavour)
    tests = {(m.flavour, ALL if is_kunit(m.noticed) else m.noticed) for m in mutations}
    wrong: list[Result] = []
    for flavour, test in sorted(tests):
        wrong += failed_in(run_test(built, test, flavour))
    if wrong:
        return Result("unchanged", FAILED, f"{wrong[0].name} fails without a mutation")
    return Result("unchanged", PASSED)


def first_line(result: Result) -> str:
    """Short description of the failure."""
    return f"{result.name}: {(result.detail.strip().splitlines() or [''])[0]}"


def judge(mutation: Mutation, results: Sequence[Result]) -> Result:
    """Whether the mutation was detected."""
    wrong = failed_in(results)
    if not wrong:
        return Result(mutation.name, FAILED, f"{mutation.noticed} does not notice it")
    # Complaints of the kernel come last, and may have ended the program.
    shown = dict.fromkeys((wrong[0], wrong[-1]))
    return Result(mutation.name, PASSED, "\n".join(map(first_line, shown)))


def attempt(built: Built, mutation: Mutation) -> Result:
    """Build the kernel with the mutation, and run the test."""
    file = project() / mutation.file
    text = (paths.PROJECT / mutation.file).read_text()
    try:
        file.write_text(mutation.apply(text))
        build(built.version, mutation.flavour)
        return judge(mutation, run_test(built, mutation.noticed, mutation.flavour))
    except Failed as err:
        return Result(mutation.name, FAILED, f"it cannot be built: {err}")
    finally:
        file.write_text(text)
