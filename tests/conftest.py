# SPDX-License-Identifier: GPL-2.0
"""What the host-side tests share."""

import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", name="version")
def fixture_version() -> str:
    """The kernel that is tested."""
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
    """The same tree as its distributor made it."""
    return tree.parent / f"linux-{version}"
