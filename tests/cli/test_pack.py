#!/usr/bin/env python3
"""quadlane pack --dfu and what flash and verify make of .dfu files, against a reading of UM0391 of our own. Prints TAP.

SPDX-License-Identifier: MIT
"""
import contextlib
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
from harness import BLINK, check, check_equal, check_tool, json_of, run_tests, run_tool  # noqa: E402

PROGRAM = struct.pack("<II", 0x24080000, 0x90100009) + bytes(range(250)) * 5


def make(targets, vendor=0x1209, product=0x0001, version=0x011A):
    """A DfuSe file as UM0391 has it: targets are (alternate setting, [(address, bytes)])."""
    body = b""
    for setting, elements in targets:
        data = b"".join(struct.pack("<II", address, len(content)) + content for address, content in elements)
        body += struct.pack("<6sBI255sII", b"Target", setting, 0, b"", len(data), len(elements)) + data
    file = struct.pack("<5sBIB", b"DfuSe", 1, 11 + len(body), len(targets)) + body
    return end(file, vendor, product, version)


def end(file, vendor=0x1209, product=0x0001, version=0x011A):
    """The suffix of DFU 1.1, appendix B; its checksum is the CRC-32 without the last inversion."""
    file += struct.pack("<HHHH3sB", 0xFFFF, product, vendor, version, b"UFD", 16)
    return file + struct.pack("<I", zlib.crc32(file) ^ 0xFFFFFFFF)


def read(file):
    """(address, bytes) of all elements of the one target."""
    check_equal(struct.unpack("<I", file[-4:])[0], zlib.crc32(file[:-4]) ^ 0xFFFFFFFF, "checksum")
    check_equal(struct.unpack("<HHHH3sB", file[-16:-4]), (0xFFFF, 1, 0x1209, 0x011A, b"UFD", 16), "suffix")
    signature, version, size, targets = struct.unpack_from("<5sBIB", file)
    check_equal((signature, version, size, targets), (b"DfuSe", 1, len(file) - 16, 1), "prefix")
    signature, setting, named, name, size, count = struct.unpack_from("<6sBI255sII", file, 11)
    check_equal((signature, setting, named, name.rstrip(b"\0")), (b"Target", 0, 1, b"quadlane"), "target")
    check_equal(size, len(file) - 16 - 285, "target's size")
    at, elements = 285, []
    for _ in range(count):
        address, length = struct.unpack_from("<II", file, at)
        elements.append((address, file[at + 8:at + 8 + length]))
        at += 8 + length
    check_equal(at, len(file) - 16, "end of the elements")
    return elements


def hexadecimal(parts):
    """An Intel HEX file of (address, bytes)."""
    text = ""
    for address, content in parts:
        for kind, offset, data in [(4, 0, struct.pack(">H", address >> 16)),
                                   *((0, (address & 0xFFFF) + at, content[at:at + 16])
                                     for at in range(0, len(content), 16))]:
            record = struct.pack(">BHB", len(data), offset, kind) + data
            text += f":{record.hex()}{-sum(record) & 255:02x}\n"
    return text + ":00000001FF\n"


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="quadlane-pack-") as name:
        yield pathlib.Path(name)


def test_binary_and_elf():
    """a binary becomes one element at its address, an ELF file what objcopy would write; dfu-suffix accepts both"""
    with folder() as here:
        (here / "a.bin").write_bytes(PROGRAM)
        check_tool(run_tool("pack", "--dfu", here / "a.bin", here / "a.dfu"), 0, "from 0x90100000")
        check_equal(read((here / "a.dfu").read_bytes()), [(0x90100000, PROGRAM)], "elements")
        check_tool(run_tool("pack", "--dfu", "0x90300000", here / "a.bin", here / "b.dfu"))
        check_equal(read((here / "b.dfu").read_bytes()), [(0x90300000, PROGRAM)], "elements at another address")
        result = json_of(run_tool("pack", "--dfu", BLINK, here / "c.dfu", "--json"))
        elements = read((here / "c.dfu").read_bytes())
        check_equal(elements, [(0x90100000, BLINK.with_suffix(".bin").read_bytes())], "elements of the ELF")
        check_equal((result["elements"], result["bytes"]), (1, len(elements[0][1])), "--json")
        for name in "abc":
            said = subprocess.run(["dfu-suffix", "-c", here / f"{name}.dfu"], capture_output=True, text=True)
            check_equal(said.returncode, 0, said.stdout + said.stderr)


