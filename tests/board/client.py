"""A small host written from SPEC.md: frames, requests, streams; over the lockstep cable, in virtual time.

SPDX-License-Identifier: MIT
"""
import hashlib
import pathlib
import socket
import struct
import zlib

from harness import check

BASE, SIZE, PROGRAM = 0x90000000, 16 << 20, 0x90100000
HELLO, INFO, STATUS, READ, HASH, SECTORS, BOOT, RESET = range(1, 9)
UNLOCK, BEGIN, END, ABORT, SETTINGS = 0x09, 0x10, 0x11, 0x12, 0x13
RAM_WRITE, RAM_RUN = 0x14, 0x15
PROTECT, REPLACE = 0x16, 0x17
ERASE, WRITE = 0x40, 0x41
PROGRESS = 0xC0
(OK, UNKNOWN_COMMAND, BAD_REQUEST, VERSION, BUSY, OUT_OF_RANGE, RESERVED, ALIGNMENT, BAD_STACK, BAD_ENTRY,
 BLANK, NO_UPDATE, CHIP_ABSENT, PROTECTED, ERASE_FAILED, PROGRAM_FAILED, VERIFY, INCOMPLETE, CHIP_ERROR,
 NOT_ALLOWED) = range(20)
NONE, OPEN, VERIFYING, COMPLETE, FAILED, CLOSED = range(6)
# Requests with the lengths of their payloads; STAGE takes several.
REQUESTS = {HELLO: 8, INFO: 0, STATUS: 0, READ: 8, HASH: 8, SECTORS: 8, BOOT: 8, RESET: 4, BEGIN: 60,
            END: 8, ABORT: 4, UNLOCK: 84, RAM_RUN: 104, PROTECT: 8, REPLACE: 40}


def stuff(body):
    """COBS; without the empty group that the textbook's encoder puts behind a full last one."""
    out, parts = b"", body.split(b"\0")
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        while len(part) > 254 or (len(part) == 254 and not last):
            out, part = out + b"\xff" + part[:254], part[254:]
        out += bytes([len(part) + 1]) + part
    return out


def unstuff(line):
    out, at = b"", 0
    while at < len(line):
        code = line[at]
        check(code > 0 and at + code <= len(line), f"the board's stuffing is wrong: {line.hex()}")
        out += line[at + 1:at + code]
        at += code
        if code < 255 and at < len(line):
            out += b"\0"
    return out


def body(kind, tag=0, payload=b"", flags=0, length=None, reserved=0, crc=None):
    text = struct.pack("<BBHHH", kind, flags, tag, len(payload) if length is None else length, reserved)
    text += payload
    return text + struct.pack("<I", zlib.crc32(text) if crc is None else crc)


def frame(kind, tag=0, payload=b"", **wrong):
    return stuff(body(kind, tag, payload, **wrong)) + b"\0"


def split(text):
    """Kind, tag and payload of a received body."""
    kind, flags, tag, length, reserved = struct.unpack_from("<BBHHH", text)
    check(flags == 0 and reserved == 0 and length == len(text) - 12, f"the board's header: {text.hex()}")
    check(struct.unpack("<I", text[-4:])[0] == zlib.crc32(text[:-4]), f"the board's CRC: {text.hex()}")
    return kind, tag, text[8:-4]


class Progress:
    def __init__(self, record):
        (self.id, self.state, zero, self.status, self.detail, self.taken, self.executed, self.faults,
         self.erased, self.programmed, self.skipped, self.address) = struct.unpack("<IBBHIIIIIIII", record)
        check(zero == 0, "a byte of the progress record")


