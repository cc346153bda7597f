# SPDX-License-Identifier: LGPL-2.1-or-later
"""The description of a folio."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gup_pin import memmap
from gup_pin.errors import Faults
from gup_pin.folio import (
    NO_FOLIO,
    UNKNOWN_FOLIO,
    Folio,
    FolioReader,
    Layouts,
    Zones,
    zone_field,
)
from gup_pin.memmap import _find_page0, head_address
from gup_pin.memory import Field, Record
from mock_command import MockFaultError, mock_drgn
from mock_memory import MockMemory

PAGE_SIZE = 64
PAGE0 = 0xFFFFEA0000000000
HEAD, LRU, SWAPBACKED, UPTODATE = 1 << 6, 1 << 4, 1 << 18, 1 << 3
NO_TYPE = 0xFFFFFFFF
HUGETLB = 0xF4
DEVICE_ZONE = 3
FS_DAX, PRIVATE = 3, 1


def longs(name: str, *offsets: int) -> Record:
    """A structure of 64-bit members."""
    return Record(name, max(offsets) + 8, [Field(8 * at, 64) for at in offsets])


LAYOUTS = Layouts(
    folio=Record(
        "struct folio",
        4 * PAGE_SIZE,
        [Field(8 * at, bits) for at, bits in ((0, 64), (24, 64), (32, 64), (48, 32))]
        + [Field(64, 64), Field(64, 64)],
    ),
    order=Record("struct folio", 4 * PAGE_SIZE, [Field(8 * PAGE_SIZE, 64)]),
    order_at=PAGE_SIZE,
    host=longs("struct address_space", 0, 8),
    inode=longs("struct inode", 64, 40),
    dev=Record("struct super_block", 64, [Field(128, 32)]),
    pgmap_type=Record("struct dev_pagemap", 16, [Field(64, 32)]),
    zones=Zones(62, 3, DEVICE_ZONE),
    head=HEAD,
    lru=LRU,
    swapbacked=SWAPBACKED,
    uptodate=UPTODATE,
    hugetlb=HUGETLB,
    dax_types=frozenset({FS_DAX}),
)
PAGES = memmap.Layouts(
    page0=PAGE0,
    size=PAGE_SIZE,
    mark=longs("struct page", 0, 8),
    page=Record("struct folio", 4 * PAGE_SIZE, []),
    refs_at=0,
    flags_at=0,
    pincount_at=0,
    head=HEAD,
    reserved=0,
    page_size=4096,
    next_head_at=PAGE_SIZE + 8,
)
FIRST = 0x100


def page(
    flags: int = 0,
    mapping: int = 0,
    index: int = 0,
    page_type: int = NO_TYPE,
    first_word: int = 0,
) -> bytes:
    """A struct page."""
    head = struct.pack("<QQ8xQQ8xI", flags, first_word, mapping, index, page_type)
    return head.ljust(PAGE_SIZE, b"\0")


def order_page(order: int) -> bytes:
    """The second struct page of a large folio."""
    return page(flags=order | 0xAB00)


def put_mapping(memory: MockMemory, dev: int, ino: int) -> int:
    """An address space with its inode."""
    sb = memory.put(struct.pack("<16xI44x", dev))
    inode = memory.put(struct.pack("<40xQ16xQ", sb, ino))
    return memory.put(struct.pack("<QQ", inode, 0xFFFFFFFF81001000))


class Kernel:
    """Pages from pfn 0x100 on, and a reader for them."""

    def __init__(self) -> None:
        """Start without pages."""
        self.memory, self.faults = MockMemory(), Faults()
        self.read_by()

    def read_by(
        self,
        layouts: Layouts = LAYOUTS,
        pages: memmap.Layouts = PAGES,
        live: bool = False,
    ) -> None:
        """Create the reader anew."""
        fault = self.faults.add
        found = memmap.Memmap(self.memory, pages, fault)
        self.reader = FolioReader(self.memory, layouts, found, fault, live=live)

    def describe(self, *pages: bytes) -> Folio:
        """The reader's result for the first of these pages, which begins a folio."""
        self.put(*pages)
        head, folio = self.reader.of_page(FIRST)
        assert head == FIRST
        return folio

    def put(self, *pages: bytes) -> None:
        """Set these pages."""
        self.memory.put(b"".join(pages), PAGE0 + FIRST * PAGE_SIZE)

    def heads(self, count: int) -> list[int]:
        """The heads of that many pages, from the first on."""
        return [self.reader.of_page(FIRST + i)[0] - FIRST for i in range(count)]


