# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_broken.py: a list of records, and wrong links for it.

Independent of drgn-scripts. Prints JSON: the physical address of the word that links one
record of a block to the next; and its wrong values, by the kind of damage.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from drgn import Object, Program, cast, get_default_prog
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.mm import follow_phys
from drgn.helpers.linux.xarray import xa_for_each


def lists(prog: Program) -> Iterator[list[Object]]:
    """The records of each block, except the first, which is the head of their list."""
    for shard in prog["gup_pin_root"].index.shards:
        for _, entry in xa_for_each(shard.xa.address_of_()):
            head = cast("struct gup_pin_block *", entry).first.list.address_of_()
            yield list(list_for_each_entry("struct gup_pin_record", head, "list"))


def find(prog: Program) -> dict[str, int]:
    """The longest list, in which there are records before and after the link."""
    *_, others, records = sorted(lists(prog), key=len)
    first, second, *rest = records
    assert rest and others
    following = second.list.next.address_of_()
    return {
        "physical": follow_phys(prog["init_mm"].address_of_(), following).value_(),
        "nowhere": 0xDEAD000000000100,
        "circle": first.value_(),
        "itself": second.value_(),
        "another block": others[0].value_(),
    }


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog())))
