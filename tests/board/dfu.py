"""A DFU host written from DFU 1.1, ST's UM0424 and AN3156: what a program like dfu-util does, over control transfers.

`transfer` is a function (bmRequestType, bRequest, wValue, wIndex, data, wLength) -> (result, bytes), `sleep` one that
lets milliseconds pass. Run by itself it is a small dfu-util on a lockstep cable: dfu.py SOCKET FILE [ADDRESS].

SPDX-License-Identifier: MIT
"""
import re
import struct
import sys

DETACH, DNLOAD, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT = range(7)
IDLE, SYNC, BUSY, DNLOAD_IDLE, MANIFEST_SYNC, MANIFEST, WAIT_RESET, UPLOAD_IDLE, ERROR = range(2, 11)
ANSWER_LIMIT_MS = 20


class DfuError(Exception):
    """The device says dfuERROR, or stalls; `status` is its bStatus."""

    def __init__(self, status, state, string=0):
        super().__init__(f"bStatus {status}, bState {state}, iString {string}")
        self.status, self.state, self.string = status, state, string


def layout_pages(text):
    """The pages of a memory layout, as UM0424 4.3.2 writes it: a list of (address, size)."""
    match = re.fullmatch(r"@([^/]*)/0x([0-9A-Fa-f]+)/(.*)", text)
    address, pages = int(match.group(2), 16), []
    for segment in match.group(3).split(","):
        count, size, unit, kind = re.fullmatch(r"(\d+)\*(\d+)([ BKM])([a-g])", segment).groups()
        size = int(size) * {" ": 1, "B": 1, "K": 1024, "M": 1 << 20}[unit]
        if kind != "g":
            raise ValueError(f"{segment}: not readable, erasable and writable")
        for _ in range(int(count)):
            pages.append((address, size))
            address += size
    return pages


class Dfu:
    def __init__(self, transfer, sleep, now_ms=None, interface=2, transfer_size=4096):
        self.transfer, self.sleep, self.now_ms = transfer, sleep, now_ms
        self.interface, self.transfer_size = interface, transfer_size
        self.slowest_ms = 0  # of all answers
        self.polls = []      # the poll times told

    def request(self, kind, request, value=0, data=b"", length=0):
        before = self.now_ms() if self.now_ms else 0
        result, answer = self.transfer(kind, request, value, self.interface, data, length)
        if self.now_ms:
            self.slowest_ms = max(self.slowest_ms, self.now_ms() - before)
        if result != "ok":
            raise DfuError(-1, result)
        return answer

    def descriptor(self, kind, index, length=255):
        result, answer = self.transfer(0x80, 6, kind << 8 | index, 0x0409 if kind == 3 else 0, b"", length)
        return answer if result == "ok" else None

    def string(self, index):
        return self.descriptor(3, index)[2:].decode("utf-16-le")

    def status(self):
        """bStatus, poll time in ms, bState, iString."""
        answer = self.request(0xA1, GETSTATUS, length=6)
        return answer[0], int.from_bytes(answer[1:4], "little"), answer[4], answer[5]

    def state(self):
        return self.request(0xA1, GETSTATE, length=1)[0]

    def settle(self, first_busy=False):
        """Polls as long as the device is busy; returns the state then."""
        while True:
            status, poll_ms, state, string = self.status()
            self.polls.append(poll_ms)
            if status:
                raise DfuError(status, state, string)
            if first_busy and state != BUSY:
                raise DfuError(status, state, string)
            first_busy = False
            if poll_ms:
                self.sleep(poll_ms)
            if state != BUSY:
                return state

    def command(self, data):
        self.request(0x21, DNLOAD, 0, data)
        return self.settle(first_busy=True)

    def set_address(self, address):
        return self.command(struct.pack("<BI", 0x21, address))

    def erase(self, address):
        return self.command(struct.pack("<BI", 0x41, address))

    def mass_erase(self):
        return self.command(b"\x41")

    def block(self, data, number=2):
        self.request(0x21, DNLOAD, number, data)
        return self.settle()

    def clear(self):
        self.request(0x21, CLRSTATUS)

    def abort(self):
        self.request(0x21, ABORT)
        status, poll_ms, state, _ = self.status()
        if state != IDLE:
            raise DfuError(status, state)
        if poll_ms:
            self.sleep(poll_ms)

    def begin(self):
        """Whatever was there before, to dfuIDLE."""
        while True:
            _, _, state, _ = self.status()
            if state == IDLE:
                return
            if state == ERROR:
                self.clear()
            else:
                self.request(0x21, ABORT)

    def erase_pages(self, address, length, pages):
        for first, size in pages:
            if first < address + length and first + size > address:
                self.erase(first)

    def write(self, address, data):
        for at in range(0, len(data), self.transfer_size):
            self.set_address(address + at)
            self.block(data[at:at + self.transfer_size])

    def download(self, address, data, pages, leave=True):
        """As `dfu-util -s ADDRESS:leave -D FILE`."""
        self.begin()
        self.erase_pages(address, len(data), pages)
        self.write(address, data)
        self.abort()
        if leave:
            self.set_address(address)
            self.leave()

    def leave(self):
        self.block(b"")

    def upload(self, address, length):
        self.begin()
        self.set_address(address)
        self.abort()
        data, number = b"", 2
        while len(data) < length:
            part = self.request(0xA1, UPLOAD, number, length=min(self.transfer_size, length - len(data)))
            data, number = data + part, number + 1
            if len(part) < self.transfer_size:
                break
        self.abort()
        return data


def on_line(line, **device):
    """A Dfu over a lockstep Line (client.py); `device`: interface and transfer_size, if they are not the bootloader's."""
    def sleep(milliseconds):
        end_ns = line.now_ns + milliseconds * 1_000_000
        while line.now_ns < end_ns:
            line.held += line.run(end_ns - line.now_ns)

    def transfer(kind, request, value, index, data, length):
        return line.control(kind, request, value, index, data, length)
    return Dfu(transfer, sleep, lambda: line.now_ns / 1e6, **device)


def wait_loader(line, transfer_size, limit_ms=3000):
    """A Dfu over a lockstep Line once there is a device without a serial port, whose one interface is for DFU."""
    dfu = on_line(line, interface=0, transfer_size=transfer_size)
    end_ns = line.now_ns + limit_ms * 1_000_000
    while line.now_ns < end_ns:
        line.run(10_000_000)
        if not line.link and dfu.transfer(0x80, 8, 0, 0, b"", 1) == ("ok", b"\1"):
            return dfu
    raise AssertionError(f"no loader came within {limit_ms} ms of virtual time")


def main():
    from client import Line
    line = Line(sys.argv[1].removeprefix("lockstep:"))
    line.run(0)  # it may be there already
    if not line.link:
        line.wait_link()
    dfu = on_line(line)
    with open(sys.argv[2], "rb") as file:
        data = file.read()
    address = int(sys.argv[3], 0) if len(sys.argv) > 3 else 0x90100000
    dfu.download(address, data, layout_pages(dfu.string(4)))


if __name__ == "__main__":
    main()
