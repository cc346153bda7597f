# SPDX-License-Identifier: GPL-2.0
"""scripts/mutate: its list matches the current sources, and each mutant must be noticed."""

import re
from fnmatch import fnmatch

import pytest

from checklib import jobs
from checklib.results import FAILED, PASSED, Result
from mutatelib import trial
from mutatelib.mutation import Mutation, Stale
from mutatelib.mutations import MUTATIONS
from vmlib import paths

KUNIT = paths.PROJECT / "mm/gup_pin/kunit"
PROGRAMS = paths.PROJECT / "tools/testing/selftests/gup_pin/Makefile"


def cases() -> set[str]:
    """All KUnit names suite.case."""
    found = set()
    for file in KUNIT.glob("*_test.c"):
        text = file.read_text()
        arrays = {
            name: re.findall(r"KUNIT_CASE\w*\((\w+)", body)
            for name, body in re.findall(
                r"static struct kunit_case (\w+)\[\] = \{\n(.*?)\n\};", text, re.DOTALL
            )
        }
        for suite, array in re.findall(
            r'\.name = "(\w+)",\n.*?\.test_cases = (\w+),', text, re.DOTALL
        ):
            found |= {f"{suite}.{case}" for case in arrays[array]}
    return found


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_applies(mutation: Mutation) -> None:
    """The changed text occurs once in the current sources."""
    text = (paths.PROJECT / mutation.file).read_text()
    assert mutation.apply(text) != text


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_names_a_test(mutation: Mutation) -> None:
    """An existing test notices it, or there is a reason why none can."""
    assert bool(mutation.noticed) != bool(mutation.why)
    if trial.is_kunit(mutation.noticed):
        assert any(fnmatch(case, mutation.noticed) for case in cases())
    elif mutation.noticed:
        listed = re.findall(r"^TEST_GEN_PROGS .*", PROGRAMS.read_text(), re.MULTILINE)
        assert mutation.noticed in " ".join(listed).split()


def test_names_are_different() -> None:
    """They name the results, too."""
    assert len({m.name for m in MUTATIONS}) == len(MUTATIONS) >= 40
    assert all(re.fullmatch(r"[a-z0-9-]+", m.name) for m in MUTATIONS)


def test_it_has_a_job() -> None:
    """It is part of make check-debug."""
    assert "mutate" in jobs.DEBUG_ONCE


@pytest.mark.parametrize("text", ["", "nothing like it", "a a"])
def test_must_be_there_once(text: str) -> None:
    """An outdated entry is an error."""
    with pytest.raises(Stale, match="m: f"):
        Mutation("m", "f", "a", "b", "suite.case").apply(text.replace("nothing like it", "xyz"))


def test_must_change_something() -> None:
    """It would be a typing error."""
    with pytest.raises(Stale):
        Mutation("m", "f", "a", "a", "suite.case").apply("a")


def test_a_failure_notices() -> None:
    """One is enough."""
    mutation = Mutation("m", "f", "a", "b", "suite.case")
    results = [Result("x", PASSED), Result("y", FAILED, "not ok\nmore")]
    assert trial.judge(mutation, results) == Result("m", PASSED, "y: not ok")


def test_all_passed_is_a_failure() -> None:
    """The result names the test that should have failed."""
    mutation = Mutation("m", "f", "a", "b", "suite.case")
    result = trial.judge(mutation, [Result("x", PASSED)])
    assert result == Result("m", FAILED, "suite.case does not notice it")
