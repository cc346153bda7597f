# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names for the numbers in a program's records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .stacks import Stacks

# How certain it is that a record is of live pins, in the words of a line.
MATCHES = ("exact", "alike", "inferred")

# What has ended of an orphan, in the words of a line.
ENDED = ("owner", "task", "both")

# The same for any pin; unknown: an older kernel's file.
GONE = ("", *ENDED, "unknown")


@dataclass(frozen=True)
class Names:
    """Names for the numbers of a program's enums.

    reported: the number of stakes, worst first, at which the kernel prints a report
    """

    write: int
    long: int
    apis: tuple[str, ...]
    hazards: tuple[str, ...] = ()
    stakes: tuple[str, ...] = ()
    reported: int = 0

    def mode(self, number: int) -> str:
        """The mode: r or w."""
        return "w" if number == self.write else "r"

    def term(self, number: int) -> str:
        """The term: short or long."""
        return "long" if number == self.long else "short"

    def api(self, number: int) -> str:
        """The name of a pin function."""
        return self.apis[number] if number < len(self.apis) else "unknown"

    def hazard(self, number: int) -> str:
        """The name of a kind of hazard."""
        return self.hazards[number] if number < len(self.hazards) else f"kind{number}"

    def stake(self, number: int) -> str:
        """The name of what is at stake."""
        return self.stakes[number] if number < len(self.stakes) else f"stake{number}"

    def is_harmless(self, stake: str) -> bool:
        """Whether nothing is lost at a stake of that name, as the kernel judges."""
        return stake in self.stakes[self.reported :]


@dataclass(frozen=True, eq=False, slots=True)
class Meaning:
    """What all records need from their program to be put in words.

    names: of modes, terms and pin functions; now: local_clock() in ns,
    None if unknown;
    stacks: the stack depot
    """

    names: Names
    now: int | None
    stacks: Stacks
