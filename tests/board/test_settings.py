#!/usr/bin/env python3
"""What a board starts, several programs side by side, settings, and what info tells, on virtual boards. Prints TAP.

SPDX-License-Identifier: MIT
"""
import atexit
import functools
import hashlib
import json
import pathlib
import shutil
import struct
import sys
import tempfile

import dfu
import locked as keys  # issuers, locked images, granting
import lockstep
import seal
from harness import (BOOTLOADER, PROGRAM_ADDRESS, ROOT, Board, check, check_equal, check_tool, json_of, run_tests,
                     wait_for)

sys.path.insert(0, str(ROOT / "tests/sdk"))
from programs import Program  # noqa: E402

SECOND, THIRD = 0x90300000, 0x90400000
SOURCE = '#include <stdio.h>\n#include "quadlane/uart.h"\nint main(void)\n{\n    puts("this is %s");\n    ql_uart_flush();\n' \
         "    for (;;)\n        __asm volatile(\"\");\n}\n"
UIDS = ["003B002644415551454E414C", "003B002644415551454E414D"]
EXIT_VALUE, EXIT_REFUSED, EXIT_LOCKED, EXIT_EXPIRED = 53, 54, 60, 62


@functools.lru_cache
def program(name, address=PROGRAM_ADDRESS, **variables):
    """Builds a program that says its name; returns the path of its .elf."""
    with Program({"main.c": SOURCE % name}, PROGRAM_ADDRESS=f"{address:#x}", **variables) as built:
        built.build()
        path = folder() / f"{name}.elf"
        shutil.copy(built.file("elf"), path)
        shutil.copy(built.file("bin"), path.with_suffix(".bin"))
    return path


@functools.lru_cache
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-programs-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def one():
    return program("one", APP_NAME="first", APP_VERSION="1.0")


def two():
    return program("two", SECOND, APP_NAME="second program, 32 characters !!",
                   APP_VERSION="2.0-rc1+g0123456789abcde", CONFIRM="1")


def bootloader(board, how="reset"):
    """The board comes into its bootloader, as by its button."""
    board.control("button down")
    board.control(how)


def starts(board, name, how="reset"):
    """The board is reset (or powered anew), and the program that it starts by itself says its name."""
    board.control("button up")
    said = board.uart().count("this is")
    board.control(how)
    wait_for(lambda: board.uart().count("this is") > said, 30, f"a program after the {how}")
    check_equal(board.uart().split("this is ")[-1].split()[0], name, f"the program after the {how}")


def said(board, name):
    board.wait_uart(f"this is {name}")


def stays(board, reason):
    """After a reset the board is in its bootloader, for this reason (SPEC.md section 7)."""
    board.control("button up")
    board.control("reset")
    check_equal(json_of(board.tool("info", "--json"))["stay_reason"], reason, "why the board stays")


def setting(board, name, *arguments):
    found = json_of(board.tool("set", name, "--json", *arguments))["settings"]
    check_equal(list(found), [name], "what is shown")
    return found[name]["value"], found[name]["default"]


def test_once_elsewhere():
    """flash ADDRESS runs a program there once; after the next reset the stored address starts again, with its own check"""
    with Board() as board:
        check_tool(board.tool("flash", one()), 0, "started")
        said(board, "one")
        bootloader(board)
        process = board.tool("flash", f"{SECOND:#x}", two().with_suffix(".bin"))
        check_tool(process, 0, ["started", "by itself the board starts 0x90100000"])
        said(board, "two")
        starts(board, "one")
        board.control("usb unplug")
        starts(board, "one", "power-cycle")
        board.control("usb plug")
        starts(board, "one", "power-cycle")


