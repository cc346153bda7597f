# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: it builds, and its manual and help are correct."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gup_pin_tool.files import NCURSES, RXE, STACKS, Tool, build, stack, write
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
    assert len(set(commands)) == 1
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


OPERANDS = {"file": "PATH|INO", "task": "PID", "show": "PFN", "diff": "[A [B]]"}


def verbs(tool: Tool) -> list[str]:
    """The commands, by the help."""
    return re.findall(r"^  ([a-z]+) ", tool("--help").stdout, re.MULTILINE)


def test_help(tool: Tool) -> None:
    text = tool("--help").stdout
    assert text == tool("help").stdout == tool("-h").stdout
    alone = ("top", "list", "stacks", "orphans", "hazards", "refused", "status", "metrics")
    for command in (*alone, *(f"{verb} {word}" for verb, word in OPERANDS.items())):
        assert f"\n  {command} " in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_of_a_command(tool: Tool, program: Path, tmp_path: Path) -> None:
    """Its own part only: each option that it takes, and no other."""
    values = {"--by": "comm", "--sort": "pins", "--limit": "1", "--delay": "1", "--rounds": "1"}
    options = set(re.findall(r"--[a-z]+(?:-stacks)?", tool("--help").stdout)) - {"--help"}
    assert {"--no-stacks", "--folded", "--output"} <= options
    for verb in verbs(tool):
        text = tool(verb, "--help").stdout
        assert text == tool("help", verb).stdout == tool("-h", verb, "comm=fio").stdout
        operand = f" {OPERANDS[verb]}" if verb in OPERANDS else ""
        assert text.startswith(f"usage: gup_pin {verb}{operand}")
        assert max(map(len, text.splitlines())) <= 80
        for option in options:
            value = [values.get(option, "none")] * (option in {*values, "--from", "--output"})
            words = [verb, *["1"] * (verb in OPERANDS and verb != "diff"), option, *value]
            done = subprocess.run(
                [program, *words], capture_output=True, text=True, check=False, cwd=tmp_path
            )
            refused = f"{verb} has no {option}" in done.stderr
            assert (f" {option} " in f"{text} ".replace("\n", " ")) != refused, (verb, option)
    assert "usage: gup_pin task PID" in tool("help", "pid").stdout
    assert "unknown command 'nothing'" in tool("help", "nothing", status=2).stderr


# Words of a line that say what they are, or are explained as filters.
PLAIN = {"called", "by", "comm", "owner", "stack"}


@pytest.mark.parametrize("verb", ["top", "list", "stacks", "list --by comm", "stacks --by comm"])
def test_help_explains_all_columns(tool: Tool, folder: Path, verb: str) -> None:
    write(folder / "stats", "enabled 1", "untracked 7", "hazard_x 3", "memory_bytes 1")
    later = {"acquired": 9, "peak": 8, "guessed": 7}
    write(folder / "stacks", STACKS, stack(RXE, stack="0x2", **later))
    lines = tool(*verb.split(), "-f", folder).stdout.splitlines()[: 1 + (verb == "top")]
    found = r"\b[A-Z]{2,}\b|\b[a-z_]{3,}(?= \d)|(?<=\d )[a-z]{3,}(?=,)"
    words = {word.lower() for word in re.findall(found, "\n".join(lines))} - PLAIN
    assert len(words) >= 5, lines
    text = tool("help", verb.split(maxsplit=1)[0]).stdout
    assert words <= {word.lower() for word in re.findall(r"\w+", text)}


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
