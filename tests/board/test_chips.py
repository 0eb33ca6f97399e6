#!/usr/bin/env python3
"""The same firmware bytes with each flash chip: flash, delta, power cuts, protection, wear, strange modes, lock. Prints TAP.

Facts of the chips are those of their data sheets (named in sim/nor_*.c), not of the driver.

SPDX-License-Identifier: MIT
"""
import random
import subprocess

import harness
import locked
from harness import (BASE, BLINK, BOOTLOADER, GUESTS, PROGRAM_ADDRESS, START_LIMIT_NS, Board, blink_with_data, check,
                     check_equal, check_tool, json_of, modes_of_chip, run_tests, wait_for)
from seal import elf_in_chip

DUAL = "stm32h750b_dk"  # has two chips
ASLEEP, ASLEEP_SAID = GUESTS / "asleep.elf", "good night"
SAID = "blink: running"
WORN = PROGRAM_ADDRESS + 0x8678
CONTENT = blink_with_data(100_000, 4, WORN - PROGRAM_ADDRESS)


class Chip:
    """name: of the virtual chip; known: what `info` calls it; protected: its registers with all of it protected."""

    def __init__(self, name, known, jedec, size, protected, modes):
        self.name, self.known, self.size, self.protected = name, known, size << 20, protected
        self.jedec = int(jedec.replace(" ", ""), 16)
        self.modes = modes_of_chip(*modes)
        self.steps = "012345" + ("6" if modes[1] else "") + ("7" if modes[2] else "")


CHIPS = [
    Chip("W25Q64JV-IQ", "W25Q64JV", "EF 40 17", 8, "1C 02 60", (0x75, 0, 0, 0xEB, 3, 0xA0, 6)),
    Chip("W25Q128JV-IQ", "W25Q128JV", "EF 40 18", 16, "1C 02 60", (0x75, 0, 0, 0xEB, 3, 0xA0, 6)),
    Chip("W25Q128JV-IM", "W25Q128JV-M", "EF 70 18", 16, "1C 02 60", (0x75, 0x38, 0, 0xEB, 3, 0x20, 6)),
    Chip("W25Q256JV-IQ", "W25Q256JV", "EF 40 19", 32, "3C 02 60", (0x75, 0, 0xB7, 0xEC, 4, 0xA0, 6)),
    Chip("IS25LP064A", "IS25LP064A", "9D 60 17", 8, "7C 00 E0", (0xB0, 0x35, 0, 0xEB, 3, 0xA0, 6)),
    Chip("MT25QL512AB", "MT25QL512AB", "20 BA 20", 64, "5C 00 FB", (0x75, 0x35, 0xB7, 0xEC, 4, 0, 10, 0xF381)),
    Chip("GD25Q64C", "GD25Q64", "C8 40 17", 8, "1C 02 60", (0x75, 0x38, 0, 0xEB, 3, 0xA0, 6)),
    Chip("GD25Q128E", "GD25Q128", "C8 40 18", 16, "1C 02 60", (0x75, 0x38, 0, 0xEB, 3, 0xA0, 6)),
    # 0xA5: enhance mode.
    Chip("MX25L12833F", "MX25L12833F", "C2 20 18", 16, "7C 07 00", (0xB0, 0x35, 0, 0xEB, 3, 0xA5, 6)),
    Chip("PY25Q64HA", "PY25Q64HA", "85 20 17", 8, "1C 02 00", (0x75, 0x38, 0, 0xEB, 3, 0xA0, 6)),
]


