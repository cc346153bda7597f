# SPDX-License-Identifier: GPL-2.0
"""drgn-scripts/gup_pins.py lists from a crash dump what debugfs showed just before.

Guests pin memory in many ways and are dumped; each test then asks a dump.
GUP_PIN_KVER says which kernel (the default one if it is not set). If GUP_PIN_DUMPS names
a folder, dumps that are there are taken instead of new ones: KVER-NAME/vmcore with
vmlinux and what debugfs showed beside it.
"""

from __future__ import annotations

import json
import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vmlib import paths

sys.path.insert(0, str(paths.PROJECT / "drgn-scripts" / "tests"))

from schema import validate

VERSION = os.environ.get("GUP_PIN_KVER") or paths.versions()[0]
DUMPS = os.environ.get("GUP_PIN_DUMPS")
SCRIPT = paths.PROJECT / "drgn-scripts" / "gup_pins.py"

# The contract: docs and other people's scripts have these words in this order.
WORDS = [
    *("pfn", "pages", "order", "pins", "mode", "term", "api", "owner", "task", "comm"),
    *("age_ms", "addr", "map", "dev", "ino", "index", "stack", "match", "path"),
]
# A hazard has its own path, not its pin.
PIN_WORDS = WORDS[:-1]
NUMBERS = {"pages", "order", "pins", "owner", "age_ms", "ino"}

# pins is read last: the dump is as near to it as can be.
GUEST = """
dir=/sys/kernel/debug/gup_pin
out=$1 hold=$2 provoke=$3
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
"$hold" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
"$provoke" >/tmp/provoked 2>&1 &
until grep -q ^ready /tmp/provoked; do
	kill -0 $! 2>/dev/null || { cat /tmp/provoked; exit 1; }
	sleep 0.1
done
cat $dir/hazards >"$out/hazards" &&
cat $dir/stats >"$out/stats" && cat $dir/stacks >"$out/stacks" && cat $dir/pins >"$out/pins"
"""

# What each holder must be seen to hold, or little is compared with little.
HELD: dict[str, dict[str, set[str]]] = {
    "odd": {
        "map": {"anon", "file", "shmem", "hugetlb"},
        "order": {"0", "9"},
        "pins": {"512"},
        "mode": {"r", "w"},
        "match": {"exact", "inferred"},
        "owner": {"0"},
        "addr": {"0x0"},
        "comm": {"child", r"a\x20b\x5cc\xc3\xbc"},
        "api": {"pin_user_pages", "pin_user_pages_fast", "memfd_pin_folios"},
    },
    "all": {
        "map": {"anon", "shmem", "hugetlb"},
        "order": {"0", "9"},
        "mode": {"r", "w"},
        "match": {"exact", "inferred"},
        "term": {"short", "long"},
        "comm": {f"hold-{what}" for what in ("io_uring", "direct-io", "gup_test", "udmabuf")},
    },
}

# A dump by physical addresses has none that are virtual; the other has both.
PAGING = {"all": ["--paging"]}

# Nor may a kind of record be missing, or else nobody has read one. See count_records.py.
RECORDS = {
    *("empty blocks", "layers", "unused layers", "layers of many folios"),
    *("layers of many pins", "layers over each other", "folios with both"),
    *("slots that are calls", "slots that are sets", "chunks of refs", "refs of many pins"),
}

# How much older pins may be in the dump than when debugfs showed them: the guest has to
# end a shell meanwhile, perhaps on a busy machine. And how much younger: the kernel's
# last look at the clock may be a tick old.
LATER_MS, EARLIER_MS = 10_000, 50
# Time from the first line to the last while pins is read, likewise.
READING_MS = 2_000


