# SPDX-License-Identifier: GPL-2.0
"""scripts/bench without its guests: comparing, judging, tables, the documentation."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchlib import baseline, cases, guests, table
from benchlib.figures import figures
from benchlib.report import Report
from checklib.results import FAILED, PASSED, SKIPPED
from checklib.run import Failed
from vmlib.paths import PROJECT

DOCUMENT = PROJECT / "Documentation" / "mm" / "gup_pin.rst"


def bench(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run scripts/bench to its end."""
    return subprocess.run(
        [PROJECT / "scripts" / "bench", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def said(get: float) -> dict[str, Any]:
    """A guest's output for all cases except the special ones: so many instructions, and 100."""
    each = {"each": get + 100}
    pins = {case: {"get": get, "put": 100} for case in cases.COMPARED}
    names = ("pair", "io_uring_randread", *cases.FILES)
    return {"kernel": {"release": "1.2.3"}, **pins, **dict.fromkeys(names, each)}


@pytest.fixture(name="answers")
def fixture_answers() -> guests.Answers:
    """The output of all guests."""
    columns = {"absent": said(300), "off": said(304), "on": said(700)}
    return {
        **columns,
        "late": said(704),
        **{f"{column} files": said for column, said in columns.items()},
        "page_owner=off": {"fault": {"each": 2000}},
        "page_owner=on": {"fault": {"each": 3000}},
        "stacks": {"stacks": {"pins": 1000, "total": 150_000}},
        "live_pins": {
            "live_pins": {
                "bulk": {"pins": 100, "bytes": 1100},
                "single": {"pins": 100, "bytes": 5000},
            }
        },
    }


def test_figures(answers: guests.Answers) -> None:
    """Get and put are judged as one, each case by its own goal."""
    found = {figure.name: figure for figure in figures(answers, set(cases.CASES))}
    assert list(found) == list(cases.GOALS)
    assert found["single on/absent"].ratio == 2.0
    assert found["single on/absent"].met
    assert found["single off/absent"].ratio == 1.01
    assert found["single off/absent"].met
    assert found["neighbours on/absent"].ratio == 2.0
    assert not found["neighbours on/absent"].met
    assert found["single on/off"].ratio == 800 / 404
    assert found["page_owner record/event"].ratio == 0.396
    assert found["stacks instructions/pin"].ratio == 150
    assert found["live_pins bulk bytes/pin"].ratio == 11
    assert not found["live_pins bulk bytes/pin"].met


def test_without_the_kernel_that_lacks_the_feature(answers: guests.Answers) -> None:
    """Off replaces absent: all figures that do not need that guest are shown."""
    todo = cases.errands(set(cases.CASES), cases.BUILT)
    assert {errand.flavour for errand in todo} == {"test"}
    names = {errand.name for errand in todo}
    heard = {name: said for name, said in answers.items() if name in names}
    found = [figure.name for figure in figures(heard, set(cases.CASES))]
    assert found == [name for name in cases.GOALS if "absent" not in name]
    past = dict.fromkeys(cases.GOALS, 1.0)
    judged = baseline.judge(dict.fromkeys(found, 1.0), past, cases.CASES, cases.BUILT)
    assert [r.name for r in judged] == found
    assert {r.status for r in judged} == {PASSED}
    judged = baseline.judge({}, {"single on/off": 2.0}, cases.CASES, cases.BUILT)
    assert [r.status for r in judged] == [FAILED]


def test_a_pair_is_what_it_adds(answers: guests.Answers) -> None:
    """Python and the ioctl are in both figures, and cancel out."""
    answers["absent"]["pair"] = {"each": 5000}
    answers["on"]["pair"] = {"each": 5200}
    found = {figure.name: figure.ratio for figure in figures(answers, {"pair"})}
    assert found["pair on/absent"] == 1.5


def test_page_owner_that_costs_nothing_is_none(answers: guests.Answers) -> None:
    answers["page_owner=on"] = answers["page_owner=off"]
    with pytest.raises(Failed, match="page_owner takes 0"):
        figures(answers, {"page_owner"})


@pytest.mark.parametrize("case", cases.CASES)
def test_a_case_alone_finds_all_it_needs(case: str, answers: guests.Answers) -> None:
    todo = {errand.name: errand for errand in cases.errands({case})}
    heard = {
        name: {word: answers[name][word] for word in errand.cases} for name, errand in todo.items()
    }
    names = [figure.name for figure in figures(heard, {case})]
    assert names == [name for name in cases.GOALS if name.split()[0] == case]


@pytest.mark.parametrize(
    ("now", "status", "word"),
    [
        (2.102, FAILED, "5.1% worse"),
        (2.098, PASSED, ""),
        (2.0, PASSED, ""),
        (1.902, PASSED, ""),
        (1.898, PASSED, "5.1% better"),
        (None, FAILED, "not measured"),
    ],
)
def test_compared_with_a_baseline_of_2(now: float | None, status: str, word: str) -> None:
    result = baseline.compare("case on/absent", 2.0, now)
    assert result.status == status
    assert word in result.detail
    assert bool(word) == bool(result.detail)


def test_what_is_missing() -> None:
    """Missing is worse, new is neither; cases that --only leaves out are not missing."""
    now = {"single on/absent": 1.0, "pair on/absent": 1.0}
    past = {"single on/absent": 1.0, "thp on/absent": 1.0, "stacks instructions/pin": 1.0}
    results = {r.name: r.status for r in baseline.judge(now, past, {"single", "pair", "thp"})}
    assert results == {
        "single on/absent": PASSED,
        "pair on/absent": SKIPPED,
        "thp on/absent": FAILED,
    }


def test_each_compiler_has_a_baseline() -> None:
    """Those of the supported hosts, for the default version."""
    assert baseline.file("12") == baseline.FILE
    for gcc in ("12", "14"):
        past = baseline.load(baseline.file(gcc))["6.12"]
        assert {f"{case} on/off" for case in ("single", "scattered")} <= set(past)
    assert baseline.gcc_here().isdigit()


def test_baseline_is_written_and_read(tmp_path: Path) -> None:
    """All figures are replaced, or only some; other versions are kept."""
    path = tmp_path / "baseline.json"
    assert baseline.load(path) == {}
    one = baseline.update({}, "7.3", {"a": 1.23456, "b": 2}, whole=True)
    two = baseline.update(one, "6.12", {"a": 3}, whole=True)
    baseline.save(two, path)
    assert baseline.load(path) == {"6.12": {"a": 3}, "7.3": {"a": 1.2346, "b": 2}}
    assert baseline.update(two, "7.3", {"a": 5}, whole=False)["7.3"] == {"a": 5, "b": 2}
    assert baseline.update(two, "7.3", {"a": 5}, whole=True)["7.3"] == {"a": 5}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\udcff",
        '{"6.12": 1}',
        '{"6.12": {"a": "1"}}',
        '{"6.12": {"a": true}}',
        '{"6.12": {"a": 0}}',
        '{"6.12": {"a": NaN}}',
        '{"6.12": {"a": Infinity}}',
        '{"6.12": {"a": null}}',
    ],
)
def test_garbage_in_the_baseline_is_one_line(text: str, tmp_path: Path) -> None:
    """Before any guest is started, and with exit status 1."""
    path = tmp_path / "baseline.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    done = bench("--baseline", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"bench: {path}: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["--only", "single,nonsense"], ["-k", "5.1"], ["--nonsense"], ["word"]]
)
def test_usage_errors_have_status_2(words: list[str]) -> None:
    assert bench(*words).returncode == 2


