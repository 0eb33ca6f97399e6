#!/usr/bin/env python3
"""quadlane gdb-server on the virtual board: stock GDB in front, stock OpenOCD or the built-in server
behind. Prints TAP.

SPDX-License-Identifier: MIT
"""
from gdb_server import GdbServer, blank_board, expect
from probes import FAST, RemoteProtocol, check, check_equal, wait_for
import test_handover  # in tests/board, which probes.py makes known
from harness import GUESTS, run_tests

# What a user does, nothing of it with a button; the chip is blank at first.
SESSION = ["monitor reset halt", "load", "info registers pc", "tbreak main", "continue", "backtrace",
           "break work_in_itcm", "continue", "backtrace", "delete", "watch noise", "continue", "delete",
           "set var noise = 0x12345678", "print /x noise",
           "monitor reset halt", "maintenance flush register-cache", "info symbol $pc",
           "load", "tbreak main", "continue", "info registers msp primask"]


def session(transport):
    with blank_board() as board, GdbServer(board, transport) as server:
        text = server.gdb(*SESSION, elf=FAST)
        # GDB's own words first, then what came for its console.
        expect(text, "Start address", r"pc +0x\w+ +0x\w+ <Reset_Handler>", r"main \(\) at", "#0  main",
               r"#0  .*work_in_itcm.*#1 .* in measure", r"atchpoint \d+: noise.*Old value = ", "= 0x12345678",
               "Reset_Handler in section", "Start address", r"main \(\) at", r"primask +0x0",
               "only FF", "halted at the bootloader's first instruction", "sectors changed; written",
               "halted at the program's first instruction", "the chip holds these")
        check("violation" not in board.output(), "rules of the hardware were broken")
        check_equal(server.stop(), 130, "exit code after SIGTERM")


def test_built_in():
    """The board's own GDB server behind it: load into a blank chip, main, ITCM, watch, restart, load again"""
    session("built-in")


def test_swd():
    """OpenOCD over ST-LINK, SWD: the same"""
    session("dapdirect_swd")


def test_hla():
    """OpenOCD over ST-LINK, high-level adapter: the same"""
    # There OpenOCD 0.12 calls every stop a breakpoint; gdb-server looks what it was.
    session("hla_swd")


def test_jtag():
    """OpenOCD over JTAG: the same"""
    session("jtag")


# A probe's own: it keeps clocks of the debug units running, and marks why the core halted.
PROBE_OWN = ("DBGMCU.", "SCB.DFSR", "DCB.", "FPB.", "DWT.", "CoreDebug.")


def world(transport, *commands):
    """What the program finds when a debugger has led to it, against SPEC.md section 8 and a reset."""
    board = blank_board()
    board.command += ["--load", test_handover.write_list(board)]
    with board, GdbServer(board, transport) as server:
        text = server.gdb("load", *commands, "continue&", elf=GUESTS / "state.elf")
        expect(text, "Start address 0x9010")
        board.wait_uart("end\n", 60)
        values, regions = test_handover.parse(board.uart())
        reset = test_handover.reset_values()
        for name in reset:
            if name.startswith(PROBE_OWN):
                values[name] = reset[name]
        test_handover.check_state((values, regions), reset)


def test_world_after_load():
    """After `load`, every register is as after a start without a debugger"""
    world("built-in")


def test_world_after_restart():
    """After a restart, too, over SWD and when something ran before"""
    world("dapdirect_swd", "stepi 20", "monitor reset halt", "maintenance flush register-cache")


def test_breakpoints_left():
    """After `load` and restarts all eight hardware breakpoints are free, and those that GDB has set stay"""
    program = FAST.with_suffix(".bin").read_bytes()
    escaped = b"".join(b"}" + bytes([byte ^ 0x20]) if byte in b"#$}*" else bytes([byte]) for byte in program)
    with blank_board() as board, GdbServer(board, "dapdirect_swd") as server:
        wait_for(lambda: "for gdb connections" in server.output(), 10, "OpenOCD")
        with RemoteProtocol(server.port) as remote:
            for number in range(8):  # all there are: the way to the entry needs one of them
                check_equal(remote.ask(f"Z1,{0x90100600 + 16 * number:x},2"), "OK", "Z1")
            check_equal(remote.ask(f"vFlashErase:90100000,{-(-len(program) // 4096) * 4096:x}"), "OK", "erase")
            check_equal(remote.ask(b"vFlashWrite:90100000:" + escaped), "OK", "write")
            check_equal(remote.ask("vFlashDone"), "OK", "done")
            check_equal(remote.register(15), int.from_bytes(program[4:8], "little") & ~1, "pc")
            check_equal(remote.register(13), int.from_bytes(program[:4], "little"), "sp")
            answer = remote.ask("s")
            while answer.startswith("O"):  # OpenOCD's words
                answer = remote.receive()
            check(answer.startswith("T05"), f"a step: {answer}")
            remote.send("qRcmd," + b"reset halt".hex())
            while remote.receive() != "OK":
                pass
            check_equal(remote.register(15), int.from_bytes(program[4:8], "little") & ~1, "pc after the restart")
            check(remote.ask("Z1,90100f00,2").startswith("E"), "a ninth breakpoint was taken: one had got lost")
            for number in range(8):
                check_equal(remote.ask(f"z1,{0x90100600 + 16 * number:x},2"), "OK", "z1")
            for number in range(8):
                check_equal(remote.ask(f"Z1,{0x90100700 + 16 * number:x},2"), "OK", f"breakpoint {number + 1}")


