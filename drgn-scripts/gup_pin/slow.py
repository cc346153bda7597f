# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same pins, by plain drgn objects: slow, and easy to believe.

An object for every member takes a hundred times as long as what blocks.py, records.py
and folio.py do. Tests compare the two; and it shows how the structures hang together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .folio import NO_FOLIO, Folio, zone_field
from .records import Call, Origin
from .runs import Item
from .words import escape

if TYPE_CHECKING:
    from drgn import Object, Program

# GUP_PIN_BLOCK_SHIFT, GUP_PIN_CALL_OWN, GUP_PIN_SLOT_SET, GUP_PIN_NAME_MAX
_BLOCK_PFNS = 64
_CALL_OWN = 1 << 31
_SLOT_SET = 1
_NAME_MAX = 256


def for_each_item(prog: Program) -> Iterator[Item]:
    """What GupPinState.for_each_item() gives; raises drgn.FaultError."""
    blocks = sorted(_blocks(prog), key=lambda block: int(block.nr.value_()))
    for block in blocks:
        yield from _block(block)


def _blocks(prog: Program) -> Iterator[Object]:
    from drgn import cast  # noqa: PLC0415
    from drgn.helpers.linux.xarray import xa_for_each  # noqa: PLC0415

    for shard in prog["gup_pin_root"].index.shards:
        for _, entry in xa_for_each(shard.xa.address_of_()):
            yield cast("struct gup_pin_block *", entry)


def _chain(first: Object) -> Iterator[Object]:
    """An object and those that its member next leads to."""
    while first:
        yield first
        first = first.next


def _block(block: Object) -> Iterator[Item]:
    prog = block.prog_
    used = block.used.value_()
    for bit in range(_BLOCK_PFNS):
        if not used >> bit & 1:
            continue
        pfn = block.nr.value_() * _BLOCK_PFNS + bit
        folio = describe(prog, pfn)
        inferred = bool(block.inferred.value_() >> bit & 1)
        for pointer, pins in _refs(block, bit):
            call = _call(pointer)
            addr = call.folio_addr(folio.place, prog["PAGE_SHIFT"].value_())
            yield Item(pfn, call, addr, pins, inferred, folio)


def _refs(block: Object, bit: int) -> Iterator[tuple[Object, int]]:
    """The calls that have pins on a folio, and how many: layers, then its slot."""
    from drgn import Object  # noqa: PLC0415

    for layer in _chain(block.layer.address_of_()):
        if layer.mask.value_() >> bit & 1:
            yield layer.call, layer.pins.value_()
    if not block.slotted.value_() >> bit & 1:
        return
    slot = block.slots[bit].value_()
    if not slot & _SLOT_SET:
        yield Object(block.prog_, "struct gup_pin_call *", slot), 1
        return
    pin_set = Object(block.prog_, "struct gup_pin_set *", slot - _SLOT_SET)
    for refs in _chain(pin_set.refs.address_of_()):
        for i in range(refs.nr.value_()):
            yield refs.ref[i].call, refs.ref[i].pins.value_()


def _call(call: Object) -> Call:
    ident = call.origin.id
    origin = Origin(
        ident.stack.value_(),
        ident.mode.value_(),
        ident.term.value_(),
        ident.api.value_(),
        ident.tgid.value_(),
        ident.pid.value_(),
        ident.owner.value_(),
        ident.comm.string_(),
    )
    npages = call.npages.value_() & ~_CALL_OWN
    time, addr = call.time.value_(), call.addr.value_()
    return Call(call.value_(), origin, time, addr, call.index.value_(), npages)


def describe(prog: Program, pfn: int) -> Folio:
    """What FolioReader says of a folio; raises drgn.FaultError."""
    from drgn import cast  # noqa: PLC0415
    from drgn.helpers.linux.mm import compound_head, pfn_to_page  # noqa: PLC0415

    page = pfn_to_page(prog, pfn)
    if compound_head(page) != page:
        return NO_FOLIO
    folio = cast("struct folio *", page)
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
    """The kind of a folio in ZONE_DEVICE; None if it is in none such."""
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
