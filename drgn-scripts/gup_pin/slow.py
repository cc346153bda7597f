# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same pins, read by plain drgn objects: slow, and easy to verify.

An object for every member takes a hundred times as long as blocks.py, records.py and
folio.py. Tests compare the two; and it shows how the structures are linked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .folio import Folio, zone_field
from .pin import Item
from .records import Origin
from .words import escape

if TYPE_CHECKING:
    from drgn import Object, Program

# GUP_PIN_BLOCK_SHIFT, GUP_PIN_RECORD_ADDR, GUP_PIN_RECORD_FOLIO, GUP_PIN_NAME_MAX
_BLOCK_PAGES = 64
_ADDR = 1
_FOLIO = 2
_NAME_MAX = 256

_WORD = (1 << 64) - 1

# The most certain first.
_MATCHES = ("exact", "alike", "inferred")


def for_each_item(prog: Program) -> Iterator[Item]:
    """The same as GupPinState.for_each_item(); raises drgn.FaultError."""
    blocks = sorted(_blocks(prog), key=lambda block: int(block.nr.value_()))
    for block in blocks:
        for record in _records(block):
            yield from _items(block, record)


def _blocks(prog: Program) -> Iterator[Object]:
    from drgn import cast  # noqa: PLC0415
    from drgn.helpers.linux.xarray import xa_for_each  # noqa: PLC0415

    for shard in prog["gup_pin_root"].index.shards:
        for _, entry in xa_for_each(shard.xa.address_of_()):
            yield cast("struct gup_pin_block *", entry)


def _records(block: Object) -> Iterator[Object]:
    """The records with pins; the first is the head of the list."""
    from drgn.helpers.linux.list import list_for_each_entry  # noqa: PLC0415

    first = block.first
    kind = "struct gup_pin_record"
    if first.mask:
        yield first.address_of_()
    for record in list_for_each_entry(kind, first.list.address_of_(), "list"):
        if record.mask:
            yield record


def _items(block: Object, record: Object) -> Iterator[Item]:
    """Page by page: adjacent pages of a folio belong to one item."""
    item, pages = None, 0
    for bit in range(_BLOCK_PAGES):
        if not record.mask.value_() >> bit & 1:
            continue
        page = _page(block, record, bit)
        if item is None or (item.head, item.pfn + pages) != (page.head, page.pfn):
            if item:
                yield item
            item, pages = page, page.pages or 0
        else:
            match = max(item.match, page.match, key=_MATCHES.index)
            pins, pages = item.pins + page.pins, pages + (page.pages or 0)
            item = replace(item, pins=pins, pages=pages, match=match)
    if item:
        yield item


def _page(block: Object, record: Object, bit: int) -> Item:
    """A record's pins on a page."""
    from drgn.helpers.linux.mm import (  # noqa: PLC0415
        compound_head,
        page_to_pfn,
        pfn_to_page,
    )

    prog = block.prog_
    pfn = block.nr.value_() * _BLOCK_PAGES + bit
    head = page_to_pfn(compound_head(pfn_to_page(prog, pfn))).value_()
    folio = describe(prog, head)
    if folio.ino:
        folio = replace(folio, index=(folio.index or 0) + pfn - head)
    addr, flags = 0, record.flags.value_()
    if flags & _ADDR:
        index = (folio.place or 0) + pfn - head
        addr = record.base.value_() + (index << prog["PAGE_SHIFT"].value_()) & _WORD
    match = "exact"
    if block.guessed.value_() >> bit & 1:
        match = "inferred"
    elif block.alike.value_() >> bit & 1:
        match = "alike"
    return Item(
        pfn,
        head,
        folio.pages if flags & _FOLIO else 1,
        record.pins.value_(),
        _origin(record.origin.id),
        record.time.value_(),
        addr,
        match,
        folio,
    )


def _origin(ident: Object) -> Origin:
    return Origin(
        ident.stack.value_(),
        ident.mode.value_(),
        ident.term.value_(),
        ident.api.value_(),
        ident.tgid.value_(),
        ident.pid.value_(),
        ident.owner.value_(),
        ident.comm.string_(),
    )


def describe(prog: Program, pfn: int) -> Folio:
    """The same as FolioReader, for a folio's head; raises drgn.FaultError."""
    from drgn import cast  # noqa: PLC0415
    from drgn.helpers.linux.mm import pfn_to_page  # noqa: PLC0415

    folio = cast("struct folio *", pfn_to_page(prog, pfn))
    kind = _map(folio)
    head = _flags(folio) >> prog.constant("PG_head").value_() & 1
    order = folio._flags_1.value_() & 0xFF if head else 0
    index, mapping = folio.index.value_(), folio.mapping.value_()
    if kind in ("anon", "device") or mapping & 1:
        return Folio(kind, order, 0, 0, 0, index)
    dev, ino, path = _file(folio) if mapping and not mapping & 3 else (0, 0, "")
    return Folio(kind, order, dev, ino, index, index, path)


def _flags(folio: Object) -> int:
    flags = folio.flags
    return int((flags.f if hasattr(flags, "f") else flags).value_())


def _map(folio: Object) -> str:
    prog = folio.prog_

    def has(flag: str) -> bool:
        return bool(_flags(folio) >> prog.constant(flag).value_() & 1)

    device = _device_map(folio)
    if device:
        return device
    mapping = folio.mapping.value_()
    if folio.page.page_type.value_() >> 24 == prog.constant("PGTY_hugetlb").value_():
        return "hugetlb"
    if mapping & 1:
        return "anon"
    if has("PG_swapbacked"):
        return "shmem"
    if (mapping and not mapping & 3) or has("PG_uptodate") or has("PG_lru"):
        return "file"
    return "device"


def _device_map(folio: Object) -> str | None:
    """The kind of a folio in ZONE_DEVICE; None for other folios."""
    prog = folio.prog_
    try:
        zone = prog.constant("ZONE_DEVICE").value_()
    except LookupError:
        return None
    nodes = prog["node_data"].type_.length if "node_data" in prog else 1
    shift, mask = zone_field(prog.constant("__MAX_NR_ZONES").value_(), nodes or 1)
    if _flags(folio) >> shift & mask != zone:
        return None
    pgmap = folio.pgmap if hasattr(folio, "pgmap") else folio.page.pgmap
    kinds = ("MEMORY_DEVICE_FS_DAX", "MEMORY_DEVICE_GENERIC")
    dax = pgmap.type.value_() in [prog.constant(kind).value_() for kind in kinds]
    return "dax" if dax else "device"


def _file(folio: Object) -> tuple[int, int, str]:
    inode = folio.mapping.host
    if not inode or not inode.i_sb:
        return 0, 0, ""
    ino = inode.i_ino.value_()
    path = _path(inode) if ino else b""
    return inode.i_sb.s_dev.value_(), ino, escape(path)


def _path(inode: Object) -> bytes:
    from drgn import container_of  # noqa: PLC0415

    node = inode.i_dentry.first
    if not node:
        return b""
    dentry_type = inode.prog_.type("struct dentry")
    member = "d_alias" if dentry_type.has_member("d_alias") else "d_u.d_alias"
    dentry = container_of(node, "struct dentry", member)
    path = b""
    while True:
        parent, name = dentry.d_parent, dentry.d_name.name.string_()
        if parent == dentry and name == b"/":
            break
        path = b"/" + name + path
        if parent == dentry or len(path) >= _NAME_MAX:
            break
        dentry = parent
    return path[-(_NAME_MAX - 1) :]
