# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_changed.py: where the index of all pins begins.

Prints JSON: the physical address of each shard's xa_head that leads anywhere.
"""

from __future__ import annotations

import json

from drgn import Program, get_default_prog
from drgn.helpers.linux.mm import follow_phys


def find(prog: Program) -> list[int]:
    """The addresses."""
    init_mm = prog["init_mm"].address_of_()
    heads = [shard.xa.xa_head for shard in prog["gup_pin_root"].index.shards]
    return [follow_phys(init_mm, h.address_of_()).value_() for h in heads if h]


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog())))
