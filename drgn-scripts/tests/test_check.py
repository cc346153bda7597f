# SPDX-License-Identifier: LGPL-2.1-or-later
"""Struct pages in bulk, and problems of folios."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from gup_pin.check import Checker, FileCheck, Finding, Flags, Heads, Kind
from gup_pin.errors import Faults, NoSuchPage
from gup_pin.folio import NO_FOLIO, Folio
from gup_pin.left import Stakes
from gup_pin.memmap import BIAS, Counts, Layouts, Memmap
from gup_pin.memory import Field, Record
from gup_pin.pin import Item
from gup_pin.unchecked import Unchecked
from gup_pin.xarray import Walker
from mock_memory import NODE, MockMemory
from samples import ANON, NAMES, ORIGIN, PAGE_SHIFT, item

PAGE0, SIZE = 0xFFFFEA0000000000, 64
WRITEBACK, DIRTY, SWAPCACHE, HEAD, RESERVED, SWAPBACKED, PRIVATE = (
    1 << bit for bit in range(1, 8)
)
LAYOUTS = Layouts(
    page0=PAGE0,
    size=SIZE,
    mark=Record("struct page", SIZE, [Field(0, 64), Field(64, 64)]),
    page=Record(
        "struct folio",
        3 * SIZE,
        [Field(0, 64), Field(416, 32), Field(384, 32), Field(192, 64), Field(64, 64)],
    ),
    refs_at=52,
    flags_at=0,
    pincount_at=92,
    head=HEAD,
    reserved=RESERVED,
    page_size=4096,
    next_head_at=SIZE + 8,
)
MAPPING = 0xFFFF888000002000
FILE = replace(ANON, map="file", ino=5, index=3, place=3)
READ = replace(ORIGIN, mode=0)


def page(
    flags: int = 0, refs: int = 1, maps: int = 0, mapping: int = 0, tail: int = 0
) -> bytes:
    """A struct page."""
    head = struct.pack("<QQ8xQ", flags, tail, mapping)
    return head.ljust(48, b"\0") + struct.pack("<iI", maps - 1, refs) + bytes(8)


def large(flags: int, pins: int, refs: int = 1, pfn: int = 0) -> bytes:
    """Two struct pages of a large folio at pfn, which its tail points to."""
    second = bytearray(page(tail=PAGE0 + pfn * SIZE + 1, refs=0))
    second[28:32] = struct.pack("<i", pins)
    return page(flags | HEAD, refs) + bytes(second)


class MockFolios:
    """The kinds of folios, by pfn."""

    def __init__(self, kinds: dict[int, Folio]) -> None:
        """Anonymous by default."""
        self.kinds = kinds

    def of_page(self, pfn: int) -> tuple[int, Folio]:
        """The folio whose head is at a pfn."""
        return pfn, self.kinds.get(pfn, ANON)


class Kernel:
    """Pages from pfn 0 on, and page caches."""

    def __init__(self, *pages: bytes, kinds: dict[int, Folio] | None = None) -> None:
        """These pages; MAPPING's cache has pfn 0 at index 3."""
        self.memory, self.faults = MockMemory(), Faults()
        self.verdict: int | None = None
        self.memory.put(b"".join(pages), PAGE0)
        self.cache = self.memory.put_xarray({3: PAGE0})
        self.memmap = Memmap(self.memory, LAYOUTS, self.faults.add)
        files = FileCheck(
            Walker(self.memory, NODE, self.faults.add),
            lambda mapping: self.cache if mapping == MAPPING else 0x9002,
            self.memmap.address,
            self.faults.add,
        )
        self.checker = Checker(
            self.memmap,
            MockFolios(kinds or {}),  # type: ignore[arg-type]
            files,
            Stakes(NAMES, data=0, read=2, verdict=lambda items: self.verdict),
            Flags(WRITEBACK, DIRTY, SWAPCACHE, SWAPBACKED, PRIVATE, write=1),
            self.faults.add,
        )

    def findings(self, *pins: Item, pfn: int = 0) -> list[Finding]:
        """The problems of a folio that has these pins on record."""
        items = [replace(pin, pfn=pfn, head=pfn) for pin in pins]
        return list(self.checker.recorded([items]))

    def kinds(self, *pins: Item, pfn: int = 0) -> list[Kind]:
        """Only the kinds of problems."""
        return [finding.kind for finding in self.findings(*pins, pfn=pfn)]


WRITE_PIN, READ_PIN = item(0), item(0, origin=READ)


