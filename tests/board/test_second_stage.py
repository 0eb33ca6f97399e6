#!/usr/bin/env python3
"""The bootloader as second stage behind a stand-in for the maker's first one (SPEC.md section 21). Prints TAP.

The first stage is tests/board/guests/first_stage.c. The file that it starts is checked with Python's hashlib. Its DFU mode
is driven by a host of our own; what stock dfu-util makes of it: tests/linux/test_linux.py.

SPDX-License-Identifier: MIT
"""
import contextlib
import hashlib
import pathlib
import random
import re
import struct
import tempfile

import client
import dfu
import locked
import seal
import test_handover
from harness import BASE, GUESTS, ROOT, Board, check, check_equal, check_tool, json_of, run_tests, run_tool, wait_for

NAME = "sp_racing_h7_extreme"
FIRST = GUESTS / "first_stage-flash.elf"
IMAGE = ROOT / f"build/firmware/{NAME}-ram.bin"
BLOCK = ROOT / f"build/firmware/{NAME}-ram.exst"
ASLEEP, SAID = GUESTS / "asleep.elf", "good night"
ASLEEP_BYTES = seal.elf_in_chip(ASLEEP.read_bytes())[1]
FROM_RAM = ROOT / "build/sdk/from_ram/from_ram.elf"
SIZE = 16 << 20
EXST, EXST_SIZE = 0x90F90000, 448 << 10
STARTS = "first stage: starts the second"
OTHER, OTHER_SAID = GUESTS / "other_stage-exst.elf", "another second stage"
# The maker's: layout and reserved partitions; settings.
MAKERS = [(0x90000000, 0x90030000), (0x90F80000, 0x90F90000)]
LEFT_ALONE = [(0x90030000, 0x900F0000)]


def block_of(image):
    """A block as its format says, by hashlib."""
    padded = image.ljust(EXST_SIZE, b"\0")
    check(not any(padded[-64:]), "the image reaches into the footer")
    return padded[:-16] + hashlib.md5(padded).digest()


def chip_with(block, programs=()):
    """A chip's content: the maker's areas full of something, the block, sealed programs."""
    chip = bytearray(b"\xff" * SIZE)
    for first, end in MAKERS:
        chip[first - BASE:end - BASE] = random.Random(first).randbytes(end - first)
    chip[EXST - BASE:EXST - BASE + len(block)] = block
    for address, data in programs:
        chip[address - BASE:address - BASE + len(data)] = data
    if programs:
        log = seal.make_log(programs)
        chip[seal.LOG - BASE:seal.LOG - BASE + len(log)] = log
    return bytes(chip)


def board_with(block, programs=(), nor=None, **options):
    """A board with a first stage in its internal flash."""
    board = Board("--board", NAME, "--load", FIRST, bootloader=None, sealed=False, nor=nor, **options)
    if nor is None:
        (board.folder / "nor.bin").write_bytes(chip_with(block, programs))
    return board


@contextlib.contextmanager
def makers_dfu(nor):
    """The first stage's DFU mode, on a board with this chip that was switched on with its button held: the board, a host."""
    with board_with(None, nor=nor, usb="lockstep") as board:
        line = client.Line(board.usb_path)
        try:
            board.control("button down")
            board.control("power-cycle")
            host = dfu.wait_loader(line, 2048)
            board.control("button up")
            yield board, host
        finally:
            line.close()


def put_by_dfu(nor, block):
    """As dfu-util -s 0x90F90000:0x70000 -D FILE with the maker's DFU; returns what was there before."""
    with makers_dfu(nor) as (_, host):
        before = host.upload(EXST, EXST_SIZE)
        host.download(EXST, block, dfu.layout_pages(host.string(4)), leave=False)
        check(host.upload(EXST, EXST_SIZE) == block, "what is read back")
    return before


def chip_of(board):
    return board.chip_bytes(BASE, SIZE)


