# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a check could not read: otherwise "no findings" would claim too much."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Unchecked:
    """What was left out; None: it is unknown how much.

    pins: on record, but not found, or on folios that could not be read; pages: whose
    struct page was not looked at
    """

    pins: int | None = 0
    pages: int | None = 0

    def miss_pins(self, number: int | None) -> None:
        """Add pins that could not be compared with their folio."""
        self.pins = _sum(self.pins, number)

    def miss_pages(self, number: int | None) -> None:
        """Add struct pages that could not be looked at."""
        self.pages = _sum(self.pages, number)

    def words(self) -> dict[str, int | None]:
        """The form of the schema."""
        return {"pins": self.pins, "pages": self.pages}

    def text(self) -> str:
        """Words for the last line, each after a blank; none if all was checked."""
        return "".join(
            f" unchecked_{name}={'?' if number is None else number}"
            for name, number in self.words().items()
            if number != 0
        )


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
