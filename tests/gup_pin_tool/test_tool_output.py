# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: its output to terminals, pipes and full disks."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from pathlib import Path
from typing import IO

import pytest

from gup_pin_tool.files import (
    HAZARDS,
    PINS,
    RXE,
    STACKS,
    USAGE,
    Tool,
    hazard,
    pin,
    refused,
    stack,
    write,
)


def test_raw_lines_have_no_sums(tool: Tool, folder: Path) -> None:
    for words in (["comm=fio"], ["min_age_ms=1"]):
        error = tool("stacks", "-f", folder, "--raw", *words, status=2).stderr
        assert words[0].split("=")[0] in error and "--raw" in error and "--by" not in error
    error = tool("stacks", "-f", folder, "--raw", "--by", "comm", status=2).stderr
    assert "--by" in error


def pairs_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object without duplicate keys."""
    assert len(pairs) == len({key for key, _ in pairs}), pairs
    return dict(pairs)


def test_no_key_of_json_comes_twice(tool: Tool, folder: Path) -> None:
    write(folder / "stacks", STACKS, stack(RXE, acquired=9, peak=8, stack="0x2 frames=x"))
    old = write(write(folder.parent / "old" / "pins", PINS).parent / "stacks", STACKS).parent
    keys = ["pins", "pages", "runs", "calls", "oldest_ms", "newest_ms", "acquired", "peak"]
    for key in (*keys, "pins,pages", "frames", "frames,stack", "path,file", "age_ms"):
        for command in (["list", "-f", folder], ["diff", old, folder]):
            done = tool(*command, "-j", "--by", key, status=USAGE * (key in ("runs", "path,file")))
            if done.stdout:
                assert json.loads(done.stdout, object_pairs_hook=pairs_once)
    got = json.loads(tool("list", "-f", folder, "-j", "--by", "pins").stdout)
    assert {(g["pins"], g["runs"]) for g in got} == {(n, 1) for n in (1, 2, 4, 8)}
    write(folder / "hazards", HAZARDS, hazard(pin="x", frames="y"))
    for verb in ("stacks", "hazards"):
        json.loads(tool(verb, "-f", folder, "-j").stdout, object_pairs_hook=pairs_once)


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


def every_command(folder: Path) -> list[list[str | Path]]:
    """Each of them, with something to show."""
    write(folder / "hazards", HAZARDS, hazard())
    write(folder / "refused", "# gup_pin refused 1", refused())
    write(folder / "orphans", "# gup_pin orphans 1", pin())
    write(folder / "stats", "enabled 1")
    commands = ["list", "stacks", "top", "hazards", "refused", "orphans", "status", "metrics"]
    options = ["list -j", "list -R", "list --by comm", "stacks --folded", "top -j", "status -j"]
    of_some = ["file 77", "task 9", "show 0x10"]
    all_words: list[list[str | Path]] = [
        [*words.split(), "-f", folder] for words in (*commands, *options, *of_some)
    ]
    return [*all_words, ["diff", folder, folder], ["help"], ["help", "top"], ["list", "--help"]]


def test_a_disk_that_is_full(program: Path, folder: Path) -> None:
    for words in every_command(folder):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [program, *words], stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 1, words
        assert done.stderr == b"gup_pin: cannot write: No space left on device\n", words


def test_a_reader_that_has_left_before(program: Path, folder: Path) -> None:
    """No command has anything to say about it."""
    for words in every_command(folder):
        ours, its = os.pipe()
        os.close(ours)
        done = subprocess.run([program, *words], stdout=its, stderr=subprocess.PIPE, check=False)
        os.close(its)
        assert (done.returncode, done.stderr) == (0, b""), words


def on_terminal(words: list[str | Path], columns: int, lines: int = 10, **env: str) -> str:
    """The output to a terminal of that width, 0 if the terminal does not know."""
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


def test_a_terminal_is_not_overrun(program: Path, sample: Path, hazards: Path) -> None:
    hazards.rename(sample / "hazards")
    for words in (
        ["list"],
        ["stacks"],
        ["top", "-b", "stack", "-c", "1"],
        ["list", "-b", "stack"],
        ["hazards", "-b", "stack"],
    ):
        for columns in (1, 20, 80, 132):
            text = on_terminal([program, *words, "-f", sample], columns, TERM="dumb")
            assert max(len(line) for line in text.splitlines()) <= columns
        text = on_terminal([program, *words, "-f", sample], 0, TERM="dumb", COLUMNS="33")
        assert max(len(line) for line in text.splitlines()) == 33
    text = on_terminal([program, "list", "-R", "-f", sample], 20)
    assert text == (sample / "pins").read_text()


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_line_that_is_cut_says_so(program: Path, sample: Path, columns: int) -> None:
    """What is left of a handle, or of a path, could be taken for another one."""
    for words in (["list"], ["stacks"], ["list", "-b", "stack"], ["top", "-c", "1"]):
        command: list[str | Path] = [program, *words, "-f", sample]
        text = on_terminal(command, columns, TERM="dumb")
        whole = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for cut, line in zip(text.splitlines(), whole.splitlines(), strict=True):
            if len(cut) == columns and words != ["list"]:
                assert cut == line or cut == f"{line[: columns - 1]}~"
            assert len(cut) <= columns
        if columns < 80:
            assert "~\n" in text


HOLDER = {"comm": "a-very-long-nam", "task": "1234567/1234567", "owner": 1234567}


@pytest.fixture(name="wide")
def fixture_wide(folder: Path) -> Path:
    """Pins whose words have the maximum length."""
    write(
        folder / "pins",
        PINS,
        pin(pfn="0x1", **HOLDER, stack="0x2", path="/srv/data/tables/table.db", map="file"),
        pin(pfn="0xfffffff", pages=512, order=9, pins=8, owner=7, stack="0x1"),
        pin(pfn="0x3", comm="", stack="0x9", map="shmem", dev="0:1", ino=77),
    )
    return folder


def test_80_columns_have_all_that_matters(program: Path, wide: Path) -> None:
    text = on_terminal([program, "list", "-f", wide], 80, TERM="dumb")
    assert text.splitlines() == [
        "PAGE        PINS M TERM     AGE HOLDER          WHERE                FILE",
        "0x1           16 w long    5.2s a-very~ 1234567 ib_umem~ [ib_uverbs] ~s/table.db",
        "0xfffffff  8/512 w long    5.2s fio 812 on 7    io_pin_pages         anon",
        "0x3           16 w long    5.2s - 812           0x9                  0:1:77",
    ]
    assert max(map(len, text.splitlines())) <= 80
    text = on_terminal([program, "list", "-f", wide], 132, TERM="dumb")
    assert "ib_umem_get [ib_uverbs] " in text and " /srv/data/tables/table.db\n" in text


def test_a_pipe_has_all_of_it(tool: Tool, wide: Path) -> None:
    text = tool("list", "-f", wide).stdout
    assert " a-very-long-nam 1234567 " in text
    assert " ib_umem_get [ib_uverbs] " in text
    assert " /srv/data/tables/table.db\n" in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("漢字漢字漢字漢字", "漢字漢字漢~ 812 "),
        ("漢字", "漢字 812        "),
        ("u\u202eabc", "u?abc 812       "),
        ("u\u2066a\u200b", "u?a? 812        "),
        ("e\u0301", "e? 812          "),
    ],
)
def test_columns_of_wide_characters(program: Path, folder: Path, name: str, shown: str) -> None:
    """The kernel escapes them like \\x20, but a copy may contain anything."""
    write(folder / "pins", PINS, pin(comm=name, stack="0x1", path=f"/{name}"))
    text = on_terminal([program, "list", "-f", folder], 80, TERM="dumb", LC_ALL="C.UTF-8")
    assert f" {shown}io_pin_pages  " in text
    for words in (["list"], ["list", "-b", "comm,file"], ["top", "-b", "comm"]):
        text = on_terminal([program, *words, "-f", folder], 80, TERM="dumb", LC_ALL="C.UTF-8")
        assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\u0301]", text)
    text = on_terminal([program, "list", "-f", folder], 80, TERM="dumb", LC_ALL="C")
    assert text.isascii()


def test_top_on_a_terminal(program: Path, tmp_path: Path) -> None:
    write(tmp_path / "pins", PINS, *(pin(owner=n) for n in range(50)))
    words: list[str | Path] = [program, "top", "-f", tmp_path / "pins", "-c", "2", "-d", "0.1"]
    text = on_terminal(words, 80, TERM="xterm")
    assert text.count("\033[H\033[J") == 2
    assert text.count("\n") == 2 * 9  # one line less than the terminal has
    assert "\033" not in on_terminal(words, 80, TERM="dumb")
    # Three lines are for other things: 44 of 50 rows are omitted, and counted.
    assert text.splitlines()[8] == "44 more"
    for lines in range(1, 7):
        text = on_terminal(words, 80, lines, TERM="xterm")
        # The headline, the titles and a row, even on the smallest terminal.
        assert text.count("\n") == 2 * max(lines - 1, 3), lines
        assert ("more" in text) == (lines > 4)


def test_nothing_that_a_terminal_would_obey(tool: Tool, tmp_path: Path) -> None:
    evil = "\033[31m\x07\x7f\u009b1m"
    write(tmp_path / "pins", PINS, pin(comm=evil, path=f"/{evil}"))
    write(tmp_path / "stacks", STACKS, stack([f"a{evil}+0x1/0x2"]))
    write(tmp_path / "stats", f"enabled {evil}")
    record = hazard(stacks=([evil], [evil]), comm=evil, path=evil, func=evil, stake=evil)
    write(tmp_path / "hazards", HAZARDS, record)
    for words in (
        ["list"],
        ["list", "-b", "comm"],
        ["stacks"],
        ["top"],
        ["top", "-b", "stack"],
        ["hazards", "-b", "stack"],
        ["stacks", "--folded"],
        ["stacks", "--json"],
        ["list", "--json"],
        ["hazards", "--json"],
        ["status"],
        ["status", "--json"],
    ):
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
