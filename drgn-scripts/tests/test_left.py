# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was at stake when folios left their file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gup_pin.folio import Folio
from gup_pin.left import Left, Verdicts
from gup_pin.pin import Item
from gup_pin.ring import Event, Hazard
from gup_pin.runs import Run
from samples import ADDR, ORIGIN, PAGE_SHIFT, TIME, item

DATA, READ, END = 0, 1, 2
# From here on, the kernel reports nothing.
NONE = READ

FILE = Folio("shmem", 0, 1, 7, 0, 0)
# A folio that has left its file has no inode.
GONE = replace(FILE, dev=0, ino=0)
EVENT = Event(TIME + 100, 0, 0, 0, b"", ())


def pinned(
    index: int, *, pfn: int | None = None, time: int = TIME, at: int = ADDR
) -> Item:
    """A pin of a page that was at an index of a file, mapped at an address."""
    folio = replace(GONE, index=index, place=index)
    found = item(0x100 + index if pfn is None else pfn, time=time, folio=folio)
    return replace(found, addr=at + (index << PAGE_SHIFT) if at else 0)


def hazard(pin: Item, stake: int, last: int | None = None, ino: int = 7) -> Hazard:
    """Folios of a file left it, the first of them with this pin."""
    first = pin.folio.index
    assert first is not None
    last = first if last is None else last
    pin = replace(pin, folio=replace(pin.folio, dev=1, ino=ino))
    count = last - first + 1
    times = replace(EVENT, time=pin.time + 100), pin.time + 200
    return Hazard(
        2, 1, times[0], Run(pin, 1, 1), count, times[1], 0, stake, (first, last)
    )


def left(*hazards: Hazard, lost: int = 0) -> Left:
    """The hazards that are kept, and how many are not."""
    counted = sum(each.count for each in hazards) + lost
    return Left(hazards, counted, NONE, PAGE_SHIFT)


FIRST = pinned(0)
LATER = TIME + 1000


@pytest.mark.parametrize("stake", [DATA, READ, END])
@pytest.mark.parametrize("lost", [0, 5])
def test_the_kernels_verdict(stake: int, lost: int) -> None:
    """For the folio itself, and for others of the same call."""
    found = left(hazard(FIRST, stake, last=7), lost=lost)
    assert [found.stake([pinned(i)]) for i in (0, 5, 7)] == [stake] * 3
    assert found.stake([pinned(8)]) is None


def test_nothing_is_kept() -> None:
    """The verdict is unknown, whether or not the kernel counted a hazard."""
    assert left().stake([FIRST]) is None
    assert left(lost=1).stake([FIRST]) is None


def test_two_files_that_were_pinned_from_the_same_place() -> None:
    """The call distinguishes them, or if one call met both, the address."""
    for other in (pinned(0, pfn=0x200, time=LATER), pinned(0, pfn=0x200, at=ADDR * 2)):
        found = left(hazard(FIRST, END, last=7), hazard(other, DATA, last=7, ino=8))
        assert found.stake([pinned(3)]) == END
        third = replace(pinned(3, time=other.time), pfn=0x203, head=0x203)
        assert other.addr is not None
        assert found.stake([replace(third, addr=other.addr + 0x3000)]) == DATA


def test_another_call_on_the_same_file() -> None:
    """The kernel keeps the first folio's pin only: known if nothing else was lost."""
    other = pinned(3, time=TIME - 50)
    assert left(hazard(FIRST, END, last=7)).stake([other]) == END
    assert left(hazard(FIRST, END, last=7), lost=1).stake([other]) is None
    harmful = hazard(pinned(0, pfn=0x200, time=LATER), DATA, last=7, ino=8)
    assert left(hazard(FIRST, END, last=7), harmful).stake([other]) is None
    assert left(hazard(FIRST, DATA, last=7), harmful).stake([other]) == DATA
    elsewhere = hazard(pinned(20, time=LATER), DATA, last=27, ino=8)
    assert left(hazard(FIRST, END, last=7), elsewhere).stake([other]) == END