def check_left_alone(board):
    """What is the maker's is as it was, what is nobody's is blank."""
    chip = chip_of(board)
    for first, end in MAKERS:
        check(chip[first - BASE:end - BASE] == random.Random(first).randbytes(end - first),
              f"{first:#x}..{end:#x} was changed")
    for first, end in LEFT_ALONE:
        check(not chip[first - BASE:end - BASE].strip(b"\xff"), f"{first:#x}..{end:#x} was written")


def check_same_but_gaps(block, expected):
    """The same, but what lies between an image's parts, zero in a .bin, may be FF; its MD5 is right."""
    check(block_of(block[:-64]) == block, "the MD5")
    check(all(a == b or (a, b) == (0xFF, 0) for a, b in zip(block[:-16], expected)), "the bytes")


def another_image():
    """The same bootloader with another name on USB."""
    image = IMAGE.read_bytes()
    check_equal(image.count(b"quadlane bootloader"), 1, "the product's name")
    return image.replace(b"quadlane bootloader", b"quadlane BOOTLOADER")


def test_file():
    """pack --exst makes the 448 KiB that the format says, byte by byte, from .bin, .elf and .hex"""
    expected = block_of(IMAGE.read_bytes())
    stack, entry = struct.unpack_from("<II", expected)
    check(0x20000000 < stack <= 0x20020000 and entry % 2 and 0x24010000 < entry < 0x24010000 + len(IMAGE.read_bytes()),
          f"vector table {stack:#x} {entry:#x}")
    check(BLOCK.read_bytes() == expected, "the build's .exst")
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        for suffix in (".bin", ".elf", ".hex"):
            check_tool(run_tool("pack", "--exst", IMAGE.with_suffix(suffix), out), 0, "448 KiB")
            check_same_but_gaps(out.read_bytes(), expected)
        small = pathlib.Path(folder) / "small.bin"
        small.write_bytes(struct.pack("<II", 0x20020000, 0x24010009) + bytes(range(100)))
        check_tool(run_tool("pack", "--exst", small, out))
        check(out.read_bytes() == block_of(small.read_bytes()), "from another image")


def test_pack_refuses():
    """pack --exst refuses what is linked for another place, too large, or no vector table"""
    with tempfile.TemporaryDirectory() as folder:
        out, file = pathlib.Path(folder) / "out", pathlib.Path(folder) / "file.bin"
        check_tool(run_tool("pack", "--exst", ROOT / f"build/firmware/{NAME}-flash.elf", out), 90, "0x24010000")
        check_tool(run_tool("pack", "--exst", ASLEEP, out), 90, "0x90100000")
        vectors = struct.pack("<II", 0x20020000, 0x24010009)
        file.write_bytes(vectors.ljust(EXST_SIZE - 64, b"\1"))
        check_tool(run_tool("pack", "--exst", file, out))
        file.write_bytes(vectors.ljust(EXST_SIZE - 63, b"\1"))
        check_tool(run_tool("pack", "--exst", file, out), 90, "0x2407FFBF")
        file.write_bytes(struct.pack("<II", 0x20020000, 0x08000009) * 10)
        check_tool(run_tool("pack", "--exst", file, out), 90, "0x08000009")
        check_tool(run_tool("pack", "--exst", "--dfu", file, out), 2, "--exst")


def test_service():
    """behind the first stage: flashes, flashes the difference, compares, restarts; leaves the maker's areas alone"""
    with board_with(BLOCK.read_bytes(), speed="real") as board:
        found = json_of(board.tool("info", "--json"))
        check_equal((found["board"]["name"], found["chip"]["program_end"]), (NAME, 0x90F80000), "info")
        check_tool(board.tool("flash", "--no-boot", ASLEEP))
        check_tool(board.tool("verify", ASLEEP))
        data = bytearray(random.Random(7).randbytes(300_000))
        file = board.folder / "data.bin"
        for change in range(2):
            data[123_456] ^= change
            file.write_bytes(data)
            found = json_of(board.tool("flash", "--json", "--data", "0x90F00000", file))
        check_equal(found["sectors"] - found["sectors_unchanged"], 1, "sectors of a change")
        check_tool(board.tool("reset", "--bootloader"))
        check_equal(json_of(board.tool("info", "--json"))["stay_reason"], 4, "stay reason")
        check_tool(board.tool("boot"))
        board.wait_uart(SAID, 20)
        board.control("usb unplug")
        board.control("power-cycle")
        wait_for(lambda: board.uart().count(SAID) == 2, 20, "the program")
        check_equal(board.uart().count(STARTS), 3, "starts of the second stage")
        check_left_alone(board)


