# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks, the pins on neighbouring folios: mirrors mm/gup_pin/block.c."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
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

    def pins(self) -> int:
        """All pins on all folios."""
        slots = sum(ref.pins for refs in self.slots.values() for ref in refs)
        return slots + sum(ref.pins * mask.bit_count() for mask, ref in self.layers)

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
            ["nr", "used", "slotted", "inferred", "slots", *inline, "nr_layers"],
        ),
        find_record(prog, "struct gup_pin_layer", members),
        struct.Struct(f"{'<' if is_little_endian(prog) else '>'}{slots}Q"),
    )


class BlockReader:
    """Reads blocks of one program."""

    SLOTS = "slots of a block"
    SLOT = "slot of a block"

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

    def read(self, address: int, number: int, settled: bool = True) -> Block | None:
        """The block at an address, which has that number; None if it has no pins.

        Settled: nobody was changing it when the dump was taken.
        """
        self._reader.refresh()
        record = self._layouts.block
        try:
            nr, used, slotted, inferred, slots, *layer, nr_layers = record.read(
                self._memory, address
            )
            if nr != number:
                raise Unreadable(record.name, address, "is none")
        except Unreadable as error:
            self._fault(error)
            return None
        if not used:
            return None
        chain, whole = self._all_layers(tuple(layer))
        entries = self._entries(slots, slotted & used)
        if settled and whole:
            self._check_layers(address, chain, nr_layers, used & ~slotted)
        if settled:
            self._check_entries(slots, entries)
        # A 0 is left of one whose release was under way.
        pins = {
            bit: tuple(self._reader.slot(entry))
            for bit, entry in entries.items()
            if entry
        }
        return Block(used, inferred, tuple(self._layers(chain, used)), pins)

    def _layers(self, chain: list[_Layer], used: int) -> Iterator[tuple[int, Ref]]:
        """The masks and pins of layers that are in use.

        The kernel sets a mask before it says which folios are used, and may have been
        stopped between the two.
        """
        for _, address, folios, pins in chain:
            mask = folios & used
            if not mask:
                continue
            call = self._reader.find_call(address)
            if call:
                yield mask, Ref(call, pins)

    def _all_layers(self, first: _Layer) -> tuple[list[_Layer], bool]:
        """A layer and those after it that can be read, and whether that is all."""
        layers = []
        try:
            for layer in self._chain(first):
                layers.append(layer)
        except Unreadable as error:
            self._fault(error)
            return layers, False
        return layers, True

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

    def _check_layers(
        self, address: int, chain: list[_Layer], count: int, folios: int
    ) -> None:
        """Tell if there are not so many layers in use, or not on all these folios.

        Address is that of their block.
        """
        layouts = self._layouts
        masks = [mask for _, _, mask, _ in chain if mask]
        if len(masks) < count:
            self._fault(Unreadable(layouts.layer.name, address, "is none"))
        elif folios & ~reduce(or_, masks, 0):
            self._fault(Unreadable(layouts.block.name, address, "is none"))

    def _entries(self, address: int, mask: int) -> dict[int, int]:
        """What those slots have that the mask says are there, by bit."""
        if not mask:
            return {}
        try:
            data = self._memory.read(address, self._layouts.slots.size, self.SLOTS)
        except Unreadable as error:
            self._fault(error)
            return {}
        slots = self._layouts.slots.unpack(data)
        return {bit: slots[bit] for bit in bits_of(mask)}

    def _check_entries(self, address: int, entries: dict[int, int]) -> None:
        """Tell of slots that have nothing, though it was to be there."""
        empty = [bit for bit, entry in entries.items() if not entry]
        if empty:
            first = address + 8 * empty[0]
            self._fault(Unreadable(self.SLOT, first, "is none", len(empty)))
