#!/usr/bin/env python3
"""What goes wrong around quadlane gdb-server: each fault leaves a sentence in the debugger's console, and
no process, socket or half-written program behind. Prints TAP.

SPDX-License-Identifier: MIT
"""
import os
import signal
import socket
import subprocess
import sys
import time

from gdb_server import GdbServer, blank_board, expect
from probes import CONSOLE, FAST, ROOT, ProbedBoard, RemoteProtocol, check, check_equal, wait_for
from harness import GUESTS, run_tests, run_tool

sys.path.insert(0, str(ROOT / "tests/cli"))
from fake_board import FakeBoard  # noqa: E402

DOUBLE = ROOT / "tests/debug/jlink_double.py"


def children(process):
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True,
                             check=False).stdout
    return [int(word) for word in listing.split()]


def is_alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().split()[2] != "Z"
    except OSError:
        return False


def check_gone(pids, port):
    """No process, and nobody listens any more."""
    wait_for(lambda: not any(is_alive(pid) for pid in pids), 5, f"the end of {pids}")
    with socket.socket() as probe:
        check(probe.connect_ex(("127.0.0.1", int(port))) != 0, f"somebody listens on {port} still")


def verdict(board):
    """What the bootloader says about the program, after a reset."""
    board.control("reset")
    return board.tool("info").stdout


def check_does_not_start(board):
    check("cannot start" in verdict(board), "a half-written program would start")


def test_server_missing():
    """No such server: exit code 70, and a file that cannot be executed"""
    for command, words in ((["openocd-that-is-not-there"], "No such file"), (["/etc/passwd"], "Permission denied")):
        process = run_tool("gdb-server", "--kind", "openocd", "--listen", "0", "--", *command)
        check_equal(process.returncode, 70, process.stderr)
        check("cannot be started" in process.stderr and words in process.stderr, process.stderr)


def test_usage():
    """A server that is not known, no server at all, wrong ports and kinds: exit code 2 and a hint"""
    for arguments in (["--", "sleep", "9"], [], ["--kind", "gdbserver", "--", "sleep"], ["--connect", "nowhere"],
                      ["--connect", "1:2", "--", "openocd"], ["--server-port", "x", "--kind", "other", "--", "sleep"],
                      ["--listen", "no", "--", "openocd"]):
        process = run_tool("gdb-server", *arguments)
        check_equal(process.returncode, 2, f"{arguments}: {process.stderr}")


def test_port_taken():
    """The debugger's port is taken: exit code 73, and the server is not started"""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        process = run_tool("gdb-server", "--", "openocd", "-c", f"gdb_port {port}")
        check_equal(process.returncode, 73, process.stderr)
        check(f"{port}" in process.stderr and "Open On-Chip" not in process.stderr, process.stderr)


def test_server_dies_at_start():
    """A server that finds no probe: its own words pass, exit code 71; with --exit-as-server its own"""
    arguments = ["--listen", "0", "--", "openocd", "-c", "adapter driver remote_bitbang; remote_bitbang host "
                 "127.0.0.1; remote_bitbang port 1", "-f", "target/stm32h7x.cfg"]
    process = run_tool("gdb-server", *arguments)
    check_equal(process.returncode, 71, process.stderr)
    check("remote_bitbang driver" in process.stderr and "ended with exit code 1" in process.stderr, process.stderr)
    check_equal(run_tool("gdb-server", "--exit-as-server", *arguments).returncode, 1, "the server's exit code")


def test_server_silent():
    """A server that never listens: the debugger is told"""
    with blank_board() as board:
        server = GdbServer(board, "other", "--kind", "other", "--server-port", "1", server=["sleep", "60"])
        with server:
            started = children(server.process)
            text = server.gdb("info registers pc", elf=FAST, limit_s=40)
            expect(text, "no GDB server takes connections")
            check_equal(server.stop(), 130, "exit code")
            check_gone(started, server.port)


def test_server_dies():
    """The server is killed while GDB waits, and while it does not: console, terminal, exit code 71"""
    for commands in (["continue"], ["shell sleep 1.5", "continue"]):
        with ProbedBoard(speed="real", usb=True) as board, GdbServer(board, "dapdirect_swd", "--once") as server:
            wait_for(lambda: "for gdb connections" in server.output(), 10, "OpenOCD")
            openocd = children(server.process)
            killer = subprocess.Popen(["sh", "-c", f"sleep 1; kill -9 {openocd[0]}"])
            text = server.gdb(*commands, elf=FAST)
            killer.wait()
            expect(text, r"GDB server was ended by signal 9")
            wait_for(lambda: server.process.poll() is not None, 5, "the end of gdb-server")
            check_equal(server.process.returncode, 71, server.output())
            expect(server.output(), r"GDB server was ended by signal 9")
            check_gone(openocd, server.port)