def test_once_by_boot():
    """boot ADDRESS starts a program once; boot --set keeps an address over resets and losses of power; --default goes back"""
    with Board() as board:
        check_tool(board.tool("flash", "--no-boot", one()))
        check_tool(board.tool("flash", "--no-boot", two()))
        check_tool(board.tool("boot", f"{SECOND:#x}"), 0, "started the program at 0x90300000")
        said(board, "two")
        starts(board, "one")
        bootloader(board)
        found = json_of(board.tool("boot", "--set", f"{SECOND:#x}", "--json"))
        check_equal((found["address"], found["started"]), (SECOND, False), "boot --set")
        starts(board, "two")
        starts(board, "two", "power-cycle")
        board.control("usb unplug")
        starts(board, "two", "power-cycle")
        board.control("usb plug")
        bootloader(board)
        check_tool(board.tool("boot", f"{PROGRAM_ADDRESS:#x}"), 0, "started")
        said(board, "one")
        starts(board, "two")
        bootloader(board)
        check_tool(board.tool("boot"), 0, "started the program at 0x90300000")
        bootloader(board)
        check_tool(board.tool("boot", "--default"), 0, "0x90100000")
        starts(board, "one", "power-cycle")


def test_nothing_there():
    """an address without a program is refused, unless --force; then the board stays and takes no other program instead"""
    with Board() as board:
        check_tool(board.tool("flash", "--no-boot", one()))
        check_tool(board.tool("boot", "--set", f"{SECOND:#x}"), EXIT_REFUSED, ["0x90300000", "--force"])
        check_tool(board.tool("set", "boot-address", f"{SECOND:#x}"), EXIT_REFUSED, "list --programs")
        starts(board, "one")
        bootloader(board)
        check_tool(board.tool("boot", "--set", f"{SECOND:#x}", "--force"))
        stays(board, 1)
        check_tool(board.tool("list", "--programs"), 0, "the board would start 0x90300000, where no program is")
        check_tool(board.tool("flash", "--no-boot", two()))
        starts(board, "two")
        bootloader(board)
        # What was there is gone: the other program is not started in its place.
        check_tool(board.tool("erase", f"{SECOND:#x}", "4K", "--yes"))
        stays(board, 1)
        check_tool(board.tool("boot", "--default"))
        starts(board, "one")


def test_wrong_addresses():
    """addresses outside the programs' area, not aligned, or no numbers are refused with their own codes"""
    with Board() as board:
        for address, code in [("0x90000000", 31), ("0x900FFC00", 31), ("0x08000000", 30), ("0x91000000", 30),
                              ("0x90100200", 32), ("0x90100001", 32)]:
            for force in ([], ["--force"]):
                check_tool(board.tool("boot", "--set", address, *force), code)
                check_tool(board.tool("set", "boot-address", address, *force), code)
        check_tool(board.tool("set", "boot-address", "somewhere"), EXIT_VALUE, "which is no number")
        check_tool(board.tool("boot", "--set"), 2)
        check_tool(board.tool("boot", "--set", "--default"), 2)
        check_tool(board.tool("boot", "--default", "0x90100000"), 2)
        check_tool(board.tool("boot", "--force"), 2)
        check_equal(json_of(board.tool("info", "--json"))["settings"]["boot-address"],
                    {"value": PROGRAM_ADDRESS, "default": True}, "the boot address")


def test_list_programs():
    """list --programs: address, size, name, version, seal state, and which one starts"""
    with Board() as board:
        check_tool(board.tool("list", "--programs"), 0, "no program")
        for path in (one(), two()):
            check_tool(board.tool("flash", "--no-boot", path))
        plain = folder() / "plain.bin"
        plain.write_bytes(struct.pack("<II", 0x24000400, THIRD + 9) + bytes(3000))
        check_tool(board.tool("flash", "--no-boot", f"{THIRD:#x}", plain))
        found = json_of(board.tool("list", "--programs", "--json"))
        sizes = [len(one().with_suffix(".bin").read_bytes()), len(two().with_suffix(".bin").read_bytes()), 3008]
        check_equal([(each["address"], each["size"], each["name"], each["version"], each["state"], each["starts"],
                      each["confirms"]) for each in found["programs"]],
                    [(PROGRAM_ADDRESS, sizes[0], "first", "1.0", "sealed", True, False),
                     (SECOND, sizes[1], "second program, 32 characters !!", "2.0-rc1+g0123456789abcde", "sealed", False,
                      True),
                     (THIRD, sizes[2], None, None, "sealed", False, False)], "programs")
        check_tool(board.tool("list", "--programs"), 0, ["first 1.0", "the board starts it", "3008 bytes"])
        check_tool(board.tool("list", "--port", "unix:/nowhere"), 2, "--programs")


