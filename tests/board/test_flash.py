#!/usr/bin/env python3
"""The tool's verbs against the shipped bootloader on a virtual board: what gets into the chip, and what runs. TAP.

SPDX-License-Identifier: MIT
"""
import hashlib
import os
import pathlib
import random
import re
import struct
import tempfile
import time

import seal
from harness import (BASE, BLINK, CONSOLE, FAST, PROGRAM_ADDRESS, Board, check, check_equal, check_tool, json_of,
                     run_tests, run_tool)

SIZE = 16 << 20
SECTOR = 4096
BLINK_BIN = BLINK.with_suffix(".bin")
BLINK_HEX = BLINK.with_suffix(".hex")
NOISE = random.Random(128).randbytes(600_000)


def without_log(board):
    """All of the chip but the bootloader's log of records, which is FF here."""
    found = board.chip_bytes(BASE, SIZE)
    at = seal.LOG - BASE
    return found[:at] + b"\xff" * seal.LOG_SIZE + found[at + seal.LOG_SIZE:]


def check_chip(board, content, address=PROGRAM_ADDRESS):
    """The chip holds `content`, and nothing else beside the log of records."""
    found = without_log(board)
    at = address - BASE
    check(found[at:at + len(content)] == content, "the chip does not hold the program's bytes")
    check(found[:at].count(b"\xff") == at, "something was written below the program")
    rest = found[at + len(content):]
    check(rest.count(b"\xff") == len(rest), "something was written behind the program")


def big_program(size=200_000):
    """blink with data behind it, so that it has many sectors."""
    code = BLINK_BIN.read_bytes()
    return code + NOISE[:size - len(code)]


