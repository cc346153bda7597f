# SPDX-License-Identifier: GPL-2.0
"""scripts/users: the table matches the callers in both kernels, and its audit can fail."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from userslib import compare
from userslib.compare import Kernel
from userslib.source import Place, Tree
from userslib.table import Case, Table, TableError, User, load
from vmlib import paths
from vmlib.paths import PROJECT

USERS = PROJECT / "scripts" / "users"
FOREIGN = Place("drivers/foreign.c", "grab")


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run scripts/users."""
    return subprocess.run([USERS, *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", name="trees")
def fixture_trees() -> list[Tree]:
    """The supported kernels' pristine trees."""
    for version in paths.versions():
        subprocess.run([PROJECT / "scripts" / "fetch-source", version], check=True)
    return [Tree(paths.cache() / "src" / f"linux-{version}") for version in paths.versions()]


@pytest.fixture(scope="module", name="table")
def fixture_table() -> Table:
    """The table."""
    return load()


@pytest.fixture(scope="module", name="kernels")
def fixture_kernels(trees: list[Tree], table: Table) -> list[Kernel]:
    """The callers in these kernels."""
    return [compare.read(tree, table) for tree in trees]


@pytest.fixture(name="small")
def fixture_small(tmp_path: Path, trees: list[Tree]) -> Path:
    """A tree with only the API, without a caller."""
    for file in ("Makefile", "mm/gup.c"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(trees[0].root / file, tmp_path / file)
    (tmp_path / "drivers").mkdir()
    return tmp_path


def without(table: Table, place: Place) -> Table:
    """The table without one caller."""
    users = [
        replace(u, callers=tuple(p for p in u.callers if p != place)) for u in table.users
    ]
    return replace(table, users=users)


def test_it_is_that_of_both_kernels() -> None:
    """And the document is made from it."""
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"\b\d{3} callers, all those of 6\.12 and 7\.3\n", done.stdout)


def test_each_caller_is_missed(kernels: list[Kernel], table: Table, trees: list[Tree]) -> None:
    """Each caller in turn is missing from the table."""
    for kernel, tree in zip(kernels, trees, strict=True):
        assert len(kernel.takes) > 100
        assert not compare.missing(kernel, table, tree.api[1])
        for place in kernel.takes:
            wrong = compare.missing(kernel, without(table, place), tree.api[1])
            assert any(f"{kernel.version}: {place} calls" in line for line in wrong), place


def test_what_no_kernel_has(kernels: list[Kernel], table: Table) -> None:
    """A caller, a function that unpins, and a way to do so."""
    assert not compare.left_over(kernels, table)
    (line,) = compare.left_over(kernels, with_user(table, User("", (FOREIGN,), ("none",))))
    assert str(FOREIGN) in line
    user = next(u for u in table.users if u.tests)
    by = replace(user, by=(FOREIGN,))
    (line,) = compare.left_over(kernels, instead(table, user, by))
    assert str(FOREIGN) in line
    (udmabuf,) = [u for u in table.users if "udmabuf.c" in u.callers[0].file]
    range_ = replace(udmabuf, release=("range",))
    (line,) = compare.left_over(kernels, instead(table, udmabuf, range_))
    assert "udmabuf.c" in line and line.endswith(": range")


def with_user(table: Table, user: User) -> Table:
    """The table, and one more user."""
    return replace(table, users=[*table.users, user])


def instead(table: Table, old: User, new: User) -> Table:
    """The table with a user replaced."""
    return replace(table, users=[new if u == old else u for u in table.users])


@pytest.mark.parametrize(
    "name",
    [
        Case("gup_pin_foreign", "udmabuf.hold"),
        Case("gup_pin_udmabuf", "udmabuf.foreign"),
        Case("gup_pin_udmabuf", "foreign.hold"),
        Case("gup_pin_udmabuf", "hold"),
    ],
)
def test_what_is_no_test(table: Table, name: Case) -> None:
    """A program, a test, or a fixture that does not exist."""
    assert not compare.tests(table)
    user = next(u for u in table.users if u.tests)
    (line,) = compare.tests(instead(table, user, replace(user, tests=(name,))))
    assert f"no test {name}" in line


NEW_API = """
long pin_user_fresh(struct folio *folio)
{
\treturn try_grab_folio(folio, 1, FOLL_PIN);
}
"""


@pytest.mark.parametrize(
    "gup, driver, want",
    [
        (
            "",
            "int grab(void)\n{\n\treturn pin_user_pages_fast(0, 1, 0, p);\n}\n",
            "drivers/new.c: grab() calls pin_user_pages_fast() and",
        ),
        (
            "",
            "static int\ngrab(int fd)\n{\nout:\n\tif (fd)\n\t\treturn io_pin_pages(0, 1, p);\n}\n",
            "drivers/new.c: grab() calls io_pin_pages() and",
        ),
        (
            "",
            "#define GRAB(page) \\\n\tpin_user_pages_fast(0, 1, 0, page)\n",
            "drivers/new.c: GRAB() calls pin_user_pages_fast() and",
        ),
        (
            NEW_API,
            "int grab(void)\n{\n\treturn pin_user_fresh(NULL);\n}\n",
            "drivers/new.c: grab() calls pin_user_fresh() and",
        ),
        (
            "",
            "void leave(void)\n{\n\tunpin_user_page(page);\n}\n",
            "drivers/new.c: leave() unpins, and",
        ),
    ],
)
def test_a_tree_with_something_new(small: Path, gup: str, driver: str, want: str) -> None:
    """It is named, in one line; without it there is no error."""
    assert run(small).returncode == 0
    with (small / "mm/gup.c").open("a") as file:
        file.write(gup)
    (small / "drivers/new.c").write_text(driver)
    done = run(small)
    assert done.returncode == 1
    assert want in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_no_call(small: Path) -> None:
    """Comments, other names, methods and prototypes."""
    (small / "drivers/new.c").write_text(
        "int pin_user_pages_fast(unsigned long);\n"
        "int look(void)\n{\n\t/* pin_user_pages_fast() */\n"
        "\tops->pin_user_pages_fast(0);\n\treturn my_pin_user_pages_fast(0);\n}\n"
    )
    done = run(small)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "text, want",
    [
        ("[", "users.toml: "),
        ('[[area]]\nname = "x"\n', "lacks"),
        ('callers = ["a.c f"]\nrelease = "page"\nwhy = "x"', "FILE: FUNCTION"),
        ('callers = ["a.c: f"]\nrelease = "thrown away"\nwhy = "x"', "thrown away"),
        ('callers = ["a.c: f"]\nrelease = "page"', "neither"),
        ('callers = ["a.c: f"]\nrelease = "page"\nwhy = "x"\ntest = ["p:t"]', "and a reason"),
        ('callers = ["a.c: f"]\nrelease = "page"\ntest = ["t"]', "PROGRAM"),
        ('callers = ["a.c: f"]\nrelease = "page"\nwhy = "x"\nwhat = 1', "unknown key what"),
        ('callers = ["a.c: f f"]\nrelease = "page"\nwhy = "x"', "twice"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, want: str) -> None:
    """One line gives the reason."""
    file = tmp_path / "users.toml"
    head = "" if text.startswith("[") else '[[area]]\nname = "x"\n[[area.user]]\n'
    file.write_text(f'why = {{ x = "y" }}\n{head}{text}\n')
    with pytest.raises(TableError) as err:
        load(file)
    assert want in str(err.value)
    assert "\n" not in str(err.value)


@pytest.mark.parametrize("words", [["/nonexistent"], ["/etc"], ["--what"]])
def test_bad_input(words: list[str]) -> None:
    """Invalid command lines."""
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr and "Traceback" not in done.stderr


def test_one_tree_is_not_enough_to_write(small: Path) -> None:
    """The document describes all supported kernels."""
    done = run("--write", small)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
