"""What the tests of debugging share: the virtual board with its probes, stock OpenOCD and GDB.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import socket
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "board")]

from harness import (BOOTLOADER, CONSOLE, FAST, ROOT, Board, check, check_equal,  # noqa: E402
                     wait_for)

NO_PORTS = "gdb_port disabled; tcl_port disabled; telnet_port disabled"
BOARD_CONFIGURATION = ROOT / "debug/openocd/h750_w25q128.cfg"
# How OpenOCD reaches the board: %s is the port.
TRANSPORTS = {
    "dapdirect_swd": ("stlink", "adapter driver st-link; st-link vid_pid 0x0483 0x374f; "
                      "st-link backend tcp %s; transport select dapdirect_swd"),
    "hla_swd": ("stlink", "source [find interface/stlink.cfg]; hla_stlink_backend tcp %s; "
                "transport select hla_swd"),
    "jtag": ("jtag", "adapter driver remote_bitbang; remote_bitbang host 127.0.0.1; "
             "remote_bitbang port %s"),
}


class ProbedBoard(Board):
    """A board with `program` in its chip and with all its probes."""

    def __init__(self, *arguments, program=FAST, **settings):
        super().__init__("--stlink", "0", "--jtag", "0", "--gdb", "0", *arguments,
                         **({"usb": False, **settings}))
        if program:
            self.command[1:1] = ["--load", f"{pathlib.Path(program).with_suffix('.bin')}@0x90100000"]

    def __enter__(self):
        super().__enter__()
        wait_for(lambda: "--gdb is on" in self.output(), 10, "the debug ports")
        self.ports = dict(re.findall(r"--(\w+) is on 127\.0\.0\.1:(\d+)", self.output()))
        return self

    def openocd_arguments(self, transport, ports=NO_PORTS):
        port, configuration = TRANSPORTS[transport]
        arguments = ["openocd", "-c", configuration % self.ports[port], "-f", str(BOARD_CONFIGURATION)]
        if transport == "jtag":  # `adapter speed` has no meaning there
            arguments += ["-c", "stm32h7x.cpu0 configure -event reset-init { h750_chip_init }"]
        return arguments + ["-c", ports]

    def openocd(self, transport, *commands, limit_s=40):
        """Runs commands in one OpenOCD session; returns what each printed, in order."""
        script = "init\n" + "".join(
            f'if {{[catch {{{command}}} answer]}} {{ set answer "failed: $answer" }}\n'
            f'echo "#{number}# $answer\\n\\n"\n' for number, command in enumerate(commands))
        script += "shutdown\n"
        path = self.folder / "script.tcl"
        path.write_text(script)
        process = subprocess.run([*self.openocd_arguments(transport), "-f", str(path)],
                                 capture_output=True, text=True, timeout=limit_s, cwd=ROOT,
                                 stdin=subprocess.DEVNULL)
        text = process.stdout + process.stderr
        parts = re.split(r"#(\d+)# ", text)
        answers = {int(number): answer for number, answer in zip(parts[1::2], parts[2::2])}
        check(len(answers) == len(commands), f"OpenOCD stopped early:\n{text[-3000:]}")
        return [answers[number].split("\n\n")[0].strip() for number in range(len(commands))]

    def gdb(self, target, *commands, elf=FAST, limit_s=40):
        """Runs commands in one stock GDB; returns all that it said."""
        arguments = ["gdb-multiarch", "-q", "-nx", "-batch", str(elf)]
        for command in ["set confirm off", "set width 0", "set pagination off",
                        "set remotetimeout 20", f"target extended-remote {target}", *commands]:
            arguments += ["-ex", command]
        process = subprocess.run(arguments, capture_output=True, text=True, timeout=limit_s, cwd=ROOT,
                                 stdin=subprocess.DEVNULL)
        return process.stdout + process.stderr

    def gdb_target(self, transport, before=""):
        """What GDB connects to: the board itself, or an OpenOCD that GDB starts, which does `before` first."""
        if transport == "built-in":
            return f":{self.ports['gdb']}"
        command = self.openocd_arguments(transport, "gdb_port pipe; tcl_port disabled; "
                                         "telnet_port disabled")
        log = f"log_output {self.folder}/openocd.log"
        parts = [command[0], "-c", log, *command[1:], *(["-c", before] if before else [])]
        return "| " + " ".join(f"'{part}'" for part in parts)


class RemoteProtocol:
    """A bare client of GDB's remote protocol."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", int(port)), 10)
        self.socket.settimeout(10)
        self.buffer = b""

    def __enter__(self):
        check_equal(self.ask("QStartNoAckMode"), "OK", "QStartNoAckMode")
        self.socket.sendall(b"+")
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))

    def receive(self):
        while True:
            match = re.search(rb"\$([^#]*)#..", self.buffer)
            if match:
                self.buffer = self.buffer[match.end():]
                return match.group(1).decode("latin-1")
            part = self.socket.recv(65536)
            check(part, "the GDB server hung up")
            self.buffer += part

    def ask(self, text):
        self.send(text)
        return self.receive()

    def register(self, number, value=None):
        if value is not None:
            check_equal(self.ask(f"P{number:x}={value.to_bytes(4, 'little').hex()}"), "OK", "P")
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def write(self, address, data):
        check_equal(self.ask(f"M{address:x},{len(data):x}:{data.hex()}"), "OK", "M")

    def read(self, address, size):
        return bytes.fromhex(self.ask(f"m{address:x},{size:x}"))

    def put_code(self, address, *halfwords):
        self.write(address, b"".join(half.to_bytes(2, "little") for half in halfwords))
        self.register(15, address)
        self.register(16, 0x01000000)
