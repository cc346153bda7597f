# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: metrics, as Prometheus reads them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from gup_pin_tool.files import RXE, STACKS, URING, Run, Tool, pin, stack, write
from gup_pin_tool.machine import Machine
from vmlib import paths

FOLDER = paths.PROJECT / "tools/mm/gup_pin_tool/metrics"
SCRAPE = Path(__file__).parent / "scrape.sh"
STATS = """enabled 1
acquired 1072
released 1023
untracked 7
inferred 1
unmatched 2
hazard_writeback 3
hazard_truncate 0
memory_bytes 4040
refused 5
pinned_from_before 6
switched_at_ms 243000"""
PAGE = os.sysconf("SC_PAGESIZE")


def in_root(*words: str | Path, text: str | None = None) -> Run:
    """Run a program of a Debian that has Prometheus."""
    command = [paths.SCRIPTS / "in-root", "trixie-prometheus", *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.fixture(name="snapshot")
def fixture_snapshot(folder: Path) -> Path:
    """Two modules, two modes, orphans."""
    write(
        folder / "stacks",
        STACKS,
        stack(URING, pins=9, pages=513, stack="0x1", oldest_ms=90_500),
        stack(URING, pins=1, pages=1, mode="r", term="short", stack="0x1", oldest_ms=20),
        stack(RXE, pins=6, pages=6, stack="0x2", oldest_ms=60_000),
    )
    write(folder / "stats", *STATS.splitlines())
    write(folder / "orphans", "# gup_pin orphans 1", pin(pins=3), pin(pins=4))
    return folder


def series(text: str) -> dict[str, float]:
    """Each series and its value."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
    assert len(found) == len(lines)
    return found


def labels(module: str, mode: str = "w", term: str = "long") -> str:
    """The labels of a group."""
    return f'{{term="{term}",mode="{mode}",module="{module}"}}'


def test_all_figures(tool: Tool, snapshot: Path) -> None:
    short = labels("vmlinux", "r", "short")
    assert series(tool("metrics", "-f", snapshot).stdout) == {
        "gup_pin_tracking_enabled": 1,
        "gup_pin_untracked_pins": 7,
        "gup_pin_earlier_pins": 6,
        "gup_pin_memory_bytes": 4040,
        "gup_pin_acquired_pins_total": 1072,
        "gup_pin_released_pins_total": 1023,
        "gup_pin_unmatched_unpins_total": 2,
        "gup_pin_inferred_unpins_total": 1,
        "gup_pin_refused_pins_total": 5,
        "gup_pin_orphan_pins": 7,
        'gup_pin_hazards_total{kind="writeback"}': 3,
        'gup_pin_hazards_total{kind="truncate"}': 0,
        f"gup_pin_live_pins{labels('vmlinux')}": 9,
        f"gup_pin_live_pins{labels('ib_uverbs')}": 6,
        f"gup_pin_live_pins{short}": 1,
        f"gup_pin_live_bytes{labels('vmlinux')}": 513 * PAGE,
        f"gup_pin_live_bytes{labels('ib_uverbs')}": 6 * PAGE,
        f"gup_pin_live_bytes{short}": PAGE,
        'gup_pin_oldest_pin_seconds{term="long"}': 90.5,
        'gup_pin_oldest_pin_seconds{term="short"}': 0.02,
    }


def test_promtool_finds_no_fault(tool: Tool, snapshot: Path, tmp_path: Path) -> None:
    evil = ['f+0x1/0x2 [a"b\\c]', "g+0x1/0x2 [\x07\u202e]"]
    hostile = [stack([frame], stack=hex(n)) for n, frame in enumerate(evil)]
    quiet = write(tmp_path / "quiet" / "stacks", STACKS).parent
    write(quiet / "stats", "enabled 0")
    texts = [tool("metrics", "-f", folder).stdout for folder in (snapshot, quiet)]
    write(snapshot / "stacks", STACKS, *hostile)
    texts.append(tool("metrics", "-f", snapshot).stdout)
    for text in texts:
        done = in_root("promtool", "check", "metrics", text=text)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), text
    # It does find some.
    assert in_root("promtool", "check", "metrics", text=texts[0] + "x{ 1\n").returncode


def test_the_number_of_series_has_a_bound(tool: Tool, snapshot: Path) -> None:
    stacks = [
        stack([f"f+0x1/0x2 [m{n}]"], pins=n + 1, pages=n + 1, mode="rw"[n % 2], stack=hex(n))
        for n in range(1000)
    ]
    write(snapshot / "stacks", STACKS, *stacks)
    found = series(tool("metrics", "-f", snapshot).stdout)
    for name, unit in (("live_pins", 1), ("live_bytes", PAGE)):
        groups = {k: v for k, v in found.items() if k.startswith(f"gup_pin_{name}{{")}
        assert len(groups) == 64 + 2
        assert sum(groups.values()) == 500_500 * unit
        # The groups with the most pins have their own series.
        assert groups[f"gup_pin_{name}{labels('m999')}"] == 1000 * unit
        assert f"gup_pin_{name}{labels('m1')}" not in groups
        assert groups[f"gup_pin_{name}{labels('other')}"] > 0


def test_a_file_is_written_whole_or_not_at_all(
    tool: Tool, snapshot: Path, tmp_path: Path, machine: Machine
) -> None:
    out = tmp_path / "gup_pin.prom"
    text = tool("metrics", "-f", snapshot).stdout
    out.write_text("old")
    assert tool("metrics", "-f", snapshot, "--output", out).stdout == ""
    assert out.read_text() == text
    # A file that became unreadable must not leave old figures.
    (snapshot / "stacks").write_text("damaged")
    tool("metrics", "-f", snapshot, "--output", out, status=1)
    assert not list(tmp_path.glob("gup_pin.prom*"))
    out.write_text("old")
    machine.files.rmdir()
    machine.run("metrics", "--output", out, status=3)
    assert not out.exists()
    error = tool("metrics", "-f", snapshot, "-o", "none/x", status=1).stderr
    assert error == "gup_pin: none/x.new: No such file or directory\n"
    tool("metrics", "-f", snapshot / "stacks", status=1)


def test_the_dashboard(tool: Tool, snapshot: Path, tmp_path: Path) -> None:
    """It only uses series that exist, in Prometheus's language."""
    board = json.loads((FOLDER / "grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    text = tool("metrics", "-f", snapshot).stdout
    names = set(re.findall("^# TYPE (\\S+)", text, re.MULTILINE))
    assert set(re.findall(r"gup_pin_\w+", " ".join(asked))) == names
    rules = [{"record": f"rule:{n}", "expr": expr} for n, expr in enumerate(asked)]
    path = tmp_path / "rules.json"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    done = in_root("promtool", "check", "rules", path)
    assert done.returncode == 0, done
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and place["w"] and place["h"]


def test_the_units(plain: Path, snapshot: Path, tmp_path: Path) -> None:
    """They are valid for systemd, and the programs they start work."""
    names = ["gup-pin-metrics.service", "gup-pin-metrics.timer"]
    for name in names:
        text = (FOLDER / name).read_text().replace("/usr/sbin/gup_pin", str(plain))
        (tmp_path / name).write_text(text)
    units = [tmp_path / name for name in names]
    done = in_root("systemd-analyze", "verify", "--man=no", *units)
    assert (done.returncode, done.stderr) == (0, "")
    start = re.findall("^ExecStart=(.*)$", units[0].read_text(), re.MULTILINE)[0].split()
    assert start[:3] == [str(plain), "metrics", "--output"]
    assert Path(start[3]).suffix == ".prom"
    assert f"ReadWritePaths={Path(start[3]).parent}\n" in units[0].read_text()
    out = tmp_path / Path(start[3]).name
    subprocess.run([*start[:3], out, "--from", snapshot], check=True)
    assert "gup_pin_live_pins{" in out.read_text()


def test_prometheus_scrapes_it(tool: Tool, snapshot: Path, tmp_path: Path) -> None:
    out = tmp_path / "collected" / "gup_pin.prom"
    out.parent.mkdir()
    tool("metrics", "-f", snapshot, "-o", out)
    query = 'sum by (module) (gup_pin_live_pins{term="long"}) + 0'
    done = in_root("unshare", "--net", SCRAPE, out.parent, query)
    assert done.returncode == 0, done
    found = dict(re.findall(r'module="(\w+)"} => (\d+) @', done.stdout))
    assert found == {"vmlinux": "9", "ib_uverbs": "6"}


@pytest.mark.parametrize("source", ["there", "nowhere"])
def test_only_a_file_is_replaced(tool: Tool, folder: Path, tmp_path: Path, source: str) -> None:
    """Not /dev/stdout, which would be gone for all others."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    (tmp_path / "there").symlink_to(folder)
    for name in (pipe, tmp_path / "link", folder):
        error = tool("metrics", "-f", source, "-o", name, status=1).stderr
        assert error == f"gup_pin: {name}: this is not a regular file\n"
        assert name.exists()
    assert pipe.is_fifo() and list(tmp_path.glob("*.new")) == []
