#!/usr/bin/env python3
"""Breaks the firmware on purpose; the virtual board must stop at each mistake and name it.

Each mutant is the shipped source with a few lines changed, built apart and run with a flash over USB. A mutant
whose text is no longer in the source fails the test, so that none is silently left out.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import dataclasses
import re
import shutil
import subprocess
import sys

import harness

WORK = harness.ROOT / "build/mutants"
VIOLATION_EXIT = 10


@dataclasses.dataclass
class Mutant:
    """What is changed (file, old, new), and a pattern of what the board must say."""
    name: str
    edits: list
    says: str
    arguments: tuple = ()


MUTANTS = [
    Mutant("no write enable before erase and program", [
        ("core/nor.c", "int error = command_send(nor, OP_WRITE_ENABLE, 1);\n    struct pair status;",
         "int error = 0;\n    struct pair status;"),
        ("core/nor.c", "return all_set(nor, status, SR1_WEL) ? 0 : QL_ERROR_REFUSED;", "return 0;")],
        r"without (a )?write[- ]enable"),
    Mutant("a pin in the wrong alternate function", [
        ("firmware/boards/h750_w25q128.c", ".ncs = {GPIO_PIN('B', 10), FUNCTION_QUADSPI}",
         ".ncs = {GPIO_PIN('B', 10), 10}")],
        r"PB10.*AF ?10|PB10.*alternate"),
    Mutant("no wait for the end of an erase", [
        ("core/nor.c",
         "int error = nor->bus->poll_start(nor->bus->context, &command, mask, match);",
         "(void)command; (void)mask; (void)match; int error = 0;"),
        ("core/nor.c", "if (bus->poll_done(bus->context)) {", "if (true) {"),
        ("core/nor.c",
         "    if (any_set(status, SR1_BUSY))\n        return QL_ERROR_BUSY;\n    nor->doubtful = false;\n    return all",
         "    nor->doubtful = false;\n    return all")],
        r"(?i)busy"),
    Mutant("too few dummy cycles", [
        ("core/nor.c", "command->dummy_cycles = (uint8_t)clocks;",
         "command->dummy_cycles = (uint8_t)(clocks - 2);")],
        r"(?i)dummy"),
    Mutant("QUADSPI used without its clock", [
        ("firmware/chip/qspi.c", "RCC_AHB3ENR |= RCC_AHB3ENR_QSPIEN;", "")],
        r"(?i)QUADSPI.*clock"),
    Mutant("a register written while QUADSPI is busy", [
        ("core/nor.c", "if (bus->poll_done(bus->context)) {", "if (true) {"),
        ("firmware/chip/qspi.c",
         "    int error = idle_wait(TRANSFER_LIMIT_US);\n    if (error != 0) {\n"
         "        return error;\n    }\n    QUADSPI_FCR = FLAGS_ALL;\n    if (length > 0) {",
         "    QUADSPI_FCR = FLAGS_ALL;\n    if (length > 0) {")],
        r"(?i)(CCR|DLR|AR|CR|ABR|PSM\w+|PIR).*BUSY"),
    Mutant("memory-mapped mode left without an abort", [
        ("firmware/chip/qspi.c", "int error = abort_transfer();\n    mapped = false;",
         "int error = 0;\n    mapped = false;")],
        r"CR written while BUSY is 1"),
    Mutant("the kernel clock undivided (erratum)", [
        ("firmware/chip/qspi.c", "enum { DIVIDER = 2 };", "enum { DIVIDER = 1 };")],
        r"(?i)prescaler"),
    Mutant("FSIZE of the chip's size, so that its last bytes lock the bus (erratum)", [
        ("firmware/chip/qspi.c", "FIELD(QUADSPI_DCR_FSIZE, 31 - __builtin_clz(chip_size))",
         "FIELD(QUADSPI_DCR_FSIZE, 30 - __builtin_clz(chip_size))")],
        r"FSIZE"),
    Mutant("caches not invalidated after the chip was written", [
        ("firmware/chip/qspi.c", "    cache_invalidate();\n    mpu_window_open(size);",
         "    mpu_window_open(size);")],
        r"(?i)cache"),
    Mutant("the window left open to speculative reads", [
        ("firmware/chip/qspi.c", "    mpu_window_close();\n", "")],
        r"(?i)MPU|speculati"),
    Mutant("flash wait states too few for the clock", [
        ("firmware/chip/clock.c", "FIELD(FLASH_ACR_LATENCY, 2) | FIELD(FLASH_ACR_WRHIGHFREQ, 2)",
         "FIELD(FLASH_ACR_LATENCY, 0) | FIELD(FLASH_ACR_WRHIGHFREQ, 0)")],
        r"(?i)wait state|latency"),
    Mutant("USB without the 3.3 V detector", [
        ("firmware/chip/usb_otg.c", "    PWR_CR3 |= PWR_CR3_USB33DEN;\n", "")],
        r"USB33"),
    Mutant("USB's clock not selected", [
        ("firmware/chip/clock.c", "FIELD(RCC_D2CCIP2R_USBSEL, USB_CLOCK_HSI48)",
         "FIELD(RCC_D2CCIP2R_USBSEL, USB_CLOCK_NONE)")],
        r"(?i)48 ?MHz|USB.*clock"),
    Mutant("the quad enable bit not set on a chip that needs it", [
        ("core/nor.c", "if (set == 0 && wanted && geometry->quad_enable != NOR_QUAD_UNKNOWN) {",
         "if (set == 0 && !wanted) {"),
        ("core/nor.c", "    if (set != 1) {\n", "    if (set > 1) {\n")],
        r"\bQE\b", ("--board", "h750_w25q128_im")),
]


def build(mutant, number):
    """The mutant's image; objects of unchanged files are taken over."""
    folder = WORK / str(number)
    shutil.rmtree(folder, ignore_errors=True)
    harness.copy_sources(folder, ["firmware"])
    for name, old, new in mutant.edits:
        path = folder / name
        text = path.read_text()
        harness.check(old in text, f"{name} has no {old!r} any more: adapt the mutant")
        path.write_text(text.replace(old, new))
    image = "build/firmware/h750_w25q128-flash.bin"
    result = subprocess.run(["make", "-C", folder, image], capture_output=True, text=True,
                            timeout=120)
    harness.check(result.returncode == 0, f"the mutant does not build:\n{result.stderr[-2000:]}")
    return folder / image


