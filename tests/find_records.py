# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_broken.py: the places of live records and related structures.

Independent of drgn-scripts. Prints JSON: for each kind of record a list of physical
addresses of pages, ascending, each of which has a whole record that pins depend on. Some
kinds are not tracking's own: the struct page of a pinned page, and the task that pinned
it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from drgn import Object, Program, cast, get_default_prog, offsetof, reinterpret, sizeof
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.mm import follow_phys, pfn_to_page
from drgn.helpers.linux.pid import find_task
from drgn.helpers.linux.xarray import xa_for_each

PAGE = 4096
# Pages of a block.
BLOCK = 64

# Kind of record, its address, its size.
Record = tuple[str, int, int]


def whole(kind: str, record: Object) -> Record:
    """The target of a pointer."""
    return kind, record.value_(), sizeof(record[0])


def stack(handle: Object) -> Record:
    """The place of a stack in the stack depot."""
    parts = reinterpret("union handle_parts", handle)
    pool = handle.prog_["stack_pools"][parts.pool_index_plus_1 - 1]
    record = cast("struct stack_record *", pool + (parts.offset << 4))
    frames = offsetof(handle.prog_.type("struct stack_record"), "entries")
    return "stack", record.value_(), frames + record.size.value_() * sizeof(record.entries[0])


def behind(record: Object) -> Iterator[Record]:
    """The structures that a record points to."""
    origin = record.origin
    yield whole("origin", origin)
    yield stack(origin.id.stack)
    task = find_task(record.prog_, origin.id.pid.value_())
    if task:
        yield "task", task.pid.address_of_().value_(), sizeof(task.pid)


def pages(block: Object, record: Object) -> Iterator[Record]:
    """The struct pages of the pinned pages."""
    for bit in range(BLOCK):
        if record.mask.value_() >> bit & 1:
            yield whole("page", pfn_to_page(block.prog_, block.nr * BLOCK + bit))


def in_block(block: Object) -> Iterator[Record]:
    """The structures of a block; none if it has no pins, as one that is kept for the next."""
    head = block.first.list.address_of_()
    first = [block.first] if block.first.mask else []
    others = [r for r in list_for_each_entry("struct gup_pin_record", head, "list") if r.mask]
    if first or others:
        yield whole("block", block)
    for record in others:
        yield whole("record", record)
    for record in (*first, *others):
        yield from behind(record)
        yield from pages(block, record)


def records(prog: Program) -> Iterator[Record]:
    """All structures."""
    for shard in prog["gup_pin_root"].index.shards:
        entries = xa_for_each(shard.xa.address_of_())
        blocks = [cast("struct gup_pin_block *", entry) for _, entry in entries]
        found = [record for block in blocks for record in in_block(block)]
        yield from found
        if found and shard.xa.xa_head.value_() & 3 == 2:
            yield "node", shard.xa.xa_head.value_() - 2, sizeof(prog.type("struct xa_node"))


def find(prog: Program) -> dict[str, list[int]]:
    """The pages of each kind."""
    init_mm = prog["init_mm"].address_of_()
    found: defaultdict[str, set[int]] = defaultdict(set)
    for kind, address, size in records(prog):
        # If it begins in another page, the loss of this one may go unnoticed.
        if address % PAGE + size <= PAGE:
            found[kind].add(address - address % PAGE)
    return {
        kind: sorted(follow_phys(init_mm, page).value_() for page in pages)
        for kind, pages in found.items()
    }


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog())))
