# SPDX-License-Identifier: GPL-2.0
"""Shared by the host-side tests."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dumps import HELD, Dump, take_dump

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(name="open_path")
def fixture_open_path() -> Iterator[Path]:
    """A folder that all users can read, for commands that do not run as root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session", name="version")
def fixture_version() -> str:
    """The tested kernel."""
    return os.environ.get("GUP_PIN_KVER", "6.12")


@pytest.fixture(scope="session", name="tree")
def fixture_tree(version: str) -> Path:
    """The kernel tree with the project applied."""
    done = subprocess.run(
        [PROJECT / "scripts" / "tree", version], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(done.stdout.strip())


@pytest.fixture(scope="session", name="pristine")
def fixture_pristine(tree: Path, version: str) -> Path:
    """The same tree, pristine."""
    return tree.parent / f"linux-{version}"


@pytest.fixture(scope="session")
def take(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Dump]]:
    """Each dump is taken on first use, and kept for all tests."""
    dumps: dict[str, Dump] = {}
    failed: dict[str, Exception] = {}

    def get(name: str) -> Dump:
        if name in failed:
            raise failed[name]
        if name not in dumps:
            folder = tmp_path_factory.mktemp(name)
            try:
                dumps[name] = take_dump(name, folder)
            except Exception as err:
                # A failed dump takes a GB, and the next try would take one more.
                failed[name] = err
                (folder / "vmcore").unlink(missing_ok=True)
                raise
        return dumps[name]

    yield get
    for dump in dumps.values():
        dump.file.unlink()


@pytest.fixture(params=list(HELD))
def dump(request: pytest.FixtureRequest, take: Callable[[str], Dump]) -> Dump:
    """Each dump in turn."""
    return take(request.param)


@pytest.fixture
def odd_dump(take: Callable[[str], Dump]) -> Dump:
    """Any dump, where all are equally good."""
    return take("odd")