class Line:
    """The lockstep cable (SPEC.md section 10). The board's time stands still but for `read`."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(60)
        self.connection.connect(str(path))
        self.now_ns = self.link = 0
        self.flushed = True
        self.held = b""
        self.send(b"O")

    def close(self):
        self.connection.close()

    def send(self, operation, data=b""):
        self.connection.sendall(struct.pack("<cxxxI", operation, len(data)) + data)

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.connection.recv(size - len(data))
            check(part, "the board closed the lockstep cable")
            data += part
        return data

    def write(self, data):
        for at in range(0, len(data), 1 << 16):
            self.send(b"W", data[at:at + (1 << 16)])

    def run(self, limit_ns):
        """Lets the board run; returns what came in."""
        self.send(b"R", struct.pack("<Q", limit_ns))
        self.link, self.flushed, zero, size, self.now_ns = struct.unpack("<BBHIQ", self.receive(16))
        check(zero == 0, "two bytes of the lockstep answer")
        return self.receive(size)

    def control(self, kind, request, value, index, data=b"", length=0):
        """A control transfer: ("ok" or what went wrong, the device's bytes)."""
        self.send(b"X", struct.pack("<BBHHH", kind, request, value, index, length or len(data)) + data)
        self.link, result, zero, size, self.now_ns = struct.unpack("<BBHIQ", self.receive(16))
        check(zero == 0, "two bytes of the lockstep answer")
        return ("ok", "stall", "no answer", "time-out")[result], self.receive(size)

    def run_until(self, condition, limit_ms, what):
        end_ns = self.now_ns + limit_ms * 1_000_000
        while not condition():
            check(self.now_ns < end_ns, f"{what} did not come within {limit_ms} ms of virtual time")
            self.held += self.run(end_ns - self.now_ns)

    def wait_link(self, up=True, limit_ms=3000):
        self.run_until(lambda: self.link == up, limit_ms, "the device" if up else "the device's end")

    def drain(self, limit_ms=2000):
        """Until the device has taken everything; what it says meanwhile is kept."""
        end_ns = self.now_ns + limit_ms * 1_000_000
        while True:
            self.held += self.run(1_000_000)
            if self.flushed:
                return
            check(self.now_ns < end_ns, "the device does not take what is sent")


class Client:
    def __init__(self, line):
        self.line = line
        self.tag = 0x100
        self.progress = []  # the records of all PROGRESS events so far

    def frames(self):
        """Whole frames that have come in: (kind, tag, payload)."""
        *lines, self.line.held = self.line.held.split(b"\0")
        found = []
        for text in filter(None, lines):
            kind, tag, payload = split(unstuff(text))
            if kind == PROGRESS:
                check(tag == 0 and len(payload) == 40, "PROGRESS")
                self.progress.append(Progress(payload))
            else:
                found.append((kind, tag, payload))
        return found

    def run(self, milliseconds):
        """Lets time pass; returns answers that came."""
        found, end_ns = [], self.line.now_ns + milliseconds * 1_000_000
        while self.line.now_ns < end_ns:
            self.line.held += self.line.run(end_ns - self.line.now_ns)
            found += self.frames()
        return found

    def receive(self, limit_ms=3000):
        """The next frame that is not PROGRESS."""
        end_ns = self.line.now_ns + limit_ms * 1_000_000
        while True:
            found = self.frames()
            if found:
                check(len(found) == 1, f"more than one answer: {found}")
                return found[0]
            check(self.line.now_ns < end_ns, f"no answer within {limit_ms} ms of virtual time")
            self.line.held += self.line.run(end_ns - self.line.now_ns)

    def send(self, kind, payload=b"", tag=None):
        if tag is None:
            self.tag = tag = self.tag + 1
        self.line.write(frame(kind, tag, payload))
        return tag

    def request(self, kind, payload=b"", limit_ms=3000):
        """Returns status, detail, content."""
        tag = self.send(kind, payload)
        got, got_tag, answer = self.receive(limit_ms)
        check(got == kind | 0x80, f"answer of kind {got:#x} to a request of kind {kind:#x}")
        check(got_tag == tag, f"answer with tag {got_tag:#x} to {tag:#x}")
        status, zero, detail = struct.unpack_from("<HHI", answer)
        check(zero == 0, "two bytes of the answer")
        return status, detail, answer[8:]

    def ask(self, kind, *words):
        """Status and detail of a request whose payload is words; its content must be empty unless OK."""
        status, detail, content = self.request(kind, struct.pack(f"<{len(words)}I", *words))
        check(status in (OK, VERIFY) or not content, f"content with status {status}")
        return status, detail

    def get(self, kind, *words, limit_ms=3000):
        """The content of an answer that must be OK."""
        status, detail, content = self.request(kind, struct.pack(f"<{len(words)}I", *words), limit_ms)
        check(status == OK, f"status {status}, detail {detail:#x}")
        return content

    def hello(self):
        """(version, payload_max, window, capabilities, session, uid)."""
        content = self.get(HELLO, 1 | 1 << 16, 0)
        check(len(content) == 32 and content[-4:] == bytes(4), "HELLO's content")
        return (*struct.unpack_from("<HHIII", content), content[16:28])

    def info(self):
        """Tag -> value."""
        content, items = self.get(INFO), {}
        while content:
            items[content[0]] = content[2:2 + content[1]]
            check(len(items[content[0]]) == content[1], "INFO's last item")
            content = content[2 + content[1]:]
        return items

    def status(self):
        return Progress(self.get(STATUS))

    def begin(self, run, address=PROGRAM, number=0x600D, program=False, **changed):
        """Status and detail of BEGIN. `changed` replaces fields: length, flags, digest, stack, entry, zero."""
        fields = {"length": len(run), "flags": int(program), "digest": hashlib.sha256(run).digest(),
                  "stack": 0, "entry": 0, "zero": 0}
        if program:
            fields["stack"], fields["entry"] = struct.unpack_from("<II", run)
        fields.update(changed)
        payload = struct.pack("<IIII32sIII", number, address, fields["length"], fields["flags"],
                              fields["digest"], fields["stack"], fields["entry"], fields["zero"])
        status, detail, content = self.request(BEGIN, payload)
        if status == OK:
            self.progress.append(Progress(content))
        return status, detail

    def erase(self, sequence, address, size, number=0x600D):
        self.line.write(frame(ERASE, 0, struct.pack("<IIII", number, sequence, address, size)))

    def write(self, sequence, address, data, number=0x600D, length=None):
        length = len(data) if length is None else length
        self.line.write(frame(WRITE, 0, struct.pack("<IIII", number, sequence, address, length) + data))

    def end(self, count, number=0x600D):
        """Status, detail and content of END."""
        return self.request(END, struct.pack("<II", number, count), 20000)

    def update(self, run, address=PROGRAM, number=0x600D, program=False):
        """A whole update of a run that is short enough for the window."""
        check(self.begin(run, address, number, program) == (OK, 0), "BEGIN")
        padded = run + b"\xff" * (-len(run) % 4096)
        count = 0
        for at in range(0, len(padded), 4096):
            self.erase(count, address + at, 4096, number)
            self.write(count + 1, address + at, padded[at:at + 4096], number)
            count += 2
        return self.end(count, number)


def read_vectors(path):
    """Name -> bytes of tests/vectors/frames.txt."""
    vectors = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, text = line.partition(":")
            vectors[name] = bytes.fromhex(text)
    return vectors
