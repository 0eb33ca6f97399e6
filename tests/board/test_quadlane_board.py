#!/usr/bin/env python3
"""quadlane-board's own promises: every option, exit code and control command, and its manners. Prints TAP.

SPDX-License-Identifier: MIT
"""
import contextlib
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time

import seal
from harness import (BLINK, BOARD, BOOTLOADER, GUESTS, PROGRAM_ADDRESS, ROOT, Board, check, check_equal, check_tool,
                     run_tests)

LOAD = ["--load", f"{BOOTLOADER}@0x08000000"]
# A program that is busy, prints and comes to its end; one that echoes; ones that do wrong.
CLOCKS, ECHO = GUESTS / "clocks.elf", GUESTS / "interrupts.elf"
CLOCKS_SAY = "found\nreset\n400 MHz\nslow\n480 MHz\nend\n"
USUAL = ["--usb", "none", "--speed", "max"]


RECORDS = tempfile.TemporaryDirectory(prefix="quadlane-records-")


def command_line(*arguments):
    """The board's command line, with the seals of the programs that it loads into the chip."""
    command = [str(part) for part in [BOARD, *arguments]]
    return command + seal.seal_command(command, pathlib.Path(tempfile.mkdtemp(dir=RECORDS.name)))


def run(*arguments, limit_s=30, environment=None, **options):
    """Runs quadlane-board to its end."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(command_line(*arguments), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=limit_s, cwd=ROOT,
                          env={**os.environ, **(environment or {})}, **options)


def ended(process, code, *says):
    text = process.stdout + process.stderr
    check_equal(process.returncode, code, f"exit code; it said:\n{text}")
    for words in says:
        check(words in text, f"{words!r} is not in:\n{text}")


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        yield pathlib.Path(name)


# --- Command line -------------------------------------------------------------------------------


def test_help():
    """--help names every option and exit code; --version; --list-boards; --list-chips"""
    text = run("--help")
    options = ("board", "list-boards", "chip", "list-chips", "load", "nor", "uid", "usb", "uart", "control", "speed", "until", "timeout",
               "lenient", "trace", "registers", "help", "version")
    ended(text, 0, *(f"--{name}" for name in options), "2 wrong command line", "10 ", "11 ", "12 ", "13 ", "128+N")
    check_equal(text.stderr, "", "stderr")
    ended(run("--version"), 0, "quadlane-board 0.1.0\n")
    lines = run("--list-boards").stdout.splitlines()
    check("h750_w25q128" in [line.split(":")[0] for line in lines], f"boards: {lines}")
    lines = run("--list-chips").stdout.splitlines()
    check("W25Q128JV-IQ: 16 MiB, JEDEC id EF 40 18" in lines, f"chips: {lines}")


def test_wrong_command_lines():
    """a wrong command line: a sentence and exit code 2"""
    for arguments, words in [
            (["--nosuch"], "nosuch"), (["file.bin"], "file.bin"), (["--load"], "load"), (["--speed", "fast"], "real or max"),
            (["--timeout", "0"], "--timeout"), (["--timeout", "-1"], "--timeout"), (["--timeout", "soon"], "--timeout"),
            (["--timeout", "nan"], "--timeout"), (["--uid", "12"], "24 hexadecimal digits"),
            (["--uid", "0" * 23 + "g"], "24 hexadecimal digits"), (["--uid", "0" * 25], "24 hexadecimal digits"),
            (["--uart", "USART1"], "NAME=WHERE"), (["--until", ""], "--until"),
            (["--load", "x@0"] * 17, "too many")]:
        process = run(*arguments)
        ended(process, 2, words)
        check(process.stderr.count("\n") <= 3 and process.stdout == "", f"a sentence, not:\n{process.stderr}")


def test_unusable():
    """what cannot be used: a sentence that names it, and exit code 1"""
    with folder() as place:
        text = place / "text"
        text.write_text("x")
        (place / "truncated.elf").write_bytes(BLINK.read_bytes()[:1000])
        (place / "bad.hex").write_text(":10000000FF\n")
        (place / "other.nor").write_bytes(bytes(1000))
        for arguments, words in [
                (["--board", "nosuch"], "nosuch"), (["--load", place / "none@0x08000000"], "none"),
                (["--load", text], "text"), (["--load", f"{text}@here"], "text"), (["--load", f"{place}@0x08000000"], str(place)),
                (["--load", f"{text}@0x50000000"], "no memory"), (["--load", f"{BLINK.with_suffix('.bin')}@0x0801FFF0"], "no memory"),
                (["--load", f"{text}@0x91000000"], "no memory"), (["--load", place / "truncated.elf"], "truncated.elf"),
                (["--load", place / "bad.hex"], "bad.hex"), (["--nor", place], str(place)),
                (["--nor", place / "other.nor"], "size"), (["--nor", place / "no" / "folder"], "folder"),
                (["--control", "tcp:1"], "unix:PATH"), (["--control", f"unix:{text}"], "text"),
                (["--control", f"unix:{place}/no/folder"], "folder"), (["--usb", "serial"], '"serial"'),
                (["--usb", f"unix:{text}"], "text"), (["--usb", "unix:" + "x" * 200], "characters"),
                (["--uart", "USART9=stdio"], "USART9"), (["--uart", "USART1=nowhere"], "USART1"),
                (["--uart", f"USART1=file:{place}/no/folder"], "folder"), (["--uart", f"USART1=unix:{text}"], "text")]:
            usb = [] if "--usb" in arguments else ["--usb", "none"]
            process = run(*arguments, *usb, "--timeout", "0.01", "--speed", "max")
            ended(process, 1, words)
        check_equal(text.read_text(), "x", "the file in the way")


def test_runtime_folder():
    """without --usb the board listens in the runtime folder, which may not be somebody else's"""
    with folder() as place:
        stranger = place / "file"
        stranger.write_text("")
        ended(run("--timeout", "0.01", "--speed", "max", environment={"QUADLANE_RUNTIME_DIR": str(stranger)}), 1,
              str(stranger))
        process = run(*LOAD, "--timeout", "0.01", "--speed", "max",
                      environment={"QUADLANE_RUNTIME_DIR": "", "XDG_RUNTIME_DIR": str(place)})
        ended(process, 12, f"USB is on {place}/quadlane/h750_w25q128.sock")


