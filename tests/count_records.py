# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for dumps.py: counts the records of each kind.

Independent of drgn-scripts, and slow: an object for everything. Prints JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from drgn import Object, Program, cast, get_default_prog
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.xarray import xa_for_each

# GUP_PIN_RECORD_ADDR, GUP_PIN_RECORD_FOLIO
ADDR, FOLIO = 1, 2


def others(block: Object) -> Iterator[Object]:
    """All records of a block except the first, which is the head of their list."""
    head = block.first.list.address_of_()
    yield from list_for_each_entry("struct gup_pin_record", head, "list")


def count_record(record: Object, seen: int, found: Counter[str]) -> int:
    """Count a record; returns its pages."""
    mask, pins, flags = (record.member_(name).value_() for name in ("mask", "pins", "flags"))
    found["pins"] += pins * mask.bit_count()
    found["records of many pages"] += mask.bit_count() > 8
    found["records of pages with gaps"] += "0" in f"{mask:b}".strip("0")
    found["records on the same pages"] += bool(mask & seen)
    found["records of whole folios"] += bool(flags & FOLIO)
    found["records without an address"] += not flags & ADDR
    return int(mask)


def count(prog: Program) -> Counter[str]:
    """Count everything."""
    found: Counter[str] = Counter()
    for shard in prog["gup_pin_root"].index.shards:
        for _, entry in xa_for_each(shard.xa.address_of_()):
            block = cast("struct gup_pin_block *", entry)
            seen = 0
            for record in (block.first.address_of_(), *others(block)):
                if record.mask:
                    seen |= count_record(record, seen, found)
                elif record == block.first.address_of_():
                    found["first records that are not in use"] += 1
            used = block.first.mask.value_() != 0
            found["first records"] += used
            found["other records"] += sum(1 for _ in others(block))
            found["pages alike"] += (block.alike.value_() & seen).bit_count()
            found["pages guessed"] += (block.guessed.value_() & seen).bit_count()
    return found


if __name__ == "__main__":
    print(json.dumps(count(get_default_prog())))
