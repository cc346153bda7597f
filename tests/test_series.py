# SPDX-License-Identifier: GPL-2.0
"""scripts/series: what it omits from a source, and the patches it writes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from applylib import patchfile
from conftest import PROJECT
from serieslib import statements
from serieslib.files import Files
from serieslib.hunks import Hunks
from serieslib.lexer import items
from serieslib.places import Places
from serieslib.repository import sources
from serieslib.table import Patch, Series, TableError, load
from serieslib.upstream import of_version
from vmlib import paths

SOURCES = [
    path
    for folder in ("mm", "include")
    for path in sorted((PROJECT / folder).rglob("*.[ch]"))
]


def later(*names: str) -> statements.Later:
    """These names come later."""
    return lambda name: name in names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PROJECT)))
def test_items_are_the_source(path: Path) -> None:
    """The items add up to the source, and a function has its name."""
    text = path.read_text()
    found = items(text)
    assert "".join(item.text for item in found) == text
    for item in found:
        if item.kind == "function":
            assert re.search(rf"\b{item.name}\(", item.text)


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("int f(void)\n{\n\treturn 0;\n}\n", "function", "f"),
        ("/* ( { */\nint f(char c, int (*g)(int));\n", "prototype", "f"),
        ("static DEFINE_SPINLOCK(lock);\n", "other", "lock"),
        ("static LIST_HEAD(queue);\n", "other", "queue"),
        ("EXPORT_SYMBOL_GPL(f);\n", "other", ""),
        ("static struct s list[BIT(3)];\n", "other", "list"),
        ("static const struct s {\n\tint a;\n} list[] = {\n\t{ 1 },\n};\n", "other", "list"),
        ("struct s {\n\tint a;\n};\n", "other", "s"),
        ("enum e {\n\tA,\n};\n", "other", "e"),
        ("extern unsigned long v;\n", "prototype", "v"),
        ("#define M(x)\t\\\n\tf(x)\n", "directive", "M"),
        ("const struct file_operations fops = {\n\t.read = f,\n};\n", "other", "fops"),
    ],
)
def test_item(code: str, kind: str, name: str) -> None:
    """Each form of a declaration in our sources."""
    assert [(item.kind, item.name) for item in items(code)] == [(kind, name)]


FUNCTION = """\
int f(int a)
{
	int b = a;

	/* why */
	gone(a);
	if (a)
		gone(b);
	if (gone(a)) {
		kept(a);
	}
	for (; a; a--)
		gone(a);
	if (b) {
		gone(b);
		kept(b);
	} else {
		gone(a);
	}
	kept((struct s) {
		.a = 1,
		.b = gone,
	});
	return b;
}
"""


def test_statements_are_left_out() -> None:
    """With their comments and conditions; the rest of a block stays."""
    assert statements.without(FUNCTION, later("gone")) == """\
int f(int a)
{
	int b = a;

	if (b) {
		kept(b);
	}
	kept((struct s) {
		.a = 1,
	});
	return b;
}
"""


@pytest.mark.parametrize(
    ("body", "why"),
    [("return gone(1);", "returns what comes later"), ("if (gone) a(); else b();", None)],
)
def test_what_cannot_be_left_out(body: str, why: str | None) -> None:
    """A returned value has to be replaced; a condition goes with both its branches."""
    code = f"int f(void)\n{{\n\t{body}\n}}\n"
    if why:
        with pytest.raises(statements.Cut, match=why):
            statements.without(code, later("gone"))
    else:
        assert "a()" not in statements.without(code + "", later("gone"))


def test_an_else_alone() -> None:
    """A statement in the else branch needs a replacement."""
    code = "void f(void)\n{\n\tif (a)\n\t\tgone();\n\telse\n\t\tb();\n}\n"
    with pytest.raises(statements.Cut, match="an else is left"):
        statements.without(code, later("gone"))


def test_members() -> None:
    """Members go with their lines of kernel-doc; directives stay."""
    code = """\
/**
 * struct s - a struct
 * @a: stays
 * @b: goes; a long
 *	explanation
 */
struct s {
	int a;
#ifdef X
	struct gone b;
#endif
};
"""
    assert statements.members_without(code, later("gone")) == """\
/**
 * struct s - a struct
 * @a: stays
 */
struct s {
	int a;
#ifdef X
#endif
};
"""


@pytest.mark.parametrize(("version", "kept"), [("6.12", "old"), ("6.14", "new"), ("7.3", "new")])
def test_of_version(version: str, kept: str) -> None:
    """A kernel tree has one version, and no module of ours."""
    text = """\
