# SPDX-License-Identifier: LGPL-2.1-or-later
"""The arguments of gup_pins.py: its verbs, their options, and their help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .by import FIGURES, parse_keys
from .filter import BadFilter, Filter, number_below
from .filter_values import IDS, U64
from .messages import EXIT_USAGE, complain
from .sort import SORT_KEYS
from .verbs import NAME, Show, preset

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

FILTERS = """\
filters, as debugfs takes them: owner=TGID task=PID|TGID/PID comm=NAME mode=r|w
term=short|long api=FUNCTION pfn=A-B ino=N dev=MAJOR:MINOR min_age_ms=N stack=HANDLE;
and module=NAME, and several stacks: stack=HANDLE,HANDLE
"""

# No min_age_ms=, which is of pins; debugfs does not filter its file.
REFUSED_FILTERS = """\
filters: owner=TGID task=PID|TGID/PID comm=NAME mode=r|w term=long api=FUNCTION
pfn=A-B ino=N dev=MAJOR:MINOR stack=HANDLE module=NAME why=REASON err=ERROR
"""

EPILOG = f"""\
{FILTERS}
exit status: 0 fine; 1 error; 2 usage; 3 the kernel lacks the feature, never enabled
it, or has another format of it, or --from has none of its files; 4 some of it could
not be read, and the rest was shown, or check found something that is not harmless
"""

_WORDS = "[KEY=VALUE]..."

# How the script is called; %(prog)s already contains the verb.
USAGE = "drgn -c DUMP -s VMLINUX %(prog)s"


def _count(text: str) -> int:
    """A number of at least 1 that fits into sys.maxsize."""
    with suppress(BadFilter):
        number = number_below(sys.maxsize + 1, text, 10)
        if number:
            return number
    raise argparse.ArgumentTypeError(f"wants a number of at least 1, not '{text}'")


def _keys(text: str) -> tuple[str, ...]:
    try:
        return parse_keys(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _pid(text: str) -> int:
    return number_below(IDS, text, 10)


def _number(text: str) -> int:
    """A pfn, or an address of the kernel's in hexadecimal digits."""
    return number_below(U64, text)


# What argparse calls an invalid value for these functions.
_pid.__name__ = _number.__name__ = "number"


