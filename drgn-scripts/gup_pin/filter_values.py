# SPDX-License-Identifier: LGPL-2.1-or-later
"""Valid values for the members of a filter: scripts give plain values, too."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from typing import Any

from .meaning import ENDED

# One more than the largest pid, and than the largest number of that many bits.
IDS = 1 << 31
U32 = 1 << 32
U64 = 1 << 64

# TASK_COMM_LEN, without the terminating 0.
_COMM_MAX = 15


def _comm(value: bytes | str) -> bytes:
    """A task's name; an empty one is a mistake."""
    comm = os.fsencode(value)
    if not 0 < len(comm) <= _COMM_MAX or b"\0" in comm:
        raise ValueError(value)
    return comm


def _below(limit: int) -> Callable[[Any], int]:
    """A number, or a drgn object that is one."""

    def check(value: Any) -> int:
        number = operator.index(value)
        if not 0 <= number < limit:
            raise ValueError(value)
        return number

    return check


def _one_of(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in names:
            raise ValueError(value)
        return str(value)

    return check


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _pfn(value: Any) -> tuple[int, int]:
    """The first and the last, or a single one."""
    first, last = value if isinstance(value, (tuple, list)) else (value, value)
    check = _below(U64)
    if check(last) < check(first):
        raise ValueError(value)
    return check(first), check(last)


def _handles(value: Any) -> tuple[int, ...]:
    """Several handles, or one."""
    handles = value if isinstance(value, (tuple, list)) else (value,)
    if not handles:
        raise ValueError(value)
    return tuple(map(_below(U32), handles))


def _task(value: Any) -> tuple[int, int | None]:
    """Process and task, or one id that is either."""
    tgid, pid = value if isinstance(value, (tuple, list)) else (value, None)
    check = _below(IDS)
    return check(tgid), None if pid is None else check(pid)


def _module(value: Any) -> str:
    """Frames have underscores where the name of the module's file may have dashes."""
    if not _text(value):
        raise ValueError(value)
    return str(value).replace("-", "_")


# By member; each returns a filter's form of it, and raises ValueError or TypeError.
CHECKS: dict[str, Callable[[Any], Any]] = {
    "owner": _below(IDS),
    "task": _task,
    "comm": _comm,
    "mode": _one_of("r", "w"),
    "term": _one_of("short", "long"),
    # Only the kernel knows the valid names.
    "api": _text,
    "pfn": _pfn,
    "ino": _below(U64),
    "dev": _below(U32),
    "min_age_ms": _below(U64),
    "stack": _handles,
    "module": _module,
    # Only the kernel knows the valid names of all these.
    "kind": _text,
    "stake": _text,
    "why": _text,
    "err": _text,
    "gone": _one_of(*ENDED),
    "path": _text,
    "any_of": _below(IDS),
}
