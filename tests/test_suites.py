# SPDX-License-Identifier: GPL-2.0
"""scripts/suiteslib: how test suites of others are read, compared and written down."""

from __future__ import annotations

import json
import os
import select
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import suites_guest
from checklib.results import FAILED, PASSED, SKIPPED, Result
from checklib.run import Failed
from suiteslib import guests, measured, table
from suiteslib.judge import Figures, Run, differences, figures, judge
from suiteslib.outcome import outcome
from userslib import document
from vmlib import paths

SUITE = table.Suite("a", "", "stock", "a", {"t": "t"}, "status", "All.", ("6.12",), skipped=77)
CLEAN = ["verified folios=0 pins=0 mismatches=0"]
ZERO = dict.fromkeys(
    (
        *("live_pins", "acquired", "inferred", "unmatched", "untracked", "hazard_writeback"),
        *("pinned_from_before", "unpinned_from_before", "wrong_traces", "false_positive"),
    ),
    0,
)
UNITTEST = """\
test_plain (tests.test_mr.MRTest.test_plain) ... ok
test_document (tests.test_mr.MRTest.test_document)
What it is for. ... FAIL
test_talks (tests.test_mr.MRTest.test_talks)
What it is for. ... a word of its own
ok
test_skips (tests.test_mr.MRTest.test_skips) ... skipped 'no device (rxe)'
test_fails (tests.test_mr.MRTest.test_fails) ... ERROR

======================================================================
ERROR: test_fails (tests.test_mr.MRTest.test_fails)
----------------------------------------------------------------------
Ran 5 tests in 1.234s

FAILED (failures=1, errors=1, skipped=1)
"""


def statuses(results: list[Result]) -> list[tuple[str, str]]:
    """What became of each test."""
    return [(r.name, r.status) for r in results]


@pytest.mark.parametrize(
    "status, want", [(0, PASSED), (77, SKIPPED), (1, FAILED), (None, FAILED), (-1, FAILED)]
)
def test_by_exit_status(status: int | None, want: str) -> None:
    """None is a test that took too long, which says so."""
    (result,) = outcome("status", "t", status, "one\nlast line\n", 77)
    assert (result.name, result.status) == ("t", want)
    assert ("took too long" in result.detail) == (status is None)
    if want == SKIPPED:
        assert result.detail == "last line"


def test_no_exit_status_is_a_skip_unless_it_is_named() -> None:
    """A program that took too long has not been skipped either."""
    (result,) = outcome("status", "t", 77, "")
    assert result.status == FAILED


def test_ktap_counts_its_tests_and_an_end_that_they_do_not_explain() -> None:
    """A crash, a program that takes too long, and one that prints nothing."""
    good = "TAP version 13\n1..2\nok 1 one\nok 2 two # SKIP not here\n"
    assert statuses(outcome("ktap", "t", 0, good)) == [("t: one", PASSED), ("t: two", SKIPPED)]
    bad = good.replace("ok 1", "not ok 1")
    assert statuses(outcome("ktap", "t", 1, bad))[0] == ("t: one", FAILED)
    assert len(outcome("ktap", "t", 1, bad)) == 2
    assert ("t", FAILED) in statuses(outcome("ktap", "t", None, bad))
    assert ("t", FAILED) in statuses(outcome("ktap", "t", -11, good))
    twice = good.replace("two # SKIP not here", "one")
    assert statuses(outcome("ktap", "t", 0, twice)) == [("t: one", PASSED)] * 2
    assert statuses(outcome("ktap", "t", 0, "")) == [("t", PASSED)]
    assert statuses(outcome("ktap", "t", 1, "")) == [("t", FAILED)]


def test_unittest_says_what_became_of_each_test() -> None:
    """Also behind a docstring, and behind what the test itself prints."""
    results = outcome("unittest", "rxe", 1, UNITTEST)
    assert statuses(results) == [
        ("rxe: tests.test_mr.MRTest.test_plain", PASSED),
        ("rxe: tests.test_mr.MRTest.test_document", FAILED),
        ("rxe: tests.test_mr.MRTest.test_talks", PASSED),
        ("rxe: tests.test_mr.MRTest.test_skips", SKIPPED),
        ("rxe: tests.test_mr.MRTest.test_fails", FAILED),
    ]
    assert results[3].detail == "'no device (rxe)'"


