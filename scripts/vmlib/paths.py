# SPDX-License-Identifier: GPL-2.0
"""Paths: the project, the cache outside the checkout, the kernels."""

from __future__ import annotations

import os
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
PROJECT = SCRIPTS.parent


def cache() -> Path:
    """Directory for everything downloaded, built or recorded (must match lib.sh)."""
    given = os.environ.get("GUP_PIN_CACHE")
    return Path(given).absolute() if given else Path.home() / ".cache" / "gup-pin"


def versions() -> list[str]:
    """The supported kernels, the default first."""
    lines = (SCRIPTS / "config" / "versions").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def build_dir(version: str, flavour: str) -> Path:
    """The build directory of one kernel."""
    return cache() / "build" / f"{version}-{flavour}"
