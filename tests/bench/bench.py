#!/usr/bin/env python3
"""make bench: what updates and starts cost, in virtual time, against what the chip alone costs.

Each figure is measured from the tool's start, with the board in its bootloader, to the program's
first instruction, with everything verified; both moments are the board's own. The floor is the sum of
the chip's typical times (data sheet) of the cheapest erases and of the page programs for the bytes
that must change. Prints a table, writes build/bench.json, and fails if a figure misses its limit.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import virtual_time
from virtual_time import CHIP_SIZE, NS_PER_MS, NS_PER_S, PROGRAM_ADDRESS, PROGRAM_OFFSET, ROOT

OUTPUT = ROOT / "build/bench.json"
BASELINE = ROOT / "build/tests/bench/stop_and_wait"
DFU_HOST = ROOT / "tests/board/dfu.py"
PX4_HOST = ROOT / "tests/board/px4.py"
CONSOLE = ROOT / "build/sdk/console/console.elf"
PROGRAM_SIZE = 1536 * 1024
DFU_SIZE = 1024 * 1024
EIGHT_SIZE = 256 * 1024
PAGE, SECTOR = 256, 4096
PAGE_S = 0.0004  # W25Q128JV, typical
ERASES_S = [(65536, 0.150), (32768, 0.120), (4096, 0.045)]  # by falling size
CLIENT_POLL_MS = 10

# Key: (largest or smallest value allowed).
AT_MOST = {"boot_ms_no_cable": 20, "cold_ratio": 1.05, "blank_ratio": 1.08, "unchanged_s": 0.30, "one_sector_s": 0.45,
           "dfu_ratio": 1.3, "px4_ratio": 1.5, "px4_external_ratio": 1.5, "eight_ratio": 1.3}
AT_LEAST = {"stop_and_wait_ratio": 10}


def make_program(seed, size=PROGRAM_SIZE):
    """Random data that starts: a vector table, then `b .`, an endless loop."""
    data = bytearray(random.Random(seed).randbytes(size))
    data[0:10] = struct.pack("<IIH", 0x20020000, PROGRAM_ADDRESS + 9, 0xE7FE)
    return bytes(data)


def sectors_of(data):
    padded = data + b"\xff" * (-len(data) % SECTOR)
    return [padded[at:at + SECTOR] for at in range(0, len(padded), SECTOR)]


def page_count(sectors):
    return sum(sector[at:at + PAGE] != b"\xff" * PAGE
               for sector in sectors for at in range(0, SECTOR, PAGE))


def unit_floor(held, wanted, first, size, level):
    """The least time for the sectors of one erase unit of this level."""
    count = size // SECTOR
    part = range(first, min(first + count, len(wanted)))
    changed = [i for i in part if held[i] != wanted[i]]
    to_erase = [i for i in changed if held[i] != b"\xff" * SECTOR]
    if not to_erase:
        return page_count(wanted[i] for i in changed) * PAGE_S
    best = float("inf")
    if first + count <= len(wanted):
        best = ERASES_S[level][1] + page_count(wanted[i] for i in part) * PAGE_S
    if level + 1 < len(ERASES_S):
        smaller = ERASES_S[level + 1][0]
        best = min(best, sum(unit_floor(held, wanted, at, smaller, level + 1)
                             for at in range(first, first + count, smaller // SECTOR)))
    return best


def floor_s(before, program):
    """The chip's own typical time for turning what it holds into the program."""
    wanted = sectors_of(program)
    held = sectors_of(before[:len(wanted) * SECTOR])
    return sum(unit_floor(held, wanted, at, 65536, 0) for at in range(0, len(wanted), 16))


class Bench:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.values = {}
        self.chip = self.folder / "nor.bin"

    def show(self, key, value, text):
        self.values[key] = value
        limit = ""
        if key in AT_MOST:
            limit = f"<= {AT_MOST[key]:g}"
        elif key in AT_LEAST:
            limit = f">= {AT_LEAST[key]:g}"
        print(f"{key:26} {value:10.4f}  {limit:9} {text}", flush=True)

    def fill_chip(self, data):
        """The chip's content; None: blank, as it comes from the factory."""
        self.chip.unlink(missing_ok=True)
        if data is not None:
            self.chip.write_bytes(data)

    def chip_program(self, size):
        with open(self.chip, "rb") as chip:
            chip.seek(PROGRAM_OFFSET)
            return chip.read(size)

    def update(self, command, program):
        """One update; returns its duration and the board's statistics at its end."""
        with virtual_time.Board(self.chip) as board:
            board.enter_bootloader()
            start_ns = board.now_ns
            result = board.host(*command(board.port), limit_s=900)
            if result.returncode != 0:
                raise AssertionError(f"{command(board.port)}: {result.stdout}{result.stderr}")
            started_ns = board.wait_program()
            if started_ns is None:
                raise AssertionError("the program was not started")
            statistics = board.statistics()
        if self.chip_program(len(program)) != program:
            raise AssertionError("the chip does not hold the program")
        return (started_ns - start_ns) / NS_PER_S, statistics

    def flash(self, file, program, *options):
        return self.update(lambda port: [virtual_time.TOOL, "flash", file, *options, "--port", port],
                           program)


