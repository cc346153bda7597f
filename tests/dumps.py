# SPDX-License-Identifier: GPL-2.0
"""Crash dumps of guests that hold pins, and what debugfs showed just before.

GUP_PIN_KVER selects the kernel (unset: the default one). If GUP_PIN_DUMPS names a folder,
its dumps are used instead of new ones: KVER-NAME/vmcore with vmlinux and what debugfs
showed; times, which has /proc/uptime before and after pins was read; and seconds, the
lifetime of the guest, including the dump.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmlib import paths

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
DUMPS = os.environ.get("GUP_PIN_DUMPS")
SCRIPT = paths.PROJECT / "drgn-scripts" / "gup_pins.py"
# The verbs that need no arguments.
VERBS = ["list", "stacks", "hazards", "refused", "orphans", "check", "status"]

# pins is read late, so that the dump is as close to it as possible. All goes to stdout in the
# end: a file in a folder of the host would be pinned during the write, and counted.
GUEST = """
dir=/sys/kernel/debug/gup_pin
hold=$1 provoke=$2
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
"$hold" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
"$provoke" >/tmp/provoked 2>&1 &
until grep -q ^ready /tmp/provoked; do
	kill -0 $! 2>/dev/null || { cat /tmp/provoked; exit 1; }
	sleep 0.1
done
mkdir /tmp/shown && cd /tmp/shown && cat $dir/hazards >hazards && cat $dir/stacks >stacks &&
cat /proc/uptime >times && cat $dir/pins >pins && cat /proc/uptime >>times &&
cat $dir/stats >stats && cat $dir/refused >refused || exit
for file in *; do
	echo "== $file" && cat "$file"
