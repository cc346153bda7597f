# SPDX-License-Identifier: GPL-2.0
"""tools/mm/gup_pin: a file on an overlay, in a subvolume, by a bind mount, or deleted."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gup_pin_tool.files import NONE, PINS, pin, write
from gup_pin_tool.machine import Machine

Pfns = Callable[..., list[str]]


def numbers(path: Path) -> dict[str, object]:
    """dev= and ino= of a file on a file system where stat() shows them."""
    stat = path.stat()
    return {"dev": f"{os.major(stat.st_dev)}:{os.minor(stat.st_dev)}", "ino": stat.st_ino}


@pytest.fixture(name="layers")
def fixture_layers(machine: Machine) -> Path:
    """A setup like docker's: two image layers, one container layer, on their own tmpfs."""
    base = machine.folder / "overlay2"
    base.mkdir()
    return base


# Docker's folders; the image's are relative links.
DOCKER = """
mount -t tmpfs none "$1/overlay2"
cd "$1/overlay2"
mkdir -p l image/diff/srv other/diff/srv ID/diff/srv ID/work ID/merged
ln -s ../image/diff l/IMAGE
ln -s ../other/diff l/OTHER
echo image >image/diff/srv/both
echo image >image/diff/srv/image
echo other >other/diff/srv/other
echo other >other/diff/srv/both
echo own >ID/diff/srv/own
mount -t overlay overlay -o lowerdir=l/IMAGE:l/OTHER,upperdir=ID/diff,workdir=ID/work ID/merged
"""
# Every file in some layer is pinned; PFNs are numbered in this order.
PIN_ALL = """
pfn=1
{ echo "# gup_pin pins 1"
for file in own image other both copied; do
	for layer in ID image other; do
		path=$layer/diff/srv/$file
		[ -e $path ] || continue
		words=$(stat -c "dev=%Hd:%Ld ino=%i" $path)
		echo "pfn=0x$pfn $REST $words index=0x0 stack=0x1 match=exact path=/$path"
		pfn=$((pfn + 1))
	done
done
} >"$1/debug/gup_pin/pins"
"""
REST = (
    "pages=1 order=0 pins=1 mode=w term=long api=pin_user_pages owner=1 task=1/1 comm=a age_ms=1"
    " addr=0x0 map=file"
)


@pytest.fixture(name="pinned")
def fixture_pinned(machine: Machine, layers: Path) -> Pfns:
    """The pfns of a file of the container."""

    def pinned(path: str, more: str = "", status: int = 0) -> list[str]:
        prepare = f"REST='{REST}'\n{DOCKER}\n{more}\n{PIN_ALL}\ncd /"
        words = ["file", str(layers / path), "--json"]
        done = machine.run(*words, prepare=prepare, status=status)
        return [record["pfn"] for record in json.loads(done.stdout)]

    return pinned


@pytest.mark.parametrize(
    ("name", "pfn"), [("own", "0x1"), ("image", "0x2"), ("other", "0x3"), ("both", "0x4")]
)
def test_a_file_of_a_container(pinned: Pfns, machine: Machine, name: str, pfn: str) -> None:
    """By docker's merged view; of files that hide each other, the topmost."""
    assert pinned(f"ID/merged/srv/{name}") == [pfn]
    # The kernel can filter: nothing is found by name.
    (told,) = machine.told()
    assert told.startswith("ino=") and " dev=" in told


def test_a_file_that_the_container_has_written_to(pinned: Pfns) -> None:
    """Its number stays the same, but another inode has its pages."""
    write = "echo more >>ID/merged/srv/image"
    # Of the image's file, and of the copy.
    assert pinned("ID/merged/srv/image", write) == ["0x2"]
    assert pinned("image/diff/srv/image", write) == ["0x3"]


def test_a_folder_of_an_overlay_that_is_mounted_elsewhere(pinned: Pfns) -> None:
    bind = "mkdir bound; mount --bind ID/merged/srv bound"
    assert pinned("bound/other", bind) == ["0x3"]


def test_an_overlay_on_an_overlay(pinned: Pfns) -> None:
    more = (
        "mkdir top up work; mount -t tmpfs none up; mkdir up/u up/w;"
        " mount -t overlay overlay -o lowerdir=ID/merged,upperdir=up/u,workdir=up/w top"
    )
    assert pinned("top/srv/other", more) == ["0x3"]


def test_layers_that_cannot_be_seen(machine: Machine, layers: Path) -> None:
    """As in a container: the kernel's path contains the layer's name."""
    hidden = DOCKER + "\nmkdir hidden; for i in ID/diff; do mount --bind hidden $i; done; cd /"
    path = "/overlay2/ID/diff/srv/own"
    other = "/overlay2/OTHER/diff/srv/own"
    write(machine.files / "pins", PINS, pin(path=path, pfn="0x1"), pin(path=other, pfn="0x2"))
    merged = str(layers / "ID/merged/srv/own")
    done = machine.run("file", merged, "--json", prepare=hidden)
    assert [record["pfn"] for record in json.loads(done.stdout)] == ["0x1"]


