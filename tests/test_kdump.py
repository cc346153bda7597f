# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py reads the dump of a crash kernel: a real kdump.

A guest panics by a hazard (panic_on_warn), its crash kernel runs makedumpfile, which
leaves out as much as it may and compresses the rest. GUP_PIN_KVER selects the kernel
(unset: the default one).

For 6.12, makedumpfile 1.7.6 only leaves out what it may (-d 31). No release up to 1.7.8
does so for 7.3, nor does 1.7.2, bookworm's, for 6.12: they take slabs for anonymous memory,
unless all memory of user space is kept (-d 23).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dump_bytes import asked
from dumps import Dump, program, read_dump, without_ages, words_of
from schema import validate
from vmlib import paths

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
TESTS = paths.PROJECT / "tests"
VMCORE = "vmcore"
# What makedumpfile may leave out: all kinds, and all except memory of user space.
EVERYTHING, KEEP_USER = 31, 31 - 8
# Whether the newer one supports the kernel.
KNOWN = VERSION == "6.12"
# The message of scripts/vm when a guest stops by itself.
GUEST_FAILED = 125


@dataclass(frozen=True)
class Crash:
    """A crash: its dump, what debugfs had shown before, and the output of makedumpfile."""

    dump: Dump
    log: str
    console: str


def build(target: str) -> Path:
    """The build folder, with the kernel as vmlinux or as bzImage."""
    words: list[str | Path] = [paths.SCRIPTS / "kernel", VERSION, "test", target]
    built = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip())


def debian(suite: str) -> Path:
    """A Debian of that release."""
    words: list[str | Path] = [paths.SCRIPTS / "debian-root", suite]
    made = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return Path(made.stdout.strip())


def newer_root() -> Path:
    """A Debian whose makedumpfile supports this kernel, as does its drgn."""
    return debian("trixie" if VERSION == "6.12" else "sid")


def older_root() -> Path:
    """The one with 1.7.2."""
    return debian("bookworm")


def crash(out: Path, level: int, root: Path) -> Crash:
    """Have a guest crash, and its crash kernel write a dump."""
    image = build("bzImage") / "arch/x86/boot/bzImage"
    words = f"init={TESTS / 'kdump_init.sh'} kdump_out={out} kdump_file={VMCORE}"
    words += f" kdump_level={level} kdump_root={root}"
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "1G", "-t", "900"]
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
    """And the crash kernel's makedumpfile succeeded."""
    assert "BUG: GUP_PIN: writeback of write-pinned folio" in crashed.console
    assert "Kernel panic - not syncing: GUP_PIN: panic_on_warn set" in crashed.console
    assert "kdump_init: makedumpfile ended with 0" in crashed.console, crashed.log


def test_the_dump_is_compressed_and_small(crashed: Crash) -> None:
    """It begins like makedumpfile's dumps; of 1 GiB, little is kept."""
    file = crashed.dump.file
    with file.open("rb") as dump:
        assert dump.read(8) == b"KDUMP   "
    assert file.stat().st_size < 100 << 20


def check_pins(dump: Dump) -> None:
    """The pins in debugfs, and one more: the pin of the hazard."""
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


def all_of(dump: Dump, verb: str, status: int = 0) -> dict[str, Any]:
    """The document of a verb without faults."""
    done = dump.drgn(verb, "--json")
    assert (done.returncode, done.stderr) == (status, "")
    document: dict[str, Any] = json.loads(done.stdout)
    validate(document)
    assert document["complete"]
    return document


def test_stacks_are_in_it(crashed: Crash) -> None:
    """They add up to all pins, and each has its frames."""
    document = all_of(crashed.dump, "stacks")
    live = all_of(crashed.dump, "status")["stats"]["live_pins"]
    assert sum(total["pins"] for total in document["sums"]) == live
    assert live > sum(int(words_of(line)["pins"]) for line in crashed.dump.pins)
    assert set(document["stacks"]) == {total["stack"] for total in document["sums"]}
    assert crashed.dump.stacks.items() <= document["stacks"].items()


def test_nobody_has_gone(crashed: Crash) -> None:
    """All tasks are in it: the holders still exist."""
    assert all_of(crashed.dump, "orphans")["pins"] == []


def test_check_finds_what_the_kernel_died_of(crashed: Crash) -> None:
    """The page is still under writeback, and pinned for write."""
    document = all_of(crashed.dump, "check", status=4)
    found = [finding for finding in document["findings"] if finding["kind"] == "writeback"]
    assert [pin["comm"] for finding in found for pin in finding["pins"]] == ["gup_pin_provoke"]


def test_no_slab_is_missing(crashed: Crash) -> None:
    """Records are in slabs."""
    slabs = asked(crashed.dump, "count_slabs.py")
    assert slabs["slabs"] and not slabs["missing"]


def test_a_makedumpfile_that_is_too_old_leaves_out_too_much(tmp_path: Path) -> None:
    """It takes some slabs for anonymous memory, and they may contain records.

    1.7.2 tests a flag that slabs have not had since 6.10, and then a bit which in a slab
    is part of its number of objects: it is chance which slabs are left out.
    The scripts show what is there, and report what is not: the number of missing pins is
    correct.
    """
    crashed = crash(tmp_path, EVERYTHING, older_root() if KNOWN else newer_root())
    assert "makedumpfile ended with 0" in crashed.console, crashed.log
    # Otherwise it is not too old, and README.rst is wrong.
    assert asked(crashed.dump, "count_slabs.py")["missing"]
    done = crashed.dump.drgn("list", "--json", "--no-stacks")
    document = json.loads(done.stdout)
    faults = {fault["what"]: fault["count"] for fault in document["faults"]}
    assert document["complete"] == (not faults)
    assert done.returncode == (4 if faults else 0)
    reasons = {fault["why"] for fault in document["faults"]}
    assert reasons <= {"not in the dump", "not found"}
    # Origins may be missing, too, but the counted pins are not in a slab.
    live = json.loads(crashed.dump.drgn("status", "--json").stdout)["stats"]["live_pins"]
    listed = sum(pin["pins"] for pin in document["pins"])
    assert listed + faults.get("pin on record", 0) == live


def test_an_old_makedumpfile_that_keeps_user_memory(tmp_path: Path) -> None:
    """It then keeps the slabs as well."""
    crashed = crash(tmp_path, KEEP_USER, older_root())
    assert "makedumpfile ended with 0" in crashed.console, crashed.log
    check_pins(crashed.dump)