# --- Loading ------------------------------------------------------------------------------------


def test_load_kinds():
    """--load takes ELF, HEX and BIN, into internal flash, the chip and RAM"""
    with folder() as place:
        for kind in ("elf", "hex", "bin"):
            boot = ROOT / f"build/firmware/h750_w25q128-flash.{kind}"
            blink = BLINK.with_suffix(f".{kind}")
            at = [f"{boot}@0x08000000", f"{blink}@{PROGRAM_ADDRESS}"] if kind == "bin" else [boot, blink]
            nor = place / f"{kind}.nor"
            code = BLINK.with_suffix(".bin").read_bytes()
            log = place / "log"
            log.write_bytes(seal.make_log([(PROGRAM_ADDRESS, code)]))
            sealed = ["--load", f"{log}@{seal.LOG:#x}"] if kind == "hex" else []  # the others are sealed by `run`
            ended(run("--load", at[0], "--load", at[1], *sealed, *USUAL, "--until", "MHz", "--nor", nor, "--timeout", "5"), 0,
                  "blink: running")
            if kind != "elf":  # its segments have zeros between sections where the others have FF
                check(nor.read_bytes()[0x100000:0x100000 + len(code)] == code, f"the chip, from {kind}")
        ended(run("--load", GUESTS / "crash-ram.elf", *USUAL, "--until", "end\n", "--timeout", "5"), 0, "at the load")


