# SPDX-License-Identifier: GPL-2.0
"""The page that gup_pins.py report writes, in headless Chromium.

Pages are made of sample documents; test_dump.py has one of a real dump. The steps on a page
are in report_steps.py.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import UnexpectedAlertPresentException
from selenium.webdriver import Keys

import report_samples as samples
import report_steps as steps
from report_browser import Browser
from vmlib import paths

PACKAGE = paths.PROJECT / "drgn-scripts"
ASSETS = PACKAGE / "gup_pin" / "report" / "assets"

MANY = 100_000
# The maximum of elements, for any number of pins; and the time that a slow machine may take.
MOST_NODES = 12_000
MOST_MS = 30_000

# The troubled sample: its pfns by number of row, and the rows, the oldest first.
TROUBLED = ["0x1a2b0", "0x1c000", "0x7ee5", "0x7ee9", "0x180010", "0x40010"]
AGED = [1, 4, 3, 0, 5, 2]


# A page that does what ours must not do.
BAD = """\
<!doctype html><img src="http://gup-pin.invalid/image">
<script>
let uncaught = 0;
addEventListener("error", () => { uncaught++; });
addEventListener("unhandledrejection", () => { uncaught++; });
console.debug("said");
setTimeout(() => { throw new Error("thrown"); });
Promise.reject(new Error("refused"));
window.open("about:blank");
</script>
"""


def write_page(
    file: Path, document: samples.Words, orphans: Mapping[int, str] | None = None
) -> Path:
    """The page of a document."""
    if str(PACKAGE) not in sys.path:
        sys.path.insert(0, str(PACKAGE))
    report = importlib.import_module("gup_pin.report")
    page = report.make_page(report.title_of(document), report.pack(document, orphans))
    file.write_text(page, encoding="utf-8")
    return file


@pytest.fixture(scope="module", name="browser")
def fixture_browser() -> Iterator[Browser]:
    """One browser for all tests."""
    browser = Browser()
    yield browser
    browser.end()


@dataclass(frozen=True)
class Page:
    """A page, and its browser."""

    browser: Browser
    file: Path

    def see(self, step: Callable[..., Any], **how: Any) -> Any:
        """Run a step, which must cause neither errors nor requests."""
        seen = self.browser.look(self.file, step, **how)
        assert (seen.errors, seen.requests) == ([], [])
        return seen.seen

    @cached_property
    def loaded(self) -> Any:
        """The content after loading."""
        return self.see(steps.load)


@pytest.fixture(scope="module", name="troubled")
def fixture_troubled(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a kernel with many problems."""
    file = tmp_path_factory.mktemp("troubled") / "report #1.html"
    return Page(browser, write_page(file, samples.troubled(), {5: "both"}))