def measure_updates(bench):
    used = random.Random("a used chip").randbytes(CHIP_SIZE)
    program = make_program("program")
    file = bench.folder / "program.bin"
    file.write_bytes(program)
    size = f"{PROGRAM_SIZE / 1048576:g} MiB of random data"

    floor = floor_s(used[PROGRAM_OFFSET:], program)
    bench.fill_chip(used)
    seconds, statistics = bench.flash(file, program)
    bench.show("cold_s", seconds, f"{size} over other data")
    bench.show("cold_floor_s", floor, "the chip's own time for it")
    bench.show("cold_ratio", seconds / floor, "")
    span = statistics["nor.last_operation_ns"] - statistics["nor.first_operation_ns"]
    bench.show("idle_fraction", 1 - statistics["nor.busy_ns"] / span,
               "of the chip, from its first operation to its last")
    cold_s = seconds

    seconds, _ = bench.flash(file, program)
    bench.show("unchanged_s", seconds, "the same again: nothing to write")
    measure_boot(bench)

    changed = bytearray(program)
    changed[PROGRAM_SIZE // 2] ^= 0x5A
    file.write_bytes(changed)
    seconds, _ = bench.flash(file, bytes(changed))
    bench.show("one_sector_s", seconds, "one byte changed")

    file.write_bytes(program)
    blank = b"\xff" * CHIP_SIZE
    floor = floor_s(blank, program)
    bench.fill_chip(None)
    seconds, _ = bench.flash(file, program)
    bench.show("blank_s", seconds, f"{size} on a blank chip")
    bench.show("blank_floor_s", floor, "the chip's own time for it")
    bench.show("blank_ratio", seconds / floor, "")
    measure_baseline(bench, used, program, file, cold_s)


def measure_boot(bench):
    """The default program's start after power-on, without and with a cable that nobody uses."""
    for key, plug, text in [("boot_ms_no_cable", "unplug", "power-on to the program, no cable"),
                            ("boot_ms_cable", "plug", "the same with a cable and a silent host")]:
        with virtual_time.Board(bench.chip) as board:
            board.control(f"usb {plug}")
            started_ns = board.wait_program()
            if started_ns is None:
                raise AssertionError(f"{key}: the program was not started")
            bench.show(key, (started_ns - board.statistics()["reset_ns"]) / NS_PER_MS, text)


def measure_baseline(bench, used, program, file, cold_s):
    """The cold update by stop-and-wait: as fast as can be, and as timer-driven clients do it."""
    for key, poll, text in [
            ("stop_and_wait_bare_s", [], "256 bytes at a time, host without any latency"),
            ("stop_and_wait_s", [CLIENT_POLL_MS],
             f"256 bytes at a time, client looks every {CLIENT_POLL_MS} ms, twice")]:
        bench.fill_chip(used)
        seconds, _ = bench.update(lambda port: [BASELINE, port, file, *poll], program)
        bench.show(key, seconds, text)
        bench.show(key.removesuffix("_s") + "_ratio", seconds / cold_s, "times slower than cold_s")


def measure_others(bench):
    """Hosts that ask and sleep as dfu-util and uploaders of PX4 do, against the tool, which shall write all as well."""
    used = random.Random("a used chip").randbytes(CHIP_SIZE)
    program = make_program("dfu", DFU_SIZE)
    file = bench.folder / "program.bin"
    file.write_bytes(program)
    bench.fill_chip(used)
    full_s, _ = bench.flash(file, program, "--full")
    bench.show("dfu_full_s", full_s, "1 MiB over other data, flash --full")
    bench.fill_chip(used)
    seconds, _ = bench.update(lambda port: [sys.executable, DFU_HOST, port, file], program)
    bench.show("dfu_s", seconds, "the same by DFU")
    bench.show("dfu_ratio", seconds / full_s, "")
    for key, option, text in [("px4", [], "the same by PX4's protocol"),
                              ("px4_external", ["--external"], "the same by ArduPilot's external flash commands")]:
        bench.fill_chip(used)
        seconds, _ = bench.update(lambda port: [sys.executable, PX4_HOST, port, file, *option], program)
        bench.show(f"{key}_s", seconds, text)
        bench.show(f"{key}_ratio", seconds / full_s, "")


def flash_together(bench, count, file):
    """Virtual seconds that the slowest of so many boards with used chips needs, flashed by one command."""
    used = random.Random("a used chip").randbytes(PROGRAM_OFFSET + EIGHT_SIZE)
    with contextlib.ExitStack() as stack:
        boards, command = [], [virtual_time.TOOL, "flash", file, "--quiet"]
        for number in range(count):
            chip = bench.folder / f"nor{number}.bin"
            chip.write_bytes(used.ljust(CHIP_SIZE, b"\xff"))
            board = stack.enter_context(virtual_time.Board(chip, "--uid", f"26003B00515541444C41{number:04X}"))
            board.enter_bootloader()
            board.release()
            boards.append((board, board.now_ns))
            command += ["--port", board.port]
        subprocess.run(command, check=True, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=300)
        return max(board.wait_program() - start_ns for board, start_ns in boards) / NS_PER_S


def measure_eight(bench):
    """Eight boards at once, each with its own time, against one alone."""
    file = bench.folder / "program.bin"
    file.write_bytes(make_program("eight", EIGHT_SIZE))
    alone_s = flash_together(bench, 1, file)
    eight_s = flash_together(bench, 8, file)
    bench.show("eight_s", eight_s, "256 KiB over other data, eight boards at once: the slowest")
    bench.show("eight_ratio", eight_s / alone_s, f"to one board alone, {alone_s:.4f} s")


def rebuild_console(folder):
    """The console example after a change of one line in main.c, built by its own Makefile.

    Example and objects are copied; with the paths in the settings as the copy's, only what changed is
    compiled anew.
    """
    example, build = ROOT / "sdk/examples/console", ROOT / "build/sdk/console"
    copies = folder / "example", folder / "console"
    for source, copy in zip((example, build), copies):
        shutil.copytree(source, copy)
    settings = copies[1] / "settings"
    text = settings.read_text().replace(str(build), str(copies[1]))
    settings.write_text(text.replace(f"={example}=.", f"={copies[0]}=."))
    shutil.copystat(build / "settings", settings)
    main_c = copies[0] / "main.c"
    source = main_c.read_text()
    line = "    ql_ticks_start();\n"
    if source.count(line) != 1:
        raise AssertionError(f"console/main.c has no line {line!r} any more")
    main_c.write_text(source.replace(line, line + '    printf("console: one line more\\n");\n'))
    said = subprocess.run(["make", "-C", str(copies[0]), f"QUADLANE={ROOT}", f"BUILD={copies[1]}",
                           f"THIRD_PARTY={ROOT}/build/third_party"],
                          check=True, capture_output=True, text=True).stdout
    compiled = re.findall(r"^  CC  (.*)$", said, re.MULTILINE)
    if compiled != ["main.c"]:
        raise AssertionError(f"more was compiled than main.c: {compiled}")
    return copies[1] / "console.elf"


def image_of(elf, folder):
    binary = folder / "image.bin"
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "--gap-fill", "0xFF", elf, binary],
                   check=True)
    return binary.read_bytes()


