# SPDX-License-Identifier: GPL-2.0
"""A machine without this project: a newcomer's steps, in a minimal Debian."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from typing import IO

from checklib.checkout import copy_project
from checklib.run import Failed, tool
from vmlib import paths

# A place where a newcomer, as root, may have unpacked the sources: without git.
CHECKOUT = "root/gup_pin"
CACHE = "root/.cache/gup-pin"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "TERM": "dumb",
}
# A proxy, if there is one, belongs to the network and not to the machine.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy")
# Enters the root $1 with its own mounts, as on a machine: the root is itself a mount.
# apt's downloaded packages are kept in $2.
ENTER = """
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$1/dev/pts"
mkdir -p "$1/dev/shm"
mount -t tmpfs tmpfs "$1/dev/shm"
mount --bind "$2" "$1/var/cache/apt/archives"
root=$1
shift 2
exec chroot "$root" /bin/sh -c 'cd /root/gup_pin && exec "$@"' sh "$@"
"""


class Machine:
    """A minimal Debian of some release."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.root = paths.cache() / "fresh" / suite
        self.debs = paths.cache() / "fresh" / f"{suite}-debs"
        self.debs.parent.mkdir(parents=True, exist_ok=True)
        self.log: IO[str] = self.root.with_suffix(".log").open("w")

    def install(self) -> None:
        """Create it: only mmdebstrap's smallest variant, and the sources. Raises Failed."""
        shutil.rmtree(self.root, ignore_errors=True)
        (self.debs / "partial").mkdir(parents=True, exist_ok=True)
        sources = tool(paths.SCRIPTS / "apt_source.py", "--all", self.suite).splitlines()
        include = ["--include=ca-certificates"] if any("https:" in s for s in sources) else []
        options = ["--variant=minbase", *include]
        options += ["--aptopt=Acquire::Check-Valid-Until false", "--dpkgopt=force-unsafe-io"]
        self.log.write(tool("mmdebstrap", *options, self.suite, self.root, *sources))
        copy_project(self.root / CHECKOUT)

    def words(self, *command: str) -> list[str]:
        """The command line that runs a command in it."""
        enter = ["unshare", "--mount", "sh", "-ec", ENTER, "sh", str(self.root), str(self.debs)]
        return [*enter, *command]

    def environment(self) -> dict[str, str]:
        """The environment of its root user."""
        proxies = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**ENVIRONMENT, **proxies}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it to its end."""
        done = subprocess.run(
            self.words(*command),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=5400,
        )
        self.log.write(f"# {' '.join(command)}\n{done.stdout}{done.stderr}# {done.returncode}\n")
        return done

    def must(self, *command: str) -> str:
        """Run a command that must succeed; its stdout. Raises Failed."""
        done = self.run(*command)
        if done.returncode:
            raise Failed(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def until(self, line: re.Pattern[str], *command: str) -> tuple[int, str]:
        """Run a command until its output has that, then press Ctrl-C; status and output."""
        said = ""
        pressed = False
        # A shell starts background jobs with SIGINT ignored for good.
        with subprocess.Popen(
            ["env", "--default-signal=INT", *self.words(*command)],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            assert process.stdout
            for text in process.stdout:
                said += text
                # Once: lines like it may be in the pipe already.
                if not pressed and line.search(text):
                    os.killpg(process.pid, signal.SIGINT)
                    pressed = True
            status = process.wait()
        self.log.write(f"# {' '.join(command)}\n{said}# {status}\n")
        return status, said

    def remove(self) -> None:
        """Remove it."""
        self.log.close()
        shutil.rmtree(self.root)
