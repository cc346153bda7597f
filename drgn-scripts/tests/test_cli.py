# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command: what it prints, and its exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from schema import validate
from test_format import LINE
from test_progress import Terminal

from gup_pin import cli, progress
from gup_pin.arguments import parse
from gup_pin.check import Finding, Kind
from gup_pin.errors import Absence, GupPinUnavailable
from gup_pin.filter import BadFilter, Filter
from gup_pin.memmap import Counts
from gup_pin.runs import Run
from gup_pin.sort import SORT_KEYS
from gup_pin.verbs import fold
from gup_pin.views import Views
from mock_command import (
    EVENT,
    FRAMES,
    Clock,
    MockFaultError,
    MockNoProgramError,
    MockObjectNotFoundError,
    MockState,
    mock_drgn,
)
from samples import ANON, NAMES, item

COUNTS = Counts(0, 0, 0, 0, False, None)


@pytest.fixture(autouse=True)
def _no_drgn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs without drgn."""
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())


def run(
    monkeypatch: pytest.MonkeyPatch, words: str, state: MockState | Exception
) -> int:
    """The exit status of the command on a program in a state."""

    def find(_prog: object) -> MockState:
        if isinstance(state, Exception):
            raise state
        return state

    monkeypatch.setattr(cli, "gup_pin_state", find)
    no_program: Any = SimpleNamespace
    return cli.main(words.split(), no_program)


Capture = Any


def test_text(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The lines of pins, then each stack once."""
    assert run(monkeypatch, "list", MockState()) == 0
    out, err = capsys.readouterr()
    second = LINE.replace("0x1a2b0", "0x2a2b0")
    assert out == (f"# gup_pin pins 1\n{LINE}\n{second}\n\nstack=0x2b40003\n{FRAMES}")
    assert err == ""


def test_text_without_stacks(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Byte for byte as in debugfs."""
    assert run(monkeypatch, "list --no-stacks", MockState()) == 0
    second = LINE.replace("0x1a2b0", "0x2a2b0")
    assert capsys.readouterr().out == f"# gup_pin pins 1\n{LINE}\n{second}\n"


def test_filter_sort_and_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The walk gets the filter; the result is sorted and limited."""
    state = MockState()
    words = "list owner=812 pfn=1-2 --sort pfn --limit 1 --jsonl --no-stacks"
    assert run(monkeypatch, words, state) == 0
    assert state.wanted == Filter(owner=812, pfn=(1, 2))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["pfn"] == "0x1a2b0"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("task 5", Filter(any_of=5)),
        ("file 77", Filter(ino=77)),
        ("file /a/b", Filter(path="/a/b")),
        (r"file /a\x20b", Filter(path=r"/a\x20b")),
        ("file /\u00fc", Filter(path=r"/\xc3\xbc")),
    ],
)
def test_task_and_file(
    monkeypatch: pytest.MonkeyPatch, words: str, wanted: Filter
) -> None:
    """They are list with a filter."""
    state = MockState()
    assert run(monkeypatch, words, state) == 0
    assert state.wanted == wanted


EMPTY = {
    "list": "pins: there are none on record",
    "list owner=5 mode=w": "pins for owner=5 mode=w: none of 32 pins on record matches",
    "task 1": "pins for task 1: none of 32 pins on record matches",
    "task 1 mode=w": "pins for task 1 mode=w: none of 32 pins on record matches",
    "task 9999": "pins for task 9999: there is no such task",
    "file /nosuch": "pins for /nosuch: none of 32 pins on record matches",
    "refused": "refusals: there are none on record",
    "refused why=dax": "refusals for why=dax: none of 7 refusals on record matches",
    "file /a\x1b[1m": "pins for /a?[1m: none of 32 pins on record matches",
}


