# SPDX-License-Identifier: LGPL-2.1-or-later
"""The memory that has valid struct pages."""

from __future__ import annotations

import pytest

from gup_pin.sections import Section, Sizes, ranges

SIZES = Sizes(section=64, part=8, per_block=2)
BLOCKS = {0: True, 1: False}


@pytest.mark.parametrize(
    ("section", "found"),
    [
        # RAM; a hole in a section has struct pages, too.
        (Section(0, True), [(0, 64)]),
        (Section(1, True, 0b1), [(64, 64)]),
        # RAM that was plugged in, but not onlined.
        (Section(2, False, 0xFF), []),
        (Section(3, False), []),
        # Memory of a device: a whole section, a part, none any more.
        (Section(4, False, 0xFF), [(256 + 8 * i, 8) for i in range(8)]),
        (Section(4, False, 0b10000110), [(264, 8), (272, 8), (312, 8)]),
        (Section(4, False, 0), []),
        # A kernel without that map.
        (Section(5, False), [(320, 64)]),
    ],
)
def test_ranges(section: Section, found: list[tuple[int, int]]) -> None:
    """Of a section, next to others."""
    others = [Section(8, True), Section(9, True)]
    all_of_them = list(ranges([section, *others], SIZES, BLOCKS))
    assert all_of_them == [*found, (512, 64), (576, 64)]
