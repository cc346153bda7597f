# SPDX-License-Identifier: LGPL-2.1-or-later
"""One page, and the processes that have it mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .folio import Folio
from .memmap import Counts
from .pagetable import find_pfn

if TYPE_CHECKING:
    from drgn import Object, Program

# The low bits of a folio's mapping: set if it is not a file's; both set for KSM.
_ANON = 1
_NO_FILE = 3


@dataclass(frozen=True, slots=True)
class Page:
    """A page and its folio.

    asked: the requested pfn; address: of its struct page; pfn: of the folio's head;
    mapcount: None if it could not be read
    """

    asked: int
    address: int
    pfn: int
    folio: Folio
    counts: Counts
    mapcount: int | None


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has a page mapped, at a user address."""

    tgid: int
    comm: bytes
    addr: int


class FlagNames:
    """The names of the bits in a folio's flags."""

    def __init__(self, prog: Program) -> None:
        """As in enum pageflags; the first of several names for a bit."""
        names: dict[int, str] = {}
        enumerators = prog.type("enum pageflags").enumerators or ()
        count = next(e.value for e in enumerators if e.name == "__NR_PAGEFLAGS")
        for entry in enumerators:
            if entry.name.startswith("PG_") and entry.value < count:
                name = entry.name.removeprefix("PG_").lower()
                names.setdefault(entry.value, name)
        self._names = names

    def text(self, flags: int) -> str:
        """The names of the bits that are set, with | between them."""
        return "|".join(name for bit, name in self._names.items() if flags >> bit & 1)


def mapcount_of(
    prog: Program, pfn: int, counts: Counts, fault: Callable[[Unreadable], None]
) -> int | None:
    """Page table entries that map the folio whose head is at pfn.

    None if it is not counted, or cannot be read, which is reported to fault.
    """
    from drgn import FaultError, cast  # noqa: PLC0415
    from drgn.helpers.linux.mm import pfn_to_page  # noqa: PLC0415

    if counts.pins is None:
        return counts.maps
    folio = cast("struct folio *", pfn_to_page(prog, pfn))
    try:
        return max(int(folio._large_mapcount.counter.value_()) + 1, 0)
    except AttributeError:
        return None
    except FaultError as error:
        fault(Unreadable("mapcount of a folio", error.address))
        return None


def find_processes(
    prog: Program, page: Page, page_shift: int, fault: Callable[[Unreadable], None]
) -> Iterator[Process]:
    """The processes that have a page mapped.

    Found by the folio's reverse map and their page tables. Processes whose memory is
    not in the dump are left out and reported to fault.
    """
    from drgn import FaultError  # noqa: PLC0415

    owners: dict[int, Object] | None = None
    try:
        for vma in _vmas(prog, page):
            addr = _mapped_at(vma, page, page_shift)
            if addr is None:
                continue
            if owners is None:
                owners = _owners(prog)
            task = owners.get(vma.vm_mm.value_())
            if task is not None:
                comm = task.comm.string_()
                yield Process(task.tgid.value_(), comm, addr)
    except FaultError as error:
        fault(Unreadable("mapping of a page", error.address))


def _vmas(prog: Program, page: Page) -> Iterator[Object]:
    """The areas that may map a page, found by the reverse map of its folio."""
    from drgn import Object  # noqa: PLC0415
    from drgn.helpers.linux.rbtree import (  # noqa: PLC0415
        rbtree_inorder_for_each_entry,
    )

    mapping = page.counts.mapping
    if not mapping or page.counts.tail:
        return
    if mapping & _NO_FILE == _ANON:
        anon = Object(prog, "struct anon_vma *", mapping - _ANON)
        chain, root = "struct anon_vma_chain", anon.rb_root.rb_root
        for link in rbtree_inorder_for_each_entry(chain, root.address_of_(), "rb"):
            yield link.vma
    elif not mapping & _NO_FILE:
        space = Object(prog, "struct address_space *", mapping)
        root = space.i_mmap.rb_root.address_of_()
        yield from rbtree_inorder_for_each_entry(
            "struct vm_area_struct", root, "shared.rb"
        )


def _mapped_at(vma: Object, page: Page, page_shift: int) -> int | None:
    """The address at which an area maps a page, or None; raises FaultError."""
    start, end = vma.vm_start.value_(), vma.vm_end.value_()
    place = page.folio.place or 0
    places = [place]
    if page.folio.map == "hugetlb" and page.folio.order is not None:
        # Older kernels count these in units of the huge page size.
        places.append(place << page.folio.order)
    first = _first_index(vma, page.counts.mapping & _NO_FILE == _ANON)
    for each in places:
        pages = each + page.asked - page.pfn - first
        addr = int(start + (pages << page_shift))
        if start <= addr < end and find_pfn(vma.vm_mm, addr) == page.asked:
            return addr
    return None


def _first_index(vma: Object, anon: bool) -> int:
    """The index of an area's first page in the reverse map.

    Newer kernels use another one for anonymous pages in a private mapping of a file,
    such as huge pages of mmap(MAP_HUGETLB).
    """
    if anon:
        with suppress(LookupError):
            low = vma.member_("__vm_anon_pgoff_lo").value_()
            return int(vma.member_("__vm_anon_pgoff_hi").value_() << 32 | low)
    return int(vma.vm_pgoff.value_())


def _owners(prog: Program) -> dict[int, Object]:
    """The first task of each address space, by the address of its mm."""
    from drgn.helpers.linux.pid import for_each_task  # noqa: PLC0415

    owners: dict[int, Object] = {}
    for task in for_each_task(prog):
        mm = task.mm.value_()
        if mm and (mm not in owners or task.pid.value_() == task.tgid.value_()):
            owners[mm] = task
    return owners
