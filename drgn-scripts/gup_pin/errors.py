# SPDX-License-Identifier: LGPL-2.1-or-later
"""The errors: the feature is missing, or some memory is."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass


class Absence(enum.Enum):
    """Why a program has no pins to show."""

    NOT_BUILT = "not built"
    NEVER_ENABLED = "never enabled"
    OTHER_FORMAT = "other format"


class GupPinUnavailable(Exception):
    """The program has no gup_pin data that these scripts can read."""

    def __init__(self, absence: Absence, message: str) -> None:
        """Absence is the kind of error; message is one line for users."""
        super().__init__(message)
        self.absence = absence


class NoSuchPage(Exception):
    """The kernel does not have the requested page."""


class NoDebugInfo(LookupError):
    """There is no debugging information for this very kernel."""


class Unreadable(Exception):
    """Memory that a record points to is not in the dump, or is not a valid record."""

    def __init__(
        self, what: str, address: int, why: str = "not in the dump", count: int = 1
    ) -> None:
        """What is a kind of object, as "struct gup_pin_record"; count: how many."""
        super().__init__(f"{what} at {address:#x}: {why}")
        self.what = what
        self.address = address
        self.why = why
        self.count = count


@dataclass
class _Fault:
    count: int
    address: int


class Faults:
    """What could not be read, counted by kind: one line a kind, not one a fault."""

    def __init__(self) -> None:
        """Start with no faults."""
        self._kinds: dict[tuple[str, str], _Fault] = {}

    def add(self, error: Unreadable) -> None:
        """Count a fault."""
        kind = (error.what, error.why)
        fault = self._kinds.setdefault(kind, _Fault(0, error.address))
        fault.count += error.count

    def count(self, what: str) -> int:
        """How many there were of a kind of object."""
        kinds = self._kinds.items()
        return sum(fault.count for (name, _), fault in kinds if name == what)

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(fault.count for fault in self._kinds.values())

    def records(self) -> list[dict[str, str | int]]:
        """The faults in the form of the schema: what, why, count and first."""
        return [
            {
                "what": what,
                "why": why,
                "count": fault.count,
                "first": f"{fault.address:#x}",
            }
            for (what, why), fault in self._kinds.items()
        ]

    def __bool__(self) -> bool:
        """Whether there were any."""
        return bool(self._kinds)

    def lines(self) -> Iterator[str]:
        """A line for each kind, in the order in which they were first counted."""
        for (what, why), fault in self._kinds.items():
            first = f"{fault.address:#x}"
            where = first if fault.count == 1 else f"{fault.count} times, first {first}"
            yield f"{what} {why} ({where})"
