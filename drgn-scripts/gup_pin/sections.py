# SPDX-License-Identifier: LGPL-2.1-or-later
"""The memory that has struct pages, and the memory blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable

if TYPE_CHECKING:
    from drgn import Object, Program

# The value of x86_64, if the dump does not have it.
_SECTION_BITS = 27

# SECTION_MARKED_PRESENT; SECTION_IS_ONLINE in kernels where it is a macro.
_PRESENT = 1
_ONLINE = 1 << 2

# SUBSECTION_SHIFT
_SUBSECTION_BITS = 21


@dataclass(frozen=True, slots=True)
class Section:
    """A present section.

    parts: a bit for each part of 2 MiB that has struct pages, if it is not online;
    None if all have
    """

    number: int
    online: bool
    parts: int | None = None


@dataclass(frozen=True)
class Sizes:
    """Pages in a section and in a part of it; sections in a memory block."""

    section: int
    part: int
    per_block: int


def ranges(
    sections: Iterable[Section], sizes: Sizes, blocks: Container[int]
) -> Iterator[tuple[int, int]]:
    """First pfn and length of all ranges whose struct pages are valid.

    Blocks are the numbers of memory blocks, which only RAM has. The struct pages of
    RAM that was plugged in, but not onlined, are not initialised; a device's memory is
    never online.
    """
    for section in sections:
        first = section.number * sizes.section
        if section.online:
            yield first, sizes.section
        elif section.number // sizes.per_block not in blocks:
            yield from _parts(section, first, sizes)


def _parts(section: Section, first: int, sizes: Sizes) -> Iterator[tuple[int, int]]:
    if section.parts is None:
        yield first, sizes.section
        return
    for i in range(sizes.section // sizes.part):
        if section.parts >> i & 1:
            yield first + i * sizes.part, sizes.part


def find_sections(
    prog: Program, fault: Callable[[Unreadable], None]
) -> list[tuple[int, int]]:
    """First pfn and length of all ranges that have struct pages.

    With sparse memory these are in its sections, otherwise all pfns up to max_pfn.
    """
    from drgn import FaultError  # noqa: PLC0415

    try:
        return list(ranges(_sections(prog), _sizes(prog), find_blocks(prog, fault)))
    except FaultError as error:
        fault(Unreadable("mem_section", error.address))
    except LookupError:
        pass
    try:
        return [(0, int(prog["max_pfn"].value_()))]
    except FaultError as error:
        fault(Unreadable("max_pfn", error.address))
        return []


def section_shift(prog: Program) -> int:
    """Binary logarithm of the pages of a section; raises LookupError, FaultError."""
    info = prog["VMCOREINFO"].string_().decode(errors="replace")
    found = re.search(r"^NUMBER\(SECTION_SIZE_BITS\)=(\d+)$", info, re.MULTILINE)
    bits = int(found[1]) if found else _SECTION_BITS
    return bits - int(prog["PAGE_SHIFT"].value_())


def _sizes(prog: Program) -> Sizes:
    try:
        per_block = int(prog["sections_per_block"].value_())
    except KeyError:
        # Without hotplug there are no blocks.
        per_block = 1
    part = 1 << _SUBSECTION_BITS - int(prog["PAGE_SHIFT"].value_())
    return Sizes(1 << section_shift(prog), part, per_block)


def _sections(prog: Program) -> Iterator[Section]:
    from drgn import TypeKind, sizeof  # noqa: PLC0415

    table = prog["mem_section"]
    extreme = table.type_.kind == TypeKind.POINTER
    page_size = 1 << int(prog["PAGE_SHIFT"].value_())
    roots = page_size // sizeof(prog.type("struct mem_section")) if extreme else 1
    online = _online(prog)
    for number in range(int(prog["__highest_present_section_nr"].value_()) + 1):
        root = table[number // roots]
        if extreme and not root:
            continue
        section = root[number % roots]
        flags = section.section_mem_map.value_()
        if flags & online:
            yield Section(number, True)
        elif flags & _PRESENT:
            yield Section(number, False, _map(section))


def _online(prog: Program) -> int:
    """The bit that marks a section as online."""
    try:
        return 1 << int(prog.constant("SECTION_IS_ONLINE_BIT").value_())
    except LookupError:
        return _ONLINE


def _map(section: Object) -> int | None:
    """The parts of a section that have struct pages; None if the kernel has no map."""
    if not section.usage:
        return 0
    try:
        words = section.usage.member_("subsection_map")
    except LookupError:
        return None
    return sum(int(word.value_()) << 64 * i for i, word in enumerate(words))


def find_blocks(prog: Program, fault: Callable[[Unreadable], None]) -> dict[int, bool]:
    """Numbers of all memory blocks, and whether each is online; none if unknown."""
    from drgn import FaultError, cast  # noqa: PLC0415
    from drgn.helpers.linux.xarray import xa_for_each  # noqa: PLC0415

    try:
        online = int(prog.constant("MEM_ONLINE").value_())
    except LookupError:
        # In kernels where it is a macro.
        online = 1
    found = {}
    try:
        for number, entry in xa_for_each(prog["memory_blocks"].address_of_()):
            block = cast("struct memory_block *", entry)
            found[int(number)] = block.state.value_() == online
    except LookupError:
        return {}
    except FaultError as error:
        fault(Unreadable("memory blocks", error.address))
        return {}
    return found