def test_parts():
    """parts that lie apart become elements of their own"""
    parts = [(0x90100000, PROGRAM), (0x90800000, b"data" * 100)]
    with folder() as here:
        (here / "a.hex").write_text(hexadecimal(parts))
        check_tool(run_tool("pack", "--dfu", here / "a.hex", here / "a.dfu"))
        check_equal(read((here / "a.dfu").read_bytes()), parts, "elements")


def test_bad_files():
    """damaged, plain and foreign files: one sentence and the exit code, before any board is looked for"""
    good = make([(0, [(0x90100000, PROGRAM)])])
    turned = bytearray(good)
    turned[400] ^= 1
    long = bytearray(good[:-16])
    long[289:293] = struct.pack("<I", len(PROGRAM) + 1)
    for code, file in [(20, good[:-1]), (20, good[:100]), (20, bytes(turned)), (20, end(bytes(long))),
                       (20, end(good[:-16] + b"more")), (20, end(good[:-16].replace(b"Target", b"Tarjet"))),
                       (85, end(PROGRAM, version=0x0100)), (85, end(PROGRAM)),
                       (86, make([(0, [(0x90100000, PROGRAM)])], 0x0483, 0xDF11)),
                       (86, make([(1, [(0x90100000, PROGRAM)])])), (24, make([(0, [])])),
                       (25, make([(0, [(0x90100000, PROGRAM), (0x90100010, PROGRAM)])])),
                       (30, make([(0, [(0x08000000, PROGRAM)])])),
                       (2, good)]:
        with folder() as here:
            (here / "a.dfu").write_bytes(file)
            address = ["0x90100000"] if code == 2 else []
            result = run_tool("flash", *address, here / "a.dfu", "--port", "unix:/nonexistent", "--wait", "0")
            check_tool(result, code, "quadlane: ")
            check_equal(len(result.stderr.strip().splitlines()) <= 2, True, result.stderr)
            check("/nonexistent" not in result.stderr, result.stderr)


def test_any_ids():
    """a file for any device (FFFF) is taken"""
    with folder() as here:
        (here / "a.dfu").write_bytes(make([(0, [(0x90100000, PROGRAM)])], 0xFFFF, 0xFFFF))
        check_tool(run_tool("flash", here / "a.dfu", "--port", "unix:/nonexistent", "--wait", "0"), 40)


def test_usage():
    """without --dfu, without names, onto a folder, for the internal flash: a sentence each"""
    with folder() as here:
        (here / "a.bin").write_bytes(PROGRAM)
        check_tool(run_tool("pack", here / "a.bin", here / "a.dfu"), 2, "--dfu")
        check_tool(run_tool("pack", "--dfu", here / "a.bin"), 2)
        check_tool(run_tool("pack", "--dfu", here / "none.bin", here / "a.dfu"), 10)
        check_tool(run_tool("pack", "--dfu", "0x08000000", here / "a.bin", here / "a.dfu"), 30)
        check_tool(run_tool("pack", "--dfu", "0x90000000", here / "a.bin", here / "a.dfu"), 31)
        check(run_tool("pack", "--dfu", here / "a.bin", here).returncode in (11, 14), "onto a folder")
        check_equal(sorted(path.name for path in here.iterdir()), ["a.bin"], "files")


if __name__ == "__main__":
    run_tests(globals())
