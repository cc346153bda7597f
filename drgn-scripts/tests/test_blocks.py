# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks: layers and slots."""

from __future__ import annotations

import struct

import pytest

from gup_pin.blocks import bits_of
from mock_records import Records
from samples import ORIGIN

ALL = (1 << 64) - 1
NR = 0x68A


def pins(
    records: Records, address: int, settled: bool = True
) -> dict[int, list[tuple[int, int]]]:
    """(address of the call, pins) on each folio of a block that has any."""
    block = records.blocks.read(address, NR, settled)
    if not block:
        return {}
    every = [ref.pins for bit in bits_of(block.used) for ref in block.refs(bit)]
    assert block.pins() == sum(every)
    return {
        bit: [(ref.call.address, ref.pins) for ref in block.refs(bit)]
        for bit in bits_of(block.used)
    }


@pytest.mark.parametrize(
    ("mask", "bits"),
    [(0, ()), (1, (0,)), (1 << 63, (63,)), (0b10110, (1, 2, 4)), (ALL, range(64))],
)
def test_bits(mask: int, bits: tuple[int, ...]) -> None:
    """Ascending."""
    assert bits_of(mask) == tuple(bits)


def test_one_call_for_all_folios() -> None:
    """A layer; the slots are not so much as looked for."""
    records = Records()
    call = records.put_call()
    address = records.put_block(NR, [(call, ALL, 1)])
    assert pins(records, address) == {bit: [(call, 1)] for bit in range(64)}
    assert not records.faults


def test_layers_in_the_order_of_their_list() -> None:
    """Each is on the folios of its mask, and one that is empty on none."""
    records = Records()
    first, second, third = (records.put_call() for _ in range(3))
    layers = [(third, 0b0111, 1), (0xDEAD, 0, 7), (first, 0b0110, 1), (second, 4, 512)]
    address = records.put_block(NR, layers)
    assert pins(records, address) == {
        0: [(third, 1)],
        1: [(third, 1), (first, 1)],
        2: [(third, 1), (first, 1), (second, 512)],
    }
    assert not records.faults


def test_slots() -> None:
    """Only those that the mask says are there, calls and sets alike."""
    records = Records()
    first, second = records.put_call(), records.put_call()
    both = records.put_set(records.refs([(second, 2), (first, 1)], room=2))
    address = records.put_block(NR, slots={0: first, 7: both, 63: second})
    assert pins(records, address) == {
        0: [(first, 1)],
        7: [(second, 2), (first, 1)],
        63: [(second, 1)],
    }
    assert not records.faults


def test_layers_come_before_slots() -> None:
    """As a walk of the kernel's meets them."""
    records = Records()
    layer, slot = records.put_call(), records.put_call()
    address = records.put_block(NR, [(0xDEAD, 0, 1), (layer, 0b11, 1)], {1: slot})
    assert pins(records, address) == {0: [(layer, 1)], 1: [(layer, 1), (slot, 1)]}


def test_layer_with_folios_that_are_not_yet_used() -> None:
    """The kernel sets a layer's mask first: one it was just putting there is no pin."""
    records = Records()
    call = records.put_call()
    layers = [(call, 0b0111, 1), (0x1000, 0b1000, 1), (call, 0b1100, 2)]
    block = records.blocks.read(records.put_block(NR, layers, used=0b0101), NR)
    assert block and block.used == 0b0101
    assert [(mask, ref.pins) for mask, ref in block.layers] == [(0b101, 1), (0b100, 2)]
    assert not records.faults


@pytest.mark.parametrize("live", [False, True])
def test_call_of_a_running_kernel(live: bool) -> None:
    """By the next block it may be another, with an origin of another task."""
    records = Records(live)
    call = records.put_call()
    (origin,) = struct.unpack_from("<Q", records.memory.pieces[call])
    address = records.put_block(NR, [(call, 1, 1), (call, 2, 2)])
    for pid in (ORIGIN.pid, 77):
        records.put_origin(pid, origin)
        block = records.blocks.read(address, NR)
        assert block
        (_, first), (_, second) = block.layers
        assert first.call is second.call
        assert first.call.origin.pid == (pid if live else ORIGIN.pid)


def test_origins_of_a_running_kernel() -> None:
    """Equal ones are one object: sums are told apart by that."""
    records = Records(live=True)
    first, second = (
        records.put_block(NR, [(records.put_call(), 1, 1)]) for _ in range(2)
    )
    calls = []
    for address in (first, second, first):
        block = records.blocks.read(address, NR)
        assert block
        calls += [ref.call for _, ref in block.layers]
    assert len({id(call) for call in calls}) == 3
    assert len({id(call.origin) for call in calls}) == 1


def test_inferred() -> None:
    """Is of a folio, not of a pin."""
    records = Records()
    call = records.put_call()
    block = records.blocks.read(records.put_block(NR, [(call, 3, 1)], inferred=2), NR)
    assert block and block.inferred == 2


def test_empty_block() -> None:
    """Stays in the index for a while; what is left in it means nothing."""
    records = Records()
    address = records.put_block(NR, [(0xDEAD, 0, 1)], used=0)
    assert records.blocks.read(address, NR) is None
    assert not records.faults


