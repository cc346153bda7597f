# SPDX-License-Identifier: GPL-2.0
"""What the log of a guest's serial console tells."""

from __future__ import annotations

import re

# Lines that no test may cause, but for those that are made to.
SPLAT = re.compile(
    r"BUG: |WARNING: |Oops|general protection|Kernel panic|INFO: task .* blocked"
    r"|possible circular locking|inconsistent lock state|suspicious RCU usage"
    r"|sleeping function called|page allocation failure"
)
_PANIC = "Kernel panic - not syncing: "
# RCU says that a timer is long due, and has the CPU it was due on say where it is: in
# hlt, with interrupts enabled (0x200). No kernel can be at fault for that.
_TIMER_LOST = re.compile(r"kthread timer wakeup didn't happen")
_ASLEEP = re.compile(
    r"RIP: [0-9a-f]+:\w*safe_halt\+.* EFLAGS: [0-9a-f]{5}[2367abef][0-9a-f]{2}\b", re.DOTALL
)
_BACKTRACE = re.compile(r"NMI backtrace for cpu \d+(.*?)Call Trace:", re.DOTALL)


def panic(text: str) -> str | None:
    """What the kernel panicked of, or None."""
    _, found, rest = text.partition(_PANIC)
    return rest.partition("\n")[0].strip() if found else None


def emulator_fault(text: str, stopped: bool) -> str | None:
    """What went wrong with a guest that never got to its command, if QEMU is to blame.

    QEMU before 8.1 may keep a translation of code that another CPU was patching, as a
    kernel does when it marks its clock stable. One in some thousand guests then stops
    without a word, or one of its CPUs takes no more interrupts. text: the console's log;
    stopped: QEMU says that the guest is off.
    """
    if SPLAT.search(text):
        return None
    if stopped:
        return "stopped without a word" if text else None
    asleep = any(_ASLEEP.search(trace[1]) for trace in _BACKTRACE.finditer(text))
    return "lost its interrupts" if asleep and _TIMER_LOST.search(text) else None


def last_words(text: str, count: int = 20, most: int = 60) -> str:
    """The end of the log; after a panic, from the panic on."""
    lines = text.splitlines()
    first = len(lines) - count
    for number, line in enumerate(lines):
        if _PANIC in line:
            first = min(first, number)
            break
    return "".join(f"  {line}\n" for line in lines[max(first, 0) :][:most])