done
"""

# The least that each holder must show, or there is little to compare.
HELD: dict[str, dict[str, set[str]]] = {
    "odd": {
        "map": {"anon", "file", "shmem", "hugetlb"},
        "order": {"0", "9"},
        "pages": {"512"},
        "mode": {"r", "w"},
        "match": {"exact", "inferred"},
        "owner": {"0"},
        "addr": {"0x0"},
        "comm": {"child", r"a\x20b\x5cc\xc3\xbc"},
        "api": {"pin_user_pages", "pin_user_pages_fast", "memfd_pin_folios"},
    },
    "all": {
        "map": {"anon", "shmem", "hugetlb"},
        "order": {"0", "9"},
        "mode": {"r", "w"},
        "match": {"exact"},
        "term": {"short", "long"},
        "comm": {f"hold-{what}" for what in ("io_uring", "direct-io", "gup_test", "udmabuf")},
    },
}

OURS = {"odd": "hold_pins.py", "left": "hold_left.py"}

# A dump by physical addresses has no virtual ones; the other has both.
PAGING = {"all": ["--paging"]}

@dataclass(frozen=True)
class Dump:
    """A dump and what debugfs showed just before it.

    name: the holder of the pins; pins: the lines after the header; stacks: frames by handle;
    hazards, refused, stacks_text: the whole files
    """

    name: str
    file: Path
    vmlinux: Path
    pins: list[str]
    stacks: dict[str, list[str]]
    hazards: str
    refused: str
    stats: dict[str, int]
    stacks_text: str

    def command(
        self, words: Sequence[str], file: Path, vmlinux: Path, script: Path = SCRIPT
    ) -> list[str]:
        """A script under the drgn for this kernel."""
        drgn = [str(paths.SCRIPTS / "drgn"), "-k", VERSION, "-q"]
        return [*drgn, "-c", str(file), "-s", str(vmlinux), str(script), *words]

    def drgn(
        self, *words: str, file: Path | None = None, vmlinux: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the script on the dump, or on another one."""
        return subprocess.run(
            self.command(words, file or self.file, vmlinux or self.vmlinux),
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )

    def listed(self, *words: str) -> str:
        """The output of `list`, without errors."""
        done = self.drgn("list", *words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def printed(self, *words: str) -> str:
        """The output of a verb, without errors."""
        done = self.drgn(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def records(self) -> dict[str, int]:
        """The number of records of each kind, by a script other than drgn-scripts."""
        script = paths.PROJECT / "tests" / "count_records.py"
        command = self.command([], self.file, self.vmlinux, script)
        counted = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return dict(json.loads(counted.stdout))

    def objects(self, *words: str) -> list[dict[str, object]]:
        """The output as JSON."""
        return [json.loads(line) for line in self.listed("--jsonl", *words).splitlines()]


def words_of(line: str) -> dict[str, str]:
    """The words of a record."""
    return dict(word.split("=", 1) for word in line.split(" "))


def without_ages(lines: list[str]) -> list[str]:
    """Lines without their ages, for comparison."""
    return [re.sub(r"\b(age|last|oldest|newest)_ms=\d+", "", line) for line in lines]


def stakes_of(document: dict[str, Any]) -> dict[str, list[str]]:
    """What was at stake for the folios in a document of check, by the task that pinned."""
    stakes: dict[str, list[str]] = {}
    for finding in document["findings"]:
        assert finding["kind"] == "truncated"
        (pin,) = finding["pins"]
        stakes.setdefault(pin["comm"], []).append(finding["stake"])
    return stakes


def stacks_of(text: str) -> dict[str, list[str]]:
    """Frames by handle, from records with a stack below each."""
    stacks = {}
    for record in text.split("\n\n"):
        first, *frames = record.strip("\n").split("\n")
        if first:
            assert all(frame.startswith(" ") for frame in frames)
            stacks[words_of(first)["stack"]] = [frame[1:] for frame in frames]
    return stacks


def program(name: str) -> Path:
    """A program built for the guest."""
    built = subprocess.run(
        [paths.SCRIPTS / "selftests", VERSION], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(built.stdout.strip(), name)


def holder(name: str) -> Path:
    """The program that holds pins: our own, or that of the demonstration."""
    if name in OURS:
        return paths.PROJECT / "tests" / OURS[name]
    return program("gup_pin_hold")


def boot_and_dump(name: str, out: Path) -> None:
    """Boot a guest that holds pins, and dump it."""
    file = out / "vmcore"
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "1G", "-t", "900"]
    vm += ["--dump", file, *PAGING.get(name, [])]
    vm += ["--", "sh", "-c", GUEST, "sh"]
    vm += [holder(name), program("gup_pin_provoke")]
    began = time.monotonic()
    guest = subprocess.run(vm, capture_output=True, text=True, check=False)
    assert guest.returncode == 0, guest.stdout + guest.stderr
    parts = re.split(r"^== (\w+)\n", guest.stdout, flags=re.MULTILINE)
    for shown, text in zip(parts[1::2], parts[2::2], strict=True):
        (out / shown).write_text(text)
    (out / "seconds").write_text(f"{time.monotonic() - began}\n")


def read_dump(name: str, out: Path, vmlinux: Path) -> Dump:
    """The content of a folder."""
    header, *pins = (out / "pins").read_text().splitlines()
    assert header == "# gup_pin pins 1"
    stacks_text = (out / "stacks").read_text()
    header, _, stacks = stacks_text.partition("\n")
    assert header == "# gup_pin stacks 1"
    stats = (line.split() for line in (out / "stats").read_text().splitlines())
    return Dump(
        name,
        out / "vmcore",
        vmlinux,
        pins,
        stacks_of(stacks),
        (out / "hazards").read_text(),
        (out / "refused").read_text(),
        {name: int(value) for name, value in stats},
        stacks_text,
    )


def take_dump(name: str, out: Path) -> Dump:
    """An existing dump, as links to it, or a new one."""
    old = Path(DUMPS or "/nowhere", f"{VERSION}-{name}")
    if not (old / "vmcore").exists():
        boot_and_dump(name, out)
        return read_dump(name, out, paths.build_dir(VERSION, "test") / "vmlinux")
    for file in ("pins", "stacks", "stats", "hazards", "refused", "times", "seconds"):
        (out / file).symlink_to(old / file)
    # Tests write to it.
    subprocess.run(["cp", "--sparse=always", old / "vmcore", out], check=True)
    vmlinux = old / "vmlinux"
    return read_dump(name, out, vmlinux if vmlinux.exists() else old.parent / f"vmlinux-{VERSION}")


def partial(done: subprocess.CompletedProcess[str]) -> None:
    """Status 4, and a line for each kind of fault."""
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert all(line.startswith("gup_pins: ") for line in done.stderr.splitlines())
