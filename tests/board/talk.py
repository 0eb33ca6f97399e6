"""Requests to a board over its socket, from SPEC.md alone, beside what the tool does.

SPDX-License-Identifier: MIT
"""
import pathlib
import socket
import struct
import sys
import time
import zlib

from harness import check

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from fake_board import stuff, unstuff  # noqa: E402


class Requests:
    """A connection to a bootloader that is there or comes soon; use it in a `with`."""

    def __init__(self, board):
        self.board = board

    def __enter__(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                self.connect()
                self.request(0x01, struct.pack("<HHI", 1, 1, 0))  # HELLO
                return self
            except (OSError, AssertionError):  # nobody is there yet
                self.connection.close()
                check(time.monotonic() < deadline, "no bootloader came up")
                time.sleep(0.05)

    def connect(self):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(10)
        self.connection.connect(str(self.board.usb_path))
        self.tag, self.held = 0, b""

    def __exit__(self, *error):
        self.connection.close()

    def request(self, kind, payload=b""):
        """Returns status, detail and content of the answer."""
        self.tag += 1
        text = struct.pack("<BBHHH", kind, 0, self.tag, len(payload), 0) + payload
        self.connection.sendall(b"\0" + stuff(text + struct.pack("<I", zlib.crc32(text))))
        while True:
            while b"\0" not in self.held:
                part = self.connection.recv(4096)
                check(part, "the line closed")
                self.held += part
            line, _, self.held = self.held.partition(b"\0")
            if not line:
                continue
            answer = unstuff(line)
            if answer[0] == kind + 0x80 and struct.unpack_from("<H", answer, 2)[0] == self.tag:
                return struct.unpack_from("<HHI", answer, 8)[::2] + (answer[16:-4],)
