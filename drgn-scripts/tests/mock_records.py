# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks, sets, calls and origins in memory made by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from gup_pin import blocks, records
from gup_pin.errors import Faults
from gup_pin.memory import Field, Record
from mock_memory import MockMemory
from samples import CALL, MEANING, ORIGIN

# As gcc lays out the structures of format 3 on x86_64.
WORD = 64
RECORDS = records.Layouts(
    call=Record(
        "struct gup_pin_call",
        40,
        [Field(WORD * i, WORD) for i in range(4)] + [Field(256, 32), Field(288, 32)],
    ),
    origin=Record(
        "struct gup_pin_origin",
        88,
        [Field(64, WORD), Field(512, WORD)]
        + [Field(128, 32), Field(160, 8), Field(168, 8), Field(176, 8)]
        + [Field(192 + 32 * i, 32, signed=True) for i in range(3)],
    ),
    comm_at=36,
    comm_size=16,
    refs_at=32,
    refs=Record(
        "struct gup_pin_refs", 16, [Field(0, 64), Field(64, 32), Field(96, 32)]
    ),
    first_ref_at=16,
    ref=Record("struct gup_pin_ref", 24, [Field(0, 64), Field(128, 32)]),
)
SLOTS = 64
LAYER = [Field(0, 64), Field(64, 64), Field(128, 64), Field(256, 32)]
LAYER_AT = 384
BLOCKS = blocks.Layouts(
    block=Record(
        "struct gup_pin_block",
        96,
        [Field(WORD * i, WORD) for i in (0, 1, 2, 3, 5)]
        + [Field(LAYER_AT + field.bit_offset, field.bits) for field in LAYER]
        + [Field(704, 32)],
    ),
    layer=Record("struct gup_pin_layer", 40, LAYER),
    slots=struct.Struct(f"<{SLOTS}Q"),
)

# (call, mask, pins) of a layer.
Layer = tuple[int, int, int]


class Records:
    """Memory, and readers for what is put there."""

    def __init__(self, live: bool = False) -> None:
        """Begin with nothing; it is a dump, unless live."""
        self.memory, self.faults = MockMemory(), Faults()
        self.reader = records.Reader(
            self.memory, RECORDS, self.faults.add, live, MEANING
        )
        self.blocks = blocks.BlockReader(
            self.memory, BLOCKS, self.reader, self.faults.add
        )

    def put_call(self, npages: int = CALL.npages, live: int = 3) -> int:
        """Add the sample call, which has some live pins, with an origin of its own."""
        call = (CALL.time, CALL.addr, CALL.index, npages, live)
        return self.memory.put(struct.pack("<QQQQII", self.put_origin(), *call))

    def put_origin(self, pid: int = ORIGIN.pid, address: int | None = None) -> int:
        """Add the sample origin, of some task."""
        origin = struct.pack(
            "<8xQIBBBxiii16s12xQ16x",
            0xFFFF888000002000,
            *(ORIGIN.stack, ORIGIN.mode, ORIGIN.term, ORIGIN.api),
            *(ORIGIN.tgid, pid, ORIGIN.owner, ORIGIN.comm + b"\0junk", 1),
        )
        return self.memory.put(origin, address)

    @staticmethod
    def refs(
        pairs: Sequence[tuple[int, int]], following: int = 0, room: int = 20
    ) -> bytes:
        """A struct gup_pin_refs of (call, pins)."""
        data = b"".join(
            struct.pack("<QQI4x", call, seq, pins)
            for seq, (call, pins) in enumerate(pairs)
        )
        return struct.pack("<QII", following, len(pairs), room) + data

    def put_set(self, refs: bytes, address: int | None = None) -> int:
        """Add a set with these first refs, and return the slot that points to it."""
        head = struct.pack("<III4xQQ", 0, 0, 0, 0, 0)
        return self.memory.put(head + refs, address) | 1

    @staticmethod
    def layer(layer: Layer, following: int = 0) -> bytes:
        """A struct gup_pin_layer."""
        call, mask, pins = layer
        return struct.pack("<QQQQI4x", following, call, mask, 0, pins)

    def put_layers(self, layers: Sequence[Layer]) -> int:
        """Add layers, and return the address of the first."""
        following = 0
        for layer in reversed(layers):
            following = self.memory.put(self.layer(layer, following))
        return following

    def put_block(
        self,
        number: int,
        layers: Sequence[Layer] = (),
        slots: dict[int, int] | None = None,
        *,
        inferred: int = 0,
        used: int | None = None,
        following: int | None = None,
    ) -> int:
        """Add a block, and return its address.

        used is what layers and slots say, and following the second layer, unless told.
        The slots that are not there hold what nobody must look at.
        """
        slots = slots or {}
        first, *others = layers or [(0xDEAD, 0, 1)]
        if following is None:
            following = self.put_layers(others)
        slotted = sum(1 << bit for bit in slots)
        if used is None:
            used = slotted
            for _, mask, _ in layers:
                used |= mask
        array = 0
        if slots:
            words = [slots.get(bit, 0xDEAD0003) for bit in range(SLOTS)]
            array = self.memory.put(struct.pack(f"<{SLOTS}Q", *words))
        head = struct.pack("<QQQQQQ", number, used, slotted, inferred, 9, array)
        tail = struct.pack("<II", sum(mask != 0 for _, mask, _ in layers), 0)
        return self.memory.put(head + self.layer(first, following) + tail)
