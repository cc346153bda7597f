# SPDX-License-Identifier: GPL-2.0
"""Steps that livepatch a hooked function."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from . import module
from .tracers import Step, wait_for

NAME = "gup_pin_patch"
SYSFS = Path("/sys/kernel/livepatch") / NAME


class Patch(Step):
    """A livepatch of a function that the module needs."""

    words = "function=unpin_user_page"
    no_module = errno.EBUSY
    refused = True

    def on(self) -> bool:
        try:
            module.load(self.patch, self.words)
        except OSError as error:
            if error.errno == errno.EBUSY:
                return False
            raise
        wait_for("the live patch", lambda: not int((SYSFS / "transition").read_text()))
        return True

    def off(self) -> None:
        (SYSFS / "enabled").write_text("0")
        wait_for("the end of the live patch", lambda: not SYSFS.exists())
        module.remove(NAME)


class PatchOptional(Patch):
    """A livepatch of a function that the module can do without."""

    words = "function=dump_page"
    no_module = 0
    held: ClassVar[Mapping[str, str]] = {"dump_page": "absent"}
