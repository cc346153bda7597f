# SPDX-License-Identifier: LGPL-2.1-or-later
"""Filters: their words, and what matches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gup_pin.filter import BadFilter, Filter, is_path, module_of
from gup_pin.ring import Event, Hazard
from gup_pin.runs import Run
from mock_command import REFUSAL
from samples import ANON, NAMES, ORIGIN, TIME, item

AGE_MS = 5
NOW = TIME + AGE_MS * 1_000_000
FILE = replace(ANON, map="file", dev=259 << 20 | 4, ino=77, order=2, path="/a/b")
ITEM = item(0x100, folio=FILE)


def wants(*words: str) -> bool:
    """Whether a filter matches the sample pin."""
    return Filter.parse(words).wants_item(ITEM, NAMES, NOW)


@pytest.mark.parametrize(
    "word",
    [
        *(
            "owner=812",
            "task=812",
            "task=815",
            "task=812/815",
            "comm=fio",
            r"comm=\x66io",
        ),
        *(
            "mode=w",
            "term=long",
            "api=pin_user_pages_fast",
            "ino=77",
            "ino=0x4d",
            "ino=077",
        ),
        *("dev=259:4", "min_age_ms=5", "min_age_ms=0", "stack=0x2b40003"),
        *("stack=1,0x2b40003", "stack=45350915,1"),
        *(
            "pfn=0x100",
            "pfn=256",
            "pfn=0256",
            "pfn=0x103",
            "pfn=0-0xffff",
            "pfn=0x103-0x200",
        ),
    ],
)
def test_wanted(word: str) -> None:
    """Each of its own words, and other spellings of them."""
    assert wants(word)


@pytest.mark.parametrize(
    "word",
    [
        *(
            "owner=815",
            "task=813",
            "task=815/812",
            "task=812/812",
            "comm=fi",
            "comm=fio2",
        ),
        *(
            "mode=r",
            "term=short",
            "api=pin_user_pages",
            "ino=78",
            "dev=259:5",
            "dev=4:259",
        ),
        *("stack=1,2",),
        *("min_age_ms=6", "stack=1", "pfn=0xff", "pfn=0x104", "pfn=0-0xff"),
        *("pfn=0400", "ino=0115"),
    ],
)
def test_not_wanted(word: str) -> None:
    """Values that differ slightly."""
    assert not wants(word)


def test_a_name_that_is_no_text() -> None:
    """As Python decodes it from the command line: names may have any byte but 0."""
    assert Filter.parse(["comm=\udcff\udcc3\u00fc"]).comm == b"\xff\xc3\xc3\xbc"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["mode=w term=long"], Filter(mode="w", term="long")),
        ([" mode=w\t\n", "\rterm=long "], Filter(mode="w", term="long")),
        (["", " \n"], Filter()),
        ([r"comm=a\x20b"], Filter(comm=b"a b")),
        (["comm=a\x0cb\x1cc\u2003"], Filter(comm="a\x0cb\x1cc\u2003".encode())),
    ],
)
def test_several_words_in_one(words: list[str], wanted: Filter) -> None:
    """Split at blanks like a write to debugfs, and nowhere else."""
    assert Filter.parse(words) == wanted
    with pytest.raises(BadFilter, match=r"^x is not a filter; there are owner= "):
        Filter.parse([*words[:-1], f"{words[-1]} x"])


def test_all_words_must_fit() -> None:
    """One mismatch is enough."""
    assert wants("owner=812", "mode=w")
    assert not wants("owner=812", "mode=r")


@pytest.mark.parametrize(
    "word",
    [
        *(
            "=",
            "owner",
            "owner=",
            "owner=x",
            "owner=-1",
            "owner=0x10",
            "owner=2147483648",
        ),
        *(
            "task=1/",
            "task=/1",
            "task=1/2/3",
            "mode=rw",
            "term=",
            "nothing=1",
            "path=/a",
        ),
        # An empty name, and bytes that no name has.
        *("comm=", r"comm=\x00", r"comm=a\x00b", r"comm=\x00a"),
        *(
            "comm=0123456789abcdef",
            "pfn=2-1",
            "pfn=1-",
            "pfn=-1",
            "pfn=0x",
            "pfn=+0x1",
            "ino=1k",
        ),
        *(
            "dev=1",
            "dev=4096:0",
            "dev=0:1048576",
            "min_age_ms=0x1",
            "stack=0x100000000",
            *("stack=1,", "stack=,1", "stack=,", "stack=1,b"),
        ),
    ],
)
def test_no_filter(word: str) -> None:
    """The kernel refuses them, too."""
    with pytest.raises(BadFilter):
        Filter.parse([word])


class Number:
    """An integer object of drgn."""

    def __init__(self, value: int) -> None:
        """It has this value."""
        self._value = value

    def __index__(self) -> int:
        """The value."""
        return self._value


@pytest.mark.parametrize(
    ("words", "member"),
    [
        ({"comm": "fio"}, b"fio"),
        ({"comm": "\u00fc"}, b"\xc3\xbc"),
        ({"comm": b"fio"}, b"fio"),
        ({"pfn": 0x4400}, (0x4400, 0x4400)),
        ({"pfn": [1, Number(2)]}, (1, 2)),
        ({"task": 63}, (63, None)),
        ({"task": (62, 63)}, (62, 63)),
        ({"task": (62, None)}, (62, None)),
        ({"owner": Number(812)}, 812),
        ({"ino": (1 << 64) - 1}, (1 << 64) - 1),
        ({"path": "/a"}, "/a"),
        ({"owner": 0}, 0),
        ({"owner": None}, None),
    ],
)
def test_values_of_scripts(words: dict[str, Any], member: object) -> None:
    """A plain value for a compound one."""
    ((name, _),) = words.items()
    assert getattr(Filter(**words), name) == member


@pytest.mark.parametrize(
    "words",
    [
        *({"mode": "write"}, {"mode": 1}, {"term": "longterm"}, {"api": ""}),
        *({"comm": ""}, {"comm": b"a\0b"}, {"comm": "0123456789abcdef"}, {"comm": 5}),
        *({"pfn": -1}, {"pfn": (2, 1)}, {"pfn": (1,)}, {"pfn": "5"}, {"pfn": 1 << 64}),
        *({"task": "63"}, {"task": (None, 5)}, {"task": (1, 2, 3)}, {"task": 1 << 31}),
        *({"owner": -1}, {"owner": 1.5}, {"owner": "812"}, {"any_of": 1 << 31}),
        *({"ino": 1 << 64}, {"dev": 1 << 32}, {"min_age_ms": -1}, {"stack": 1 << 32}),
        *({"stack": ()}, {"stack": (1, -1)}, {"stack": "1,2"}),
        *({"path": ""}, {"path": 5}),
    ],
)
def test_no_values(words: dict[str, Any]) -> None:
    """The error is immediate and names the value; it is not an empty result."""
    ((name, _),) = words.items()
    with pytest.raises(BadFilter, match=f"^{name}="):
        Filter(**words)


def test_a_word_twice() -> None:
    """It is refused, since one of them would be ignored."""
    with pytest.raises(BadFilter, match="owner=2"):
        Filter.parse(["owner=1", "owner=2"])


def test_a_function_that_the_kernel_does_not_have() -> None:
    """Only the kernel has the list of functions."""
    Filter.parse(["api=pin_user_pages"]).check_names(NAMES)
    with pytest.raises(BadFilter, match="api=folio_add_pins"):
        Filter.parse(["api=folio_add_pins"]).check_names(NAMES)


@pytest.mark.parametrize("word", ["kind=overdue", "stake=nothing", "gone=process"])
def test_a_name_that_the_kernel_does_not_have(word: str) -> None:
    """Only the kernel has the lists of kinds and stakes."""
    with pytest.raises(BadFilter, match=f"^{word} is "):
        Filter.parse([word]).check_names(NAMES)


@pytest.mark.parametrize(
    ("word", "only"),
    [("kind=writeback", "hazards"), ("stake=end", "hazards"), ("gone=task", "orphans")],
)
def test_words_that_not_all_lines_have(word: str, only: str) -> None:
    """For others, the answer would always be empty."""
    wanted = Filter.parse([word])
    for part in ("list", "task", "file", "hazards", "orphans"):
        if part == only:
            wanted.check_part(part)
            continue
        with pytest.raises(BadFilter, match=f"^{word} is for {only} only"):
            wanted.check_part(part)


def test_a_member_that_no_filter_has() -> None:
    """The error names those that there are."""
    with pytest.raises(BadFilter, match=r"^foo= is not a filter; there are owner= "):
        Filter.of({"foo": 5})
    assert Filter.of({"owner": 5, "gone": "task"}) == Filter(owner=5, gone="task")


def test_nothing_is_asked_for() -> None:
    """An empty filter matches everything; a word of 0 is not empty."""
    assert not Filter()
    assert not Filter.parse([])
    assert Filter.parse(["owner=0"])


@pytest.mark.parametrize(
    ("tid", "wanted"), [(812, True), (815, True), (811, True), (1, False)]
)
def test_any_of(tid: int, wanted: bool) -> None:
    """For the verb task: the owner, the process or the task."""
    owned = replace(ITEM, origin=replace(ORIGIN, owner=811))
    assert Filter(any_of=tid).wants_item(owned, NAMES, NOW) is wanted


def test_blocks() -> None:
    """A large folio may have pins far from the requested page."""
    assert Filter().blocks() == (0, 1 << 64)
    assert Filter(pfn=(1 << 20, 1 << 21)).blocks() == (
        (1 << 20) - (1 << 18) + 1,
        (1 << 21) + (1 << 18) - 1,
    )
    assert Filter(pfn=(5, 6)).blocks() == (0, 5 + (1 << 18))


@pytest.mark.parametrize(
    ("pfn", "wanted"), [(0xFF, False), (0x100, True), (0x103, True), (0x104, False)]
)
def test_pages_of_a_folio(pfn: int, wanted: bool) -> None:
    """A match for any pinned page."""
    for page in range(0x100, 0x104):
        part = replace(ITEM, pfn=page)
        assert Filter(pfn=(pfn, pfn)).wants_item(part, NAMES, NOW) is wanted


@pytest.mark.parametrize(
    ("path", "wanted", "same"),
    [
        ("/a/b", "/a/b", True),
        ("/a/b", "b", True),
        ("/a/b", "/mnt/a/b", True),
        ("/a/bb", "b", False),
        ("/a/b", "/x/b", False),
        # A path that was too long has lost its front, in the middle of a name.
        ("ong/b", "/mnt/long/b", True),
        ("ong/b", "/long/b", True),
        ("ong/b", "b", True),
        ("ong/b", "/wrong/bb", False),
        ("/ong/b", "/long/b", False),
        ("", "/a", False),
        ("/a", "", False),
    ],
)
def test_paths(path: str, wanted: str, same: bool) -> None:
    """Users know the mount point of a file system, the kernel's word lacks it."""
    assert is_path(path, wanted) is same


