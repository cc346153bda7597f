# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py and folios that left their file while pinned.

The verdict of check, and of the page, is the kernel's own, and nothing is made up where the
kernel has not kept one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dump_bytes import asked, changed, offset_of
from dumps import Dump, stakes_of, words_of
from hold_left import PAGES, STAKES
from schema import validate

HARMLESS = ("end", "read")


@pytest.fixture(name="left_dump")
def fixture_left_dump(take: Callable[[str], Dump]) -> Dump:
    """A guest that held pins on such folios."""
    return take("left")


def checked(dump: Dump) -> tuple[dict[str, list[str]], int]:
    """The stakes of all findings, by the task that pinned; and the exit status."""
    done = dump.drgn("check", "--json")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    validate(document)
    return stakes_of(document), done.returncode


@contextmanager
def judged(dump: Dump, comm: str, member: str, value: str) -> Iterator[None]:
    """A member of the hazard of a scene has another value."""
    place = asked(dump, "find_hazard.py", comm, member, value)
    dump.file.chmod(0o600)
    offset, data = offset_of(dump, place["physical"]), bytes.fromhex(place["data"])
    with changed(dump.file, offset, data):
        yield


def test_the_verdict_is_the_kernels(left_dump: Dump) -> None:
    """Folio by folio as in debugfs; only the live file's pages are harm."""
    kernels = {}
    for line in left_dump.hazards.splitlines():
        if line.startswith("kind=truncate "):
            words = words_of(line)
            kernels[words["comm"]] = [words["stake"]] * int(words["count"])
    stakes, status = checked(left_dump)
    assert stakes == kernels == STAKES
    assert status == 4


def test_hazards_of_a_kind_and_a_stake(left_dump: Dump) -> None:
    """Those lines of debugfs, and no others."""
    lines = [line for line in left_dump.hazards.splitlines() if line.startswith("kind=")]
    for words in (["kind=writeback"], ["stake=end"], ["kind=truncate", "stake=data"]):
        done = left_dump.drgn("hazards", "--jsonl", *words)
        assert (done.returncode, done.stderr) == (0, "")
        found = [json.loads(line)["pin"]["pfn"] for line in done.stdout.splitlines()]
        wanted = [line for line in lines if all(word in line.split(" ") for word in words)]
        assert found == [words_of(line)["pfn"] for line in wanted] != []


def test_orphans_of_a_kind(left_dump: Dump) -> None:
    """By what has ended of them; the pin of a child that has."""
    found = {
        gone: left_dump.printed("orphans", "--no-stacks", f"gone={gone}").splitlines()[1:]
        for gone in ("owner", "task", "both")
    }
    assert all(line.endswith(f" gone={gone}") for gone in found for line in found[gone])
    assert [words_of(line)["comm"] for line in found["both"]] == ["orphan"]
    _, *lines = left_dump.printed("orphans", "--no-stacks").splitlines()
    assert sorted(lines) == sorted(line for each in found.values() for line in each)


def test_the_last_line_counts_what_is_harmless(left_dump: Dump) -> None:
    """Separately from findings."""
    done = left_dump.drgn("check", "--no-stacks")
    assert (done.returncode, done.stderr) == (4, "")
    harmless = sum(stake in HARMLESS for each in STAKES.values() for stake in each)
    *_, last = done.stdout.splitlines()
    assert last == f"checked findings={PAGES} truncated={PAGES} harmless={harmless}"


def test_ends_alone_are_no_finding(left_dump: Dump, tmp_path: Path) -> None:
    """Status 0, of the page as well: here the kernel has judged all of them so."""
    file = tmp_path / "report.html"
    with judged(left_dump, "live", "stake", "GUP_PIN_STAKE_END"):
        stakes, status = checked(left_dump)
        done = left_dump.drgn("report", "-o", str(file))
    assert stakes == {**STAKES, "live": ["end"] * PAGES}
    assert (status, done.returncode, done.stderr) == (0, 0, "")


def test_a_verdict_that_was_not_kept_is_unknown(left_dump: Dump) -> None:
    """Those of the others are known nevertheless."""
    with judged(left_dump, "live", "count", "0"), judged(left_dump, "live", "seq", "0"):
        stakes, status = checked(left_dump)
    assert stakes == {**STAKES, "live": ["unknown"] * PAGES}
    assert status == 4


def test_the_page_says_the_same(left_dump: Dump, tmp_path: Path) -> None:
    """Folios of one file, with one verdict, are one entry."""
    file = tmp_path / "report.html"
    done = left_dump.drgn("report", "-o", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "")
    match = re.search(r'id="data">(.*?)</script>', file.read_text())
    assert match
    groups = json.loads(match[1])["findings"]
    assert {each["pins"][0]["comm"]: [each["stake"]] * each["count"] for each in groups} == STAKES
