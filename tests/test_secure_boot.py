# SPDX-License-Identifier: GPL-2.0
"""Signing the module as in the admin guide, and Secure Boot of Debian's kernel with it.

The firmware is OVMF. This test replaces shim: it passes the keys that a machine's owner has
enrolled to the kernel as MokListRT.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import uuid
from pathlib import Path

import pytest

from debian_machine import VERSION, Machine, path_of, run
from vmlib import cpio, emulator, paths

GUIDE = paths.PROJECT / "Documentation/admin-guide/mm/gup_pin.rst"
FIRMWARE_ROOT = "trixie-efi"
# From the UEFI specification and shim.
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
SHIM = uuid.UUID("605dab50-e046-4300-abb6-3dd810dd8b23")
# Any owner.
OWNER = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
# Persistent, and accessible to the firmware and the kernel.
ATTRIBUTES = 7
INIT = """#!/bin/busybox sh
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t securityfs securityfs /sys/kernel/security
/bin/busybox cat /sys/kernel/security/lockdown
/bin/busybox insmod /unsigned.ko && echo "unsigned: loaded"
/bin/busybox insmod /signed.ko && echo "signed: loaded"
echo the end
/bin/busybox poweroff -f
"""


def certificate_of(kernel: Path, folder: Path) -> Path:
    """The certificate of the key that signed it, from its own signature."""
    data = kernel.read_bytes()
    (header,) = struct.unpack_from("<I", data, 0x3C)
    # The fifth of the data directories, after the optional header's 112 bytes.
    (at,) = struct.unpack_from("<I", data, header + 24 + 112 + 4 * 8)
    (length,) = struct.unpack_from("<I", data, at)
    signature = folder / "kernel.p7"
    signature.write_bytes(data[at + 8 : at + length])
    return in_efi_root(
        "openssl", "pkcs7", "-inform", "DER", "-in", signature, "-print_certs", "-out",
        folder / "kernel.pem",
    )  # fmt: skip


def in_efi_root(*words: str | Path) -> Path:
    """Run a program of FIRMWARE_ROOT whose last argument is its output file."""
    run(paths.SCRIPTS / "in-root", FIRMWARE_ROOT, *words)
    return Path(words[-1])


def key_list(certificate: bytes) -> bytes:
    """A key in the format of firmware and shim."""
    size = 16 + len(certificate)
    return X509.bytes_le + struct.pack("<III", 28 + size, 0, size) + OWNER.bytes_le + certificate


def sign(machine: Machine, module: Path, folder: Path) -> tuple[Path, bytes]:
    """Follow the guide; the module, and the key's certificate."""
    (block,) = re.findall(r"^  # openssl req(?:.+\n)+", GUIDE.read_text(), re.MULTILINE)
    commands = block.replace("  # ", "")
    place = machine.root / "tmp/signed"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    shutil.copy(module, place / "gup_pin.ko")
    # The running kernel is not the machine's.
    machine.run("sh", "-ec", f"cd /tmp/signed; uname() {{ echo {machine.release}; }}\n{commands}")
    shutil.copy(place / "gup_pin.ko", folder / "signed.ko")
    signer = machine.run("modinfo", "-F", "signer", "/tmp/signed/gup_pin.ko").strip()
    assert signer == "my modules"
    return folder / "signed.ko", (place / "mok.der").read_bytes()


def variables(folder: Path, kernel: Path, mok: bytes) -> Path:
    """The firmware's variables: Secure Boot is on, and trusts Debian's key for this kernel."""
    keys = {"name": "MokListRT", "guid": str(SHIM), "attr": ATTRIBUTES}
    keys["data"] = key_list(mok).hex()
    (folder / "mok.json").write_text(json.dumps({"version": 2, "variables": [keys]}))
    return in_efi_root(
        "virt-fw-vars", "--input", "/usr/share/OVMF/OVMF_VARS_4M.fd",
        "--enroll-generate", "test", "--add-db", str(OWNER), certificate_of(kernel, folder),
        "--set-json", folder / "mok.json", "--secure-boot", "--output", folder / "vars.fd",
    )  # fmt: skip


def boot(kernel: Path, initramfs: Path, memory: Path) -> str:
    """Its console output until it ends."""
    root = path_of(paths.SCRIPTS / "debian-root", FIRMWARE_ROOT)
    qemu = emulator.get()
    code = root / "usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
    flash = "if=pflash,format=raw"
    done = subprocess.run(
        [
            *qemu.command, "-nodefaults", "-no-user-config", "-display", "none",
            "-M", "q35,smm=on", "-cpu", "max", "-accel", "tcg", "-m", "1G", "-no-reboot",
            "-global", "driver=cfi.pflash01,property=secure,value=on",
            "-drive", f"{flash},unit=0,readonly=on,file={code}",
            "-drive", f"{flash},unit=1,file={memory}",
            "-kernel", kernel, "-initrd", initramfs, "-serial", "stdio",
            "-append", "console=ttyS0 panic=-1",
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        timeout=600, env=qemu.environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_signed_module_is_loaded_and_another_is_not(machine: Machine, tmp_path: Path) -> None:
    module = path_of(paths.SCRIPTS / "module", VERSION, "--suite", "bookworm")
    signed, mok = sign(machine, module, tmp_path)
    kernel = (machine.root / "vmlinuz").resolve()
    initramfs = tmp_path / "initramfs"
    initramfs.write_bytes(
        cpio.archive(
            [
                *(cpio.folder(name) for name in ("bin", "dev", "sys")),
                cpio.terminal("dev/console", 5, 1),
                cpio.program("bin/busybox", (machine.root / "bin/busybox").read_bytes()),
                cpio.program("init", INIT.encode()),
                cpio.program("unsigned.ko", module.read_bytes()),
                cpio.program("signed.ko", signed.read_bytes()),
            ]
        )
    )
    said = boot(kernel, initramfs, variables(tmp_path, kernel, mok))
    assert "[integrity]" in said, said
    assert "the end" in said, said
    assert "unsigned: loaded" not in said
    assert "insmod: can't insert '/unsigned.ko'" in said, said
    assert "signed: loaded" in said, said
