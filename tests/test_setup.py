# SPDX-License-Identifier: GPL-2.0
"""scripts/setup with every state of dpkg; apt and dpkg are mocks here."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from not_root import NOT_ROOT
from vmlib import paths

# Each keeps its packages in $WORLD/packages: name|architecture|selection|state|error flag.
FAKES = {
    "dpkg-query": """
shift 3
for name; do
    grep "^$name|" "$WORLD/packages"
done
grep -q . "$WORLD/packages"
""",
    "dpkg": """
case $1 in
--print-architecture) echo amd64 ;;
--configure)
    echo "dpkg $*" >>"$WORLD/calls"
    if [ -e "$WORLD/cannot-configure" ]; then
        echo "E: dpkg says no"
        exit 1
    fi
    sed -i -E 's/\\|(unpacked|half-configured|triggers-awaited|triggers-pending)\\|/|installed|/' \
        "$WORLD/packages" ;;
esac
""",
    "apt-get": """
echo "apt-get $*" >>"$WORLD/calls"
case "$*" in
*" install "*)
    if [ -e "$WORLD/apt-says" ]; then
        cat "$WORLD/apt-says"
        exit 100
    fi
    [ ! -e "$WORLD/apt-lies" ] || exit 0
    for name; do
        if grep -q "^$name|amd64|" "$WORLD/packages" || ! grep -q "^$name|" "$WORLD/packages"; then
            sed -i "/^$name|amd64|/d" "$WORLD/packages"
            echo "$name|amd64|install|installed|ok" >>"$WORLD/packages"
        else
            echo "$name|amd64|install|installed|ok" >>"$WORLD/packages"
        fi
    done ;;
esac
""",
}


# A short package list in the real format.
TABLE = """\
# GROUP PACKAGE THING...
base bison bison
base flex flex

