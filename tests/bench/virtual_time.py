"""A virtual board whose time runs only when the test lets it: exact figures, the same on any machine.

The lockstep cable of SPEC.md section 10, from the peer's side, and the board's control socket. Host
programs (`quadlane --port lockstep:PATH`) take the cable over while they run; between them the test
has it.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import socket
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BOARD = ROOT / "build/quadlane-board"
TOOL = ROOT / "build/quadlane"
BOOTLOADER = ROOT / "build/firmware/h750_w25q128-flash.bin"
PROGRAM_ADDRESS = 0x90100000
PROGRAM_OFFSET = 0x100000  # in the chip
CHIP_SIZE = 16 << 20
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
ANSWER = struct.Struct("<BBHIQ")
WALL_LIMIT_S = 120


class BoardEnded(Exception):
    """The board's process has ended, as a power-off command makes it do."""


def connect(path, process):
    """Connects to a socket that the board is about to make."""
    deadline = time.monotonic() + WALL_LIMIT_S
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
            connection.settimeout(WALL_LIMIT_S)
            return connection
        except OSError:
            connection.close()
        if process.poll() is not None or time.monotonic() > deadline:
            raise BoardEnded(f"no board behind {path}")
        time.sleep(0.0005)


class Board:
    """A virtual board on a lockstep cable; use it in a `with`."""

    def __init__(self, nor, *arguments, bootloader=BOOTLOADER):
        self.folder = tempfile.TemporaryDirectory(prefix="quadlane-time-")
        folder = pathlib.Path(self.folder.name)
        self.port = f"lockstep:{folder / 'usb'}"
        self.uart_path = folder / "uart"
        self.log = open(folder / "log", "w+b")
        self.usb_path, self.control_path = folder / "usb", folder / "control"
        command = [BOARD, "--load", f"{bootloader}@0x08000000", "--nor", nor, "--usb", self.port,
                   "--control", f"unix:{self.control_path}", "--uart",
                   f"USART1=file:{self.uart_path}", "--speed", "max", *arguments]
        self.process = subprocess.Popen([str(part) for part in command], cwd=ROOT,
                                        stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        self.cable = None
        self.line = None
        self.link = False
        self.now_ns = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for connection in (self.cable, self.line):
            if connection:
                connection.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(WALL_LIMIT_S)
        if error is not None and kind is not BoardEnded and self.said():
            print("# the board said:", *self.said().splitlines()[-25:], sep="\n#   ")
        self.log.close()
        self.folder.cleanup()

    def said(self):
        """What the board itself printed: its reports and traces."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def uart(self):
        """What the program printed."""
        return self.uart_path.read_text(errors="replace") if self.uart_path.exists() else ""

    def control(self, command):
        """One command of the control socket; returns the lines of its answer."""
        if self.line is None:
            self.line = connect(self.control_path, self.process)
        answer = b""
        try:
            self.line.sendall(command.encode() + b"\n")
            while not re.search(rb"^(ok|error.*)\n\Z", answer, re.MULTILINE):
                part = self.line.recv(65536)
                if not part:
                    raise ConnectionResetError
                answer += part
        except ConnectionError:
            raise BoardEnded(self.said()) from None
        lines = answer.decode().splitlines()
        if lines[-1] != "ok":
            raise AssertionError(f"control: {command}: {lines[-1]}")
        return lines[:-1]

    def statistics(self):
        return {name: int(value) for name, value in
                (line.split() for line in self.control("stats"))}

    def run(self, limit_ns):
        """Lets at most that much time pass; ends early when the USB link changes or bytes come."""
        try:
            if self.cable is None:
                self.cable = connect(self.usb_path, self.process)
            self.cable.sendall(struct.pack("<B3xIQ", ord("R"), 8, limit_ns))
            link, _, _, size, self.now_ns = ANSWER.unpack(self.receive(ANSWER.size))
            self.link = link == 1
            return self.receive(size)
        except ConnectionError:
            raise BoardEnded(self.said()) from None

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.cable.recv(size - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data

    def pass_time(self, duration_ns):
        """Lets exactly that much time pass."""
        end_ns = (self.run(0), self.now_ns + duration_ns)[1]
        while self.now_ns < end_ns:
            self.run(end_ns - self.now_ns)

    def release(self):
        """Gives the cable away; time stands still until somebody takes it."""
        if self.cable is not None:
            self.cable.close()
            self.cable = None
            self.settle()

    def settle(self):
        """Waits until the board has seen that the cable was let go: it serves one peer at a time."""
        try:
            self.control("stats")
        except BoardEnded:
            pass

    def enter_bootloader(self):
        """Holds the button from power-on until the host has configured the USB device."""
        self.control("button down")
        while not self.link:
            self.run(NS_PER_S)
            if self.now_ns > 3 * NS_PER_S:
                raise AssertionError("the bootloader did not come up within 3 s")
        self.control("button up")
        self.pass_time(50 * NS_PER_MS)

    def wait_program(self, limit_ns=3 * NS_PER_S):
        """Returns the time of the program's first instruction since the last reset, or None."""
        end_ns = (self.run(0), self.now_ns + limit_ns)[1]
        while True:
            started_ns = self.statistics()["program_started_ns"]
            if started_ns != 0 or self.now_ns >= end_ns:
                return started_ns or None
            self.pass_time(min(20 * NS_PER_MS, end_ns - self.now_ns))

    def host(self, *command, limit_s=WALL_LIMIT_S):
        """Runs a program that takes the cable over."""
        self.release()
        result = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True,
                                text=True, stdin=subprocess.DEVNULL, timeout=limit_s)
        self.settle()
        return result

    def tool(self, *arguments, limit_s=WALL_LIMIT_S):
        """Runs quadlane against this board."""
        return self.host(TOOL, *arguments, "--port", self.port, "--wait", 20, limit_s=limit_s)
