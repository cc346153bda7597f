# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls, folios and items for tests that do not care where they come from."""

from __future__ import annotations

from gup_pin.folio import Folio
from gup_pin.records import Call, Origin
from gup_pin.runs import Item

PAGE_SHIFT = 12

ORIGIN = Origin(
    stack=0x2B40003,
    mode=1,
    term=1,
    api=1,
    tgid=812,
    pid=815,
    owner=812,
    comm=b"fio",
)
CALL = Call(
    address=0xFFFF888000001000,
    origin=ORIGIN,
    time=1_000_000_000,
    addr=0x7F21C0000000,
    index=0x7F21C0000,
    npages=64,
)
ANON = Folio("anon", 0, 0, 0, 0, 0)


def item(pfn: int, *, call: Call = CALL, page: int = 0, folio: Folio = ANON) -> Item:
    """One pin on a folio; page is its place in the call, in pages."""
    return Item(pfn, call, CALL.addr + (page << PAGE_SHIFT), 1, False, folio)