def test_slot_that_is_being_released() -> None:
    """It is NULL before its bit goes."""
    records = Records()
    address = records.put_block(NR, slots={3: 0})
    assert pins(records, address, settled=False) == {3: []}
    assert not records.faults


def test_another_block() -> None:
    """A block knows its number: this is none, or not the one."""
    records = Records()
    address = records.put_block(NR + 1, [(records.put_call(), 1, 1)])
    assert pins(records, address) == {}
    assert pins(records, 0x5001) == {}
    assert list(records.faults.lines()) == [
        f"struct gup_pin_block is none ({address:#x})",
        "struct gup_pin_block not in the dump (0x5001)",
    ]


def test_lost_call_of_a_layer() -> None:
    """One fault for all its folios; the other layers are told."""
    records = Records()
    call = records.put_call()
    address = records.put_block(NR, [(0x1000, ALL, 1), (call, 1, 1)])
    assert pins(records, address)[0] == [(call, 1)]
    assert list(records.faults.lines()) == [
        "struct gup_pin_call not in the dump (0x1000)"
    ]


def test_lost_layer() -> None:
    """Those before it are told, and so are slots."""
    records = Records()
    call = records.put_call()
    address = records.put_block(NR, [(call, 1, 1)], {5: call}, following=0x2000)
    assert pins(records, address) == {0: [(call, 1)], 5: [(call, 1)]}
    assert list(records.faults.lines()) == [
        "struct gup_pin_layer not in the dump (0x2000)"
    ]


def test_layers_in_a_circle() -> None:
    """Damage ends the walk."""
    records = Records()
    call = records.put_call()
    circle = records.memory.put(records.layer((call, 2, 1)))
    records.memory.put(records.layer((call, 2, 1), circle), circle)
    address = records.put_block(NR, [(call, 1, 1)], used=3, following=circle)
    assert pins(records, address) == {0: [(call, 1)], 1: [(call, 1)]}
    assert list(records.faults.lines()) == [
        f"struct gup_pin_layer is none ({circle:#x})"
    ]


def test_lost_slots() -> None:
    """The layers are told."""
    records = Records()
    call = records.put_call()
    before = set(records.memory.pieces)
    address = records.put_block(NR, [(call, 1, 1)], {5: call})
    (slots,) = set(records.memory.pieces) - before - {address}
    del records.memory.pieces[slots]
    assert pins(records, address) == {0: [(call, 1)], 5: []}
    assert list(records.faults.lines()) == [
        f"slots of a block not in the dump ({slots:#x})"
    ]


def array_of(records: Records, block: int) -> int:
    """The address of a block's slots."""
    return int(struct.unpack_from("<40xQ", records.memory.pieces[block])[0])


@pytest.mark.parametrize(("left", "lost"), [(0, [1, 7, 40]), (64, [40])])
def test_zeroed_slots(left: int, lost: list[int]) -> None:
    """All of them, or those in one of two pages: nobody was releasing these pins."""
    records = Records()
    call = records.put_call()
    address = records.put_block(NR, [(call, 1, 1)], dict.fromkeys([1, 7, 40], call))
    slots = array_of(records, address)
    data = records.memory.pieces[slots]
    records.memory.pieces[slots] = data[:left].ljust(512, b"\0")
    found = pins(records, address)
    assert found.pop(0) == [(call, 1)]
    assert [bit for bit, refs in found.items() if not refs] == lost
    where = f"{slots + 8 * lost[0]:#x}"
    if len(lost) > 1:
        where = f"{len(lost)} times, first {where}"
    assert list(records.faults.lines()) == [f"slot of a block is none ({where})"]


@pytest.mark.parametrize("settled", [False, True])
def test_zeroed_layer(settled: bool) -> None:
    """Those behind it are lost, too. The block counts its layers, at rest exactly."""
    records = Records()
    call = records.put_call()
    layers = [(call, 0b11, 1), (call, 0b10, 1), (call, 0b01, 1)]
    address = records.put_block(NR, layers)
    (second,) = struct.unpack_from("<Q", records.memory.pieces[address], 48)
    records.memory.pieces[second] = bytes(40)
    assert pins(records, address, settled) == {0: [(call, 1)], 1: [(call, 1)]}
    lines = [f"struct gup_pin_layer is none ({address:#x})"] if settled else []
    assert list(records.faults.lines()) == lines


@pytest.mark.parametrize("settled", [False, True])
def test_half_a_block(settled: bool) -> None:
    """Its own layer lies in another page, and so does the number of layers."""
    records = Records()
    call = records.put_call()
    address = records.put_block(NR, [(call, 0b11, 1)], {5: call})
    head = records.memory.pieces[address][:48]
    records.memory.pieces[address] = head.ljust(96, b"\0")
    assert pins(records, address, settled) == {0: [], 1: [], 5: [(call, 1)]}
    lines = [f"struct gup_pin_block is none ({address:#x})"] if settled else []
    assert list(records.faults.lines()) == lines
