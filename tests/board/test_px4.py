#!/usr/bin/env python3
"""The PX4 and ArduPilot bootloader protocol of the whole board, by a host of our own. Prints TAP.

In virtual time on the lockstep cable. The tools themselves are not used here.

SPDX-License-Identifier: MIT
"""
import random
import struct

import client
import harness
import lockstep
import px4
from harness import BLINK, PROGRAM_ADDRESS, check, check_equal, run_tests
from lockstep import SAID, USED
from px4 import FAILED, INVALID, Refused

MIB = 1 << 20
UID = "112233445566778899AABBCC"


def content(size):
    """blink with data behind it."""
    return harness.blink_with_data(size, size)


class World(lockstep.World):
    def attach(self):
        self.port = px4.LinePort(self.line)
        self.host = px4.Uploader(self.port)

    def nothing(self, seconds=0.3):
        check_equal(self.port.read(1, seconds), b"", "an answer")


def check_same(found, expected, what):
    """As check_equal, of many bytes."""
    at = next((i for i, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), None)
    check(found == expected, f"{what}: first difference at {at}, lengths {len(found)} and {len(expected)}")


def refused(answer, action, *arguments, **options):
    try:
        action(*arguments, **options)
    except Refused as error:
        check_equal(error.answer[:2], answer, "the answer")
        return
    raise AssertionError(f"no {answer.hex()} came")


def test_identify():
    """GET_SYNC and everything that uploaders ask, at any baud rate"""
    with World(uid=UID) as world:
        world.line.control(0x21, 0x20, 0, 0, struct.pack("<IBBB", 268416, 0, 0, 8))
        world.host.identify(everything=True)
        host = world.host
        check_equal((host.revision, host.board_id, host.board_revision), (5, 1060, 0), "identity")
        check_equal((host.size, host.external_size), (15 << 20, 15 << 20), "sizes")
        check_equal(host.serial, list(struct.unpack("<3I", bytes.fromhex(UID))), "serial number")
        check_equal(struct.pack("<3I", *host.serial), world.serial.hello()[5], "HELLO's unique id")
        check_equal((host.chip & 0xFFF, host.chip_name), (0x450, "STM32H750,V"), "chip")
        check(host.version.startswith("quadlane ") and len(host.version) <= 32, host.version)
        check_equal(len(host.otp), 192, "OTP")
        check_equal(world.serial.info()[0x1E], struct.pack("<II", 1060, 0), "INFO item 1E")


def test_upload():
    """px_uploader's way: a program over other data, sealed and started; it starts by itself from then on"""
    data = content(150_001)
    with World() as world:
        world.host.identify()
        world.host.upload(data)
        world.wait_program()
        check_same(world.chip(len(data)), data, "the chip")
        check_same(world.chip(65536, PROGRAM_ADDRESS + 3 * 65536), USED[3 * 65536:4 * 65536], "the block behind")
        world.board.control("usb unplug")
        world.board.uart_path.write_text("")
        world.board.control("power-cycle")
        for _ in range(100):
            world.line.run(1_000_000)
        check(SAID in world.board.uart(), "it does not start after a loss of power")


def test_upload_as_qgroundcontrol():
    """three identifications only, 64 bytes at a time"""
    with World() as world:
        world.host.identify_as_qgc()
        world.host.upload(content(70_004), chunk=64)
        world.wait_program()


def test_upload_mebibyte():
    """1 MiB over other data in at most 1.5 times the chip's own time"""
    data = content(MIB)
    with World() as world:
        world.host.identify()
        begin_s = world.port.now_s
        world.host.upload(data, boot=False)
        seconds = world.port.now_s - begin_s
        print(f"# 1 MiB: {seconds:.2f} s")
        # W25Q128JV, typical: 16 blocks, 4096 pages; the USB line works meanwhile.
        check(seconds < 1.5 * (16 * 0.15 + 4096 * 0.0004), f"{seconds} s")
        world.host.boot()
        world.wait_program()
        check_same(world.chip(MIB), data, "the chip")