def run_mutant(mutant, number):
    """Flashes a program with the mutant and checks the board's last words."""
    image = build(mutant, number)
    with harness.Board(*mutant.arguments, bootloader=image, timeout_s=600) as board:
        tool = board.start_tool("flash", harness.BLINK, wait_s=30)
        code = board.wait_exit(60)
        said = board.output()
        harness.stop(tool)
    harness.check(code == VIOLATION_EXIT,
                  f"the board ended with {code}, not with a violation; it said:\n{said[-1500:]}")
    harness.check(re.search(mutant.says, said), f"{mutant.says!r} is not in:\n{said[-1500:]}")
    shutil.rmtree(image.parent.parent.parent, ignore_errors=True)


def main():
    chosen = [(number, mutant) for number, mutant in enumerate(MUTANTS, 1)
              if len(sys.argv) < 2 or str(number) in sys.argv[1:]]
    print(f"1..{len(chosen)}")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [(number, mutant, pool.submit(run_mutant, mutant, number))
                   for number, mutant in chosen]
        for number, mutant, future in futures:
            error = future.exception()
            failed += error is not None
            print(f"{'not ok' if error else 'ok'} {number} - the board names it: {mutant.name}",
                  flush=True)
            if error:
                print("".join(f"# {line}\n" for line in str(error).splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