def test_state():
    """a program finds the world of SPEC.md section 8, whatever the first stage has left"""
    program = seal.elf_in_chip((GUESTS / "state.elf").read_bytes())
    board = board_with(BLOCK.read_bytes(), [program], usb=False)
    board.command += ["--load", test_handover.write_list(board)]
    with board:
        board.wait_uart("end\n", 60)
        text = board.uart()
    check(text.startswith(STARTS), text[:100])
    test_handover.check_state(test_handover.parse(text), test_handover.reset_values())


def test_button():
    """BIND held at power-on is the first stage's"""
    with board_with(BLOCK.read_bytes(), speed="real") as board:
        board.wait_uart(STARTS)
        board.control("button down")
        board.control("power-cycle")
        board.wait_uart("first stage: DFU")
        board.control("button up")
        board.control("reset")
        board.wait_device()


def test_makers_dfu():
    """the first stage's DFU mode: its descriptors, the whole chip readable, pages erased and written, nothing outside"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        nor = pathlib.Path(folder) / "nor.bin"
        nor.write_bytes(chip_with(BLOCK.read_bytes()))
        with makers_dfu(nor) as (board, host):
            check_equal(host.descriptor(1, 0)[8:12].hex(), "830411df", "vendor and product")
            # One alternate setting of DFU mode, and its functional descriptor (DFU 1.1, 4.2.3 and 4.2.4).
            check_equal(host.descriptor(2, 0)[9:].hex(" "), "09 04 00 00 00 fe 01 02 04 09 21 0b ff 00 00 08 1a 01", "interface")
            pages = dfu.layout_pages(host.string(4))
            check_equal((pages[0][0], sum(size for _, size in pages)), (BASE, SIZE), "the memory of the layout")
            check(EXST in [address for address, _ in pages], "no page begins with the second stage")
            before = board.chip_bytes(BASE, SIZE)
            check(host.upload(0x90F80000, 0x80000) == before[0xF80000:], "upload")
            host.download(0x90300001, b"quadlane" * 1000, pages, leave=False)
            expected = bytearray(before)
            expected[0x300000:0x310000] = b"\xff" * 0x10000
            expected[0x300001:0x300001 + 8000] = b"quadlane" * 1000
            check(board.chip_bytes(BASE, SIZE) == expected, "download")
            for address in (0x8FFFFFFF, BASE + SIZE, 0x08000000):
                try:
                    host.erase(address)
                except dfu.DfuError as error:
                    check_equal((error.status, error.state), (8, dfu.ERROR), f"{address:#x}")
                    host.clear()
                    continue
                raise AssertionError(f"{address:#x} was erased")


def test_install_and_back():
    """another second stage runs; the maker's DFU brings ours, which works; the copy made before brings the other one back"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        nor, other = (pathlib.Path(folder) / name for name in ("nor.bin", "other.exst"))
        check_tool(run_tool("pack", "--exst", OTHER, other))
        nor.write_bytes(chip_with(other.read_bytes()))
        with board_with(None, nor=nor) as board:
            board.wait_uart(OTHER_SAID)
        check(put_by_dfu(nor, BLOCK.read_bytes()) == other.read_bytes(), "the copy of what was there")
        with board_with(None, nor=nor) as board:
            check_equal(json_of(board.tool("info", "--json"))["board"]["name"], NAME, "the board's name")
            check_tool(board.tool("flash", ASLEEP))
            board.wait_uart(SAID)
        check(put_by_dfu(nor, other.read_bytes()) == BLOCK.read_bytes(), "the copy of ours")
        with board_with(None, nor=nor) as board:
            board.wait_uart(OTHER_SAID)
        check(ASLEEP_BYTES in nor.read_bytes(), "the program in the chip has gone")
        # The other way back, without the button: ours takes any second stage.
        with board_with(BLOCK.read_bytes()) as board:
            check_tool(board.tool("flash", "--data", f"{EXST:#x}", other), 0, "verified")
            board.control("power-cycle")
            board.wait_uart(OTHER_SAID)


