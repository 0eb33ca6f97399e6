"""A small board on a socket, for tests of the tool that need one with a certain fault. From SPEC.md.

SPDX-License-Identifier: MIT
"""
import hashlib
import os
import pathlib
import socket
import struct
import threading
import time
import tty
import zlib

BASE = 0x90000000
SIZE = 16 << 20
HELLO, INFO, STATUS, READ, HASH, SECTORS, BOOT, RESET = range(1, 9)
BEGIN, END, ABORT, ERASE, WRITE = 0x10, 0x11, 0x12, 0x40, 0x41


def stuff(body):
    """A full group at the end is followed by an empty one; SPEC.md allows the receiver no complaint."""
    out = b""
    for part in body.split(b"\0"):
        while len(part) >= 254:
            out, part = out + b"\xff" + part[:254], part[254:]
        out += bytes([len(part) + 1]) + part
    return out + b"\0"


def unstuff(line):
    out, at = b"", 0
    while at < len(line):
        code = line[at]
        out += line[at + 1:at + code]
        at += code
        if code < 255 and at < len(line):
            out += b"\0"
    return out


class FakeBoard:
    """mode: board, silent, nonsense, hang-up, other-version, no-chip, frozen (executes nothing)."""

    def __init__(self, path, mode="board", uid=(1, 2, 3), vanish_at=None, blank_verdict=False):
        self.path, self.mode, self.uid = pathlib.Path(path), mode, uid
        self.vanish_at = vanish_at  # a kind: the board is gone for good when it comes
        self.blank_verdict = blank_verdict
        self.kinds = []
        self.chip = bytearray(b"\xff" * SIZE)
        self.update = None
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(5)
        self.stopped = False
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if not self.stopped:
            self.stopped = True
            self.server.shutdown(socket.SHUT_RDWR)
            self.server.close()
            self.path.unlink(missing_ok=True)

    def serve(self):
        while not self.stopped:
            try:
                line, _ = self.server.accept()
            except OSError:
                return
            if self.mode == "hang-up":
                line.close()
                continue
            try:
                self.talk(line.recv, line.sendall)
            except OSError:
                pass
            line.close()

    def talk(self, receive, send):
        held = b""
        while not self.stopped:
            data = receive(65536)
            if not data:
                return
            if self.mode == "nonsense":
                send(b"Unknown command, type `help`\r\n" * len(data))
            if self.mode in ("nonsense", "silent"):
                continue
            *lines, held = (held + data).split(b"\0")
            for line in lines:
                body = unstuff(line)
                if len(body) < 12 or zlib.crc32(body[:-4]) != struct.unpack("<I", body[-4:])[0]:
                    continue
                self.kinds.append(body[0])
                if body[0] == self.vanish_at:
                    self.stop()
                    return
                self.take(body[0], struct.unpack_from("<H", body, 2)[0], body[8:-4], send)

    @staticmethod
    def frame(kind, tag, payload):
        body = struct.pack("<BBHHH", kind, 0, tag, len(payload), 0) + payload
        return stuff(body + struct.pack("<I", zlib.crc32(body)))

    def progress(self):
        if not self.update:
            return bytes(40)
        one = self.update
        return struct.pack("<IBBHIIIIIIII", one["id"], one["state"], 0, 0, 0, one["taken"], one["executed"], 0,
                           one["erased"], one["written"], 0, one["address"])

    def take(self, kind, tag, payload, send):
        if kind in (ERASE, WRITE):
            self.operate(kind, payload, send)
            return
        status, detail, content = self.answer(kind, payload)
        send(self.frame(kind | 0x80, tag, struct.pack("<HHI", status, 0, detail) + content))

    def operate(self, kind, payload, send):
        _, number, address, size = struct.unpack_from("<IIII", payload)
        one = self.update
        if not one or number != one["taken"]:
            return
        one["taken"] += 1
        if self.mode == "frozen":
            return
        at = address - BASE
        if kind == ERASE:
            self.chip[at:at + size] = b"\xff" * size
            one["erased"] += size
        else:
            self.chip[at:at + size] = bytes(a & b for a, b in zip(self.chip[at:at + size], payload[16:]))
            one["written"] += size
        one["executed"] += 1
        send(self.frame(0xC0, 0, self.progress()))

    def answer(self, kind, payload):
        if kind == HELLO:
            content = struct.pack("<HHIIIIIII", 1, 4112, 65536, 0x0F, 7, *self.uid, 0)
            return (3, 9, content) if self.mode == "other-version" else (0, 0, content)
        if kind == INFO:
            return 0, 0, self.info()
        if kind == STATUS:
            return 0, 0, self.progress()
        if kind == ABORT:
            if self.update:
                self.update["state"] = 5
            return 0, 0, self.progress()
        if kind in (BOOT, RESET):
            return (10, 0x90100000, b"") if kind == BOOT and self.blank_verdict else (0, 0, b"")
        if kind == BEGIN:
            number, address, length = struct.unpack_from("<III", payload)
            self.update = dict(id=number, state=1, taken=0, executed=0, erased=0, written=0, address=address,
                               length=length, hash=payload[16:48])
            return 0, 0, self.progress()
        if kind == END:
            return self.end()
        return self.read(kind, *struct.unpack("<II", payload))

    def end(self):
        one = self.update
        at = one["address"] - BASE
        digest = hashlib.sha256(self.chip[at:at + one["length"]]).digest()
        one["state"] = 3
        return (0, 0, digest) if digest == one["hash"] else (16, one["address"], digest)

    def read(self, kind, address, length):
        at = address - BASE
        if kind == READ:
            return 0, 0, bytes(self.chip[at:at + length])
        if kind == HASH:
            return 0, 0, hashlib.sha256(self.chip[at:at + length]).digest()
        return 0, 0, b"".join(hashlib.sha256(self.chip[at + 4096 * i:at + 4096 * i + 4096]).digest()[:16]
                              for i in range(length))

    def info(self):
        def item(tag, value):
            return bytes([tag, len(value)]) + value
        text = item(1, b"h750_w25q128") + item(2, b"0.1.0") + item(0x0A, bytes([5 if self.mode == "no-chip" else 1]))
        if self.mode == "no-chip":
            return text + item(3, b"\xff\xff\xff")
        verdict = (10, 0, BASE + 0x100000) if self.blank_verdict else (0, 0, 0)
        return text + item(3, b"\xef\x40\x18") + item(4, struct.pack("<I", SIZE)) + \
            item(6, struct.pack("<I", BASE)) + item(7, struct.pack("<II", BASE + 0x100000, BASE + SIZE)) + \
            item(8, struct.pack("<BBHBBHBBH", 12, 0, 45, 15, 0, 120, 16, 0, 150)) + \
            item(9, struct.pack("<HH", 256, 400)) + item(0x0B, struct.pack("<I", BASE + 0x100000)) + \
            item(0x0C, struct.pack("<HHI", *verdict)) + item(0x13, b"W25Q128JV")


