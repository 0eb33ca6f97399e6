"""Seals programs that are loaded into a virtual board's chip directly, as no update did: a log of records
made by SPEC.md section 12 alone.

SPDX-License-Identifier: MIT
"""
import hashlib
import pathlib
import struct
import zlib

CHIP, CHIP_END = 0x90000000, 0x91000000
LOG, LOG_SIZE = 0x900F0000, 0x10000
SECTOR, PAGE, PARTS = 4096, 256, 16
HEAD, SEALED, SETTINGS = 1, 3, 5
RAM = [(0x20000000, 0x20020000), (0x24000000, 0x24080000), (0x30000000, 0x30048000),
       (0x38000000, 0x38010000)]


def part_sums(data):
    """The field of a SEALED record."""
    e = next((e for e in range(4) if len(data) // 16 >> e <= 131072), 4)
    sums = []
    for part in range(PARTS):
        pages = b"".join(data[sector + part * PAGE:sector + (part + 1) * PAGE]
                         for number, sector in enumerate(range(0, len(data), SECTOR))
                         if number % 2 ** e == part % 2 ** e)
        pages += b"\xff" * (-len(pages) % 4)
        total = 0xCBF29CE484222325
        for (word,) in struct.iter_unpack("<I", pages):
            total = (total ^ word) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        sums.append(total)
    return struct.pack("<16Q", *sums)


def record(serial, kind, live=0, address=0, data=b"", update=0):
    flags = 1 if kind == SEALED else 0
    digest = hashlib.sha256(data).digest() if kind == SEALED else bytes(32)
    body = struct.pack("<4sI4B5I32s", b"QDLR", serial, 1, kind, live, 0, address, len(data), update, 0, flags,
                       digest)
    body += part_sums(data) if kind == SEALED else b"\xff" * 128
    body += b"\xff" * (252 - len(body))
    return body + struct.pack("<I", zlib.crc32(body))


def settings_record(serial, items):
    body = struct.pack("<4sI4B", b"QDLR", serial, 1, SETTINGS, 0, 0) + items
    body += b"\xff" * (252 - len(body))
    return body + struct.pack("<I", zlib.crc32(body))


def make_log(programs, settings=b""):
    """The log of a board that knows these programs, (address, bytes), and keeps these settings, nothing else."""
    records = [settings_record(1, settings)]
    records += [record(serial, SEALED, address=address, data=data)
                for serial, (address, data) in enumerate(programs, 2)]
    return record(0, HEAD, live=len(records)) + b"".join(records)


def elf_in_chip(data):
    """What an ELF file puts into the chip, as (address, bytes), or None."""
    offset, size, count = *struct.unpack_from("<I", data, 28), *struct.unpack_from("<HH", data, 42)
    pieces = []
    for index in range(count):
        kind, at, _, address, length = struct.unpack_from("<5I", data, offset + index * size)
        if kind == 1 and length > 0 and CHIP <= address < CHIP_END:
            pieces.append((address, data[at:at + length]))
    if not pieces:
        return None
    first = min(address for address, _ in pieces)
    image = bytearray(b"\xff" * (max(address + len(piece) for address, piece in pieces) - first))
    for address, piece in pieces:
        image[address - first:address - first + len(piece)] = piece
    return first, bytes(image)


def loaded(argument):
    """The program that `--load ARGUMENT` puts into the chip, as (address, bytes), or None."""
    path, _, address = str(argument).rpartition("@") if "@" in str(argument) else (argument, "", "")
    try:
        data = pathlib.Path(path).read_bytes()
        int(address or "0", 0)
    except (OSError, ValueError):
        return None  # the board itself has something to say about it
    if data[:4] == b"\x7fELF":
        found = elf_in_chip(data)
    else:
        found = (int(address, 0), data) if address else None
    if not found or not CHIP + 0x100000 <= found[0] < CHIP_END or len(found[1]) < 8:
        return None
    stack, entry = struct.unpack_from("<II", found[1])
    startable = found[0] % 1024 == 0 and entry % 2 and any(a < stack <= b for a, b in RAM)
    return found if startable else None


def seal_command(command, folder):
    """What a board's command must have beside for the programs that it loads to be sealed."""
    programs = [loaded(command[index + 1]) for index, word in enumerate(command[:-1]) if word == "--load"]
    programs = [program for program in programs if program]
    if not programs:
        return []
    path = folder / "log-of-records"
    path.write_bytes(make_log(programs))
    return ["--load", f"{path}@{LOG:#x}"]