def test_load_same_bytes():
    """the bootloader's .bin, .hex and .elf hold the same bytes: what runs here is what a user installs"""
    image = (ROOT / "build/firmware/h750_w25q128-flash.bin").read_bytes()
    hexadecimal, elf = bytearray(image), bytearray(image)
    covered = base = 0
    for line in (ROOT / "build/firmware/h750_w25q128-flash.hex").read_text().split():
        record = bytes.fromhex(line[1:])
        check(sum(record) & 0xFF == 0, "checksum")
        count, at, kind = record[0], record[1] << 8 | record[2], record[3]
        if kind == 4:
            base = int.from_bytes(record[4:6], "big") << 16
        elif kind == 0:
            at += base - 0x08000000
            hexadecimal[at:at + count] = record[4:4 + count]
            covered += count
    check(bytes(hexadecimal) == image and covered > len(image) - 64, "HEX and BIN differ")
    data = (ROOT / "build/firmware/h750_w25q128-flash.elf").read_bytes()
    offset, = struct.unpack_from("<I", data, 28)
    size, count = struct.unpack_from("<HH", data, 42)
    covered = 0
    for i in range(count):
        kind, start, _, address, length = struct.unpack_from("<5I", data, offset + i * size)
        if kind == 1 and length:
            elf[address - 0x08000000:address - 0x08000000 + length] = data[start:start + length]
            covered += length
    check(bytes(elf) == image and covered > len(image) - 64, "ELF and BIN differ")


def test_internal_flash_too_small():
    """a file that does not fit into the memory at its address is refused whole"""
    with folder() as place:
        big = place / "big"
        big.write_bytes(bytes(128 * 1024 + 1))
        ended(run("--load", f"{big}@0x08000000", *USUAL), 1, "131073")


# --- Ends ---------------------------------------------------------------------------------------


def test_until():
    """--until ends with 0 when a serial port has printed the text, also over two lines"""
    ended(run(*LOAD, "--load", CLOCKS, *USUAL, "--until", "400 MHz\nslow", "--timeout", "5"), 0)
    process = run(*LOAD, "--load", CLOCKS, *USUAL, "--until", "400 MHz", "--timeout", "5")
    check(process.stdout.endswith("400 MHz"), f"it went on: {process.stdout!r}")
    ended(run(*LOAD, "--load", CLOCKS, *USUAL, "--until", "500 MHz", "--timeout", "0.5"), 12)


def test_timeout():
    """--timeout counts virtual seconds and ends with 12"""
    started = time.monotonic()
    ended(run(*LOAD, "--load", GUESTS / "asleep.elf", *USUAL, "--timeout", "3600"), 12, "3600.000 s of virtual time")
    check(time.monotonic() - started < 20, "an hour of sleep took too long")
    started = time.monotonic()
    ended(run(*LOAD, "--load", GUESTS / "asleep.elf", "--usb", "none", "--timeout", "1"), 12)
    check(time.monotonic() - started >= 0.99, "a second in the pace of the wall clock was too short")


def test_exit_codes():
    """violation 10 with the place and the rule, lock-up 11, asleep for ever 13, signals 128 + N"""
    ended(run(*LOAD, "--load", GUESTS / "mistake.elf", *USUAL, "--timeout", "5"), 10, "before", "violation: TIM6",
          "clock is off", "guest_reset", "virtual")
    ended(run(*LOAD, "--load", GUESTS / "lockup.elf", *USUAL, "--timeout", "5"), 11, "lock-up", "hard_fault")
    ended(run(*LOAD, "--load", GUESTS / "asleep.elf", *USUAL), 13, "nothing can wake it")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with Board(usb=False, speed="real") as board:
            board.process.send_signal(number)
            check_equal(board.wait_exit(10), 128 + number, f"exit code of signal {number}")
            check(not board.control_path.exists(), "its control socket is left behind")