class Files:
    """A folder for files, in a `with`."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="quadlane-test-")
        self.path = pathlib.Path(self.folder.name)
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def write(self, name, content):
        (self.path / name).write_bytes(content)
        return self.path / name


def test_elf():
    """flash FILE.elf: the chip holds the bytes of the .bin that goes with it; it starts and prints"""
    with Board() as board:
        size = BLINK_BIN.stat().st_size
        size = f"{size // 1024} KiB" if size % 1024 == 0 else f"{size} bytes"
        check_tool(board.tool("flash", BLINK), 0, [f"{size} at 0x90100000: written and verified", "started"])
        board.wait_uart("blink: running at 0x901")
        check_chip(board, BLINK_BIN.read_bytes())


def test_bin():
    """flash ADDRESS FILE.bin, and without an address; read gives the very file back"""
    for arguments in ([hex(PROGRAM_ADDRESS)], []):
        with Board() as board, Files() as files:
            check_tool(board.tool("flash", "--no-boot", *arguments, BLINK_BIN), 0, "verified")
            out = files.path / "out.bin"
            check_tool(board.tool("read", hex(PROGRAM_ADDRESS), BLINK_BIN.stat().st_size, out))
            check(out.read_bytes() == BLINK_BIN.read_bytes(), "what is read back is not the file")
            check_tool(board.tool("boot"), 0, "started")
            board.wait_uart("MHz")
            check_chip(board, BLINK_BIN.read_bytes())


def test_hex():
    """flash FILE.hex"""
    with Board() as board:
        check_tool(board.tool("flash", BLINK_HEX), 0, "started")
        board.wait_uart("MHz")
        check_chip(board, BLINK_BIN.read_bytes())


def test_same_as_loaded():
    """the chip after `flash` equals the chip of a board that was given the .bin with --load"""
    with Board("--load", f"{BLINK_BIN}@{PROGRAM_ADDRESS:#x}", usb=False) as board:
        board.wait_uart("MHz")
        loaded = hashlib.sha256(without_log(board)).hexdigest()
    with Board() as board:
        check_tool(board.tool("flash", BLINK_HEX))
        check_equal(hashlib.sha256(without_log(board)).hexdigest(), loaded, "SHA-256 of the chip")


def test_sealed():
    """flash leaves the records that SPEC.md asks for: HEAD, SETTINGS, WRITING, SEALED with hash and sums of the parts"""
    for content in (BLINK_BIN.read_bytes(), big_program(350_001)):
        with Board() as board, Files() as files:
            check_tool(board.tool("flash", "--no-boot", files.write("p.bin", content)))
            log = board.chip_bytes(seal.LOG, seal.LOG_SIZE)
            check_equal(log[:256], seal.record(0, seal.HEAD, live=1), "HEAD")
            check_equal(log[256:512], seal.settings_record(1, b""), "SETTINGS")
            check_equal((log[512 + 9], log[512 + 12:512 + 20]),
                        (2, struct.pack("<II", PROGRAM_ADDRESS, len(content))), "WRITING")
            sealed = seal.record(3, seal.SEALED, address=PROGRAM_ADDRESS, data=content,
                                 update=struct.unpack_from("<I", log, 768 + 20)[0])
            check_equal(log[768:1024], sealed, "SEALED")
            check_equal(log[1024:].count(b"\xff"), len(log) - 1024, "bytes FF behind")
            known = json_of(board.tool("info", "--json"))["runs"]
            check_equal([(run["address"], run["length"], run["state"], run["program"]) for run in known],
                        [(PROGRAM_ADDRESS, len(content), "sealed", True)], "known runs")
            check_equal(hashlib.sha256(content).hexdigest()[:16], known[0]["sha256_begin"], "SHA-256")


def test_not_sealed():
    """a program that a debugger wrote is not started; flash finds it, seals it without writing, and starts it"""
    with Board("--load", f"{BLINK_BIN}@{PROGRAM_ADDRESS:#x}", sealed=False) as board:
        found = json_of(board.tool("info", "--json"))
        check_equal((found["stay_reason"], found["program"]["verdict"]), (8, "not-sealed"), "why it stayed")
        check_tool(board.tool("boot"), 50, "was not written and verified by quadlane")
        before = board.statistics()["nor.sectors_erased"]
        check_tool(board.tool("flash", BLINK), 0, ["the chip held it already", "started"])
        board.wait_uart("MHz")
        check_equal(board.statistics()["nor.sectors_erased"], before, "sectors erased")


def test_changed():
    """a program that was changed after it was sealed is not started: at a start without a cable, in the window, by boot"""
    content = bytearray(big_program(150_000))
    with Files() as files:
        log = files.write("log", seal.make_log([(PROGRAM_ADDRESS, bytes(content))]))
        content[8192:12288] = bytes(4096)
        changed = files.write("changed.bin", content)
        arguments = ["--load", f"{changed}@{PROGRAM_ADDRESS:#x}", "--load", f"{log}@{seal.LOG:#x}"]
        for usb in (False, True):
            with Board(*arguments, usb=usb, sealed=False) as board:
                if not usb:
                    board.control("usb unplug")
                time.sleep(0.5)
                check_equal(board.uart(), "", "what the program said")
                if usb:
                    check_tool(board.tool("boot"), 50, "was changed")
                    found = json_of(board.tool("info", "--json"))
                    check_equal(found["program"]["verdict"], "changed", "the verdict")


def test_fast():
    """fast goes in and runs: it is quicker from ITCM and with caches"""
    with Board() as board:
        check_tool(board.tool("flash", FAST))
        board.wait_uart("fast: done")


def test_console():
    """console, more than 1 MiB, goes in and runs: Lua, SQLite and mbedTLS pass their tests"""
    with Board() as board:
        result = json_of(board.tool("flash", "--json", CONSOLE))
        check(result["bytes"] > 1 << 20 and result["started"], f"{result}")
        board.wait_uart("console: all self-tests passed", 90)
        content = CONSOLE.with_suffix(".bin").read_bytes()
        check(board.chip_bytes(size=len(content)) == content, "the chip does not hold console.bin")


def test_info():
    """info, and its --json: the board, the chip, the program's verdict"""
    with Board("--uid", "0102030405060708090A0B0C") as board:
        check_tool(board.tool("info"), 0, ["h750_w25q128", "W25Q128JV", "16"])
        found = json_of(board.tool("info", "--json"))
        # Words in rising address order, each most significant digit first (SPEC.md section 6).
        check_equal(found["board"]["serial"], "04030201080706050C0B0A09", "serial number")
        check_equal((found["ok"], found["verb"], found["protocol"]), (True, "info", 1), "ok, verb, protocol")
        check_equal((found["chip"]["jedec_id"], found["chip"]["size"]), (0xEF4018, SIZE), "the chip")
        check_equal(found["program"]["can_start"], False, "a blank chip's program")
        check_tool(board.tool("flash", BLINK_BIN, "--no-boot"))
        found = json_of(board.tool("info", "--json"))
        check_equal((found["program"]["can_start"], found["program"]["address"]), (True, PROGRAM_ADDRESS),
                    "a good program")


def test_list():
    """list shows the board at the port where it is"""
    with Board(uid="0102030405060708090A0B0C") as board, tempfile.TemporaryDirectory() as runtime:
        os.symlink(board.usb_path, f"{runtime}/h750_w25q128.sock")
        board.wait_device()
        found = json_of(run_tool("list", "--json", environment={"QUADLANE_RUNTIME_DIR": runtime}))
        check_equal([(one["serial"], one["state"], one["virtual"]) for one in found["boards"]],
                    [("04030201080706050C0B0A09", "ready", True)], "boards")


