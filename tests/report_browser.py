# SPDX-License-Identifier: GPL-2.0
"""Headless Chromium, with a new window for each look at a page."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

# Named, so that Selenium does not search for others, even in the network.
CHROMIUM, CHROMEDRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless=new",
    # root has no sandbox; and /dev/shm may be small.
    *("--no-sandbox", "--disable-dev-shm-usage"),
    *("--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    # Chromium itself must not ask its vendor for the time or for updates.
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND"),
)
SCRIPTS = Path(__file__).with_name("report_js")
PAGE_SECONDS = 120


@dataclass(frozen=True)
class Seen:
    """The result of one step: the step's own, errors, and requested addresses."""

    seen: Any
    errors: list[str]
    requests: list[str]


@dataclass(frozen=True)
class Window:
    """A window with a page, and its user's preferred scheme: "light" or "dark"."""

    driver: Any
    scheme: str

    def run(self, name: str, *words: object) -> Any:
        """Call the function of a file in report_js; its result, or its promise's."""
        source = (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")
        return self.driver.execute_script(f"{source}\nreturn {name}(...arguments);", *words)

    def devtools(self, command: str, **words: object) -> Any:
        """Run a command of Chromium's DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, words)

    def press(self, *keys: str) -> None:
        """Press keys one after another, in the focused element."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def find(self, selector: str) -> Any:
        """The first element that matches a selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def focus(self, selector: str) -> None:
        """Focus the element."""
        self.driver.execute_script("arguments[0].focus()", self.find(selector))

    def show_on(self, media: str) -> None:
        """Show the page on "screen", or in "print"."""
        preferred = [{"name": "prefers-color-scheme", "value": self.scheme}]
        self.devtools("Emulation.setEmulatedMedia", media=media, features=preferred)


class Browser:
    """A browser, which looks at one page after another."""

    def __init__(self) -> None:
        """Start it."""
        # Selenium would ask a proxy for its own chromedriver, even when it is deleted.
        os.environ["no_proxy"] = f"localhost,{os.environ.get('no_proxy', '')}"
        options = Options()
        options.binary_location = CHROMIUM
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
        self.driver.set_page_load_timeout(PAGE_SECONDS)
        self.driver.set_script_timeout(PAGE_SECONDS)
        self._first = self.driver.current_window_handle

    def end(self) -> None:
        """End it."""
        self.driver.quit()

    @contextmanager
    def _window(self, width: int, scheme: str) -> Iterator[Window]:
        """A new window without state of earlier ones."""
        driver = self.driver
        driver.switch_to.new_window("tab")
        window = Window(driver, scheme)
        try:
            window.devtools("Storage.clearDataForOrigin", origin="file://", storageTypes="all")
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            window.devtools("Emulation.setDeviceMetricsOverride", **size)
            window.devtools("Emulation.setFocusEmulationEnabled", enabled=True)
            window.show_on("screen")
            # Earlier log entries are not of the page.
            self._messages()
            self._requests()
            yield window
        finally:
            for handle in driver.window_handles:
                if handle != self._first:
                    driver.switch_to.window(handle)
                    driver.close()
            driver.switch_to.window(self._first)

    def _messages(self) -> list[str]:
        """New console messages since the last call: all levels, and uncaught errors."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def _requests(self) -> list[str]:
        """The addresses requested since the last call."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent]

    def look(
        self,
        page: Path,
        step: Callable[..., Any],
        *,
        width: int = 1280,
        scheme: str = "light",
        **how: Any,
    ) -> Seen:
        """Run a step on a page, in a new window.

        step: called with the window and the remaining arguments
        width, scheme: of the window, in CSS pixels; "light" or "dark"
        """
        with self._window(width, scheme) as window:
            self.driver.get(page.as_uri())
            seen = step(window, **how)
            errors, requests = self._messages(), self._requests()
            opened = len(self.driver.window_handles) - 2
            if opened:
                errors.append(f"{opened} more windows")
            requests.remove(page.as_uri())
            return Seen(seen, errors, requests)

    def fault(self, script: str) -> str:
        """Why a script cannot be parsed; an empty string if it can."""
        words = {"expression": script, "sourceURL": "", "persistScript": False}
        result = self.driver.execute_cdp_cmd("Runtime.compileScript", words)
        if "exceptionDetails" not in result:
            return ""
        return str(result["exceptionDetails"]["exception"]["description"])
