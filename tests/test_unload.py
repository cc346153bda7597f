# SPDX-License-Identifier: GPL-2.0
"""Modules that are unloaded while their pins are on record keep their names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from conftest import PROJECT
from vmlib import paths

SCRIPTS = PROJECT / "scripts"
GUP_PINS = PROJECT / "drgn-scripts/gup_pins.py"
GUEST = PROJECT / "tests/unloaded_guest.py"
# drgn reads what the files have shown.
WITH_DRGN = """
"$1" "$2" || exit
shift 2
for verb in stacks hazards; do
	echo "== drgn_$verb"
	"$@" "$verb" || exit
done
"""
# What unloaded_guest.py leaves pinned.
LEFT = {"gup_pin_one": 4, "gup_pin_two": 2}


def path_of(*words: str | Path) -> Path:
    """What a script prints, a path."""
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


def run(folder: Path, *words: str | Path) -> None:
    """Run a guest to its end, and copy what its files said into a folder."""
    done = subprocess.run(
        [SCRIPTS / "vm", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    said, *files = re.split(r"^== (\w+)\n", done.stdout, flags=re.MULTILINE)
    assert "ok: again the other" in said
    for name, text in zip(files[::2], files[1::2], strict=True):
        (folder / name).write_text(text)


def judge(folder: Path) -> None:
    """Whether the files, and the program that reads them, name both modules."""
    program = folder / "gup_pin"
    source = PROJECT / "tools/mm/gup_pin.c"
    subprocess.run(["gcc", "-o", program, source], check=True)
    for verb in ("stacks", "list"):
        words = [program, verb, "--from", folder, "--by", "module", "--json"]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        assert {s["module"]: s["pins"] for s in json.loads(done.stdout)} == LEFT
    hazards = (folder / "hazards").read_text()
    assert re.search(
        r"^pin:\n(?: .*\n)* gup_pin_one_keep\+\S+ \[gup_pin_one\] \(unloaded\)$",
        hazards,
        re.MULTILINE,
    )
    assert "[gup_pin_two]" not in hazards
    stats = dict(re.findall(r"^(\w+) (\d+)$", (folder / "stats").read_text(), re.MULTILINE))
    assert int(stats["unloaded_frames"]) >= len(LEFT)
    assert stats["unloaded_unnamed"] == "0"


def frames_of(text: str) -> dict[str, list[str]]:
    """The frames behind each line, by its handle."""
    found = re.findall(r"^\S.* stack=(\w+) .*\n((?:event:\n|pin:\n| .*\n)*)", text, re.MULTILINE)
    assert found, text
    return {stack: lines.splitlines() for stack, lines in found}


def test_stock(version: str, tmp_path: Path) -> None:
    """By the module, on a kernel as Debian ships it."""
    pinner = path_of(SCRIPTS / "module", version, "--pinner")
    module = path_of(SCRIPTS / "module", version)
    run(tmp_path, "--stock", version, "-t", "900", "--", GUEST, pinner.parent, module)
    judge(tmp_path)


def test_built_in(version: str, tmp_path: Path) -> None:
    """By a kernel that has the option, and modules."""
    build = path_of(SCRIPTS / "kernel", version, "trace")
    # Not in /tmp, which the guest has one of its own.
    pinner = paths.cache() / "module" / f"pinner-{version}-trace"
    shutil.rmtree(pinner, ignore_errors=True)
    shutil.copytree(PROJECT / "module/pinner", pinner)
    make: list[str | Path] = ["make", "-C", build, f"KBUILD_EXTRA_SYMBOLS={build}/vmlinux.symvers"]
    for goal in (["modules_prepare"], [f"M={pinner}", "modules"]):
        done = subprocess.run([*make, *goal], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    words = ["-k", version, "-f", "trace", "-t", "900", "--append", "gup_pin=on"]
    words += ["--", "sh", "-c", WITH_DRGN, "sh"]
    drgn: list[str | Path] = [SCRIPTS / "drgn", "-k", version, "-q", "-k", "-s"]
    run(tmp_path, *words, GUEST, pinner, *drgn, build / "vmlinux", GUP_PINS)
    judge(tmp_path)
    for name in ("stacks", "hazards"):
        told = frames_of((tmp_path / f"drgn_{name}").read_text())
        assert told == frames_of((tmp_path / name).read_text())
