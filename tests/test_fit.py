# SPDX-License-Identifier: GPL-2.0
"""scripts/apply's parts, on small texts: where hunks fit, and files that go in whole or not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from applylib import fit, judge, patchfile
from applylib.install import Change, feature_files
from applylib.patchfile import PatchError

FILE = """\
#include "mm.h"
#include "swap.h"

void first(int a)
{
>put(a);
}

static int second(int a,
> int b)
{
>put(a);
again:
>return b;
}
""".replace(">", "\t")
HOOK = """\
A comment, with a line of -s.
--- a/mm/x.c
+++ b/mm/x.c
@@ -1,2 +1,3 @@
 #include "mm.h"
+#include "gup_pin.h"
 #include "swap.h"
@@ -11,2 +12,3 @@ static int second(int a,
 {
+>hook(a);
 >put(a);
@@ -13,2 +15,3 @@ static int second(int a,
 again:
+>hook(b);
 >return b;
""".replace(">", "\t")


def fitted(text: str, patch: str = HOOK) -> tuple[str, list[fit.Misfit]]:
    """Fit the one file of a patch."""
    (file,) = patchfile.parse(patch)
    return fit.fit(file, text)


def test_all_fit_where_they_are_expected() -> None:
    text, misfits = fitted(FILE)
    assert not misfits
    assert [line for line in text.split("\n") if line not in FILE.split("\n")] == [
        '#include "gup_pin.h"',
        "\thook(a);",
        "\thook(b);",
    ]
    assert "{\n\thook(a);\n\tput(a);\nagain:\n\thook(b);\n" in text


@pytest.mark.parametrize("before", [0, 1, 300])
def test_all_fit_where_they_have_moved_to(before: int) -> None:
    """Behind functions with the same lines, too, of which one is nearer."""
    other = "void other(int a)\n{\n\tput(a);\n}\n\n"
    text, misfits = fitted(FILE.replace("static int", other * before + "static int"))
    assert not misfits
    assert text.count("hook(a);") == text.count("hook(b);") == 1
    assert re.search(r"static int second\(int a,\n\t int b\)\n\{\n\thook\(a\);", text)


def test_a_hunk_fits_in_no_other_function() -> None:
    """patch(1) would put it into first(), which has the same lines."""
    text, misfits = fitted(FILE.replace("{\n\tput(a);\nagain", "{\n\tfree(a);\nagain"))
    assert [(m.place, m.line, m.why, m.hunk) for m in misfits] == [
        ("second()", 9, "its lines differ", 8)
    ]
    assert "hook(a)" not in text
    assert "hook(b)" in text


def test_a_function_that_is_gone() -> None:
    _, misfits = fitted(FILE.replace("second", "third"))
    assert [(m.place, m.line, m.why) for m in misfits] == [
        ("second()", 0, "not in this file")
    ] * 2


def test_a_function_of_another_type_is_the_same() -> None:
    _, misfits = fitted(FILE.replace("static int second", "bool second"))
    assert not misfits


def test_lines_of_no_function() -> None:
    _, misfits = fitted(FILE.replace("swap.h", "slab.h"))
    assert [(m.place, m.line, m.why) for m in misfits] == [
        ('#include "gup_pin.h"', 0, "the lines around it differ")
    ]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("void unpin_folio(struct folio *folio)", "unpin_folio()"),
        ("migrate_longterm_unpinnable_folios(struc", "migrate_longterm_unpinnable_folios()"),
        ("static int bio_iov_add_zone_append_folio", "bio_iov_add_zone_append_folio..."),
        ("enum vm_event_item { PGPGIN, PGPGOUT, PS", "enum vm_event_item"),
        ("const char * const vmstat_text[] = {", "const char * const vmstat_text[]"),
        ("EXPORT_SYMBOL_GPL(unpin_folios);", "EXPORT_SYMBOL_GPL(unpin_folios)"),
    ],
)
def test_names_of_places(place: str, name: str) -> None:
    assert fit.name_of(place) == name


def test_a_place_that_diff_has_cut_off_is_named_as_the_file_names_it() -> None:
    line = "static int a_function_with_a_name_of_many_letters(void)"
    patch = f"+++ b/mm/x.c\n@@ -3 +3,2 @@ {line[:40]}\n-\tleft();\n+\tright();\n+\tmore();\n"
    _, misfits = fitted(f"{line}\n{{\n\tother();\n}}\n", patch)
    assert [(m.place, m.line) for m in misfits] == [("a_function_with_a_name_of_many_letters()", 1)]


@pytest.mark.parametrize(
    "patch",
    [
        "",
        "a comment\n",
        "+++ b/mm/x.c\n",
        "@@ -1,2 +1,3 @@\n a\n+b\n c\n",
        "+++ b/mm/x.c\n@@ -1,2 +1,3 @@\n a\n+b\n",
        "+++ b/mm/x.c\n@@ -1,3 +1,4 @@\n a\n+b\n@@ -9,2 +9,2 @@\n c\n d\n",
        "+++ b/mm/x.c\n@@ -1,0 +1,1 @@\n+b\n",
    ],
)
def test_what_is_no_patch(patch: str) -> None:
    with pytest.raises(PatchError):
        patchfile.parse(patch)


@pytest.mark.parametrize("version", judge.versions())
def test_our_patches_name_a_function_in_each_hunk(version: str) -> None:
    """But for the first of a file, which is among the #include lines; and labels are none."""
    for file in patchfile.load(judge.PATCHES / f"{version}.patch"):
        for hunk in file.hunks if file.name.endswith(fit.SOURCES) else ():
            include = any(line.startswith("#include") for line in hunk.new)
            assert include or fit.PLACE.match(hunk.place), f"{version}: line {hunk.line}"


@pytest.fixture(name="tree")
def fixture_tree(tmp_path: Path) -> Path:
    """A tree of three files."""
    for name in ("a", "sub/b", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"old {name}")
    (tmp_path / "sub/b").chmod(0o751)
    return tmp_path


def content(tree: Path) -> dict[str, str]:
    """All files of a tree, and empty folders."""
    found = {}
    for folder, folders, files in os.walk(tree):
        for name in files:
            path = Path(folder, name)
            found[str(path.relative_to(tree))] = path.read_text()
        if not folders and not files:
            found[str(Path(folder).relative_to(tree))] = "empty"
    return found


def test_files_go_in(tree: Path) -> None:
    change = Change(tree)
    change.write("sub/b", "new b")
    change.copy("new/deep/d", tree / "c")
    assert {*content(tree)} > {"a", "sub/b", "c"} and (tree / "sub/b").read_text() == "old sub/b"
    change.commit()
    change.close()
    assert content(tree) == {"a": "old a", "sub/b": "new b", "c": "old c", "new/deep/d": "old c"}
    assert (tree / "sub/b").stat().st_mode & 0o777 == 0o751


def test_all_comes_back_if_one_does_not_go_in(tree: Path) -> None:
    """The last one is below a file, which is no folder."""
    before = content(tree)
    change = Change(tree)
    change.write("sub/b", "new b")
    change.copy("new/deep/d", tree / "c")
    change.write("a", "new a")
    change.copy("c/d", tree / "a")
    with pytest.raises(OSError):
        change.commit()
    change.close()
    assert content(tree) == before
    assert (tree / "sub/b").stat().st_mode & 0o777 == 0o751


def test_a_link_is_replaced_and_not_followed(tree: Path) -> None:
    """As in a tree that shares its files with another one."""
    os.link(tree / "a", tree / "other")
    change = Change(tree)
    change.write("a", "new a")
    change.commit()
    change.close()
    assert content(tree)["other"] == "old a"


def test_the_feature_has_files() -> None:
    names = feature_files()
    assert {"mm/gup_pin/Kconfig", "include/linux/gup_pin.h", "tools/mm/gup_pin.c"} < set(names)
    assert not [name for name in names if name.startswith(("scripts/", "tests/", "patches/"))]
