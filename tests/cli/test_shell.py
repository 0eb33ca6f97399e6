#!/usr/bin/env python3
"""Manual pages and completion: whole, well-formed, and working in a real bash and zsh. Prints TAP.

They come from the tables behind --help, which is what they are compared with.

SPDX-License-Identifier: MIT
"""
import contextlib
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
from harness import ROOT, TOOL, Board, check, check_equal, check_tool, run_tests, run_tool  # noqa: E402

PAGES = [ROOT / "build/share/quadlane.1", ROOT / "build/share/quadlane-board.1"]
SCRIPT = {shell: ROOT / f"build/share/completion.{shell}" for shell in ("bash", "zsh")}
PROMPT = "QL> "


def options_of(page):
    return re.findall(r"^  (--[a-z-]+)", page, re.M)


def verbs():
    return re.findall(r"^  ([a-z-]+) ", run_tool("--help").stdout.split("Verbs:")[1].split("\n\n")[0], re.M)


def rendered(page):
    """What `man` shows, in one line, without what breaks words up."""
    shown = subprocess.run(["man", "--warnings", "-l", page], capture_output=True, text=True, timeout=20,
                           env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MAN_KEEP_FORMATTING": "", "TERM": "dumb"})
    check_equal((shown.returncode, shown.stderr), (0, ""), f"man {page.name}")
    return shown.stdout


def test_pages():
    """quadlane(1) holds every verb, option and exit code, quadlane-board(1) its options; man and mandoc find no fault"""
    shown = rendered(PAGES[0])
    check(len(verbs()) > 20, verbs())
    for verb in verbs():
        section = re.search(rf"^   quadlane {verb}( .*)?\n((?:.*\n)*?)(?=^   \w|^\w)", shown, re.M)
        check(section, f"{verb} has no section")
        known = section[2] + shown.split("\nOPTIONS\n")[1]
        for option in options_of(run_tool(verb, "--help").stdout.split("\nOptions:\n")[1]):
            check(re.search(rf"^       {option}\b", known, re.M), f"{verb}: {option} is not in the page")
    for code, name in re.findall(r"^ +(\d+) ([a-z-]+) ", run_tool("--help").stdout.split("Exit codes:")[1], re.M):
        check(re.search(rf"^       {code} {name}\b", shown, re.M), f"exit code {code} is not in the page")
    said = subprocess.run([ROOT / "build/quadlane-board", "--help"], capture_output=True, text=True).stdout
    for option in options_of(said):
        check(re.search(rf"^       {option}\b", rendered(PAGES[1]), re.M), f"{option} is not in quadlane-board(1)")
    for page in PAGES:
        found = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True).stdout
        # A date would make each build another one.
        faults = [line for line in found.splitlines() if "missing date" not in line]
        check(not faults, f"{page.name}: {faults}")


class Shell:
    """An interactive shell on a terminal, with the tool's completion."""

    def __init__(self, shell, folder, environment):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            # A shell would shift a line that is wider than its terminal; paths of temporary files are long.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 50, 400, 0, 0))
            os.chdir(folder)
            os.environ.update(environment, PATH=f"{TOOL.parent}:{os.environ['PATH']}", TERM="dumb", HOME=str(folder),
                              PS1=PROMPT, ZDOTDIR=str(folder))
            os.execvp(shell, [shell, "-f", "-i"] if shell == "zsh" else [shell, "--norc", "--noprofile", "-i"])
        self.shown = ""
        if shell == "zsh":
            self.line("autoload -U compinit; compinit -u; unsetopt list_ambiguous; LISTMAX=1000; PS1='" + PROMPT + "'")
        else:
            self.line("bind 'set bell-style none'; bind 'set completion-query-items 0'; bind 'set page-completions off'; "
                      "bind 'set show-all-if-ambiguous on'; PS1='" + PROMPT + "'")
        self.line(f"source {SCRIPT[shell]}")
        self.ready()

    def wait(self, text, limit_s=10):
        deadline = time.monotonic() + limit_s
        while text not in self.shown:
            check(time.monotonic() < deadline, f"{text!r} is not in {self.shown!r}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")

    def ready(self):
        """Until the shell has done all that was typed, and edits a new line: what comes earlier is the terminal's."""
        self.shown = ""
        self.line("echo rea''dy")
        self.wait("ready")
        self.shown = self.shown.split("ready", 1)[1]
        self.wait(PROMPT)

    def line(self, text):
        os.write(self.terminal, text.encode() + b"\n")

    def completes(self, typed, *expected):
        """Types, presses Tab, and waits for each of these; then clears the line."""
        self.shown = ""
        os.write(self.terminal, typed.encode() + b"\t")
        for text in expected:
            self.wait(text)
        os.write(self.terminal, b"\x15")
        self.ready()

    def end(self):
        os.close(self.terminal)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGHUP)
        os.waitpid(self.process, 0)


