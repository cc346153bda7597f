# SPDX-License-Identifier: GPL-2.0
"""The command line of a script: its errors are one line, and status 2."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line; prog is the script, as scripts/NAME."""

    def error(self, message: str) -> NoReturn:
        name = self.prog.rpartition("/")[2]
        print(f"{name}: {message} ({self.prog} --help says more)", file=sys.stderr)
        sys.exit(2)
