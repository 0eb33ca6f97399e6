#!/usr/bin/env python3
"""Whole debug sessions as Eclipse (Embedded CDT) and VS Code (cortex-debug) run them, by the files of `quadlane ide`,
the wrappers, stock OpenOCD and GDB, on the virtual board. Prints TAP.

Server command lines and GDB commands are those that the plug-ins' sources make: Embedded CDT's Configuration,
DebuggerCommands and GnuMcuFinalLaunchSequence, cortex-debug's jlink.ts, openocd.ts, external.ts and gdb.ts.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import xml.etree.ElementTree

from gdb_server import blank_board
from machine_interface import MachineInterface
from probes import FAST, ROOT, check, check_equal, wait_for
from harness import BLINK, TOOL, check_tool, run_tests

BOARD = "h750_w25q128"
JLINK = "ilg.gnumcueclipse.debug.gdbjtag.jlink."
OPENOCD = "ilg.gnumcueclipse.debug.gdbjtag.openocd."
WRAPPER = ROOT / "debug/debugger_wrapper.sh"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def bench(**settings):
    """A blank board at real speed, a project folder, and the environment in which an IDE would run."""
    with blank_board(speed="real", **settings) as board, \
            tempfile.TemporaryDirectory(prefix="quadlane-session-") as place:
        board.project = pathlib.Path(place).resolve()
        runtime = board.folder / "runtime"
        runtime.mkdir(mode=0o700)
        (runtime / f"{BOARD}.sock").symlink_to(board.usb_path)
        board.environment = {**os.environ, "QUADLANE_STLINK": board.ports["stlink"],
                             "QUADLANE_RUNTIME_DIR": str(runtime)}
        yield board


def make_files(board, ide):
    process = subprocess.run([TOOL, "ide", ide, FAST, "--board", BOARD, "--adapter", "virtual"],
                             capture_output=True, text=True, timeout=30, cwd=board.project)
    check_tool(process)


class Server:
    """A GDB server as an IDE starts it, with everything that it starts in turn."""

    def __init__(self, board, command, folder=None):
        self.path = board.folder / "server.log"
        self.log = open(self.path, "w")
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
                                        cwd=folder or board.project, env=board.environment)

    def __enter__(self):
        return self

    def output(self):
        return self.path.read_text(errors="replace")

    def wait_says(self, pattern, limit_s=15):
        wait_for(lambda: re.search(pattern, self.output()) or self.process.poll() is not None, limit_s, pattern)
        check(re.search(pattern, self.output()), f"{pattern!r} is not in {self.output()}")

    def family(self):
        """Processes of its session that are there, itself included."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit():
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                    if int(fields[3]) == self.process.pid and fields[0] != "Z":
                        found.append((entry / "cmdline").read_text().replace("\0", " "))
        return found

    def wait_gone(self, limit_s=8):
        """It has ended, and so has all that it started."""
        self.process.wait(limit_s)
        wait_for(lambda: not self.family(), limit_s, "the end of all the server's processes")
        return self.process.returncode

    def __exit__(self, kind, error, trace):
        if error is not None:
            print("# the server said:", *self.output().splitlines()[-30:], sep="\n#   ")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


# --- Eclipse --------------------------------------------------------------------------------------

def read_launch(path):
    """The attributes of a .launch file, with ports that are free now."""
    root = xml.etree.ElementTree.parse(path).getroot()
    values = {child.get("key"): child.get("value") for child in root if child.get("key")}
    for key in [key for key in values if key.endswith("PortNumber")]:
        values[key] = str(free_port())
    return values


def jlink_command(launch):
    """As Configuration.getGdbServerCommandLineArray() of the J-Link plug-in puts it together."""
    def value(key):
        return launch[JLINK + key]
    command = [value("gdbServerExecutable"), "-if", value("gdbServerDebugInterface"), "-device",
               value("gdbServerDeviceName"), "-endian", value("gdbServerDeviceEndianness"), "-speed",
               value("gdbServerDeviceSpeed"), "-port", value("gdbServerGdbPortNumber"), "-swoport",
               value("gdbServerSwoPortNumber"), "-telnetport", value("gdbServerTelnetPortNumber"), "-vd", "-ir",
               "-localhostonly", "1"]
    return command + shlex.split(value("gdbServerOther"))


