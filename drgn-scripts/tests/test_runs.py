# SPDX-License-Identifier: LGPL-2.1-or-later
"""From pages to lines."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from gup_pin.folio import Folio
from gup_pin.pin import Item
from gup_pin.runs import OPEN_RUNS, make_runs
from samples import ANON, ORIGIN, PAGE_SHIFT, TIME, item

OTHER = TIME + 1
FILE = Folio("file", 0, 0x800001, 12, 0, 0)


def lines(items: Iterable[Item]) -> list[tuple[int, int | None, int]]:
    """(first pfn, pages, pins) of each run."""
    return [
        (run.first.pfn, run.pages, run.pins) for run in make_runs(items, PAGE_SHIFT)
    ]


def test_nothing() -> None:
    """Without pins there are no lines."""
    assert lines([]) == []


def test_neighbours_of_one_call() -> None:
    """Pages and pins are summed."""
    assert lines(item(0x100 + i, page=i) for i in range(16)) == [(0x100, 16, 16)]


def test_another_call_at_the_same_place() -> None:
    """A call at another time, or of another task."""
    items = [item(0x100), item(0x101, page=1, time=OTHER)]
    assert lines(items) == [(0x100, 1, 1), (0x101, 1, 1)]
    items = [item(0x100), item(0x101, page=1, origin=replace(ORIGIN, pid=77))]
    assert lines(items) == [(0x100, 1, 1), (0x101, 1, 1)]
    items = [item(0x100), item(0x101, page=1, origin=replace(ORIGIN))]
    assert lines(items) == [(0x100, 2, 2)]


def test_large_folios() -> None:
    """In pages; the next folio begins where the last one ends."""
    folio = replace(ANON, order=6)
    items = [
        replace(item(64 * i, page=64 * i, folio=folio), pages=64, pins=64)
        for i in (1, 2, 4)
    ]
    assert lines(items) == [(64, 128, 128), (256, 64, 64)]


def test_pins_count_for_each_page() -> None:
    """A call may have several pins on a page."""
    items = [replace(item(i, page=i), pins=3) for i in (0, 1)]
    assert lines(items) == [(0, 2, 6)]


def test_two_calls_side_by_side() -> None:
    """In the order of records; the run that began first is first."""
    items = [item(i, time=t, page=i) for t in (TIME, OTHER) for i in range(4)]
    assert lines(items) == [(0, 4, 4), (0, 4, 4)]


def test_runs_come_as_they_end() -> None:
    """When a block begins that they do not reach; the first run may be longer."""
    long = [item(i, page=i) for i in range(62, 130)]
    short = [item(i, time=OTHER, page=i) for i in (63, 64)]
    items = [*long[:2], short[0], *long[2:66], short[1], *long[66:]]
    assert lines(items) == [(63, 2, 2), (62, 68, 68)]


def test_runs_of_a_block_come_in_its_order() -> None:
    """Even if some end earlier."""
    long = [item(i, page=i) for i in range(6)]
    short = [item(i, time=OTHER, page=i) for i in (1, 2)]
    assert lines([*short, *long]) == [(1, 2, 2), (0, 6, 6)]
    assert lines([*long, *short]) == [(0, 6, 6), (1, 2, 2)]


@pytest.mark.parametrize(
    "second",
    [
        item(0x102, page=1),
        item(0x101, time=OTHER, page=1),
        item(0x101, page=2),
        replace(item(0x101), addr=0),
        replace(item(0x101, page=1), match="alike"),
        item(0x101, page=1, folio=replace(ANON, order=1)),
        item(0x101, page=1, folio=replace(ANON, map="hugetlb")),
        item(0x101, page=1, folio=replace(FILE, index=1)),
        item(0x101, page=1, folio=replace(ANON, dev=1)),
    ],
)
def test_not_a_continuation(second: Item) -> None:
    """A gap, another call, place or kind begins another line."""
    assert len(lines([item(0x100), second])) == 2


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"index": 1}, 1),
        ({"index": 2}, 2),
        ({"index": 0}, 2),
        ({"index": 1, "ino": 13}, 2),
        ({"index": 1, "dev": 1}, 2),
    ],
)
def test_files(change: dict[str, int], count: int) -> None:
    """Pages must be adjacent in memory and in one file."""
    first = replace(FILE, index=0)
    second = replace(FILE, **change)  # type: ignore[arg-type]
    items = [item(0x100, folio=first), item(0x101, page=1, folio=second)]
    assert len(lines(items)) == count


def test_unknown_addresses() -> None:
    """The addresses of memfd_pin_folios() are all 0, and match each other."""
    items = [replace(item(i, folio=replace(FILE, index=i)), addr=0) for i in (0, 1, 2)]
    assert lines(items) == [(0, 3, 3)]


def test_more_calls_than_open_runs() -> None:
    """The newest run ends early: one call is split, the others are not."""
    calls = range(1, OPEN_RUNS + 2)
    items = [item(pfn, time=t, page=pfn) for pfn in (63, 64) for t in calls]
    found = list(make_runs(items, PAGE_SHIFT))
    assert len(found) == OPEN_RUNS + 2
    assert found[0].first.time == OPEN_RUNS
    assert sum(run.pages or 0 for run in found) == 2 * len(calls)


def test_as_many_calls_as_open_runs() -> None:
    """With one fewer, none is split."""
    calls = range(1, OPEN_RUNS + 1)
    items = [item(pfn, time=t, page=pfn) for pfn in (63, 64) for t in calls]
    assert lines(items) == [(63, 2, 2)] * OPEN_RUNS