@dataclass(frozen=True)
class Dump:
    """A dump and what debugfs showed just before it.

    name: who held the pins; pins: the lines behind the header; stacks: frames by handle;
    hazards, stacks_text: the whole files
    """

    name: str
    file: Path
    vmlinux: Path
    pins: list[str]
    stacks: dict[str, list[str]]
    hazards: str
    stats: dict[str, int]
    stacks_text: str

    def command(
        self, words: Sequence[str], file: Path, vmlinux: Path, script: Path = SCRIPT
    ) -> list[str]:
        """A script under the drgn for this kernel."""
        drgn = [str(paths.SCRIPTS / "drgn"), "-k", VERSION, "-q"]
        return [*drgn, "-c", str(file), "-s", str(vmlinux), str(script), *words]

    def drgn(
        self, *words: str, file: Path | None = None, vmlinux: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the script on the dump, or on another one."""
        return subprocess.run(
            self.command(words, file or self.file, vmlinux or self.vmlinux),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def listed(self, *words: str) -> str:
        """What `list` prints when all is well."""
        done = self.drgn("list", *words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def printed(self, *words: str) -> str:
        """What a verb prints when all is well."""
        done = self.drgn(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def records(self) -> dict[str, int]:
        """How many records of each kind there are, by another script than that."""
        script = paths.PROJECT / "tests" / "count_records.py"
        command = self.command([], self.file, self.vmlinux, script)
        counted = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return dict(json.loads(counted.stdout))

    def objects(self, *words: str) -> list[dict[str, object]]:
        """The same as JSON."""
        return [json.loads(line) for line in self.listed("--jsonl", *words).splitlines()]


def words_of(line: str) -> dict[str, str]:
    """The words of a record."""
    return dict(word.split("=", 1) for word in line.split(" "))


def without_ages(lines: list[str]) -> list[str]:
    """Lines that can be compared."""
    return [re.sub(r"\b(age|oldest|newest)_ms=\d+", "", line) for line in lines]


def stacks_of(text: str) -> dict[str, list[str]]:
    """Frames by handle, from records with a stack below each."""
    stacks = {}
    for record in text.split("\n\n"):
        first, *frames = record.strip("\n").split("\n")
        if first:
            assert all(frame.startswith(" ") for frame in frames)
            stacks[words_of(first)["stack"]] = [frame[1:] for frame in frames]
    return stacks


def program(name: str) -> Path:
    """One of those that are built for the guest."""
    built = subprocess.run(
        [paths.SCRIPTS / "selftests", VERSION], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(built.stdout.strip(), name)


def holder(name: str) -> Path:
    """The program that holds pins: our own, or the one that demonstrations use."""
    if name == "odd":
        return paths.PROJECT / "tests" / "hold_pins.py"
    return program("gup_pin_hold")


def boot_and_dump(name: str, out: Path) -> None:
    """Boot a guest that holds pins, and dump it."""
    file = out / "vmcore"
    vm: list[str | Path] = [paths.SCRIPTS / "vm", "-k", VERSION, "-m", "1G", "-t", "300"]
    vm += ["--dump", file, *PAGING.get(name, []), "--out", out]
    vm += ["--", "sh", "-c", GUEST, "sh", out]
    vm += [holder(name), program("gup_pin_provoke")]
    guest = subprocess.run(vm, capture_output=True, text=True, check=False)
    assert guest.returncode == 0, guest.stdout + guest.stderr


def read_dump(name: str, out: Path, vmlinux: Path) -> Dump:
    """What is in a folder."""
    header, *pins = (out / "pins").read_text().splitlines()
    assert header == "# gup_pin pins 1"
    stacks_text = (out / "stacks").read_text()
    header, _, stacks = stacks_text.partition("\n")
    assert header == "# gup_pin stacks 1"
    stats = (line.split() for line in (out / "stats").read_text().splitlines())
    return Dump(
        name,
        out / "vmcore",
        vmlinux,
        pins,
        stacks_of(stacks),
        (out / "hazards").read_text(),
        {name: int(value) for name, value in stats},
        stacks_text,
    )


def take_dump(name: str, out: Path) -> Dump:
    """A dump that was there, as links to it, or a new one."""
    old = Path(DUMPS or "/nowhere", f"{VERSION}-{name}")
    if not (old / "vmcore").exists():
        boot_and_dump(name, out)
        return read_dump(name, out, paths.build_dir(VERSION, "test") / "vmlinux")
    for file in ("pins", "stacks", "stats", "hazards"):
        (out / file).symlink_to(old / file)
    # Tests write to it.
    subprocess.run(["cp", "--sparse=always", old / "vmcore", out], check=True)
    vmlinux = old / "vmlinux"
    return read_dump(name, out, vmlinux if vmlinux.exists() else old.parent / f"vmlinux-{VERSION}")


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Dump]]:
    """Each dump is taken when it is first asked for, and kept for all tests."""
    dumps: dict[str, Dump] = {}

    def get(name: str) -> Dump:
        if name not in dumps:
            dumps[name] = take_dump(name, tmp_path_factory.mktemp(name))
        return dumps[name]

    yield get
    for dump in dumps.values():
        dump.file.unlink()


@pytest.fixture(params=list(HELD))
def dump(request: pytest.FixtureRequest, take: Callable[[str], Dump]) -> Dump:
    """Every dump, one after another."""
    return take(request.param)


@pytest.fixture
def odd_dump(take: Callable[[str], Dump]) -> Dump:
    """Some dump, where one is as good as another."""
    return take("odd")


def test_the_guest_held_what_it_was_to_hold(dump: Dump) -> None:
    """And debugfs showed all of it."""
    pins = [words_of(line) for line in dump.pins]
    for word, wanted in HELD[dump.name].items():
        assert {pin[word] for pin in pins} >= wanted
    assert any(int(pin["pages"]) > 1 and pin["order"] == "0" for pin in pins)
    assert sum(int(pin["pins"]) for pin in pins) == dump.stats["live_pins"]


def test_the_kernel_had_records_of_all_kinds(odd_dump: Dump) -> None:
    """And they make up all pins."""
    records = odd_dump.records()
    assert records.pop("pins") == odd_dump.stats["live_pins"]
    assert {kind for kind, count in records.items() if count} == RECORDS
    assert records["chunks of refs"] > records["slots that are sets"]


def test_jsonl_has_the_words_of_debugfs(dump: Dump) -> None:
    """Every line, in its order, field by field."""
    objects = dump.objects("--no-stacks")
    assert len(objects) == len(dump.pins)
    for found, line in zip(objects, dump.pins, strict=True):
        wanted: dict[str, object] = {
            key: int(value) if key in NUMBERS else value for key, value in words_of(line).items()
        }
        assert list(found) == list(wanted) == WORDS
        assert found | {"age_ms": 0} == wanted | {"age_ms": 0}


def test_ages_are_those_of_debugfs_and_what_went_by_since(dump: Dump) -> None:
    """Each a little more than it was, and all by the same."""
    later = []
    for found, line in zip(dump.objects("--no-stacks"), dump.pins, strict=True):
        age = found["age_ms"]
        assert isinstance(age, int)
        later.append(age - int(words_of(line)["age_ms"]))
    assert min(later) >= -EARLIER_MS and max(later) <= LATER_MS
    assert max(later) - min(later) <= READING_MS


def test_jsonl_has_the_frames_of_debugfs(dump: Dump) -> None:
    """By the stack's handle; offsets and sizes as %pS has them."""
    seen = set()
    for found in dump.objects():
        assert found["frames"] == dump.stacks[str(found["stack"])]
        seen.add(found["stack"])
    assert seen == set(dump.stacks)
    assert all(re.search(r"\+0x[0-9a-f]+/0x", f) for s in dump.stacks.values() for f in s)


def test_text_has_the_lines_of_debugfs_and_then_the_stacks(dump: Dump) -> None:
    """Both as debugfs has them."""
    lines, _, stacks = dump.listed().partition("\n\n")
    header, *pins = lines.splitlines()
    assert header == "# gup_pin pins 1"
    assert without_ages(pins) == without_ages(dump.pins)
    assert stacks_of(stacks) == dump.stacks


def test_text_without_stacks(dump: Dump) -> None:
    """Only the lines."""
    _, *pins = dump.listed("--no-stacks").splitlines()
    assert without_ages(pins) == without_ages(dump.pins)


def test_hazards_are_those_of_debugfs(dump: Dump) -> None:
    """Every record with both its stacks, but for its ages."""
    done = dump.drgn("hazards")
    assert (done.returncode, done.stderr) == (0, "")
    header, first, *_ = dump.hazards.splitlines()
    assert header == "# gup_pin hazards 1" and first.startswith("kind=writeback ")
    found, wanted = (text.splitlines() for text in (done.stdout, dump.hazards))
    assert without_ages(found) == without_ages(wanted)


def test_hazards_as_json(dump: Dump) -> None:
    """What is in the text, and its own keys."""
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


def test_stacks_are_those_of_debugfs(dump: Dump) -> None:
    """Every sum with its stack, in its order, but for its ages."""
    found, wanted = (text.splitlines() for text in (dump.printed("stacks"), dump.stacks_text))
    assert without_ages(found) == without_ages(wanted)


def test_folded_stacks_make_up_all_pins(dump: Dump) -> None:
    """A line each, the outermost function first."""
    lines = [line.rsplit(" ", 1) for line in dump.printed("stacks", "--folded").splitlines()]
    assert sum(int(count) for _, count in lines) == dump.stats["live_pins"]
    for stack, _ in lines:
        assert stack.split(";")[-1] in ("pin_user_pages", "pin_user_pages_fast", "memfd_pin_folios")


def test_status_has_the_figures_of_debugfs(dump: Dump) -> None:
    """All of them, by the same names; nobody pins anything meanwhile."""
    header, *lines = dump.printed("status").splitlines()
    assert header == "# gup_pin status 1"
    found = dict(line.split(" ") for line in lines)
    assert found.pop("kernel").startswith(f"{VERSION}.")
    assert [found.pop(name) for name in ("live", "format", "since_boot")] == ["0", "3", "1"]
    assert {name: int(value) for name, value in found.items()} == dump.stats


# Words of the filter, and what they want of a line's.
FILTERS: dict[str, Callable[[dict[str, str]], bool]] = {
    "mode=r": lambda pin: pin["mode"] == "r",
    "term=short": lambda pin: pin["term"] == "short",
    "api=memfd_pin_folios": lambda pin: pin["api"] == "memfd_pin_folios",
    "owner=0": lambda pin: pin["owner"] == "0",
    "dev=0:1": lambda pin: pin["dev"] == "0:1",
    "stack=1": lambda pin: pin["stack"] == "0x1",
}


@pytest.mark.parametrize("word", FILTERS)
def test_filters(dump: Dump, word: str) -> None:
    """The same lines as picking them by hand, where no pin is a part of a run."""
    wanted = [line for line in dump.pins if FILTERS[word](words_of(line))]
    _, *found = dump.listed("--no-stacks", word).splitlines()
    assert without_ages(found) == without_ages(wanted)
    assert wanted or word == "term=short"


def test_by_task_and_by_file(dump: Dump) -> None:
    """A process's pins, and those on a file by its path and by its inode."""
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


def test_sorted_and_limited(dump: Dump) -> None:
    """Those with most pins."""
    counts = sorted((int(words_of(line)["pins"]) for line in dump.pins), reverse=True)
    _, *lines = dump.listed("--no-stacks", "--sort", "pins", "--limit", "3").splitlines()
    assert [int(words_of(line)["pins"]) for line in lines] == counts[:3]


def shown(dump: Dump, page: str) -> dict[str, object]:
    """What `show --json` says of a page."""
    document = json.loads(dump.printed("show", page, "--json"))
    validate(document)
    return dict(document["page"] | {"pins": document["pins"]})


def test_show_says_who_maps_a_page(dump: Dump) -> None:
    """Its owner does, at the address of the pin; by pfn and by struct page."""
    pins = [words_of(line) for line in dump.pins]
    for kind in ("anon", "file", "hugetlb"):
        pin = next((p for p in pins if p["map"] == kind and p["match"] == "exact"), None)
        if pin is None:
            continue
        page = shown(dump, hex(int(pin["pfn"], 16)))
        found = {(p["tgid"], p["addr"]) for p in page["processes"]}  # type: ignore[attr-defined]
        inside = int(pin["addr"], 16) % (4096 << int(pin["order"]))
        mapped = int(pin["addr"], 16) - (inside if pin["order"] != "0" else 0)
        assert (int(pin["owner"]), hex(mapped)) in found
        assert (
            page["recorded"]
            == page["pinned"]
            == sum(p["pins"] for p in page["pins"])  # type: ignore[attr-defined]
        )
        assert shown(dump, str(page["page"])) == page


def test_nobody_has_gone(dump: Dump) -> None:
    """All holders live on, so there are no orphans; child processes have ended."""
    _, *lines = dump.printed("orphans", "--no-stacks").splitlines()
    assert lines == [line for line in lines if line.startswith("pfn=")]
    tasks = {words_of(line)["task"] for line in lines}
    assert tasks < {words_of(line)["task"] for line in dump.pins}


def test_check_finds_nothing_wrong(dump: Dump) -> None:
    """The kernel keeps its records well."""
    assert dump.printed("check") == "# gup_pin check 1\nchecked findings=0\n"


VERBS = ["list", "stacks", "hazards", "orphans", "check", "status"]


@pytest.mark.parametrize("verb", VERBS)
def test_json_is_as_the_schema_says(dump: Dump, verb: str) -> None:
    """And complete."""
    document = json.loads(dump.printed(verb, "--json"))
    validate(document)
    assert document["complete"] and not document["live"]
    assert document["kernel"].startswith(f"{VERSION}.")
    named = {pin["stack"] for pin in document.get("pins", [])}
    assert named == set(document["stacks"]) or verb in ("stacks", "check")


@pytest.mark.parametrize(
    ("words", "part"),
    [("list", "pin"), ("stacks", "sum"), ("hazards", "hazard"), ("orphans", "pin")],
)
def test_jsonl_is_as_the_schema_says(dump: Dump, words: str, part: str) -> None:
    """Every line."""
    for line in dump.printed(words, "--jsonl").splitlines():
        validate(json.loads(line), part)


def test_the_slow_path_finds_the_same(odd_dump: Dump) -> None:
    """Pin by pin, every member, by plain objects."""
    script = paths.PROJECT / "tests" / "compare_slow.py"
    command = odd_dump.command([], odd_dump.file, odd_dump.vmlinux, script)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["pins"] == odd_dump.stats["live_pins"]
    assert found["differences"] == []


def test_the_functions_agree(odd_dump: Dump) -> None:
    """What scripts import, with each other and with debugfs."""
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
    # What is static in the kernel was found by its name and file.
    assert found["clocks known"] is True
    # Folio by folio: exact where it says so, and never less than is on record.
    assert found["miscounted"] == []
    assert found["exact"] > 0 and found["not exact"] > 0
    assert {tuple(stack) for stack in found["stacks"]} == set(map(tuple, odd_dump.stacks.values()))


def test_the_prompt_has_a_command(odd_dump: Dump) -> None:
    """Where drgn has commands; where not, the plugin says so and does no harm."""
    script = paths.PROJECT / "tests" / "use_command.py"
    command = odd_dump.command([], odd_dump.file, odd_dump.vmlinux, script)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    if done.stdout == "no commands\n":
        return
    *lines, end = done.stdout.splitlines()
    assert lines == ["# gup_pin pins 1"] * 2 and end == "goes on"
    assert done.stderr.count("usage: %gup_pins VERB") == 1
    assert done.stderr.count("gup_pins: output: No space left on device") == 1


def test_a_kernel_without_the_feature_is_status_3(odd_dump: Dump, tmp_path: Path) -> None:
    """The symbol goes by another name, so drgn finds none."""
    vmlinux = tmp_path / "vmlinux"
    code = odd_dump.vmlinux.read_bytes()
    vmlinux.write_bytes(code.replace(b"\0gup_pin_root\0", b"\0gup_pin_rxxt\0"))
    done = odd_dump.drgn("list", vmlinux=vmlinux)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "gup_pins: no gup_pin_root: the kernel was built without CONFIG_DEBUG_GUP_PIN\n"
    )


