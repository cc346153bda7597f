# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the numbers in a program's records mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .format import Names
    from .stacks import Stacks

# How sure it is that a record is of pins that are still there, as lines say it.
MATCHES = ("exact", "alike", "inferred")


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