def test_lenient():
    """--lenient warns once for each place and goes on"""
    process = run(*LOAD, "--load", GUESTS / "mistake.elf", *USUAL, "--lenient", "--until", "end\n", "--timeout", "5")
    ended(process, 0, "before\nbehind\nend\n", "warning: TIM6")
    check_equal(process.stderr.count("warning"), 1, "warnings")


def test_trace():
    """--trace prints what happens, by topic, with its time"""
    process = run(*LOAD, *USUAL, "--trace", "quadspi,board", "--timeout", "0.01")
    ended(process, 12, "0.000000000 board: reset", "quadspi: window shown")
    check(" nor: " not in process.stderr, "a topic that was not asked for")
    for topic in ("nor", "rcc", "usb", "all"):
        check(run(*LOAD, "--usb", "unix:/dev/null/x", "--trace", topic).returncode == 1, "exit code")
        text = run(*LOAD, *USUAL, "--trace", topic, "--timeout", "0.1").stderr
        check(topic == "usb" or len(text.splitlines()) > 5, f"a trace of {topic}")


def test_registers():
    """--registers prints the table of registers and ends"""
    lines = run("--registers").stdout.splitlines()
    check("QUADSPI CCR 52005014 00000000 FF7FFFFF FF7FFFFF" in lines, "QUADSPI_CCR")
    check(all(len(line.split()) == 6 for line in lines) and len(lines) > 1000, "the lines' form")


# --- The chip and the unique id -----------------------------------------------------------------


def test_nor():
    """--nor keeps the chip, its status registers too; two boards cannot share it; without it nothing is kept"""
    with folder() as place:
        nor = place / "chip"
        operations = []
        for _ in range(2):  # the first start of an -IM chip sets its quad enable bit
            with Board("--board", "h750_w25q128_im", nor=nor) as board:
                check_tool(board.tool("info"), 0, "SR1 00, SR2 02")
                operations.append(board.statistics()["nor.operations"])
                ended(run("--board", "h750_w25q128_im", "--nor", nor, *USUAL), 1, "in use")
        with Board("--board", "h750_w25q128_im", nor=nor) as board:
            check_tool(board.tool("flash", "--no-boot", BLINK))
        check_equal(operations, [1, 0], "operations of the first and the second start")
        code = BLINK.with_suffix(".bin").read_bytes()
        check(nor.read_bytes()[0x100000:][:len(code)] == code, "the chip's file begins with its content")
        ended(run("--nor", nor, *USUAL), 1, "another type of chip")
        image = place / "image"  # a bare image of the chip's size is taken, too
        log = seal.make_log([(PROGRAM_ADDRESS, code)])
        below = b"\xff" * (seal.LOG - seal.CHIP) + log.ljust(seal.LOG_SIZE, b"\xff")
        image.write_bytes((below + code).ljust(16 << 20, b"\xff"))
        ended(run(*LOAD, "--nor", image, *USUAL, "--until", "MHz", "--timeout", "5"), 0, "blink: running")
    with Board() as board:
        at = board.command.index("--nor")
    ended(run(*board.command[1:at], *LOAD, *USUAL, "--timeout", "0.01"), 12)


def test_uid():
    """--uid is the unique id in order of address; it makes the serial number"""
    for digits, serial in [("000102030405060708090a0b", "03020100070605040B0A0908"),
                           ("FFFFFFFFFFFFFFFFFFFFFFFF", "F" * 24)]:
        with Board(uid=digits) as board:
            check_tool(board.tool("info"), 0, serial)


# --- Serial ports -------------------------------------------------------------------------------


def converse(send, receive):
    """Talks to the echoing guest until it ends; returns what it said behind its first answer."""
    said, deadline = "", time.monotonic() + 20
    while "." not in said:
        check(time.monotonic() < deadline, "the program does not answer")
        send("?")
        said += receive(0.2)
    send("serial Q")
    while "end\n" not in said:
        check(time.monotonic() < deadline, f"the program said only {said!r}")
        said += receive(1)
    check_equal(said.lstrip("."), "SERIAL Q\nechoed 00000008\nticked\nend\n", "what it said")


