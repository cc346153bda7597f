# SPDX-License-Identifier: GPL-2.0
"""Build mutants: in a copy of the project and of its build directories.

Compilers are given absolute paths, so a build directory at another path would be rebuilt
from scratch. Therefore tree and build directory are copies that a mount namespace shows at
the original paths in the cache. Only files that a mutation affects are compiled.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from checklib.checkout import copy_project
from checklib.run import tool
from vmlib import paths

# $1: the cache; $2: our directory in it; $3: the kernel version; then the builds, "--" and a
# command.
ENTER = """
cache=$1 place=$2 version=$3
shift 3
mount --bind "$cache/src/linux-$version" "$place/src/linux-$version"
mount --rbind "$place/src" "$cache/src"
mount --bind "$place/lock" "$cache/lock"
while [ "$1" != -- ]; do
    mount --bind "$place/build/$1" "$cache/build/$1"
    shift
done
shift
exec "$@"
"""


def place() -> Path:
    """Our directory in the cache."""
    return paths.cache() / "mutate"


def project() -> Path:
    """The copy of the sources, as seen inside the namespace."""
    return place() / "project"


def _copy(lock: str, source: Path, target: Path, *options: str) -> None:
    """Copy a directory, if there is no copy yet, while nothing changes it."""
    if target.exists():
        return
    partial = target.with_name(f".{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    tool("flock", paths.cache() / "lock" / lock, "cp", "-a", *options, source, partial)
    partial.rename(target)


def prepare(version: str, flavours: Sequence[str]) -> None:
    """Create what is missing. The kernels must have been built. Raises Failed."""
    tree = f"linux-{version}-gup_pin"
    source = paths.cache() / "src"
    (place() / "src" / f"linux-{version}").mkdir(parents=True, exist_ok=True)
    (place() / "lock").mkdir(exist_ok=True)
    # With hard links, like scripts/tree: files are replaced when they change.
    _copy(f"tree-{version}", source / tree, place() / "src" / tree, "--link")
    for file in ("manifest", "kernel-state", "state"):
        if not (place() / "src" / f"{tree}.{file}").exists():
            shutil.copy2(source / f"{tree}.{file}", place() / "src")
    for flavour in flavours:
        build = paths.build_dir(version, flavour)
        _copy(f"kernel-{build.name}", build, place() / "build" / build.name)


def copy_sources() -> None:
    """Recreate the copy of the sources; called inside, where nothing else uses it."""
    shutil.rmtree(project(), ignore_errors=True)
    copy_project(project())


def inside(version: str, flavours: Sequence[str], command: Sequence[str | Path]) -> list[str]:
    """Command line that runs a command with the copies at the original paths."""
    builds = [paths.build_dir(version, flavour).name for flavour in flavours]
    words = ["flock", place() / "lock" / "mutate", "unshare", "--mount", "sh", "-ec", ENTER]
    words += ["sh", paths.cache(), place(), version, *builds, "--", *command]
    return [str(word) for word in words]
