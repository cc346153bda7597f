# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pins that somebody left behind: mirrors is_orphan() of pins.c."""

from __future__ import annotations

from collections.abc import Callable

from .pin import Item
from .tasks import Tasks


class Orphans:
    """Tells which pins have an owner, or a task, that has gone."""

    def __init__(
        self,
        tasks: Tasks,
        again: Callable[[set[int]], Tasks] | None = None,
        still_held: Callable[[Item], bool] | None = None,
    ) -> None:
        """Of a dump, where all tasks are known for good.

        On a live kernel, again() looks for tasks by their ids at the time of the call,
        and still_held() for a pin.
        """
        self._tasks = tasks
        self._again = again
        self._still_held = still_held

    def gone(self, item: Item) -> str:
        """What of a pin has gone: "owner", "task" or "both"; "" if it is no orphan.

        A walk may last, so on a live kernel somebody may have been born after all tasks
        were looked at. Who released the pin in between, and ended, left nothing behind.
        """
        gone = self._tasks.gone(item)
        if not gone:
            return ""
        if self._again is not None:
            origin = item.origin
            gone = self._again({origin.owner, origin.pid}).gone(item)
        if gone and self._still_held is not None and not self._still_held(item):
            return ""
        return gone
