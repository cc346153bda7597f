# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py on damaged dumps: it shows what is left, and reports the loss."""

from __future__ import annotations

import json
import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dump_bytes import asked, changed, file_offset, offset_of
from dumps import VERBS, Dump, partial, words_of
from schema import validate


@pytest.fixture(scope="module", name="records")
def fixture_records(take: Callable[[str], Dump]) -> dict[str, list[int]]:
    """The pages of the dump with records that pins depend on, by kind."""
    found = asked(take("odd"), "find_records.py")
    assert isinstance(found, dict)
    return found


@contextmanager
def cut(dump: Dump, size: int) -> Iterator[Path]:
    """The first part of the dump, as a file."""
    short = dump.file.with_name("short")
    subprocess.run(["head", "-c", str(size), dump.file], stdout=short.open("wb"), check=True)
    try:
        yield short
    finally:
        short.unlink()


def test_half_a_dump_gives_half_of_what_it_says(
    odd_dump: Dump, records: dict[str, list[int]]
) -> None:
    """The index is there, the memmap is not: pins without their files, and status 4."""
    # The kernel allocates the lowest free memory first; the memmap is at the end of memory.
    memmap = records["page"][0]
    assert all(pages[-1] < memmap for kind, pages in records.items() if kind != "page")
    with cut(odd_dump, offset_of(odd_dump, memmap)) as short:
        done = odd_dump.drgn("list", "--jsonl", file=short)
        partial(done)
        assert 1 <= len(done.stderr.splitlines()) <= 4
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert sum(pin["pins"] for pin in found) == odd_dump.stats["live_pins"]
        assert all(pin["frames"] == odd_dump.stacks[pin["stack"]] for pin in found)
        check_unknown(odd_dump, found)
        for verb in VERBS:
            done = odd_dump.drgn(verb, "--json", file=short)
            document = json.loads(done.stdout)
            validate(document)
            assert document["complete"] == (verb not in OF_PINS)
            assert len(document["faults"]) == len(done.stderr.splitlines())
            if verb in OF_PINS:
                partial(done)
        check_unchecked(odd_dump, odd_dump.drgn("check", file=short))
        done = odd_dump.drgn("show", words_of(odd_dump.pins[0])["pfn"], file=short)
        partial(done)
        assert " ".join(odd_dump.pins[0].split(" ")[:1]) in done.stdout


def check_unchecked(dump: Dump, done: subprocess.CompletedProcess[str]) -> None:
    """Without a memmap nothing can be compared, and the last line says so."""
    partial(done)
    pins, pages = dump.stats["live_pins"], (1 << 30) // PAGE
    last = f"checked findings=0 unchecked_pins={pins} unchecked_pages={pages}"
    assert done.stdout == f"# gup_pin check 1\n{last}\n"


OF_FOLIO = ("order", "map", "dev", "ino", "index", "path")


def check_unknown(dump: Dump, found: list[dict[str, Any]]) -> None:
    """Without a memmap, folios are unknown, and the words of pins are correct."""
    assert all(pin[word] is None for pin in found for word in OF_FOLIO)
    shown = list(map(words_of, dump.pins))
    # Each call's pages, however split into lines: huge pages that were pinned as a whole
    # have an unknown number of pages, the others the number in debugfs.
    whole = [pin for pin in found if pin["pages"] is None]
    assert whole and all(pin["addr"] in (None, "0x0") for pin in found)
    pages = sum(int(pin["pages"]) for pin in shown if pin["order"] != "0")
    assert pages > len(whole)
    known = sum(pin["pages"] for pin in found if pin["pages"] is not None)
    assert known <= sum(int(pin["pages"]) for pin in shown)


# Verbs that read each pin and its folio; the others print other things.
OF_PINS = ("list", "stacks", "orphans", "check", "status")
# The words that identify a pin, all of which debugfs had, too.
WHO = ("mode", "term", "api", "owner", "task", "comm", "stack")
PAGE = 4096


