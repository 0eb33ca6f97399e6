"""Hosts of a board on the lockstep cable, which speak to it in virtual time.

SPDX-License-Identifier: MIT
"""
import contextlib
import random
import struct

import client
import harness
from harness import PROGRAM_ADDRESS

SAID = "blink: running"
USED = random.Random(8).randbytes((1 << 20) + 65536)  # of the programs' area


@contextlib.contextmanager
def host_of(board):
    """A Client of a board that runs, with the device configured."""
    line = client.Line(board.usb_path)
    try:
        line.wait_link()
        yield client.Client(line)
    finally:
        line.close()


class World(contextlib.ExitStack):
    """A board in its bootloader as its button is held, and a host: `attach` of a test's own makes it.

    button=False: it has no program, or a button that is not the bootloader's.
    """

    def __init__(self, *arguments, used=True, button=True, **options):
        super().__init__()
        self.button = button
        self.board = harness.Board(*arguments, usb="lockstep", **options)
        if used:
            (self.board.folder / "nor.bin").write_bytes((b"\xff" * (1 << 20) + USED).ljust(1 << 24, b"\xff"))

    def __enter__(self):
        super().__enter__()
        self.enter_context(self.board)
        if self.button:
            self.board.control("button down")
        self.serial = self.enter_context(host_of(self.board))
        self.line = self.serial.line
        if self.button:
            self.board.control("button up")
        self.attach()
        return self

    def attach(self):
        pass

    def back(self, how="reset"):
        """Resets the board, or takes its power; it comes back into its bootloader."""
        self.board.control("button down")
        self.board.control(how)
        self.line.wait_link(False)
        self.line.wait_link()
        self.board.control("button up")
        self.attach()

    def chip(self, size, address=PROGRAM_ADDRESS):
        return self.board.chip_bytes(address, size)

    def verdict(self):
        return struct.unpack_from("<H", self.serial.info()[0x0C])[0]

    def failure(self):
        """Why the last upload by DFU or PX4's protocol failed."""
        return struct.unpack("<HHI", self.serial.info()[0x1D])[0]

    def wait_program(self, said=SAID):
        self.line.wait_link(False, 2000)
        for _ in range(400):
            if said in self.board.uart():
                return
            self.line.run(5_000_000)
        raise AssertionError(f"the program says {self.board.uart()!r}")