def test_help_tells_the_exit_status() -> None:
    text = bench("--help").stdout
    assert "Exit status: 0; 1 " in text
    assert all(case in text for case in cases.CASES)


def test_table_of_a_run(answers: guests.Answers) -> None:
    text = table.plain(figures(answers, {"single", "stacks"}))
    assert text == (
        "figure                      absent        off         on       late  ratio  goal  met\n"
        "single on/absent         300 + 100  304 + 100  700 + 100  704 + 100   2.00  2.50  yes\n"
        "single off/absent                                                     1.01  1.01  yes\n"
        "single on/off                                                         1.98  2.50  yes\n"
        "single late/off                                                       1.99  2.50  yes\n"
        "stacks instructions/pin                                                150   200  yes\n"
    )


def test_table_of_the_baseline() -> None:
    past = {
        "6.12": {"thp on/absent": 1.1, "single on/absent": 1.956},
        "7.3": {"thp on/absent": 1.0},
    }
    assert table.rst(past) == (
        "================  ====  ====  ====\n"
        "figure            goal  6.12   7.3\n"
        "================  ====  ====  ====\n"
        "single on/absent  2.50  1.96   n/a\n"
        "thp on/absent     1.30  1.10  1.00\n"
        "================  ====  ====  ====\n"
    )


def test_json_has_all_numbers(answers: guests.Answers, tmp_path: Path) -> None:
    path = tmp_path / "new" / "6.12.json"
    Report("6.12", answers, figures(answers, {"single"})).write(path)
    content = json.loads(path.read_text())
    assert (content["version"], content["release"]) == ("6.12", "1.2.3")
    assert "not cache misses" in content["note"]
    assert content["guests"] == answers
    assert content["figures"]["single on/absent"] == {
        "over": 800,
        "under": 400,
        "ratio": 2.0,
        "goal": 2.5,
        "met": True,
    }


ERRAND = cases.Errand("on", "on", ("thp",))
KERNEL = '{"case": "kernel", "release": "1", "tracking": "on"}\n'
THP = '{"case": "thp", "get": 1, "put": 2}\n'


def test_what_a_guest_says_is_read() -> None:
    assert guests.read(ERRAND, KERNEL + THP)["thp"] == {"get": 1, "put": 2}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (KERNEL, "nothing said of thp"),
        (THP, "nothing said of kernel"),
        (KERNEL + "Traceback\n" + THP, "the guest said 'Traceback'"),
        (KERNEL + "1\n" + THP, "the guest said '1'"),
        (KERNEL.replace('"on"', '"off"') + THP, "tracking is off instead of on"),
    ],
)
def test_what_a_guest_must_not_say(text: str, why: str) -> None:
    with pytest.raises(Failed, match=why):
        guests.read(ERRAND, text)


@pytest.mark.parametrize("word", cases.PAGE_OWNER_WORDS)
@pytest.mark.parametrize("watched", [False, True])
def test_page_owner_has_to_be_what_was_asked_for(word: str, watched: bool) -> None:
    errand = cases.Errand(word, "off", ("fault",), word)
    text = KERNEL.replace('"on"', '"off"')
    text += json.dumps({"case": "fault", "each": 1, "page_owner": watched}) + "\n"
    if watched == word.endswith("=on"):
        assert guests.read(errand, text)
        return
    with pytest.raises(Failed, match="page_owner"):
        guests.read(errand, text)


def test_the_documentation_has_the_table() -> None:
    """The output of --table is between the markers."""
    past = baseline.load()
    text = DOCUMENT.read_text()
    _, begin, rest = text.partition(".. bench table begin\n")
    shown, end, _ = rest.partition(".. bench table end\n")
    assert begin and end, f"{DOCUMENT} lacks its markers"
    if not past:
        pytest.skip("no baseline yet")
    assert shown.strip() == bench("--table").stdout.strip(), (
        f"put what scripts/bench --table prints between the markers in {DOCUMENT}"
    )
