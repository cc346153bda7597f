# SPDX-License-Identifier: GPL-2.0
"""What a test does with a page in a window, and the results."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from selenium.webdriver import Keys

from report_browser import PAGE_SECONDS, Window

# Roles that need a name. Not group: a <details> is one, named by its summary.
NAMED = {
    *("button", "link", "searchbox", "textbox", "spinbutton", "combobox", "radio", "table"),
    *("region", "navigation", "search", "image", "img", "tree", "treeitem", "columnheader"),
    *("rowheader", "heading", "form"),
}
LANDMARKS = {"banner", "main", "navigation", "search", "contentinfo"}
A4 = {"paperWidth": 8.27, "paperHeight": 11.69}


def load(window: Window) -> Any:
    """The content after loading."""
    return window.run("loaded")


def _timed(window: Window) -> Any:
    """The table after Enter, and how long that took, in ms."""
    start = time.monotonic()
    window.press(Keys.ENTER)
    now = window.run("tableNow")
    return {**now, "ms": round((time.monotonic() - start) * 1000)}


def _query(window: Window, words: str) -> Any:
    """Replace the search text, and press Enter.

    All at once, as pasted: otherwise the page would search for a part on a slow machine.
    """
    window.focus("#query")
    window.driver.execute_script("arguments[0].select()", window.find("#query"))
    window.devtools("Input.insertText", text=words)
    return _timed(window)


def search(window: Window, queries: Sequence[str]) -> Any:
    """Search for one after another."""
    return [_query(window, words) for words in queries]


def _wait_for(done: Callable[[], bool]) -> None:
    """Wait until it is done, or for too long: the test then says what is missing."""
    end = time.monotonic() + PAGE_SECONDS
    while not done() and time.monotonic() < end:
        time.sleep(0.1)


def type_only(window: Window, query: str, rows: int) -> Any:
    """Type, without Enter; the table once it has that number of rows."""
    window.focus("#query")
    window.press(query)
    _wait_for(lambda: len(window.run("tableNow")["cells"]) == rows)
    return window.run("tableNow")


def misbehave(window: Window, errors: int, windows: int) -> None:
    """Wait until a page has counted its uncaught errors, and has opened windows."""
    _wait_for(
        lambda: window.driver.execute_script("return uncaught") == errors
        and len(window.driver.window_handles) == windows
    )


def sort(window: Window, column: int, times: int) -> Any:
    """Sort by the heading of a column."""
    heading = f"#pins-table thead th:nth-child({column + 1})"
    seen = []
    for _ in range(times):
        window.focus(f"{heading} button")
        now = _timed(window)
        seen.append(
            {
                "ms": now["ms"],
                "sort": window.find(heading).get_dom_attribute("aria-sort"),
                "sorted": len(window.run("texts", "th[aria-sort]")),
                "values": [cells[column] for cells in now["cells"]],
                "pfns": [cells[0] for cells in now["cells"]],
            }
        )
    return seen


def turn_pages(window: Window, buttons: Sequence[str]) -> Any:
    """Press Enter on buttons, given by their ids."""
    seen = []
    for button in buttons:
        window.focus(f"#{button}")
        window.press(Keys.ENTER)
        seen.append(window.run("tableNow"))
    return seen


def expand(window: Window, most: int = 300) -> Any:
    """From the top of the page to the first pin, and its stack, only by keyboard."""
    passed: list[Any] = []
    while not (passed and passed[-1]["row"] and passed[-1]["expanded"]):
        assert len(passed) < most, f"not reached: {passed[-1]}"
        window.press(Keys.TAB)
        passed.append(window.run("focused"))

    def now() -> Any:
        stack = window.run("texts", "#pins-table .detail .stack li")
        words = window.run("texts", "#pins-table .detail .facts dd")
        return {**window.run("focused"), "stack": stack, "words": words}

    before = now()
    window.press(Keys.ENTER)
    opened = now()
    window.press(Keys.SPACE)
    return {"passed": passed, "before": before, "open": opened, "closed": now()}


def skip(window: Window) -> Any:
    """Follow the first link of the page."""
    window.press(Keys.TAB)
    first = window.run("focused")
    window.press(Keys.ENTER, Keys.TAB)
    return {"first": first, "next": window.run("focused")["id"]}


def flame(window: Window, keys: Sequence[str]) -> Any:
    """Walk through the graph of call paths with keys; the element reached."""
    window.focus('#flame [tabindex="0"]')
    seen = [window.run("focused")]
    for key in keys:
        window.press(key)
        seen.append(
            {
                **window.run("focused"),
                "bars": len(window.run("texts", "#flame [role=treeitem]")),
                "reached": len(window.run("texts", '#flame [tabindex="0"]')),
                "panel": window.run("texts", "#flame-panel")[0],
            }
        )
    return seen


def click(window: Window, button: str) -> Any:
    """The content after a click on a button."""
    window.find(button).click()
    return window.run("tableNow")


def measure(window: Window, by: str) -> Any:
    """Select the measure of the graph; the text of its root."""
    window.find(f"[name=measure][value={by}]").click()
    return window.find("#flame [role=treeitem]").get_dom_attribute("aria-label")


def groups(window: Window) -> Any:
    """The headings of problems, and the number of entries below each."""
    names = window.run("texts", "#problems-list > h3")
    parts = window.driver.find_elements("css selector", "#problems-list > ol")
    counts = [len(part.find_elements("css selector", "li")) for part in parts]
    return list(zip(names, counts, strict=True))


def empty_words(window: Window) -> Any:
    """The text of sections that may be empty, without their titles."""
    names = ("problems", "timeline", "origins", "ages", "pins")
    texts = {name: window.run("texts", f"#{name}")[0].splitlines()[1:] for name in names}
    return {name: [line for line in lines if line] for name, lines in texts.items()}


def kinds(window: Window) -> Any:
    """The background and the border of the kinds of pins, by their names."""
    found = {}
    for badge in window.driver.find_elements("css selector", "#pins-table .kind"):
        values = ("background-color", "border-top-style")
        found[badge.text] = [badge.value_of_css_property(value) for value in values]
    return found


def bars(window: Window) -> Any:
    """The text of the graph's bars, and their classes."""
    return window.driver.execute_script(
        "return [...document.querySelectorAll('#flame [role=treeitem]')]"
        ".map((bar) => `${bar.getAttribute('aria-label')} ${bar.className}`);"
    )


