# SPDX-License-Identifier: GPL-2.0
"""Share directories of this machine with a guest without 9P: one virtiofsd for each."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from .emulator import Emulator

PROGRAM = "usr/libexec/virtiofsd"


class Server:
    """A virtiofsd, and our end of its socket, which is passed to QEMU."""

    def __init__(self, emulator: Emulator, folder: Path, writable: bool, log: Path) -> None:
        # Not the fd of a file: an anonymous name that Linux makes unique.
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("")
            listener.listen()
            self.end = socket.socket(socket.AF_UNIX)
            self.end.connect(listener.getsockname())
            # The guest is trusted, and the sandbox would need user namespaces.
            words = ["--shared-dir", str(folder), "--fd", str(listener.fileno())]
            words += ["--sandbox", "none", "--seccomp", "none", "--no-announce-submounts"]
            # A read-only directory does not change on the host while the guest runs.
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
        """Kill it, if it has not ended together with QEMU."""
        self._process.kill()
        self._process.wait()
