# SPDX-License-Identifier: LGPL-2.1-or-later
"""The time in the kernel."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from .errors import Unreadable

if TYPE_CHECKING:
    from drgn import Program


_NS_PER_MS = 1_000_000

_WHAT = "clock of a CPU (ages may be short or unknown)"


def age_ms(time: int, now: int | None) -> int | None:
    """How long ago something was, in ms; 0 if the clocks disagree.

    None if the time of the dump is unknown.
    """
    return None if now is None else max(now - time, 0) // _NS_PER_MS


def now(prog: Program, fault: Callable[[Unreadable], None]) -> int | None:
    """The newest reading of local_clock() that the kernel left, in ns.

    Memory does not hold the time, only when it was last read. Every CPU's run queue
    notes local_clock() at each tick and each context switch, so the newest reading
    is at most one tick old (4 ms at 250 Hz) while any CPU is busy. When all CPUs are
    idle, it is from when the last one went idle, and ages are short by the time since
    then: that ends with the next timer, mostly within a second. A clock that is not
    stable also leaves its last reading in sched_clock_data.

    The timestamps of the timekeeper and the idle loop are no newer than that, and of
    another clock: NTP pulls CLOCK_MONOTONIC away from local_clock().

    Clocks that cannot be read are reported to fault; None if no clock can be read.
    """
    from drgn import FaultError  # noqa: PLC0415
    from drgn.helpers.linux.cpumask import for_each_online_cpu  # noqa: PLC0415
    from drgn.helpers.linux.percpu import per_cpu  # noqa: PLC0415

    # Architectures whose clock is always stable have no sched_clock_data.
    clocks = [prog["runqueues"]]
    with suppress(KeyError):
        clocks.append(prog["sched_clock_data"])
    readings = []
    for cpu in for_each_online_cpu(prog):
        for clock in clocks:
            try:
                readings.append(per_cpu(clock, cpu).clock.value_())
            except FaultError as error:
                fault(Unreadable(_WHAT, error.address))
    if any(readings):
        return int(max(readings))
    if readings:
        fault(Unreadable(_WHAT, int(clocks[0].address_of_().value_()), "is invalid"))
    return None
