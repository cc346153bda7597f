# SPDX-License-Identifier: LGPL-2.1-or-later
"""The data of a page for a program: a document of the schema, packed.

Pins are stored by columns (key columns instead of pins), findings in groups, and
numbers that a script cannot represent as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import Unreadable
from ..progress import Progress
from ..runs import Run
from ..views import Views
from .columns import exact, make_columns
from .findings import group_findings

if TYPE_CHECKING:
    from ..state import GupPinState


def pack(
    document: Mapping[str, Any], orphans: Mapping[int, str] | None = None
) -> dict[str, object]:
    """The data of a page for a document; orphans: what has ended, by pin from 0."""
    data = {key: exact(part) for key, part in document.items() if key != "pins"}
    data["columns"] = make_columns(document["pins"], orphans)
    findings = document.get("findings")
    if findings is not None:
        data["findings"] = exact(group_findings(findings))
    return data


def collect(state: GupPinState, progress: Progress) -> dict[str, object]:
    """All data of a page for a program; raises drgn.FaultError."""
    views = Views(state)
    data = views.head("report")
    orphans: dict[int, str] = {}
    pins = (views.pin(run) for run in _noting_orphans(state, orphans))
    columns = make_columns(pins, orphans)
    progress.end()
    findings = map(views.finding, state.for_each_finding(progress.tell))
    data["findings"] = group_findings(findings)
    progress.end()
    data["hazards"] = [views.hazard(hazard) for hazard in state.for_each_hazard()]
    with suppress(LookupError):
        data["refused"] = [views.refusal(each) for each in state.for_each_refusal()]
    data["stats"] = state.stats()
    with suppress(LookupError, Unreadable):
        data["memory"] = views.physical(state.physical())
    handles = dict.fromkeys(columns["sites"]["stack"])
    handles |= dict.fromkeys(hazard["pin"]["stack"] for hazard in data["hazards"])
    for finding in data["findings"]:
        handles |= dict.fromkeys(finding["stacks"])
    data["stacks"] = {handle: state.frames(int(handle, 16)) for handle in handles}
    # Last, after everything that may fail to be read.
    data |= views.tail()
    return {**{key: exact(part) for key, part in data.items()}, "columns": columns}


def _noting_orphans(state: GupPinState, orphans: dict[int, str]) -> Iterator[Run]:
    """All runs; notes what has ended of orphans, by number of the run."""
    found = state.orphans()
    for row, run in enumerate(state.for_each_run()):
        gone = found.gone(run.first)
        if gone:
            orphans[row] = gone
        yield run
