# SPDX-License-Identifier: GPL-2.0
"""Write the feature's files into a tree: all of them or none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from vmlib import paths

# Folders whose files have the same place in a kernel tree.
FOLDERS = ("mm", "include", "Documentation", "tools")
# Signals that end the program.
STOPPING = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


def feature_files() -> list[str]:
    """The feature's own files; from a checkout without those that git ignores."""
    project = paths.PROJECT
    git = ["git", "ls-files", "-z", "-co", "--exclude-standard", "--deduplicate", "--", *FOLDERS]
    if shutil.which("git") and not subprocess.run(
        ["git", "rev-parse", "--git-dir"], cwd=project, capture_output=True, check=False
    ).returncode:
        done = subprocess.run(git, cwd=project, stdout=subprocess.PIPE, check=True)
        names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    else:
        found = (path for folder in FOLDERS for path in (project / folder).rglob("*"))
        names = [str(p.relative_to(project)) for p in found if not p.is_dir()]
    # A file that is deleted and not committed is still listed.
    return sorted(name for name in names if (project / name).is_file())


@contextmanager
def unstopped() -> Iterator[None]:
    """Signals that end the program wait until this is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Change:
    """Files that replace those of a tree, or are new there.

    They are written beside their places first, where a full disk does no harm, and then
    renamed. If that fails in the middle, the old files come back.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stage = Path(tempfile.mkdtemp(prefix=".gup_pin-apply-", dir=root))
        self.names: list[str] = []
        # What was done, in order: files moved away, files and folders made.
        self.moved: list[str] = []
        self.made: list[Path] = []

    def _new(self, name: str) -> Path:
        path = self.stage / "new" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.names.append(name)
        return path

    def write(self, name: str, text: str) -> None:
        """A file of the tree with another text; its mode stays."""
        path = self._new(name)
        path.write_text(text, errors="surrogateescape", newline="")
        shutil.copymode(self.root / name, path)

    def copy(self, name: str, source: Path) -> None:
        """A file that is not in the tree yet."""
        shutil.copy(source, self._new(name))

    def _folders(self, folder: Path) -> None:
        """Make a folder and those above it."""
        if not folder.exists():
            self._folders(folder.parent)
            folder.mkdir()
            self.made.append(folder)

    def commit(self) -> None:
        """Rename all of them to their places; no signal comes in between."""
        with unstopped():
            self._rename()

    def _rename(self) -> None:
        try:
            for name in self.names:
                target, old = self.root / name, self.stage / "old" / name
                self._folders(target.parent)
                if target.exists() or target.is_symlink():
                    old.parent.mkdir(parents=True, exist_ok=True)
                    target.rename(old)
                    self.moved.append(name)
                (self.stage / "new" / name).rename(target)
                self.made.append(target)
        except OSError:
            self._undo()
            raise

    def _undo(self) -> None:
        for path in reversed(self.made):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
        for name in self.moved:
            (self.stage / "old" / name).rename(self.root / name)

    def close(self) -> None:
        """Remove what is left beside the files' places; no signal comes in between."""
        with unstopped():
            shutil.rmtree(self.stage, ignore_errors=True)


def install(root: Path, texts: dict[str, str]) -> None:
    """Put the feature's files and the patched files of a tree into it; raises OSError."""
    names = feature_files()
    taken = [name for name in names if (root / name).exists() or (root / name).is_symlink()]
    if taken:
        raise FileExistsError(f"{root} has {', '.join(taken)} already, which is the feature's")
    with ExitStack() as stack:
        with unstopped():
            change = Change(root)
            stack.callback(change.close)
        for name in names:
            change.copy(name, paths.PROJECT / name)
        for name, text in texts.items():
            change.write(name, text)
        change.commit()
