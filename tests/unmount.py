# SPDX-License-Identifier: GPL-2.0
"""For programs that are run in a guest: unmount what may be busy for a moment."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from hold_pins import check, libc
from patience import patiently


def unmount(folder: Path) -> None:
    """Unmount; a work item may close the last file there, after the end of its process.

    So it is with files of an io_uring. Raises OSError.
    """
    patiently(lambda: check(libc.umount2(os.fsencode(folder), 0)), errno.EBUSY)