#include <linux/version.h>
#ifdef GUP_PIN_MODULE
module
#else
builtin
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
old
#else
new
#endif
#if defined(A) || defined(GUP_PIN_MODULE)
#ifdef B
b
#endif
#endif
#define NEWER (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0))
"""
    newer = int(kept == "new")
    assert of_version(text, version) == (
        f"builtin\n{kept}\n#if defined(A)\n#ifdef B\nb\n#endif\n#endif\n#define NEWER ({newer})\n"
    )


SMALL = {
    "mm/gup_pin/Kconfig": "config A\n\tbool\n\nconfig B\n\tbool\n",
    "mm/gup_pin/Makefile": "obj-y := a.o b.o\nobj-$(CONFIG_B) += kunit/\n",
    "mm/gup_pin/a.h": "void gup_pin_a(void);\n\n/* b.c */\nvoid gup_pin_b(void);\n",
    "mm/gup_pin/a.c": '#include "a.h"\n\nvoid gup_pin_a(void)\n{\n\tgup_pin_b();\n}\n',
    "mm/gup_pin/b.c": '#include "a.h"\n\nvoid gup_pin_b(void)\n{\n}\n',
    "mm/gup_pin/kunit/Makefile": "obj-y := a_test.o\n",
    "mm/gup_pin/kunit/a_test.c": """\
#include "../a.h"

static void of_a(struct kunit *test)
{
	gup_pin_a();
}

static void of_b(struct kunit *test)
{
	gup_pin_b();
}

static struct kunit_case cases[] = {
	KUNIT_CASE(of_a),
	KUNIT_CASE(of_b),
	{}
};

kunit_test_suite(cases);
""",
}


def small(*patches: Patch) -> Files:
    """A small project as these patches."""
    return Files(Places(Series("", "", list(patches), []), SMALL))


FIRST = Patch(
    "a", "", ["mm/gup_pin/Kconfig", "mm/gup_pin/Makefile", "mm/gup_pin/a.[ch]"]
)
TESTS = Patch("tests", "", ["mm/gup_pin/kunit/Makefile"], ["CONFIG_B"])
SECOND = Patch("b", "", ["mm/gup_pin/b.c"])


def test_a_small_project() -> None:
    """Each file is as far as the patch, and complete after the last one."""
    files = small(FIRST, TESTS, SECOND)
    assert files.at("mm/gup_pin/a.h", 0) == "void gup_pin_a(void);\n"
    assert files.at("mm/gup_pin/a.c", 0) == '#include "a.h"\n\nvoid gup_pin_a(void)\n{\n}\n'
    assert files.at("mm/gup_pin/b.c", 1) is None
    assert files.at("mm/gup_pin/Makefile", 0) == "obj-y := a.o\n"
    assert files.at("mm/gup_pin/Makefile", 1) == "obj-y := a.o\nobj-$(CONFIG_B) += kunit/\n"
    assert files.at("mm/gup_pin/Kconfig", 0) == "config A\n\tbool\n"
    assert files.at("mm/gup_pin/kunit/a_test.c", 0) is None
    tests = files.at("mm/gup_pin/kunit/a_test.c", 1)
    assert tests is not None and "of_a" in tests and "of_b" not in tests
    for path, text in SMALL.items():
        assert files.at(path, 2) == text


def test_a_file_without_a_patch() -> None:
    """Each file has to be in a patch."""
    with pytest.raises(TableError, match=r"mm/gup_pin/b.c is in none of the patches"):
        small(FIRST, TESTS)


def test_a_file_in_two_patches() -> None:
    """And only in one."""
    with pytest.raises(TableError, match=r"mm/gup_pin/b.c is in 3 and 4 of the patches"):
        small(FIRST, TESTS, SECOND, SECOND)


def test_hunks() -> None:
    """A line of a hunk comes with its name, an include with the file's first hunk."""
    (file,) = patchfile.parse("""\
--- a/mm/x.c
+++ b/mm/x.c
@@ -1,1 +1,2 @@
 #include <a.h>
+#include <linux/gup_pin.h>
@@ -5,2 +6,4 @@
 {
+	gup_pin_a();
+	gup_pin_b();
 }
""")
    hunks = Hunks(small(FIRST, TESTS, SECOND).places, [file])
    include, first = hunks.at(file, 0).hunks
    assert include == file.hunks[0]
    assert (first.start, first.old) == (4, ["{", "}"])
    assert first.new == ["{", "\tgup_pin_a();", "}"]
    assert hunks.at(file, 2) == file


def test_a_hunk_without_a_patch() -> None:
    """A hunk without our names needs its file in the table."""
    files = patchfile.parse("--- a/mm/x.c\n+++ b/mm/x.c\n@@ -1,1 +1,2 @@\n a\n+b\n")
    with pytest.raises(TableError, match=r"no patch has a hunk of mm/x\.c: \+b"):
        Hunks(small(FIRST, TESTS, SECOND).places, files)


# The sender of the series: on a new machine git has no name.
WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A Tester"), ("EMAIL", "tester@example.org"))
}


