# SPDX-License-Identifier: LGPL-2.1-or-later
"""Findings that differ only in their place."""

from __future__ import annotations

from typing import Any

from gup_pin.report.findings import PFNS, PINS, group_findings

FINDING: dict[str, Any] = {
    "kind": "writeback",
    "pfn": "0x10",
    "dev": "8:1",
    "ino": 12,
    "path": "/data",
    "flags": "dirty",
    "stacks": ["0x1", "0x2"],
    "pins": [{"comm": str(i)} for i in range(PINS + 3)],
}


def test_the_same_is_one_with_a_count() -> None:
    """Only some of their places and pins are kept."""
    findings = [FINDING | {"pfn": hex(i), "flags": str(i)} for i in range(PFNS + 5)]
    (group,) = group_findings(findings)
    assert group["count"] == PFNS + 5 and group["flags"] == "0"
    assert group["pfns"] == [hex(i) for i in range(PFNS)]
    assert group["pins"] == FINDING["pins"][:PINS]


def test_what_differs_is_apart() -> None:
    """By kind, file, or stack; in their original order."""
    others: list[dict[str, Any]] = [
        {},
        {"kind": "dirty"},
        {"dev": "8:2"},
        {"ino": 13},
        {"path": ""},
        {"stacks": ["0x1"]},
        {"stake": "data"},
        {"stake": "end"},
    ]
    groups = group_findings([FINDING | other for other in others * 2])
    assert [group["count"] for group in groups] == [2] * len(others)
    assert [{**FINDING, **other}["kind"] for other in others] == [
        group["kind"] for group in groups
    ]


def test_without_pins() -> None:
    """Folios without pins on record."""
    finding = {key: value for key, value in FINDING.items() if key != "pins"}
    (group,) = group_findings([finding | {"stacks": []}])
    assert group["pins"] == [] and group["count"] == 1
