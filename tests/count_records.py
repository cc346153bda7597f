# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for dumps.py: which kinds of records are there, and how many.

Knows nothing of drgn-scripts and is slow: an object for everything. Prints JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from drgn import Object, Program, cast, get_default_prog
from drgn.helpers.linux.xarray import xa_for_each


def chain(first: Object) -> Iterator[Object]:
    """An object and those that its member next leads to."""
    while first:
        yield first
        first = first.next


def count_layers(block: Object, found: Counter[str]) -> int:
    """Count its layers; returns which folios these are on."""
    seen = 0
    for layer in chain(block.layer.address_of_()):
        mask, pins = layer.mask.value_(), layer.pins.value_()
        if not mask:
            found["unused layers"] += 1
            continue
        found["pins"] += pins * mask.bit_count()
        found["layers"] += 1
        found["layers of many folios"] += mask.bit_count() > 8
        found["layers of many pins"] += pins > 1
        found["layers over each other"] += bool(mask & seen)
        seen |= mask
    return seen


def count_slot(slot: Object, found: Counter[str]) -> None:
    """Count what a slot is."""
    address = slot.value_()
    if not address & 1:
        found["slots that are calls"] += 1
        found["pins"] += 1
        return
    found["slots that are sets"] += 1
    pin_set = Object(slot.prog_, "struct gup_pin_set *", address - 1)
    for refs in chain(pin_set.refs.address_of_()):
        found["chunks of refs"] += 1
        for i in range(refs.nr.value_()):
            found["refs of many pins"] += refs.ref[i].pins.value_() > 1
            found["pins"] += refs.ref[i].pins.value_()


def count(prog: Program) -> Counter[str]:
    """Count everything."""
    found: Counter[str] = Counter()
    for shard in prog["gup_pin_root"].index.shards:
        for _, entry in xa_for_each(shard.xa.address_of_()):
            block = cast("struct gup_pin_block *", entry)
            if not block.used:
                found["empty blocks"] += 1
                continue
            layered = count_layers(block, found)
            slotted = block.slotted.value_()
            found["folios with both"] += (layered & slotted).bit_count()
            for bit in range(64):
                if slotted >> bit & 1:
                    count_slot(block.slots[bit], found)
    return found


if __name__ == "__main__":
    print(json.dumps(count(get_default_prog())))