@pytest.mark.parametrize("words", list(EMPTY))
def test_nothing_to_list_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: str
) -> None:
    """In one line on stderr; the text keeps its form, and so does JSON."""
    assert run(monkeypatch, words, MockState(empty=True)) == 0
    out, err = capsys.readouterr()
    name = "refused" if words.startswith("refused") else "pins"
    assert out == f"# gup_pin {name} 1\n"
    assert err == f"gup_pins: no {EMPTY[words]}\n"
    for silent in ("--json", "--jsonl"):
        assert run(monkeypatch, f"{words} {silent}", MockState(empty=True)) == 0
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (MockState(empty=True, enabled=False), "tracking was off"),
        (MockState(empty=True, enabled=False, live=True), "tracking is off"),
        (
            MockState(empty=True, on_record=0, earlier_pins=1),
            "1 pin taken before tracking was on cannot be listed",
        ),
        (MockState(empty=True, on_record=None), "there are none on record"),
    ],
)
def test_why_there_are_none(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, state: MockState, reason: str
) -> None:
    """Tracking, or what it cannot know."""
    assert run(monkeypatch, "list", state) == 0
    assert capsys.readouterr().err == f"gup_pins: no pins: {reason}\n"


@pytest.mark.parametrize("key", list(SORT_KEYS))
def test_sort_keys(monkeypatch: pytest.MonkeyPatch, capsys: Capture, key: str) -> None:
    """Each key works, and loses no pins."""
    assert run(monkeypatch, f"list --sort {key} --no-stacks", MockState()) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_an_api_that_the_kernel_does_not_have(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Only found when the kernel is known."""
    names = replace(NAMES, apis=("pin_user_pages",))
    with pytest.raises(BadFilter) as caught:
        Filter(api="x").check_names(names)
    assert run(monkeypatch, "list api=x", caught.value) == 2
    assert capsys.readouterr().err == (
        "gup_pins: api=x is not a pin function of this kernel\n"
    )


@pytest.mark.parametrize(
    ("frames", "line"),
    [
        (["a+0x1/0x2", "b+0x1/0x2 [mod]", "c;d+0x1/0x2"], "c:d;b;a"),
        ([], "pin_user_pages"),
    ],
)
def test_fold(frames: list[str], line: str) -> None:
    """Only functions, the outermost first."""
    assert fold(frames, "pin_user_pages") == line


@pytest.mark.parametrize("words", ["check", "check --jsonl"])
def test_findings_are_status_4(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: str
) -> None:
    """The status is 4 although everything could be read."""
    monkeypatch.setattr(Views, "flags", lambda self, flags: f"flags{flags}")
    state = MockState()
    assert run(monkeypatch, words, state) == 0
    assert "kind=" not in capsys.readouterr().out
    state.findings = [Finding(Kind.FREE, 1, ANON, COUNTS, 1, (item(1),))]
    assert run(monkeypatch, words, state) == 4
    out, err = capsys.readouterr()
    assert ("kind=free" in out or '"kind": "free"' in out) and err == ""


LEFT = Finding(Kind.TRUNCATED, 2, ANON, COUNTS, 1, (item(2),))


@pytest.mark.parametrize(
    ("stakes", "status", "end"),
    [
        (["end"], 0, "findings=0 harmless=1"),
        (["end", "end"], 0, "findings=0 harmless=2"),
        (["data"], 4, "findings=1 truncated=1"),
        (["unknown"], 4, "findings=1 truncated=1"),
        (["end", "data", "unknown"], 4, "findings=2 truncated=2 harmless=1"),
    ],
)
def test_the_end_of_a_file_is_no_harm(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    stakes: list[str],
    status: int,
    end: str,
) -> None:
    """It is shown and counted, as by the kernel, but is not a finding."""
    monkeypatch.setattr(Views, "flags", lambda self, flags: f"flags{flags}")
    found = [replace(LEFT, stake=stake) for stake in stakes]
    for option in ("", " --json", " --jsonl"):
        assert run(monkeypatch, f"check{option}", MockState(findings=found)) == status
        out, err = capsys.readouterr()
        assert err == ""
        if option == "":
            lines = [line for line in out.splitlines() if line.startswith("kind=")]
            assert [line.rpartition(" stake=")[2] for line in lines] == stakes
            assert f"\nchecked {end}\n" in out
        if option == " --json":
            document = json.loads(out)
            validate(document)
            assert [each["stake"] for each in document["findings"]] == stakes


@pytest.mark.parametrize(
    ("missed", "end", "words"),
    [
        ((0, 0), "", {"pins": 0, "pages": 0}),
        ((5, 0), " unchecked_pins=5", {"pins": 5, "pages": 0}),
        ((None, 9), " unchecked_pins=? unchecked_pages=9", {"pins": None, "pages": 9}),
    ],
)
def test_check_says_what_it_could_not_check(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    missed: tuple[int | None, int | None],
    end: str,
    words: dict[str, Any],
) -> None:
    """No findings do not mean that all is well."""
    assert run(monkeypatch, "check", MockState(missed=missed)) == 0
    assert capsys.readouterr().out == f"# gup_pin check 1\nchecked findings=0{end}\n"
    assert run(monkeypatch, "check --json", MockState(missed=missed)) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert document["unchecked"] == words


@pytest.mark.parametrize(
    "words",
    ["list", "list owner=1", "task 5", "list --sort age --limit 1", "check --json"],
)
def test_progress(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """A terminal shows the progress of the walk, and erases it at the end."""
    monkeypatch.setattr(progress, "time", Clock(2.0))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run(monkeypatch, f"{words} --no-stacks", MockState()) == 0
    verb, shares = words.partition(" ")[0], [100] if "check" in words else [50, 100]
    lines = [f"\r\033[Kgup_pins: {verb}: {share} %" for share in shares]
    assert terminal.getvalue() == "".join([*lines, "\r\033[K"])


def test_jsonl(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """An object a line, with frames."""
    assert run(monkeypatch, "list --jsonl", MockState()) == 0
    pins = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [pin["pfn"] for pin in pins] == ["0x1a2b0", "0x2a2b0"]
    assert all(len(pin["frames"]) == 2 for pin in pins)


FRAME_LIST = [frame.strip() for frame in FRAMES.splitlines()]


@pytest.mark.parametrize(
    ("option", "more"), [("", {"frames": FRAME_LIST}), (" --no-stacks", {})]
)
def test_findings_as_jsonl(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, option: str, more: dict[str, Any]
) -> None:
    """Each pin has its frames, since no stacks follow."""
    monkeypatch.setattr(Views, "flags", lambda self, flags: f"flags{flags}")
    items = item(1), replace(item(1, time=5), pins=2)
    state = MockState(findings=[Finding(Kind.FREE, 1, ANON, COUNTS, 3, items)])
    assert run(monkeypatch, f"check --jsonl{option}", state) == 4
    finding = json.loads(capsys.readouterr().out)
    validate(finding, "finding")
    keys = {"pins", "frames"}
    assert [{key: pin[key] for key in keys & {*pin}} for pin in finding["pins"]] == [
        {"pins": 1, **more},
        {"pins": 2, **more},
    ]


@pytest.mark.parametrize("verb", ["list", "check"])
def test_json_without_stacks(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, verb: str
) -> None:
    """The part stacks is empty, and no stack is read."""
    monkeypatch.setattr(Views, "flags", lambda self, flags: f"flags{flags}")
    finding = Finding(Kind.FREE, 1, ANON, COUNTS, 1, (item(1),))
    state = MockState(findings=[finding])
    run(monkeypatch, f"{verb} --json", state)
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert document["stacks"] == {"0x2b40003": FRAME_LIST}
    monkeypatch.setattr(MockState, "frames", None)
    run(monkeypatch, f"{verb} --json --no-stacks", state)
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert document["stacks"] == {}


def test_hazards(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A record for each, as in debugfs."""
    assert run(monkeypatch, "hazards", MockState()) == 0
    line = LINE.replace("pages=16", "pages=1").removesuffix(" path=")
    assert capsys.readouterr() == (
        "# gup_pin hazards 1\n"
        f"kind=truncate age_ms=4 task=40/41 comm=a\\x20b {line} "
        "func=truncate_cleanup_folio+0x1 pins_on_folio=17 path= "
        "count=300 last_ms=2 reported=1 indexes=0x0-0x12b stake=end\n"
        f"event:\n{EVENT}pin:\n{FRAMES}\n",
        "",
    )


def test_hazards_jsonl(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """An object a line; the pin's words are in an object of their own."""
    assert run(monkeypatch, "hazards --jsonl", MockState()) == 0
    (line,) = capsys.readouterr().out.splitlines()
    hazard = json.loads(line)
    pin = hazard.pop("pin")
    assert pin["pfn"] == "0x1a2b0" and len(pin["frames"]) == 2
    assert hazard == {
        "kind": "truncate",
        "age_ms": 4,
        "task": "40/41",
        "comm": r"a\x20b",
        "func": "truncate_cleanup_folio+0x1",
        "pins_on_folio": 17,
        "path": "",
        "count": 300,
        "last_ms": 2,
        "reported": 1,
        "indexes": "0x0-0x12b",
        "stake": "end",
        "frames": [frame.strip() for frame in EVENT.splitlines()],
    }


def test_hazards_json(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Its stacks are those of the pins."""
    assert run(monkeypatch, "hazards --json", MockState()) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert "pins" not in document
    (hazard,) = document["hazards"]
    assert document["stacks"] == {hazard["pin"]["stack"]: FRAME_LIST}


def test_hazards_partial(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Readable hazards are printed, the others reported."""
    assert run(monkeypatch, "hazards", MockState(damaged=True)) == 4
    out, err = capsys.readouterr()
    assert out.count("kind=") == 1
    assert err == "gup_pins: struct gup_pin_hazard_record not in the dump (0x10)\n"


REFUSED = (
    "count=7 err=EFAULT mode=w term=long api=pin_user_pages_fast owner=812 "
    "task=812/815 comm=fio oldest_ms=9 newest_ms=4 stack=0x2b40003 why=file "
    r"addr=0x7f0000000000 pfn=0x0 dev=259:4 ino=77 index=0x1f path=/a\x20b"
)


def test_refused(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A record for each, as in debugfs."""
    assert run(monkeypatch, "refused", MockState()) == 0
    wanted = f"# gup_pin refused 1\n{REFUSED}\n{FRAMES}\n"
    assert capsys.readouterr() == (wanted, "")
    state = MockState()
    assert run(monkeypatch, "refused --no-stacks why=file err=EFAULT", state) == 0
    assert capsys.readouterr().out == f"# gup_pin refused 1\n{REFUSED}\n"
    assert state.wanted == Filter(why="file", err="EFAULT")


def test_refused_as_json(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The words of the line, and frames."""
    words = dict(word.split("=", 1) for word in REFUSED.split(" "))
    assert run(monkeypatch, "refused --json", MockState()) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    (refusal,) = document["refused"]
    assert run(monkeypatch, "refused --jsonl", MockState()) == 0
    assert json.loads(capsys.readouterr().out) == refusal
    validate(refusal, "refusal")
    assert refusal.pop("frames") == FRAME_LIST
    assert {key: str(value) for key, value in refusal.items()} == words
    assert run(monkeypatch, "refused --jsonl --no-stacks", MockState()) == 0
    assert json.loads(capsys.readouterr().out) == refusal


def test_refused_partial(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Readable refusals are printed, the others reported."""
    assert run(monkeypatch, "refused", MockState(damaged=True)) == 4
    out, err = capsys.readouterr()
    assert out.count("count=") == 1
    assert err == "gup_pins: struct gup_pin_refusal not in the dump (0x10)\n"


@pytest.mark.parametrize("absence", list(Absence))
def test_absent(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, absence: Absence
) -> None:
    """One line with the reason."""
    assert run(monkeypatch, "list", GupPinUnavailable(absence, "why")) == 3
    assert capsys.readouterr() == ("", "gup_pins: why\n")


def test_partial(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Readable pins are printed, with one line for each kind of fault."""
    assert run(monkeypatch, "list --no-stacks", MockState(damaged=True)) == 4
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert err.splitlines() == [
        "gup_pins: struct page not in the dump (2 times, first 0x10)",
        "gup_pins: stack is invalid (0x30)",
    ]


@pytest.mark.parametrize(
    "error",
    [
        MockFaultError("cannot read 0x10"),
        LookupError("no struct gup_pin_record"),
        ValueError("anything else"),
    ],
)
def test_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: Exception
) -> None:
    """One line, and no traceback."""
    assert run(monkeypatch, "list", error) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert str(error).strip("'") in err


def looked_up(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: Exception, late: bool
) -> tuple[int, str]:
    """Status and message if a lookup fails: of the root, or later."""
    state = MockState()
    if late:

        def fail(wanted: Filter | None) -> Iterator[Run]:
            raise error

        monkeypatch.setattr(state, "for_each_run", fail)
    status = run(monkeypatch, "list", state if late else error)
    out, err = capsys.readouterr()
    assert "pfn=" not in out
    return status, err


LACKS = "gup_pins: the kernel's debugging information lacks something: "


@pytest.mark.parametrize("late", [False, True])
def test_debugging_information_that_lacks_something(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, late: bool
) -> None:
    """In drgn's words; old versions raise KeyError for a variable."""
    errors = [LookupError("no x"), MockObjectNotFoundError("no x")]
    for error in errors if late else [*errors, KeyError("no x")]:
        status, err = looked_up(monkeypatch, capsys, error, late)
        assert status == 1 and err in (f"{LACKS}no x\n", f"{LACKS}'no x'\n")


@pytest.mark.parametrize("error", [KeyError(5), IndexError("out of range")])
def test_a_bug_is_called_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: Exception
) -> None:
    """Debugging information is not blamed for a KeyError of the scripts."""
    status, err = looked_up(monkeypatch, capsys, error, late=True)
    assert (status, err) == (1, f"gup_pins: {type(error).__name__}: {error}\n")


@pytest.mark.parametrize(
    "words",
    [
        *("", "lst", "list 5", "--jsonl list", "hazards 5", "list --json --jsonl"),
        *("list mode=x", "list mode=r mode=r", "list --sort nothing", "list --limit x"),
        *("show", "show x", "task", "task x", "file", "stacks --json --folded"),
        *("list comm=", r"list comm=a\x00b"),
        *("list --limit -1", "list --limit 99999999999999999999", "list --limit 1_0"),
        *("show -5", "show -0x5", "show 18446744073709551616", "show 0x"),
        *("task -1", "task 2147483648", "task \u0663"),
        *(f"file {'9' * 5000}", "file 18446744073709551616"),
    ],
)
def test_usage(monkeypatch: pytest.MonkeyPatch, capsys: Capture, words: str) -> None:
    """Status 2, and nothing is read."""
    assert run(monkeypatch, words, AssertionError("used")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("gup_pins: ") and line.endswith(" --help says more)")


def test_no_file(capsys: Capture) -> None:
    """An empty path is invalid; digits of other scripts are not numbers."""
    with pytest.raises(SystemExit) as left:
        parse(["file", ""])
    assert left.value.code == 2
    assert "path='' is not a path" in capsys.readouterr().err
    assert parse(["file", "\u0663"]).filter == Filter(path=r"\xd9\xa3")


def test_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python decodes them from the command line."""
    state = MockState()
    assert run(monkeypatch, "list comm=\udcff", state) == 0
    assert state.wanted == Filter(comm=b"\xff")
    assert run(monkeypatch, "file /\udcff", state) == 0
    assert state.wanted == Filter(path=r"/\xff")


def test_not_run_by_drgn(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The message shows how to run it."""
    assert run(monkeypatch, "list", MockNoProgramError()) == 2
    assert capsys.readouterr().err == (
        "gup_pins: not run by drgn: drgn -c DUMP -s VMLINUX gup_pins.py VERB\n"
    )