base libelf-dev gelf.h,elf
base python3 python3 py:json
check strace strace
"""
BASE = ["bison", "flex", "libelf-dev", "python3"]


@dataclass
class World:
    """A mock machine."""

    folder: Path

    def packages(self, **states: str) -> None:
        """All of group base installed, with changes: name_ for name-, state or rows."""
        rows = {name: f"{name}|amd64|install|installed|ok" for name in BASE}
        for name, row in states.items():
            package = name.replace("_", "-")
            whole = row if "|" in row else f"amd64|install|{row}|ok"
            rows[package] = "\n".join(f"{package}|{one}" for one in whole.split("\n") if one)
        text = "\n".join(row for row in rows.values() if row)
        (self.folder / "packages").write_text(text + "\n")

    def calls(self) -> list[str]:
        """The requests to dpkg and apt-get since the last call."""
        file = self.folder / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def installs(self) -> list[str]:
        """The packages that apt-get was asked to install, after its options."""
        words = [call.partition(" install ")[2] for call in self.calls() if " install " in call]
        assert len(words) <= 1
        return words[0].split()[3:] if words else []

    def setup(self, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run scripts/setup on this machine."""
        env = {
            "PATH": f"{self.folder}/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "WORLD": str(self.folder),
            "GUP_PIN_CACHE": str(self.folder / "cache"),
        }
        command = [*before, str(self.folder / "scripts/setup"), *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def refused(self, *words: str, before: tuple[str, ...] = ()) -> str:
        """Run it; the one line with the reason of its failure."""
        done = self.setup(*words, before=before)
        assert done.returncode == 1, done.stderr
        assert done.stdout == ""
        lines = [line for line in done.stderr.splitlines() if "setup: installing " not in line]
        assert len(lines) == 1, done.stderr
        return lines[0]


@pytest.fixture(name="world")
def fixture_world(open_path: Path) -> World:
    """A machine where everything is installed."""
    folder = open_path / "bin"
    folder.mkdir()
    for name, text in FAKES.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    config = open_path / "scripts/config"
    config.mkdir(parents=True)
    for name in ("setup", "lib.sh", "config/versions"):
        shutil.copy(paths.SCRIPTS / name, open_path / "scripts" / name)
    (config / "packages").write_text(TABLE)
    world = World(open_path)
    world.packages()
    return world


def test_all_installed_is_nothing_to_do(world: World) -> None:
    done = world.setup()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert world.calls() == []


UNFINISHED = ["unpacked", "half-configured", "triggers-awaited", "triggers-pending"]


@pytest.mark.parametrize(
    "state", ["not-installed", "config-files", "half-installed", *UNFINISHED]
)
def test_only_installed_is_installed(world: World, state: str) -> None:
    world.packages(flex=state)
    done = world.setup()
    assert done.returncode == 0, done.stderr
    assert done.stderr == "setup: installing flex\n"
    calls = world.calls()
    finished = any(call.startswith("dpkg --configure") for call in calls)
    assert finished == (state in UNFINISHED)
    assert any("--reinstall" in call for call in calls) == (state == "half-installed")
    assert all("--no-remove" in call for call in calls if " install " in call)
    assert "flex|amd64|install|installed|ok" in (world.folder / "packages").read_text()
    assert world.setup().stderr == ""
    assert world.calls() == []


@pytest.mark.parametrize(
    "row",
    [
        "",
        "amd64|unknown|not-installed|ok",
        "amd64|deinstall|config-files|ok",
        "amd64|purge|not-installed|ok",
        "amd64|install|installed|reinstreq",
    ],
)
def test_whatever_the_rest_of_its_state(world: World, row: str) -> None:
    world.packages(flex=row)
    done = world.setup()
    assert (done.returncode, done.stderr) == (0, "setup: installing flex\n")


@pytest.mark.parametrize(
    "row",
    [
        "amd64|hold|installed|ok",
        "all|install|installed|ok",
        "amd64|deinstall|installed|ok",
        "amd64|install|installed|ok\ni386|install|installed|ok",
        "i386|install|installed|ok\namd64|install|installed|ok",
        "i386|install|config-files|ok\namd64|install|installed|ok",
    ],
)
def test_installed_is_installed(world: World, row: str) -> None:
    world.packages(flex=row)
    done = world.setup()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "row",
    [
        "i386|install|installed|ok",
        "i386|install|installed|ok\namd64|install|config-files|ok",
        "amd64|install|not-installed|ok\ni386|install|installed|ok",
    ],
)
def test_another_architecture_does_not_count(world: World, row: str) -> None:
    world.packages(libelf_dev=row)
    done = world.setup()
    assert (done.returncode, done.stderr) == (0, "setup: installing libelf-dev\n")


@pytest.mark.parametrize("state", ["not-installed", "config-files"])
def test_a_package_on_hold_is_the_users(world: World, state: str) -> None:
    world.packages(flex=f"amd64|hold|{state}|ok")
    assert "apt-mark unhold flex" in world.refused()
    assert world.installs() == []


def test_all_that_is_missing_is_installed_at_once(world: World) -> None:
    (world.folder / "packages").write_text("\n")
    done = world.setup()
    assert done.returncode == 0, done.stderr
    assert world.installs() == BASE


def test_a_group_is_asked_for(world: World) -> None:
    done = world.setup("check")
    assert world.installs() == ["strace"]
    assert done.returncode == 0, done.stderr
    done = world.setup("chekc")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_without_root_it_says_what_is_missing(world: World) -> None:
    world.packages(flex="", bison="not-installed")
    line = world.refused(before=NOT_ROOT)
    assert line == "setup: not root: cannot install bison flex"
    world.packages()
    assert world.setup(before=NOT_ROOT).returncode == 0


