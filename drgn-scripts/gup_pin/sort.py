# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sort keys for lists of pins: any word of a line."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from .runs import Run


def _most(value: int | None) -> tuple[bool, int]:
    """The largest first; unreadable values last."""
    return value is None, -(value or 0)


def _least(value: int | str | None) -> tuple[bool, Any]:
    """The smallest first; unreadable values last."""
    return value is None, value


# The most or oldest first; for other keys, the smallest.
SORT_KEYS: dict[str, Callable[[Run], Any]] = {
    "pfn": lambda run: run.pfn,
    "pages": lambda run: _most(run.pages),
    "order": lambda run: _most(run.order),
    "pins": lambda run: -run.pins,
    "mode": lambda run: run.mode,
    "term": lambda run: run.term,
    "api": lambda run: run.api,
    "owner": lambda run: run.owner,
    "task": lambda run: run.task,
    "comm": lambda run: run.comm,
    # By the times, which are more precise than ages.
    "age_ms": lambda run: run.first.time,
    "age": lambda run: run.first.time,
    "addr": lambda run: _least(run.addr),
    "map": lambda run: _least(run.map),
    "dev": lambda run: _least(run.dev),
    "ino": lambda run: (_least(run.dev), _least(run.ino), _least(run.index)),
    "index": lambda run: _least(run.index),
    "stack": lambda run: run.stack,
    "match": lambda run: run.match,
    "path": lambda run: _least(run.path),
}


def choose(runs: Iterable[Run], key: str | None, limit: int | None) -> Iterable[Run]:
    """Runs in the order of a key, up to a limit; None keeps their order.

    Keeps all of them in memory if there is a key and no limit.
    """
    if key is None:
        return islice(runs, limit)
    if limit is None:
        return sorted(runs, key=SORT_KEYS[key])
    return heapq.nsmallest(limit, runs, key=SORT_KEYS[key])
