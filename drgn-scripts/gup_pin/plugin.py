# SPDX-License-Identifier: LGPL-2.1-or-later
"""%gup_pins at drgn's prompt, where drgn has commands.

drgn loads this as a plugin: automatically where the package is installed; else by
DRGN_PLUGINS=gup_pin=/…/gup_pin/plugin.py, or gup_pin=gup_pin.plugin with this package's
folder in PYTHONPATH; or else by import gup_pin.plugin at its prompt. A drgn that has
plugins but no commands is left unchanged.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:
    # Loaded by path, not as a part of its package.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gup_pin import cli
from gup_pin.messages import EXIT_FINE
from gup_pin.verbs import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drgn import Program

_ABOUT = (
    "The pins that a kernel with CONFIG_DEBUG_GUP_PIN has on record. The verbs and "
    "their options are those of the script gup_pins.py: %gup_pins --help."
)


def execute(prog: Program, words: Sequence[str]) -> int:
    """Run the command in a session that continues after it; return its status."""
    try:
        return cli.execute(words, lambda: prog, "%%%(prog)s", NAME)
    except BrokenPipeError:
        # The reader of a pipe has left; drgn restores stdout itself.
        return EXIT_FINE
    finally:
        # In %gup_pins … > FILE drgn closes the file next. The session's own stay open.
        if sys.stdout is not sys.__stdout__:
            cli.drop_unwritten(sys.stdout)
        if sys.stderr is not sys.__stderr__:
            cli.drop_unwritten(sys.stderr)


def register() -> bool:
    """Register the command with drgn; returns whether drgn has commands."""
    try:
        from drgn.commands import (  # noqa: PLC0415
            custom_command,
            parse_shell_command,
        )
    except ImportError:
        return False
    from drgn import ProgramFlags  # noqa: PLC0415

    @custom_command(
        name=NAME,
        description="show recorded pins of pages",
        usage=f"**{NAME}** *VERB* [*OPTION*]...",
        long_description=_ABOUT,
        parse=parse_shell_command,
        enabled=lambda prog: ProgramFlags.IS_LINUX_KERNEL in prog.flags,
    )
    def _cmd_gup_pins(
        prog: Program, name: str, args: Sequence[str], **kwargs: Any
    ) -> None:
        del name, kwargs
        execute(prog, args)

    return True


registered = register()