def openocd_command(launch):
    """The same of the OpenOCD plug-in."""
    def value(key):
        return launch[OPENOCD + key]
    return [value("gdbServerExecutable"), "-c", "gdb_port " + value("gdbServerGdbPortNumber"), "-c",
            "telnet_port " + value("gdbServerTelnetPortNumber"), "-c", "tcl_port " + value("gdbServerTclPortNumber"),
            *shlex.split(value("gdbServerOther")), "-c", 'echo "Started by GNU MCU Eclipse"']


ECLIPSE_GDB = ["--interpreter=mi2", "--nx"]
# What CDT itself sets up first.
ECLIPSE_FIRST = ["-gdb-set breakpoint pending on", "-enable-pretty-printing", "-gdb-set python print-stack none",
                 "-gdb-set print object on", "-gdb-set print sevenbit-strings on", "-gdb-set auto-solib-add on",
                 "set mem inaccessible-by-default off"]


def jlink_first_reset(flash_breakpoints="1"):
    return ["monitor speed 1000", "monitor clrbp", "monitor reset ", "monitor halt", "monitor regs", "flushreg",
            "monitor speed auto", f"monitor flash breakpoints {flash_breakpoints}", "monitor semihosting enable",
            "monitor semihosting IOClient 1", "monitor SWO DisableTarget 0xFFFFFFFF",
            "monitor SWO EnableTarget 0 0 0x1 0"]


JLINK_START = ["monitor clrbp", "monitor reset ", "monitor halt", "tbreak main", "monitor regs", "flushreg"]
OPENOCD_FIRST_RESET = ["monitor reset init", "monitor halt", "monitor arm semihosting enable"]
OPENOCD_START = ["monitor reset halt", "monitor halt", "tbreak main", "monitor reg"]


def eclipse_session(gdb, port, first_reset, start):
    """Debug, breakpoints in the chip and in ITCM, steps, a variable, the Restart button; returns the seconds from `load` to main."""
    gdb.ask_all(ECLIPSE_FIRST)
    gdb.ask(f"-target-select remote localhost:{port}")
    gdb.ask_all(first_reset)
    gdb.ask(f"symbol-file {FAST}")
    began = time.monotonic()
    gdb.ask(f"load {FAST} ")
    gdb.ask("-break-insert -f work_in_itcm")  # the user's, tracked before the start commands
    gdb.ask_all(start)
    stops = gdb.stops + 1
    gdb.ask("continue")
    record = gdb.wait_stop(stops)
    seconds = time.monotonic() - began
    check('func="main"' in record, record)
    check('addr="0x9010' in record, f"main is in the chip: {record}")
    check('func="main"' in gdb.ask("-stack-list-frames"), "frames")
    gdb.ask("-thread-info")
    gdb.ask("-stack-list-locals 1")
    gdb.ask("-exec-next")
    gdb.wait_stop(stops + 1)
    gdb.ask("-exec-continue")
    record = gdb.wait_stop(stops + 2)
    check('func="work_in_itcm"' in record and "breakpoint-hit" in record, record)
    check(re.search(r'func="measure"', gdb.ask("-stack-list-frames")), "the caller in the chip")
    gdb.ask("-exec-finish")
    gdb.wait_stop(stops + 3)
    gdb.ask("-gdb-set var noise = 0x12345678")
    check('value="305419896"' in gdb.ask("-data-evaluate-expression noise"), "a variable changed")
    # Restart
    gdb.ask_all(start)
    gdb.ask("continue")
    record = gdb.wait_stop(stops + 4)
    check('func="main"' in record, f"restart: {record}")
    return seconds


