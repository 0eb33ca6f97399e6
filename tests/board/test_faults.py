#!/usr/bin/env python3
"""What may go wrong in the middle: cables, resets, power, the tool's own end. Afterwards the program is there. TAP.

The boards run in the pace of the wall clock, so that the middle of an update lasts long enough to be met.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import pathlib
import signal
import tempfile
import time

from harness import (BASE, BLINK, GUESTS, PROGRAM_ADDRESS, Board, blink_with_data, check, check_equal, check_tool, json_of,
                     run_tests, stop, wait_for)

SIZE = 500_000
CONTENT = blink_with_data(SIZE, 1)
SAID = "blink: running"


@contextlib.contextmanager
def updating(*arguments, at_bytes=SIZE // 3, speed="real", content=CONTENT, **options):
    """(board, file, tool): the tool has written `at_bytes` and goes on."""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder, \
            Board(*arguments, speed=speed, **options) as board:
        file = pathlib.Path(folder) / "program.bin"
        file.write_bytes(content)
        tool = board.start_tool("flash", "--json", file)
        try:
            wait_for(lambda: board.statistics()["nor.bytes_programmed"] >= at_bytes or tool.poll() is not None,
                     30, "the middle of the update")
            check(tool.poll() is None, "the update was over before its middle was met")
            yield board, file, tool
        finally:
            stop(tool)


def finish(tool, limit_s=60):
    """The tool's report after its own end."""
    said, error = tool.communicate(timeout=limit_s)
    check_equal(tool.returncode, 0, f"the tool's exit code; it said {said}{error}")
    return json.loads(said)


def check_complete(board):
    check(board.chip_bytes(size=SIZE) == CONTENT, "the chip does not hold the program")
    board.wait_uart(SAID, 10)


def test_unplug():
    """cable out and in again: the update goes on where it stopped"""
    with updating() as (board, _, tool):
        board.control("usb unplug")
        time.sleep(0.3)
        board.control("usb plug")
        result = finish(tool)
        check_equal((result["reconnects"], result["restarts"]), (1, 0), "reconnects, restarts")
        check(board.statistics()["nor.bytes_programmed"] < SIZE + 100_000, "it began anew")
        check_complete(board)


