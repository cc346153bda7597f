#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""rounds_guest.py MODULE PATCH ROUNDS STEP...: load and unload the module under load.

Run in a guest of scripts/vm --stock. STEP is another user of the same functions, one a
round, in turn. PATCH is gup_pin_patch.ko. A step starts and ends before or after the
module does, in all four orders. Prints the counts as a line of JSON; the first failed
check ends it with status 1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rounds import load, module, patch, tracers
from rounds.tracers import Failed, Step, wait_for

STEPS: dict[str, type[Step]] = {
    "none": Step,
    "graph": tracers.Graph,
    "function": tracers.Function,
    "no-ftrace": tracers.NoFtrace,
    "kprobe": tracers.Kprobe,
    "fprobe": tracers.Fprobe,
    "bpf-kprobe": tracers.BpfKprobe,
    "bpf-entry": tracers.BpfEntry,
    "bpf-exit": tracers.BpfExit,
    "perf": tracers.Perf,
    "patch": patch.Patch,
    "patch-optional": patch.PatchOptional,
}
# Whether the step starts before the module is loaded, and ends after it is removed.
ORDERS = ((True, True), (True, False), (False, True), (False, False))
MOUNT = Path("/mnt")
# Pins of each holder.
PAGES = 4


def expect(what: str, found: object, wanted: object) -> None:
    """Raise Failed if they differ."""
    if found != wanted:
        raise Failed(f"{what}: {found} instead of {wanted}")


def start_load() -> load.Load:
    """A file system in memory, and its users."""
    subprocess.run(["modprobe", "ext4"], check=True)
    subprocess.run(["modprobe", "brd", "rd_nr=2", "rd_size=65536"], check=True)
    subprocess.run(["mkfs.ext4", "-q", "/dev/ram0"], check=True)
    subprocess.run(["mount", "/dev/ram0", MOUNT], check=True)
    return load.Load(
        {
            "direct I/O": lambda: load.direct_io("/dev/ram1", MOUNT / "direct"),
            "buffered I/O": lambda: load.buffered_io(MOUNT / "buffered"),
            "io_uring": load.ring_buffers,
            "process_vm_readv": load.remote_read,
            "udmabuf": load.udmabuf,
            "reader": lambda: load.read_all,
        }
    )


class Rounds:
    """All rounds.

    done: counts of events; hooks: how functions are hooked without a step.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        module.load(file)
        self.hooks = module.hooks()
        module.remove("gup_pin")
        self.load = start_load()
        self.done: Counter[str] = Counter()
        self.holder = load.Ring(PAGES)
        self.holder.pin()

    def check_figures(self, before: int) -> None:
        """At rest: all pins are on record, except those from before the module."""
        self.load.rest()

        def settled() -> bool:
            # A kernel thread may finish a read.
            return module.pins_of_kernel() - module.stats()["live_pins"] == before

        wait_for(f"{before} pins that are not on record", settled)
        stats = module.stats()
        expect("live pins", stats["live_pins"], PAGES)
        expect("acquired - released", stats["acquired"] - stats["released"], PAGES)
        for name in ("unmatched", "untracked", "untracked_total", "wrong_traces"):
            expect(name, stats[name], 0)
        verified = (load.DEBUGFS / "verify").read_text().splitlines()[-1]
        expect("verify", verified.split()[2:], [f"pins={PAGES}", "mismatches=0"])
        self.load.go()

    def loaded(self, held: Mapping[str, str]) -> None:
        """Checks while the module is loaded.

        held: how the functions are hooked that the step hooked first. The pins of one
        holder are from before the load; those of another last until after the removal.
        """
        expect("hooks", module.hooks(), self.hooks | dict(held))
        old, self.holder = self.holder, load.Ring(PAGES)
        self.holder.pin()
        turns = self.load.turns
        self.check_figures(before=PAGES)
        old.unpin()
        os.close(old.ring)
        wait_for("the load", lambda: self.load.turns >= turns + 20)
        self.check_figures(before=0)
        stats = module.stats()
        if stats["unpinned_from_before"] < PAGES:
            raise Failed("unpins of pins from before were lost")
        self.done["acquired"] += stats["acquired"]
        self.done["unpinned_from_before"] += stats["unpinned_from_before"]

    def unload(self) -> None:
        """Refused while a file is open; afterwards nothing is left."""
        with (load.DEBUGFS / "pins").open():
            expect("rmmod while a reader is there", module.try_remove("gup_pin"), False)
        self.done["in use"] += module.remove("gup_pin")
        expect("debugfs is left", load.DEBUGFS.exists(), False)

    def run(self, step: Step, first: bool, last: bool) -> None:
        """Run one round."""
        on = first and step.on()
        expect("the step is on", on, first)
        if on and step.no_module:
            self.refused(step)
            on = False
        module.load(self.file)
        if not first:
            on = step.on()
            expect("the step is refused", not on, step.refused)
        self.loaded(step.held if on and first else {})
        if on and not last:
            step.off()
        self.unload()
        if on and last:
            step.off()
        self.load.rest()
        wait_for("pins that are left", lambda: module.pins_of_kernel() == PAGES)
        self.load.go()
        self.done["rounds"] += 1

    def refused(self, step: Step) -> None:
        """The module cannot be loaded with the step active."""
        try:
            module.load(self.file)
        except OSError as error:
            expect("why the module is not loaded", error.errno, step.no_module)
        else:
            raise Failed("the module was loaded")
        step.off()
        self.done["not loaded"] += 1


def main() -> int:
    """Run the command line."""
    file, patch_file, count, *names = sys.argv[1:]
    subprocess.run(["mount", "-t", "tracefs", "tracefs", tracers.TRACEFS], check=True)
    rounds = Rounds(file)
    functions = [name for name, how in rounds.hooks.items() if how != "absent"]
    steps = [STEPS[name](functions, patch_file) for name in names]
    for number in range(int(count)):
        which, order = number % len(names), number // len(names) % len(ORDERS)
        # Printed first: a guest may end without output.
        print(f"round {number}: {names[which]} {ORDERS[order]}", file=sys.stderr, flush=True)
        try:
            rounds.run(steps[which], *ORDERS[order])
        except (Failed, OSError, subprocess.SubprocessError) as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
    print(json.dumps(rounds.done), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
