"""A host of the PX4 and ArduPilot bootloader protocol, written from a description of it: what their uploaders do, byte
for byte, over a serial port.

`port` has write(bytes), read(count, timeout_s), sleep(seconds), and now_s. Run by itself it is a small uploader on a
lockstep cable: px4.py SOCKET FILE.

SPDX-License-Identifier: MIT
"""
import struct
import sys

(GET_SYNC, GET_DEVICE, CHIP_ERASE, PROG_MULTI, READ_MULTI, GET_CRC, GET_OTP, GET_SN, GET_CHIP, SET_DELAY, GET_CHIP_DES,
 GET_VERSION, BOOT, DEBUG, SET_BAUD, EXTF_ERASE, EXTF_PROG_MULTI, EXTF_READ_MULTI, EXTF_GET_CRC, CHIP_FULL_ERASE) = (
     0x21, 0x22, 0x23, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x33, 0x34, 0x35, 0x36, 0x37,
     0x40)
BL_REV, BOARD_ID, BOARD_REV, FW_SIZE, VECTORS, EXTF_SIZE = range(1, 7)
EOC = b"\x20"
GOOD, FAILED, INVALID = b"\x12\x10", b"\x12\x11", b"\x12\x13"
CHUNK = 252


class Refused(Exception):
    """`12` and something other than `10`; or nothing."""

    def __init__(self, answer):
        super().__init__(answer.hex() or "no answer")
        self.answer = answer


def crc(data, state=0):
    """CRC-32, reflected EDB88320, begin 0, no inversion at the end."""
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0xEDB88320 if state & 1 else 0)
    return state


def _table():
    return [crc(bytes([number])) for number in range(256)]


TABLE = _table()


def fast_crc(data, state=0):
    for byte in data:
        state = state >> 8 ^ TABLE[(state ^ byte) & 255]
    return state


def padded_crc(data, size):
    """Over `data` and FF up to `size`."""
    state = fast_crc(data)
    left = size - len(data)
    for _ in range(left):
        state = state >> 8 ^ TABLE[~state & 255]
    return state


class Uploader:
    def __init__(self, port):
        self.port = port

    def send(self, *parts):
        for part in parts:
            self.port.write(bytes(part))

    def status(self, timeout_s=2.0):
        answer = self.port.read(2, timeout_s)
        if answer != GOOD:
            raise Refused(answer)

    def command(self, opcode, data=b"", count=0, timeout_s=2.0):
        """Sends a command; returns the `count` bytes before its `12 10`."""
        self.send(bytes([opcode]) + data + EOC)
        answer = b""
        if count:
            answer = self.port.read(count, timeout_s)
            if len(answer) < count:
                raise Refused(answer)
        self.status(timeout_s)
        return answer

    def sync(self):
        self.command(GET_SYNC)

    def word(self, opcode, data=b"", timeout_s=2.0):
        return struct.unpack("<I", self.command(opcode, data, 4, timeout_s))[0]

    def device(self, what):
        return self.word(GET_DEVICE, bytes([what]))

    def text(self, opcode):
        self.send(bytes([opcode]) + EOC)
        size, = struct.unpack("<I", self.port.read(4, 2.0))
        answer = self.port.read(size, 2.0)
        self.status()
        return answer.decode()

    def identify(self, everything=False):
        """As ArduPilot's uploader; `everything`: also what the newer one of PX4 and the older ones ask."""
        self.sync()
        self.revision = self.device(BL_REV)
        self.external_size = self.device(EXTF_SIZE)
        self.board_id, self.board_revision, self.size = (self.device(what) for what in (BOARD_ID, BOARD_REV, FW_SIZE))
        if everything:
            self.version = self.text(GET_VERSION)
            self.otp = b"".join(self.command(GET_OTP, struct.pack("<I", at), 4) for at in range(0, 192, 4))
            self.serial = [self.word(GET_SN, struct.pack("<I", at)) for at in (0, 4, 8)]
            self.chip = self.word(GET_CHIP)
            self.chip_name = self.text(GET_CHIP_DES)

    def identify_as_qgc(self):
        self.sync()
        self.revision, self.board_id, self.size = (self.device(what) for what in (BL_REV, BOARD_ID, FW_SIZE))

    def erase(self, opcode=CHIP_ERASE, timeout_s=20.0):
        self.command(opcode, timeout_s=timeout_s)

    def program(self, data, opcode=PROG_MULTI, chunk=CHUNK, timeout_s=2.0):
        """As four writes each."""
        for at in range(0, len(data), chunk):
            part = data[at:at + chunk]
            self.send([opcode], [len(part)], part, EOC)
            self.status(timeout_s)

    def external_erase(self, length, limit_s=2.0):
        """The percents told."""
        self.command(EXTF_ERASE, struct.pack("<I", length))
        percents = []
        while not percents or percents[-1] < 90:
            byte = self.port.read(1, limit_s)
            if not byte:
                raise Refused(b"")
            percents.append(byte[0])
        last = b""
        while not last.endswith(GOOD):
            byte = self.port.read(1, limit_s)
            if not byte or last.endswith(FAILED):
                raise Refused(last)
            last += byte
        return percents + list(last[:-2])

    def boot(self, timeout_s=0.5):
        self.command(BOOT, timeout_s=timeout_s)

    def upload(self, data, chunk=CHUNK, boot=True):
        """As px_uploader.py and QGroundControl: the file padded to a multiple of 4 by zeros, the flash by FF."""
        self.erase()
        self.upload_rest(data, chunk, boot)

    def upload_rest(self, data, chunk=CHUNK, boot=True):
        """What comes behind the erase."""
        data += bytes(-len(data) % 4)
        self.program(data, chunk=chunk)
        found = self.word(GET_CRC, timeout_s=1.0)
        if found != padded_crc(data, self.size):
            raise AssertionError(f"CRC {found:#x}")
        if boot:
            self.boot()

    def external_upload(self, data, boot=True):
        """As ArduPilot's uploader.py: padded by 255 zeros until the length is a multiple of 4."""
        padded = data
        while len(padded) % 4:
            padded += bytes(0xFF)
        self.percents = self.external_erase(len(data))
        self.program(padded, EXTF_PROG_MULTI)
        found = self.word(EXTF_GET_CRC, struct.pack("<I", len(data)), timeout_s=10)
        if found != fast_crc(data):
            raise AssertionError(f"CRC {found:#x}")
        if boot:
            self.boot()


class LinePort:
    """The serial port over a lockstep Line (client.py)."""

    def __init__(self, line):
        self.line = line

    @property
    def now_s(self):
        return self.line.now_ns / 1e9

    def write(self, data):
        self.line.write(data)

    def read(self, count, timeout_s):
        end_ns = self.line.now_ns + int(timeout_s * 1e9)
        while len(self.line.held) < count and self.line.now_ns < end_ns:
            self.line.held += self.line.run(end_ns - self.line.now_ns)
        data, self.line.held = self.line.held[:count], self.line.held[count:]
        return data

    def sleep(self, seconds):
        end_ns = self.line.now_ns + int(seconds * 1e9)
        while self.line.now_ns < end_ns:
            self.line.held += self.line.run(end_ns - self.line.now_ns)


def main():
    from client import Line
    line = Line(sys.argv[1].removeprefix("lockstep:"))
    line.run(0)  # it may be there already
    if not line.link:
        line.wait_link()
    uploader = Uploader(LinePort(line))
    with open(sys.argv[2], "rb") as file:
        data = file.read()
    uploader.identify()
    if "--external" in sys.argv:
        uploader.external_upload(data)
    else:
        uploader.upload(data)


if __name__ == "__main__":
    main()
