# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counting what could not be read."""

from gup_pin.errors import Faults, Unreadable


def test_a_line_for_each_kind() -> None:
    """There is not a line for each fault."""
    faults = Faults()
    assert not faults
    for address in (0x10, 0x20, 0x30):
        faults.add(Unreadable("struct page", address))
    faults.add(Unreadable("stack", 0x40, "is invalid"))
    assert faults
    assert list(faults.lines()) == [
        "struct page not in the dump (3 times, first 0x10)",
        "stack is invalid (0x40)",
    ]
