# SPDX-License-Identifier: GPL-2.0
"""Does the test that should notice a mutation do so?"""

from __future__ import annotations

from collections.abc import Sequence

from checklib.built import Built
from checklib.programs import kunit, one_program
from checklib.results import FAILED, PASSED, Result
from checklib.run import Failed, tool
from vmlib import paths

from .mutation import Mutation
from .place import project

# For a case, a program, and all cases: a mutant may hang.
SECONDS = 120
SECONDS_OF_PROGRAM = 400
SECONDS_OF_ALL = 900
# All cases at once take little longer than one.
ALL = "gup_pin_*.*"


def is_kunit(noticed: str) -> bool:
    """Is it a case of KUnit, or one of our programs?"""
    return "." in noticed


def run_test(built: Built, noticed: str, flavour: str) -> list[Result]:
    """What a test says, of the kernel that is there."""
    if is_kunit(noticed):
        return kunit(built, flavour, noticed, SECONDS_OF_ALL if noticed == ALL else SECONDS)
    return one_program(built, noticed, flavour, SECONDS_OF_PROGRAM)


def failed_in(results: Sequence[Result]) -> list[Result]:
    """Those that did not pass."""
    return [r for r in results if r.status == FAILED]


def build(version: str, flavour: str) -> None:
    """Build the copy as it is. Raises Failed."""
    tool(project() / "scripts" / "kernel", version, flavour)


def unchanged(built: Built, mutations: Sequence[Mutation]) -> Result:
    """Without a mutation no test fails."""
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
    """How it failed, in short."""
    return f"{result.name}: {(result.detail.strip().splitlines() or [''])[0]}"


def judge(mutation: Mutation, results: Sequence[Result]) -> Result:
    """Was it noticed?"""
    wrong = failed_in(results)
    if not wrong:
        return Result(mutation.name, FAILED, f"{mutation.noticed} does not notice it")
    # What the kernel complained of comes last, and may be what ended the program.
    shown = dict.fromkeys((wrong[0], wrong[-1]))
    return Result(mutation.name, PASSED, "\n".join(map(first_line, shown)))


def attempt(built: Built, mutation: Mutation) -> Result:
    """Build the kernel with it, and run the test."""
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
