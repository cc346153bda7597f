# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: on files that are made here, on a real guest's, and in a guest."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import re
import shutil
import struct
import subprocess
import termios
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import pytest

from conftest import PROJECT
from sample_words import PIN

SOURCE = PROJECT / "tools" / "mm"
SAMPLE = json.loads((PROJECT / "tests" / "gup_pin_sample.json").read_text())
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
PINS, STACKS = "# gup_pin pins 1", "# gup_pin stacks 1"

Words = dict[str, object]
Run = subprocess.CompletedProcess[str]
Tool = Callable[..., Run]


def build(compiler: str, out: Path, *flags: str) -> Path:
    """Compile it as it is documented: no more than the sources."""
    sources = [SOURCE / "gup_pin.c", *sorted((SOURCE / "gup_pin_tool").glob("*.c"))]
    subprocess.run([compiler, *WARNINGS, *flags, "-o", out, *sources], check=True)
    return out


@pytest.fixture(scope="session", name="plain")
def fixture_plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program as its users have it."""
    return build("gcc", tmp_path_factory.mktemp("plain") / "gup_pin", "-O2")


@pytest.fixture(scope="session", name="program")
def fixture_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with sanitizers, which end it at the first slip."""
    return build("gcc", tmp_path_factory.mktemp("sanitized") / "gup_pin", *SANITIZERS)


