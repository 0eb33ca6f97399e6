#!/usr/bin/env python3
"""quadlane monitor: what a program prints, through resets and lost cables; keys, logs, lines of fault dumps. Prints TAP.

Lines of the source are held against binutils' addr2line.

SPDX-License-Identifier: MIT
"""
import contextlib
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import tty

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "sdk")]

from harness import (BLINK, FAST, ROOT, TOOL, Board, check, check_equal, check_tool, json_of, run_tests,  # noqa: E402
                     run_tool, start_tool, wait_for)
from programs import Program  # noqa: E402

CDC_PROGRAM = ROOT / "build/firmware/tests/board/cdc_program.elf"

# Crashes on a key, each time two calls below main.
CRASH = r"""
#include <stdio.h>
#include "quadlane/bootloader.h"
#include "quadlane/uart.h"
typedef void (*action)(void);
static volatile int sink;
static char task_stack[1024] __attribute__((aligned(8)));
#define APART __attribute__((noinline)) static void
APART calls_null(void) { ((action)sink)(); sink++; }
APART reads_nowhere(void) { sink = *(volatile int *)0x40100000; sink++; }
APART undefined(void) { __asm volatile("udf #7"); sink++; }
APART loses_stack(void) { __asm volatile("ldr r0, =0x1FFF0000\n\tmov sp, r0\n\tpush {r1}"); sink++; }
APART breaks(void) { __asm volatile("bkpt #0"); sink++; }
APART task(void)
{
    __asm volatile("msr psp, %0\n\tmov r0, #2\n\tmsr control, r0\n\tisb" ::"r"(task_stack + sizeof task_stack) : "r0");
    undefined();
    sink++;
}
#define WORD(address) (*(volatile unsigned *)(address))
APART takes_register(void) // RTC_BKP20R; RCC_APB4ENR.RTCAPBEN, PWR_CR1.DBP
{
    WORD(0x580244F4) |= 1u << 16;
    WORD(0x58024800) |= 1u << 8;
    WORD(0x580040A0) ^= 0x100;
}
APART resets(void) { ql_uart_flush(); ql_reset(); }
APART deeper(action what) { what(); sink++; }
int main(void)
{
    static const struct { char key; action what; } all[] = {
        {'n', calls_null}, {'r', reads_nowhere}, {'u', undefined}, {'s', loses_stack},
        {'b', breaks}, {'t', task}, {'x', resets}, {'y', takes_register}};
    printf("ready\n");
    for (;;) {
        const int key = ql_uart_read_wait();
        for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
            if (all[i].key == key)
                deeper(all[i].what);
        printf("key %02x\n", key);
    }
}
"""


def addr2line(elf, address):
    """[(function, file:line)], the innermost first."""
    text = subprocess.run(["arm-none-eabi-addr2line", "-fie", elf, f"{address:#x}"], check=True, text=True,
                          capture_output=True).stdout.splitlines()
    return [(function, f"{os.path.normpath(place.split(' ')[0].rsplit(':', 1)[0])}:{place.split(' ')[0].rsplit(':', 1)[1]}")
            for function, place in zip(text[::2], text[1::2])]


def told(text):
    """{address: [(function, file:line)]} of the lines that the monitor adds."""
    found, address = {}, None
    for line in text.splitlines():
        first = re.fullmatch(r"    0x([0-9A-F]{8}) (\S+) at (.*):(\d+)", line)
        more = re.fullmatch(r" +\(inlined by\) (\S+) at (.*):(\d+)", line)
        if first:
            address = int(first[1], 16)
            found[address] = [(first[2], f"{os.path.normpath(first[3])}:{first[4]}")]
        elif more:
            found[address].append((more[1], f"{os.path.normpath(more[2])}:{more[3]}"))
    return found


@contextlib.contextmanager
def terminal_pair():
    """A pseudo terminal in raw mode, as another program's end and a name."""
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


