# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump.py: use what drgn-scripts/gup_pin exports. Prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from drgn import Program, get_default_prog
from drgn.helpers.linux.mm import pfn_to_page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "drgn-scripts"))

import gup_pin
from gup_pin.tasks import UNKNOWN_DIFFER


def count_folios(prog: Program, runs: list[gup_pin.Run]) -> dict[str, object]:
    """Folio by folio, what is on record and what the folio says."""
    pins, miscounted, exact = 0, [], {True: 0, False: 0}
    heads: set[int] = set()
    for run in runs:
        order = run.first.folio.order
        heads.update(range(run.first.pfn, run.end, 1 << order))
    for pfn in sorted(heads):
        page = pfn_to_page(prog, pfn)
        recorded = sum(item.pins for item in gup_pin.pins_of_page(page))
        count, is_exact = gup_pin.folio_pin_count(page)
        exact[is_exact] += 1
        if count < recorded or (is_exact and count != recorded):
            miscounted.append(hex(pfn))
        pins += recorded
    return {
        "pins of pages": pins,
        "miscounted": miscounted,
        "exact": exact[True],
        "not exact": exact[False],
    }


def use(prog: Program) -> dict[str, object]:
    """Each function."""
    runs = list(gup_pin.for_each_pin(prog))
    calls = list(gup_pin.for_each_call(prog))
    origins = list(gup_pin.for_each_origin(prog))
    by_run = {gup_pin.pin_stack(run, prog) for run in runs}
    assert by_run == {gup_pin.pin_stack(call) for call in calls}
    assert by_run <= {gup_pin.pin_stack(origin) for origin in origins}
    reads = sum(run.pins for run in gup_pin.for_each_pin(prog, mode="r"))
    writes = sum(run.pins for run in gup_pin.for_each_pin(prog, mode="w"))
    pins = sum(run.pins for run in runs)
    assert pins == reads + writes == sum(call.live.counter.value_() for call in calls)
    return {
        "lines": len(runs),
        "pins": pins,
        "calls": len(calls),
        "live origins": sum(
            origin.got.counter.value_() > origin.gone.counter.value_() for origin in origins
        ),
        "hazards": len(list(gup_pin.for_each_hazard(prog))),
        "inconsistencies": len(list(gup_pin.for_each_inconsistency(prog))),
        "stacks": sorted(by_run),
        "clocks known": gup_pin.gup_pin_state(prog).tasks().clocks.differ != UNKNOWN_DIFFER,
        **count_folios(prog, runs),
    }


if __name__ == "__main__":
    print(json.dumps(use(get_default_prog())))
