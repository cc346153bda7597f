# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the command says of errors: lines on stderr, and its exit status."""

from __future__ import annotations

import sys
from contextlib import suppress

from .verbs import NAME

EXIT_FINE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_ABSENT = 3
EXIT_PARTIAL = 4
# As shells report SIGINT.
EXIT_INTERRUPTED = 130


def complain(message: str) -> None:
    """Print one line to stderr; if it is closed, the exit status has to do."""
    with suppress(OSError):
        print(f"{NAME}: {message}", file=sys.stderr)
