# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: where it finds the kernel's files, and what it reads there."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from gup_pin_tool.files import (
    HAZARDS,
    NONE,
    PINS,
    RXE,
    STACKS,
    URING,
    Tool,
    hazard,
    pin,
    stack,
    write,
)
from gup_pin_tool.machine import Machine


def test_a_process_is_looked_for_where_debugfs_is(machine: Machine) -> None:
    """The process's own file lacks its pins on the memory of others."""
    own = pin(pfn="0x0", owner=42, task="42/42", stack="0x0")
    write(machine.folder / "proc" / "42" / "gup_pins", "# gup_pin gup_pins 1", own)
    write(machine.files / "pins", PINS, pin(pfn="0x7", owner=7, task="42/42"))
    got = json.loads(machine.run("pid", "42", "--json").stdout)
    assert {g["pfn"] for g in got} == {"0x7"}
    (machine.files / "pins").unlink()
    got = json.loads(machine.run("pid", "42", "--json").stdout)
    assert {g["pfn"] for g in got} == {"0x0"}


def test_a_process_without_memory(machine: Machine, tool: Tool, tmp_path: Path) -> None:
    """The file of a zombie is empty, as is that of a kernel thread."""
    write(machine.folder / "proc" / "42" / "gup_pins")
    for words, out in (
        (["--json"], "[]\n"),
        (["--raw"], "# gup_pin gup_pins 1\n"),
        (["--by", "comm", "--json"], "[]\n"),
    ):
        done = machine.run("pid", "42", *words, status=NONE)
        assert (done.stdout, done.stderr) == (
            out,
            "gup_pin: no pins for task 42: there are none now\n",
        )
    # A copy may be truncated.
    write(tmp_path / "gup_pins")
    assert "the file is empty" in tool("pid", "42", "-f", "gup_pins", status=1).stderr


def test_the_kernel_is_told_no_word_twice(machine: Machine) -> None:
    """It would refuse all of them."""
    write(machine.files / "pins", PINS)
    for words, told in (
        (["list", "mode=w", "mode=r"], ["mode=w"]),
        (["list", "comm=a", "owner=1", "comm=a"], ["comm=a owner=1"]),
        (["list", "pfn=1-5", "pfn=0x2"], ["pfn=0x1-0x5"]),
        (["pid", "42", "mode=r"], ["owner=42 mode=r", "task=42 mode=r"]),
        # Each of the two passes is by one of these.
        (["pid", "42", "task=7"], ["owner=42 task=7", "task=42"]),
        (["pid", "42", "owner=7"], ["owner=42", "task=42 owner=7"]),
    ):
        assert machine.run(*words, status=NONE).stderr.count("\n") == 1
        assert machine.told() == told
    path = write(machine.folder / "file", "text")
    st = path.stat()
    machine.run("file", path, "ino=5", "mode=w", status=NONE)
    (words_of_file,) = machine.told()
    assert re.fullmatch(rf"ino={st.st_ino} dev=\d+:\d+ mode=w", words_of_file)


def test_the_kernel_gets_the_filter_of_hazards(machine: Machine) -> None:
    write(machine.files / "stats", "enabled 1")
    write(machine.files / "hazards", HAZARDS, hazard(), hazard(stake="end"))
    words = ["pfn=0-0xffffff", "comm=fio", "min_age_ms=5000", "stake=data", "func=x"]
    assert json.loads(machine.run("hazards", "--json", *words, status=NONE).stdout) == []
    assert machine.told() == ["pfn=0x0-0xffffff comm=fio min_age_ms=5000"]
    got = json.loads(machine.run("hazards", "--json", *words[:-1]).stdout)
    assert [g["stake"] for g in got] == ["data"]
    assert machine.run("hazards").stdout.count("\n") == 3
    assert machine.told() == []


