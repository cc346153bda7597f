# SPDX-License-Identifier: GPL-2.0
"""scripts/checklib/ktap.py: no failure may be taken for anything else."""

import pytest

from checklib.ktap import parse, strip_console
from checklib.kunit_tool import compared
from checklib.results import FAILED, PASSED, SKIPPED, Result


def statuses(text: str) -> list[str]:
    """The statuses in the order they were read."""
    return [r.status for r in parse(text, "t")]


def test_kselftest_harness() -> None:
    """A flat TAP, as kselftest_harness.h prints it."""
    text = (
        "TAP version 13\n1..3\n# Starting 3 tests from 2 test cases.\n"
        "#  RUN           a.b ...\n#            OK  a.b\nok 1 a.b\n"
        "# x.c:12:c:Expected 1 (1) == 2 (2)\nnot ok 2 a.c\n"
        "ok 3 a.d # SKIP no device\n# Totals: pass:1 fail:1\n"
    )
    results = parse(text, "prog")
    assert [r.status for r in results] == [PASSED, FAILED, SKIPPED]
    assert results[0].name == "prog: a.b"
    assert "x.c:12" in results[1].detail
    assert results[2].detail == "no device"


def test_kunit_suites_do_not_count_twice() -> None:
    """KUnit's nested KTAP with console time stamps."""
    text = (
        "[    0.5] KTAP version 1\n[    0.5] 1..1\n[    0.5]     KTAP version 1\n"
        "[    0.5]     # Subtest: s\n[    0.5]     1..2\n"
        "[    0.5]     ok 1 one\n[    0.5]     ok 2 two\n[    0.6] # s: pass:2\n[    0.6] ok 1 s\n"
    )
    results = parse(strip_console(text), "kunit")
    assert [(r.name, r.status) for r in results] == [
        ("kunit: s.one", PASSED),
        ("kunit: s.two", PASSED),
    ]


# Two suites with a test of the same name, and parameters of tests, as printed by 6.12.
NESTED = """\
KTAP version 1
1..2
    KTAP version 1
    # Subtest: first
    # module: first
    1..2
    # report: started
    ok 1 report
        KTAP version 1
        # Subtest: pins
    # pins: started, parameter 1
        ok 1 in a slot
    # pins: started, parameter 2
    # pins: EXPECTATION FAILED at x.c:7
        not ok 2 beside layers
    # pins: pass:1 fail:1 skip:0 total:2
    not ok 2 pins
# first: pass:1 fail:1 skip:0 total:2
not ok 1 first
    KTAP version 1
    # Subtest: second
    1..2
    # report: started
    ok 1 report
    # other: started
    ok 2 other # SKIP no device
# second: pass:1 fail:0 skip:1 total:2
ok 2 second
"""


def test_names_hold_suite_test_and_parameter() -> None:
    """All names differ, and each can be found in the sources."""
    results = parse(NESTED, "kunit")
    assert [(r.name, r.status) for r in results] == [
        ("kunit: first.report", PASSED),
        ("kunit: first.pins[in a slot]", PASSED),
        ("kunit: first.pins[beside layers]", FAILED),
        ("kunit: second.report", PASSED),
        ("kunit: second.other", SKIPPED),
    ]
    assert "x.c:7" in results[2].detail


def test_two_results_by_one_name_are_a_failure() -> None:
    """One of them could be taken for the other."""
    results = parse("1..2\nok 1 a\nok 2 a\n", "t")
    assert [(r.name, r.status) for r in results] == [("t: a", PASSED), ("t: a", FAILED)]
    twice = NESTED.replace("beside layers", "in a slot").replace("not ok", "ok")
    assert [r.name for r in parse(twice, "t") if r.status == FAILED] == [
        "t: first.pins[in a slot]"
    ]


def cut(line: str, *more: str) -> str:
    """NESTED up to a line, followed by other text."""
    lines = NESTED.splitlines()
    last = max(i for i, text in enumerate(lines) if text == line)
    return "\n".join([*lines[: last + 1], *more])


