# SPDX-License-Identifier: GPL-2.0
"""Users of pins in Debian's kernel, whose drivers the project's own kernels lack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vmlib import paths, stock

from .built import Built
from .programs import ANY_REPORT, FILE_SYSTEMS, USERS, unskipped
from .results import FAILED, Result
from .run import Failed, Guest, path_from, tap_programs
from .stock import MODULES, images, judge_figures, options_of

# Drivers that pin, and modules for their programs; scripts/drivers builds others.
DRIVERS = (
    "9p 9pnet_fd btrfs dummy f2fs ib_uverbs nfsd nfsv4 nvme rdma_rxe rdma_ucm rds_rdma"
    " scsi_debug sd_mod sg st tls vfio_iommu_type1 vfio_pci vhost_net vhost_vdpa virtio_vdpa"
    " virtio_net vduse vivid"
)
# Debian's programs for them.
ROOT = "trixie-users"
SELFTESTS = "tools/testing/selftests/gup_pin"
VFIO = "gup_pin_vfio"
# A disk that takes its time for both data and metadata of 8 bytes for each block.
NVME = (
    "--blockdev",
    "driver=null-co,node-name=slow,size=67108864,read-zeroes=on,latency-ns=250000000",
    *("--device", "nvme,id=nvme,serial=gup_pin"),
    *("--device", "nvme-ns,bus=nvme,drive=slow,ms=8"),
)
IOMMU = ("--append", "intel_iommu=on", "--device", "intel-iommu", "--device", "edu")
# rdma-core's own programs.
RDMA = "tests/rdma_guest.sh"
# In the guest: load the modules first, with its own modprobe.
LOAD = """
cp -rT "$5/etc/libibverbs.d" /etc/libibverbs.d &&
modprobe -a $1 && sh "$2/load" "$2" && insmod "$3" && cd "$4" || exit
shift 5
exec "$@"
"""
RUN = """
for p; do
    name=${p%% *}
    echo "== ${name##*/}"
    timeout 900 $p 2>&1
    echo "== status $?"
done
echo "== verify"
cat /sys/kernel/debug/gup_pin/verify /sys/kernel/debug/gup_pin/stats
"""


@dataclass(frozen=True)
class Place:
    """A guest.

    programs: to run in it, with their arguments; options: more for scripts/vm;
    reports: the allowed reports.
    """

    name: str
    programs: tuple[str, ...]
    options: tuple[str, ...] = ()
    reports: str = "page allocation"


def scenes(name: str) -> str:
    """A program with only its scenes on file systems that only such a kernel has."""
    source = (paths.PROJECT / SELFTESTS / f"{name}.c").read_text()
    variants = re.findall(rf"^FIXTURE_VARIANT_ADD\(file, ((?:{FILE_SYSTEMS})_\w+)\)", source, re.M)
    return " ".join([f"./{name}", *(f"-v {variant}" for variant in variants)])


def places() -> list[Place]:
    """The guests of one kernel."""
    together = tuple(f"./{name}" for name in USERS if name != VFIO)
    return [
        Place("users", (*together, str(paths.PROJECT / RDMA)), NVME),
        Place("users of VFIO", (f"./{VFIO}",), IOMMU),
        Place("innocents", (scenes("gup_pin_innocent_file"),)),
        Place("guilty", (scenes("gup_pin_guilty_file"),), reports=ANY_REPORT),
    ]


def loaded(image: stock.Stock, folder: Path) -> list[str | Path]:
    """How a guest's command begins: load all modules; the rest is run in that folder."""
    module = path_from(paths.SCRIPTS / "module", image.version, *options_of(image))
    root = path_from(paths.SCRIPTS / "debian-root", ROOT)
    drivers = path_from(paths.SCRIPTS / "drivers", image.version)
    return ["sh", "-c", LOAD, "sh", f"{MODULES} {DRIVERS}", drivers, module, folder, root]


def run_place(built: Built, image: stock.Stock, place: Place) -> list[Result]:
    """All programs of one guest, on the module that was built for its kernel."""
    words = ["--stock", image.version, *options_of(image), "-m", "3G", "-t", "3600"]
    guest = Guest(
        [*words, *place.options],
        [
            *loaded(image, built.programs),
            paths.SCRIPTS / "in-root",
            *(ROOT, "sh", "-c", RUN, "sh", *place.programs),
        ],
    )
    what = f"{image.release}: {place.name}"
    names = [Path(program.partition(" ")[0]).name for program in place.programs]
    # All drivers are there: no skip is allowed.
    results = unskipped(tap_programs(guest, names, what))
    _, ended, figures = guest.out.partition("\n== verify\n")
    results += judge_figures(figures if ended else guest.whole(), what)
    return [*results, guest.splats(f"{what}: no splat", place.reports)]


def users(built: Built) -> list[Result]:
    """Programs whose pages are pinned by drivers that only Debian's kernels have."""
    image = images(built.version)[0]
    try:
        return [r for place in places() for r in run_place(built, image, place)]
    except Failed as err:
        return [Result(f"{image.folder.name}: users", FAILED, str(err))]
