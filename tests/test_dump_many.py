# SPDX-License-Identifier: GPL-2.0
"""Millions of live pins: debugfs shows all of them, and so does the crash dump.

GUP_PIN_KVER selects the kernel (unset: the default one).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from vmlib import paths

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
SCRIPT = paths.PROJECT / "drgn-scripts" / "gup_pins.py"
HOLD = paths.PROJECT / "tests" / "hold_many.py"

PINS = 7_500_000
# The limit on tracking's memory for that many pins.
BYTES = 100 << 20

# A file in a folder of the host would be pinned during the write, and counted.
GUEST = """
dir=/sys/kernel/debug/gup_pin
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
"$2" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
cat $dir/stats >/tmp/stats && cat $dir/pins >/tmp/pins && cp /tmp/stats /tmp/pins "$1" || exit
# 9P drops its pins by a work item.
until grep -qxF "$(grep '^live_pins ' /tmp/stats)" $dir/stats; do sleep 0.1; done
"""

# Words that must be equal in both; the age differs.
KEYS = ("pfn", "pages", "order", "pins", "mode", "term", "api", "owner", "comm", "addr", "stack")


def held_and_dumped(out: Path) -> tuple[dict[str, int], list[dict[str, str]], Path]:
    """The figures and lines in debugfs, and the dump."""
    file = out / "vmcore"
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "2G", "-t", "600"]
    vm += ["--dump", file, "--out", out, "--", "sh", "-c", GUEST, "sh", out, HOLD]
    guest = subprocess.run(vm, capture_output=True, text=True, check=False)
    assert guest.returncode == 0, guest.stdout + guest.stderr
    stats = (line.split() for line in (out / "stats").read_text().splitlines())
    _, *lines = (out / "pins").read_text().splitlines()
    pins = [dict(word.split("=", 1) for word in line.split(" ")) for line in lines]
    return {name: int(value) for name, value in stats}, pins, file


def listed(file: Path) -> list[dict[str, object]]:
    """The lines found by drgn in the dump."""
    drgn: list[str | Path] = [paths.SCRIPTS / "drgn", "-k", VERSION, "-q", "-c", file]
    drgn += ["-s", paths.build_dir(VERSION, "test") / "vmlinux"]
    drgn += [SCRIPT, "list", "--jsonl", "--no-stacks"]
    done = subprocess.run(drgn, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_dump_has_millions_of_pins(tmp_path: Path) -> None:
    """Line by line as in debugfs, and they add up."""
    stats, pins, file = held_and_dumped(tmp_path)
    try:
        found = listed(file)
    finally:
        file.unlink()
    assert stats["live_pins"] >= PINS
    assert stats["untracked"] == 0
    assert stats["memory_bytes"] < BYTES
    assert sum(int(pin["pins"]) for pin in pins) == stats["live_pins"]
    assert len(found) == len(pins)
    for ours, theirs in zip(found, pins, strict=True):
        assert {key: str(ours[key]) for key in KEYS} == {key: theirs[key] for key in KEYS}
