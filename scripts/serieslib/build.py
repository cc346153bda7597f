# SPDX-License-Identifier: GPL-2.0
"""Build the kernel of each patch of the series, in its own tree and cache."""

from __future__ import annotations

import os
import subprocess

from vmlib import paths

from .repository import Repository, SeriesError


class Kernel:
    """A tree with the files of a repository's folder, and its builds."""

    def __init__(self, repository: Repository, flavour: str) -> None:
        """With the configuration of a flavour, as far as a patch has its options."""
        self.repository = repository
        base = repository.folder.parent
        self.tree = base / "tree"
        self.cache = base / "cache"
        self.build = self.cache / "build" / f"{repository.version}-{flavour}"
        self.log = base / "build.log"
        self.flavour = flavour
        self.present: set[str] = set()

    def begin(self) -> None:
        """A tree of hard links, and a cache with everything of the other's except kernels."""
        subprocess.run(["rm", "-rf", self.tree], check=True)
        subprocess.run(["cp", "-al", self.repository.pristine, self.tree], check=True)
        self.build.mkdir(parents=True, exist_ok=True)
        for entry in paths.cache().iterdir():
            here = self.cache / entry.name
            if entry.name not in ("build", "series") and not here.is_symlink():
                here.symlink_to(entry)

    def _update(self) -> None:
        """Give the tree the repository's files; only files that differ get a new time."""
        folder = self.repository.folder
        listed = self.repository.git("ls-files", "-z").split("\0")
        files = {name for name in listed if name}
        for name in sorted(files):
            new, old = folder / name, self.tree / name
            if old.exists() and old.read_bytes() == new.read_bytes():
                continue
            old.parent.mkdir(parents=True, exist_ok=True)
            # replaced by rename: the old one belongs to the pristine tree, too
            fresh = old.with_name(old.name + ".series-new")
            fresh.write_bytes(new.read_bytes())
            fresh.chmod(new.stat().st_mode & 0o777)
            fresh.replace(old)
        for name in self.present - files:
            (self.tree / name).unlink(missing_ok=True)
        self.present = files

    def _make(self, *words: str, **more: str) -> None:
        environment = os.environ | {
            "CCACHE_DIR": str(paths.cache() / "ccache"),
            "CCACHE_NOHASHDIR": "1",
            "CCACHE_DEPEND": "1",
            "KBUILD_BUILD_TIMESTAMP": "@0",
            **more,
        }
        command = ["make", "-C", str(self.tree), f"O={self.build}", "CC=ccache gcc", *words]
        with self.log.open("w") as log:
            run = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if run.returncode:
            lines = [x for x in self.log.read_text(errors="replace").splitlines() if "rror" in x]
            raise SeriesError("\n".join([f"make {' '.join(words)} failed", *lines[:20]]))

    def make(self) -> str:
        """Build the kernel of the checked-out patch; returns the compiler's warnings.

        Raises SeriesError with the compiler's errors.
        """
        self._update()
        words = """
            source "$1/lib.sh"; source "$1/configure.sh"
            merge_fragments "$2" "$3" | sed 's/^CONFIG_LOCALVERSION=.*//'
        """
        merged = subprocess.run(
            ["bash", "-c", words, "_", paths.SCRIPTS, self.repository.version, self.flavour],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        wanted = self.build / "series.config"
        wanted.write_text(merged)
        self._make("allnoconfig", KCONFIG_ALLCONFIG=str(wanted))
        self._make(f"-j{len(os.sched_getaffinity(0)) + 1}", "vmlinux")
        log = self.log.read_text(errors="replace").splitlines()
        return "\n".join(x for x in log if "gup_pin" in x and "warning:" in x)
