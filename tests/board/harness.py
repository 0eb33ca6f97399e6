"""What tests of the whole system share: start a virtual board, run the tool against it, print TAP.

Every wait has a limit. Paths are relative to the repository's root, where `make test` runs.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import os
import pathlib
import shutil
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import seal

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BOARD = ROOT / "build/quadlane-board"
TOOL = ROOT / "build/quadlane"
BOOTLOADER = ROOT / "build/firmware/h750_w25q128-flash.bin"
BLINK = ROOT / "build/sdk/blink/blink.elf"
FAST = ROOT / "build/sdk/fast/fast.elf"
CONSOLE = ROOT / "build/sdk/console/console.elf"
GUESTS = ROOT / "build/arm/tests/board/guests"
BASE, PROGRAM_ADDRESS = 0x90000000, 0x90100000
PROGRAMS_SIZE = 15 << 20
os.environ["XDG_CONFIG_HOME"] = "/nonexistent"  # a developer's own configuration is none of the tests' business
START_LIMIT_NS = 20_000_000  # from power-on to a program's first instruction, without a cable


class Board:
    """A running virtual board in a folder of its own; use it in a `with`.

    Programs that `--load` puts into the chip are sealed, unless sealed=False.

    usb: True for a socket, "lockstep" for the cable whose peer owns the time, False for none. At speed max the
    time of a board that sleeps goes hundreds of times faster than the wall clock's.
    """

    def __init__(self, *arguments, bootloader=BOOTLOADER, nor=None, usb=True, speed="max",
                 timeout_s=1000000, uid=None, sealed=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-test-"))
        self.usb_path = self.folder / "usb"
        self.control_path = self.folder / "control"
        self.uart_path = self.folder / "uart"
        command = [BOARD]
        if bootloader:
            command += ["--load", f"{bootloader}@0x08000000"]
        self.nor = nor or self.folder / "nor.bin"
        command += ["--nor", self.nor]
        cable = {True: "unix", "lockstep": "lockstep"}.get(usb)
        command += ["--usb", f"{cable}:{self.usb_path}" if cable else "none"]
        command += ["--uart", f"USART1=file:{self.uart_path}"]
        command += ["--control", f"unix:{self.control_path}"]
        command += ["--speed", speed, "--timeout", str(timeout_s)]
        if uid:
            command += ["--uid", uid]
        self.command = [str(part) for part in [*command, *arguments]]
        self.sealed = sealed

    def __enter__(self):
        if self.sealed:
            self.command += seal.seal_command(self.command, self.folder)
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, cwd=ROOT)
        wait_for(lambda: self.listens() or self.process.poll() is not None, 10,
                 "the board's control socket")
        with contextlib.suppress(OSError):  # one that has ended already
            self.control("stats")  # once it answers, all its sockets are there
        return self

    def listens(self):
        """A socket's file is there a moment before somebody listens on it."""
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.control_path)) == 0

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if error is not None:
            print("# the board said:", *self.output().splitlines()[-25:], sep="\n#   ")
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def output(self):
        """What the board itself printed (its reports, not the UART)."""
        self.log.flush()
        return (self.folder / "log").read_text(errors="replace")

    def uart(self):
        """What the program printed on USART1 so far."""
        return self.uart_path.read_text(errors="replace") if self.uart_path.exists() else ""

    def wait_exit(self, limit_s=30):
        """Waits for the board's own end and returns its exit code."""
        return self.process.wait(limit_s)

    def wait_uart(self, text, limit_s=30):
        wait_for(lambda: text in self.uart() or self.process.poll() is not None, limit_s,
                 f"{text!r} on the UART")
        check(text in self.uart(), f"{text!r} on the UART, which says {self.uart()[-300:]!r}")

    def chip_bytes(self, address=PROGRAM_ADDRESS, size=PROGRAMS_SIZE, file=None):
        """What the chip's file holds; it is the board's memory itself. `file`: another one in the board's folder."""
        with open(self.folder / file if file else self.nor, "rb") as chip:
            chip.seek(address - BASE)
            return chip.read(size)

    def control(self, line):
        """One command on the control socket; returns its answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.control_path))
            connection.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n") or not (b"ok" in answer or b"error" in answer):
                part = connection.recv(4096)
                if not part:
                    break
                answer += part
        return answer.decode()

    def statistics(self):
        values = {}
        for line in self.control("stats").splitlines():
            parts = line.split()
            if len(parts) == 2:
                try:
                    values[parts[0]] = float(parts[1])
                except ValueError:
                    values[parts[0]] = parts[1]
        return values

    def start_ns(self):
        """Virtual time from the last reset to the program's first instruction."""
        found = self.statistics()
        return found["program_started_ns"] - found["reset_ns"]

    def wait_device(self, limit_s=10):
        """Until the USB host has configured the bootloader; its port takes connections from then on."""
        wait_for(lambda: self.statistics()["usb_enumerations"] >= 1, limit_s, "the USB device")

    def tool(self, *arguments, limit_s=60, wait_s=20):
        """Runs quadlane against this board."""
        return run_tool(*arguments, "--port", f"unix:{self.usb_path}", "--wait", str(wait_s),
                        limit_s=limit_s)

    def start_tool(self, *arguments, wait_s=20):
        """The same without waiting for its end."""
        return start_tool(*arguments, "--port", f"unix:{self.usb_path}", "--wait", str(wait_s))


