# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: it builds, and its manual and help are true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gup_pin_tool.files import Tool, build
from vmlib import paths


@pytest.mark.parametrize("compiler", ["gcc", "clang", "clang-19"])
def test_builds_without_a_warning(compiler: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    build(compiler, tmp_path / "gup_pin", "-O2")


@pytest.mark.parametrize("target", ["gup_pin", "install"])
def test_a_kernel_tree_builds_it(tree: Path, tmp_path: Path, target: str) -> None:
    """What is built beside it needs more of the tree than this test wants to."""
    for name in ("mm", "scripts"):
        shutil.copytree(tree / "tools" / name, tmp_path / "tools" / name)
    mm = tmp_path / "tools" / "mm"
    others = "BUILD_TARGETS=" if target == "install" else "V="
    make: list[str | Path] = ["make", "-C", mm, target, others, f"DESTDIR={tmp_path}", "sbindir=/s"]
    done = subprocess.run(make, capture_output=True, text=True, check=True)
    assert "warning" not in done.stdout + done.stderr
    assert os.access(mm / "gup_pin", os.X_OK)
    assert (tmp_path / "s" / "gup_pin").exists() == (target == "install")
    assert "gup_pin" in (mm / ".gitignore").read_text().splitlines()
    subprocess.run(["make", "-C", mm, "gup_pin_clean"], capture_output=True, check=True)
    assert not (mm / "gup_pin").exists()


def test_help(tool: Tool) -> None:
    text = tool("--help").stdout
    for command in ("top", "list", "stacks", "file PATH", "pid PID", "diff A [B]"):
        assert f"\n  {command} " in text


def test_the_manual_is_a_man_page_and_complete(tool: Tool) -> None:
    manual = (paths.PROJECT / "Documentation/admin-guide/mm/gup_pin_tool.rst").read_text()
    for option in re.findall(r"^  (-\w), (--\w+)", tool("--help").stdout, re.MULTILINE):
        assert re.search(rf"^{option[0]}[^,]*, {option[1]}", manual, re.MULTILINE), option
    rst2man = shutil.which("rst2man") or shutil.which("rst2man.py")
    if rst2man:
        command = [rst2man, "--strict"]
        done = subprocess.run(command, input=manual, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert '.TH "GUP_PIN" 8' in done.stdout or ".TH GUP_PIN 8" in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "Documentation/admin-guide/mm/gup_pin_tool.rst",
        "Documentation/admin-guide/mm/gup_pin.rst",
        "README.md",
        "tools/mm/gup_pin.c",
    ],
)
def test_a_snapshot_may_be_taken_again(text: str, folder: Path) -> None:
    """As the texts tell it: into a folder that is there, cp copies a folder's name, too."""
    written = (paths.PROJECT / text).read_text()
    commands = re.findall(r"cp -\S+ /sys/kernel/debug/gup_pin \w+", written)
    assert commands
    for command in commands:
        words = command.replace("/sys/kernel/debug/gup_pin", str(folder)).split()
        for content in ("first", "second"):
            (folder / "stats").write_text(content)
            subprocess.run(words, cwd=folder.parent, check=True)
            assert (folder.parent / words[-1] / "stats").read_text() == content
