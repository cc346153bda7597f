# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks, the pins on neighbouring folios: mirrors mm/gup_pin/block.c."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memory import Memory, Record, find_record, is_little_endian
from .records import Reader, Ref

if TYPE_CHECKING:
    from drgn import Program

# What a layer says: the next one, its call, its mask, pins on each folio of it.
_Layer = tuple[int, ...]


@lru_cache(maxsize=1024)
def bits_of(mask: int) -> tuple[int, ...]:
    """The numbers of the bits that are set."""
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)


@dataclass(frozen=True, slots=True)
class Block:
    """The pins on the folios of a block, which have its bits as their numbers.

    used: folios that have pins; layers: masks of such folios, with what is on each of
    these; slots: pins on a folio that no layer has
    """

    used: int
    inferred: int
    layers: tuple[tuple[int, Ref], ...]
    slots: dict[int, tuple[Ref, ...]]

    def refs(self, bit: int) -> list[Ref]:
        """All pins on a folio, in the order of a walk: layers, then its slot."""
        refs = [ref for mask, ref in self.layers if mask >> bit & 1]
        if bit in self.slots:
            refs += self.slots[bit]
        return refs


@dataclass(frozen=True)
class Layouts:
    """Where the structures of format 3 have their members."""

    block: Record
    layer: Record
    slots: struct.Struct


def find_layouts(prog: Program, slots: int) -> Layouts:
    """The layouts in a program whose blocks have so many slots; raises LookupError."""
    members = ["next", "call", "mask", "pins"]
    inline = [f"layer.{member}" for member in members]
    return Layouts(
        find_record(
            prog,
            "struct gup_pin_block",
            ["nr", "used", "slotted", "inferred", "slots", *inline],
        ),
        find_record(prog, "struct gup_pin_layer", members),
        struct.Struct(f"{'<' if is_little_endian(prog) else '>'}{slots}Q"),
    )


class BlockReader:
    """Reads blocks of one program."""

    SLOTS = "slots of a block"

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        reader: Reader,
        fault: Callable[[Unreadable], None],
    ) -> None:
        """What cannot be read is told to fault, and left out."""
        self._memory = memory
        self._layouts = layouts
        self._reader = reader
        self._fault = fault

    def read(self, address: int, number: int) -> Block | None:
        """The block at an address, which has that number; None if it has no pins."""
        self._reader.refresh()
        record = self._layouts.block
        try:
            nr, used, slotted, inferred, slots, *layer = record.read(
                self._memory, address
            )
            if nr != number:
                raise Unreadable(record.name, address, "is none")
        except Unreadable as error:
            self._fault(error)
            return None
        if not used:
            return None
        layers = tuple(self._layers(tuple(layer), used))
        return Block(used, inferred, layers, self._slots(slots, slotted & used))

    def _layers(self, first: _Layer, used: int) -> Iterator[tuple[int, Ref]]:
        """The masks and pins of layers that are in use.

        The kernel sets a mask before it says which folios are used, and may have been
        stopped between the two.
        """
        try:
            for _, address, folios, pins in self._chain(first):
                mask = folios & used
                if not mask:
                    continue
                call = self._reader.find_call(address)
                if call:
                    yield mask, Ref(call, pins)
        except Unreadable as error:
            self._fault(error)

    def _chain(self, layer: _Layer) -> Iterator[_Layer]:
        """A layer and those after it; raises Unreadable."""
        record = self._layouts.layer
        seen: set[int] = set()
        yield layer
        while address := layer[0]:
            if address in seen:
                raise Unreadable(record.name, address, "is none")
            seen.add(address)
            layer = record.read(self._memory, address)
            yield layer

    def _slots(self, address: int, mask: int) -> dict[int, tuple[Ref, ...]]:
        """The pins in those slots that the mask says are there."""
        if not mask:
            return {}
        try:
            data = self._memory.read(address, self._layouts.slots.size, self.SLOTS)
        except Unreadable as error:
            self._fault(error)
            return {}
        slots = self._layouts.slots.unpack(data)
        # A 0 is left of one whose release was under way.
        return {
            bit: tuple(self._reader.slot(slots[bit]))
            for bit in bits_of(mask)
            if slots[bit]
        }
