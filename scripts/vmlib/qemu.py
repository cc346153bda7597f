# SPDX-License-Identifier: GPL-2.0
"""The kernel to boot, its command line, and QEMU's."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import clock, paths
from .stock import Stock

# Streams between guest and host, each a virtio serial port of that name.
PORTS = ("out", "err", "control")


class KernelError(Exception):
    """The kernel to boot is not available."""


@dataclass(frozen=True)
class Options:
    """The options of scripts/vm.

    stock: a Debian kernel, instead of the project's of this version and flavour;
    devices: more devices, as for QEMU's -device; blockdevs: what they store in, as for its
    -blockdev.
    """

    command: list[str]
    version: str
    flavour: str
    memory: str
    cpus: int
    icount: bool
    one_thread: bool
    append: str
    timeout: float
    verbose: bool
    dump: Path | None
    paging: bool
    out: Path | None
    stock: Stock | None = None
    devices: tuple[str, ...] = ()
    blockdevs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wires:
    """QEMU's ends of the sockets between it and us, by file descriptor.

    shares: sockets of the file servers, by mount tag, for a guest without 9P.
    """

    monitor: int
    ports: dict[str, int]
    console: int | None
    shares: dict[str, int] = field(default_factory=dict)


def vmlinux(version: str, flavour: str) -> Path:
    """The built kernel; builds it (progress on stderr) if necessary."""
    kernel = paths.build_dir(version, flavour) / "vmlinux"
    if not kernel.exists():
        build = [str(paths.SCRIPTS / "kernel"), version, flavour]
        if subprocess.run(build, stdout=subprocess.DEVNULL, check=False).returncode:
            raise KernelError(f"scripts/kernel {version} {flavour} failed")
        if not kernel.exists():
            raise KernelError(f"scripts/kernel {version} {flavour} left no {kernel}")
    return kernel


def has_kasan(kernel: Path) -> bool:
    """Whether a built kernel has KASAN."""
    config = kernel.with_name(".config")
    return config.exists() and "\nCONFIG_KASAN=y\n" in config.read_text()


def bootable(kernel: Path) -> Path:
    """The file of a built kernel that QEMU boots.

    A copy without hundreds of MB of DWARF, made when needed: QEMU reads the whole file. With
    KASAN it is the bzImage: by PVH, the kernel calls memcmp() before KASAN's shadow memory
    exists, which is fatal where the compiler has not inlined it (gcc 14).
    """
    if has_kasan(kernel):
        return kernel.parent / "arch/x86/boot/bzImage"
    small = kernel.with_name("vmlinux.boot")
    if small.exists() and small.stat().st_mtime_ns >= kernel.stat().st_mtime_ns:
        return small
    # Made next to it and renamed: another scripts/vm may be booting the old one.
    fresh = kernel.with_name(f"vmlinux.boot.{os.getpid()}")
    try:
        subprocess.run(["strip", "-s", "-o", fresh, kernel], check=True)
        fresh.replace(small)
    except (OSError, subprocess.CalledProcessError) as error:
        raise KernelError(f"cannot strip {kernel}: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return small


def boot_word(name: str, value: str) -> str:
    """A boot parameter, quoted for the kernel if it contains blanks."""
    return f'"{name}={value}"' if " " in value else f"{name}={value}"


# loose: files do not change while the guest reads them
ROOT_OPTIONS = "trans=virtio,version=9p2000.L,cache=loose,msize=262144"


def root_arguments(options: Options) -> list[str]:
    """How the kernel, or its initramfs, finds the root and the init on it."""
    init = str(paths.SCRIPTS / "vm-init")
    if options.stock is None:
        root = f"root=root rootfstype=9p ro rootflags={ROOT_OPTIONS}"
        return [root, boot_word("init", init), "kunit.enable=0 gup_pin=on"]
    root_options = "ro" if options.stock.cloud else f"ro,{ROOT_OPTIONS}"
    root = f"vm_type={options.stock.file_system} vm_options={root_options}"
    return [root, boot_word("vm_init", init)]


def kernel_arguments(run: Path, options: Options) -> str:
    """The kernel command line; the user's words come last and so take precedence."""
    # When instructions are counted, the kernel needs 13 s to reject its APIC timer.
    icount = "nolapic_timer norandmaps" if options.icount else ""
    khz = clock.ICOUNT_KHZ if options.icount else clock.host_khz()
    words = [
        *root_arguments(options),
        boot_word("vm_run", str(run)),
        "console=ttyS0 mitigations=off",
        # panic at once ends QEMU, and so the run; an NMI is one of ours (session.py)
        "panic=-1 oops=panic unknown_nmi_panic",
        # TCG's timers are correct but late under load: skip the kernel's checks at boot
        f"tsc=reliable tsc_early_khz={khz} lpj={clock.delay_loops(khz)}",
        "no_timer_check rcupdate.rcu_expedited=1",
        icount,
        options.append,
    ]
    return " ".join(word for word in words if word)


