# SPDX-License-Identifier: GPL-2.0
"""Documentation/ABI names the existing files and their permissions."""

from __future__ import annotations

import re

from vmlib.paths import PROJECT

ABI = PROJECT / "Documentation/ABI/testing"
FOLDER = "/sys/kernel/debug/gup_pin/"
# Whether root may write, by the mode.
RIGHTS = {"0600": "RW", "0400": "RO", "0444": "RO"}


def entries(name: str) -> dict[str, str]:
    """What a file of Documentation/ABI says of each file."""
    parts = re.split(r"^What:\t+", (ABI / name).read_text(), flags=re.MULTILINE)[1:]
    return dict(part.split("\n", 1) for part in parts)


def test_debugfs() -> None:
    """All files that are made, with their rights; and the folder."""
    text = (PROJECT / "mm/gup_pin/view/debugfs.c").read_text()
    made = re.findall(r'debugfs_create_file\("(\w+)", (\d+),', text)
    assert len(made) >= 8
    described = entries("debugfs-gup_pin")
    assert set(described) == {FOLDER, *(FOLDER + name for name, _ in made)}
    for name, mode in made:
        assert f"({RIGHTS[mode]})" in described[FOLDER + name], name


def test_procfs() -> None:
    """The file that the patches add to a process's."""
    (name,) = entries("procfs-gup_pins")
    assert name == "/proc/<pid>/gup_pins"
    for patch in (PROJECT / "patches").glob("*.patch"):
        assert '+	REG("gup_pins",   0444,' in patch.read_text()
