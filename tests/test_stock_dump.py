# SPDX-License-Identifier: GPL-2.0
"""A dump of a guest with Debian's kernel has what drgn needs, without commands in the guest."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vmlib import paths


def test_the_kernel_describes_itself(version: str, tmp_path: Path) -> None:
    """By VMCOREINFO, a note of the dump: its release and build, and the place of its symbols."""
    dump = tmp_path / "vmcore"
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "--stock", version, "-m", "512M"]
    vm += ["--dump", dump, "--", "uname", "-r"]
    done = subprocess.run(vm, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    shown = subprocess.run(["readelf", "-nW", dump], capture_output=True, text=True, check=True)
    with dump.open("rb") as file:
        start = file.read(1 << 16)
    dump.unlink()
    assert " VMCOREINFO " in shown.stdout, shown
    assert f"OSRELEASE={done.stdout}".encode() in start
