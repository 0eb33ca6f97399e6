#!/usr/bin/env python3
"""Every board there is: its image on its virtual twin flashes, compares, starts by itself, stays for its button. TAP.

A board's struct and its twin are written apart; a pin that differs stops the twin at the first transaction. The boards'
pages in docs/boards must say what the twin is.

SPDX-License-Identifier: MIT
"""
import random
import re
import subprocess

import harness
import locked
from harness import BASE, GUESTS, ROOT, Board, check, check_equal, check_tool, json_of, run_tests
from seal import elf_in_chip

ASLEEP = GUESTS / "asleep.elf"
SAID = "good night"
FIRMWARE = ROOT / "build/firmware"
BOARDS = sorted(path.stem for path in (ROOT / "firmware/boards").glob("*.c"))
PAGES = ROOT / "docs/boards"


def twins():
    """Name and text of each virtual board."""
    said = subprocess.run([harness.BOARD, "--list-boards"], capture_output=True, text=True, check=True, timeout=10)
    return dict(line.split(": ", 1) for line in said.stdout.splitlines())


def twin_says(name, pattern):
    """What a line of the twin's description gives, as strings; () without such a line."""
    found = re.search(pattern, (ROOT / f"sim/boards/{name}.c").read_text())
    return found.groups() if found else ()


def lit_when(name, what="led"):
    return "low" if re.search(rf"\.{what}_active_low = true", (ROOT / f"sim/boards/{name}.c").read_text()) else "high"


def sdk_says(name):
    """The settings that the board's file gives to programs."""
    return dict(re.findall(r"^(\w+) *\?= *(.*)$", (ROOT / f"sdk/boards/{name}.mk").read_text(), re.M))


def image(name):
    return FIRMWARE / f"{name}-flash.bin"


def flash_and_restart(name):
    with Board("--board", name, bootloader=image(name)) as board:
        found = json_of(board.tool("info", "--json"))
        check_equal(found["board"]["name"], name, "the name that the bootloader tells")
        check_tool(board.tool("flash", "--no-boot", ASLEEP))
        check_tool(board.tool("verify", ASLEEP))
        # Old data with one sector changed, up to the end of what programs may use.
        end = found["chip"]["program_end"]
        check_equal(int(sdk_says(name)["PROGRAM_AREA_END"], 16), end, "PROGRAM_AREA_END of the SDK's file")
        text = (PAGES / f"{name}.md").read_text()
        to = "chip's end" if end == BASE + found["chip"]["size"] else f"0x{end - 1:08X}"
        check(re.search(rf"^\| for programs \| 0x90100000 to .*({to}|0x{end - 1:08X})", text, re.M), f"the page does not say {to}")
        data = bytearray(random.Random(name).randbytes(40_000))
        file = board.folder / "data.bin"
        address = end - 40_960
        for change in range(2):
            data[12_345] ^= change
            file.write_bytes(data)
            check_tool(board.tool("flash", "--data", f"{address:#x}", file))
        board.control("usb unplug")
        board.control("power-cycle")
        board.wait_uart(SAID, 20)


def button(name):
    with Board("--board", name, "--load", ASLEEP, bootloader=image(name), speed="real") as board:
        if board.control("button down").startswith("error: this board has no button"):
            return
        board.control("reset")
        check_equal(json_of(board.tool("info", "--json"))["stay_reason"], 3, "stay reason")


def lock(name):
    locked.check_life("--board", name, bootloader=locked.image("vendor", board=name),
                      program=elf_in_chip(ASLEEP.read_bytes())[1], said=SAID)


def reserved_end(name):
    """What the board reserves at the chip's end cannot be written."""
    with Board("--board", name, bootloader=image(name)) as board:
        found = json_of(board.tool("info", "--json"))
        if found["chip"]["program_end"] == BASE + found["chip"]["size"]:
            return
        file = board.folder / "data.bin"
        file.write_bytes(b"x" * 100)
        check_tool(board.tool("flash", "--data", f"{found['chip']['program_end']:#x}", file), 31)


