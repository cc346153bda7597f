# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py reads what a crash kernel wrote: a real kdump.

A guest panics by a hazard (panic_on_warn), its crash kernel runs makedumpfile, which
leaves out whatever it may and compresses the rest. GUP_PIN_KVER says which kernel (the
default one if it is not set).

Of 6.12, makedumpfile 1.7.6 leaves out no more than it may (-d 31). No release up to 1.7.8
does so of 7.3, nor does 1.7.2, bookworm's, of 6.12: they take slabs for anonymous memory,
unless all memory of user space is kept (-d 23).
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from dumps import Dump, program, read_dump, without_ages, words_of
from vmlib import paths

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
TESTS = paths.PROJECT / "tests"
VMCORE = "vmcore"
# What makedumpfile may leave out: all that it knows, and all but memory of user space.
EVERYTHING, KEEP_USER = 31, 31 - 8
# Does the newer one know the kernel?
KNOWN = VERSION == "6.12"
# What scripts/vm says when a guest stops by itself.
GUEST_FAILED = 125


@dataclass(frozen=True)
class Crash:
    """A crash: its dump, with what debugfs had shown; and what makedumpfile said."""

    dump: Dump
    log: str
    console: str


def build(target: str) -> Path:
    """The build folder, with the kernel as vmlinux or as bzImage."""
    words: list[str | Path] = [paths.SCRIPTS / "kernel", VERSION, "test", target]
    built = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip())


def newer_root() -> Path:
    """A Debian whose makedumpfile knows this kernel, as its drgn does."""
    suite = "trixie" if VERSION == "6.12" else "sid"
    words: list[str | Path] = [paths.SCRIPTS / "debian-root", suite]
    made = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return Path(made.stdout.strip())


def crash(out: Path, level: int, root: Path | None) -> Crash:
    """Have a guest crash, and its crash kernel write a dump."""
    image = build("bzImage") / "arch/x86/boot/bzImage"
    words = f"init={TESTS / 'kdump_init.sh'} kdump_out={out} kdump_file={VMCORE}"
    words += f" kdump_level={level}" + (f" kdump_root={root}" if root else "")
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "1G", "-t", "300"]
    vm += ["--append", "crashkernel=192M", "--out", out, "--", TESTS / "kdump_crash.sh"]
    vm += [image, words, out, program("gup_pin_hold"), program("gup_pin_provoke")]
    guest = subprocess.run(vm, capture_output=True, text=True, check=False)
    said = guest.stdout + guest.stderr
    consoles = re.findall(r"^vm: console: (.*)$", said, re.MULTILINE)
    assert consoles, said
    text = Path(consoles[-1]).read_text(errors="replace")
    log = out / "makedumpfile.log"
    assert guest.returncode == GUEST_FAILED and log.exists(), said + text[-4000:]
    dump = read_dump("kdump", out, paths.build_dir(VERSION, "test") / "vmlinux")
    return Crash(dump, log.read_text(), text)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Crash:
    """One crash for most tests."""
    level = EVERYTHING if KNOWN else KEEP_USER
    return crash(tmp_path_factory.mktemp("kdump"), level, newer_root())


def test_the_hazard_was_the_panic(crashed: Crash) -> None:
    """And the crash kernel's makedumpfile ended well."""
    assert "BUG: GUP_PIN: writeback of write-pinned folio" in crashed.console
    assert "Kernel panic - not syncing: GUP_PIN: panic_on_warn set" in crashed.console
    assert "kdump_init: makedumpfile ended with 0" in crashed.console, crashed.log


def test_the_dump_is_compressed_and_small(crashed: Crash) -> None:
    """It begins as makedumpfile's do; of 1 GiB, hardly anything is kept."""
    file = crashed.dump.file
    with file.open("rb") as dump:
        assert dump.read(8) == b"KDUMP   "
    assert file.stat().st_size < 100 << 20


def check_pins(dump: Dump) -> None:
    """Those that debugfs had shown, and one more: the one that the hazard was about."""
    _, *lines = dump.listed("--no-stacks").splitlines()
    found, before = without_ages(lines), without_ages(dump.pins)
    assert before and set(before) <= set(found)
    (more,) = [line for line in found if line not in before]
    words = dict(word.split("=", 1) for word in more.split())
    assert (words["comm"], words["map"], words["mode"]) == ("gup_pin_provoke", "file", "w")


def test_all_pins_are_in_it(crashed: Crash) -> None:
    """Line by line, whatever else is left out."""
    check_pins(crashed.dump)


def test_the_hazard_is_in_it(crashed: Crash) -> None:
    """With both its stacks."""
    done = crashed.dump.drgn("hazards")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    (hazard,) = [line for line in lines if line.startswith("kind=")]
    assert words_of(hazard)["kind"] == "writeback"
    assert "event:" in lines and "pin:" in lines


def test_a_makedumpfile_that_is_too_old_may_leave_out_too_much(tmp_path: Path) -> None:
    """It takes some slabs for anonymous memory, and records are among them.

    1.7.2 looks for a flag that slabs have no longer had since 6.10, and then for a bit
    which in a slab is one of the number of its objects: which ones are left out is chance.
    The scripts give what is there, and say when it is not all.
    """
    crashed = crash(tmp_path, EVERYTHING, None if KNOWN else newer_root())
    assert "makedumpfile ended with 0" in crashed.console, crashed.log
    done = crashed.dump.drgn("list", "--no-stacks")
    missing = set(without_ages(crashed.dump.pins)) - set(without_ages(done.stdout.splitlines()))
    complaints = done.stderr.splitlines()
    assert all(re.fullmatch(r"gup_pins: .* not in the dump \(.*\)", line) for line in complaints)
    assert done.returncode == (4 if complaints else 0)
    assert complaints or not missing


def test_an_old_makedumpfile_that_keeps_user_memory(tmp_path: Path) -> None:
    """Then it keeps the slabs as well."""
    crashed = crash(tmp_path, KEEP_USER, None)
    assert "makedumpfile ended with 0" in crashed.console, crashed.log
    check_pins(crashed.dump)