def test_ends_with_signals():
    """SIGINT, SIGTERM, SIGHUP and even SIGKILL end the server, too"""
    with blank_board() as board:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with GdbServer(board, "dapdirect_swd") as server:
                wait_for(lambda: "for gdb connections" in server.output(), 10, "OpenOCD")
                started = children(server.process)
                check_equal(len(started), 1, "processes started")
                check_equal(server.stop(number), -9 if number == signal.SIGKILL else 130, f"code after {number}")
                check_gone(started, server.port)


def test_two_debuggers():
    """The second debugger is told and turned away; the first goes on"""
    with blank_board() as board, GdbServer(board, "built-in") as server, RemoteProtocol(server.port) as first:
        text = server.gdb("info registers pc", elf=FAST)
        expect(text, "another debugger is connected")
        check_equal(len(first.read(0x20000000, 16)), 16, "the first one's memory")
        expect(server.output(), "a second debugger was turned away")


def test_garbage():
    """Broken packets, unknown ones and a flood do no harm"""
    with blank_board() as board, GdbServer(board, "built-in") as server:
        with RemoteProtocol(server.port) as remote:
            for packet in ("m", "mzz,4", "M90000000,4:00000000", "X90000000,1:x", "X90000000,0:", "Z9,0,2", "P", "v",
                           "vFlashErase:", "vFlashWrite:90100000", "vFlashErase:8000000,20000", "qXfer:memory-map:read::",
                           "qXfer:memory-map:read::9,", "qXfer:memory-map:read::ffffffff,ffffffff", "qRcmd,", "qRcmd,zz",
                           "qRcmd," + "quadlane status x".encode().hex(), "vFlashDone", "Z0,90100000,2", "z0,90100000,2"):
                remote.send(packet)
                answer = remote.receive()
                while answer.startswith("O") and answer != "OK":  # words for the console
                    answer = remote.receive()
            remote.socket.sendall(b"$m0,4#00$$$-+-%x#00\x03")
            check_equal(len(remote.read(0x20000000, 64)), 64, "memory after bad packets")
        with socket.create_connection(("127.0.0.1", int(server.port))) as flood:
            try:
                flood.sendall(b"$" + b"x" * 2_000_000)
            except OSError:
                pass
        text = server.gdb("load", "info symbol $pc", elf=FAST)
        expect(text, "Reset_Handler in section")


def test_program_elsewhere():
    """A program linked for the internal flash is refused, one for RAM gets a word; the bootloader stays"""
    with ProbedBoard(usb=True) as board, GdbServer(board, "dapdirect_swd") as server:
        text = server.gdb("load", "monitor quadlane status", elf=GUESTS / "state-flash.elf")
        expect(text, "Error erasing flash", "internal flash, where the bootloader is")
        text = server.gdb("load", "monitor quadlane status", elf=GUESTS / "crash-ram.elf")
        expect(text, "Start address 0x24", "loaded into RAM")
        text = server.gdb("monitor reset halt", "maintenance flush register-cache", "info symbol $pc", elf=FAST)
        expect(text, "Reset_Handler in section", "halted at the program's first instruction")


def test_no_bootloader():
    """A board without a bootloader: `load` says so"""
    with blank_board(bootloader=None) as board, GdbServer(board, "dapdirect_swd") as server:
        text = server.gdb("monitor reset halt", "load", "monitor quadlane status", elf=FAST)
        expect(text, "Error finishing flash operation", "no bootloader in the board's internal flash")


def test_other_bootloader():
    """A bootloader of another protocol version: `load` says so"""
    with blank_board() as board, FakeBoard(board.folder / "old", "other-version") as old:
        server = GdbServer(board, "built-in")
        server.command[server.command.index("--port") + 1] = f"unix:{old.path}"
        with server:
            text = server.gdb("load", "monitor quadlane status", elf=FAST)
            expect(text, "Error finishing flash operation", "version")


def test_no_cable():
    """No USB cable, and a server that cannot write the chip: `load` says so, within its limit"""
    with blank_board() as board, GdbServer(board, "built-in", "--wait", "1") as server:
        board.control("usb unplug")
        text = server.gdb("load", "monitor quadlane status", elf=FAST)
        expect(text, "Error finishing flash operation", "came up on USB within 1.0 s", "USB cable")
        check((board.folder / "nor.bin").read_bytes()[0x100000:0x101000] == b"\xff" * 4096, "the chip was changed")


