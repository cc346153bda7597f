# SPDX-License-Identifier: GPL-2.0
"""The three commands, and scripts/check without its jobs: counts, stops and messages."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from checklib import jobs
from checklib.results import FAILED, PASSED, SKIPPED, Phase, Result, Tally
from not_root import NOT_ROOT
from vmlib import paths

PROJECT = paths.PROJECT
# And the packages that each checks first.
COMMANDS = {
    "try": "dmsetup e2fsprogs gcc ",
    "demo": "bc bison ",
    "check": "bc bison ",
}


def test_the_closing_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the time went, then what did not pass, and the count last."""
    tally = Tally()
    tally.add(Phase("build x", [], 100.4, 190.2))
    tally.add(Phase("job", [Result("a", PASSED), Result("b", FAILED, "why\nmore")], 7.0, 3.0))
    tally.add(Phase("quick", [Result("c", SKIPPED, "reason")], 0.1, 0.1))
    out = capsys.readouterr().out
    assert "== build x: 100 s, 190 s of CPU\n" in out
    assert "== job: 1 of 2 passed, 7 s, 3 s of CPU\nFAIL b: why\n    more\n" in out
    assert tally.close() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["  wall    CPU  seconds", "   100    190  build x", "     7      3  job"]
    assert re.fullmatch(r" +\d+ +193  all", lines[3])
    assert lines[4:] == ["FAIL b: why", "skip c: reason", "1 passed, 1 failed, 1 skipped"]


def test_nothing_run_is_no_success() -> None:
    assert Tally().close() == 1


def test_every_job_that_takes_another_kernel_has_a_configuration() -> None:
    assert set(jobs.FLAVOURS) <= set(jobs.ALL)
    for flavour in set(jobs.FLAVOURS.values()):
        assert (paths.SCRIPTS / "config" / f"{flavour}.config").exists()


def test_the_help_describes_every_job() -> None:
    """Those of the instrumented kernels once, for all of these."""
    text = run("scripts/check", Path("/nonexistent"), words=["--help"]).stdout
    described = set(re.findall(r"^  ([a-z_-]+) {2,}[A-Z`t]", text, re.MULTILINE))
    flavoured = {name for name in jobs.ALL if re.search("-(debug|rt|kcsan)$", name)}
    assert {"rig", "bounds-trace", "users"} <= described == {*jobs.ALL} - flavoured
    assert flavoured and all(f"{name.rpartition('-')[0]}," in text for name in flavoured)


def test_the_objects_of_every_kernel_of_check_are_known() -> None:
    """So their progress is known the first time."""
    text = (paths.SCRIPTS / "config/objects").read_text()
    known = {line.split()[0] for line in text.splitlines() if not line.startswith("#")}
    wanted = {f"{version}-test" for version in paths.versions()}
    assert wanted | {f"{paths.versions()[0]}-stress"} <= known


