#!/usr/bin/env python3
"""quadlane flash --watch: boards that restart, files that change, and what can go wrong meanwhile. Prints TAP.

SPDX-License-Identifier: MIT
"""
import contextlib
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import time

from harness import (BLINK, CONSOLE, FAST, ROOT, TOOL, Board, check, check_equal, check_tool, run_tests, start_tool,
                     wait_for)


class Watch:
    """A running `quadlane flash --watch` with its output; in a folder of its own for its locks."""

    def __init__(self, board, *arguments, environment=None):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-watch-"))
        self.log = open(self.place / "log", "w+")
        port = ["--port", f"unix:{board.usb_path}"] if board else []
        self.process = subprocess.Popen(
            [str(part) for part in [TOOL, "flash", "--watch", *arguments, *port]], cwd=ROOT,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            env=environment or {**os.environ,
                                "QUADLANE_RUNTIME_DIR": str(board.folder if board else self.place)})

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if error is not None:
            print("# the watcher said:", *self.output().splitlines(), sep="\n#   ")
        self.log.close()
        shutil.rmtree(self.place)

    def output(self):
        return (self.place / "log").read_text(errors="replace")

    def wait_says(self, text, count=1, limit_s=30):
        wait_for(lambda: self.output().count(text) >= count or self.process.poll() is not None, limit_s,
                 f"{text!r} x {count} in {self.output()!r}")
        check(self.output().count(text) >= count, f"{text!r} x {count} is not in {self.output()!r}")

    def end(self, number=signal.SIGINT, code=0):
        self.process.send_signal(number)
        check_equal(self.process.wait(10), code, f"exit code; it said {self.output()!r}")


@contextlib.contextmanager
def file_of(program):
    """A copy of a program that the test may change."""
    with tempfile.TemporaryDirectory(prefix="quadlane-watch-") as name:
        path = pathlib.Path(name) / "firmware.elf"
        if program:
            shutil.copy(program, path)
        yield path


def replace(path, program):
    """As a build does that writes aside and renames."""
    aside = path.with_suffix(".new")
    shutil.copyfile(program, aside)
    aside.rename(path)


def test_restarts():
    """the file goes into the board at its start, and again whenever that restarts; a changed file at the next restart"""
    with Board(speed="real") as board, file_of(FAST) as path, Watch(board, path) as watch:
        board.wait_uart("fast: done")
        watch.wait_says("written and verified")
        check_equal(watch.output().count("started"), 1, "starts")
        board.control("reset")
        watch.wait_says("the chip held it already")
        watch.wait_says("started", 2)
        replace(path, BLINK)
        watch.wait_says(f"{path} changed")
        check("it goes in when the board restarts" in watch.output(), watch.output())
        check_equal(watch.output().count("started"), 2, "nothing happens before the board restarts")
        board.control("reset")
        watch.wait_says("started", 3)
        wait_for(lambda: board.statistics()["usb_enumerations"] >= 1, 5, "the device")
        watch.end()
        check(watch.output().endswith("ended\n"), watch.output())
        check_tool(board.tool("verify", path), 40)  # its program runs, so no bootloader is there
        board.control("button down")
        board.control("reset")
        check_tool(board.tool("verify", path))


def test_debugger_restarts():
    """a debugger restarts the board: the new program goes in and stops at the breakpoint in main"""
    with Board("--gdb", "0", speed="real") as board, file_of(BLINK) as path:
        wait_for(lambda: "--gdb is on" in board.output(), 10, "the debug port")
        target = ":" + board.output().split("--gdb is on 127.0.0.1:")[1].split()[0]
        with Watch(board, path) as watch:
            watch.wait_says("started")
            replace(path, FAST)
            watch.wait_says("changed")
            script = ["target extended-remote " + target, "monitor reset halt",
                      "maintenance flush register-cache", "hbreak main", "continue", "info symbol $pc",
                      "print noise = 5", "monitor reset", "detach"]
            arguments = [part for line in script for part in ("-ex", line)]
            text = subprocess.run(["gdb-multiarch", "-q", "-nx", "-batch", str(path), *arguments],
                                  capture_output=True, text=True, timeout=60,
                                  stdin=subprocess.DEVNULL).stdout
            check("main in section .text" in text, text)
            check("$1 = 5" in text, text)
            watch.wait_says("started", 3)
            watch.end()


