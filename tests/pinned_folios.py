# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump_upstream.py: the pinned folios, by the helpers proposed for drgn.

Prints the pfn of each head, and the number of pins on the folio.
"""

from __future__ import annotations

from typing import Any

from drgn import get_default_prog
from drgn.helpers.linux.mm import page_to_pfn

if __name__ == "__main__":
    # The drgn that mypy uses does not have them yet.
    mm: Any = __import__("drgn.helpers.linux.mm", fromlist=["mm"])
    for head in mm.for_each_pinned_folio(get_default_prog()):
        print(hex(page_to_pfn(head)), mm.folio_pin_count(head).value_())
