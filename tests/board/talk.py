"""Requests to a board over its socket, from SPEC.md alone, beside what the tool does.

SPDX-License-Identifier: MIT
"""
import socket
import struct
import time

from client import HELLO, UNLOCK, frame, split, unstuff
from harness import check


class Requests:
    """A connection to a bootloader that is there or comes soon; use it in a `with`. `hello` is the answer to HELLO."""

    def __init__(self, board):
        self.board, self.connection = board, None

    def __enter__(self):
        self.connect()
        return self

    def __exit__(self, *error):
        self.connection.close()

    def connect(self):
        """Opens the port, as often as it takes; also once more, after a reset."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self.open()
                self.hello = self.request(HELLO, struct.pack("<HHI", 1, 1, 0))
                self.connection.settimeout(10)
                return
            except (OSError, AssertionError):  # nobody is there yet
                check(time.monotonic() < deadline, "no bootloader came up")
                time.sleep(0.05)

    def open(self):
        if self.connection:
            self.connection.close()
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(2)
        self.connection.connect(str(self.board.usb_path))
        self.tag, self.held = 0, b""

    def send(self, kind, payload, tag=0):
        self.connection.sendall(b"\0" + frame(kind, tag, payload))

    def request(self, kind, payload=b""):
        """Returns status, detail and content of the answer."""
        self.tag = self.tag % 0xFFFF + 1
        self.send(kind, payload, self.tag)
        while True:
            while b"\0" not in self.held:
                part = self.connection.recv(65536)
                check(part, "the line closed")
                self.held += part
            line, _, self.held = self.held.partition(b"\0")
            if not line:
                continue
            answered, tag, answer = split(unstuff(line))
            if (answered, tag) == (kind | 0x80, self.tag):
                status, _, detail = struct.unpack_from("<HHI", answer)
                return status, detail, answer[8:]

    def unlock(self, key, today=1):
        return self.request(UNLOCK, struct.pack("<I", today) + key)
