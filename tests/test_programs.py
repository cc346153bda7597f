# SPDX-License-Identifier: GPL-2.0
"""scripts/checklib: the results of programs whose guest ends early."""

from checklib.results import FAILED, PASSED
from checklib.run import Guest, tap_programs

GOOD = "TAP version 13\n1..1\nok 1 all\n"


def results(out: str, *names: str) -> list[tuple[str, str, str]]:
    """Name, status and detail for the output of a guest that ended with status 124."""
    guest = Guest.__new__(Guest)
    guest.status, guest.out, guest.err, guest.console = 124, out, "vm: gave up\n", ""
    return [(r.name, r.status, r.detail) for r in tap_programs(guest, names, "6.12")]


def test_all_came_to_their_ends() -> None:
    """Each has its own results."""
    out = f"== a\n{GOOD}\n== status 0\n== b\n{GOOD}\n== status 1\n"
    found = results(out, "a", "b")
    assert [(name, status) for name, status, _ in found] == [
        ("6.12: a: all", PASSED),
        ("6.12: b: all", PASSED),
        ("6.12: b", FAILED),
    ]
    assert found[2][2].startswith("exit status 1")


def test_a_guest_that_ends_fails_the_program_that_ran() -> None:
    """With all that is known; the others are reported as not started."""
    found = results(f"== a\n{GOOD}\n== status 0\n== b\nTAP version 13\nhalf", "a", "b", "c", "d")
    assert [(name, status) for name, status, _ in found] == [
        ("6.12: a: all", PASSED),
        ("6.12: b", FAILED),
        ("6.12: c", FAILED),
        ("6.12: d", FAILED),
    ]
    assert "half" in found[1][2]
    assert "vm: gave up" in found[1][2]
    assert [detail for _, _, detail in found[2:]] == ["not begun when b ended it all\n"] * 2


def test_a_guest_that_printed_nothing() -> None:
    """Its first program has failed, and says why."""
    found = results("", "a", "b")
    assert [status for _, status, _ in found] == [FAILED, FAILED]
    assert "exit status 124" in found[0][2]


def test_a_program_that_printed_nothing() -> None:
    """It has failed, and the next one has its own results."""
    found = results(f"== a\n== status 0\n== b\n{GOOD}\n== status 0\n", "a", "b")
    assert [status for _, status, _ in found] == [FAILED, PASSED]
    assert found[0][2].startswith("no TAP, exit status 0")
