#!/usr/bin/env python3
"""make demo-debug: a whole debugging session on the virtual board, without a button and without a person.

Stock OpenOCD behind the board's ST-LINK, `quadlane gdb-server` in front of it, as debug/debugger_wrapper.sh starts
them for an IDE, stock GDB in front of that;
the program is `console`, more than 1 MiB in the external chip, first as built, then with one line changed.
Prints what GDB and the server say and how long `load` to `main` takes, in wall time and in the
board's own; ends with 0 if everything was as it should be and the figures are within their limits.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import bench  # noqa: E402
from gdb_server import QUIET_PORTS, GdbServer, blank_board, expect  # noqa: E402
from probes import CONSOLE, ROOT, check, wait_for  # noqa: E402
from harness import check_tool  # noqa: E402

TRANSPORT = "dapdirect_swd"
EDIT_S = 0.201  # `edit_s` of `make bench`, where build/bench.json has none
SAMPLES = 60  # of each way to read memory
# Reads as `dump` and IDEs do them: large blocks, through GDB.
SAMPLER = """
import time
def sample():
    memory, begin = gdb.selected_inferior(), time.perf_counter()
    memory.read_memory(0x24000000, 0x80000)
    print("SAMPLE", 0.5 / (time.perf_counter() - begin), flush=True)
"""


class Reader:
    """A GDB that reads 512 KiB whenever it is asked to; use it in a `with`."""

    def __init__(self, folder, port):
        script = folder / "sampler.py"
        script.write_text(SAMPLER)
        self.process = subprocess.Popen(
            ["gdb-multiarch", "-q", "-nx", str(CONSOLE), "-ex", "set confirm off", "-ex", "set prompt", "-ex",
             f"target extended-remote 127.0.0.1:{port}", "-ex", f"source {script}"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.communicate()

    def sample(self):
        """MiB/s."""
        self.process.stdin.write("python sample()\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if "SAMPLE" in line:
                return float(line.split("SAMPLE")[1])
        raise AssertionError("GDB ended")


class Wrapper(GdbServer):
    """debug/debugger_wrapper.sh in front of the board's ST-LINK."""

    def __init__(self, board):
        super().__init__(board, TRANSPORT)
        port = 44000 + os.getpid() % 900
        os.environ["QUADLANE_STLINK"] = board.ports["stlink"]
        self.command = [str(ROOT / "debug/debugger_wrapper.sh"), "-if", "swd", "-device", "STM32H750VB", "-port",
                        str(port), "-telnetport", str(port + 1), "--board", "h750_w25q128", "--adapter", "virtual",
                        "--openocd", "--usb", f"unix:{board.usb_path}"]


def edit_s():
    path = ROOT / "build/bench.json"
    return json.loads(path.read_text()).get("edit_s", EDIT_S) if path.exists() else EDIT_S


def debug(board, server, elf):
    """The session of demo_session.py; returns what GDB said, and its figures by name."""
    command = ["gdb-multiarch", "-q", "-nx", "-batch", str(elf)]
    for words in ["set confirm off", "set width 0", "set pagination off", "set height 0",
                  f"target extended-remote 127.0.0.1:{server.port}", f"source {HERE}/demo_session.py"]:
        command += ["-ex", words]
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             stdin=subprocess.DEVNULL, cwd=ROOT, timeout=180,
                             env={**os.environ, "DEMO_CONTROL": str(board.control_path)})
    print(re.sub(r"^FIGURE.*\n", "", process.stdout, flags=re.M))
    figures = re.findall(r"^FIGURE (\w+) (\S+) (\S+)", process.stdout, re.M)
    return process.stdout, {name: (float(wall), float(virtual)) for name, wall, virtual in figures}


def check_session(text):
    expect(text, r"sectors changed; written and verified over USB",
           r"breakpoint 1, main \(\)", r"Breakpoint 2, luaopen_board", r"#\d+ .* in main \(\)",
           r"pc +0x9010", r"\$1 = 400000000", r"breakpoint 3, random_fill", r"next = ", r"#0  random_fill",
           r"atchpoint 4: ticks_ms", r"Old value = \d+.*New value = \d+",
           r"breakpoint 5, main \(\)", r"\$2 = 400000000", r"the chip holds these \d+ bytes already",
           r"breakpoint 6, main \(\)", r"Breakpoint 7, luaopen_board")


def read_rates(board):
    """MiB/s through GDB: straight at OpenOCD, and with the server between. Short samples in turns, and of each
    the best quarter: what else runs on this computer only ever makes it slower."""
    port = 43000 + os.getpid() % 900
    log = open(board.folder / "openocd.log", "w")
    process = subprocess.Popen(board.openocd_arguments(
        TRANSPORT, f"stm32h7x.cpu0 configure -gdb-max-connections 2; gdb_port {port}; {QUIET_PORTS}"),
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT)
    try:
        wait_for(lambda: "for gdb connections" in (board.folder / "openocd.log").read_text(), 20,
                 "OpenOCD")
        server = GdbServer(board, "built-in")
        server.command[-1] = f"127.0.0.1:{port}"
        with server, Reader(board.folder, port) as direct, Reader(board.folder, server.port) as through:
            pairs = [(direct.sample(), through.sample()) for _ in range(SAMPLES)]
    finally:
        process.terminate()
        process.wait(10)
        log.close()
    best = [sorted(rates)[-SAMPLES // 4:] for rates in zip(*pairs)]
    return [sum(rates) / len(rates) for rates in best]


def main():
    missed = []

    def show(name, value, limit, good, unit):
        print(f"{name:42} {value:8.3f} {unit:6} {limit}")
        if not good:
            missed.append(name)

    with tempfile.TemporaryDirectory(prefix="quadlane-demo-") as folder, \
            blank_board(speed="real") as board:
        print("The program as built goes over USB into the chip:", flush=True)
        process = board.tool("flash", CONSOLE, limit_s=60)
        check_tool(process)
        print(process.stdout)
        changed = bench.rebuild_console(pathlib.Path(folder))
        with Wrapper(board) as server:
            print("debug/debugger_wrapper.sh (quadlane gdb-server -- openocd ...), and GDB in front of it:",
                  flush=True)
            text, figures = debug(board, server, changed)
            check_session(text)
            board.wait_uart("CPU at 123 MHz")
            board.wait_uart("console: all self-tests passed", 60)
        check("violation" not in board.output(), "rules of the hardware were broken")
        print("The program printed on, from the chip, \"CPU at 123 MHz\" as the debugger had it.\n")
        direct, through = read_rates(board)
    limit_s = edit_s() + 1
    for name, what, wall_limit, limit in [("load_changed", "load to main, one line changed", None, limit_s),
                                          ("load_unchanged", "load to main, unchanged", 5.0, 1.0)]:
        wall, virtual = figures[name]
        show(f"{what}: virtual time", virtual, f"<= {limit:g}", virtual <= limit, "s")
        show(f"{what}: wall time", wall, f"<= {wall_limit:g}" if wall_limit else "",
             not wall_limit or wall <= wall_limit, "s")
    show("reading memory straight at OpenOCD", direct, "", True, "MiB/s")
    show("reading memory through gdb-server", through, f">= {0.9 * direct:.3f}", through >= 0.9 * direct,
         "MiB/s")
    for name in missed:
        print(f"MISSED: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
