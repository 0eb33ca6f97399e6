#!/usr/bin/env python3
"""The DFU interface of the whole board, by a host of our own written from DFU 1.1 and ST's documents. Prints TAP.

In virtual time on the lockstep cable. What stock dfu-util makes of it: tests/linux/test_linux.py.

SPDX-License-Identifier: MIT
"""
import random
import struct
import subprocess
import tempfile
import pathlib

import client
import dfu
import harness
import lockstep
from harness import BASE, BLINK, PROGRAM_ADDRESS, check, check_equal, check_tool, run_tests
from lockstep import SAID, USED

PAGE = 65536
SIZE = 300_001
CONTENT = harness.blink_with_data(SIZE, 7)
# DFU 1.1 table A.1.2
ERR_VERIFY, ERR_ADDRESS, ERR_NOTDONE, ERR_FIRMWARE, ERR_VENDOR, ERR_STALLEDPKT = 7, 8, 9, 10, 11, 15


class World(lockstep.World):
    def attach(self):
        self.dfu = dfu.on_line(self.line)
        self.pages = dfu.layout_pages(self.dfu.string(4))


def expect_error(status, action, *arguments):
    """The device must come to dfuERROR with this bStatus, which is then cleared."""
    try:
        action(*arguments)
    except dfu.DfuError as error:
        found = error.status
        check(found in (status, -1), f"bStatus {found}, expected {status}")
        return found
    raise AssertionError("no error came")


def failing(world, status, action, *arguments):
    found = expect_error(status, action, *arguments)
    told = world.dfu.status()
    check_equal((told[0], told[2]), (status, dfu.ERROR), f"status after {found}")
    text = world.dfu.string(told[3]) if told[3] else ""
    world.dfu.clear()
    check_equal(world.dfu.state(), dfu.IDLE, "state")
    return text


def test_descriptors():
    """the descriptors, byte by byte: USB 2.0 chapter 9, CDC 1.2, DFU 1.1 chapter 4.2, Microsoft OS 2.0"""
    configuration = bytes.fromhex(
        "09 02 5D00 03 01 00 80 FA"                       # 93 bytes, 3 interfaces, bus-powered, 500 mA
        "08 0B 00 02 02 02 01 00"                         # interfaces 0 and 1 are one function
        "09 04 00 00 01 02 02 01 00 05 24 00 1001 05 24 01 00 01 04 24 02 02 05 24 06 00 01"
        "07 05 82 03 0800 FF 09 04 01 00 02 0A 00 00 00 07 05 01 02 4000 00 07 05 81 02 4000 00"
        "09 04 02 00 00 FE 01 02 04"                      # DFU mode, named by string 4
        "09 21 0B FF00 0010 1A01")
    bos = bytes.fromhex("05 0F 2100 01 1C 10 05 00 DF60DDD8 8945 C74C 9CD2 659D9E648A9F 00000306 B200 51 00")
    guids = "{6F9E7C4A-2B1D-4F0E-9A55-51414E455155}\0\0".encode("utf-16-le")
    name = "DeviceInterfaceGUIDs\0".encode("utf-16-le")
    prop = struct.pack("<HHHH", 10 + len(name) + len(guids), 4, 7, len(name)) + name + struct.pack("<H", len(guids)) + guids
    function = struct.pack("<HH8s8s", 20, 3, b"WINUSB", b"") + prop
    function = struct.pack("<HHBBH", 8, 2, 2, 0, 8 + len(function)) + function
    subset = struct.pack("<HHBBH", 8, 1, 0, 0, 8 + len(function)) + function
    windows = struct.pack("<HHIH", 10, 0, 0x06030000, 10 + len(subset)) + subset
    with World(used=False) as world:
        host = world.dfu
        check_equal(host.descriptor(1, 0)[:8].hex(), "120110 02ef020140".replace(" ", ""), "device descriptor")
        check_equal(host.descriptor(2, 0), configuration, "configuration")
        check_equal(host.descriptor(15, 0), bos, "binary object store")
        check_equal(host.transfer(0xC0, 0x51, 0, 7, b"", 4096), ("ok", windows), "Microsoft OS 2.0 descriptor set")
        check_equal(host.transfer(0xC0, 0x51, 0, 5, b"", 64)[0], "stall", "another vendor request")
        check_equal(host.string(4), "@External Flash /0x90100000/99*064Kg,99*064Kg,42*064Kg", "layout")
        check_equal(sum(size for _, size in world.pages), 15 << 20, "size of all pages")


def test_download_and_leave():
    """a program is downloaded over other data, sealed and started; every answer in time, poll times the chip's"""
    with World() as world:
        world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages)
        check(world.dfu.slowest_ms < dfu.ANSWER_LIMIT_MS, f"an answer took {world.dfu.slowest_ms} ms")
        check(100 <= max(world.dfu.polls) <= 250, f"poll times up to {max(world.dfu.polls)} ms")
        world.wait_program()
        check_equal(world.chip(SIZE), CONTENT, "the chip")
        check_equal(world.chip(PAGE, PROGRAM_ADDRESS + 5 * PAGE), USED[5 * PAGE:6 * PAGE], "the page behind")
        # It starts by itself from now on.
        world.board.control("usb unplug")
        world.board.uart_path.write_text("")
        world.board.control("power-cycle")
        for _ in range(100):
            world.line.run(1_000_000)
        check(SAID in world.board.uart(), "it does not start after a loss of power")