@pytest.mark.parametrize(
    ("says", "line"),
    [
        ("Err:1 x\n  Temporary failure resolving 'mirror.invalid'\nE: Failed to fetch x",
         r"cannot install flex: no network(, or no answer from the proxy .*)?: Err:1 x"),
        ("W: Failed to write - write (28: No space left on device)\nE: x",
         r"cannot install flex: a disk is full: .* left on /"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.",
         r"cannot install flex: a disk is full: "),
        ("E: Unable to locate package x", "cannot install flex: E: Unable to locate package x"),
        ("E: Packages need to be removed but remove is disabled.",
         r"cannot install flex: E: Packages need to be removed"),
    ],
)  # fmt: skip
def test_what_apt_complains_of_is_one_line(world: World, says: str, line: str) -> None:
    world.packages(flex="not-installed")
    (world.folder / "apt-says").write_text(f"Reading lists\n{says}\n")
    assert re.match(f"setup: {line}", world.refused())


def test_a_proxy_that_does_not_answer_is_named(world: World) -> None:
    world.packages(flex="not-installed")
    (world.folder / "apt-says").write_text("E: Could not connect to 192.0.2.1:3128\n")
    proxy = "env", "http_proxy=http://192.0.2.1:3128/"
    assert "or no answer from the proxy http://192.0.2.1:3128/" in world.refused(before=proxy)


def test_dpkg_that_cannot_finish_is_told(world: World) -> None:
    world.packages(flex="unpacked")
    (world.folder / "cannot-configure").touch()
    assert "dpkg --configure -a failed: E: dpkg says no" in world.refused()


def test_apt_that_installed_nothing_is_not_believed(world: World) -> None:
    world.packages(flex="not-installed")
    (world.folder / "apt-lies").touch()
    assert world.refused().startswith("setup: still not installed: flex")


@pytest.mark.parametrize(
    ("row", "lacks"),
    [
        ("flex gup-pin-none", "flex (has no gup-pin-none)"),
        ("flex flex gup_pin_none.h", "flex (has no <gup_pin_none.h>)"),
        ("flex stdio.h,gup_pin_none", "flex (has no <stdio.h>)"),
        ("flex py:gup_pin_none", "flex (has no python3 module gup_pin_none)"),
    ],
)
def test_what_a_package_does_not_bring_is_told_by_name(world: World, row: str, lacks: str) -> None:
    """A package list with a missing entry fails here, not twenty minutes later."""
    (world.folder / "scripts/config/packages").write_text(f"{TABLE}base {row}\n")
    assert world.refused().startswith(f"setup: installed, but does not work: {lacks}; PATH is ")
    assert world.refused()


def test_the_list_has_each_package_once_and_in_a_known_group() -> None:
    lines = (paths.SCRIPTS / "config/packages").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    packages = [row[1] for row in rows]
    assert len(packages) == len(set(packages))
    groups = {"try", "base", "check", "lint", "browser", "suites"}
    assert {row[0] for row in rows} == groups
    assert all(len(row) > 2 for row in rows)


def why(folder: Path, log: str) -> str:
    """The reason that scripts/lib.sh finds in a log."""
    (folder / "log").write_text(log)
    script = f'source {paths.SCRIPTS}/lib.sh; CACHE=$1; why "$1/log"'
    command = ["bash", "-c", script, "bash", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "log",
    [
        "x.c:407:2: error: bad\n  407 |         bad;\nmake: *** [x.o] Error 1\n",
        "x.o: warning: objtool: f+0x1: unreachable instruction\nmake: *** [x.o] Error 1\n",
        "x.c:1:2: error: 'ENOSPC' undeclared\nmake: *** [x.o] Error 1\n",
        "x.c:1:2: error: 'ECONNRESET' undeclared\nmake: *** [x.o] Error 1\n",
    ],
)
def test_a_compiler_does_not_complain_of_network_or_disk(tmp_path: Path, log: str) -> None:
    assert why(tmp_path, log) == "make: *** [x.o] Error 1\n"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("Err:1 x\n  407  Proxy Authentication Required\n", "no network"),
        ("E: x (101: Network is unreachable)\n", "no network"),
        ("cc1: error: No space left on device\n", "a disk is full: "),
    ],
)
def test_what_does_is_understood(tmp_path: Path, log: str, reason: str) -> None:
    assert why(tmp_path, log).startswith(reason)