def measure_edit(bench):
    """What a developer waits for after a change of one line in a program of more than 1 MiB."""
    edited = rebuild_console(bench.folder)
    before, after = image_of(CONSOLE, bench.folder), image_of(edited, bench.folder)
    bench.fill_chip(None)
    bench.flash(CONSOLE, before)
    held = bench.chip.read_bytes()
    seconds, statistics = bench.flash(edited, after)
    sectors = statistics["nor.sectors_erased"]
    bench.show("edit_s", seconds, f"console, one line changed: {sectors} sectors of "
               f"{len(sectors_of(after))} erased")
    bench.chip.write_bytes(held)
    seconds, _ = bench.flash(edited, after, "--full")
    bench.show("edit_full_s", seconds, "the same with --full")


def measure_speed(bench):
    """How fast the virtual board computes on this machine: the only figures in wall-clock time."""
    bench.fill_chip(None)
    bench.flash(CONSOLE, image_of(CONSOLE, bench.folder))
    with virtual_time.Board(bench.chip) as board:
        board.control("usb unplug")
        begin_s = time.monotonic()
        while "console: all self-tests passed" not in board.uart():
            board.pass_time(20 * NS_PER_MS)
            if board.now_ns > 60 * NS_PER_S:
                raise AssertionError("console did not end its self-tests within 60 s")
        wall_s = time.monotonic() - begin_s
        statistics = board.statistics()
    bench.show("board_mips", statistics["instructions"] / statistics["executing_ns"] * 1000,
               "million instructions per second of wall time (console's self-tests)")
    bench.show("virtual_per_real", statistics["virtual_ns"] / NS_PER_S / wall_s,
               "virtual time / wall time of them")


def main():
    print(f"{'figure':26} {'value':>10}  limit")
    with tempfile.TemporaryDirectory(prefix="quadlane-bench-") as folder:
        bench = Bench(folder)
        measure_updates(bench)
        measure_others(bench)
        measure_eight(bench)
        measure_edit(bench)
        measure_speed(bench)
    OUTPUT.write_text(json.dumps(bench.values, indent=2) + "\n")
    missed = [key for key, limit in AT_MOST.items() if bench.values[key] > limit]
    missed += [key for key, limit in AT_LEAST.items() if bench.values[key] < limit]
    for key in missed:
        print(f"MISSED: {key} is {bench.values[key]:.4f}")
    print(f"bench: {len(AT_MOST) + len(AT_LEAST) - len(missed)} limits kept, {len(missed)} missed; "
          f"all figures: {OUTPUT.relative_to(ROOT)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