def blink_with_data(size, seed, mixed=None):
    """A program with data behind it; its byte at the offset `mixed` is neither FF nor 00."""
    content = bytearray(BLINK.with_suffix(".bin").read_bytes() + random.Random(seed).randbytes(size))
    if mixed is not None:
        content[mixed] = 0x3E
    return bytes(content[:size])


def modes_of_chip(suspend, enter_qpi, enter_four_byte, read, address_bytes, mode, clocks, allow=0):
    """What the guest `modes` wants to know of its chip, for 0x24001004; `clocks`: the mode's and dummy ones of `read`."""
    ccr = 1 << 8 | 3 << 10 | (address_bytes - 1) << 12 | 3 << 14 | (clocks - 2) << 18 | 3 << 24 | 1 << 26 | read
    return struct.pack("<6I", suspend, enter_qpi, enter_four_byte, ccr, mode, allow)


def start_tool(*arguments, environment=None):
    """Starts quadlane; use `stop` or `communicate`."""
    return subprocess.Popen([str(part) for part in [TOOL, *arguments]], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
                            env={**os.environ, **(environment or {})})


def stop(process):
    """Ends a process that was started here, and takes it away."""
    if process.poll() is None:
        process.kill()
    process.communicate()


def run_tool(*arguments, limit_s=60, environment=None, cwd=ROOT):
    """Runs quadlane; returns the finished process with stdout and stderr as text."""
    return subprocess.run([str(part) for part in [TOOL, *arguments]], capture_output=True, text=True,
                          timeout=limit_s, cwd=cwd, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(environment or {})})


def copy_sources(folder, built=()):
    """A tree to change and to build in: all sources, and of build/ these folders, so that only what is new gets built."""
    shutil.copytree(ROOT, folder, ignore=lambda path, names: {"build", ".git"} & set(names)
                    if pathlib.Path(path) == ROOT else set(), dirs_exist_ok=True)
    for part in built:
        shutil.copytree(ROOT / "build" / part, folder / "build" / part)


def wait_for(condition, limit_s, what):
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {limit_s} s")
        time.sleep(0.01)


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def check_equal(found, expected, what):
    check(found == expected, f"{what}: found {found!r}, expected {expected!r}")


def check_tool(process, code=0, says=()):
    """The tool ended with `code` and said each of `says`."""
    text = process.stdout + process.stderr
    check(process.returncode == code,
          f"exit code {process.returncode}, expected {code}; it said:\n{text}")
    for words in [says] if isinstance(says, str) else says:
        check(words in text, f"{words!r} is not in:\n{text}")


def json_of(process):
    check_tool(process)
    return json.loads(process.stdout)


def run_tests(module_globals):
    """Runs each test_... function of a module, named by its doc string, and prints TAP."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # boards end, folders go
    tests = [(name, value) for name, value in module_globals.items()
             if name.startswith("test_") and callable(value)]
    chosen = sys.argv[1:]
    tests = [(name, value) for name, value in tests if not chosen or name in chosen]
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests, 1):
        title = (test.__doc__ or name).strip().split("\n")[0]
        try:
            test()
            print(f"ok {number} - {title}", flush=True)
        except Exception:  # every failure of a test is one `not ok`, whatever it was
            failed += 1
            print(f"not ok {number} - {title}")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), flush=True)
    sys.exit(1 if failed else 0)
