#!/usr/bin/env python3
"""The walk-through of docs/adding-a-board.md, followed in a copy of the sources: its board flashes and starts. Prints TAP.

SPDX-License-Identifier: MIT
"""
import re
import subprocess
import tempfile
import pathlib

from harness import GUESTS, ROOT, Board, check, check_tool, copy_sources, json_of, run_tests

NEW, MODEL = "my_board", "weact_ministm32h750"
BUILT = ["host/sim", "firmware", "loader"]


def replace(path, *pairs):
    text = path.read_text()
    for old, new in pairs:
        check(re.search(old, text) is not None, f"{path.name} has no {old!r} any more: adapt the walk-through")
        text = re.sub(old, new, text)
    return text


def add_the_board(folder):
    """What the page says; nothing but new files."""
    name = (MODEL, NEW)
    for part, *changes in [("firmware/boards", (r"\.hz = 25000000", ".hz = 12000000"),
                            (r"CHIP_SIZE = 8 << 20", "CHIP_SIZE = 16 << 20")),
                           ("sim/boards", (r"\.hse_hz = 25000000", ".hse_hz = 12000000"),
                            (r"W25Q64JV-IQ", "W25Q128JV-IQ"), (r" *\.lse_hz = 32768,\n", ""))]:
        text = replace(folder / part / f"{MODEL}.c", name, *changes)
        (folder / part / f"{NEW}.c").write_text(text)
    text = replace(folder / f"debug/openocd/{MODEL}.cfg", name, ("0x00170300", "0x00180300"))
    (folder / f"debug/openocd/{NEW}.cfg").write_text(text)


def test_walk_through():
    """three new files, make, and the board works"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        folder = pathlib.Path(name)
        copy_sources(folder, BUILT)
        add_the_board(folder)
        image = f"build/firmware/{NEW}-flash.bin"
        loaders = [f"build/firmware/{NEW}.stldr", f"build/firmware/{NEW}.FLM"]
        built = subprocess.run(["make", "-s", image, *loaders, "build/quadlane-board"], cwd=folder, capture_output=True,
                               text=True, timeout=300)
        check(built.returncode == 0, f"make failed:\n{built.stdout[-2000:]}{built.stderr[-2000:]}")
        board = Board("--board", NEW, bootloader=folder / image)
        board.command[0] = str(folder / "build/quadlane-board")
        with board:
            found = json_of(board.tool("info", "--json"))
            check(found["board"]["name"] == NEW and found["chip"]["size"] == 1 << 24, f"{found['board']}, {found['chip']}")
            check_tool(board.tool("flash", GUESTS / "asleep.elf"))
            board.wait_uart("good night")


def test_wrong_pin():
    """a pin that the two files of a board tell differently stops the virtual board, which names it"""
    with Board("--board", "daisy_seed", "--timeout", "5",
               bootloader=ROOT / f"build/firmware/{MODEL}-flash.bin", usb=False) as board:
        check(board.wait_exit() == 10, "the board did not stop")
        check("QUADSPI" in board.output(), board.output())


if __name__ == "__main__":
    run_tests(globals())
