# SPDX-License-Identifier: GPL-2.0
"""QEMU from the Debian release that scripts/debian-root keeps in the cache."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import paths

SUITE = "trixie"
PROGRAM = "usr/bin/qemu-system-x86_64"


class EmulatorError(Exception):
    """QEMU is missing, and could not be installed."""


@dataclass(frozen=True)
class Emulator:
    """QEMU in the root of another release, run with that release's loader.

    Unlike scripts/in-root, this uses no mount namespace: the root of the guest is that of
    the machine.
    """

    root: Path

    @property
    def _libraries(self) -> Path:
        return self.root / "usr/lib/x86_64-linux-gnu"

    def program(self, file: str) -> list[str]:
        """Command line that starts a program of that release; file: its path in the root."""
        loader = self._libraries / "ld-linux-x86-64.so.2"
        words = [loader, "--library-path", self._libraries, self.root / file]
        return [str(word) for word in words]

    @property
    def command(self) -> list[str]:
        """Command line that starts QEMU."""
        return [*self.program(PROGRAM), "-L", str(self.root / "usr/share/qemu")]

    @property
    def environment(self) -> dict[str, str]:
        """Directory of its modules."""
        return {**os.environ, "QEMU_MODULE_DIR": str(self._libraries / "qemu")}


def get() -> Emulator:
    """Return QEMU, installed on first use. Raises EmulatorError."""
    root = paths.cache() / "roots" / SUITE
    if not (root / PROGRAM).exists():
        command = [str(paths.SCRIPTS / "debian-root"), SUITE]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            raise EmulatorError("there is no QEMU (see above)")
    return Emulator(root)