@contextlib.contextmanager
def uart_board(*arguments, **options):
    """A board whose UART is a socket; yields it and the port."""
    board = Board(*arguments, **options)
    port = f"unix:{board.folder}/uart.socket"
    board.command[board.command.index("--uart") + 1] = f"USART1={port}"
    with board:
        yield board, port


@contextlib.contextmanager
def crash_program():
    with Program({"main.c": CRASH}, APP_NAME="crasher", APP_VERSION="1.5") as program:
        program.build()
        yield program.file("elf")


class Monitor:
    """A running monitor without a terminal: `output` is what it prints so far, `says` what it says itself."""

    def __init__(self, *arguments, environment=None):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-monitor-"))
        self.files = [open(self.place / name, "w") for name in ("output", "says")]
        self.process = subprocess.Popen([str(part) for part in [TOOL, "monitor", *arguments]], cwd=ROOT,
                                        stdin=subprocess.PIPE, stdout=self.files[0], stderr=self.files[1],
                                        env={**os.environ, **(environment or {})})

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            print("# the monitor printed:", *self.output().splitlines(), "and said:", *self.says().splitlines(), sep="\n#   ")
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        for file in self.files:
            file.close()
        shutil.rmtree(self.place)

    def output(self):
        return (self.place / "output").read_text(errors="replace")

    def says(self):
        return (self.place / "says").read_text(errors="replace")

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, where, text, count=1, limit_s=20):
        wait_for(lambda: where().count(text) >= count or self.process.poll() is not None, limit_s, f"{text!r} x {count}")
        check(where().count(text) >= count, f"{text!r} x {count} is not in {where()!r}")

    def end(self, number=signal.SIGTERM, code=0):
        self.process.send_signal(number)
        check_equal(self.process.wait(10), code, f"exit code; it said {self.says()!r}")


