#!/usr/bin/env python3
"""Stock GDB on the virtual board: by the built-in server and through OpenOCD's probes. Prints TAP.

SPDX-License-Identifier: MIT
"""
import re

from probes import BOOTLOADER, CONSOLE, ProbedBoard, RemoteProtocol, check, check_equal
from harness import run_tests  # noqa: E402

RAM = 0x24000000
# In the order of what a user does: break in the chip, look around, break in ITCM, watch, change.
SESSION = ["monitor reset halt", "maintenance flush register-cache", "break main", "continue",
           "backtrace", "info locals", "next", "next", "stepi",
           "delete", "break work_in_itcm", "continue", "backtrace",
           "delete", "watch noise", "continue", "delete",
           "finish",
           "print noise", "set var noise = 0x12345678", "print /x noise",
           "info registers pc msp primask d0 fpscr",
           "monitor reset halt", "maintenance flush register-cache", "break main", "continue",
           "info breakpoints"]

# GDB takes its memory map when it connects, so the chip must be known by then.
PROBE_CHIP = "init; reset init; flash probe 1"


def session(board, target, *before, tells_watchpoints=True):
    text = board.gdb(target, *before, *SESSION)

    def expect(*patterns):
        for pattern in patterns:
            check(re.search(pattern, text, re.S), f"{pattern!r} is not in what GDB said:\n{text}")

    expect(r"Breakpoint \d+, main \(\) at .*main\.c", r"#0  main \(\) at", r"count = ",
           r"Breakpoint \d+, work_in_itcm \(\)", r"#0  .*work_in_itcm.*#1 .* in measure",
           r"\$\d = 0x12345678", r"primask +0x0", r"fpscr")
    if tells_watchpoints:
        expect(r"atchpoint \d+: noise", r"Old value = \d+.*New value = \d+", r"Value returned")
    else:
        expect(r"SIGTRAP.*work \(\)")
    check_equal(len(re.findall(r"Breakpoint \d+, main \(\)", text)), 2, "stops at main")
    check("violation" not in board.output(), "the debugger broke rules")


def test_built_in():
    """Built-in server: load, break in the chip and in ITCM, backtrace, step, watch, set, restart"""
    with ProbedBoard() as board:
        session(board, board.gdb_target("built-in"), "load", "compare-sections")


def test_swd():
    """OpenOCD over ST-LINK, SWD: the same, with OpenOCD's own load by stmqspi"""
    with ProbedBoard() as board:
        session(board, board.gdb_target("dapdirect_swd", PROBE_CHIP), "load")


def test_hla():
    """OpenOCD over ST-LINK, high-level adapter: the same"""
    with ProbedBoard() as board:
        # There OpenOCD 0.12 calls every stop a breakpoint: GDB stops, but does not know why.
        session(board, board.gdb_target("hla_swd", PROBE_CHIP), "load", tells_watchpoints=False)


def test_jtag():
    """OpenOCD over JTAG: the same without load"""
    with ProbedBoard() as board:
        session(board, board.gdb_target("jtag"))


def test_large_program():
    """Built-in server: a program of 1.1 MiB, loaded, compared and stopped at main"""
    with ProbedBoard(program=CONSOLE) as board:
        text = board.gdb(board.gdb_target("built-in"), "load", "compare-sections",
                         "monitor reset halt", "maintenance flush register-cache", "break main",
                         "continue", "info symbol $pc", elf=CONSOLE)
        check("MIS-MATCHED" not in text, text)
        check(re.search(r"Breakpoint 1, main \(\)", text), text)


def test_it_blocks():
    """Each instruction of an IT block is a step of its own and can have a breakpoint"""
    with ProbedBoard(program=None) as board, RemoteProtocol(board.ports["gdb"]) as remote:
        # movs r0, #1; cmp r0, #1; ite eq; moveq r1, #2; movne r1, #3; nop; b .
        code = (0x2001, 0x2801, 0xBF0C, 0x2102, 0x2103, 0xBF00, 0xE7FE)
        remote.put_code(RAM, *code)
        for offset in (2, 4, 6, 8, 10, 12, 12):
            check(remote.ask("s").startswith("T05"), "a step ends with SIGTRAP")
            check_equal(remote.register(15), RAM + offset, "pc after a step")
        check_equal(remote.register(1), 2, "r1")
        for offset in (6, 8):  # the second one is skipped by its condition
            remote.put_code(RAM, *code)
            check_equal(remote.ask(f"Z1,{RAM + offset:x},2"), "OK", "Z1")
            check(remote.ask("c").startswith("T05"), "the breakpoint stops")
            check_equal(remote.register(15), RAM + offset, "pc at the breakpoint in the IT block")
            check_equal(remote.ask(f"z1,{RAM + offset:x},2"), "OK", "z1")
            check(remote.ask("s").startswith("T05"), "a step from there")
            check_equal(remote.register(15), RAM + offset + 2, "pc after it")
        check_equal(remote.register(1), 2, "r1 when run from the middle of the block")


