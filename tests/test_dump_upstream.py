# SPDX-License-Identifier: GPL-2.0
"""The patch for drgn in drgn-scripts/upstream: it applies to Debian's drgn, and finds all pins.

Its own tests are in drgn's form, and run in drgn's tree.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dumps import Dump, words_of
from vmlib import paths

PATCH = paths.PROJECT / "drgn-scripts/upstream/0001-add-folio_pin_count.patch"
# That release has the newest drgn, which reads both kernels.
SUITE = "sid"


@pytest.fixture(scope="module", name="patched")
def fixture_patched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of Debian's drgn with the patch, except its tests, which packages lack."""
    root = subprocess.run(
        [paths.SCRIPTS / "debian-root", SUITE], stdout=subprocess.PIPE, text=True, check=True
    )
    packages = Path(root.stdout.strip(), "usr/lib/python3/dist-packages")
    folder = tmp_path_factory.mktemp("patched")
    shutil.copytree(packages / "drgn", folder / "drgn")
    apply: list[str | Path] = ["git", "apply", "--include=drgn/*", PATCH]
    subprocess.run(apply, cwd=folder, check=True)
    return folder


def pins_by_head(dump: Dump) -> Counter[str]:
    """Recorded pins by the pfn of their folio's head: folios are aligned by their size.

    A line has pages with equally many pins, or whole folios with equally many.
    """
    found: Counter[str] = Counter()
    for line in dump.pins:
        words = words_of(line)
        first, pages, pins = int(words["pfn"], 16), int(words["pages"]), int(words["pins"])
        size = 1 << int(words["order"])
        step = size if pins < pages else 1
        for pfn in range(first, first + pages, step):
            found[hex(pfn // size * size)] += pins * step // pages
    assert found.total() == dump.stats["live_pins"]
    return found


def test_all_pinned_folios_are_found(odd_dump: Dump, patched: Path) -> None:
    """With as many pins as are on record, large and small ones, and no others."""
    command: list[str | Path] = [paths.SCRIPTS / "in-root", SUITE]
    command += ["env", f"PYTHONPATH={patched}", "drgn", "-q"]
    command += ["-c", odd_dump.file, "-s", odd_dump.vmlinux]
    command.append(paths.PROJECT / "tests" / "pinned_folios.py")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = dict(line.split() for line in done.stdout.splitlines())
    assert {head: int(pins) for head, pins in found.items()} == pins_by_head(odd_dump)
