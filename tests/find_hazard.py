# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_left.py: the place of a hazard's member, and bytes for it.

find_hazard.py COMM MEMBER VALUE: of the first hazard whose pin was taken by a task of that
name. VALUE is a number or the name of one. Prints JSON: the physical address, and the bytes
in hex.
"""

from __future__ import annotations

import json
import os
import sys

from drgn import Program, get_default_prog, sizeof
from drgn.helpers.linux.mm import follow_phys


def find(prog: Program, comm: bytes, member: str, value: str) -> dict[str, object]:
    """The member's place, and the bytes."""
    number = int(value) if value.isdecimal() else prog.constant(value).value_()
    for kind in prog["gup_pin_ring"].entries:
        for entry in kind:
            if entry.seq and entry.pin.id.comm.string_() == comm:
                found = entry.member_(member)
                place = follow_phys(prog["init_mm"].address_of_(), found.address_of_())
                data = number.to_bytes(sizeof(found), "little")
                return {"physical": place.value_(), "data": data.hex()}
    raise LookupError(comm)


if __name__ == "__main__":
    comm, *words = sys.argv[1:]
    print(json.dumps(find(get_default_prog(), os.fsencode(comm), *words)))