def scrolls(window: Window) -> Any:
    """For each table, its overflow, and the hint that is shown for it."""
    return window.run("scrolling")


def figures(window: Window) -> Any:
    """The figures of the summary, by their names."""
    terms, values = window.run("texts", "#figures dt"), window.run("texts", "#figures dd")
    return dict(zip(terms, values, strict=True))


def open_all(window: Window) -> Any:
    """Open everything that can be opened."""
    return window.run("opened")


def contrast(window: Window) -> Any:
    """Contrast with everything open, including an error."""
    open_all(window)
    _query(window, "nonsense=1")
    return window.run("lowContrast")


def _tree(window: Window) -> Any:
    """Chromium's accessibility tree."""
    nodes = window.devtools("Accessibility.getFullAXTree")["nodes"]
    kept = [node for node in nodes if not node["ignored"] and "role" in node]
    return [(node["role"]["value"], node.get("name", {}).get("value", ""), node) for node in kept]


def accessibility(window: Window) -> Any:
    """Roles and names in the tree, and elements without a name, with everything open."""
    closed = _tree(window)
    open_all(window)
    named = [(role, name) for role, name, _ in [*closed, *_tree(window)]]
    levels = []
    for role, _, node in closed:
        if role == "heading":
            (level,) = [p["value"]["value"] for p in node["properties"] if p["name"] == "level"]
            levels.append(level)
    return {
        "unnamed": [role for role, name in named if role in NAMED and not name.strip()],
        "landmarks": {role for role, _, _ in closed} & LANDMARKS,
        "levels": levels,
        "roles": Counter(role for role, _, _ in closed),
    }


def refuses(window: Window) -> Any:
    """The requests that the page's policy refuses."""
    return {**window.run("refused"), "image": not window.run("loadsImage")}


def print_it(window: Window) -> Any:
    """The printed page."""
    window.show_on("print")
    parts = ["header nav", "#search", ".pager", "#problems", "#pins-table", "#flame"]
    pdf = base64.b64decode(window.devtools("Page.printToPDF", **A4)["data"])
    return {
        "shown": window.run("shown", *parts),
        "back": window.find("body").value_of_css_property("background-color"),
        "contrast": window.run("lowContrast"),
        "pages": pdf.count(b"/Type /Page\n"),
    }
