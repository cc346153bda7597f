# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mock memory and its content."""

from __future__ import annotations

import struct

from gup_pin.errors import Unreadable
from gup_pin.xarray import NodeLayout

SLOT_BITS = 6
NODE = NodeLayout(
    shift_at=0, count_at=2, array_at=16, slots_at=40, slots=1 << SLOT_BITS
)
NODE_SIZE = 40 + 8 * NODE.slots


class MockMemory:
    """Pieces of memory by address; between them nothing is readable."""

    def __init__(self) -> None:
        """Start empty."""
        self.pieces: dict[int, bytes] = {}
        self._next = 0xFFFF888000010000

    def put(self, data: bytes, address: int | None = None) -> int:
        """Add a piece, at a free address unless one is given; return its address."""
        if address is None:
            address = self._next
            self._next += (len(data) + 0xFFF) & ~0xFFF
        self.pieces[address] = data
        return address

    def read(self, address: int, size: int, what: str) -> bytes:
        """Read from within one piece; raises Unreadable."""
        for start, data in self.pieces.items():
            offset = address - start
            if offset >= 0 and offset + size <= len(data):
                return data[offset : offset + size]
        raise Unreadable(what, address)

    def read_string(self, address: int, size: int, what: str) -> bytes:
        """Read from within one piece, up to a 0; raises Unreadable."""
        for start, data in self.pieces.items():
            if start <= address < start + len(data):
                return data[address - start :][:size].partition(b"\0")[0]
        raise Unreadable(what, address)

    def put_node(self, shift: int, slots: dict[int, int]) -> int:
        """Add a struct xa_node; return the entry that points to it."""
        values = [slots.get(i, 0) for i in range(NODE.slots)]
        count = len(values) - values.count(0)
        head = struct.pack("<BxB13xQ16x", shift, count, 0xFFFF888000001000)
        return self.put(head + struct.pack(f"<{NODE.slots}Q", *values)) | 2

    def put_xarray(self, entries: dict[int, int]) -> int:
        """Add an xarray; return its head."""
        if not entries:
            return 0
        if list(entries) == [0]:
            return entries[0]
        level, shift = entries, 0
        while True:
            nodes: dict[int, dict[int, int]] = {}
            for index, entry in level.items():
                slots = nodes.setdefault(index >> SLOT_BITS, {})
                slots[index & (NODE.slots - 1)] = entry
            level = {i: self.put_node(shift, slots) for i, slots in nodes.items()}
            if list(level) == [0]:
                return level[0]
            shift += SLOT_BITS
