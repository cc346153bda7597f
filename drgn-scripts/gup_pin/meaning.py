# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the numbers in a program's records mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .stacks import Stacks

# How sure it is that a record is of pins that are still there, as lines say it.
MATCHES = ("exact", "alike", "inferred")

# What of an orphan has ended, as lines say it; unknown: an older kernel's file.
GONE = ("", "owner", "task", "both", "unknown")


@dataclass(frozen=True)
class Names:
    """What the numbers of a program's enums are called."""

    write: int
    long: int
    apis: tuple[str, ...]
    hazards: tuple[str, ...] = ()
    stakes: tuple[str, ...] = ()

    def mode(self, number: int) -> str:
        """What a pin is for: r or w."""
        return "w" if number == self.write else "r"

    def term(self, number: int) -> str:
        """For how long a pin is: short or long."""
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


@dataclass(frozen=True, eq=False, slots=True)
class Meaning:
    """What a record needs of its program to be told in words; one for all of them.

    names: what modes, terms and pin functions are called; now: local_clock() in ns,
    None if unknown;
    stacks: the stack depot
    """

    names: Names
    now: int | None
    stacks: Stacks
