#!/usr/bin/env python3
"""Stock OpenOCD on the virtual board, over its ST-LINK (both transports) and its JTAG pins. Prints TAP.

SPDX-License-Identifier: MIT
"""
import re
import subprocess

from probes import BOOTLOADER, FAST, ProbedBoard, check, check_equal, wait_for
from harness import run_tests  # noqa: E402


def symbols():
    text = subprocess.run(["arm-none-eabi-nm", FAST], capture_output=True, text=True, check=True)
    return {name: int(value, 16) & ~1 for value, kind, name in
            (line.split() for line in text.stdout.splitlines() if len(line.split()) == 3)}


def number_in(text):
    return int(re.search(r"0x([0-9a-fA-F]+)\s*$", text.splitlines()[0]).group(1), 16)


def debug_session(transport):
    names = symbols()
    with ProbedBoard() as board:
        dump = board.folder / "dump.bin"
        answers = board.openocd(
            transport, "reset halt", "reg pc",
            f"bp {names['main']:#x} 2 hw", "resume", "wait_halt 5000", "reg pc", "rbp all",
            "step", "reg pc",
            f"bp {names['work_in_itcm']:#x} 2 hw", "resume", "wait_halt 5000", "reg pc", "rbp all",
            f"wp {names['noise']:#x} 4 w", "resume", "wait_halt 5000", f"rwp {names['noise']:#x}",
            "reg r3 0x12345678", "reg r3", "reg d0",
            f"dump_image {dump} 0x90100000 0x1000", "resume", "sleep 20", "halt", "reg pc",
            "mrw 0x40004400",
            "reset halt", "reg pc", "resume")
        program = FAST.with_suffix(".bin").read_bytes()
        reset = int.from_bytes(BOOTLOADER.read_bytes()[4:8], "little") & ~1
        check_equal(number_in(answers[1]), reset, "pc after reset halt")
        check_equal(number_in(answers[5]), names["main"], "pc at the breakpoint in the chip")
        check(number_in(answers[8]) in (names["main"] + 2, names["main"] + 4), f"step: {answers[8]}")
        check_equal(number_in(answers[12]), names["work_in_itcm"], "pc at the breakpoint in ITCM")
        check("failed" not in answers[16], f"the watchpoint: {answers[16]}")
        check_equal(number_in(answers[19]), 0x12345678, "a register")
        check(dump.read_bytes() == program[:0x1000], "the dump of the chip differs from the program")
        check("failed" in answers[26], f"an unclocked peripheral gave {answers[26]}")
        check_equal(number_in(answers[28]), reset, "pc after the second reset halt")
        board.wait_uart("fast: done")
        check("violation" not in board.output(), "the debugger broke rules")


def test_swd():
    """ST-LINK, SWD: halt, registers, step, breakpoints in the chip and in ITCM, watchpoint, reset"""
    debug_session("dapdirect_swd")


def test_hla():
    """ST-LINK, high-level adapter: the same"""
    debug_session("hla_swd")


def test_jtag():
    """JTAG pins: the same"""
    debug_session("jtag")


def flash_session(transport, size):
    image = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(size))
    with ProbedBoard(program=None) as board:
        path = board.folder / "image.bin"
        path.write_bytes(image)
        answers = board.openocd(
            transport, "reset init", f"flash write_image erase {path} 0x90100000",
            f"verify_image {path} 0x90100000",
            f"flash write_image erase {path} 0x08000000", f"verify_image {path} 0x08000000",
            f"load_image {path} 0x24000000 bin", f"verify_image {path} 0x24000000 bin")
        for index in (2, 4, 6):
            check(f"verified {size} bytes" in answers[index], f"{answers}")
        check((board.folder / "nor.bin").read_bytes()[0x100000:0x100000 + size] == image,
              "the chip's file differs from the image")
        check("violation" not in board.output(), "OpenOCD's algorithms broke rules")


def test_flash_swd():
    """ST-LINK, SWD: OpenOCD's own algorithms write internal flash and, by stmqspi, the chip"""
    flash_session("dapdirect_swd", 100000)


def test_flash_hla():
    """ST-LINK, high-level adapter: the same"""
    flash_session("hla_swd", 40000)


