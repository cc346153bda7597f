# SPDX-License-Identifier: GPL-2.0
"""The mutations: of hooks, barriers, locks, bounds, masks, marks, guesses and frees."""

from __future__ import annotations

from .mutation import Mutation

CONTROL = "mm/gup_pin/control.c"
ADD = "mm/gup_pin/record/add.c"
BLOCK = "mm/gup_pin/record/block.c"
EARLIER = "mm/gup_pin/record/earlier.c"
HANDLE = "mm/gup_pin/record/handle.c"
HOLDERS = "mm/gup_pin/record/holders.c"
HOOKS = "mm/gup_pin/hooks.c"
HUGE = "mm/gup_pin/huge.c"
INDEX = "mm/gup_pin/record/index.c"
MEMORY = "mm/gup_pin/record/memory.c"
ORIGIN = "mm/gup_pin/record/origin.c"
SITE = "mm/gup_pin/record/site.c"
STACK_CACHE = "mm/gup_pin/record/stack_cache.c"
TASK = "mm/gup_pin/record/task.c"
UNPIN = "mm/gup_pin/record/unpin.c"
WALK = "mm/gup_pin/record/walk.c"
EVENT = "mm/gup_pin/hazard/event.c"
RING = "mm/gup_pin/hazard/ring.c"
SEEN = "mm/gup_pin/hazard/seen.c"
PROCFS = "mm/gup_pin/view/procfs.c"
HEADER = "include/linux/gup_pin.h"

MUTATIONS = [
    Mutation(
        "trust-nothing",
        UNPIN,
        "\tblock->guessed &= ~mask;\n",
        "",
        "gup_pin_unpin.doubt_is_of_pages",
    ),
    Mutation(
        "handle-not-alone",
        UNPIN,
        "verdict->score >= FITS_HANDLE && verdict->handles == 1",
        "verdict->score >= FITS_HANDLE",
        "gup_pin_unpin.equal_handles",
    ),
    Mutation(
        "shares-keep-origins",
        ORIGIN,
        "\tgup_pin_uncount(GUP_PIN_ORIGINS);\n",
        "",
        "gup_pin_origin.unused_are_freed",
    ),
]
