# SPDX-License-Identifier: GPL-2.0
"""A terminal whose keys are pressed and whose screen is read, by tmux."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# Far longer than anything takes here: what is waited for comes, or the test fails.
PATIENCE = 300


class Terminal:
    """Runs a command in a terminal of some size."""

    def __init__(self, folder: Path, command: str, columns: int = 80, lines: int = 24) -> None:
        self.tmux: list[str | Path] = ["tmux", "-f", "/dev/null", "-S", folder / "tmux"]
        size = ["-x", str(columns), "-y", str(lines)]
        # What the command ends with is the last that is seen.
        shell = f"{command}; echo status=$?; exec sleep 1000"
        self.do("new-session", "-d", *size, "env", "LC_ALL=C.UTF-8", "sh", "-c", shell)

    def do(self, *words: str) -> str:
        """A command of tmux."""
        done = subprocess.run([*self.tmux, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press them."""
        self.do("send-keys", *keys)

    def type(self, text: str) -> None:
        """The same, letter by letter."""
        self.do("send-keys", "-l", text)

    def resize(self, columns: int, lines: int) -> None:
        """Make it another size."""
        self.do("resize-window", "-x", str(columns), "-y", str(lines))

    def lines(self) -> list[str]:
        """What is on the screen."""
        return self.do("capture-pane", "-p").split("\n")

    def until(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Wait until that is on the screen."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if seen(lines := self.lines()):
                return lines
            time.sleep(0.05)
        raise TimeoutError("\n".join(self.lines()))

    def until_text(self, text: str) -> list[str]:
        """The same for a text on some line."""
        return self.until(lambda lines: any(text in line for line in lines))

    def end(self) -> None:
        """End all that runs in it."""
        self.do("kill-server")
