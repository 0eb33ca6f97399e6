#!/usr/bin/env python3
"""Every command in README.md and docs/ is run, or stands in the list below with the reason why it cannot be. Prints TAP.

Code blocks say what they are; those of `sh` are run in a page's order, in an empty folder that looks like a user's: build/, debug/, quadlane/
(this repository), firmware.elf and .bin, and the files that the page itself shows (`<!-- file: NAME -->` above a block; `<!-- console: TEXT -->`:
the program prints it then).
A `quadlane-board` stays until the next one; before each command its button is held and it is reset, so that the bootloader is
there. Servers and `--watch` stay for the rest of the page. A probe of ST's or SEGGER's is replaced by the virtual board's, SEGGER's server by the
stand-in of tests/debug. Blocks of `gdb` are run by GDB against the server before them. ```console blocks are test_docs.py's.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
import harness  # noqa: E402  (found by the path above)

ROOT = harness.ROOT
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"sh", "console", "gdb", "c", "make", "ld", "dts", "python", "xml", "text"}
BOOTLOADER = "build/firmware/h750_w25q128-flash.elf"
LIMIT_S = 90
SETTLE_S = 1.0  # a server that is still there after this time has started

# What is not run here, and why; a pattern is looked for in the command, and in `PAGE: command`. `quadlane` and `quadlane-board` are at least asked whether they know these options.
NOT_RUN = [
    (r"^sudo |^git clone", "changes the computer that runs the tests"),
    (r"^make demo$|^adding-a-board.md: make$", "part of `make check` by itself"),
    (r"^tests/board/test_boards\.py", "part of `make test` by itself"),
    (r"^qemu-system|^usbip ", "`make test-linux` does it"),
    (r"^dfu-util -d 1209:0001|^dfu-util -a 0 -s :leave", "`make test-linux` does it, with a real kernel"),
    (r"^dfu-util -a 0 -s 0x90F90000", "needs the maker's bootloader"),
    (r"^quadlane install --board weact|^quadlane install .*--via maker|^\$ quadlane install", "needs a board in DFU mode"),
    (r" /dev/tty(ACM|USB)", "needs a serial port"),
    (r"^quadlane monitor unix:", "tests/board/test_monitor.py does it, with a program that ends"),
    (r"^source <|^quadlane manual \| man", "for shells and pagers that may not be here; tests/cli/test_shell.py does it"),
    (r"^quadlane flash --serial 003B\w+,", "needs these two boards; tests/cli and tests/board run several"),
    (r"ST-LINK_gdbserver|-- st-util", "not Debian's, or needs a probe"),
    (r"^python3 (px_)?uploader\.py|^STM32_Programmer_CLI", "somebody else's program, which is not here"),
    (r"0x90F90000 build/firmware/sp_racing|^quadlane reset --bootloader$", "tests/board/test_second_stage.py does it"),
    (r"^installing\.md: ", "`make test-dist` does it, in bare systems"),
    (r"--board my_board", "a board that does not exist; tests/board/test_adding_a_board.py makes it"),
]
STAYS = re.compile(r"^(?:\S*/)?quadlane (gdb-server|flash --watch)|debugger_wrapper\.sh")
COMMAND = re.compile(r"(sudo|apt|apt-get|cd|cp|dfu-util|git|make|openocd|python3|quadlane|quadlane-board|tar) [-\w./]|install -")
PROBES = [(r"-f interface/stlink\.cfg|-f debug/openocd/adapter/(stlink|jlink)\.cfg", "-f debug/openocd/adapter/virtual.cfg"),
          (r"--adapter (stlink|jlink)|--via openocd", "--adapter virtual")]
PORTS = ("7184", "2345", "3333", "2331", "3240")  # each page has its own in their place


def blocks(page):
    """Yields (line number, language, mark above it, lines) of each fenced block; a mark is ("file" or "console", its text)."""
    mark, language, lines, start = ("", ""), None, [], 0
    for number, row in enumerate(page.read_text().split("\n"), 1):
        found = re.match(r"\s*```(\w*)$", row)
        if found and language is None:
            language, lines, start = found[1], [], number
        elif found:
            yield start, language, mark, lines
            language, mark = None, ("", "")
        elif language is not None:
            lines.append(row)
        elif row.strip():
            found = re.match(r"<!-- (file|console): (.+) -->$", row)
            mark = found.groups() if found else ("", "")


def commands(lines, start):
    """Yields (line number, command); a `\\` at a line's end goes on."""
    held, number = "", start
    for offset, row in enumerate(lines, 1):
        row = row.strip()
        if not held:
            number = start + offset
        if row.endswith("\\"):
            held += row[:-1]
        elif row and not row.startswith("#"):
            yield number, held + row
            held = ""


