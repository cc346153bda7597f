# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py on what is left of a dump: it gives what is there, and says so."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dump_bytes import file_offset, physical
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
                for page in range(first, end, 4096):
                    if chance.random() < 0.3:
                        file.seek(offset + page)
                        file.write(bytes(4096))
        for verb in VERBS:
            done = odd_dump.drgn(verb, "--json", file=holed)
            assert done.returncode in (0, 1, 4)
            assert "Traceback" not in done.stderr
            if done.returncode != 1:
                document = json.loads(done.stdout)
                validate(document)
                assert document["complete"] == (not done.stderr)
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
