# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a folio is."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gup_pin.errors import Faults
from gup_pin.folio import (
    NO_FOLIO,
    UNKNOWN_FOLIO,
    Folio,
    FolioReader,
    Layouts,
    Zones,
    _find_page0,
    zone_field,
)
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
    page0=PAGE0,
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
        """Begin with no pages."""
        self.memory, self.faults = MockMemory(), Faults()
        self.reader = FolioReader(self.memory, LAYOUTS, PAGE_SIZE, self.faults.add)

    def describe(self, *pages: bytes) -> Folio:
        """What the reader says of the first of these pages."""
        self.memory.put(b"".join(pages), PAGE0 + 0x100 * PAGE_SIZE)
        (folio,) = self.reader.describe([0x100])
        return folio


@pytest.fixture
def kernel() -> Kernel:
    """A kernel without pages."""
    return Kernel()


def test_anon(kernel: Kernel) -> None:
    """Its index says where it lies in memory, which is no index in a file."""
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


@pytest.mark.parametrize(("order", "known"), [(18, 18), (19, 0), (60, 0), (255, 0)])
def test_an_order_that_no_folio_has(kernel: Kernel, order: int, known: int) -> None:
    """Damage: it is told, and one page is shown, as of any other that is not known."""
    pages = page(LRU | HEAD), page(order | 0xAB00)
    assert kernel.describe(*pages).order == known
    assert kernel.reader.large(0x100, [0], 2) == {0: (1 << known) - 1}
    wanted = "order of a folio is none (2 times, first 0xffffea0000004040)"
    assert list(kernel.faults.lines()) == ([] if known else [wanted])


def test_order_is_for_large_folios_only(kernel: Kernel) -> None:
    """The page behind a small folio is not its own."""
    assert kernel.describe(page(LRU), order_page(4)).order == 0


def test_truncated_file(kernel: Kernel) -> None:
    """In no mapping any more, but still like page cache."""
    assert kernel.describe(page(UPTODATE, 0, 9)) == Folio("file", 0, 0, 0, 9, 9)


def test_shmem(kernel: Kernel) -> None:
    """Swapbacked, but not anonymous."""
    mapping = put_mapping(kernel.memory, 1, 5)
    folio = kernel.describe(page(SWAPBACKED | UPTODATE, mapping, 3))
    assert folio == Folio("shmem", 0, 1, 5, 3, 3)


def test_hugetlb(kernel: Kernel) -> None:
    """The page type says so; anonymous use has no file."""
    mapping = put_mapping(kernel.memory, 1, 6)
    kind = HUGETLB << 24 | 0xFFFFFF
    shared = kernel.describe(page(HEAD, mapping, 512, kind), order_page(9))
    assert shared == Folio("hugetlb", 9, 1, 6, 512, 512)
    private = kernel.describe(page(HEAD, 0x1001, 512, kind), order_page(9))
    assert private == Folio("hugetlb", 9, 0, 0, 0, 512)


def test_kernel_memory(kernel: Kernel) -> None:
    """What a driver mapped is neither of these."""
    assert kernel.describe(page(index=4)) == Folio("device", 0, 0, 0, 0, 4)


@pytest.mark.parametrize(("kind", "name"), [(FS_DAX, "dax"), (PRIVATE, "device")])
def test_device_memory(kernel: Kernel, kind: int, name: str) -> None:
    """The zone says that it is a device's, the page map what kind."""
    pgmap = kernel.memory.put(struct.pack("<8xI4x", kind))
    folio = kernel.describe(page(DEVICE_ZONE << 62, 0, 0, NO_TYPE, pgmap))
    assert folio.map == name


def test_kernel_without_device_memory(kernel: Kernel) -> None:
    """Then the same bits are another zone's."""
    layouts = replace(LAYOUTS, zones=None)
    kernel.reader = FolioReader(kernel.memory, layouts, PAGE_SIZE, kernel.faults.add)
    assert kernel.describe(page(DEVICE_ZONE << 62 | LRU)).map == "file"


def test_tail_page(kernel: Kernel) -> None:
    """No folio begins here: something is wrong, and the kernel says so too."""
    assert kernel.describe(page(LRU, first_word=0x1001)) is NO_FOLIO


def test_unreadable_pages(kernel: Kernel) -> None:
    """Those that are there are described, the others counted."""
    kernel.memory.put(page(LRU), PAGE0 + 0x100 * PAGE_SIZE)
    kernel.memory.put(page(LRU), PAGE0 + 0x104 * PAGE_SIZE)
    folios = kernel.reader.describe([0x100, 0x102, 0x104])
    assert [folio.map for folio in folios] == ["file", "unknown", "file"]
    assert list(kernel.faults.lines()) == [
        "struct page not in the dump (0xffffea0000004080)"
    ]