def test_unplug_often():
    """the cable out five times"""
    with updating(at_bytes=SIZE // 10) as (board, _, tool):
        for part in range(2, 7):
            board.control("usb unplug")
            board.control("usb plug")
            wait_for(lambda: board.statistics()["nor.bytes_programmed"] >= part * SIZE // 10, 30,
                     f"{part} tenths")
        result = finish(tool)
        # A tool that a busy computer has not yet let see one loss sees it and the next as one.
        check(1 <= result["reconnects"] <= 5 and result["restarts"] == 0, f"reconnects, restarts: {result}")
        check_complete(board)


def test_computer_sleeps():
    """the computer falls asleep in the middle and wakes up: the update goes on as if nothing had been"""
    with updating() as (board, _, tool):
        board.control("usb suspend")
        time.sleep(0.5)
        stopped = board.statistics()
        time.sleep(0.5)
        check_equal(board.statistics()["usb_frames"], stopped["usb_frames"], "frames while it sleeps")
        check_equal(board.control("usb resume"), "ok\n", "resume")
        result = finish(tool)
        check_equal((result["reconnects"], result["restarts"]), (0, 0), "reconnects, restarts")
        check_complete(board)


def test_sleep_and_reset():
    """asleep, the board is reset and waits for nobody; awake, it is found again"""
    with Board(speed="real") as board:
        board.wait_device()
        board.control("usb suspend")
        time.sleep(0.2)
        board.control("reset")
        check_tool(board.tool("info"))


def test_unplug_for_good():
    """a cable that stays out: a sentence and an exit code of its own; later the same command finishes the work"""
    with updating() as (board, file, tool):
        board.control("usb unplug")
        said, _ = tool.communicate(timeout=60)
        check_equal((tool.returncode, json.loads(said)["error"]["code"]), (44, "board-lost"), "how it ended")
        board.control("usb plug")
        result = json_of(board.tool("flash", "--json", file))
        check(result["sectors_unchanged"] > 20, f"what was written is kept: {result}")
        check_complete(board)


def test_interrupt():
    """Ctrl-C: exit code 130, the board is there and its chip is known; the same command finishes the work"""
    with updating() as (board, file, tool):
        tool.send_signal(signal.SIGINT)
        said, error = tool.communicate(timeout=20)
        check_equal(tool.returncode, 130, f"exit code; it said {said}{error}")
        found = json_of(board.tool("info", "--json"))
        check_equal(found["program"]["can_start"], False, "half a program can start")
        check_tool(board.tool("boot"), 50)
        result = json_of(board.tool("flash", "--json", file))
        check(result["sectors_unchanged"] > 20, f"what was written is kept: {result}")
        check_complete(board)


def test_terminate():
    """SIGTERM ends the tool in good order, too"""
    with updating() as (board, file, tool):
        tool.send_signal(signal.SIGTERM)
        tool.communicate(timeout=20)
        check(tool.returncode != 0, "exit code")
        check_tool(board.tool("flash", file))
        check_complete(board)


def test_kill():
    """SIGKILL: nobody says goodbye; the same command finishes the work"""
    with updating() as (board, file, tool):
        tool.send_signal(signal.SIGKILL)
        tool.communicate(timeout=20)
        check_equal(json_of(board.tool("info", "--json"))["program"]["can_start"], False, "half a program can start")
        result = json_of(board.tool("flash", "--json", file))
        check(result["sectors_unchanged"] > 20, f"what was written is kept: {result}")
        check_complete(board)


def test_kill_and_other_program():
    """SIGKILL, then another file: it is that one that ends up in the chip"""
    with updating() as (board, _, tool):
        tool.send_signal(signal.SIGKILL)
        tool.communicate(timeout=20)
        check_tool(board.tool("flash", BLINK))
        board.wait_uart(SAID, 10)
        code = BLINK.with_suffix(".bin").read_bytes()
        check(board.chip_bytes(size=len(code)) == code, "the chip does not hold the other program")


def test_kill_and_reset():
    """SIGKILL, then a reset: half a program is not started, info says why"""
    with updating() as (board, file, tool):
        tool.send_signal(signal.SIGKILL)
        tool.communicate(timeout=20)
        board.control("reset")
        time.sleep(1.5)  # longer than the start window
        found = json_of(board.tool("info", "--json"))
        check(found["stay_reason"] in (1, 7), f"stay reason {found['stay_reason']}")
        check_equal(board.uart(), "", "what a program said")
        check_tool(board.tool("flash", file))
        check_complete(board)


def test_reset_in_the_middle():
    """the board resets in the middle: the tool finds it again and starts the update anew"""
    with updating() as (board, _, tool):
        board.control("reset")
        result = finish(tool)
        check_equal(result["restarts"], 1, "restarts")
        check_complete(board)


def test_power_cycle_in_the_middle():
    """power off and on in the middle: the same"""
    with updating() as (board, _, tool):
        board.control("power-cycle")
        result = finish(tool)
        check_equal(result["restarts"], 1, "restarts")
        check_complete(board)


def test_power_cut_in_an_operation():
    """power goes inside an operation of the chip, three times in one update: the update comes through"""
    with updating(at_bytes=1, speed="max") as (board, _, tool):
        for operations in (0, 60, 333):
            cycles = board.statistics()["power_cycles"]
            check_equal(board.control(f"power-cut-after {operations} 0.3"), "ok\n", "power-cut-after")
            wait_for(lambda: board.statistics()["power_cycles"] > cycles or tool.poll() is not None, 30,
                     "the cut")
        finish(tool)
        check_equal(board.statistics()["power_cycles"], 3, "cuts")
        check_complete(board)


def test_power_cut_over_old_program():
    """power goes while an old program is replaced, the tool is gone: neither half is started"""
    with updating("--load", GUESTS / "asleep.elf") as (board, file, tool):
        tool.send_signal(signal.SIGKILL)
        tool.communicate(timeout=20)
        board.control("power-cycle")
        time.sleep(1.5)  # longer than the start window
        check_equal(json_of(board.tool("info", "--json"))["program"]["can_start"], False, "half a program can start")
        check_equal(board.uart(), "", "what a program said")
        check_tool(board.tool("flash", file))
        check_complete(board)


def test_second_instance():
    """a second tool while one flashes is told so, and does no harm"""
    with updating() as (board, file, tool):
        for arguments in (["info"], ["flash", file], ["reset"], ["erase", "--all", "--yes"]):
            check_tool(board.tool(*arguments, wait_s=0), 42)
        result = finish(tool)
        check_equal((result["restarts"], result["reconnects"]), (0, 0), "restarts, reconnects of the first one")
        check_complete(board)


def test_board_killed():
    """the virtual board ends in the middle: a sentence; another one with the same chip takes up the work"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        nor = pathlib.Path(folder) / "chip"
        with updating(nor=nor) as (board, file, tool):
            board.process.kill()
            said, error = tool.communicate(timeout=60)
            check_equal(tool.returncode, 44, f"exit code; it said {said}{error}")
        file = pathlib.Path(folder) / "program.bin"
        file.write_bytes(CONTENT)
        with Board(nor=nor) as board:
            result = json_of(board.tool("flash", "--json", file))
            check(result["sectors_unchanged"] > 20, f"what was written is kept: {result}")
            board.wait_uart(SAID)
        check(nor.read_bytes()[PROGRAM_ADDRESS - BASE:][:SIZE] == CONTENT, "the chip's file")


def test_suspended_tool():
    """a tool that sleeps for seconds in the middle (Ctrl-Z) goes on when it is woken"""
    with updating() as (board, _, tool):
        tool.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        tool.send_signal(signal.SIGCONT)
        finish(tool)
        check_complete(board)


def test_suspended_board():
    """a computer too busy to run the board for a while: the tool has patience"""
    with updating() as (board, _, tool):
        board.process.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        board.process.send_signal(signal.SIGCONT)
        finish(tool)
        check_complete(board)


if __name__ == "__main__":
    run_tests(globals())