def test_watch_names():
    """A watchpoint's stop says which one it was and of which kind, over the high-level adapter, too"""
    for transport in ("hla_swd", "dapdirect_swd"):
        with blank_board() as board, GdbServer(board, transport) as server:
            wait_for(lambda: "for gdb connections" in server.output(), 10, "OpenOCD")
            with RemoteProtocol(server.port) as remote:
                # ldr r2, =RAM + 0x1000; str r0, [r2]; nop; ldrb r1, [r2, #3]; nop; b .; literal
                remote.put_code(0x24000000, 0x4A02, 0x6010, 0xBF00, 0x78D1, 0xBF00, 0xE7FE, 0x1000, 0x2400)
                for kind, name in (("2", "watch"), ("3", "rwatch")):
                    check_equal(remote.ask(f"Z{kind},24001000,4"), "OK", "Z")
                    remote.send("c")
                    answer = remote.receive()
                    while answer.startswith("O"):
                        answer = remote.receive()
                    check(f"{name}:24001000;" in answer and answer.startswith("T05"), f"stop reply {answer}")
                    check("a" + name not in answer and "r" + name not in answer, f"stop reply {answer}")
                    check_equal(remote.ask(f"z{kind},24001000,4"), "OK", "z")


def test_reading():
    """Memory read in sequence is what is there: after writes in between, at a region's end, in any order"""
    data = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(0x8000))
    for transport in ("built-in", "dapdirect_swd"):
        with blank_board() as board, GdbServer(board, transport) as server:
            if transport != "built-in":
                wait_for(lambda: "for gdb connections" in server.output(), 10, "OpenOCD")
            with RemoteProtocol(server.port) as remote:
                check("memory-map:read+" in remote.ask("qSupported:hwbreak+"), "qSupported")  # as GDB begins
                base = 0x24080000 - len(data)
                for at in range(0, len(data), 0x400):
                    remote.write(base + at, data[at:at + 0x400])
                found = b"".join(remote.read(base + at, 0x1000) for at in range(0, len(data), 0x1000))
                check(found == data, "memory read in sequence differs from what was written")
                for at in (0, 0x800, 0x1000):
                    check_equal(remote.read(base + at, 0x800), data[at:at + 0x800], "a block")
                remote.write(base + 0x1800, b"new!")
                check_equal(remote.read(base + 0x1800, 0x800), b"new!" + data[0x1804:0x2000], "a block written meanwhile")
                for at in (0x3000, 0x3800, 0x4000, 0x5000, 0x4800, 0x4800):
                    check_equal(remote.read(base + at, 0x800), data[at:at + 0x800], "a block out of sequence")
                check(remote.ask("?")[:1] in "ST", "another packet in between")
                check_equal(remote.read(base + 0x5000, 4), data[0x5000:0x5004], "a word after it")


def without_cable(transport):
    with blank_board() as board, GdbServer(board, transport, "--wait", "1") as server:
        board.control("usb unplug")
        text = server.gdb("monitor reset halt", "load", "info symbol $pc", "tbreak main", "continue",
                          "monitor reset halt", "maintenance flush register-cache", "info symbol $pc",
                          "break work_in_itcm", "continue", "backtrace", elf=FAST)
        expect(text, "Start address", "Reset_Handler in section", r"main \(\) at",
               "Reset_Handler in section", "#0 .*work_in_itcm", "came up on USB", "stmqspi",
               "not sealed")
        program = FAST.with_suffix(".bin").read_bytes()
        chip = (board.folder / "nor.bin").read_bytes()
        check(chip[0x100000:][:len(program)] == program, "the chip's file differs from the program")
        text = server.gdb("load", "info symbol $pc", "monitor quadlane status", elf=FAST)
        expect(text, "Reset_Handler in section", "already", "not sealed")
        # The bootloader does not start it; the same program over USB seals it.
        board.control("usb plug")
        text = server.gdb("load", "info symbol $pc", "monitor quadlane status", elf=FAST)
        expect(text, "Reset_Handler in section", "the chip holds these")
        check("violation" not in board.output(), "rules of the hardware were broken")


def test_without_cable_swd():
    """No USB cable, ST-LINK: OpenOCD's stmqspi writes the chip, debugging works, the cable seals it later"""
    without_cable("dapdirect_swd")


def test_without_cable_hla():
    """No USB cable, high-level adapter: the same"""
    without_cable("hla_swd")


if __name__ == "__main__":
    run_tests(globals())