def test_upload():
    """what was downloaded can be uploaded, also between download and leave"""
    with World() as world:
        world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages, leave=False)
        check_equal(world.dfu.upload(PROGRAM_ADDRESS, SIZE), CONTENT, "upload")
        check_equal(world.dfu.upload(0x90FFFF00, 4096), b"\xff" * 256, "the chip's last bytes")
        check(world.dfu.slowest_ms < dfu.ANSWER_LIMIT_MS, f"an answer took {world.dfu.slowest_ms} ms")
        check_equal(world.verdict(), client.INCOMPLETE, "verdict before the leave")
        world.dfu.set_address(PROGRAM_ADDRESS)
        world.dfu.leave()
        world.wait_program()


def test_erases():
    """page erase and mass erase: that page, and all of the programs' area but not the first MiB"""
    with World() as world:
        world.dfu.begin()
        world.dfu.erase(PROGRAM_ADDRESS + 2 * PAGE + 4711)
        world.dfu.abort()
        world.dfu.set_address(PROGRAM_ADDRESS)  # waits
        expected = bytearray(USED[:1 << 20])
        expected[2 * PAGE:3 * PAGE] = b"\xff" * PAGE
        check_equal(world.chip(1 << 20), bytes(expected), "the chip after a page erase")
        world.dfu.mass_erase()
        check_equal(world.chip(1 << 20), b"\xff" * (1 << 20), "the chip after the mass erase")
        world.dfu.abort()
        check(world.dfu.slowest_ms < dfu.ANSWER_LIMIT_MS, f"an answer took {world.dfu.slowest_ms} ms")
        check(100 not in world.dfu.polls, "a poll time that dfu-util takes for a lie")
        check_equal(world.chip(4, 0x900F0000), b"QDLR", "the records")
        world.dfu.download(PROGRAM_ADDRESS, CONTENT, [])
        world.wait_program()


def test_slow_chip():
    """a chip that takes the data sheet's maximum times: complete, and every answer in time"""
    with World() as world:
        world.board.control("chip-times maximum")
        world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages)
        check(world.dfu.slowest_ms < dfu.ANSWER_LIMIT_MS, f"an answer took {world.dfu.slowest_ms} ms")
        world.wait_program()
        check_equal(world.chip(SIZE), CONTENT, "the chip")


def test_worn_chip():
    """a worn cell is found by the read-back, and nothing is started"""
    worn = PROGRAM_ADDRESS + 0x15678
    with World() as world:
        check_equal(world.board.control(f"wear-out {worn:#x} program"), "ok\n", "wear-out")
        failing(world, ERR_VERIFY, world.dfu.download, PROGRAM_ADDRESS, CONTENT, world.pages)
        failing(world, ERR_FIRMWARE, world.dfu.leave)
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")
        check_equal(world.failure(), client.INCOMPLETE, "INFO item 1D")


def test_refused():
    """addresses outside, read unprotect, unknown commands and garbage change nothing"""
    with World() as world:
        before = world.chip(2 << 20, BASE)
        failing(world, ERR_ADDRESS, world.dfu.erase, 0x900F0000)
        failing(world, ERR_ADDRESS, world.dfu.erase, 0x08000000)
        failing(world, ERR_STALLEDPKT, world.dfu.command, b"\x92")
        failing(world, ERR_STALLEDPKT, world.dfu.block, b"x" * 100, 1)
        failing(world, ERR_STALLEDPKT, world.dfu.block, b"x" * 4097)
        world.dfu.set_address(0x900FF800)
        failing(world, ERR_ADDRESS, world.dfu.block, b"x" * 4096)
        failing(world, ERR_FIRMWARE, world.dfu.leave)
        numbers = random.Random(9)
        for _ in range(300):
            kind = numbers.choice((0x21, 0xA1, 0x21, 0xA1, 0x22, 0x41, 0xC0))
            request = numbers.randrange(9)
            if kind == 0x21 and request == dfu.DNLOAD:
                data = numbers.choice((b"\x92", b"\x41\0", b"\x21\0\0\0", b"\x99" * 5))
                world.dfu.transfer(kind, request, 0, 2, data, 0)
            else:
                world.dfu.transfer(kind, request, numbers.randrange(5), 2, b"", numbers.choice((0, 1, 6, 64, 4096)))
        world.dfu.begin()
        check_equal(world.chip(2 << 20, BASE), before, "the chip")
        world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages)
        world.wait_program()


def test_power_cut():
    """power goes inside operations of the chip: never half a program; the same download once more goes through"""
    for operations in (0, 1, 3, 7, 300, 1100):
        with World() as world:
            world.board.control("button down")
            check_equal(world.board.control(f"power-cut-after {operations} 0.4"), "ok\n", "power-cut-after")
            try:
                world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages, leave=False)
            except dfu.DfuError:
                pass
            world.line.wait_link(False, 100) if world.line.link else None
            world.line.wait_link()
            world.board.control("button up")
            world.attach()
            check(world.verdict() != client.OK, f"can start after a cut at {operations}")
            world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages)
            world.wait_program()