def not_run(page, command):
    """The first pattern that says so, or None."""
    return next((pattern for pattern, _ in NOT_RUN
                 if re.search(pattern, command) or re.search(pattern, f"{page.name}: {command}")), None)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


class Page:
    """Runs a page's blocks, in one folder."""

    def __init__(self, page):
        self.page, self.processes, self.board, self.count = page, [], None, 0
        self.ports = {port: free_port() for port in PORTS}

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-test-"))
        self.work, runtime = self.folder / "work", self.folder / "boards"
        self.cwd = self.work
        (self.work / "build").mkdir(parents=True)
        for folder in (runtime, self.folder / "programs"):
            folder.mkdir()
        for name in ("debug", "sdk", "tests"):
            (self.work / name).symlink_to(ROOT / name)
        (self.work / "quadlane").symlink_to(ROOT)
        for name in ("quadlane", "quadlane-board", "firmware", "sdk", "arm"):
            (self.work / "build" / name).symlink_to(ROOT / "build" / name)
        for name in ("build/hello.elf", "build/motor.elf", "firmware.elf"):
            shutil.copy(ROOT / "build/sdk/fast/fast.elf", self.work / name)
        shutil.copy(ROOT / "build/sdk/fast/fast.bin", self.work / "firmware.bin")
        (self.folder / "programs/JLinkGDBServerCLExe").symlink_to(ROOT / "tests/debug/jlink_double.py")
        self.environment = {**os.environ, "PATH": f"{self.folder}/programs:{ROOT}/build:{os.environ['PATH']}",
                            "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder), "QUADLANE_RUNTIME_DIR": str(runtime),
                            "QUADLANE_USB_DEVICES": str(runtime), "QUADLANE_STLINK": self.ports["7184"],
                            "DOUBLE_TARGET": self.ports["2345"], "DEBUGINFOD_URLS": ""}
        return self

    def __exit__(self, *_):
        for process in self.processes:
            self.end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def end(process):
        """With all that it started: each has a session of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def fail(self, number, command, what):
        raise AssertionError(f"{self.page.relative_to(ROOT)}:{number}: `{command}`: {what}")

    def here(self, command):
        for shown, port in self.ports.items():
            command = re.sub(rf"\b{shown}\b", port, command)
        for pattern, instead in PROBES:
            command = re.sub(pattern, instead, command)
        if "gdb-server" in command and "--listen" not in command:
            command = command.replace("gdb-server", f"gdb-server --listen {self.ports['3333']}", 1)
        ports = "telnet_port disabled; tcl_port disabled" + ("" if "gdb-server" in command else "; gdb_port disabled")
        command = re.sub(r"\bopenocd -f", f"openocd -c '{ports}' -f", command)
        return self.elsewhere(command)

    def elsewhere(self, text):
        return text.replace("/tmp/", f"{self.folder}/")

    def start(self, number, command, shown):
        log = open(self.folder / f"log{len(self.processes)}", "w+")
        process = subprocess.Popen(["sh", "-c", f"exec {command}"], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                                   cwd=self.cwd, env=self.environment, start_new_session=True)
        process.log = pathlib.Path(log.name)
        log.close()
        self.processes.append(process)
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self.fail(number, shown, f"ended with {process.returncode}: {process.log.read_text()}")
            time.sleep(0.02)
        return process

    def start_board(self, number, command, shown):
        if self.board is not None:
            self.end(self.board)
            self.processes.remove(self.board)
        control = re.search(r"--control unix:(\S+)", command)
        self.control_path = control[1] if control else str(self.folder / "control")
        if not control:
            command += f" --control unix:{self.control_path}"
        self.has_probe = "--stlink" in command or "--gdb" in command
        self.board = self.start(number, command, shown)

    def control(self, line):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(self.control_path)
                connection.sendall(line.encode() + b"\n")
                harness.check(connection.recv(100) == b"ok\n", line)
        except OSError as error:
            self.fail(0, line, f"{error}; the board said {self.board.log.read_text()[-2000:]}")

    def into_bootloader(self, with_probe):
        """The board as a user has it before a command; with the virtual probes, one of our own."""
        self.check_board()
        if self.board is None or self.board.poll() is not None or with_probe and not self.has_probe:
            self.start_board(0, f"quadlane-board --load {self.work}/{BOOTLOADER} --uart USART1=file:{self.folder}/uart "
                             f"--stlink {self.ports['7184']} --gdb {self.ports['2345']}", "a board")
        self.control("button down")
        self.control("reset")

    def run(self, number, shown):
        command = self.here(shown)
        self.count += 1
        if re.match(r"(\S*/)?quadlane-board ", command):
            self.start_board(number, command, shown)
            return
        words = re.search(r"(?:^|/|&& )(quadlane|gdb-multiarch|openocd|debugger_wrapper\.sh) ", command)
        if words:
            self.into_bootloader("quadlane " not in words[0] or re.match(r"\S*quadlane (install|gdb-server)", command))
        if STAYS.search(command) or re.match(r"openocd|quadlane install", command):
            self.stop_servers()  # one program has a probe
        if STAYS.search(command):
            self.start(number, command, shown)
            return
        if re.match(r"quadlane install", command):
            command += " --yes" + ("" if "--adapter" in command else " --adapter virtual")
        if command.startswith("gdb-multiarch"):
            command += " -batch"
        said = subprocess.run(["sh", "-c", f"{command}; status=$?; pwd >{self.folder}/pwd; exit $status"], cwd=self.cwd,
                              env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
        self.cwd = pathlib.Path((self.folder / "pwd").read_text().strip())
        if said.returncode != 0:
            self.fail(number, shown, f"ended with {said.returncode}: {said.stdout[-1500:]}{said.stderr[-1500:]}")

    def console(self):
        """What the program printed, wherever the page's board has its console."""
        uart = self.folder / "uart"
        return self.board.log.read_text() + (uart.read_text() if uart.exists() else "")

    def check_board(self):
        """A board that has ended has found a mistake."""
        if self.board is not None and self.board.poll() not in (None, 0):
            self.fail(0, "the board", self.board.log.read_text()[-2000:])

    def stop_servers(self):
        for process in [process for process in self.processes if process is not self.board]:
            self.end(process)
            self.processes.remove(process)

    def run_gdb(self, number, lines):
        script = self.folder / "commands"
        text = re.sub(r"^target extended-remote :\d+$", f"target extended-remote :{self.ports['3333']}", "\n".join(lines), flags=re.M)
        if "target " not in text:  # it is about the board itself, behind any probe
            self.into_bootloader(True)
            text = f"target extended-remote :{self.ports['2345']}\n{text}"
        if "break" not in text:  # nothing would end GDB's wait
            text = text.replace("\ncontinue", "")
        script.write_text(text + "\ndetach\n")
        self.count += 1
        said = subprocess.run(["gdb-multiarch", "-nx", "-batch", "-x", script, self.work / "build/motor.elf"], cwd=self.cwd,
                              env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
        log = self.processes[-1].log.read_text()
        if said.returncode != 0 or "rror" in said.stderr:
            self.fail(number, "gdb", f"{said.returncode}: {said.stdout[-1500:]}{said.stderr[-1500:]}\n{log}")
        if "tbreak main" in lines and "main ()" not in said.stdout:
            self.fail(number, "gdb", f"not at main: {said.stdout}{said.stderr}\n{log}")

    def run_all(self):
        for number, language, (mark, text), lines in blocks(self.page):
            if mark == "file":
                path = self.work / text
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.elsewhere("\n".join(lines) + "\n"))
            elif language == "sh":
                for at, command in commands(lines, number):
                    if not not_run(self.page, command):
                        self.run(at, command)
                if mark == "console":
                    harness.wait_for(lambda words=text: words in self.console(), 20, f"{text!r} on the console")
            elif language == "gdb":
                self.run_gdb(number, lines)
        self.check_board()


