#!/usr/bin/python3
"""What the tool shows on terminals of several sizes, on dumb ones, in pipes; colours, --quiet, --verbose. Prints TAP.

The terminal is the emulator pyte behind a pseudo-terminal (Debian's Python runs this, since the package is for it); only
stderr is on it, so that what is checked is progress and messages.

SPDX-License-Identifier: MIT
"""
import contextlib
import fcntl
import os
import pathlib
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pyte

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent / "board")]
from fake_board import FakeBoard  # noqa: E402
from harness import ROOT, TOOL, Board, blink_with_data, check, check_equal, check_tool, run_tests  # noqa: E402

PROGRAM = struct.pack("<II", 0x24080000, 0x90100009) + bytes(range(256)) * 1600
ROWS = 24
SIZES = (1, 2, 5, 10, 20, 40, 60, 80, 200)


class Run:
    """The tool with stderr on a terminal."""

    def __init__(self, *words, columns=80, rows=ROWS, environment=None, resize=None, stdout=subprocess.PIPE):
        self.columns, self.bytes = columns, b""
        self.screen = pyte.Screen(columns, rows)
        stream = pyte.ByteStream(self.screen)
        master, slave = os.openpty()
        self.size(master, columns, rows)
        process = subprocess.Popen([TOOL, *map(str, words)], stdin=subprocess.DEVNULL, stderr=slave, cwd=ROOT,
                                   stdout=slave if stdout is None else stdout,
                                   env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **(environment or {})})
        os.close(slave)
        deadline = time.monotonic() + 60
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline:
                if not select.select([master], [], [], 0.1)[0]:
                    continue
                part = os.read(master, 65536)
                self.bytes += part
                stream.feed(part)
                if resize and b"writing" in self.bytes:
                    self.size(master, resize, rows)
                    self.screen.resize(rows, resize)
                    resize = None
        os.close(master)
        self.stdout = process.communicate(timeout=10)[0]
        self.code = process.returncode
        self.text = self.bytes.decode()
        self.lines = [line.rstrip() for line in self.screen.display if line.strip()]

    def size(self, terminal, columns, rows):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def drawn(self):
        """Each text that was drawn into a line, without control sequences."""
        return [part for part in re.split(r"[\r\n]+", re.sub(r"\x1b\[\d*[A-Zm]", "", self.text)) if part]


@contextlib.contextmanager
def place(boards=1):
    """Boards that the tool finds, and a file; yields the file and the environment."""
    with tempfile.TemporaryDirectory(prefix="quadlane-cli-") as name, contextlib.ExitStack() as stack:
        os.chmod(name, 0o700)
        file = pathlib.Path(name) / "program.bin"
        file.write_bytes(PROGRAM)
        for number in range(boards):
            stack.enter_context(FakeBoard(pathlib.Path(name) / f"{number}.sock", uid=(1, 2, 3 + number)))
        yield file, {"QUADLANE_RUNTIME_DIR": name}


def test_widths():
    """from 1 to 200 columns nothing is wider than the terminal, and each phase is one line"""
    for columns in SIZES:
        with place() as (file, environment):
            run = Run("flash", "--no-boot", "--full", file, columns=columns, environment=environment)
            check_equal(run.code, 0, f"exit code ({run.text})")
            widest = max([len(text) for text in run.drawn()], default=0)
            check(widest < columns, f"{widest} columns of {columns}: {run.drawn()}")
            check_equal(run.text.count("\n"), 2, f"lines at {columns} columns: {run.text!r}")
            if columns >= 20:
                check(re.match(r"writing +(\[#+\] +)?100 %", run.lines[0]) and run.lines[1].startswith("verifying"), run.lines)
            check_equal("[###" in run.text, columns >= 60, f"a bar at {columns} columns")


def test_resize():
    """a terminal that becomes narrower in the middle gets narrower lines from then on"""
    with Board() as board, tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        file = pathlib.Path(name) / "large.bin"
        file.write_bytes(blink_with_data(1 << 20, "resize"))
        run = Run("flash", "--no-boot", file, "--port", f"unix:{board.usb_path}", "--wait", 20, columns=90, resize=24)
        check_equal(run.code, 0, f"exit code ({run.text})")
        texts = run.drawn()
        check(max(map(len, texts)) > 60 and len(texts[-1]) < 24 and texts[-1].startswith("verifying"), texts)


def test_no_control_characters():
    """dumb terminals, terminals without a name and pipes get lines without control characters"""
    for environment in ({"TERM": "dumb"}, {"TERM": ""}):
        with place() as (file, own):
            run = Run("flash", "--no-boot", file, environment={**own, **environment})
            check_equal(run.code, 0, f"exit code ({run.text})")
            check("\x1b" not in run.text and "writing: 100 %\r\nverifying" in run.text, run.text)
            check(re.search(r"\r(?!\n)", run.text) is None, run.text)
    for words in (["flash", "--no-boot", "--full"], ["flash", "--all", "--no-boot"], ["verify", "--all"], ["verify"]):
        with place() as (file, own):
            run = subprocess.run([TOOL, *words, file], capture_output=True, text=True, env={**os.environ, **own}, timeout=20)
            check(re.search(r"[^\x20-\x7e\n]", run.stdout + run.stderr) is None, f"{words}: {run}")


