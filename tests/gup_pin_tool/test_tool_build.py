# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: it builds, and its manual and help are correct."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gup_pin_tool.files import NCURSES, Tool, build
from vmlib import paths

# Problems of parts that are compiled as one.
STRICT = ["-Wshadow", "-Wmissing-prototypes", "-Wmissing-declarations", "-Wunused"]


# All other tests build it with sanitizers; make lint uses another compiler.
@pytest.mark.parametrize("libs", [[], NCURSES], ids=" ".join)
@pytest.mark.parametrize("flags", [["-O2"], ["-O0", *STRICT]], ids=" ".join)
def test_one_file_builds_it(flags: list[str], libs: list[str], tmp_path: Path) -> None:
    program = build("gcc", tmp_path / "gup_pin", *flags, libs=libs)
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: gup_pin ")


@pytest.mark.parametrize(
    "text",
    [
        "Documentation/admin-guide/mm/gup_pin_tool.rst",
        "README.md",
        "tools/mm/gup_pin.c",
    ],
)
def test_it_builds_as_the_texts_tell(text: str, tmp_path: Path) -> None:
    commands = re.findall(r"\bcc [^`\n]*", (paths.PROJECT / text).read_text())
    assert len(commands) == 1
    for name in ("tools", "tools/mm/gup_pin.c", "tools/mm/gup_pin_tool"):
        (tmp_path / Path(name).name).symlink_to(paths.PROJECT / name)
    subprocess.run(commands[0].split(), cwd=tmp_path, check=True)
    assert os.access(tmp_path / "gup_pin", os.X_OK)


def test_no_name_but_main_is_global(tmp_path: Path) -> None:
    """The compiler then reports unused functions."""
    unit = build("gcc", tmp_path / "gup_pin.o", "-O0", "-c")
    nm: list[str | Path] = ["nm", "--extern-only", "--defined-only", "--format=posix", unit]
    done = subprocess.run(nm, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["main"]


@pytest.fixture(name="folder_of_tree")
def fixture_folder_of_tree(tree: Path, tmp_path: Path) -> Path:
    """A kernel tree's tools/mm, with the files that its makefile needs."""
    for name in ("build", "include", "lib", "mm", "scripts"):
        shutil.copytree(tree / "tools" / name, tmp_path / "tools" / name, symlinks=True)
    return tmp_path / "tools" / "mm"


def make(folder: Path, *words: str) -> str:
    """The output of make there."""
    command: list[str | Path] = ["make", "-C", folder, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("target", ["gup_pin", "install"])
def test_a_kernel_tree_builds_it(folder_of_tree: Path, tmp_path: Path, target: str) -> None:
    """The other programs need more of the tree than this test has."""
    others = ["BUILD_TARGETS=gup_pin"] if target == "install" else []
    said = make(folder_of_tree, target, *others, f"DESTDIR={tmp_path}", "sbindir=/s")
    assert "warning" not in said
    assert os.access(folder_of_tree / "gup_pin", os.X_OK)
    assert (tmp_path / "s" / "gup_pin").exists() == (target == "install")
    libraries: list[str | Path] = ["ldd", folder_of_tree / "gup_pin"]
    done = subprocess.run(libraries, capture_output=True, text=True, check=True)
    # ncurses is installed here, so top has keys.
    assert "libncursesw" in done.stdout
    assert "gup_pin" in (folder_of_tree / ".gitignore").read_text().splitlines()
    make(folder_of_tree, "clean")
    assert not (folder_of_tree / "gup_pin").exists()


def test_a_kernel_tree_builds_it_again_when_a_part_changes(folder_of_tree: Path) -> None:
    make(folder_of_tree, "gup_pin")
    question: list[str | Path] = ["make", "-C", folder_of_tree, "-q", "gup_pin"]
    assert subprocess.run(question, capture_output=True, check=False).returncode == 0
    program = (folder_of_tree / "gup_pin").stat().st_mtime
    parts = [folder_of_tree / "gup_pin.c", *(folder_of_tree / "gup_pin_tool").glob("*.[ch]")]
    for part in parts:
        os.utime(part, (program + 1, program + 1))
        assert subprocess.run(question, capture_output=True, check=False).returncode == 1, part
        os.utime(part, (program - 1, program - 1))


def test_help(tool: Tool) -> None:
    text = tool("--help").stdout
    alone = ("top", "list", "stacks", "orphans", "hazards", "refused", "status", "metrics")
    for command in (*alone, "file PATH|INO", "task PID", "show PFN", "diff [A [B]]"):
        assert f"\n  {command} " in text


def test_the_manual_is_a_man_page_and_complete(tool: Tool) -> None:
    manual = (paths.PROJECT / "Documentation/admin-guide/mm/gup_pin_tool.rst").read_text()
    for verb in re.findall(r"^  ([a-z]+) ", tool("--help").stdout, re.MULTILINE):
        for line in (rf"\| \*\*gup_pin\*\* \[?\*\*{verb}\*\*", rf"\*\*{verb}\*\*"):
            assert re.search(f"^{line}", manual, re.MULTILINE), line
    for option in re.findall(r"^  (-\w), (--\w+)", tool("--help").stdout, re.MULTILINE):
        assert re.search(rf"^{option[0]}[^,]*, {option[1]}", manual, re.MULTILINE), option
    command = ["rst2man", "--strict"]
    done = subprocess.run(command, input=manual, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r'^\.TH "?GUP_PIN"? "?8"?', done.stdout, re.MULTILINE), done.stdout


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
    """As documented: if the folder exists, plain cp -r would copy into it."""
    written = (paths.PROJECT / text).read_text()
    commands = re.findall(r"cp -\S+ /sys/kernel/debug/gup_pin \w+", written)
    assert commands
    for command in commands:
        words = command.replace("/sys/kernel/debug/gup_pin", str(folder)).split()
        for content in ("first", "second"):
            (folder / "stats").write_text(content)
            subprocess.run(words, cwd=folder.parent, check=True)
            assert (folder.parent / words[-1] / "stats").read_text() == content