@pytest.mark.parametrize(
    ("pages", "kinds"),
    [
        ((page(refs=BIAS + 1),), []),
        ((page(refs=BIAS),), []),
        # put_page() drops one reference of the 1024.
        ((page(refs=BIAS - 1),), [Kind.TOO_FEW_PINS]),
        ((page(refs=BIAS + 2, maps=3),), [Kind.TOO_FEW_PINS]),
        ((page(refs=BIAS + 3, maps=3),), []),
        ((page(refs=2),), [Kind.TOO_FEW_PINS]),
        ((page(refs=0),), [Kind.FREE]),
        ((page(refs=-5 & 0xFFFFFFFF),), [Kind.FREE]),
        ((page(tail=1, refs=0),), [Kind.NO_FOLIO]),
        ((page(refs=2 * BIAS - 1),), []),
        # An anonymous folio has only references of page tables and pins.
        ((page(refs=2 * BIAS),), [Kind.MAYBE_UNRECORDED]),
        ((page(refs=2 * BIAS + 9, maps=9),), [Kind.MAYBE_UNRECORDED]),
        ((page(refs=2 * BIAS + 8, maps=9),), []),
        ((large(0, 1),), []),
        ((large(0, 0),), [Kind.TOO_FEW_PINS]),
        ((large(0, 2),), [Kind.UNRECORDED]),
        # Ordinary references of a large folio are not pins.
        ((large(0, 1, refs=9 * BIAS),), []),
    ],
)
def test_records_against_counts(pages: tuple[bytes, ...], kinds: list[Kind]) -> None:
    """One pin is on record."""
    assert Kernel(*pages).kinds(WRITE_PIN) == kinds


@pytest.mark.parametrize(
    ("folio", "flags", "mapping", "refs"),
    [
        (FILE, 0, 0, 0),
        (FILE, 0, MAPPING, 1),
        (FILE, PRIVATE, MAPPING, 2),
        (replace(FILE, map="shmem"), SWAPBACKED, MAPPING, 1),
        (replace(FILE, map="shmem"), SWAPBACKED | SWAPCACHE, 0, 1),
        # For a file system, the same bit has another meaning.
        (FILE, SWAPCACHE, MAPPING, 1),
        (ANON, SWAPBACKED, MAPPING | 1, 0),
        (ANON, SWAPBACKED | SWAPCACHE, MAPPING | 1, 1),
        (ANON, SWAPBACKED | PRIVATE, MAPPING | 1, 0),
        # The counts of devices are unknown.
        (replace(ANON, map="dax"), PRIVATE, MAPPING, 0),
    ],
)
def test_put_page_of_a_pin(folio: Folio, flags: int, mapping: int, refs: int) -> None:
    """It is found in spite of the references that the folio must have."""
    for missing in (0, 1):
        found = page(flags, BIAS + 2 + refs - missing, 2, mapping)
        kinds = Kernel(found, kinds={0: folio}).kinds(READ_PIN)
        assert (Kind.TOO_FEW_PINS in kinds) is bool(missing)


PINNED = BIAS + 1


@pytest.mark.parametrize(
    ("flags", "mapping", "pin", "kinds"),
    [
        (0, MAPPING, WRITE_PIN, []),
        (WRITEBACK, MAPPING, WRITE_PIN, [Kind.WRITEBACK]),
        (WRITEBACK, MAPPING, READ_PIN, []),
        (DIRTY, MAPPING, WRITE_PIN, [Kind.DIRTY]),
        (DIRTY, MAPPING, READ_PIN, []),
        (WRITEBACK | DIRTY, MAPPING, WRITE_PIN, [Kind.WRITEBACK, Kind.DIRTY]),
        (0, 0, WRITE_PIN, [Kind.TRUNCATED]),
        (0, 0, READ_PIN, [Kind.TRUNCATED]),
        # A shmem folio on its way to swap is in no file, but not lost.
        (SWAPBACKED | SWAPCACHE, 0, WRITE_PIN, []),
        # For a file system, the same bit has another meaning.
        (SWAPCACHE, 0, WRITE_PIN, [Kind.TRUNCATED]),
        # Anonymous.
        (DIRTY, MAPPING | 1, WRITE_PIN, []),
    ],
)
def test_content(flags: int, mapping: int, pin: Item, kinds: list[Kind]) -> None:
    """The states of a file's folio."""
    kernel = Kernel(page(flags, PINNED, mapping=mapping), kinds={0: FILE})
    assert kernel.kinds(pin) == kinds


