# SPDX-License-Identifier: LGPL-2.1-or-later
"""The walk over raw nodes."""

from __future__ import annotations

import pytest

from gup_pin.errors import Faults, Unreadable
from gup_pin.xarray import Walker, is_internal, is_node
from mock_memory import NODE, NODE_SIZE, MockMemory

BLOCK = 0xFFFF888000A00000


def entries(memory: MockMemory, head: int, faults: Faults) -> dict[int, int]:
    """All entries of a walk, by index, in order."""
    walker = Walker(memory, NODE, faults.add)
    found = list(walker.entries(head))
    assert found == sorted(set(found))
    return dict(found)


def test_kinds_of_entries() -> None:
    """Pointers to nodes are internal entries, but not the only ones."""
    assert not is_internal(BLOCK) and not is_internal(BLOCK | 1)
    assert is_internal(0x402) and not is_node(0x402)
    assert is_node(BLOCK | 2)


def test_empty() -> None:
    """Without a head there are no entries."""
    assert entries(MockMemory(), 0, Faults()) == {}


def test_head_is_the_only_entry() -> None:
    """An xarray with nothing but index 0 has no node."""
    assert entries(MockMemory(), BLOCK | 1, Faults()) == {0: BLOCK | 1}


def test_levels() -> None:
    """One, two and four levels, tags kept as they are."""
    memory, faults = MockMemory(), Faults()
    for indexes in ([1, 63], [0, 64, 4095], [5, 1 << 6, 1 << 12, (1 << 24) - 1]):
        wanted = {index: BLOCK + 64 * index + index % 2 for index in indexes}
        assert entries(memory, memory.put_xarray(wanted), faults) == wanted
    assert not faults


def test_entries_that_change_are_left_out() -> None:
    """XA_RETRY_ENTRY surfaces where a live kernel changes a node."""
    memory, faults = MockMemory(), Faults()
    head = memory.put_xarray({1: 0x402, 2: BLOCK})
    assert entries(memory, head, faults) == {2: BLOCK}
    assert entries(memory, 0x402, faults) == {}
    assert not faults


def test_missing_node() -> None:
    """The entries next to it are found, and the fault is reported."""
    memory, faults = MockMemory(), Faults()
    head = memory.put_node(
        6, {0: memory.put_node(0, {1: BLOCK}), 1: 0xFFFF_8880_DEAD_0002, 2: 0x402}
    )
    assert entries(memory, head, faults) == {1: BLOCK}
    assert list(faults.lines()) == [
        "struct xa_node not in the dump (0xffff8880dead0000)"
    ]


def test_damaged_nodes() -> None:
    """A node must be one level below its parent: this prevents loops."""
    memory, faults = MockMemory(), Faults()
    head = memory.put_node(
        12,
        {
            0: memory.put_node(6, {3: memory.put_node(0, {2: BLOCK})}),
            1: memory.put_node(12, {}),
            2: memory.put_node(5, {}),
            3: BLOCK,
            4: memory.put_node(6, {0: memory.put_node(0, {1: memory.put_node(0, {})})}),
        },
    )
    assert entries(memory, head, faults) == {3 * 64 + 2: BLOCK}
    (line,) = faults.lines()
    assert line.startswith("struct xa_node is invalid (4 times, first 0x")


def two_leaves() -> tuple[MockMemory, int, int]:
    """An xarray of two leaves: its memory, its head, and the second leaf's address."""
    memory = MockMemory()
    leaf = memory.put_node(0, {1: BLOCK + 4096, 40: BLOCK + 8192})
    head = memory.put_node(6, {0: memory.put_node(0, {1: BLOCK}), 1: leaf})
    return memory, head, leaf - 2


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("root", [False, True])
def test_zeroed_node(root: bool, live: bool) -> None:
    """A zeroed node has the shift of an empty leaf, but is invalid."""
    memory, head, leaf = two_leaves()
    zeroed = head - 2 if root else leaf
    memory.pieces[zeroed] = bytes(NODE_SIZE)
    faults = Faults()
    walker = Walker(memory, NODE, faults.add, live)
    assert dict(walker.entries(head)) == ({} if root else {1: BLOCK})
    assert list(faults.lines()) == [f"struct xa_node is invalid ({zeroed:#x})"]
    with pytest.raises(Unreadable, match="struct xa_node"):
        walker.load(head, 65)


@pytest.mark.parametrize(
    ("settled", "live"), [(True, False), (False, False), (True, True)]
)
def test_half_a_node(settled: bool, live: bool) -> None:
    """It counts its entries: missing ones are reported, unless they were changing."""
    memory, head, leaf = two_leaves()
    memory.pieces[leaf] = memory.pieces[leaf][: 40 + 8 * 32].ljust(NODE_SIZE, b"\0")
    faults = Faults()
    walker = Walker(memory, NODE, faults.add, live)
    assert dict(walker.entries(head, settled)) == {1: BLOCK, 65: BLOCK + 4096}
    assert walker.load(head, 65, settled) == BLOCK + 4096
    if settled and not live:
        assert list(faults.lines()) == [f"struct xa_node is invalid ({leaf:#x})"]
        with pytest.raises(Unreadable, match="struct xa_node"):
            walker.load(head, 64 + 40)
    else:
        assert not faults
        assert walker.load(head, 64 + 40, settled) == 0