@pytest.fixture
def kernel() -> Kernel:
    """A kernel without pages."""
    return Kernel()


def test_anon(kernel: Kernel) -> None:
    """Its index is that of its address, not an index in a file."""
    folio = kernel.describe(page(SWAPBACKED | LRU, 0xFFFF888000000001, 0x7F000))
    assert folio == Folio("anon", 0, 0, 0, 0, 0x7F000)


def test_file(kernel: Kernel) -> None:
    """With device, inode number and index."""
    mapping = put_mapping(kernel.memory, 8 << 20 | 1, 131)
    folio = kernel.describe(page(LRU | UPTODATE, mapping, 7))
    assert folio == Folio("file", 0, 8 << 20 | 1, 131, 7, 7)
    assert not kernel.faults


def test_large_file_folio(kernel: Kernel) -> None:
    """The order comes from the second page."""
    mapping = put_mapping(kernel.memory, 1, 2)
    folio = kernel.describe(page(LRU | HEAD, mapping), order_page(4))
    assert folio.order == 4


@pytest.mark.parametrize(("order", "known"), [(18, 18), (19, None), (255, None)])
def test_an_order_that_no_folio_has(
    kernel: Kernel, order: int, known: int | None
) -> None:
    """Damage: it is reported, and the order is unknown, not 0."""
    pages = page(LRU | HEAD), page(order | 0xAB00)
    assert kernel.describe(*pages).order == known
    wanted = "order of a folio is invalid (0xffffea0000004040)"
    assert list(kernel.faults.lines()) == ([] if known else [wanted])


def test_a_tail_page_whose_folio_has_no_known_order(kernel: Kernel) -> None:
    """It still belongs to that folio."""
    kernel.put(page(LRU | HEAD), page(0xABFF, PAGE0 + FIRST * PAGE_SIZE + 1), tail(0))
    head, folio = kernel.reader.of_page(FIRST + 2)
    assert (head, folio.map, folio.order) == (FIRST, "file", None)


def test_order_is_for_large_folios_only(kernel: Kernel) -> None:
    """The page after a small folio belongs to another one."""
    assert kernel.describe(page(LRU), order_page(4)).order == 0


def test_truncated_file(kernel: Kernel) -> None:
    """It has no mapping any more, but still looks like page cache."""
    assert kernel.describe(page(UPTODATE, 0, 9)) == Folio("file", 0, 0, 0, 9, 9)


def test_shmem(kernel: Kernel) -> None:
    """Swapbacked, but not anonymous."""
    mapping = put_mapping(kernel.memory, 1, 5)
    folio = kernel.describe(page(SWAPBACKED | UPTODATE, mapping, 3))
    assert folio == Folio("shmem", 0, 1, 5, 3, 3)


def test_hugetlb(kernel: Kernel) -> None:
    """Known by the page type; anonymous hugetlb memory has no file."""
    mapping = put_mapping(kernel.memory, 1, 6)
    kind = HUGETLB << 24 | 0xFFFFFF
    shared = kernel.describe(page(HEAD, mapping, 512, kind), order_page(9))
    assert shared == Folio("hugetlb", 9, 1, 6, 512, 512)
    private = kernel.describe(page(HEAD, 0x1001, 512, kind), order_page(9))
    assert private == Folio("hugetlb", 9, 0, 0, 0, 512)


def test_kernel_memory(kernel: Kernel) -> None:
    """Pages mapped by a driver are neither of these."""
    assert kernel.describe(page(index=4)) == Folio("device", 0, 0, 0, 0, 4)


@pytest.mark.parametrize(("kind", "name"), [(FS_DAX, "dax"), (PRIVATE, "device")])
def test_device_memory(kernel: Kernel, kind: int, name: str) -> None:
    """The zone marks device memory, the page map gives its kind."""
    pgmap = kernel.memory.put(struct.pack("<8xI4x", kind))
    folio = kernel.describe(page(DEVICE_ZONE << 62, 0, 0, NO_TYPE, pgmap))
    assert folio.map == name