class PtyBoard(FakeBoard):
    """The same behind a pseudo terminal; `name` is what the tool opens."""

    def __init__(self, path, **options):
        super().__init__(path, **options)
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.name = os.ttyname(self.slave)
        threading.Thread(target=self.serve_pty, daemon=True).start()

    def serve_pty(self):
        while not self.stopped:
            try:
                self.talk(lambda size: os.read(self.master, size), lambda data: os.write(self.master, data))
            except OSError:
                time.sleep(0.01)


class LockstepBoard(FakeBoard):
    """Speaks the lockstep cable's messages (SPEC.md section 10) in virtual time. The device is there from
    `ready_ns` on; with `flicker` it goes away once for 300 ms, at the first END."""

    def __init__(self, path, ready_ns=0, flicker=False, **options):
        self.now_ns, self.ready_ns, self.flicker = 0, ready_ns, flicker
        self.output, self.held, self.open = b"", b"", False
        super().__init__(path, **options)

    def receive_exactly(self, receive, size):
        data = b""
        while len(data) < size:
            part = receive(size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return data

    def configured(self):
        return self.now_ns >= self.ready_ns

    def talk(self, receive, send):
        while True:
            operation, size = struct.unpack("<cxxxI", self.receive_exactly(receive, 8))
            data = self.receive_exactly(receive, size)
            if operation in b"OC":
                self.open = operation == b"O"
            elif operation == b"W" and self.configured():
                self.take_bytes(data)
            elif operation == b"R":
                self.run(struct.unpack("<Q", data)[0])
                output, self.output = self.output, b""
                send(struct.pack("<BBHIQ", self.configured(), 1, 0, len(output), self.now_ns) + output)

    def run(self, limit_ns):
        if self.output:
            return
        end_ns = self.now_ns + limit_ns
        was = self.configured()
        self.now_ns = min(end_ns, self.ready_ns) if not was else end_ns

    def put(self, data):
        if self.open:
            self.output += data

    def take_bytes(self, data):
        *lines, self.held = (self.held + data).split(b"\0")
        for line in lines:
            body = unstuff(line)
            if len(body) < 12:
                continue
            self.kinds.append(body[0])
            if body[0] == END and self.flicker:
                self.flicker = False
                self.ready_ns = self.now_ns + 300_000_000
                self.output, self.held, self.open = b"", b"", False
                return
            self.take(body[0], struct.unpack_from("<H", body, 2)[0], body[8:-4], self.put)
