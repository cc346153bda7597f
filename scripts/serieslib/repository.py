# SPDX-License-Identifier: GPL-2.0
"""A git repository of the files that the series changes, with a commit for each patch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

from applylib import judge, patchfile
from applylib.fit import fit
from applylib.install import feature_files
from vmlib import paths

from .files import Files
from .hunks import Hunks
from .places import Places, is_ours
from .table import Series, TableError, load
from .upstream import of_version


class SeriesError(Exception):
    """The series cannot be made; the message is for the user."""


def sources(series: Series, version: str) -> dict[str, str]:
    """All files that scripts/apply puts into a tree, by path, in their upstream form.

    Raises TableError if a replacement of the table does not match.
    """
    found = {name: (paths.PROJECT / name).read_text() for name in feature_files()}
    found = {
        name: of_version(text, version) if is_ours(name) else text for name, text in found.items()
    }
    for one in series.upstream:
        if found.get(one.file, "").count(one.new) != 1:
            raise TableError(f"{one.file} has not once {one.new!r}")
        found[one.file] = found[one.file].replace(one.new, one.old)
    return found


class Repository:
    """The commits."""

    def __init__(self, version: str, folder: Path) -> None:
        """For a supported kernel, in a new folder. Raises TableError."""
        self.version = version
        self.folder = folder
        self.series: Series = load()
        self.places = Places(self.series, sources(self.series, version))
        self.files = Files(self.places)
        self.hunks = Hunks(self.places, patchfile.load(judge.PATCHES / f"{version}.patch"))
        self.pristine = paths.cache() / "src" / f"linux-{version}"
        # the kernel's files as they were, and all files as they are in the folder
        self._old: dict[str, str] = {}
        self._written: dict[str, str] = {}

    def git(self, *arguments: str, given: str | None = None) -> str:
        """Run git in the repository. Raises SeriesError."""
        environment = os.environ | {"GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
        run = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise SeriesError(f"git {arguments[0]}: {run.stderr.strip() or run.stdout.strip()}")
        return run.stdout

    def begin(self) -> None:
        """The first commit: the kernel's files that the series changes.

        Raises SeriesError, also if git has no name for Signed-off-by.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "series")
        for role in ("AUTHOR", "COMMITTER"):
            self._identity(role)
        for file in self.hunks.files:
            self._old[file.name] = (self.pristine / file.name).read_text()
            self._write(file.name, self._old[file.name])
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", f"linux {self.version}: the files that the series changes")

    def _identity(self, role: str) -> None:
        """Check that git has a configured name and address, not only the machine's defaults."""
        for key in ("name", "email"):
            known = subprocess.run(
                ["git", "config", f"user.{key}"], cwd=self.folder, capture_output=True, check=False
            )
            if known.returncode and not os.environ.get(f"GIT_{role}_{key.upper()}"):
                raise SeriesError(
                    f"git has no name for Signed-off-by: git config --global user.{key} ..."
                )

    def _write(self, path: str, text: str) -> None:
        """Write a file, unless it is so already."""
        if self._written.get(path) == text:
            return
        self._written[path] = text
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if path in self.places.sources and os.access(paths.PROJECT / path, os.X_OK):
            target.chmod(0o755)

    def write(self, number: int) -> None:
        """The files after a patch. Raises SeriesError and Cut."""
        for file in self.hunks.files:
            text, misfits = fit(self.hunks.at(file, number), self._old[file.name])
            if misfits:
                raise SeriesError(f"patch {number + 1}: {judge.where(misfits[0])}")
            self._write(file.name, text)
        for path in self.places.sources:
            new = self.files.at(path, number)
            if new is not None:
                self._write(path, new)

    def commit(self, number: int) -> None:
        """The files after a patch, as a commit."""
        patch = self.series.patches[number]
        self.write(number)
        self.git("add", "-A", "-f")
        if not self.git("diff", "--cached", "--name-only"):
            raise SeriesError(f"patch {number + 1} ({patch.subject}) changes nothing")
        message = f"{patch.subject}\n\n{_filled(patch.body)}"
        self.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-s", "-F", "-", given=message)

    def format(self, folder: Path) -> list[Path]:
        """The series as files, with its cover letter."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        first = self.git("rev-list", "--max-parents=0", "HEAD").strip()
        self.git("format-patch", "-q", "--cover-letter", "--stat=72,60", "-o", str(folder), first)
        cover = folder / "0000-cover-letter.patch"
        text = cover.read_text()
        text = text.replace("*** SUBJECT HERE ***", self.series.subject)
        text = text.replace("*** BLURB HERE ***", _filled(self.series.body).rstrip("\n"))
        cover.write_text(text)
        return sorted(folder.iterdir())


def _filled(text: str) -> str:
    """Paragraphs of at most 72 columns; indented lines stay."""
    parts = re.split(r"\n{2,}", text.strip("\n"))
    filled = [
        part if part.startswith(" ") else textwrap.fill(part, 72, break_on_hyphens=False)
        for part in parts
    ]
    return "\n\n".join(filled) + "\n"
