# SPDX-License-Identifier: LGPL-2.1-or-later
"""Merges findings that differ only in their place: a file may have very many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# The words that are equal within a group.
_SAME = ("kind", "dev", "ino", "path", "stake")

# The limits on pfns kept of a group, and on pins of its first finding.
PFNS = 8
PINS = 4

Words = Mapping[str, Any]


def group_findings(findings: Iterable[Words]) -> list[dict[str, Any]]:
    """The first finding of each group, with the number and the first places of all.

    Findings are words as in the schema; a group also has the keys count and pfns, and
    only some of its pins.
    """
    groups: dict[tuple[object, ...], dict[str, Any]] = {}
    for finding in findings:
        key = (*(finding.get(name) for name in _SAME), *finding["stacks"])
        group = groups.get(key)
        if group is None:
            pins = finding.get("pins", [])[:PINS]
            group = groups[key] = {**finding, "pins": pins, "count": 0, "pfns": []}
        group["count"] += 1
        if len(group["pfns"]) < PFNS:
            group["pfns"].append(finding["pfn"])
    return list(groups.values())
