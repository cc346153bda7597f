# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: finds a file's pins by any name of the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gup_pin_tool.files import NONE, PINS, Tool, Words, pin, write
from gup_pin_tool.machine import Machine


def test_a_file_by_its_inode(tool: Tool, tmp_path: Path) -> None:
    file = write(tmp_path / "a file", "text")
    (tmp_path / "link").symlink_to(file)
    st = file.stat()
    dev = f"{os.major(st.st_dev)}:{os.minor(st.st_dev)}"
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", map="file", dev=dev, ino=st.st_ino),
        pin(pfn="0x2", map="file", dev=dev, ino=st.st_ino + 1),
        pin(pfn="0x3", map="file", dev="99:9", ino=st.st_ino),
        pin(pfn="0x4"),
    )
    for path in (file, "a file", "link"):
        got = json.loads(tool("file", path, "-f", "pins", "--json").stdout)
        assert [g["pfn"] for g in got] == ["0x1"]
    done = tool("file", "nothing", "-f", "pins", status=1)
    assert "No such file" in done.stderr


def test_a_copys_file_may_be_of_another_machine(
    tool: Tool, tmp_path: Path, machine: Machine
) -> None:
    """Device and inode are not enough there; with the last name they are."""
    path = write(tmp_path / "table", "text")
    st = path.stat()
    file: Words = {
        "map": "file",
        "dev": f"{os.major(st.st_dev)}:{os.minor(st.st_dev)}",
        "ino": st.st_ino,
    }
    lines = [
        pin(pfn="0x1", **file, path="/other/file"),
        pin(pfn="0x2", **file, path="/a/mount/of/its/own/table"),
        pin(pfn="0x3", **file, path=r"/x/table\x20(deleted)"),
        pin(pfn="0x4", **file, path=""),
        pin(pfn="0x5", **file, path="/xtable"),
        pin(pfn="0x6", **file, path="table"),
        pin(pfn="0x7", **file | {"dev": "99:9"}, path="/table"),
        pin(pfn="0x8", **file | {"dev": "99:9"}, path="/x/table"),
    ]
    write(tmp_path / "pins", PINS, *lines)
    got = json.loads(tool("file", path, "-f", "pins", "--json").stdout)
    assert [g["pfn"] for g in got] == ["0x2", "0x3", "0x4", "0x6", "0x7"]
    # On the running kernel they are enough.
    write(machine.files / "pins", PINS, *lines)
    got = json.loads(machine.run("file", path, "--json").stdout)
    assert [g["pfn"] for g in got] == [f"0x{n}" for n in range(1, 7)]


def test_a_file_by_its_path(tool: Tool, tmp_path: Path) -> None:
    file: Words = {"map": "file", "dev": "99:9"}
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", **file, ino=5, path=r"/srv/a\x20b"),
        pin(pfn="0x2", **file, ino=5, path=r"/srv/a\x20b\x20(deleted)"),
        pin(pfn="0x3", **file, ino=6, path=r"/srv/a\x20bc"),
        pin(pfn="0x4", path=""),
    )
    for name in ("/srv/a b", "/mnt/srv/a b", "a b", "srv/a b"):
        got = json.loads(tool("file", name, "-f", "pins", "--json").stdout)
        assert [g["pfn"] for g in got] == ["0x1", "0x2"], name
    for name in (" b", "b", "rv/a b", "/xsrv/a b", "/a b"):
        assert tool("file", name, "-f", "pins", "--json", status=NONE).stdout == "[]\n", name
    assert tool("file", "/srv/none", "-f", "pins", "--json", status=NONE).stdout == "[]\n"
    sums = json.loads(tool("list", "-f", "pins", "--by", "file", "--json").stdout)
    assert {s["file"]: s.get("path") for s in sums} == {
        "99:9:5": r"/srv/a\x20b",
        "99:9:6": r"/srv/a\x20bc",
        "anon": None,
    }
    assert r"/srv/a\x20bc" in tool("list", "-f", "pins", "--by", "file").stdout
    assert r" /srv/a\x20bc" in tool("list", "-f", "pins").stdout


@pytest.mark.parametrize(
    "name",
    [
        "/srv/table",
        "table",
        "srv/table",
        "./table",
        "../x/table",
        "/srv/table/",
        "srv//./table",
        "srv/../srv/table/.",
        "/srv/../table",
    ],
)
def test_a_file_that_is_gone_by_any_name(tool: Tool, tmp_path: Path, name: str) -> None:
    file: Words = {"map": "file", "dev": "99:9", "ino": 5}
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", **file, path="/table"),
        pin(pfn="0x2", **file, path="/xtable"),
        pin(pfn="0x3", **file, path="/table/x"),
    )
    got = json.loads(tool("file", name, "-f", "pins", "--json").stdout)
    assert [g["pfn"] for g in got] == ["0x1"]


def test_a_file_that_is_gone_by_a_folders_other_name(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    (tmp_path / "link").symlink_to("mount")
    path = f"{tmp_path}/mount/table"
    write(tmp_path / "pins", PINS, pin(map="file", dev="99:9", ino=5, path=path))
    for name in ("link/table", "./link/table", tmp_path / "link" / "table"):
        assert len(json.loads(tool("file", name, "-f", "pins", "--json").stdout)) == 1, name
    assert tool("file", "../table", "-f", "pins", "--json", status=NONE).stdout == "[]\n"


@pytest.mark.parametrize("length", [255, 256, 257, 300, 600])
def test_a_file_by_a_path_that_lost_its_front(tool: Tool, tmp_path: Path, length: int) -> None:
    """The kernel keeps 255 bytes."""
    full = ("/a folder" * 70)[: length - 6].ljust(length - 5, "y") + "/file"
    assert len(full) == length
    name = full[-255:].replace(" ", r"\x20")
    file: Words = {"map": "file", "dev": "99:9"}
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", **file, path=name),
        pin(pfn="0x2", **file, path="ile"),
    )
    for path in (full, f"/mnt{full}", "/".join(full.split("/")[-3:]), full[1:]):
        got = json.loads(tool("file", path, "-f", "pins", "--json").stdout)
        assert [g["pfn"] for g in got] == ["0x1"], path
    assert tool("file", f"{full}x", "-f", "pins", "--json", status=NONE).stdout == "[]\n"
