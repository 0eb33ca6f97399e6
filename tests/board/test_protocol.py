#!/usr/bin/env python3
"""The shipped bootloader's side of the wire protocol, over the virtual USB: what SPEC.md says of good, bad,
damaged, repeated and lost frames. Time is the board's own, so that it is exact. Prints TAP.

SPDX-License-Identifier: MIT
"""
import contextlib
import hashlib
import random
import struct

import client as protocol
import lockstep
from client import (ABORT, ALIGNMENT, BAD_ENTRY, BAD_REQUEST, BAD_STACK, BASE, BLANK, BOOT, BUSY, CLOSED,
                    COMPLETE, END, ERASE, FAILED, HASH, HELLO, INCOMPLETE, NO_UPDATE, NONE, OK, OPEN,
                    OUT_OF_RANGE, PROGRAM, READ, RESERVED, RESET, SECTORS, SIZE, UNKNOWN_COMMAND, VERIFY,
                    VERSION, WRITE)
from harness import ROOT, Board, check, check_equal, run_tests

VECTORS = protocol.read_vectors(ROOT / "tests/vectors/frames.txt")
STACK = 0x20020000
END_OF_CHIP = BASE + SIZE
RANDOM = random.Random(750)
NOISE = RANDOM.randbytes(1 << 20)


def program(size=8192, stack=STACK, entry=PROGRAM + 9, at=PROGRAM):
    """Bytes that pass as a program; nobody starts it."""
    return struct.pack("<II", stack, entry - PROGRAM + at) + NOISE[:size - 8]


@contextlib.contextmanager
def talk(*arguments, content=(), **options):
    """(board, client) with the device configured. content: (address, bytes) that the chip holds."""
    board = Board(usb="lockstep", *arguments, **options)
    for number, (address, data) in enumerate(content):
        path = board.folder / f"content{number}"
        path.write_bytes(data)
        board.command += ["--load", f"{path}@{address:#x}"]
    with board, lockstep.host_of(board) as peer:
        yield board, peer


def blank(data):
    return data.count(b"\xff") == len(data)


# --- Vectors and requests -----------------------------------------------------------------------


def test_vectors():
    """the vectors' session: every answer byte for byte as written by hand from SPEC.md"""
    with talk(content=[(PROGRAM, bytes(4096))]) as (_, peer):
        def exchange(request, *answers, events=()):
            peer.line.write(VECTORS[request])
            wanted = [*events, *answers]
            peer.line.run_until(lambda: peer.line.held.count(b"\0") >= len(wanted) + first, 2000, request)
            *lines, held = peer.line.held.split(b"\0")
            check_equal(held, b"", "half a frame")
            found = [text + b"\0" for text in lines if text]
            # PROGRESS may also come for the state of verifying, and of its own accord.
            found = [text for text in found if protocol.split(protocol.unstuff(text[:-1]))[0] != 0xC0
                     or text in [VECTORS[name] for name in wanted]]
            check_equal(found, [VECTORS[name] for name in wanted], f"answer to {request}")
            peer.line.held = b""
        first = 0
        peer.hello()
        exchange("begin_request", "begin_answer")
        exchange("erase", events=["progress_erased"])
        exchange("write", events=["progress_written"])
        peer.line.write(VECTORS["end_request"])
        peer.line.run_until(lambda: VECTORS["end_answer"] in peer.line.held, 2000, "end_answer")
        check(VECTORS["progress_complete"] in peer.line.held, "progress_complete")
        peer.line.held = b""
        for name in ("read", "hash", "sectors", "unknown", "hello_version", "hello_short", "reset"):
            if name == "hello_version":  # its content is this board's
                peer.line.write(VECTORS["hello_version_request"])
                _, tag, answer = peer.receive()
                check_equal((tag, answer[:8]), (15, struct.pack("<HHI", VERSION, 0, 1)), name)
                check_equal(answer[8:16], struct.pack("<HHI", 1, *struct.unpack_from("<HI", answer, 10)),
                            "HELLO's content beside VERSION")
            else:
                exchange(f"{name}_request", f"{name}_answer")


