#!/usr/bin/env python3
"""Getting into the bootloader: programs that crash, reset pressed twice, the window's settings. Prints TAP.

SPDX-License-Identifier: MIT
"""
import contextlib
import struct
import time

import seal
from client import OK, SETTINGS
from harness import GUESTS, ROOT, START_LIMIT_NS, Board, check, check_equal, check_tool, json_of, run_tests, wait_for
from talk import Requests
from test_sdk import Terminal

ENTRY = GUESTS / "entry.elf"
CONFIRM_EXAMPLE = ROOT / "build/sdk/confirm/confirm.elf"
MODE = 0x90700000
(CONFIRM, HANG_WATCHED, BREAKPOINT, LOCK_UP, RESET, HANG, LOCK_UP_ALONE, BACKUP, WAIT) = range(1, 10)
WINDOW, ATTEMPTS, DOUBLE_RESET = 2, 3, 4  # settings


def entry_board(mode, words=(), program=None, **options):
    """A board whose program does what `mode` says. In the pace of the wall clock: it sleeps a lot."""
    board = Board(speed="real", timeout_s=300, **options)
    path = board.folder / "mode"
    path.write_bytes(struct.pack(f"<{1 + len(words)}I", mode, *words))
    board.command += ["--load", str(program or ENTRY), "--load", f"{path}@{MODE:#x}"]
    return board


def starts(board):
    return board.uart().count("start\n")


def wait_starts(board, count, limit_s=20):
    wait_for(lambda: starts(board) >= count, limit_s, f"start {count} of the program")


def info(board):
    return json_of(board.tool("info", "--json"))


def settings(board, *items):
    """Changes settings (SPEC.md section 14) of a board that is in its bootloader."""
    payload = b"".join(struct.pack("<BB", tag, len(value)) + value for tag, value in items)
    with Requests(board) as line:
        check_equal(line.request(SETTINGS, payload)[0], OK, "SETTINGS")


@contextlib.contextmanager
def held(board):
    """In here a reset ends in the bootloader."""
    board.control("button down")
    board.control("reset")
    yield
    board.control("button up")


def check_gives_up(mode, said=""):
    with entry_board(mode) as board:
        board.control("usb unplug")
        board.control("power-cycle")
        before = starts(board)
        wait_starts(board, before + 3)
        time.sleep(0.5)
        check_equal(starts(board), before + 3, "starts until the bootloader stayed")
        check(said in board.uart(), f"{said!r} is not in {board.uart()!r}")
        board.control("usb plug")
        found = info(board)
        check_equal((found["stay_reason"], found["program"]["can_start"]), (10, True), "stay reason, can start")
        check_equal(found["unconfirmed_starts"], {"count": 3, "limit": 3}, "--json")
        check_tool(board.tool("info"), 0, ["because the program did not confirm its last starts",
                                           "3 starts not confirmed, 3 are allowed"])
        # The next reset changes nothing; BOOT begins anew.
        board.control("reset")
        check_equal(info(board)["stay_reason"], 10, "stay reason after a reset")
        check_equal(starts(board), before + 3, "starts")
        check_tool(board.tool("boot"))
        wait_starts(board, before + 6)
        check_equal(info(board)["stay_reason"], 10, "stay reason after BOOT and three more")
        check_equal(starts(board), before + 6, "starts after BOOT")


def test_hang():
    """a program that hangs until the watchdog bites: three starts, then the bootloader stays and says so"""
    check_gives_up(HANG_WATCHED)


def test_fault():
    """a BKPT without a debugger, HardFault, watchdog: the same"""
    check_gives_up(BREAKPOINT, "fault\n")


def test_lock_up():
    """a lock-up, which only a watchdog ends: the same"""
    check_gives_up(LOCK_UP)


def test_resets_itself():
    """a program that resets at once, before it confirms: the same"""
    check_gives_up(RESET)


def test_without_a_watchdog():
    """without a watchdog a hang is for ever, and so is a lock-up; the reset pin counts like any reset"""
    with entry_board(HANG, usb=False) as board:
        wait_starts(board, 1)
        time.sleep(1)
        check_equal(starts(board), 1, "starts")
        for count in (2, 3):
            board.control("reset")
            wait_starts(board, count)
        board.control("reset")
        time.sleep(0.5)
        check_equal(starts(board), 3, "starts after the third")
    with entry_board(LOCK_UP_ALONE, usb=False) as board:
        check_equal(board.wait_exit(), 11, "exit code of a board that locked up")


def test_power_cycle_forgets():
    """a loss of power clears the count"""
    with entry_board(RESET, usb=False) as board:
        for count in (3, 6, 9):
            wait_starts(board, count)
            time.sleep(0.3)
            check_equal(starts(board), count, "starts")
            board.control("power-cycle")