def chip_with(*pieces):
    """A chip's file with these pieces, (address, bytes); whoever asks takes it away."""
    content = bytearray(b"\xff" * (16 << 20))
    for address, data in pieces:
        content[address - seal.CHIP:address - seal.CHIP + len(data)] = data
    path = folder() / "nor.bin"
    path.write_bytes(content)
    return path


def test_states():
    """a program that was changed, one that was cut short, and one that no record knows are told apart"""
    image = one().with_suffix(".bin").read_bytes()
    changed = image[:5000] + b"\0" + image[5001:]
    log = seal.make_log([(SECOND, image), (THIRD, image)])
    with Board(nor=chip_with((PROGRAM_ADDRESS, image), (SECOND, changed), (THIRD, image), (seal.LOG, log))) as board:
        found = json_of(board.tool("list", "--programs", "--json"))["programs"]
        # The header names the address that the program is linked for: a copy elsewhere has none.
        check_equal([(each["address"], each["state"], each["name"]) for each in found],
                    [(PROGRAM_ADDRESS, "not-sealed", "first"), (SECOND, "changed", None), (THIRD, "sealed", None)],
                    "programs")
        check_equal(found[0]["size"], None, "the size of what no record knows")
        board.control("power-off-after 8")
        check_tool(board.tool("flash", "--full", two(), wait_s=1), 44)
    with Board(nor=folder() / "nor.bin") as board:
        found = json_of(board.tool("list", "--programs", "--json"))["programs"]
        check_equal([each["state"] for each in found if each["address"] == SECOND], ["unfinished"], "state")
        check_tool(board.tool("list", "--programs"), 0, "unfinished")


def test_headers():
    """a header counts only if all of it is right"""
    image = bytearray(one().with_suffix(".bin").read_bytes())
    at = 0x2C0
    good = (b"QLHEADER" + struct.pack("<HHIII", 1, 80, PROGRAM_ADDRESS, 0, 0) + b"first".ljust(32, b"\0") +
            b"1.0".ljust(24, b"\0"))
    check_equal(bytes(image[at:at + 80]), good, "the header that the SDK made")
    cases = [(0, b"q", None), (8, b"\0\0", None), (8, b"\x02\0", "first"), (10, b"\x4f\0", None), (10, b"\x60\0", "first"),
             (12, struct.pack("<I", PROGRAM_ADDRESS + 1024), None), (16, b"\xfe\xff\xff\xff", "first"), (20, b"\1", None),
             (24, b"\0", None), (24, bytes(32), None), (30, b"x", None), (24, b"\n", None), (24, b"\x80", None),
             (55, b"x", None), (56, b"\xff" * 24, None), (56, bytes(24), "first"), (24, b"A" * 32, "A" * 32)]
    for offset, value, name in cases:
        other = bytes(image[:at + offset]) + value + bytes(image[at + offset + len(value):])
        log = seal.make_log([(PROGRAM_ADDRESS, other)])
        with Board(nor=chip_with((PROGRAM_ADDRESS, other), (seal.LOG, log))) as board:
            bootloader(board)
            found = json_of(board.tool("list", "--programs", "--json"))["programs"]
            check_equal((found[0]["name"], found[0]["state"]), (name, "sealed"), f"name with {value!r} at {offset}")
            check_equal(found[0]["confirms"], False, "promises")