def test_hello():
    """HELLO: versions, capabilities, unique id; the session changes at each start"""
    with talk("--uid", "00112233445566778899AABB") as (board, peer):
        version, payload, window, capabilities, session, uid = peer.hello()
        check_equal((version, capabilities), (1, 0x1F), "version, capabilities")
        check(1040 <= payload <= 4112 and window >= 4 * payload, f"payload {payload}, window {window}")
        check_equal(uid.hex(), "00112233445566778899aabb", "unique id")
        check_equal(peer.hello()[4], session, "session of the same start")
        for lowest, highest, status, detail in [(1, 0xFFFF, OK, 0), (0, 1, OK, 0), (2, 9, VERSION, 1),
                                                (0, 0, VERSION, 1)]:
            got, got_detail, content = peer.request(HELLO, struct.pack("<HHI", lowest, highest, 0))
            check_equal((got, got_detail, content[:2]), (status, detail, b"\1\0"), f"{lowest} to {highest}")
        check_equal(peer.ask(HELLO, 1 | 1 << 16, 1), (BAD_REQUEST, 4), "HELLO's reserved word")
        board.control("reset")
        peer.line.wait_link(False)
        peer.line.wait_link()
        check(peer.hello()[4] != session, "the session after a reset is the one before")


def test_info():
    """INFO: every item as the board, the chip's data sheet and SFDP have it"""
    with talk() as (_, peer):
        items = peer.info()
    u32 = "<I"
    check_equal(items[1], b"h750_w25q128", "board name")
    check_equal(items[2], b"0.1.0", "version")
    check_equal(items[3], bytes([0xEF, 0x40, 0x18]), "JEDEC id")
    check_equal(items[4], struct.pack(u32, SIZE), "chip size")
    check_equal(items[5], bytes([0x00, 0x02, 0x60]), "status registers of a new W25Q128JV-IQ")
    check_equal(items[6], struct.pack(u32, BASE), "base")
    check_equal(items[7], struct.pack("<II", PROGRAM, END_OF_CHIP), "area for programs")
    check_equal([items[8][at] for at in range(0, len(items[8]), 4)], [12, 15, 16], "erase types")
    check_equal(items[9], struct.pack("<HH", 256, 400), "page size and time")
    check_equal(items[0x0A], b"\1", "why it stayed: no program")
    check_equal(items[0x0B], struct.pack(u32, PROGRAM), "boot address")
    check_equal(items[0x0C], struct.pack("<HHI", BLANK, 0, PROGRAM), "verdict")
    check_equal(items[0x0D], struct.pack(u32, 0x00FA0000), "reset cause: power-on, as RM0433's table has it")
    check_equal(items[0x0E], struct.pack(u32, 0x20036450), "IDCODE of revision V")
    check_equal(items[0x0F], struct.pack("<II", 400_000_000, 100_000_000), "clocks")
    check_equal(items[0x10], struct.pack("<II", 1, 0), "counters")
    check_equal(items[0x11], b"\xaa", "read-out protection")
    check_equal(items[0x12], b"\1\5", "SFDP revision")
    check_equal(items[0x13], b"W25Q128JV", "chip name")


def test_lengths():
    """a payload that is too short or too long is BAD_REQUEST with the smaller length; nothing happens"""
    with talk(content=[(PROGRAM, program())]) as (board, peer):
        peer.hello()
        session = peer.hello()[4]
        for kind, length in protocol.REQUESTS.items():
            for wrong in {0, 1, length - 1, length + 1, 4112} - {length, -1}:
                status, detail, content = peer.request(kind, bytes(wrong))
                check_equal((status, detail, content), (BAD_REQUEST, min(wrong, length), b""),
                            f"kind {kind:#x} with {wrong} bytes")
        check_equal(peer.hello()[4], session, "the session: no reset happened")
        check_equal(board.statistics()["nor.operations"], 0, "operations of the chip")


def test_kinds():
    """unknown requests are answered, unknown stream operations, answers and events are counted as damaged"""
    with talk() as (_, peer):
        known = {*protocol.REQUESTS, protocol.SETTINGS, protocol.RAM_WRITE}
        for kind in range(1, 0x40):
            if kind not in known:
                payload = NOISE[:kind]
                check_equal(peer.request(kind, payload), (UNKNOWN_COMMAND, kind, b""), f"kind {kind:#x}")
        before = struct.unpack("<II", peer.info()[0x10])
        others = [0, *range(0x42, 0x100)]
        for kind in others:
            peer.line.write(protocol.frame(kind, 7, bytes(8)))
        peer.line.drain()
        check_equal(peer.run(50), [], "answers")
        after = struct.unpack("<II", peer.info()[0x10])
        check_equal((after[0] - before[0], after[1] - before[1]), (1, len(others)), "frames taken, damaged")


