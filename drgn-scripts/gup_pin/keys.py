# SPDX-License-Identifier: LGPL-2.1-or-later
"""How pfns map to shards: mirrors mm/gup_pin/record/model.h."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """A shard holds every n-th block of 1 << block_shift pfns; n is the shard count."""

    shard_bits: int
    block_shift: int

    @property
    def shards(self) -> int:
        """The number of shards."""
        return 1 << self.shard_bits

    @property
    def pfns(self) -> int:
        """The number of pfns in a block."""
        return 1 << self.block_shift

    def shard(self, block: int) -> int:
        """The number of the shard that a block belongs to."""
        return block & (self.shards - 1)

    def key(self, block: int) -> int:
        """The index of a block in the xarray of its shard."""
        return block >> self.shard_bits

    def block(self, key: int, shard: int) -> int:
        """The block with this index in the xarray of that shard."""
        return key << self.shard_bits | shard

    def pfn(self, block: int) -> int:
        """The first pfn of a block."""
        return block << self.block_shift
