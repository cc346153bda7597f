# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of addresses, in the form of kallsyms."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class SymbolTable:
    """Names addresses as kallsyms does.

    A symbol extends to the next one, including the padding between them; of several
    at one address, the first in kallsyms' order is used. ELF sizes exclude the
    padding, so drgn's own lookup would return /0x47 for a %pS of /0x50.
    """

    def __init__(self, symbols: Iterable[tuple[int, str]]) -> None:
        """Take (address, name) of all symbols, in kallsyms' order.

        The last one only marks the end of the one before.
        """
        first: dict[int, str] = {}
        for address, name in symbols:
            first.setdefault(address, name)
        self._addresses = sorted(first)
        self._names = [first[address] for address in self._addresses]

    def name(self, address: int) -> str | None:
        """As name+0xoffset/0xsize; None for an address outside of all symbols."""
        i = bisect_right(self._addresses, address)
        if not 0 < i < len(self._addresses):
            return None
        start, end = self._addresses[i - 1 : i + 1]
        return f"{self._names[i - 1]}+{address - start:#x}/{end - start:#x}"