def test_external_upload():
    """ArduPilot's external flash commands: percents, zeros behind the image, CRC over the image only"""
    data = content(200_003)  # then 765 zeros go behind it
    with World() as world:
        world.host.identify()
        world.host.external_upload(data)
        world.wait_program()
        check_same(world.chip(len(data) + 765), data + bytes(765), "the chip")
        percents = world.host.percents
        check_equal((percents[0], percents[-1]), (0, 100), "percents, first and last")
        check(percents == sorted(percents) and len(percents) > 2, f"percents {percents}")
        # Rounded up to sectors, no more.
        check_same(world.chip(4096, PROGRAM_ADDRESS + 50 * 4096), USED[50 * 4096:51 * 4096], "the sector behind")


def test_external_with_empty_internal():
    """an external image, then an internal one without bytes, as uploaders of both send"""
    data = content(40_000)
    with World() as world:
        world.host.identify()
        world.host.external_upload(data, boot=False)
        world.host.erase()
        check_equal(world.host.word(px4.GET_CRC), px4.padded_crc(b"", world.host.size), "CRC of nothing")
        world.host.boot()
        world.wait_program()
        check_same(world.chip(len(data)), data, "the chip")
    with World() as world:  # one with bytes has no place
        world.host.identify()
        world.host.external_upload(data, boot=False)
        world.host.erase()
        refused(FAILED, world.host.program, b"abcd")
        refused(FAILED, world.host.boot)


def test_external_erase():
    """only erased: whole sectors, with a percent at least every 2 s, on the slowest chip, too"""
    with World() as world:
        world.board.control("chip-times maximum")
        world.host.identify()
        percents = world.host.external_erase(70_000, limit_s=1.9)
        check_equal(percents[-1], 100, "last percent")
        check_same(world.chip(73728), b"\xff" * 73728, "the chip")
        check_same(world.chip(4096, PROGRAM_ADDRESS + 73728), USED[73728:73728 + 4096], "the sector behind")
        refused(FAILED, world.host.boot)
        refused(INVALID, world.host.command, px4.EXTF_ERASE, struct.pack("<I", (15 << 20) + 1))
        world.host.identify()
        check_equal(world.host.command(px4.EXTF_ERASE, bytes(4)), b"", "nothing to erase")
        check_equal(world.port.read(3, 1.0), b"\x64\x12\x10", "nothing to erase")


def test_read():
    """READ_MULTI and EXTF_READ_MULTI go on, GET_DEVICE sends them back"""
    with World() as world:
        world.host.identify()
        for opcode in (px4.READ_MULTI, px4.EXTF_READ_MULTI):
            check_equal(world.host.command(opcode, b"\xff", 255), USED[:255], "the first bytes")
            check_equal(world.host.command(opcode, b"\x05", 5), USED[255:260], "the next ones")
        world.host.device(px4.BL_REV)
        check_equal(world.host.command(px4.READ_MULTI, b"\x04", 4), USED[:4], "the first ones again")
        check_equal(world.host.command(px4.GET_DEVICE, bytes([px4.VECTORS]), 16), USED[28:44], "vectors")


def test_crc():
    """CRC begins with 0 and is not inverted; of what was there, too"""
    check_equal(px4.crc(b"123456789"), px4.fast_crc(b"123456789"), "the test's own CRC")
    with World() as world:
        world.host.identify()
        for size in (0, 1, 4096, 65537):
            found = world.host.word(px4.EXTF_GET_CRC, struct.pack("<I", size))
            check_equal(found, px4.fast_crc(USED[:size]), f"CRC of {size} bytes")
        refused(INVALID, world.host.word, px4.EXTF_GET_CRC, struct.pack("<I", (15 << 20) + 1))


