#!/usr/bin/env python3
"""Installing through the microcontroller's own DFU: a stand-in for ST's loader, by a host of our own. Prints TAP.

The stand-in is tests/board/guests/rom_loader.c. What stock dfu-util and `quadlane install` make of it:
tests/linux/test_linux.py.

SPDX-License-Identifier: MIT
"""
import contextlib

import client
import dfu
from harness import BOOTLOADER, GUESTS, Board, check, check_equal, run_tests

LOADER = GUESTS / "rom_loader-rom.elf"
FLASH = 0x08000000
IMAGE = BOOTLOADER.read_bytes()


@contextlib.contextmanager
def board_with(bootloader=None):
    """A board whose ROM holds the stand-in, and its cable."""
    with Board("--load", LOADER, bootloader=bootloader, usb="lockstep") as board:
        line = client.Line(board.usb_path)
        try:
            yield board, line
        finally:
            line.close()


def download(host, image):
    host.download(FLASH, image, dfu.layout_pages(host.string(4)), leave=False)


def leave(host):
    host.set_address(FLASH)
    host.leave()


def test_install():
    """onto a blank board: written, read back, left; the bootloader comes up by itself"""
    with board_with() as (board, line):
        host = dfu.wait_loader(line, 1024)
        check_equal([host.string(4), host.string(5)], ["@Internal Flash   /0x08000000/16*128Kg",
                                                      "@Option Bytes   /0x5200201C/01*128 e"], "what dfu-util -l shows")
        check_equal(host.upload(FLASH, 4096), b"\xff" * 4096, "the blank flash")
        download(host, IMAGE)
        check(host.upload(FLASH, len(IMAGE)) == IMAGE, "what is read back")
        leave(host)
        line.wait_link()
        check_equal(client.Client(line).info()[0x01], b"h750_w25q128", "the bootloader that answers")


def test_replace_and_back():
    """BOOT0 high at reset leads there from a bootloader, too; another one is put in its place, and what was there comes back"""
    other = IMAGE.replace(b"quadlane bootloader", b"quadlane BOOTLOADER")
    with board_with(BOOTLOADER) as (board, line):
        line.wait_link()
        for old, new, word in ((IMAGE, other, "BOOTLOADER"), (other, IMAGE, "bootloader")):
            check_equal(board.control("boot0 high"), "ok\n", "boot0")
            board.control("reset")
            line.wait_link(False)
            host = dfu.wait_loader(line, 1024)
            check(host.upload(FLASH, 0x20000) == old.ljust(0x20000, b"\xff"), "what is there")
            download(host, new)
            check_equal(board.control("boot0 low"), "ok\n", "boot0")
            leave(host)
            line.wait_link()
            check(word in dfu.on_line(line).string(2), "the bootloader that answers")


def test_no_loader():
    """without a file for the ROM there is nothing that BOOT0 could lead to"""
    with Board() as board:
        check("no loader of ST's" in board.control("boot0 high"), "boot0 high")
        check_equal(board.control("boot0 low"), "ok\n", "boot0 low")
        check("takes high or low" in board.control("boot0 up"), "boot0 up")


if __name__ == "__main__":
    run_tests(globals())
