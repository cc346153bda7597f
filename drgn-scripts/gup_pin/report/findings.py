# SPDX-License-Identifier: LGPL-2.1-or-later
"""Findings that differ only in where they are, as one: a file may have very many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# What is the same in all of a group.
_SAME = ("kind", "dev", "ino", "path")

# So many pfns of a group are kept, and so many pins of its first finding.
PFNS = 8
PINS = 4

Words = Mapping[str, Any]


def group_findings(findings: Iterable[Words]) -> list[dict[str, Any]]:
    """The first finding of each group, with how many it has and where the first lie.

    Findings are words as in the schema; a group has the keys count and pfns as well,
    and not more than some of its pins.
    """
    groups: dict[tuple[object, ...], dict[str, Any]] = {}
    for finding in findings:
        key = (*(finding[name] for name in _SAME), *finding["stacks"])
        group = groups.get(key)
        if group is None:
            pins = finding.get("pins", [])[:PINS]
            group = groups[key] = {**finding, "pins": pins, "count": 0, "pfns": []}
        group["count"] += 1
        if len(group["pfns"]) < PFNS:
            group["pfns"].append(finding["pfn"])
    return list(groups.values())