def test_crc_of_what_is_sealed():
    """GET_CRC without an upload: of the sealed program and FF, whatever lies behind it"""
    with World("--load", f"{BLINK}") as world:
        length, = struct.unpack_from("<I", world.serial.info()[0x14], 4)
        world.port.sleep(0.1)
        world.host.identify()
        found = world.host.word(px4.GET_CRC)
        check_equal(found, px4.padded_crc(world.chip(length), world.host.size), "CRC")


def test_info():
    """quadlane info --json tells the board id"""
    with harness.Board() as board:
        board.control("button down")
        found = harness.json_of(board.tool("info", "--json"))
        check_equal(found["px4"], {"board_id": 1060, "board_revision": 0}, "px4")


def test_gates():
    """no erase and no bytes without GET_SYNC and the three questions; INVALID closes the gates; no bytes without erase"""
    with World() as world:
        host = world.host
        host.sync()
        refused(INVALID, host.erase)
        for missing in (px4.BL_REV, px4.BOARD_ID, px4.FW_SIZE):
            host.sync()
            for what in {px4.BL_REV, px4.BOARD_ID, px4.FW_SIZE} - {missing}:
                host.device(what)
            refused(INVALID, host.erase)
            refused(INVALID, host.command, px4.EXTF_ERASE, struct.pack("<I", 4096))
        host.identify()
        refused(INVALID, host.program, b"abcd")
        host.identify()
        refused(INVALID, host.device, 99)
        refused(INVALID, host.erase)
        host.identify()
        host.erase()
        host.program(b"abcd")
        check_same(world.chip(MIB + 65536), USED, "the chip")


def test_arguments():
    """lengths and addresses that cannot be, a wrong end of a command, nothing for SET_DELAY: INVALID"""
    with World() as world:
        host = world.host
        host.identify()
        host.erase()
        refused(INVALID, host.program, b"abc")
        for bad in (b"\x21\x21", b"\x22\x01\x12", b"\x2c\x00", b"\x2d\x05\x20", b"\x2b\x02\0\0\0\x20",
                    b"\x2b\x0c\0\0\0\x20", b"\x22\x07\x20", b"\x27\x04abcd\x21"):
            world.port.write(bad)
            check_equal(world.port.read(3, 0.2), INVALID, f"answer to {bad.hex()}")
        host.command(px4.SET_BAUD, struct.pack("<I", 921600))
        host.command(px4.DEBUG)


def test_unknown():
    """no answer to what is unknown; a command may come byte by byte"""
    with World() as world:
        world.host.sync()
        for byte in b"\x01\x24\x25\x26\x32\x38\x3f\x41\x80\xfe\xff\x0d":
            world.port.write(bytes([byte]))
        world.nothing()
        for byte in b"\x22\x01\x20":
            world.port.write(bytes([byte]))
            world.port.sleep(0.1)
        check_equal(world.port.read(6, 0.5), b"\x05\0\0\0\x12\x10", "revision")


def test_boot_alone():
    """BOOT without an upload starts what is there; nothing that is not a sealed program"""
    with World("--load", f"{BLINK}", used=False) as world:
        world.host.sync()
        world.host.boot()
        world.wait_program()
    with World() as world:
        world.host.sync()
        refused(FAILED, world.host.boot)


def test_boot_after_failure():
    """BOOT after an upload that did not reach its CRC refuses, each time"""
    data = content(50_000)
    with World("--load", f"{BLINK}", used=False) as world:
        world.host.identify()
        world.host.erase()
        refused(FAILED, world.host.boot)
        world.host.program(data[:20_000])
        for _ in range(3):
            refused(FAILED, world.host.boot)
        world.port.sleep(0.5)
        check(world.line.link, "it was started")
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")