def run(*words: str | Path, cwd: Path) -> str:
    """Run a program that has to succeed."""
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | WHO
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def contents(folder: Path) -> dict[str, str]:
    """All files of a folder."""
    found = {}
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = Path(base, name)
            found[str(path.relative_to(folder))] = path.read_text()
    return found


@pytest.fixture(scope="module", name="written")
def fixture_written(version: str, pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The series for this kernel, as scripts/series writes it."""
    assert pristine.exists()
    out = tmp_path_factory.mktemp("series") / "patches"
    run(PROJECT / "scripts" / "series", version, "--out", out, cwd=PROJECT)
    return out


def test_the_end_is_what_apply_makes(
    written: Path, version: str, pristine: Path, tmp_path: Path
) -> None:
    """Git applies each patch; the result is that of scripts/apply, for one version."""
    applied, series = tmp_path / "applied", tmp_path / "series"
    patch = (PROJECT / "patches" / f"{version}.patch").read_text()
    names = {"Makefile"} | set(re.findall(r"^\+\+\+ b/(\S+)", patch, re.MULTILINE))
    for folder in (applied, series):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((pristine / name).read_bytes())
    run("git", "init", "-q", cwd=series)
    run("git", "add", "-A", cwd=series)
    run("git", "commit", "-q", "-m", "the kernel", cwd=series)
    run("git", "am", "-q", *sorted(written.glob("*.patch"))[1:], cwd=series)
    run(PROJECT / "scripts" / "apply", applied, cwd=PROJECT)
    wanted = contents(applied) | sources(load(), version)
    assert contents(series) == wanted
    # the two only differ in what of_version() omits
    changed = {name for name, text in contents(applied).items() if wanted[name] != text}
    table = {one.file for one in load().upstream}
    assert changed <= table


def test_nothing_is_left_for_the_end(written: Path) -> None:
    """The last patch has its own file only: not what earlier ones have left out by mistake."""
    last = sorted(written.glob("*.patch"))[-1].read_text()
    assert re.findall(r"^\+\+\+ b/(\S+)", last, re.MULTILINE) == load().patches[-1].files


# MAINTAINERS comes last. 6.12 has no kzalloc_obj(), which 7.3 wants for kzalloc().
ALWAYS = "FILE_PATH_CHANGES,ALLOC_WITH_SIZEOF"


def test_checkpatch(written: Path, pristine: Path) -> None:
    """The kernel's own check accepts every patch.

    Programs' patches only add files, which make lint checks, and are most of all lines.
    """
    # A trace event has a layout of its own, bpftrace has C's
    # comments after #!, and the guide is not a source that could be renamed.
    ignored = {
        "include/trace/": "PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE",
        "tools/mm/gup_pin.bt": "SPDX_LICENSE_TAG",
        "Documentation/admin-guide/": "EMBEDDED_FILENAME",
    }
    said = []
    for patch in sorted(written.glob("*.patch"))[1:]:
        text = patch.read_text()
        if "+++ b/tools/testing/selftests/gup_pin/Makefile" in text:
            continue
        more = "".join(f",{types}" for where, types in ignored.items() if f"+++ b/{where}" in text)
        command = [
            *("perl", f"{pristine}/scripts/checkpatch.pl", f"--root={pristine}", "--strict"),
            *("--terse", "--show-types", "--no-summary", "--ignore", f"{ALWAYS}{more}"),
        ]
        done = subprocess.run(
            [*command, str(patch)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"GIT_DIR": "/nonexistent"},
            # It leaves a file in the current folder.
            cwd=written.parent,
        )
        said += done.stdout.splitlines()
    assert said == []


def test_the_core_stands_alone() -> None:
    """The first ten patches: records, hooks, debugfs, KUnit, documentation."""
    first = load().patches[:10]
    for path in (
        "mm/gup_pin/record/index.c", "mm/gup.c", "mm/gup_pin/view/pins.c",
        "mm/gup_pin/kunit/Makefile", "Documentation/mm/gup_pin.rst",
    ):
        assert any(patch.has_file(path) for patch in first), path
    assert not any(patch.has_file("mm/gup_pin/hazard/hazard.c") for patch in first)


def test_nobody_to_sign(version: str, tmp_path: Path) -> None:
    """Without a name for Signed-off-by it says what is missing, and writes nothing."""
    unknown = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": ""}
    cache = {"GUP_PIN_CACHE": str(paths.cache())}
    out = tmp_path / "out"
    done = subprocess.run(
        [PROJECT / "scripts" / "series", version, "--out", out],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | unknown | cache,
    )
    assert done.returncode == 1
    assert "git config --global user.name" in done.stderr
    assert not out.exists()


def test_usage() -> None:
    """An unsupported kernel is an invalid command line."""
    done = subprocess.run(
        [PROJECT / "scripts" / "series", "5.10"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "5.10" in done.stderr