def boot_variables(arguments: str) -> list[str]:
    """Names that the kernel may pass to init in its environment."""
    names = (word.strip('"').partition("=") for word in arguments.split())
    return sorted({name for name, equals, _ in names if equals and name.isidentifier()})


def comma(path: Path) -> str:
    """A path inside a QEMU option, where a comma has to be doubled."""
    return str(path).replace(",", ",,")


def command_line(
    options: Options,
    kernel: Path,
    console: Path,
    arguments: str,
    wires: Wires,
    initramfs: Path | None = None,
) -> list[str]:
    """QEMU's command line, without the program."""
    # QEMU's threads do not see each other's code changes at once: a guest that patches code
    # which its other CPU runs may hit an int3 that was already replaced.
    threads = "single" if options.one_thread else "multi"
    words = ["-nodefaults", "-no-user-config", "-display", "none"]
    # qboot instead of SeaBIOS: half a second less until the kernel starts
    words += ["-M", "q35", "-bios", "qboot.rom", "-cpu", "max"]
    words += ["-accel", f"tcg,thread={threads}", "-m", options.memory, "-smp", str(options.cpus)]
    if options.icount:
        words += ["-icount", "shift=0,sleep=off"]
    for node in options.blockdevs:
        words += ["-blockdev", node]
    # Before all others: an IOMMU would not know earlier devices.
    for device in options.devices:
        words += ["-device", device]
    # A guest that stops by itself (a panic reboots) stays in memory for --dump.
    words += ["-action", "reboot=shutdown,shutdown=pause", "-device", "vmcoreinfo"]
    words += ["-kernel", str(kernel), "-append", arguments]
    if initramfs is not None:
        words += ["-initrd", str(initramfs)]
    words += ["-chardev", f"socket,id=monitor,fd={wires.monitor}"]
    words += ["-mon", "chardev=monitor,mode=control"]
    if wires.console is None:
        words += ["-chardev", f"file,id=console,path={comma(console)}"]
    else:
        words += ["-chardev", f"socket,id=console,fd={wires.console},logfile={comma(console)}"]
    words += ["-serial", "chardev:console", "-device", "virtio-serial-pci"]
    for name, descriptor in wires.ports.items():
        words += ["-chardev", f"socket,id={name},fd={descriptor}"]
        words += ["-device", f"virtserialport,chardev={name},name={name}"]
    return [*words, *shares(options, wires)]


def shares(options: Options, wires: Wires) -> list[str]:
    """The part of QEMU's command line that passes folders to the guest."""
    words: list[str] = []
    if options.stock is not None and options.stock.cloud:
        # Their server reads and writes the guest's memory.
        size = options.memory if options.memory[-1] in "MG" else f"{options.memory}M"
        words += ["-object", f"memory-backend-memfd,id=memory,size={size},share=on"]
        words += ["-machine", "memory-backend=memory"]
        for tag, descriptor in wires.shares.items():
            words += ["-chardev", f"socket,id=share-{tag},fd={descriptor}"]
            words += ["-device", f"vhost-user-fs-pci,chardev=share-{tag},tag={tag}"]
        return words
    share = "local,security_model=none,multidevs=remap"
    words += ["-virtfs", f"{share},path=/,mount_tag=root,readonly=on"]
    if options.out is not None:
        words += ["-virtfs", f"{share},path={comma(options.out)},mount_tag=out"]
    return words