def test_worn_chip():
    """a worn cell is found by the read-back: FAILED, no BOOT"""
    worn = PROGRAM_ADDRESS + 0x15678
    with World() as world:
        check_equal(world.board.control(f"wear-out {worn:#x} program"), "ok\n", "wear-out")
        world.host.identify()
        refused(FAILED, world.host.upload, content(150_000))
        check_equal(world.failure(), client.VERIFY, "INFO item 1D")
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")
        world.port.sleep(0.1)
        world.host.sync()
        refused(FAILED, world.host.boot)


def test_not_a_program():
    """what has no vector table is written and not started"""
    with World() as world:
        world.host.identify()
        world.host.upload(random.Random(1).randbytes(10_000), boot=False)
        refused(FAILED, world.host.boot)
        check_same(world.chip(10_000), random.Random(1).randbytes(10_000), "the chip")
        check(world.verdict() in (client.BAD_STACK, client.BAD_ENTRY), "verdict")


def test_beside_our_own():
    """both protocols take turns on the port; a switch ends an upload, and it goes through later"""
    data = content(50_000)
    with World() as world:
        for _ in range(3):
            check_equal(world.serial.hello()[0], 1, "version")
            world.port.sleep(0.1)
            world.host.identify()
        world.host.erase()
        world.host.program(data[:20_000])
        world.line.write(b"\0")
        check_equal(world.serial.hello()[0], 1, "version")
        world.port.sleep(0.3)  # the chip's last operation
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")
        run = content(8192)
        status, _, _ = world.serial.update(run, program=True, number=77)
        check_equal(status, client.OK, "an update of ours")
        world.port.sleep(0.1)
        world.host.identify()
        world.host.upload(data)
        world.wait_program()


def test_over_an_open_update():
    """an update of ours that is open and silent makes way within the erase's time"""
    data = content(20_000)
    with World() as world:
        check_equal(world.serial.begin(b"x" * 8192), (client.OK, 0), "BEGIN")
        world.serial.erase(0, PROGRAM_ADDRESS, 4096)
        world.port.sleep(0.3)
        world.serial.frames()
        world.line.held = b""
        world.host.identify()
        world.host.upload(data)
        world.wait_program()


def test_half_commands():
    """a host killed in the middle of a command, a half frame of ours, MAVLink and shell text: none is in the way"""
    data = content(30_000)
    with World() as world:
        world.host.identify()
        world.host.erase()
        world.port.write(b"\x27\xfc" + data[:100])
        world.port.sleep(0.6)
        check_equal(world.serial.hello()[0], 1, "version")
        world.line.write(client.frame(client.HELLO, 9, bytes(8))[:9])  # half of one
        world.port.sleep(0.1)
        world.host.identify()
        mavlink = b"\xfe\x21\x72\xff\0\x4c\0\0\x40\x40" + bytes(24) + b"\xf6\0\x01\0\0\x53\x6b"
        world.port.write(mavlink + b"\r\r\rreboot -b\n\r\r\rreboot\n")
        world.port.sleep(0.5)
        world.line.held = b""
        world.host.identify()
        numbers = random.Random(3)
        for _ in range(40):
            world.port.write(numbers.randbytes(numbers.randrange(1, 300)))
            world.port.sleep(0.01)
        world.port.sleep(1)
        world.line.held = b""
        world.host.identify()
        world.host.upload(data)
        world.wait_program()


def test_killed_in_an_erase():
    """a host that is killed while the board erases for seconds: our own tool is answered at once"""
    with World() as world:
        world.board.control("chip-times maximum")
        world.host.identify()
        world.host.command(px4.EXTF_ERASE, struct.pack("<I", MIB))
        world.port.sleep(0.5)
        check_equal(world.port.read(3, 0.1), b"\0\0\0", "percents")
        world.line.write(client.frame(client.HELLO, 5, struct.pack("<HHI", 1, 1, 0)))
        world.line.held = b""
        begin_s = world.port.now_s
        check_equal(world.serial.receive(1000)[:2], (client.HELLO | 0x80, 5), "answer")
        check(world.port.now_s - begin_s < 0.1, "it came late")


