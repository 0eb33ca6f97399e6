#!/usr/bin/env python3
"""How the tool finds virtual boards: none, one, two, stale sockets, strangers on a socket, boards that come later. TAP.

SPDX-License-Identifier: MIT
"""
import contextlib
import os
import pathlib
import socket
import subprocess
import tempfile
import threading

from harness import (BLINK, BOARD, BOOTLOADER, Board, check, check_equal, check_tool, json_of, run_tests, run_tool,
                     start_tool, stop, wait_for)

FIRST, SECOND = "000000000000000000000001", "000000000000000000000002"
SERIALS = {FIRST: "000000000000000001000000", SECOND: "000000000000000002000000"}


class Place:
    """A folder of its own where boards put their sockets; use it in a `with`."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="quadlane-test-")
        self.path = pathlib.Path(self.folder.name)
        self.environment = {"QUADLANE_RUNTIME_DIR": str(self.path)}
        self.boards = []
        return self

    def __exit__(self, *_):
        for board in self.boards:
            stop(board)
        self.folder.cleanup()

    def start(self, uid=FIRST):
        """A board that nobody told where to listen."""
        command = [BOARD, "--load", f"{BOOTLOADER}@0x08000000", "--uart", "USART1=file:/dev/null", "--uid", uid,
                   "--speed", "max", "--control", f"unix:{self.path}/control-{len(self.boards)}"]
        self.boards.append(subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                            env={**os.environ, **self.environment}))
        return self.boards[-1]

    def tool(self, *arguments, wait_s=10):
        return run_tool(*arguments, *([] if arguments[0] == "list" else ["--wait", wait_s]),
                        environment=self.environment)

    def listed(self):
        return json_of(self.tool("list", "--json"))["boards"]

    def wait_ready(self, count):
        wait_for(lambda: [one["state"] for one in self.listed()] == ["ready"] * count, 10, f"{count} boards")


def test_none():
    """no board: list shows none, everything else ends with 40 and says what to do"""
    with Place() as place:
        check_tool(place.tool("list"), 0, "no board found")
        check_equal(place.listed(), [], "boards")
        for arguments in (["info"], ["flash", BLINK], ["boot"]):
            check_tool(place.tool(*arguments, wait_s=0), 40, "--wait")
        check_tool(place.tool("info", "--serial", "1234", wait_s=0), 40, "1234")
        check_tool(run_tool("info", "--port", f"unix:{place.path}/none", "--wait", 0), 40, "none")
        check_tool(run_tool("info", "--port", "/dev/ttyNoSuchPort", "--wait", 0), 40, "ttyNoSuchPort")


def test_no_folder():
    """the folder for sockets is missing: no board, no complaint"""
    check_tool(run_tool("list", environment={"QUADLANE_RUNTIME_DIR": "/nonexistent"}), 0, "no board found")


def test_one():
    """one board: found without being named, by its serial number, by its port"""
    with Place() as place:
        place.start()
        check_tool(place.tool("info"), 0, SERIALS[FIRST])
        check_tool(place.tool("info", "--serial", SERIALS[FIRST]), 0, "h750_w25q128")
        check_tool(place.tool("info", "--port", f"unix:{place.path}/h750_w25q128.sock"), 0, SERIALS[FIRST])
        check_tool(place.tool("info", "--serial", SERIALS[SECOND], wait_s=0.5), 40)


def test_two():
    """two boards: named by serial number each is found; unnamed is an error that shows both"""
    with Place() as place:
        for uid in (FIRST, SECOND):
            place.start(uid)
        place.wait_ready(2)
        check_equal({one["serial"] for one in place.listed()}, set(SERIALS.values()), "serial numbers")
        check_equal(sorted(path.name for path in place.path.glob("*.sock")),
                    ["h750_w25q128-2.sock", "h750_w25q128.sock"], "sockets")
        refused = place.tool("flash", BLINK)
        check_tool(refused, 41, [*SERIALS.values(), "--serial"])
        for serial in SERIALS.values():
            check_tool(place.tool("flash", "--no-boot", BLINK, "--serial", serial), 0, "verified")
            found = json_of(place.tool("info", "--json", "--serial", serial))
            check_equal(found["board"]["serial"], serial, "serial number")
            check(found["program"]["can_start"], "the program")


def test_start_at_once():
    """boards that start at the same moment, all in a folder that a killed one used: each has its own socket"""
    for _ in range(5):
        with Place() as place:
            left = socket.socket(socket.AF_UNIX)
            left.bind(str(place.path / "h750_w25q128.sock"))
            left.close()
            for number in range(8):
                place.start(f"{number:024x}")
            wait_for(lambda: len(list(place.path.glob("*.sock"))) == 8, 10, "8 sockets")
            check_equal({board.poll() for board in place.boards}, {None}, "ended boards")


def test_two_at_once():
    """two boards flashed at the same time do not disturb each other"""
    with Place() as place:
        for uid in (FIRST, SECOND):
            place.start(uid)
        place.wait_ready(2)
        tools = [start_tool("flash", BLINK, "--no-boot", "--serial", serial, environment=place.environment)
                 for serial in SERIALS.values()]
        for tool in tools:
            said, error = tool.communicate(timeout=30)
            check_equal(tool.returncode, 0, f"exit code; it said {said}{error}")


def test_stale_socket():
    """a socket that a killed board left behind: not a board; the next board takes its place"""
    with Place() as place:
        board = place.start()
        place.wait_ready(1)
        board.kill()
        board.wait(10)
        check((place.path / "h750_w25q128.sock").exists(), "the socket is left behind")
        check_equal(place.listed(), [], "boards")
        check_tool(place.tool("info", wait_s=0), 40)
        check_tool(run_tool("info", "--port", f"unix:{place.path}/h750_w25q128.sock", "--wait", 0), 40)
        place.start(SECOND)
        check_tool(place.tool("info"), 0, SERIALS[SECOND])
        check_equal(len(list(place.path.glob("*.sock"))), 1, "sockets")


def test_good_end():
    """a board that ends in good order takes its socket away"""
    with Place() as place:
        board = place.start()
        place.wait_ready(1)
        board.terminate()
        check_equal(board.wait(10), 128 + 15, "exit code")
        check_equal(list(place.path.glob("*")), [], "what is left")


@contextlib.contextmanager
def stranger(path, answer):
    """Somebody else on a socket, who sends `answer` for whatever comes; None: hangs up."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(5)

    def serve():
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line, contextlib.suppress(OSError):
                while answer is not None and line.recv(65536):
                    line.sendall(answer)
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def test_strangers():
    """a stranger on the socket: nonsense is 46, silence 45, hanging up 40; list says so; a real board is found"""
    with Place() as place:
        path = place.path / "h750_w25q128.sock"
        port = ["--port", f"unix:{path}", "--wait", "0.5"]
        for answer, code in ((b"login: \r\n\0\x01\x02\x03", 46), (b"", 45), (None, 40)):
            with stranger(path, answer):
                check_tool(run_tool("info", *port), code)
                states = [one["state"] for one in place.listed()]
                check("ready" not in states, f"state of a stranger: {states}")
            path.unlink()


def test_wait():
    """--wait: the tool starts first, the board comes later"""
    with Place() as place:
        tool = start_tool("info", "--wait", 20, environment=place.environment)
        try:
            check("waiting for the board" in tool.stderr.readline(), "the tool waits")
            place.start()
            said, error = tool.communicate(timeout=30)
        finally:
            stop(tool)
        check_equal(tool.returncode, 0, f"exit code; it said {said}{error}")
        check(SERIALS[FIRST] in said, said)


def test_wait_for_cable():
    """--wait: the board is there, its cable comes later"""
    with Board() as board:
        board.control("usb unplug")
        tool = board.start_tool("info")
        try:
            check("waiting for the board" in tool.stderr.readline(), "the tool waits")
            board.control("usb plug")
            said, error = tool.communicate(timeout=30)
        finally:
            stop(tool)
        check_equal(tool.returncode, 0, f"exit code; it said {said}{error}")


def test_running_program():
    """a board whose program runs: not in its bootloader, says the tool, and what to do"""
    with Board(speed="real") as board:
        check_tool(board.tool("flash", BLINK))
        board.wait_uart("MHz")
        check_tool(board.tool("info", wait_s=0.3), 40, "--wait")


if __name__ == "__main__":
    run_tests(globals())
