#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""unloaded_guest.py FOLDER [MODULE]: pins of modules that were unloaded, and their names.

In a guest, after loading MODULE if it is given. FOLDER has gup_pin_one.ko and gup_pin_two.ko,
of which each function lies where the other's does, so that the second, in the place of the
first, returns to the same addresses. Prints a line for each thing that is as it should be; the
first that is not ends it with status 1. What stacks, pins and hazards say at the end follows,
each behind a line "== NAME".
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import sys
import time
from pathlib import Path

from rounds import module
from rounds.load import DEBUGFS, PAGE, vector_of

PARAMETERS = Path("/sys/module/gup_pin/parameters")
# A freed place may be kept back for a while. In seconds, far more than normally needed.
PATIENCE = 300.0


def check(what: str, good: bool, said: str = "") -> None:
    """Say so; ends the program if it is not good."""
    print(f"{'ok' if good else 'not ok'}: {what}", flush=True)
    if not good:
        print(said)
        sys.exit(1)


class Pinner:
    """One of the two modules, loaded."""

    def __init__(self, folder: Path, name: str, words: str = "") -> None:
        self.name = name
        module.load(str(folder / f"{name}.ko"), words)
        self.device = Path("/dev", name)
        self.text = int(Path(f"/sys/module/{name}/sections/.text").read_text(), 16)

    def keep(self, memory: mmap.mmap) -> None:
        """Leak a pin on the first page of memory."""
        descriptor = os.open(self.device, os.O_RDWR)
        os.write(descriptor, memory)
        os.close(descriptor)

    def unload(self) -> None:
        """As rmmod does."""
        module.remove(self.name)


def new_page() -> mmap.mmap:
    """A page of its own, which is there."""
    memory = mmap.mmap(-1, PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = b"x" * PAGE
    return memory


def stack_of(memory: mmap.mmap) -> str:
    """The handle of the stack that pinned a page."""
    address = vector_of(memory).base
    text = (DEBUGFS / "pins").read_text()
    (found,) = re.findall(rf" addr={address:#x} .* stack=(\w+) ", text)
    return str(found)


def frames(stack: str) -> list[str]:
    """The frames of a stack, by `stacks`."""
    text = (DEBUGFS / "stacks").read_text()
    (found,) = re.findall(rf"^.* stack={stack} .*\n((?: .*\n)*)", text, re.MULTILINE)
    return [line[1:] for line in found.splitlines()]


def says(stack: str, function: str, name: str, gone: str = "") -> bool:
    """Does the stack have that function of that module, and none of another module?"""
    end = rf" \({gone}\)" if gone else ""
    of_modules = [frame for frame in frames(stack) if "[" in frame or frame.startswith("0x")]
    of_modules = [frame for frame in of_modules if "[gup_pin]" not in frame]
    wanted = rf"{name}_\w+\+0x\w+/0x\w+ \[{name}\]{end}"
    return (
        bool(of_modules)
        and all(re.fullmatch(wanted, frame) for frame in of_modules)
        and of_modules[0].startswith(f"{name}_{function}+")
    )


def load_at(folder: Path, name: str, text: int) -> Pinner:
    """Load it where another one was; try again if it is somewhere else."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = Pinner(folder, name)
        if found.text == text:
            return found
        found.unload()
        time.sleep(0.1)
    check(f"{name} lies where the other one was", False)
    raise AssertionError


def hazard(pinner: Pinner) -> None:
    """Take a page that the module keeps out of its file."""
    path = Path("/tmp/unloaded")
    path.write_bytes(b"x" * PAGE)
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), PAGE)
        pinner.keep(memory)
        file.truncate(0)


def main() -> int:
    """Run the command line."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        module.load(sys.argv[2])
    (PARAMETERS / "truncate").write_text("count")
    pages = [new_page() for _ in range(5)]

    one = Pinner(folder, "gup_pin_one")
    one.keep(pages[0])
    first = stack_of(pages[0])
    check("loaded", says(first, "keep", "gup_pin_one"), str(frames(first)))
    hazard(one)
    one.unload()
    check("unloaded", says(first, "keep", "gup_pin_one", "unloaded"), str(frames(first)))

    two = load_at(folder, "gup_pin_two", one.text)
    check("replaced", says(first, "keep", "gup_pin_one", "unloaded"), str(frames(first)))
    two.keep(pages[1])
    second = stack_of(pages[1])
    check("equal stacks of two modules are two", first != second)
    check("the other", says(second, "keep", "gup_pin_two"), str(frames(second)))
    check("the first", says(first, "keep", "gup_pin_one", "unloaded"), str(frames(first)))
    two.unload()

    one = load_at(folder, "gup_pin_one", one.text)
    one.keep(pages[2])
    check("the same again has the same stack", stack_of(pages[2]) == first)
    check("the same again", says(first, "keep", "gup_pin_one"), str(frames(first)))
    check("the second", says(second, "keep", "gup_pin_two", "unloaded"), str(frames(second)))
    one.unload()

    words = f"address={vector_of(pages[3]).base}"
    one = Pinner(folder, "gup_pin_one", words)
    third = stack_of(pages[3])
    # ftrace may remember the names of init code, for kallsyms, as long as the module is there.
    freed = "init, freed"
    named = says(third, "init", "gup_pin_one", freed) or says(third, "init", "gup_pin_one")
    check("init code", named, str(frames(third)))
    one.unload()
    two = load_at(folder, "gup_pin_two", one.text)
    two.keep(pages[4])
    check("init code of another", says(third, "init", "gup_pin_one", freed), str(frames(third)))
    check("again the other", stack_of(pages[4]) == second)

    for name in ("stacks", "pins", "hazards", "stats", "orphans"):
        print(f"== {name}\n{(DEBUGFS / name).read_text()}", end="")
    # Nothing unpins these, and their memory is not to be used again.
    ctypes.CDLL(None).fflush(None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
