# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_changed.py: the place of a folio's member, and bytes for it.

find_member.py PFN MEMBER VALUE: VALUE is a number, "maps+N" for N more than the page tables
that map the folio, or the name of a flag to set. Prints JSON: the physical address, and
the bytes in hex.
"""

from __future__ import annotations

import json
import sys

from drgn import Program, cast, get_default_prog, sizeof
from drgn.helpers.linux.mm import follow_phys, pfn_to_page


def find(prog: Program, pfn: int, member: str, value: str) -> dict[str, object]:
    """The member's place, and the bytes."""
    found = cast("struct folio *", pfn_to_page(prog, pfn)).member_(member)
    address = found.address_of_().value_()
    size = sizeof(found)
    if value.isdecimal():
        number = int(value)
    elif value.startswith("maps+"):
        number = pfn_to_page(prog, pfn)._mapcount.counter.value_() + 1 + int(value[5:])
    else:
        number = prog.read_word(address) | 1 << prog.constant(value).value_()
    init_mm = prog["init_mm"].address_of_()
    return {
        "physical": follow_phys(init_mm, address).value_(),
        "data": number.to_bytes(size, "little").hex(),
    }


if __name__ == "__main__":
    print(json.dumps(find(get_default_prog(), int(sys.argv[1], 16), *sys.argv[2:])))
