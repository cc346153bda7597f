# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_changed.py: changes that make a page's section a device's.

find_section.py PFN: prints JSON: pairs of a physical address and the 64-bit word there. With
these, the section is not online, only the 2 MiB around the page have struct pages, and
there are no memory blocks, which only RAM has.
"""

from __future__ import annotations

import json
import sys

from drgn import Object, Program, get_default_prog, sizeof
from drgn.helpers.linux.mm import follow_phys

SECTION_PAGES = 1 << 27 - 12
PART_PAGES = 1 << 21 - 12


def find(prog: Program, pfn: int) -> list[tuple[int, int]]:
    """The words."""
    number, inside = divmod(pfn, SECTION_PAGES)
    roots = 4096 // sizeof(prog.type("struct mem_section"))
    section = prog["mem_section"][number // roots][number % roots]
    online = 1 << prog.constant("SECTION_IS_ONLINE_BIT").value_()
    init_mm = prog["init_mm"].address_of_()

    def word(place: Object, value: int) -> tuple[int, int]:
        return follow_phys(init_mm, place.address_of_()).value_(), value

    return [
        word(section.section_mem_map, section.section_mem_map.value_() & ~online),
        word(section.usage.subsection_map[0], 1 << inside // PART_PAGES),
        word(prog["memory_blocks"].xa_head, 0),
    ]


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog(), int(sys.argv[1], 16))))
