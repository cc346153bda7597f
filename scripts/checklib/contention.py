# SPDX-License-Identifier: GPL-2.0
"""Evaluate tests/contention_guest.py: CPUs may contend only where they have to."""

from __future__ import annotations

import json
from typing import Any

from .results import FAILED, PASSED, Result

MEET = ("same block, single", "same block, bulk", "same shard, single", "same shard, bulk")
APART = ("own shards, single", "own shards, bulk")

# Tracking's own locks except those of the shards, and anything else it waits for.
OWN = ("&origins->lock", "gup_pin_root.switching")
# All other kernel locks together, including those of slabs: waits per million pages.
OTHERS = 1000


def wrong(case: str, said: dict[str, Any]) -> str:
    """Describe what a case has shown that it must not; empty if nothing."""
    shards, others = said["shards"], said["others"]
    waits = shards["contentions"]
    own = {name: count for name, count in others.items() if name in (*OWN, *said["ours"])}
    found = ""
    if not said["origins_first"]:
        found = "no new origin was seen"
    elif case in MEET:
        found = "" if waits else "they did not meet"
    elif waits or shards["moved"]:
        found = f"they met {waits} times, and locks moved {shards['moved']} times"
    elif own:
        found = f"they met at {own}"
    elif sum(others.values()) * 1_000_000 > OTHERS * said["pages"]:
        found = f"they met elsewhere: {others}"
    return found


def judge(text: str, prefix: str) -> list[Result]:
    """A result for each case of the guest's output."""
    said = {line["case"]: line for line in map(json.loads, text.splitlines())}
    results = []
    for case in (*MEET, *APART):
        name = f"{prefix}: {case}"
        fault = wrong(case, said[case]) if case in said else "not done"
        detail = f"{fault}\n{said.get(case)}" if fault else ""
        results.append(Result(name, FAILED if fault else PASSED, detail))
    return results
