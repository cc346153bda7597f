# SPDX-License-Identifier: GPL-2.0
"""scripts/apply: the feature goes into a clean tree, as a whole or not at all.

test_readme.py applies it to a complete tree.
"""

import hashlib
import os
import re
import resource
import shutil
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from checklib.checkout import copy_project
from conftest import PROJECT

APPLY = PROJECT / "scripts" / "apply"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run scripts/apply."""
    return subprocess.run([APPLY, *words], capture_output=True, text=True, check=False)


def state(tree: Path) -> dict[str, str]:
    """The hash of every file in a tree."""
    found = {}
    for folder, _, files in os.walk(tree):
        for name in files:
            path = Path(folder, name)
            found[str(path.relative_to(tree))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(name="small")
def fixture_small(tmp_path: Path, pristine: Path, version: str) -> Path:
    """A tree with the files that applying changes, and all of mm/."""
    tree = tmp_path / "linux"
    patch = (PROJECT / "patches" / f"{version}.patch").read_text()
    names = {"Makefile"} | set(re.findall(r"^\+\+\+ b/(\S+)", patch, re.MULTILINE))
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pristine / name, tree / name)
    shutil.copytree(pristine / "mm", tree / "mm", dirs_exist_ok=True)
    return tree


def test_twice(small: Path) -> None:
    """The second time changes nothing and says why."""
    assert run(small).returncode == 0
    before = state(small)
    done = run(small)
    assert done.returncode == 1
    assert "already" in done.stderr
    assert state(small) == before


def test_git_ignores_what_the_selftests_build() -> None:
    """A kernel tree must be clean after they were built in it."""
    folder = PROJECT / "tools/testing/selftests/gup_pin"
    makefile = (folder / "Makefile").read_text()
    lists = re.findall(r"^TEST_GEN_PROGS(?:_EXTENDED)? [:+]= (.*)", makefile, re.MULTILINE)
    lines = (folder / ".gitignore").read_text().splitlines()
    ignored = [line[1:] for line in lines if line.startswith("/")]
    assert ignored == sorted(" ".join(lists).split())


def test_no_file_is_one_that_git_ignores(tmp_path: Path) -> None:
    """scripts/apply would copy it to a kernel tree."""
    copy_project(tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    git = ["git", "ls-files", "--others", "--ignored", "--exclude-standard"]
    done = subprocess.run(git, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not done.stdout


@pytest.mark.parametrize("release", ["5.10", "6.11", "8.0"])
def test_unsupported(small: Path, release: str, version: str) -> None:
    """Another kernel is refused, the nearest patch is named, and what to do next."""
    major, minor = release.split(".")
    text = (small / "Makefile").read_text()
    text = re.sub(r"^VERSION = .*$", f"VERSION = {major}", text, flags=re.MULTILINE)
    text = re.sub(r"^PATCHLEVEL = .*$", f"PATCHLEVEL = {minor}", text, flags=re.MULTILINE)
    (small / "Makefile").write_text(text)
    before = state(small)
    done = run(small)
    assert done.returncode == 1
    assert release in done.stderr and "6.12" in done.stderr and "7.3" in done.stderr
    assert re.search("all of its [0-9]+ hunks fit", done.stderr)
    assert f"cp patches/{version}.patch patches/{release}.patch" in done.stderr
    assert state(small) == before


def test_patch_that_does_not_fit(small: Path, version: str) -> None:
    """A tree with other changes in the way is left alone; each is named, and where it is."""
    text = (small / "mm/gup.c").read_text()
    (small / "mm/gup.c").write_text(text.replace("void unpin_folios(", "void unpin_folios_x("))
    text = (small / "mm/debug.c").read_text()
    (small / "mm/debug.c").write_text(text.replace("dump_page_owner(page);", ";"))
    (small / "mm/Makefile").unlink()
    before = state(small)
    done = run(small)
    assert done.returncode == 1
    assert "does not fit" in done.stderr
    assert f"change the hunks at these lines of patches/{version}.patch" in done.stderr
    assert state(small) == before
    hunks = (PROJECT / f"patches/{version}.patch").read_text().splitlines()
    line = re.compile(r"^apply:   (\S+?): (.*) \(patches/(.*)\.patch:([0-9]+)\)$", re.MULTILINE)
    found = line.findall(done.stderr)
    assert {(file.partition(":")[0], what) for file, what, _, _ in found} == {
        ("mm/gup.c", "unpin_folios(): not in this file"),
        ("mm/debug.c", "dump_page(): its lines differ"),
        ("mm/Makefile", "obj-$(CONFIG_DEBUG_GUP_PIN) += gup_pin/: there is no such file"),
    }
    assert all(name == version and hunks[int(n) - 1].startswith("@@") for _, _, name, n in found)


def test_a_function_that_no_hunk_is_for(small: Path) -> None:
    """The tree is changed, but what is left is said."""
    with (small / "mm/gup.c").open("a") as file:
        file.write("\nvoid unpin_fresh(struct folio *f)\n{\n\tgup_put_folio(f, 1, FOLL_PIN);\n}\n")
    done = run(small)
    assert done.returncode == 0
    assert "mm/gup.c: unpin_fresh() has no hook" in done.stderr
    assert (small / "mm/gup_pin/Kconfig").exists()


@pytest.mark.parametrize("name", ["tools/mm/gup_pin.c", "include/trace/events/gup_pin.h"])
def test_a_file_that_is_in_the_way(small: Path, name: str) -> None:
    (small / name).parent.mkdir(parents=True, exist_ok=True)
    (small / name).write_text("mine")
    before = state(small)
    done = run(small)
    assert done.returncode == 1
    assert name in done.stderr and "unchanged" in done.stderr
    assert state(small) == before


def test_half_a_tree_is_never_left(small: Path) -> None:
    """Neither where a file cannot be as large as it would be, nor by a signal at any time."""
    before = state(small)
    size = (small / "mm/gup.c").stat().st_size
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))
    done = subprocess.run([APPLY, small], stderr=subprocess.PIPE, preexec_fn=limit, check=False)
    assert done.returncode == 1
    assert b"unchanged" in done.stderr
    assert state(small) == before
    # Later and later: on a busy machine it takes many times as long.
    for number in range(100):
        with subprocess.Popen([APPLY, small], stderr=subprocess.DEVNULL) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.1**number / 50)
            process.terminate()
        if state(small) != before:
            break
    assert run("--audit", small).returncode == 0
    assert (small / "mm/gup_pin/Makefile").exists()
    assert not list(small.glob(".gup_pin*"))


@pytest.mark.parametrize(
    "words, status",
    [([], 2), (["--audit"], 2), (["--what", "x"], 2), (["a", "b"], 2), (["/nonexistent"], 1)],
)
def test_bad_input(words: list[str], status: int) -> None:
    """Invalid command lines."""
    done = run(*words)
    assert done.returncode == status
    assert done.stderr


HOOK = re.compile(r"^\tgup_pin_released_folio\(folio, npages\);\n", re.MULTILINE)


@pytest.mark.parametrize(
    "what, name",
    [
        (
            "void unpin_fresh(struct folio *f)\n{\n\tgup_put_folio(f, 1, FOLL_PIN);\n}\n",
            "unpin_fresh",
        ),
        (
            "static void half(struct folio *f)\n{\n\tgup_put_folio(f, 1, FOLL_PIN);\n}\n"
            "void other_half(struct folio *f)\n{\n\thalf(f);\n}\nEXPORT_SYMBOL(other_half);\n",
            "other_half",
        ),
        (
            "long pin_fresh(struct page **pages, unsigned int gup_flags)\n{\n"
            "\tint locked = 1;\n\n\tif (!is_valid_gup_args(pages, NULL, &gup_flags,\n"
            "\t\t\t       FOLL_PIN | FOLL_TOUCH))\n\t\treturn 0;\n"
            "\treturn __gup_longterm_locked(current->mm, 0, 1, pages, &locked, gup_flags);\n}\n",
            "pin_fresh",
        ),
        (
            "void count_up(struct folio *folio)\n{\n\tfolio_ref_inc(folio);\n"
            "\tatomic_inc(&folio->_pincount);\n}\n",
            "count_up",
        ),
        ("static void undo(struct folio *f)\n{\n\tunpin_folio(f);\n}\n", "undo"),
    ],
)
def test_audit_names_what_is_not_hooked(small: Path, what: str, name: str) -> None:
    """New functions that pin, each in another way."""
    assert run(small).returncode == 0
    with (small / "mm/gup.c").open("a") as file:
        file.write("\n" + what)
    done = run("--audit", small)
    assert done.returncode == 1
    (line,) = re.findall(r"^audit: .*", done.stderr, re.MULTILINE)
    assert f"{name}()" in line
    assert "next: hook these" in done.stderr


def test_audit_of_a_tree_without_the_feature(small: Path) -> None:
    done = run("--audit", small)
    assert done.returncode == 1
    assert "unpin_folios() has no hook" in done.stderr
    assert f"next: scripts/apply {small}" in done.stderr


def test_audit_misses_each_hook(small: Path) -> None:
    """Each hook is removed in turn: the audit names its function."""
    assert run(small).returncode == 0
    text = (small / "mm/gup.c").read_text()
    hooks = list(re.finditer(r"gup_pin_(?:acquired|added|released)\w*\(", text))
    assert len(hooks) >= 13
    for hook in hooks:
        broken = text[: hook.start()] + "no_hook(" + text[hook.end() :]
        (small / "mm/gup.c").write_text(broken)
        done = run("--audit", small)
        assert done.returncode == 1, hook
        assert "has no hook" in done.stderr