def converse_fd(reader, writer):
    def receive(limit_s):
        ready, _, _ = select.select([reader], [], [], limit_s)
        return os.read(reader, 4096).decode() if ready else ""
    converse(lambda text: os.write(writer, text.encode()), receive)


def test_uart_stdio():
    """--uart NAME=stdio, and the console on stdio without being told"""
    for arguments in (["--uart", "USART1=stdio"], []):
        command = command_line(*LOAD, "--load", ECHO, "--usb", "none", *arguments)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            converse_fd(process.stdout.fileno(), process.stdin.fileno())
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)
        finally:
            process.kill()
            process.communicate()
    process = run(*LOAD, "--load", CLOCKS, *USUAL, "--uart", "UART4=stdio", "--timeout", "0.5")
    check_equal(process.stdout, "", "USART1 on stdio though another port was given")


def test_uart_terminal():
    """stdio of a terminal: each key goes through at once, and the terminal is as before afterwards"""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    command = command_line(*LOAD, "--load", ECHO, "--usb", "none")
    process = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        converse_fd(process.stdout.fileno(), master)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        check_equal(termios.tcgetattr(slave), before, "the terminal's settings")
    finally:
        process.kill()
        process.communicate()
        os.close(master)
        os.close(slave)


def test_uart_unix():
    """--uart NAME=unix:PATH: connections come and go"""
    with folder() as place, Board("--load", ECHO, "--uart", f"UART5=unix:{place}/other", usb=False, speed="real") as board:
        check((place / "other").exists(), "another port's socket")
    with folder() as place:
        board = Board("--load", ECHO, usb=False, speed="real")
        board.command[board.command.index(f"USART1=file:{board.uart_path}")] = f"USART1=unix:{place}/port"
        with board:
            for _ in range(2):
                with socket.socket(socket.AF_UNIX) as line:
                    line.connect(f"{place}/port")
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(f"{place}/port")
                converse_fd(line.fileno(), line.fileno())


def test_uart_file():
    """--uart NAME=file:PATH, the file is there while the board runs"""
    with Board("--load", CLOCKS, usb=False) as board:
        board.wait_uart("end\n")
        check_equal(board.uart(), CLOCKS_SAY, "the file")


def test_uart_pty():
    """--uart NAME=pty"""
    board = Board("--load", ECHO, usb=False, speed="real")
    board.command[board.command.index(f"USART1=file:{board.uart_path}")] = "USART1=pty"
    with board:
        path = re.search(r"USART1 is on (\S+)", board.output())[1]
        line = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            converse_fd(line, line)
        finally:
            os.close(line)


# --- Control ------------------------------------------------------------------------------------


def test_control():
    """control commands: answers, errors in words, several at once, and quit"""
    with Board("--load", CLOCKS) as board:
        board.wait_uart("end\n")
        for line, answer in [("reset", "ok"), ("power-cycle", "ok"), ("power-cut-after 5", "ok"),
                             ("power-cut-after 5 0.5", "ok"), ("usb unplug", "ok"), ("usb plug", "ok"),
                             ("button down", "ok"), ("button up", "ok")]:
            check_equal(board.control(line), answer + "\n", line)
        for line in ("", "nosuch", "reset now", "power-cut-after", "power-cut-after many", "power-cut-after -1",
                     "power-cut-after 1 2", "power-cut-after 1 x", "power-cut-after 1 -0.5", "usb", "usb in", "usb suspend", "usb resume",
                     "button", "button left", "stats all", "RESET", "x" * 1000):
            answer = board.control(line)
            check(answer.startswith("error: ") and answer.count("\n") == 1 and len(answer) > 20, f"{line!r}: {answer!r}")
        names = {line.split()[0] for line in board.control("stats").splitlines()[:-1]}
        for name in ("instructions", "virtual_ns", "wall_ns", "million_instructions_per_second", "cpu_hz", "reset_ns",
                     "program_started_ns", "nor.operations", "nor.bytes_programmed", "usb_enumerations", "power_cycles"):
            check(name in names, f"{name} is not in stats")
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(str(board.control_path))
            line.sendall(b"button down\nbutton up\nnosuch\n")
            said = b""
            while said.count(b"\n") < 3:
                said += line.recv(4096)
            check(said.startswith(b"ok\nok\nerror: "), f"three answers: {said!r}")
        check_equal(board.control("quit"), "ok\n", "quit")
        check_equal(board.wait_exit(10), 0, "exit code of quit")


