#!/usr/bin/env python3
"""The bootloader's own flash on the virtual board: `quadlane protect`, `quadlane update-bootloader`. Prints TAP.

Other bootloaders are the built one with bytes behind its end and a marker made anew, as SPEC.md section 18 says.

SPDX-License-Identifier: MIT
"""
import contextlib
import hashlib
import os
import pty
import random
import re
import select
import struct
import subprocess
import time
import zlib

import client as protocol
import harness
import lockstep
from harness import BOOTLOADER, check, check_equal, check_tool, json_of

SERIAL = "003B002644415551454E414C"
MARKER = 0x2C0
USAGE, FILE, KEPT, UNSURE, DECLINED = 2, 57, 58, 59, 130
LEVEL_0, LEVEL_1 = 0xAA, 0x55


def seal(image):
    """Length and CRC into the marker."""
    image = bytearray(image)
    struct.pack_into("<II", image, MARKER + 12, len(image), 0)
    struct.pack_into("<I", image, MARKER + 16, zlib.crc32(image))
    return bytes(image)


def build_of(image):
    return hashlib.sha256(image).hexdigest()[:16]


def other(text="another one", size=None):
    """A bootloader that does the same and is not the same."""
    image = BOOTLOADER.read_bytes() + text.encode()
    return seal(image.ljust(size or (len(image) + 3) // 4 * 4, b"\x5a"))


def changed(at, data, image=None):
    image = bytearray(image or BOOTLOADER.read_bytes())
    image[at:at + len(data)] = data
    return bytes(image)


@contextlib.contextmanager
def board_of(*arguments, **options):
    with harness.Board(*arguments, timeout_s=10**7, **options) as board:
        yield board


def put(board, image, name="new.bin"):
    path = board.folder / name
    path.write_bytes(image)
    return path


def own_flash(board):
    """Read-out protection byte, write protection, operations of the internal flash."""
    found = board.statistics()
    return int(found["flash_rdp"]), bool(found["flash_write_protected"]), int(found["flash_operations"])


def confirm(words, serial=SERIAL):
    return ["protect", *words.split(), "--confirm", f"protect {words} {serial}"]


@contextlib.contextmanager
def talk(*arguments, **options):
    """A board on the lockstep cable, and a host."""
    with board_of(*arguments, usb="lockstep", **options) as board, lockstep.host_of(board) as peer:
        peer.hello()
        yield board, peer


def type_into(board, arguments, answers, limit_s=60):
    """Runs the tool on a terminal; `answers` are typed when a line ends with "> " or "] ". Returns code and text."""
    command = [str(part) for part in [harness.TOOL, *arguments, "--port", f"unix:{board.usb_path}", "--wait", "20"]]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(harness.ROOT)
        os.environ["TERM"] = "dumb"
        os.execv(command[0], command)
    text, answers, deadline = "", list(answers), time.monotonic() + limit_s
    while True:
        check(time.monotonic() < deadline, f"the tool does not end; it said {text!r}")
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            part = os.read(terminal, 4096).decode()
        except OSError:
            break
        if not part:
            break
        text += part
        if text.endswith(("> ", "] ")) and answers:
            os.write(terminal, answers.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


# --- protect -------------------------------------------------------------------------------------

def test_protect_shows():
    """`protect` alone tells level and write protection, and changes nothing; `info` tells them, too"""
    with board_of() as board:
        check_tool(board.tool("protect"), 0, ["level 0", "write protection     off", "the flash chip       is not covered"])
        found = json_of(board.tool("protect", "--json"))
        check_equal((found["read_protection_level"], found["write_protected"]), (0, False), "--json")
        check_equal(own_flash(board), (LEVEL_0, False, 0), "the microcontroller")
        check_tool(board.tool("info"), 0, ["read protection   level 0", "write protection  off"])


def test_protect_needs_the_phrase():
    """every change needs the typed phrase with this board's serial number; without it nothing changes"""
    with board_of() as board:
        for words in ("read on", "write on", "write off"):
            if words == "write off":
                check_tool(board.tool(*confirm("write on")), 0)
            for extra in ([], ["--confirm", "yes"], ["--confirm", ""], ["--confirm", f"protect {words}"],
                          ["--confirm", f"protect {words} 003A00420000000000000000"],
                          ["--confirm", f"protect write {'off' if words == 'write on' else 'on'} {SERIAL}"]):
                if extra == ["--confirm", f"protect {words} {SERIAL}"]:
                    continue
                check_tool(board.tool("protect", *words.split(), *extra), USAGE,
                           ["nothing was changed", f'--confirm "protect {words} {SERIAL}"'])
            check_equal(own_flash(board)[:2], (LEVEL_0, words == "write off"), words)
            code, text = type_into(board, ["protect", *words.split()], ["yes"])
            check_equal(code, DECLINED, f"{words}, declined:\n{text}")
            check_equal(own_flash(board)[:2], (LEVEL_0, words == "write off"), words)
        code, text = type_into(board, ["protect", "write", "off"], [f"protect write off {SERIAL}"])
        check_equal(code, 0, text)
        check_equal(own_flash(board)[:2], (LEVEL_0, False), "typed on a terminal")
        for words in (["read"], ["read", "off"], ["read", "2"], ["read", "level-2"], ["write", "2"], ["on"], ["read", "on", "x"]):
            check_tool(board.tool("protect", *words), USAGE)
        check_tool(board.tool("protect", "read", "2"), USAGE, "level 2 can never be taken back")
        check_equal(own_flash(board)[0], LEVEL_0, "the level")


def test_write_protection():
    """write protection holds over power cycles, keeps the bootloader from being replaced, and can be taken off"""
    with board_of() as board:
        new = put(board, other())
        check_tool(board.tool(*confirm("write on")), 0, "write protection     on")
        check_tool(board.tool(*confirm("write on")), 0, "it is so already")
        check_equal(own_flash(board)[:2], (LEVEL_0, True), "at once")
        board.control("power-cycle")
        check_tool(board.tool("protect"), 0, "write protection     on")
        check_tool(board.tool("info"), 0, "write protection  on")
        check_tool(board.tool("update-bootloader", new, "--yes"), KEPT, ["write-protected", "protect write off"])
        check_equal(own_flash(board), (LEVEL_0, True, 0), "after the refusal")
        check_tool(board.tool(*confirm("write off")), 0, "write protection     off")
        board.control("power-cycle")
        check_tool(board.tool("update-bootloader", new, "--yes"), 0, "replaced")


def test_level_1():
    """level 1: says what it does, holds over power cycles; the board works on, and can still replace its bootloader"""
    with board_of() as board:
        code, text = type_into(board, ["protect", "read", "on"], [f"protect read on {SERIAL}"])
        check_equal(code, 0, text)
        for words in ("debugger", "with a clip", "erases the whole internal", "Programs in the chip stay",
                      "take the board's power away"):
            check(words in text.replace("\r\n", "\n"), f"{words!r} is not in {text}")
        check_equal(own_flash(board)[:2], (LEVEL_1, False), "the microcontroller")
        board.control("power-cycle")
        check_tool(board.tool("info"), 0, "level 1")
        check_tool(board.tool(*confirm("read on")), 0, "it is so already")
        check_tool(board.tool("flash", harness.BLINK, "--no-boot"), 0, "verified")
        check_tool(board.tool("update-bootloader", put(board, other()), "--yes"), 0, "replaced")
        check_tool(board.tool(*confirm("write on")), 0)
        check_equal(own_flash(board)[:2], (LEVEL_1, True), "the level stays when the other protection changes")


def test_level_1_and_a_debugger():
    """with a debugger connected level 1 is refused; at level 1 one stops the board until its power was off"""
    with harness.socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with board_of("--gdb", str(port)) as board:
        board.wait_device()
        with harness.socket.create_connection(("127.0.0.1", port)) as gdb:
            gdb.sendall(b"+$?#3f")
            time.sleep(0.5)
            gdb.sendall(b"+$c#63")
            check_tool(board.tool(*confirm("read on")), KEPT, ["a debugger is connected", "power away"])
            check_equal(own_flash(board)[0], LEVEL_0, "the level")
        board.control("power-cycle")
        check_tool(board.tool(*confirm("read on")), 0, "level 1")
        check_tool(board.tool("info"), 0)
        with harness.socket.create_connection(("127.0.0.1", port)) as gdb:
            gdb.sendall(b"+$?#3f")
            time.sleep(0.5)
            gdb.sendall(b"+$c#63")
            time.sleep(0.5)
        check(board.tool("info", wait_s=1).returncode in (40, 44, 45), "the board answers")
        board.control("reset")
        check(board.tool("info", wait_s=1).returncode in (40, 44, 45), "the board answers")
        board.control("power-cycle")
        check_tool(board.tool("info"), 0, "level 1")


def test_never_level_2():
    """whatever PROTECT's bytes are, the option bytes never get level 2, and no level but 1 from 0"""
    with talk() as (board, peer):
        draw = random.Random(18)
        words = [0xCC, 0xCC00, 0xAA, 0x55, 4, 0x100, 0xFFFFFFFF, *(1 << bit for bit in range(2, 32)),
                 *(draw.getrandbits(32) for _ in range(300))]
        for what in words:
            for check_word in (0x544F5250, 0, draw.getrandbits(32)):
                status, _, _ = peer.request(protocol.PROTECT, struct.pack("<II", what, check_word))
                check(status == protocol.BAD_REQUEST or what in (1, 2, 3), f"{what:08X}: {status}")
        check_equal(own_flash(board), (LEVEL_0, False, 0), "after all that")
        for what in (1, 2, 3, 1, 3, 2):
            status, _, content = peer.request(protocol.PROTECT, struct.pack("<II", what, 0x544F5250), 12000)
            check_equal((status, content[0]), (0, LEVEL_1), f"what {what}")
            check_equal(own_flash(board)[0], LEVEL_1, "the level")


def test_options_that_do_not_change():
    """a change of the option bytes that fails, or that a power cut ends, leaves them as they were, and can be repeated"""
    with board_of() as board:
        board.control("flash-fail options 1")
        check_tool(board.tool(*confirm("read on")), KEPT, ["did not take the change", "OPTSR_CUR 0x4"])
        check_equal(own_flash(board)[:2], (LEVEL_0, False), "after the failure")
        # What failed is not done along with the next change.
        check_tool(board.tool(*confirm("write on")), 0)
        check_equal(own_flash(board)[:2], (LEVEL_0, True), "the next change")
        board.control("flash-cut-after 0 0.5")
        check(board.tool(*confirm("read on")).returncode != 0, "a power cut went unseen")
        check_equal(own_flash(board)[:2], (LEVEL_0, True), "after the cut")
        check_tool(board.tool(*confirm("read on")), 0)
        check_equal(own_flash(board)[:2], (LEVEL_1, True), "repeated")


# --- update-bootloader ---------------------------------------------------------------------------

def test_replaced():
    """another bootloader takes the place of the running one; program and seal in the chip stay, and start"""
    with board_of() as board:
        check_tool(board.tool("flash", harness.BLINK, "--no-boot"), 0)
        nor = (board.folder / "nor.bin").read_bytes()
        image = other()
        found = json_of(board.tool("update-bootloader", put(board, image), "--yes", "--json"))
        check_equal((found["replaced"], found["build"]), (True, build_of(image)), "--json")
        said = board.tool("update-bootloader", put(board, image), "--yes")
        check_tool(said, 0, ["runs this very bootloader", build_of(image), "nothing was changed"])
        info = json_of(board.tool("info", "--json"))
        check_equal((info["program"]["can_start"], info["stay_reason"]), (True, 4), "info")
        check(nor == (board.folder / "nor.bin").read_bytes(), "the chip has changed")
        check_tool(board.tool("boot"), 0)
        board.control("button down")
        board.control("power-cycle")
        check_tool(board.tool("update-bootloader", BOOTLOADER.with_suffix(".hex"), "--yes"), 0, "replaced")
        check_tool(board.tool("update-bootloader", BOOTLOADER.with_suffix(".elf"), "--yes"), 0, "very bootloader")


def test_the_whole_sector():
    """an image that fills the whole flash, and then a small one again"""
    with board_of() as board:
        check_tool(board.tool("update-bootloader", put(board, other(size=131072)), "--yes"), 0, "replaced")
        check_tool(board.tool("update-bootloader", BOOTLOADER, "--yes"), 0, "replaced")


def test_the_same_is_not_written():
    """the same bytes are not written again, and nobody is asked"""
    with board_of() as board:
        check_tool(board.tool("update-bootloader", BOOTLOADER), 0, "nothing was changed")
        check_equal(own_flash(board), (LEVEL_0, False, 0), "the flash")


def test_asks_first():
    """it says what a power cut would do and asks; without a terminal it needs --yes"""
    with board_of() as board:
        new = put(board, other())
        check_tool(board.tool("update-bootloader", new), USAGE, ["--yes", "nothing was changed"])
        for answer in ("", "n", "no", "x"):
            code, text = type_into(board, ["update-bootloader", new], [answer])
            check_equal(code, DECLINED, text)
            for words in ("no bootloader", "If its power goes", "ROM", "dfu-util", SERIAL, build_of(other())):
                check(words in text, f"{words!r} is not in {text}")
        check_equal(own_flash(board), (LEVEL_0, False, 0), "the flash")
        code, text = type_into(board, ["update-bootloader", new], ["y"])
        check_equal(code, 0, text)
        check_tool(board.tool("update-bootloader", new), 0, "very bootloader")


def test_files_that_are_none():
    """what is no bootloader for this board is refused, and nothing is erased"""
    right = BOOTLOADER.read_bytes()
    refused = {
        "a program": harness.BLINK.with_suffix(".bin").read_bytes(),
        "cut": right[:-4],
        "cut to a stub": right[:100],
        "longer": right + bytes(4),
        "one bit": changed(0x3000, bytes([right[0x3000] ^ 1])),
        "another board": seal(changed(MARKER + 32, b"h743_w25q64\0")),
        "another address": seal(changed(MARKER + 8, struct.pack("<I", 0x90100000))),
        "a later marker": seal(changed(MARKER + 4, b"\2")),
        "too long": seal(right.ljust(131076, b"\0")),
        "stack": seal(changed(0, bytes(4))),
        "entry": seal(changed(4, struct.pack("<I", 0x90100001))),
    }
    with board_of() as board:
        for what, image in refused.items():
            check_tool(board.tool("update-bootloader", put(board, image), "--yes"), FILE)
            check_tool(board.tool("update-bootloader", put(board, image), "--yes", "--force"), FILE)
        check_tool(board.tool("update-bootloader", put(board, refused["another board"]), "--yes"), FILE,
                   "made for the board h743_w25q64, and this one is h750_w25q128")
        check_tool(board.tool("update-bootloader", harness.BLINK, "--yes"), FILE)
        second_stage = harness.ROOT / "build/firmware/sp_racing_h7_extreme-ram.bin"
        check_tool(board.tool("update-bootloader", second_stage, "--yes"), FILE, "another address than 0x08000000")
        check_tool(board.tool("update-bootloader", put(board, b""), "--yes"), 13)
        check_tool(board.tool("update-bootloader", board.folder / "none", "--yes"), 10)
        check_equal(own_flash(board), (LEVEL_0, False, 0), "the flash")


def stage(peer, image):
    for at in range(0, len(image), 4096):
        part = image[at:at + 4096]
        part += b"\xff" * (-len(part) % 8)
        check_equal(peer.request(protocol.RAM_WRITE, struct.pack("<II", 0x24060000 + at, len(part)) + part), (0, 0, b""),
                    "RAM_WRITE")


def replace(peer, image, flags=0):
    return peer.request(protocol.REPLACE, struct.pack("<II", len(image), flags) + hashlib.sha256(image).digest())


def test_aborted_uploads():
    """an upload that ends in the middle (host gone, cable out, reset, power cut) changes nothing, and is not gone on with"""
    image = other()
    for end in ("port", "usb unplug", "reset", "power-cycle"):
        with talk() as (board, peer):
            stage(peer, image[:20480])
            if end == "port":
                peer.line.send(b"C")
                peer.line.run(1_000_000)
                peer.line.send(b"O")
            else:
                board.control(end)
                peer.line.run_until(lambda: not peer.line.link, 2000, "the device's end")
            if end == "usb unplug":
                board.control("usb plug")
            peer.line.wait_link()
            peer.line.held = b""
            peer.hello()
            check_equal(peer.info()[0x1A][4:], hashlib.sha256(BOOTLOADER.read_bytes()).digest(), f"the build after {end}")
            check_equal(replace(peer, image)[:2], (protocol.VERIFY, 0), f"REPLACE after {end}")
            peer.run(3000)
            check_equal(own_flash(board), (LEVEL_0, False, 0), f"after {end}")


def test_the_ram_stays_as_checked():
    """between REPLACE's check and the replacement nothing can be put into the RAM"""
    image = other()
    with talk() as (board, peer):
        stage(peer, image)
        digest = hashlib.sha256(image).digest()
        poison = struct.pack("<II", 0x24060400, 8) + bytes(8)
        peer.line.write(protocol.frame(protocol.REPLACE, 1, struct.pack("<II", len(image), 0) + digest) +
                        b"".join(protocol.frame(protocol.RAM_WRITE, 2 + i, poison) for i in range(20)))
        peer.line.wait_link(False)
        peer.line.wait_link(limit_ms=20000)
        peer.line.held = b""
        peer.hello()
        check_equal(peer.info()[0x1A], struct.pack("<I", len(image)) + digest, "the build")


def test_time():
    """how long the board has no bootloader, and that its erases and words are as few as can be"""
    with talk() as (board, peer):
        image, start = other(), peer.line.now_ns
        stage(peer, image)
        check_equal(replace(peer, image, 2), (0, 0, struct.pack("<I", 1)), "only checked")
        check_equal(own_flash(board)[2], 0, "operations")
        checked = peer.line.now_ns
        check_equal(replace(peer, image), (0, 0, struct.pack("<I", 1)), "REPLACE")
        answered = peer.line.now_ns
        peer.line.wait_link(False)
        peer.line.wait_link(limit_ms=20000)
        back = peer.line.now_ns
        peer.line.held = b""
        peer.hello()
        items = peer.info()
        check_equal(items[0x17], bytes([LEVEL_0, 0, 0, 0]), "item 17")
        check_equal(items[0x1A], struct.pack("<I", len(image)) + hashlib.sha256(image).digest(), "the build")
        check_equal(items[0x0A], b"\4", "why it stays")
        # One erase, and one program for each 32 bytes that are not blank.
        words = sum(image[at:at + 32].strip(b"\xff") != b"" for at in range(0, len(image), 32))
        check_equal(own_flash(board)[2], 1 + words, "operations of the flash")
        print(f"# upload and check {(checked - start) / 1e6:.0f} ms, from the answer to the new one on USB "
              f"{(back - answered) / 1e6:.0f} ms for {len(image)} bytes")
        check(back - answered < 3e9, "longer than 3 s")


def cut(operations, fraction, patient=False):
    """Power is cut inside an operation of the flash: then there is no bootloader, and the chip is as it was."""
    with board_of() as board:
        check_tool(board.tool("flash", harness.BLINK, "--no-boot"), 0)
        nor = board.folder / "nor.bin"
        before = nor.read_bytes()
        check_equal(board.control(f"flash-cut-after {operations} {fraction}"), "ok\n", "control")
        result = board.start_tool("update-bootloader", put(board, other()), "--yes")
        check_equal(board.wait_exit(60), 11, f"the board's end after a cut at {operations}; it said\n{board.output()}")
        check("lock-up" in board.output(), board.output())
        if patient:
            out, error = result.communicate(timeout=90)
            check_equal(result.returncode, UNSURE, f"the tool said\n{out}{error}")
            check("ROM" in error and "dfu-util" in error, error)
        harness.stop(result)
        check(nor.read_bytes() == before, "the chip has changed")
        # What the ROM's loader or a probe does then: the bootloader anew. The program is still there.
        with board_of(nor=nor, sealed=False) as again:
            again.control("button down")
            again.control("reset")
            info = json_of(again.tool("info", "--json"))
            check(info["program"]["can_start"], f"after the recovery: {info['program']}")


def test_power_cut_while_erasing():
    """power goes in the middle of the erase: no bootloader, the chip as before; installed anew all is well"""
    cut(0, 0.5, patient=True)


def test_power_cut_while_programming():
    """power goes in the middle of programming: the vector table comes last, so nothing starts"""
    cut(400, 0.5)


def test_power_cut_before_the_last_word():
    """power goes inside the very last word, the one with the vector table"""
    words = sum(other()[at:at + 32].strip(b"\xff") != b"" for at in range(0, len(other()), 32))
    cut(words, 0.1)


def test_power_cut_at_once():
    """power goes at the very first moment of the erase: the old bootloader is still there"""
    with board_of() as board:
        new = put(board, other())
        board.control("flash-cut-after 0 0.0")
        check_tool(board.tool("update-bootloader", new, "--yes"), UNSURE, "came back with another one")
        check_tool(board.tool("update-bootloader", BOOTLOADER), 0, "very bootloader")
        check_tool(board.tool("update-bootloader", new, "--yes"), 0, "replaced")


def test_flash_that_fails():
    """erases and words that go wrong are tried again"""
    for failure in ("erase 2", "program 1", "program 4"):
        with board_of() as board:
            board.control(f"flash-fail {failure}")
            check_tool(board.tool("update-bootloader", put(board, other()), "--yes"), 0, "replaced")


def test_an_image_that_is_another_one():
    """a bootloader that does not say what its marker says is noticed"""
    with board_of() as board:
        image = seal(changed(MARKER + 20, b"9.9.9\0"))
        check_tool(board.tool("update-bootloader", put(board, image), "--yes"), UNSURE, "came back with another one")


def test_nothing_leaves_itcm():
    """the code that runs while the flash is erased calls nothing outside its section"""
    elf = BOOTLOADER.with_suffix(".elf")
    text = subprocess.run(["arm-none-eabi-objdump", "-d", "-j", ".itcm", elf], capture_output=True, text=True, check=True).stdout
    branches = re.findall(r"\tb(?:l|lx|x)?\w*(?:\.[nw])?\t(\S+)", text)
    check(len(branches) > 10, f"only {len(branches)} branches in .itcm")
    outside = [target for target in branches if not re.fullmatch("[0-9a-f]{3,4}", target) and target != "lr"]
    check(not outside, f"branches out of ITCM: {outside}")
    loads = re.findall(r"\tldr\w*(?:\.[nw])?\t(.*\[pc.*)", text)
    check(all(re.search(r"\(([0-9a-f]{3}) <", load) for load in loads), f"constants outside: {loads}")


if __name__ == "__main__":
    harness.run_tests(dict(globals()))