def test_eclipse_jlink():
    """Eclipse, J-Link configuration, without J-Link software: launch into a blank chip, breakpoints, restart, terminate"""
    with bench() as board:
        make_files(board, "eclipse")
        launch = read_launch(board.project / "fast-jlink.launch")
        with Server(board, jlink_command(launch)) as server:
            server.wait_says("Waiting for GDB connection")
            with socket.create_connection(("127.0.0.1", int(launch[JLINK + "gdbServerTelnetPortNumber"])), 5), \
                    MachineInterface(*ECLIPSE_GDB) as gdb:
                seconds = eclipse_session(gdb, launch[JLINK + "gdbServerGdbPortNumber"], jlink_first_reset(),
                                          JLINK_START)
                ends = board.uart().count("fast: done")
                gdb.send("-gdb-exit")
                gdb.process.wait(10)
                check_equal(server.wait_gone(), 0, "exit code of the wrapper (-singlerun)")
            wait_for(lambda: board.uart().count("fast: done") > ends, 10, "the program, which goes on")
            check(seconds < 20, f"{seconds:.1f} s from load to main")
            print(f"# {seconds:.2f} s from load to main")
            check("violation" not in board.output(), "rules of the hardware were broken")
        check("over USB" in server.output(), "the program came over USB")


def test_eclipse_openocd():
    """Eclipse, OpenOCD configuration: the same; the server is ended by Eclipse"""
    with bench() as board:
        make_files(board, "eclipse")
        launch = read_launch(board.project / "fast-openocd.launch")
        with Server(board, openocd_command(launch)) as server:
            server.wait_says("Started by GNU MCU Eclipse")
            with MachineInterface(*ECLIPSE_GDB) as gdb:
                eclipse_session(gdb, launch[OPENOCD + "gdbServerGdbPortNumber"], OPENOCD_FIRST_RESET, OPENOCD_START)
                ends = board.uart().count("fast: done")
                gdb.send("-gdb-exit")
                gdb.process.wait(10)
            server.process.send_signal(signal.SIGTERM)
            server.wait_gone()
            wait_for(lambda: board.uart().count("fast: done") > ends, 10, "the program, which goes on")
            check("violation" not in board.output(), "rules of the hardware were broken")


def test_eclipse_terminate():
    """Terminate while the program runs, and GDB killed: nothing is left, and the next launch works"""
    with bench() as board:
        make_files(board, "eclipse")
        for end in ("terminate", "gdb killed", "wrapper killed"):
            launch = read_launch(board.project / "fast-jlink.launch")
            with Server(board, jlink_command(launch)) as server:
                server.wait_says("Waiting for GDB connection")
                with MachineInterface(*ECLIPSE_GDB) as gdb:
                    gdb.ask(f"-target-select remote localhost:{launch[JLINK + 'gdbServerGdbPortNumber']}")
                    gdb.ask_all(jlink_first_reset())
                    gdb.ask(f"symbol-file {FAST}")
                    gdb.ask(f"load {FAST} ")
                    gdb.ask_all(["monitor clrbp", "monitor reset 2", "monitor halt", "monitor regs", "flushreg"])
                    check('<Reset_Handler' in gdb.ask("-data-evaluate-expression $pc"), "where a reset ends")
                    gdb.ask("continue")
                    time.sleep(0.3)
                    if end == "terminate":
                        gdb.send("-gdb-exit")
                        server.process.send_signal(signal.SIGTERM)
                    elif end == "gdb killed":
                        gdb.process.kill()
                    else:
                        server.process.send_signal(signal.SIGKILL)
                    server.wait_gone()


