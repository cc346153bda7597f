# SPDX-License-Identifier: LGPL-2.1-or-later
"""The result of pip install: the whole package, and a plugin that drgn finds."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gup_pin.report import page

PARTS = Path(__file__).resolve().parent.parent
PACKAGE = PARTS / "gup_pin"
PROJECT: dict[str, Any] = tomllib.loads((PARTS / "pyproject.toml").read_text())

# Replaces a drgn that has commands.
COMMANDS = """
def parse_shell_command(source):
    pass

def custom_command(*, name, **kwargs):
    print("command", name)
    return lambda func: func
"""
PLUGINS = """
import importlib.metadata
for point in importlib.metadata.entry_points(group="drgn.plugins"):
    print("plugin", point.name, point.load().__name__)
"""
USE = """
import json, sys
from importlib.resources import files
from pathlib import Path
import gup_pin
from gup_pin.report.page import make_page
folder = Path(gup_pin.__file__).parent
assert str(folder).startswith(sys.argv[1])
assert "<title>a</title>" in make_page("a", {})
json.loads((folder / "gup-pin-2.schema.json").read_text())
"""


def files_of(folder: Path) -> set[Path]:
    """Its files, without those that another test's Python may be writing just now."""
    found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return {path for path in found if path.is_file()}


def data_files() -> list[Path]:
    """The package's files other than code."""
    return sorted(path for path in files_of(PACKAGE) if path.suffix != ".py")


def covered(file: Path) -> bool:
    """Whether a file is package data."""
    tool = PROJECT["tool"]["setuptools"]
    folder = file.parent
    while not (folder / "__init__.py").exists():
        folder = folder.parent
    name = ".".join(folder.relative_to(PARTS).parts)
    patterns = tool["package-data"].get(name, ())
    return name in tool["packages"] and any(
        file in folder.glob(pattern) for pattern in patterns
    )


def test_all_that_is_opened_is_there() -> None:
    """The parts of the page, the schema, and the marker for types."""
    opened = [page.ASSETS / name for name in ("page.html", "style.css", *page.SCRIPTS)]
    opened += [PACKAGE / "gup-pin-2.schema.json", PACKAGE / "py.typed"]
    assert {*opened} == {*data_files()}


@pytest.mark.parametrize("file", data_files(), ids=lambda file: file.name)
def test_data_is_package_data(file: Path) -> None:
    """Otherwise pip leaves it out."""
    assert covered(file)


def test_code_is_in_packages() -> None:
    """Its folders are packages, too."""
    folders = {path.parent.relative_to(PARTS) for path in PACKAGE.rglob("*.py")}
    names = {".".join(folder.parts) for folder in folders}
    assert names == {*PROJECT["tool"]["setuptools"]["packages"]}


@pytest.fixture(name="drgn")
def _drgn(tmp_path: Path) -> Path:
    """A folder that has a drgn."""
    folder = tmp_path / "drgn"
    folder.mkdir()
    (folder / "__init__.py").write_text("class ProgramFlags: pass\n")
    (folder / "commands.py").write_text(COMMANDS)
    return tmp_path


def python(*words: str, paths: list[Path], cwd: Path) -> str:
    """The output of a Python that finds packages only there."""
    path = os.pathsep.join(map(str, paths))
    done = subprocess.run(
        [sys.executable, "-B", *words],
        env={**os.environ, "PYTHONPATH": path},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", name="installed")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder filled by the build backend, as pip would."""
    tools: Any = importlib.import_module("setuptools")
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "target"))
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build")
    shutil.copytree(PARTS, source, ignore=ignored, dirs_exist_ok=True)
    words = ["egg_info", "--egg-base", str(target), "build_py", "--build-lib"]
    setup = "import sys, setuptools; sys.argv[0] = 'setup.py'; setuptools.setup()"
    where = Path(tools.__file__).parent.parent
    python("-c", setup, *words, str(target), paths=[where], cwd=source)
    return target


def test_an_installed_package_is_whole(installed: Path, drgn: Path) -> None:
    """All files, and no others; it works from there."""
    wanted = {path.relative_to(PARTS) for path in files_of(PACKAGE)}
    parts = {path.relative_to(installed) for path in files_of(installed)}
    assert {path for path in parts if path.parts[0] == "gup_pin"} == wanted
    assert {path.parts[0] for path in parts} == {"gup_pin", "gup_pin.egg-info"}
    assert python("-c", USE, str(installed), paths=[installed, drgn], cwd=drgn) == ""


def test_drgn_finds_the_plugin(installed: Path, drgn: Path) -> None:
    """By its group of entry points; loading it registers the command."""
    out = python("-c", PLUGINS, paths=[installed, drgn], cwd=drgn)
    assert "command gup_pins\nplugin gup_pin gup_pin.plugin\n" in out


def test_the_plugin_by_its_path(drgn: Path) -> None:
    """As DRGN_PLUGINS=gup_pin=/…/gup_pin/plugin.py has it, not as part of a package."""
    run = "import runpy, sys; print(runpy.run_path(sys.argv[1])['registered'])"
    file = str(PACKAGE / "plugin.py")
    out = python("-c", run, file, paths=[drgn], cwd=drgn)
    assert out == "command gup_pins\nTrue\n"
