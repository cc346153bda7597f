# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_broken.py: where there are live records, and what goes with them.

Knows nothing of drgn-scripts. Prints JSON: by the kind of record a list of physical
addresses of pages, ascending, each of which has a whole record that pins depend on. Kinds
that are not tracking's own: the struct page of a folio that is pinned, and the task that
has pinned it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from drgn import Object, Program, cast, get_default_prog, offsetof, reinterpret, sizeof
from drgn.helpers.linux.mm import follow_phys, pfn_to_page
from drgn.helpers.linux.pid import find_task
from drgn.helpers.linux.xarray import xa_for_each

PAGE = 4096
# The index: pages of a block, blocks of neighbours in shards.
BLOCK, SHARDS = 64, 256

# Kind of record, its address, its size.
Record = tuple[str, int, int]


def whole(kind: str, record: Object) -> Record:
    """One that a pointer leads to."""
    return kind, record.value_(), sizeof(record[0])


def chain(first: Object) -> Iterator[Object]:
    """An object and those that its member next leads to."""
    while first:
        yield first
        first = first.next


def in_slot(slot: Object) -> Iterator[Record]:
    """What is behind a slot."""
    address = slot.value_()
    if not address & 1:
        yield whole("call", Object(slot.prog_, "struct gup_pin_call *", address))
        return
    pin_set = Object(slot.prog_, "struct gup_pin_set *", address - 1)
    yield whole("set", pin_set)
    for refs in chain(pin_set.refs.next):
        yield "chunk", refs.value_(), sizeof(refs[0]) + refs.cap.value_() * sizeof(refs.ref[0])


def stack(handle: Object) -> Record:
    """Where the stack depot has a stack."""
    parts = reinterpret("union handle_parts", handle)
    pool = handle.prog_["stack_pools"][parts.pool_index_plus_1 - 1]
    record = cast("struct stack_record *", pool + (parts.offset << 4))
    frames = offsetof(handle.prog_.type("struct stack_record"), "entries")
    return "stack", record.value_(), frames + record.size.value_() * sizeof(record.entries[0])


def in_block(block: Object) -> Iterator[Record]:
    """What belongs to a block."""
    yield whole("block", block)
    for layer in chain(block.layer.next):
        yield whole("layer", layer)
    if block.layer.mask:
        origin = block.layer.call.origin
        yield whole("origin", origin)
        yield stack(origin.id.stack)
        task = find_task(block.prog_, origin.id.pid.value_())
        if task:
            yield "task", task.pid.address_of_().value_(), sizeof(task.pid)
    slotted = block.slotted.value_()
    if slotted:
        yield "slots", block.slots.value_(), BLOCK * sizeof(block.slots[0])
    for bit in range(BLOCK):
        if slotted >> bit & 1:
            yield from in_slot(block.slots[bit])


def records(prog: Program) -> Iterator[Record]:
    """All of them."""
    for turn, shard in enumerate(prog["gup_pin_root"].index.shards):
        pinned = False
        for key, entry in xa_for_each(shard.xa.address_of_()):
            block = cast("struct gup_pin_block *", entry)
            if not block.used:
                continue
            pinned = True
            yield from in_block(block)
            first = (key * SHARDS + turn) * BLOCK
            for bit in range(BLOCK):
                if block.used.value_() >> bit & 1:
                    yield whole("page", pfn_to_page(prog, first + bit))
        # A node may lead to blocks that are kept though they are empty, and to no others.
        if pinned and shard.xa.xa_head.value_() & 3 == 2:
            yield "node", shard.xa.xa_head.value_() - 2, sizeof(prog.type("struct xa_node"))


def find(prog: Program) -> dict[str, list[int]]:
    """The pages of each kind."""
    init_mm = prog["init_mm"].address_of_()
    found: defaultdict[str, set[int]] = defaultdict(set)
    for kind, address, size in records(prog):
        # Of one that begins in another page, the loss of this one may go unnoticed.
        if address % PAGE + size <= PAGE:
            found[kind].add(address - address % PAGE)
    return {
        kind: sorted(follow_phys(init_mm, page).value_() for page in pages)
        for kind, pages in found.items()
    }


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog())))
