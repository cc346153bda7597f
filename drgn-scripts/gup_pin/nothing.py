# SPDX-License-Identifier: LGPL-2.1-or-later
"""A line for an empty result: what was looked for, and a possible reason."""

from __future__ import annotations

import argparse
from typing import Protocol


class Tracking(Protocol):
    """What is known of the records of a kernel."""

    @property
    def enabled(self) -> bool:
        """Whether pins were being recorded."""

    @property
    def live(self) -> bool:
        """Whether it is a running kernel."""

    def recorded(self) -> int | None:
        """The number of pins on record; None if unknown."""

    def refusals(self) -> int:
        """The number of records of refusals."""

    def earlier(self) -> int:
        """The number of pins taken before tracking was on, which have no record."""

    def has_task(self, pid: int) -> bool:
        """False if there is no such task."""


def _wanted(args: argparse.Namespace) -> str:
    """The words after the verb, without control characters."""
    words: list[str] = list(args.words or [])
    if args.verb == "task":
        words.insert(0, f"task {args.pid}")
    elif args.verb == "file":
        words.insert(0, args.file)
    return "".join(c if c.isprintable() else "?" for c in " ".join(words))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _pins_reason(tracking: Tracking, wanted: str) -> str | None:
    recorded, earlier = tracking.recorded(), tracking.earlier()
    reasons = []
    if wanted and recorded:
        reasons.append(f"none of {_count(recorded, 'pin')} on record matches")
    if earlier:
        taken = _count(earlier, "pin")
        reasons.append(f"{taken} taken before tracking was on cannot be listed")
    return "; ".join(reasons) or None


def _refusals_reason(tracking: Tracking, wanted: str) -> str | None:
    recorded = tracking.refusals()
    if not (wanted and recorded):
        return None
    return f"none of {_count(recorded, 'refusal')} on record matches"


def nothing(what: str, args: argparse.Namespace, tracking: Tracking) -> str:
    """The line, for "pins", "stacks" or "refusals"."""
    wanted = _wanted(args)
    reason: str | None = None
    if not tracking.enabled:
        reason = "tracking is off" if tracking.live else "tracking was off"
    elif args.verb == "task" and not tracking.has_task(args.pid):
        reason = "there is no such task"
    elif what == "refusals":
        reason = _refusals_reason(tracking, wanted)
    else:
        reason = _pins_reason(tracking, wanted)
    text = f"no {what}{' for ' if wanted else ''}{wanted}"
    return f"{text}: {reason or 'there are none on record'}"
