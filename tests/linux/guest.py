"""A Linux guest in QEMU's software emulation, for tests that need a real kernel as USB host.

Never KVM: what the machine offers under that name may not work, and these tests must run everywhere alike.

SPDX-License-Identifier: MIT
"""
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "build/linux"
BOOT_LIMIT_S = 120


class Guest:
    """Use it in a `with`. `files`: host path -> name in the guest. `redir`: socket of the virtual board."""

    def __init__(self, redir=None, files=(), network=False, memory_mb=384):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-linux-"))
        self.commands = self.folder / "commands"
        self.monitor_path = self.folder / "monitor"
        self.console = self.folder / "console"
        kernel = FOLDER / "vmlinux"
        self.arguments = [
            "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-machine", "pc", "-m", str(memory_mb),
            "-smp", "1", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", str(kernel if kernel.exists() else FOLDER / "vmlinuz"),
            "-initrd", str(self.folder / "initrd.gz"),
            "-append", "console=ttyS0 quiet panic=-1 nokaslr mitigations=off",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=commands,path={self.commands},server=on,wait=off",
            "-serial", "chardev:commands",
            "-qmp", f"unix:{self.monitor_path},server=on,wait=off",
            "-device", "qemu-xhci,id=xhci"]
        if redir:
            self.arguments += ["-chardev", f"socket,id=redir,path={redir},reconnect=1",
                               "-device", "usb-redir,id=board,bus=xhci.0,port=1,chardev=redir"]
        if network:
            self.arguments += ["-netdev", "user,id=net", "-device", "e1000,netdev=net,romfile="]
        self.files = dict(files)

    def __enter__(self):
        initrd = self.folder / "initrd.gz"
        shutil.copy(FOLDER / "initrd.gz", initrd)
        if self.files:
            append_files(initrd, self.files)
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        started = time.monotonic()
        try:
            self.connection = self.connect(self.commands, started)
            self.receive_line(started + BOOT_LIMIT_S - time.monotonic(), wanted="ready")
        except BaseException:
            self.print_console()
            self.__exit__(None, None, None)
            raise
        self.boot_s = time.monotonic() - started
        return self

    def connect(self, path, started):
        while True:
            connection = socket.socket(socket.AF_UNIX)
            if connection.connect_ex(str(path)) == 0:
                self.received = b""
                return connection
            connection.close()
            if self.process.poll() is not None or time.monotonic() - started > 20:
                self.log.seek(0)
                raise AssertionError(f"qemu does not start: {self.log.read()}")
            time.sleep(0.02)

    def receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise AssertionError("the guest does not answer")
        self.connection.settimeout(left)
        try:
            part = self.connection.recv(65536)
        except TimeoutError:
            raise AssertionError("the guest does not answer") from None
        if not part:
            raise AssertionError("the guest has ended")
        self.received += part

    def receive_line(self, limit_s, wanted=None):
        deadline = time.monotonic() + limit_s
        while True:
            while b"\n" not in self.received:
                self.receive(deadline)
            line, self.received = self.received.split(b"\n", 1)
            if wanted is None or line.decode(errors="replace").strip() == wanted:
                return line.decode()

    def start(self, command):
        """Sends a command whose answer is fetched later with `finish`."""
        self.connection.sendall(command.replace("\n", "; ").encode() + b"\n")

    def finish(self, limit_s=60):
        deadline = time.monotonic() + limit_s
        status, length = self.receive_line(limit_s).split()
        while len(self.received) < int(length):
            self.receive(deadline)
        output, self.received = self.received[:int(length)], self.received[int(length):]
        return int(status), output.decode(errors="replace")

    def run(self, command, limit_s=60):
        """Returns (status, output) of a shell command in the guest."""
        self.start(command)
        return self.finish(limit_s)

    def check(self, command, limit_s=60, status=0):
        """The same; it must end with `status`. Returns the output."""
        found, output = self.run(command, limit_s)
        if found != status:
            raise AssertionError(f"`{command}` ended with {found}, expected {status}; it said:\n{output}")
        return output

    def monitor(self, command):
        """A command of QEMU's monitor; what it says of it is an error."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.monitor_path))
            stream = connection.makefile("rw")
            said = ""
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": "human-monitor-command", "arguments": {"command-line": command}}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = {}
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
                said = answer.get("return", answer)
        if said:
            raise AssertionError(f"qemu: {command}: {said}")

    def print_console(self):
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        print("# the guest's console:", *text.splitlines()[-30:], sep="\n#   ")

    def __exit__(self, kind, error, trace):
        if isinstance(error, Exception):
            try:
                _, kernel = self.run("dmesg | tail -n 40", 10)
                print("# the guest's kernel:", *kernel.splitlines(), sep="\n#   ")
            except (AssertionError, OSError):
                self.print_console()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def append_files(initrd, files):
    """A second archive behind the first: the kernel unpacks one after the other."""
    import gzip
    import importlib.machinery
    import importlib.util
    loader = importlib.machinery.SourceFileLoader("build_guest", str(ROOT / "tests/linux/build_guest"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("build_guest", loader))
    loader.exec_module(module)
    archive = module.Archive()
    for path, name in files.items():
        archive.add(name, pathlib.Path(path).read_bytes())
    with open(initrd, "ab") as stream:
        stream.write(gzip.compress(archive.finish(), 1, mtime=0))
