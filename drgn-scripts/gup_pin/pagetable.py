# SPDX-License-Identifier: LGPL-2.1-or-later
"""Translates a user address.

drgn's follow_pfn() needs to translate the address of the page table itself, which
it cannot in a dump that has only physical addresses, such as QEMU's. On x86_64 the
tables are read here, by physical address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drgn import Object, Program

# Bits of an entry: _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_PSE; the mask of its address.
_PRESENT = 1 << 0
_PROT_NONE = 1 << 8
_LEAF = 1 << 7
_ADDRESS = (1 << 52) - (1 << 12)

_LEVEL_BITS = 9
_PAGE_SHIFT = 12


def find_pfn(mm: Object, addr: int) -> int | None:
    """The pfn that a user address of a struct mm_struct * is mapped to, or None.

    Raises drgn.FaultError if page tables are not in the dump.
    """
    from drgn import Architecture, FaultError  # noqa: PLC0415
    from drgn.helpers.linux.mm import follow_pfn  # noqa: PLC0415

    prog = mm.prog_
    if prog.platform is not None and prog.platform.arch == Architecture.X86_64:
        return _walk_x86_64(mm, addr)
    try:
        return int(follow_pfn(mm, addr).value_())
    except FaultError as error:
        # drgn reports an unmapped address in the same way.
        if error.address == addr:
            return None
        raise


def _levels(prog: Program) -> int:
    try:
        return 5 if prog["__pgtable_l5_enabled"].value_() else 4
    except KeyError:
        return 4


def _walk_x86_64(mm: Object, addr: int) -> int | None:
    from drgn.helpers.linux.mm import virt_to_phys  # noqa: PLC0415

    prog = mm.prog_
    table = int(virt_to_phys(prog, mm.pgd.value_()).value_())
    return walk(lambda at: int(prog.read_u64(at, True)), table, _levels(prog), addr)


def walk(read: Callable[[int], int], table: int, levels: int, addr: int) -> int | None:
    """The pfn of a user address, by x86_64 tables of that many levels, or None.

    table: physical address of the top one; read: the 64-bit word at such an address
    """
    for level in reversed(range(levels)):
        shift = _PAGE_SHIFT + level * _LEVEL_BITS
        index = addr >> shift & (1 << _LEVEL_BITS) - 1
        entry = read(table + 8 * index)
        if not entry & (_PRESENT | _PROT_NONE):
            return None
        table = _address(entry)
        if not level or entry & _LEAF:
            inside = addr & (1 << shift) - 1
            return (table & ~((1 << shift) - 1) | inside) >> _PAGE_SHIFT
    return None


def _address(entry: int) -> int:
    """The physical address in a present entry, as pte_pfn() has it.

    The address of an inaccessible page (PROT_NONE) is inverted, so that the CPU cannot
    speculate on cached data of the page.
    """
    if not entry & _PRESENT:
        entry = ~entry
    return entry & _ADDRESS
