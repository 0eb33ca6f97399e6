#!/usr/bin/env python3
"""Programs in RAM on the virtual board: `quadlane run`, and the world that they find. Prints TAP.

SPDX-License-Identifier: MIT
"""
import hashlib
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "sdk")]

import test_handover  # noqa: E402
from harness import (BASE, BLINK, BOOTLOADER, GUESTS, ROOT, Board, check, check_equal, check_tool, json_of,  # noqa: E402
                     run_tests, wait_for)
from client import BUSY, HELLO, INFO, OK, RAM_RUN, RAM_WRITE, VERIFY  # noqa: E402
from programs import Program  # noqa: E402
from talk import Requests  # noqa: E402

FROM_RAM = ROOT / "build/sdk/from_ram/from_ram.elf"
AXI, D2, SRAM4, ITCM = 0x24000000, 0x30000000, 0x38000000, 0
NO_RAM = 25
CHIP_SIZE = 16 << 20

HELLO_SOURCE = """
#include <stdio.h>
#include "quadlane/memory.h"
QL_ITCM int in_itcm(int x) { return x * 3; }
QL_DTCM int in_dtcm[3] = {1, 2, 3};
QL_DMA int in_d2[100];
int in_axi[3] = {4, 5, 6}, zeros[1000];
static int made;
__attribute__((constructor)) static void before_main(void) { made = 9; }
int main(void)
{
    zeros[3] = in_d2[3] = 1;
    printf("here %08lx itcm %d dtcm %d axi %d zero %d made %d\\n", (unsigned long)main, in_itcm(5),
           in_dtcm[2], in_axi[2], zeros[4] + in_d2[4], made);
    return 7;
}
"""


def chip_crc(board):
    """CRC-32 of what the chip holds; more than that is in its file."""
    return zlib.crc32(board.chip_bytes(BASE, CHIP_SIZE))


def bootloader_ram_end():
    """Where the bootloader's own data end, from its ELF file, by binutils."""
    listing = subprocess.run(["arm-none-eabi-nm", BOOTLOADER.with_suffix(".elf")], check=True, text=True,
                             capture_output=True).stdout
    return int(re.search(r"^(\w+) \w link_bss_end$", listing, re.M)[1], 16)


def test_example():
    """from_ram runs from RAM, reads the chip, comes back; the program in the chip starts as before"""
    with Board("--load", BLINK, speed="real") as board:
        board.wait_uart("blink: running")
        before = board.statistics()
        board.control("button down")
        board.control("reset")
        found = json_of(board.tool("run", FROM_RAM, "--json"))
        check_equal((found["ok"], found["address"], found["format"]), (True, AXI, "ELF"), "--json")
        board.wait_uart("back into the bootloader")
        check(re.search(r"main at 0x2400\w+, VTOR at 0x2000", board.uart()), board.uart())
        after = board.statistics()
        for name in ("nor.erases", "nor.programs"):
            check_equal(after[name], before[name], name)
        check_equal(json_of(board.tool("info", "--json"))["stay_reason"], 4, "stay reason: it asked")
        board.control("button up")
        board.control("reset")
        wait_for(lambda: board.uart().count("blink: running") == 2, 20, "blink")
        found = re.search(r"16 MiB of chip, CRC-32 (\w+)", board.uart())
        board.control("quit")
        board.wait_exit()
        check_equal(int(found[1], 16), chip_crc(board), "the chip's CRC-32 as the program sees it")


def test_sdk_program():
    """a program of the SDK with PLACE=ram: ITCM, DTCM, data, zeros, constructors; .elf, .hex and .bin"""
    with Program({"main.c": HELLO_SOURCE}, PLACE="ram") as program:
        program.build()
        with Board(speed="real") as board:
            for number, arguments in enumerate([[program.file("elf")], [program.file("hex")], [program.file("bin")],
                                                ["0x24000000", program.file("bin")]], 1):
                check_tool(board.tool("run", *arguments), 0, ["in RAM", "started the program at 0x24000000"])
                wait_for(lambda count=number: board.uart().count("exit: status 7") == count, 20, "its end")
                board.control("reset")
            said = re.search(r"here (\w+) itcm 15 dtcm 3 axi 6 zero 0 made 9", board.uart())
            check(said and int(said[1], 16) >> 24 == 0x24, board.uart())


