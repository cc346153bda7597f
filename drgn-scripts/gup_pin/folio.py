# SPDX-License-Identifier: LGPL-2.1-or-later
"""Describes a pinned folio: mirrors mm/gup_pin/record/folio.c."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Unreadable
from .memmap import Memmap
from .memory import (
    Memory,
    Record,
    find_offset,
    find_record,
    is_struct,
)
from .paths import PathReader
from .words import escape

if TYPE_CHECKING:
    from drgn import Program

# FOLIO_MAPPING_ANON; set also with the bit above it: not a file's mapping.
_ANON = 1
_NO_FILE = 3

# Device, inode number and path of a file; None: could not be read.
File = tuple[int | None, int | None, str | None]

# For a folio without a file.
NO_FILE: File = (0, 0, "")
UNKNOWN_FILE: File = (None, None, None)

# A huge page of 1 GiB: no folio is larger.
ORDER_MAX = 18

# The byte of page_type that holds the type.
_TYPE_SHIFT = 24


@dataclass(frozen=True, slots=True)
class Folio:
    """What a line says about a folio; None is what could not be read."""

    map: str | None
    order: int | None
    dev: int | None
    ino: int | None
    index: int | None
    # Its index in its mapping of any kind, from which its address follows;
    # None if the page is not part of a folio.
    place: int | None
    # A path of its file, as in a line; empty if it has none.
    path: str | None = ""

    @property
    def pages(self) -> int:
        """How many pages it has: at least one, if that could not be read."""
        return 1 << (self.order or 0)


# What the kernel says about a pfn that is not a folio's head.
NO_FOLIO = Folio("device", 0, 0, 0, 0, None)

# Only in these scripts: its struct page is not in the dump.
UNKNOWN_FOLIO = Folio(None, None, None, None, None, None, None)


@dataclass(frozen=True)
class Zones:
    """Where a page's flags hold the number of its zone."""

    shift: int
    mask: int
    device: int

    def is_device(self, flags: int) -> bool:
        """Whether a page is in ZONE_DEVICE."""
        return flags >> self.shift & self.mask == self.device


@dataclass(frozen=True)
class Layouts:
    """Where the kernel keeps what describes a folio.

    The members of folio: flags, mapping, index, page_type, the word that marks a
    tail page, and the device memory that it belongs to.
    """

    folio: Record
    order: Record
    order_at: int
    host: Record
    inode: Record
    dev: Record
    pgmap_type: Record | None
    zones: Zones | None
    head: int
    lru: int
    swapbacked: int
    uptodate: int
    hugetlb: int
    dax_types: frozenset[int]


def _constant(prog: Program, name: str) -> int | None:
    """An enumerator; None if the kernel does not have it."""
    try:
        return int(prog.constant(name).value_())
    except LookupError:
        return None


def _bit(prog: Program, name: str) -> int:
    return 1 << int(prog.constant(name).value_())


def zone_field(zones: int, nodes: int) -> tuple[int, int]:
    """Shift and mask of the zone's number in a page's flags.

    These are only macros in the kernel: see include/linux/page-flags-layout.h.
    From the top, the flags contain the section (except with a virtual memmap, the
    only kind that drgn knows), the node, and the zone.
    """
    width = (zones - 1).bit_length()
    return 64 - (nodes - 1).bit_length() - width, (1 << width) - 1


def _find_zones(prog: Program) -> Zones | None:
    """How flags mark a ZONE_DEVICE page; None in a kernel without that zone."""
    device = _constant(prog, "ZONE_DEVICE")
    count = _constant(prog, "__MAX_NR_ZONES")
    if device is None or count is None:
        return None
    try:
        nodes = prog["node_data"].type_.length or 1
    except KeyError:
        nodes = 1
    return Zones(*zone_field(count, nodes), device)


def find_layouts(prog: Program) -> Layouts:
    """The layouts in a program; raises LookupError."""
    page, folio = prog.type("struct page"), prog.type("struct folio")
    tail = next(n for n in ("compound_info", "compound_head") if page.has_member(n))
    members = [
        # memdesc_flags_t, if it exists, wraps them
        "flags.f" if is_struct(folio.member("flags").type) else "flags",
        "mapping",
        "index",
        "page.page_type",
        f"page.{tail}",
        "pgmap" if folio.has_member("pgmap") else "page.pgmap",
    ]
    described = find_record(prog, "struct folio", members)
    try:
        pgmap_type = find_record(prog, "struct dev_pagemap", ["type"])
    except LookupError:
        pgmap_type = None
    dax = ("MEMORY_DEVICE_FS_DAX", "MEMORY_DEVICE_GENERIC")
    return Layouts(
        folio=described,
        order=find_record(prog, "struct folio", ["_flags_1"]),
        order_at=find_offset(prog, "struct folio", "_flags_1"),
        host=find_record(prog, "struct address_space", ["host", "a_ops"]),
        inode=find_record(prog, "struct inode", ["i_ino", "i_sb"]),
        dev=find_record(prog, "struct super_block", ["s_dev"]),
        pgmap_type=pgmap_type,
        zones=_find_zones(prog),
        head=_bit(prog, "PG_head"),
        lru=_bit(prog, "PG_lru"),
        swapbacked=_bit(prog, "PG_swapbacked"),
        uptodate=_bit(prog, "PG_uptodate"),
        hugetlb=int(prog.constant("PGTY_hugetlb").value_()),
        dax_types=frozenset(
            value for name in dax if (value := _constant(prog, name)) is not None
        ),
    )


