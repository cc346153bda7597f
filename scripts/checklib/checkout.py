# SPDX-License-Identifier: GPL-2.0
"""The project's sources: list and copy them."""

from __future__ import annotations

import shutil
from pathlib import Path

from vmlib import paths

from .run import tool


def project_files() -> list[str]:
    """List the sources: in a checkout, the files that git tracks or would track."""
    if (paths.PROJECT / ".git").exists():
        listed = tool("git", "-C", paths.PROJECT, "ls-files", "-co", "--exclude-standard")
        files = listed.splitlines()
    else:
        found = paths.PROJECT.rglob("*")
        files = [str(f.relative_to(paths.PROJECT)) for f in found if not f.is_dir()]
    return [f for f in files if (paths.PROJECT / f).exists() and "__pycache__" not in f]


def copy_project(folder: Path) -> None:
    """Copy the sources, without git."""
    for file in project_files():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(paths.PROJECT / file, folder / file, follow_symlinks=False)