def test_confirmed():
    """a program that confirms is started as often as one likes; one unconfirmed start in between is forgotten"""
    with entry_board(CONFIRM) as board:
        board.control("usb unplug")
        for _ in range(7):
            count = board.uart().count("confirmed")
            board.control("reset")
            wait_for(lambda seen=count: board.uart().count("confirmed") > seen, 10, "the next start")
        board.control("usb plug")
        with held(board):
            check_equal(info(board)["unconfirmed_starts"], {"count": 0, "limit": 3}, "--json")


def test_start_costs_nothing():
    """a program that must confirm starts within 20 ms without a cable, too"""
    with entry_board(CONFIRM, usb=False) as board:
        board.wait_uart("confirmed")
        took_ns = board.start_ns()
        check(0 < took_ns <= START_LIMIT_NS, f"{took_ns / 1e6} ms")


def test_no_promise():
    """a program that promises nothing is not counted"""
    address, program = seal.elf_in_chip(ENTRY.read_bytes())
    for offset, value in ((0x2C0 + 16, 0), (0x2C0, 0x20)):  # no flag; no header
        changed = bytearray(program)
        changed[offset] = value
        board = entry_board(RESET, program="placeholder", usb=False)
        path = board.folder / "program.bin"
        path.write_bytes(changed)
        board.command[board.command.index("placeholder")] = f"{path}@{address:#x}"
        with board:
            wait_starts(board, 20)


def test_another_program():
    """the count belongs to one program: another one in its place begins at none"""
    with entry_board(RESET) as board:
        board.control("usb unplug")
        board.control("power-cycle")
        before = starts(board)
        wait_starts(board, before + 3)
        time.sleep(0.3)
        board.control("usb plug")
        check_equal(info(board)["unconfirmed_starts"]["count"], 3, "count")
        address, program = seal.elf_in_chip(ENTRY.read_bytes())
        path = board.folder / "other.bin"
        path.write_bytes(program + b"another one")
        check_tool(board.tool("flash", "--no-boot", f"{address:#x}", path))
        check_equal(info(board)["unconfirmed_starts"]["count"], 0, "count of the other one")
        before = starts(board)
        board.control("usb unplug")
        board.control("reset")
        wait_starts(board, before + 3)
        time.sleep(0.3)
        check_equal(starts(board), before + 3, "starts of the other one")


def test_attempts_setting():
    """setting 03: one start, five, any number"""
    with entry_board(RESET) as board:
        for limit in (1, 5):
            with held(board):
                settings(board, (ATTEMPTS, bytes([limit])))
            board.control("usb unplug")
            board.control("power-cycle")
            before = starts(board)
            wait_starts(board, before + limit)
            time.sleep(0.3)
            check_equal(starts(board), before + limit, f"starts with the setting {limit}")
            board.control("usb plug")
            check_equal(info(board)["unconfirmed_starts"]["limit"], limit, "limit")
        settings(board, (ATTEMPTS, b"\0"))
        board.control("usb unplug")
        before = starts(board)
        board.control("reset")
        wait_starts(board, before + 20)


def window_opens(board):
    """Resets and waits until the start window is open, and a host sees the device."""
    seen = board.statistics()["usb_enumerations"]
    board.control("reset")
    wait_for(lambda: board.statistics()["usb_enumerations"] > seen, 10, "the device")


def test_reset_twice():
    """reset pressed again while the start window is open: the bootloader stays, once, and says so"""
    with entry_board(WAIT) as board:
        settings_off_limit(board)
        board.wait_uart("start")
        count = starts(board)
        window_opens(board)
        board.control("reset")
        found = info(board)
        check_equal(found["stay_reason"], 9, "stay reason")
        check_tool(board.tool("info"), 0, "because reset was pressed twice")
        check_equal(starts(board), count, "starts")
        # That was it: the next one is a first press.
        board.control("reset")
        wait_starts(board, count + 1)


def settings_off_limit(board):
    """The program of these tests may fail to confirm as often as it likes."""
    with held(board):
        settings(board, (ATTEMPTS, b"\0"))
    board.control("reset")


def test_reset_twice_too_slow():
    """presses apart, the program running in between, are two starts"""
    with entry_board(WAIT) as board:
        settings_off_limit(board)
        wait_starts(board, 1)
        for count in range(starts(board) + 1, starts(board) + 4):
            board.control("reset")
            wait_starts(board, count)


def test_reset_twice_without_power():
    """without USB power a quick second press is a reset like any other, also if the window was open before"""
    with entry_board(WAIT) as board:
        settings_off_limit(board)
        wait_starts(board, 1)
        window_opens(board)
        board.control("usb unplug")
        count = starts(board)
        board.control("reset")
        wait_starts(board, count + 1, 2)
        for _ in range(4):
            board.control("reset")
        wait_starts(board, count + 2, 2)