def physical(dump: Dump, symbol: str) -> int:
    """Where a variable of the kernel was (which is not relocated: nokaslr)."""
    names = subprocess.run(["nm", dump.vmlinux], capture_output=True, text=True, check=True)
    match = re.search(rf"^([0-9a-f]+) \w {symbol}$", names.stdout, re.MULTILINE)
    assert match
    return int(match[1], 16) - 0xFFFFFFFF80000000


def file_offset(dump: Dump, symbol: str) -> int:
    """Where the dump has a variable of the kernel."""
    return offset_of(dump, physical(dump, symbol))


def offset_of(dump: Dump, physical: int) -> int:
    """Where the dump has a physical address."""
    with dump.file.open("rb") as file:
        header = file.read(64)
        start, entry, count = struct.unpack_from("<32xQ14xHH", header)
        for i in range(count):
            file.seek(start + i * entry)
            kind, _, offset, _, base, size = struct.unpack("<IIQQQQ", file.read(40))
            if kind == 1 and base <= physical < base + size:
                return int(offset + physical - base)
    raise AssertionError(f"{physical:#x} is not in the dump")


@contextmanager
def changed(file: Path, offset: int, data: bytes) -> Iterator[None]:
    """A file with other bytes, for a while."""
    with file.open("r+b") as handle:
        handle.seek(offset)
        before = handle.read(len(data))
        handle.seek(offset)
        handle.write(data)
    try:
        yield
    finally:
        with file.open("r+b") as handle:
            handle.seek(offset)
            handle.write(before)


