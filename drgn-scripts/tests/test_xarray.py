# SPDX-License-Identifier: LGPL-2.1-or-later
"""The raw walk."""

from gup_pin.errors import Faults
from gup_pin.xarray import Walker, is_internal, is_node
from mock_memory import NODE, MockMemory

CALL = 0xFFFF888000A00000


def entries(memory: MockMemory, head: int, faults: Faults) -> dict[int, int]:
    """All that a walk finds, by index, in its order."""
    walker = Walker(memory, NODE, faults.add)
    found = {
        base + i: entry
        for base, slots in walker.leaves(head)
        for i, entry in enumerate(slots)
        if entry
    }
    assert list(found) == sorted(found)
    return found


def test_kinds_of_entries() -> None:
    """Pointers to nodes are internal entries, but not the only ones."""
    assert not is_internal(CALL) and not is_internal(CALL | 1)
    assert is_internal(0x402) and not is_node(0x402)
    assert is_node(CALL | 2)


def test_empty() -> None:
    """No head, no entries."""
    assert entries(MockMemory(), 0, Faults()) == {}


def test_head_is_the_only_entry() -> None:
    """An xarray with nothing but index 0 has no node."""
    assert entries(MockMemory(), CALL | 1, Faults()) == {0: CALL | 1}


def test_levels() -> None:
    """One, two and four levels, tags kept as they are."""
    memory, faults = MockMemory(), Faults()
    for indexes in ([1, 63], [0, 64, 4095], [5, 1 << 6, 1 << 12, (1 << 24) - 1]):
        wanted = {index: CALL + 64 * index + index % 2 for index in indexes}
        assert entries(memory, memory.put_xarray(wanted), faults) == wanted
    assert not faults


def test_missing_node() -> None:
    """What lies beside it is found all the same, and the fault is counted."""
    memory, faults = MockMemory(), Faults()
    head = memory.put_node(
        6, {0: memory.put_node(0, {1: CALL}), 1: 0xFFFF_8880_DEAD_0002, 2: 0x402}
    )
    assert entries(memory, head, faults) == {1: CALL}
    assert list(faults.lines()) == [
        "struct xa_node not in the dump (0xffff8880dead0000)"
    ]


def test_damaged_nodes() -> None:
    """A node must be one level below its parent: no walk in circles."""
    memory, faults = MockMemory(), Faults()
    head = memory.put_node(
        12,
        {
            0: memory.put_node(6, {3: memory.put_node(0, {2: CALL})}),
            1: memory.put_node(12, {}),
            2: memory.put_node(5, {}),
            3: CALL,
        },
    )
    assert entries(memory, head, faults) == {3 * 64 + 2: CALL}
    (line,) = faults.lines()
    assert line.startswith("struct xa_node is none (3 times, first 0x")