@pytest.mark.parametrize(
    ("mapping", "kinds"),
    [(0, [Kind.TRUNCATED]), (MAPPING, []), (MAPPING | 1, [])],
)
def test_content_of_huge_pages(mapping: int, kinds: list[Kind]) -> None:
    """Hugetlb files can be truncated, too, but are never written back."""
    huge = large(DIRTY, 1)
    huge = huge[:24] + struct.pack("<Q", mapping) + huge[32:]
    kernel = Kernel(huge, kinds={0: replace(FILE, map="hugetlb", order=1)})
    assert kernel.kinds(WRITE_PIN) == kinds


@pytest.mark.parametrize("kind", ["file", "shmem", "hugetlb"])
def test_a_folio_that_its_file_has_replaced(kind: str) -> None:
    """Its mapping is set, but the page cache has another folio at its index."""
    pages = [page(refs=PINNED, mapping=MAPPING)] * 2
    folio = replace(FILE, map=kind)
    kernel = Kernel(*pages, kinds={0: folio, 1: folio})
    assert kernel.kinds(WRITE_PIN, pfn=0) == []
    assert kernel.kinds(WRITE_PIN, pfn=1) == [Kind.TRUNCATED]
    assert not kernel.faults


@pytest.mark.parametrize(
    ("mapping", "pin", "verdict", "stake"),
    [
        (0, WRITE_PIN, 0, "data"),
        (0, WRITE_PIN, 1, "end"),
        (0, WRITE_PIN, None, "unknown"),
        (0, READ_PIN, 0, "data"),
        (0, READ_PIN, 1, "end"),
        # Nothing worse is possible.
        (0, READ_PIN, None, "read"),
        # Another folio is in its place in a file that has not ended.
        (MAPPING, WRITE_PIN, None, "data"),
        (MAPPING, READ_PIN, None, "read"),
        (MAPPING, WRITE_PIN, 1, "data"),
        (MAPPING, READ_PIN, 1, "read"),
    ],
)
def test_what_is_at_stake_for_a_folio_that_left_its_file(
    mapping: int, pin: Item, verdict: int | None, stake: str
) -> None:
    """The kernel's verdict; without it, no more than is known."""
    pages = [page(refs=PINNED, mapping=mapping)] * 2
    kernel = Kernel(*pages, kinds={1: FILE})
    kernel.verdict = verdict
    (finding,) = kernel.findings(pin, pfn=1)
    assert (finding.kind, finding.stake) == (Kind.TRUNCATED, stake)


def test_only_a_folio_that_left_its_file_has_a_stake() -> None:
    """The words of others are unchanged."""
    kernel = Kernel(page(DIRTY, PINNED, mapping=MAPPING), kinds={0: FILE})
    (finding,) = kernel.findings(WRITE_PIN)
    assert (finding.kind, finding.stake) == (Kind.DIRTY, "")


def test_a_page_cache_that_is_not_in_the_dump() -> None:
    """The folio's state is unknown, and the fault reported."""
    kernel = Kernel(page(refs=PINNED, mapping=0x8000), kinds={0: FILE})
    assert kernel.kinds(WRITE_PIN) == []
    assert bool(kernel.faults)


def test_what_a_finding_says() -> None:
    """All pins of the folio, as lines."""
    (finding,) = Kernel(page(refs=1)).findings(WRITE_PIN, replace(READ_PIN, pins=2))
    assert (finding.pfn, finding.recorded, finding.counts.refs) == (0, 3, 1)
    assert finding.stacks == [ORIGIN.stack]
    assert [run.pins for run in finding.runs(PAGE_SHIFT)] == [1, 2]
    assert finding.kind.about == "records" and Kind.WRITEBACK.about == "content"


def test_pins_on_all_pages_of_a_folio() -> None:
    """Pins add up over all pages; those of one call are one line."""
    folio = replace(ANON, order=1)
    second = replace(item(1, page=1, folio=folio), head=0)
    items = [item(0, folio=folio), second, replace(second, origin=READ, pins=4)]
    kernel = Kernel(large(0, 6))
    assert list(kernel.checker.recorded([items])) == []
    kernel = Kernel(large(0, 5))
    (finding,) = kernel.checker.recorded([items])
    assert (finding.kind, finding.pfn) == (Kind.TOO_FEW_PINS, 0)
    assert finding.recorded == 6
    runs = [(run.pfn, run.pages, run.pins) for run in finding.runs(PAGE_SHIFT)]
    assert runs == [(0, 2, 2), (1, 1, 4)]


def test_a_page_that_is_of_no_folio() -> None:
    """It looks like a tail, but its head does not confirm it."""
    kernel = Kernel(page(tail=0x1001, refs=0), kinds={0: NO_FOLIO})
    assert kernel.kinds(replace(WRITE_PIN, folio=NO_FOLIO)) == [Kind.NO_FOLIO]


