# SPDX-License-Identifier: GPL-2.0
"""Evaluate the log of a guest's serial console."""

from __future__ import annotations

import re

# Lines that no test may cause, except those that do so on purpose.
SPLAT = re.compile(
    r"BUG: |WARNING: |Oops|general protection|Kernel panic|INFO: task .* blocked"
    r"|possible circular locking|inconsistent lock state|suspicious RCU usage"
    r"|sleeping function called|page allocation failure"
)
_PANIC = "Kernel panic - not syncing: "


def panic(text: str) -> str | None:
    """Reason of a kernel panic, or None."""
    _, found, rest = text.partition(_PANIC)
    return rest.partition("\n")[0].strip() if found else None


# An int3 that faulted: the bytes around the next instruction, which is in brackets.
_INT3 = re.compile(r"Oops: int3.*?\bCode:(?: [0-9a-f]{2})* ([0-9a-f]{2}) <[0-9a-f]{2}>", re.DOTALL)


def stale_breakpoint(text: str) -> bool:
    """Whether a CPU ran a breakpoint that was no longer in memory: a fault of QEMU's.

    A kernel that patches its code removes the breakpoint only after the other CPUs have
    been made to see that, but QEMU may still run its translation of it.
    """
    found = _INT3.search(text)
    return found is not None and found[1] != "cc"


def last_words(text: str, count: int = 20, most: int = 60) -> str:
    """The end of the log; after a panic, all from the panic on."""
    lines = text.splitlines()
    first = len(lines) - count
    for number, line in enumerate(lines):
        if _PANIC in line:
            first = min(first, number)
            break
    return "".join(f"  {line}\n" for line in lines[max(first, 0) :][:most])
