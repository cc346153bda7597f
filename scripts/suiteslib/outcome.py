# SPDX-License-Identifier: GPL-2.0
"""What became of the tests of a suite, from what they printed."""

from __future__ import annotations

import re
from dataclasses import replace

from checklib import ktap
from checklib.results import FAILED, PASSED, SKIPPED, Result

# Of an output, what is kept to explain a failure.
TAIL = 3000
# "test_name (tests.module.Class.test_name)", as unittest -v has it; with a docstring, what
# became of it is on the next line.
CASE = re.compile(r"^(?P<name>\w+) \((?P<where>[\w.]+)\)")
VERDICT = re.compile(r"(?:^|\.\.\. )(?P<word>ok|FAIL|ERROR|expected failure|skipped (?P<why>.*))$")
RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
WORDS = {"ok": PASSED, "FAIL": FAILED, "ERROR": FAILED, "expected failure": PASSED}


def _ended(test: str, status: int | None, text: str) -> Result:
    """The exit status, as a test of its own."""
    if status == 0:
        return Result(test, PASSED)
    how = "took too long" if status is None else f"exit status {status}"
    return Result(test, FAILED, f"{how}\n{text[-TAIL:]}")


def by_status(test: str, status: int | None, text: str, skipped: int) -> list[Result]:
    """A test whose exit status says all."""
    if status == skipped:
        return [Result(test, SKIPPED, text.strip().rpartition("\n")[2] or "no reason given")]
    return [_ended(test, status, text)]


def by_ktap(test: str, status: int | None, text: str, _skipped: int) -> list[Result]:
    """A program that prints TAP, and its exit status.

    Those of kselftest end with 1 if a test failed and with 4 if all were skipped, which is not
    counted once more.
    """
    # Names are theirs: cow of 6.12 has the same for each kind of page.
    results = ktap.parse(text, test, repeats=True)
    failed = any(r.status == FAILED for r in results)
    if results and (status in (0, 4) or (failed and status is not None)):
        return results
    return [*results, _ended(test, status, text)]


def by_unittest(test: str, status: int | None, text: str, _skipped: int) -> list[Result]:
    """Python's unittest with -v: what a test itself prints may be between its lines."""
    results, running = [], ""
    for line in text.splitlines():
        if match := CASE.match(line):
            running = f"{test}: {match['where']}"
        if running and (match := VERDICT.search(line)):
            word = WORDS.get(match["word"], SKIPPED)
            results.append(Result(running, word, match["why"] or ""))
            running = ""
    ran = RAN.search(text)
    if not ran or int(ran[1]) != len(results):
        why = f"{ran[1] if ran else 'no'} tests ran, {len(results)} said what became of them"
        results.append(Result(test, FAILED, f"{why}\n{text[-TAIL:]}"))
    elif status != 0:
        # Which of them failed is known; why, the output says.
        text = text[-TAIL:]
        results = [replace(r, detail=text) if r.status == FAILED else r for r in results]
        if not any(r.status == FAILED for r in results):
            results.append(_ended(test, status, text))
    return results


FORMATS = {"status": by_status, "ktap": by_ktap, "unittest": by_unittest}


def outcome(
    form: str, test: str, status: int | None, text: str, skipped: int = -1
) -> list[Result]:
    """The results of one command.

    status: its exit status, None if it took too long; skipped: the status that says that
    the test was skipped.
    """
    return FORMATS[form](test, status, text, skipped)