def test_kernel_without_device_memory(kernel: Kernel) -> None:
    """There the same bits are another zone."""
    kernel.read_by(replace(LAYOUTS, zones=None))
    assert kernel.describe(page(DEVICE_ZONE << 62 | LRU)).map == "file"


def tail(head: int) -> bytes:
    """A tail page, given the index of its head."""
    return page(first_word=PAGE0 + (FIRST + head) * PAGE_SIZE + 1)


def test_tail_pages(kernel: Kernel) -> None:
    """They lead to their head and its folio."""
    second = struct.pack("<QQ", 2, PAGE0 + (FIRST + 1) * PAGE_SIZE + 1)
    kernel.put(page(LRU), page(LRU | HEAD), second.ljust(64, b"\0"), tail(1), tail(1))
    assert kernel.heads(5) == [0, 1, 1, 1, 1]
    folios = {kernel.reader.of_page(FIRST + i)[1] for i in range(1, 5)}
    assert folios == {Folio("file", 2, 0, 0, 0, 0)}
    assert not kernel.faults


def test_tail_pages_that_have_a_mask(kernel: Kernel) -> None:
    """As in 7.1, where huge pages share the memory of tails."""
    word = (1 << 64) - 4 * PAGE_SIZE + 1
    masked = page(first_word=word)
    kernel.put(page(LRU | HEAD), page(2, first_word=word), masked, masked)
    assert kernel.heads(4) == [0, 0, 0, 0]


def test_head_of_a_tail_page() -> None:
    """The head's address, or a mask for the tail's address."""
    head = PAGE0 + 0x7000
    assert head_address(head + 0x340, head + 1) == head
    for shift in (7, 12, 15, 24):
        mask = (1 << 64) - (1 << shift)
        assert head_address(PAGE0 + (1 << 30) + 0x40, mask + 1) == (
            PAGE0 + (1 << 30) + 0x40 & mask
        )


@pytest.mark.parametrize(
    "word",
    [
        # A tail itself; a folio that ends before; not a struct page.
        *(PAGE0 + (FIRST + 2) * PAGE_SIZE + 1, PAGE0 + FIRST * PAGE_SIZE + 1),
        PAGE0 + (FIRST + 9) * PAGE_SIZE + 1,
    ],
)
def test_tail_pages_of_no_folio(kernel: Kernel, word: int) -> None:
    """The page is damaged: it is described as such."""
    pages = [page(LRU), page(), tail(0), page(first_word=word), *[page()] * 8]
    kernel.put(*pages)
    assert kernel.reader.of_page(FIRST + 3) == (FIRST + 3, NO_FOLIO)


def test_a_tail_page_whose_head_is_not_there(kernel: Kernel) -> None:
    """It is unknown, which is reported."""
    kernel.put(page(first_word=0x1001))
    assert kernel.reader.of_page(FIRST) == (FIRST, UNKNOWN_FOLIO)
    assert list(kernel.faults.lines()) == ["struct page not in the dump (0x1000)"]


@pytest.mark.parametrize("fakes", [True, False])
def test_fake_heads(kernel: Kernel, fakes: bool) -> None:
    """The page of memory with a huge page's head may be mapped twice."""
    second = struct.pack("<QQ", 7, PAGE0 + FIRST * PAGE_SIZE + 1).ljust(64, b"\0")
    pages = [page(LRU | HEAD), second, *[tail(0)] * 62] * 2
    kernel.put(*pages)
    if not fakes:
        kernel.read_by(pages=replace(PAGES, next_head_at=None))
    heads = kernel.heads(128)
    assert heads == [0] * 64 + [0 if fakes else 64] + [0] * 63


def test_a_page_that_is_not_there(kernel: Kernel) -> None:
    """It is reported."""
    kernel.put(page(LRU))
    found = [kernel.reader.of_page(pfn)[1].map for pfn in (FIRST, FIRST + 2)]
    assert found == ["file", None]
    assert list(kernel.faults.lines()) == [
        "struct page not in the dump (0xffffea0000004080)"
    ]


