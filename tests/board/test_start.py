#!/usr/bin/env python3
"""What the board does at a start: at once without a cable, after the window with one, or stay; and how long. TAP.

SPDX-License-Identifier: MIT
"""
import struct
import tempfile

from harness import (BLINK, GUESTS, PROGRAM_ADDRESS, START_LIMIT_NS, Board, check, check_equal, check_tool, json_of, run_tests,
                     modes_of_chip, start_tool, stop, wait_for)

ASLEEP, SAID_ASLEEP = GUESTS / "asleep.elf", "good night"
# At speed max a board that sleeps for ever is through with its time at once; this one is busy.
BUSY, SAID_BUSY = GUESTS / "clocks.elf", "end\n"
WINDOW_LIMIT_NS = 1_500_000_000  # 500 ms to configure, 700 ms for the host's word, and the bootloader's own time


def info(board, wait_s=20):
    return json_of(board.tool("info", "--json", wait_s=wait_s))


def started_again(board, before_ns):
    return board.statistics()["program_started_ns"] > before_ns


def test_without_cable():
    """no cable: at most 20 ms from power-on, the reset pin and a power cycle to the program's first instruction"""
    with Board("--load", ASLEEP, usb=False, speed="real") as board:
        board.wait_uart(SAID_ASLEEP)
        check(0 < board.start_ns() <= START_LIMIT_NS, f"{board.start_ns() / 1e6} ms from power-on")
        for command in ("reset", "power-cycle"):
            before_ns = board.statistics()["program_started_ns"]
            check_equal(board.control(command), "ok\n", command)
            wait_for(lambda: started_again(board, before_ns), 5, f"the start after {command}")
            check(0 < board.start_ns() <= START_LIMIT_NS, f"{board.start_ns() / 1e6} ms from {command}")


def test_start_time_of_full_chip():
    """the same with a chip that is full of other data and a program that fills its area"""
    content = struct.pack("<IIH", 0x24080000, PROGRAM_ADDRESS + 9, 0xE7FE) + bytes(15 << 20)[10:]
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with Board("--load", f"{file.name}@{PROGRAM_ADDRESS:#x}", usb=False) as board:
            wait_for(lambda: started_again(board, 0), 10, "the start")
            check(board.start_ns() <= START_LIMIT_NS, f"{board.start_ns() / 1e6} ms from power-on")


def test_window():
    """a cable whose host says nothing: the program starts when the window is over"""
    with Board("--load", BUSY) as board:
        board.wait_uart(SAID_BUSY)
        check(500_000_000 < board.start_ns() <= WINDOW_LIMIT_NS, f"{board.start_ns() / 1e6} ms")


def test_window_catches():
    """with a program in the chip and a cable in, a tool that waits catches the board after a reset"""
    with Board("--load", ASLEEP, speed="real") as board:
        board.wait_uart(SAID_ASLEEP)
        tool = start_tool("info", "--json", "--port", f"unix:{board.usb_path}", "--wait", 20)
        try:
            board.control("reset")
            said, error = tool.communicate(timeout=30)
        finally:
            stop(tool)
        check_equal(tool.returncode, 0, f"the tool's exit code; it said {said}{error}")
        check('"stay_reason": 6' in said and '"can_start": true' in said, f"the host spoke: {said}")
        uart = board.uart()
        check_tool(board.tool("boot"))
        wait_for(lambda: board.uart() != uart, 10, "the program")


def test_flash_while_program_runs():
    """`quadlane flash --wait` replaces a running program after a reset by hand"""
    with Board("--load", ASLEEP, speed="real") as board:
        board.wait_uart(SAID_ASLEEP)
        tool = start_tool("flash", BLINK, "--port", f"unix:{board.usb_path}", "--wait", 20)
        try:
            board.control("reset")
            said, error = tool.communicate(timeout=30)
        finally:
            stop(tool)
        check_equal(tool.returncode, 0, f"the tool's exit code; it said {said}{error}")
        board.wait_uart("MHz", 10)


def test_cable_later():
    """a cable that comes while a program runs changes nothing for it"""
    with Board("--load", BUSY) as board:
        board.wait_uart(SAID_BUSY)
        before_ns = board.statistics()["program_started_ns"]
        board.control("usb unplug")
        board.control("usb plug")
        check_tool(board.tool("info", wait_s=0.5), 40)
        check_equal(board.statistics()["program_started_ns"], before_ns, "the program's start")


def test_button():
    """the button held: the board stays, whatever is in the chip; released: the program starts"""
    with Board("--load", ASLEEP, speed="real") as board:
        board.control("button down")
        board.control("reset")
        found = info(board)
        check_equal((found["stay_reason"], found["program"]["can_start"]), (3, True), "stay reason, can start")
        board.control("button up")
        board.control("reset")
        board.wait_uart(SAID_ASLEEP, 10)