def understood(command):
    """Does the tool know verb and options? Nothing is done: `--help` ends it before."""
    words = shlex.split(command.removeprefix("$ ").split("&&")[0].split("|")[0].split(";")[0], comments=True)
    at = words.index("--") if "--" in words else len(words)
    words = [*words[:at], "--help", *words[at:]]
    program = ROOT / "build" / words[0].rpartition("/")[2]
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        return subprocess.run([program, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=20,
                              env={**os.environ, "HOME": folder, "XDG_CONFIG_HOME": folder, "QUADLANE_RUNTIME_DIR": folder})


def test_pages():
    """the commands in the pages' sh and gdb blocks run, in their order"""
    harness.check(PAGES, "no pages")
    def run(page):
        with Page(page) as running:
            try:
                running.run_all()
            except (AssertionError, subprocess.TimeoutExpired) as error:
                return 0, str(error)
            return running.count, None

    with concurrent.futures.ThreadPoolExecutor(3) as pool:  # they wait, mostly
        results = list(pool.map(run, PAGES))
    failed = [error for _, error in results if error]
    count = sum(number for number, _ in results)
    harness.check(not failed, "\n".join(failed))
    harness.check(count > 40, f"only {count} commands were run")


def test_languages():
    """each code block says what it is, and no command stands in one that is not run"""
    wrong = []
    for page in PAGES:
        name = page.relative_to(ROOT)
        for number, language, _, lines in blocks(page):
            if language not in LANGUAGES:
                wrong.append(f"{name}:{number}: the block's language is \"{language}\", not one of {sorted(LANGUAGES)}")
            for at, line in enumerate(lines, number + 1):
                if language == "text" and (COMMAND.match(line) or line.startswith("$ ") and not not_run(page, line)):
                    wrong.append(f"{name}:{at}: a command in a block that is not run")
        inside = False
        for number, row in enumerate(page.read_text().split("\n"), 1):
            inside ^= row.strip().startswith("```")
            if not inside and re.match(r"    ", row) and COMMAND.match(re.sub(r"^(\$ )?(build/)?", "", row.strip())):
                wrong.append(f"{name}:{number}: a command in an indented block: make it a fenced one")
    harness.check(not wrong, "\n".join(wrong))


def test_not_run():
    """what is not run is a command that the tool would take, and each reason is needed"""
    needed, wrong = set(), []
    for page in PAGES:
        for number, language, _, lines in blocks(page):
            if language not in ("sh", "text"):
                continue
            for at, command in commands(lines, number):
                if language == "text" and not command.startswith("$ "):
                    continue
                pattern = not_run(page, command)
                needed.add(pattern)
                if pattern and re.match(r"(\$ )?(\S*/)?quadlane(-board)? ", command):
                    said = understood(command)
                    if said.returncode != 0:
                        wrong.append(f"{page.relative_to(ROOT)}:{at}: {command}: {said.stderr}")
    harness.check(not wrong, "\n".join(wrong))
    unneeded = [pattern for pattern, _ in NOT_RUN if pattern not in needed]
    harness.check(not unneeded, f"no command needs {unneeded}")


def test_running_text():
    """each `quadlane ...` and `quadlane-board ...` in the running text is a command that the tool would take"""
    wrong, count = [], 0
    for page in [*PAGES, ROOT / "DESIGN.md"]:
        text = re.sub(r"^\s*```.*?^\s*```$", lambda found: "\n" * found[0].count("\n"), page.read_text(), flags=re.M | re.S)
        for number, row in enumerate(text.split("\n"), 1):
            for command in re.findall(r"(?<!`)`((?:build/)?quadlane(?:-board)? [^`]+)`(?!`)", row):
                if re.search(r"\.\.\.|VERB|\bverb\b|<|…", command):
                    continue
                count += 1
                concrete = re.sub(r"\bSECONDS\b|\bNUMBER\b(?! )|\bN\b", "5", command.replace("\\|", "|").split(" | ")[0])
                concrete = re.sub(r"\[[^]]*\]", "", concrete)
                said = understood(re.sub(r"\bADDRESS\b|\bLENGTH\b", "0x90100000", concrete))
                if said.returncode != 0:
                    wrong.append(f"{page.relative_to(ROOT)}:{number}: `{command}`: {said.stderr.strip()}")
    harness.check(count > 60 and not wrong, f"of {count}:\n" + "\n".join(wrong))


if __name__ == "__main__":
    harness.run_tests(dict(globals()))