def test_struct_pages_that_are_not_in_the_dump() -> None:
    """The other folios are checked."""
    kernel = Kernel(page(refs=1))
    folios = [[item(1)], [item(0)]]
    assert [f.pfn for f in kernel.checker.recorded(folios)] == [0]
    (line,) = kernel.faults.lines()
    assert line.startswith("struct page not in the dump")


def test_pins_that_could_not_be_compared_are_counted() -> None:
    """Struct pages that are missing, or a folio of unknown size."""
    kernel = Kernel(page(refs=1))
    unsized = replace(item(0), folio=replace(ANON, order=None))
    folios = [[item(1), item(1)], [item(0)], [unsized]]
    unchecked = Unchecked()
    assert len(list(kernel.checker.recorded(folios, unchecked))) == 1
    assert unchecked == Unchecked(pins=3, pages=0)


@pytest.mark.parametrize("page0", [PAGE0, None])
def test_struct_pages_that_could_not_be_looked_at_are_counted(
    page0: int | None,
) -> None:
    """Those in holes of the memmap, or all."""
    kernel = Kernel(*[page()] * 256)
    layouts = replace(LAYOUTS, page0=page0)
    memmap, unchecked = Memmap(kernel.memory, layouts, print), Unchecked()
    assert list(memmap.suspects(0, 1024, unchecked.miss_pages)) == []
    assert unchecked == Unchecked(pins=0, pages=1024 if page0 is None else 768)


def test_what_is_unchecked_in_words() -> None:
    """Only what there is; an unknown number stays unknown."""
    unchecked = Unchecked()
    assert unchecked.text() == ""
    unchecked.miss_pins(2)
    unchecked.miss_pins(3)
    assert unchecked.text() == " unchecked_pins=5"
    unchecked.miss_pins(None)
    unchecked.miss_pins(1)
    unchecked.miss_pages(7)
    assert unchecked.text() == " unchecked_pins=? unchecked_pages=7"
    assert unchecked.words() == {"pins": None, "pages": 7}


def test_heads() -> None:
    """The noted heads, and no others."""
    heads = Heads()
    met = [0, 63, 64, 1 << 40]
    folios = [[replace(item(pfn + 7), head=pfn)] for pfn in met]
    assert list(heads.noted(folios)) == folios
    near = {pfn + more for pfn in met for more in (-1, 0, 1, 7, 64)}
    assert [pfn for pfn in sorted(near) if heads.has(pfn)] == met


def test_pins_without_a_record() -> None:
    """Found by the counts of all struct pages, including those of large folios."""
    pages = [
        *(page(), page(refs=BIAS - 1), page(refs=BIAS), page(refs=3 * BIAS, maps=3000)),
        *(page(RESERVED, refs=9 * BIAS), page(tail=1, refs=9 * BIAS), large(0, 1)),
        *(large(0, 0, refs=9 * BIAS), page(refs=BIAS + 2), page(refs=BIAS + 2)),
    ]
    count = len(b"".join(pages)) // SIZE
    device = replace(ANON, map="device")
    kernel = Kernel(*pages, kinds={11: device})
    found = kernel.checker.unrecorded(
        kernel.memmap.suspects(0, count), {10}.__contains__
    )
    assert [(finding.pfn, finding.kind) for finding in found] == [
        (2, Kind.MAYBE_UNRECORDED),
        (6, Kind.UNRECORDED),
    ]
    assert not kernel.faults


def test_a_memmap_that_cannot_be_found() -> None:
    """One report, not one for each page."""
    faults = Faults()
    memmap = Memmap(MockMemory(), replace(LAYOUTS, page0=None), faults.add)
    assert list(memmap.suspects(0, 1 << 20)) == []
    assert list(faults.lines()) == ["memmap not in the dump (0x0)"]


def huge_pages() -> bytes:
    """Of two huge pages with a pin, the first has its tails in one page of memory."""
    tails = [page(tail=PAGE0 + 1, refs=0)] * 62
    return b"".join([large(0, 1), *tails]) * 3 + large(0, 1, pfn=192)


