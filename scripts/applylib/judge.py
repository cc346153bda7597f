# SPDX-License-Identifier: GPL-2.0
"""What becomes of a kernel tree if the feature is put into it; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import audit
from userslib.source import Tree
from vmlib import paths

from . import fit, patchfile
from .fit import Misfit

PATCHES = paths.PROJECT / "patches"
# The tree has the feature if it has one of these, or a Makefile that names it.
OURS = ("mm/gup_pin", "include/linux/gup_pin.h")


class Refused(Exception):
    """The feature cannot be put into a tree: why, and what a person can do."""


@dataclass
class Judgement:
    """A tree and the patch that comes nearest.

    made_for: the version of that patch; hunks: how many it has; texts: the patched files;
    misfits: the hunks that do not fit; unhooked: what the audit says of the patched tree
    """

    root: Path
    version: str
    made_for: str
    hunks: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    misfits: list[Misfit] = field(default_factory=list)
    unhooked: list[str] = field(default_factory=list)

    @property
    def patch(self) -> str:
        """The patch, as a person names it."""
        return f"patches/{self.made_for}.patch"

    @property
    def fits(self) -> bool:
        """The patch is made for this version, and all of it fits."""
        return self.made_for == self.version and not self.misfits

    def functions(self) -> list[str]:
        """The functions that have hunks that do not fit, with their files; each once."""
        return list(dict.fromkeys(f"{m.file}: {m.place}" for m in self.misfits))


def versions() -> list[str]:
    """The kernels that there is a patch for, the oldest first."""
    names = [path.stem for path in PATCHES.glob("*.patch")]
    return sorted(names, key=lambda name: [int(n) for n in name.split(".")])


def tree_version(root: Path) -> str:
    """The version of a tree, as the names of the patches have it; raises Refused."""
    if not root.is_dir():
        raise Refused(f"{root} is not a directory")
    try:
        return Tree(root).version
    except ValueError as err:
        raise Refused(f"{err}: it has no Makefile with a VERSION, or no mm/gup.c") from err


def has_feature(root: Path) -> bool:
    """Is the feature in the tree, or a part of it?"""
    makefile = root / "mm/Makefile"
    named = makefile.is_file() and "gup_pin" in makefile.read_text(errors="replace")
    return named or any((root / name).exists() for name in OURS)


def _fit(root: Path, version: str, made_for: str) -> Judgement:
    found = Judgement(root, version, made_for)
    for patch in patchfile.load(PATCHES / f"{made_for}.patch"):
        found.hunks += len(patch.hunks)
        file = root / patch.name
        if not file.is_file():
            found.misfits += fit.absent(patch)
            continue
        text, misfits = fit.fit(patch, file.read_text(errors="surrogateescape"))
        found.texts[patch.name] = text
        found.misfits += misfits
    return found


def judge(root: Path) -> Judgement:
    """Try the patch of a tree's version, or else the one of which most fits.

    Raises Refused if the folder is not a kernel tree or has the feature, PatchError if a
    patch cannot be read.
    """
    version = tree_version(root)
    if has_feature(root):
        raise Refused(
            f"{root} has the feature already, or a part of it, and is unchanged; a newer one goes"
            " into a tree without it"
        )
    names = [version] if version in versions() else versions()
    found = min((_fit(root, version, name) for name in names), key=lambda j: len(j.misfits))
    found.unhooked = audit.audit(root, found.texts)[1]
    return found


def where(misfit: Misfit) -> str:
    """The place of a hunk that does not fit, and why it does not."""
    line = f":{misfit.line}" if misfit.line else ""
    return f"{misfit.file}{line}: {misfit.place}: {misfit.why}"


def _verdict(judgement: Judgement) -> Iterator[str]:
    root, version, patch = judgement.root, judgement.version, judgement.patch
    fitting = judgement.hunks - len(judgement.misfits)
    if judgement.made_for == version:
        yield f"{patch} does not fit {root} (linux {version}), which is unchanged"
    else:
        have = " and ".join(versions())
        yield f"{root} is linux {version}, for which there is no patch; it is unchanged"
        yield f"there are patches for {have}, of which {patch} comes nearest"
    if judgement.misfits:
        yield f"{fitting} of its {judgement.hunks} hunks fit, and these do not:"
        yield from (f"  {where(m)} ({patch}:{m.hunk})" for m in judgement.misfits)
    else:
        yield f"all of its {judgement.hunks} hunks fit, which is all that is known"
    if judgement.unhooked:
        yield "with those that fit, these would still be without a hook:"
        yield from (f"  {line}" for line in judgement.unhooked)


def refusal(judgement: Judgement) -> Iterator[str]:
    """Why a tree is refused, hunk by hunk, and what to do next; in lines."""
    yield from _verdict(judgement)
    mine = f"patches/{judgement.version}.patch"
    if judgement.made_for != judgement.version:
        yield f"next: cp {judgement.patch} {mine}"
    if judgement.misfits:
        yield (
            f"next: change the hunks at these lines of {mine}, or take out those of functions that"
            " this kernel does not have"
        )
    yield "next: start this again; nothing is written before all hunks fit"
    if judgement.made_for != judgement.version:
        yield (
            "then: scripts/apply --audit, which names functions without a hook; what the compiler"
            " misses has another name in this kernel, for which there is mm/gup_pin/compat.h"
        )