def test_read():
    """READ: any byte of the chip, its last ones included; 1 to 4096 of them"""
    content = NOISE[:70000]
    with talk(content=[(BASE, content), (END_OF_CHIP - 5000, content[:5000])]) as (board, peer):
        for address, length in [(BASE, 1), (BASE + 1, 4096), (BASE + 69999, 3), (PROGRAM, 256),
                                (END_OF_CHIP - 4096, 4096), (END_OF_CHIP - 1, 1), (END_OF_CHIP - 31, 31)]:
            check(peer.get(READ, address, length) == board.chip_bytes(address, length),
                  f"bytes at {address:#x}, {length}")
        for address, length, answer in [
                (BASE, 0, (BAD_REQUEST, 4)), (BASE, 4097, (BAD_REQUEST, 4)),
                (BASE - 1, 1, (OUT_OF_RANGE, BASE - 1)), (END_OF_CHIP, 1, (OUT_OF_RANGE, END_OF_CHIP)),
                (END_OF_CHIP - 1, 2, (OUT_OF_RANGE, END_OF_CHIP)), (0, 4, (OUT_OF_RANGE, 0)),
                (0xFFFFFFFF, 4096, (OUT_OF_RANGE, 0xFFFFFFFF))]:
            check_equal(peer.ask(READ, address, length), answer, f"READ {address:#x} {length}")


def test_hash():
    """HASH and SECTORS agree with the chip's content, up to the whole chip; bad ranges are refused"""
    with talk(content=[(BASE + 100, NOISE)]) as (board, peer):
        for address, length in [(BASE, 1), (BASE + 77, 100003), (END_OF_CHIP - 1, 1), (BASE, SIZE)]:
            check_equal(peer.get(HASH, address, length, limit_ms=30000).hex(),
                        hashlib.sha256(board.chip_bytes(address, length)).hexdigest(), f"{address:#x} {length}")
        for first, count in [(BASE, 256), (END_OF_CHIP - 4096, 1)]:
            wanted = b"".join(hashlib.sha256(board.chip_bytes(first + 4096 * i, 4096)).digest()[:16]
                              for i in range(count))
            check(peer.get(SECTORS, first, count) == wanted, f"SECTORS {first:#x} {count}")
        for kind, address, length, answer in [
                (HASH, BASE, 0, (BAD_REQUEST, 4)), (HASH, BASE, SIZE + 1, (OUT_OF_RANGE, END_OF_CHIP)),
                (HASH, BASE + 1, 0xFFFFFFFF, (OUT_OF_RANGE, END_OF_CHIP)),
                (SECTORS, BASE + 1, 1, (ALIGNMENT, BASE + 1)), (SECTORS, BASE, 0, (BAD_REQUEST, 4)),
                (SECTORS, BASE, 257, (BAD_REQUEST, 4)), (SECTORS, END_OF_CHIP, 1, (OUT_OF_RANGE, END_OF_CHIP)),
                (SECTORS, END_OF_CHIP - 4096, 2, (OUT_OF_RANGE, END_OF_CHIP))]:
            check_equal(peer.ask(kind, address, length), answer, f"kind {kind} {address:#x} {length}")


def test_repeated_requests():
    """a repetition of the request under way is answered once; another request meanwhile is answered, too"""
    with talk() as (_, peer):
        words = struct.pack("<II", BASE, SIZE)
        for _ in range(4):
            peer.send(HASH, words, tag=9)
        peer.line.drain()
        peer.send(READ, struct.pack("<II", BASE, 16), tag=10)
        answers = peer.run(30000)
        check_equal(sorted(tag for _, tag, _ in answers), [9, 10], "tags of the answers")
        statuses = {tag: struct.unpack_from("<H", payload)[0] for _, tag, payload in answers}
        check_equal(statuses[9], OK, "HASH")
        check(statuses[10] in (OK, BUSY), f"READ meanwhile: {statuses[10]}")


# --- Damage -------------------------------------------------------------------------------------


def test_damaged_vectors():
    """the vectors' damaged frames are counted and have no other effect"""
    names = [name for name in VECTORS if name.startswith("damaged_")]
    check(len(names) >= 8, "damaged vectors")
    with talk() as (_, peer):
        for count, name in enumerate(names, 1):
            peer.line.write(VECTORS[name])
            peer.line.drain()
            check_equal(peer.run(20), [], name)
            check_equal(struct.unpack("<II", peer.info()[0x10])[1], count, f"damaged frames after {name}")


def test_every_bit():
    """HELLO with any single bit of its line changed is never answered as HELLO"""
    with talk() as (_, peer):
        good = protocol.frame(HELLO, 0x1234, struct.pack("<HHI", 1, 1, 0))
        for position in range(len(good) - 1):
            for bit in range(8):
                bad = bytearray(good)
                bad[position] ^= 1 << bit
                peer.line.write(b"\0" + bytes(bad))
        peer.line.drain()
        check_equal(peer.run(100), [], "answers")
        peer.hello()
        check(struct.unpack("<II", peer.info()[0x10])[1] >= (len(good) - 1) * 8, "damaged frames are counted")