def test_attach():
    """Eclipse's "connect to running": nothing is reset or loaded, the program goes on where it was"""
    with bench() as board:
        make_files(board, "eclipse")
        check_tool(board.tool("flash", BLINK))  # it blinks for ever
        board.wait_uart("blink")
        launch = read_launch(board.project / "fast-jlink.launch")
        command = [{"-vd": "-noreset", "-ir": "-noir"}.get(word, word) for word in jlink_command(launch)]
        began = board.statistics()["reset_ns"]
        with Server(board, command) as server:
            server.wait_says("Waiting for GDB connection")
            with MachineInterface(*ECLIPSE_GDB) as gdb:
                gdb.ask_all(ECLIPSE_FIRST)
                gdb.ask(f"-target-select remote localhost:{launch[JLINK + 'gdbServerGdbPortNumber']}")
                gdb.ask_all(["monitor speed 1000", "monitor speed auto", "monitor flash breakpoints 1",
                             "monitor semihosting enable", f"symbol-file {BLINK}", "tbreak main", "monitor regs",
                             "flushreg"])
                where = int(re.search(r"0x([0-9a-f]+)", gdb.ask("-data-evaluate-expression $pc")).group(1), 16)
                check(where >> 20 == 0x901, f"the program counter is {where:#x}")
                gdb.send("-gdb-exit")
                gdb.process.wait(10)
            check_equal(server.wait_gone(), 0, "exit code of the wrapper")
        check_equal(board.statistics()["reset_ns"], began, "time of the last reset")
        check("over USB" not in server.output(), "nothing is loaded")


def test_with_a_watcher():
    """`flash --watch` in the background and the Debug button do not get into each other's way"""
    with bench() as board:
        make_files(board, "eclipse")
        launch = read_launch(board.project / "fast-jlink.launch")
        with open(board.folder / "watch.log", "w") as log:
            watcher = subprocess.Popen([TOOL, "flash", "--watch", FAST], stdout=log, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, env=board.environment)
            try:
                board.wait_uart("fast: done")  # it was there first
                with Server(board, jlink_command(launch)) as server:
                    server.wait_says("Waiting for GDB connection")
                    with MachineInterface(*ECLIPSE_GDB) as gdb:
                        eclipse_session(gdb, launch[JLINK + "gdbServerGdbPortNumber"], jlink_first_reset(),
                                        JLINK_START)
                        gdb.send("-gdb-exit")
                        gdb.process.wait(10)
                    check_equal(server.wait_gone(), 0, "exit code of the wrapper")
                check(watcher.poll() is None, "the watcher goes on")
            finally:
                watcher.kill()
                watcher.wait()
        check("quadlane: " not in (board.folder / "watch.log").read_text(),
              "the watcher complains: " + (board.folder / "watch.log").read_text())


# --- VS Code --------------------------------------------------------------------------------------

def read_vscode(board, kind):
    make_files(board, "vscode")
    launch = json.loads((board.project / ".vscode/launch.json").read_text())
    return next(entry for entry in launch["configurations"] if entry.get("servertype", entry["type"]) == kind)


def console(command):
    return f'-interpreter-exec console "{command}"'


CORTEX_GDB = ["-q", "--interpreter=mi2"]


def cortex_init(entry):
    return ["-gdb-version", "-gdb-set mi-async on", console("set print demangle on"),
            console("set print asm-demangle on"), "-enable-pretty-printing", console("set output-radix 0xa"),
            console("set input-radix 0xa"), f'-file-exec-and-symbols "{entry["executable"]}"']


