# SPDX-License-Identifier: GPL-2.0
"""A machine whose debugfs and /proc are plain files."""

from __future__ import annotations

import subprocess
from pathlib import Path

from gup_pin_tool.files import Run, write

# The kernel's side of a filter: writes are logged, and refused if requested.
SHIM = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
/* What happens while the program waits. */
int nanosleep(const struct timespec *span, struct timespec *left)
{
	(void)span;
	(void)left;
	if (getenv("SHIM_NEW"))
		rename(getenv("SHIM_NEW"), getenv("SHIM_OLD"));
	return 0;
}
ssize_t write(int fd, const void *text, size_t size)
{
	FILE *log = fopen(getenv("SHIM_LOG"), "a");

	(void)fd;
	fprintf(log, "%.*s\n", (int)size, (const char *)text);
	fclose(log);
	if (getenv("SHIM_REFUSES")) {
		errno = EINVAL;
		return -1;
	}
	return lseek(fd, 0, SEEK_SET) ? -1 : (ssize_t)size;
}
"""
# The program sees a folder instead of the kernel's files.
MASK = """
eval "$2"
mkdir -p "$1/proc/self"
sed "$3" /proc/self/mountinfo >"$1/proc/self/mountinfo"
if [ -d /sys/kernel/debug ]; then mount --bind "$1/nothing" /sys/kernel/debug; fi
mount --bind "$1/proc" /proc
shift 3
exec env "$@"
"""


class Machine:
    """A machine with debugfs at its own place, made of files."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.debugfs = folder / "debug"
        self.files = self.debugfs / "gup_pin"
        for path in ("proc/42", "nothing", "debug/gup_pin"):
            (folder / path).mkdir(parents=True)
        write(folder / "proc" / "mounts", f"none {self.debugfs} debugfs rw 0 0")
        (folder / "shim.c").write_text(SHIM)
        command: list[str | Path] = [
            "gcc",
            "-shared",
            "-fPIC",
            "-o",
            folder / "shim.so",
            folder / "shim.c",
        ]
        subprocess.run(command, check=True)

    def run(
        self,
        *words: str | Path,
        status: int = 0,
        refuses: bool = False,
        prepare: str = "",
        mounts: str = "",
        later: tuple[Path, Path] | None = None,
    ) -> Run:
        """The output of the program there.

        prepare: shell commands to run first, in the same mount namespace
        mounts: sed commands that change its view of the mounts
        later: a file that replaces another one while the program waits
        """
        env = [f"LD_PRELOAD={self.folder}/shim.so", f"SHIM_LOG={self.folder}/told"]
        env += ["SHIM_REFUSES=1"] * refuses
        if later:
            env += [f"SHIM_NEW={later[0]}", f"SHIM_OLD={later[1]}"]
        (self.folder / "told").unlink(missing_ok=True)
        command: list[str | Path] = [
            "unshare",
            "-m",
            "sh",
            "-ec",
            MASK,
            "sh",
            self.folder,
            prepare,
            mounts,
            *env,
            self.program,
        ]
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == status, done
        return done

    def told(self) -> list[str]:
        """The filters that were written."""
        log = self.folder / "told"
        return log.read_text().splitlines() if log.exists() else []
