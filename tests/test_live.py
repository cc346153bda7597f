# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py in a running guest, by /proc/kcore.

GUP_PIN_KVER selects the kernel (unset: the default one).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dumps import VERBS, program, stakes_of, without_ages
from hold_left import STAKES
from schema import validate
from vmlib import paths

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
SCRIPT = paths.PROJECT / "drgn-scripts" / "gup_pins.py"

GUEST = """
out=$1 vmlinux=$2 hold=$3
shift 3
if [ "$hold" ]; then
	"$hold" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
fi
# Not to 9P: what is written there is pinned, for a while after the write, too.
mkdir /tmp/said && cd /tmp/said || exit
for verb in $GUP_PIN_VERBS; do
	"$@" -k -s "$vmlinux" "$GUP_PIN_SCRIPT" $verb --json >$verb 2>$verb.errors
	echo $? >$verb.status
	[ $verb != list ] || cat /sys/kernel/debug/gup_pin/pins >pins
done
cp ./* "$out"
"""

# Objects that a live kernel may have freed, or begun to write, meanwhile.
RACES = {"not in the dump", "is invalid", "is being written"}


@dataclass(frozen=True)
class Said:
    """The script's output for a verb."""

    status: int
    text: str
    errors: list[str]


@dataclass(frozen=True)
class Live:
    """The script's output for each verb, and the content of debugfs after list."""

    said: dict[str, Said]
    pins: list[str]


def ask(out: Path, hold: str | Path, verbs: Sequence[str], append: Sequence[str] = ()) -> Live:
    """Run the script in a guest."""
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "2G", "-t", "1800"]
    vm += [*append, "--out", out, "--", "sh", "-c", GUEST, "sh", out]
    vm += [paths.build_dir(VERSION, "test") / "vmlinux", hold]
    vm += [paths.SCRIPTS / "drgn", "-k", VERSION, "-q"]
    env = {**os.environ, "GUP_PIN_SCRIPT": str(SCRIPT), "GUP_PIN_VERBS": " ".join(verbs)}
    guest = subprocess.run(vm, capture_output=True, text=True, check=False, env=env)
    assert guest.returncode == 0, guest.stdout + guest.stderr
    return Live(
        {verb: read_said(out, verb) for verb in verbs},
        (out / "pins").read_text().splitlines()[1:],
    )


def read_said(out: Path, verb: str) -> Said:
    """The script's output, from the guest."""
    errors = (out / f"{verb}.errors").read_text().splitlines()
    return Said(
        int((out / f"{verb}.status").read_text()),
        (out / verb).read_text(),
        [line for line in errors if line.startswith("gup_pins: ")],
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """One guest that only holds pins, and runs all verbs."""
    return ask(tmp_path_factory.mktemp("live"), program("gup_pin_hold"), VERBS)


def test_pins_are_those_of_debugfs(live: Live) -> None:
    """Word for word, except for ages, while the kernel runs."""
    listed = live.said["list"]
    assert (listed.status, listed.errors) == (0, [])
    document = json.loads(listed.text)
    assert document["live"] is True and document["complete"] is True
    lines = [" ".join(f"{key}={value}" for key, value in pin.items()) for pin in document["pins"]]
    assert len(lines) > 1
    assert without_ages(lines) == without_ages(live.pins)


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_but_what_was_changing_is_missing(live: Live, verb: str) -> None:
    """The kernel runs while drgn reads: what is missed because of that is reported."""
    said = live.said[verb]
    document = json.loads(said.text)
    validate(document)
    assert document["live"] is True
    assert {fault["why"] for fault in document["faults"]} <= RACES
    assert len(said.errors) == len(document["faults"])
    assert document["complete"] == (not document["faults"])
    # The holders' folios are all correct.
    assert document.get("findings", []) == []
    assert said.status == (4 if document["faults"] else 0)


def test_verbs_agree(live: Live) -> None:
    """The holders change nothing, and all exist."""
    documents = {verb: json.loads(said.text) for verb, said in live.said.items()}
    pins = sum(pin["pins"] for pin in documents["list"]["pins"])
    assert sum(total["pins"] for total in documents["stacks"]["sums"]) == pins
    assert documents["status"]["stats"]["live_pins"] == pins
    assert documents["orphans"]["pins"] == []


def test_folios_that_left_their_file(tmp_path: Path) -> None:
    """As the kernel has judged: the verdicts are read while it runs."""
    holder = paths.PROJECT / "tests" / "hold_left.py"
    checked = ask(tmp_path, holder, ["list", "check"]).said["check"]
    assert stakes_of(json.loads(checked.text)) == STAKES
    assert checked.status == 4


def test_a_kernel_that_never_tracked_is_status_3(tmp_path: Path) -> None:
    """The error is one line."""
    live = ask(tmp_path, "", ["list"], ["--append", "gup_pin=off"])
    listed = live.said["list"]
    assert (listed.status, listed.text, live.pins) == (3, "", [])
    (error,) = listed.errors
    assert "never" in error