def test_verify():
    """verify: equal, different (52, with the place), and nothing is changed"""
    content = big_program()
    with Board() as board, Files() as files:
        good = files.write("good.bin", content)
        damaged = bytearray(content)
        damaged[150_001] ^= 4
        bad = files.write("bad.bin", bytes(damaged))
        check_tool(board.tool("verify", good), 52)
        check_tool(board.tool("flash", "--no-boot", good))
        before = board.statistics()["nor.operations"]
        check_tool(board.tool("verify", good))
        check_tool(board.tool("verify", hex(PROGRAM_ADDRESS), bad), 52, f"{PROGRAM_ADDRESS + 150_001:08X}")
        found = board.tool("verify", "--json", bad)
        check_tool(found, 52, '"ok": false')
        check_equal(board.statistics()["nor.operations"], before, "operations of the chip")


def test_read():
    """read copies any part of the chip, the bootloader's first MiB and the last byte included"""
    with Board("--load", BLINK) as board, Files() as files:
        board.control("button down")
        board.control("reset")
        for address, length in [(PROGRAM_ADDRESS, 17000), (BASE, 5000), (PROGRAM_ADDRESS + 3, 1),
                                (BASE + SIZE - 4097, 4097)]:
            out = files.path / "out.bin"
            result = json_of(board.tool("read", hex(address), length, out, "--json"))
            check_equal((result["ok"], result["verb"]), (True, "read"), "ok, verb")
            check(out.read_bytes() == board.chip_bytes(address, length), f"{length} bytes at {address:#x}")
        check_tool(board.tool("read", hex(BASE + SIZE - 1), "2", files.path / "no.bin"), 30)
        check(not (files.path / "no.bin").exists(), "a file of what cannot be read")


def test_erase():
    """erase: a part, then all; what lies beside a part stays"""
    content = big_program(100_000)
    with Board() as board, Files() as files:
        check_tool(board.tool("flash", "--no-boot", files.write("p.bin", content)))
        check_tool(board.tool("erase", hex(PROGRAM_ADDRESS + 8192), "12K"))
        check_equal(board.chip_bytes(size=len(content)), content[:8192] + b"\xff" * 12288 + content[20480:], "the chip")
        check_tool(board.tool("erase", hex(PROGRAM_ADDRESS + 100), "4K"), 32)
        check_tool(board.tool("erase", hex(BASE), "4K"), 31)
        check_tool(board.tool("erase", "--all", "--yes"))
        check_chip(board, b"")
        check_equal(json_of(board.tool("info", "--json"))["program"]["verdict"], "blank", "verdict")


def test_boot():
    """boot starts the program; boot of a blank chip is refused and the board stays"""
    with Board() as board, Files() as files:
        check_tool(board.tool("boot"), 50, "there is no program")
        check_tool(board.tool("flash", "--no-boot", BLINK))
        check_equal(board.uart(), "", "what runs after --no-boot")
        check_tool(board.tool("boot", hex(BASE + 0x200000)), 50)
        check_tool(board.tool("boot", hex(BASE)), 31)
        check_tool(board.tool("boot", hex(BASE + SIZE)), 30)
        check_equal(json_of(board.tool("boot", "--json"))["ok"], True, "ok")
        board.wait_uart("MHz")


def test_other_address():
    """a program at another address: flash starts it, and boot ADDRESS does"""
    address = PROGRAM_ADDRESS + 0x100000
    with Board() as board, Files() as files:
        # blink's code depends on its place; a loop does not: its table, then `b .`
        loop = struct.pack("<IIH", 0x20020000, address + 9, 0xE7FE) + bytes(300)
        name = files.write("loop.bin", loop)
        check_tool(board.tool("flash", hex(address), name), 0, ["started", "by itself the board starts 0x90100000"])
        check(board.chip_bytes(address, len(loop)) == loop, "the chip")
        check(board.statistics()["program_started_ns"] > 0, "the program started")