def test_damaged_block():
    """a damaged block, one without its footer and no block at all are not started"""
    block = BLOCK.read_bytes()
    for place, text in ((100, "MD5 is wrong"), (EXST_SIZE - 100, "MD5 is wrong"), (EXST_SIZE - 1, "MD5 is wrong"),
                        (EXST_SIZE - 64, "no block")):
        broken = bytearray(block)
        broken[place] ^= 4
        with board_with(bytes(broken)) as board:
            board.wait_uart("end\n")
            check(text in board.uart() and STARTS not in board.uart(), f"{place}: {board.uart()}")
    with board_with(b"") as board:
        board.wait_uart("first stage: no block")


def test_replaces_itself():
    """flash --data at 0x90F90000 replaces the second stage; the next start runs the new one"""
    with board_with(BLOCK.read_bytes()) as board:
        before = json_of(board.tool("info", "--json"))
        new = board.folder / "new.exst"
        new.write_bytes(block_of(another_image()))
        check_tool(board.tool("flash", "--data", f"{EXST:#x}", new), 0, "verified")
        check_tool(board.tool("flash", "--data", f"{EXST:#x}", new), 0, "held it already")
        check_tool(board.tool("reset", "--bootloader"))
        after = json_of(board.tool("info", "--json"))
        check_equal(after["build"]["sha256"], hashlib.sha256(another_image()).hexdigest(), "the build that runs")
        check(before["build"] != after["build"], "the build has not changed")
        check_equal(board.uart().count(STARTS), 2, "starts of the second stage")
        check_left_alone(board)


def test_refuses_what_is_no_block():
    """nothing but a whole block gets there, and nothing into the maker's settings"""
    with board_with(BLOCK.read_bytes()) as board:
        file = board.folder / "file"
        good = BLOCK.read_bytes()
        for content in (good[:-1], good[:100], good[:5000] + b"!" + good[5001:], bytes(EXST_SIZE)):
            file.write_bytes(content)
            check_tool(board.tool("flash", "--data", f"{EXST:#x}", file), 89, "second stage")
        file.write_bytes(good)
        check_tool(board.tool("flash", "--data", f"{EXST + 4096:#x}", file), 31, "reserved")
        for address in (0x90F80000, 0x90000000, 0x900F0000):
            check_tool(board.tool("flash", "--data", f"{address:#x}", file), 31, "reserved")
        check_tool(board.tool("erase", "--yes", f"{EXST:#x}", f"{EXST_SIZE}"), 31, "reserved")
        check(chip_of(board)[EXST - BASE:] == good, "the block was changed")
    with Board("--board", NAME, bootloader=ROOT / f"build/firmware/{NAME}-flash.bin") as board:
        check_tool(board.tool("flash", "--data", f"{EXST:#x}", BLOCK), 31, "reserved")


def cut(block, new, operation):
    """The chip after a loss of power inside this operation of the second stage's update."""
    with board_with(block) as board:
        board.wait_device()
        check_equal(board.control(f"power-off-after {operation}"), "ok\n", "power-off-after")
        file = board.folder / "new.exst"
        file.write_bytes(new)
        tool = board.start_tool("flash", "--data", f"{EXST:#x}", file)
        try:
            check_equal(board.wait_exit(30), 0, "the board's exit code")
        finally:
            tool.kill()
            tool.communicate()
        return chip_of(board)


def check_dfu_repairs(chip, block):
    """After whatever happened the maker's DFU brings a second stage that runs."""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        nor = pathlib.Path(folder) / "nor.bin"
        nor.write_bytes(chip)
        put_by_dfu(nor, block)
        with board_with(None, nor=nor) as board:
            check_equal(json_of(board.tool("info", "--json"))["board"]["name"], NAME, "the board's name")
            check_left_alone(board)