def test_a_hang_names_the_test_that_was_running() -> None:
    """Once, with the kernel's output since; earlier tests have passed."""
    text = cut("    # other: started", "rcu: INFO: rcu_preempt self-detected stall", " other+0x1")
    *before, last = parse(text, "kunit")
    assert [r.status for r in before] == [PASSED, PASSED, FAILED, PASSED]
    assert (last.name, last.status) == ("kunit: second.other", FAILED)
    assert "it did not end" in last.detail
    assert "rcu: INFO" in last.detail and " other+0x1" in last.detail
    assert "second: 1 of 2 tests reported" in last.detail
    assert "x.c:7" not in last.detail


def test_a_panic_names_the_parameter_that_was_running() -> None:
    """Its start is followed by the oops."""
    text = cut("    # pins: started, parameter 2", "BUG: kernel NULL pointer dereference")
    *before, last = parse(text, "kunit")
    assert [r.status for r in before] == [PASSED, PASSED]
    assert (last.name, last.status) == ("kunit: first.pins[2]", FAILED)
    assert "NULL pointer" in last.detail


def test_a_test_that_does_not_say_that_it_starts_is_a_failure() -> None:
    """If all tests must print their start: a hang in it would not name it."""
    assert parse(NESTED, "t", starts=True) == parse(NESTED, "t")
    silent = NESTED.replace("    # other: started\n", "")
    names = [r.name for r in parse(silent, "t", starts=True) if r.status == FAILED]
    assert names == ["t: first.pins[beside layers]", "t: second.other"]


def test_an_end_between_tests_names_the_suite() -> None:
    """No started test was running: only the suite is known."""
    *_, first, last = parse(cut("    ok 2 other # SKIP no device").replace("1..2", "1..3"), "k")
    assert {first.name, last.name} == {"k: plan at depth 0", "k: second.plan at depth 4"}
    assert first.status == last.status == FAILED


def test_missing_results_are_failures() -> None:
    """A program that dies in the middle has planned more tests than it reports."""
    assert statuses("1..3\nok 1 a\n") == [PASSED, FAILED]
    assert statuses("1..2\n    1..3\n    ok 1 x\nok 1 s\nok 2 t\n") == [PASSED, FAILED, PASSED]


def test_suite_that_fails_alone() -> None:
    """An exit function of a suite failed, or its init."""
    assert statuses("1..1\n    1..1\n    ok 1 x\nnot ok 1 s\n") == [PASSED, FAILED]
    assert statuses("1..1\nnot ok 1 s\n") == [FAILED]


def test_whole_program_skipped() -> None:
    """A plan of zero tests with a reason."""
    results = parse("TAP version 13\n1..0 # SKIP no such file\n", "p")
    assert [(r.status, r.detail) for r in results] == [(SKIPPED, "no such file")]


@pytest.mark.parametrize(
    ("said", "ours", "alike"),
    [
        ("Ran 3 tests: passed: 2, skipped: 1", [PASSED, PASSED, SKIPPED], True),
        ("Ran 2 tests: passed: 1, failed: 1", [PASSED, FAILED], True),
        ("Ran 9 tests: passed: 1, crashed: 8, errors: 9", [PASSED, FAILED], True),
        ("Ran 3 tests: passed: 3", [PASSED, PASSED], False),
        ("Ran 2 tests: passed: 1, failed: 1", [PASSED, PASSED], False),
        ("Ran 1 tests: passed: 1, errors: 1", [PASSED], False),
        ("Ran 2 tests: passed: 2", [PASSED, PASSED, FAILED], False),
        ("Ran 1 tests: skipped: 1", [PASSED], False),
        ("", [], False),
    ],
)
def test_compared_with_kunit_py(said: str, ours: list[str], alike: bool) -> None:
    """A count of one that the other has not is a failure."""
    text = f"[00:00:01] Testing complete. {said}\n" if said else "Traceback ..."
    result = compared(text, [Result(f"t{i}", status) for i, status in enumerate(ours)], "x")
    assert (result.status == PASSED) == alike
