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

# Internal entries: siblings (which only multi-index arrays have) come first,
# then XA_RETRY_ENTRY and XA_ZERO_ENTRY; above these, pointers to nodes.
_LOWEST_NODE = 4096


def is_internal(entry: int) -> bool:
    """Whether an entry is the xarray's own."""
    return entry & 3 == 2


def is_node(entry: int) -> bool:
    """Whether an entry points to a node."""
    return is_internal(entry) and entry > _LOWEST_NODE


@dataclass(frozen=True)
class NodeLayout:
    """Where a struct xa_node has what is needed of it."""

    shift_at: int
    slots_at: int
    slots: int
    little_endian: bool = True

    @property
    def bits(self) -> int:
        """How many bits of the index a node decodes."""
        return self.slots.bit_length() - 1


def find_node_layout(prog: Program) -> NodeLayout:
    """The layout of struct xa_node in a program."""
    slots = prog.type("struct xa_node").member("slots").type.length
    assert slots is not None
    return NodeLayout(
        find_offset(prog, "struct xa_node", "shift"),
        find_offset(prog, "struct xa_node", "slots"),
        slots,
        is_little_endian(prog),
    )


class Walker:
    """Walks xarrays of one program."""

    WHAT = "struct xa_node"

    def __init__(
        self,
        memory: Memory,
        layout: NodeLayout,
        fault: Callable[[Unreadable], None],
    ) -> None:
        """Read from memory; a node that cannot be read is told to fault."""
        self._memory = memory
        self._layout = layout
        self._fault = fault
        order = "<" if layout.little_endian else ">"
        gap = layout.slots_at - layout.shift_at - 1
        self._struct = struct.Struct(f"{order}B{gap}x{layout.slots}Q")

    def entries(self, head: int) -> Iterator[tuple[int, int]]:
        """Index and entry of all that is below xa_head, in the order of the indexes.

        Leaves out what a live kernel was changing, where an internal entry is.
        """
        if is_node(head):
            yield from self._below(head - 2, 0, None)
        elif head and not is_internal(head):
            yield 0, head

    def load(self, head: int, index: int) -> int:
        """The entry at an index, 0 if there is none; raises Unreadable."""
        if not is_node(head):
            return 0 if index or is_internal(head) else head
        words = self._node(head - 2, None)
        bits = self._layout.bits
        if index >> words[0] + bits:
            return 0
        while True:
            shift, slot = words[0], index >> words[0] & self._layout.slots - 1
            entry = words[1 + slot]
            if is_internal(entry) and not is_node(entry) and entry >> 2 < slot:
                # A sibling: the entry is a large folio's, in a slot before.
                entry = words[1 + (entry >> 2)]
            if not is_node(entry):
                return 0 if is_internal(entry) else entry
            words = self._node(entry - 2, shift - bits)

    def _node(self, node: int, expected: int | None) -> tuple[int, ...]:
        """Shift and slots of a node; raises Unreadable."""
        words = self._read(node)
        shift = words[0]
        wrong = shift % self._layout.bits or shift > 63
        if wrong or (expected is not None and shift != expected):
            raise Unreadable(self.WHAT, node, "is none")
        return words

    def _below(
        self, node: int, base: int, expected: int | None
    ) -> Iterator[tuple[int, int]]:
        bits = self._layout.bits
        try:
            shift, *slots = self._node(node, expected)
        except Unreadable as error:
            self._fault(error)
            return
        for i, entry in enumerate(slots):
            index = base + (i << shift)
            if is_node(entry):
                yield from self._below(entry - 2, index, shift - bits)
            elif not entry or is_internal(entry):
                continue
            elif not shift:
                yield index, entry
            else:
                # Higher up, an entry stands for many indexes. No one stores
                # such, so this is damage.
                self._fault(Unreadable(self.WHAT, node, "is none"))

    def _read(self, node: int) -> tuple[int, ...]:
        data = self._memory.read(
            node + self._layout.shift_at, self._struct.size, self.WHAT
        )
        return self._struct.unpack(data)
