#!/usr/bin/env python3
"""The SDK on the virtual board: start-up, clocks, memories, faults, console. Prints TAP.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import socket
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "sdk")]

from harness import (BLINK, CONSOLE, FAST, Board, check, check_equal, run_tests,  # noqa: E402
                     wait_for)
from programs import Program  # noqa: E402

CLOCKS = """
#include <stdio.h>
#include "quadlane/clock.h"
#include "quadlane/m7.h"
#define WORD(address) (*(volatile unsigned long *)(address))
int main(void)
{
    printf("system %lu cpu %lu hclk %lu pclk1 %lu pclk2 %lu\\n", (unsigned long)SystemCoreClock,
           (unsigned long)ql_clock_cpu_hz(), (unsigned long)ql_clock_hclk_hz(),
           (unsigned long)ql_clock_pclk1_hz(), (unsigned long)ql_clock_pclk2_hz());
    printf("qspisel %lu prescaler %lu vos %lu acr %02lx\\n", WORD(0x5802444C) >> 4 & 3,
           WORD(0x52005000) >> 24, WORD(0x58024818) >> 14, WORD(0x52002000));
    printf("ccr %08lx mpu %lu vtor %08lx pllsrc %lu\\n", (unsigned long)SCB_CCR,
           (unsigned long)MPU_CTRL, (unsigned long)SCB_VTOR, WORD(0x58024428) & 3);
    for (unsigned long region = 0; region < 2; region++) {
        MPU_RNR = region;
        printf("region %lu at %08lx\\n", region, (unsigned long)MPU_RBAR & ~31ul);
    }
    printf("done\\n");
    return 0;
}
"""

PLACES = """
#include <stdio.h>
#include <stdlib.h>
#include "quadlane/bootloader.h"
#include "quadlane/memory.h"
#include "quadlane/uart.h"
QL_ITCM int in_itcm(int x) { return x * 3; }
QL_DTCM int in_dtcm[3] = {1, 2, 3};
QL_DTCM_ZERO int in_dtcm_zero[1000];
QL_DMA int in_d2[1000];
QL_SRAM4 int in_sram4[1000];
QL_NOINIT unsigned in_noinit[2];
int in_axi[3] = {4, 5, 6}, in_axi_zero[1000];
__attribute__((constructor)) static void before_main(void) { in_axi[0] += 100; }
static void after_main(void) { printf("after main\\n"); }
static int sum(const int *numbers, int count)
{
    int total = 0;
    while (count-- > 0)
        total += numbers[count];
    return total;
}
int main(void)
{
    printf("itcm %d dtcm %d axi %d zeros %d\\n", in_itcm(5), sum(in_dtcm, 3), sum(in_axi, 3),
           sum(in_dtcm_zero, 1000) | sum(in_d2, 1000) | sum(in_sram4, 1000) |
               sum(in_axi_zero, 1000));
    if (in_noinit[0] != 0x600DF00Du) {
        in_noinit[0] = 0x600DF00Du;
        in_noinit[1] = 77;
        in_d2[7] = in_axi_zero[7] = in_dtcm_zero[7] = in_sram4[7] = 1;
        ql_uart_flush();
        ql_reset();
    }
    printf("noinit %u\\n", in_noinit[1]);
    char *block = malloc(300000);
    printf("malloc %d %d\\n", block != NULL, malloc(600000) == NULL);
    atexit(after_main);
    return 42;
}
"""

FAULT = """
#include <stdio.h>
__attribute__((noinline)) static int depth(int n)
{
    volatile int here[64];
    here[0] = n;
    return n == 0 ? here[0] : depth(n - 1) + here[0];
}
int main(void)
{
    printf("before %d\\n", depth(3));
    __asm volatile("mov r4, #0x44\\n\\tmov r11, #0xBB\\n\\tmov r0, #0x11\\n\\tudf #1" ::: "r0", "r4", "r11");
    return 0;
}
"""

UNEXPECTED = """
#include "quadlane/interrupts.h"
#include "quadlane/m7.h"
int main(void)
{
    ql_interrupt_enable(TIM7_IRQ, 3);
    *(volatile unsigned *)0xE000EF00 = TIM7_IRQ; // STIR
    m7_dsb();
    m7_isb();
    return 0;
}
"""

STAY = """
#include <stdio.h>
#include "quadlane/bootloader.h"
#include "quadlane/uart.h"
int main(void)
{
    printf("asking\\n");
    ql_uart_flush();
    ql_stay_in_bootloader_after_reset();
    ql_reset();
}
"""


def run_until(program, text, *arguments, timeout_s=20):
    """Runs a program that lies in the chip; returns what its UART said until `text`."""
    with Board("--load", program, "--until", text, *arguments, usb=False,
               timeout_s=timeout_s) as board:
        check_equal(board.wait_exit(120), 0, f"the board's exit code; UART: {board.uart()[-400:]!r}")
        return board.uart()


def build_and_run(source, text, **variables):
    with Program({"main.c": source}, **variables) as program:
        program.build()
        return run_until(program.file("elf"), text), program.symbols()


def test_clocks():
    """After the start-up: 400/200/100 MHz, QUADSPI's clock as handed over, caches and MPU on"""
    said, symbols = build_and_run(CLOCKS, "done")
    for line in ("system 400000000 cpu 400000000 hclk 200000000 pclk1 100000000 pclk2 100000000",
                 "qspisel 0 prescaler 1 vos 3 acr 22", "region 0 at 90000000",
                 "region 1 at 90000000"):
        check(line in said, f"{line!r} is not in {said!r}")
    found = re.search(r"ccr (\w+) mpu (\d+) vtor (\w+) pllsrc (\d)", said)
    check_equal(int(found[1], 16) >> 16 & 3, 3, "CCR.IC and CCR.DC")
    check_equal(found[2], "5", "MPU_CTRL")
    check_equal(int(found[3], 16), symbols["ql_vectors_in_dtcm"], "VTOR")
    check_equal(found[4], "2", "PLLSRC (HSE)")


