# SPDX-License-Identifier: GPL-2.0
"""README's shell commands do what it says, as printed.

test_fresh.py runs its commands without arguments, test_examples.py those of `gup_pin`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from checklib.checkout import copy_project, project_files
from conftest import PROJECT

# Like ssh: the words after the machine's name are a command there.
SSH = """#!/bin/sh
shift
cd "$THERE" && exec sh -c "$*"
"""
# Registered buffers are pinned as long as it runs.
JOB = """
[my]
filename=/tmp/my.file
size=8M
rw=randread
ioengine=io_uring
fixedbufs=1
iodepth=8
bs=4k
time_based=1
runtime=600
"""


def lines(pattern: str) -> list[str]:
    """README's command lines that begin so, without their comments."""
    text = (PROJECT / "README.md").read_text()
    found = re.findall(rf"^    ({pattern}.*?)(?: {{2,}}#.*)?$", text, re.MULTILINE)
    assert found, f"README has no line {pattern}"
    return found


def shell(line: str, folder: Path, **env: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a line there."""
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**os.environ, **{name: str(value) for name, value in env.items()}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_sources_for_a_machine_without_git(tmp_path: Path) -> None:
    """They arrive completely, with executable files."""
    text = (PROJECT / "README.md").read_text()
    (line,) = re.findall(r"`(git archive [^`]*)`", text)
    here, there, tools = (tmp_path / name for name in ("here", "there", "bin"))
    there.mkdir()
    tools.mkdir()
    (tools / "ssh").write_text(SSH)
    (tools / "ssh").chmod(0o755)
    # This may not be a clone.
    copy_project(here)
    commit = "git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm a"
    done = shell(commit, here)
    assert done.returncode == 0, done.stderr
    done = shell(line, here, PATH=f"{tools}:{os.environ['PATH']}", THERE=there)
    assert (done.returncode, done.stderr) == (0, "")
    copy = there / "gup_pin"
    for file in project_files():
        assert (copy / file).read_bytes() == (PROJECT / file).read_bytes(), file
    assert os.access(copy / "demo", os.X_OK) and os.access(copy / "check", os.X_OK)


def test_the_program(tmp_path: Path) -> None:
    """One line builds it."""
    text = (PROJECT / "README.md").read_text()
    (line,) = re.findall(r"`(cc [^`]*gup_pin\.c)`", text)
    (tmp_path / "tools").symlink_to(PROJECT / "tools")
    done = shell(line, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert shell("./gup_pin --help", tmp_path).returncode == 0


@pytest.mark.parametrize("line", lines("scripts/vm -k 7.3 "))
def test_pins_of_a_job(line: str, tmp_path: Path, version: str) -> None:
    """The pins of a fio are shown, with this machine's files."""
    (tmp_path / "scripts").symlink_to(PROJECT / "scripts")
    (tmp_path / "my.job").write_text(JOB)
    done = shell(line.replace("-k 7.3", f"-k {version}"), tmp_path)
    assert done.returncode == 0, done
    held = [words for words in done.stdout.splitlines() if words.startswith("pfn=")]
    assert any(" comm=fio " in words for words in held), done


def test_a_driver_that_leaks(version: str, tmp_path: Path) -> None:
    """Three commands, one after the other in a shell, find its pins."""
    (build,), (load,), (find,) = lines("cc -O2 "), lines("load="), lines("scripts/vm --stock 6.12 ")
    # The program is not built into this checkout.
    script = "\n".join((build, load, find)).replace("6.12", version)
    script = script.replace("-o gup_pin ", f"-o {tmp_path}/gup_pin ")
    done = shell(script.replace("./gup_pin ", f"{tmp_path}/gup_pin "), PROJECT)
    assert re.match(r"from before, written \d+\.\ds ago, until now\nGROWTH ", done.stdout), done
    assert re.search(r"^ +\+100 +0 +100 +\+100 +gup_pin_one$", done.stdout, re.MULTILINE), done
    assert re.search(r"^ +100 +100 +100 .* both dd$", done.stdout, re.MULTILINE), done


@pytest.mark.parametrize("line", lines("scripts/vm --stock 7.3 "))
def test_the_module(line: str, version: str) -> None:
    """It is built, and loaded into Debian's kernel."""
    done = shell(line.replace("7.3", version), PROJECT)
    assert done.returncode == 0, done
    assert "hooks pin_user_pages_fast direct\n" in done.stdout


@pytest.fixture(name="home")
def fixture_home(pristine: Path, tmp_path: Path) -> Iterator[Path]:
    """A home with a copy of the pristine tree in src/linux."""
    # By hard links, on the same file system: apply must not write through them.
    home = pristine.parent / f".test-{os.getpid()}-{tmp_path.name}"
    (home / "src").mkdir(parents=True)
    try:
        subprocess.run(["cp", "-al", pristine, home / "src/linux"], check=True)
        yield home
    finally:
        shutil.rmtree(home)


def test_your_own_tree(home: Path, pristine: Path) -> None:
    """The real thing; the pristine tree behind the links is not changed."""
    tree = home / "src/linux"
    before = (pristine / "mm/gup.c").read_bytes()
    apply, audit = lines("scripts/apply ")
    done = shell(apply, PROJECT, HOME=home)
    assert done.returncode == 0, done.stderr
    assert (pristine / "mm/gup.c").read_bytes() == before
    assert not (pristine / "mm/gup_pin").exists()
    for name in ("mm/gup_pin/Kconfig", "include/linux/gup_pin.h", "Documentation/mm/gup_pin.rst"):
        assert (tree / name).read_bytes() == (PROJECT / name).read_bytes()
    assert not list(tree.glob("mm/*.orig")) + list(tree.glob("mm/*.rej"))
    done = shell(audit, PROJECT, HOME=home)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b1[0-9] functions", done.stdout)
    (users,) = lines("scripts/users ")
    done = shell(users, PROJECT, HOME=home)
    assert (done.returncode, done.stderr) == (0, "")
