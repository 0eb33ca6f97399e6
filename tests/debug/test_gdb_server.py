#!/usr/bin/env python3
"""quadlane gdb-server on the virtual board: stock GDB in front, stock OpenOCD or the built-in server
behind. Prints TAP.

SPDX-License-Identifier: MIT
"""
from gdb_server import GdbServer, blank_board, expect
from probes import FAST, check, check_equal
from harness import run_tests

# What a user does, nothing of it with a button; the chip is blank at first.
SESSION = ["monitor reset halt", "load", "info registers pc", "tbreak main", "continue", "backtrace",
           "break work_in_itcm", "continue", "backtrace", "delete", "watch noise", "continue", "delete",
           "set var noise = 0x12345678", "print /x noise",
           "monitor reset halt", "maintenance flush register-cache", "info symbol $pc",
           "load", "tbreak main", "continue", "info registers msp primask"]


def session(transport):
    with blank_board() as board, GdbServer(board, transport) as server:
        text = server.gdb(*SESSION, elf=FAST)
        # GDB's own words first, then what came for its console.
        expect(text, "Start address", r"pc +0x\w+ +0x\w+ <Reset_Handler>", r"main \(\) at", "#0  main",
               r"#0  .*work_in_itcm.*#1 .* in measure", r"atchpoint \d+: noise.*Old value = ", "= 0x12345678",
               "Reset_Handler in section", "Start address", r"main \(\) at", r"primask +0x0",
               "only FF", "halted at the bootloader's first instruction", "sectors changed; written",
               "halted at the program's first instruction", "the chip holds these")
        check("violation" not in board.output(), "rules of the hardware were broken")
        check_equal(server.stop(), 130, "exit code after SIGTERM")


def test_built_in():
    """The board's own GDB server behind it: load into a blank chip, main, ITCM, watch, restart, load again"""
    session("built-in")


def test_swd():
    """OpenOCD over ST-LINK, SWD: the same"""
    session("dapdirect_swd")


def test_hla():
    """OpenOCD over ST-LINK, high-level adapter: the same"""
    # There OpenOCD 0.12 calls every stop a breakpoint; gdb-server looks what it was.
    session("hla_swd")


def test_jtag():
    """OpenOCD over JTAG: the same"""
    session("jtag")


def without_cable(transport):
    with blank_board() as board, GdbServer(board, transport, "--wait", "1") as server:
        board.control("usb unplug")
        text = server.gdb("monitor reset halt", "load", "info symbol $pc", "tbreak main", "continue",
                          "monitor reset halt", "maintenance flush register-cache", "info symbol $pc",
                          "break work_in_itcm", "continue", "backtrace", elf=FAST)
        expect(text, "Start address", "Reset_Handler in section", r"main \(\) at",
               "Reset_Handler in section", "#0 .*work_in_itcm", "came up on USB", "stmqspi",
               "not sealed")
        program = FAST.with_suffix(".bin").read_bytes()
        chip = (board.folder / "nor.bin").read_bytes()
        check(chip[0x100000:][:len(program)] == program, "the chip's file differs from the program")
        text = server.gdb("load", "info symbol $pc", "monitor quadlane status", elf=FAST)
        expect(text, "Reset_Handler in section", "already", "not sealed")
        # The bootloader does not start it; the same program over USB seals it.
        board.control("usb plug")
        text = server.gdb("load", "info symbol $pc", "monitor quadlane status", elf=FAST)
        expect(text, "Reset_Handler in section", "the chip holds these")
        check("violation" not in board.output(), "rules of the hardware were broken")


def test_without_cable_swd():
    """No USB cable, ST-LINK: OpenOCD's stmqspi writes the chip, debugging works, the cable seals it later"""
    without_cable("dapdirect_swd")


def test_without_cable_hla():
    """No USB cable, high-level adapter: the same"""
    without_cable("hla_swd")


if __name__ == "__main__":
    run_tests(globals())
