# SPDX-License-Identifier: LGPL-2.1-or-later
"""The data of a page for a program, and the verb that writes it."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_cli import run

from gup_pin.errors import Unreadable
from gup_pin.filter import Filter
from gup_pin.physical import MemoryBlock, Physical, Zone
from gup_pin.pin import Item
from gup_pin.progress import Progress
from gup_pin.report import collect, pack
from gup_pin.ring import Hazard
from gup_pin.runs import Run
from gup_pin.unchecked import Unchecked
from gup_pin.views import Views
from mock_command import HAZARD, MockState, mock_drgn
from samples import ORIGIN

Capture = Any


@pytest.fixture(autouse=True)
def _no_drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb runs without drgn."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())


@dataclass
class WholeState(MockState):
    """The mock program with all data for a page; the second pin is an orphan."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    zones: bool = True

    def for_each_run(self, wanted: Filter | None = None) -> Iterator[Run]:
        """The runs."""
        return super().for_each_run(wanted)

    def for_each_hazard(self, wanted: Filter | None = None) -> Iterator[Hazard]:
        """The hazards."""
        return super().for_each_hazard(wanted)

    def orphans(self) -> SimpleNamespace:
        """Whether its process has ended."""

        def gone(item: Item) -> str:
            return "both" if item.pfn == 0x2A2B0 else ""

        return SimpleNamespace(gone=gone)

    def for_each_finding(
        self,
        progress: Callable[[int, int], None],
        unchecked: Unchecked | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The findings of the test."""
        progress(1, 1)
        yield from self.findings

    def stats(self) -> dict[str, int]:
        """Some figures."""
        return {"enabled": 1, "live_pins": 32}

    def physical(self) -> Physical:
        """A zone of a block."""
        if not self.zones:
            raise Unreadable("zones", 0)
        zone = Zone(0, "Normal", 0, 0x8000, 0x8000, 0x7000)
        return Physical(4096, 0x8000, [zone], [MemoryBlock(0, 0, 0x8000, True)])


FINDING = {
    "kind": "writeback",
    "pfn": "0x1a2b0",
    "dev": "8:1",
    "ino": 2**64 - 1,
    "path": "/data",
    "stacks": [f"{ORIGIN.stack:#x}"],
    "pins": [],
}


def quiet() -> Progress:
    """A progress line that is not shown."""
    return Progress(io.StringIO(), "test")


@pytest.fixture(name="words")
def _words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes findings as words."""
    monkeypatch.setattr(Views, "finding", lambda _, finding: finding)


def make(state: WholeState) -> dict[str, Any]:
    """The data of a page for a state, converted by JSON."""
    mock: Any = state
    data: dict[str, Any] = json.loads(json.dumps(collect(mock, quiet())))
    return data


@pytest.mark.usefixtures("words")
def test_all_parts_are_there() -> None:
    """Pins with their orphans, and the other parts."""
    data = make(WholeState(findings=[FINDING, FINDING]))
    assert data["schema"] == "gup-pin/2" and data["kernel"] == "6.12.0"
    assert data["complete"] is True and data["faults"] == []
    columns = data["columns"]
    assert columns["pfn"] == [0x1A2B0, 0x2A2B0] and columns["orphan"] == [0, 3]
    assert columns["pins"] == [16, 16] and columns["tasks"]["comm"] == ["fio"]
    (group,) = data["findings"]
    assert group["count"] == 2 and group["ino"] == str(2**64 - 1)
    (hazard,) = data["hazards"]
    assert hazard["comm"] == r"a\x20b" and hazard["pin"]["pins"] == HAZARD.run.pins
    (refusal,) = data["refused"]
    assert refusal["path"] == r"/a\x20b" and len(refusal["frames"]) == 2
    assert data["memory"]["blocks"][0]["pages"] == 0x8000
    assert {key: len(frames) for key, frames in data["stacks"].items()} == {
        "0x2b40003": 2
    }
    assert data["stats"]["live_pins"] == 32


@pytest.mark.usefixtures("words")
def test_stacks_of_what_has_no_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks of hazards and of findings are included."""
    finding = {**FINDING, "stacks": ["0x5"]}
    state = WholeState(findings=[finding])
    monkeypatch.setattr(state, "for_each_run", lambda: iter(()))
    monkeypatch.setattr(state, "frames", lambda handle: [f"frame{handle:x}"])
    assert make(state)["stacks"] == {"0x5": ["frame5"], "0x2b40003": ["frame2b40003"]}


@pytest.mark.usefixtures("words")
def test_what_cannot_be_read_is_told() -> None:
    """Including late faults; without zones the rest is complete."""
    data = make(WholeState(damaged=True, zones=False))
    assert data["complete"] is False and "memory" not in data
    assert {fault["what"] for fault in data["faults"]} >= {
        "struct page",
        "struct gup_pin_hazard_record",
    }


def test_a_document_is_packed() -> None:
    """A document of gup_pins.py --json: its pins become columns."""
    document = {"kernel": "6.12.0", "pins": [], "findings": [FINDING], "stacks": {}}
    data = pack(document)
    assert set(data) == {"kernel", "findings", "stacks", "columns"}


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize(
    "findings, status",
    [
        pytest.param([], 0, id="fine"),
        pytest.param([FINDING], 4, id="findings"),
        pytest.param([{**FINDING, "stake": "data"}], 4, id="harm"),
        pytest.param([{**FINDING, "stake": "unknown"}], 4, id="unknown"),
        pytest.param([{**FINDING, "stake": "end"}], 0, id="harmless"),
    ],
)
def test_the_verb_writes_a_page(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    tmp_path: Path,
    findings: list[dict[str, Any]],
    status: int,
) -> None:
    """It prints nothing; the exit status depends on findings."""
    file = tmp_path / "a.html"
    state = WholeState(findings=findings)
    assert run(monkeypatch, f"report -o {file}", state) == status
    assert capsys.readouterr() == ("", "")
    text = file.read_text()
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert match and json.loads(match[1]) == make(state)
    assert "<title>Pinned pages of Linux 6.12.0</title>" in text


@pytest.mark.usefixtures("words")
def test_faults_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    """A line each, and status 4; the page is written."""
    file = tmp_path / "a.html"
    assert run(monkeypatch, f"report -o {file}", WholeState(damaged=True)) == 4
    assert "gup_pins: struct page not in the dump" in capsys.readouterr().err
    assert file.exists()


def test_nowhere_to_write(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    """An error of one line."""
    file = tmp_path / "none" / "a.html"
    assert run(monkeypatch, f"report -o {file}", WholeState()) == 1
    assert capsys.readouterr().err == f"gup_pins: {file}: No such file or directory\n"


def test_without_a_file(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A usage error."""
    assert run(monkeypatch, "report", WholeState()) == 2
    assert "-o" in capsys.readouterr().err
