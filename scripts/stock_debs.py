#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Choose the Debian packages that a stock kernel consists of.

Reads the names of all packages from stdin, and prints the kernel's release (uname -r) and
then the packages of it, one a line.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable

FLAVOURS = {"generic": "amd64", "cloud": "cloud-amd64"}


def order(release: str) -> list[int]:
    """Sort key for releases of one version and flavour, the newest last."""
    return [int(number) for number in re.findall(r"\d+", release.partition("-")[0])]


def newest(names: Iterable[str], version: str, flavour: str) -> str | None:
    """The newest release of a version that has both an image and headers.

    Archives keep images longer than the headers of the same release.
    """
    # 6.12.117+deb12-amd64; not the metapackage 6.12-amd64, and not -unsigned
    pattern = rf"({re.escape(version)}\.[0-9]+\+deb[0-9.]+-{FLAVOURS[flavour]})"
    images, headers = set(), set()
    for name in names:
        if match := re.fullmatch(rf"linux-(?:image|binary)-{pattern}", name):
            images.add(match[1])
        elif match := re.fullmatch(rf"linux-headers-{pattern}", name):
            headers.add(match[1])
    return max(images & headers, key=order, default=None)


def packages(names: Iterable[str], release: str, flavour: str) -> list[str]:
    """The packages of a release: kernel, modules, headers, and the tools to build modules."""
    base = release.removesuffix(f"-{FLAVOURS[flavour]}")
    split = f"linux-binary-{release}" in set(names)
    # Since 7.x, linux-image-* is a metapackage that depends on these.
    kernel = [f"linux-binary-{release}", f"linux-modules-{release}", f"linux-base-{release}"]
    return [
        *(kernel if split else [f"linux-image-{release}"]),
        f"linux-headers-{release}",
        f"linux-headers-{base}-common",
        f"linux-kbuild-{base}",
    ]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="the kernel's version, e.g. 6.12")
    parser.add_argument("flavour", choices=FLAVOURS)
    given = parser.parse_args()
    names = sys.stdin.read().split()
    release = newest(names, given.version, given.flavour)
    if release is None:
        print(f"stock_debs: no {given.flavour} kernel {given.version}", file=sys.stderr)
        return 1
    print("\n".join([release, *packages(names, release, given.flavour)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
