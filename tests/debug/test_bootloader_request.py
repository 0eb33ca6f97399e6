#!/usr/bin/env python3
"""A debugger asks for the bootloader with the word of SPEC.md, section 9, halted right after a reset. Prints TAP.

SPDX-License-Identifier: MIT
"""
import re

from probes import ROOT, ProbedBoard, RemoteProtocol, check, check_equal, wait_for
from harness import check_tool, json_of, run_tests  # noqa: E402


def documented():
    """The lines for GDB that docs/writing-a-program.md shows."""
    page = (ROOT / "docs/writing-a-program.md").read_text()
    lines = re.search(r"```gdb\n(monitor reset halt\n.*?)```", page, re.S)[1].splitlines()
    check(len(lines) == 5 and lines[-1] == "continue", str(lines))
    return lines[:-1]


def check_stays(board, program_starts):
    board.control("usb plug")
    found = json_of(board.tool("info", "--json"))
    check_equal((found["stay_reason"], found["program"]["can_start"]), (4, True), "stay reason, can start")
    check_equal(board.uart().count("fast: done"), program_starts, "starts of the program")
    check("violation" not in board.output(), "the debugger broke rules")


def asked_by_gdb(transport):
    with ProbedBoard(usb=True, speed="real") as board:
        board.control("usb unplug")
        # The core goes on while GDB leaves.
        said = board.gdb(board.gdb_target(transport), *documented(), "continue &", "shell sleep 1", "disconnect")
        check("Cannot access" not in said, said)
        check_stays(board, board.uart().count("fast: done"))
        # Once: the next reset starts the program.
        board.control("usb unplug")
        count = board.uart().count("fast: done")
        board.control("reset")
        wait_for(lambda: board.uart().count("fast: done") > count, 20, "the program")


def test_built_in():
    """GDB on the board's own server: the lines that the documentation shows"""
    asked_by_gdb("built-in")


def test_swd():
    """GDB through OpenOCD, SWD: the same"""
    asked_by_gdb("dapdirect_swd")


def openocd_command(transport):
    with ProbedBoard(usb=True, speed="real") as board:
        board.control("usb unplug")
        answers = board.openocd(transport, "bootloader")
        check("failed" not in answers[0], answers[0])
        check_stays(board, board.uart().count("fast: done"))
        check_tool(board.tool("boot"))


def test_openocd_swd():
    """OpenOCD's command `bootloader` of the board's configuration, SWD"""
    openocd_command("dapdirect_swd")


def test_openocd_jtag():
    """the same over JTAG"""
    openocd_command("jtag")


def test_reset_by_debugger_is_no_press():
    """two resets by a debugger while the start window is open are not reset pressed twice"""
    with ProbedBoard(usb=True, speed="real") as board:
        board.wait_uart("fast: done")
        with RemoteProtocol(board.ports["gdb"]) as remote:
            for _ in range(2):
                seen = board.statistics()["usb_enumerations"]
                remote.ask("qRcmd," + b"reset run".hex())
                wait_for(lambda before=seen: board.statistics()["usb_enumerations"] > before, 10, "the device")
        count = board.uart().count("fast: done")
        wait_for(lambda: board.uart().count("fast: done") > count, 10, "the program")


if __name__ == "__main__":
    run_tests(globals())