def check_list(dump: Dump, done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """No pin is made up, and no loss is unreported; returns the faults."""
    document = json.loads(done.stdout)
    validate(document)
    held = {tuple(pin[key] for key in WHO) for pin in map(words_of, dump.pins)}
    assert {tuple(str(pin[key]) for key in WHO) for pin in document["pins"]} <= held
    faults = list(document["faults"])
    missing = sum(fault["count"] for fault in faults if fault["what"] == "pin on record")
    assert sum(pin["pins"] for pin in document["pins"]) + missing == dump.stats["live_pins"]
    assert document["complete"] == (not faults) == (not done.stderr)
    return faults


# What is reported as missing if a page of such records is missing.
KINDS = {
    "node": "struct xa_node",
    "block": "struct gup_pin_block",
    "record": "struct gup_pin_record",
    "origin": "struct gup_pin_origin",
    "stack": "stack",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_zeroed_page_of_records(
    odd_dump: Dump, records: dict[str, list[int]], kind: str
) -> None:
    """For each kind of record, and the others in its page."""
    odd_dump.file.chmod(0o600)
    with changed(odd_dump.file, offset_of(odd_dump, records[kind][0]), bytes(PAGE)):
        done = odd_dump.drgn("list", "--json")
        others = [odd_dump.drgn(verb, "--json") for verb in ("stacks", "orphans", "check")]
    partial(done)
    found = {fault["what"] for fault in check_list(odd_dump, done)}
    assert KINDS[kind] in found
    assert ("pin on record" in found) == (kind != "stack")
    missing = sum(f["count"] for f in check_list(odd_dump, done) if f["what"] == "pin on record")
    assert json.loads(others[2].stdout)["unchecked"]["pins"] >= missing
    # Orphans have no stack in this dump, nor do findings.
    for other in others[:1] if kind == "stack" else others:
        partial(other)
        assert not json.loads(other.stdout)["complete"]


@pytest.mark.parametrize("kind", ["nowhere", "circle", "itself", "another block"])
def test_a_list_that_leads_elsewhere(odd_dump: Dump, kind: str) -> None:
    """It ends there: other blocks are listed, and the loss in this one is reported."""
    places = asked(odd_dump, "find_list.py")
    odd_dump.file.chmod(0o600)
    word = struct.pack("<Q", places[kind])
    with changed(odd_dump.file, offset_of(odd_dump, places["physical"]), word):
        done = odd_dump.drgn("list", "--json")
        others = [odd_dump.drgn(verb, "--json") for verb in ("stacks", "check", "status")]
    partial(done)
    faults = {fault["what"]: fault for fault in check_list(odd_dump, done)}
    assert faults.keys() == {"struct gup_pin_record", "pin on record"}
    assert faults["struct gup_pin_record"]["count"] == 1
    assert 1 <= faults["pin on record"]["count"] < odd_dump.stats["live_pins"] / 2
    for other in others:
        partial(other)
        assert not json.loads(other.stdout)["complete"]


@pytest.mark.parametrize("seed", range(3))
def test_a_dump_with_zeroed_pages(
    odd_dump: Dump, records: dict[str, list[int]], seed: int
) -> None:
    """A third of each kind, and of struct pages and tasks: the rest is printed."""
    chance = random.Random(seed)
    lost = [
        page
        for _, pages in sorted(records.items())
        for page in chance.sample(pages, -(-len(pages) // 3))
    ]
    odd_dump.file.chmod(0o600)
    with ExitStack() as stack:
        # A set: a page that is changed twice would not be restored in the end.
        for page in sorted(set(lost)):
            stack.enter_context(changed(odd_dump.file, offset_of(odd_dump, page), bytes(PAGE)))
        answers = {verb: odd_dump.drgn(verb, "--json") for verb in VERBS}
    for verb, done in answers.items():
        document = json.loads(done.stdout)
        validate(document)
        assert "Traceback" not in done.stderr
        assert document["complete"] == (not done.stderr)
        if verb in OF_PINS:
            partial(done)
            faults = {fault["what"] for fault in document["faults"]}
            # Objects that only a lost record points to are not read.
            assert {"struct xa_node", "pin on record"} <= faults
        else:
            assert done.returncode == (0 if document["complete"] else 4)
    assert check_list(odd_dump, answers["list"])
    # There were no orphans, and a missing task must not make one.
    assert json.loads(answers["orphans"].stdout)["pins"] == []


def test_a_dump_without_page_tables(odd_dump: Dump) -> None:
    """Nothing can be found: an error of one line."""
    odd_dump.file.chmod(0o600)
    with changed(odd_dump.file, file_offset(odd_dump, "init_top_pgt"), bytes(PAGE)):
        answers = {verb: odd_dump.drgn(verb, "--json") for verb in VERBS}
    for done in answers.values():
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("gup_pins: the dump lacks what is needed: ")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("part", [100, 20_000])
def test_a_stump_is_an_error_in_one_line(odd_dump: Dump, part: int) -> None:
    """Not even the kernel's own data is there."""
    with cut(odd_dump, odd_dump.file.stat().st_size // part) as short:
        done = odd_dump.drgn("list", file=short)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gup_pins: the dump lacks what is needed: ")
    assert len(done.stderr.splitlines()) == 1