def test_another_format_is_status_3(odd_dump: Dump) -> None:
    """The number is the root's first member."""
    file = odd_dump.file
    file.chmod(0o600)
    with changed(file, file_offset(odd_dump, "gup_pin_root"), struct.pack("<I", 1)):
        done = odd_dump.drgn("list")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "gup_pins: gup_pin_root has format 1, these scripts read 3\n"


def asked(dump: Dump, script: str, *words: str) -> Any:
    """What another script, which prints JSON, says of the dump."""
    command = dump.command(words, dump.file, dump.vmlinux, paths.PROJECT / "tests" / script)
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


# What to do to the struct page of the pin on a file, where its members are, and what
# check is to say: a folio that is written, that waits for it, that has left its file,
# that lost a pin to put_page(), that is no more.
DAMAGES = {
    "writeback": ("flags", "PG_writeback"),
    "dirty": ("flags", "PG_dirty"),
    "truncated": ("mapping", 0),
    "too_few_pins": ("_refcount", -1),
    "free": ("_refcount", 0),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_check_finds_what_had_no_time_to_be_reported(odd_dump: Dump, kind: str) -> None:
    """The machine stops in the very moment."""
    pin = next(p for line in odd_dump.pins if (p := words_of(line))["comm"] == "gup_pin_provoke")
    member, value = DAMAGES[kind]
    place = asked(odd_dump, "find_member.py", pin["pfn"], member, str(value))
    odd_dump.file.chmod(0o600)
    with changed(
        odd_dump.file, offset_of(odd_dump, place["physical"]), bytes.fromhex(place["data"])
    ):
        done = odd_dump.drgn("check", "--json")
    assert (done.returncode, done.stderr) == (4, "")
    document = json.loads(done.stdout)
    validate(document)
    assert document["complete"]
    (finding,) = document["findings"]
    assert (finding["kind"], finding["pfn"]) == (kind, pin["pfn"])
    assert finding["stacks"] == [pin["stack"]] == list(document["stacks"])
    assert [p["task"] for p in finding["pins"]] == [pin["task"]]


def test_check_finds_every_pin_if_its_record_is_lost(dump: Dump) -> None:
    """All records are: then all folios that debugfs had look pinned, and no others."""
    found = [finding["pfn"] for finding in unrecorded(dump, [])]
    assert found == [hex(pfn) for pfn in pinned_folios(dump)]


@pytest.mark.parametrize("blocks", [False, True])
def test_check_looks_at_what_there_is_of_a_devices_memory(odd_dump: Dump, blocks: bool) -> None:
    """Some of a section; none, if it is RAM that nobody put online."""
    folios = pinned_folios(odd_dump)
    pfn = folios[0]
    words = asked(odd_dump, "find_section.py", hex(pfn))
    found = {finding["pfn"] for finding in unrecorded(odd_dump, words[: 2 if blocks else 3])}
    others = {hex(other) for other in folios if other >> 15 != pfn >> 15}
    beside = {hex(other) for other in folios if other >> 9 == pfn >> 9}
    assert beside and len(beside | others) < len(folios)
    assert found == (others if blocks else others | beside)


def unrecorded(dump: Dump, words: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """What check finds if no pin is on record, and other words are in some places, too."""
    places = [*words, *((address, 0) for address in asked(dump, "find_heads.py"))]
    dump.file.chmod(0o600)
    with ExitStack() as stack:
        for address, word in places:
            offset, data = offset_of(dump, address), struct.pack("<Q", word)
            stack.enter_context(changed(dump.file, offset, data))
        done = dump.drgn("check", "--jsonl")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (4 if found else 0, "")
    assert {finding["kind"] for finding in found} <= {"unrecorded", "maybe_unrecorded"}
    return found


def pinned_folios(dump: Dump) -> list[int]:
    """The pfns of all folios that debugfs had, ascending."""
    pfns: set[int] = set()
    for pin in map(words_of, dump.pins):
        first = int(pin["pfn"], 16)
        pfns.update(range(first, first + int(pin["pages"]), 1 << int(pin["order"])))
    return sorted(pfns)


def test_check_knows_huge_pages_that_save_struct_pages(odd_dump: Dump) -> None:
    """hugetlb_free_vmemmap=on has the page that begins with the head again and again."""
    if b"\0compound_info\0" in odd_dump.vmlinux.read_bytes():
        pytest.skip("this kernel has tails there")
    pin = next(p for line in odd_dump.pins if (p := words_of(line))["map"] == "hugetlb")
    head = asked(odd_dump, "find_member.py", pin["pfn"], "flags", "0")["physical"]
    start, size = offset_of(odd_dump, head), 4096
    odd_dump.file.chmod(0o600)
    with odd_dump.file.open("rb") as file:
        file.seek(start)
        pages = (64 << int(pin["order"])) // size
        first = file.read(size)
    with changed(odd_dump.file, start + size, first * (pages - 1)):
        assert odd_dump.printed("check").endswith("\nchecked findings=0\n")


def test_an_order_that_no_folio_has(odd_dump: Dump, tmp_path: Path) -> None:
    """A report of it has an end, and it is told."""
    pin = next(p for line in odd_dump.pins if (p := words_of(line))["map"] == "hugetlb")
    place = asked(odd_dump, "find_member.py", pin["pfn"], "_flags_1", "60")
    start, order = offset_of(odd_dump, place["physical"]), bytes.fromhex(place["data"])
    odd_dump.file.chmod(0o600)
    with changed(odd_dump.file, start, order):
        done = odd_dump.drgn("report", "-o", str(tmp_path / "report.html"))
    partial(done)
    assert done.stderr.startswith("gup_pins: order of a folio is none (")


@contextmanager
def cut(dump: Dump, size: int) -> Iterator[Path]:
    """The beginning of the dump, as a file of its own."""
    short = dump.file.with_name("short")
    subprocess.run(["head", "-c", str(size), dump.file], stdout=short.open("wb"), check=True)
    try:
        yield short
    finally:
        short.unlink()


def test_half_a_dump_gives_half_of_what_it_says(odd_dump: Dump) -> None:
    """The index is there, the memmap is not: pins without their files, and status 4."""
    with cut(odd_dump, odd_dump.file.stat().st_size // 2) as short:
        done = odd_dump.drgn("list", "--jsonl", file=short)
        partial(done)
        assert 1 <= len(done.stderr.splitlines()) <= 4
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert sum(pin["pins"] for pin in found) == odd_dump.stats["live_pins"]
        assert all(pin["frames"] == odd_dump.stacks[pin["stack"]] for pin in found)
        for verb in VERBS:
            done = odd_dump.drgn(verb, "--json", file=short)
            partial(done)
            document = json.loads(done.stdout)
            validate(document)
            assert not document["complete"]
            assert len(document["faults"]) == len(done.stderr.splitlines())
        done = odd_dump.drgn("show", words_of(odd_dump.pins[0])["pfn"], file=short)
        partial(done)
        assert " ".join(odd_dump.pins[0].split(" ")[:1]) in done.stdout


def partial(done: subprocess.CompletedProcess[str]) -> None:
    """Status 4, and a line for each kind of fault."""
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert all(line.startswith("gup_pins: ") for line in done.stderr.splitlines())


# Where the kernel keeps what these scripts read, but not itself, in a guest of 1 GiB.
HOLES = [(0x100000, 0x1000000), (0x3000000, 0x4000000), (0x3C000000, 0x3F000000)]


@pytest.mark.parametrize("seed", range(3))
def test_a_dump_with_zeroed_pages(odd_dump: Dump, seed: int) -> None:
    """Every third page of some memory: what is left is told, never a traceback."""
    chance = random.Random(seed)
    holed = odd_dump.file.with_name("holed")
    subprocess.run(["cp", "--sparse=always", odd_dump.file, holed], check=True)
    holed.chmod(0o600)
    try:
        offset = file_offset(odd_dump, "gup_pin_root") - physical(odd_dump, "gup_pin_root")
        with holed.open("r+b") as file:
            for first, end in HOLES:
                for page in range(first, end, 4096):
                    if chance.random() < 0.3:
                        file.seek(offset + page)
                        file.write(bytes(4096))
        for verb in VERBS:
            done = odd_dump.drgn(verb, "--json", file=holed)
            assert done.returncode in (0, 1, 4)
            assert "Traceback" not in done.stderr
            if done.returncode != 1:
                document = json.loads(done.stdout)
                validate(document)
                assert document["complete"] == (not done.stderr)
    finally:
        holed.unlink()


@pytest.mark.parametrize("part", [100, 20_000])
def test_a_stump_is_an_error_in_one_line(odd_dump: Dump, part: int) -> None:
    """Not even the page tables are there."""
    with cut(odd_dump, odd_dump.file.stat().st_size // part) as short:
        done = odd_dump.drgn("list", file=short)
    assert done.returncode in (1, 4)
    assert "Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize("words", [[], ["lst"], ["list", "--nonsense"], ["list", "5"]])
def test_a_usage_error_is_status_2(odd_dump: Dump, words: list[str]) -> None:
    """And nothing on stdout."""
    done = odd_dump.drgn(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: drgn -c DUMP -s VMLINUX gup_pins.py" in done.stderr


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
    """The words of the pins that a page has, which lie there column by column."""
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
        words |= {"pfn": hex(pfn), "match": "inferred" if columns["inferred"][row] else "exact"}
        pins.append({key: words[key] for key in WORDS})
    return pins


def test_the_report_has_the_pins_of_debugfs(dump: Dump, tmp_path: Path) -> None:
    """Line by line; its stacks, hazards and memory are there as well."""
    file = tmp_path / "report.html"
    done = dump.drgn("report", "-o", str(file))
    # 4: check may find folios that wait to be written.
    assert done.returncode in (0, 4) and (done.stdout, done.stderr) == ("", "")
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
