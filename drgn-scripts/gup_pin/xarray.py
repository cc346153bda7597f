# SPDX-License-Identifier: LGPL-2.1-or-later
"""A raw walk over an xarray.

drgn's xa_for_each() makes an object of every slot of every node, which takes
minutes for a million entries. Here a node is one read and one unpacking.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, find_offset, is_little_endian

if TYPE_CHECKING:
    from drgn import Program

# Internal entries: siblings (only in multi-index arrays) come first, then
# XA_RETRY_ENTRY and XA_ZERO_ENTRY; higher values are pointers to nodes.
_LOWEST_NODE = 4096


def is_internal(entry: int) -> bool:
    """Whether an entry is the xarray's own."""
    return entry & 3 == 2


def is_node(entry: int) -> bool:
    """Whether an entry points to a node."""
    return is_internal(entry) and entry > _LOWEST_NODE


@dataclass(frozen=True)
class NodeLayout:
    """The layout of a struct xa_node: its members, in order."""

    shift_at: int
    count_at: int
    array_at: int
    slots_at: int
    slots: int
    little_endian: bool = True

    @property
    def bits(self) -> int:
        """The number of index bits that a node decodes."""
        return self.slots.bit_length() - 1


def find_node_layout(prog: Program) -> NodeLayout:
    """The layout of struct xa_node in a program."""
    slots = prog.type("struct xa_node").member("slots").type.length
    assert slots is not None
    return NodeLayout(
        find_offset(prog, "struct xa_node", "shift"),
        find_offset(prog, "struct xa_node", "count"),
        find_offset(prog, "struct xa_node", "array"),
        find_offset(prog, "struct xa_node", "slots"),
        slots,
        is_little_endian(prog),
    )


@dataclass(frozen=True, slots=True)
class _Node:
    """The content of a node: count is the number of its slots that are not empty."""

    shift: int
    count: int
    slots: tuple[int, ...]

    @property
    def lacks_some(self) -> bool:
        """Whether slots are empty that should not be."""
        return len(self.slots) - self.slots.count(0) < self.count


class Walker:
    """Walks xarrays of one program."""

    WHAT = "struct xa_node"

    def __init__(
        self,
        memory: Memory,
        layout: NodeLayout,
        fault: Callable[[Unreadable], None],
        live: bool = False,
    ) -> None:
        """Read from memory; a node that cannot be read is reported to fault.

        Live: the memory changes during the walk.
        """
        self._memory = memory
        self._layout = layout
        self._fault = fault
        self._live = live
        order = "<" if layout.little_endian else ">"
        gaps = (
            layout.count_at - layout.shift_at - 1,
            layout.array_at - layout.count_at - 1,
            layout.slots_at - layout.array_at - 8,
        )
        members = "B{}xB{}xQ{}x".format(*gaps)
        self._struct = struct.Struct(f"{order}{members}{layout.slots}Q")

    def entries(self, head: int, settled: bool = True) -> Iterator[tuple[int, int]]:
        """Index and entry of all entries below xa_head, by ascending index.

        Leaves out internal entries, which mark changes on a live kernel. Settled: no
        CPU was changing the array when the dump was taken.
        """
        if is_node(head):
            yield from self._below(head - 2, 0, None, settled)
        elif head and not is_internal(head):
            yield 0, head

    def load(self, head: int, index: int, settled: bool = True) -> int:
        """The entry at an index, 0 if there is none; raises Unreadable."""
        if not is_node(head):
            return 0 if index or is_internal(head) else head
        address = head - 2
        node = self._node(address, None)
        bits = self._layout.bits
        if index >> node.shift + bits:
            return 0
        while True:
            slot = index >> node.shift & self._layout.slots - 1
            entry = node.slots[slot]
            if is_internal(entry) and not is_node(entry) and entry >> 2 < slot:
                # A sibling: the entry is a large folio's, in an earlier slot.
                entry = node.slots[entry >> 2]
            if not entry and settled and not self._live and node.lacks_some:
                raise Unreadable(self.WHAT, address, "is invalid")
            if not is_node(entry):
                return 0 if is_internal(entry) else entry
            address = entry - 2
            node = self._node(address, node.shift - bits)

    def _node(self, address: int, expected: int | None) -> _Node:
        """The node at an address; raises Unreadable."""
        shift, count, array, *slots = self._read(address)
        wrong = shift % self._layout.bits or shift > 63
        # A node points to its array, even when freed; otherwise it was zeroed.
        wrong = wrong or not array
        if wrong or (expected is not None and shift != expected):
            raise Unreadable(self.WHAT, address, "is invalid")
        return _Node(shift, count, tuple(slots))

    def _below(
        self, address: int, base: int, expected: int | None, settled: bool
    ) -> Iterator[tuple[int, int]]:
        bits = self._layout.bits
        try:
            node = self._node(address, expected)
        except Unreadable as error:
            self._fault(error)
            return
        if settled and not self._live and node.lacks_some:
            self._fault(Unreadable(self.WHAT, address, "is invalid"))
        shift = node.shift
        for i, entry in enumerate(node.slots):
            index = base + (i << shift)
            if is_node(entry):
                yield from self._below(entry - 2, index, shift - bits, settled)
            elif not entry or is_internal(entry):
                continue
            elif not shift:
                yield index, entry
            else:
                # At a higher level, an entry stands for many indexes. Such
                # entries are never stored here, so this is damage.
                self._fault(Unreadable(self.WHAT, address, "is invalid"))

    def _read(self, node: int) -> tuple[int, ...]:
        data = self._memory.read(
            node + self._layout.shift_at, self._struct.size, self.WHAT
        )
        return self._struct.unpack(data)