def test_oversized():
    """frames without end, larger than allowed, or with lengths that lie"""
    with talk() as (_, peer):
        peer.hello()
        largest = protocol.frame(READ, 1, bytes(4112))
        for text in (b"\xff" * 100000 + b"\0", b"\x02" * 5000 + b"\0", b"\0" * 3000,
                     protocol.frame(READ, 1, bytes(4113)), protocol.frame(READ, 1, bytes(20000)),
                     protocol.frame(READ, 1, bytes(8), length=4112), protocol.frame(READ, 1, bytes(8), length=0xFFFF),
                     protocol.frame(READ, 1, bytes(8), length=7), protocol.frame(READ, 1, bytes(8), flags=1),
                     protocol.frame(READ, 1, bytes(8), reserved=0x8000), protocol.frame(READ, 1, bytes(8), crc=0)):
            peer.line.write(text)
            peer.line.drain(5000)
            check_equal(peer.run(20), [], f"answers to {text[:20].hex()}...")
        peer.line.write(largest)
        check_equal(struct.unpack_from("<HHI", peer.receive()[2]), (BAD_REQUEST, 0, 8), "the largest frame")


def test_garbage():
    """a mebibyte of garbage, an update open or not: the board stays there, and what follows is understood"""
    with talk() as (board, peer):
        uid = peer.hello()[5]
        peer.line.write(NOISE[:700_000])
        peer.line.drain(10000)
        peer.line.write(b"\0")
        peer.line.drain()
        check_equal(peer.run(100), [], "answers to garbage")
        check_equal(peer.hello()[5], uid, "HELLO behind it")
        check_equal(peer.begin(program(), program=True), (OK, 0), "BEGIN")
        peer.line.write(NOISE[300_000:] + b"\0")
        peer.line.drain(10000)
        status = peer.status()
        check_equal((status.state, status.taken), (OPEN, 0), "state, operations taken")
        check(status.faults > 1000, f"faults: {status.faults}")
        check_equal(board.statistics()["nor.operations"], 0, "operations of the chip")


def test_progress_of_faults():
    """a fault is reported by PROGRESS at once, further ones at most every 20 ms"""
    with talk() as (_, peer):
        peer.begin(program(), program=True)
        peer.run(5)
        peer.progress.clear()
        start_ns = peer.line.now_ns
        for _ in range(200):
            peer.line.write(VECTORS["damaged_crc"])
        peer.line.run_until(lambda: peer.frames() or peer.progress, 10, "PROGRESS of the first fault")
        check(peer.line.now_ns - start_ns < 5_000_000, "the first fault is reported at once")
        peer.progress.clear()
        peer.run(100)
        check(1 <= len(peer.progress) <= 6, f"{len(peer.progress)} PROGRESS in 100 ms")
        check_equal(peer.status().faults, 200, "faults")


# --- Updates ------------------------------------------------------------------------------------


def test_begin_refused():
    """BEGIN refuses what cannot be right before the chip is touched, and leaves an open update open"""
    run = program()
    ram = [0x20000000, 0x24000000, 0x30000000, 0x38000000]
    ends = [0x20020000, 0x24080000, 0x30048000, 0x38010000]
    cases = [
        (dict(number=0), BAD_REQUEST, 0), (dict(length=0), BAD_REQUEST, 8), (dict(flags=2), BAD_REQUEST, 12),
        (dict(flags=0x80000001), BAD_REQUEST, 12), (dict(zero=1), BAD_REQUEST, 56),
        (dict(address=BASE), RESERVED, BASE), (dict(address=PROGRAM - 4096), RESERVED, PROGRAM - 4096),
        (dict(address=BASE - 4096), OUT_OF_RANGE, BASE - 4096), (dict(address=0), OUT_OF_RANGE, 0),
        (dict(address=END_OF_CHIP), OUT_OF_RANGE, END_OF_CHIP),
        (dict(address=END_OF_CHIP - 4096, length=4097), OUT_OF_RANGE, END_OF_CHIP),
        (dict(length=0xFFFFFFFF), OUT_OF_RANGE, END_OF_CHIP), (dict(length=SIZE), OUT_OF_RANGE, END_OF_CHIP),
        (dict(address=PROGRAM + 1), ALIGNMENT, PROGRAM + 1), (dict(address=PROGRAM + 2048), ALIGNMENT, PROGRAM + 2048),
        (dict(stack=0xFFFFFFFF, entry=0xFFFFFFFF), BLANK, PROGRAM),
        *((dict(stack=value), BAD_STACK, value) for value in
          [0, 1, 0x1000, 0x08020000, PROGRAM, 0xFFFFFFFF, 0x20020002, 0x20020001, *ram, *(end + 4 for end in ends)]),
        *((dict(entry=value), BAD_ENTRY, value) for value in
          [0, PROGRAM, PROGRAM + 1, PROGRAM + 7, PROGRAM + 8, PROGRAM + len(run) + 1, 0x08000101, 0xFFFFFFFF,
           PROGRAM - 0xFFFFF]),
    ]
    with talk() as (board, peer):
        check_equal(peer.begin(run, number=77, program=True), (OK, 0), "the update that stays open")
        for fields, status, detail in cases:
            check_equal(peer.begin(run, program=True, **fields), (status, detail), f"BEGIN with {fields}")
        record = peer.status()
        check_equal((record.id, record.state), (77, OPEN), "the open update")
        check_equal(board.statistics()["nor.operations"], 0, "operations of the chip")
        check(blank(board.chip_bytes()), "the chip was changed")
        for end in ends:  # the highest addresses that are good
            check_equal(peer.begin(run, number=end, program=True, stack=end), (OK, 0), f"stack {end:#x}")
        check_equal(peer.begin(run, number=5, program=True, entry=PROGRAM + len(run) - 1), (OK, 0), "last entry")