def run(
    command: str, cache: Path, *before: str, words: Sequence[str] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    """One of the commands, with its own cache."""
    return subprocess.run(
        [*before, PROJECT / command, *words],
        env={**os.environ, "GUP_PIN_CACHE": str(cache), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_is_too_small(command: str, tmp_path: Path) -> None:
    """It says what it needs, and does nothing."""
    place = tmp_path / "small"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=1M tmpfs {place} && exec \"$0\""
    done = run(command, place / "cache", "unshare", "--mount", "sh", "-c", mount)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert re.match(rf"{command}: not enough room for {place}/cache: \d+ GB are free, ", lines[-1])
    assert re.match(rf"{command}: the first time it takes about \d+ min on two cores", lines[1])
    assert len(lines) == 3


def path_without_packages(folder: Path) -> str:
    """A PATH for a machine on which Debian's packages have to be installed."""
    bare = folder / "bin"
    bare.mkdir()
    (bare / "dpkg-query").write_text("#!/bin/sh\n")
    (bare / "dpkg-query").chmod(0o755)
    return f"{bare}:{os.environ['PATH']}"


def shell_scripts() -> list[str]:
    """The programs that source scripts/lib.sh, by their paths in the project."""
    paths_ = [paths.PROJECT / name for name in COMMANDS] + sorted(paths.SCRIPTS.iterdir())
    return [
        str(path.relative_to(PROJECT))
        for path in paths_
        if path.is_file() and os.access(path, os.X_OK) and path.read_bytes()[:11] == b"#!/bin/bash"
        and (path.name in COMMANDS or "/lib.sh\"" in path.read_text())
    ]


@pytest.mark.parametrize("word", ["-h", "--help"])
@pytest.mark.parametrize("command", shell_scripts())
def test_help_is_printed_and_nothing_done(command: str, word: str, open_path: Path) -> None:
    """All of the comment at its beginning; its first words are how to call it."""
    path = path_without_packages(open_path)
    done = run(command, open_path / "cache", *NOT_ROOT, words=[word], PATH=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (open_path / "cache").exists()
    name = Path(command).name
    if name == "check":
        assert done.stdout.startswith("usage: scripts/check ")
        return
    text = (paths.SCRIPTS / name).read_text()
    comment = text.split("\n\n")[0].splitlines()[2:]
    assert done.stdout.splitlines() == [re.sub("^# ?", "", line) for line in comment]
    assert re.match(rf"{name}[ :]", done.stdout)


def test_help_of_check_without_python(tmp_path: Path) -> None:
    """As on a new machine: its own words, and nothing is installed."""
    hide = f"mount --bind /dev/null /usr/bin/python3 && exec {PROJECT}/check --help"
    done = run("check", tmp_path, "unshare", "--mount", "sh", "-c", hide)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("check [-k VERSION] [--debug | --users] [JOB]...: ")


@pytest.mark.parametrize("before", [[], ["-k", "7.3"], ["-c", "nodump", "-s", "novmlinux"]])
@pytest.mark.parametrize("words", [["--help"], ["list", "--help"], ["report", "-h"]])
def test_the_help_of_gup_pins(before: list[str], words: list[str], tmp_path: Path) -> None:
    """It needs neither a kernel nor a dump, and no drgn is installed for it."""
    script = "drgn-scripts/gup_pins.py"
    given = [*before, str(PROJECT / script), *words]
    done = run("scripts/drgn", tmp_path / "cache", words=given)
    alone = run(script, tmp_path, "/usr/bin/python3", words=words)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", alone.stdout)
    assert done.stdout.startswith("usage: drgn -c DUMP -s VMLINUX gup_pins.py ")
    assert not (tmp_path / "cache").exists()


# Words that no command takes.
UNKNOWN = {
    **{name: ["--nonsense"] for name in (*COMMANDS, "scripts/check", "scripts/selftests")},
    "scripts/demo": ["nonsense"],
    "scripts/try": ["nonsense"],
    "scripts/module": ["6.12", "--nonsense"],
}


@pytest.mark.parametrize("command", UNKNOWN)
def test_an_unknown_word_is_one_line(command: str, open_path: Path) -> None:
    """It does nothing, also on a machine that lacks what the command needs."""
    path = path_without_packages(open_path)
    done = run(command, open_path / "cache", *NOT_ROOT, words=UNKNOWN[command], PATH=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"{Path(command).name}: .*\n", done.stderr)
    assert not (open_path / "cache").exists()


# Those that only run in a guest, and what takes the words of apt.
INTERNAL = {"demo-guest", "private-apt", "stock-init", "try-guest", "try-load", "vm-init"}
# The words that each needs first, where there is a word too many.
FIRST = {
    "drgn": ["-k"],
    "fetch-stock": ["6.12", "bookworm"],
    "in-root": ["--nonsense"],
    "suite": ["fio"],
    "vm": ["-k"],
}
EXTRA = {
    "apply": ["/nonexistent"],
    "audit.py": ["/nonexistent"],
    "debian-root": ["trixie"],
    "drivers": ["6.12"],
    "fetch-source": ["6.12"],
    "kernel": ["6.12", "test", "vmlinux"],
    "module": ["6.12"],
    "selftests": ["6.12"],
    "series": ["6.12"],
    "suite": ["fio", "6.12"],
    "tree": ["6.12"],
}


def programs() -> set[str]:
    """The scripts that are commands."""
    files = {path.name for path in paths.SCRIPTS.iterdir() if path.is_file()}
    return {name for name in files if os.access(paths.SCRIPTS / name, os.X_OK)} - INTERNAL


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((name, [*FIRST.get(name, []), "--nonsense"]) for name in sorted(programs())),
        *((name, [*first, "nonsense"]) for name, first in EXTRA.items()),
    ],
)
def test_a_usage_error_has_one_status(name: str, words: list[str], tmp_path: Path) -> None:
    """In all scripts, before anything is done."""
    done = run(f"scripts/{name}", tmp_path / "cache", words=words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr
    assert not (tmp_path / "cache").exists()


def test_check_takes_the_options_of_its_program(open_path: Path) -> None:
    """It has to know them before there is a Python; then it stops at the first package."""
    usage = run("scripts/check", open_path, words=["--help"]).stdout.partition("\n\n")[0]
    options = set(re.findall(r"(?<=\W)--?\w+(?: VERSION)?", usage)) - {"-h"}
    assert options >= {"-k VERSION", "--debug"}
    path = path_without_packages(open_path)
    # Not the first time, for which there may be no room while other tests run.
    (open_path / "cache/src").mkdir(parents=True)
    for option in options:
        words = option.replace("VERSION", paths.versions()[0]).split()
        done = run("check", open_path / "cache", *NOT_ROOT, words=words, PATH=path)
        assert (done.returncode, "setup: not root" in done.stderr) == (1, True), (words, done)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_kernel_is_a_usage_error(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path, KVER="5.1")
    assert done.returncode == 2
    assert "5.1" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_was_built_is_not_announced_again(command: str, open_path: Path) -> None:
    for version in paths.versions():
        stamp = open_path / f"build/{version}-test/.gup_pin_state"
        stamp.parent.mkdir(parents=True)
        stamp.touch()
        (open_path / "module").mkdir(exist_ok=True)
        (open_path / f"module/try-{version}").touch()
    done = run(command, open_path, *NOT_ROOT, PATH=path_without_packages(open_path))
    lines = done.stderr.splitlines()
    assert re.match(rf"{command}: takes about \d+ (min|s), or longer if ", lines[1])
    assert lines[2].startswith(f"setup: not root: cannot install {COMMANDS[command]}")
    assert len(lines) == 3
    assert done.returncode == 1


# What ./demo runs, in place of a guest and a dump.
DEMO = {
    "vm": """
until [ "$1" = --out ]; do shift; done
echo "pfn=0x1 age_ms=1" >"$2/pins"
echo "kind=writeback age_ms=1 map=file path=" >"$2/hazards"
echo dump >"$2/vmcore"
""",
    "drgn": """
case $* in
*hazards) echo "kind=writeback age_ms=2 map=file path=" ;;
*) echo "pfn=0x1 age_ms=2" ;;
esac
""",
    **dict.fromkeys(("setup", "debian-root", "kernel", "selftests"), "echo /built\n"),
}


@pytest.mark.parametrize("words", [[], ["--keep"]])
def test_demo_says_what_becomes_of_the_dump(words: list[str], tmp_path: Path) -> None:
    """It is removed, or kept; then the printed command reads it."""
    scripts = tmp_path / "scripts"
    shutil.copytree(paths.SCRIPTS / "config", scripts / "config")
    for name in ("demo", "lib.sh"):
        shutil.copy(paths.SCRIPTS / name, scripts)
    for name, text in DEMO.items():
        (scripts / name).write_text(f"#!/bin/sh\n{text}")
        (scripts / name).chmod(0o755)
    cache = tmp_path / "cache"
    stamp = cache / f"build/{paths.versions()[0]}-test/.gup_pin_state"
    stamp.parent.mkdir(parents=True)
    stamp.touch()
    done = run(str(scripts / "demo"), cache, words=words)
    assert done.returncode == 0, done
    dump = cache / "demo/vmcore"
    assert dump.exists() == bool(words)
    last = done.stdout.partition("=== What now?")[2]
    assert ("The dump is removed now; ./demo --keep keeps it" in last) == (not words)
    assert (f" -c {dump} -s " in last) == bool(words)


def test_help_of_lint_names_its_checks() -> None:
    """All that an invalid one lists; those of a kernel without its version."""
    known = run("scripts/lint", Path("/nonexistent"), words=["nonsense"]).stderr
    names = {word.partition("-")[0] for word in known.split("only ")[1].split()}
    help_ = run("scripts/lint", Path("/nonexistent"), words=["--help"]).stdout
    assert "gcc" in names
    assert {name for name in names if not re.search(rf"\b{name}\b", help_)} == set()


# scripts/check stopped by the signal of Ctrl-C, in the middle of a build or a job.
STOPPED = "check: stopped; what was built is kept, and the next start goes on from there\n"
PROGRAM = """
import runpy, sys
sys.path.insert(0, "scripts")
from checklib import jobs, phases
from checklib.built import Built
check = runpy.run_path("scripts/check", run_name="check")
main = check["main"]
main.__globals__["setup"] = lambda: True
phase, pid = sys.argv[1:]
words = ["sh", "-c", "echo $$ >$0; sleep 1000", pid]
if phase == "build":
    phases.path_from = lambda *_: jobs.tool(*words)
    main.__globals__["ROOTS"] = ()
else:
    jobs.ALL["rig"] = lambda built: jobs.tool(*words)
    main.__globals__["build"] = lambda *_: {"6.12": Built("6.12", None, None)}
sys.argv = ["check", "-k", "6.12", "rig"]
sys.exit(main())
"""


# Two trees of processes; after a line of input, none of them is left.
TREES = """
import subprocess, sys
sys.path.insert(0, "scripts")
from checklib.run import stop_children
for _ in range(2):
    subprocess.Popen(["sh", "-c", "sleep 1000 & echo $$ $!; wait"], stdin=subprocess.DEVNULL)
sys.stdin.readline()
stop_children()
"""


def test_all_descendants_are_stopped() -> None:
    command = ["/usr/bin/python3", "-c", TREES]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        pids = [int(pid) for _ in range(2) for pid in process.stdout.readline().split()]
        ends = [os.pidfd_open(pid) for pid in pids]
        try:
            process.stdin.write("\n")
            process.stdin.close()
            assert process.wait(300) == 0
            assert len(ends) == 4
            assert all(select.select([end], [], [], 300)[0] for end in ends)
        finally:
            for end in ends:
                os.close(end)


@pytest.mark.parametrize("phase", ["build", "job"])
@pytest.mark.parametrize("to", [os.killpg, os.kill], ids=["group", "process"])
def test_ctrl_c_ends_all_and_says_so(
    to: Callable[[int, int], None], phase: str, tmp_path: Path
) -> None:
    """The terminal signals all of them; kill -INT only the first."""
    pid = tmp_path / "pid"
    process = subprocess.Popen(
        ["env", "--default-signal=INT", "/usr/bin/python3", "-c", PROGRAM, phase, pid],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not pid.exists() or not pid.read_text().strip():
        assert process.poll() is None
    # Readable once the job has ended, even if init does not reap it.
    job = os.pidfd_open(int(pid.read_text()))
    try:
        to(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 130
        assert err.endswith(STOPPED)
        assert select.select([job], [], [], 300)[0]
    finally:
        os.close(job)
