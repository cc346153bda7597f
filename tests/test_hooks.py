# SPDX-License-Identifier: GPL-2.0
"""The cost of unused hooks, read from the compiled mm/gup.c."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from conftest import PROJECT
from vmlib import paths


@pytest.fixture(scope="module", name="build")
def fixture_build(version: str) -> Path:
    """The build folder of the test kernel."""
    done = subprocess.run(
        [PROJECT / "scripts" / "kernel", version, "test"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


def compile_gup(build: Path, source: Path, result: Path, *more: str) -> None:
    """Compile another copy of mm/gup.c as the kernel's build did."""
    text = (build / "mm/.gup.o.cmd").read_text()
    match = re.search(r"^savedcmd_mm/gup\.o := (.*?)(?: ; |$)", text, re.MULTILINE)
    assert match
    words = shlex.split(match[1].replace("$(pound)", "#"))
    old = next(w for w in words if w.endswith("/mm/gup.c"))
    words[words.index(old)] = str(source)
    words[words.index("mm/gup.o")] = str(result)
    words = [w for w in words if w != "ccache" and not w.startswith("-Wp,-MMD")]
    # Warnings contain the file's name, which must have the same length.
    prefix = f"-fmacro-prefix-map={source.parent.parent}/="
    subprocess.run([*words, prefix, *more], cwd=build, check=True)


def sections(path: Path) -> dict[str, int]:
    """The sizes of the allocated sections, without those for the debugger."""
    out = subprocess.run(["size", "-A", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()[2:]]
    return {
        r[0]: int(r[1])
        for r in rows
        if len(r) == 3 and not r[0].startswith((".debug", ".comment", "Total"))
    }


def test_option_off_costs_nothing(
    build: Path, tree: Path, pristine: Path, tmp_path: Path
) -> None:
    """With the option off every section of mm/gup.o has its original size."""
    off = tmp_path / "off.h"
    off.write_text("#undef CONFIG_DEBUG_GUP_PIN\n")
    results = []
    for name, source in (("without", pristine), ("with", tree)):
        result = tmp_path / f"{name}.o"
        compile_gup(build, source / "mm/gup.c", result, "-include", str(off))
        results.append(result)
    without, with_ = map(sections, results)
    assert without[".text"] > 10000
    assert with_ == without


def test_switched_off_is_nops(build: Path) -> None:
    """Every hook is a jump label on our key, and its code is a nop."""
    vmlinux = build / "vmlinux"
    symbols = subprocess.run(
        ["nm", vmlinux], capture_output=True, text=True, check=True
    ).stdout
    address = {
        line.split()[2]: int(line.split()[0], 16)
        for line in symbols.splitlines()
        if len(line.split()) == 3
    }
    key = address["gup_pin_hooks"]
    headers = subprocess.run(
        ["readelf", "-SW", vmlinux], capture_output=True, text=True, check=True
    ).stdout
    data = vmlinux.read_bytes()

    def at(virtual: int, size: int) -> bytes:
        for row in re.findall(
            r"\] (\S+)\s+\S+\s+([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+)", headers
        ):
            start, offset, length = (int(x, 16) for x in row[1:])
            if start and start <= virtual and virtual + size <= start + length:
                return data[offset + virtual - start : offset + virtual - start + size]
        raise AssertionError(hex(virtual))

    found = []
    for entry in range(address["__start___jump_table"], address["__stop___jump_table"], 16):
        raw = at(entry, 16)
        code = entry + int.from_bytes(raw[0:4], "little", signed=True)
        to = entry + 8 + int.from_bytes(raw[8:16], "little", signed=True)
        # The key's low bits are the compiled default.
        if to & ~3 == key:
            found.append((code, to & 3, at(code, 5)))
    # All functions of the audit, dump_page(), and functions inlined several times.
    assert len(found) >= len(re.findall(r"gup_pin_\w+\(", (paths.PROJECT / "patches" /
                                                         "6.12.patch").read_text())) - 4
    for code, likely, instruction in found:
        assert not likely & 1
        assert instruction[:2] in (b"\x66\x90",) or instruction == bytes.fromhex("0f1f440000"), (
            hex(code),
            instruction.hex(),
        )