def test_update():
    """an update puts the bytes there; END says their hash, again and again; what lies around stays"""
    run = program(9000)
    with talk(content=[(PROGRAM + 12288, b"behind"), (PROGRAM - 6, b"before")]) as (board, peer):
        status, detail, digest = peer.update(run, program=True)
        check_equal((status, detail, digest), (OK, 0, hashlib.sha256(run).digest()), "END")
        check_equal(board.chip_bytes(PROGRAM - 6, 9006), b"before" + run, "the chip")
        check_equal(board.chip_bytes(PROGRAM + 9000, 3294), b"\xff" * 3288 + b"behind", "behind it")
        check_equal(peer.end(6), (OK, 0, digest), "END once more")
        check_equal(peer.ask(END, 1, 6), (NO_UPDATE, 0), "END of another update")
        record = peer.status()
        check_equal((record.state, record.taken, record.executed, record.erased, record.programmed),
                    (COMPLETE, 6, 6, 0, 9216), "record: blank sectors and pages were skipped")
        check_equal(record.skipped, 3 * 4096 + 3 * 4096 - 9216, "bytes skipped")
        check_equal(peer.begin(run, program=True), (OK, 0), "BEGIN of the complete update")
        check_equal(peer.progress[-1].state, COMPLETE, "it is complete already")
        check_equal(peer.ask(BOOT, 0, 1), (BAD_REQUEST, 4), "BOOT's reserved word")


def test_overwrite():
    """a second update erases and replaces the first; sizes of erases are the chip's"""
    first, second = NOISE[:70000], NOISE[100000:170000]
    with talk() as (board, peer):
        for number, run in ((1, first), (2, second)):
            check_equal(peer.begin(run, number=number), (OK, 0), "BEGIN")
            padded = run + b"\xff" * (-len(run) % 4096)
            peer.erase(0, PROGRAM, 65536, number)
            peer.erase(1, PROGRAM + 65536, 4096, number)
            peer.erase(2, PROGRAM + 69632, 4096, number)
            count = 3
            for at in range(0, len(padded), 4096):  # the window: 64 KiB and a bit
                while count - 3 > 10 and peer.status().executed < count - 10:
                    peer.run(5)
                peer.write(count, PROGRAM + at, padded[at:at + 4096], number)
                count += 1
            check_equal(peer.end(count, number)[0], OK, "END")
            check_equal(board.chip_bytes(PROGRAM, 70000), run, "the chip")
        check_equal(peer.status().erased, 65536 + 8192, "bytes erased")