def test_no_memmap(kernel: Kernel) -> None:
    """The address of struct pages is unknown, and so is every folio."""
    kernel.read_by(pages=replace(PAGES, page0=None))
    assert kernel.describe(page(LRU)) is UNKNOWN_FOLIO
    assert list(kernel.faults.lines()) == ["memmap not in the dump (0x0)"]


def test_unreadable_inode(kernel: Kernel) -> None:
    """The file is unknown, which differs from no file."""
    mapping = kernel.memory.put(struct.pack("<QQ", 0x1000, 0x2000))
    folio = kernel.describe(page(LRU, mapping, 1))
    assert folio == Folio("file", 0, None, None, 1, 1, None)
    assert list(kernel.faults.lines()) == ["struct inode not in the dump (0x1000)"]


def test_mapping_of_no_inode(kernel: Kernel) -> None:
    """Swap uses such mappings."""
    mapping = kernel.memory.put(struct.pack("<QQ", 0, 0x2000))
    assert kernel.describe(page(LRU, mapping, 1)) == Folio("file", 0, 0, 0, 1, 1)
    assert not kernel.faults


@pytest.mark.parametrize("name", ["address_space", "inode"])
def test_zeroed_inode(kernel: Kernel, name: str) -> None:
    """All of it, including its mapping, or only the part before the mapping."""
    mapping = put_mapping(kernel.memory, 1, 2)
    (inode,) = struct.unpack_from("<Q", kernel.memory.pieces[mapping])
    zeroed = mapping if name == "address_space" else inode
    kernel.memory.pieces[zeroed] = bytes(len(kernel.memory.pieces[zeroed]))
    folio = kernel.describe(page(LRU, mapping, 1))
    assert folio == Folio("file", 0, None, None, 1, 1, None)
    assert list(kernel.faults.lines()) == [f"struct {name} is invalid ({zeroed:#x})"]


@pytest.mark.parametrize("live", [False, True])
def test_a_mapping_that_is_anothers_by_now(kernel: Kernel, live: bool) -> None:
    """On a live kernel, mappings are not cached, since files come and go."""
    mapping = put_mapping(kernel.memory, 1, 2)
    other = put_mapping(kernel.memory, 1, 3)
    kernel.read_by(live=live)
    assert kernel.describe(page(LRU, mapping)).ino == 2
    kernel.memory.pieces[mapping] = kernel.memory.pieces[other]
    assert kernel.describe(page(LRU, mapping)).ino == (3 if live else 2)


def test_zone_field() -> None:
    """For a UP desktop, and for a kernel with 1024 nodes and five zones."""
    assert zone_field(zones=3, nodes=1) == (62, 3)
    assert zone_field(zones=5, nodes=1024) == (51, 7)


def mock_mm(monkeypatch: pytest.MonkeyPatch, pfn_to_page: Callable[..., Any]) -> None:
    """A drgn whose helpers find struct pages in this way."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())
    for name in ("drgn.helpers", "drgn.helpers.linux"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    helpers = ModuleType("drgn.helpers.linux.mm")
    vars(helpers).update(pfn_to_page=pfn_to_page)
    monkeypatch.setitem(sys.modules, helpers.__name__, helpers)


def test_where_the_memmap_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that drgn finds."""
    nothing: Any = None
    page = SimpleNamespace(value_=lambda: PAGE0)
    mock_mm(monkeypatch, lambda prog, pfn: page)
    assert _find_page0(nothing) == PAGE0


@pytest.mark.parametrize(
    "error",
    [
        MockFaultError("mem_section"),
        # Without a virtual memmap: with NUMA, and without.
        KeyError("contig_page_data"),
        LookupError("contig_page_data"),
        AttributeError("'struct pglist_data' has no member 'node_mem_map'"),
    ],
)
def test_a_memmap_that_cannot_be_found(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Pins are still listed, without their memory."""

    def pfn_to_page(prog: object, pfn: int) -> None:
        raise error

    nothing: Any = None
    mock_mm(monkeypatch, pfn_to_page)
    assert _find_page0(nothing) is None
    kernel = Kernel()
    kernel.read_by(pages=replace(PAGES, page0=None))
    assert kernel.reader.of_page(FIRST) == (FIRST, UNKNOWN_FOLIO)
    assert list(kernel.faults.lines()) == ["memmap not in the dump (0x0)"]
