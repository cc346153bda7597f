# SPDX-License-Identifier: GPL-2.0
"""What is measured, in which guests, and what it ought to cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The kernel without the feature; with it, switched off, on since boot, and on late.
COLUMNS = ("absent", "off", "on", "late")

# Pins and unpins by the kernel's own gup_test, a page of several layouts; then whole
# operations, of which a pin is a part. A pair is a pin and unpin of the same page, judged
# as if the rest of it were what "single" costs. Goals for on/absent.
COMPARED = {
    "single": 2.5,
    "neighbours": 1.4,
    "pair": 2.5,
    "scattered": 2.8,
    "thp": 1.3,
    "hugetlb": 1.3,
    "io_uring_randread": 1.15,
    "file": 1.02,
    "writeback": 1.02,
    "truncate": 1.02,
}
# Pages of a file that nobody has pinned, written back and truncated: in guests of their
# own, which copy to the disk by words, for erms would do it byte by byte.
FILES = ("file", "writeback", "truncate")
FILES_WORDS = "clearcpuid=erms,fsrm brd.rd_nr=1 brd.rd_size=32768"
# Built, but switched off: nothing should be left but the nops.
OFF_GOAL = 1.01

# What is measured where the kernel without the feature is not to be built.
BUILT = ("off", "on", "late")

PAGE_OWNER_WORDS = ("page_owner=off", "page_owner=on")
PAGE_OWNER = "page_owner record/event"
STACKS = "stacks instructions/pin"

# Every figure, and at most what it ought to be. Switched off is all but absent.
GOALS = {
    **{
        f"{case} {figure}": goal
        for case, on_goal in COMPARED.items()
        for figure, goal in (
            ("on/absent", on_goal),
            ("off/absent", OFF_GOAL),
            ("on/off", on_goal),
            ("late/off", on_goal),
        )
        if case not in FILES or figure != "late/off"
    },
    # a record of a pin, of what page_owner takes to record an allocation
    PAGE_OWNER: 0.5,
    # to read the file of stacks, by live pins
    STACKS: 200.0,
    # memory of live pins, by how they were taken
    "live_pins bulk bytes/pin": 5.0,
    "live_pins single bytes/pin": 80.0,
}


# The first word of a figure's name.
CASES = (*COMPARED, "page_owner", "stacks", "live_pins")
# Cases that others are put in relation to.
NEEDS = {"pair": {"single"}, "page_owner": {"single"}}


@dataclass(frozen=True)
class Errand:
    """One guest, and what it has to do.

    name: the column, or whatever else tells its answers apart; tracking: what the guest
    has to say of itself; cases: by the names of tests/bench_guest.py.
    """

    name: str
    tracking: str
    cases: tuple[str, ...]
    append: str = ""
    memory: str = "2G"

    @property
    def flavour(self) -> str:
        """The kernel."""
        return "off" if self.tracking == "absent" else "test"

    @property
    def words(self) -> str:
        """What is added to the kernel's command line."""
        boot = {"absent": "", "late": "gup_pin=off"}
        switch = boot.get(self.tracking, f"gup_pin={self.tracking}")
        # null_blk completes a request at once: no timer or other CPU has a part in it.
        more = "norandmaps null_blk.queue_mode=2 null_blk.irqmode=0"
        return f"{switch} {more} {self.append}".strip()


def guest_of(case: str, column: str) -> str:
    """The errand that has a case for a column."""
    return f"{column} files" if case in FILES else column


def errands(wanted: set[str], columns: Sequence[str] = COLUMNS) -> list[Errand]:
    """The guests for the wanted cases, those that take longest first."""
    needed = wanted.union(*(NEEDS.get(case, set()) for case in wanted))
    found = []
    if "stacks" in needed:
        # 4 GB of memory have to be cleared first, which erms does byte by byte.
        found.append(Errand("stacks", "on", ("stacks",), "clearcpuid=erms", "6G"))
    shared = tuple(case for case in COMPARED if case in needed and case not in FILES)
    if shared:
        found += [Errand(column, column, shared) for column in reversed(columns)]
    files = tuple(case for case in FILES if case in needed)
    if files:
        # Nothing is pinned there: when tracking was switched on makes no difference.
        names = {c: guest_of(files[0], c) for c in reversed(columns) if c != "late"}
        found += [Errand(name, column, files, FILES_WORDS) for column, name in names.items()]
    if "live_pins" in needed:
        found.append(Errand("live_pins", "on", ("live_pins",)))
    if "page_owner" in needed:
        found += [Errand(word, "off", ("fault",), word) for word in PAGE_OWNER_WORDS]
    return found