class FolioReader:
    """Describes folios of one program."""

    ORDER = "order of a folio"

    def __init__(
        self,
        memory: Memory,
        layouts: Layouts,
        pages: Memmap,
        fault: Callable[[Unreadable], None],
        paths: PathReader | None = None,
        live: bool = False,
    ) -> None:
        """Read from memory, which has pages.

        Without paths, no folio has a path. Live: the memory changes during the walk.
        """
        self._memory = memory
        self._layouts = layouts
        self._pages = pages
        self._fault = fault
        self._paths = paths
        self._live = live
        self._files: dict[int, File] = {}

    def of_page(self, pfn: int) -> tuple[int, Folio]:
        """The folio that contains a page, and the pfn of its head.

        The page itself if that is unknown or damaged.
        """
        if self._live:
            # A file may be freed or renamed, and its mapping reused.
            self._files.clear()
        try:
            head = self._pages.head(pfn)
            folio = self._describe(head)
        except Unreadable as error:
            self._fault(error)
            return pfn, UNKNOWN_FOLIO
        inside = folio.order is None or head <= pfn < head + folio.pages
        if inside and folio is not NO_FOLIO:
            return head, folio
        return pfn, NO_FOLIO

    def _describe(self, pfn: int) -> Folio:
        """The folio whose head is at a pfn; raises Unreadable."""
        layouts, address = self._layouts, self._pages.address(pfn)
        data = self._memory.read(address, self._pages.size, self._pages.PAGE)
        flags, mapping, index, page_type, tail, pgmap = layouts.folio.unpack(data)
        if tail & 1:
            return NO_FOLIO
        order = self._order(address) if flags & layouts.head else 0
        kind = self._map(flags, mapping, page_type, pgmap)
        if kind is None:
            return Folio(None, order, None, None, None, index, None)
        if kind in ("anon", "device") or mapping & _ANON:
            return Folio(kind, order, 0, 0, 0, index)
        dev, ino, path = NO_FILE if mapping & _NO_FILE else self._file(mapping)
        return Folio(kind, order, dev, ino, index, index, path)

    def _order(self, address: int) -> int | None:
        """The order of a large folio; None, with a fault, if it cannot be read."""
        layouts = self._layouts
        address += layouts.order_at
        try:
            data = self._memory.read(address, 8, self._pages.PAGE)
        except Unreadable as error:
            self._fault(error)
            return None
        order = layouts.order.unpack(bytes(layouts.order_at) + data)[0] & 0xFF
        if order > ORDER_MAX:
            self._fault(Unreadable(self.ORDER, address, "is invalid"))
            return None
        return order

    def _map(self, flags: int, mapping: int, page_type: int, pgmap: int) -> str | None:
        layouts = self._layouts
        if layouts.zones and layouts.zones.is_device(flags):
            return self._device_map(pgmap)
        if page_type >> _TYPE_SHIFT == layouts.hugetlb:
            return "hugetlb"
        if mapping & _ANON:
            return "anon"
        if flags & layouts.swapbacked:
            return "shmem"
        # A truncated folio has no mapping, but still looks like page cache.
        is_file = mapping and not mapping & _NO_FILE
        if is_file or flags & (layouts.uptodate | layouts.lru):
            return "file"
        # Kernel memory mapped by a driver.
        return "device"

    def _device_map(self, pgmap: int) -> str | None:
        """The kind of device memory; None, with a fault, if it cannot be read."""
        layouts = self._layouts
        if layouts.pgmap_type is None:
            return "device"
        try:
            (kind,) = layouts.pgmap_type.read(self._memory, pgmap)
        except Unreadable as error:
            self._fault(error)
            return None
        return "dax" if kind in layouts.dax_types else "device"

    def _file(self, mapping: int) -> File:
        """A mapping's file, if it has one; unknown, with a fault, if unreadable."""
        if not mapping:
            return NO_FILE
        known = self._files.get(mapping)
        if known is None:
            try:
                known = self._read_file(mapping)
            except Unreadable as error:
                self._fault(error)
                known = UNKNOWN_FILE
            self._files[mapping] = known
        return known

    def _read_file(self, mapping: int) -> File:
        layouts = self._layouts
        host, operations = layouts.host.read(self._memory, mapping)
        # Every mapping has operations, even empty ones; every inode has a file system.
        if not operations:
            raise Unreadable(layouts.host.name, mapping, "is invalid")
        if not host:
            return NO_FILE
        ino, sb = layouts.inode.read(self._memory, host)
        if not sb:
            raise Unreadable(layouts.inode.name, host, "is invalid")
        (dev,) = layouts.dev.read(self._memory, sb)
        return dev, ino, self._path(host) if ino else ""

    def _path(self, inode: int) -> str | None:
        """A path of an inode; None, with a fault, if it cannot be read."""
        if self._paths is None:
            return ""
        try:
            return escape(self._paths.path(inode))
        except Unreadable as error:
            self._fault(error)
            return None