def start_load(board, server, elf):
    """GDB in the middle of writing the chip."""
    process = subprocess.Popen(["gdb-multiarch", "-q", "-nx", "-batch", str(elf), "-ex", "set confirm off", "-ex",
                                f"target extended-remote 127.0.0.1:{server.port}", "-ex", "load", "-ex",
                                "monitor quadlane status"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    wait_for(lambda: "writing" in server.output(), 20, "the writing")
    time.sleep(0.3)
    return process


def test_gdb_killed():
    """GDB dies in the middle of `load`: the update ends unfinished and never starts; the next GDB works"""
    with blank_board(speed="real") as board, GdbServer(board, "dapdirect_swd") as server:
        process = start_load(board, server, CONSOLE)
        process.kill()
        process.communicate()
        text = server.gdb("monitor reset halt", elf=FAST)
        expect(text, "unfinished|INCOMPLETE|update", "halted at the bootloader's first instruction")
        text = server.gdb("load", "tbreak main", "continue", elf=CONSOLE)
        expect(text, r"main \(\) at")


def test_unplugged():
    """The USB cable goes in the middle of `load`: an error, words in the console, and nothing that starts"""
    with blank_board(speed="real") as board, GdbServer(board, "dapdirect_swd") as server:
        process = start_load(board, server, CONSOLE)
        board.control("usb unplug")
        text = process.communicate(timeout=60)[0]
        expect(text, "Error finishing flash operation")
        expect(server.output(), "went away")
        board.control("usb plug")
        check_does_not_start(board)
        text = server.gdb("load", "tbreak main", "continue", elf=CONSOLE)
        expect(text, r"main \(\) at")


def test_replugged():
    """A cable that comes back at once does no harm"""
    with blank_board(speed="real") as board, GdbServer(board, "dapdirect_swd") as server:
        process = start_load(board, server, CONSOLE)
        board.control("usb unplug")
        time.sleep(0.3)
        board.control("usb plug")
        text = process.communicate(timeout=60)[0]
        expect(text, "Start address", "halted there")


def test_locked():
    """A locked board: without a key `load` says so and changes nothing, with one it works; restarts need none"""
    from locked import UIDS, board_id, grant, image  # builds a locked bootloader
    with blank_board(bootloader=image("vendor"), uid=UIDS[0]) as board:
        with GdbServer(board, "dapdirect_swd", "--keys", "/nonexistent/keys.json") as server:
            text = server.gdb("monitor reset halt", "load", "monitor quadlane status", elf=FAST)
            expect(text, "Error finishing flash operation", "keys.json")
            check((board.folder / "nor.bin").read_bytes()[0x100000:0x101000] == b"\xff" * 4096, "the chip was changed")
        keys = board.folder / "keys.json"
        grant(keys, board_id(UIDS[0]))
        with GdbServer(board, "dapdirect_swd", "--keys", str(keys)) as server:
            expect(server.gdb("load", "tbreak main", "continue", elf=FAST), r"main \(\) at")
        with GdbServer(board, "dapdirect_swd") as server:
            text = server.gdb("monitor reset halt", "maintenance flush register-cache", "info symbol $pc", elf=FAST)
            expect(text, "Reset_Handler in section")


def test_jlink_double():
    """A stand-in for J-Link's server: its options, its words, its reset, and the end with -singlerun"""
    with blank_board() as board:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        os.environ["DOUBLE_TARGET"] = board.ports["gdb"]
        server = GdbServer(board, "jlink", "--kind", "jlink",
                           server=[DOUBLE, "-if", "swd", "-device", "STM32H750VB", "-port", str(port), "-singlerun"])
        at = server.command.index("--listen")
        del server.command[at:at + 2]  # the port of the server's own arguments
        with server:
            check_equal(int(server.port), port, "the debugger's port")
            wait_for(lambda: "Waiting for GDB connection" in server.output(), 10, "J-Link's words")
            # As Eclipse sends it.
            text = server.gdb("monitor speed 1000", "monitor clrbp", "monitor reset ", "monitor halt", "monitor regs",
                              "flushregs", "monitor flash breakpoints 1", "monitor semihosting enable", "load",
                              "monitor clrbp", "monitor reset ", "monitor halt", "tbreak main", "monitor regs",
                              "flushregs", "continue", elf=FAST)
            expect(text, "Start address", r"main \(\) at", "sectors changed; written", "already")
            check_equal(server.process.wait(10), 0, "exit code with -singlerun")


if __name__ == "__main__":
    run_tests(globals())
