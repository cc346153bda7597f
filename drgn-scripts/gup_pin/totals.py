# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of the debugfs file stats: mirrors mm/gup_pin/view/stats.c."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .errors import Unreadable

if TYPE_CHECKING:
    from drgn import Object, Program

_NS_PER_MS = 1_000_000

_FIRST_HAZARDS = (
    *("hazard_writeback", "hazard_pin_under_writeback", "hazard_truncate"),
    *("hazard_unmatched_unpin", "hazard_dirty_read_pin"),
)


@dataclass(frozen=True)
class Totals:
    """The figures of all shards, named as theirs; of pins."""

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
    """What is live, and has to be counted; folios: None if not all are known."""

    folios: int | None
    calls: int
    origins: int


def _variable(prog: Program, name: str, file: str) -> Object:
    """A variable that only its own file knows; raises LookupError."""
    return prog.variable(name, f"gup_pin/{file}")


# What hazards have from boot on.
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
    """All that tracking has allocated, but for the stack depot."""
    from drgn import sizeof  # noqa: PLC0415

    tables = [_variable(prog, name, file) for name, file in _TABLES]
    proofs = _variable(prog, "proof_bytes", "hazard/proof.c")
    return int(
        _sum_per_cpu(prog, _variable(prog, "bytes", "record/memory.c"))
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
    totals: Totals,
    live: Live,
    hazards: tuple[str, ...],
    fault: Callable[[Unreadable], None],
) -> dict[str, int]:
    """Name and value of each line of stats, in its order.

    What the dump does not have is left out and told to fault; so is, silently, what
    another build of the feature does not have.
    """
    from drgn import FaultError  # noqa: PLC0415

    counted = {
        f"hazard_{name}": partial(_hazard, root, i) for i, name in enumerate(hazards)
    }
    getters: dict[str, Callable[[], int]] = {
        "enabled": lambda: int(root.index.recording.value_()),
        "live_pins": lambda: totals.acquired - totals.released,
        "live_folios": partial(_known, live.folios),
        "live_calls": lambda: live.calls,
        "live_origins": lambda: live.origins,
        "acquired": lambda: totals.acquired,
        "released": lambda: totals.released,
        "untracked": lambda: totals.untracked,
        "inferred": lambda: totals.inferred,
        "unmatched": lambda: totals.unmatched,
        # Those that the first version did not have come later.
        **{name: get for name, get in counted.items() if name in _FIRST_HAZARDS},
        "reports_suppressed": partial(_of, root.reports_suppressed),
        "memory_bytes": lambda: _memory_bytes(prog),
        "untracked_total": lambda: totals.untracked_total,
        "unpinned_from_before": lambda: totals.before,
        "wrong_traces": lambda: _counter(prog, "wrong_traces", "record/stack_cache.c"),
        **{name: get for name, get in counted.items() if name not in _FIRST_HAZARDS},
        "false_positive": partial(_of, root.false_positive),
        "proof_skipped": lambda: _counter(prog, "proof_skipped", "hazard/proof.c"),
        "refused": lambda: _counter(prog, "refusals", "view/refused.c"),
        "pinned_from_before": lambda: int(root.index.earlier.pins.value_()),
        "switched_at_ms": lambda: int(root.switched.value_()) // _NS_PER_MS,
    }
    stats = {}
    for name, get in getters.items():
        try:
            with suppress(LookupError, AttributeError):
                stats[name] = int(get())
        except FaultError as error:
            fault(Unreadable("figure of stats", error.address))
    return stats


def _known(figure: int | None) -> int:
    """A figure; raises LookupError if it is none."""
    if figure is None:
        raise LookupError
    return figure


def _counter(prog: Program, name: str, file: str) -> int:
    return _of(_variable(prog, name, file))