def test_set():
    """set shows, changes and restores every setting; they survive a loss of power; JSON says the same"""
    values = {"boot-address": ("0x90300000", SECOND), "window": ("300", 300), "attempts": ("0", 0),
              "double-reset": ("off", "off"), "led": ("faults", "faults"), "manufacturer": ("ACME", "ACME"),
              "product": ('Bird "7" ~', 'Bird "7" ~')}
    defaults = {"boot-address": PROGRAM_ADDRESS, "window": 700, "attempts": 3, "double-reset": "on", "led": "on",
                "manufacturer": "quadlane", "product": "quadlane bootloader (h750_w25q128)", "lowest-generation": None}
    with Board() as board:
        check_tool(board.tool("flash", "--no-boot", two()))
        found = json_of(board.tool("set", "--json"))["settings"]
        check_equal({name: each["value"] for name, each in found.items()}, defaults, "defaults")
        check(all(each["default"] for each in found.values()), "not all are called defaults")
        for name, (text, value) in values.items():
            check_equal(setting(board, name), (defaults[name], True), f"{name} before")
            check_equal(setting(board, name, text), (value, False), name)
        for how in ("reset", "power-cycle"):
            bootloader(board, how)
            found = json_of(board.tool("set", "--json"))["settings"]
            check_equal({name: found[name]["value"] for name in values},
                        {name: value for name, (_, value) in values.items()}, f"settings after a {how}")
            check_equal(found, json_of(board.tool("info", "--json"))["settings"], "what info says")
        for name in values:
            check_equal(setting(board, name, "--default"), (defaults[name], True), f"{name} restored")
        check_equal(setting(board, "window", "1500 ms"), (1500, False), "with its unit")


def test_bad_values():
    """names and values that cannot be: one sentence, exit code 53, nothing changed"""
    with Board() as board:
        for name, value in [("windw", "7"), ("", "7"), ("window", "60001"), ("window", "0x"),
                            ("window", "1h"), ("window", ""), ("window", "99999999999999999999"), ("attempts", "256"),
                            ("double-reset", "yes"), ("led", "blue"), ("led", "ON"), ("product", ""),
                            ("product", "x" * 33), ("manufacturer", "Müller"), ("manufacturer", "tab\there"),
                            ("lowest-generation", "many"), ("boot-address", "4294967296")]:
            process = board.tool("set", name, value)
            check_tool(process, EXIT_VALUE)
            check_equal(len(process.stderr.strip().splitlines()), 2, f"lines about {name} {value}: {process.stderr}")
            check_equal(json.loads(board.tool("set", name, value, "--json").stdout)["error"]["code"], "setting-value", "code")
        check_tool(board.tool("set", "lowest-generation", "2"), EXIT_REFUSED, "open")
        check_tool(board.tool("set", "lowest-generation", "--default"), EXIT_REFUSED, "open")
        check_tool(board.tool("set", "window", "3", "4"), 2)
        check_tool(board.tool("set", "--default"), 2)
        check_tool(board.tool("set", "window", "3", "--default"), 2)
        check_equal(board.statistics()["nor.operations"], 0, "operations of the chip")


def test_two_boards():
    """two boards of different ids keep settings of their own"""
    with Board(uid=UIDS[0]) as left, Board(uid=UIDS[1]) as right:
        ids = [json_of(board.tool("info", "--json"))["board_id"] for board in (left, right)]
        check_equal(ids, [keys.board_id(uid) for uid in UIDS], "board ids")
        setting(left, "window", "111")
        setting(right, "attempts", "9")
        check_equal([setting(left, "window"), setting(right, "window")], [(111, False), (700, True)], "window")
        check_equal([setting(left, "attempts"), setting(right, "attempts")], [(3, True), (9, False)], "attempts")


def strings_of(nor):
    """Manufacturer and product as a USB host reads them."""
    with Board(nor=nor, usb="lockstep") as board, lockstep.host_of(board) as peer:
        host = dfu.on_line(peer.line)
        return tuple(host.string(number) for number in host.descriptor(1, 0)[14:16])


def test_usb_strings():
    """a USB host reads the owner's strings in the descriptors from the next start on"""
    nor = folder() / "strings.bin"
    with Board(nor=nor) as board:
        check_tool(board.tool("info"))
        check_equal(strings_of(folder() / "none.bin"), ("quadlane", "quadlane bootloader (h750_w25q128)"), "strings")
        setting(board, "manufacturer", "ACME Birds & Sons")
        setting(board, "product", "Bird 7, 32 characters all in all")
    check_equal(strings_of(nor), ("ACME Birds & Sons", "Bird 7, 32 characters all in all (quadlane)"), "strings")
    nor.unlink()


