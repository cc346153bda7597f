# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line: runs gup_pins.py VERB, and explains its errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from .arguments import USAGE, parse
from .copies import NoCopies
from .errors import GupPinUnavailable, NoDebugInfo, NoSuchPage, Unreadable
from .filter import BadFilter
from .messages import (
    EXIT_ABSENT,
    EXIT_ERROR,
    EXIT_FINE,
    EXIT_INTERRUPTED,
    EXIT_PARTIAL,
    EXIT_USAGE,
    complain,
)
from .nothing import nothing
from .report import write_copies
from .state import GupPinState, gup_pin_state
from .verbs import NAME, Show

if TYPE_CHECKING:
    import argparse

    from drgn import Program

_INSTALL = (
    "install Debian's python3-drgn, or pip install drgn; report --from needs no drgn"
)


def drop_unwritten(*streams: TextIO) -> None:
    """Drop unwritten output, so that a later flush of stdout reports no error."""
    for stream in streams:
        try:
            stream.flush()
        except OSError:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def _is_lookup(error: Exception) -> bool:
    """Whether drgn raised it for a missing type, member, constant or variable."""
    import drgn  # noqa: PLC0415

    # Old versions have no such class. Python itself raises only LookupError subclasses.
    own = getattr(drgn, "ObjectNotFoundError", LookupError)
    return type(error) is LookupError or type(error) is own


def _explain(error: Exception) -> tuple[int, str]:
    """Exit status and message for an exception; raises unexpected ones again."""
    if isinstance(error, ModuleNotFoundError) and error.name == "drgn":
        return EXIT_ERROR, f"drgn is not installed: {_INSTALL}"
    from drgn import FaultError, NoDefaultProgramError  # noqa: PLC0415

    kinds: tuple[tuple[type[Exception], int, str], ...] = (
        (
            NoDefaultProgramError,
            EXIT_USAGE,
            "not run by drgn: drgn -c DUMP -s VMLINUX gup_pins.py VERB",
        ),
        (BadFilter, EXIT_USAGE, str(error)),
        (GupPinUnavailable, EXIT_ABSENT, str(error)),
        (NoDebugInfo, EXIT_ERROR, str(error)),
        (NoSuchPage, EXIT_ERROR, str(error)),
        (FaultError, EXIT_ERROR, f"the dump lacks what is needed: {error}"),
        (Unreadable, EXIT_ERROR, str(error)),
    )
    for kind, status, message in kinds:
        if isinstance(error, kind):
            return status, message
    if _is_lookup(error):
        message = f"the kernel's debugging information lacks something: {error}"
        return EXIT_ERROR, message
    raise error


def _find_state(find_prog: Callable[[], Program]) -> GupPinState:
    """The feature; raises a plain LookupError for unknown names."""
    try:
        return gup_pin_state(find_prog())
    except KeyError as error:
        # Old versions of drgn raise this for a variable.
        raise LookupError(str(error)) from error


def _run_on_copies(args: argparse.Namespace) -> int:
    """Write a page of a folder of copies; return the exit status; raises OSError."""
    try:
        notes = write_copies(args.source, args.output)
    except NoCopies as error:
        complain(str(error))
        return EXIT_ABSENT
    for line in notes.lines():
        complain(line)
    return EXIT_PARTIAL if notes else EXIT_FINE


def run(args: argparse.Namespace, find_prog: Callable[[], Program]) -> int:
    """Run a parsed command line; return its exit status."""
    if args.verb == "report" and args.source is not None:
        return _run_on_copies(args)
    try:
        show = Show(_find_state(find_prog), args)
        try:
            args.run(show)
        finally:
            show.end()
        sys.stdout.flush()
        # What could not be read is reported below, and may be the reason.
        if show.is_empty and not show.state.faults:
            complain(nothing(show.what, args, show.state))
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        status, message = _explain(error)
        complain(message)
        return status
    for line in show.state.faults.lines():
        complain(line)
    return EXIT_PARTIAL if show.state.faults or show.found else EXIT_FINE


def guard(work: Callable[[], int]) -> int:
    """Run work, print one line for any error, and return the exit status.

    Raises only BrokenPipeError: a reader that has left is not an error.
    """
    try:
        return work()
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(f"{error.filename or 'output'}: {error.strerror}")
        return EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        complain(f"{type(error).__name__}: {error}")
        return EXIT_ERROR


def execute(
    words: Sequence[str],
    find_prog: Callable[[], Program],
    usage: str = USAGE,
    name: str = f"{NAME}.py",
) -> int:
    """Parse and run the words of a command line; return the exit status.

    Raises only BrokenPipeError: see guard().
    """

    def work() -> int:
        try:
            args = parse(words, usage, name)
        except SystemExit as leave:
            # argparse may have printed the help.
            sys.stdout.flush()
            return int(leave.code or 0)
        return run(args, find_prog)

    return guard(work)


def main(words: Sequence[str], find_prog: Callable[[], Program]) -> int:
    """Run the command; return its exit status."""
    # Python has None for a stream that was closed at the start.
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        complain("stdout is closed")
        return EXIT_ERROR
    try:
        return execute(words, find_prog)
    except BrokenPipeError:
        return EXIT_FINE
    finally:
        drop_unwritten(sys.stdout, sys.stderr)
