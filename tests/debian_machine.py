# SPDX-License-Identifier: GPL-2.0
"""A Debian in a folder, with its own kernel, as a user's machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vmlib import paths

VERSION, ROOT = "6.12", "bookworm-dkms"
ENTER = """
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
"""


def run(*words: str | Path) -> str:
    """The output; fails the test with all output if the status is not 0."""
    done = subprocess.run(
        list(map(str, words)),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}:\n{done.stdout[-4000:]}"
    return done.stdout


def path_of(*words: str | Path) -> Path:
    """The path that a script prints."""
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.strip())


class Machine:
    """Installed on first use, and kept."""

    def __init__(self) -> None:
        self.root = path_of(paths.SCRIPTS / "debian-root", ROOT)

    @property
    def release(self) -> str:
        """The output of uname -r on its kernel."""
        (modules,) = (self.root / "usr/lib/modules").iterdir()
        return modules.name

    def run(self, *words: str) -> str:
        """Run a program in it."""
        return run("unshare", "--mount", "sh", "-ec", ENTER, self.root, *words)

    def guest(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program on its kernel."""
        return subprocess.run(
            [paths.SCRIPTS / "vm", "--stock", VERSION, "--root", self.root, "--", *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