def test_button_without_cable():
    """the button held, no cable: the board stays too; its cable may come later"""
    with Board("--load", BUSY) as board:
        board.control("usb unplug")
        board.control("button down")
        board.control("reset")
        reset_ns = board.statistics()["reset_ns"]
        wait_for(lambda: board.statistics()["virtual_ns"] > reset_ns + 5e9, 10, "five seconds")
        check(board.statistics()["program_started_ns"] <= reset_ns, "the program has started")
        board.control("usb plug")
        check_equal(info(board)["stay_reason"], 3, "stay reason")


def test_stay_request():
    """reset --bootloader keeps the board once, even without a host; a power cycle forgets the request"""
    with Board("--load", ASLEEP, speed="real") as board:
        check_tool(board.tool("reset", "--bootloader"))
        check_equal(info(board)["stay_reason"], 4, "stay reason")
        check_equal(board.uart(), "", "what the program said")
        check_tool(board.tool("reset", "--bootloader"))
        board.control("power-cycle")
        board.wait_uart(SAID_ASLEEP, 10)


def bad_table(stack, entry):
    return struct.pack("<II", stack, entry) + bytes(range(256)) * 20


def test_bad_vector_tables():
    """a vector table that cannot be right: the board stays reachable, info says why, boot is refused"""
    good = (0x20020000, PROGRAM_ADDRESS + 9)
    for stack, entry, verdict, said in [
            (0x08020000, good[1], "bad-stack", "08020000"), (0x20020002, good[1], "bad-stack", "20020002"),
            (0x00000000, good[1], "bad-stack", "00000000"), (0x20000000, good[1], "bad-stack", "20000000"),
            (good[0], 0x08000101, "bad-entry", "08000101"), (good[0], PROGRAM_ADDRESS + 8, "bad-entry", "90100008"),
            (good[0], PROGRAM_ADDRESS + 1, "bad-entry", "90100001"), (good[0], 0x91000001, "bad-entry", "91000001")]:
        with tempfile.NamedTemporaryFile() as file:
            file.write(bad_table(stack, entry))
            file.flush()
            with Board("--load", f"{file.name}@{PROGRAM_ADDRESS:#x}") as board:
                found = info(board)
                check_equal((found["stay_reason"], found["program"]["can_start"], found["program"]["verdict"]),
                            (2, False, verdict), f"info of {stack:#x} {entry:#x}")
                text = board.tool("info")
                check(said.lower() in text.stdout.lower(), f"{said} is not in:\n{text.stdout}")
                check_tool(board.tool("boot"), 50, said)
                check_equal(info(board)["stay_reason"], 2, "stay reason after boot")


def test_bad_table_without_cable():
    """a bad vector table, no cable: the board stays, and a cable that comes later finds it"""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bad_table(1, 2))
        file.flush()
        with Board("--load", f"{file.name}@{PROGRAM_ADDRESS:#x}") as board:
            board.control("usb unplug")
            board.control("power-cycle")
            board.control("usb plug")
            check_equal(info(board)["stay_reason"], 2, "stay reason")
            check_tool(board.tool("flash", BLINK))
            board.wait_uart("MHz")


def test_blank():
    """a blank chip: the board stays and says so"""
    with Board() as board:
        found = info(board)
        check_equal((found["stay_reason"], found["program"]["verdict"]), (1, "blank"), "stay reason, verdict")


def test_chip_states():
    """a chip left in any state that outlives a reset of the microcontroller is found and the program starts again"""
    for name, last in (("h750_w25q128", 5), ("h750_w25q128_im", 6)):
        board = Board("--board", name, "--load", GUESTS / "modes.elf", "--trace", "nor", usb=False)
        path = board.folder / "chip"
        path.write_bytes(modes_of_chip(0x75, 0x38 if last == 6 else 0, 0, 0xEB, 3, 0xA0, 6))
        board.command += ["--load", f"{path}@0x24001004"]
        with board:
            board.wait_uart("end\n", 60)
            check_equal(board.uart(), "".join(f"{step}\n" for step in range(last + 1)) + "end\n", "its starts")
            # The states were there.
            for words in ("continuous read on", "while the chip is in power-down", "while the chip is BUSY (erase",
                          " 75 lanes", " 7A lanes", *([" 38 lanes", "FF lanes 4-0-0-0 address 0x000000 dummy 0\n"]
                                                      if last == 6 else [])):
                check(words in board.output(), f"{words!r} is not in the trace of {name}")


if __name__ == "__main__":
    run_tests(globals())
