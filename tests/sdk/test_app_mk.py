#!/usr/bin/env python3
"""app.mk and app.ld: what a program built outside of the repository looks like. Prints TAP.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import struct
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "board")]

from harness import check, check_equal, run_tests  # noqa: E402
from programs import PREFIX, ROOT, Program  # noqa: E402

HELLO = """
#include <stdio.h>
int main(void) { printf("hello\\n"); return 0; }
"""

PLACES = """
#include <stdint.h>
#include "quadlane/memory.h"
QL_ITCM int in_itcm(int x) { return x * 3; }
QL_DTCM int in_dtcm = 0x12345678;
QL_DTCM_ZERO int in_dtcm_zero;
QL_DMA uint8_t in_d2[64];
QL_SRAM4 uint8_t in_sram4[64];
QL_NOINIT int in_noinit;
QL_BACKUP int in_backup;
int in_axi = 0x9ABCDEF0, in_axi_zero;
const int in_chip[4] = {7, 8, 9, 10};
int main(void)
{
    in_d2[0] = in_sram4[0] = 1;
    return in_itcm(in_dtcm + in_axi + in_dtcm_zero + in_noinit + in_backup + in_axi_zero +
                   in_chip[in_axi & 3]);
}
"""


def check_within(name, address, start, size):
    check(start <= address < start + size,
          f"{name} is at {address:#010x}, not in {start:#010x}..{start + size:#010x}")


def test_first_words():
    """The image starts with a stack pointer in RAM and a Thumb entry inside itself"""
    with Program({"main.c": HELLO}) as program:
        program.build()
        image = program.file("bin").read_bytes()
        stack, entry = struct.unpack_from("<II", image)
        check_equal(stack % 8, 0, "the stack pointer's last bits")
        check(0x20000000 < stack <= 0x20020000, f"the stack pointer is {stack:#x}")
        check_equal(entry & 1, 1, "the entry's Thumb bit")
        check_within("the entry", entry - 1, 0x90100008, len(image) - 8)


def header_of(**variables):
    with Program({"main.c": HELLO}, **variables) as program:
        program.build()
        return program.file("bin").read_bytes()[0x298:0x2C0 + 80]


def header(name, version=b"", flags=0, address=0x90100000):
    """SPEC.md section 15."""
    return struct.pack("<8sHHIII32s24s", b"QLHEADER", 1, 80, address, flags, 0, name, version)


def test_header():
    """The program header: name, version and promise, behind the vectors, with FF between"""
    around = b"\xff" * (0x2C0 - 0x298)
    for variables, expected in [
            ({}, header(b"hello")),
            ({"APP_NAME": "A name, 32 characters altogether", "APP_VERSION": "24 characters altogether"},
             header(b"A name, 32 characters altogether", b"24 characters altogether")),
            ({"CONFIRM": "1", "PROGRAM_ADDRESS": "0x90200000", "APP_VERSION": "v1.2-3-gabc"},
             header(b"hello", b"v1.2-3-gabc", 1, 0x90200000))]:
        found = header_of(**variables)
        check_equal(found[:0x28], around, "what is before the header")
        check_equal(found[0x28:], expected, "the header")
    check_refused("APP_NAME has more than 32 characters", {"main.c": HELLO}, APP_NAME="33 characters in the program name")
    check_refused("APP_VERSION has more than 24", {"main.c": HELLO}, APP_VERSION="25 characters in version.")
    check_refused("without quotes", {"main.c": HELLO}, APP_NAME='a "name"')
    check_refused("it can be 0 or 1", {"main.c": HELLO}, CONFIRM="yes")
    with Program({"main.c": HELLO}) as program:
        program.build()
        code, text = program.make("APP_VERSION=2")
        check(code == 0 and "header.c" in text and "main.c" not in text and "LD" in text, f"not the header alone:\n{text}")


def test_hex_equals_bin():
    """The .hex holds the bytes of the .bin, at 0x90100000"""
    with Program({"main.c": PLACES}) as program:
        program.build()
        back = program.folder / "back.bin"
        subprocess.run([PREFIX + "objcopy", "-I", "ihex", "-O", "binary", "--gap-fill", "0xFF",
                        program.file("hex"), back], check=True)
        check(back.read_bytes() == program.file("bin").read_bytes(), "they differ")
        first = program.file("hex").read_text().splitlines()[0]
        check_equal(first, ":0200000490105A", "the first record (extended address 0x9010)")
        check(program.file("map").stat().st_size > 0, "no map file")


def test_places():
    """Each macro puts its variable or function into the memory that it names"""
    with Program({"main.c": PLACES}) as program:
        program.build()
        symbols = program.symbols()
        for name, start, size in [("in_itcm", 0x00000100, 0x10000 - 0x100),
                                  ("in_dtcm", 0x20000000, 0x20000),
                                  ("in_dtcm_zero", 0x20000000, 0x20000),
                                  ("in_noinit", 0x20000000, 0x20000),
                                  ("in_axi", 0x24000000, 0x80000),
                                  ("in_axi_zero", 0x24000000, 0x80000),
                                  ("in_d2", 0x30000000, 0x48000),
                                  ("in_sram4", 0x38000000, 0x10000),
                                  ("in_backup", 0x38800000, 0x1000),
                                  ("in_chip", 0x90100000, 0xF00000),
                                  ("main", 0x90100000, 0xF00000)]:
            check_within(name, symbols[name], start, size)
        image = program.file("bin").read_bytes()
        for value in (0x12345678, 0x9ABCDEF0):
            check(struct.pack("<I", value) in image, f"{value:#x} is not in the image")
        check_equal(symbols["ql_image_size"], len(image), "ql_image_size")


def check_refused(words, sources, **variables):
    with Program(sources, **variables) as program:
        code, text = program.make()
        check(code != 0, "it was built")
        check(words in text, f"{words!r} is not in:\n{text}")
        check(not program.file("bin").exists(), "there is a .bin")


def test_program_area():
    """A program larger than the area for programs is refused"""
    large = "const char large[70000] = {1}; int main(void) { return large[*(volatile int *)large]; }"
    check_refused("region `FLASH' overflowed", {"main.c": large}, PROGRAM_AREA_END="0x90110000")
    with Program({"main.c": large}, PROGRAM_AREA_END="0x90120000") as program:
        program.build()


def test_itcm_full():
    """Too much code for ITCM is refused"""
    large = ('#include "quadlane/memory.h"\n'
             'QL_ITCM void large(void) { __asm volatile(".space 65536"); }\n'
             "int main(void) { large(); return 0; }\n")
    check_refused("region `ITCM' overflowed", {"main.c": large})


def test_stack_size():
    """DTCM data that leave too little room for the stack are refused"""
    data = ('#include "quadlane/memory.h"\n'
            "QL_DTCM_ZERO char data[100000];\n"
            "int main(void) { return data[5]++; }\n")
    check_refused("too little room left for the stack", {"main.c": data}, STACK_SIZE="32768")
    with Program({"main.c": data}, STACK_SIZE="24576") as program:
        program.build()


def test_first_mebibyte():
    """A program in the bootloader's part of the chip is refused"""
    check_refused("first MiB belongs to the bootloader", {"main.c": HELLO},
                  PROGRAM_ADDRESS="0x90000000")