def test_twins():
    """each board has its virtual twin"""
    check(not set(BOARDS) - set(twins()), f"without a twin: {set(BOARDS) - set(twins())}")


def test_pages():
    """each board has its page, which names the crystal and the chip as the twin has them, and its pins"""
    for name in BOARDS:
        page = (PAGES / f"{name}.md").read_text()
        text = twins()[name]
        crystal = re.search(r"\d+ MHz (?:crystal|oscillator)", text)[0]
        chip = re.search(r"(?:\d x )?[A-Z]+\d+[A-Z]+\d+[A-Z-]*", text[text.index(" MHz "):])[0]
        for words in (crystal, chip):
            check(words in page, f"docs/boards/{name}.md does not say {words!r}")
        source = (ROOT / f"sim/boards/{name}.c").read_text()
        for port, number in re.findall(r"{'([A-K])', (\d+)}", source):
            check(re.search(rf"\bP{port}{number}\b", page), f"docs/boards/{name}.md does not say P{port}{number}")
        for row, what, verb in (("LED", "led", "lit"), ("button", "button", "pressed")):
            pin = "".join(twin_says(name, rf"\.{what} = {{'(\w)', (\d+)}}"))
            says = rf"P{pin}\b.*, {verb} when {lit_when(name, what)}" if pin else "none"
            check(re.search(rf"^\| {row}.*\| .*{says}.* \|$", page, re.M), f"docs/boards/{name}.md: {row} is not {says}")
    listed = (PAGES / "README.md").read_text()
    for name in BOARDS:
        check(f"({name}.md)" in listed, f"docs/boards/README.md does not list {name}")


def test_files():
    """each board has its OpenOCD file; firmware and SDK's file have crystal and LED as the twin"""
    for name in BOARDS:
        check((ROOT / f"debug/openocd/{name}.cfg").exists(), f"debug/openocd/{name}.cfg is missing")
        crystal, = twin_says(name, r"\.hse_hz = (\d+)")
        port, number = twin_says(name, r"\.led = {'(\w)', (\d+)}")
        found = sdk_says(name)
        check_equal((found["HSE_HZ"], found["LED"]), (crystal, f"{port}{number} {lit_when(name)}"), f"sdk/boards/{name}.mk")
        firmware = (ROOT / f"firmware/boards/{name}.c").read_text()
        low = ".active_low = true, " if lit_when(name) == "low" else ""
        for line in (f".crystal = {{.hz = {crystal}", f".led = {{.present = true, {low}.pin = GPIO_PIN('{port}', {number})}}"):
            check(line in firmware, f"firmware/boards/{name}.c: no {line}")


def test_large_sectors():
    """two chips erase 8 KiB at once: runs end in the middle of a sector, the log of records turns over; nothing is lost"""
    with Board("--board", "stm32h750b_dk", bootloader=image("stm32h750b_dk")) as board:
        check_tool(board.tool("flash", "--no-boot", ASLEEP))
        file = board.folder / "data.bin"
        for number in range(20):
            content = random.Random(number).randbytes(9_000 + number)
            file.write_bytes(content)
            check_tool(board.tool("flash", "--data", "0x90200000", file))
        check_tool(board.tool("verify", "0x90200000", file))
        check_tool(board.tool("flash", "--data", "0x90201000", file), 32, "8192")
        board.control("usb unplug")
        board.control("power-cycle")
        board.wait_uart(SAID, 20)


def of_each_board():
    """A test for each board and subject, so that a failure names it."""
    tests = {}
    for subject, text in ((flash_and_restart, "flashes, compares, starts by itself after power-on"),
                          (button, "stays for its button"),
                          (lock, "locked: nothing without a key by any interface, everything with it until a reset"),
                          (reserved_end, "keeps what it reserves")):
        for name in BOARDS:
            def test(subject=subject, name=name):
                subject(name)
            test.__doc__ = f"{name} {text}"
            tests[f"test_{subject.__name__}_{name}"] = test
    return tests


if __name__ == "__main__":
    run_tests({**globals(), **of_each_board()})