def test_a_filter_that_the_kernel_refuses(machine: Machine) -> None:
    write(machine.files / "pins", PINS, pin(), pin(api="later"))
    write(machine.files / "stacks", STACKS, stack(URING))
    for words in (["list", "--json"], ["top", "--json", "-c", "1"], ["stacks", "--json"]):
        done = machine.run(*words, "api=later", "mode=w", "comm=fio", refuses=True)
        assert json.loads(done.stdout)[0]["pins"] == 16
        assert done.stderr == (
            f"gup_pin: {machine.files}/pins: the kernel refuses the filter"
            " 'api=later mode=w comm=fio': all is read\n"
        )
    done = machine.run("top", "-c", "3", "-d", "0.1", "comm=fio", refuses=True)
    assert done.stderr.count("\n") == 1
    assert machine.run("list", refuses=True).stderr == ""
    assert machine.run("list", "map=anon", refuses=True).stderr == ""


def in_minutes(minutes: int) -> str:
    """A pattern for how long something has lasted, as top prints it."""
    return rf"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else rf"{minutes}m\d\ds"


@pytest.mark.parametrize("enabled", [0, 1])
def test_top_says_since_when_tracking_is_on_or_off(machine: Machine, enabled: int) -> None:
    """By the kernel's clock; a time in the future counts as now."""
    write(machine.files / "pins", PINS)
    at = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
    # A machine may have just booted, so use its whole uptime: as of now, or a minute later.
    whole = "|".join(in_minutes(minutes) for minutes in (at // 60_000, at // 60_000 + 1))
    ages = ((at, rf"({whole})"), (90_000, r"(1m[3-5]|[2-9]m\d)\ds"), (-(10**9), r"0\.0s"))
    for before, said in ages:
        figures = [f"enabled {enabled}", f"switched_at_ms {at - before}"]
        write(machine.files / "stats", *figures)
        first = machine.run("top").stdout.splitlines()[0]
        state = "on" if enabled else "off"
        assert re.search(rf"  tracking {state} for {said}", first), (first, before)
        assert (f": echo 1 > {machine.files}/enable  " in first) != bool(enabled)


def test_diff_alone_looks_twice(machine: Machine) -> None:
    write(machine.files / "stats", "enabled 1")
    write(machine.files / "stacks", STACKS, stack(URING, pins=5, acquired=5, stack="0x1"))
    lines = [stack(URING, pins=8, acquired=8, stack="0x1"), stack(RXE, pins=1, stack="0x2")]
    later = (write(machine.folder / "new", STACKS, *lines), machine.files / "stacks")
    got = json.loads(machine.run("diff", "--json", later=later).stdout)
    assert [(g["pins_before"], g["pins"], g["frames"]) for g in got] == [
        (5, 8, URING),
        (0, 1, RXE),
    ]


def test_diff_alone_of_pins(machine: Machine) -> None:
    """By words that only pins have; the delay of a day ends at once here."""
    write(machine.files / "stats", "enabled 1")
    write(machine.files / "stacks", STACKS, stack(URING, stack="0x1"))
    write(machine.files / "pins", PINS, pin(pins=2, stack="0x1"))
    new = write(machine.folder / "new", PINS, pin(pins=2, stack="0x1"), pin(pins=3, stack="0x1"))
    words = ["diff", "--by", "comm,module", "--json", "-d", "86400"]
    got = json.loads(machine.run(*words, later=(new, machine.files / "pins")).stdout)
    assert [(g["comm"], g["module"], g["pins_growth"]) for g in got] == [("fio", "vmlinux", 3)]


def test_diff_tells_that_tracking_is_off(machine: Machine, two: tuple[Path, Path]) -> None:
    write(machine.files / "stacks", STACKS)
    for enabled in (0, 1):
        write(machine.files / "stats", f"enabled {enabled}")
        note = f"gup_pin: tracking is off: echo 1 > {machine.files}/enable\n"
        assert machine.run("diff", two[0]).stderr == note * (not enabled)
        assert machine.run("diff", two[0], two[1]).stderr == ""