def test_flash_jtag():
    """JTAG pins: the same"""
    flash_session("jtag", 9000)


def test_board_file():
    """The board's file: reset init sets pins and clock, maps the chip by one line each, and stmqspi programs it by the probe"""
    # RM0433: RCC_AHB3ENR 14, GPIO alternate functions, QUADSPI_CCR. Pins: SP Racing H7 EXTREME, PX4 edition.
    pins = {"B": [2, 10], "D": [11, 12, 13], "E": [2]}
    image = bytes((i * 11 + (i >> 7)) & 0xFF for i in range(20000))
    with ProbedBoard(program=None) as board:
        path, dump = board.folder / "image.bin", board.folder / "dump.bin"
        path.write_bytes(image)
        registers = [f"mrw {0x58020000 + 0x400 * (ord(port) - 65) + offset:#x}" for port in pins for offset in (0, 0x20, 0x24)]
        answers = board.openocd(
            "dapdirect_swd", "reset init", "mrw 0x52005014", "mrw 0x580244D4", *registers, "flash probe 1",
            "join [split [flash info 1] \\n] { }", f"flash write_image erase {path} 0x90100000", f"dump_image {dump} 0x90100000 {len(image)}",
            "reset init", "mrw 0x52005014", f"verify_image {path} 0x90100000")
        for ccr in (int(answers[1], 0), int(answers[-2], 0)):
            lines = [ccr >> shift & 3 for shift in (8, 10, 24)]
            check_equal((lines, ccr >> 26 & 3), ([1, 1, 1], 3), "lines of instruction, address and data; FMODE")
        check(int(answers[2], 0) & 1 << 14, "the clock of QUADSPI")
        values = [int(answer, 0) for answer in answers[3:3 + len(registers)]]
        for index, (port, numbers) in enumerate(pins.items()):
            mode, low, high = values[3 * index:3 * index + 3]
            for number in numbers:
                function = (low if number < 8 else high) >> 4 * (number % 8) & 15
                check_equal((mode >> 2 * number & 3, function), (2, 9), f"mode and function of P{port}{number}")
        check("'stmqspi' found at 0x90000000" in answers[-7], f"flash probe: {answers[-7]}")
        check("w25q128" in answers[-6], f"flash info: {answers[-6]}")
        check(dump.read_bytes() == image, "what the window shows is not what the probe wrote")
        check(f"verified {len(image)} bytes" in answers[-1], f"{answers[-1]}")
        check("violation" not in board.output(), "OpenOCD broke rules")


def test_components():
    """ROM tables lead to the core's units and the trace components"""
    with ProbedBoard(program=None) as board:
        core, bus = board.openocd("dapdirect_swd", "set text [dap info 0]; regsub -all {\\n\\n} "
                                  "$text {\\n} text; set text",
                                  "set text [dap info 2]; regsub -all {\\n\\n} $text {\\n} text; "
                                  "set text")
    for words in ("0x84770001", "0xe00fe000", "STMicroelectronics", "Cortex-M7 PPB ROM",
                  "Cortex-M7 FPB", "DWT", "ITM", "Cortex-M7 ETM", "Cross Trigger"):
        check(words in core, f"{words} is not in:\n{core}")
    for words in ("0x54770002", "0xe00e0000", "Trace Funnel", "Trace Memory", "Trace Port"):
        check(words in bus, f"{words} is not in:\n{bus}")


def test_sessions():
    """One session after another while the program runs; a probe that dies disturbs nobody"""
    with ProbedBoard(speed="real") as board:
        for transport in ("dapdirect_swd", "jtag", "hla_swd", "dapdirect_swd"):
            cpu = board.openocd(transport, "mrw 0xE000ED00")[0]
            check_equal(int(cpu, 0), 0x411FC271, f"CPUID over {transport}")
        process = subprocess.Popen(board.openocd_arguments("jtag"), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: process.poll() is not None or board.statistics(), 5, "statistics")
        finally:
            process.kill()
            process.wait()
        board.wait_uart("fast: done")
        check_equal(int(board.openocd("jtag", "mrw 0xE000ED00")[0], 0), 0x411FC271, "CPUID at last")


if __name__ == "__main__":
    run_tests(globals())
