# SPDX-License-Identifier: GPL-2.0
"""The QEMU monitor: JSON lines over a socket that a selector loop reads."""

from __future__ import annotations

import json
import socket
from typing import Any


class Monitor:
    """Sends commands, and separates answers from events."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""
        self.events: list[str] = []
        self.answers: list[dict[str, Any]] = []

    def send(self, command: str, **arguments: object) -> None:
        """Send one command; answers arrive later, in order."""
        message: dict[str, object] = {"execute": command}
        if arguments:
            message["arguments"] = {
                name.replace("_", "-"): value for name, value in arguments.items()
            }
        self.sock.sendall(json.dumps(message).encode() + b"\n")

    def feed(self, data: bytes) -> None:
        """Sort data from QEMU into events and answers; its greeting is neither."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if not line.strip():
                continue
            message = json.loads(line)
            if "event" in message:
                self.events.append(message["event"])
            elif "return" in message or "error" in message:
                self.answers.append(message)
