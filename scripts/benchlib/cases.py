# SPDX-License-Identifier: GPL-2.0
"""What is measured, in which guests, and the goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The kernel without the feature; with it, switched off, on since boot, and switched on late.
COLUMNS = ("absent", "off", "on", "late")

# Pins and unpins by gup_test of the kernel, with pages in several layouts; then whole
# operations that include a pin. A pair is a pin and an unpin of the same page, judged as if the
# rest of it cost as much as "single". Goals for on/absent.
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
# Writeback and truncation of file pages without pins: in guests of their own, which copy to the
# disk by words, because erms would copy byte by byte.
FILES = ("file", "writeback", "truncate")
FILES_WORDS = "clearcpuid=erms,fsrm brd.rd_nr=1 brd.rd_size=32768"
# Built in, but switched off: only the nops should be left.
OFF_GOAL = 1.01

# Cases for runs without a kernel that lacks the feature.
BUILT = ("off", "on", "late")

PAGE_OWNER_WORDS = ("page_owner=off", "page_owner=on")
PAGE_OWNER = "page_owner record/event"
STACKS = "stacks instructions/pin"

# All figures and their upper limits. Off is hardly different from absent.
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
    # recording a pin, compared with page_owner recording an allocation
    PAGE_OWNER: 0.5,
    # reading the file of stacks, per live pin
    STACKS: 200.0,
    # memory per live pin, by the way that it was taken
    "live_pins bulk bytes/pin": 5.0,
    "live_pins single bytes/pin": 80.0,
}


# The first word of a figure's name.
CASES = (*COMPARED, "page_owner", "stacks", "live_pins")
# Cases that others are compared with.
NEEDS = {"pair": {"single"}, "page_owner": {"single"}}


@dataclass(frozen=True)
class Errand:
    """One guest, and its cases.

    name: the column, or another key of its results; tracking: what the guest must report
    about itself; cases: names in tests/bench_guest.py.
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
        """Additions to the kernel's command line."""
        boot = {"absent": "", "late": "gup_pin=off"}
        switch = boot.get(self.tracking, f"gup_pin={self.tracking}")
        # null_blk completes a request at once, without a timer or another CPU.
        more = "norandmaps null_blk.queue_mode=2 null_blk.irqmode=0"
        return f"{switch} {more} {self.append}".strip()


def guest_of(case: str, column: str) -> str:
    """The errand that runs a case for a column."""
    return f"{column} files" if case in FILES else column


def errands(wanted: set[str], columns: Sequence[str] = COLUMNS) -> list[Errand]:
    """The guests for the wanted cases, the slowest first."""
    needed = wanted.union(*(NEEDS.get(case, set()) for case in wanted))
    found = []
    if "stacks" in needed:
        # 4 GB of memory must be cleared first, and erms does that byte by byte.
        found.append(Errand("stacks", "on", ("stacks",), "clearcpuid=erms", "6G"))
    shared = tuple(case for case in COMPARED if case in needed and case not in FILES)
    if shared:
        found += [Errand(column, column, shared) for column in reversed(columns)]
    files = tuple(case for case in FILES if case in needed)
    if files:
        # No pins here, so it does not matter when tracking was switched on.
        names = {c: guest_of(files[0], c) for c in reversed(columns) if c != "late"}
        found += [Errand(name, column, files, FILES_WORDS) for column, name in names.items()]
    if "live_pins" in needed:
        found.append(Errand("live_pins", "on", ("live_pins",)))
    if "page_owner" in needed:
        found += [Errand(word, "off", ("fault",), word) for word in PAGE_OWNER_WORDS]
    return found