def cortex_session(gdb, entry, target, before_load, after_load, reset):
    """Launch with runToEntryPoint, a breakpoint, the Reset button, Stop."""
    gdb.ask_all(cortex_init(entry))
    gdb.ask(f"-target-select extended-remote {target}")
    gdb.ask_all([console(command) for command in before_load])
    gdb.ask("-target-download")
    gdb.ask_all([console(command) for command in after_load])
    gdb.ask(f'-break-insert -t -f {entry["runToEntryPoint"]}')
    gdb.ask("-break-insert -f work_in_itcm")
    stops = gdb.stops + 1
    gdb.ask("-exec-continue --all")
    record = gdb.wait_stop(stops)
    check('func="main"' in record, record)
    gdb.ask("-thread-list-ids")
    gdb.ask("-stack-info-depth --thread 1 10000")
    check('func="main"' in gdb.ask("-stack-list-frames --thread 1 0 0"), "frames")
    gdb.ask("-stack-list-variables --thread 1 --frame 0 --simple-values")
    gdb.ask("-data-list-register-values x 15")
    check("memory=" in gdb.ask('-data-read-memory-bytes "0x90100000" 64'), "memory of the chip")
    gdb.ask("-exec-continue --thread 1")
    record = gdb.wait_stop(stops + 1)
    check('func="work_in_itcm"' in record, record)
    gdb.ask("-exec-next-instruction --thread 1")
    gdb.wait_stop(stops + 2)
    # Pause while it runs
    gdb.ask("-break-delete")
    gdb.ask("-exec-continue --thread 1")
    time.sleep(0.3)
    gdb.ask("-exec-interrupt")
    gdb.wait_stop(stops + 3)
    # Reset
    gdb.ask_all([console(command) for command in reset])
    gdb.ask(f'-break-insert -t -f {entry["runToEntryPoint"]}')
    gdb.ask("-exec-continue --all")
    record = gdb.wait_stop(stops + 4)
    check('func="main"' in record, f"reset: {record}")
    gdb.ask("-target-disconnect")
    gdb.send("-gdb-exit")
    gdb.process.wait(10)


def test_cortex_jlink():
    """VS Code, cortex-debug's jlink with the wrapper: launch, breakpoints, pause, reset, stop"""
    with bench() as board:
        entry = read_vscode(board, "jlink")
        ports = [str(free_port()) for _ in range(3)]
        command = [entry["serverpath"], "-singlerun", "-nogui", "-if", entry["interface"], "-port", ports[0],
                   "-swoport", ports[1], "-telnetport", ports[2], "-device", entry["device"], *entry["serverArgs"]]
        with Server(board, command) as server:
            server.wait_says("Waiting for GDB connection")
            with MachineInterface(*CORTEX_GDB) as gdb:
                cortex_session(gdb, entry, f"localhost:{ports[0]}", ["monitor halt", "monitor reset"],
                               ["monitor reset"], ["monitor halt", "monitor reset"])
            check_equal(server.wait_gone(), 0, "exit code of the wrapper")
        check("violation" not in board.output(), "rules of the hardware were broken")


def openocd_words(entry, ports):
    words = [entry["serverpath"], "-c", f"gdb_port {ports[0]}", "-c", f"tcl_port {ports[1]}", "-c",
             f"telnet_port {ports[2]}", "-s", entry["cwd"]]
    for path in entry["configFiles"]:
        words += ["-f", path]
    return words


def test_cortex_openocd():
    """VS Code, cortex-debug's openocd with the wrapper: the same"""
    with bench() as board:
        entry = read_vscode(board, "openocd")
        ports = [free_port() for _ in range(3)]
        with Server(board, openocd_words(entry, ports)) as server:
            server.wait_says(r"Info\s:[^\n]*Listening on port \d+ for gdb connection")
            with MachineInterface(*CORTEX_GDB) as gdb:
                cortex_session(gdb, entry, f"localhost:{ports[0]}", ["monitor reset halt"], ["monitor reset halt"],
                               ["monitor reset halt"])
            server.process.send_signal(signal.SIGTERM)
            server.wait_gone()
        check("violation" not in board.output(), "rules of the hardware were broken")


def test_cortex_external():
    """VS Code, cortex-debug's external, and the task that starts its server: the same"""
    with bench() as board:
        entry = read_vscode(board, "external")
        tasks = json.loads((board.project / ".vscode/tasks.json").read_text())["tasks"]
        task = next(task for task in tasks if task["label"].endswith("GDB server"))
        port = free_port()
        words = [word.replace("gdb_port 3333", f"gdb_port {port}; tcl_port disabled; telnet_port disabled")
                 for word in task["args"]]
        with Server(board, [task["command"], *words]) as server:
            server.wait_says(task["problemMatcher"]["background"]["endsPattern"])
            with MachineInterface(*CORTEX_GDB) as gdb:
                cortex_session(gdb, entry, f"localhost:{port}", ["monitor reset halt"], ["monitor reset halt"],
                               ["monitor reset halt"])
            server.process.send_signal(signal.SIGTERM)
            server.wait_gone()


