# SPDX-License-Identifier: GPL-2.0
"""Fixtures for the tests of tools/mm/gup_pin."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gup_pin_tool.files import (
    HAZARDS,
    PINS,
    RXE,
    SAMPLE,
    SANITIZERS,
    STACKS,
    URING,
    Run,
    Tool,
    Words,
    build,
    hazard,
    pin,
    stack,
    write,
)
from gup_pin_tool.machine import Machine


@pytest.fixture(scope="session", name="plain")
def fixture_plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as users build it."""
    return build("gcc", tmp_path_factory.mktemp("plain") / "gup_pin", "-O2")


@pytest.fixture(scope="session", name="program")
def fixture_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with sanitizers, which end it at the first error."""
    return build("gcc", tmp_path_factory.mktemp("sanitized") / "gup_pin", *SANITIZERS)


@pytest.fixture(name="tool")
def fixture_tool(program: Path, tmp_path: Path) -> Tool:
    """Run it in a folder of its own; stderr has one line on errors, otherwise none."""

    def tool(*words: str | Path, status: int = 0, text: str | None = None) -> Run:
        done = subprocess.run(
            [program, *words],
            input=text,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done
        assert done.stderr.count("\n") == (status != 0), done
        assert not status or done.stderr.startswith("gup_pin: ")
        return done

    return tool


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    """Copies of both files: three processes, two stacks, a file."""
    folder = tmp_path / "copy"
    file: Words = {"map": "file", "dev": "8:1", "ino": 77, "stack": "0x2"}
    write(
        folder / "pins",
        PINS,
        pin(pfn="0x10", pins=1, pages=1, stack="0x1", age_ms=100),
        pin(pfn="0x20", pins=2, pages=2, owner=9, task="9/9", comm="db", **file),
        pin(pfn="0x30", pins=4, pages=4, owner=9, task="9/10", comm=r"a\x20b", **file),
        pin(pfn="0x40", pins=8, pages=512, order=9, owner=0, mode="r", term="short", stack="0x1"),
    )
    write(
        folder / "stacks",
        STACKS,
        stack(URING, pins=9, pages=513, calls=2, stack="0x1"),
        stack(RXE, pins=6, pages=6, calls=2, stack="0x2"),
    )
    return folder


@pytest.fixture(name="hazards")
def fixture_hazards(tmp_path: Path) -> Path:
    """A copy of hazards, in the order of their first events, including the manual's."""
    none: Words = {"map": "anon", "dev": "0:0", "ino": 0, "path": "", "indexes": "0x0-0x0"}
    no_pin: Words = {"api": "unknown", "owner": 0, "task": "0/0", "comm": "", "mode": "r"}
    return write(
        tmp_path / "hazards",
        HAZARDS,
        hazard(
            event={"kind": "truncate", "task": "9/9", "comm": "umount"},
            pfn="0x10",
            func="shmem_undo_range+0x2c1",
            path="/memfd:a",
            count=300,
            reported=0,
            stake="end",
        ),
        hazard(
            event={"kind": "unmatched_unpin", "task": "40/41", "comm": "grab"},
            stacks=(["rxe_mr_cleanup+0x1b/0x50 [rxe]"], []),
            pfn="0x20",
            func="rxe_mr_cleanup+0x1b",
            count=2,
            last_ms=60_000,
            stake="memory",
            **none | no_pin,
        ),
        hazard(
            event={"kind": "pin_under_writeback", "age_ms": 86_400_000},
            pfn="0x30",
            owner=9,
            task="9/10",
            comm=r"a\x20b",
            path="",
            indexes="0x7-0x7",
            last_ms=7_200_000,
            count=1,
            func="io_pin_pages+0x81",
        ),
        hazard(pfn="0x40"),
        hazard(
            event={"kind": "overdue", "task": "0/0", "comm": "gup_pin"},
            stacks=([], RXE),
            pfn="0x200",
            order=9,
            pages=512,
            mode="r",
            term="short",
            age_ms=90_000_000,
            stack="0x7",
            func="pin_user_pages_fast+0x8f",
            count=1,
            stake="time",
            **none,
        ),
    )


@pytest.fixture(name="sample")
def fixture_sample(tmp_path: Path) -> Path:
    """The files of a real guest."""
    for name in ("pins", "stacks", "stats"):
        write(tmp_path / "sample" / name, *SAMPLE[name])
    return tmp_path / "sample"


@pytest.fixture(name="machine")
def fixture_machine(plain: Path, tmp_path: Path) -> Machine:
    """A machine whose kernel has the feature."""
    return Machine(plain, tmp_path / "machine")


@pytest.fixture(name="two")
def fixture_two(tmp_path: Path) -> tuple[Path, Path]:
    """Two snapshots of two boots: handles differ, frames do not."""
    old, new = tmp_path / "old", tmp_path / "new"
    gone, fresh = ["pin_user_pages+0x1/0x2", "gone+0x1/0x2"], ["fresh+0x1/0x2"]
    write(
        old / "stacks",
        STACKS,
        stack(URING, pins=10, acquired=10, stack="0x1"),
        stack(RXE, pins=5, acquired=50, stack="0x2"),
        stack(gone, pins=3, pages=3, acquired=3, stack="0x3"),
    )
    write(
        new / "stacks",
        STACKS,
        stack(URING, pins=10, acquired=20, stack="0x7"),
        stack(RXE, pins=105, pages=116, acquired=150, stack="0x8"),
        stack(fresh, pins=4, pages=4, acquired=4, stack="0x9"),
    )
    write(old / "pins", PINS, pin(pins=1), pin(pins=2, comm="db"))
    write(new / "pins", PINS, pin(pins=5), pin(pins=5), pin(pins=2, comm="db"))
    return old, new