@pytest.mark.parametrize(
    "text, status",
    [
        (UNITTEST.replace("Ran 5", "Ran 6"), 1),
        (UNITTEST.partition("Ran")[0], None),
        ("Traceback: no module tests\n", 1),
        (UNITTEST.replace("FAIL\n", "ok\n").replace("ERROR\n", "ok\n"), -11),
    ],
)
def test_unittest_that_does_not_add_up(text: str, status: int | None) -> None:
    """A test that said nothing, a run cut short, one that never began, a crash at the end."""
    assert ("rxe", FAILED) in statuses(outcome("unittest", "rxe", status, text))


def ran(*words: str, **grown: int) -> Run:
    """A run whose tests a, b, ... ended so, and which has changed figures."""
    run = Run(before=ZERO, after={**ZERO, "acquired": 5, **grown}, verify=CLEAN, ended=True)
    run.add(Result(name, status) for name, status in zip("abcdef", words, strict=False))
    return run


def test_alike_is_good_whatever_failed() -> None:
    """A suite that fails without tracking is compared, not excused."""
    results = judge("s", ran(PASSED, FAILED, SKIPPED), ran(PASSED, FAILED, SKIPPED))
    assert [r.status for r in results] == [PASSED] * 3


@pytest.mark.parametrize(
    "off, on",
    [
        ([PASSED, PASSED], [PASSED, FAILED]),
        ([PASSED, FAILED], [PASSED, PASSED]),
        ([PASSED, PASSED], [PASSED, SKIPPED]),
        ([PASSED, PASSED], [PASSED]),
        ([PASSED], [PASSED, PASSED]),
    ],
)
def test_a_difference_is_a_failure_that_names_the_test(off: list[str], on: list[str]) -> None:
    """In either direction, and a test that did not run."""
    one, other = ran(*off), ran(*on)
    result = judge("s", one, other)[0]
    assert result.status == FAILED
    assert result.detail.startswith("b: ")
    assert len(differences(one, other)) == 1
    assert figures("s", "1", "k", one, other).differences == 1


def test_two_tests_by_one_name_are_two() -> None:
    """A failure of the second is not that of the first."""
    off, on = ran(), ran()
    off.add([Result("x", PASSED), Result("x", PASSED)])
    on.add([Result("x", PASSED), Result("x", FAILED)])
    (line,) = differences(off, on)
    assert line.startswith("x (2): ")


def test_a_suite_that_does_nothing_has_failed() -> None:
    """If no test passed, or no pin was recorded."""
    assert judge("s", ran(SKIPPED), ran(SKIPPED))[1].status == FAILED
    assert judge("s", ran(PASSED), ran(PASSED, acquired=0))[1].status == FAILED


@pytest.mark.parametrize(
    "name",
    [
        *("live_pins", "unmatched", "untracked", "hazard_writeback", "pinned_from_before"),
        *("unpinned_from_before", "wrong_traces", "false_positive"),
    ],
)
def test_a_wrong_figure_is_named(name: str) -> None:
    """Whichever it is; guesses alone are not wrong."""
    wrong = judge("s", ran(PASSED), ran(PASSED, **{name: 2}))[2]
    assert wrong.status == FAILED
    assert f"{name}: 2" in wrong.detail
    assert judge("s", ran(PASSED), ran(PASSED, inferred=2))[2].status == PASSED


def test_hazards_that_a_suite_causes() -> None:
    """They may be counted; others may not."""
    on = ran(PASSED, hazard_writeback=2)
    assert judge("s", ran(PASSED), on, ["writeback"])[2].status == PASSED
    assert judge("s", ran(PASSED), on, ["truncate"])[2].status == FAILED


def test_what_verify_says_and_what_a_test_leaves() -> None:
    """Mismatches, no answer, and pins that outlive their test."""
    on = ran(PASSED)
    for verify in ([CLEAN[0].replace("mismatches=0", "mismatches=1")], []):
        assert judge("s", ran(PASSED), replace(on, verify=verify))[2].status == FAILED
    left = replace(on, left={"a": ["pfn=0x1 pages=1"]})
    assert "pfn=0x1" in judge("s", ran(PASSED), left)[2].detail


