# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py in a running guest, by /proc/kcore.

GUP_PIN_KVER says which kernel (the default one if it is not set).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dumps import program, without_ages
from vmlib import paths

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
SCRIPT = paths.PROJECT / "drgn-scripts" / "gup_pins.py"

GUEST = """
out=$1 vmlinux=$2 hold=$3
shift 3
if [ "$hold" ]; then
	"$hold" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
fi
"$@" -k -s "$vmlinux" "$GUP_PIN_SCRIPT" list --json >"$out/listed" 2>"$out/errors"
echo $? >"$out/status"
cat /sys/kernel/debug/gup_pin/pins >"$out/pins"
"""


@dataclass(frozen=True)
class Listed:
    """What the script said, and what debugfs showed after it."""

    status: int
    text: str
    errors: list[str]
    pins: list[str]


def list_live(out: Path, hold: str | Path, append: Sequence[str] = ()) -> Listed:
    """Run the script in a guest."""
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "2G", "-t", "400"]
    vm += [*append, "--out", out, "--", "sh", "-c", GUEST, "sh", out]
    vm += [paths.build_dir(VERSION, "test") / "vmlinux", hold]
    vm += [paths.SCRIPTS / "drgn", "-k", VERSION, "-q"]
    env = {**os.environ, "GUP_PIN_SCRIPT": str(SCRIPT)}
    guest = subprocess.run(vm, capture_output=True, text=True, check=False, env=env)
    assert guest.returncode == 0, guest.stdout + guest.stderr
    errors = (out / "errors").read_text().splitlines()
    return Listed(
        int((out / "status").read_text()),
        (out / "listed").read_text(),
        [line for line in errors if line.startswith("gup_pins: ")],
        (out / "pins").read_text().splitlines()[1:],
    )


def test_pins_are_those_of_debugfs(tmp_path: Path) -> None:
    """Word for word, but for ages, while the kernel runs."""
    listed = list_live(tmp_path, program("gup_pin_hold"))
    assert (listed.status, listed.errors) == (0, [])
    document = json.loads(listed.text)
    assert document["live"] is True and document["complete"] is True
    lines = [" ".join(f"{key}={value}" for key, value in pin.items()) for pin in document["pins"]]
    assert len(lines) > 1
    assert without_ages(lines) == without_ages(listed.pins)


def test_a_kernel_that_never_tracked_is_status_3(tmp_path: Path) -> None:
    """And is told so in one line."""
    listed = list_live(tmp_path, "", ["--append", "gup_pin=off"])
    assert (listed.status, listed.text, listed.pins) == (3, "", [])
    (error,) = listed.errors
    assert "never" in error