def test_cppdbg():
    """VS Code, C/C++ extension: connect, postRemoteConnectCommands, stop at main"""
    with bench() as board:
        entry = read_vscode(board, "cppdbg")
        port = free_port()
        words = [word.replace("gdb_port 3333", f"gdb_port {port}; tcl_port disabled; telnet_port disabled")
                 for word in shlex.split(entry["debugServerArgs"])]
        with Server(board, [entry["debugServerPath"], *words]) as server:
            server.wait_says(entry["serverStarted"])
            with MachineInterface("--interpreter=mi") as gdb:
                gdb.ask_all(["-gdb-set target-async on", "-gdb-set solib-search-path .",
                             f'-file-exec-and-symbols {entry["program"]}'])
                gdb.ask(f"-target-select extended-remote localhost:{port}")
                gdb.ask_all([console(command["text"]) for command in entry["postRemoteConnectCommands"]])
                gdb.ask("-break-insert -h -t main")
                stops = gdb.stops + 1
                gdb.ask("-exec-continue")
                check('func="main"' in gdb.wait_stop(stops), gdb.stop_line)
                gdb.send("-gdb-exit")
                gdb.process.wait(10)
            server.process.send_signal(signal.SIGTERM)
            server.wait_gone()


# --- The wrapper ----------------------------------------------------------------------------------

def wrapper(board, *arguments, environment=None, limit_s=20):
    """Runs the wrapper to its end; returns (exit code, what it said)."""
    process = subprocess.run([str(WRAPPER), *map(str, arguments)], capture_output=True, text=True, timeout=limit_s,
                             env={**board.environment, **(environment or {})}, cwd=board.project,
                             stdin=subprocess.DEVNULL)
    return process.returncode, process.stdout + process.stderr


def script(board, name, text):
    path = board.folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def test_wrapper_codes():
    """exit codes of the wrapper are JLinkGDBServerCLExe's, each with a sentence"""
    with bench() as board, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        own = ["--board", BOARD, "--adapter", "virtual", "-telnetport", free_port()]
        no_target = script(board, "openocd-without-target",
                           'case "$*" in *serve_as_jlink*) echo "Error: no target" >&2; exit 1;; esac\n')
        for arguments, environment, code, says in [
                ([*own, "-port", port], {}, 254, "port"),
                ([*own, "-port", free_port()], {"QUADLANE_OPENOCD": str(no_target)}, 253, "ended with exit code 1"),
                ([*own, "-port", free_port()], {"QUADLANE_STLINK": "1"}, 249, "cannot be opened"),
                ([*own, "-port", free_port()], {"QUADLANE_OPENOCD": "no-such-openocd"}, 255, "apt-get install"),
                ([*own, "-device", "STM32F407VG"], {}, 250, "STM32H750"),
                ([*own, "-port", "x"], {}, 251, "no port"),
                ([*own, "-port"], {}, 251, "needs a value"),
                ([*own, "--nonsense"], {}, 251, "not known"),
                ([*own, "-if", "jtag"], {}, 251, "swd"),
                ([*own, "-endian", "big"], {}, 251, "little"),
                ([*own, "-select", "ip=10.0.0.1"], {}, 251, "USB"),
                (["--board", "no_such"], {}, 251, "no_such"),
                (["-port", free_port()], {}, 251, BOARD),  # which one?
                (["--board", BOARD, "--adapter", "no_such"], {}, 251, "no_such")]:
            found, text = wrapper(board, *arguments, environment=environment)
            check_equal(found, code, f"{arguments}: {text}")
            check(says in text, f"{says!r} is not in {text!r}")
            check("quadlane: " in text, text)


