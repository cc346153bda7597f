# SPDX-License-Identifier: LGPL-2.1-or-later
"""pfn <-> shard and key."""

import pytest

from gup_pin.keys import Geometry

GEOMETRY = Geometry(shard_bits=8, block_shift=6)
PFNS = [0, 1, 63, 64, 16383, 16384, 0x1A2B0, 0xFFFFFFFFF]


@pytest.mark.parametrize("pfn", PFNS)
def test_key_and_shard_give_back_the_pfn(pfn: int) -> None:
    """The two together lose nothing."""
    assert GEOMETRY.pfn(GEOMETRY.key(pfn), GEOMETRY.shard(pfn)) == pfn


def test_neighbours_share_a_shard() -> None:
    """The 64 pfns of a block have one shard and 64 keys in a row."""
    block = range(0x1A280, 0x1A2C0)
    assert {GEOMETRY.shard(pfn) for pfn in block} == {0x8A}
    assert [GEOMETRY.key(pfn) for pfn in block] == list(range(0x180, 0x1C0))


def test_blocks_are_dealt_out_in_turn() -> None:
    """256 blocks go to 256 shards; then comes the first shard's next key."""
    blocks = range(0, 256 * 64, 64)
    assert [GEOMETRY.shard(pfn) for pfn in blocks] == list(range(256))
    assert (GEOMETRY.shard(256 * 64), GEOMETRY.key(256 * 64)) == (0, 64)


def test_shards_and_block() -> None:
    """The sizes behind the bits."""
    assert (GEOMETRY.shards, GEOMETRY.block) == (256, 64)
