# SPDX-License-Identifier: GPL-2.0
"""Directory of one run: input for the guest, and the console log.

The guest shares the host's file system, so it reads these files at the same path: arguments
of any length and with any bytes arrive unchanged, which a kernel command line could not
guarantee.
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
# Links that udev or a container adds to a devtmpfs.
DEV_LINKS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}


@dataclass(frozen=True)
class RunDir:
    """Directory of one run, and the token that ends its output streams."""

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
        """Write the input for the guest into the directory."""
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
    """The shell script that executes COMMAND, with every byte quoted.

    COMMAND's stderr is descriptor 3: if the waiting shell had it, too, that shell would
    write "Killed" and the like into it. The kernel passes unknown boot parameters to init
    as environment variables; these (unwanted) are removed for COMMAND.
    """
    lines = ["exec 2>&3 3>&-"]
    lines += [f"unset {name}" for name in unwanted]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    lines.append(f"cd {shlex.quote(directory)} || exit 125")
    lines.append("unset OLDPWD")
    lines.append("exec setsid -- " + " ".join(shlex.quote(word) for word in command))
    return os.fsencode("\n".join(lines) + "\n")


def fstab_word(word: str) -> str:
    """A path in fstab format: blanks and backslashes in octal."""
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
        # No caching: the host reads the files, and 6.12 loses lines of a file that is cached
        # while it grows.
        how = "9p trans=virtio,version=9p2000.L,cache=none,msize=262144"
        if stock is not None and stock.cloud:
            how = "virtiofs defaults"
        mounts.append(f"out {fstab_word('/mnt/root' + str(out))} {how}")
    return "".join(f"{mount} 0 0\n" for mount in mounts)


def _alive(run: Path) -> bool:
    """Whether the scripts/vm that created this directory is still running."""
    pid = run.name.rsplit("-", 1)[-1]
    return pid.isdigit() and Path("/proc", pid).exists()


def prune(root: Path, keep: int = KEEP) -> None:
    """Remove all but the newest directories (their names sort by time)."""
    runs = sorted(path for path in root.iterdir() if path.is_dir())
    for run in runs[:-keep]:
        if not _alive(run):
            shutil.rmtree(run, ignore_errors=True)


def create() -> RunDir:
    """Create the directory of a run, and remove the oldest ones."""
    root = paths.cache() / "vm"
    root.mkdir(parents=True, exist_ok=True)
    prune(root, KEEP - 1)
    stamp = time.strftime("%Y%m%d-%H%M%S") + f"{time.time() % 1:.6f}"[1:]
    run = RunDir(root / f"{stamp}-{os.getpid()}", secrets.token_hex(16))
    run.path.mkdir()
    return run
