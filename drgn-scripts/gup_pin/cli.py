# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command: gup_pins.py VERB."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .errors import GupPinUnavailable
from .format import HAZARDS_HEADER, PINS_HEADER, Formatter, stack_lines
from .state import GupPinState, gup_pin_state

if TYPE_CHECKING:
    from drgn import Program

NAME = "gup_pins"

EXIT_FINE = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_ABSENT = 3
EXIT_PARTIAL = 4

EPILOG = """\
exit status: 0 fine; 1 error; 2 usage; 3 the kernel has no such feature, or another
format of it; 4 some of it could not be read, and the rest was shown
"""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line; leaves with status 2 if it makes no sense."""
    parser = argparse.ArgumentParser(
        prog=f"{NAME}.py",
        description="Show the recorded pins of a crash dump or a live kernel.",
        usage="drgn -c DUMP -s VMLINUX %(prog)s VERB [OPTION]...",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(
        prog=parser.prog, dest="verb", metavar="VERB", required=True
    )
    lister = verbs.add_parser(
        "list",
        help="all pins, as /sys/kernel/debug/gup_pin/pins shows them",
        usage="drgn -c DUMP -s VMLINUX %(prog)s [--jsonl] [--no-stacks]",
        allow_abbrev=False,
    )
    lister.set_defaults(run=list_pins)
    lister.add_argument(
        "--jsonl",
        action="store_true",
        help="one JSON object a line, its keys the words",
    )
    lister.add_argument(
        "--stacks",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the stack of each pin: below all lines, or as its frames (default)",
    )
    hazards = verbs.add_parser(
        "hazards",
        help="the newest hazards, as /sys/kernel/debug/gup_pin/hazards shows them",
        usage="drgn -c DUMP -s VMLINUX %(prog)s [--jsonl]",
        allow_abbrev=False,
    )
    hazards.set_defaults(run=list_hazards)
    hazards.add_argument(
        "--jsonl", action="store_true", help="one JSON object a line, with its pin"
    )
    return parser.parse_args(words)


def list_pins(state: GupPinState, args: argparse.Namespace) -> None:
    """Print all pins."""
    formatter = Formatter(state.names, state.now)
    if args.jsonl:
        for run in state.for_each_run():
            frames = None
            if args.stacks:
                frames = state.frames(run.first.call.origin.stack)
            print(formatter.json_line(run, frames))
        return

    print(PINS_HEADER)
    handles: dict[int, None] = {}
    for run in state.for_each_run():
        print(formatter.line(run))
        handles[run.first.call.origin.stack] = None
    if args.stacks:
        for handle in handles:
            print("\n" + stack_lines(handle, state.frames(handle)), end="")


def list_hazards(state: GupPinState, args: argparse.Namespace) -> None:
    """Print the newest hazards."""
    formatter = Formatter(state.names, state.now)
    if not args.jsonl:
        print(HAZARDS_HEADER)
    for hazard in state.for_each_hazard():
        stacks = (
            state.event_frames(hazard),
            state.frames(hazard.run.first.call.origin.stack),
        )
        if args.jsonl:
            print(formatter.json_hazard(hazard, state.func(hazard), *stacks))
        else:
            print(formatter.hazard(hazard, state.func(hazard), *stacks), end="")


def complain(message: str) -> None:
    """One line to the user."""
    print(f"{NAME}: {message}", file=sys.stderr)


def _discard_output() -> None:
    """Nobody reads on: keep Python from saying so when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(find_prog: Callable[[], Program], args: argparse.Namespace) -> int:
    from drgn import FaultError, NoDefaultProgramError  # noqa: PLC0415

    try:
        state = gup_pin_state(find_prog())
        show: Callable[[GupPinState, argparse.Namespace], None] = args.run
        show(state, args)
        sys.stdout.flush()
    except NoDefaultProgramError:
        complain("not run by drgn: drgn -c DUMP -s VMLINUX gup_pins.py VERB")
        return EXIT_USAGE
    except GupPinUnavailable as error:
        complain(str(error))
        return EXIT_ABSENT
    except FaultError as error:
        complain(f"the dump lacks what is needed: {error}")
        return EXIT_ERROR
    except LookupError as error:
        complain(f"the kernel's debugging information lacks something: {error}")
        return EXIT_ERROR
    for line in state.faults.lines():
        complain(line)
    return EXIT_PARTIAL if state.faults else EXIT_FINE


def main(words: Sequence[str], find_prog: Callable[[], Program]) -> int:
    """Run the command; return its exit status."""
    args = parse(words)
    try:
        return _show(find_prog, args)
    except BrokenPipeError:
        _discard_output()
        return EXIT_FINE
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        complain(f"{type(error).__name__}: {error}")
        return EXIT_ERROR