def test_watch():
    """A watchpoint stops right behind the access, for reads and writes as asked"""
    with ProbedBoard(program=None) as board, RemoteProtocol(board.ports["gdb"]) as remote:
        # ldr r2, =RAM + 0x1000; nop; str r0, [r2]; nop; ldrb r1, [r2, #3]; nop; b back; literal
        remote.put_code(RAM, 0x4A03, 0xBF00, 0x6010, 0xBF00, 0x78D1, 0xBF00, 0xE7FA, 0xBF00,
                        0x1000, 0x2400)
        for kind, name, offsets in (("2", "watch", (6, 6)), ("3", "rwatch", (10, 10)),
                                    ("4", "awatch", (6, 10))):
            check_equal(remote.ask(f"Z{kind},{RAM + 0x1000:x},4"), "OK", "Z")
            for offset in offsets:
                answer = remote.ask("c")
                check(f"{name}:24001000;" in answer, f"stop reply {answer}")
                check_equal(remote.register(15), RAM + offset, f"pc behind the access ({name})")
            check_equal(remote.ask(f"z{kind},{RAM + 0x1000:x},4"), "OK", "z")
            remote.register(15, RAM)


def test_stops():
    """BKPT halts, Ctrl-C stops, vector catch and faults as asked, bad packets do no harm"""
    with ProbedBoard(program=None) as board, RemoteProtocol(board.ports["gdb"]) as remote:
        remote.put_code(RAM, 0xBF00, 0xBE00, 0xE7FE)
        check(remote.ask("c").startswith("T05"), "BKPT stops")
        check_equal(remote.register(15), RAM + 2, "pc at BKPT")
        remote.register(15, RAM + 4)
        remote.send("c")
        remote.socket.sendall(b"\x03")
        check(remote.receive().startswith("T02"), "Ctrl-C stops")
        check_equal(remote.register(15), RAM + 4, "pc in the loop")
        check_equal(remote.ask("m52001000,4")[:1] != "", True, "a peripheral that is not modelled")
        check_equal(remote.ask("m40004400,4"), "E01", "a peripheral without clock")
        check_equal(remote.ask("m60000000,4"), "E01", "nothing")
        # DEMCR: VC_HARDERR; then an undefined instruction, which ends in HardFault
        remote.write(0xE000EDFC, (1 << 24 | 1 << 10).to_bytes(4, "little"))
        remote.put_code(RAM, 0xDE00)
        check(remote.ask("c").startswith("T05"), "vector catch stops")
        check_equal(remote.register(16) & 0x1FF, 3, "the exception")
        for packet in ("m", "mzz,4", "M20000000,4:00", "Z9,0,2", "Z1,xyz", "P", "pffff", "G", "vCont",
                       "qXfer:features:read:target.xml:9,", "vFlashErase:20000000,100", "x" * 3000):
            remote.ask(packet)
        remote.socket.sendall(b"$m0,4#00$$$")
        check_equal(len(remote.read(0x20000000, 64)), 64, "memory after bad packets")


def test_flash_packets():
    """The flash packets of `load` change internal flash and the chip, and nothing else"""
    written = bytes(range(0x41, 0x7B)) * 7  # no character that is escaped
    with ProbedBoard(program=None) as board, RemoteProtocol(board.ports["gdb"]) as remote:
        for address in (0x0801E000, 0x90F00100):
            block = 0x20000 if address < 0x90000000 else 0x1000
            check_equal(remote.ask(f"vFlashErase:{address & -block:x},{block:x}"), "OK", "erase")
            check_equal(remote.ask(f"vFlashWrite:{address:x}:".encode() + written), "OK",
                        "write")
            check_equal(remote.ask("vFlashDone"), "OK", "done")
        check_equal(remote.ask("vFlashErase:20000000,1000"), "E01", "erase of RAM")
        check(remote.read(0x0801E000, len(written)) == written, "internal flash")
        chip = (board.folder / "nor.bin").read_bytes()
        check(chip[0xF00100:][:len(written)] == written, "the chip")
        check(chip[0xF00000:0xF00100] == b"\xff" * 256, "what is around it")


def test_blank_board():
    """A board with nothing in it waits for the debugger, which loads the bootloader and runs it"""
    with ProbedBoard(program=None, bootloader=None) as board:
        check("nothing to run" in board.output(), "the board says that it is blank")
        text = board.gdb(board.gdb_target("built-in"), "load", "monitor reset halt",
                         "monitor go", "shell sleep 0.3", "monitor halt",
                         "maintenance flush register-cache", "backtrace",
                         elf=BOOTLOADER.with_suffix(".elf"))
        check(re.search(r"#\d+  .*\bmain \(\) at firmware/images/flash/main\.c", text), text)


def test_disconnect():
    """GDB that leaves or dies lets the program go on; the next one gets a clean target"""
    with ProbedBoard(speed="real") as board:
        with RemoteProtocol(board.ports["gdb"]) as remote:
            check_equal(remote.ask("Z1,901004e4,2"), "OK", "Z1")
        board.wait_uart("fast: done")
        with RemoteProtocol(board.ports["gdb"]) as remote:
            check(remote.ask("?").startswith("T05"), "halted for the second one")
            check_equal(remote.ask("D"), "OK", "detach")


if __name__ == "__main__":
    run_tests(globals())