def hazard() -> Hazard:
    """A hazard of another task, two ms ago."""
    event = Event(NOW - 2_000_000, 0, 40, 41, b"kworker", ())
    return Hazard(1, 1, event, Run(ITEM, 4, 1), 1, 0, 0, 0, (0, 0))


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        *(("task=41", True), ("task=815", True), ("task=42", False)),
        *(("comm=kworker", True), ("comm=fio", True), ("comm=x", False)),
        *(("min_age_ms=4", True), ("min_age_ms=6", False)),
        *(("owner=812", True), ("owner=40", False)),
        *(("kind=truncate", True), ("kind=writeback", False)),
        *(("stake=data", True), ("stake=end", False)),
    ],
)
def test_hazards(word: str, wanted: bool) -> None:
    """For a word that a line has twice, either may match."""
    assert Filter.parse([word]).wants_hazard(hazard(), NAMES, NOW) is wanted


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        *(("why=file", True), ("why=dax", False)),
        *(("err=EFAULT", True), ("err=ENOMEM", False)),
        *(("owner=812", True), ("owner=815", False)),
        *(("task=815", True), ("task=812/815", True), ("task=1", False)),
        *(("comm=fio", True), ("comm=fi", False)),
        *(("mode=w", True), ("mode=r", False), ("term=short", False)),
        *(("api=pin_user_pages_fast", True), ("api=pin_user_pages", False)),
        *(("pfn=0-5", False), ("pfn=0-0xffffff", False)),
        *(("ino=77", True), ("ino=78", False)),
        *(("dev=259:4", True), ("dev=259:5", False)),
        *(("stack=0x2b40003", True), ("stack=1", False)),
    ],
)
def test_refusals(word: str, wanted: bool) -> None:
    """By the words of their line."""
    assert Filter.parse([word]).wants_refusal(REFUSAL, NAMES) is wanted


