# SPDX-License-Identifier: GPL-2.0
"""A terminal by tmux: presses keys and reads the screen."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

# Far longer than anything takes: the text appears, or the test fails.
PATIENCE = 300


class Terminal:
    """Runs a command in a terminal of a given size."""

    def __init__(self, folder: Path, command: str, columns: int = 80, lines: int = 24) -> None:
        self.tmux: list[str | Path] = ["tmux", "-f", "/dev/null", "-S", folder / "tmux"]
        size = ["-x", str(columns), "-y", str(lines)]
        # The exit status is shown last.
        shell = f"{command}; echo status=$?; exec sleep 1000"
        # Python's readline module exports a size of its own, which ncurses would believe.
        env = ["env", "-u", "COLUMNS", "-u", "LINES", "LC_ALL=C.UTF-8"]
        self.do("new-session", "-d", *size, *env, "sh", "-c", shell)

    def do(self, *words: str) -> str:
        """Run a tmux command."""
        done = subprocess.run([*self.tmux, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press them."""
        self.do("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text, letter by letter."""
        self.do("send-keys", "-l", text)

    def resize(self, columns: int, lines: int) -> None:
        """Change its size."""
        self.do("resize-window", "-x", str(columns), "-y", str(lines))

    def lines(self) -> list[str]:
        """The content of the screen."""
        return self.do("capture-pane", "-p").split("\n")

    def until(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Wait until a condition holds for the screen."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if seen(lines := self.lines()):
                return lines
            time.sleep(0.05)
        raise TimeoutError("\n".join(self.lines()))

    def until_text(self, text: str) -> list[str]:
        """Wait until a line has a text."""
        return self.until(lambda lines: any(text in line for line in lines))

    def end(self) -> None:
        """End everything that runs in it."""
        self.do("kill-server")
