# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py lists from a crash dump what debugfs showed just before.

Guests pin memory in many ways and are dumped; each test then asks a dump. See dumps.py.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dumps import HELD, VERBS, VERSION, Dump, stacks_of, without_ages, words_of
from hold_pins import NEIGHBOURS
from schema import validate
from vmlib import paths

# The contract: documents and scripts of others rely on these words in this order.
WORDS = [
    *("pfn", "pages", "order", "pins", "mode", "term", "api", "owner", "task", "comm"),
    *("age_ms", "addr", "map", "dev", "ino", "index", "stack", "match", "path"),
]
# A hazard has its own path, not its pin's.
PIN_WORDS = WORDS[:-1]
# As numbered in the page of a report.
MATCHES = ("exact", "alike", "inferred")
NUMBERS = {"pages", "order", "pins", "owner", "age_ms", "ino"}

# No kind of record may be missing, or its reader is not tested. See count_records.py.
RECORDS = {
    *("first records", "first records that are not in use", "other records"),
    *("records of many pages", "records of pages with gaps", "records on the same pages"),
    *("records of whole folios", "records without an address", "pages guessed"),
}

# The maximum difference in age between the dump and debugfs: the kernel's last reading of
# the clock may be a tick old.
EARLIER_MS = 50


def test_the_guest_held_what_it_was_to_hold(dump: Dump) -> None:
    """And debugfs showed all of it."""
    pins = [words_of(line) for line in dump.pins]
    for word, wanted in HELD[dump.name].items():
        assert {pin[word] for pin in pins} >= wanted
    # In other guests small pages may not be adjacent.
    if dump.name == "odd":
        assert any(int(pin["pages"]) >= NEIGHBOURS and pin["order"] == "0" for pin in pins)
    assert sum(int(pin["pins"]) for pin in pins) == dump.stats["live_pins"]


def test_the_kernel_had_records_of_all_kinds(odd_dump: Dump) -> None:
    """They add up to all pins."""
    records = odd_dump.records()
    assert records.pop("pins") == odd_dump.stats["live_pins"]
    assert {kind for kind, count in records.items() if count} >= RECORDS


def test_jsonl_has_the_words_of_debugfs(dump: Dump) -> None:
    """Every line, in order, field by field."""
    objects = dump.objects("--no-stacks")
    assert len(objects) == len(dump.pins)
    for found, line in zip(objects, dump.pins, strict=True):
        wanted: dict[str, object] = {
            key: int(value) if key in NUMBERS else value for key, value in words_of(line).items()
        }
        assert list(found) == list(wanted) == WORDS
        assert found | {"age_ms": 0} == wanted | {"age_ms": 0}


def test_ages_are_those_of_debugfs_and_what_went_by_since(dump: Dump) -> None:
    """Each is a little higher, and all by the same, except for the time of reading."""
    times = dump.file.with_name("times").read_text().splitlines()
    before, after = (float(line.split()[0]) for line in times)
    seconds = float(dump.file.with_name("seconds").read_text())
    later = []
    for found, line in zip(dump.objects("--no-stacks"), dump.pins, strict=True):
        age = found["age_ms"]
        assert isinstance(age, int)
        later.append(age - int(words_of(line)["age_ms"]))
    assert min(later) >= -EARLIER_MS and max(later) <= seconds * 1000
    assert max(later) - min(later) <= (after - before) * 1000 + EARLIER_MS


def test_jsonl_has_the_frames_of_debugfs(dump: Dump) -> None:
    """By the stack's handle; offsets and sizes as printed by %pS."""
    seen = set()
    for found in dump.objects():
        assert found["frames"] == dump.stacks[str(found["stack"])]
        seen.add(found["stack"])
    assert seen == set(dump.stacks)
    assert all(re.search(r"\+0x[0-9a-f]+/0x", f) for s in dump.stacks.values() for f in s)


def test_text_has_the_lines_of_debugfs_and_then_the_stacks(dump: Dump) -> None:
    """Both as in debugfs."""
    lines, _, stacks = dump.listed().partition("\n\n")
    header, *pins = lines.splitlines()
    assert header == "# gup_pin pins 1"
    assert without_ages(pins) == without_ages(dump.pins)
    assert stacks_of(stacks) == dump.stacks


def test_text_without_stacks(dump: Dump) -> None:
    """The output is only the lines."""
    _, *pins = dump.listed("--no-stacks").splitlines()
    assert without_ages(pins) == without_ages(dump.pins)