def what_starts(chip):
    """What the first stage says on a board with this chip."""
    board = board_with(b"")
    (board.folder / "nor.bin").write_bytes(chip)
    with board:
        board.wait_uart("first stage: ")
        board.wait_uart("\n")
        return board.uart()


def test_leaves_the_internal_flash_alone():
    """protect and update-bootloader are refused: the internal flash is the first stage's"""
    with board_with(BLOCK.read_bytes()) as board:
        serial = json_of(board.tool("info", "--json"))["board"]["serial"]
        check_tool(board.tool("update-bootloader", "--yes", IMAGE.with_name(f"{NAME}-flash.bin")), 50,
                   ["second stage", f"flash --data {EXST:#x}".replace("f9", "F9")])
        check_tool(board.tool("protect", "write", "on", "--confirm", f"protect write on {serial}"), 50,
                   "second stage")
        check_tool(board.tool("protect"), 50, "second stage")


def test_cut():
    """a loss of power while it replaces itself: the first stage starts the old one, or nothing; never a torn one"""
    old, new = BLOCK.read_bytes(), block_of(another_image())
    outcomes = set()
    torn = None
    for operation in (0, 1, 3, 4, 5, 6, 8, 20, 40, 50):
        chip = cut(old, new, operation)
        block = chip[EXST - BASE:]
        said = what_starts(chip)
        outcomes.add((STARTS in said, block == old))
        check((STARTS in said) == (block in (old, new)), f"operation {operation}: {said}")
        if operation in (5, 6, 8, 20, 40):  # between the first erase and the last write
            check(block[:8] == b"\xff" * 8, f"operation {operation}: a vector table was left: {block[:8].hex()}")
            torn = chip
    check(len(outcomes) == 2, f"outcomes {outcomes}")
    check_dfu_repairs(torn, new)


def test_cut_in_makers_dfu():
    """a loss of power while the maker's DFU writes: nothing starts, the button and the same command finish the work"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        nor = pathlib.Path(folder) / "nor.bin"
        nor.write_bytes(chip_with(BLOCK.read_bytes()))
        with makers_dfu(nor) as (board, host), contextlib.suppress(AssertionError, OSError):  # the board goes
            board.control("power-off-after 400 0.5")
            host.download(EXST, block_of(another_image()), dfu.layout_pages(host.string(4)), leave=False)
        chip = nor.read_bytes()
        check(chip[EXST - BASE:] not in (BLOCK.read_bytes(), block_of(another_image())), "the power was not lost")
        check(STARTS not in what_starts(chip), "a torn one was started")
        check_dfu_repairs(chip, block_of(another_image()))


def test_lock():
    """a locked second stage: nothing without a key by any interface, everything with it until a reset"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        nor = pathlib.Path(folder) / "nor.bin"
        nor.write_bytes(chip_with(block_of(locked.image("vendor", board=NAME, kind="ram").read_bytes())))
        locked.check_life("--board", NAME, "--load", FIRST, bootloader=None, nor=nor, program=ASLEEP_BYTES, said=SAID)


def test_ram_programs():
    """programs in RAM: what leaves the second stage alone runs; what would overwrite it is refused"""
    with board_with(BLOCK.read_bytes(), speed="real") as board:
        check_tool(board.tool("run", FROM_RAM))
        board.wait_uart("back into the bootloader")
        file = board.folder / "large.bin"
        for address, size in ((0x24000000, 0x10008), (0x24010000, 64), (0x24018000, 64)):
            file.write_bytes(struct.pack("<II", 0x20020000, address + 9).ljust(size, b"\0"))
            process = board.tool("run", f"{address:#x}", file)
            check(process.returncode != 0 and re.search("0x2401[0-9A-F]{4}", process.stderr), process.stderr)
        check_equal(json_of(board.tool("info", "--json"))["board"]["name"], NAME, "the board")


if __name__ == "__main__":
    run_tests(globals())