def blinking(board):
    """Does the LED (PE3) change within ten seconds of the board's time?"""
    def seconds():
        board.tool("info")
        return board.statistics()["virtual_ns"] / 1e9
    begin_s = seconds()
    before = board.output().count("PE3 is ")
    wait_for(lambda: seconds() > begin_s + 10, 20, "ten seconds of the board's time")
    return board.output().count("PE3 is ") > before


def test_led():
    """the LED blinks while the bootloader waits; off: never; faults: only when something is wrong"""
    nor = folder() / "led.bin"
    with Board("--trace", "gpio", nor=nor) as board:
        check_tool(board.tool("flash", "--no-boot", one()))
        for value, blinks in (("on", True), ("off", False), ("faults", False), ("on", True)):
            setting(board, "led", value)
            bootloader(board)
            check_equal(blinking(board), blinks, f"blinking with led {value}")
        # No program where one shall start is nothing wrong; half a program is.
        setting(board, "led", "faults")
        check_tool(board.tool("boot", "--set", f"{SECOND:#x}", "--force"))
        board.control("power-off-after 8")
        check_tool(board.tool("flash", "--no-boot", two(), wait_s=0.2), 44)
    with Board("--trace", "gpio", nor=nor) as board:
        check_equal(json_of(board.tool("info", "--json"))["stay_reason"], 7, "why it stays")
        check_equal(blinking(board), True, "blinking with led faults and an unfinished update")
    nor.unlink()


def test_locked():
    """a locked board: settings and boot --set need a key that permits settings; the rest of the keys do not"""
    with keys.locked_board() as board:
        identity = keys.board_id(UIDS[0])
        for command in (["set", "window", "5"], ["set"], ["boot", "--set", f"{SECOND:#x}"], ["boot", "--default"]):
            check_tool(board.tool(*command), EXIT_LOCKED, identity)
        keys.grant(board.keys, identity, "vendor", "--allow", "read,write")
        check_tool(board.tool("set", "--keys", board.keys), 0, "700 ms")
        check_tool(board.tool("set", "window", "5", "--keys", board.keys), EXIT_LOCKED, "read,write, not settings")
        check_tool(board.tool("boot", "--default", "--keys", board.keys), EXIT_LOCKED)
        keys.grant(board.keys, identity, "vendor", "--allow", "settings")
        check_tool(board.tool("set", "window", "5", "--keys", board.keys), 0, "5 ms")
        check_tool(board.tool("set", "--keys", board.keys), 0, "5 ms")
        check_tool(board.tool("boot", "--set", f"{SECOND:#x}", "--keys", board.keys))
        check_tool(board.tool("boot", "--set", "0x900FFC00", "--keys", board.keys), 50, "not for programs")
        check_tool(board.tool("read", f"{PROGRAM_ADDRESS:#x}", "16", "/dev/null", "--keys", board.keys), EXIT_LOCKED,
                   "permits settings, not read")
        check_tool(board.tool("flash", one(), "--keys", board.keys), EXIT_LOCKED, "not read,write")
        check_tool(board.tool("list", "--programs", "--keys", board.keys), EXIT_LOCKED, "not read")


def test_lowest_generation():
    """the lowest generation of keys rises by a setting, never falls, survives power, and calls old keys back"""
    identity = keys.board_id(UIDS[0])
    with keys.locked_board() as board:
        def ask(*arguments):
            return board.tool(*arguments, "--keys", board.keys)
        keys.grant(board.keys, identity, "vendor", "--generation", "4")
        check_equal(json_of(ask("info", "--json"))["lock"]["lowest_generation"], 1, "before: a key raises nothing by itself")
        check_tool(ask("set", "lowest-generation", "5"), EXIT_REFUSED, "4")
        check_tool(ask("set", "lowest-generation", "3"), 0, "3")
        check_tool(ask("set", "lowest-generation", "2"), EXIT_REFUSED, "only rises")
        check_tool(ask("set", "lowest-generation", "--default"), EXIT_REFUSED)
        keys.grant(board.keys, identity, "vendor", "--generation", "2")
        board.control("power-cycle")
        check_tool(ask("flash", one()), EXIT_EXPIRED, "generation")
        check_tool(ask("set"), EXIT_EXPIRED)
        keys.grant(board.keys, identity, "vendor", "--generation", "3")
        check_tool(ask("flash", one()))
        said(board, "one")
        bootloader(board, "power-cycle")
        check_equal(json_of(ask("info", "--json"))["lock"]["lowest_generation"], 3, "the lowest generation")
        check_tool(ask("set", "lowest-generation"), 0, "3")


