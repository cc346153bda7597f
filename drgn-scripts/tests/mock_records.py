# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks, records and origins in mock memory."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from gup_pin import blocks, records
from gup_pin.errors import Faults
from gup_pin.memory import Field, Record
from mock_memory import MockMemory
from samples import ADDR, MEANING, ORIGIN, TIME

# The layout of the structures of format 6, by gcc on x86_64.
ORIGIN_SIZE = 120
ORIGINS = records.Layouts(
    origin=Record(
        "struct gup_pin_origin",
        ORIGIN_SIZE,
        [Field(64, 64), Field(512, 64)]
        + [Field(128, 32), Field(160, 8), Field(168, 8), Field(176, 8)]
        + [Field(192 + 32 * i, 32, signed=True) for i in range(3)],
    ),
    comm_at=36,
    comm_size=16,
)
# Next, previous, origin, time, mask, base; then, after the cookie, pins and flags.
RECORD_SIZE, FIRST_AT = 64, 48
RECORD = [Field(64 * i, 64) for i in range(6)] + [Field(448, 32), Field(480, 32)]
BLOCKS = blocks.Layouts(
    block=Record(
        "struct gup_pin_block",
        FIRST_AT + RECORD_SIZE,
        [Field(0, 64), Field(64, 64), Field(128, 64), Field(320, 32)]
        + [Field(8 * FIRST_AT + field.bit_offset, field.bits) for field in RECORD],
    ),
    record=Record("struct gup_pin_record", RECORD_SIZE, RECORD),
    first_at=FIRST_AT,
)
SAYS_ADDR, WHOLE = records.HAS_ADDR, records.WHOLE_FOLIO


class Pins(NamedTuple):
    """The content of a record; a mask of 0 is a reader's cursor."""

    mask: int
    origin: int
    pins: int = 1
    time: int = TIME
    base: int = ADDR
    flags: int = SAYS_ADDR


class Records:
    """Mock memory, with readers for its content."""

    def __init__(self, live: bool = False) -> None:
        """Start empty; it is a dump, unless live."""
        self.memory, self.faults = MockMemory(), Faults()
        self.origins = records.OriginReader(self.memory, ORIGINS, live, MEANING)
        self.blocks = blocks.BlockReader(
            self.memory, BLOCKS, self.origins, self.faults.add, live
        )

    def put_origin(self, pid: int = ORIGIN.pid, address: int | None = None) -> int:
        """Add the sample origin, for any task."""
        origin = struct.pack(
            "<8xQIBBBxiii16s12xQ48x",
            0xFFFF888000002000,
            *(ORIGIN.stack, ORIGIN.mode, ORIGIN.term, ORIGIN.api),
            *(ORIGIN.tgid, pid, ORIGIN.owner, ORIGIN.comm + b"\0junk", 1),
        )
        return self.memory.put(origin, address)

    @staticmethod
    def record(pins: Pins, following: int, before: int) -> bytes:
        """A struct gup_pin_record."""
        return struct.pack(
            "<QQQQQQQII",
            *(following, before, pins.origin, pins.time, pins.mask, pins.base),
            *(0xC0FFEE, pins.pins, pins.flags),
        )

    def put_block(
        self,
        number: int,
        first: Pins | None = None,
        others: Sequence[Pins] = (),
        *,
        alike: int = 0,
        guessed: int = 0,
    ) -> int:
        """Add a block, and return its address; its first record may be unused."""
        address = self.memory.put(bytes(FIRST_AT + RECORD_SIZE))
        head = address + FIRST_AT
        places = [head, *(self.memory.put(bytes(RECORD_SIZE)) for _ in others), head]
        for i, pins in enumerate(others, 1):
            data = self.record(pins, places[i + 1], places[i - 1])
            self.memory.put(data, places[i])
        count = sum(pins.mask != 0 for pins in (first or Pins(0, 0), *others))
        words = struct.pack("<QQQQQI4x", number, alike, guessed, 0, 0, count)
        data = self.record(first or Pins(0, 0xDEAD), places[1], places[-2])
        return self.memory.put(words + data, address)

    def places(self, block: int) -> list[int]:
        """The addresses of a block's records; the first is inside the block."""
        places = [block + FIRST_AT]
        while (following := self.word(places[-1], 0)) != places[0]:
            places.append(following)
        return places

    def word(self, address: int, number: int) -> int:
        """A word of a structure at an address."""
        data = self.memory.read(address + 8 * number, 8, "")
        return int(struct.unpack("<Q", data)[0])

    def damage(self, address: int, data: bytes) -> None:
        """Overwrite bytes at an address inside a piece."""
        for start, piece in self.memory.pieces.items():
            at = address - start
            if 0 <= at <= len(piece) - len(data):
                changed = piece[:at] + data + piece[at + len(data) :]
                self.memory.pieces[start] = changed
                return
        raise AssertionError(f"nothing is at {address:#x}")

    def link(self, address: int, number: int, value: int) -> None:
        """Overwrite a word at an address: 0 is next, 1 is previous."""
        self.damage(address + 8 * number, struct.pack("<Q", value))