def test_no_crystal():
    """Without a crystal PLL1 runs from HSI, and 115200 baud are right"""
    said, _ = build_and_run(CLOCKS, "done", HSE_HZ="0")
    check("system 400000000 cpu 400000000 hclk 200000000" in said, said)
    check("pllsrc 0" in said, said)


def test_places():
    """Variables have their values, zeros or what a reset left; malloc, atexit, exit status"""
    said, _ = build_and_run(PLACES, "exit: status 42")
    check_equal(said.count("itcm 15 dtcm 6 axi 115 zeros 0"), 2, f"good starts in {said!r}")
    for line in ("noinit 77", "malloc 1 1", "after main"):
        check(line in said, f"{line!r} is not in {said!r}")


def test_moved_parts():
    """What has outgrown its place in a stable layout runs behind the rest of the image"""
    with Program({"main.c": PLACES}) as program:
        program.build()
        end = program.symbols()["ql_image_end"]
        text = PLACES.replace("before_main(void) { ", 'before_main(void) { printf("made %d\\n", in_itcm(30)); ')
        text = text.replace("int in_axi[3]", "int new_axi[3] = {7, 8, 9}, new_zero[30];\nint in_axi[3]")
        text = text.replace("    atexit(", '    printf("new %d %d\\n", sum(new_axi, 3), sum(new_zero, 30));\n    atexit(')
        (program.folder / "main.c").write_text(text)
        program.build()
        check(program.symbols()["main"] >= end, "main has not moved")
        said = run_until(program.file("elf"), "exit")
        for line in ("made 90", "itcm 15 dtcm 6 axi 115 zeros 0", "noinit 77", "new 24 0", "after main"):
            check(line in said, f"{line!r} is not in {said!r}")