def test_operations_refused():
    """a stream operation outside the run, not aligned or of a wrong size fails the update and says so"""
    run = program(10000)
    where = {"inside": PROGRAM, "end": PROGRAM + 12288}
    def operation(kind, address, size, data=None):
        return kind, struct.pack("<IIII", 0x600D, 0, address, size) + (bytes(size) if data is None else data)
    cases = [
        (operation(ERASE, where["end"], 4096, b""), OUT_OF_RANGE, where["end"]),
        (operation(ERASE, PROGRAM - 4096, 4096, b""), OUT_OF_RANGE, PROGRAM - 4096),
        (operation(ERASE, PROGRAM, 65536, b""), OUT_OF_RANGE, where["end"]),
        (operation(ERASE, PROGRAM + 256, 4096, b""), ALIGNMENT, PROGRAM + 256),
        (operation(ERASE, PROGRAM, 8192, b""), BAD_REQUEST, 12),
        (operation(ERASE, PROGRAM, 0, b""), BAD_REQUEST, 12),
        (operation(WRITE, where["end"], 256), OUT_OF_RANGE, where["end"]),
        (operation(WRITE, where["end"] - 256, 512), OUT_OF_RANGE, where["end"]),
        (operation(WRITE, PROGRAM - 256, 256), OUT_OF_RANGE, PROGRAM - 256),
        (operation(WRITE, 0, 256), OUT_OF_RANGE, 0),
        (operation(WRITE, PROGRAM + 1, 256), ALIGNMENT, PROGRAM + 1),
        (operation(WRITE, PROGRAM, 255), BAD_REQUEST, 12),
        (operation(WRITE, PROGRAM, 0), BAD_REQUEST, 12),
        (operation(WRITE, PROGRAM, 512, bytes(256)), BAD_REQUEST, 16),
        ((0x5F, struct.pack("<II", 0x600D, 0)), UNKNOWN_COMMAND, 0x5F),
    ]
    with talk() as (board, peer):
        for number, ((kind, payload), status, detail) in enumerate(cases):
            check_equal(peer.begin(run), (OK, 0), "BEGIN")
            peer.line.write(protocol.frame(kind, 0, payload))
            peer.line.drain()
            peer.run(10)
            name = f"case {number}: kind {kind:#x}, {struct.unpack_from('<I', payload + bytes(8), 8)[0]:#x}"
            record = peer.status()
            check_equal((record.state, record.status, record.detail), (FAILED, status, detail), name)
            check_equal(peer.end(1)[:2], (status, detail), f"END after {name}")
        check_equal(board.statistics()["nor.operations"], 0, "operations of the chip")


def test_order():
    """repeated and out-of-order operations: dropped; gaps and damage are faults; sending again heals it"""
    run = NOISE[:16384]
    with talk() as (board, peer):
        peer.begin(run)
        def write(number, at):
            peer.write(number, PROGRAM + at, run[at:at + 4096])
        write(0, 0)
        write(0, 4096)  # a repetition of number 0, with other bytes
        write(2, 8192)  # 1 is missing
        write(3, 12288)
        peer.line.drain()
        peer.run(50)
        record = peer.status()
        check_equal((record.taken, record.executed, record.faults), (1, 1, 2), "taken, executed, faults")
        check_equal(board.chip_bytes(PROGRAM, 8192), run[:4096] + b"\xff" * 4096, "the chip")
        write(1, 4096)
        write(2, 8192)
        peer.line.write(protocol.frame(WRITE, 0, struct.pack("<IIII", 0x600D, 3, PROGRAM, 4096) + bytes(4096), crc=0))
        check_equal(peer.ask(END, 0x600D, 4), (INCOMPLETE, 3), "END too early")
        write(3, 12288)
        check_equal(peer.ask(END, 0x600D, 3)[0], BAD_REQUEST, "END with too small a number")
        check_equal(peer.end(4)[0], OK, "END")
        check_equal(board.chip_bytes(PROGRAM, 16384), run, "the chip at the end")


def test_foreign_operations():
    """operations of no update, of another one, or too short are dropped and counted as damaged"""
    with talk() as (board, peer):
        def damaged():
            return struct.unpack("<II", peer.info()[0x10])[1]
        peer.write(0, PROGRAM, bytes(256))
        peer.line.drain()
        check_equal(damaged(), 1, "without an update")
        peer.begin(bytes(4096))
        peer.write(0, PROGRAM, bytes(256), number=0xBAD)
        peer.line.write(protocol.frame(WRITE, 0, b"\x0d\x60\0\0"))
        peer.line.write(protocol.frame(ERASE, 0, b""))
        peer.line.drain()
        check_equal(damaged(), 4, "with one")
        record = peer.status()
        check_equal((record.state, record.taken), (OPEN, 0), "state, operations taken")
        check_equal(board.statistics()["nor.operations"], 0, "operations of the chip")


def test_window():
    """what the window does not hold is dropped as after a gap, not the board's memory"""
    run = NOISE[:512 * 1024]
    with talk() as (board, peer):
        window = peer.hello()[2]
        peer.begin(run)
        fits = window // 4112
        for number in range(fits + 6):
            peer.write(number, PROGRAM + 4096 * number, run[4096 * number:4096 * (number + 1)])
        peer.line.drain(5000)
        peer.run(2000)
        record = peer.status()
        check(fits <= record.taken <= fits + 6, f"{record.taken} operations taken, {fits} fit")
        check_equal(record.executed, record.taken, "executed")
        check_equal(board.chip_bytes(PROGRAM, 4096 * record.taken), run[:4096 * record.taken], "the chip")
        check(blank(board.chip_bytes(PROGRAM + 4096 * record.taken, 65536)), "behind it")


