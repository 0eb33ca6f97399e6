"""An external loader in the RAM of a virtual board, called as programs of debug probes do (SPEC.md section 23).

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import struct
import subprocess

from probes import ROOT, ProbedBoard, RemoteProtocol, check, check_equal
from harness import BOARD

FIRMWARE = ROOT / "build/firmware"
BOARDS = sorted(path.stem for path in (ROOT / "firmware/boards").glob("*.c"))
DUAL = "stm32h750b_dk"  # has two chips
WINDOW = 0x90000000
BKPT = bytes.fromhex("00be00be")
FILLING = 0xC5
TOOLS_STACK = 256  # what the stingiest tool gives
CALL_LIMIT_S = 60
R9, SP, LR, PC, XPSR = 9, 13, 14, 15, 16


class Elf:
    """Segments, sections and symbols of an ELF file of 32 bits, by the ELF specification."""

    def __init__(self, path):
        self.data = data = pathlib.Path(path).read_bytes()
        check_equal(data[:7], b"\x7fELF\x01\x01\x01", "an ELF file of 32 bits, little-endian")
        self.type, self.machine, _, self.entry, programs, sections, _, _, program_size, program_count, section_size, \
            section_count, names = struct.unpack_from("<HHIIIIIHHHHHH", data, 16)
        # Type, offset, virtual and physical address, sizes in the file and in memory, flags.
        self.segments = [struct.unpack_from("<7I", data, programs + program_size * i) for i in range(program_count)]
        headers = [struct.unpack_from("<10I", data, sections + section_size * i) for i in range(section_count)]
        text = self.part(headers[names])
        self.sections = {self.name(text, header[0]): header for header in headers}
        strings = self.part(self.sections[".strtab"])
        symbols = struct.iter_unpack("<IIIBBH", self.part(self.sections[".symtab"]))
        self.symbols = {self.name(strings, name): value for name, value, _, info, _, section in symbols
                        if info >> 4 and section}

    @staticmethod
    def name(strings, at):
        return strings[at:strings.index(b"\0", at)].decode()

    def part(self, header):
        return self.data[header[4]:header[4] + header[5]]

    def section(self, name):
        """Its address and bytes."""
        header = self.sections[name]
        return header[3], self.part(header)


class Loader:
    """A loader in RAM: `place` is where the tool has put it, in place of where it was linked for."""

    def __init__(self, remote, path, place=None, end=0x24080000):
        self.remote, self.elf = remote, Elf(path)
        segments = [part for part in self.elf.segments if part[0] == 1]
        self.moved = 0 if place is None else place - segments[0][2]
        if path.suffix == ".FLM":
            segments = segments[:1]  # the other one is for the tool alone
        for _, offset, address, _, size, memory, _ in segments:
            check_equal(size, memory, "nothing that a tool would have to clear")
            self.write(address + self.moved, self.elf.data[offset:offset + size])
        self.after = (segments[-1][2] + segments[-1][5] + self.moved + 63) & ~63
        # Where a tool has its breakpoint and its stack.
        self.stack, self.back = end, end - TOOLS_STACK - 4
        self.write(self.back, BKPT)

    def write(self, address, data):
        for at in range(0, len(data), 1024):
            self.remote.write(address + at, bytes(data[at:at + 1024]))

    def read(self, address, size):
        return b"".join(self.remote.read(address + at, min(1024, size - at)) for at in range(0, size, 1024))

    def call(self, name, *arguments):
        """Runs an entry point to its end; returns r0. What the procedure call standard keeps must be kept."""
        kept = {number: 0x11111111 * number for number in range(4, 12)}
        self.remote.write(self.back + 4, bytes([FILLING]) * TOOLS_STACK)
        for number, value in [*enumerate(arguments), *kept.items(), (SP, self.stack), (LR, self.back | 1),
                              (PC, self.elf.symbols[name] + self.moved & ~1), (XPSR, 1 << 24)]:
            self.remote.register(number, value)
        self.remote.socket.settimeout(CALL_LIMIT_S)
        answer = self.remote.ask("c")
        check(answer.startswith("T05"), f"{name} ended with {answer}")
        check_equal(self.remote.register(PC), self.back, f"pc behind {name}")
        check_equal(self.remote.register(SP), self.stack, f"sp behind {name}")
        for number, value in kept.items():
            check_equal(self.remote.register(number), value, f"r{number} behind {name}")
        return self.remote.register(0)


def chip_sizes():
    """What the virtual boards say of their chips."""
    said = subprocess.run([BOARD, "--list-boards"], capture_output=True, text=True, check=True, timeout=10)
    return {line.split(":")[0]: int(re.search(r"(\d+) MiB", line).group(1)) << 20
            for line in said.stdout.splitlines() if " MiB" in line}


class LoaderBoard(ProbedBoard):
    """A board and its debugger, which halts it when `until` has returned.

    `old` stands at the beginning of the chip, 00 behind it; without it the chip is blank.
    """

    def __init__(self, name, *arguments, old=b"", until=lambda board: None, **settings):
        self.until = until
        super().__init__("--board", name, *arguments,
                         **{"program": None, "bootloader": None, "sealed": False, **settings})
        # Of two chips the first has the bytes at even addresses.
        files = ("nor.bin", "nor.bin.2") if name == DUAL else ("nor.bin",)
        for number, file in enumerate(files if old else ()):
            with open(self.folder / file, "wb") as chip:
                chip.write(old[number::len(files)])
                chip.truncate(chip_sizes()[name] // len(files))

    def __enter__(self):
        super().__enter__()
        self.until(self)
        self.remote = RemoteProtocol(self.ports["gdb"]).__enter__()
        return self

    def __exit__(self, *error):
        self.remote.socket.close()
        super().__exit__(*error)