def test_info():
    """info tells what support would ask for: build, chip, protection, causes, program, last update"""
    nor = folder() / "info.bin"
    with Board(nor=nor) as board:
        found = json_of(board.tool("info", "--json"))
        image = BOOTLOADER.read_bytes()
        check_equal(found["build"], {"sha256": hashlib.sha256(image).hexdigest(), "size": len(image)}, "build")
        check_equal(found["last_update"], {"outcome": None, "status": None}, "last update")
        check_equal(found["chip"]["protected"], "nothing", "protection")
        check_equal((found["reset_cause"], found["programs"], found["read_protection"]), ("power-on", [], 0xAA), "more")
        check_tool(board.tool("info"), 0, [f"build {hashlib.sha256(image).hexdigest()[:16]}", "STM32H742/743/750/753",
                                           "revision V", "reset cause       power-on", "level 0 (none)", "EF 40 18",
                                           "SR1 00, SR2 02, SR3 60", "because there is no program", "as by default",
                                           "last update       none", "lock              open"])
        check_tool(board.tool("flash", one()))
        bootloader(board)
        text = board.tool("info")
        check_tool(text, 0, ["sealed program first 1.0", "last update       complete", "can start"])
        found = json_of(board.tool("info", "--json"))
        check_equal(found["last_update"]["outcome"], "complete", "after a reset")
        check_equal([each["name"] for each in found["programs"]], ["first"], "programs")
        board.control("power-off-after 8")
        check_tool(board.tool("flash", "--no-boot", two(), wait_s=0.2), 44)
    with Board(nor=nor) as board:
        bootloader(board)
        check_tool(board.tool("info"), 0, ["last update       unfinished", "0x90300000", "can start"])
        check_equal(json_of(board.tool("info", "--json"))["last_update"]["outcome"], "unfinished", "after a cut")
    nor.unlink()


def test_protection_bits():
    """info takes the chip's protection bits apart"""
    cases = [("00 02 60", "nothing"), ("1C 02 60", "all of it"), ("04 02 60", "the last 256 KiB"),
             ("30 02 60", "the first 2 MiB"), ("18 02 60", "the last 8 MiB"), ("44 02 60", "the last 4 KiB"),
             ("74 02 60", "the first 32 KiB"), ("00 42 60", "all of it"), ("1C 42 60", "nothing"),
             ("24 42 60", "all but the first 256 KiB"), ("80 02 60", "nothing; registers locked while /WP is low (SRP)"),
             ("00 03 60", "nothing; registers locked until power-off (SRL)"), ("00 02 64", "a lock for each block (WPS)")]
    for registers, text in cases:
        with Board() as board:
            board.control(f"chip-status {registers}")
            board.control("reset")
            found = json_of(board.tool("info", "--json"))["chip"]
            check_equal(found["protected"], text, f"status registers {registers}, found {found['status_registers']}")


def test_later_bootloader():
    """settings of a later bootloader stay through changes by this one"""
    items = bytes([0x60, 3]) + b"new" + bytes([2, 4]) + struct.pack("<I", 300)
    with Board(nor=chip_with((seal.LOG, seal.make_log([], items)))) as board:
        check_tool(board.tool("set"), 0, ["setting 96 ", "3 bytes", "300 ms"])
        setting(board, "window", "500")
        setting(board, "window", "--default")
        check_tool(board.tool("set"), 0, ["setting 96 ", "3 bytes"])
    (folder() / "nor.bin").unlink()


if __name__ == "__main__":
    run_tests(globals())
