#!/usr/bin/env python3
"""Several boards at once (`quadlane flash --all`, lists): virtual boards, each with its own trouble. Prints TAP.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import os
import pathlib
import pty
import re
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
from harness import (BLINK, PROGRAM_ADDRESS, TOOL, Board, blink_with_data, check, check_equal,  # noqa: E402
                     check_tool, run_tests, run_tool, start_tool, stop, wait_for)
import virtual_time  # noqa: E402  (found by the path above)

RATIO_LIMIT = 1.3


def uid(number):
    """--uid, and the serial number that USB then tells (SPEC.md section 6): the three words, each from its top byte."""
    text = f"26003B00515541444C41{number:04X}"
    words = [bytes.fromhex(text[at:at + 8])[::-1].hex().upper() for at in (0, 8, 16)]
    return text, "".join(words)


@contextlib.contextmanager
def boards(count, same=()):
    """`count` virtual boards where the tool looks for them; those in `same` have the first one's unique id."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quadlane-test-")))
        there = []
        for number in range(count):
            board = stack.enter_context(Board(uid=uid(0 if number in same else number)[0]))
            (folder / f"board{number}.sock").symlink_to(board.usb_path)
            board.serial = uid(0 if number in same else number)[1]
            board.wait_device()
            there.append(board)
        yield there, {"QUADLANE_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)}


def rows(process):
    return {row["serial"]: row for row in json.loads(process.stdout)["boards"]}


def holds(board, content):
    return board.chip_bytes(PROGRAM_ADDRESS, len(content)) == content


def test_all():
    """flash --all writes every board; a table with serial number, result, time and id; none is left out"""
    content = BLINK.with_suffix(".bin").read_bytes()
    with boards(3) as (there, environment):
        done = run_tool("flash", "--all", BLINK, environment=environment)
        check_tool(done, 0, ["3 boards done"])
        for board in there:
            check(re.search(rf"^{board.serial}  ok, \S+ \S+ written +\d+\.\d s +[0-9a-f]{{64}}$", done.stdout, re.M),
                  f"no line for {board.serial}:\n{done.stdout}")
            check(holds(board, content), f"the chip of {board.serial}")
            check(f"{board.serial}: writing\n" in done.stderr and "\x1b" not in done.stderr, done.stderr)
        # All run their programs now, so no bootloader is there.
        check_tool(run_tool("flash", "--all", BLINK, environment=environment), 40, "no board found")


def test_eight_at_once():
    """eight boards at once take at most 1.3 times the virtual time of one; all are being written before one is done"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        file = folder / "program.bin"
        file.write_bytes(blink_with_data(200_000, "eight"))
        there = []
        for number in range(9):
            board = stack.enter_context(virtual_time.Board(folder / f"nor{number}", "--uid", uid(number)[0]))
            board.enter_bootloader()
            board.release()
            there.append(board)

        def flash(some, *options):
            ports = [word for board in some for word in ("--port", board.port)]
            done = run_tool("flash", "--no-boot", file, *options, *ports, limit_s=200)
            check_tool(done)
            for board in some:
                board.settle()
            return done

        said = flash(there).stderr
        told = [line.rpartition(": ")[2] for line in said.splitlines()]
        check_equal(told[:told.index("ok")].count("writing"), 9, f"boards being written before one is done:\n{said}")
        alone = json.loads(flash(there[:1], "--json", "--full").stdout)["seconds"]
        together = [one["seconds"] for one in json.loads(flash(there[1:], "--json", "--full").stdout)["boards"]]
        check_equal(len(together), 8, "boards")
        ratio = max(together) / alone
        print(f"# flash_eight_ratio {ratio:.3f}: {max(together):.3f} s, one alone {alone:.3f} s")
        check(ratio <= RATIO_LIMIT, f"{ratio} times as long as one")


def test_one_of_them_fails():
    """a board that is absent, one that is in use, one named twice: the others are written, the exit code is 96"""
    with boards(3) as (there, environment):
        names = [board.serial for board in there]
        absent = uid(99)[1]
        holder = start_tool("read", "0x90000000", "16M", "/dev/null", "--port", f"unix:{there[1].usb_path}")
        try:
            wait_for(lambda: run_tool("info", "--port", f"unix:{there[1].usb_path}", "--wait", "0").returncode == 42, 20,
                     "the board being in use")
            done = run_tool("flash", BLINK, "--json", "--wait", "0.2", "--port", f"unix:{there[0].usb_path}", "--port",
                            f"unix:{there[1].usb_path}", "--port", f"unix:{there[0].usb_path}")
        finally:
            stop(holder)
        check_equal(done.returncode, 96, "exit code")
        result = json.loads(done.stdout)
        check_equal([one["ok"] for one in result["boards"]], [True, False], "results")
        check_equal((result["failed"], result["error"]["code"]), (1, "some-failed"), "result")
        check_equal(result["boards"][1]["error"]["code"], "port-busy", "the one in use")
        # The first runs its program; the others are still in their bootloaders.
        done = run_tool("flash", BLINK, "--serial", f"{names[1]},{absent.lower()}", "--serial", names[2], "--serial",
                        names[2].lower(), environment=environment)
        check_tool(done, 96, ["1 of 3 boards failed", f"no board with the serial number {absent.lower()} found"])
        check_equal(len(re.findall(r"^\S+  ok, ", done.stdout, re.M)), 2, f"boards done:\n{done.stdout}")
        check(re.search(rf"^{absent.lower()}  no-board +-  ", done.stdout, re.M), done.stdout)


def test_same_serial_number():
    """two boards with one serial number: --all writes both, a list names the trouble"""
    content = BLINK.with_suffix(".bin").read_bytes()
    with boards(3, same=(1,)) as (there, environment):
        done = run_tool("flash", BLINK, "--json", "--serial", f"{there[0].serial},{there[2].serial}",
                        environment=environment)
        check_equal(done.returncode, 96, "exit code")
        check_equal(rows(done)[there[0].serial]["error"]["code"], "several-boards", "the twins")
        check(rows(done)[there[2].serial]["ok"], "the other")
        check_tool(run_tool("flash", "--all", BLINK, environment=environment), 0, "2 boards done")
        check(all(holds(board, content) for board in there), "chips")


def test_ends():
    """Ctrl-C, a signal to one process, a board that dies: no torn program anywhere, and who may goes on"""
    with boards(3) as (there, environment), tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        file = pathlib.Path(name) / "large.bin"
        file.write_bytes(blink_with_data(2 << 20, "ends"))
        for number in (signal.SIGINT, signal.SIGTERM):
            process = start_tool("flash", "--all", "--full", file, environment=environment)
            time.sleep(0.4)
            process.send_signal(number)
            output, said = process.communicate(timeout=20)
            check_equal(process.returncode, 130, f"exit code ({output}{said})")
            check_equal(len(re.findall(r"^\S+  interrupted ", output, re.M)), 3, f"boards:\n{output}")
            for board in there:
                info = board.tool("info", "--json")
                check(json.loads(info.stdout)["board"]["serial"] == board.serial, info.stdout)
                check_tool(board.tool("boot"), 50)  # nothing that is unfinished starts
        # The first process is killed: the others end in good order by themselves.
        process = start_tool("flash", "--all", "--full", file, environment=environment)
        time.sleep(0.4)
        stop(process)
        for board in there:
            check_tool(board.tool("boot", wait_s=5), 50)
        process = start_tool("flash", "--all", "--full", "--no-boot", file, environment=environment)
        time.sleep(0.4)
        os.kill(there[1].process.pid, signal.SIGKILL)
        output, said = process.communicate(timeout=120)
        check_equal(process.returncode, 96, f"exit code ({output}{said})")
        check(re.search(rf"^{there[1].serial}  board-lost ", output, re.M), output)
        check_equal(len(re.findall(r"^\S+  ok, ", output, re.M)), 2, f"boards done:\n{output}")


def test_terminal_keys():
    """Ctrl-C on a terminal, once: all processes end in good order, and the table is there"""
    with boards(2) as (there, environment), tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        file = pathlib.Path(name) / "large.bin"
        file.write_bytes(blink_with_data(2 << 20, "keys"))
        process, terminal = pty.fork()
        if process == 0:
            os.environ.update(environment, TERM="xterm")
            os.execv(TOOL, [TOOL, "flash", "--all", "--full", file])
        shown = b""
        with contextlib.suppress(OSError):
            while True:
                part = os.read(terminal, 65536)
                if b"writing" in part and b"writing" not in shown:
                    os.write(terminal, b"\x03")
                shown += part
        os.close(terminal)
        check_equal(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), 130, f"exit code ({shown})")
        check_equal(len(re.findall(rb"  (?:\x1b\[\d+m)?interrupted ", shown)), 2, f"boards: {shown}")
        for board in there:
            check_tool(board.tool("boot"), 50)


def test_later():
    """with --wait boards that come later are taken, too, and none twice, not even under another name"""
    with boards(2) as (there, environment):
        late = pathlib.Path(environment["QUADLANE_RUNTIME_DIR"]) / "board1.sock"
        late.rename(late.with_suffix(".later"))
        process = start_tool("flash", "--all", "--wait", "4", "--no-boot", "--json", BLINK, environment=environment)
        time.sleep(1)
        late.with_suffix(".later").rename(late)
        late.with_name("board0.sock").rename(late.with_name("again.sock"))
        output, said = process.communicate(timeout=20)
        check_equal(process.returncode, 0, f"exit code ({output}{said})")
        check_equal([row["serial"] for row in json.loads(output)["boards"]], [board.serial for board in there], "boards")


def test_verify():
    """verify --all compares each board's chip"""
    with boards(2) as (there, environment):
        check_tool(there[0].tool("flash", "--no-boot", BLINK))
        done = run_tool("verify", "--all", BLINK, environment=environment)
        check_tool(done, 96, ["1 of 2 boards failed", f"{there[1].serial}: the chip does not hold"])
        check(re.search(rf"^{there[0].serial}  ok  ", done.stdout, re.M), done.stdout)
        check(re.search(rf"^{there[1].serial}  verify  ", done.stdout, re.M), done.stdout)


def test_usage():
    """what does not go together is refused before any board is touched"""
    for words in [["--all", "--serial", "A"], ["--all", "--port", "/dev/null"], ["--all", "--touch", "/dev/null"],
                  ["--serial", "A,B", "--port", "/dev/null"], ["--all", "--watch"], ["--serial", ","], ["--port", ""]]:
        check_tool(run_tool("flash", BLINK, *words), 2)
    check_tool(run_tool("flash", BLINK, "--serial", "00FF,", "--wait", "0"), 40, "number 00FF found")
    check_tool(run_tool("info", "--all"), 2, "info does not take --all")


if __name__ == "__main__":
    run_tests(dict(globals()))
