#!/usr/bin/env python3
"""A stand-in for SEGGER's JLinkGDBServerCLExe, for tests: it takes the server's options, prints what IDEs
wait for, and answers its monitor commands as its manual (UM08001, chapter "J-Link GDB Server")
says; all other packets go to the virtual board's own GDB server ($DOUBLE_TARGET, a port). It proves nothing
about SEGGER's program.

SPDX-License-Identifier: MIT
"""
import os
import select
import socket
import sys

TARGET = int(os.environ["DOUBLE_TARGET"])


def option(name, otherwise):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else otherwise


def packet(text):
    return b"$" + text + b"#%02x" % (sum(text) & 0xFF)


def monitor(command):
    """What goes to the board's server instead; None: it is answered here."""
    word = command.split(" ")[0].lower()
    if word == "reset":
        return b"reset halt"  # J-Link halts the core with every reset type for Cortex-M
    return {"halt": b"halt", "go": b"go"}.get(word)


class Session:
    def __init__(self, debugger):
        self.debugger, self.target = debugger, socket.create_connection(("127.0.0.1", TARGET))
        for side in (self.debugger, self.target):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def from_debugger(self, data):
        start, end = data.find(b"$qRcmd,"), data.find(b"#")
        if start < 0 or end < start:
            self.target.sendall(data)
            return
        command = bytes.fromhex(data[start + 7:end].decode())
        print(f"Received monitor command: {command.decode()}", flush=True)
        instead = monitor(command.decode())
        if instead is not None:
            self.target.sendall(packet(b"qRcmd," + instead.hex().encode()))
        else:
            self.debugger.sendall(packet(b"O" + b"done\n".hex().encode()) + packet(b"OK"))

    def serve(self):
        while True:
            for side in select.select([self.debugger, self.target], [], [])[0]:
                data = side.recv(1 << 20)
                if not data:
                    return
                if side is self.target:
                    self.debugger.sendall(data)
                else:
                    self.from_debugger(data)


def main():
    print("SEGGER J-Link GDB Server (a stand-in for tests)\n\n-----GDB Server start settings-----", flush=True)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(option("-port", 2331))))
    listener.listen()
    print("Connected to target\nWaiting for GDB connection...", flush=True)
    while True:
        session = Session(listener.accept()[0])
        print("Connected to 127.0.0.1", flush=True)
        try:
            session.serve()
        except OSError:
            pass
        session.debugger.close()
        session.target.close()
        if "-singlerun" in sys.argv:
            return 0


if __name__ == "__main__":
    sys.exit(main())
