# SPDX-License-Identifier: GPL-2.0
"""A Debian kernel: the files to boot, and the initramfs that finds the root.

Such a kernel has 9P or overlayfs only as modules. The initramfs loads them, mounts this
machine's files at the place where the project's own kernels have them, and continues
there with the same scripts/vm-init.
"""

from __future__ import annotations

import lzma
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import cpio, paths


class StockError(Exception):
    """There is no such kernel, and it could not be downloaded."""


@dataclass(frozen=True)
class Stock:
    """A kernel: its version, its Debian release, and its flavour.

    cloud: the one for virtual machines, which has no 9P, but virtiofs; root: a Debian in
    which it is installed, with busybox-static, instead of a download.
    """

    version: str
    suite: str
    cloud: bool
    root: Path | None = None

    @property
    def flavour(self) -> str:
        """The name that scripts/fetch-stock uses."""
        return "cloud" if self.cloud else "generic"

    @property
    def file_system(self) -> str:
        """The file system type of this machine's files in the guest."""
        return "virtiofs" if self.cloud else "9p"

    @property
    def folder(self) -> Path:
        """The folder of scripts/fetch-stock, or of the installed kernel."""
        return self.root or paths.cache() / "stock" / f"{self.version}-{self.suite}-{self.flavour}"

    @property
    def release(self) -> str:
        """Its name, as in uname -r."""
        if self.root is None:
            return (self.folder / "release").read_text().strip()
        names = [folder.name for folder in self.modules.iterdir()]
        if len(names) != 1:
            raise StockError(f"{self.root} has not one kernel but {len(names)}")
        return names[0]

    @property
    def kernel(self) -> Path:
        """The kernel for QEMU."""
        return self.folder / "vmlinuz"

    @property
    def config(self) -> str:
        """The text of its configuration."""
        since_7 = self.modules / self.release / "config"
        before = self.folder / "boot" / f"config-{self.release}"
        return (since_7 if since_7.exists() else before).read_text()

    @property
    def modules(self) -> Path:
        """The folder that the guest needs as /lib/modules."""
        return self.folder / "lib" / "modules"


def choices() -> list[tuple[str, str]]:
    """Versions, and Debian releases that have them."""
    lines = (paths.SCRIPTS / "config" / "stock").read_text().splitlines()
    pairs = [line.split() for line in lines if line and not line.startswith("#")]
    return [(version, suite) for version, suite in pairs]


def default_suite(version: str, known: Sequence[tuple[str, str]], os_release: str) -> str:
    """The Debian release to use for a version: this machine's own if it has it."""
    suites = [suite for v, suite in known if v == version]
    found = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", os_release, re.MULTILINE)
    return found[1] if found and found[1] in suites else suites[0]


def fetch(stock: Stock) -> None:
    """Download a kernel if necessary. Raises StockError."""
    if stock.root is not None:
        return
    command = [str(paths.SCRIPTS / "fetch-stock"), stock.version, stock.suite, stock.flavour]
    if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise StockError("there is no such kernel (see above)")


def load_order(dependencies: str, wanted: Sequence[str]) -> list[str]:
    """The files of modules and their dependencies, in load order.

    dependencies: text of modules.dep; wanted: names of modules; built-in ones do not
    appear there.
    """
    needs: dict[str, list[str]] = {}
    by_name: dict[str, str] = {}
    for line in dependencies.splitlines():
        file, _, rest = line.partition(":")
        needs[file] = rest.split()
        by_name[Path(file).name.partition(".")[0].replace("-", "_")] = file
    order: list[str] = []
    for name in wanted:
        file = by_name.get(name, "")
        # modules.dep lists them in the order of removal.
        order += [f for f in [*reversed(needs.get(file, [])), file] if f and f not in order]
    return order


def _module(file: Path) -> bytes:
    data = file.read_bytes()
    return lzma.decompress(data) if file.suffix == ".xz" else data


def initramfs(stock: Stock, dumped: bool = False) -> bytes:
    """The archive for QEMU's -initrd; dumped: for a guest whose memory will be dumped."""
    modules = stock.modules / stock.release
    wanted = ["overlay"] if stock.cloud else ["9p", "9pnet_virtio", "overlay"]
    if dumped:
        # The kernel passes VMCOREINFO to QEMU with it, without which drgn cannot read a dump.
        wanted.append("qemu_fw_cfg")
    files = load_order((modules / "modules.dep").read_text(), wanted)
    entries = [
        *(cpio.folder(name) for name in ("bin", "dev", "modules", "root")),
        cpio.terminal("dev/console", 5, 1),
        cpio.program("bin/busybox", (stock.folder / "bin" / "busybox").read_bytes()),
        cpio.program("init", (paths.SCRIPTS / "stock-init").read_bytes()),
    ]
    for number, file in enumerate(files):
        # Numbered, because the shell sorts them by name.
        path = f"modules/{number:02}-{Path(file).name.removesuffix('.xz')}"
        entries.append(cpio.program(path, _module(modules / file)))
    return cpio.archive(entries)