def test_too_large_for_its_part():
    """the link of a program for RAM that is too large says what to raise"""
    source = "const char big[200000] = {1};\nint main(void) { return big[*(volatile int *)0x24000000 & 15]; }\n"
    with Program({"main.c": source}, PLACE="ram", RAM_IMAGE_SIZE="131072") as program:
        code, text = program.make()
        check(code != 0 and "RAM_IMAGE_SIZE" in text, text)
    with Program({"main.c": source}, PLACE="ram") as program:
        program.build()
    with Program({"main.c": source}, PLACE="moon") as program:
        code, text = program.make()
        check(code != 0 and 'PLACE is "moon"' in text, text)


def state_in(place, **options):
    """What the guest `state` finds when it runs from this RAM."""
    board = Board(**options)
    board.command += ["--load", test_handover.write_list(board)]
    with board:
        check_tool(board.tool("run", GUESTS / f"state-{place}.elf"))
        board.wait_uart("end\n", 60)
        return test_handover.parse(board.uart())


def check_world(found, address, d2_clocks):
    values, regions = found
    check_equal(values["SCB.VTOR"], address, "VTOR")
    for name in ("RCC.AHB2ENR", "RCC.C1_AHB2ENR"):
        check_equal(values[name], 7 << 29 if d2_clocks else 0, name)
    reset = test_handover.reset_values()
    values = {**values, "SCB.VTOR": 0x90100000}
    for name in ("RCC.AHB2ENR", "RCC.C1_AHB2ENR"):
        values[name] = reset[name]
    test_handover.check_state((values, regions), reset)


def test_state_itcm():
    """a program in ITCM finds the world of SPEC.md section 8"""
    check_world(state_in("itcm"), ITCM, False)


def test_state_d2():
    """a program in D2 SRAM: the same, and that memory's clocks are on"""
    check_world(state_in("d2"), D2, True)


def test_state_sram4():
    """a program in SRAM4: the same"""
    check_world(state_in("sram4"), SRAM4, False)


def test_d2_clocks_go_off():
    """what was loaded into D2 SRAM does not show in a program that is started from the chip"""
    board = Board()
    board.command += ["--load", test_handover.write_list(board)]
    with board:
        check_tool(board.tool("flash", "--no-boot", GUESTS / "state.elf"))
        with Requests(board) as line:
            write_ram(line, D2, bytes(64))
            write_ram(line, ITCM, bytes(64))
        check_tool(board.tool("boot"))
        board.wait_uart("end\n", 60)
        test_handover.check_state(test_handover.parse(board.uart()), test_handover.reset_values())


def write_ram(line, address, data):
    status, detail, _ = line.request(RAM_WRITE, struct.pack("<II", address, len(data)) + data)
    check_equal((status, detail), (OK, 0), f"RAM_WRITE {address:#x}")


def run_payload(table, *pieces):
    digest = hashlib.sha256(b"".join(data for _, data in pieces)).digest()
    payload = struct.pack("<II", table, len(pieces)) + digest
    payload += b"".join(struct.pack("<II", address, len(data)) for address, data in pieces)
    return payload + bytes(104 - len(payload))


def test_places():
    """every RAM to its last byte; nothing of the bootloader's own, and nothing that is no RAM"""
    own_end = (bootloader_ram_end() + 31) & ~31
    check(0x20002000 < own_end < 0x20020000, f"the bootloader's own data end at {own_end:#x}")
    with Board() as board, Requests(board) as line:
        _, _, hello = line.request(HELLO, struct.pack("<HHI", 1, 1, 0))
        check(struct.unpack_from("<I", hello, 8)[0] & 1 << 4, "capability: RAM programs")
        for first, end in ((0, 0x10000), (own_end, 0x20020000), (0x24000000, 0x24080000), (0x30000000, 0x30048000),
                           (0x38000000, 0x38010000)):
            for address in (first, end - 8):
                write_ram(line, address, b"12345678")
            for address, length, wrong in ((first - 8, 16, first - 8), (end - 8, 16, end), (end, 8, end)):
                if address >= 0:
                    answer = line.request(RAM_WRITE, struct.pack("<II", address, length) + bytes(length))
                    check_equal(answer[:2], (NO_RAM, wrong), f"{length} bytes at {address:#x}")
        for address in (0x20000000, 0x20002000, 0x08000000, 0x38800000, 0x52005000, 0x90000000, 0x90100000,
                        0xE000ED00, 0xFFFFFFF8):
            answer = line.request(RAM_WRITE, struct.pack("<II", address, 8) + bytes(8))
            check_equal(answer[:2], (NO_RAM, address), f"{address:#x}")
        # All is well with the bootloader after that.
        check_equal(line.request(INFO)[0], OK, "INFO")