def in_shell(shell):
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as name, Board() as board:
        folder = pathlib.Path(name)
        (folder / "firmware with a space.elf").write_bytes(b"")
        (folder / "here.sock").symlink_to(board.usb_path)
        (folder / "folder").mkdir()
        board.wait_device()
        started = Shell(shell, folder, {"QUADLANE_RUNTIME_DIR": name})
        try:
            started.completes("quadlane verif", "quadlane verify ")
            started.completes("quadlane update-b", "quadlane update-bootloader ")
            started.completes("quadlane flash --no-", "--no-boot ")
            started.completes("quadlane flash --w", "--wait", "--watch")
            started.completes("quadlane flash firm", r"firmware\ with\ a\ space.elf ")
            started.completes("quadlane flash --keys=firm", r"--keys=firmware\ with\ a\ space.elf ")
            started.completes("quadlane info --serial 003B", "003B002644415551454E414C ")
            started.completes("quadlane info --port unix:", f"{folder}/here.sock ")
            started.completes("quadlane install --board sp_", "sp_racing_h7_extreme ")
            started.completes("quadlane ide my.elf --adapter cm", "cmsis-dap ")
            started.completes("quadlane ide ecl", "eclipse ")
            started.completes("quadlane info --color=al", "--color=always ")
            started.completes("quadlane set win", "window ")
        finally:
            started.end()


def test_bash():
    """the Tab key in bash: verbs, options, values, files, boards that are there"""
    in_shell("bash")


def test_zsh():
    """the same in zsh"""
    in_shell("zsh")


def candidates(*words):
    result = run_tool("completion", "--", *words)
    check_tool(result)
    return [line.split("\t")[0] for line in result.stdout.splitlines()]


def test_candidates():
    """every verb and option is offered, every word that is offered as a value is one, and nonsense offers nothing"""
    check_equal([word for word in candidates("") if word[0] != "-"], verbs(), "verbs")
    for verb in verbs():
        listed = options_of(run_tool(verb, "--help").stdout.split("\nOptions:\n")[1])
        check_equal(candidates(verb, "--"), listed, f"options of {verb}")
    for words, help_of in [(("ide",), "ide"), (("keys",), "keys"), (("protect",), "protect"), (("completion",), "completion"),
                           (("gdb-server", "--kind"), "gdb-server"), (("install", "--via"), "install"),
                           (("info", "--color"), "info"), (("keys", "--allow"), "keys"), (("set",), "set")]:
        offered = [word for word in candidates(*words, "") if word[0] != ":"]
        page = run_tool(help_of, "--help").stdout
        check(len(offered) > 1, f"{words}: {offered}")
        for word in offered:
            check(word in page, f"{words}: {word} is not in the help page")
    check_equal(candidates("keys", "--allow", "read,w"), ["read,write"], "a list")
    for words in (["nosuchverb", ""], ["flash", "--nosuch="], ["nosuchverb", "--x"], ["info", "--color", "x"]):
        check_equal(candidates(*words), [], f"{words}")
    check_equal(candidates("gdb-server", "--", "openocd", "-f", ""), [":files"], "the server's arguments")
    check_equal(candidates("install", "--image", ""), [":files"], "files")
    check_equal(candidates("ide", "eclipse", "x.elf", "--folder", ""), [":folders"], "folders")


if __name__ == "__main__":
    run_tests(dict(globals()))
