#!/usr/bin/env python3
"""Slow, worn and protected chips: each update ends in the right program or a clear report, never in a hang. Prints TAP.

Times are those of the data sheet W25Q128JV (maximum column); the rest of what is expected is SPEC.md's section 3 and
the tool's documented exit codes.

SPDX-License-Identifier: MIT
"""
import random
import struct

from harness import (BASE, BLINK, PROGRAM_ADDRESS, Board, blink_with_data, check, check_equal, check_tool, json_of,
                     run_tests)

SAID = "blink: running"
SIZE = 200_000
WORN = PROGRAM_ADDRESS + 0x15678
BP_ALL = "1C 02 60"               # BP2..0: all of the chip
LOG = BASE + 0xF0000
CONTENT = blink_with_data(SIZE, 2, WORN - PROGRAM_ADDRESS)


class Used(Board):
    """A board with a chip that is full of old data, and a file with CONTENT."""

    def __enter__(self):
        (self.folder / "nor.bin").write_bytes(random.Random(3).randbytes(1 << 24))
        self.file = self.folder / "program.bin"
        self.file.write_bytes(CONTENT)
        return super().__enter__()

    def holds(self):
        return self.chip_bytes(size=SIZE) == CONTENT


def test_slow_chip():
    """a chip that takes the data sheet's maximum times: slower, but complete"""
    with Used() as board:
        check_equal(board.control("chip-times maximum"), "ok\n", "chip-times")
        before_ns = board.statistics()["virtual_ns"]
        check_tool(board.tool("flash", board.file, limit_s=120))
        board.wait_uart(SAID)
        check(board.holds(), "the chip does not hold the program")
        # Three erases of 64 KB and one of 4 KB, 782 pages.
        least_ns = 3 * 2000e6 + 400e6 + 782 * 3e6
        check(board.statistics()["virtual_ns"] - before_ns > least_ns, "it was faster than the chip can be")


def test_slow_chip_delta():
    """the same chip, one sector changed"""
    with Used() as board:
        check_tool(board.tool("flash", board.file, "--no-boot"))
        board.control("chip-times maximum")
        changed = bytearray(CONTENT)
        changed[100_000] ^= 0xFF
        board.file.write_bytes(changed)
        result = json_of(board.tool("flash", "--json", "--no-boot", board.file))
        check_equal((result["sectors"] - result["sectors_unchanged"], result["bytes_erased"]), (1, 4096), "what it changed")
        check_tool(board.tool("verify", board.file))


def worn(fault, code, words):
    with Used() as board:
        check_equal(board.control(f"wear-out {WORN:#x} {fault}"), "ok\n", "wear-out")
        check_tool(board.tool("flash", board.file), code, words)
        check_equal(board.uart(), "", "what a half-written program said")
        # Nothing but the sealed program may start, and the bootloader is there to say so.
        board.control("power-cycle")
        found = json_of(board.tool("info", "--json"))
        check_equal((found["stay_reason"], found["program"]["can_start"]), (7, False), "stay reason, can start")
        # Another place of the chip still works.
        elsewhere = PROGRAM_ADDRESS + 0x100000
        board.file.write_bytes(struct.pack("<II", 0x20020000, elsewhere + 9) + CONTENT[8:])
        check_tool(board.tool("flash", f"{elsewhere:#x}", board.file, "--no-boot"))
        # A program that needs nothing of the worn byte is as good as on a new chip.
        check_tool(board.tool("flash", BLINK))
        board.wait_uart("MHz")


def test_worn_erase():
    """a sector whose erase leaves bits: the update fails, the report names the block; the rest of the chip works"""
    worn("erase", 51, ("could not erase", f"0x{WORN & ~0xFFFF:08X}"))


def test_worn_program():
    """a byte that takes no program: the read-back finds it"""
    worn("program", 52, (f"0x{WORN:08X}", "holds FF"))


def test_worn_log():
    """worn bytes in the log of records: other slots and sectors are used"""
    with Used() as board:
        for number in range(6):
            board.control(f"wear-out {LOG + 4096 * number + 256 + number:#x} {'program' if number % 2 else 'erase'}")
        for number in range(12):
            board.file.write_bytes(CONTENT[:50_000 + number])
            check_tool(board.tool("flash", board.file, "--no-boot"))
        board.control("usb unplug")
        board.control("power-cycle")
        board.wait_uart(SAID)


def test_protected():
    """a chip whose block protection is set: it is taken away, the program gets in"""
    with Used() as board:
        check_equal(board.control(f"chip-status {BP_ALL}"), "ok\n", "chip-status")
        check_tool(board.tool("flash", board.file))
        board.wait_uart(SAID)
        check(board.holds(), "the chip does not hold the program")


def test_protected_for_good():
    """the same with the registers locked until the next power-on (SRL): said, with what to do; later it works"""
    with Used() as board:
        check_equal(board.control("chip-status 1C 03 60"), "ok\n", "chip-status")
        check_tool(board.tool("flash", board.file), 51, ("write-protected", "SRL", "nothing in the chip was changed"))
        check(not board.holds(), "a protected chip was written")
        board.control("power-cycle")
        check_tool(board.tool("flash", board.file))
        board.wait_uart(SAID)


def test_control_refuses():
    """mistyped lines change nothing and are answered"""
    with Board() as board:
        for line in ("chip-times slow", "chip-times", "wear-out", "wear-out 0x90000000", "wear-out x erase",
                     "wear-out 0x90000000 often", "wear-out 0x91000000 erase", "chip-status", "chip-status 1C",
                     "chip-status 1C 02 6000", "chip-status 1C 02 60 00", "chip-status 01 02 60"):
            check(board.control(line).startswith("error: "), f"{line} was taken")


if __name__ == "__main__":
    run_tests(globals())