@pytest.fixture(name="tool")
def fixture_tool(program: Path, tmp_path: Path) -> Tool:
    """Run it in a folder of its own; an error is one line, and only then there is any."""

    def tool(*words: str | Path, status: int = 0, text: str | None = None) -> Run:
        done = subprocess.run(
            [program, *words],
            input=text,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done
        assert done.stderr.count("\n") == (status != 0), done
        assert not status or done.stderr.startswith("gup_pin: ")
        return done

    return tool


def pin(**words: object) -> str:
    """A line of pins; words that are not in it go to its end."""
    return " ".join(f"{key}={value}" for key, value in (PIN | words).items())


def stack(frames: Iterable[str], **words: object) -> str:
    """A record of stacks, without its last newline."""
    line: Words = {
        "pins": 16,
        "pages": 16,
        "calls": 1,
        "mode": "w",
        "term": "long",
        "api": "pin_user_pages_fast",
        "oldest_ms": 5203,
        "newest_ms": 203,
        "stack": "0x2b40003",
    }
    head = " ".join(f"{key}={value}" for key, value in (line | words).items())
    return "\n".join([head, *(f" {frame}" for frame in frames), ""])


def write(path: Path, *lines: str) -> Path:
    """A file of lines."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


RXE = ["pin_user_pages_fast+0x1/0x90", "ib_umem_get+0x2/0x3 [ib_uverbs]", "rxe_mr+0x4/0x5 [rxe]"]
URING = ["pin_user_pages_fast+0x1/0x90", "io_pin_pages+0x2/0x3", "do_syscall_64+0x4/0x5"]


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    """Copies of both files: three processes, two stacks, a file."""
    folder = tmp_path / "copy"
    file: Words = {"map": "file", "dev": "8:1", "ino": 77, "stack": "0x2"}
    write(
        folder / "pins",
        PINS,
        pin(pfn="0x10", pins=1, pages=1, stack="0x1", age_ms=100),
        pin(pfn="0x20", pins=2, pages=2, owner=9, task="9/9", comm="db", **file),
        pin(pfn="0x30", pins=4, pages=4, owner=9, task="9/10", comm=r"a\x20b", **file),
        pin(pfn="0x40", pins=8, pages=512, order=9, owner=0, mode="r", term="short", stack="0x1"),
    )
    write(
        folder / "stacks",
        STACKS,
        stack(URING, pins=9, pages=513, calls=2, stack="0x1"),
        stack(RXE, pins=6, pages=6, calls=2, stack="0x2"),
    )
    return folder


@pytest.fixture(name="sample")
def fixture_sample(tmp_path: Path) -> Path:
    """What a real guest told."""
    for name in ("pins", "stacks", "stats"):
        write(tmp_path / "sample" / name, *SAMPLE[name])
    return tmp_path / "sample"


# The kernel's side of a filter: what is written is kept, and refused if so wanted.
SHIM = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
ssize_t write(int fd, const void *text, size_t size)
{
	FILE *log = fopen(getenv("SHIM_LOG"), "a");

	(void)fd;
	fprintf(log, "%.*s\n", (int)size, (const char *)text);
	fclose(log);
	if (getenv("SHIM_REFUSES")) {
		errno = EINVAL;
		return -1;
	}
	return lseek(fd, 0, SEEK_SET) ? -1 : (ssize_t)size;
}
"""
# What the program sees of the kernel is what lies in a folder.
MASK = """
if [ -d /sys/kernel/debug ]; then mount --bind "$1/nothing" /sys/kernel/debug; fi
mount --bind "$1/proc" /proc
shift
exec env "$@"
"""


class Machine:
    """One with debugfs at a place of its own, made of files."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.debugfs = folder / "debug"
        self.files = self.debugfs / "gup_pin"
        for path in ("proc/42", "nothing", "debug/gup_pin"):
            (folder / path).mkdir(parents=True)
        write(folder / "proc" / "mounts", f"none {self.debugfs} debugfs rw 0 0")
        (folder / "shim.c").write_text(SHIM)
        command: list[str | Path] = [
            "gcc",
            "-shared",
            "-fPIC",
            "-o",
            folder / "shim.so",
            folder / "shim.c",
        ]
        subprocess.run(command, check=True)

    def run(self, *words: str | Path, status: int = 0, refuses: bool = False) -> Run:
        """What the program says there."""
        env = [f"LD_PRELOAD={self.folder}/shim.so", f"SHIM_LOG={self.folder}/told"]
        env += ["SHIM_REFUSES=1"] * refuses
        (self.folder / "told").unlink(missing_ok=True)
        command: list[str | Path] = [
            "unshare",
            "-rm",
            "sh",
            "-ec",
            MASK,
            "sh",
            self.folder,
            *env,
            self.program,
        ]
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == status, done
        return done

    def told(self) -> list[str]:
        """The filters that were written."""
        log = self.folder / "told"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture(name="machine")
def fixture_machine(plain: Path, tmp_path: Path) -> Machine:
    """A machine whose kernel has the feature."""
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("no mount namespace to be had")
    return Machine(plain, tmp_path / "machine")


def words_of(line: str) -> Words:
    """The words of a line as JSON has them."""
    words = dict(word.split("=", 1) for word in line.split(" "))
    return {k: int(v) if v.isdigit() else v for k, v in words.items()}


@pytest.mark.parametrize("compiler", ["gcc", "clang", "clang-19"])
def test_builds_without_a_warning(compiler: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    build(compiler, tmp_path / "gup_pin", "-O2")


@pytest.mark.parametrize("target", ["gup_pin", "install"])
def test_a_kernel_tree_builds_it(tree: Path, tmp_path: Path, target: str) -> None:
    """What is built beside it needs more of the tree than this test wants to."""
    for name in ("mm", "scripts"):
        shutil.copytree(tree / "tools" / name, tmp_path / "tools" / name)
    mm = tmp_path / "tools" / "mm"
    others = "BUILD_TARGETS=" if target == "install" else "V="
    make: list[str | Path] = ["make", "-C", mm, target, others, f"DESTDIR={tmp_path}", "sbindir=/s"]
    done = subprocess.run(make, capture_output=True, text=True, check=True)
    assert "warning" not in done.stdout + done.stderr
    assert os.access(mm / "gup_pin", os.X_OK)
    assert (tmp_path / "s" / "gup_pin").exists() == (target == "install")
    assert "gup_pin" in (mm / ".gitignore").read_text().splitlines()
    subprocess.run(["make", "-C", mm, "gup_pin_clean"], capture_output=True, check=True)
    assert not (mm / "gup_pin").exists()


def test_a_guests_pins_come_out_as_they_went_in(tool: Tool, sample: Path) -> None:
    assert tool("list", "-f", sample, "--raw").stdout == (sample / "pins").read_text()
    assert tool("stacks", "-f", sample, "--raw").stdout == (sample / "stacks").read_text()
    got = json.loads(tool("list", "-f", sample, "--json").stdout)
    assert got == [words_of(line) for line in SAMPLE["pins"][1:]]
    text = tool("list", "-f", sample / "pins").stdout.splitlines()
    assert len(text) == len(SAMPLE["pins"])
    assert all(line == line.rstrip() for line in text)


def test_a_guests_stacks(tool: Tool, sample: Path) -> None:
    got = json.loads(tool("stacks", "-f", sample, "--json").stdout)
    records = "\n".join(SAMPLE["stacks"][1:]).strip("\n").split("\n\n")
    expected = []
    for record in records:
        head, *frames = record.split("\n")
        expected.append(words_of(head) | {"frames": [frame[1:] for frame in frames]})
    assert got == expected
    assert "  io_pin_pages+" in tool("stacks", "-f", sample).stdout


@pytest.mark.parametrize("key", ["comm", "owner", "file", "stack", "module", "map", "api"])
def test_all_sums_of_a_guests_pins_agree(tool: Tool, sample: Path, key: str) -> None:
    lines = [words_of(line) for line in SAMPLE["pins"][1:]]
    total = sum(int(str(line["pins"])) for line in lines)
    for command in ("top", "list"):
        sums = json.loads(tool(command, "-f", sample, "--by", key, "--json").stdout)
        assert sum(s["pins"] for s in sums) == total
        assert [s["pins"] for s in sums] == sorted((s["pins"] for s in sums), reverse=True)
        if key in lines[0]:
            expected: Counter[object] = Counter()
            for line in lines:
                expected[line[key]] += int(str(line["pins"]))
            assert {s[key]: s["pins"] for s in sums} == expected


def rows(text: str) -> list[list[str]]:
    """The cells of a table."""
    return [line.split() for line in text.splitlines() if not re.match(r"$|  [a-z]", line)]


def test_sums_for_people(tool: Tool, folder: Path) -> None:
    assert rows(tool("list", "-f", folder, "--by", "owner").stdout) == [
        ["PINS", "PAGES", "RUNS", "OLDEST", "NEWEST", "OWNER"],
        ["8", "512", "1", "5.2s", "5.2s", "0"],
        ["6", "6", "2", "5.2s", "5.2s", "9"],
        ["1", "1", "1", "0.1s", "0.1s", "812"],
    ]
    assert rows(tool("list", "-f", folder, "--by", "file").stdout)[1:] == [
        ["9", "513", "2", "5.2s", "0.1s", "anon"],
        ["6", "6", "2", "5.2s", "5.2s", "8:1:77"],
    ]
    assert rows(tool("list", "-f", folder, "--by", "module", "owner=9").stdout)[1:] == [
        ["6", "6", "2", "5.2s", "5.2s", "ib_uverbs"],
    ]
    text = tool("stacks", "-f", folder, "--by", "module,stack", "--sort", "module").stdout
    assert [row[-2:] for row in rows(text)] == [
        ["MODULE", "STACK"],
        ["ib_uverbs", "0x2"],
        ["vmlinux", "0x1"],
    ]
    assert f"  {RXE[1]}\n  {RXE[2]}\n\n" in text


def test_stacks_of_some_pins_only(tool: Tool, folder: Path) -> None:
    got = json.loads(tool("stacks", "-f", folder, "comm=db", "--json").stdout)
    assert [(s["pins"], s["stack"], s["frames"]) for s in got] == [(2, "0x2", RXE)]


@pytest.mark.parametrize("word", ["min_age_ms=5000", "pins=16", "pages=512"])
def test_a_filter_is_of_pins_however_they_are_summed(tool: Tool, tmp_path: Path, word: str) -> None:
    """In stacks the same words are of sums, and of the oldest pin there."""
    write(
        tmp_path / "pins",
        PINS,
        pin(pins=16, pages=512, age_ms=10_000, stack="0x1"),
        pin(pins=2, pages=2, age_ms=10, stack="0x1"),
    )
    write(tmp_path / "stacks", STACKS, stack(URING, pins=18, pages=514, calls=2, stack="0x1"))
    for command in ("list", "top", "stacks"):
        for key in ("comm", "stack", "mode", "module"):
            words = [command, "-f", tmp_path, "--by", key, "--json", word]
            assert [s["pins"] for s in json.loads(tool(*words).stdout)] == [16], words
    got = json.loads(tool("stacks", "-f", tmp_path, "--json", word).stdout)
    assert [(s["pins"], s["frames"]) for s in got] == [(16, URING)]
    assert tool("diff", tmp_path, tmp_path, word).stdout.split()[-3:] == ["16", "16", "total"]
    for alone in (["stacks", word], ["top", "--by", "mode", word], ["top", "--by", "pins"]):
        done = tool(*alone, "-f", tmp_path / "stacks", status=1)
        assert "this is stacks, but pins is needed" in done.stderr


def test_top_shows_who_holds_most(tool: Tool, folder: Path) -> None:
    write(folder / "stats", "enabled 1", "live_folios 3", "untracked 7")
    head, *table = tool("-f", folder).stdout.splitlines()
    assert head == "pins 15  groups 4  folios 3  untracked 7"
    assert table[0].split() == ["PINS", "GROWTH", "PAGES", "OLDEST", "OWNER", "COMM"]
    assert table[1].split() == ["8", "512", "5.2s", "0", "fio"]
    text = tool("top", "-f", folder, "-b", "stack", "-n", "1").stdout
    assert text.splitlines()[2].split()[3:] == ["0x1", "io_pin_pages", "<", "do_syscall_64"]


def test_top_goes_round(tool: Tool, folder: Path) -> None:
    text = tool("top", "-f", folder, "--rounds", "3", "--delay", "0.1").stdout
    assert text.count("GROWTH") == 3


@pytest.mark.parametrize(
    ("words", "pfns"),
    [
        (["comm=fio"], "10 40"),
        (["comm=a b"], "30"),
        ([r"comm=a\x20b"], "30"),
        (["mode=w", "term=long"], "10 20 30"),
        (["task=9"], "20 30"),
        (["task=9/10"], "30"),
        (["task=815"], "10 40"),
        (["task=812"], "10 40"),
        (["task=10"], "30"),
        (["task=812/812"], ""),
        (["task=0"], ""),
        (["pfn=0x20-0x30"], "20 30"),
        (["pfn=0x100"], "40"),
        (["min_age_ms=101"], "20 30 40"),
        (["stack=2"], "20 30"),
        (["ino=77", "dev=8:1"], "20 30"),
        (["owner=5"], ""),
        (["--sort", "pins"], "40 30 20 10"),
        (["--sort", "pins", "--reverse"], "10 20 30 40"),
        (["--sort", "comm"], "30 20 10 40"),
        (["--sort", "age_ms", "-n", "2"], "20 30"),
        (["--sort", "pfn", "-n", "3"], "40 30 20"),
        (["-n", "1"], "10"),
    ],
)
def test_filters_and_orders(tool: Tool, folder: Path, words: list[str], pfns: str) -> None:
    got = json.loads(tool("list", "-f", folder, "--json", *words).stdout)
    assert " ".join(g["pfn"].removeprefix("0x") for g in got) == pfns


@pytest.mark.parametrize(
    ("line", "pfns", "pages", "pins"),
    [
        ({"pages": 16, "pins": 16}, "0x100-0x103", 4, 4),
        ({"pages": 16, "pins": 16}, "0x10f-0xfff", 1, 1),
        ({"pages": 16, "pins": 16}, "0-0xffff", 16, 16),
        ({"pages": 16, "pins": 32}, "0x108", 1, 2),
        # Folio by folio, as the kernel does it: a folio counts in full.
        ({"pages": 16, "order": 2, "pins": 4}, "0x103-0x104", 8, 2),
        ({"pages": 16, "order": 2, "pins": 16}, "0x10f", 4, 4),
        # Nobody knows where the odd pin is.
        ({"pages": 2, "pins": 3}, "0x101", 1, 2),
        # Damage of a kind that nobody looks for.
        ({"pages": 16, "order": 5, "pins": 3}, "0x101", 16, 3),
        ({"pages": 16, "order": 99, "pins": 3}, "0x101", 16, 3),
        ({"pages": 2**64 - 1, "pins": 2**64 - 1}, "0x101", 2**64 - 1, 2**64 - 1),
    ],
)
def test_a_range_has_a_part_of_a_run(
    tool: Tool, tmp_path: Path, line: Words, pfns: str, pages: int, pins: int
) -> None:
    write(tmp_path / "pins", PINS, pin(pfn="0x100", **line), pin(pfn="0x90000", pages=1))
    for words in (["list", "--by", "comm"], ["top"], ["stacks"]):
        got = json.loads(tool(*words, "-f", "pins", "--json", f"pfn={pfns}").stdout)
        assert [(s["pages"], s["pins"]) for s in got] == [(pages, pins)], words
    # Lines are shown as they are.
    got = json.loads(tool("list", "-f", "pins", "--json", f"pfn={pfns}").stdout)
    assert [g["pages"] for g in got] == [line["pages"]]


def test_two_ranges(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS, pin(pfn="0x100", pages=16))
    for words, pages in (
        (["pfn=0x100-0x107", "pfn=0x106-0x10f"], [2]),
        (["pfn=0x106-0x10f", "pfn=0x100-0x107"], [2]),
        (["pfn=0x100-0x103", "pfn=0x108-0x10f"], []),
        (["pfn=0x108-0x10f", "pfn=0x100-0x103"], []),
    ):
        got = json.loads(tool("list", "-f", "pins", "--by", "comm", "--json", *words).stdout)
        assert [s["pages"] for s in got] == pages, words


def test_a_task_without_a_name(tool: Tool, tmp_path: Path) -> None:
    """As prctl(PR_SET_NAME, "") makes one, of which nobody else is to suffer."""
    write(tmp_path / "pins", PINS, pin(pfn="0x1", comm=""), pin(pfn="0x2", comm="010"))
    shown = tool("list", "-f", "pins").stdout
    assert len(rows(shown)) == len(rows(tool("list", "-f", "pins", "pfn=0x1").stdout)) + 1
    got = json.loads(tool("list", "-f", "pins", "--json").stdout)
    assert [g["comm"] for g in got] == ["", "010"]
    sums = json.loads(tool("list", "-f", "pins", "--json", "--by", "comm").stdout)
    assert {s["comm"]: s["pins"] for s in sums} == {"": 16, "010": 16}
    # A name is no number.
    assert json.loads(tool("list", "-f", "pins", "--json", "comm=10").stdout) == []


def test_a_few_of_many_in_order(tool: Tool, tmp_path: Path) -> None:
    ages = random.Random(1).sample(range(100_000), 5000)
    write(tmp_path / "pins", PINS, *(pin(age_ms=age) for age in ages))
    got = json.loads(tool("list", "-f", "pins", "--json", "--sort", "age_ms", "-n", "100").stdout)
    assert [g["age_ms"] for g in got] == sorted(ages, reverse=True)[:100]


def test_a_process(tool: Tool, folder: Path) -> None:
    for number, pfns in (("9", ["0x20", "0x30"]), ("10", ["0x30"]), ("815", ["0x10", "0x40"])):
        got = json.loads(tool("pid", number, "-f", folder, "--json").stdout)
        assert [g["pfn"] for g in got] == pfns
    assert tool("pid", "4711", "-f", folder, "--json").stdout == "[]\n"


def test_a_file_by_its_inode(tool: Tool, tmp_path: Path) -> None:
    file = write(tmp_path / "a file", "text")
    (tmp_path / "link").symlink_to(file)
    st = file.stat()
    dev = f"{os.major(st.st_dev)}:{os.minor(st.st_dev)}"
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", map="file", dev=dev, ino=st.st_ino),
        pin(pfn="0x2", map="file", dev=dev, ino=st.st_ino + 1),
        pin(pfn="0x3", map="file", dev="99:9", ino=st.st_ino),
        pin(pfn="0x4"),
    )
    for path in (file, "a file", "link"):
        got = json.loads(tool("file", path, "-f", "pins", "--json").stdout)
        assert [g["pfn"] for g in got] == ["0x1"]
    done = tool("file", "nothing", "-f", "pins", status=1)
    assert "No such file" in done.stderr


def test_a_copys_file_may_be_of_another_machine(
    tool: Tool, tmp_path: Path, machine: Machine
) -> None:
    """Device and inode say little there; with the last name they say enough."""
    path = write(tmp_path / "table", "text")
    st = path.stat()
    file: Words = {
        "map": "file",
        "dev": f"{os.major(st.st_dev)}:{os.minor(st.st_dev)}",
        "ino": st.st_ino,
    }
    lines = [
        pin(pfn="0x1", **file, path="/other/file"),
        pin(pfn="0x2", **file, path="/a/mount/of/its/own/table"),
        pin(pfn="0x3", **file, path=r"/x/table\x20(deleted)"),
        pin(pfn="0x4", **file, path=""),
        pin(pfn="0x5", **file, path="/xtable"),
        pin(pfn="0x6", **file, path="table"),
        pin(pfn="0x7", **file | {"dev": "99:9"}, path="/table"),
        pin(pfn="0x8", **file | {"dev": "99:9"}, path="/x/table"),
    ]
    write(tmp_path / "pins", PINS, *lines)
    got = json.loads(tool("file", path, "-f", "pins", "--json").stdout)
    assert [g["pfn"] for g in got] == ["0x2", "0x3", "0x4", "0x6", "0x7"]
    # Of the running kernel they are all that is asked for.
    write(machine.files / "pins", PINS, *lines)
    got = json.loads(machine.run("file", path, "--json").stdout)
    assert [g["pfn"] for g in got] == [f"0x{n}" for n in range(1, 7)]


def test_a_file_by_its_path(tool: Tool, tmp_path: Path) -> None:
    file: Words = {"map": "file", "dev": "99:9"}
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", **file, ino=5, path=r"/srv/a\x20b"),
        pin(pfn="0x2", **file, ino=5, path=r"/srv/a\x20b\x20(deleted)"),
        pin(pfn="0x3", **file, ino=6, path=r"/srv/a\x20bc"),
        pin(pfn="0x4", path=""),
    )
    for name in ("/srv/a b", "/mnt/srv/a b", "a b", "srv/a b"):
        got = json.loads(tool("file", name, "-f", "pins", "--json").stdout)
        assert [g["pfn"] for g in got] == ["0x1", "0x2"], name
    for name in (" b", "b", "rv/a b", "/xsrv/a b", "/a b"):
        assert tool("file", name, "-f", "pins", "--json").stdout == "[]\n", name
    assert tool("file", "/srv/none", "-f", "pins", "--json").stdout == "[]\n"
    sums = json.loads(tool("list", "-f", "pins", "--by", "file", "--json").stdout)
    assert {s["file"]: s.get("path") for s in sums} == {
        "99:9:5": r"/srv/a\x20b",
        "99:9:6": r"/srv/a\x20bc",
        "anon": None,
    }
    assert r"/srv/a\x20bc" in tool("list", "-f", "pins", "--by", "file").stdout
    assert r" /srv/a\x20bc" in tool("list", "-f", "pins").stdout


@pytest.mark.parametrize(
    "name",
    [
        "/srv/table",
        "table",
        "srv/table",
        "./table",
        "../x/table",
        "/srv/table/",
        "srv//./table",
        "srv/../srv/table/.",
        "/srv/../table",
    ],
)
def test_a_file_that_is_gone_by_any_name(tool: Tool, tmp_path: Path, name: str) -> None:
    file: Words = {"map": "file", "dev": "99:9", "ino": 5}
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", **file, path="/table"),
        pin(pfn="0x2", **file, path="/xtable"),
        pin(pfn="0x3", **file, path="/table/x"),
    )
    got = json.loads(tool("file", name, "-f", "pins", "--json").stdout)
    assert [g["pfn"] for g in got] == ["0x1"]


def test_a_file_that_is_gone_by_a_folders_other_name(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    (tmp_path / "link").symlink_to("mount")
    path = f"{tmp_path}/mount/table"
    write(tmp_path / "pins", PINS, pin(map="file", dev="99:9", ino=5, path=path))
    for name in ("link/table", "./link/table", tmp_path / "link" / "table"):
        assert len(json.loads(tool("file", name, "-f", "pins", "--json").stdout)) == 1, name
    assert tool("file", "../table", "-f", "pins", "--json").stdout == "[]\n"


@pytest.mark.parametrize("length", [255, 256, 257, 300, 600])
def test_a_file_by_a_path_that_lost_its_front(tool: Tool, tmp_path: Path, length: int) -> None:
    """The kernel keeps 255 bytes."""
    full = ("/a folder" * 70)[: length - 6].ljust(length - 5, "y") + "/file"
    assert len(full) == length
    name = full[-255:].replace(" ", r"\x20")
    file: Words = {"map": "file", "dev": "99:9"}
    write(
        tmp_path / "pins",
        PINS,
        pin(pfn="0x1", **file, path=name),
        pin(pfn="0x2", **file, path="ile"),
    )
    for path in (full, f"/mnt{full}", "/".join(full.split("/")[-3:]), full[1:]):
        got = json.loads(tool("file", path, "-f", "pins", "--json").stdout)
        assert [g["pfn"] for g in got] == ["0x1"], path
    assert tool("file", f"{full}x", "-f", "pins", "--json").stdout == "[]\n"


def test_words_of_later_kernels(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS, pin(path="", fresh="new", n=5), pin(fresh="newer"))
    assert tool("list", "-f", "pins", "--raw").stdout == (tmp_path / "pins").read_text()
    got = json.loads(tool("list", "-f", "pins", "--json").stdout)
    assert [g["fresh"] for g in got] == ["new", "newer"]
    assert (got[0]["path"], got[0]["n"]) == ("", "5")
    got = json.loads(tool("list", "-f", "pins", "--by", "fresh", "--json").stdout)
    assert [g["fresh"] for g in got] == ["new", "newer"]
    write(tmp_path / "stacks", STACKS, stack(URING, acquired=70, peak=20, fresh="x"))
    assert tool("stacks", "-f", "stacks", "--raw").stdout == (tmp_path / "stacks").read_text()
    got = json.loads(tool("stacks", "-f", "stacks", "--json").stdout)
    assert (got[0]["acquired"], got[0]["peak"], got[0]["fresh"]) == (70, 20, "x")
    assert ", acquired 70, peak 20, fresh x\n" in tool("stacks", "-f", "stacks").stdout
    table = rows(tool("top", "-f", "stacks", "--by", "api").stdout)
    assert table[1][-2:] == ["ACQUIRED", "API"]
    assert table[2][-2:] == ["70", "pin_user_pages_fast"]


def test_orphans_are_pins(tool: Tool, tmp_path: Path) -> None:
    write(tmp_path / "orphans", "# gup_pin orphans 1", pin())
    assert tool("list", "-f", "orphans", "-R").stdout == (tmp_path / "orphans").read_text()


@pytest.fixture(name="two")
def fixture_two(tmp_path: Path) -> tuple[Path, Path]:
    """Two snapshots, of two boots: handles differ, frames do not."""
    old, new = tmp_path / "old", tmp_path / "new"
    gone, fresh = ["pin_user_pages+0x1/0x2", "gone+0x1/0x2"], ["fresh+0x1/0x2"]
    write(
        old / "stacks",
        STACKS,
        stack(URING, pins=10, acquired=10, stack="0x1"),
        stack(RXE, pins=5, acquired=50, stack="0x2"),
        stack(gone, pins=3, pages=3, acquired=3, stack="0x3"),
    )
    write(
        new / "stacks",
        STACKS,
        stack(URING, pins=10, acquired=20, stack="0x7"),
        stack(RXE, pins=105, pages=116, acquired=150, stack="0x8"),
        stack(fresh, pins=4, pages=4, acquired=4, stack="0x9"),
    )
    write(old / "pins", PINS, pin(pins=1), pin(pins=2, comm="db"))
    write(new / "pins", PINS, pin(pins=5), pin(pins=5), pin(pins=2, comm="db"))
    return old, new


def test_diff_shows_what_grew(tool: Tool, two: tuple[Path, Path]) -> None:
    got = json.loads(tool("diff", *two, "--json").stdout)
    assert [(g["frames"][-1], g["pins_growth"]) for g in got] == [
        (RXE[-1], 100),
        ("fresh+0x1/0x2", 4),
        ("gone+0x1/0x2", -3),
    ]
    busy = json.loads(tool("diff", *two, "--json", "--sort", "acquired").stdout)
    assert [g.get("acquired_growth") for g in busy] == [100, 10, None, None]
    assert (got[0]["pins"], got[0]["pins_before"], got[0]["acquired_growth"]) == (105, 5, 100)
    text = tool("diff", *two, "-n", "1").stdout
    table = rows(text)
    assert table[0] == ["GROWTH", "BEFORE", "PINS", "PAGES", "ACQUIRED", "STACK"]
    assert table[1] == ["+100", "5", "105", "+100", "+100", "0x8"]
    assert table[2] == ["+101", "18", "119", "+101", "+110", "total"]
    assert f"  {RXE[1]}\n" in text
    got = json.loads(tool("diff", two[0] / "stacks", two[1], "--by", "module", "--json").stdout)
    assert [(g["module"], g["pins_growth"]) for g in got] == [("ib_uverbs", 100), ("vmlinux", 1)]


def test_diff_does_not_know_what_was_acquired_where_nobody_held(tool: Tool, tmp_path: Path) -> None:
    """acquired= counts since boot; a stack without live pins is not in the file."""
    old, new = tmp_path / "old", tmp_path / "new"
    steady, busy = ["steady+0x1/0x2"], ["busy+0x1/0x2"]
    held = stack(steady, pins=5, acquired=50, stack="0x1")
    write(old / "stacks", STACKS, held)
    write(
        new / "stacks",
        STACKS,
        stack(steady, pins=5, acquired=60, stack="0x1"),
        stack(busy, pins=1, pages=1, acquired=1_000_100, stack="0x2"),
    )
    pairs = [(old, new), (new, old)]
    for pair, side in zip(pairs, ("acquired", "acquired_before"), strict=True):
        for options in ("", "-s acquired", "-s acquired -r", "-s peak"):
            got = json.loads(tool("diff", *pair, "--json", *options.split()).stdout)
            unknown = got.pop()
            assert unknown["frames"] == busy, options
            figures = {k: v for k, v in unknown.items() if k.startswith("acquired")}
            assert figures == {side: 1_000_100}
            assert [abs(g["acquired_growth"]) for g in got] == [10] * ("acquired" in options)
        assert "1000100" not in tool("diff", *pair).stdout
        total = rows(tool("diff", *pair).stdout)[-1]
        assert [total[-2].strip("+-"), total[-1]] == ["10", "total"]
        # Of several stacks, one is not known.
        got = json.loads(tool("diff", *pair, "--json", "--by", "module").stdout)
        assert ["acquired_growth" in g for g in got] == [False]
    # The same stack for reading is another origin.
    write(new / "stacks", STACKS, held, stack(steady, pins=1, acquired=900, mode="r", stack="0x1"))
    assert rows(tool("diff", old, new).stdout)[1:] == [
        ["+1", "5", "6", "+16", "0x1"],
        ["+1", "5", "6", "+16", "total"],
    ]
    # An older kernel does not tell.
    write(new / "stacks", STACKS, stack(steady, pins=7, stack="0x1"))
    got = json.loads(tool("diff", old, new, "--json").stdout)
    assert [{k: v for k, v in g.items() if "acq" in k} for g in got] == [{"acquired_before": 50}]


def test_diff_of_pins(tool: Tool, two: tuple[Path, Path]) -> None:
    for pair in (two, (two[0] / "pins", two[1] / "pins")):
        got = json.loads(tool("diff", *pair, "--by", "comm", "--json").stdout)
        assert [(g["comm"], g["pins_growth"]) for g in got] == [("fio", 9)]
    table = rows(tool("diff", two[0], two[0], "--by", "comm").stdout)
    assert table[1:] == [["3", "3", "total"]]
    done = tool("diff", two[0] / "pins", two[1] / "stacks", status=1)
    assert "this is pins, but the other one is stacks" in done.stderr


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("lone", [False, True])
def test_diff_names_a_stack_by_the_other_snapshot(
    tool: Tool, tmp_path: Path, side: int, lone: bool
) -> None:
    """The last pin by a stack went between the copy of pins and that of stacks."""
    folders = [tmp_path / "old", tmp_path / "new"]
    for i, folder in enumerate(folders):
        write(folder / "pins", PINS, pin(pins=1 + i, stack="0x1"), pin(pins=5, stack="0x2"))
        write(folder / "stacks", STACKS, stack(URING, stack="0x1"), stack(RXE, stack="0x2"))
    write(folders[side] / "stacks", STACKS, stack(RXE, stack="0x2"))
    pair = [f / "pins" if lone and i == side else f for i, f in enumerate(folders)]
    for keys in ("comm,stack", "stack,owner"):
        got = json.loads(tool("diff", *pair, "--by", keys, "--json").stdout)
        assert [(g["pins_before"], g["pins"], g["frames"]) for g in got] == [(1, 2, URING)]
    if not lone:
        got = json.loads(tool("diff", *pair, "--by", "comm,module", "--json").stdout)
        assert [(g["pins_before"], g["pins"], g["module"]) for g in got] == [(1, 2, "vmlinux")]
    # The same handle for other frames: it is another boot's, and names nothing here.
    other = stack(["other+0x1/0x2"], stack="0x2")
    write(folders[1 - side] / "stacks", STACKS, stack(URING, stack="0x1"), other)
    if not lone:
        got = json.loads(tool("diff", *pair, "--by", "comm,stack", "--json").stdout)
        assert sorted((g["pins_growth"], g["stack"]) for g in got if g["stack"] == "0x1") == [
            (-1, "0x1"),
            (2, "0x1"),
        ]


def test_diff_of_pins_alone_goes_by_handles(tool: Tool, two: tuple[Path, Path]) -> None:
    write(two[0] / "pins", PINS, pin(pins=1, stack="0x1"))
    write(two[1] / "pins", PINS, pin(pins=3, stack="0x1"), pin(pins=1, stack="0x2"))
    got = json.loads(tool("diff", two[0] / "pins", two[1] / "pins", "--json").stdout)
    assert [(g["stack"], g["pins_growth"]) for g in got] == [("0x1", 2), ("0x2", 1)]


def cut(line: str) -> Callable[[str], str]:
    """Where a file ends."""
    return lambda text: text[: text.index(line) + len(line)]


def swap(old: str, new: str) -> Callable[[str], str]:
    """Another text in the last record."""
    return lambda text: new.join(text.rsplit(old, 1))


@pytest.mark.parametrize(
    ("name", "damage", "error"),
    [
        ("pins", lambda _: "", "pins: the file is empty"),
        ("pins", lambda _: "\n", "pins:1: not '# gup_pin pins 1'"),
        ("pins", lambda _: "root:x:0:0\n", "pins:1: not '# gup_pin pins 1'"),
        ("pins", lambda _: "# gup_pin", "pins:1: the file is cut off"),
        ("pins", swap("pins 1", "pins 2"), "pins:1: pins has format 2, but only 1"),
        ("pins", swap("pins 1", "pins x"), "pins:1: not "),
        ("pins", swap("pins 1", "hazards 1"), "pins:1: this is hazards; only"),
        ("pins", swap("pins 1", "stacks 1"), "pins: this is stacks, but pins is needed"),
        ("pins", cut("pfn=0x30"), "pins:4: the file is cut off in the middle"),
        ("pins", swap(" term=", " "), "pins:5: the line has a word that is not key=value"),
        ("pins", swap(" term=long", ""), "pins:4: the line has "),
        ("pins", swap(" match=exact", ""), "pins:5: the line has too few words"),
        ("pins", swap("map=anon dev", "dev"), "pins:5: the line has"),
        ("pins", swap("pages=512", "pages=x"), "pins:5: the line has a word with a wrong value"),
        ("pins", swap("pages=512", "pages=99999999999999999999"), "pins:5: the line has a word"),
        ("pins", swap("\npfn=0x40", "pfn=0x40"), "pins:4: the line has a word twice"),
        ("pins", swap("exact", "exact" + " x=y" * 50), "pins:5: the line has too many words"),
        ("pins", swap("exact", "\0"), "pins:5: a zero byte"),
        ("pins", swap("exact", "e" * 70_000), "pins:5: a line of more than 65536 bytes"),
        ("pins", swap("match=exact", "match=exact "), "pins:5: the line has a word"),
        ("pins", swap("exact", "exact x=1 y=1 x=1"), "pins:5: the line has a word twice"),
        ("stacks", swap("0x2\n", "0x2 x=1 x=2\n"), "stacks:7: the line has a word twice"),
        ("pins", swap("\n", "\n\n"), "pins:6: the line has"),
        ("stacks", cut(f" {RXE[1]}\n"), "stacks:9: the file is cut off in a stack"),
        ("stacks", swap("\n\n", "\n"), "the file is cut off in a stack"),
        ("stacks", swap(f" {RXE[1]}", RXE[1]), "stacks:9: no frame, nor an empty line"),
        ("stacks", swap("\n\n", "\n x" * 300 + "\n\n"), "a stack of more than 256 frames"),
    ],
)
def test_a_damaged_file(
    tool: Tool, folder: Path, name: str, damage: Callable[[str], str], error: str
) -> None:
    path = folder / name
    path.write_text(damage(path.read_text()))
    command = "list" if name == "pins" else "stacks"
    assert error in tool(command, "-f", folder, status=1).stderr
    if "is needed" not in error:
        assert error in tool("top", "-f", path, "--by", "mode", status=1).stderr
    done = tool(command, "-f", folder, "--json", status=1)
    if done.stdout:
        json.loads(done.stdout)


def test_what_a_torn_file_had_is_shown(tool: Tool, folder: Path) -> None:
    path = folder / "pins"
    path.write_text(path.read_text()[:-30])
    assert len(json.loads(tool("list", "-f", folder, "--json", status=1).stdout)) == 3


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["list", "-f", "none"], "none: No such file"),
        (["list", "-f", "empty"], "empty/pins: No such file"),
        (["list", "-f", "copy", "nothing=1"], "no line has a word nothing="),
        (["list", "-f", "copy", "--by", "nothing"], "no line has a word nothing="),
        (["list", "-f", "copy", "--sort", "nothing"], "no line has a word nothing="),
        (["list", "-f", "copy/stacks"], "this is stacks, but pins is needed"),
        (["top", "-f", "copy/stacks"], "this is stacks, but pins is needed"),
        (["list", "-f", "copy/pins", "--by", "module"], "modules are told by stacks"),
        (["diff", "copy", "none"], "none: No such file"),
        (["list", "-f", "a\nb"], "a?b: No such file"),
    ],
)
def test_what_cannot_be_told(
    tool: Tool, folder: Path, tmp_path: Path, words: list[str], error: str
) -> None:
    assert folder.name == "copy"
    (tmp_path / "empty").mkdir()
    assert error in tool(*words, status=1).stderr


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["--nonsense"],
        ["-x"],
        ["list", "--by"],
        ["list", "--by", "Comm"],
        ["list", "--by", "a,,b"],
        ["list", "-f", "copy", "--by", "stack,stack"],
        ["list", "-f", "copy", "--by", "comm,owner,comm"],
        ["list", "-f", "copy", "mode=write"],
        ["list", "-f", "copy", "mode="],
        ["list", "-f", "copy", "term=forever"],
        ["file", "", "-f", "copy"],
        ["list", "--by", "a,b,c,d,e,f,g,h,i"],
        ["list", "-f", "copy", "--by", "comm", "--sort", "nothing"],
        ["list", "--sort", "A"],
        ["list", "-n", "0"],
        ["list", "-n", "x"],
        ["list", "word"],
        ["list", "pfn=x"],
        ["list", "pfn=2-1"],
        ["list", "min_age_ms=x"],
        ["list", "task=x"],
        ["list", "task=1/"],
        ["list", "task=1/2/3"],
        ["list", "--raw", "--json"],
        ["list", "-f", "copy", "--raw", "--by", "comm"],
        ["top", "--raw"],
        ["top", "--delay", "0"],
        ["top", "--delay", "nan"],
        ["top", "--rounds", "-1"],
        ["file"],
        ["pid"],
        ["pid", "x"],
        ["pid", "0"],
        ["pid", "1", "2"],
        ["diff"],
        ["diff", "a", "b", "c"],
        ["diff", "a", "b", "-f", "c"],
    ],
)
def test_usage_errors(tool: Tool, folder: Path, words: list[str]) -> None:
    assert folder.name == "copy"
    assert tool(*words, status=2).stdout == ""


def test_a_process_is_looked_for_where_debugfs_is(machine: Machine) -> None:
    """Its own file has not what it pinned of others' memory."""
    own = pin(pfn="0x0", owner=42, task="42/42", stack="0x0")
    write(machine.folder / "proc" / "42" / "gup_pins", "# gup_pin gup_pins 1", own)
    write(machine.files / "pins", PINS, pin(pfn="0x7", owner=7, task="42/42"))
    got = json.loads(machine.run("pid", "42", "--json").stdout)
    assert {g["pfn"] for g in got} == {"0x7"}
    (machine.files / "pins").unlink()
    got = json.loads(machine.run("pid", "42", "--json").stdout)
    assert {g["pfn"] for g in got} == {"0x0"}


def test_a_process_without_memory(machine: Machine, tool: Tool, tmp_path: Path) -> None:
    """A zombie's file is empty, and so is a kernel thread's."""
    write(machine.folder / "proc" / "42" / "gup_pins")
    for words, out in (
        (["--json"], "[]\n"),
        (["--raw"], "# gup_pin gup_pins 1\n"),
        (["--by", "comm", "--json"], "[]\n"),
    ):
        done = machine.run("pid", "42", *words)
        assert (done.stdout, done.stderr) == (out, "")
    # A copy may have been cut off.
    write(tmp_path / "gup_pins")
    assert "the file is empty" in tool("pid", "42", "-f", "gup_pins", status=1).stderr


def test_the_kernel_is_told_no_word_twice(machine: Machine) -> None:
    """It would refuse them all."""
    write(machine.files / "pins", PINS)
    for words, told in (
        (["list", "mode=w", "mode=r"], ["mode=w"]),
        (["list", "comm=a", "owner=1", "comm=a"], ["comm=a owner=1"]),
        (["list", "pfn=1-5", "pfn=0x2"], ["pfn=0x1-0x5"]),
        (["pid", "42", "mode=r"], ["owner=42 mode=r", "task=42 mode=r"]),
        # What is read twice is for one of these each time.
        (["pid", "42", "task=7"], ["owner=42 task=7", "task=42"]),
        (["pid", "42", "owner=7"], ["owner=42", "task=42 owner=7"]),
    ):
        assert machine.run(*words).stderr == ""
        assert machine.told() == told
    path = write(machine.folder / "file", "text")
    st = path.stat()
    if os.major(st.st_dev):
        machine.run("file", path, "ino=5", "mode=w")
        dev = f"{os.major(st.st_dev)}:{os.minor(st.st_dev)}"
        assert machine.told() == [f"ino={st.st_ino} dev={dev} mode=w"]


def test_a_filter_that_the_kernel_refuses(machine: Machine) -> None:
    write(machine.files / "pins", PINS, pin(), pin(api="later"))
    write(machine.files / "stacks", STACKS, stack(URING))
    for words in (["list", "--json"], ["top", "--json", "-c", "1"], ["stacks", "--json"]):
        done = machine.run(*words, "api=later", "mode=w", "comm=fio", refuses=True)
        assert json.loads(done.stdout)[0]["pins"] == 16
        assert done.stderr == (
            f"gup_pin: {machine.files}/pins: the kernel refuses the filter"
            " 'api=later mode=w comm=fio': all is read\n"
        )
    done = machine.run("top", "-c", "3", "-d", "0.1", "comm=fio", refuses=True)
    assert done.stderr.count("\n") == 1
    assert machine.run("list", refuses=True).stderr == ""
    assert machine.run("list", "map=anon", refuses=True).stderr == ""


def test_diff_tells_that_tracking_is_off(machine: Machine, two: tuple[Path, Path]) -> None:
    write(machine.files / "stacks", STACKS)
    for enabled in (0, 1):
        write(machine.files / "stats", f"enabled {enabled}")
        note = f"gup_pin: tracking is off: echo 1 > {machine.files}/enable\n"
        assert machine.run("diff", two[0]).stderr == note * (not enabled)
        assert machine.run("diff", two[0], two[1]).stderr == ""


def test_raw_lines_have_no_sums(tool: Tool, folder: Path) -> None:
    for words in (["comm=fio"], ["min_age_ms=1"]):
        error = tool("stacks", "-f", folder, "--raw", *words, status=2).stderr
        assert words[0].split("=")[0] in error and "--raw" in error and "--by" not in error
    error = tool("stacks", "-f", folder, "--raw", "--by", "comm", status=2).stderr
    assert "--by" in error


def pairs_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON that has no key twice."""
    assert len(pairs) == len({key for key, _ in pairs}), pairs
    return dict(pairs)


def test_no_key_of_json_comes_twice(tool: Tool, folder: Path) -> None:
    write(folder / "stacks", STACKS, stack(RXE, acquired=9, peak=8, stack="0x2 frames=x"))
    old = write(write(folder.parent / "old" / "pins", PINS).parent / "stacks", STACKS).parent
    keys = ["pins", "pages", "runs", "calls", "oldest_ms", "newest_ms", "acquired", "peak"]
    for key in (*keys, "pins,pages", "frames", "frames,stack", "path,file", "age_ms"):
        for command in (["list", "-f", folder], ["diff", old, folder]):
            done = tool(*command, "-j", "--by", key, status=int(key in ("runs", "path,file")))
            if done.stdout:
                assert json.loads(done.stdout, object_pairs_hook=pairs_once)
    got = json.loads(tool("list", "-f", folder, "-j", "--by", "pins").stdout)
    assert {(g["pins"], g["runs"]) for g in got} == {(n, 1) for n in (1, 2, 4, 8)}
    text = tool("stacks", "-f", folder, "-j").stdout
    json.loads(text, object_pairs_hook=pairs_once)


def test_help(tool: Tool) -> None:
    text = tool("--help").stdout
    for command in ("top", "list", "stacks", "file PATH", "pid PID", "diff A [B]"):
        assert f"\n  {command} " in text


def test_stdin(tool: Tool, folder: Path) -> None:
    text = (folder / "pins").read_text()
    assert tool("list", "-f", "-", "--raw", text=text).stdout == text
    assert tool("list", "-f", "-", text=text[:-1], status=1).stderr.startswith("gup_pin: stdin:5:")
    assert "anon" in tool("top", "-f", "-", "-c", "5", "-b", "map", text=text).stdout


@pytest.mark.parametrize("words", [["list"], ["list", "-j"], ["list", "-R"], ["list", "-s", "pfn"]])
def test_a_reader_who_has_seen_enough(program: Path, tmp_path: Path, words: list[str]) -> None:
    write(tmp_path / "pins", PINS, *[pin()] * 20_000)
    process = subprocess.Popen(
        [program, *words, "-f", tmp_path / "pins"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 0


def test_a_disk_that_is_full(program: Path, folder: Path) -> None:
    for command in ("list", "stacks", "top"):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [program, command, "-f", folder], stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 1
        assert done.stderr == b"gup_pin: cannot write: No space left on device\n"


def on_terminal(words: list[str | Path], columns: int, lines: int = 10, **env: str) -> str:
    """What it writes to a terminal of that width, 0 if the terminal does not know."""
    ours, its = pty.openpty()
    fcntl.ioctl(
        its, termios.TIOCSWINSZ, struct.pack("HHHH", lines if columns else 0, columns, 0, 0)
    )
    process = subprocess.Popen(words, stdout=its, env={**os.environ, **env})
    os.close(its)
    out = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(ours)
    assert process.wait(30) == 0
    return out.decode().replace("\r\n", "\n")


def test_a_terminal_is_not_overrun(program: Path, sample: Path) -> None:
    for words in (["list"], ["stacks"], ["top", "-b", "stack", "-c", "1"], ["list", "-b", "stack"]):
        for columns in (1, 20, 80, 132):
            text = on_terminal([program, *words, "-f", sample], columns, TERM="dumb")
            assert max(len(line) for line in text.splitlines()) <= columns
        text = on_terminal([program, *words, "-f", sample], 0, TERM="dumb", COLUMNS="33")
        assert max(len(line) for line in text.splitlines()) == 33
    text = on_terminal([program, "list", "-R", "-f", sample], 20)
    assert text == (sample / "pins").read_text()


def test_top_on_a_terminal(program: Path, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS, *(pin(owner=n) for n in range(50)))
    words: list[str | Path] = [program, "top", "-f", tmp_path / "pins", "-c", "2", "-d", "0.1"]
    text = on_terminal(words, 80, TERM="xterm")
    assert text.count("\033[H\033[J") == 2
    assert text.count("\n") == 2 * 9  # one line less than the terminal has
    assert "\033" not in on_terminal(words, 80, TERM="dumb")
    for lines in range(1, 7):
        text = on_terminal(words, 80, lines, TERM="xterm")
        # The headline, the titles and a row, however few lines there are.
        assert text.count("\n") == 2 * max(lines - 1, 3), lines


def test_nothing_that_a_terminal_would_obey(tool: Tool, tmp_path: Path) -> None:
    evil = "\033[31m\x07\x7f\u009b1m"
    write(tmp_path / "pins", PINS, pin(comm=evil, path=f"/{evil}"))
    write(tmp_path / "stacks", STACKS, stack([f"a{evil}+0x1/0x2"]))
    for words in (["list"], ["list", "-b", "comm"], ["stacks"], ["top"], ["top", "-b", "stack"]):
        text = tool(*words, "-f", tmp_path).stdout
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert json.loads(tool("list", "-f", tmp_path, "--json").stdout)[0]["comm"] == evil


def test_json_of_bytes_that_are_no_text(program: Path, tmp_path: Path) -> None:
    bad = b'\xff\xc3\xbc"\\\xed\xa0\x80\xc3'
    (tmp_path / "pins").write_bytes(f"{PINS}\n{pin(comm='@@')}\n".encode().replace(b"@@", bad))
    done = subprocess.run(
        [program, "list", "-j", "-f", tmp_path / "pins"], capture_output=True, check=True
    )
    assert json.loads(done.stdout.decode())[0]["comm"] == '\\xffü"\\\\xed\\xa0\\x80\\xc3'


def test_great_numbers(tool: Tool, tmp_path: Path) -> None:
    most = 2**64 - 1
    write(tmp_path / "pins", PINS, pin(pins=most, pages=most, age_ms=most), pin())
    got = json.loads(tool("list", "-f", "pins", "--by", "comm", "--json").stdout)
    assert (got[0]["pins"], got[0]["oldest_ms"]) == (most, most)
    write(tmp_path / "less", PINS, pin(pins=0))
    assert json.loads(tool("diff", "pins", "less", "-b", "comm", "-j").stdout)[0]["pins_growth"] < 0


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["-R"], 400_001),
        (["-j", "-s", "pfn", "-n", "10"], 12),
        # Twice as many are kept, but not four times.
        (["-j", "-s", "pfn", "-n", "33000"], 33_002),
        (["-b", "comm"], 2),
    ],
)
def test_a_stream_takes_no_memory(plain: Path, words: list[str], count: int) -> None:
    limit = 30 << 20
    lines = "".join(f"{pin(pfn=hex(n))}\n" for n in range(10_000)).encode()
    assert len(lines) * 40 > limit
    process = subprocess.Popen(
        ["prlimit", f"--as={limit}", plain, "list", "-f", "-", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None

    def feed(pipe: IO[bytes]) -> None:
        with pipe:
            pipe.write(f"{PINS}\n".encode())
            for _ in range(40):
                pipe.write(lines)

    feeder = threading.Thread(target=feed, args=[process.stdin])
    feeder.start()
    assert sum(part.count(b"\n") for part in process.stdout) == count
    feeder.join()
    assert process.wait(60) == 0


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Cut it, or change some bytes, or take a piece out."""
    start = rng.randrange(len(data))
    kind = rng.randrange(3)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + data[start + rng.randrange(1, 40) :]
    return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]


