# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pins whose holder has ended: mirrors is_orphan() of pins.c."""

from __future__ import annotations

from collections.abc import Callable

from .pin import Item
from .tasks import Tasks


class Orphans:
    """Finds pins whose owner, or whose task, has ended."""

    def __init__(
        self,
        tasks: Tasks,
        again: Callable[[set[int]], Tasks] | None = None,
        still_held: Callable[[Item], bool] | None = None,
    ) -> None:
        """For a dump, tasks is enough: all of them are known.

        On a live kernel, again() looks up tasks by their ids at the time of the call,
        and still_held() looks up a pin.
        """
        self._tasks = tasks
        self._again = again
        self._still_held = still_held

    def gone(self, item: Item) -> str:
        """What has ended of a pin: "owner", "task" or "both"; "" if it is no orphan.

        A walk takes time: on a live kernel a task may have started after all tasks were
        read, or have unpinned and ended since. Neither makes an orphan.
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