def test_while_being_written():
    """a file that is being written when the board restarts: the board is kept for the whole one"""
    with Board(speed="real") as board, file_of(None) as path, Watch(board, path) as watch:
        content = CONSOLE.read_bytes()
        watch.wait_says("is not there; waiting for it")
        check_equal(board.statistics()["nor.sectors_erased"], 0, "erases before there is a file")
        with open(path, "wb") as file:
            for at in range(0, len(content), len(content) // 7 + 1):
                file.write(content[at:at + len(content) // 7 + 1])
                file.flush()
                time.sleep(0.3)
                check("started" not in watch.output(), watch.output())
        watch.wait_says("started")
        watch.end()
        board.wait_uart("console: all self-tests passed")


def test_half_written_and_left():
    """a file that stays half written is named, the board starts what it has, and the next whole file goes in"""
    with Board("--load", f"{FAST.with_suffix('.bin')}@0x90100000", speed="real") as board, \
            file_of(FAST) as path, Watch(board, path) as watch:
        watch.wait_says("started")
        path.write_bytes(BLINK.read_bytes()[:3000])
        watch.wait_says("truncated")
        watch.wait_says("to be built again")
        board.uart_path.write_text("")
        board.control("reset")
        board.wait_uart("fast: done")
        check_equal(watch.output().count("started"), 1, "starts")
        replace(path, BLINK)
        watch.wait_says("changed")
        board.control("reset")
        watch.wait_says("started", 2)
        watch.end()


def test_file_vanishes():
    """a file that vanishes and comes back is waited for; the same content again is no change"""
    with Board(speed="real") as board, file_of(FAST) as path, Watch(board, path) as watch:
        watch.wait_says("started")
        path.unlink()
        watch.wait_says("is not there")
        replace(path, FAST)
        board.control("reset")
        watch.wait_says("started", 2)
        check("changed" not in watch.output().replace("sectors changed", ""), watch.output())
        watch.end(signal.SIGTERM)


def test_changed_meanwhile():
    """a file that changes while the board is being written goes in before the program starts"""
    with Board(speed="real") as board, file_of(CONSOLE) as path, Watch(board, path, "--full") as watch:
        wait_for(lambda: board.statistics()["nor.bytes_programmed"] >= 100_000, 20, "the first pages")
        replace(path, FAST)
        watch.wait_says("changed")
        watch.wait_says("started")
        board.wait_uart("fast: done")
        check("console" not in board.uart(), board.uart()[:200])
        watch.end()


def test_unplugged():
    """a cable that is pulled in the middle, for long: it is named, and the next time all goes in"""
    with Board(speed="real") as board, file_of(CONSOLE) as path, Watch(board, path) as watch:
        wait_for(lambda: board.statistics()["nor.bytes_programmed"] >= 100_000, 20, "the first pages")
        board.control("usb unplug")
        watch.wait_says("did not come back")
        board.control("usb plug")
        watch.wait_says("started")
        board.wait_uart("console: all self-tests passed")
        watch.end()


def test_ended_in_the_middle():
    """Ctrl-C while it writes ends in good order and says what the chip holds"""
    with Board(speed="real") as board, file_of(CONSOLE) as path, Watch(board, path) as watch:
        wait_for(lambda: board.statistics()["nor.bytes_programmed"] >= 100_000, 20, "the first pages")
        watch.end(code=130)
        check("interrupted" in watch.output(), watch.output())
        check_tool(board.tool("flash", path))


def test_two_watchers():
    """a second watcher of the same board ends at once and names the first"""
    with Board(speed="real") as board, file_of(FAST) as path, Watch(board, path) as watch:
        watch.wait_says("started")
        with Watch(board, BLINK) as second:
            check_equal(second.process.wait(10), 80, "exit code of the second")
            check(f"process {watch.process.pid}" in second.output(), second.output())
        check(watch.process.poll() is None, "the first goes on")
        serial = watch.output().split("board h750_w25q128 ")[1].split()[0]
        with Watch(None, BLINK, "--serial", serial) as other:
            time.sleep(0.5)
            check(other.process.poll() is None, "one with locks of its own goes on: " + other.output())
        watch.end()
        with Watch(board, path) as third:
            board.control("reset")
            third.wait_says("started")
            third.end()


def test_asked_to_stay():
    """who asked the board to stay in its bootloader has it first"""
    with Board(speed="real") as board, file_of(FAST) as path, Watch(board, path) as watch:
        watch.wait_says("started")
        board.control("button down")
        board.control("reset")
        watch.wait_says("started", 2)
        board.control("button up")
        board.control("reset")
        watch.wait_says("started", 3)
        watch.end()
        board.control("button down")
        board.control("reset")
        check_tool(board.tool("reset", "--bootloader"))
        board.control("button up")
        with Watch(board, path) as again:
            again.wait_says("is in its bootloader")
            check_tool(board.tool("flash", BLINK, "--no-boot"))
            again.wait_says("started")
            again.end()
        board.wait_uart("fast: done")


def test_other_boards():
    """it keeps to the first board it met; two at once are a question to the user"""
    with Board(speed="real") as board, Board(speed="real", uid="010203040506070809101112") as other, \
            tempfile.TemporaryDirectory(prefix="quadlane-watch-") as name:
        runtime = pathlib.Path(name)
        environment = {**os.environ, "QUADLANE_RUNTIME_DIR": name}
        (runtime / "a.sock").symlink_to(board.usb_path)
        with Watch(None, BLINK, environment=environment) as watch:
            watch.wait_says("started")
            (runtime / "b.sock").symlink_to(other.usb_path)
            time.sleep(1)
            board.control("reset")
            watch.wait_says("started", 2)
            check_equal(other.statistics()["nor.bytes_programmed"], 0, "bytes written into the other board")
            watch.end()
        board.control("button down")
        board.control("reset")
        check_tool(board.tool("info"))  # now both are in their bootloaders
        with Watch(None, BLINK, environment=environment) as watch:
            check_equal(watch.process.wait(20), 41, "exit code with two boards")
            check("--serial" in watch.output(), watch.output())


def test_raw_binary():
    """a raw binary with its address; --no-boot writes each change at once, since the board stays in its bootloader"""
    with Board(speed="real") as board, tempfile.TemporaryDirectory(prefix="quadlane-watch-") as name:
        path = pathlib.Path(name) / "data.bin"
        path.write_bytes(b"one" * 1000)
        with Watch(board, path, "--data", "--no-boot") as watch:
            watch.wait_says("verified")
            path.write_bytes(b"two" * 1000)
            watch.wait_says("verified", 2)
            time.sleep(1.5)
            check_equal(watch.output().count("verified"), 2, "a board that stays is written once for each change")
            watch.end()
        check_tool(board.tool("verify", path))
        with Watch(board, "0x90300000", path, "--data") as watch:
            watch.wait_says("at 0x90300000")
            watch.end()
        check_tool(board.tool("verify", "0x90300000", path))


def test_foreign_port():
    """a serial port that is no bootloader's, though it was named, gets not a byte"""
    leader, follower = pty.openpty()
    with Watch(None, FAST, "--port", os.ttyname(follower)) as watch:
        watch.wait_says("waiting for the board")
        check(not select.select([leader], [], [], 1.5)[0], "something was written to the port")
        watch.end()
    os.close(leader)
    os.close(follower)


def test_refused():
    """files that no board takes end it with their code at once; so do options that make no sense"""
    with Board() as board, tempfile.TemporaryDirectory(prefix="quadlane-watch-") as name:
        bad = pathlib.Path(name) / "bad.elf"
        bad.write_bytes(pathlib.Path("/bin/true").resolve().read_bytes())
        os.utime(bad, (1, 1))
        for arguments, code, says in [((bad,), 21, "x86"), ((BLINK, "--wait", "3"), 2, "without end"),
                                      (("0x90000000", BLINK.with_suffix(".bin")), 31, "reserved")]:
            process = start_tool("flash", "--watch", *arguments, "--port", f"unix:{board.usb_path}")
            output, errors = process.communicate(timeout=20)
            check_equal(process.returncode, code, errors)
            check(says in errors, errors)


if __name__ == "__main__":
    run_tests(globals())
