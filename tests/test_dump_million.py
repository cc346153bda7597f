# SPDX-License-Identifier: GPL-2.0
"""A million live pins: the user CPU time and memory that the scripts need.

A guest that holds them is dumped. GUP_PIN_DUMPS may name a folder that has such a dump
already: KVER-million, with vmcore, vmlinux, and pins and stacks as debugfs showed them.
GUP_PIN_KVER selects the kernel (unset: the default one).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from vmlib import paths

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
SCRIPT = paths.PROJECT / "drgn-scripts" / "gup_pins.py"
PINS = 1_000_000
MEMORY_KB = 512 << 10

GUEST = """
dir=/sys/kernel/debug/gup_pin
"$2" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
# Not to 9P at once: what is written there may itself be pinned while the rest is read; and it
# drops its pins by a work item.
live=$(grep '^live_pins ' $dir/stats)
cat $dir/stacks >/tmp/stacks && cat $dir/pins >/tmp/pins && cp /tmp/stacks /tmp/pins "$1" || exit
until grep -qxF "$live" $dir/stats; do sleep 0.1; done
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the dump, and of debugfs' files just before."""
    dumps = os.environ.get("GUP_PIN_DUMPS")
    if dumps:
        yield Path(dumps, f"{VERSION}-million")
        return
    out = tmp_path_factory.mktemp("million")
    holder = paths.PROJECT / "tests" / "hold_million.py"
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "3G", "-t", "900"]
    vm += ["--dump", out / "vmcore", "--out", out, "--", "sh", "-c", GUEST, "sh", out, holder]
    guest = subprocess.run(vm, capture_output=True, text=True, check=False)
    assert guest.returncode == 0, guest.stdout + guest.stderr
    (out / "vmlinux").symlink_to(paths.build_dir(VERSION, "test") / "vmlinux")
    yield out
    for name in ("vmcore", "pins"):
        (out / name).unlink()


def run(folder: Path, out: Path, *words: str) -> tuple[float, int]:
    """Write the output of a verb; returns its user CPU time in seconds, and peak KiB."""
    drgn: list[str | Path] = [paths.SCRIPTS / "drgn", "-k", VERSION, "-q"]
    drgn += ["-c", folder / "vmcore", "-s", folder / "vmlinux", SCRIPT, *words]
    with out.open("w") as file, subprocess.Popen(drgn, stdout=file) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime, usage.ru_maxrss


def lines_of(file: Path) -> Iterator[str]:
    """Lines in a form that can be compared."""
    with file.open() as lines:
        for line in lines:
            yield re.sub(r"\b(age|oldest|newest)_ms=\d+", "", line)


def differences(found: Path, wanted: Path) -> list[int]:
    """The first different lines, by number."""
    pairs = enumerate(zip_longest(lines_of(found), lines_of(wanted)))
    different = (number for number, (ours, theirs) in pairs if ours != theirs)
    return [number for number, _ in zip(different, range(9), strict=False)]


@pytest.mark.parametrize(
    ("words", "seconds"), [("stacks", 10), ("list --jsonl", 60), ("list --no-stacks", 60)]
)
def test_a_million_pins(folder: Path, tmp_path: Path, words: str, seconds: int) -> None:
    """Fast enough, in bounded memory, and complete."""
    out = tmp_path / "out"
    taken, memory = run(folder, out, *words.split())
    assert taken <= seconds
    assert memory <= MEMORY_KB
    if words == "stacks":
        assert differences(out, folder / "stacks") == []
    elif words == "list --no-stacks":
        assert differences(out, folder / "pins") == []
    else:
        # Line by line: a child's peak memory includes that of this process.
        with out.open() as lines:
            assert sum(json.loads(line)["pins"] for line in lines) >= PINS
