# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of the debugfs file stats: mirrors mm/gup_pin/view/stats.c."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .errors import Unreadable
from .statics import find_static

if TYPE_CHECKING:
    from drgn import Object, Program

_NS_PER_MS = 1_000_000

_FIRST_HAZARDS = (
    *("hazard_writeback", "hazard_pin_under_writeback", "hazard_truncate"),
    *("hazard_unmatched_unpin", "hazard_dirty_read_pin"),
)


@dataclass(frozen=True)
class Totals:
    """The sums of all shards' counters of pins, under the same names."""

    acquired: int = 0
    released: int = 0
    inferred: int = 0
    unmatched: int = 0
    before: int = 0
    untracked: int = 0
    untracked_total: int = 0


def _sum_per_cpu(prog: Program, variable: Object) -> int:
    from drgn.helpers.linux.cpumask import for_each_possible_cpu  # noqa: PLC0415
    from drgn.helpers.linux.percpu import per_cpu  # noqa: PLC0415

    cpus = for_each_possible_cpu(prog)
    return int(max(sum(per_cpu(variable, cpu).value_() for cpu in cpus), 0))


class Live(NamedTuple):
    """Live objects, which have to be counted; None if not all could be read."""

    folios: int | None
    calls: int | None
    origins: int | None


# Hazards of the first version of stats.
_TABLES = (
    ("buffers", "hazard/report.c"),
    ("seen", "hazard/seen.c"),
    ("users", "hazard/seen.c"),
    ("kinds", "hazard/seen.c"),
    ("deeds", "hazard/deed.c"),
    ("buckets", "hazard/ended.c"),
    ("table", "hazard/proof.c"),
)


def _memory_bytes(prog: Program) -> int:
    """All memory that tracking has allocated, except for the stack depot."""
    from drgn import sizeof  # noqa: PLC0415

    tables = [find_static(prog, name, file) for name, file in _TABLES]
    proofs = find_static(prog, "proof_bytes", "hazard/proof.c")
    return int(
        _sum_per_cpu(prog, find_static(prog, "bytes", "record/memory.c"))
        + sizeof(prog["gup_pin_ring"])
        + sum(sizeof(table) for table in tables)
        + _of(proofs)
    )


def _of(counter: Object) -> int:
    """The value of an atomic counter."""
    return int(counter.counter.value_())


def _hazard(root: Object, number: int) -> int:
    return _of(root.hazards[number])


def find_stats(
    prog: Program,
    root: Object,
    totals: Totals | None,
    live: Live,
    hazards: tuple[str, ...],
    fault: Callable[[Unreadable], None],
) -> dict[str, int | None]:
    """Name and value of each line of stats, in the same order.

    A value that the dump does not have is None, and reported to fault: for totals and
    live by the caller. A value that another build lacks is left out.
    """
    from drgn import FaultError  # noqa: PLC0415

    counted = {
        f"hazard_{name}": partial(_hazard, root, i) for i, name in enumerate(hazards)
    }

    def of_shards(count: Callable[[Totals], int]) -> Callable[[], int | None]:
        return lambda: None if totals is None else count(totals)

    getters: dict[str, Callable[[], int | None]] = {
        "enabled": lambda: int(root.index.recording.value_()),
        "live_pins": of_shards(lambda sums: sums.acquired - sums.released),
        "live_folios": lambda: live.folios,
        "live_calls": lambda: live.calls,
        "live_origins": lambda: live.origins,
        "acquired": of_shards(lambda sums: sums.acquired),
        "released": of_shards(lambda sums: sums.released),
        "untracked": of_shards(lambda sums: sums.untracked),
        "inferred": of_shards(lambda sums: sums.inferred),
        "unmatched": of_shards(lambda sums: sums.unmatched),
        # Hazards that the first version did not have follow below.
        **{name: get for name, get in counted.items() if name in _FIRST_HAZARDS},
        "reports_suppressed": partial(_of, root.reports_suppressed),
        "memory_bytes": lambda: _memory_bytes(prog),
        "untracked_total": of_shards(lambda sums: sums.untracked_total),
        "unpinned_from_before": of_shards(lambda sums: sums.before),
        "wrong_traces": lambda: _counter(prog, "wrong_traces", "record/stack_cache.c"),
        **{name: get for name, get in counted.items() if name not in _FIRST_HAZARDS},
        "false_positive": partial(_of, root.false_positive),
        "proof_skipped": lambda: _counter(prog, "proof_skipped", "hazard/proof.c"),
        "refused": lambda: _counter(prog, "refusals", "view/refused.c"),
        "pinned_from_before": lambda: int(root.index.earlier.pins.value_()),
        "switched_at_ms": lambda: int(root.switched.value_()) // _NS_PER_MS,
        "unloaded_frames": lambda: int(root.unloads.count.value_()),
        "unloaded_unnamed": lambda: int(root.unloads.unnamed.value_()),
    }
    stats: dict[str, int | None] = {}
    for name, get in getters.items():
        try:
            with suppress(LookupError, AttributeError):
                stats[name] = get()
        except FaultError as error:
            stats[name] = None
            fault(Unreadable("figure of stats", error.address))
    return stats


def _counter(prog: Program, name: str, file: str) -> int:
    return _of(find_static(prog, name, file))
