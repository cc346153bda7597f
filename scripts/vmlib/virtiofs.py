# SPDX-License-Identifier: GPL-2.0
"""Folders of this machine for a guest that has no 9P: by virtiofsd, one for each."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from .emulator import Emulator

PROGRAM = "usr/libexec/virtiofsd"


class Server:
    """A virtiofsd, and our end of its socket, which is for QEMU."""

    def __init__(self, emulator: Emulator, folder: Path, writable: bool, log: Path) -> None:
        # It belongs to no file: Linux gives it a name that nothing else has.
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("")
            listener.listen()
            self.end = socket.socket(socket.AF_UNIX)
            self.end.connect(listener.getsockname())
            # The guest is no adversary, and the sandbox would need user namespaces.
            words = ["--shared-dir", str(folder), "--fd", str(listener.fileno())]
            words += ["--sandbox", "none", "--seccomp", "none", "--no-announce-submounts"]
            # What is read only is so for the time of the guest, too.
            words += ["--cache=never", "--allow-mmap"] if writable else ["--cache=always"]
            if not writable:
                words.append("--readonly")
            command = [*emulator.program(PROGRAM), *words]
            with log.open("ab") as errors:
                # setpriv: as for QEMU (session.py)
                self._process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "SIGKILL", "--", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    env=emulator.environment,
                    pass_fds=[listener.fileno()],
                    start_new_session=True,
                )

    def stop(self) -> None:
        """End it, if it has not ended with QEMU."""
        self._process.kill()
        self._process.wait()
