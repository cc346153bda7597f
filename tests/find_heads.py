# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_changed.py: changes that make all records lost.

Prints JSON: pairs of a physical address and the 64-bit word there. With these, no shard has
an xa_head, and none counts pins that it should have.
"""

from __future__ import annotations

import json

from drgn import Object, Program, get_default_prog
from drgn.helpers.linux.mm import follow_phys


def find(prog: Program) -> list[tuple[int, int]]:
    """The words."""
    init_mm = prog["init_mm"].address_of_()

    def word(place: Object, value: int) -> tuple[int, int]:
        return follow_phys(init_mm, place.address_of_()).value_(), value

    shards = [shard for shard in prog["gup_pin_root"].index.shards if shard.xa.xa_head]
    heads = [word(shard.xa.xa_head, 0) for shard in shards]
    return heads + [word(shard.acquired, shard.released.value_()) for shard in shards]


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog())))