def test_fault():
    """A fault is reported with its registers, at its instruction"""
    said, symbols = build_and_run(FAULT, "bfar")
    check("before 6" in said, said)
    found = re.search(r"fault: UsageFault at pc (\w+)", said)
    check(found, said)
    check(0 < int(found[1], 16) - symbols["main"] < 100, f"{found[1]} is not in main")
    for words in ("r0  00000011", "r4  00000044", "r11 000000bb", "cfsr 00010000"):
        check(words in said, f"{words!r} is not in {said!r}")


def test_unexpected_interrupt():
    """An interrupt without a handler is named"""
    said, _ = build_and_run(UNEXPECTED, "bfar")
    check("fault: unexpected interrupt 55 at pc" in said, said)


def test_stay_request():
    """ql_stay_in_bootloader_after_reset keeps the board in the bootloader, once"""
    with Program({"main.c": STAY}) as program:
        program.build()
        # In the pace of the wall clock: a board that sleeps would be through with its time at once.
        with Board("--load", program.file("elf"), usb=False, speed="real", timeout_s=30) as board:
            board.wait_uart("asking")
            time.sleep(0.5)
            check_equal(board.uart().count("asking"), 1, "starts of the program")
            board.control("reset")
            wait_for(lambda: board.uart().count("asking") == 2, 10, "the second start")


def test_blink():
    """blink runs from the chip"""
    said = run_until(BLINK, "MHz")
    check(re.search(r"blink: running at 0x901\w+, CPU at 400 MHz", said), said)


def test_fast():
    """fast: caches and ITCM beat the chip without caches, with the same result"""
    said = run_until(FAST, "fast: done")
    rows = dict(re.findall(r"^((?:chip|ITCM), caches (?:on|off)) +\d+ +(\d+) +\w+", said, re.M))
    check_equal(len(rows), 4, f"rows of the table in {said!r}")
    cycles = {name: int(best) for name, best in rows.items()}
    check(cycles["chip, caches off"] > 2 * cycles["chip, caches on"], str(cycles))
    check(cycles["ITCM, caches off"] <= cycles["chip, caches on"] * 1.1, str(cycles))


class Terminal:
    """A terminal at the board's USART1."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.connection.connect(str(path))
                break
            except OSError:
                check(time.monotonic() < deadline, "no UART socket")
                time.sleep(0.02)
        self.text = ""

    def wait(self, words, limit_s=60):
        self.connection.settimeout(limit_s)
        while words not in self.text:
            part = self.connection.recv(4096)
            check(part, f"the line closed before {words!r}: {self.text[-300:]!r}")
            self.text += part.decode(errors="replace")
        before, _, self.text = self.text.partition(words)
        return before + words

    def type(self, keys):
        self.connection.sendall(keys.encode())


def test_console():
    """console: tests pass, then the prompt edits lines and evaluates Lua"""
    board = Board("--load", CONSOLE, usb=False, timeout_s=120)
    uart = board.command.index(f"USART1=file:{board.uart_path}")
    board.command[uart] = f"USART1=unix:{board.folder}/terminal"
    with board:
        terminal = Terminal(board.folder / "terminal")
        said = terminal.wait("> ")
        check("console: all self-tests passed" in said, said)
        for keys, answer in [("6*7\r", "\r\n42\r\n> "),
                             ("x = 6*8\x7f9\r", "\r\n> "),
                             ("x\n", "\r\n54\r\n> "),
                             ("nonsense\x15mbedtls.sha256('')\r",
                              "\r\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                              "\r\n> "),
                             ("db:value('SELECT count(*) FROM chip')\r", "\r\n5\r\n> "),
                             ("for i = 1, 2 do\r", "\r\n>> "),
                             ("print(i) end\r", "\r\n1\r\n2\r\n> "),
                             ("error('bad')\r", "bad\r\n"),
                             ("mbedtls.selftest('ecp')\r", "\r\ntrue\r\n> ")]:
            terminal.type(keys)
            terminal.wait(answer)


if __name__ == "__main__":
    run_tests(globals())
