# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_broken.py: pages that have records, one of each kind.

Knows nothing of drgn-scripts. Prints JSON: the physical address of each by the kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from drgn import Object, Program, cast, get_default_prog, reinterpret
from drgn.helpers.linux.mm import follow_phys
from drgn.helpers.linux.xarray import xa_for_each

PAGE = 4096


def chain(first: Object) -> Iterator[Object]:
    """An object and those that its member next leads to."""
    while first:
        yield first
        first = first.next


def in_slot(slot: Object) -> Iterator[tuple[str, Object]]:
    """What is behind a slot."""
    address = slot.value_()
    if not address & 1:
        yield "call", Object(slot.prog_, "struct gup_pin_call *", address)
        return
    pin_set = Object(slot.prog_, "struct gup_pin_set *", address - 1)
    yield "set", pin_set
    for refs in chain(pin_set.refs.next):
        yield "chunk", refs


def in_block(block: Object) -> Iterator[tuple[str, Object]]:
    """What belongs to a block."""
    yield "block", block
    for layer in chain(block.layer.next):
        yield "layer", layer
    if block.layer.mask:
        yield "origin", block.layer.call.origin
        yield "stack", stack(block.layer.call.origin.id.stack)
    slotted = block.slotted.value_()
    if slotted:
        yield "slots", block.slots
    for bit in range(64):
        if slotted >> bit & 1:
            yield from in_slot(block.slots[bit])


def stack(handle: Object) -> Object:
    """Where the stack depot has a stack."""
    parts = reinterpret("union handle_parts", handle)
    pool = handle.prog_["stack_pools"][parts.pool_index_plus_1 - 1]
    return pool + (parts.offset << 4)


def records(prog: Program) -> Iterator[tuple[str, Object]]:
    """Kind of records, and pointers to them."""
    for shard in prog["gup_pin_root"].index.shards:
        if shard.xa.xa_head.value_() & 3 == 2:
            yield "node", cast("char *", shard.xa.xa_head) - 2
        for _, entry in xa_for_each(shard.xa.address_of_()):
            block = cast("struct gup_pin_block *", entry)
            if block.used:
                yield from in_block(block)


def find(prog: Program) -> dict[str, int]:
    """The page of the first of each kind."""
    init_mm = prog["init_mm"].address_of_()
    found: dict[str, int] = {}
    for kind, record in records(prog):
        if kind not in found:
            address = record.value_()
            found[kind] = follow_phys(init_mm, address - address % PAGE).value_()
    return found


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog())))