def test_addresses():
    """function, file and line of addresses all over a program are those of addr2line, inlined ones too"""
    listing = subprocess.run(["arm-none-eabi-nm", "-S", FAST], check=True, text=True, capture_output=True).stdout
    functions = [(int(row[0], 16), int(row[1], 16)) for row in (line.split() for line in listing.splitlines())
                 if len(row) == 4 and row[2] in "tT"]
    draw = random.Random(8)
    addresses = sorted({start + 2 * draw.randrange(size // 2) for start, size in functions for _ in range(2) if size > 1})
    check(len(addresses) > 100, f"{len(addresses)} addresses")
    with terminal_pair() as (master, port), Monitor(port, "--elf", FAST) as monitor:
        monitor.wait(monitor.says, port)
        for address in addresses:
            os.write(master, f"at 0x{address:08x}, not {address:08x}\r\n".encode())
        os.write(master, b"end\n")
        monitor.wait(monitor.output, "end\n")
        found = told(monitor.output())
        monitor.end()
    known = {address: place for address, place in ((address, addr2line(FAST, address)) for address in addresses)
             if not place[0][1].startswith("??") and not place[-1][1].endswith(":?") and not place[0][1].endswith(":0")}
    check(len(known) > 100, f"addr2line knows {len(known)}")
    check(any(len(places) > 1 for places in known.values()), "nothing is inlined")
    wrong = {f"{address:#x}": (found.get(address), places) for address, places in known.items()
             if found.get(address) != places}
    check(not wrong, f"{len(wrong)} of {len(known)} differ (monitor, addr2line): {list(wrong.items())[:5]}")



def test_new_build():
    """a file that was built anew while the monitor runs counts from the next dump on"""
    with terminal_pair() as (master, port), tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        elf = pathlib.Path(name) / "program.elf"
        shutil.copy(FAST, elf)
        address = next(at for at in range(0x90100400, 0x90101000, 2)
                       if all(addr2line(one, at)[0][1].split(":")[1].isdigit() for one in (FAST, BLINK))
                       and addr2line(FAST, at) != addr2line(BLINK, at))
        with Monitor(port, "--elf", elf) as monitor:
            monitor.wait(monitor.says, port)
            for count, build in ((1, FAST), (2, BLINK)):
                if count > 1:
                    shutil.copy(build, elf)
                os.write(master, f"fault: one\n  pc {address:08x}\nfault: end\nend {count}\n".encode())
                monitor.wait(monitor.output, f"end {count}\n")
                check_equal(told(monitor.output())[address], addr2line(build, address), f"dump {count}")
            monitor.end()


# key: the exception, why, the function that did it (None: the frame is lost), what is known of it
CRASHES = {
    "n": ("MemManage", ["code where none may be executed"], None, ["lr", "calls_null", "deeper", "main"]),
    "r": ("BusFault", ["bus error at a data access"], "reads_nowhere", ["lr", "deeper", "main"]),
    "u": ("UsageFault", ["undefined instruction"], "undefined", ["lr", "deeper", "main"]),
    "b": ("HardFault", ["breakpoint without a debugger"], "breaks", ["lr", "deeper", "main"]),
    "t": ("UsageFault", ["undefined instruction"], "undefined", ["lr", "task"]),
    "s": ("HardFault", ["bus error at a data access", "bus error while saving registers on the stack"], None,
          ["no stack to read the registers from", "main"]),
}


def check_dump(text, elf, key):
    """The dump on the console, with the lines that the monitor adds."""
    exception, why, culprit, words = CRASHES[key]
    dump = text[text.index("fault: "):text.index("fault: end")]
    check(dump.startswith(f"fault: {exception}"), dump)
    check(f"  why: {', '.join(why)}" in dump, dump)
    check("  program 90100000  crasher 1.5" in dump, dump)
    for word in words:
        check(word in dump, f"{word!r} is not in {dump}")
    registers = dict(re.findall(r" (pc|lr ) +([0-9a-f]{8})", dump.split("\n", 1)[1]))
    found = told(dump)
    if culprit:
        pc = int(registers["pc"], 16)
        check_equal(found[pc], addr2line(elf, pc), f"{key}: the place of pc")
        check_equal(found[pc][0][0], culprit, f"{key}: who did it")
    if "lr " in registers:
        lr = int(registers["lr "], 16)
        check_equal(found[lr], addr2line(elf, (lr & ~1) - 2), f"{key}: the place of lr")
    calls = re.search(r"  calls ([0-9a-f ]+)", dump)
    for value in [int(value, 16) for value in calls[1].split()] if calls else []:
        place = addr2line(elf, (value & ~1) - 2)
        if not place[0][1].startswith("??") and not place[-1][1].endswith(":?"):
            check_equal(found[value], place, f"{key}: the call that returns to {value:#x}")


def test_crashes():
    """crashes of many kinds: the dump in words, with function, file and line; after a reset the bootloader tells the same"""
    with crash_program() as elf, uart_board(speed="real") as (board, port):
        check_tool(board.tool("flash", elf))
        for key, (exception, why, culprit, words) in CRASHES.items():
            with Monitor(port, "--elf", elf, "--until", "fault: end", "--seconds", 20) as monitor:
                monitor.wait(monitor.says, "---")
                monitor.type(key)
                check_equal(monitor.process.wait(25), 0, f"{key}: exit code; it printed {monitor.output()!r}")
                check_dump(monitor.output(), elf, key)
            board.control("button down")
            board.control("reset")
            found = json_of(board.tool("info", "--json", "--elf", elf))
            check_equal(found["elf_matches"], True, "the file is the program's")
            fault = found["last_fault"]
            check_equal((fault["exception"], fault["why"], fault["program"]), (exception, why, 0x90100000), key)
            told_places = " ".join(place for address in fault["addresses"] for place in address["places"])
            for word in [culprit or "", *words]:
                check(word in told_places or word == "lr" or " stack" in word, f"{word} is not in {told_places}")
            board.control("button up")
            check_tool(board.tool("boot"), 0)


def test_record():
    """the dump outlives resets of all kinds, the next one takes its place, --forget-fault and a loss of power end it"""
    with crash_program() as elf, uart_board("--load", elf, speed="real") as (board, port):
        def last():
            fault = json_of(board.tool("info", "--json")).get("last_fault")
            return fault and fault["exception"]

        def crash(key, until="fault: end"):
            check_tool(board.tool("boot"), 0)
            check_tool(subprocess.run([TOOL, "monitor", port, "--until", until, "--seconds", "20"], input=key,
                                      capture_output=True, text=True, timeout=30), 0, until)
            board.control("reset")

        board.control("button down")
        board.control("reset")
        check_equal(last(), None, "before there was one")
        crash("u")
        check_equal(last(), "UsageFault", "after a crash")
        board.control("reset")
        check_tool(board.tool("reset", "--bootloader"), 0)
        check_equal(last(), "UsageFault", "two resets later")
        check_tool(board.tool("info", "--elf", FAST), 0, f"{FAST} is not the program that is at 0x90100000 now")
        check_tool(board.tool("info"), 0, "last fault        UsageFault of the program at 0x90100000: undefined instruction")
        crash("r")
        check_equal(last(), "BusFault", "after another crash")
        check_tool(board.tool("reset", "--bootloader", "--forget-fault"), 0)
        check_equal(last(), None, "forgotten")
        check_tool(board.tool("reset", "--bootloader", "--forget-fault"), 0)
        crash("u")
        check_equal(last(), "UsageFault", "after a third one")
        crash("y", "key 79")
        check_equal(last(), None, "a register of it was used for something else")
        crash("u")
        check_equal(last(), "UsageFault", "after a fourth one")
        board.control("power-cycle")
        check_equal(last(), None, "after a loss of power")


def test_resets():
    """a UART is listened to through resets of every kind, and what is typed behind them arrives"""
    with crash_program() as elf, uart_board("--load", elf, speed="real") as (board, port), Monitor(port) as monitor:
        monitor.wait(monitor.output, "ready")
        monitor.type("a")
        monitor.wait(monitor.output, "key 61")
        board.control("reset")
        monitor.wait(monitor.output, "ready", 2)
        monitor.type("x")
        monitor.wait(monitor.output, "ready", 3)
        board.control("power-cycle")
        monitor.wait(monitor.output, "ready", 4)
        monitor.type("b" * 3)
        monitor.wait(monitor.output, "fault: end")
        monitor.end()


def test_board_ends():
    """a board that ends is waited for, told once, and listened to again when it is back; stdin's end ends nothing"""
    with tempfile.TemporaryDirectory(prefix="quadlane-monitor-") as folder:
        port = f"unix:{folder}/uart"

        def board():
            board = Board("--load", FAST, speed="real")
            board.command[board.command.index("--uart") + 1] = f"USART1={port}"
            return board

        with contextlib.ExitStack() as stack:
            with board():
                monitor = stack.enter_context(Monitor(port, "--wait", 10))
                monitor.process.stdin.close()
                monitor.wait(monitor.output, "fast: done")
            for count in (1, 2):
                monitor.wait(monitor.says, "is gone; waiting for it", count)
                time.sleep(0.5)
                check_equal(monitor.says().count("is gone"), count, "lines about it")
                with board():
                    monitor.wait(monitor.says, "is back", count)
                    monitor.wait(monitor.output, "fast: done", count + 1)
            monitor.end(signal.SIGINT)


def test_usb():
    """a program's USB serial port goes and comes back: the cable out, a reset of the bus's other end; bytes go both ways"""
    with Board(usb=True, speed="real", timeout_s=300) as board:
        port = f"unix:{board.usb_path}"
        check_tool(run_tool("run", CDC_PROGRAM, "--port", port, "--wait", 20), 0, "started")
        with Monitor(port, "--wait", 10) as monitor:
            monitor.wait(monitor.says, f"--- {port}")
            wait_for(lambda: monitor.type("hello\n") or "hello" in monitor.output(), 10, "the echo")
            for count in (1, 2):
                board.control("usb unplug")
                monitor.wait(monitor.says, "is gone", count)
                board.control("usb plug")
                monitor.wait(monitor.says, "is back", count)
                word = f"again{count}"
                wait_for(lambda: monitor.type(word + "\n") or word in monitor.output(), 10, word)
            board.control("reset")
            monitor.wait(monitor.says, "is gone", 3)
            monitor.wait(monitor.says, "is back", 3)  # the bootloader's
            monitor.end()


def test_flash():
    """--flash flashes, opens the console in time for the first line, and stays; a locked-out port is told with its code"""
    with crash_program() as elf, uart_board(speed="real") as (board, port):
        usb = f"unix:{board.usb_path}"
        with Monitor(port, "--flash", elf, "--port", usb, "--wait", 20) as monitor:
            monitor.wait(monitor.output, "ready")
            check(monitor.output().startswith("ready"), monitor.output())
            monitor.wait(monitor.says, "flashed, verified and started")
            monitor.type("u")
            monitor.wait(monitor.output, "fault: end")
            check("main.c:" in monitor.output(), "the flashed file did not serve as --elf")
            # The socket takes one connection at a time.
            check_tool(run_tool("monitor", port, "--wait", 0), 42, "used by another program")
            monitor.end()
        board.control("button down")
        board.control("reset")
        check_tool(run_tool("monitor", port, "--flash", BLINK.with_suffix(".nothing"), "--port", usb), 10)
        # The cable itself as console: the bootloader has it first.
        check_tool(run_tool("monitor", usb, "--flash", elf, "--port", usb, "--wait", 2, "--seconds", 1), 40,
                   ["flashed, verified and started", "no USB device is there"])


class Session:
    """A monitor on a terminal of its own."""

    def __init__(self, *arguments):
        self.text = ""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execv(TOOL, [str(part) for part in [TOOL, "monitor", *arguments]])
        self.before = termios.tcgetattr(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)

    def take(self):
        while select.select([self.master], [], [], 0.02)[0]:
            try:
                self.text += os.read(self.master, 4096).decode(errors="replace")
            except OSError:
                break
        return self.text

    def wait(self, text, limit_s=20):
        wait_for(lambda: text in self.take(), limit_s, f"{text!r} in {self.text!r}")

    def type(self, keys):
        os.write(self.master, keys)

    def is_raw(self):
        return termios.tcgetattr(self.master)[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == 0

    def ends(self, code=0):
        """It ends with this code, and the terminal is as it was before."""
        limit = time.monotonic() + 10
        while (result := os.waitpid(self.pid, os.WNOHANG)) == (0, 0):
            check(time.monotonic() < limit, f"it does not end; it said {self.take()!r}")
            self.take()
        check_equal((os.waitstatus_to_exitcode(result[1]), termios.tcgetattr(self.master)), (code, self.before),
                    "exit code, terminal")


def test_keys():
    """on a terminal each key goes to the program, Ctrl-C too; Ctrl-T Ctrl-F flashes; Ctrl-] ends it; the terminal is restored"""
    with crash_program() as elf, uart_board("--load", elf, speed="real") as (board, port), \
            Session(port, "--flash", elf, "--port", f"unix:{board.usb_path}", "--no-such") as wrong:
        wrong.wait("the option --no-such is not known")
        check(not wrong.is_raw(), "raw after a wrong option")
        with Session(port) as session:
            session.wait("Ctrl-] quits")
            wait_for(session.is_raw, 5, "raw mode")
            session.wait("ready")
            session.type(b"\x03")
            session.wait("key 03")
            session.type(b"\x14\x08")
            session.wait("Ctrl-R starts")
            session.type(b"\x14\x1d")
            session.wait("key 1d")
            session.type(b"\x14\x14")
            session.wait("key 14")
            session.type(b"\r")
            session.wait("key 0d")
            session.type(b"\x1d")
            session.ends()


def test_signals():
    """SIGTERM, SIGINT and SIGHUP end it with 0 and the terminal as it was, also while the port is away"""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with terminal_pair() as (_, port), Session(port) as session:
            session.wait("Ctrl-] quits")
            wait_for(session.is_raw, 5, "raw mode")
            os.kill(session.pid, number)
            session.ends()
    with tempfile.TemporaryDirectory(prefix="quadlane-monitor-") as folder:
        path = pathlib.Path(folder) / "port"
        with terminal_pair() as (_, port):
            path.symlink_to(port)
            session = Session(path)
            session.wait("Ctrl-] quits")
        with session:
            session.wait("is gone; waiting for it")
            with terminal_pair() as (master, port):
                path.unlink()
                path.symlink_to(port)
                session.wait("is back")
                os.write(master, b"here again\r\n")
                session.wait("here again")
            session.wait("waiting for it")
            session.type(b"\x1d")
            session.ends()


def test_flash_key():
    """Ctrl-T Ctrl-F flashes what the last build left, Ctrl-T Ctrl-R starts the program anew; after both the keys are the program's"""
    with crash_program() as elf, uart_board("--load", elf, speed="real") as (board, port), \
            Session(port, "--flash", elf, "--port", f"unix:{board.usb_path}", "--wait", "20") as session:
        session.wait("ready")
        shutil.copy(FAST, elf)
        board.control("button down")
        board.control("reset")
        session.type(b"\x14\x06")
        session.wait("fast: done")
        board.control("reset")
        session.type(b"\x14\x12")
        session.wait("started anew")
        wait_for(session.is_raw, 5, "raw mode")
        session.type(b"\x1d")
        session.ends()


def test_log():
    """the log has each line once, with date and milliseconds, and grows from run to run; stdout has the bytes as they come"""
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  "
    with terminal_pair() as (master, port), tempfile.TemporaryDirectory(prefix="quadlane-monitor-") as folder:
        log = pathlib.Path(folder) / "log"
        for run in range(2):
            with Monitor(port, "--log", log, *(["--timestamps"] if run else [])) as monitor:
                monitor.wait(monitor.says, port)
                for part in (b"one\r\ntw", b"o\n\xff\x00\n", b"prompt> "):
                    os.write(master, part)
                    time.sleep(0.05)
                monitor.wait(monitor.output, "prompt> ")
                monitor.end()
                plain = (monitor.place / "output").read_bytes()
            if run == 0:
                check_equal(plain, b"one\r\ntwo\n\xff\x00\nprompt> ", "stdout")
            else:
                check(re.fullmatch(rf"{stamp}one\r\n{stamp}two\n{stamp}.*\n{stamp}prompt> ", plain.decode(errors="replace")), plain)
        lines = log.read_bytes().decode(errors="replace").split("\n")
        expected = ["--- .*", "one", "two", "\ufffd\0", rf"prompt> "]
        text = "\n".join(lines)
        check(re.fullmatch("".join(rf"{stamp}{words}\n?" for words in expected * 2), text), text)
        today = time.strftime("%Y-%m-%d")
        check(text.startswith(today) or time.strftime("%H%M") == "0000", text)
        check_tool(run_tool("monitor", port, "--log", folder, "--seconds", 0), 14, "cannot be written")


def test_until():
    """--until finds its text in pieces and across lines, --seconds ends it: with 0, or 97 if the text did not come"""
    with terminal_pair() as (master, port):
        with Monitor(port, "--until", "all tests passed", "--seconds", 20) as monitor:
            monitor.wait(monitor.says, port)
            for part in (b"x" * 5000, b"all tests all te", b"sts pas", b"sed", b"\r\n"):
                os.write(master, part)
                time.sleep(0.02)
            check_equal(monitor.process.wait(5), 0, "exit code")
        process = run_tool("monitor", port, "--until", "never", "--seconds", 0.3)
        check_tool(process, 97, ['"never" was not printed within 0.3 s', "right port"])
        started = time.monotonic()
        check_tool(run_tool("monitor", port, "--seconds", 0.5), 0)
        check(0.4 < time.monotonic() - started < 3, "--seconds 0.5 took something else")


def test_mistakes():
    """what cannot be: ports, files, numbers; each has its sentence and code, and nothing hangs"""
    with terminal_pair() as (_, port), tempfile.TemporaryDirectory(prefix="quadlane-monitor-") as folder:
        for arguments, code, words in [
                (["/dev/nosuchport", "--wait", 0], 40, "there is no serial port /dev/nosuchport"),
                (["/dev/nosuchport"], 40, "there is no serial port"),
                ([f"unix:{folder}/nobody", "--wait", 0], 40, "listens"), ([folder], 2, "is not a serial port"),
                ([port, "--elf", BLINK.with_suffix(".bin")], 20, "is no ELF file"), ([port, "--elf", "/bin/true"], 21, "ARM"),
                ([port, "--elf", f"{folder}/none"], 10, "none"), ([port, "--baud", "fast"], 2, "is no baud rate"),
                ([port, "--baud", "0"], 2, "it can be 1 to"), ([port, "--seconds", "-1"], 2, "a number from 0"),
                ([port, "--until", ""], 2, "--until takes"), ([port, "--json"], 2, "does not take --json"),
                (["lockstep:x", "--wait", 0], 40, "no virtual board"), ([port, port], 2, "takes")]:
            started = time.monotonic()
            check_tool(run_tool("monitor", *arguments), code, words)
            check(time.monotonic() - started < 5, f"{arguments} took too long")
        environment = {"QUADLANE_RUNTIME_DIR": folder}
        if not any(path.name.startswith(("ttyUSB", "ttyACM")) for path in pathlib.Path("/dev").iterdir()):
            check_tool(run_tool("monitor", "--wait", 0, environment=environment), 40, "no serial port of a program found")


def test_garbage():
    """random bytes, endless lines and half dumps change nothing but themselves"""
    draw = random.Random(22)
    with terminal_pair() as (master, port), Monitor(port, "--elf", FAST, "--log", "/dev/null") as monitor:
        monitor.wait(monitor.says, port)
        sent = b""
        for part in [b"fault: ", draw.randbytes(3000), b"\nfault: x\n" + b"  90100401 " * 300 + b"\n", b"0x" * 2000 + b"\n",
                     b"fault: y\nno dump 90100401\n", b"fault: z\nfault: end\n  90100401\n", draw.randbytes(3000), b"0x901004011 0x9010040 g0x90100401\n", b"\nlast\n"]:
            sent += part
            os.write(master, part)
            time.sleep(0.05)
        monitor.wait(monitor.output, "\nlast\n")
        shown = (monitor.place / "output").read_bytes()
        monitor.end()
    check_equal(re.sub(rb"    0x[0-9A-F]{8} .*\n|       \(inlined by\) .*\n", b"", shown), sent, "what was printed, without the places")
    check(shown.count(b"    0x90100401 ") == 1, f"{shown.count(b'    0x90100401 ')} places")


def test_output_closed():
    """a reader that goes away ends it with 14 and one sentence"""
    with terminal_pair() as (master, port):
        process = start_tool("monitor", port)
        process.stdout.close()
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            os.write(master, b"more\r\n")
            time.sleep(0.05)
        check_equal(process.poll(), 14, "exit code")
        check("the output cannot be written" in process.stderr.read(), "no sentence")
        process.stderr.close()


if __name__ == "__main__":
    run_tests(globals())
