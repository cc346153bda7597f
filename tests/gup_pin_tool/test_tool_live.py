# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin in a guest. See guest.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gup_pin_tool.files import NONE
from vmlib import paths


@pytest.fixture(scope="module", name="live")
def fixture_live(plain: Path, version: str) -> dict[str, Any]:
    """The output of the program in a guest, step by step."""
    vm = [str(paths.PROJECT / "scripts" / "vm"), "-k", version, "-m", "1G", "-t", "900"]
    guest = str(Path(__file__).parent / "guest.py")
    command = ["--append", "gup_pin=on", "--", "/usr/bin/python3", guest, str(plain)]
    done = subprocess.run([*vm, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    steps = json.loads(done.stdout)
    assert isinstance(steps, dict)
    return steps


def test_live_pins(live: dict[str, Any]) -> None:
    def records(name: str) -> list[dict[str, Any]]:
        status, out, err = live[name]
        found = json.loads(out)
        assert isinstance(found, list)
        assert status == (0 if found else NONE), live[name]
        assert err.count("\n") == (not found), live[name]
        return found

    pages, pid = live["pages"], live["pid"]
    assert sum(r["pins"] for r in records("file")) == pages
    assert {(r["map"], r["owner"]) for r in records("file")} == {("shmem", pid)}
    for name in ("list", "process"):
        assert {r["pfn"] for r in records(name)} == {r["pfn"] for r in records("file")}
    assert records("other") == []
    assert [r["pins"] for r in records("stacks")] == [pages]
    assert any(frame.startswith("io_pin_pages+") for frame in records("stacks")[0]["frames"])
    assert [(r["module"], r["pins"]) for r in records("module")] == [("vmlinux", pages)]
    assert records("module")[0]["frames"] == records("stacks")[0]["frames"]
    assert [r["pins_growth"] for r in records("diff")] == [pages]
    assert [r["pins_growth"] for r in records("since")] == [pages]
    assert [r["pins_growth"] for r in records("gone")] == [-pages]


def test_live_hazards(live: dict[str, Any]) -> None:
    """All that the kernel writes can be parsed; there may be none."""
    status, out, err = live["hazards"]
    assert out.splitlines()[0] == "# gup_pin hazards 1"
    assert status == (0 if out.count("\n") > 1 else NONE), err


def test_live_filters(live: dict[str, Any]) -> None:
    """The kernel gets the words it knows, and the result is the same as without it."""
    pid, ino, dev = (live[name] for name in ("filters_pid", "ino", "dev"))
    _, everything = live["all"]
    mine = f"owner={pid} task={pid}/{pid} mode=w term=long"
    file = f"ino={ino} dev={os.major(dev)}:{os.minor(dev)}"
    words = {
        "mine": [mine],
        "range": ["pfn=0x0-0xffffff min_age_ms=0 comm=python3"],
        "readers": ["mode=r"],
        "refused": ["api=nothing"],
        "unknown": [],
        "names": [r"comm=a\\x20b"],
        "on file": [file],
        "of process": [f"owner={pid}", f"task={pid}"],
        "twice": [f"owner={pid} task={pid}", f"task={pid}"],
        "sums": ["mode=w"],
        "by name": [],
    }
    for name, told in words.items():
        assert [text for text, _ in live[name][0]] == told, name
    results = {name: [result for _, result in live[name][0]] for name in words}
    assert results.pop("refused")[0].startswith("-1 EINVAL")
    for name, result in results.items():
        assert not [r for r in result if r.startswith("-1")], name

    def pfns(name: str) -> list[str]:
        return sorted(record["pfn"] for record in live[name][1])

    assert {record["owner"] for record in everything} == {0, pid}
    assert pfns("range") == pfns("of process") == pfns("twice") == pfns("all")
    wanted = [r for r in everything if r["owner"] == pid and r["pages"] == 1]
    assert pfns("mine") == sorted(record["pfn"] for record in wanted)
    assert pfns("unknown") == sorted(r["pfn"] for r in everything if r["map"] == "shmem")
    for name in ("readers", "refused", "names", "on other"):
        assert live[name][1] == []
    assert sum(record["pins"] for record in live["on file"][1]) == live["pages"]
    # It does not exist, but a file in the root of some file system may have that name.
    assert pfns("by name") == pfns("on file")
    assert live["sums"][1][0]["pins"] == sum(record["pins"] for record in everything)


def test_live_top(live: dict[str, Any]) -> None:
    for name, rounds in (("top", 2), ("bare", 1)):
        status, out, err = live[name]
        assert (status, err) == (0, "")
        assert out.count(f"pins {live['pages']}  orphans 0  hazards ") == rounds
        # The guest has run for less than a quarter of an hour, or it was ended.
        assert len(re.findall(r"tracking on for (\d+\.\ds|\d+m\d\ds)  ", out)) == rounds


def test_live_files_that_are_not_there(live: dict[str, Any]) -> None:
    status, _, err = live["nobody"]
    assert (status, err.count("\n")) == (1, 1)
    assert "run this as root" in err
    status, out, err = live["off"]
    assert (status, out) == (NONE, "[]\n")
    off = "no pins: tracking is off: echo 1 > /sys/kernel/debug/gup_pin/enable"
    assert err == f"gup_pin: {off}\n"
    assert live["without"][0] == live["unmounted"][0] == 3
    assert live["without"][2] == (
        "gup_pin: no /sys/kernel/debug/gup_pin: load gup_pin.ko, "
        "or boot a kernel with CONFIG_DEBUG_GUP_PIN\n"
    )
    assert live["elsewhere"][0:2] == [NONE, "[]\n"]
    assert live["unmounted"][2] == (
        "gup_pin: debugfs is not mounted: mount -t debugfs none /sys/kernel/debug\n"
    )