def test_reset_twice_switched_off():
    """setting 04 is 0: no press counts; setting 02 is 0: there is no window to press in"""
    for item in ((DOUBLE_RESET, b"\0"), (WINDOW, bytes(4))):
        with entry_board(WAIT) as board:
            with held(board):
                settings(board, (ATTEMPTS, b"\0"), item)
            board.control("reset")
            wait_starts(board, 1)
            count = starts(board)
            if item[0] == DOUBLE_RESET:
                window_opens(board)
            board.control("reset")
            board.control("reset")
            wait_starts(board, count + 1)


def test_host_in_the_window():
    """a host that spoke ends the window: a reset after it, by the pin or by a request, is a first press"""
    with entry_board(WAIT) as board:
        settings_off_limit(board)
        wait_starts(board, 1)
        for end in (lambda: board.control("reset"), lambda: check_tool(board.tool("reset"))):
            count = starts(board)
            window_opens(board)
            check_equal(info(board)["stay_reason"], 6, "stay reason")
            end()
            wait_starts(board, count + 1)


def test_window_setting():
    """setting 02: 0 starts at once with a cable in; 3000 waits that long once a host has configured the board"""
    with entry_board(WAIT) as board:
        for window_ms, least_ms, most_ms in ((0, 0, 20), (3000, 3000, 3700), (1, 1, 600)):
            with held(board):
                settings(board, (ATTEMPTS, b"\0"), (WINDOW, struct.pack("<I", window_ms)))
            count = starts(board)
            board.control("reset")
            wait_starts(board, count + 1)
            took_ms = board.start_ns() / 1e6
            check(least_ms < took_ms <= most_ms, f"{took_ms} ms with a window of {window_ms} ms")


def test_foreign_values():
    """what others keep in the backup registers is left alone, and means nothing"""
    changes = {29: "counted", 31: "left"}
    for words in ([0xFFFFFFFF] * 32, [0xA5A5A500 + n for n in range(32)], [0x00000001] * 32,
                  [0x51560040] * 31 + [0x4C544251], [0x51420054] * 32):
        with entry_board(BACKUP, words, usb=False) as board:
            board.wait_uart("end\n")
            found = [int(line, 16) for line in board.uart().split() if len(line) == 8]
            check_equal(len(found), 32, "registers")
            check_equal([n for n in range(32) if found[n] != words[n]], [29], f"registers that changed: {changes}")
            check_equal(found[29] & 0xFF, 1, "the count, begun anew")


def test_request_among_foreign_values():
    """the stay request is the whole word; it is taken back, the registers beside it are not"""
    words = [0x12345678] * 31 + [0x544C4251]
    with entry_board(BACKUP, words) as board:
        board.control("usb unplug")
        board.control("power-cycle")
        before = starts(board)
        time.sleep(1)
        check(starts(board) <= before + 1, "starts")
        board.control("usb plug")
        check_equal(info(board)["stay_reason"], 4, "stay reason")
        check_tool(board.tool("boot"))
        board.wait_uart("end\n")
        found = [int(line, 16) for line in board.uart().split() if len(line) == 8]
        check_equal([n for n in range(32) if found[n] != words[n]], [29, 31], "registers that changed")
        check_equal(found[31], 0, "the request")


def test_sdk_example():
    """`confirm`: confirmed it may crash as it likes; crashing before that three times in a row ends in the bootloader"""
    board = Board("--load", CONFIRM_EXAMPLE, speed="real", timeout_s=300)
    board.command[board.command.index(f"USART1=file:{board.uart_path}")] = f"USART1=unix:{board.folder}/terminal"
    with board:
        board.control("usb unplug")
        terminal = Terminal(board.folder / "terminal")
        for key, words in (("c", "fault: BusFault"), ("h", "hangs"), ("l", "locks up"), ("b", "fault: HardFault")):
            terminal.wait("confirm: confirmed")
            terminal.type(key)
            terminal.wait(words)
        terminal.wait("confirm: started")
        # Key "c" begins the count of the next ones: they come before the program has confirmed.
        for key, words in (("c", "fault: BusFault"), ("h", "hangs"), ("l", "locks up")):
            terminal.type(key)
            terminal.wait(words)
            if key != "l":
                terminal.wait("confirm: started")
        board.control("usb plug")
        found = info(board)
        check_equal((found["stay_reason"], found["unconfirmed_starts"]), (10, {"count": 3, "limit": 3}), "info")
        check_equal(found["programs"][0]["name"], "confirm", "name")
        check_tool(board.tool("boot"))
        terminal.wait("confirm: confirmed")


if __name__ == "__main__":
    run_tests(globals())
