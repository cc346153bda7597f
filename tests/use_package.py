# SPDX-License-Identifier: GPL-2.0
"""Run by drgn for test_dump.py: uses the exports of drgn-scripts/gup_pin. Prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from drgn import Object, Program, cast, get_default_prog
from drgn.helpers.linux.mm import compound_head, page_to_pfn, pfn_to_page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "drgn-scripts"))

import gup_pin
from gup_pin.tasks import UNKNOWN_DIFFER


def count_folios(prog: Program, runs: list[gup_pin.Run]) -> dict[str, object]:
    """Folio by folio, the pins on record and the folio's own count."""
    pins, miscounted, exact = 0, [], {True: 0, False: 0}
    heads: set[int] = set()
    for run in runs:
        pages = range(run.pfn, run.end)
        heads.update(page_to_pfn(compound_head(pfn_to_page(prog, pfn))).value_() for pfn in pages)
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


def check_stacks(
    prog: Program, runs: list[gup_pin.Run], records: list[Object]
) -> set[tuple[str, ...]]:
    """Each kind of argument leads to its stack; return all stacks of runs."""
    by_run = {gup_pin.pin_stack(run) for run in runs}
    for run in runs[:9]:
        assert gup_pin.pin_stack(run) == gup_pin.pin_stack(run, prog)
        items = gup_pin.pins_of_page(pfn_to_page(prog, run.pfn))
        assert gup_pin.pin_stack(run) in {gup_pin.pin_stack(item) for item in items}
    assert by_run == {gup_pin.pin_stack(record) for record in records}
    for record in records[:9]:
        stack = gup_pin.pin_stack(record)
        for kind in ("const struct gup_pin_record *", "struct gup_pin_record * const"):
            assert gup_pin.pin_stack(cast(kind, record)) == stack
        assert gup_pin.pin_stack(record[0]) == gup_pin.pin_stack(record.origin[0]) == stack
    assert by_run <= {gup_pin.pin_stack(origin) for origin in gup_pin.for_each_origin(prog)}
    assert all(gup_pin.pin_stack(hazard) for hazard in gup_pin.for_each_hazard(prog))
    assert all(gup_pin.pin_stack(refusal) for refusal in gup_pin.for_each_refusal(prog))
    return by_run


def check_words(prog: Program, runs: list[gup_pin.Run]) -> None:
    """The words of a run, used as a filter, find it again."""
    for run in runs[:9]:
        names = ("pfn", "owner", "task", "comm", "mode", "term", "api", "ino", "dev", "stack")
        words = {name: getattr(run, name) for name in names}
        found = gup_pin.for_each_pin(prog, min_age_ms=run.age_ms, **words)
        assert (run.pfn, run.addr, run.match) in {(r.pfn, r.addr, r.match) for r in found}


def use(prog: Program) -> dict[str, object]:
    """Call each function."""
    runs = list(gup_pin.for_each_pin(prog))
    records = [record for _, record in gup_pin.for_each_record(prog)]
    calls = {(record.origin.value_(), record.time.value_()) for record in records}
    origins = list(gup_pin.for_each_origin(prog))
    by_run = check_stacks(prog, runs, records)
    check_words(prog, runs)
    reads = sum(run.pins for run in gup_pin.for_each_pin(prog, mode="r"))
    writes = sum(run.pins for run in gup_pin.for_each_pin(prog, mode="w"))
    pins = sum(run.pins for run in runs)
    counted = ((record.mask.value_(), record.pins.value_()) for record in records)
    assert pins == reads + writes == sum(mask.bit_count() * each for mask, each in counted)
    return {
        "lines": len(runs),
        "pins": pins,
        "calls": len(calls),
        "live origins": sum(
            each.acquired.counter.value_() > each.released.counter.value_() for each in origins
        ),
        "hazards": len(list(gup_pin.for_each_hazard(prog))),
        "refusals": len(list(gup_pin.for_each_refusal(prog))),
        "inconsistencies": len(list(gup_pin.for_each_inconsistency(prog))),
        "stacks": sorted(by_run),
        "clocks known": gup_pin.gup_pin_state(prog).tasks().clocks.differ != UNKNOWN_DIFFER,
        **count_folios(prog, runs),
    }


if __name__ == "__main__":
    print(json.dumps(use(get_default_prog())))
