#!/usr/bin/env drgn
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recorded pins of a kernel: drgn -c DUMP -s VMLINUX gup_pins.py list."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gup_pin.cli import main

if TYPE_CHECKING:
    from drgn import Program


def find_prog() -> Program:
    """The program that drgn debugs; raises ModuleNotFoundError without drgn."""
    # Only after the command line was checked, which needs no drgn.
    from drgn import get_default_prog  # noqa: PLC0415

    return get_default_prog()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], find_prog))