BTRFS = """
mkdir -p "$1/btrfs"
mount -t tmpfs none "$1/btrfs"
mkdir "$1/btrfs/dir"
echo text >"$1/btrfs/dir/table"
ln "$1/btrfs/dir/table" "$1/btrfs/link"
INO=$(stat -c %i "$1/btrfs/link")
{ echo "# gup_pin pins 1"
pfn=1
for path in /sub/dir/table /sub/link /snapshot/dir/table /sub/gone; do
	echo "pfn=0x$pfn $REST dev=0:999 ino=$INO index=0x0 stack=0x1 match=exact path=$path"
	pfn=$((pfn + 1))
done
echo "pfn=0x5 $REST dev=0:999 ino=$INO index=0x0 stack=0x1 match=exact path="
echo "pfn=0x6 $REST dev=0:998 ino=$INO index=0x0 stack=0x1 match=exact path=/sub/dir/table"
} >"$1/debug/gup_pin/pins"
"""


def test_a_file_in_a_subvolume(machine: Machine) -> None:
    """stat() shows the subvolume's own device; a snapshot's inode has the same number."""
    folder = machine.folder / "btrfs"
    line, other = rf"\([0-9]* [0-9]*\) [0-9:]* / {folder} \(.* - \)tmpfs", "0:999 /sub"
    as_btrfs = rf"s#^{line}#\1 {other} {folder} \2btrfs#"
    done = machine.run(
        "file",
        str(folder / "dir/table"),
        "--json",
        prepare=f"REST='{REST}'\n{BTRFS}",
        mounts=as_btrfs,
    )
    # By this name, by another one of the same inode, and without a name.
    assert [record["pfn"] for record in json.loads(done.stdout)] == ["0x1", "0x2", "0x5"]
    assert machine.told()[0].endswith(" dev=0:999")


def test_a_bind_mount(machine: Machine) -> None:
    file = write(machine.folder / "data" / "table", "text")
    bound = machine.folder / "bound"
    bound.mkdir()
    write(machine.files / "pins", PINS, pin(map="file", path="/data/table", **numbers(file)))
    bind = 'mount --bind "$1/data" "$1/bound"'
    done = machine.run("file", str(bound / "table"), "--json", prepare=bind)
    assert len(json.loads(done.stdout)) == 1


def test_a_file_that_was_deleted(plain: Path, tmp_path: Path) -> None:
    """By a process's open file."""
    file = write(tmp_path / "gone", "text")
    other = write(tmp_path / "other", "text")
    lines = [pin(pfn="0x1", **numbers(file)), pin(pfn="0x2", **numbers(other))]
    copy = write(tmp_path / "pins", PINS, *lines)
    with file.open() as held:
        file.unlink()
        path = f"/proc/{os.getpid()}/fd/{held.fileno()}"
        command: list[str | Path] = [plain, "file", path, "-f", copy, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [record["pfn"] for record in json.loads(done.stdout)] == ["0x1"]


# A process in there prints the file's numbers, and stays until its input ends.
IN_A_ROOT = """
import os, sys
os.chroot(sys.argv[1])
print(*sys.argv[2:], flush=True)
os.read(0, 1)
"""


@pytest.mark.parametrize("chroot", [False, True])
def test_a_file_in_another_mount_namespace(plain: Path, tmp_path: Path, chroot: bool) -> None:
    """By the root folder of a process in a container, which may be any folder."""
    script = f"""
mkdir -p {tmp_path}/u {tmp_path}/w {tmp_path}/l {tmp_path}/m
mount -t tmpfs none {tmp_path}/m
cd {tmp_path}/m; mkdir l u w root; echo text >u/table
mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w root
root={tmp_path if chroot else "/"}
exec /usr/bin/python3 -c '{IN_A_ROOT}' $root $(stat -c 'dev=%Hd:%Ld ino=%i' u/table)
"""
    inside = "" if chroot else tmp_path
    holder = subprocess.Popen(
        ["unshare", "-m", "sh", "-ec", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None and holder.stdout is not None
    words = dict(word.split("=") for word in holder.stdout.readline().split())
    copy = write(tmp_path / "pins", PINS, pin(pfn="0x1", path="/u/table", **words))
    path = f"/proc/{holder.pid}/root{inside}/m/root/table"
    command: list[str | Path] = [plain, "file", path, "-f", copy, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    holder.stdin.close()
    assert holder.wait() == 0
    assert [record["pfn"] for record in json.loads(done.stdout)] == ["0x1"]


def test_what_is_not_there(machine: Machine, layers: Path) -> None:
    write(machine.files / "pins", PINS)
    done = machine.run("file", str(layers / "x"), prepare=f"{DOCKER}\ncd /", status=NONE)
    assert done.stderr.endswith(": No such file or directory\n")
