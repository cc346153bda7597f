# SPDX-License-Identifier: LGPL-2.1-or-later
"""A mock program for the command; as a script, the command on that program.

mock_command.py STATE WORD...: STATE may contain damaged, failing, slow (with commas).
If not slow, time stands still.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gup_pin import cli, progress
from gup_pin.errors import Faults, Unreadable
from gup_pin.filter import Filter
from gup_pin.meaning import Names
from gup_pin.refused import Refusal
from gup_pin.ring import Event, Hazard
from gup_pin.runs import Run
from gup_pin.unchecked import Unchecked
from samples import NAMES, NOW, ORIGIN, PAGE_SHIFT, item

if TYPE_CHECKING:
    from drgn import Program


class Clock:
    """A clock that advances at each reading."""

    def __init__(self, step: float) -> None:
        """Advance by that many seconds at each."""
        self.now, self.step = 0.0, step

    def monotonic(self) -> float:
        """The time."""
        self.now += self.step
        return self.now


class MockFaultError(Exception):
    """Stands for drgn's FaultError."""


class MockNoProgramError(Exception):
    """Stands for drgn's NoDefaultProgramError."""


class MockObjectNotFoundError(KeyError):
    """Stands for the error of newer drgn versions."""


def mock_drgn() -> ModuleType:
    """The parts of drgn that the command itself needs."""
    drgn = ModuleType("drgn")
    vars(drgn).update(
        FaultError=MockFaultError,
        NoDefaultProgramError=MockNoProgramError,
        ObjectNotFoundError=MockObjectNotFoundError,
    )
    return drgn


@dataclass
class MockState:
    """Two lines with the same stack."""

    names: Names = NAMES
    now: int = NOW
    faults: Faults = field(default_factory=Faults)
    damaged: bool = False
    failing: bool = False
    wanted: Filter | None = None
    findings: list[Any] = field(default_factory=list)
    # Pins and pages that could not be checked.
    missed: tuple[int | None, int | None] = (0, 0)
    page_shift: int = PAGE_SHIFT
    release: str = "6.12.0"
    live: bool = False
    enabled: bool = True
    since_boot: bool = True
    root: Any = field(
        default_factory=lambda: SimpleNamespace(
            format=SimpleNamespace(value_=lambda: 3)
        )
    )
    tell: Callable[[int, int], None] = lambda done, total: None

    on_record: int | None = 32
    earlier_pins: int = 0
    empty: bool = False

    def recorded(self) -> int | None:
        """The pins on record."""
        return self.on_record

    def earlier(self) -> int:
        """Those without a record."""
        return self.earlier_pins

    def has_task(self, pid: int) -> bool:
        """Only the first one."""
        return pid == 1

    def for_each_finding(
        self,
        progress: Callable[[int, int], None],
        unchecked: Unchecked | None = None,
    ) -> Iterator[Any]:
        """The findings."""
        progress(1, 1)
        yield from self.findings
        if unchecked is not None:
            unchecked.miss_pins(self.missed[0])
            unchecked.miss_pages(self.missed[1])

    def watch(self, tell: Callable[[int, int], None]) -> None:
        """Have walks report their progress."""
        self.tell = tell

    def for_each_run(self, wanted: Filter | None) -> Iterator[Run]:
        """The runs."""
        self.tell(1, 2)
        self.wanted = wanted
        if self.empty:
            return
        yield Run(item(0x1A2B0), 16, 16)
        if self.damaged:
            self.faults.add(Unreadable("struct page", 0x10))
            self.faults.add(Unreadable("struct page", 0x20))
            self.faults.add(Unreadable("stack", 0x30, "is invalid"))
        self.tell(2, 2)
        if self.failing:
            raise RuntimeError("anything")
        yield Run(item(0x2A2B0), 16, 16)

    def for_each_hazard(self, wanted: Filter | None) -> Iterator[Hazard]:
        """A hazard, and a fault if the state is damaged."""
        self.wanted = wanted
        yield HAZARD
        if self.damaged:
            self.faults.add(Unreadable("struct gup_pin_hazard_record", 0x10))

    def for_each_refusal(self, wanted: Filter | None = None) -> Iterator[Refusal]:
        """A refusal, and a fault if the state is damaged."""
        self.wanted = wanted
        if not self.empty:
            yield REFUSAL
        if self.damaged:
            self.faults.add(Unreadable("struct gup_pin_refusal", 0x10))

    def refusals(self) -> int:
        """Those on record."""
        return 7

    def func(self, hazard: Hazard) -> str:
        """Of the event's first frame."""
        assert hazard is HAZARD
        return "truncate_cleanup_folio+0x1"

    def event_frames(self, hazard: Hazard) -> tuple[str, ...]:
        """The frames of the event."""
        assert hazard is HAZARD
        return ("truncate_cleanup_folio+0x1/0x2", "notify_change+0x1/0x2")

    def frames(self, handle: int) -> tuple[str, ...]:
        """The frames of their stack."""
        assert handle == ORIGIN.stack
        return ("pin_user_pages_fast+0x51/0x80", "bio_iov_iter_get_pages+0x1/0x2")


HAZARD = Hazard(
    kind=1,
    pins=17,
    event=Event(NOW - 4_000_000, 0x1234, 40, 41, b"a b", (0x1234, 0x5678)),
    run=Run(item(0x1A2B0), 1, 16),
    count=300,
    last=NOW - 2_000_000,
    reported=1,
    stake=1,
    indexes=(0x0, 0x12B),
)
REFUSAL = Refusal(
    origin=ORIGIN,
    err="EFAULT",
    count=7,
    oldest=NOW - 9_000_000,
    newest=NOW - 4_000_000,
    why="file",
    addr=0x7F0000000000,
    pfn=0,
    dev=259 << 20 | 4,
    ino=77,
    index=0x1F,
    path=r"/a\x20b",
)
EVENT = " truncate_cleanup_folio+0x1/0x2\n notify_change+0x1/0x2\n"
FRAMES = " pin_user_pages_fast+0x51/0x80\n bio_iov_iter_get_pages+0x1/0x2\n"


def main(state: str, *words: str) -> int:
    """Run the command in this process, after its stdin has ended."""
    named = state.split(",")
    sys.modules["drgn"] = mock_drgn()
    vars(progress)["time"] = Clock(2.0 if "slow" in named else 0.0)
    found = MockState(damaged="damaged" in named, failing="failing" in named)
    vars(cli)["gup_pin_state"] = lambda prog: found
    sys.stdin.read()
    return cli.main(words, lambda: cast("Program", None))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