class Used(Board):
    """A board with this chip, or two of them, whose bytes are all 00."""

    def __init__(self, chip, count=1):
        board = ["--board", DUAL] if count == 2 else []
        super().__init__("--chip", chip.name, *board,
                         bootloader=BOOTLOADER.with_name(f"{DUAL}-flash.bin") if count == 2 else BOOTLOADER)
        self.chip, self.count, self.size = chip, count, chip.size * count

    def __enter__(self):
        for name in ("nor.bin", "nor.bin.2")[:self.count]:
            with open(self.folder / name, "wb") as file:
                file.truncate(self.chip.size)
        self.file = self.folder / "program.bin"
        self.file.write_bytes(CONTENT)
        return super().__enter__()

    def check_holds(self, address, content):
        """Of two chips the first has the bytes at even addresses."""
        for number, name in enumerate(("nor.bin", "nor.bin.2")[:self.count]):
            part = content[number::self.count]
            found = self.chip_bytes(BASE + (address - BASE) // self.count, len(part), name)
            check(found == part, f"{name} does not hold its bytes of {address:#x}")


def found_and_flashed(board):
    chip = board.chip
    found = json_of(board.tool("info", "--json"))["chip"]
    check_equal((found["name"], found["jedec_id"], found["size"]), (chip.known, chip.jedec, board.size), "the chip")
    if board.count == 1:  # the other board has another crystal
        check_tool(board.tool("flash", board.file))
        board.wait_uart(SAID)
    else:
        board.control("button down")
        check_tool(board.tool("flash", board.file, "--no-boot"))
    board.check_holds(PROGRAM_ADDRESS, CONTENT)


def delta_and_verify(board):
    changed = bytearray(CONTENT)
    changed[70_000] ^= 0xFF
    board.file.write_bytes(changed)
    board.control("chip-times maximum")
    erases = board.statistics()["nor.erases"]
    check_tool(board.tool("flash", board.file, "--no-boot"))
    # The sector; and one of the log now and then.
    check(board.statistics()["nor.erases"] - erases <= 2, "more than one sector was erased")
    board.control("chip-times typical")
    check_tool(board.tool("verify", board.file))
    board.check_holds(PROGRAM_ADDRESS, changed)
    board.file.write_bytes(CONTENT)


def far_end(board):
    """Data in the chip's last bytes."""
    address = BASE + board.size - 0x4000
    data = board.folder / "data.bin"
    data.write_bytes(random.Random(5).randbytes(0x4000))
    check_tool(board.tool("flash", "--data", f"{address:#x}", data, "--no-boot"))
    board.check_holds(address, data.read_bytes())
    copy = board.folder / "copy.bin"
    check_tool(board.tool("read", f"{address:#x}", "0x4000", copy))
    check_equal(copy.read_bytes(), data.read_bytes(), "what was read")


def protected(board):
    check_equal(board.control(f"chip-status {board.chip.protected}"), "ok\n", "chip-status")
    board.file.write_bytes(CONTENT[:90_000])
    check_tool(board.tool("flash", board.file, "--no-boot"))
    board.check_holds(PROGRAM_ADDRESS, CONTENT[:90_000])
    board.file.write_bytes(CONTENT)


def power_cuts(board):
    cycles = board.statistics()["power_cycles"]
    for number, (operation, fraction) in enumerate(((0, 0.1), (1, 0.9), (7, 0.5), (60, 0.3))):
        board.file.write_bytes(CONTENT[:-100] + bytes([number]) * 100 if number else CONTENT)
        board.control(f"tear-seed {number}")
        board.control(f"power-cut-after {operation} {fraction}")
        board.tool("flash", board.file, "--full", "--no-boot")  # ends with the cut, or resumes behind it
        check_tool(board.tool("flash", board.file, "--no-boot"))
        check_tool(board.tool("verify", board.file))
    check_equal(board.statistics()["power_cycles"] - cycles, 4, "power cuts")
    board.file.write_bytes(CONTENT)
    check_tool(board.tool("flash", board.file, "--no-boot"))


def without_cable(board):
    if board.count == 2:
        check_tool(board.tool("flash", ASLEEP, "--no-boot"))
    board.control("button up")
    board.control("usb unplug")
    before_ns = board.statistics()["program_started_ns"]
    board.control("power-cycle")
    if board.count == 2:  # this board does not see its cable, and waits for it
        board.wait_uart(ASLEEP_SAID)
        return
    wait_for(lambda: board.statistics()["program_started_ns"] > before_ns, 10, "the start")
    check(board.start_ns() <= START_LIMIT_NS, f"{board.start_ns() / 1e6} ms from power-on")


def life(chip, count=1):
    with Used(chip, count) as board:
        found_and_flashed(board)
        board.control("button down")  # or the program would start
        board.control("reset")
        for step in (delta_and_verify, far_end, protected, power_cuts):
            step(board)
        without_cable(board)


def worn(chip):
    with Used(chip) as board:
        check_equal(board.control(f"wear-out {WORN:#x} program"), "ok\n", "wear-out")
        check_tool(board.tool("flash", board.file), 52, (f"0x{WORN:08X}", "holds FF"))
        check_equal(board.control(f"wear-out {WORN:#x} erase"), "ok\n", "wear-out")
        check_tool(board.tool("flash", board.file), 51, "could not erase")
        check_tool(board.tool("flash", BLINK))  # it needs nothing of the worn byte
        board.wait_uart("MHz")


def strange_modes(chip, count=1):
    board = Used(chip, count)
    path = board.folder / "chip"
    path.write_bytes(chip.modes)
    board.command += ["--load", f"{path}@0x24001004"]
    with board:
        check_tool(board.tool("flash", GUESTS / "modes.elf"))
        board.control("usb unplug")
        board.wait_uart("end\n", 60)
        check_equal(board.uart(), "".join(f"{step}\n" for step in chip.steps) + "end\n", "its starts")


def lock(chip):
    locked.check_life("--chip", chip.name, bootloader=locked.image("vendor"), program=elf_in_chip(ASLEEP.read_bytes())[1],
                      said=ASLEEP_SAID)


def add(chip, function, title):
    def test():
        function(chip)
    test.__doc__ = f"{chip.name}: {title}"
    globals()[f"test_{function.__name__}_{chip.name}"] = test


for one in CHIPS:
    add(one, life, "flash, delta with the maximum times, far end, protected, power cuts, start without cable")
    add(one, worn, "a worn byte is told; the rest of the chip works")
    add(one, strange_modes, "left in each state that a reset does not end")
    add(one, lock, "locked: nothing without a key by any interface, everything with it until a reset")


def test_all_chips():
    """each chip that the virtual board has is tested here"""
    said = subprocess.run([harness.BOARD, "--list-chips"], capture_output=True, text=True, check=True, timeout=10)
    check_equal([line.split(":")[0] for line in said.stdout.splitlines()], [chip.name for chip in CHIPS], "--list-chips")


def test_two_chips():
    """two MT25QL512AB in dual-flash mode: the same life, and 8 KiB is the least that can be erased"""
    chip = next(one for one in CHIPS if one.name == "MT25QL512AB")
    life(chip, 2)
    with Used(chip, 2) as board:
        board.file.write_bytes(bytes(5000))
        check_tool(board.tool("flash", "--data", "0x90201000", board.file, "--no-boot"), 32, "multiple of")
        # What lies behind the bytes in their last unit becomes FF, and nothing else.
        check_tool(board.tool("flash", "--data", "0x90200000", board.file, "--no-boot"))
        board.check_holds(0x90200000, bytes(5000) + b"\xff" * 3192 + bytes(8192))
        # Neighbours of an update stay.
        board.file.write_bytes(random.Random(6).randbytes(20_000))
        check_tool(board.tool("flash", "--data", "0x90202000", board.file, "--no-boot"))
        board.check_holds(0x90200000, bytes(5000) + b"\xff" * 3192 + board.file.read_bytes())


def test_two_unlike_chips():
    """the second of two chips protected alone, worn alone: found and told as with one"""
    chip = next(one for one in CHIPS if one.name == "W25Q64JV-IQ")
    with Used(chip, 2) as board:
        found_and_flashed(board)
        board.control("button down")
        board.control("reset")
        check_equal(board.control(f"wear-out {WORN | 1:#x} program"), "ok\n", "wear-out")
        board.file.write_bytes(bytes(byte ^ 0x55 for byte in CONTENT))
        check_tool(board.tool("flash", "--data", f"{PROGRAM_ADDRESS:#x}", board.file), 52, f"0x{WORN | 1:08X}")


def test_two_chips_strange_modes():
    """two chips left in each state that a reset does not end"""
    for name in ("IS25LP064A", "MT25QL512AB"):
        strange_modes(next(one for one in CHIPS if one.name == name), 2)


def test_unknown_chip():
    """a chip that nobody knows is refused with the way to the list"""
    with Board("--chip", "W25Q128") as board:
        check_equal(board.wait_exit(), 1, "exit code")
        check("no chip is called W25Q128; try --list-chips" in board.output(), board.output())


if __name__ == "__main__":
    run_tests(globals())