def test_other_address():
    """PROGRAM_ADDRESS moves the whole program"""
    with Program({"main.c": HELLO}, PROGRAM_ADDRESS="0x90400000") as program:
        program.build()
        check_equal(program.symbols()["ql_image_start"], 0x90400000, "start of the image")
        check_equal(struct.unpack_from("<I", program.file("bin").read_bytes(), 4)[0] >> 20, 0x904,
                    "the entry's upper bits")


def test_own_handlers():
    """A program may have its own SysTick_Handler, HardFault_Handler and SystemInit"""
    own = HELLO + """
    #include <stdint.h>
    #include <time.h>
    volatile uint32_t count;
    uint32_t SystemCoreClock;
    void SysTick_Handler(void) { count++; }
    void HardFault_Handler(void) { for (;;) {} }
    void SystemInit(void) { SystemCoreClock = 64000000; }
    time_t now(void) { return time(0); }
    """
    with Program({"main.c": own}) as program:
        program.build()
        symbols = program.symbols()
        vectors = struct.unpack_from("<16I", program.file("bin").read_bytes())
        check_equal(vectors[15], symbols["SysTick_Handler"] | 1, "vector 15")
        check_equal(vectors[3], symbols["HardFault_Handler"] | 1, "vector 3")
        check_equal(vectors[5], symbols["ql_fault_entry"] | 1, "vector 5")


def test_cxx():
    """C++ sources are compiled; constructors of static objects are in the init array"""
    thing = """
    #include <stdio.h>
    #include "quadlane/memory.h"
    struct Thing { int value; Thing(int v) : value(v) { puts("made"); } ~Thing() { puts("gone"); } };
    static Thing thing(5);
    QL_ITCM int thrice(int x) { return 3 * x; }
    int main() { return thrice(thing.value); }
    """
    with Program({"main.cpp": thing}) as program:
        program.build()
        symbols = program.symbols()
        check(symbols["__init_array_end"] > symbols["__init_array_start"], "no constructor")


def test_page():
    """The Makefile and the program of docs/writing-a-program.md build as they stand there"""
    page = (ROOT / "docs/writing-a-program.md").read_text()
    makefile, main = (re.search(rf"```{kind}\n(.*?)```", page, re.S).group(1)
                      for kind in ("make", "c"))
    check_equal(len(makefile.splitlines()), 5, "lines of the Makefile")
    with Program({"main.c": main}) as program:
        (program.folder / "Makefile").write_text(makefile)
        code, text = program.make(f"QUADLANE={ROOT}")
        check(code == 0 and "warning" not in text, text)
        for suffix in ("elf", "bin", "hex", "map"):
            check(program.file(suffix).exists(), f"no .{suffix}")


def test_no_warnings_and_settings():
    """A build says nothing but what it does; changed settings build anew, others nothing"""
    with Program({"main.c": HELLO, "parts/part.c": "int part(void);\nint part(void) { return 1; }\n",
                  "low.S": ".text\n"}) as program:
        text = program.build()
        check("warning" not in text, text)
        check((program.folder / "build/program/parts/part.o").exists(), "part.o is elsewhere")
        code, text = program.make()
        check(code == 0 and "CC" not in text and "LD" not in text, f"built again:\n{text}")
        code, text = program.make("HSE_HZ=25000000")
        check(code == 0 and "system.c" in text, f"not built anew:\n{text}")
        code, text = program.make("clean")
        check(code == 0 and not (program.folder / "build").exists(), "not clean")


def test_same_bytes():
    """Where a program is built does not change its bytes"""
    where = '#include <stdio.h>\nint main(void) { puts(__FILE__); return 0; }\n'
    images = []
    for _ in range(2):
        with Program({"main.c": where}) as program:
            program.build()
            images.append(program.file("bin").read_bytes())
    check(images[0] == images[1], "they differ")


def test_crystal():
    """A crystal that SystemInit does not know is refused by name"""
    check_refused("HSE_HZ", {"main.c": HELLO}, HSE_HZ="7372800")
    for crystal in ("0", "16000000", "25000000"):
        with Program({"main.c": HELLO}, HSE_HZ=crystal) as program:
            program.build()


run_tests(globals())