def test_power_off_after():
    """power-off-after ends the board inside the chip's operation, and the chip's file shows it"""
    with folder() as place:
        with Board(nor=place / "chip") as board:
            check_equal(board.control("power-off-after 3 0.5"), "ok\n", "power-off-after")
            tool = board.start_tool("flash", BLINK)
            check_equal(board.wait_exit(30), 0, "exit code")
            tool.kill()
            tool.communicate()
        code = BLINK.with_suffix(".bin").read_bytes()
        written = (place / "chip").read_bytes()[0x100000:0x100000 + len(code)]
        check(written != code and written.count(b"\xff") < len(code), "three operations are in the chip")


# --- Manners ------------------------------------------------------------------------------------


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_real_time():
    """--speed real: never ahead of the wall clock, nor far behind; a sleeping board needs little of the computer"""
    boards = {"in the bootloader, cable in": Board(speed="real"),
              "in the bootloader, no cable": Board(speed="real", usb=False),
              "blink": Board("--load", BLINK, speed="real", usb=False)}
    with contextlib.ExitStack() as stack:
        for board in boards.values():
            stack.enter_context(board)
        time.sleep(0.5)  # the start is no sleep
        before = {name: (board.statistics()["virtual_ns"], time.monotonic(), cpu_seconds(board.process))
                  for name, board in boards.items()}
        time.sleep(3)
        for name, board in boards.items():
            at, wall, used = before[name]
            virtual_s = (board.statistics()["virtual_ns"] - at) / 1e9
            wall_s, used_s = time.monotonic() - wall, cpu_seconds(board.process) - used
            check(2.5 < virtual_s <= wall_s + 0.2, f"{name}: {virtual_s} s of virtual time in {wall_s} s")
            check(used_s < 0.15 * wall_s, f"{name}: {used_s} s of CPU time in {wall_s} s")
            statistics = board.statistics()
            check(statistics["virtual_ns"] <= statistics["wall_ns"] + 20e6, f"{name}: ahead of the wall clock")


def test_no_terminal():
    """no output is lost when stdout is a pipe that is read late; a closed one does not end the board"""
    process = run(*LOAD, "--load", CLOCKS, *USUAL, "--until", "end\n", "--timeout", "5")
    check_equal(process.stdout, CLOCKS_SAY, "stdout")
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(command_line(*LOAD, "--load", CLOCKS, *USUAL, "--until", "end\n",
                                          "--timeout", "5"),
                             stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, timeout=30)
    os.close(writer)
    check_equal(process.returncode, 0, "exit code with a closed stdout")


def test_same_run_twice():
    """virtual time is exact: two runs of a program without a cable end at the very same nanosecond"""
    lines = [[line for line in run(*LOAD, "--load", CLOCKS, *USUAL, "--trace", "rcc", "--until", "end\n",
                                   "--timeout", "5").stderr.splitlines()] for _ in range(2)]
    check(len(lines[0]) > 10, "a trace")
    check_equal(lines[0], lines[1], "the trace of the second run")


if __name__ == "__main__":
    run_tests(globals())
