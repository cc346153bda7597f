# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of addresses in modules, which the test kernels do not have."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gup_pin import modules
from gup_pin.errors import Faults
from gup_pin.memory import Field, Record
from gup_pin.modules import Modules
from mock_command import MockFaultError, mock_drgn
from mock_memory import MockMemory

# The layout of the ABI.
SYMBOL = Record("struct elf64_sym", 24, [Field(0, 32), Field(48, 16), Field(64, 64)])

# Adjacent modules with a gap between them; the first has its data below its text.
TEXT_A, TEXT_B, DATA_A, SIZE = 0xC0002000, 0xC0004000, 0xC0000000, 0x1000
TEXT, UNDEFINED = 1, 0

# Name, section, address.
Symbol = tuple[str, int, int]
SYMBOLS_A: list[Symbol] = [
    ("", TEXT, 0),
    ("printk", UNDEFINED, TEXT_A + 0x18),
    ("data", TEXT, DATA_A + 8),
    ("last", TEXT, TEXT_A + 0x100),
    ("first", TEXT, TEXT_A + 0x10),
    ("alias", TEXT, TEXT_A + 0x10),
    ("", TEXT, TEXT_A + 0x20),
    ("$x", TEXT, TEXT_A + 0x28),
    (".L1", TEXT, TEXT_A + 0x30),
]
SYMBOLS_B: list[Symbol] = [("", TEXT, 0), ("b", TEXT, TEXT_B)]


def value(number: int) -> SimpleNamespace:
    """A number in a program."""
    return SimpleNamespace(value_=lambda: number)


@dataclass
class MockModule:
    """A struct module with its regions."""

    name: Any
    regions: list[tuple[int, int]]
    kallsyms: Any


def make_module(
    memory: MockMemory, name: bytes, starts: list[int], symbols: list[Symbol]
) -> MockModule:
    """A module with these symbols."""
    strings, entries = b"", b""
    for text, section, address in symbols:
        entries += struct.pack("<IBBHQQ", len(strings), 0, 0, section, address, 0)
        strings += text.encode() + b"\0"
    kallsyms = SimpleNamespace(
        num_symtab=value(len(symbols)),
        symtab=value(memory.put(entries)),
        strtab=value(memory.put(strings)),
    )
    regions = [(0, 0), *((start, SIZE) for start in starts)]
    return MockModule(SimpleNamespace(string_=lambda: name), regions, kallsyms)


class Kernel:
    """Two modules."""

    def __init__(self) -> None:
        """The loaded modules."""
        self.memory, self.faults = MockMemory(), Faults()
        self.loaded = [
            make_module(self.memory, b"a", [DATA_A, TEXT_A], SYMBOLS_A),
            make_module(self.memory, b"b", [TEXT_B], SYMBOLS_B),
        ]
        prog: Any = SimpleNamespace()
        self.modules = Modules(prog, self.memory, self.faults.add)

    def find(self, _prog: object, pc: int) -> MockModule | None:
        """The module that contains an address."""
        for module in self.loaded:
            if any(start <= pc < start + size for start, size in module.regions):
                return module
        return None


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A program in which drgn finds its modules."""
    kernel = Kernel()
    helpers = ModuleType("drgn.helpers.linux.module")
    vars(helpers).update(
        address_to_module=kernel.find,
        module_address_regions=lambda module: module.regions,
    )
    monkeypatch.setitem(sys.modules, "drgn", mock_drgn())
    monkeypatch.setitem(sys.modules, "drgn.helpers.linux.module", helpers)
    monkeypatch.setattr(modules, "find_record", lambda *_: SYMBOL)
    return kernel


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (TEXT_A + 0x10, "first+0x0/0xf0 [a]"),
        # Without a name, the assembler's, or another module's: no symbol.
        (TEXT_A + 0x38, "first+0x28/0xf0 [a]"),
        # The last one ends with the region, not with the next module.
        (TEXT_A + 0x110, "last+0x10/0xf00 [a]"),
        (TEXT_A + 0xFFF, "last+0xeff/0xf00 [a]"),
        # Symbols do not extend into another region of a module.
        (TEXT_A + 0x8, f"{TEXT_A + 8:#x} [a]"),
        (DATA_A + 8, "data+0x0/0xff8 [a]"),
        (TEXT_B + 1, "b+0x1/0x1000 [b]"),
        (TEXT_A + SIZE, None),
    ],
)
def test_name(kernel: Kernel, address: int, name: str | None) -> None:
    """As find_kallsyms_symbol() finds it."""
    assert kernel.modules.name(address) == name
    assert kernel.modules.name(address) == name
    assert not kernel.faults


@pytest.mark.parametrize("what", ["symtab", "strtab", "num_symtab"])
def test_symbols_that_are_not_in_the_dump(kernel: Kernel, what: str) -> None:
    """The module is still named, and other addresses are not affected."""
    wrong = value(1 << 31 if what == "num_symtab" else 0x9000)
    setattr(kernel.loaded[0].kallsyms, what, wrong)
    assert kernel.modules.name(TEXT_A + 0x11) == f"{TEXT_A + 0x11:#x} [a]"
    assert kernel.modules.name(TEXT_A + 0x12) == f"{TEXT_A + 0x12:#x} [a]"
    assert kernel.modules.name(TEXT_B) == "b+0x0/0x1000 [b]"
    (line,) = kernel.faults.lines()
    assert line.startswith("symbols of a module")


def test_a_module_that_is_not_in_the_dump(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address has no name; without modules none is reported."""
    for error in (MockFaultError("0x10"), KeyError("modules")):

        def find(_prog: object, _pc: int, error: Exception = error) -> None:
            raise error

        helpers = sys.modules["drgn.helpers.linux.module"]
        monkeypatch.setattr(helpers, "address_to_module", find)
        assert kernel.modules.name(TEXT_A) is None


def test_a_kernel_without_kallsyms(kernel: Kernel) -> None:
    """It is not a fault."""
    del kernel.loaded[0].kallsyms
    assert kernel.modules.name(TEXT_A) == f"{TEXT_A:#x} [a]"
    assert not kernel.faults
