"""The debugger's part of `make demo-debug`: runs inside GDB and does what a user would do.

$DEMO_CONTROL is the path of the board's control socket. The times that it took are printed as lines
`FIGURE name wall_s virtual_s`.

SPDX-License-Identifier: MIT
"""
import os
import socket
import time

import gdb  # only there inside GDB

CONTROL = os.environ["DEMO_CONTROL"]


def virtual_s():
    """The board's own clock."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(CONTROL)
        connection.sendall(b"stats\n")
        answer = b""
        while not answer.endswith(b"ok\n"):
            answer += connection.recv(4096)
    values = dict(line.split()[:2] for line in answer.decode().splitlines() if " " in line)
    return int(values["virtual_ns"]) / 1e9


def say(text):
    gdb.write(f"\n--- {text}\n")


def run(*commands):
    for command in commands:
        gdb.write(f"(gdb) {command}\n")
        gdb.execute(command)
    gdb.flush()


def load_to_main(name):
    """What an IDE sends for its Debug button, and how long `load` to `main` takes."""
    gdb.execute("monitor reset halt")
    wall, virtual = time.monotonic(), virtual_s()
    run("load", "monitor reset halt", "maintenance flush register-cache", "tbreak main", "continue")
    gdb.write(f"FIGURE {name} {time.monotonic() - wall:.3f} {virtual_s() - virtual:.3f}\n")


say("Debug: the changed program goes over USB into the chip, and the board stops at main")
load_to_main("load_changed")

say("A function in the external chip: breakpoint, backtrace, step")
run("break luaopen_board", "continue", "backtrace", "next", "stepi", "info registers pc")

say("A variable is changed; the program will print it")
run("print SystemCoreClock", "set var SystemCoreClock = 123000000", "delete")

say("A function in ITCM: breakpoint, backtrace, local variables")
run("tbreak random_fill", "continue", "next", "info locals", "backtrace 4")

say("A watchpoint: who counts the milliseconds?")
run("watch ticks_ms", "continue", "backtrace 2", "delete")

say("Restart, by the debugger alone")
run("monitor reset halt", "maintenance flush register-cache", "tbreak main", "continue",
    "print SystemCoreClock")

say("Debug again, nothing changed")
load_to_main("load_unchanged")

say("Let it run: it prints from the chip")
run("break luaopen_board", "continue", "set var SystemCoreClock = 123000000", "delete",
    "monitor resume")