@pytest.mark.parametrize("chunk", [1 << 14, 64])
def test_fake_heads(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """They look like the head, except for the next struct page."""
    monkeypatch.setattr("gup_pin.memmap.CHUNK", chunk)
    kernel = Kernel(huge_pages())
    assert [pfn for pfn, _ in kernel.memmap.suspects(0, 194)] == [0, 192]
    assert [kernel.memmap.counts(pfn).tail for pfn in (0, 64, 192)] == [0, 1, 0]
    assert kernel.kinds(WRITE_PIN, pfn=64) == [Kind.NO_FOLIO]
    assert not kernel.faults


def test_a_kernel_without_fake_heads() -> None:
    """In such a kernel the word after a head is not an address, and is ignored."""
    kernel = Kernel(huge_pages())
    layouts = replace(LAYOUTS, next_head_at=None)
    memmap = Memmap(kernel.memory, layouts, kernel.faults.add)
    assert [pfn for pfn, _ in memmap.suspects(0, 194)] == [0, 64, 128, 192]


def test_a_memmap_with_a_hole() -> None:
    """All readable struct pages are checked, up to the last 64."""
    kernel = Kernel(*[page()] * 255, page(refs=5 * BIAS))
    assert [pfn for pfn, _ in kernel.memmap.suspects(0, 512)] == [255]
    assert "4 times" in next(iter(kernel.faults.lines()))


@pytest.mark.parametrize(
    ("counts", "pins"),
    [
        (Counts(0, 5, 0, 0, False, None), (0, True)),
        (Counts(0, 2 * BIAS + 5, 0, 0, False, None), (2, False)),
        (Counts(0, 1, 0, 0, False, 7), (7, True)),
        (Counts(0, -1, 0, 0, False, None), (0, True)),
    ],
)
def test_pin_count(counts: Counts, pins: tuple[int, bool]) -> None:
    """The number of pins, and whether it is exact."""
    assert counts.pin_count() == pins


# Ranges of pfns that have struct pages.
SECTIONS = [(0, 64), (128, 8)]


@pytest.mark.parametrize(
    ("number", "pfn"),
    [
        *((7, 7), (128, 128), (PAGE0, 0), (PAGE0 + 7 * SIZE, 7)),
        *((PAGE0 + 63 * SIZE, 63), (PAGE0 + 128 * SIZE, 128)),
    ],
)
def test_pfn_or_struct_page(number: int, pfn: int) -> None:
    """A small number is a pfn."""
    assert Kernel().memmap.pfn(number, lambda: SECTIONS) == pfn


@pytest.mark.parametrize(
    "address",
    [
        # In the middle, in a hole, after the end (as in kernel text), before the start.
        *(PAGE0 + 7 * SIZE + 8, PAGE0 + 64 * SIZE, PAGE0 + 136 * SIZE),
        *(0xFFFFFFFF81000000, PAGE0 - SIZE),
    ],
)
def test_no_struct_page(address: int) -> None:
    """An address of other memory is refused."""
    with pytest.raises(NoSuchPage, match=f"no struct page is at {address:#x}"):
        Kernel().memmap.pfn(address, lambda: SECTIONS)


@pytest.mark.parametrize("pfn", [64, 127, 136, 5000])
def test_no_pfn(pfn: int) -> None:
    """In a hole, and after the end."""
    wanted = f"no page has pfn {pfn:#x}; the last has 0x87"
    with pytest.raises(NoSuchPage, match=wanted):
        Kernel().memmap.pfn(pfn, lambda: SECTIONS)


def test_struct_page_where_little_is_known() -> None:
    """Unknown sections, or unknown address of the struct pages."""
    assert Kernel().memmap.pfn(PAGE0 + 64 * SIZE, list) == 64
    memmap = Memmap(MockMemory(), replace(LAYOUTS, page0=None), Faults().add)
    assert memmap.pfn(64, list) == 64
    with pytest.raises(NoSuchPage):
        memmap.pfn(PAGE0 + 64 * SIZE, list)


@pytest.mark.parametrize("index", [0, 1, 63, 64, 4095, 4096, 1 << 18, 1 << 30])
def test_load(index: int) -> None:
    """An entry of an xarray at any index, and none at other indexes."""
    kernel = Kernel()
    walker = Walker(kernel.memory, NODE, kernel.faults.add)
    head = kernel.memory.put_xarray({index: 0x1000})
    assert walker.load(head, index) == 0x1000
    for other in (index + 1, index ^ 64, index << 6 | 1, 1 << 40):
        assert walker.load(head, other) == 0
    assert walker.load(0, index) == 0


def test_load_a_large_folio() -> None:
    """Its other slots, and other indexes of its entry, lead to it."""
    kernel = Kernel()
    walker = Walker(kernel.memory, NODE, kernel.faults.add)
    sibling = 4 << 2 | 2
    leaf = kernel.memory.put_node(0, {4: 0x1000, 5: sibling, 6: sibling, 7: 0x402})
    top = kernel.memory.put_node(6, {0: leaf, 1: 0x2000})
    assert [walker.load(top, i) for i in (4, 5, 6, 7)] == [0x1000, 0x1000, 0x1000, 0]
    assert walker.load(top, 64) == walker.load(top, 127) == 0x2000