def test_delta():
    """flash again writes only what changed; --full writes all"""
    content = bytearray(big_program())
    with Board() as board, Files() as files:
        name = files.write("p.bin", bytes(content))
        first = json_of(board.tool("flash", "--no-boot", "--json", name))
        sectors = -(-len(content) // SECTOR)
        check_equal((first["sectors"], first["sectors_unchanged"]), (sectors, 0), "sectors, unchanged")
        check_equal(board.statistics()["nor.erases"], 0, "erases of a blank chip")
        operations = board.statistics()["nor.operations"]
        again = json_of(board.tool("flash", "--no-boot", "--json", name))
        check_equal((again["sectors_unchanged"], again["bytes_written"]), (sectors, 0), "the same again")
        check_equal(board.statistics()["nor.operations"], operations, "operations for the same again")
        content[100_000] ^= 0xFF
        content[-1] ^= 0xFF
        name.write_bytes(content)
        delta = json_of(board.tool("flash", "--no-boot", "--json", name))
        check_equal(delta["sectors"] - delta["sectors_unchanged"], 2, "changed sectors")
        check_equal(delta["bytes_erased"], 2 * SECTOR, "bytes erased")
        check_chip(board, bytes(content))
        full = json_of(board.tool("flash", "--no-boot", "--json", "--full", name))
        check_equal((full["sectors_unchanged"], full["bytes_written"] >= len(content) - 65536), (0, True), "--full")
        check_chip(board, bytes(content))


def test_shorter():
    """a shorter program over a longer one: its last sector ends in FF"""
    with Board() as board, Files() as files:
        check_tool(board.tool("flash", "--no-boot", files.write("long.bin", big_program(50_000))))
        check_tool(board.tool("flash", BLINK_BIN))
        code = BLINK_BIN.read_bytes()
        padded = code + b"\xff" * (-len(code) % SECTOR)
        check_equal(board.chip_bytes(size=len(padded)), padded, "the chip")
        check(board.chip_bytes(PROGRAM_ADDRESS + len(padded), 4096) == big_program(50_000)[len(padded):len(padded) + 4096],
              "what lies behind stays")


def test_end_of_chip():
    """data up to the chip's last byte (--data), and not one byte further"""
    start = BASE + SIZE - 10_000 // SECTOR * SECTOR - SECTOR
    content = NOISE[:BASE + SIZE - start]
    with Board() as board, Files() as files:
        check_tool(board.tool("flash", hex(start), files.write("data.bin", content), "--data"))
        check_chip(board, content, start)
        check_tool(board.tool("flash", hex(start), files.write("more.bin", content + b"x"), "--data"), 33)
        check_chip(board, content, start)


def test_refused_before_erasing():
    """what cannot be right is refused before a byte of the chip changes"""
    good = big_program(30_000)
    with Board() as board, Files() as files:
        check_tool(board.tool("flash", "--no-boot", files.write("good.bin", good)))
        operations = board.statistics()["nor.operations"]
        def bad(content, *arguments, code):
            check_tool(board.tool("flash", *arguments, files.write("bad.bin", content)), code)
        bad(struct.pack("<II", 0x08000000, PROGRAM_ADDRESS + 9) + bytes(500), code=34)  # SP outside RAM
        bad(struct.pack("<II", 0x20020000, 0x08000101) + bytes(500), code=34)  # entry elsewhere
        bad(struct.pack("<II", 0x20020000, PROGRAM_ADDRESS + 8) + bytes(500), code=34)  # not Thumb
        bad(b"\xff" * 500, code=34)
        bad(good, hex(BASE), code=31)
        bad(good, "--data", hex(BASE + SIZE), code=30)
        bad(good, "--data", hex(0x08000000), code=30)
        bad(good, hex(PROGRAM_ADDRESS + 1), code=32)
        bad(good + bytes(SIZE - 0x100000 + 1 - len(good)), code=33)
        check_tool(board.tool("flash", files.path / "missing.bin"), 10)
        check_equal(board.statistics()["nor.operations"], operations, "operations of the chip")
        check_chip(board, good)


def test_reset():
    """reset starts the program after the window; reset --bootloader stays, once"""
    # In the pace of the wall clock, as the window is one second of the board's time.
    with Board(speed="real") as board:
        check_tool(board.tool("flash", "--no-boot", BLINK))
        check_tool(board.tool("reset", "--bootloader"))
        found = json_of(board.tool("info", "--json"))
        check_equal(found["stay_reason"], 4, "why it stayed: asked to")
        check_equal(json_of(board.tool("reset", "--json"))["ok"], True, "ok")
        board.wait_uart("MHz", 10)


def test_pty():
    """--usb pty: the tool flashes through a pseudo-terminal as through a serial port"""
    board = Board()
    at = board.command.index(f"unix:{board.usb_path}")
    board.command[at] = "pty"
    with board:
        path = re.search(r"USB is on (\S+)", board.output())[1]
        check_tool(run_tool("flash", BLINK, "--port", path, "--wait", 10), 0, "started")
        board.wait_uart("MHz")
        check_chip(board, BLINK_BIN.read_bytes())


def test_im_board():
    """a board whose chip is new and has its quad enable bit clear: flash works as on any"""
    with Board("--board", "h750_w25q128_im") as board:
        check_tool(board.tool("flash", BLINK), 0, "started")
        board.wait_uart("MHz")


def test_many_updates():
    """ten updates in a row, each of other bytes: every one is in the chip, and its program prints"""
    with Board(speed="max") as board, Files() as files:
        board.control("button down")
        for number in range(10):
            content = big_program(20_000 + 3000 * number) + bytes([number]) * 5000
            check_tool(board.tool("flash", files.write("p.bin", content)), 0, "started")
            check(board.chip_bytes(size=len(content)) == content, f"the chip after update {number}")
            board.control("reset")


if __name__ == "__main__":
    run_tests(globals())