def test_closed_pipe():
    """a reader that goes away does not stop the work at the board; then the tool ends as others do in a pipe"""
    for words in (["--port", "0.sock"], ["--all"]):
        with place() as (file, environment):
            board = environment["QUADLANE_RUNTIME_DIR"]
            words = [word.replace("0.sock", f"unix:{board}/0.sock") for word in words]
            run = subprocess.Popen([TOOL, "flash", "--no-boot", *words, file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, env={**os.environ, **environment})
            run.stdout.close()
            check_equal(run.wait(30), -signal.SIGPIPE, "exit code")
            check_tool(tool("verify", *words, file, environment=environment), 0)


def test_several():
    """several boards: a line each, drawn over until all are done; lines of steps where there are more boards than rows"""
    for columns in (1, 12, 30, 100):
        with place(3) as (file, environment):
            run = Run("flash", "--all", "--no-boot", file, columns=columns, environment=environment)
            check_equal(run.code, 0, f"exit code ({run.text})")
            widest = max([len(text) for text in run.drawn()], default=0)
            check(widest < columns, f"{widest} columns of {columns}: {run.drawn()}")
            if columns >= 30:
                check_equal(len(run.lines), 3, f"lines at {columns} columns: {run.lines}")
                for number, line in enumerate(run.lines):
                    check(re.fullmatch(rf"[0-9A-F]*0{number + 3}?[0-9A-F]* +ok", line), run.lines)
    with place(4) as (file, environment):
        run = Run("flash", "--all", "--no-boot", file, rows=3, environment=environment)
        check(run.code == 0 and "\x1b" not in run.text and run.text.count(": writing\r\n") == 4, run.text)


def test_colours():
    """colours only on terminals, not with NO_COLOR or TERM=dumb; --color decides otherwise"""
    with place(0) as (file, environment):
        for words, more, coloured in [([], {}, True), ([], {"NO_COLOR": "1"}, False), ([], {"TERM": "dumb"}, False),
                                      (["--color", "never"], {}, False), (["--color=always"], {"NO_COLOR": "1"}, True),
                                      (["--color", "always"], {"TERM": "dumb"}, True), (["--color=auto"], {}, True)]:
            run = Run("info", "--wait", 0, *words, environment={**environment, **more})
            check_equal(run.code, 40, run.text)
            check_equal("\x1b[31mquadlane:\x1b[0m no board" in run.text, coloured, f"{words} {more}: {run.text!r}")
            check_equal("\x1b" in run.text, coloured, f"{words} {more}: {run.text!r}")
        piped = subprocess.run([TOOL, "info", "--wait", "0"], capture_output=True, env={**os.environ, **environment, "TERM": "xterm"})
        check(b"\x1b" not in piped.stderr, piped.stderr)
        check_equal(subprocess.run([TOOL, "info", "--color", "red"], capture_output=True).returncode, 2, "--color red")
    with place() as (file, environment):
        run = Run("flash", "--all", "--no-boot", file, environment=environment, stdout=None)
        check(run.code == 0 and "\x1b[32mok, " in run.text, run.text)


def tool(*words, environment):
    return subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
                          env={**os.environ, **environment}, cwd=ROOT)


def test_quiet_and_verbose():
    """--quiet leaves errors alone, on terminals, too; --verbose tells on stderr what is done; not both"""
    with place() as (file, environment):
        for words in (["flash", "--no-boot", file], ["verify", file], ["flash", "--all", "--no-boot", file],
                      ["read", "0x90100000", "4K", file.with_name("copy")], ["erase", "0x90200000", "4K", "--yes"]):
            run = Run(*words, "--quiet", environment=environment)
            check_equal((run.code, run.text, run.stdout), (0, "", b""), f"{words}")
        check_equal(tool("verify", file, "--quiet", "--serial", "00", "--wait", "0", environment=environment).stderr.count("\n"), 2,
                    "an error's sentence and hint")
        plain = tool("flash", "--no-boot", "--full", file, environment=environment)
        told = tool("flash", "--no-boot", "--full", file, "-v", environment=environment)
        check(re.sub(r"in .*", "", told.stdout) == re.sub(r"in .*", "", plain.stdout), f"stdout: {plain.stdout}{told.stdout}")
        for words in ("HELLO of 000000", "operations erase", "update ", "verified by the board", "damaged"):
            check(re.search(rf"^\[ +\d+\.\d{{3}}\] .*{words}", told.stderr, re.M), f"{words}: {told.stderr}")
        check("[" not in plain.stderr, plain.stderr)
        check_equal(tool("info", "--quiet", "--verbose", environment=environment).returncode, 2, "both")
    with place(2) as (file, environment):
        told = tool("flash", "--all", "--no-boot", file, "--verbose", environment=environment)
        check_equal(len(re.findall(r"^\[ +[\d.]+\] \w+: update \w+: verified", told.stderr, re.M)), 2, told.stderr)


if __name__ == "__main__":
    run_tests(dict(globals()))
