# SPDX-License-Identifier: GPL-2.0
"""Counting contention between CPUs, without the guest: /proc/lock_stat, judging."""

from __future__ import annotations

import json
from typing import Any

import pytest

import contention_guest
import lock_stat
from checklib import contention
from checklib.results import FAILED, PASSED


def row(name: str, contentions: int, acquisitions: int) -> str:
    """A line of a class, as the kernel writes it."""
    waits = f"{contentions:14} {contentions:14} {0.5:14} {2.5:14} {9.5:14} {1.5:14}"
    return f"{name:>40}: {waits} {7:14} {acquisitions:14} {0.5:14} {2.5:14} {99.5:14} {1.5:14}\n"


def point(name: str, count: int, place: str) -> str:
    """A line of a function that waited, or was waited for."""
    return f"{name:>40} {count:14} {'[<00000000c2a1b2d3>]':>29} {place}\n"


TEXT = (
    "lock_stat version 0.4\n-----\n"
    + row("&xa->xa_lock#1", 13, 4000)
    + f"{'':25} {'-' * 15}\n"
    + point("&xa->xa_lock#1", 12, "try_add+0x6a/0xe0")
    + point("&xa->xa_lock#1", 1, "__gup_pin_add.part.0+0x6a/0xe0")
    + row("&xa->xa_lock#1", 1, 20)
    + row("mmap_lock-R", 0, 5)
)


def test_parse() -> None:
    """Names, numbers, and the functions below their class."""
    first, second, third = lock_stat.parse(TEXT)
    assert (first.acquisitions, first.contentions, first.moved) == (4000, 13, 7)
    assert (first.waited, first.held) == (9.5, 99.5)
    assert first.functions == {"try_add", "__gup_pin_add"}
    assert not second.functions
    assert third.name == "mmap_lock-R"


def test_names_that_are_not_unique() -> None:
    """The busiest one is used; contentions are summed."""
    classes = lock_stat.parse(TEXT)
    assert lock_stat.busiest(classes, "&xa->xa_lock#1").acquisitions == 4000
    assert lock_stat.busiest(classes, "other").acquisitions == 0
    assert lock_stat.contended(classes) == {"&xa->xa_lock#1": 14}


def test_a_kernel_that_gave_up() -> None:
    """After a splat it stops counting."""
    with pytest.raises(lock_stat.NoCount):
        lock_stat.parse("lock_stat version 0.4\n*WARNING* lock debugging disabled!!\n")


def said(waits: int = 0, moved: int = 0, others: dict[str, int] | None = None) -> dict[str, Any]:
    """The guest's output for a case."""
    shards = {"contentions": waits, "moved": moved}
    return {
        "shards": shards,
        "pages": 10_000,
        "origins_first": 2,
        "others": others or {},
        "ours": ["new lock"],
    }


def test_all_cases_are_judged() -> None:
    """The same cases as in the guest."""
    assert set(contention_guest.CASES) == {*contention.MEET, *contention.APART}


@pytest.mark.parametrize(
    ("cases", "good", "bad"),
    [
        (contention.MEET, said(1), said()),
        (contention.APART, said(), said(1)),
        (contention.APART, said(), said(moved=1)),
        (contention.APART, said(others={"a": 3, "b": 7}), said(others={"a": 4, "b": 7})),
        (contention.APART, said(), said(others={"&origins->lock": 1})),
        (contention.APART, said(others={"old lock": 1}), said(others={"new lock": 1})),
        (contention.APART, said(), said() | {"origins_first": 0}),
    ],
)
def test_wrong(cases: tuple[str, ...], good: dict[str, Any], bad: dict[str, Any]) -> None:
    """Allowed and wrong results."""
    for case in cases:
        assert not contention.wrong(case, good)
        assert contention.wrong(case, bad)


def test_judge() -> None:
    """A missing case has failed."""
    case = contention.APART[0]
    results = contention.judge(json.dumps({"case": case, **said()}) + "\n", "6.12")
    assert len(results) == len(contention_guest.CASES)
    assert [r.name for r in results if r.status == PASSED] == [f"6.12: {case}"]
    assert all(r.detail.startswith("not done") for r in results if r.status == FAILED)


@pytest.mark.parametrize("title", contention.APART)
def test_own_shards_in_turn(title: str) -> None:
    """Neighbouring shards are of different processes, and none is of both."""
    blocks = [
        {nr: contention_guest.Piece(nr << 18, contention_guest.BLOCK) for nr in range(first, last)}
        for first, last in ((0, 256), (512, 768))
    ]
    case = contention_guest.CASES[title]
    parts = contention_guest.pieces(case, blocks)
    shards = [
        {(piece.start >> 18) % 256 + n for piece in part for n in range(piece.pages // 64)}
        for part in parts
    ]
    assert not shards[0] & shards[1]
    assert sorted(shards[0] | shards[1]) == list(range(256))
    assert all(piece.pages == max(case.per_call, 64) for part in parts for piece in part)
