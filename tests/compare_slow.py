# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump.py: do both ways to read all pins agree? Prints JSON."""

from __future__ import annotations

import json
import sys
from itertools import zip_longest
from pathlib import Path

from drgn import Program, get_default_prog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "drgn-scripts"))

from gup_pin import gup_pin_state, slow


def compare(prog: Program) -> dict[str, object]:
    """The pins, and those that differ."""
    state = gup_pin_state(prog)
    pins, differences = 0, []
    for fast, plain in zip_longest(state.for_each_item(), slow.for_each_item(prog)):
        pins += plain.pins if plain else 0
        if fast != plain:
            differences.append(f"{fast} is {plain}")
    return {"pins": pins, "differences": differences[:9] + list(state.faults.lines())}


if __name__ == "__main__":
    print(json.dumps(compare(get_default_prog())))
