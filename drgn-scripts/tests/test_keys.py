# SPDX-License-Identifier: LGPL-2.1-or-later
"""Block <-> shard and key."""

import pytest

from gup_pin.keys import Geometry

GEOMETRY = Geometry(shard_bits=8, block_shift=6)
BLOCKS = [0, 1, 255, 256, 0x68A, 0x3FFFFFFFF]


@pytest.mark.parametrize("block", BLOCKS)
def test_key_and_shard_give_back_the_block(block: int) -> None:
    """Together they identify the block."""
    key, shard = GEOMETRY.key(block), GEOMETRY.shard(block)
    assert GEOMETRY.block(key, shard) == block


def test_blocks_are_dealt_out_in_turn() -> None:
    """256 blocks go to 256 shards; then comes the first shard's next key."""
    blocks = range(256)
    assert [GEOMETRY.shard(block) for block in blocks] == list(range(256))
    assert {GEOMETRY.key(block) for block in blocks} == {0}
    assert (GEOMETRY.shard(256), GEOMETRY.key(256)) == (0, 1)


def test_pfn() -> None:
    """The first of a block's 64."""
    assert GEOMETRY.pfn(0x68A) == 0x1A280


def test_sizes() -> None:
    """Derived from the numbers of bits."""
    assert (GEOMETRY.shards, GEOMETRY.pfns) == (256, 64)