def test_busy():
    """while an update is open, the chip's requests are BUSY with its id; HELLO, INFO, STATUS are answered"""
    with talk(content=[(PROGRAM, program())]) as (_, peer):
        peer.begin(bytes(4096), number=0x77)
        for kind, words in [(READ, (BASE, 16)), (HASH, (BASE, 16)), (SECTORS, (BASE, 1)), (BOOT, (0, 0)),
                            (RESET, (0, 0)), (RESET, (1, 0)), (protocol.RAM_RUN, (0,) * 26)]:
            words = words[:protocol.REQUESTS[kind] // 4]
            check_equal(peer.ask(kind, *words), (BUSY, 0x77), f"kind {kind}")
        peer.hello()
        check_equal(peer.info()[0x0C][:2], struct.pack("<H", BUSY), "verdict")
        check_equal(peer.status().state, OPEN, "state")


def test_abort():
    """ABORT closes the update; of another id it is NO_UPDATE; a new BEGIN closes the old one"""
    with talk() as (_, peer):
        check_equal(peer.status().state, NONE, "state at the start")
        check_equal(peer.ask(END, 1, 0), (NO_UPDATE, 0), "END before any update")
        check_equal(peer.ask(ABORT, 0)[0], OK, "ABORT of nothing")
        peer.begin(bytes(4096), number=1)
        check_equal(peer.ask(ABORT, 2), (NO_UPDATE, 1), "ABORT of another one")
        check_equal(peer.ask(ABORT, 1)[0], OK, "ABORT")
        check_equal(peer.status().state, CLOSED, "state after it")
        check_equal(peer.ask(ABORT, 1)[0], OK, "ABORT once more")
        check_equal(peer.ask(END, 1, 0), (NO_UPDATE, 0), "END of the closed one")
        peer.begin(bytes(4096), number=3)
        peer.write(0, PROGRAM, bytes(4096), number=3)
        check_equal(peer.begin(bytes(8192), number=4), (OK, 0), "BEGIN of another")
        record = peer.status()
        check_equal((record.id, record.state, record.taken), (4, OPEN, 0), "the new one")
        check_equal(peer.ask(ABORT, 0)[0], OK, "ABORT of whichever is open")


def test_verify():
    """END compares what is in the chip: wrong announcements and unerased pages end in VERIFY; no BOOT then"""
    run = program(4096)
    # Programming what is not erased breaks a rule of the chip, here by the host's will.
    with talk("--lenient", content=[(PROGRAM + 512, bytes(256))]) as (_, peer):
        peer.begin(run, program=True, digest=bytes(32))
        peer.erase(0, PROGRAM, 4096)
        peer.write(1, PROGRAM, run)
        check_equal(peer.end(2), (VERIFY, PROGRAM, hashlib.sha256(run).digest()), "END of a wrong digest")
        record = peer.status()
        check_equal((record.state, record.status), (FAILED, VERIFY), "state, status")
        check_equal(peer.ask(BOOT, 0, 0)[0], INCOMPLETE, "BOOT of what failed")
        other = program(4096, entry=PROGRAM + 0x21)[:512] + bytes(range(256)) * 14
        peer.begin(other, number=2, program=True)
        peer.write(0, PROGRAM, other, number=2)  # without an erase
        check_equal(peer.end(1, 2)[0], VERIFY, "END of what was not erased")


def test_boot_refused():
    """BOOT refuses what cannot be started, with the reason, and the bootloader stays reachable"""
    tables = {0x10000: program(at=PROGRAM + 0x10000, stack=0x08000000),
              0x20000: program(at=PROGRAM + 0x20000, entry=PROGRAM + 8),
              0x30000: struct.pack("<II", STACK, 0x08000101), 0x40200: program(at=PROGRAM + 0x40200)}
    with talk(content=[(PROGRAM + at, data) for at, data in tables.items()]) as (_, peer):
        for address, answer in [
                (0, (BLANK, PROGRAM)), (PROGRAM, (BLANK, PROGRAM)), (BASE, (RESERVED, BASE)),
                (END_OF_CHIP, (OUT_OF_RANGE, END_OF_CHIP)), (0x08000000, (OUT_OF_RANGE, 0x08000000)),
                (PROGRAM + 0x10000, (BAD_STACK, 0x08000000)), (PROGRAM + 0x20000, (BAD_ENTRY, PROGRAM + 0x20008)),
                (PROGRAM + 0x30000, (BAD_ENTRY, 0x08000101)), (PROGRAM + 0x40200, (ALIGNMENT, PROGRAM + 0x40200))]:
            check_equal(peer.ask(BOOT, address, 0), answer, f"BOOT {address:#x}")
        check_equal(peer.ask(RESET, 4), (BAD_REQUEST, 0), "RESET of an unknown mode")
        peer.hello()


def test_unfinished_update():
    """a program whose update was given up is not started: by BOOT, nor after a reset; INFO says why"""
    run = program()
    with talk(content=[(PROGRAM, run)]) as (board, peer):
        peer.begin(run, program=True)
        peer.erase(0, PROGRAM + 4096, 4096)
        peer.run(500)
        check_equal(peer.ask(ABORT, 0)[0], OK, "ABORT")
        check_equal(peer.ask(BOOT, 0, 0), (INCOMPLETE, PROGRAM), "BOOT")
        board.control("reset")
        peer.line.wait_link(False)
        peer.line.wait_link()
        peer.line.held = b""
        peer.run(2000)
        check_equal(peer.info()[0x0A], b"\7", "why it stayed: unfinished update")
        check_equal(peer.update(run, program=True)[0], OK, "the update once more")


def test_reset():
    """RESET answers, then the board comes back: with mode 1 into the bootloader, once"""
    with talk(content=[(PROGRAM, program())]) as (_, peer):
        session = peer.hello()[4]
        check_equal(peer.info()[0x0A], b"\6", "why it stayed: the host spoke")
        for mode, reason in ((1, 4), (0, 6)):
            check_equal(peer.ask(RESET, mode), (OK, 0), f"RESET {mode}")
            peer.line.wait_link(False, 1000)
            peer.line.wait_link(True)
            peer.line.held = b""
            if mode == 1:
                peer.run(3000)  # no start window
            check(peer.hello()[4] != session, "a new session")
            check_equal(peer.info()[0x0A][0], reason, f"why it stayed after RESET {mode}")


# --- The cable ----------------------------------------------------------------------------------


def replug(board, peer):
    board.control("usb unplug")
    peer.line.wait_link(False)
    board.control("usb plug")
    peer.line.wait_link()
    peer.line.held = b""


def test_half_frame():
    """half a frame is forgotten when the cable goes"""
    with talk() as (board, peer):
        text = protocol.frame(HELLO, 1, struct.pack("<HHI", 1, 1, 0))
        peer.line.write(text[:10])
        peer.line.drain()
        replug(board, peer)
        peer.line.write(text[10:])
        peer.hello()


def test_update_survives_cable():
    """an open update goes on behind an unplugged cable: same session, BEGIN with the same fields"""
    run = NOISE[:40960]
    with talk() as (board, peer):
        session = peer.hello()[4]
        peer.begin(run)
        for number in range(4):
            peer.write(number, PROGRAM + 4096 * number, run[4096 * number:4096 * (number + 1)])
        peer.line.drain()
        replug(board, peer)
        check_equal(peer.hello()[4], session, "session")
        check_equal(peer.begin(run), (OK, 0), "BEGIN")
        record = peer.progress[-1]
        check_equal((record.state, record.taken, record.executed), (OPEN, 4, 4), "state, taken, executed")
        for number in range(4, 10):
            peer.write(number, PROGRAM + 4096 * number, run[4096 * number:4096 * (number + 1)])
        check_equal(peer.end(10)[0], OK, "END")
        check_equal(board.chip_bytes(PROGRAM, len(run)), run, "the chip")


def test_progress_goes_on():
    """while an update is open PROGRESS comes at least every 250 ms; with none open there is silence"""
    with talk() as (_, peer):
        peer.hello()
        peer.run(2000)
        check_equal(len(peer.progress), 0, "PROGRESS without an update")
        peer.begin(bytes(4096))
        peer.progress.clear()
        peer.run(2000)
        check(8 <= len(peer.progress) <= 10, f"{len(peer.progress)} PROGRESS in 2 s")
        peer.ask(ABORT, 0)
        peer.run(100)
        peer.progress.clear()
        peer.run(2000)
        check_equal(len(peer.progress), 0, "PROGRESS after ABORT")


def test_im_chip():
    """a chip that is new and refuses quad commands: the board sets its quad enable bit, once"""
    with talk("--board", "h750_w25q128_im") as (board, peer):
        items = peer.info()
        check_equal((items[3], items[5][1]), (bytes([0xEF, 0x70, 0x18]), 2), "JEDEC id, SR2")
        check_equal(peer.update(program(), program=True)[0], OK, "an update")
        check_equal(board.chip_bytes(PROGRAM, 8192), program(), "the chip")
        operations = board.statistics()["nor.operations"]
        board.control("reset")
        peer.line.wait_link(False)
        peer.line.wait_link()
        peer.line.held = b""
        check_equal(peer.info()[5][1], 2, "SR2 after a reset")
        check_equal(board.statistics()["nor.operations"], operations, "operations: none was needed any more")


if __name__ == "__main__":
    run_tests(globals())
