# SPDX-License-Identifier: GPL-2.0
"""CONTRIBUTING.md only names files and functions that exist, and jobs that check has."""

from __future__ import annotations

import re

import pytest

from vmlib.paths import PROJECT

TEXT = (PROJECT / "CONTRIBUTING.md").read_text()
# In the picture: a function, what it does, its file.
STEPS = re.findall(r"^ {6,}(\w+)\(\) .*?(\S+\.[ch])$", TEXT, re.MULTILINE)
# Folders of names without a folder.
ROOTS = (".", "mm/gup_pin", "mm/gup_pin/kunit", "tools/testing/selftests/gup_pin")


@pytest.mark.parametrize(("function", "file"), STEPS)
def test_the_way_of_a_pin(function: str, file: str) -> None:
    """Each step is defined in its file."""
    text = (PROJECT / file).read_text()
    assert re.search(rf"^(?![ \t*]).*\b{function}\((?!.*;$)", text, re.MULTILINE)


def test_the_picture_has_steps() -> None:
    assert len(STEPS) > 10


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w./-]+(?:/|\.\w{1,5}))`", TEXT))))
def test_files(name: str) -> None:
    """Each file and folder is there."""
    assert any((PROJECT / root / name).exists() for root in ROOTS)
