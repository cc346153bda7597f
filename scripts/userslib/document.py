# SPDX-License-Identifier: GPL-2.0
"""Documentation/mm/gup_pin_users.rst, made from the table of users."""

from __future__ import annotations

from collections.abc import Sequence

from suiteslib import measured
from suiteslib.table import load as load_suites
from vmlib import paths

from .compare import Kernel
from .table import COUNTERPART, RELEASES, Table, User

DOCUMENT = paths.PROJECT / "Documentation/mm/gup_pin_users.rst"

HEAD = """\
.. SPDX-License-Identifier: GPL-2.0

==================
Users of page pins
==================

All callers in Linux {kernels} of the functions that take FOLL_PIN references. ``scripts/users
--write`` makes this file from these kernels' sources and ``scripts/config/users.toml``;
``scripts/users KDIR`` names unlisted callers in another tree.

A caller is a function outside ``mm/gup.c`` that calls one of these:

{api}

or one of the functions below that pass the pins to their callers. Those have no test of
their own: their callers are listed, and need one. The list ends where pins are passed through
a table of functions: file systems below iomap, drivers below videobuf2, and drivers that get pages
from VFIO or iommufd are not listed. Neither are callers that map user memory into a request of the
block layer, whose pages are those of its bios. Tools and samples are left out, as is
``get_user_pages()``, whose references are not pins.

Words for the way pins are dropped:

{words}

{total} callers: {tested} have a test that sees their pins, {handing} pass the pins on, {none} take
no pins, {later} could run in QEMU and have no test yet, and {never} cannot run there.
"""


def functions(names: Sequence[str]) -> str:
    """Names of functions, in a text."""
    return ", ".join(f"{name}()" for name in names)


def how(user: User) -> str:
    """How a user drops its pins."""
    words = ", ".join(user.release)
    by = ", ".join(f"{p.name}() in {p.file}" for p in user.by)
    return f"{words}; by {by}" if by else words


def tested(user: User, have: set[str]) -> str:
    """The tests, or the reason for their lack; have: the kernels with one of the callers."""
    if user.tests:
        return "; ".join(
            f"{test} ({', '.join(sorted({test.kernel} if test.kernel else have))})"
            for test in user.tests
        )
    if user.hands_on:
        return "those of its callers"
    return f"none: {user.why}"


def row(user: User, kernels: Sequence[Kernel]) -> str:
    """A user's row in a list-table."""
    lines, all_have = [], set()
    for place in user.callers:
        have = [k.version for k in kernels if place in k.takes]
        called = sorted({name for k in kernels for name in k.takes.get(place, ())})
        all_have.update(have)
        only = f" ({have[0]})" if len(have) < len(kernels) else ""
        lines.append(f"| {place.file}: {place.name}(){only} calls {functions(called)}")
    who = "\n       ".join(lines)
    return f"   * - {who}\n     - {how(user)}\n     - {tested(user, all_have)}\n"


def area(name: str, users: Sequence[User], kernels: Sequence[Kernel]) -> str:
    """The section for an area."""
    rows = "".join(row(user, kernels) for user in users)
    return f"""
{name}
{"=" * len(name)}

.. list-table::
   :header-rows: 1
   :widths: 55 20 25

   * - Caller
     - Drops pins
     - Test
{rows}"""


def numbers(table: Table, later: str) -> dict[str, int]:
    """The number of callers of each sort."""
    count = dict.fromkeys(("tested", "handing", "none", "later", "never"), 0)
    for user in table.users:
        if user.tests:
            kind = "tested"
        elif user.hands_on:
            kind = "handing"
        elif user.release == ("none",):
            kind = "none"
        else:
            kind = "later" if user.why.startswith(later) else "never"
        count[kind] += len(user.callers)
    return {"total": sum(count.values()), **count}


def document(table: Table, kernels: Sequence[Kernel]) -> str:
    """The whole file."""
    api = sorted({name for kernel in kernels for name in kernel.api})
    used = {w for u in table.users for w in u.release if not COUNTERPART.fullmatch(w)}
    words = "".join(f"| {w}: {RELEASES[w][0]}\n" for w in RELEASES if w in used)
    head = HEAD.format(
        kernels=" and ".join(k.version for k in kernels),
        api="".join(f"| {name}()\n" for name in api).rstrip(),
        words=f"{words}| name(): by that function, the counterpart of the one that was called",
        **numbers(table, table.reasons["later"]),
    )
    names = list(dict.fromkeys(user.area for user in table.users))
    areas = (area(n, [u for u in table.users if u.area == n], kernels) for n in names)
    return head + "".join(areas) + measured.section(measured.load(), load_suites())