def test_a_run_that_did_not_end_is_no_comparison() -> None:
    """The last test that ran is named."""
    (result,) = judge("s", ran(PASSED), replace(ran(PASSED, PASSED), ended=False))
    assert result.status == FAILED
    assert "not with tracking" in result.detail
    assert result.detail.endswith("the last was b")
    assert judge("s", replace(ran(), ended=False), Run())[0].status == FAILED


def events(*more: str) -> str:
    """What a guest prints of SUITE."""
    lines = []
    for tracked in (False, True):
        which = {"suite": 0, "tracked": tracked}
        lines.append({**which, "test": "t", "status": 0, "text": "", "left": []})
        end = {"before": ZERO, "after": {**ZERO, "acquired": 3}, "verify": CLEAN, "seconds": 1.5}
        lines.append({**which, **end})
    return "\n".join([*map(json.dumps, lines), *more])


def ready() -> guests.Ready:
    """SUITE, built."""
    return guests.Ready(SUITE, Path("/a"), "1.0", SUITE.tests)


def test_events_of_a_guest() -> None:
    """Each goes to its suite and its run."""
    one = ready()
    guests.read(events(), [one])
    assert (one.off.ended, one.on.ended) == (True, True)
    assert statuses(list(one.on.results.values())) == [("t", PASSED)]
    assert figures("a", "1.0", "k", one.off, one.on).pins == 3
    assert all(r.status == PASSED for r in judge("a", one.off, one.on))


@pytest.mark.parametrize(
    "line", ["half a li", '{"suite": 1, "tracked": true}', "[]", '{"suite": 0}']
)
def test_a_guest_that_says_something_else(line: str) -> None:
    """The line is shown."""
    with pytest.raises(Failed, match="the guest said"):
        guests.read(events(line), [ready()])


def test_a_guest_that_ends_early() -> None:
    """What it said until then is kept."""
    one = ready()
    guests.read("\n".join(events().splitlines()[:3]), [one])
    assert one.off.ended and not one.on.ended
    assert judge("a", one.off, one.on)[0].detail.endswith("the last was t")


def test_a_pattern_stands_for_files(tmp_path: Path) -> None:
    """At least for one."""
    suite = replace(SUITE, tests={"*.t": "do *.t", "other": "other -x"})
    with pytest.raises(Failed, match=r"no \*\.t in "):
        guests.expand(suite, tmp_path)
    for name in ("b.t", "a.t", "a.c"):
        (tmp_path / name).touch()
    assert guests.expand(suite, tmp_path) == {"a.t": "do a.t", "b.t": "do b.t", "other": "other -x"}


def test_a_command_in_the_guest(tmp_path: Path) -> None:
    """Its status and its output; one that takes too long ends, with what it started."""
    env = {"PATH": "/usr/bin:/bin"}
    assert suites_guest.run("echo hi; exit 3", env, tmp_path, 60) == (3, "hi\n")
    # On a busy machine even echo may take that long.
    for limit in (1, 10, 100):
        status, text = suites_guest.run("sleep 1000 & echo $!; wait", env, tmp_path, limit)
        assert status is None
        if text:
            break
    # It is killed, but may not have had a CPU since.
    with suppress(ProcessLookupError):
        process = os.pidfd_open(int(text))
        assert select.select([process], [], [], 300)[0]
        os.close(process)


def test_what_a_test_leaves_in_its_folder(tmp_path: Path) -> None:
    """Files, folders and links are gone; what a link names stays."""
    kept = tmp_path / "kept"
    folder = tmp_path / "folder"
    (folder / "sub" / "sub").mkdir(parents=True)
    kept.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "file").touch()
    suites_guest.clear(folder)
    assert not list(folder.iterdir())
    assert kept.is_dir()


HEAD = '[[suite]]\nname = "x"\nguest = "test"\nfolder = "mm"\nresults = "ktap"\nsubset = "All."\n'


