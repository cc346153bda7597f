# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: hazards, the worst first."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from gup_pin_tool.files import HAZARDS, MSYNC, NONE, RXE, URING, Tool, Words, hazard, rows, write
from sample_words import PIN

STAKES = ["data", "memory", "hang", "time"]
STAKES += ["guess", "rewrite", "done", "wait", "read", "nothing", "end"]
TITLES = "COUNT LAST STAKE KIND REPORTED M OWNER COMM FUNC FILE"


def test_hazards_for_people(tool: Tool, hazards: Path) -> None:
    text = tool("hazards", "-f", hazards).stdout
    assert text == tool("hazards", "-f", hazards.parent).stdout
    assert [" ".join(row) for row in rows(text)] == [
        TITLES,
        "12 0.2s data writeback 1 w 812 fio ext4_bio_write_folio+0x101 /data 0x0-0x3",
        r"1 2h00m data pin_under_writeback 1 w 9 a\x20b io_pin_pages+0x81 8:1:77 0x7-0x7",
        "2 1m00s memory unmatched_unpin 1 - - - rxe_mr_cleanup+0x1b anon",
        "1 0.2s time overdue 1 r 812 fio pin_user_pages_fast+0x8f anon",
        "300 0.2s end truncate 0 w 812 fio shmem_undo_range+0x2c1 /memfd:a 0x0-0x3",
    ]
    # Each column is as wide as its content.
    assert text.splitlines()[5].startswith("  300  0.2s end    truncate                   0 w 812 ")


def test_the_worst_is_first(tool: Tool, tmp_path: Path) -> None:
    """A stake of a later kernel may be worse than all others."""
    order = [(stake, ms) for stake in ["later", *STAKES] for ms in (0, 5, 2**64 - 1)]
    shuffled = random.Random(1).sample(order, len(order))
    write(tmp_path / "hazards", HAZARDS, *(hazard(stake=s, last_ms=ms) for s, ms in shuffled))

    def shown(*words: str) -> list[tuple[str, int]]:
        got = json.loads(tool("hazards", "-f", "hazards", "--json", *words).stdout)
        return [(g["stake"], g["last_ms"]) for g in got]

    assert shown() == shown("--sort", "stake") == order
    assert shown("-n", "5") == order[:5]
    assert shown("--reverse") == order[::-1]
    assert [ms for _, ms in shown("--sort", "last_ms")] == [2**64 - 1] * 12 + [5] * 12 + [0] * 12


def test_the_first_of_very_many(tool: Tool, tmp_path: Path) -> None:
    ages = random.Random(1).sample(range(100_000), 1000)
    write(tmp_path / "hazards", HAZARDS, *(hazard(last_ms=age) for age in ages))
    got = json.loads(tool("hazards", "-f", "hazards", "--json", "-n", "40").stdout)
    assert [g["last_ms"] for g in got] == sorted(ages)[:40]


@pytest.mark.parametrize(
    ("words", "pfns"),
    [
        (["stake=data"], "40 30"),
        (["kind=truncate"], "10"),
        (["reported=0"], "10"),
        (["path=/data"], "40"),
        (["ino=77", "dev=8:1"], "40 30 10"),
        (["ino=0x4d"], "40 30 10"),
        (["mode=r"], "20 200"),
        (["term=short"], "200"),
        (["stack=7"], "200"),
        (["owner=9"], "30"),
        (["api=unknown"], "20"),
        # Any page of a folio.
        (["pfn=0x3ff"], "200"),
        (["pfn=0x30-0x200"], "40 30 200"),
        (["pfn=0x400"], ""),
        # Of the event or of the pin, as in the kernel's filter.
        (["comm=fio"], "40 200 10"),
        (["comm=a b"], "30"),
        (["comm=msync"], "40 30"),
        (["task=9"], "30 10"),
        (["task=9/9"], "10"),
        (["task=9/10"], "30"),
        (["task=41"], "20"),
        (["min_age_ms=5000"], "40 30 20 200 10"),
        (["min_age_ms=6000"], "30 200"),
        (["min_age_ms=90000000"], "200"),
        (["comm=msync", "owner=812"], "40"),
        (["--sort", "count"], "10 40 20 30 200"),
        (["--sort", "comm"], "20 30 10 40 200"),
        (["--sort", "kind", "-n", "2"], "200 30"),
    ],
)
def test_which_hazards(tool: Tool, hazards: Path, words: list[str], pfns: str) -> None:
    status = 0 if pfns else NONE
    got = json.loads(tool("hazards", "-f", hazards, "--json", *words, status=status).stdout)
    assert " ".join(g["pin"]["pfn"].removeprefix("0x") for g in got) == pfns


def test_hazards_as_json(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "hazards", HAZARDS, hazard(comm="", path=r"/a\x20b"))
    (got,) = json.loads(tool("hazards", "-f", "hazards", "--json").stdout)
    pin: Words = {"pages": 1, "pins": 1, "map": "file", "dev": "8:1", "ino": 77, "comm": ""}
    assert list(got)[:5] == ["kind", "age_ms", "task", "comm", "pin"]
    assert got == {
        "kind": "writeback",
        "age_ms": 3543,
        "task": "57/57",
        "comm": "msync",
        "pin": PIN | pin | {"frames": URING},
        "func": "ext4_bio_write_folio+0x101",
        "pins_on_folio": 1,
        "path": r"/a\x20b",
        "count": 12,
        "last_ms": 204,
        "reported": 1,
        "indexes": "0x0-0x3",
        "stake": "data",
        "frames": MSYNC,
    }


def test_hazards_as_they_are(tool: Tool, hazards: Path) -> None:
    text = tool("hazards", "-f", hazards, "--raw").stdout
    assert text == tool("hazards", "-f", "-", "-R", text=text).stdout

    def records(whole: str) -> list[str]:
        title, rest = whole.split("\n", 1)
        assert title == HAZARDS and rest.endswith("\n\n")
        return rest.removesuffix("\n\n").split("\n\n")

    written = records(hazards.read_text())
    assert records(text) == [written[n] for n in (3, 2, 1, 4, 0)]


def test_both_stacks(tool: Tool, hazards: Path) -> None:
    text = tool("hazards", "-f", hazards, "--by", "stack").stdout
    lines = tool("hazards", "-f", hazards).stdout.splitlines()
    assert [line for line in text.splitlines() if line in lines] == lines

    def below(event: list[str], pin: list[str]) -> str:
        frames = [[f"   {frame}\n" for frame in stack] for stack in (event, pin)]
        return "".join(["\n  event:\n", *frames[0], "  pin:\n", *frames[1], "\n"])

    assert text.count(below(MSYNC, URING)) == 3
    assert text.count(below(["rxe_mr_cleanup+0x1b/0x50 [rxe]"], [])) == 1
    assert text.count(below([], RXE)) == 1
    assert text.count("  event:") == 5


def test_nothing_has_gone_wrong(tool: Tool, hazards: Path) -> None:
    done = tool("hazards", "-f", hazards, "stake=hang", status=NONE)
    assert done.stderr == "gup_pin: no hazards for stake=hang: none of 5 hazards matches\n"
    assert done.stdout == ""
    write(hazards, HAZARDS)
    for words, out in (
        ([], ""),
        (["--json"], "[]\n"),
        (["--raw"], f"{HAZARDS}\n"),
    ):
        done = tool("hazards", "-f", hazards, *words, status=NONE)
        assert done.stdout == out
        assert "no hazards" in done.stderr
