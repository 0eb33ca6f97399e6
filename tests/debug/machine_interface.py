"""GDB as an IDE drives it: commands of its machine interface (mi2), one answer each, and stops.

Written from GDB's manual, chapter "The GDB/MI Interface".

SPDX-License-Identifier: MIT
"""
import queue
import re
import subprocess
import threading
import time

from probes import ROOT, check


class MachineInterface:
    """A running gdb-multiarch; use it in a `with`."""

    def __init__(self, *arguments, folder=ROOT):
        self.process = subprocess.Popen(["gdb-multiarch", *map(str, arguments)], text=True, cwd=folder,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=1)
        self.lines = queue.Queue()
        self.said = []  # everything, for messages
        self.token = 0
        self.stops = 0
        threading.Thread(target=self.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            print("# GDB said:", *self.said[-60:], sep="\n#   ")
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line_until(self, deadline):
        try:
            line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty as error:
            raise AssertionError("GDB says no more; last:\n" + "\n".join(self.said[-30:])) from error
        check(line is not None, "GDB ended; last:\n" + "\n".join(self.said[-30:]))
        self.said.append(line)
        if line.startswith("*stopped"):
            self.stops += 1
            self.stop_line = line
        return line

    def send(self, command):
        """Sends only; returns the token."""
        self.token += 1
        self.said.append(f"> {self.token}{command}")
        self.process.stdin.write(f"{self.token}{command}\n")
        self.process.stdin.flush()
        return self.token

    def ask(self, command, limit_s=60, result=("done", "running", "connected", "exit")):
        """Sends a command and waits for its result record, which must be none of an error."""
        token = self.send(command)
        deadline = time.monotonic() + limit_s
        while True:
            line = self.line_until(deadline)
            match = re.match(rf"{token}\^(\w+)(.*)", line)
            if match:
                check(match.group(1) in result, f"{command!r} was answered {line!r}")
                return match.group(2)

    def ask_all(self, commands):
        return [self.ask(command) for command in commands]

    def wait_stop(self, count, limit_s=60):
        """Waits for the `count`th stop since the start; returns its record."""
        deadline = time.monotonic() + limit_s
        while self.stops < count:
            self.line_until(deadline)
        return self.stop_line

    def console(self):
        """What GDB's console showed."""
        text = "".join(line[2:-1] for line in self.said if line[:2] in ('~"', '@"', '&"'))
        return text.replace('\\n', "\n").replace('\\"', '"')