def test_windowed():
    """a host that does not wait for answers gets each of them"""
    data = content(100_800)
    with World() as world:
        world.host.identify()
        world.host.erase()
        chunks = [data[at:at + 252] for at in range(0, len(data), 252)]
        for chunk in chunks:
            world.port.write(b"\x27\xfc" + chunk + b"\x20")
        check_equal(world.port.read(2 * len(chunks), 20), px4.GOOD * len(chunks), "answers")
        check_equal(world.host.word(px4.GET_CRC), px4.padded_crc(data, world.host.size), "CRC")
        world.host.boot()
        world.wait_program()


def test_full_erase():
    """CHIP_FULL_ERASE erases also what looks blank; CHIP_ERASE does not"""
    for opcode, blocks in ((px4.CHIP_ERASE, 0), (px4.CHIP_FULL_ERASE, 1)):
        with World(used=False) as world:
            before = world.board.statistics()["nor.sectors_erased"]
            world.host.identify()
            world.host.erase(opcode)
            world.host.upload_rest(content(20_000))
            erased = world.board.statistics()["nor.sectors_erased"] - before
            check_equal(erased, 16 * blocks, f"sectors erased by {opcode:#x}")
            world.wait_program()


def test_unplugged():
    """the cable goes in the middle: nothing is started; plugged in again it is as new"""
    data = content(100_000)
    with World() as world:
        world.host.identify()
        world.host.erase()
        world.host.program(data[:60_480])
        world.board.control("usb unplug")
        world.line.wait_link(False)
        world.line.run(1_000_000_000)
        world.board.control("usb plug")
        world.line.wait_link()
        world.line.held = b""
        world.host.sync()
        refused(FAILED, world.host.boot)
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")
        world.port.sleep(0.1)
        world.host.identify()
        world.host.upload(data)
        world.wait_program()


def test_silent():
    """a host that says nothing for 10 s in an upload has given it up"""
    with World() as world:
        world.host.identify()
        world.host.erase()
        world.host.program(content(20_160))
        world.port.sleep(11)
        refused(INVALID, world.host.program, b"abcd")
        check_equal(world.verdict(), client.INCOMPLETE, "verdict")


def test_power_cut():
    """power goes inside operations of the chip: never half a program; the same upload once more goes through"""
    data = content(100_000)
    for operations in (0, 1, 2, 5, 200, 350):
        with World() as world:
            world.board.control("button down")
            check_equal(world.board.control(f"power-cut-after {operations} 0.4"), "ok\n", "power-cut-after")
            world.host.identify()
            refused(b"", world.host.upload, data, boot=False)
            world.line.run(0)
            world.line.wait_link()
            world.board.control("button up")
            world.line.held = b""
            check(world.verdict() != client.OK, f"can start after a cut at {operations}")
            world.port.sleep(0.1)
            world.host.identify()
            world.host.upload(data)
            world.wait_program()


def test_with_dfu():
    """a download by DFU and an upload do not meet"""
    import dfu
    with World() as world:
        other = dfu.on_line(world.line)
        world.host.identify()
        world.host.erase()
        world.host.program(content(10_080))
        try:
            other.erase(PROGRAM_ADDRESS)
            raise AssertionError("DFU erases meanwhile")
        except dfu.DfuError as error:
            check_equal(error.status, 0x0B, "bStatus")
        other.clear()
        check_equal(world.host.word(px4.GET_CRC), px4.padded_crc(content(10_080), world.host.size), "CRC")
        world.host.boot()
        world.line.wait_link(False, 2000)


def test_start_window():
    """GET_SYNC in the start window keeps the board in its bootloader"""
    with World("--load", f"{BLINK}", used=False) as world:
        world.board.control("reset")
        world.line.wait_link(False)
        world.line.wait_link()
        world.host.sync()
        world.port.sleep(3)
        check(world.line.link, "the program was started")
        world.host.sync()


if __name__ == "__main__":
    run_tests(globals())
