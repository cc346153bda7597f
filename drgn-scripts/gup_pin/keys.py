# SPDX-License-Identifier: LGPL-2.1-or-later
"""How pfns are dealt out to shards: mirrors mm/gup_pin/record/model.h."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """A shard owns blocks of 1 << block_shift pfns, dealt out in turn."""

    shard_bits: int
    block_shift: int

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return 1 << self.shard_bits

    @property
    def pfns(self) -> int:
        """How many pfns a block has."""
        return 1 << self.block_shift

    def shard(self, block: int) -> int:
        """The number of the shard that a block belongs to."""
        return block & (self.shards - 1)

    def key(self, block: int) -> int:
        """A block's index in the xarray of its shard."""
        return block >> self.shard_bits

    def block(self, key: int, shard: int) -> int:
        """The number of the block with this index in the xarray of that shard."""
        return key << self.shard_bits | shard

    def pfn(self, block: int) -> int:
        """A block's first pfn."""
        return block << self.block_shift
