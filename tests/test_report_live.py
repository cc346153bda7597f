# SPDX-License-Identifier: GPL-2.0
"""The page of a machine that runs Debian's kernel with the module, without drgn.

The commands are those of drgn-scripts/README.rst, as printed there.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vmlib import paths

VERSION = paths.versions()[0]
PACKAGE = paths.PROJECT / "drgn-scripts"

GUEST = """
set -e
out=$1 module=$2 load=$3 package=$4 commands=$5
insmod "$module"
mkdir /tmp/work && cd /tmp/work
ln -s "$package/gup_pins.py" .
touch buffer && mkfifo said
"$load" buffer "$PWD/buffer" >said &
read -r word <said
[ "$word" = ready ]
sh -e "$commands"
python3 gup_pins.py report --from /sys/kernel/debug/gup_pin -o direct.html
cp /sys/kernel/debug/gup_pin/pins pins
cp pins.html direct.html pins "$out"
"""


def printed() -> list[str]:
    """The commands of the README's part about copies."""
    text = (PACKAGE / "README.rst").read_text(encoding="utf-8")
    part = text.partition("Without drgn, vmlinux or a dump\n---")[2].partition("\n===")[0]
    found = re.findall(r"^    [#$] (.*)$", part, re.MULTILINE)
    assert len(found) == 2 and "report --from copies" in found[1]
    return [str(line) for line in found]


@dataclass(frozen=True)
class Seen:
    """A guest's output: the data of both pages, and the lines of pins."""

    copied: dict[str, Any]
    direct: dict[str, Any]
    pins: list[str]


def data_of(page: Path) -> dict[str, Any]:
    """The data of a page."""
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    return dict(json.loads(found[1]))


@pytest.fixture(scope="module", name="seen")
def fixture_seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """One guest, in which a program has registered an io_uring buffer."""
    out = tmp_path_factory.mktemp("out")
    commands = out / "commands"
    commands.write_text("".join(f"{line}\n" for line in printed()))
    built = subprocess.run(
        [paths.SCRIPTS / "module", VERSION], stdout=subprocess.PIPE, text=True, check=True
    )
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "--stock", VERSION, "-t", "600", "--out", out]
    vm += ["--", "bash", "-c", GUEST, "bash", out, built.stdout.strip()]
    vm += [paths.SCRIPTS / "try-load", PACKAGE, commands]
    guest = subprocess.run(vm, capture_output=True, text=True, check=False)
    assert guest.returncode == 0, guest.stdout + guest.stderr
    assert "gup_pins: " not in guest.stdout + guest.stderr
    pins = (out / "pins").read_text().splitlines()[1:]
    return Seen(data_of(out / "pins.html"), data_of(out / "direct.html"), pins)


def test_all_of_it_is_on_the_page(seen: Seen) -> None:
    """The pins are those in debugfs, and nothing is missing."""
    columns = seen.copied["columns"]
    found = [hex(pfn) for pfn in columns["pfn"]]
    assert found == [re.match("pfn=(0x[0-9a-f]+) ", line)[1] for line in seen.pins]  # type: ignore[index]
    assert sum(columns["pins"]) == seen.copied["stats"]["live_pins"] == 4
    assert columns["tasks"]["comm"] == ["try-buffer"]
    assert seen.copied["complete"] and not seen.copied["faults"]
    assert seen.copied["tracking"] == {"enabled": True}
    assert seen.copied["kernel"].startswith(f"{VERSION}.")
    (frames,) = seen.copied["stacks"].values()
    # gcc 14 moves this call to the function's unlikely part.
    assert any(re.match(r"io_sqe_buffers_register(\.cold)?\+", frame) for frame in frames)


def test_debugfs_itself_gives_the_same(seen: Seen) -> None:
    """Except for ages, and for pins that changed; the release is the machine's."""
    copied, direct = dict(seen.copied), dict(seen.direct)
    for data in (copied, direct):
        data["columns"] = {**data["columns"], "age_ms": []}
        data["stats"] = {name: data["stats"][name] for name in ("enabled", "live_pins")}
    assert copied == direct