def test_hazards_are_those_of_debugfs(dump: Dump) -> None:
    """Every record with both its stacks, except for ages."""
    done = dump.drgn("hazards")
    assert (done.returncode, done.stderr) == (0, "")
    header, first, *_ = dump.hazards.splitlines()
    assert header == "# gup_pin hazards 1" and first.startswith("kind=writeback ")
    found, wanted = (text.splitlines() for text in (done.stdout, dump.hazards))
    assert without_ages(found) == without_ages(wanted)


def test_hazards_as_json(dump: Dump) -> None:
    """The words of the text, and their own keys."""
    done = dump.drgn("hazards", "--jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    lines = [line for line in dump.hazards.splitlines() if line.startswith("kind=")]
    assert len(found) == len(lines)
    for hazard, line in zip(found, lines, strict=True):
        words = words_of(line)
        assert hazard["kind"] == words["kind"] and hazard["func"] == words["func"]
        assert list(hazard["pin"]) == [*PIN_WORDS, "frames"]
        assert hazard["path"] == words["path"] != ""
        assert hazard["pin"]["ino"] == int(words["ino"])
        assert hazard["frames"] and hazard["pin"]["frames"]


def test_refusals_are_those_of_debugfs(dump: Dump) -> None:
    """Every record with its stack, except for ages; if there is none, a line says so."""
    done = dump.drgn("refused")
    found, wanted = (text.splitlines() for text in (done.stdout, dump.refused))
    assert without_ages(found) == without_ages(wanted)
    assert found[0] == "# gup_pin refused 1"
    counts = [int(line.split(" ")[0][6:]) for line in found if line.startswith("count=")]
    assert sum(counts) == dump.stats["refused"]
    none = "gup_pins: no refusals: there are none on record\n"
    assert (done.returncode, done.stderr) == (0, "" if counts else none)


def test_refusals_as_json_and_by_filters(odd_dump: Dump) -> None:
    """What is refused twice is one record, with its reason and its file."""
    (line,) = odd_dump.printed("refused", "--jsonl", "why=file").splitlines()
    refusal = json.loads(line)
    assert (refusal["count"], refusal["err"], refusal["mode"]) == (2, "EFAULT", "w")
    assert refusal["ino"] and refusal["path"] == "/table" and refusal["frames"]
    assert refusal["comm"] == r"a\x20b\x5cc\xc3\xbc"
    document = json.loads(odd_dump.printed("refused", "--json"))
    validate(document)
    assert [each | {"newest_ms": 0} for each in document["refused"]] == [refusal | {"newest_ms": 0}]
    for word in ("why=dax", "err=EBUSY", "module=nosuch", "owner=1"):
        done = odd_dump.drgn("refused", word)
        assert (done.returncode, done.stdout) == (0, "# gup_pin refused 1\n")
        said = f"no refusals for {word}: none of 1 refusal on record matches"
        assert done.stderr == f"gup_pins: {said}\n"


def test_stacks_are_those_of_debugfs(dump: Dump) -> None:
    """Every sum with its stack, in order, except for ages."""
    found, wanted = (text.splitlines() for text in (dump.printed("stacks"), dump.stacks_text))
    assert without_ages(found) == without_ages(wanted)


def test_folded_stacks_make_up_all_pins(dump: Dump) -> None:
    """A line for each stack, the outermost function first."""
    lines = [line.rsplit(" ", 1) for line in dump.printed("stacks", "--folded").splitlines()]
    assert sum(int(count) for _, count in lines) == dump.stats["live_pins"]
    for stack, _ in lines:
        assert stack.split(";")[-1] in ("pin_user_pages", "pin_user_pages_fast", "memfd_pin_folios")


def test_status_has_the_figures_of_debugfs(dump: Dump) -> None:
    """All of them, by the same names; no pins change meanwhile."""
    header, *lines = dump.printed("status").splitlines()
    assert header == "# gup_pin status 1"
    found = dict(line.split(" ") for line in lines)
    assert found.pop("kernel").startswith(f"{VERSION}.")
    assert [found.pop(name) for name in ("live", "format", "since_boot")] == ["0", "6", "1"]
    assert {name: int(value) for name, value in found.items()} == dump.stats


# Words of the filter, and the matching condition for a line's words.
FILTERS: dict[str, Callable[[dict[str, str]], bool]] = {
    "mode=r": lambda pin: pin["mode"] == "r",
    "term=short": lambda pin: pin["term"] == "short",
    "api=memfd_pin_folios": lambda pin: pin["api"] == "memfd_pin_folios",
    "owner=0": lambda pin: pin["owner"] == "0",
    "dev=0:1": lambda pin: pin["dev"] == "0:1",
    "module=vmlinux": lambda pin: True,
    "stack=1": lambda pin: pin["stack"] == "0x1",
}


@pytest.mark.parametrize("word", FILTERS)
def test_filters(dump: Dump, word: str) -> None:
    """The same lines as by hand, unless a filter matches a part of a run."""
    wanted = [line for line in dump.pins if FILTERS[word](words_of(line))]
    _, *found = dump.listed("--no-stacks", word).splitlines()
    # A line is printed when its end is known, so the order may differ.
    assert sorted(without_ages(found)) == sorted(without_ages(wanted))
    assert wanted or word == "term=short"


def test_by_task_and_by_file(dump: Dump) -> None:
    """A process's pins, and the pins on a file by its path and by its inode."""
    pins = [words_of(line) for line in dump.pins]
    named = next(pin for pin in pins if pin["map"] == "file" and pin["path"])
    tgid = named["task"].split("/")[0]
    for words, key, value in (
        (("task", tgid), "task", named["task"]),
        (("file", named["path"]), "path", named["path"]),
        (("file", f"/mnt{named['path']}"), "path", named["path"]),
        (("file", named["ino"]), "ino", named["ino"]),
    ):
        _, *lines = dump.printed(*words, "--no-stacks").splitlines()
        assert len(lines) == sum(pin[key] == value for pin in pins) > 0


def test_nothing_to_list_is_explained(dump: Dump) -> None:
    """By what the dump knows of tasks, and of its records."""
    pids = {int(number) for line in dump.pins for number in words_of(line)["task"].split("/")}
    no_task = max(pids) + 100_000
    recorded = sum(int(words_of(line)["pins"]) for line in dump.pins)
    none = f"none of {recorded} pins on record matches"
    for words, said in (
        (("task", str(no_task)), f"task {no_task}: there is no such task"),
        (("task", "1"), f"task 1: {none}"),
        (("file", "/nosuch"), f"/nosuch: {none}"),
        (("list", "owner=1", "mode=r"), f"owner=1 mode=r: {none}"),
    ):
        done = dump.drgn(*words)
        assert (done.returncode, done.stdout) == (0, "# gup_pin pins 1\n")
        assert done.stderr == f"gup_pins: no pins for {said}\n"


def test_sorted_and_limited(dump: Dump) -> None:
    """The lines with the most pins."""
    counts = sorted((int(words_of(line)["pins"]) for line in dump.pins), reverse=True)
    _, *lines = dump.listed("--no-stacks", "--sort", "pins", "--limit", "3").splitlines()
    assert [int(words_of(line)["pins"]) for line in lines] == counts[:3]


@pytest.mark.parametrize("key", ["comm", "mode", "module"])
def test_sums_by_a_word(dump: Dump, key: str) -> None:
    """They add up to the lines of debugfs."""
    wanted: dict[str, list[int]] = {}
    for pin in map(words_of, dump.pins):
        value = "vmlinux" if key == "module" else pin[key]
        sums = wanted.setdefault(value, [0, 0, 0])
        for i, more in enumerate((int(pin["pins"]), int(pin["pages"]), 1)):
            sums[i] += more
    header, *lines = dump.listed("--by", key).splitlines()
    assert header == "# gup_pin groups 1"
    found = {words[key]: words for words in map(words_of, lines)}
    names = ("pins", "pages", "runs")
    assert {value: [int(f[n]) for n in names] for value, f in found.items()} == wanted


def shown(dump: Dump, page: str) -> dict[str, object]:
    """The output of `show --json` for a page."""
    document = json.loads(dump.printed("show", page, "--json"))
    validate(document)
    return dict(document["page"] | {"pins": document["pins"]})


def test_show_says_who_maps_a_page(dump: Dump) -> None:
    """Its owner does, at the address of the pin; found by pfn and by struct page."""
    pins = [words_of(line) for line in dump.pins]
    for kind in ("anon", "file", "hugetlb"):
        pin = next((p for p in pins if p["map"] == kind and p["match"] == "exact"), None)
        if pin is None:
            continue
        page = shown(dump, hex(int(pin["pfn"], 16)))
        found = {(p["tgid"], p["addr"]) for p in page["processes"]}  # type: ignore[attr-defined]
        assert (int(pin["owner"]), pin["addr"]) in found
        assert (
            page["recorded"]
            == page["pinned"]
            == sum(p["pins"] for p in page["pins"])  # type: ignore[attr-defined]
        )
        assert shown(dump, str(page["page"])) == page


@pytest.mark.parametrize("page", ["0xfffffff", "0xffffffff81000000"])
def test_a_page_that_cannot_exist(odd_dump: Dump, page: str) -> None:
    """After all memory, and in kernel text: an error of one line, and no output."""
    for words in ([], ["--json"], ["--jsonl"]):
        done = odd_dump.drgn("show", page, *words)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("gup_pins: this kernel has no such page: no ") and page in line


def test_nobody_has_gone(dump: Dump) -> None:
    """All holders exist, so there are no orphans; child processes have ended."""
    _, *lines = dump.printed("orphans", "--no-stacks").splitlines()
    assert lines == [x for x in lines if re.match(r"pfn=.* gone=(owner|task|both)$", x)]
    tasks = {words_of(line)["task"] for line in lines}
    assert tasks < {words_of(line)["task"] for line in dump.pins}


def test_check_finds_nothing_wrong(dump: Dump) -> None:
    """The kernel's records are correct."""
    assert dump.printed("check") == "# gup_pin check 1\nchecked findings=0\n"


@pytest.mark.parametrize("verb", VERBS)
def test_json_is_as_the_schema_says(dump: Dump, verb: str) -> None:
    """And the document is complete."""
    document = json.loads(dump.printed(verb, "--json"))
    validate(document)
    assert document["complete"] and not document["live"]
    assert document["kernel"].startswith(f"{VERSION}.")
    pins = document.get("pins", []) + document.get("refused", [])
    pins += [each["pin"] for each in document.get("hazards", [])]
    named = {pin["stack"] for pin in pins}
    assert named == set(document["stacks"]) or verb in ("stacks", "check")


@pytest.mark.parametrize(
    ("words", "part"),
    [("list", "pin"), ("stacks", "sum"), ("hazards", "hazard"), ("orphans", "pin")],
)
def test_jsonl_is_as_the_schema_says(dump: Dump, words: str, part: str) -> None:
    """Every line is valid."""
    for line in dump.printed(words, "--jsonl").splitlines():
        validate(json.loads(line), part)


def test_the_slow_path_finds_the_same(odd_dump: Dump) -> None:
    """Pin by pin, every member, with plain objects."""
    script = paths.PROJECT / "tests" / "compare_slow.py"
    command = odd_dump.command([], odd_dump.file, odd_dump.vmlinux, script)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["pins"] == odd_dump.stats["live_pins"]
    assert found["differences"] == []


def test_the_functions_agree(odd_dump: Dump) -> None:
    """The exported functions agree with each other and with debugfs."""
    script = paths.PROJECT / "tests" / "use_package.py"
    command = odd_dump.command([], odd_dump.file, odd_dump.vmlinux, script)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    stats = odd_dump.stats
    assert found["calls"] == stats["live_calls"]
    assert found["live origins"] == stats["live_origins"]
    assert found["lines"] == len(odd_dump.pins)
    assert found["pins"] == found["pins of pages"] == stats["live_pins"]
    assert found["hazards"] == 1
    assert found["inconsistencies"] == 0
    # Static variables were found by their name and file.
    assert found["clocks known"] is True
    # Folio by folio: exact where it says so, and never less than is on record.
    assert found["miscounted"] == []
    assert found["exact"] > 0 and found["not exact"] > 0
    assert {tuple(stack) for stack in found["stacks"]} == set(map(tuple, odd_dump.stacks.values()))


def test_the_prompt_has_a_command(odd_dump: Dump) -> None:
    """If drgn has commands; otherwise the plugin says so and does nothing."""
    script = paths.PROJECT / "tests" / "use_command.py"
    command = odd_dump.command([], odd_dump.file, odd_dump.vmlinux, script)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    # The version of drgn depends on the kernel: see scripts/drgn.
    if VERSION == "6.12":
        assert (done.stdout, done.stderr) == ("no commands\n", "")
        return
    *lines, end = done.stdout.splitlines()
    assert lines == ["# gup_pin pins 1"] * 2 and end == "goes on"
    assert done.stderr.count("(gup_pins --help says more)") == 1
    assert done.stderr.count("gup_pins: output: No space left on device") == 1


def test_a_kernel_without_the_feature_is_status_3(odd_dump: Dump, tmp_path: Path) -> None:
    """The symbol is renamed, so drgn finds none."""
    vmlinux = tmp_path / "vmlinux"
    code = odd_dump.vmlinux.read_bytes()
    vmlinux.write_bytes(code.replace(b"\0gup_pin_root\0", b"\0gup_pin_rxxt\0"))
    done = odd_dump.drgn("list", vmlinux=vmlinux)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "gup_pins: no gup_pin_root: the kernel was built without CONFIG_DEBUG_GUP_PIN\n"
    )


