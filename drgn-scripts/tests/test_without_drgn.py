# SPDX-License-Identifier: LGPL-2.1-or-later
"""The script without drgn, as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "gup_pins.py"

# A module that is not found, even if installed.
HIDE = "import sys; sys.modules['drgn'] = None; sys.argv = sys.argv[1:]; "
RUN = "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"


def run(*words: str) -> tuple[int, str, str]:
    """Status, stdout and stderr of the script."""
    done = subprocess.run(
        [sys.executable, "-c", HIDE + RUN, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=SCRIPT.parent,
        env={"PYTHONPATH": str(SCRIPT.parent)},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("verb", ["list", "status", "check"])
def test_a_verb_that_needs_drgn(verb: str) -> None:
    """One line, and the status of an error."""
    status, out, err = run(verb)
    assert (status, out) == (1, "")
    assert err.startswith("gup_pins: drgn is not installed: ")
    assert len(err.splitlines()) == 1


def test_a_mistake_is_still_a_mistake() -> None:
    """It is found before drgn is needed."""
    status, out, err = run("list", "mode=x")
    assert (status, out) == (2, "")
    assert err == (
        "gup_pins: mode=x is neither r nor w (gup_pins.py list --help says more)\n"
    )


def test_the_help() -> None:
    """It does not need drgn."""
    status, out, err = run("--help")
    assert (status, err) == (0, "") and "VERB" in out