def test_unplugged():
    """the cable goes in the middle: nothing is started; plugged in again it is as new"""
    with World() as world:
        world.dfu.begin()
        world.dfu.erase_pages(PROGRAM_ADDRESS, SIZE, world.pages)
        world.dfu.write(PROGRAM_ADDRESS, CONTENT[:100_000])
        world.board.control("usb unplug")
        world.line.wait_link(False)
        world.line.run(3_000_000_000)
        world.board.control("usb plug")
        world.line.wait_link()
        check_equal(world.dfu.state(), dfu.IDLE, "state")
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")
        failing(world, ERR_FIRMWARE, world.dfu.leave)
        world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages)
        world.wait_program()


def test_given_up():
    """the host stops in the middle and asks for the leave, or is silent: no seal"""
    with World() as world:
        world.dfu.begin()
        world.dfu.erase_pages(PROGRAM_ADDRESS, SIZE, world.pages)
        world.dfu.write(PROGRAM_ADDRESS, CONTENT[:100_000])
        world.dfu.abort()
        failing(world, ERR_NOTDONE, world.dfu.leave)
        world.dfu.erase_pages(PROGRAM_ADDRESS, SIZE, world.pages)
        world.dfu.sleep(3500)
        failing(world, ERR_NOTDONE, world.dfu.block, b"x" * 100)
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")


def test_one_at_a_time():
    """a download and an update of the serial port do not meet"""
    with World() as world:
        serial = world.serial
        world.dfu.begin()
        world.dfu.erase(PROGRAM_ADDRESS)
        check_equal(serial.begin(b"x" * 4096)[0], client.BUSY, "BEGIN in a download")
        check_equal(serial.ask(client.HASH, PROGRAM_ADDRESS, 16)[0], client.BUSY, "HASH in a download")
        world.dfu.abort()
        world.dfu.set_address(PROGRAM_ADDRESS)
        world.dfu.abort()
        world.dfu.sleep(50)
        check_equal(serial.begin(b"x" * 4096), (client.OK, 0), "BEGIN behind it")
        text = failing(world, ERR_VENDOR, world.dfu.erase, PROGRAM_ADDRESS)
        check("serial port" in text, text)
        expect_error(ERR_VENDOR, world.dfu.upload, PROGRAM_ADDRESS, 16)
        world.dfu.begin()
        serial.erase(0, PROGRAM_ADDRESS, 4096)
        serial.write(1, PROGRAM_ADDRESS, b"x" * 4096)
        check_equal(serial.end(2)[0], client.OK, "END")
        world.dfu.download(PROGRAM_ADDRESS, CONTENT, world.pages)
        world.wait_program()


def test_all_boards():
    """each board there is: the layout is the programs' area in blocks of its chip, a download is started"""
    asleep = (harness.GUESTS / "asleep.elf").with_suffix(".bin")
    for name in sorted(path.stem for path in (harness.ROOT / "firmware/boards").glob("*.c")):
        image = harness.ROOT / f"build/firmware/{name}-flash.bin"
        with tempfile.TemporaryDirectory() as folder, World("--board", name, bootloader=image, used=False) as world:
            binary = pathlib.Path(folder) / asleep.name
            subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "--gap-fill", "0xFF", asleep.with_suffix(".elf"),
                            binary], check=True)
            first, end = struct.unpack("<II", world.serial.info()[0x07])
            check_equal(world.pages[0][0], first, f"{name}: first page")
            check_equal(sum(world.pages[-1]), end, f"{name}: end of the last page")
            check(all(size >= 65536 for _, size in world.pages[:-1]) or world.pages[-1][1] < 65536, f"{name}: small pages")
            content = binary.read_bytes() + random.Random(name).randbytes(150_000)
            world.dfu.download(PROGRAM_ADDRESS, content, world.pages, leave=False)
            check_equal(world.dfu.upload(PROGRAM_ADDRESS, len(content)), content, f"{name}: upload")
            world.dfu.set_address(PROGRAM_ADDRESS)
            world.dfu.leave()
            world.wait_program("good night")


def test_dfu_file():
    """quadlane pack --dfu makes what dfu-suffix accepts and a reading of UM0391 finds right; flash takes it"""
    with tempfile.TemporaryDirectory() as folder, harness.Board() as board:
        path = pathlib.Path(folder) / "blink.dfu"
        check_tool(harness.run_tool("pack", "--dfu", BLINK, path))
        suffix = subprocess.run(["dfu-suffix", "-c", path], capture_output=True, text=True)
        check_equal(suffix.returncode, 0, "dfu-suffix")
        check("0x1209" in suffix.stdout and "0x011A" in suffix.stdout.replace("011a", "011A"), suffix.stdout)
        check_tool(board.tool("flash", path))
        board.wait_uart(SAID)


if __name__ == "__main__":
    run_tests(globals())
