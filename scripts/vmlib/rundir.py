# SPDX-License-Identifier: GPL-2.0
"""A folder for one run: what the guest is to do goes in, the console log stays.

The guest sees the host's file system, so it reads these files by their own path:
arguments of any length and with any bytes reach it unharmed, which a kernel
command line could not promise.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .stock import Stock

KEEP = 50
PASSED = ("PATH", "HOME", "LANG", "TERM")
# What udev or a container would add to a devtmpfs.
DEV_LINKS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}


@dataclass(frozen=True)
class RunDir:
    """One run's folder, and the token that ends its output streams."""

    path: Path
    token: str

    @property
    def console(self) -> Path:
        """The log of the guest's serial console."""
        return self.path / "console"

    @property
    def initramfs(self) -> Path:
        """What a stock kernel boots from."""
        return self.path / "initramfs"

    def prepare(
        self,
        command: Sequence[str],
        out: Path | None,
        unwanted: Sequence[str],
        stock: Stock | None = None,
    ) -> None:
        """Write what the guest needs to know into the folder."""
        environment = passed_environment(os.environ)
        script = command_script(command, environment, os.getcwd(), unwanted)
        (self.path / "command").write_bytes(script)
        (self.path / "fstab").write_text(fstab(out, stock))
        (self.path / "dev").mkdir()
        for name, descriptor in DEV_LINKS.items():
            (self.path / "dev" / name).symlink_to(f"/proc/self/fd{descriptor}")
        (self.path / "token").write_text(self.token + "\n")


def passed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of the caller's environment that COMMAND gets."""
    return {
        name: value
        for name, value in environment.items()
        if name in PASSED or name.startswith("GUP_PIN_")
    }


def command_script(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    unwanted: Sequence[str] = (),
) -> bytes:
    """The shell script that becomes COMMAND, every byte of it quoted.

    Its stderr comes as descriptor 3: were it the waiting shell's as well, that shell
    would write "Killed" and the like into it.
    The kernel hands boot parameters that it does not know to init as environment
    variables; they (unwanted) are no business of COMMAND's.
    """
    lines = ["exec 2>&3 3>&-"]
    lines += [f"unset {name}" for name in unwanted]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    lines.append(f"cd {shlex.quote(directory)} || exit 125")
    lines.append("unset OLDPWD")
    lines.append("exec setsid -- " + " ".join(shlex.quote(word) for word in command))
    return os.fsencode("\n".join(lines) + "\n")


def fstab_word(word: str) -> str:
    """A path as fstab wants it: blanks and backslashes in octal."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in word)


def fstab(out: Path | None, stock: Stock | None = None) -> str:
    """The mounts below the guest's new root, in order, for one `mount -a`."""
    mounts = [
        "overlay /mnt/root overlay lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work",
        "proc /mnt/root/proc proc defaults",
        "sysfs /mnt/root/sys sysfs defaults",
        "debugfs /mnt/root/sys/kernel/debug debugfs defaults",
        "devtmpfs /mnt/root/dev devtmpfs mode=755",
        "tmpfs /mnt/root/dev/shm tmpfs mode=1777,X-mount.mkdir",
        "devpts /mnt/root/dev/pts devpts mode=620,ptmxmode=666,X-mount.mkdir",
    ]
    if stock is not None:
        place = "/mnt/root/usr/lib/modules"
        mounts.append(f"{fstab_word(str(stock.modules))} {place} none bind,X-mount.mkdir")
    if out is not None:
        # No caching: the host looks on, and what 6.12 caches of a file that is read while
        # it grows loses lines.
        how = "9p trans=virtio,version=9p2000.L,cache=none,msize=262144"
        if stock is not None and stock.cloud:
            how = "virtiofs defaults"
        mounts.append(f"out {fstab_word('/mnt/root' + str(out))} {how}")
    return "".join(f"{mount} 0 0\n" for mount in mounts)


def _alive(run: Path) -> bool:
    """Whether the scripts/vm that made this folder still runs."""
    pid = run.name.rsplit("-", 1)[-1]
    return pid.isdigit() and Path("/proc", pid).exists()


def prune(root: Path, keep: int = KEEP) -> None:
    """Remove all but the newest folders (their names sort by time)."""
    runs = sorted(path for path in root.iterdir() if path.is_dir())
    for run in runs[:-keep]:
        if not _alive(run):
            shutil.rmtree(run, ignore_errors=True)


def create() -> RunDir:
    """Make the folder for one run, and remove the oldest ones."""
    root = paths.cache() / "vm"
    root.mkdir(parents=True, exist_ok=True)
    prune(root, KEEP - 1)
    stamp = time.strftime("%Y%m%d-%H%M%S") + f"{time.time() % 1:.6f}"[1:]
    run = RunDir(root / f"{stamp}-{os.getpid()}", secrets.token_hex(16))
    run.path.mkdir()
    return run
