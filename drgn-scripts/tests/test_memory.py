# SPDX-License-Identifier: LGPL-2.1-or-later
"""Members of structures read as integers."""

import pytest

from gup_pin.errors import Unreadable
from gup_pin.memory import Field, Record
from mock_memory import MockMemory

DATA = bytes(range(0x10, 0x20))


def test_whole_members_in_any_order() -> None:
    """Each is little-endian and has its own width."""
    record = Record("s", 16, [Field(64, 64), Field(0, 16), Field(32, 8)])
    assert record.unpack(DATA) == (0x1F1E1D1C1B1A1918, 0x1110, 0x14)


def test_members_in_their_order_at_an_offset() -> None:
    """Read directly, without the gaps between them."""
    record = Record("s", 8, [Field(0, 8), Field(32, 32)])
    assert record.unpack(DATA, 8) == (0x18, 0x1F1E1D1C)


def test_members_at_the_same_place() -> None:
    """Two members of a union may be requested."""
    record = Record("s", 16, [Field(64, 64), Field(64, 64)])
    assert record.unpack(DATA) == (0x1F1E1D1C1B1A1918,) * 2


def test_signed() -> None:
    """A pid_t may be negative."""
    record = Record("s", 4, [Field(0, 32, signed=True)])
    assert record.unpack(b"\xfe\xff\xff\xff") == (-2,)
    assert record.unpack(b"\x02\0\0\0") == (2,)


def test_bit_fields() -> None:
    """As in struct gup_pin_id, though not in whole bytes."""
    fields = [Field(0, 31), Field(31, 1)]
    assert Record("s", 4, fields).unpack(b"\x05\0\0\x80") == (5, 1)
    assert Record("s", 4, fields).unpack(b"\x05\0\0\x00") == (5, 0)
    assert Record("s", 4, fields, False).unpack(b"\0\0\0\x0b") == (5, 1)


def test_unreadable() -> None:
    """The fault names the structure."""
    with pytest.raises(Unreadable, match=r"s at 0x1000: not in the dump"):
        Record("s", 4, [Field(0, 32)]).read(MockMemory(), 0x1000)
