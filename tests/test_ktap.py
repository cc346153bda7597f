# SPDX-License-Identifier: GPL-2.0
"""scripts/checklib/ktap.py: no failure may be read as anything else."""

from checklib.ktap import parse, strip_console
from checklib.results import FAILED, PASSED, SKIPPED


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
        ("kunit: one", PASSED),
        ("kunit: two", PASSED),
    ]


def test_missing_results_are_failures() -> None:
    """A program that dies in the middle has planned more than it reports."""
    assert statuses("1..3\nok 1 a\n") == [PASSED, FAILED]
    assert statuses("1..2\n    1..3\n    ok 1 x\nok 1 s\nok 2 t\n") == [PASSED, FAILED, PASSED]


def test_suite_that_fails_alone() -> None:
    """An exit function of a suite failed, or its init."""
    assert statuses("1..1\n    1..1\n    ok 1 x\nnot ok 1 s\n") == [PASSED, FAILED]
    assert statuses("1..1\nnot ok 1 s\n") == [FAILED]


def test_whole_program_skipped() -> None:
    """A plan of nothing with a reason."""
    results = parse("TAP version 13\n1..0 # SKIP no such file\n", "p")
    assert [(r.status, r.detail) for r in results] == [(SKIPPED, "no such file")]