def test_a_hole_in_a_file_that_ended_later() -> None:
    """It is unknown which of the two a page met, except for the one that was kept."""
    hole = hazard(replace(pinned(5), time=TIME - 9), DATA)
    found = left(hole, hazard(FIRST, END, last=7))
    assert found.stake([pinned(4)]) == END
    assert found.stake([pinned(5)]) is None
    assert found.stake([FIRST]) == END
    assert found.stake([pinned(5, time=TIME - 9)]) == DATA


def test_a_hazard_from_before_the_pin() -> None:
    """It was of another file."""
    old = hazard(pinned(0, time=TIME - 5000), END, last=7)
    assert left(old).stake([pinned(3)]) is None
    assert left(old).stake([pinned(3, time=TIME - 5000)]) == END


def test_memory_of_another_kind() -> None:
    """A huge page is not in a file of small ones."""
    huge = replace(FIRST, time=LATER, folio=replace(FIRST.folio, map="hugetlb"))
    assert left(hazard(huge, END)).stake([FIRST]) is None


def test_pins_that_were_not_all_kept() -> None:
    """Of a range with gaps, it is unknown whether a page in it was counted."""
    whole = hazard(FIRST, END, last=7)
    gap = replace(whole, count=7)
    assert left(gap).stake([pinned(3)]) == END
    assert left(gap, lost=1).stake([pinned(3)]) is None
    assert left(gap, lost=1).stake([FIRST]) == END
    large = replace(FIRST, folio=replace(FIRST.folio, order=2))
    by_four = replace(hazard(large, END), indexes=(0, 28), count=8)
    assert left(by_four, lost=1).stake([replace(large, pfn=9, head=9)]) == END
    fewer = replace(by_four, count=7)
    assert left(fewer, lost=1).stake([replace(large, pfn=9, head=9)]) is None


def test_several_pins() -> None:
    """Any of them may be the one that was kept."""
    other = replace(pinned(3), origin=replace(ORIGIN, pid=9), time=LATER)
    assert left(hazard(FIRST, END, last=7), lost=1).stake([other, pinned(3)]) == END


def test_an_index_that_could_not_be_read() -> None:
    """The verdict is unknown."""
    unread = replace(FIRST, folio=replace(GONE, index=None, place=None))
    assert left(hazard(FIRST, END)).stake([unread]) is None


class Kernel:
    """Keeps hazards, and counts how often they are read."""

    def __init__(self) -> None:
        """Start without hazards."""
        self.kept: list[Hazard] = []
        self.counted = 0
        self.reads = 0

    def hazards(self) -> Iterator[Hazard]:
        """Those that are kept."""
        self.reads += 1
        yield from self.kept

    def verdicts(self, live: bool) -> Verdicts:
        """Of a dump, or of a live kernel."""
        return Verdicts(self.hazards, lambda: self.counted, NONE, PAGE_SHIFT, live)


def test_a_dump_is_read_once() -> None:
    """For any number of folios; not at all if there is none."""
    kernel = Kernel()
    verdicts = kernel.verdicts(live=False)
    assert kernel.reads == 0
    kernel.counted = 9
    assert verdicts.stake([FIRST]) is verdicts.stake([pinned(1)]) is None
    assert kernel.reads == 1


def test_a_live_kernel_is_read_again_if_there_are_more() -> None:
    """A hazard is counted before it is kept."""
    kernel = Kernel()
    verdicts = kernel.verdicts(live=True)
    assert verdicts.stake([FIRST]) is None
    kernel.counted = 1
    assert verdicts.stake([FIRST]) is None
    kernel.kept = [hazard(FIRST, END)]
    assert verdicts.stake([FIRST]) == END
    assert kernel.reads == 3
    assert verdicts.stake([FIRST]) == END
    assert kernel.reads == 3
