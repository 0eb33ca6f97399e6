#!/usr/bin/env python3
"""The 1200-baud touch: a program with a USB serial port of its own goes into the bootloader. Prints TAP.

The virtual board's cable is a pseudo terminal, whose baud rate and closing the program is told of.

SPDX-License-Identifier: MIT
"""
import contextlib
import os
import re
import select
import termios
import time
import tty

from harness import BLINK, ROOT, Board, check, check_equal, check_tool, json_of, run_tool, run_tests, wait_for

PROGRAM = ROOT / "build/firmware/tests/board/cdc_program.elf"


@contextlib.contextmanager
def program_running():
    """A board whose program, in RAM, echoes on its own serial port; yields it and the port's name."""
    board = Board(usb=False, speed="real", timeout_s=300)
    board.command[board.command.index("--usb") + 1] = "pty"
    with board:
        port = re.search(r"USB serial port is (\S+)", board.output())[1]
        check_tool(run_tool("run", PROGRAM, "--port", port, "--wait", 20), 0, "started")
        wait_for(lambda: echoes(port), 20, "the program's echo")
        yield board, port


def opened(port, baud):
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(descriptor)
    settings = termios.tcgetattr(descriptor)
    settings[4] = settings[5] = baud
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    return descriptor


def echoes(port, baud=termios.B115200):
    """Does the program answer? The bootloader would keep silent."""
    descriptor = opened(port, baud)
    try:
        os.write(descriptor, b"hello\n")
        readable, _, _ = select.select([descriptor], [], [], 0.5)
        return bool(readable) and os.read(descriptor, 100).startswith(b"hello")
    finally:
        termios.tcflush(descriptor, termios.TCIOFLUSH)
        os.close(descriptor)


def stay_reason(port):
    return json_of(run_tool("info", "--json", "--port", port, "--wait", 20))["stay_reason"]


def test_flash():
    """`quadlane flash --touch` gets a running program's board into the bootloader and flashes it, without a button"""
    with program_running() as (board, port):
        check_tool(run_tool("flash", BLINK, "--touch", port, "--port", port), 0, ["verified", "started"])
        board.wait_uart("MHz")


def test_reset():
    """`quadlane reset --touch --bootloader` ends in the bootloader, which says who asked"""
    with program_running() as (_, port):
        check_tool(run_tool("reset", "--bootloader", "--touch", port, "--port", port), 0, "it comes back")
        check_equal(stay_reason(port), 4, "stay reason")


def test_by_hand():
    """opening the port at 1200 baud and closing it is all there is to it"""
    with program_running() as (board, port):
        seen = board.statistics()["usb_enumerations"]
        descriptor = opened(port, termios.B1200)
        time.sleep(0.3)
        os.close(descriptor)
        wait_for(lambda: board.statistics()["usb_enumerations"] > seen, 20, "the bootloader")
        check_equal(stay_reason(port), 4, "stay reason")


def test_no_touch():
    """other baud rates, and 1200 baud as long as the port is open, are no touch"""
    with program_running() as (_, port):
        for baud in (termios.B9600, termios.B2400, termios.B115200):
            check(echoes(port, baud), "the program has gone")
            time.sleep(0.2)
        descriptor = opened(port, termios.B1200)
        time.sleep(0.5)
        os.write(descriptor, b"still here\n")
        readable, _, _ = select.select([descriptor], [], [], 2)
        check(readable and os.read(descriptor, 100).startswith(b"still"), "the program has gone at 1200 baud")
        settings = termios.tcgetattr(descriptor)
        settings[4] = settings[5] = termios.B57600
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        os.close(descriptor)
        time.sleep(0.3)
        check(echoes(port), "the program has gone after all")


def test_without_the_touch():
    """a program that answers, but knows no touch or is no bootloader, is told apart within the wait"""
    with program_running() as (_, port):
        check_tool(run_tool("info", "--port", port, "--wait", 0), 46, ["does not speak", "--touch"])


def test_ports():
    """what cannot be touched: a port that is not there, a socket; and where nothing comes of it"""
    check_tool(run_tool("info", "--touch", "/dev/nosuchport"), 40, "there is no serial port /dev/nosuchport")
    check_tool(run_tool("info", "--touch", "unix:/tmp/x"), 2, "only a serial port can be touched")
    master, slave = os.openpty()
    try:
        started = time.monotonic()
        check_tool(run_tool("info", "--touch", os.ttyname(slave), "--wait", 1), 40,
                   ["the touch brought no bootloader", "ql_touch"])
        check(time.monotonic() - started < 6, "took too long")
        check_equal(termios.tcgetattr(slave)[4], termios.B1200, "the baud rate that it was opened with")
    finally:
        os.close(master)
        os.close(slave)


if __name__ == "__main__":
    run_tests(globals())
