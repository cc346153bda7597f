# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_kdump.py: counts slabs, and those that are incomplete.

Independent of drgn-scripts. Prints JSON.
"""

from __future__ import annotations

import json

from drgn import FaultError, Program, get_default_prog
from drgn.helpers.linux.mm import compound_nr, for_each_page, page_to_virt


def count(prog: Program) -> dict[str, int]:
    """By their struct pages, and by reading a byte of each page."""
    slab = prog.constant("PGTY_slab").value_()
    size = prog.constant("PAGE_SIZE").value_()
    found = {"slabs": 0, "missing": 0}
    for page in for_each_page(prog):
        try:
            if page.page_type.value_() >> 24 != slab:
                continue
        except FaultError:
            # Not in a dump whose memory map has holes.
            continue
        found["slabs"] += 1
        # Any of its pages may be missing: check each.
        start = page_to_virt(page).value_()
        try:
            for i in range(compound_nr(page).value_()):
                prog.read(start + i * size, 1)
        except FaultError:
            found["missing"] += 1
    return found


if __name__ == "__main__":
    print(json.dumps(count(get_default_prog())))
