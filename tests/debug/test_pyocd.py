#!/usr/bin/python3
"""The flash algorithms in the hands of pyOCD: its ELF reader, its layout in RAM, its way to erase, program and compare. Prints TAP.

Debian's pyOCD (package python3-pyocd) has no reader for .FLM files yet; later ones do what `algorithm` below does with
the same reader for ELF files. Debian's Python runs this, since the package is for it.

SPDX-License-Identifier: MIT
"""
import logging
import random
import struct

from pyocd.core.memory_map import FlashRegion, MemoryMap, RamRegion
from pyocd.core.target import Target
from pyocd.debug.elf.elf import ELFBinaryFile
from pyocd.flash.flash import Flash

from external_loader import BOARDS, DUAL, FIRMWARE, WINDOW, LoaderBoard, chip_sizes
from harness import check, check_equal, run_tests

PROGRAMS = 0x90100000
OLD = random.Random(45).randbytes(PROGRAMS - WINDOW + 0x80000)
RAM = RamRegion(name="axi", start=0x24000000, length=0x80000)
# A breakpoint to return to, and the algorithm begins 32 bytes from there; a stack of 512 bytes lies below.
HEADER = [0xE00ABE00, 0, 0, 0, 0, 0, 0, 0]
STACK = 512
REGISTERS = {**{f"r{number}": number for number in range(13)}, "sp": 13, "lr": 14, "pc": 15}


class Core:
    """What pyOCD's flash code asks of a target, by the virtual board's GDB server."""

    def __init__(self, board, memory_map):
        self.remote, self.memory_map, self.running = board.remote, memory_map, False

    def get_memory_map(self):
        return self.memory_map

    def notify(self, _):
        pass

    def reset_stop_on_reset(self):
        pass  # what pyOCD ends with; here the chip shall stay mapped, to look at it

    def halt(self):
        check(not self.running, "pyOCD halts a running algorithm")

    def set_target_state(self, state):
        check_equal(state, "PROGRAM", "state")

    def write_memory_block8(self, address, data):
        for at in range(0, len(data), 1024):
            self.remote.write(address + at, bytes(data[at:at + 1024]))

    def write_memory_block32(self, address, words):
        self.write_memory_block8(address, struct.pack(f"<{len(words)}I", *words))

    def read_memory_block8(self, address, size):
        return [byte for at in range(0, size, 1024) for byte in self.remote.read(address + at, min(1024, size - at))]

    def write_core_registers_raw(self, names, values):
        for name, value in zip(names, values):
            self.remote.register(REGISTERS[name], value & ~1 if name == "pc" else value)

    def read_core_register(self, name):
        return self.remote.register(16) & 0x1FF if name == "ipsr" else self.remote.register(REGISTERS[name])

    def read_core_registers_raw(self, names):
        return [self.remote.register(name) for name in names if name < 17]

    def get_vector_catch(self):
        return 0

    def set_vector_catch(self, _):
        pass

    def resume(self):
        self.remote.register(16, 1 << 24)
        self.remote.send("c")
        self.running = True

    def get_state(self):
        if self.running:
            self.remote.socket.settimeout(60)
            check(self.remote.receive().startswith("T05"), "the algorithm ends at the breakpoint")
            self.running = False
        return Target.TARGET_HALTED


def algorithm(path, buffer_size):
    """pyOCD's description of a flash algorithm: stack, header, code and data, two buffers."""
    elf = ELFBinaryFile(str(path), MemoryMap(RAM))
    parts = {section.name: section for section in elf.sections}
    code, data = parts["PrgCode"], parts["PrgData"]
    check_equal((code.start, data.start), (0, code.length), "pyOCD wants PrgData right behind PrgCode at 0")
    symbols = {name: elf.symbol_decoder.get_symbol_for_name(name).address
               for name in ("Init", "UnInit", "EraseSector", "EraseChip", "ProgramPage", "FlashDevice")}
    check_equal(symbols["FlashDevice"], parts["DevDscr"].start, "FlashDevice")
    image = bytes(code.data) + bytes(data.data)
    load = RAM.start + STACK
    start = load + 4 * len(HEADER)
    buffers = [start + len(image) + number * buffer_size for number in range(2)]
    return {
        "load_address": load,
        "instructions": HEADER + [word for word, in struct.iter_unpack("<I", image)],
        "pc_init": start + symbols["Init"],
        "pc_unInit": start + symbols["UnInit"],
        "pc_eraseAll": start + symbols["EraseChip"],
        "pc_erase_sector": start + symbols["EraseSector"],
        "pc_program_page": start + symbols["ProgramPage"],
        "page_buffers": buffers,
        "begin_data": buffers[0],
        "begin_stack": load,
        "static_base": start + data.start,
        "analyzer_supported": False,
    }, bytes(parts["DevDscr"].data)


class Complaints(logging.Handler):
    """pyOCD writes what fails to the log and goes on."""

    def emit(self, record):
        check(record.levelno < logging.WARNING, record.getMessage())


def flashes(name):
    path = FIRMWARE / f"{name}.FLM"
    block = 0x20000 if name == DUAL else 0x10000
    described, device = algorithm(path, block)
    # Version, name, type; then address, size and page; empty value; times; sectors.
    _, title, _, start, size, page, _, empty, _, _ = struct.unpack_from("<H128sHLLLLBxxxLL", device)
    check_equal((title.split(b" ")[0].decode(), start, size, empty), (name, WINDOW, chip_sizes()[name], 0xFF), "FlashDevice")
    check_equal(struct.unpack_from("<LL", device, 160), (block, 0), "sectors")
    check(page <= block, "pages")
    with LoaderBoard(name, old=OLD) as board:
        region = FlashRegion(name="chip", start=start, length=size, blocksize=block)
        target = Core(board, MemoryMap(RAM, region))
        flash = Flash(target, described)
        flash.set_flash_algo_debug(True)  # pyOCD looks whether r9, sp, pc and IPSR are as they should be
        # A block and a bit, so that pyOCD has the rest of the last block to care for.
        content = random.Random(name).randbytes(block + 5000)
        flash.flash_block(PROGRAMS, list(content), smart_flash=True, chip_erase=False)
        held = bytes(target.read_memory_block8(PROGRAMS, len(content)))
        check(held == content, "what the chip holds")
        check_equal(bytes(target.read_memory_block8(PROGRAMS - 64, 64)), OLD[PROGRAMS - WINDOW - 64:PROGRAMS - WINDOW], "before it")
        behind = PROGRAMS + 2 * block
        check_equal(bytes(target.read_memory_block8(behind, 64)), OLD[behind - WINDOW:behind - WINDOW + 64], "behind its blocks")
        erases = board.statistics()["nor.erases"]
        flash.flash_block(PROGRAMS, list(content), smart_flash=True, chip_erase=False)
        check_equal(board.statistics()["nor.erases"], erases, "erases when nothing has changed")


def test_each_board():
    """pyOCD loads each board's .FLM, erases, programs in its two buffers, and finds its data through the mapped chip"""
    logging.getLogger().addHandler(Complaints())
    for name in BOARDS:
        flashes(name)


if __name__ == "__main__":
    run_tests(globals())