def test_pieces_apart():
    """vector table at the end of DTCM, code in ITCM, data in SRAM4: the RAM is compared and started"""
    # ldr r0, =SRAM4; ldr r1, [r0]; ldr r0, =AXI; str r1, [r0]; b .
    code = struct.pack("<6H", 0x4802, 0x6801, 0x4802, 0x6001, 0xE7FE, 0xBF00) + struct.pack("<II", SRAM4, AXI)
    table = 0x20020000 - 1024
    pieces = [(table, struct.pack("<II", 0x38010000, 0x201)), (0x200, code), (SRAM4, b"abcdefgh")]
    with Board() as board, Requests(board) as line:
        for address, data in pieces:
            write_ram(line, address, data + bytes(-len(data) % 8))
        wrong = [*pieces[:2], (SRAM4, b"abcdefgH")]
        check_equal(line.request(RAM_RUN, run_payload(table, *wrong))[:2], (VERIFY, table), "VERIFY")
        check_equal(line.request(RAM_RUN, run_payload(table, *pieces))[:2], (OK, 0), "RAM_RUN")
        check_equal(line.connection.recv(100), b"", "the line's end: the bootloader has left")
        time.sleep(0.2)
        check(board.process.poll() is None, board.output())


def test_the_bootloaders_own_ram():
    """a program for the part of DTCM that the bootloader uses: exit code 56, and the board is well"""
    with Board() as board, tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "a.bin"
        file.write_bytes(struct.pack("<II", 0x24080000, 0x20000009) + bytes(100))
        check_tool(board.tool("run", "0x20000000", file), 56, ["0x20000000 is not free", "AXI SRAM"])
        check_tool(board.tool("info"), 0)


def test_update_open():
    """RAM_RUN while an update is open is refused; `quadlane run` closes what another run left open"""
    begin = struct.pack("<IIII32sIII", 5, 0x90200000, 4096, 0, bytes(32), 0, 0, 0)
    with Board() as board:
        with Requests(board) as line:
            check_equal(line.request(0x10, begin)[0], OK, "BEGIN")
            data = struct.pack("<II", 0x20020000, AXI + 9) + b"\xfe\xe7" * 4
            write_ram(line, AXI, data)
            check_equal(line.request(RAM_RUN, run_payload(AXI, (AXI, data)))[:2], (BUSY, 5), "RAM_RUN")
        check_tool(board.tool("run", FROM_RAM), 0, "started")
        board.wait_uart("back into the bootloader")


def test_cable_lost_while_loading():
    """the cable is pulled in the middle: the tool loads again when it is back"""
    with Program({"main.c": HELLO_SOURCE + "const char more[180000] = {1};\n"
                  "__attribute__((constructor)) static void use(void) { made += more[in_axi[0] + 7]; }\n"},
                 PLACE="ram") as program:
        program.build()
        with Board(speed="real") as board:
            check_tool(board.tool("info"))
            tool = board.start_tool("run", program.file("elf"))
            wait_for(lambda: board.statistics().get("usb_out_bytes", 1e9) > 30000, 10, "some bytes")
            board.control("usb unplug")
            board.control("usb plug")
            said, error = tool.communicate(timeout=40)
            check_equal(tool.returncode, 0, f"the tool's exit code; it said {said}{error}")
            board.wait_uart("exit: status 7")


if __name__ == "__main__":
    run_tests(globals())
