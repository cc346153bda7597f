# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py on changed dumps: what check finds."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dump_bytes import asked, changed, file_offset, offset_of
from dumps import Dump, partial, words_of
from schema import validate


def test_another_format_is_status_3(odd_dump: Dump) -> None:
    """The number is the root's first member."""
    file = odd_dump.file
    file.chmod(0o600)
    with changed(file, file_offset(odd_dump, "gup_pin_root"), struct.pack("<I", 1)):
        done = odd_dump.drgn("list")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "gup_pins: gup_pin_root has format 1, these scripts read 6\n"


# The change in the struct page of the pin on a file, the place of its members, and the
# finding: a folio under writeback, a dirty one, one that has left its file, one that lost
# a pin to put_page(), a freed one.
DAMAGES = {
    "writeback": ("flags", "PG_writeback"),
    "dirty": ("flags", "PG_dirty"),
    "truncated": ("mapping", 0),
    # References of one pin and of page tables: the file's own is gone. (One less would not
    # do: a temporary user of a folio holds one as well.)
    "too_few_pins": ("_refcount", "maps+1024"),
    "free": ("_refcount", 0),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_check_finds_what_had_no_time_to_be_reported(odd_dump: Dump, kind: str) -> None:
    """The machine stops at that very moment."""
    pin = next(p for line in odd_dump.pins if (p := words_of(line))["comm"] == "gup_pin_provoke")
    member, value = DAMAGES[kind]
    place = asked(odd_dump, "find_member.py", pin["pfn"], member, str(value))
    odd_dump.file.chmod(0o600)
    with changed(
        odd_dump.file, offset_of(odd_dump, place["physical"]), bytes.fromhex(place["data"])
    ):
        done = odd_dump.drgn("check", "--json")
    assert (done.returncode, done.stderr) == (4, "")
    document = json.loads(done.stdout)
    validate(document)
    assert document["complete"]
    (finding,) = document["findings"]
    assert (finding["kind"], finding["pfn"]) == (kind, pin["pfn"])
    assert finding["stacks"] == [pin["stack"]] == list(document["stacks"])
    assert [p["task"] for p in finding["pins"]] == [pin["task"]]


def test_check_finds_huge_pages_that_have_left_their_file(odd_dump: Dump) -> None:
    """One has no mapping any more; other folios of the same pin are unchanged."""
    pin = next(p for line in odd_dump.pins if (p := words_of(line))["map"] == "hugetlb")
    place = asked(odd_dump, "find_member.py", head_of(pin), "mapping", "0")
    odd_dump.file.chmod(0o600)
    with changed(
        odd_dump.file, offset_of(odd_dump, place["physical"]), bytes.fromhex(place["data"])
    ):
        done = odd_dump.drgn("check", "--json")
    assert (done.returncode, done.stderr) == (4, "")
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["kind"], finding["map"]) == ("truncated", "hugetlb")
    assert finding["pfn"] == head_of(pin)
    assert pin["stack"] in finding["stacks"]


def test_check_finds_every_pin_if_its_record_is_lost(dump: Dump) -> None:
    """All records are lost: then exactly the folios in debugfs look pinned."""
    found = [finding["pfn"] for finding in unrecorded(dump, [])]
    assert found == [hex(pfn) for pfn in pinned_folios(dump)]


@pytest.mark.parametrize("blocks", [False, True])
def test_check_looks_at_what_there_is_of_a_devices_memory(odd_dump: Dump, blocks: bool) -> None:
    """Some of a section; none, if it is RAM that was not onlined."""
    folios = pinned_folios(odd_dump)
    # A folio with others in its section of 128 MiB, some of them outside of its 2 MiB.
    pfn = next(
        pfn for pfn in folios if any(o >> 15 == pfn >> 15 and o >> 9 != pfn >> 9 for o in folios)
    )
    words = asked(odd_dump, "find_section.py", hex(pfn))
    found = {finding["pfn"] for finding in unrecorded(odd_dump, words[: 2 if blocks else 3])}
    others = {hex(other) for other in folios if other >> 15 != pfn >> 15}
    beside = {hex(other) for other in folios if other >> 9 == pfn >> 9}
    assert beside and len(beside | others) < len(folios)
    assert found == (others if blocks else others | beside)


def unrecorded(dump: Dump, words: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """The findings if no pin is on record, and some other words are changed."""
    places = [*words, *asked(dump, "find_heads.py")]
    dump.file.chmod(0o600)
    with ExitStack() as stack:
        for address, word in places:
            offset, data = offset_of(dump, address), struct.pack("<Q", word)
            stack.enter_context(changed(dump.file, offset, data))
        done = dump.drgn("check", "--jsonl")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (4 if found else 0, "")
    assert {finding["kind"] for finding in found} <= {"unrecorded", "maybe_unrecorded"}
    return found


def head_of(pin: dict[str, str]) -> str:
    """The pfn of the first folio's head: folios are aligned to their size."""
    order = int(pin["order"])
    return hex(int(pin["pfn"], 16) >> order << order)


def pinned_folios(dump: Dump) -> list[int]:
    """The pfns of all folios in debugfs, ascending."""
    pfns: set[int] = set()
    for pin in map(words_of, dump.pins):
        first = int(pin["pfn"], 16)
        pages = range(first, first + int(pin["pages"]))
        pfns.update(pfn >> int(pin["order"]) << int(pin["order"]) for pfn in pages)
    return sorted(pfns)


def test_check_knows_huge_pages_that_save_struct_pages(odd_dump: Dump) -> None:
    """hugetlb_free_vmemmap=on maps the page that begins with the head repeatedly."""
    if b"\0compound_info\0" in odd_dump.vmlinux.read_bytes():
        pytest.skip("this kernel has tails there")
    pin = next(p for line in odd_dump.pins if (p := words_of(line))["map"] == "hugetlb")
    head = asked(odd_dump, "find_member.py", head_of(pin), "flags", "0")["physical"]
    start, size = offset_of(odd_dump, head), 4096
    odd_dump.file.chmod(0o600)
    with odd_dump.file.open("rb") as file:
        file.seek(start)
        pages = (64 << int(pin["order"])) // size
        first = file.read(size)
    with changed(odd_dump.file, start + size, first * (pages - 1)):
        assert odd_dump.printed("check").endswith("\nchecked findings=0\n")


def test_an_order_that_no_folio_has(odd_dump: Dump, tmp_path: Path) -> None:
    """The output is bounded, and the damage reported."""
    pin = next(p for line in odd_dump.pins if (p := words_of(line))["map"] == "hugetlb")
    place = asked(odd_dump, "find_member.py", head_of(pin), "_flags_1", "60")
    start, order = offset_of(odd_dump, place["physical"]), bytes.fromhex(place["data"])
    odd_dump.file.chmod(0o600)
    with changed(odd_dump.file, start, order):
        done = odd_dump.drgn("report", "-o", str(tmp_path / "report.html"))
    partial(done)
    assert done.stderr.startswith("gup_pins: order of a folio is invalid (")
