# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pins summed by words of their lines, their file, their module or their stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .clock import age_ms
from .filter import module_of
from .format import Formatter, Word
from .runs import Run
from .sort import SORT_KEYS

# The words that lines can be summed by; "gone" is of orphans only.
KEYS = (*(key for key in SORT_KEYS if key != "age"), "gone", "file", "module")

# The figures of a group; "age" and "age_ms" sort as "oldest_ms".
FIGURES = ("pins", "pages", "runs", "oldest_ms", "newest_ms")

# As in the program gup_pin.
_KEYS_MAX = 8


@dataclass(slots=True)
class Group:
    """The runs with equal values of all keys.

    pages: None if the number of some could not be read; oldest, newest: times, in ns of
    local_clock(); path: of a group by file, if any of its runs has one; handles: all of
    its stacks, which have equal frames if it is a group by stack
    """

    values: tuple[Word, ...]
    oldest: int
    newest: int
    pins: int = 0
    pages: int | None = 0
    runs: int = 0
    path: str | None = ""
    handles: dict[int, None] = field(default_factory=dict)

    def add(self, run: Run) -> None:
        """Add a run."""
        time = run.first.time
        self.oldest, self.newest = min(self.oldest, time), max(self.newest, time)
        self.pins += run.pins
        known = self.pages is not None and run.pages is not None
        self.pages = (self.pages or 0) + (run.pages or 0) if known else None
        self.runs += 1
        self.handles[run.stack] = None


def parse_keys(text: str) -> tuple[str, ...]:
    """The keys of KEY[,KEY]...; raises ValueError with the reason."""
    keys = tuple(text.split(","))
    for key in keys:
        if key not in KEYS:
            raise ValueError(f"no line has a word '{key}' to sum by")
        if keys.count(key) > 1:
            raise ValueError(f"{key} is given twice")
    if len(keys) > _KEYS_MAX:
        raise ValueError(f"at most {_KEYS_MAX} words")
    return keys


def _file_of(words: Mapping[str, Word]) -> Word:
    """A file by device and inode; memory without a file by its kind."""
    dev, ino = words["dev"], words["ino"]
    if dev is None or ino is None:
        return None
    return f"{dev}:{ino}" if ino else words["map"]


def _first_alike(frames: Callable[[int], Sequence[str]]) -> Callable[[int], int]:
    """The first handle of a stack, of those with equal frames that were asked for.

    There are several if a module was loaded again at another place, or if the stack was
    unwound differently.
    """
    first: dict[tuple[str, ...], int] = {}

    @cache
    def find(handle: int) -> int:
        known = tuple(frames(handle))
        return first.setdefault(known, handle) if known else handle

    return find


def group_by(
    runs: Iterable[Run],
    keys: Sequence[str],
    formatter: Formatter,
    frames: Callable[[int], Sequence[str]],
) -> list[Group]:
    """The groups of all runs, in the order of their first ones.

    Frames has those of a stack's handle.
    """
    groups: dict[tuple[Word, ...], Group] = {}
    module = cache(lambda handle: module_of(frames(handle)))
    stack = _first_alike(frames)
    for run in runs:
        words = formatter.pin_words(run)
        if "file" in keys:
            words["file"] = _file_of(words)
        if "module" in keys:
            words["module"] = module(run.stack)
        if "stack" in keys:
            words["stack"] = f"{stack(run.stack):#x}"
        values = tuple(words[key] for key in keys)
        group = groups.get(values)
        if group is None:
            time = run.first.time
            group = groups[values] = Group(values, time, time)
        group.add(run)
        if "file" in keys and not group.path:
            group.path = run.first.folio.path
    return list(groups.values())


def choose_groups(
    groups: Iterable[Group], keys: Sequence[str], sort: str | None, limit: int | None
) -> list[Group]:
    """Groups in an order, up to a limit.

    By a figure, the most or oldest come first; by one of the keys, the smallest. None
    is by pins. Equal ones are in the order of their values of all keys.
    """
    figure = "oldest_ms" if sort in ("age", "age_ms") else sort or "pins"

    def order(group: Group) -> tuple[Any, ...]:
        labels = [str(value) for value in group.values]
        if figure in keys:
            return _place(group.values[keys.index(figure)]), labels
        most = {
            "pins": -group.pins,
            "pages": -(group.pages or 0),
            "runs": -group.runs,
            "oldest_ms": group.oldest,
            "newest_ms": group.newest,
        }
        return most[figure], labels

    return sorted(groups, key=order)[:limit]


def _place(value: Word) -> tuple[bool, bool, Any]:
    """Numbers by their size, before text; unreadable values last."""
    if isinstance(value, str) and value.startswith("0x"):
        value = int(value, 16)
    return value is None, isinstance(value, str), value or 0


def group_words(
    group: Group, keys: Sequence[str], now: int | None
) -> dict[str, Word]:
    """The figures of a group, and its values of the keys, which come last."""
    values = dict(zip(keys, group.values, strict=True))
    if "stack" in keys:
        values["stack"] = ",".join(f"{handle:#x}" for handle in group.handles)
    figures: dict[str, Word] = {
        "pins": group.pins,
        "pages": group.pages,
        "runs": group.runs,
        "oldest_ms": age_ms(group.oldest, now),
        "newest_ms": age_ms(group.newest, now),
    }
    path: dict[str, Word] = {}
    if "file" in keys and "path" not in keys and group.path:
        path = {"path": group.path}
    # A figure that lines are summed by is theirs, not the sum.
    mine = {key: value for key, value in figures.items() if key not in values}
    return {**mine, **values, **path}
