# SPDX-License-Identifier: LGPL-2.1-or-later
"""Physical memory: zones and memory blocks, and the pins in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .errors import Unreadable
from .pin import Item
from .sections import find_blocks, find_sections, section_shift

if TYPE_CHECKING:
    from drgn import Object, Program


@dataclass(frozen=True)
class Zone:
    """A zone: its node, its name, its first pfn, its spanned and present pages."""

    node: int
    name: str
    first: int
    pages: int
    present: int
    managed: int


@dataclass
class MemoryBlock:
    """A memory block, the unit of hot-unplug.

    first: its first pfn; pinned: pages of its folios that have pins; long: those with
    long-term pins
    """

    number: int
    first: int
    pages: int
    online: bool
    pinned: int = 0
    long: int = 0


@dataclass
class Physical:
    """Physical memory; block_pages is 0 if the kernel has no memory blocks."""

    page_size: int
    block_pages: int
    zones: list[Zone] = field(default_factory=list)
    blocks: list[MemoryBlock] = field(default_factory=list)


def find_zones(prog: Program) -> Iterator[Zone]:
    """All zones that have pages; raises drgn.FaultError."""
    for node in _nodes(prog):
        for zone in node.node_zones:
            if zone.present_pages.value_():
                yield Zone(
                    node.node_id.value_(),
                    zone.name.string_().decode(),
                    zone.zone_start_pfn.value_(),
                    zone.spanned_pages.value_(),
                    zone.present_pages.value_(),
                    zone.managed_pages.counter.value_(),
                )


def _nodes(prog: Program) -> Iterator[Object]:
    try:
        yield prog["contig_page_data"]
    except KeyError:
        for node in prog["node_data"]:
            if node:
                yield node[0]


def find_physical(
    prog: Program,
    folios: Iterable[list[Item]],
    is_long: Callable[[Item], bool],
    fault: Callable[[Unreadable], None],
) -> Physical:
    """Zones and blocks of a program, with the pins of folios: see by_folio()."""
    from drgn import FaultError  # noqa: PLC0415

    memory = Physical(int(prog["PAGE_SIZE"].value_()), 0)
    try:
        memory.zones.extend(find_zones(prog))
    except FaultError as error:
        fault(Unreadable("zones", error.address))
    try:
        per_block = int(prog["sections_per_block"].value_())
        size = per_block << section_shift(prog)
    except (KeyError, FaultError):
        return memory
    numbers = _find_numbers(prog, size, fault)
    if not numbers:
        return memory
    memory.block_pages = size
    for number, online in sorted(numbers.items()):
        memory.blocks.append(MemoryBlock(number, number * size, size, online))
    add_pins(memory, folios, is_long)
    return memory


def _find_numbers(
    prog: Program, size: int, fault: Callable[[Unreadable], None]
) -> dict[int, bool]:
    """Numbers of all blocks of size pages, and whether each is online.

    If that cannot be read, all blocks that contain sections.
    """
    blocks = find_blocks(prog, fault)
    if blocks:
        return blocks
    return {
        number: True
        for first, pages in find_sections(prog, fault)
        for number in range(first // size, (first + pages - 1) // size + 1)
    }


def add_pins(
    memory: Physical, folios: Iterable[list[Item]], is_long: Callable[[Item], bool]
) -> None:
    """Add pinned pages to the blocks, by the items of each folio."""
    blocks = {block.number: block for block in memory.blocks}
    for items in folios:
        long = any(map(is_long, items))
        for block, pages in _parts(items[0], memory.block_pages, blocks):
            block.pinned += pages
            block.long += pages if long else 0


def _parts(
    item: Item, size: int, blocks: dict[int, MemoryBlock]
) -> Iterator[tuple[MemoryBlock, int]]:
    """The blocks that a folio is in, and how many of its pages are in each."""
    pfn, end = item.head, item.head + item.folio.pages
    while pfn < end:
        stop = min(end, (pfn // size + 1) * size)
        block = blocks.get(pfn // size)
        if block:
            yield block, stop - pfn
        pfn = stop
