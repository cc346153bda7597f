# SPDX-License-Identifier: LGPL-2.1-or-later
"""How pfns are dealt out to shards: mirrors the inlines in mm/gup_pin/gup_pin.h."""

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
    def block(self) -> int:
        """How many pfns a block has."""
        return 1 << self.block_shift

    def shard(self, pfn: int) -> int:
        """The number of the shard that a pfn belongs to."""
        return (pfn >> self.block_shift) & (self.shards - 1)

    def key(self, pfn: int) -> int:
        """A pfn's index in the xarray of its shard."""
        round_ = pfn >> self.block_shift >> self.shard_bits
        return round_ << self.block_shift | (pfn & (self.block - 1))

    def pfn(self, key: int, shard: int) -> int:
        """The pfn that has this index in the xarray of that shard."""
        round_ = key >> self.block_shift
        block = round_ << self.shard_bits | shard
        return block << self.block_shift | (key & (self.block - 1))