FAKE_JLINK = """
# Takes J-Link's arguments, knows its monitor commands, and is OpenOCD in truth.
echo "arguments: $*"
while [ $# -gt 0 ]; do
    case $1 in -port) port=$2 ;; --*) echo "J-Link's server knows no $1"; exit 251 ;; esac
    shift
done
exec openocd -f "$SUPPORT/openocd/adapter/virtual.cfg" -f "$SUPPORT/openocd/%s.cfg" \\
    -c "tcl_port disabled; telnet_port disabled; gdb_port $port" -c init -f "$FOLDER/jlink.tcl" \\
    -c 'puts "Waiting for GDB connection..."; flush stdout'
""" % BOARD
JLINK_TCL = """
rename reset openocd_reset
proc reset {args} { openocd_reset halt }
rename flash openocd_flash
proc flash {args} { if {[lindex $args 0] ne "breakpoints"} { openocd_flash {*}$args } }
foreach name {speed clrbp regs semihosting SWO} { proc $name {args} {} }
"""


def test_with_jlink_software():
    """with SEGGER's server (one that behaves like it): it is started with its own arguments, behind gdb-server"""
    with bench() as board:
        make_files(board, "eclipse")
        (board.folder / "jlink.tcl").write_text(JLINK_TCL)
        board.environment.update(QUADLANE_JLINK=str(script(board, "JLinkGDBServerCLExe", FAKE_JLINK)),
                                 SUPPORT=str(ROOT / "debug"), FOLDER=str(board.folder))
        launch = read_launch(board.project / "fast-jlink.launch")
        with Server(board, jlink_command(launch)) as server:
            server.wait_says("Waiting for GDB connection")
            words = re.search("^arguments: (.*)$", server.output(), re.M).group(1).split()
            for word in ("-if", "-device", "STM32H750VB", "-swoport", "-telnetport", "-vd", "-ir", "-singlerun",
                         "-strict", "-nogui"):
                check(word in words, f"{word} is not in {words}")
            check("--board" not in words, words)
            check(launch[JLINK + "gdbServerGdbPortNumber"] not in words, "its port is another one")
            with MachineInterface(*ECLIPSE_GDB) as gdb:
                eclipse_session(gdb, launch[JLINK + "gdbServerGdbPortNumber"], jlink_first_reset(), JLINK_START)
                gdb.send("-gdb-exit")
                gdb.process.wait(10)
            server.wait_gone()


def test_wrapper_persists():
    """without -singlerun the wrapper serves one debugger after another; -log, -select and -localhostonly are taken"""
    with bench() as board:
        log = board.folder / "a log.txt"
        port = free_port()
        command = [WRAPPER, "-port", port, "-telnetport", free_port(), "-log", log, "-select", "usb", "-speed",
                   "auto", "-localhostonly", "0", "-rtos", "GDBServer/RTOSPlugin_FreeRTOS.so", "--adapter", "virtual", "--board", BOARD]
        with Server(board, command) as server:
            server.wait_says("Waiting for GDB connection")
            for _ in range(2):
                with MachineInterface(*CORTEX_GDB) as gdb:
                    gdb.ask(f"-target-select extended-remote localhost:{port}")
                    gdb.ask(console("monitor exec SetRTTAddr 0x20000000"))
                    gdb.ask(console("monitor exec memU32 0x24000000 = 0x1234"))
                    gdb.ask(console("monitor memU32 0x24000000"))
                    check("00001234" in gdb.console(), gdb.console())
                    gdb.ask(console("monitor nothing that anybody knows"), result=("done", "error"))
                    gdb.ask("-target-disconnect")
                    gdb.send("-gdb-exit")
                    gdb.process.wait(10)
                check(server.process.poll() is None, "it goes on")
            server.process.send_signal(signal.SIGINT)
            server.wait_gone()
        check("Cortex-M7" in log.read_text(), "the log")


if __name__ == "__main__":
    run_tests(globals())
