# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py on what is left of a dump: it gives what is there, and says so."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dump_bytes import asked, changed, file_offset, offset_of, physical
from dumps import VERBS, Dump, partial, words_of
from schema import validate


@contextmanager
def cut(dump: Dump, size: int) -> Iterator[Path]:
    """The beginning of the dump, as a file of its own."""
    short = dump.file.with_name("short")
    subprocess.run(["head", "-c", str(size), dump.file], stdout=short.open("wb"), check=True)
    try:
        yield short
    finally:
        short.unlink()


def test_half_a_dump_gives_half_of_what_it_says(odd_dump: Dump) -> None:
    """The index is there, the memmap is not: pins without their files, and status 4."""
    with cut(odd_dump, odd_dump.file.stat().st_size // 2) as short:
        done = odd_dump.drgn("list", "--jsonl", file=short)
        partial(done)
        assert 1 <= len(done.stderr.splitlines()) <= 4
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert sum(pin["pins"] for pin in found) == odd_dump.stats["live_pins"]
        assert all(pin["frames"] == odd_dump.stacks[pin["stack"]] for pin in found)
        for verb in VERBS:
            done = odd_dump.drgn(verb, "--json", file=short)
            partial(done)
            document = json.loads(done.stdout)
            validate(document)
            assert not document["complete"]
            assert len(document["faults"]) == len(done.stderr.splitlines())
        done = odd_dump.drgn("show", words_of(odd_dump.pins[0])["pfn"], file=short)
        partial(done)
        assert " ".join(odd_dump.pins[0].split(" ")[:1]) in done.stdout


# What a pin is by, all of which debugfs had, too.
WHO = ("mode", "term", "api", "owner", "task", "comm", "stack")
PAGE = 4096


def check_list(dump: Dump, done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """No pin is made up, none is missing without a word; returns the faults."""
    document = json.loads(done.stdout)
    validate(document)
    held = {tuple(pin[key] for key in WHO) for pin in map(words_of, dump.pins)}
    assert {tuple(str(pin[key]) for key in WHO) for pin in document["pins"]} <= held
    faults = list(document["faults"])
    missing = sum(fault["count"] for fault in faults if fault["what"] == "pin on record")
    assert sum(pin["pins"] for pin in document["pins"]) + missing == dump.stats["live_pins"]
    assert document["complete"] == (not faults) == (not done.stderr)
    return faults


KINDS = ["node", "block", "layer", "slots", "set", "chunk", "call", "origin", "stack"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_zeroed_page_of_records(odd_dump: Dump, kind: str) -> None:
    """Of each kind of record, and of the neighbours that are in its page."""
    place = offset_of(odd_dump, asked(odd_dump, "find_records.py")[kind])
    odd_dump.file.chmod(0o600)
    with changed(odd_dump.file, place, bytes(PAGE)):
        done = odd_dump.drgn("list", "--json")
        others = [odd_dump.drgn(verb, "--json") for verb in ("stacks", "orphans", "check")]
    partial(done)
    found = {fault["what"] for fault in check_list(odd_dump, done)}
    # A node may lead to blocks that are kept though they are empty, and to no others.
    if kind != "node":
        assert ("pin on record" in found) == (kind != "stack")
        assert len(found) > 1 or kind == "stack"
    # Orphans have no stack in this dump, nor has what check finds.
    for other in others[:1] if kind == "stack" else others:
        partial(other)
        assert not json.loads(other.stdout)["complete"]


# Where the kernel keeps what these scripts read, but not itself, in a guest of 1 GiB.
HOLES = [(0x100000, 0x1000000), (0x3000000, 0x4000000), (0x3C000000, 0x3F000000)]


@pytest.mark.parametrize("seed", range(3))
def test_a_dump_with_zeroed_pages(odd_dump: Dump, seed: int) -> None:
    """Every third page of some memory: what is left is told, never a traceback."""
    chance = random.Random(seed)
    holed = odd_dump.file.with_name("holed")
    subprocess.run(["cp", "--sparse=always", odd_dump.file, holed], check=True)
    holed.chmod(0o600)
    try:
        offset = file_offset(odd_dump, "gup_pin_root") - physical(odd_dump, "gup_pin_root")
        with holed.open("r+b") as file:
            for first, end in HOLES:
                for page in range(first, end, PAGE):
                    if chance.random() < 0.3:
                        file.seek(offset + page)
                        file.write(bytes(PAGE))
        for verb in VERBS:
            done = odd_dump.drgn(verb, "--json", file=holed)
            assert done.returncode in (0, 1, 4)
            assert "Traceback" not in done.stderr
            if done.returncode == 1:
                # The root itself is not mapped: a page of page tables was hit.
                assert "gup_pins: the dump lacks what is needed" in done.stderr
                continue
            document = json.loads(done.stdout)
            validate(document)
            assert document["complete"] == (not done.stderr)
            if verb == "list":
                assert check_list(odd_dump, done)
            if verb == "orphans":
                # There were none, and whose task is missing is not called one.
                assert document["pins"] == []
    finally:
        holed.unlink()


@pytest.mark.parametrize("part", [100, 20_000])
def test_a_stump_is_an_error_in_one_line(odd_dump: Dump, part: int) -> None:
    """Not even the page tables are there."""
    with cut(odd_dump, odd_dump.file.stat().st_size // part) as short:
        done = odd_dump.drgn("list", file=short)
    assert done.returncode in (1, 4)
    assert "Traceback" not in done.stderr
    assert done.stderr
