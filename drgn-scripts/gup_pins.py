#!/usr/bin/env drgn
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The recorded pins of a kernel: drgn -c DUMP -s VMLINUX gup_pins.py list."""

import sys

import drgn

from gup_pin.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], drgn.get_default_prog))