@pytest.fixture(scope="module", name="hostile")
def fixture_hostile(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a kernel with hostile users."""
    file = tmp_path_factory.mktemp("hostile") / "report.html"
    return Page(browser, write_page(file, samples.hostile()))


@pytest.fixture(scope="module", name="crowd")
def fixture_crowd() -> samples.Words:
    """Very many pins."""
    return samples.many(MANY)


@pytest.fixture(scope="module", name="many")
def fixture_many(
    browser: Browser, crowd: samples.Words, tmp_path_factory: pytest.TempPathFactory
) -> Page:
    """The page of very many pins."""
    file = tmp_path_factory.mktemp("many") / "report.html"
    return Page(browser, write_page(file, crowd))


# The text of sections of a page without pins.
EMPTY = {
    "problems": [
        "Nothing was found. Looked for: hazards that the kernel saw, pins of processes that have "
        "ended and a check of all struct pages."
    ],
    "timeline": ["The kernel saw no hazard."],
    "origins": ["No pins are on record: nothing was pinned at that time."],
    "ages": ["No pins are on record: nothing was pinned at that time."],
    "pins": ["No pins are on record: nothing was pinned at that time."],
}


def pfns(table: Any) -> list[str]:
    """The first word of each row."""
    return [cells[0] for cells in table["cells"]]


def test_what_goes_wrong_is_seen(browser: Browser, tmp_path: Path) -> None:
    """Otherwise the tests below would not fail."""
    page = tmp_path / "bad.html"
    page.write_text(BAD)
    # The first window, the page's and the one that it opens.
    seen = browser.look(page, steps.misbehave, errors=2, windows=3)
    assert seen.requests == ["http://gup-pin.invalid/image"]
    errors = "\n".join(seen.errors)
    for part in ('"said"', "Uncaught Error: thrown", "Uncaught Error: refused", "1 more window"):
        assert errors.count(part) == 1
    page.write_text("<!doctype html><script>alert(1)</script>")
    with pytest.raises(UnexpectedAlertPresentException):
        browser.look(page, steps.open_all)
    page.write_text("<!doctype html><script>localStorage.n ??= 0; ++localStorage.n</script>")
    script = "return localStorage.n"
    for _ in range(2):
        seen = browser.look(page, lambda window: window.driver.execute_script(script))
        assert (seen.seen, seen.errors, seen.requests) == ("1", [], [])


@pytest.mark.parametrize("script", sorted(ASSETS.glob("*.js")), ids=lambda p: p.name)
def test_scripts_parse(browser: Browser, script: Path) -> None:
    """Each script parses; with an extra bracket it does not."""
    text = script.read_text(encoding="utf-8")
    assert browser.fault(text) == ""
    assert browser.fault(f"{text})") == "SyntaxError: Unexpected token ')'"


@pytest.mark.parametrize("document", [samples.troubled(), samples.unread(), samples.many(1000)])
def test_the_samples_are_as_the_schema_says(document: samples.Words) -> None:
    """Otherwise they test pages that never exist."""
    schema = json.loads((PACKAGE / "gup_pin" / "gup-pin-2.schema.json").read_text())
    importlib.import_module("jsonschema").validate(document, schema)


def test_data_never_becomes_markup_in_the_source() -> None:
    """Functions that parse text as HTML or code are not even named."""
    for script in ASSETS.glob("*.js"):
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b"
            r"|new Function|createContextualFragment|setHTML|https?:",
            script.read_text(),
        )
        assert not found, script.name


def test_the_page_loads_and_says_what_is_wrong_first(troubled: Page) -> None:
    """By what is at stake, the worst first, and each problem once."""
    seen = troubled.loaded
    assert seen["title"] == "Pinned pages of Linux 6.12.117"
    assert "4 dangers, 7 warnings, 3 notes" in seen["verdict"] and "partial" in seen["verdict"]
    severities = [line.split()[0] for line in seen["problems"]]
    assert severities == ["danger"] * 4 + ["warning"] * 7 + ["note"] * 3
    assert "Left its file while pinned 300 hazards, /dev/zero" in seen["problems"][-3]
    # As the kernel has judged: the end of a file is no danger.
    assert "No longer in its file, but pinned 1 folio, pinned by fio" in seen["problems"][-2]
    assert troubled.see(steps.figures)["Findings of the check"] == "5"
    assert troubled.see(steps.groups) == [
        ("Data of files may be wrong or lost", 4),
        ("Whether data of files was lost is not known", 1),
        ("Data of files may go wrong yet", 1),
        ("Pins that may never be released", 2),
        ("Memory that cannot be moved", 1),
        ("Records and pins do not agree", 2),
        ("Counted, and nothing is lost as far as is known", 2),
        ("What could not be read", 1),
    ]
    text = "\n".join(seen["problems"])
    for part in (
        "Written to disk while pinned for write 2 hazards, /var/lib/data/base/16384 (dev 253:1), "
        "pinned by backup from blkdev_direct_IO",
        "for write 1 folio, /var/lib/data/base/16384 (dev 253:1), pinned by backup from "
        "blkdev_direct_IO",
        "Left its file while pinned 1 hazard",
        "Whose process has ended 2 pins, pinned by a\\x20b from io_pin_pages",
        "Long-term pins in ZONE_MOVABLE 64 pages",
        "3 pins are not on record",
        "Could not be read: struct page",
    ):
        assert text.count(part) == 1


def test_a_kernel_with_no_pins_has_a_page(browser: Browser, tmp_path: Path) -> None:
    """There are no problems, and empty tables work."""
    page = Page(browser, write_page(tmp_path / "empty.html", samples.document([])))
    seen = page.see(steps.load)
    assert "nothing wrong" in seen["verdict"]
    assert seen["problems"] == seen["ages"] == seen["blocks"] == seen["origins"] == []
    assert page.see(steps.empty_words) == EMPTY


def test_why_there_are_no_pins(browser: Browser, tmp_path: Path) -> None:
    """Tracking is off, or the pins could not be read."""
    off = samples.document([], tracking={"enabled": False})
    page = Page(browser, write_page(tmp_path / "off.html", off))
    assert "Nothing is recorded" in page.loaded["verdict"]
    assert page.see(steps.empty_words)["pins"] == ["No pins are on record: tracking is off."]
    fault = {"what": "struct xa_node", "why": "not in the dump", "count": 1, "first": "0x1"}
    lost = samples.document([], complete=False, faults=[fault])
    page = Page(browser, write_page(tmp_path / "lost.html", lost))
    shown = page.see(steps.empty_words)["pins"]
    assert shown == ["No pins are shown: not everything could be read."]


def test_a_search_that_finds_nothing_says_so(troubled: Page) -> None:
    """The message differs from that for no pins."""
    (table,) = troubled.see(steps.search, queries=["comm=nobody"])
    assert table["status"] == "0 runs of 6, 0 pins. Nothing matches the search."


def test_the_page_of_copies(browser: Browser, tmp_path: Path) -> None:
    """Values that debugfs lacks are not made up; refused pins are shown."""
    whole = samples.copied()
    page = Page(browser, write_page(tmp_path / "copies.html", whole, {1: "task"}))
    seen = page.loaded
    assert seen["title"] == "Pinned pages of Linux" and "partial" not in seen["verdict"]
    text = page.see(steps.open_all)["text"]
    assert "from the files in /sys/kernel/debug/gup_pin" in text
    assert "do not say where zones and memory blocks lie" in text
    assert "check of all struct pages" not in text
    figures = page.see(steps.figures)
    assert figures["Memory pinned"] == "528 pages"
    assert figures["Findings of the check"] == "not checked"
    assert figures["Tracking"] == "on"
    groups = [name for name, _ in page.see(steps.groups)]
    assert groups == [
        "Data of files may be wrong or lost",
        "Long-term pins that the kernel refused",
        "Counted, and nothing is lost as far as is known",
    ]
    task = "Whose task has ended; its process has not, or is not known 10 pins"
    assert task in seen["problems"][-1]
    refused = seen["problems"][-2]
    assert "Refused: file, EFAULT 2 calls, by fio (812/815) from io_pin_pages, /data" in refused
    assert "use anonymous memory, hugetlbfs or a memfd" in text


@pytest.fixture(scope="module", name="unread")
def fixture_unread(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a damaged dump."""
    file = tmp_path_factory.mktemp("unread") / "report.html"
    return Page(browser, write_page(file, samples.unread()))


def test_the_page_of_real_copies(browser: Browser, tmp_path: Path) -> None:
    """From Debian's own kernel with the module: the hazard first, with ext4 in its stack."""
    copies = tmp_path / "copies"
    copies.mkdir()
    real = json.loads((PACKAGE / "tests" / "copies.json").read_text())
    del real["comment"]
    for name, lines in real.items():
        (copies / name).write_text("".join(f"{line}\n" for line in lines))
    if str(PACKAGE) not in sys.path:
        sys.path.insert(0, str(PACKAGE))
    file = tmp_path / "copies.html"
    assert not importlib.import_module("gup_pin.report").write_copies(copies, file)
    page = Page(browser, file)
    assert page.loaded["title"] == "Pinned pages of Linux 6.12.117+deb12-amd64"
    assert "Written to disk while pinned for write 4 hazards, /file" in page.loaded["problems"][0]
    assert [row[5] for row in page.loaded["origins"]] == ["write short", "write long"]
    assert page.see(steps.groups) == [
        ("Data of files may be wrong or lost", 1),
        ("Counted, and nothing is lost as far as is known", 1),
    ]
    assert "ext4_bio_write_folio" in page.see(steps.open_all)["text"]


def test_what_could_not_be_read_is_said_to_be_unknown(unread: Page) -> None:
    """No cell shows a 0, an empty file or the kind "anon" instead."""
    seen = unread.loaded
    assert seen["title"] == "Pinned pages of Linux"
    (table,) = unread.see(steps.search, queries=[""])
    cells = {row[0]: row for row in table["cells"]}
    assert cells["0x1a2b0"].count("unknown") == 4
    assert cells["0x1c000"].count("unknown") == 2
    assert "unknown" not in cells["0x40010"]
    ages = {row[0]: row[1:4] for row in seen["ages"]}
    assert ages == {"3 s to 10 s": ["2", "0", "1"], "unknown": ["32", "0", "2"]}
    assert seen["events"][0].startswith("? writeback") and seen["marks"] == []
    problems = "\n".join(seen["problems"])
    assert "hazard, a file that could not be read" not in problems
    assert "1 folio, a file that could not be read" in problems
    assert "Refused: unknown reason, EFAULT" in problems
    assert [row[2] for row in seen["origins"]] == ["≥ 19"]
    text = unread.see(steps.open_all)["text"]
    assert "NaN" not in text and "null" not in text and "undefined" not in text
    figures = unread.see(steps.figures)
    assert figures["Oldest pin"] == "5.2 s"
    assert figures["Memory pinned"] == "at least 76 KiB"


def test_what_is_unknown_is_sorted_last_and_found(unread: Page) -> None:
    """In both orders; and a search finds it as "?"."""
    for column in ("Pages", "Age"):
        seen = unread.see(steps.sort, column=COLUMNS.index(column), times=2)
        assert all(each["values"][-1] == "unknown" for each in seen)
        assert all(each["values"][0] != "unknown" for each in seen)
    one, two, three = unread.see(steps.search, queries=["map=?", "ino=?", "min_age_ms=0"])
    assert pfns(one) == ["0x1a2b0"] and two["error"]
    assert pfns(three) == ["0x40010"]


def test_without_memory_blocks_and_zones(browser: Browser, tmp_path: Path) -> None:
    """From a kernel without memory hot-plug, and from a dump without its zones."""
    document = samples.troubled()
    document["memory"] |= {"block_pages": 0, "blocks": []}
    parts = Page(browser, write_page(tmp_path / "parts.html", document)).see(steps.load)
    assert [block[0] for block in parts["blocks"]] == ["3", "48", "8", "0"]
    del document["memory"]
    none = Page(browser, write_page(tmp_path / "none.html", document)).see(steps.load)
    assert none["blocks"] == [] and none["ages"] == parts["ages"]


def test_origins_are_summed_and_sorted(troubled: Page) -> None:
    """By stack and kind of pin, with its colour in the graph."""
    origins = troubled.loaded["origins"]
    assert [row[1] for row in origins] == ["64", "26", "3", "2", "1"]
    assert "ib_umem_get" in origins[0][0] and "io_pin_pages" in origins[1][0]
    assert "blkdev_direct_IO" in origins[2][0]
    kinds = [row[5] for row in origins]
    assert kinds == ["write long", "write long", "read short", "read long", "write short"]
    root = troubled.see(steps.measure, by="pages")
    assert root.startswith("all pins: 598 pages, 100 %, write long and ")
    assert troubled.see(steps.kinds) == {
        "write long": ["rgba(168, 72, 28, 1)", "solid"],
        "write short": ["rgba(255, 255, 255, 1)", "dashed"],
        "read long": ["rgba(47, 106, 165, 1)", "solid"],
        "read short": ["rgba(255, 255, 255, 1)", "dashed"],
    }
    bars = {bar.split(":")[0]: bar for bar in troubled.see(steps.bars)}
    assert bars["ib_umem_get [ib_uverbs]"].endswith(" write-long")
    assert bars["blkdev_direct_IO"].endswith(" read-short")


def test_ages_add_up(troubled: Page) -> None:
    """By step and term; the steps have no gaps."""
    ages = {row[0]: row[1:] for row in troubled.loaded["ages"]}
    assert ages["300 ms to 1 s"] == ["0", "1", "1"]
    assert ages["3 s to 10 s"] == ["18", "0", "2"]
    assert ages["30 s to 1 min"] == ["0", "3", "1"]
    assert ages["1 h to 3 h"] == ["64", "0", "1"]
    assert ages["1 d to 7 d"] == ["10", "0", "1"]
    names = [name.split(" to ") for name in ages]
    assert all(one[1] == two[0] for one, two in pairwise(names))
    shown = troubled.see(steps.click, button="#ages-table button")
    assert shown["query"] == "min_age_ms=300 max_age_ms=999"
    assert pfns(shown) == ["0x7ee5"] and shown["focus"] == "pins"


def test_memory_says_which_block_stays_because_of_whom(troubled: Page) -> None:
    """Pages with two pins count once; long-term holders come first."""
    seen = troubled.loaded
    blocks = {row[0]: row for row in seen["blocks"]}
    assert list(blocks) == ["3", "48", "8", "0"]
    assert blocks["3"][2:] == [
        *("DMA32", "2.1 MiB", "2.1 MiB", "L cannot be offlined", "fio (812) by io_pin_pages"),
    ]
    assert blocks["48"][1:3] == ["0x180000000-0x187ffffff", "Movable"]
    assert "not while these pins last" in blocks["0"][5]
    assert "block 60: offline, 0 pages pinned" in seen["cells"]
    assert "block 0: not while these pins last, 4 pages pinned" in seen["cells"]
    assert len(seen["cells"]) == samples.BLOCKS
    shown = troubled.see(steps.click, button=".cell.keeps[title]")
    assert shown["query"] == "pfn=0x18000-0x1ffff" and pfns(shown) == ["0x1c000", "0x1a2b0"]


def test_pins_on_the_same_pages_count_once(browser: Browser, tmp_path: Path) -> None:
    """In a block, and across two blocks."""
    size = samples.BLOCK_PAGES
    pins = [
        samples.pin(size - 8, pages=16),
        samples.pin(size - 4, pages=8, term="short"),
        samples.pin(size + 4, pages=8, term="short"),
    ]
    page = write_page(tmp_path / "same.html", samples.document(pins))
    blocks = {row[0]: row[3:5] for row in Page(browser, page).see(steps.load)["blocks"]}
    assert blocks == {"0": ["32 KiB", "32 KiB"], "1": ["48 KiB", "32 KiB"]}


def test_hazards_lie_in_time(troubled: Page) -> None:
    """Newest first in the list, equal ones as one; the oldest is at the left of the line."""
    seen = troubled.loaded
    assert [line.split()[0][1:] for line in seen["events"]] == ["338", "2.1", "1", "1"]
    assert " 2 by postgres" in seen["events"][0]
    assert min(seen["marks"]) == 0 and len(seen["marks"]) == 5
    assert all(0 <= mark <= 1 for mark in seen["marks"])


SEARCHES = {
    "comm=fio": [0, 1],
    "mode=w term=long": [0, 1, 4],
    "blkdev": [2, 3],
    "BLKDEV_read": [2, 3],
    "func=ib_umem_get": [4],
    "orphan=yes": [5],
    "orphan=no": [0, 1, 2, 3, 4],
    "gone=both": [5],
    "gone=task": [],
    "match=inferred": [3],
    "match=alike": [5],
    "map=file": [2],
    "path=/var/lib/data/base/16384": [2],
    "ino=12 dev=253:1": [2],
    "pfn=0x7ee6-0x7eea": [3],
    "pfn=0x1c1ff": [1],
    "min_age_ms=7200000": [1, 4],
    "max_age_ms=840": [2],
    "task=815": [0, 1],
    "task=812/815": [0, 1],
    "owner=0x21": [5],
    "stack=0x300001": [4],
    r"a\x20b": [5],
    "0x40010": [5],
    "comm=fio mode=r": [],
    "nothing-like-it": [],
    "": [0, 1, 2, 3, 4, 5],
}


def test_searches(troubled: Page) -> None:
    """By the words of debugfs and by text."""
    tables = troubled.see(steps.search, queries=list(SEARCHES))
    for (query, rows), table in zip(SEARCHES.items(), tables, strict=True):
        assert pfns(table) == [TROUBLED[row] for row in AGED if row in rows], query
        assert (table["error"], table["invalid"]) == ("", None)
        assert table["status"].startswith(f"{len(rows)} run")


@pytest.mark.parametrize(
    "query", ["bogus=1", "mode=x", "pfn=x", "pfn=1-", "owner=", "constructor=1", "ino=z"]
)
def test_a_word_that_is_none_is_told(troubled: Page, query: str) -> None:
    """And the table is unchanged."""
    before, after = troubled.see(steps.search, queries=["comm=fio", query])
    assert after["error"] and after["invalid"] == "true"
    assert pfns(after) == pfns(before) == ["0x1c000", "0x1a2b0"]


def test_searches_while_one_types(troubled: Page) -> None:
    """Without Enter; the focus stays."""
    table = troubled.see(steps.type_only, query="ibv_rc", rows=1)
    assert pfns(table) == [TROUBLED[4]] and table["focus"] == "query"


COLUMNS = ["pfn", "Pages", "Pins", "Age", "Kind", "Task", "From"]


@pytest.mark.parametrize(
    "column, first",
    [
        ("pfn", [2, 3, 0, 1, 5, 4]),
        ("Pages", [1, 4, 0, 3, 5, 2]),
        # The initial order is the oldest first: now the youngest.
        ("Age", [2, 0, 5, 3, 4, 1]),
        ("Task", [5, 2, 3, 0, 1, 4]),
    ],
)
def test_sorts(troubled: Page, column: str, first: list[int]) -> None:
    """By keyboard, in both orders; equal rows keep their order."""
    number = COLUMNS.index(column)
    once, twice = troubled.see(steps.sort, column=number, times=2)
    assert once["pfns"] == [TROUBLED[row] for row in first]
    assert [once["sort"], twice["sort"]] in (
        ["ascending", "descending"],
        ["descending", "ascending"],
    )
    assert once["sorted"] == twice["sorted"] == 1
    values = once["values"]
    groups = sorted(range(6), key=lambda row: (-values.index(values[row]), row))
    assert twice["pfns"] == [once["pfns"][row] for row in groups]


def test_a_stack_by_keyboard(troubled: Page) -> None:
    """Tab follows the order of the page, and Enter opens the first pin's stack."""
    seen = troubled.see(steps.expand)
    sections = [each["section"] for each in seen["passed"]]
    order = list(dict.fromkeys(sections))
    assert order == ["", "problems", "timeline", "origins", "ages", "memory", "pins"]
    assert sections == sorted(sections, key=order.index)
    assert all(each["outline"] == "solid" for each in seen["passed"])
    assert seen["before"]["expanded"] == "false" and seen["before"]["stack"] == []
    assert seen["open"]["expanded"] == "true" and "0x1c000" in seen["open"]["name"]
    assert seen["open"]["stack"] == samples.STACKS["0x2b40003"]
    words = {key: str(value) for key, value in samples.troubled()["pins"][1].items()}
    assert seen["open"]["words"] == [value for value in words.values() if value]
    assert seen["closed"]["expanded"] == "false" and seen["closed"]["stack"] == []


def test_a_link_skips_to_the_pins(troubled: Page) -> None:
    """It is the first target of Tab; the next one is the search."""
    seen = troubled.see(steps.skip)
    assert seen["first"]["name"] == "Skip to the table of pins" and seen["next"] == "query"


def test_the_graph_by_keyboard(troubled: Page) -> None:
    """Down to a called function, right to its sibling, Enter to enlarge."""
    keys = [*[Keys.DOWN] * 3, Keys.RIGHT, Keys.LEFT, Keys.RIGHT, Keys.ENTER, Keys.ESCAPE, Keys.END]
    seen = troubled.see(steps.flame, keys=keys)
    names = [each["name"].split(":")[0] for each in seen]
    ioctl, uring = "__x64_sys_ioctl", "__do_sys_io_uring_register"
    assert names == [
        *("all pins", "entry_SYSCALL_64_after_hwframe", "do_syscall_64"),
        *(ioctl, uring, ioctl, uring, uring, "all pins", "all pins"),
    ]
    assert all(each["reached"] == 1 for each in seen[1:])
    assert seen[7]["bars"] < seen[6]["bars"] == seen[8]["bars"]
    assert "28 pins, 29 % of all, through 1 stack" in seen[7]["panel"]


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out(troubled: Page, width: int) -> None:
    """Wide tables scroll by themselves."""
    assert troubled.see(steps.load, width=width)["width"] == width


@pytest.mark.parametrize("width", [1203, 1920])
def test_the_table_fits(browser: Browser, tmp_path: Path, width: int) -> None:
    """With the longest path that the kernel shows; no column is cut."""
    document = samples.troubled()
    document["pins"][2] |= {"path": f"/{'long/' * 40}file"[:255]}
    page = Page(browser, write_page(tmp_path / "wide.html", document, {5: "owner"}))
    seen = page.see(steps.scrolls, width=width)
    assert seen["pins-table"] == {"wider": 0, "hint": ""}
    assert all(each["hint"] == "" for each in seen.values())


def test_a_hint_where_a_table_scrolls(troubled: Page) -> None:
    """On a small screen, and only for tables wider than that."""
    seen = troubled.see(steps.scrolls, width=400)
    assert seen["pins-table"]["wider"] > 0 and seen["ages-table"]["wider"] == 0
    for name, each in seen.items():
        assert each["hint"].startswith("Wider than the screen") == (each["wider"] > 0), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(troubled: Page, scheme: str) -> None:
    """WCAG's 4.5 to 1 for all text, with everything open."""
    seen = troubled.see(steps.contrast, scheme=scheme)
    assert seen["low"] == [] and seen["texts"] > 500


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_can_be_too_low(
    troubled: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """The test above fails for a grey that is too close to its background."""
    page = importlib.import_module("gup_pin.report.page")
    read = page._read

    def pale(name: str) -> str:
        return str(re.sub(r"--muted: #\w+", "--muted: #808080", read(name)))

    monkeypatch.setattr(page, "_read", pale)
    file = write_page(tmp_path / "pale.html", samples.troubled())
    assert Page(troubled.browser, file).see(steps.contrast, scheme=scheme)["low"]


def test_for_those_who_do_not_see_it(troubled: Page) -> None:
    """All controls have a name; there are landmarks, and headings in order."""
    seen = troubled.see(steps.accessibility)
    assert seen["unnamed"] == []
    assert {"banner", "main", "navigation", "search", "contentinfo"} == seen["landmarks"]
    levels = seen["levels"]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    roles = seen["roles"]
    assert roles["table"] == 4 and roles["rowheader"] > 10 and roles["columnheader"] > 20
    # Without a name these would not count: the sections, and what scrolls.
    assert roles["region"] == 7 + 4
    assert roles["tree"] == 1 and roles["treeitem"] > 10 and roles["status"] == 1


def test_prints_black_on_white(troubled: Page) -> None:
    """In a dark scheme too, without elements that only a screen needs."""
    seen = troubled.see(steps.print_it, scheme="dark")
    assert seen["shown"] == ["#problems", "#pins-table", "#flame"]
    assert seen["back"] == "rgba(255, 255, 255, 1)" and seen["contrast"]["low"] == []
    assert 1 <= seen["pages"] <= 10


def test_hostile_names_are_only_text(hostile: Page) -> None:
    """Of tasks, files, functions and the kernel: shown unchanged, without effects."""
    plain = hostile.loaded
    seen = hostile.see(steps.open_all)
    assert seen["title"] == plain["title"] == f"Pinned pages of Linux {samples.HOSTILE[0]}"
    assert seen["scripts"] == 2 and seen["listeners"] == 0
    assert not {"img", "b", "iframe", "object"} & set(seen["elements"])
    for text in samples.HOSTILE:
        shown = text.replace("\u202e", "\\u202e")
        # At least: a pin's task, file and function, a hazard, a finding, a fault.
        assert seen["text"].count(shown) >= 6, text
    assert "\u202e" not in seen["text"]
    assert str(2**64 - 1) in seen["text"]


def test_hostile_copies(browser: Browser, tmp_path: Path) -> None:
    """Their names, frames and release are only text; invalid bytes and lines are skipped."""
    names = [text for text in samples.HOSTILE if " " not in text]
    pins = [samples.pin(0x1000 + 64 * i, comm=text, path=text) for i, text in enumerate(names)]
    lines = [" ".join(f"{key}={value}" for key, value in pin.items()) for pin in pins]
    stack = f"pins=1 stack={pins[0]['stack']}\n" + "".join(f" {text}\n" for text in names)
    copies = tmp_path / "copies"
    copies.mkdir()
    head = "# gup_pin pins 1\n" + "".join(f"{line}\n" for line in lines)
    (copies / "pins").write_bytes(head.encode() + b"\xff\x00\n" + b"x" * 100_000 + b"\n")
    (copies / "stacks").write_text(f"# gup_pin stacks 1\n{stack}\n")
    (copies / "uname").write_text("</title><script>\n")
    file = tmp_path / "copies.html"
    notes = importlib.import_module("gup_pin.report").write_copies(copies, file)
    assert len(list(notes.lines())) == 6
    page = Page(browser, file)
    seen = page.see(steps.open_all)
    assert seen["title"] == "Pinned pages of Linux </title><script>"
    assert seen["scripts"] == 2 and seen["listeners"] == 0
    assert not {"img", "b", "iframe", "object"} & set(seen["elements"])
    for text in names:
        # At least a task, a file, and a frame.
        assert seen["text"].count(text.replace("\u202e", "\\u202e")) >= 3, text


def test_hostile_names_are_found(hostile: Page) -> None:
    """A search accepts them unchanged."""
    words = [text for text in samples.HOSTILE if " " not in text]
    for text, table in zip(words, hostile.see(steps.search, queries=words), strict=True):
        row = samples.HOSTILE.index(text)
        assert hex(0x1000 + 64 * row) in pfns(table), text


def test_the_policy_refuses(troubled: Page) -> None:
    """Markup from text, another script, and anything external."""
    result = troubled.browser.look(troubled.file, steps.refuses)
    assert result.seen == {"markup": True, "image": True, "inline": True}
    assert any("TrustedHTML" in error for error in result.errors)
    assert any("img-src" in error for error in result.errors)


def test_very_many_pins_stay_usable(many: Page) -> None:
    """There are as many elements as for few, and nothing takes long."""
    seen = many.see(steps.load)
    size = many.file.stat().st_size
    print(f"{MANY} runs: {size} bytes, {seen['nodes']} elements, loaded in {seen['ms']} ms")
    assert seen["nodes"] < MOST_NODES and seen["ms"] < MOST_MS
    assert size < 100 * MANY


def test_very_many_pins_are_searched(many: Page, crowd: samples.Words) -> None:
    """The results equal those of Python."""
    pins = crowd["pins"]
    wanted: dict[str, Callable[[samples.Words], bool]] = {
        "comm=job-7 mode=w": lambda p: p["comm"] == "job-7" and p["mode"] == "w",
        "min_age_ms=1000000": lambda p: p["age_ms"] >= 1_000_000,
        "path=/srv/data/part-500": lambda p: p["path"] == "/srv/data/part-500",
        "": lambda p: True,
    }
    tables = many.see(steps.search, queries=list(wanted))
    for (query, test), table in zip(wanted.items(), tables, strict=True):
        found = [pin for pin in sorted(pins, key=lambda p: -p["age_ms"]) if test(pin)]
        assert found
        total = sum(pin["pins"] for pin in found)
        assert table["status"].startswith(
            f"{len(found):,} run{'s' * (len(found) != 1)} of {MANY:,}, {total:,} pins"
        )
        assert pfns(table) == [pin["pfn"] for pin in found[:100]]
        print(f"searched for {query!r} in {table['ms']} ms")
        assert table["ms"] < MOST_MS


def test_very_many_pins_are_sorted(many: Page, crowd: samples.Words) -> None:
    """By size, the largest first."""
    pins = crowd["pins"]
    (seen,) = many.see(steps.sort, column=COLUMNS.index("Pages"), times=1)
    largest = sorted(pins, key=lambda p: -p["pages"])[:100]
    assert seen["pfns"] == [pin["pfn"] for pin in largest]
    print(f"sorted in {seen['ms']} ms")
    assert seen["ms"] < MOST_MS


def test_the_table_is_paged(many: Page, crowd: samples.Words) -> None:
    """From the first to the last row, and no further."""
    pins = sorted(crowd["pins"], key=lambda p: -p["age_ms"])
    keys = ["next-page", "last-page", "next-page", "previous-page", "first-page", "previous-page"]
    firsts = [pfns(table)[0] for table in many.see(steps.turn_pages, buttons=keys)]
    rows = [100, MANY - 100, MANY - 100, MANY - 200, 0, 0]
    assert firsts == [pins[row]["pfn"] for row in rows]
