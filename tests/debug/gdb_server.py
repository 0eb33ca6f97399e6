"""What the tests of `quadlane gdb-server` share: a board, the server between, GDB in front.

SPDX-License-Identifier: MIT
"""
import contextlib
import re
import signal
import subprocess

from probes import ROOT, ProbedBoard, check, wait_for
from harness import TOOL

QUIET_PORTS = "tcl_port disabled; telnet_port disabled"


class GdbServer:
    """`quadlane gdb-server` in front of a probe of the board; use it in a `with`."""

    def __init__(self, board, transport, *options, server=None):
        self.board = board
        self.path = board.folder / "gdb-server.log"
        command = [TOOL, "gdb-server", "--port", f"unix:{board.usb_path}", "--listen", "0", *options]
        if transport == "built-in":
            command += ["--connect", f"127.0.0.1:{board.ports['gdb']}"]
        else:
            command += ["--", *(server or board.openocd_arguments(transport, QUIET_PORTS))]
        self.command = [str(part) for part in command]

    def __enter__(self):
        self.log = open(self.path, "w")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, cwd=ROOT)
        with contextlib.suppress(AssertionError):  # one that ends at once, as some tests want it
            wait_for(lambda: self.port_line() or self.process.poll() is not None, 10, "the port")
        self.port = self.port_line() and self.port_line().group(1)
        return self

    def port_line(self):
        return re.search(r"the debugger connects to 127\.0\.0\.1:(\d+)", self.output())

    def output(self):
        return self.path.read_text(errors="replace")

    def __exit__(self, kind, error, trace):
        self.stop()
        if error is not None:
            print("# gdb-server said:", *self.output().splitlines()[-25:], sep="\n#   ")
        self.log.close()

    def stop(self, number=signal.SIGTERM):
        """Ends it in good order; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def gdb(self, *commands, elf, limit_s=60):
        return self.board.gdb(f"127.0.0.1:{self.port}", *commands, elf=elf, limit_s=limit_s)


def blank_board(**settings):
    """A board with the bootloader, an empty chip, and a USB cable."""
    return ProbedBoard(program=None, **{"usb": True, **settings})


def expect(text, *patterns):
    """All patterns are in the text, in this order."""
    at = 0
    for pattern in patterns:
        match = re.compile(pattern, re.S).search(text, at)
        check(match, f"{pattern!r} is not in (the rest of) what was said:\n{text}")
        at = match.end()
