#!/usr/bin/env python3
"""The external loaders of every board, run on its virtual twin as STM32CubeProgrammer, Keil or J-Link run them. Prints TAP.

What is expected stands in SPEC.md section 23, and there it comes from ST's UM2237 with the headers of its examples and
from the Open-CMSIS-Pack specification. Sizes of chips are those of the twins.

SPDX-License-Identifier: MIT
"""
import random
import struct

from external_loader import (BOARDS, DUAL, FILLING, FIRMWARE, TOOLS_STACK, WINDOW, Elf, Loader, LoaderBoard,
                             ProbedBoard, chip_sizes)
from harness import BLINK, BOOTLOADER, CONSOLE, check, check_equal, json_of, run_tests, wait_for

NAME, STAGED = "h750_w25q128", "sp_racing_h7_extreme"
PROGRAMS = 0x90100000
OLD = random.Random(23).randbytes(PROGRAMS - WINDOW + 0x80000)
ITCM, DTCM, AXI = 0x00000000, 0x20000000, 0x24000000
STACK = 2048


def stldr(name):
    return FIRMWARE / f"{name}.stldr"


def flm(name):
    return FIRMWARE / f"{name}.FLM"


def check_executable(elf, symbols):
    check_equal((elf.type, elf.machine), (2, 40), "an executable for Arm")
    check_equal(elf.entry, elf.symbols["Init"], "the entry")
    for name in symbols:
        check(elf.symbols[name] & 1, f"{name} is no Thumb function")
    loads = [part for part in elf.segments if part[0] == 1]
    check_equal(len(loads), 2, "segments")
    # Each pointer is in the list of what moves with the code, as R_ARM_RELATIVE.
    _, offset, address, *_ = loads[0]
    first, end = (elf.symbols[name] - address + offset for name in ("link_relocations", "link_relocations_end"))
    kinds = {info for _, info in struct.iter_unpack("<II", elf.data[first:end])}
    check_equal(kinds, {23}, "kinds of relocations")
    return loads