@pytest.mark.parametrize(
    "text, want",
    [
        ("[", "suites.toml: "),
        ("a = 1\n", "not a table of suites"),
        ("[[suite]]\n", "lacks folder"),
        (f"{HEAD}tests = []\n", "no tests"),
        (f'{HEAD}tests = ["a"]\nwhat = 1\n', "unknown key what"),
        (f'{HEAD}tests = ["a"]\nplaces = ["vfat"]\n', "places: unknown word vfat"),
        (f'{HEAD}tests = ["a"]\nkernels = ["5.4"]\n', "kernels: unknown word 5.4"),
        (f'{HEAD.replace("ktap", "tea")}tests = ["a"]\n', "results: unknown word tea"),
        (f'{HEAD.replace("test", "moon")}tests = ["a"]\n', "guest: unknown word moon"),
        (f'{HEAD}tests = ["a"]\n' * 2, "x is there twice"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, want: str) -> None:
    """One line says why."""
    file = tmp_path / "suites.toml"
    file.write_text(text)
    with pytest.raises(table.TableError) as err:
        table.load(file)
    assert want in str(err.value)
    assert "\n" not in str(err.value)


def test_a_suite_on_two_file_systems_is_two(tmp_path: Path) -> None:
    """With a command that is put before each test's words."""
    file = tmp_path / "suites.toml"
    file.write_text(f'{HEAD}places = ["ext4", "xfs"]\nrun = "do"\ntests = ["a", "b -c"]\n')
    found = table.load(file)
    assert [s.title for s in found] == ["x on ext4", "x on xfs"]
    assert found[0].tests == {"a": "do a", "b -c": "do b -c"}
    assert found[0].kernels == tuple(paths.versions())


FIGURES = Figures("a", "1.0", "6.12.1", 7, 2, 1, 1234, 0, 5, 0, 0, 0, 0)


def test_figures_are_kept_as_they_are(tmp_path: Path) -> None:
    """Read again, the same; newer ones of a suite replace the older."""
    file = tmp_path / "measured.json"
    assert measured.load(file) == {}
    measured.save({"6.12": [FIGURES]}, file)
    assert measured.load(file) == {"6.12": [FIGURES]}
    newer, other = replace(FIGURES, pins=9), replace(FIGURES, suite="b")
    gone = replace(FIGURES, suite="c")
    assert measured.merge([FIGURES, gone], [other, newer], ["b", "a"]) == [other, newer]


@pytest.mark.parametrize("text", ["{", '{"6.12": [{"suite": "a"}]}', "[]", '{"6.12": 1}'])
def test_figures_that_are_none(tmp_path: Path, text: str) -> None:
    """One line says why."""
    file = tmp_path / "measured.json"
    file.write_text(text)
    with pytest.raises(measured.BadMeasured) as err:
        measured.load(file)
    assert "\n" not in str(err.value)


def test_the_document_has_each_figure_and_each_subset() -> None:
    """In a table that docutils reads."""
    text = measured.section({"6.12": [FIGURES]}, [SUITE])
    assert "   * - a (1.0)\n     - 6.12.1\n     - 7, 2 failed, 1 skipped\n" in text
    assert "     - 1,234\n" in text
    assert "a\n  All.\n" in text


def test_the_document_is_made_of_the_figures_that_are_kept() -> None:
    """The document ends with them; they are of suites that are in the table, in its order."""
    text = measured.section(measured.load(), table.load())
    assert document.DOCUMENT.read_text().endswith(text)
    for version, kept in measured.load().items():
        titles = [s.title for s in table.load() if version in s.kernels]
        assert kept
        assert [f.suite for f in kept] == [t for t in titles if t in {f.suite for f in kept}]


@pytest.mark.parametrize("words", [["nothing"], ["-k", "5.4"], ["--what"]])
def test_bad_input(words: list[str]) -> None:
    """Mistakes on the command line."""
    command = [str(paths.SCRIPTS / "suites"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["liburing"], ["moon", "6.12"], ["mm", "5.4"]])
def test_no_such_suite(words: list[str]) -> None:
    """Nothing is built."""
    command = [str(paths.SCRIPTS / "suite"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr
