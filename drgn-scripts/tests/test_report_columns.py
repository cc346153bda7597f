# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pins by columns, and numbers that a script can represent."""

from __future__ import annotations

from typing import Any

from gup_pin.meaning import GONE, MATCHES
from gup_pin.report.columns import exact, make_columns

PIN: dict[str, Any] = {
    "pfn": "0x1a2b0",
    "pages": 16,
    "order": 0,
    "pins": 17,
    "mode": "w",
    "term": "long",
    "api": "pin_user_pages_fast",
    "owner": 812,
    "task": "812/815",
    "comm": "fio",
    "age_ms": 5203,
    "addr": "0x7f21c0000000",
    "map": "file",
    "dev": "8:1",
    "ino": 12,
    "index": "0x5",
    "stack": "0x2b40003",
    "match": "exact",
    "path": "/data",
}


def rebuilt(columns: dict[str, Any], row: int) -> dict[str, Any]:
    """A pin made from columns; its inode number is text."""
    origin = columns["origin"][row]
    tables = {
        "tasks": columns["origins"]["task"][origin],
        "sites": columns["origins"]["site"][origin],
        "files": columns["file"][row],
    }
    pin = {
        key: values[place]
        for table, place in tables.items()
        for key, values in columns[table].items()
    }
    pin |= {key: columns[key][row] for key in ("pages", "order", "pins", "age_ms")}
    for key in ("addr", "index"):
        digits = columns[key][row]
        pin[key] = None if digits is None else f"0x{digits}"
    pin["pfn"] = f"{columns['pfn'][row]:#x}"
    pin["match"] = MATCHES[columns["match"][row]]
    return pin


def test_nothing_is_lost() -> None:
    """All words of all pins can be restored from the columns."""
    others: list[dict[str, Any]] = [
        {"comm": "child", "task": "9/9"},
        {"stack": "0x1", "mode": "r", "term": "short"},
        {"ino": 2**64 - 1, "path": "", "match": "alike"},
        {"match": "inferred", "addr": "0x0", "pfn": "0x0"},
        dict.fromkeys(("order", "addr", "map", "dev", "ino", "index", "path")),
        dict.fromkeys(("pages", "order", "age_ms")),
        {},
    ]
    pins = [PIN | other for other in others]
    columns = make_columns(pins)
    for row, pin in enumerate(pins):
        ino = None if pin["ino"] is None else str(pin["ino"])
        assert rebuilt(columns, row) == pin | {"ino": ino}


def test_what_is_shared_is_there_once() -> None:
    """Tasks, sites, files and origins, for any number of pins."""
    pins = [PIN | {"task": f"812/{i % 2}", "ino": i % 3} for i in range(60)]
    columns = make_columns(pins)
    lengths = [len(columns["tasks"]["task"]), len(columns["sites"]["stack"])]
    lengths += [len(columns["files"]["ino"]), len(columns["origins"]["task"])]
    assert lengths == [2, 1, 3, 2]
    assert len(columns["origin"]) == len(columns["file"]) == 60


def test_orphans_are_marked() -> None:
    """By number, with what has ended."""
    columns = make_columns([PIN, PIN, PIN], {1: "owner", 2: "both"})
    assert [GONE[number] for number in columns["orphan"]] == ["", "owner", "both"]


def test_no_pins() -> None:
    """All columns exist, and are empty."""
    columns = make_columns([])
    assert columns["pfn"] == columns["tasks"]["comm"] == []


def test_numbers_that_a_script_cannot_hold_are_text() -> None:
    """At any depth, and no other numbers."""
    most = 2**53 - 1
    value = {
        "a": [most, most + 1, {"b": 2**64 - 1}],
        "c": True,
        "d": "0x1",
        "e": None,
    }
    assert exact(value) == {
        "a": [most, str(most + 1), {"b": str(2**64 - 1)}],
        "c": True,
        "d": "0x1",
        "e": None,
    }
    assert exact({"c": True})["c"] is True  # type: ignore[index]