def test_no_memmap(kernel: Kernel) -> None:
    """Where it begins is unknown: so is every folio."""
    layouts = replace(LAYOUTS, page0=None)
    kernel.reader = FolioReader(kernel.memory, layouts, PAGE_SIZE, kernel.faults.add)
    assert kernel.describe(page(LRU)).map == "unknown"
    assert list(kernel.faults.lines()) == ["memmap not in the dump (0x0)"]


def test_unreadable_inode(kernel: Kernel) -> None:
    """The pin is shown without its file."""
    mapping = kernel.memory.put(struct.pack("<QQ", 0x1000, 0x2000))
    folio = kernel.describe(page(LRU, mapping, 1))
    assert folio == Folio("file", 0, 0, 0, 1, 1)
    assert list(kernel.faults.lines()) == ["struct inode not in the dump (0x1000)"]


def test_mapping_of_no_inode(kernel: Kernel) -> None:
    """There are such, for swap."""
    mapping = kernel.memory.put(struct.pack("<QQ", 0, 0x2000))
    assert kernel.describe(page(LRU, mapping, 1)) == Folio("file", 0, 0, 0, 1, 1)
    assert not kernel.faults


@pytest.mark.parametrize("name", ["address_space", "inode"])
def test_zeroed_inode(kernel: Kernel, name: str) -> None:
    """All of it, its mapping among it, or but the part that lies before that."""
    mapping = put_mapping(kernel.memory, 1, 2)
    (inode,) = struct.unpack_from("<Q", kernel.memory.pieces[mapping])
    zeroed = mapping if name == "address_space" else inode
    kernel.memory.pieces[zeroed] = bytes(len(kernel.memory.pieces[zeroed]))
    assert kernel.describe(page(LRU, mapping, 1)) == Folio("file", 0, 0, 0, 1, 1)
    assert list(kernel.faults.lines()) == [f"struct {name} is none ({zeroed:#x})"]


@pytest.mark.parametrize("live", [False, True])
def test_a_mapping_that_is_anothers_by_now(kernel: Kernel, live: bool) -> None:
    """On a live kernel, where files come and go, none is remembered."""
    mapping = put_mapping(kernel.memory, 1, 2)
    other = put_mapping(kernel.memory, 1, 3)
    kernel.reader = FolioReader(
        kernel.memory, LAYOUTS, PAGE_SIZE, kernel.faults.add, live=live
    )
    assert kernel.describe(page(LRU, mapping)).ino == 2
    kernel.memory.pieces[mapping] = kernel.memory.pieces[other]
    assert kernel.describe(page(LRU, mapping)).ino == (3 if live else 2)


def test_zone_field() -> None:
    """Of a UP desktop, and of a kernel with 1024 nodes and five zones."""
    assert zone_field(zones=3, nodes=1) == (62, 3)
    assert zone_field(zones=5, nodes=1024) == (51, 7)


def test_large_folios_of_a_block(kernel: Kernel) -> None:
    """How many more pages those have that have more than one."""
    pages = [page(), page(HEAD), order_page(1), page(HEAD), order_page(9), page()]
    kernel.memory.put(b"".join(pages), PAGE0 + 0x100 * PAGE_SIZE)
    assert kernel.reader.large(0x100, [0, 1, 5], 6) == {1: 1}
    assert kernel.reader.large(0x100, [0, 1, 3, 5], 6) == {1: 1, 3: 511}
    assert kernel.reader.large(0x100, [0, 5], 6) == {}
    assert not kernel.faults


def test_large_folios_of_a_block_that_is_not_all_there(kernel: Kernel) -> None:
    """Those that are there are looked at alone."""
    kernel.memory.put(page(HEAD) + order_page(2), PAGE0 + 0x100 * PAGE_SIZE)
    assert kernel.reader.large(0x100, [0, 5], 64) == {0: 3}
    assert bool(kernel.faults)


def mock_mm(monkeypatch: pytest.MonkeyPatch, pfn_to_page: Callable[..., Any]) -> None:
    """A drgn whose helpers know where struct pages are in this way."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())
    for name in ("drgn.helpers", "drgn.helpers.linux"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    helpers = ModuleType("drgn.helpers.linux.mm")
    vars(helpers).update(pfn_to_page=pfn_to_page)
    monkeypatch.setitem(sys.modules, helpers.__name__, helpers)


def test_where_the_memmap_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where drgn finds it."""
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
    """Pins are told all the same, but not what is pinned."""

    def pfn_to_page(prog: object, pfn: int) -> None:
        raise error

    nothing: Any = None
    mock_mm(monkeypatch, pfn_to_page)
    assert _find_page0(nothing) is None
    faults = Faults()
    layouts = replace(LAYOUTS, page0=None)
    reader = FolioReader(MockMemory(), layouts, PAGE_SIZE, faults.add)
    assert reader.describe([0x100]) == [UNKNOWN_FOLIO]
    assert reader.large(0x100, [0], 64) == {}
    assert list(faults.lines()) == ["memmap not in the dump (2 times, first 0x0)"]
