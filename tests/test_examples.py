# SPDX-License-Identifier: GPL-2.0
"""The examples of the admin guide do what it says; gup_pin_contig tests that of CMA."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from checklib.programs import MOVABLE
from conftest import PROJECT

GUIDE = PROJECT / "Documentation/admin-guide/mm/gup_pin.rst"
GUEST = PROJECT / "tests/examples_guest.py"
TOOL = PROJECT / "tools/mm/gup_pin.c"
WORDS = f"gup_pin=on memmap=64M!1G brd.rd_nr=2 brd.rd_size=16384 {MOVABLE}"
LOAD = 'insmod "$0" && exec "$@"'


@pytest.fixture(scope="module", name="tool")
def fixture_tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of tools/mm."""
    out = tmp_path_factory.mktemp("tool") / "gup_pin"
    subprocess.run(["gcc", "-O2", "-o", out, TOOL], check=True)
    return out


def say(words: list[str], guest: list[str], tool: Path, *names: str) -> dict[str, str]:
    """The output of these examples' commands in a guest."""
    command: list[str | Path] = [PROJECT / "scripts/vm", *words, "-t", "1800", "--", *guest]
    done = subprocess.run(
        [*command, "/usr/bin/python3", GUEST, tool, *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module", name="said")
def fixture_said(tool: Path, version: str) -> dict[str, str]:
    """The output of the examples on a kernel with the option."""
    words = ["-k", version, "--append", WORDS]
    return say(words, [], tool, "start", "block", "leak", "truncate", "trace")


@pytest.fixture(scope="module", name="said_stock")
def fixture_said_stock(tool: Path, version: str) -> dict[str, str]:
    """The output of those that need BTF or a driver, on Debian's kernel with the module."""
    module, pinner = (
        subprocess.run(
            [PROJECT / "scripts/module", version, *more], capture_output=True, text=True, check=True
        ).stdout.strip()
        for more in ([], ["--pinner"])
    )
    guest = ["env", f"GUP_PIN_PINNER={Path(pinner).parent}", "sh", "-c", LOAD, module]
    return say(["--stock", version, "-m", "2G"], guest, tool, "bpftrace", "driver")


def parts(text: str) -> dict[str, str]:
    """The output of each command."""
    header = r"gup_pin (?:pins|orphans|refused) 1$"
    command = rf"^# (?!gup_pin )(.*)$|^# (?!{header})(gup_pin .*)$"
    pieces = re.split(command, text, flags=re.MULTILINE)
    return {
        (pieces[i] or pieces[i + 1]): pieces[i + 2].strip("\n")
        for i in range(1, len(pieces) - 1, 3)
    }


def guide() -> str:
    """The text of the guide, each line without its indent."""
    return re.sub(r"^ +", "", GUIDE.read_text(), flags=re.MULTILINE)


def test_start_here(said: dict[str, str]) -> None:
    of_file, of_player, orphans, hazards, refused = parts(said["start"]).values()
    assert re.search(r"^0x\w+ +1 w short .* backup \d+ +\w+ +/table$", of_file, re.MULTILINE)
    assert re.search(r"^0x\w+ .* w long .* player \d+ +io_pin_pages ", of_player, re.MULTILINE)
    left = orphans.splitlines()[1:]
    assert left and all(re.search(r" w both .* importer \d+ +io_pin_pages ", x) for x in left)
    assert re.search(r"^ +1 \S+ data +writeback +1 w \d+ +backup ", hazards, re.MULTILINE)
    assert re.search(r"^ +1 +\S+ file EFAULT w player \d+ +io_pin_pages +/table$", refused, re.M)


def test_a_memory_block(said: dict[str, str]) -> None:
    """The pin in it keeps it online; another block has none."""
    offline, pins, none = parts(said["block"]).values()
    assert offline == "124"
    (row,) = pins.splitlines()[1:]
    found = re.match(r"(0x\w+) +1 w short .* reader \d+ +iov_iter_extract_pages +anon$", row)
    assert found and int(found[1], 16) * 4096 >> 27 == 13, pins
    reason = r"(the only pin does not match|none of \d+ pins matches)"
    assert re.fullmatch(rf"gup_pin: no pins for pfn=393216-425983: {reason}\n*", none), none


def test_a_driver_that_leaks(said_stock: dict[str, str]) -> None:
    """It is named, and so is its function."""
    load, use, by_module, by_stack = parts(said_stock["driver"]).values()
    assert (load, use) == ("", "")
    assert re.search(r"^ +\+100 +0 +100 +\+100 +gup_pin_one$", by_module, re.MULTILINE)
    title = r"from before, written \d+\.\ds ago, until now\n"
    assert re.match(title, by_module) and re.match(title, by_stack)
    frames = by_stack.splitlines()[3:]
    assert frames[0].strip().startswith("pin_user_pages_fast+0x")
    assert re.fullmatch(r" *gup_pin_one_keep\+0x\S+ \[gup_pin_one\]", frames[1])


def test_a_leak(said: dict[str, str]) -> None:
    by_stack, by_comm = parts(said["leak"]).values()
    title, *first = by_stack.splitlines()
    assert re.fullmatch(r"from before, written (([3-9]|\d\d)\.\ds|\d+m\d\ds) ago, until now", title)
    assert re.fullmatch(r"GROWTH +BEFORE +PINS +PAGES +ACQUIRED +STACK", first[0])
    assert re.match(r" *\+\d+ +\d+ +\d+ ", first[1])
    assert first[2].strip().startswith("pin_user_pages_fast+0x")
    assert "io_sqe_buffer" in by_stack
    rows = by_comm.splitlines()[2:]
    assert re.search(r"\+(\d+) .* mediad +\d+$", rows[0])
    assert not any("database" in row for row in rows)


def test_who_holds_a_file(said: dict[str, str]) -> None:
    truncate, who, by, stat, pins, log, after = parts(said["truncate"]).values()
    assert (truncate, after) == ("124", "0")
    assert re.search(r" w short .* backup \d+ +iov_iter_extract_pages +/table$", who)
    assert re.search(r"^ +1 +1 +1 .* backup ", by, re.MULTILINE)
    ino, dev = re.fullmatch(r"ino=(\d+) dev=(\d+:\d+)", stat).groups()  # type: ignore[union-attr]
    assert pins.startswith("# gup_pin pins 1\n")
    assert re.search(rf" comm=backup .* map=dax dev={dev} ino={ino} .* path=/table$", pins)
    assert len(pins.splitlines()) == 2
    assert "BUG: GUP_PIN: truncation waits for pinned folio in ext4_" in log
    assert re.search(r"^event: task=\d+/\d+ comm=truncate$", log, re.MULTILINE)
    assert re.search(r"^pin: .* comm=backup ", log, re.MULTILINE)


def test_perf(said: dict[str, str]) -> None:
    trace, record = parts(said["trace"]).values()
    names = set(re.findall(r" worker/\d+ gup_pin:gup_pin_(\w+)\(", trace))
    assert names <= {"acquire", "release"} and names
    assert re.search(r"comm: \"worker\".* pins: \d+, addr: 0x", trace)
    assert re.search(r"^ *\d+\.\d+% +worker +pfn=0x[0-9a-f]+ pins=4 mode=w term=long ", record)


def test_bpftrace(said_stock: dict[str, str]) -> None:
    held, who = parts(said_stock["bpftrace"]).values()
    assert re.search(r"@us\[worker, 1\]: ?\n(\[.*\|@* *\|\n?)+", held)
    assert re.search(r"@pins\[worker, 1\]: [1-9]\d*", who)


def test_the_guide_has_them(said: dict[str, str], said_stock: dict[str, str]) -> None:
    """Each command that is run here is in the guide."""
    text = guide()
    examples = [*said.values(), *said_stock.values()]
    commands = [command for example in examples for command in parts(example)]
    for command in commands:
        assert any(line in (f"# {command}", command) for line in text.splitlines()), command