def test_the_vmlinux_of_another_kernel(odd_dump: Dump, tmp_path: Path) -> None:
    """One line has both build IDs; drgn's own messages come before it."""
    notes = subprocess.run(
        ["readelf", "-n", odd_dump.vmlinux], stdout=subprocess.PIPE, text=True, check=True
    )
    (right,) = re.findall(r"Build ID: (\w+)", notes.stdout)
    wrong = bytes.fromhex(right)[::-1].hex()
    vmlinux = tmp_path / "vmlinux"
    code = odd_dump.vmlinux.read_bytes()
    vmlinux.write_bytes(code.replace(bytes.fromhex(right), bytes.fromhex(wrong)))
    done = odd_dump.drgn("list", vmlinux=vmlinux)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("gup_pins: ")]
    assert line.startswith(f"gup_pins: no debugging information of Linux {VERSION}.")
    assert f" with build ID {right}: {vmlinux} is of another kernel" in line
    assert line.endswith(f" with build ID {wrong}")


@pytest.mark.parametrize("words", [[], ["lst"], ["list", "--nonsense"], ["list", "5"]])
def test_a_usage_error_is_status_2(odd_dump: Dump, words: list[str]) -> None:
    """And stdout is empty."""
    done = odd_dump.drgn(*words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("gup_pins: ") and line.endswith(" --help says more)")


def test_a_reader_who_leaves_is_no_error(odd_dump: Dump) -> None:
    """As in `list | head -1`."""
    with subprocess.Popen(
        odd_dump.command(["list", "--jsonl"], odd_dump.file, odd_dump.vmlinux),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def pins_in_page(text: str) -> list[dict[str, str]]:
    """The words of a page's pins, which the page stores by columns."""
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert match
    columns = json.loads(match[1])["columns"]
    pins = []
    for row, pfn in enumerate(columns["pfn"]):
        origin = columns["origin"][row]
        places = {
            "tasks": columns["origins"]["task"][origin],
            "sites": columns["origins"]["site"][origin],
            "files": columns["file"][row],
        }
        words = {
            key: str(values[place])
            for table, place in places.items()
            for key, values in columns[table].items()
        }
        words |= {key: str(columns[key][row]) for key in ("pages", "order", "pins", "age_ms")}
        words |= {key: f"0x{columns[key][row]}" for key in ("addr", "index")}
        words |= {"pfn": hex(pfn), "match": MATCHES[columns["match"][row]]}
        pins.append({key: words[key] for key in WORDS})
    return pins


def test_the_report_has_the_pins_of_debugfs(dump: Dump, tmp_path: Path) -> None:
    """Line by line; its stacks, hazards and memory are included."""
    file = tmp_path / "report.html"
    done = dump.drgn("report", "-o", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    text = file.read_text()
    lines = [" ".join(f"{k}={v}" for k, v in pin.items()) for pin in pins_in_page(text)]
    assert without_ages(lines) == without_ages(dump.pins)
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert match
    data = json.loads(match[1])
    assert data["stacks"].items() >= dump.stacks.items()
    assert [hazard["kind"] for hazard in data["hazards"]] == re.findall(
        r"^kind=(\w+)", dump.hazards, re.MULTILINE
    )
    zones, blocks = data["memory"]["zones"], data["memory"]["blocks"]
    present = sum(zone["present"] for zone in zones) * data["memory"]["page_size"]
    assert (1 << 30) * 0.9 < present <= 1 << 30
    assert blocks and all(block["online"] for block in blocks)
