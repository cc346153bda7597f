# SPDX-License-Identifier: LGPL-2.1-or-later
"""Origins, folios and items for tests that do not depend on their values."""

from __future__ import annotations

from typing import Any

from gup_pin.folio import Folio
from gup_pin.meaning import Meaning, Names
from gup_pin.pin import Item
from gup_pin.records import Origin

PAGE_SHIFT = 12

NAMES = Names(
    write=1,
    long=1,
    apis=("pin_user_pages", "pin_user_pages_fast"),
    hazards=("writeback", "truncate"),
    stakes=("data", "end", "read"),
    reported=1,
)
TIME = 1_000_000_000
NOW = TIME + 5_203_999_999


class MockStacks:
    """A depot with one frame for each handle."""

    def frames(self, handle: int) -> tuple[str, ...]:
        """The frame."""
        return (f"f{handle:x}+0x1/0x2",)


STACKS: Any = MockStacks()
MEANING = Meaning(NAMES, NOW, STACKS)

ORIGIN = Origin(
    stack=0x2B40003,
    mode=1,
    term=1,
    api=1,
    tgid=812,
    pid=815,
    owner=812,
    comm=b"fio",
    meaning=MEANING,
)
ADDR = 0x7F21C0000000
ANON = Folio("anon", 0, 0, 0, 0, 0)


def item(
    pfn: int,
    *,
    origin: Origin = ORIGIN,
    time: int = TIME,
    page: int = 0,
    folio: Folio = ANON,
) -> Item:
    """A pin on the head of a folio; page is its index in the call."""
    addr = ADDR + (page << PAGE_SHIFT)
    return Item(pfn, pfn, 1, 1, origin, time, addr, "exact", folio)