class _Arguments(argparse.ArgumentParser):
    """Exits with status 2 for an invalid command line."""

    def error(self, message: str) -> NoReturn:
        """Print the problem in one line, and exit."""
        complain(f"{message} ({self.prog} --help says more)")
        raise SystemExit(EXIT_USAGE)

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Newer versions of argparse would ignore that stdout cannot be written."""
        (file or sys.stdout).write(self.format_help())


class _Parser:
    """Builds the parser, verb by verb."""

    def __init__(self, usage: str, name: str) -> None:
        """The usage line of a verb, with name for %(prog)s."""
        self._usage = usage
        self.parser = _Arguments(
            prog=name,
            description="Show the recorded pins of a crash dump or a live kernel.",
            usage=f"{usage} VERB [OPTION]...",
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._verbs = self.parser.add_subparsers(
            prog=self.parser.prog, dest="verb", metavar="VERB", required=True
        )
        every = self._pins("list", "all pins, as debugfs' pins shows them", Show.list)
        self._filter(every)
        self._show()
        self._stacks()
        task = self._pins("task", "the pins of a process or a task", Show.list, ["PID"])
        task.add_argument("pid", type=_pid, metavar="PID")
        self._filter(task)
        file = self._pins(
            "file", "the pins on a file, by path or inode", Show.list, ["PATH|INO"]
        )
        file.add_argument("file", metavar="PATH|INO")
        self._filter(file)
        hazards = self._verb(
            "hazards",
            "the newest hazards, as debugfs shows them",
            Show.hazards,
            [_WORDS],
        )
        self._formats(hazards)
        self._below(hazards)
        self._limit(hazards, "hazards, the newest")
        self._filter(hazards, "also kind=KIND stake=STAKE")
        refused = self._verb(
            "refused", "long-term pins that the kernel refused", Show.refused, [_WORDS]
        )
        self._formats(refused)
        self._below(refused)
        self._filter(refused)
        refused.epilog = REFUSED_FILTERS
        text = "pins whose owner or whose task has ended"
        orphans = self._pins("orphans", text, Show.orphans)
        self._filter(orphans, "also gone=owner|task|both")
        self._check()
        self._report()
        self._formats(
            self._verb(
                "status", "the kernel's figures, as debugfs' stats", Show.status
            ),
            "the same in one line",
        )

    def _verb(
        self,
        name: str,
        text: str,
        run: Callable[[Show], None],
        arguments: Sequence[str] = (),
    ) -> argparse.ArgumentParser:
        words = " ".join([*arguments, "[OPTION]..."])
        verb = self._verbs.add_parser(
            name,
            help=text,
            description=text,
            usage=f"{self._usage} {words}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.set_defaults(run=run, parser=verb, words=None, json=False, jsonl=False)
        return verb

    @staticmethod
    def _formats(
        verb: argparse.ArgumentParser,
        lines: str = "one JSON object a line, its keys the words",
    ) -> Any:
        formats = verb.add_mutually_exclusive_group()
        formats.add_argument("--json", action="store_true", help="one JSON document")
        formats.add_argument("--jsonl", action="store_true", help=lines)
        return formats

    @staticmethod
    def _below(verb: argparse.ArgumentParser) -> None:
        verb.add_argument(
            "--stacks",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="the stacks: below the lines, or in JSON (default)",
        )

    @staticmethod
    def _filter(verb: argparse.ArgumentParser, more: str = "") -> None:
        verb.add_argument(
            "words", nargs="*", metavar="KEY=VALUE", help="a filter: see below"
        )
        verb.epilog = f"{FILTERS}{more}\n" if more else FILTERS

    @staticmethod
    def _limit(verb: argparse.ArgumentParser, what: str) -> None:
        verb.add_argument("--limit", type=_count, metavar="N", help=f"only N {what}")

    def _pins(
        self,
        name: str,
        text: str,
        run: Callable[[Show], None],
        arguments: Sequence[str] = (),
    ) -> argparse.ArgumentParser:
        """A verb that prints pins."""
        verb = self._verb(name, text, run, [*arguments, _WORDS])
        self._formats(verb)
        self._below(verb)
        verb.add_argument(
            "--sort",
            metavar="KEY",
            help=f"{', '.join(SORT_KEYS)}; the most or oldest come first",
        )
        verb.add_argument(
            "--by",
            type=_keys,
            metavar="KEY,...",
            help="sum by comm, owner, module, file, stack, or any word; --sort also by "
            f"{', '.join(FIGURES)}",
        )
        self._limit(verb, "lines")
        return verb

    def _show(self) -> None:
        text = "a page, the processes that map it, and its pins"
        verb = self._verb("show", text, Show.show, ["PFN|0xPAGE"])
        verb.add_argument(
            "page", type=_number, metavar="PFN|0xPAGE", help="or of its struct page"
        )
        self._formats(verb, "one JSON object a line, for each pin")
        self._below(verb)

    def _stacks(self) -> None:
        text = "live pins summed by stack, as debugfs' stacks shows them"
        verb = self._verb("stacks", text, Show.stacks)
        self._formats(verb).add_argument(
            "--folded", action="store_true", help="a line each, for flame graphs"
        )
        self._limit(verb, "stacks")
        verb.set_defaults(folded=False)

    def _report(self) -> None:
        text = "an HTML page that shows everything, in one file"
        verb = self._verb("report", text, Show.report, ["-o FILE.html"])
        verb.add_argument(
            "-o",
            "--output",
            type=Path,
            required=True,
            metavar="FILE.html",
            help="the file to write",
        )
        verb.add_argument(
            "--from",
            dest="source",
            type=Path,
            metavar="DIR",
            help="copies of the files in /sys/kernel/debug/gup_pin, without drgn",
        )

    def _check(self) -> None:
        text = "folios with wrong records or contents"
        verb = self._verb("check", text, Show.check)
        self._formats(verb)
        self._below(verb)


def parse(
    words: Sequence[str], usage: str = USAGE, name: str = f"{NAME}.py"
) -> argparse.Namespace:
    """The parsed command line; exits with status 2 if it is invalid."""
    args, others = _Parser(usage, name).parser.parse_known_args(words)
    # Versions of argparse differ in which words they accept after an option.
    others = [word for word in others if word != "--"]
    wrong = [word for word in others if word.startswith("-")]
    if wrong or (others and args.words is None):
        args.parser.error(f"unrecognized arguments: {' '.join(wrong or others)}")
    _check_sums(args)
    try:
        args.words = [*(args.words or ()), *others]
        args.filter = _filter(args.words, preset(args))
        if args.filter is not None:
            args.filter.check_part(args.verb)
    except BadFilter as error:
        args.parser.error(str(error))
    return args


def _check_sums(args: argparse.Namespace) -> None:
    """Exits with status 2 if lines cannot be summed, or not be sorted, as asked."""
    by = getattr(args, "by", None) or ()
    sort = getattr(args, "sort", None)
    known = (*FIGURES, "age", "age_ms", *by) if by else tuple(SORT_KEYS)
    if sort is not None and sort not in known:
        message = f"invalid key: '{sort}'; there are {', '.join(known)}"
        args.parser.error(f"argument --sort: {message}")
    if "gone" in by and args.verb != "orphans":
        args.parser.error("argument --by: gone is for orphans only")


def _filter(words: Sequence[str], more: Mapping[str, Any]) -> Filter | None:
    """A filter of the words and more; None if both are empty. Raises BadFilter."""
    wanted = Filter.parse(words)
    for name in more:
        value = getattr(wanted, name)
        if value is not None:
            raise BadFilter(f"{name}= is already set by the verb")
    return replace(wanted, **more) or None