@pytest.mark.parametrize("seed", range(40))
def test_damage_at_random(program: Path, sample: Path, seed: int) -> None:
    rng = random.Random(seed)
    for name in ("pins", "stacks"):
        path = sample / name
        path.write_bytes(mutate(path.read_bytes(), rng))
    for words in (["list"], ["stacks", "-j"], ["list", "-b", "module,stack,file"], ["diff"]):
        source = [sample, sample] if words[0] == "diff" else ["-f", sample]
        command: list[str | Path] = [program, *words, *source]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode in (0, 1), done
        assert done.stderr.count(b"\n") == done.returncode, done


@pytest.fixture(scope="module", name="live")
def fixture_live(plain: Path, version: str) -> dict[str, Any]:
    """What the program says in a guest, step by step."""
    vm = [str(PROJECT / "scripts" / "vm"), "-k", version, "-m", "1G", "-t", "120"]
    guest = str(PROJECT / "tests" / "gup_pin_tool_guest.py")
    command = ["--append", "gup_pin=on", "--", "/usr/bin/python3", guest, str(plain)]
    done = subprocess.run([*vm, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    steps = json.loads(done.stdout)
    assert isinstance(steps, dict)
    return steps


def test_the_manual_is_a_man_page_and_complete(tool: Tool) -> None:
    manual = (PROJECT / "Documentation/admin-guide/mm/gup_pin_tool.rst").read_text()
    for option in re.findall(r"^  (-\w), (--\w+)", tool("--help").stdout, re.MULTILINE):
        assert re.search(rf"^{option[0]}[^,]*, {option[1]}", manual, re.MULTILINE), option
    rst2man = shutil.which("rst2man") or shutil.which("rst2man.py")
    if rst2man:
        command = [rst2man, "--strict"]
        done = subprocess.run(command, input=manual, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert '.TH "GUP_PIN" 8' in done.stdout or ".TH GUP_PIN 8" in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "Documentation/admin-guide/mm/gup_pin_tool.rst",
        "Documentation/admin-guide/mm/gup_pin.rst",
        "README.md",
        "tools/mm/gup_pin.c",
    ],
)
def test_a_snapshot_may_be_taken_again(text: str, folder: Path) -> None:
    """As the texts tell it: into a folder that is there, cp copies a folder's name, too."""
    commands = re.findall(r"cp -\S+ /sys/kernel/debug/gup_pin \w+", (PROJECT / text).read_text())
    assert commands
    for command in commands:
        words = command.replace("/sys/kernel/debug/gup_pin", str(folder)).split()
        for content in ("first", "second"):
            (folder / "stats").write_text(content)
            subprocess.run(words, cwd=folder.parent, check=True)
            assert (folder.parent / words[-1] / "stats").read_text() == content


def test_live_pins(live: dict[str, Any]) -> None:
    def records(name: str) -> list[dict[str, Any]]:
        status, out, err = live[name]
        assert (status, err) == (0, ""), live[name]
        found = json.loads(out)
        assert isinstance(found, list)
        return found

    pages, pid = live["pages"], live["pid"]
    assert sum(r["pins"] for r in records("file")) == pages
    assert {(r["map"], r["owner"]) for r in records("file")} == {("shmem", pid)}
    for name in ("list", "process"):
        assert {r["pfn"] for r in records(name)} == {r["pfn"] for r in records("file")}
    assert records("other") == []
    assert [r["pins"] for r in records("stacks")] == [pages]
    assert any(frame.startswith("io_pin_pages+") for frame in records("stacks")[0]["frames"])
    assert [(r["module"], r["pins"]) for r in records("module")] == [("vmlinux", pages)]
    assert records("module")[0]["frames"] == records("stacks")[0]["frames"]
    assert [r["pins_growth"] for r in records("diff")] == [pages]
    assert [r["pins_growth"] for r in records("since")] == [pages]
    assert [r["pins_growth"] for r in records("gone")] == [-pages]


def test_live_filters(live: dict[str, Any]) -> None:
    """The kernel is told what it knows, and the answer is the same as without it."""
    pid, ino, dev = (live[name] for name in ("filters_pid", "ino", "dev"))
    _, everything = live["all"]
    mine = f"owner={pid} task={pid}/{pid} mode=w term=long"
    file = f"ino={ino} dev={os.major(dev)}:{os.minor(dev)}"
    words = {
        "mine": [mine],
        "range": ["pfn=0x0-0xffffff min_age_ms=0 comm=python3"],
        "readers": ["mode=r"],
        "refused": ["api=nothing"],
        "unknown": [],
        "names": [r"comm=a\\x20b"],
        "on file": [file],
        "of process": [f"owner={pid}", f"task={pid}"],
        "twice": [f"owner={pid} task={pid}", f"task={pid}"],
        "sums": ["mode=w"],
        "by name": [],
    }
    for name, told in words.items():
        assert [text for text, _ in live[name][0]] == told, name
    results = {name: [result for _, result in live[name][0]] for name in words}
    assert results.pop("refused")[0].startswith("-1 EINVAL")
    for name, result in results.items():
        assert not [r for r in result if r.startswith("-1")], name

    def pfns(name: str) -> list[str]:
        return sorted(record["pfn"] for record in live[name][1])

    assert {record["owner"] for record in everything} == {0, pid}
    assert pfns("range") == pfns("of process") == pfns("twice") == pfns("all")
    wanted = [r for r in everything if r["owner"] == pid and r["pages"] == 1]
    assert pfns("mine") == sorted(record["pfn"] for record in wanted)
    assert pfns("unknown") == sorted(r["pfn"] for r in everything if r["map"] == "shmem")
    for name in ("readers", "refused", "names", "on other"):
        assert live[name][1] == []
    assert sum(record["pins"] for record in live["on file"][1]) == live["pages"]
    # It is not there, but may be the file that lies in the root of some file system.
    assert pfns("by name") == pfns("on file")
    assert live["sums"][1][0]["pins"] == sum(record["pins"] for record in everything)


def test_live_top(live: dict[str, Any]) -> None:
    for name, rounds in (("top", 2), ("bare", 1)):
        status, out, err = live[name]
        assert (status, err) == (0, "")
        assert out.count(f"pins {live['pages']}  groups 1  folios {live['pages']}") == rounds


def test_live_files_that_are_not_there(live: dict[str, Any]) -> None:
    status, _, err = live["nobody"]
    assert (status, err.count("\n")) == (1, 1)
    assert "run this as root" in err
    status, out, err = live["off"]
    assert (status, out) == (0, "[]\n")
    assert err == "gup_pin: tracking is off: echo 1 > /sys/kernel/debug/gup_pin/enable\n"
    assert live["without"][0] == live["unmounted"][0] == 3
    assert live["without"][2] == (
        "gup_pin: no /sys/kernel/debug/gup_pin: this needs a kernel with CONFIG_DEBUG_GUP_PIN\n"
    )
    assert live["elsewhere"][0:2] == [0, "[]\n"]
    assert live["unmounted"][2] == (
        "gup_pin: debugfs is not mounted: mount -t debugfs none /sys/kernel/debug\n"
    )