def test_stldr_format():
    """.stldr: executable, two segments, StorageInfo of 200 bytes that names file, chip size and sectors"""
    for name, size in chip_sizes().items():
        if name not in BOARDS:
            continue
        elf = Elf(stldr(name))
        code, info = check_executable(elf, ("Init", "Read", "Write", "SectorErase", "MassErase", "Verify", "CheckSum"))
        check_equal(code[2], AXI + 4, "place in RAM")
        check_equal((info[2], info[4], info[5]), (elf.symbols["StorageInfo"], 200, 200), "the segment of StorageInfo")
        title, kind, first, total, page, erased, *sectors = struct.unpack("<100sHxxIIIBxxx20I", elf.section(".Dev_info")[1])
        sector = 8192 if name == DUAL else 4096
        check_equal(title.rstrip(b"\0").decode(), name, "DeviceName")
        check_equal((kind, first, total, page, erased), (3, WINDOW, size, 256, 0xFF), "StorageInfo")
        check_equal(sectors, [size // sector, sector] + 18 * [0], "sectors")


def test_flm_format():
    """.FLM: PrgCode at 0, PrgData behind it, DevDscr with FlashDevice: chip size, pages, sectors"""
    for name, size in chip_sizes().items():
        if name not in BOARDS:
            continue
        elf = Elf(flm(name))
        check_executable(elf, ("Init", "UnInit", "EraseSector", "EraseChip", "ProgramPage", "Verify", "BlankCheck"))
        address, code = elf.section("PrgCode")
        check_equal((address, elf.section("PrgData")[0]), (0, len(code)), "places of PrgCode and PrgData")
        address, device = elf.section("DevDscr")
        check_equal(address, elf.symbols["FlashDevice"], "FlashDevice")
        version, title, kind, first, total, page, zero, erased, page_ms, sector_ms, *sectors = struct.unpack_from("<H128sH4IB3xII4I", device)
        check_equal(title.rstrip(b"\0").decode(), f"{name} quad-SPI flash (quadlane)", "DevName")
        check_equal((version, kind, first, total, page, zero, erased, page_ms, sector_ms),
                    (0x0101, 5, WINDOW, size, 4096, 0, 0xFF, 1000, 10000), "FlashDevice")
        check_equal(sectors, [0x20000 if name == DUAL else 0x10000, 0, 0xFFFFFFFF, 0xFFFFFFFF], "sectors")


def check_around(loader, address, content, span=0x8000):
    """The chip as the debugger reads it, mapped, around what was changed."""
    first = address - span
    expected = bytearray(OLD[first - WINDOW:first - WINDOW + 2 * span])
    expected[span:span + len(content)] = content
    check(loader.read(first, len(expected)) == expected, f"the chip around {address:#x}")


def stldr_works(name):
    sector = 8192 if name == DUAL else 4096
    data = random.Random(name).randbytes(3 * 1024)
    with LoaderBoard(name, old=OLD) as board:
        loader = Loader(board.remote, stldr(name))
        buffer = loader.after
        check_equal(loader.call("Write", PROGRAMS, 4, buffer), 0, "Write before Init")
        check_equal(loader.call("Init"), 1, "Init")
        check_around(loader, PROGRAMS, b"")
        # The end is inclusive; both ends lie somewhere in their sectors.
        at = PROGRAMS + 2 * sector
        check_equal(loader.call("SectorErase", at + 5, at + sector), 1, "SectorErase")
        check_around(loader, at, 2 * sector * b"\xff")
        # From an odd address over the ends of pages.
        loader.write(buffer, data)
        check_equal(loader.call("Write", at + 301, len(data), buffer), 1, "Write")
        expected = bytearray(2 * sector * b"\xff")
        expected[301:301 + len(data)] = data
        check_around(loader, at, expected)
        # What the tool's words hold around the user's bytes counts neither way.
        loader.write(buffer, b"?" + data + b"???")
        outside = 3 << 16 | 1
        words = (len(data) + 4) // 4
        check_equal((loader.call("Verify", at + 300, buffer, words, outside), board.remote.register(1)), (0, sum(data)), "Verify")
        # All 15 bytes that the two fields can name, also where the words have no more than that.
        loader.write(buffer, bytes(15) + data[14:14 + 32] + bytes(15))
        check_equal((loader.call("Verify", at + 300, buffer, 15, 13 << 16 | 15), board.remote.register(1)), (0, sum(data[14:46])),
                    "Verify, many bytes outside")
        for outside in (15 << 16, 15, 7 << 16 | 8):
            check_equal((loader.call("Verify", at + 300, buffer, 2, outside), board.remote.register(1)), (0, 0), "Verify of no byte")
        check_equal(loader.call("CheckSum", at + 301, len(data) + 1, 7), sum(data) + 7, "CheckSum")
        check_equal(loader.call("Read", at + 299, 64, buffer), 1, "Read")
        check_equal(loader.read(buffer, 64), bytes(expected[299:363]), "what Read copied")
        loader.write(buffer, b"?" + data[:1000] + b"!" + data[1001:])
        check_equal(loader.call("Verify", at + 300, buffer, len(data) // 4, 1), at + 301 + 1000, "Verify, one byte wrong")


def flm_works(name, place):
    block = 0x20000 if name == DUAL else 0x10000
    data = random.Random(name).randbytes(4096)
    with LoaderBoard(name, old=OLD) as board:
        loader = Loader(board.remote, flm(name), place)
        buffer = loader.after
        loader.write(buffer, data)
        check_equal(loader.call("Init", WINDOW, 0, 1), 0, "Init for erasing")
        check_equal(loader.call("EraseSector", PROGRAMS + block), 0, "EraseSector")
        check_equal(loader.call("UnInit", 1), 0, "UnInit")
        check_around(loader, PROGRAMS + block, bytes(0x8000 * b"\xff"))
        check_equal(loader.call("Init", WINDOW, 0, 2), 0, "Init for programming")
        at = PROGRAMS + block + 4096
        check_equal(loader.call("ProgramPage", at, 4096, buffer), 0, "ProgramPage")
        check_equal(loader.call("UnInit", 2), 0, "UnInit")
        check_equal(loader.call("Init", WINDOW, 0, 3), 0, "Init for comparing")
        check_equal(loader.call("Verify", at, 4096, buffer), at + 4096, "Verify")
        loader.write(buffer + 9, bytes([data[9] ^ 1]))
        check_equal(loader.call("Verify", at, 4096, buffer), at + 9, "Verify, one byte wrong")
        check_equal(loader.call("BlankCheck", at - 4096, 4096, 0xFF), 0, "BlankCheck")
        check_equal(loader.call("BlankCheck", at - 1, 2, 0xFF), 1, "BlankCheck of written bytes")
        check_equal(loader.read(at - 2, 6), b"\xff\xff" + data[:4], "read through the window")


def test_stldr():
    """.stldr of each board: erase a range, write, verify, read; everything else stays; the chip stays mapped"""
    for name in BOARDS:
        stldr_works(name)


def test_flm():
    """.FLM of each board, put at places of all kinds: erase, program, verify, blank check"""
    for number, name in enumerate(BOARDS):
        flm_works(name, (AXI + 0x220, DTCM + 0x20, ITCM + 0x1234)[number % 3])


def test_moved_stldr():
    """.stldr that the tool has put elsewhere than it was linked for, and loaded again at a third place"""
    with LoaderBoard(NAME, old=OLD) as board:
        for place in (AXI + 0x4004, DTCM + 0x804):
            loader = Loader(board.remote, stldr(NAME), place)
            for _ in range(2):
                check_equal(loader.call("Init"), 1, "Init")
            check_equal(loader.call("SectorErase", PROGRAMS, PROGRAMS), 1, "SectorErase")
            check_around(loader, PROGRAMS, 4096 * b"\xff")


def test_stacks():
    """the tool's stack lends 36 bytes, the loader's own has room left"""
    for name, arguments in ((NAME, (PROGRAMS, PROGRAMS)), (DUAL, (PROGRAMS, PROGRAMS))):
        with LoaderBoard(name, old=OLD) as board:
            loader = Loader(board.remote, stldr(name))
            own = loader.elf.symbols["link_stack_end"] - STACK
            loader.write(own, bytes([FILLING]) * (STACK - 64))
            for entry, values in (("Init", ()), ("SectorErase", arguments), ("Write", (PROGRAMS + 1, 3000, loader.after))):
                check_equal(loader.call(entry, *values), 1, entry)
                check_equal(loader.read(loader.back + 4, TOOLS_STACK - 36), bytes([FILLING]) * (TOOLS_STACK - 36),
                            f"the tool's stack behind {entry}")
            check_equal(loader.read(own, 512), 512 * bytes([FILLING]), "a quarter of the loader's stack")


def works(board, path, place=None):
    """A loader finds the chip and changes it, whatever was before."""
    loader = Loader(board.remote, path, place)
    check_equal(loader.call("Init", WINDOW, 0, 1), 1 if path.suffix == ".stldr" else 0, "Init")
    at = PROGRAMS + 0x40000
    entry, values = ("SectorErase", (at, at + 0xFFFF)) if path.suffix == ".stldr" else ("EraseSector", (at,))
    check_equal(loader.call(entry, *values), 1 if path.suffix == ".stldr" else 0, entry)
    check_equal(loader.read(at - 4, 8), OLD[at - WINDOW - 4:at - WINDOW] + 4 * b"\xff", "the chip")
    check_at_rest(board)
    return loader


def word(board, address):
    return int.from_bytes(board.remote.read(address, 4), "little")


def caches(board):
    return word(board, 0xE000ED14) & 0x30000  # CCR: IC, DC


def system_clock(board):
    return word(board, 0x58024410) >> 3 & 7  # RCC_CFGR.SWS: 0 is HSI, 3 PLL1


def check_at_rest(board):
    """What is left behind interrupts nobody and caches nothing."""
    check_equal(word(board, 0xE000E010) & 7, 0, "SysTick")
    check_equal([word(board, 0xE000E100 + 4 * i) for i in range(5)], 5 * [0], "interrupts enabled")
    check_equal([word(board, 0xE000E200 + 4 * i) for i in range(5)], 5 * [0], "interrupts pending")
    check_equal((caches(board), system_clock(board)), (0, 0), "caches, system clock")


def test_bootloader_ran():
    """behind a bootloader that has been running for a while: PLL, caches, MPU, interrupts, USB"""
    with LoaderBoard(NAME, old=OLD, bootloader=BOOTLOADER, usb=True, until=LoaderBoard.wait_device) as board:
        check_equal((caches(board), system_clock(board)), (0x30000, 3), "caches, system clock of the bootloader")
        works(board, flm(NAME), DTCM + 0x400)
        works(board, stldr(NAME))


def test_program_runs():
    """under a program that executes from the mapped chip, with its clocks and caches"""
    with LoaderBoard(NAME, bootloader=BOOTLOADER, program=CONSOLE, sealed=True,
                     until=lambda board: board.wait_uart("\n")) as board:
        check_equal((board.remote.register(15) >> 28, caches(board), system_clock(board)), (9, 0x30000, 3),
                    "the program: where it runs, its caches, its clock")
        loader = Loader(board.remote, stldr(NAME))
        check_equal(loader.call("Init"), 1, "Init")
        image = CONSOLE.with_suffix(".bin").read_bytes()
        check_equal(loader.read(PROGRAMS, 256), image[:256], "the program in the chip")
        at = PROGRAMS + 0x200000
        loader.write(loader.after, image[:512])
        check_equal(loader.call("Write", at, 512, loader.after), 1, "Write behind it")
        check_equal(loader.read(at, 512), image[:512], "what was written")


def test_continuous_reading():
    """with the chip left in continuous reading by four lanes"""
    with LoaderBoard(NAME, old=OLD) as board:
        works(board, stldr(NAME))
        quadspi = 0x52005000
        # ABORT; mode byte A0; EBh in mapped mode with the instruction sent only once (SIOO).
        for offset, value in ((0x00, 0x01000013), (0x0C, 0x1B), (0x1C, 0xA0), (0x14, 0x1F10ED00 | 0xEB)):
            board.remote.write(quadspi + offset, struct.pack("<I", value))
        check_equal(board.remote.read(PROGRAMS, 4), OLD[PROGRAMS - WINDOW:][:4], "read in that mode")
        works(board, stldr(NAME))


def test_stopped_in_the_middle():
    """a tool that stops an erase half-way and begins anew"""
    with LoaderBoard(NAME, old=OLD) as board:
        loader = works(board, stldr(NAME))
        at = PROGRAMS + 0x50000
        for number, value in ((0, at), (1, at + 0xFFFF), (15, loader.elf.symbols["SectorErase"] & ~1)):
            board.remote.register(number, value)
        erases = board.statistics()["nor.erases"]
        board.remote.send("c")
        wait_for(lambda: board.statistics()["nor.erases"] > erases, 10, "the erase")
        board.remote.socket.sendall(b"\x03")
        check(board.remote.receive().startswith("T"), "it stops")
        works(board, stldr(NAME))


def test_bad_addresses():
    """outside the chip, over its end, backwards, nothing at all: refused, and nothing is changed"""
    with LoaderBoard(NAME) as board:
        loader = Loader(board.remote, stldr(NAME))
        buffer, end = loader.after, WINDOW + (16 << 20)
        for init in (False, True):
            if init:
                check_equal(loader.call("Init"), 1, "Init")
            for first, last in ((WINDOW - 1, WINDOW), (end - 1, end), (end, end), (0, 0xFFFFFFFF), (PROGRAMS + 1, PROGRAMS)):
                check_equal(loader.call("SectorErase", first, last), 0, f"SectorErase {first:#x} {last:#x}")
            for address, size in ((WINDOW - 1, 2), (end - 1, 2), (end, 1), (0, 1), (PROGRAMS, 0), (PROGRAMS, 0xFFFFFFFF)):
                check_equal(loader.call("Write", address, size, buffer), 0, f"Write {address:#x} {size:#x}")
                check_equal(loader.call("Read", address, size, buffer), 0, f"Read {address:#x} {size:#x}")
            loader.write(buffer, 8 * b"\xff")
            for address, words in ((end - 4, 2), (PROGRAMS, 0), (PROGRAMS, 0x40000001)):
                check_equal(loader.call("Verify", address, buffer, words, 0), address, f"Verify {address:#x} {words:#x}")
        check_equal(board.statistics()["nor.erases"], 0, "erases")
        chip = board.chip_bytes(WINDOW, 16 << 20)
        check_equal(chip.count(0xFF), len(chip), "blank bytes")


def test_bad_chips():
    """no chip, one that is too small, worn cells, locked protection, bytes that were not erased: told, no hang"""
    with LoaderBoard(NAME, "--chip", "W25Q64JV-IQ") as board:
        check_equal(Loader(board.remote, stldr(NAME)).call("Init"), 0, "Init with half the chip")
        check_equal(Loader(board.remote, flm(NAME), AXI).call("Init", WINDOW, 0, 1), 1, "Init of the FLM")
    with LoaderBoard("daisy_seed", "--lenient") as board:
        loader = Loader(board.remote, stldr(NAME))
        check_equal(loader.call("Init"), 0, "Init where no chip is on the pins")
        check_equal(loader.call("MassErase"), 0, "MassErase without a chip")
    with LoaderBoard(NAME, old=OLD) as board:
        loader = Loader(board.remote, stldr(NAME))
        check_equal(loader.call("Init"), 1, "Init")
        check_equal(board.control("chip-status 1C 02 60"), "ok\n", "chip-status")
        check_equal(loader.call("SectorErase", PROGRAMS, PROGRAMS), 1, "SectorErase of a protected chip")
        check_equal(board.control("chip-status 1C 03 60"), "ok\n", "chip-status")
        check_equal(loader.call("Init"), 1, "Init")
        check_equal(loader.call("SectorErase", PROGRAMS + 4096, PROGRAMS + 4096), 0, "SectorErase of a locked chip")
        check_equal(loader.call("Write", PROGRAMS, 4, loader.after), 0, "Write into a locked chip")
        check_around(loader, PROGRAMS, 4096 * b"\xff")
        check_equal(board.control("chip-status 1C 02 60"), "ok\n", "chip-status")
        worn = PROGRAMS + 0x2010
        check_equal(board.control(f"wear-out {worn:#x} erase"), "ok\n", "wear-out")
        check_equal(loader.call("Init"), 1, "Init")
        check_equal(loader.call("SectorErase", worn, worn), 0, "SectorErase of a worn sector")
        loader.write(loader.after, bytes(range(16)))
        check_equal(loader.call("Write", PROGRAMS + 0x8000, 16, loader.after), 0, "Write over other data")
        check_around(loader, PROGRAMS + 0x8000, b"", span=64)
        check_equal(loader.call("Write", PROGRAMS, 16, loader.after), 1, "Write into erased bytes")
        check_equal(board.control(f"wear-out {PROGRAMS + 40:#x} program"), "ok\n", "wear-out")
        check_equal(loader.call("Write", PROGRAMS + 32, 16, loader.after), 0, "Write into worn cells")


def test_openocd():
    """stock OpenOCD over the ST-LINK loads the .stldr as the ELF file it is, and calls it"""
    with ProbedBoard(program=None, bootloader=None) as board:
        elf = Elf(stldr(NAME))
        (board.folder / "data.bin").write_bytes(bytes(range(256)))
        buffer, back = 0x24010000, 0x2407FE00

        def call(name, *arguments):
            registers = {**{f"r{number}": value for number, value in enumerate(arguments)}, "sp": back, "lr": back | 1,
                         "pc": elf.symbols[name] & ~1, "xPSR": 1 << 24}
            return [*(f"reg {name} {value:#x}" for name, value in registers.items()), "resume", "wait_halt 10000",
                    "reg r0 force", "reg pc force"]

        said = board.openocd("dapdirect_swd", "halt", f"load_image {stldr(NAME)}", f"load_image {board.folder}/data.bin {buffer:#x}",
                             f"mwh {back:#x} 0xbe00", *call("Init"), *call("SectorErase", PROGRAMS, PROGRAMS),
                             *call("Write", PROGRAMS, 256, buffer), f"verify_image {board.folder}/data.bin {PROGRAMS:#x}")
        ends = [tuple(said[at:at + 2]) for at, line in enumerate(said) if line.startswith("r0") and said[at + 1].startswith("pc")]
        check_equal(ends, 3 * [("r0 (/32): 0x00000001", f"pc (/32): 0x{back:08x}")], "results")
        check("verified 256 bytes" in said[-1], said[-1])


def test_seal():
    """a program that came by a loader over a sealed one does not start; quadlane flash seals it and sends nothing"""
    with LoaderBoard(NAME, bootloader=BOOTLOADER, program=CONSOLE, sealed=True, usb=True) as board:
        loader = Loader(board.remote, stldr(NAME))
        image = BLINK.with_suffix(".bin").read_bytes()
        check_equal(loader.call("Init"), 1, "Init")
        check_equal(loader.call("SectorErase", PROGRAMS, PROGRAMS + len(image) - 1), 1, "SectorErase")
        loader.write(loader.after, image)
        check_equal(loader.call("Write", PROGRAMS, len(image), loader.after), 1, "Write")
        board.remote.ask("D")
        board.control("power-cycle")
        found = json_of(board.tool("info", "--json"))
        check_equal((found["program"]["can_start"], found["stay_reason"]), (False, 8), f"the program: {found['program']}")
        check_equal(board.uart(), "", "what a program said")
        done = json_of(board.tool("flash", "--json", BLINK))
        check_equal((done["sectors_unchanged"], done["bytes_erased"]), (done["sectors"], 0), "what flash changed")
        board.wait_uart("blink: running")


def test_mass_erase():
    """MassErase: what programs may use, and neither the first MiB nor the maker's area at the end"""
    with LoaderBoard(STAGED, old=OLD) as board:
        loader = Loader(board.remote, stldr(STAGED))
        check_equal((loader.call("Init"), loader.call("MassErase")), (1, 1), "Init, MassErase")
        chip = board.chip_bytes(WINDOW, 16 << 20)
        check(chip[:0x100000] == OLD[:0x100000], "the first MiB")
        check_equal(chip[0xF80000:].count(0), 0x80000, "the maker's area")
        check_equal(chip[0x100000:0xF80000].count(0xFF), 0xE80000, "erased bytes of the programs' area")


if __name__ == "__main__":
    run_tests(globals())