@pytest.mark.parametrize(
    ("word", "wanted"), [("pfn=4-5", True), ("pfn=5", True), ("pfn=0-4", False)]
)
def test_a_page_that_was_refused(word: str, wanted: bool) -> None:
    """The one that could not be moved."""
    refusal = replace(REFUSAL, pfn=5)
    assert Filter.parse([word]).wants_refusal(refusal, NAMES) is wanted


IN_RXE = ("pin_user_pages+0x1/0x2", "ib_umem_get+0x1/0x2 [ib_core]", "a+0x1/0x2 [rxe]")
GONE = ("pin_user_pages+0x1/0x2", "a_keep+0x1/0x2 [a_b] (unloaded)")


@pytest.mark.parametrize(
    ("frames", "module"),
    [
        (IN_RXE, "ib_core"),
        (GONE, "a_b"),
        (("pin_user_pages+0x1/0x2", "io_pin_pages+0x1/0x2"), "vmlinux"),
        (("pin_user_pages+0x1/0x2", "0xffffffffc0001234", "b+0x1/0x2 [b]"), "?"),
        ((), "?"),
    ],
)
def test_module(frames: tuple[str, ...], module: str) -> None:
    """As the program gup_pin has it, also in the spelling of the module's file."""

    def found(word: str) -> list[str]:
        wanted = Filter.parse([f"module={word}"])
        return list(wanted.of_module(iter(["pin"]), lambda _: [frames]))

    assert module_of(frames) == module
    assert found(module) == found(module.replace("_", "-")) == ["pin"]
    assert not found("other")


def test_module_of_one_of_two_stacks() -> None:
    """A hazard has two. No stack is read if no module is wanted."""
    stacks = {1: (IN_RXE, GONE), 2: (IN_RXE, IN_RXE)}
    assert list(Filter(module="a-b").of_module(iter(stacks), stacks.__getitem__)) == [1]
    stacks.clear()
    assert list(Filter().of_module(iter([1]), stacks.__getitem__)) == [1]
    with pytest.raises(BadFilter, match="module= is not the name of a module"):
        Filter.parse(["module="])
