# SPDX-License-Identifier: LGPL-2.1-or-later
"""Records and origins."""

from __future__ import annotations

import pytest

from gup_pin.errors import Unreadable
from gup_pin.records import HAS_ADDR, WHOLE_FOLIO, PinRecord
from mock_records import ORIGIN_SIZE, Records
from samples import ADDR, MEANING, ORIGIN, PAGE_SHIFT, TIME

INDEX = 0x7F21C0000
RECORD = PinRecord(0x1000, ORIGIN, 0x2000, TIME, 1, ADDR, 1, HAS_ADDR)


def test_address_of_a_page() -> None:
    """From its index in its mapping, for any record of the call."""
    record = RECORD._replace(base=ADDR - (5 << PAGE_SHIFT))
    assert record.addr(5, PAGE_SHIFT) == ADDR
    assert record.addr(8, PAGE_SHIFT) == ADDR + 0x3000


def test_address_of_anonymous_memory() -> None:
    """Its index is that of its address, so base is negative."""
    record = RECORD._replace(base=(ADDR - (INDEX << PAGE_SHIFT)) % (1 << 64))
    assert record.addr(INDEX + 1, PAGE_SHIFT) == ADDR + 0x1000
    low = RECORD._replace(base=(1 << 64) - 0x1000)
    assert low.addr(3, PAGE_SHIFT) == 0x2000


def test_address_that_is_not_known() -> None:
    """Base has another meaning; or the index is unknown."""
    for flags in (0, WHOLE_FOLIO):
        assert RECORD._replace(flags=flags).addr(0, PAGE_SHIFT) == 0
    assert RECORD.addr(None, PAGE_SHIFT) == 0


def test_whole_folios() -> None:
    """A flag marks them."""
    flags = (0, HAS_ADDR, WHOLE_FOLIO, WHOLE_FOLIO | HAS_ADDR)
    assert [RECORD._replace(flags=word).whole for word in flags] == [
        *(False, False, True, True)
    ]


def test_records_of_a_call() -> None:
    """They have equal origin and time, whatever their pages."""
    assert RECORD.call == RECORD._replace(address=0x3000, mask=8).call
    assert RECORD.call != RECORD._replace(time=TIME + 1).call
    assert RECORD.call != RECORD._replace(origin_at=0x2040).call


def test_origin() -> None:
    """Every member is read, and a second read needs no memory."""
    records = Records()
    address = records.put_origin()
    origin = records.origins.read(address)
    assert origin == ORIGIN and origin.meaning is MEANING
    records.memory.pieces.clear()
    assert records.origins.read(address) is origin


def test_origin_that_is_not_there() -> None:
    """The fault names it."""
    with pytest.raises(Unreadable, match="struct gup_pin_origin at 0x1000"):
        Records().origins.read(0x1000)


@pytest.mark.parametrize(
    ("start", "end"), [(0, ORIGIN_SIZE), (0, 16), (32, ORIGIN_SIZE), (64, ORIGIN_SIZE)]
)
@pytest.mark.parametrize("live", [False, True])
def test_zeroed_origin(start: int, end: int, live: bool) -> None:
    """No pin is attributed to it."""
    records = Records(live)
    address = records.put_origin()
    records.damage(address + start, bytes(end - start))
    with pytest.raises(Unreadable, match=f"origin at {address:#x}: is invalid"):
        records.origins.read(address)
