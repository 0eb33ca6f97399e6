"""Locked bootloaders: issuers made for the test, images built for them, and what a lock must do on every board and chip.

SPDX-License-Identifier: MIT
"""
import atexit
import base64
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile

import client
import dfu
import harness
import lockstep
import px4
from harness import PROGRAM_ADDRESS, ROOT, check, check_equal, check_tool, run_tool

BUILD = ROOT / "build/test-keys"
UIDS = ["003B002644415551454E414C", "003B002644415551454E414D"]
LOCKED = 30
ERR_VENDOR = 11  # DFU 1.1


def board_id(uid):
    words = bytes.fromhex(uid)
    return hashlib.sha256(b"quadlane board id v1\0" + words).hexdigest()


@functools.lru_cache
def issuers():
    """A folder with the files of two issuers."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-issuers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("vendor", "other"):
        check_tool(run_tool("keys", "issuer", folder / name), 0)
    return folder


def build_image(name, issuer, generation, copy):
    built = [BUILD / f"firmware/{name}.{suffix}" for suffix in ("elf", "bin")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    result = subprocess.run(["make", "-C", ROOT, f"BUILD={BUILD.relative_to(ROOT)}", "LIBSODIUM_SRC=build/third_party/libsodium",
                             "MBEDTLS_SRC=build/third_party/mbedtls",
                             f"ISSUER={issuers() / issuer}.pub", f"MIN_GENERATION={generation}",
                             *[path.relative_to(ROOT) for path in built]], env=environment,
                            capture_output=True, text=True, timeout=300)
    check(result.returncode == 0, f"the locked image does not build:\n{result.stderr[-2000:]}")
    shutil.copy(built[1], copy)


@functools.lru_cache
def image(issuer, generation=1, board="h750_w25q128", kind="flash"):
    """The locked bootloader of an issuer."""
    copy = issuers() / f"{board}-{kind}-{issuer}-{generation}.bin"
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "in-use", "w") as lock:  # other tests build there for issuers of their own
        fcntl.flock(lock, fcntl.LOCK_EX)
        build_image(f"{board}-{kind}-locked", issuer, generation, copy)
    return copy


def grant(file, board, issuer="vendor", *arguments):
    check_tool(run_tool("keys", "grant", board, "--issuer", issuers() / f"{issuer}.key", "--keys", file, *arguments), 0)
    return json.loads(pathlib.Path(file).read_text())[board]


@contextlib.contextmanager
def locked_board(uid=UIDS[0], issuer="vendor", generation=1, nor=None):
    with harness.Board(bootloader=image(issuer, generation), uid=uid, timeout_s=10**7, nor=nor) as board:
        board.keys = board.folder / "keys.json"
        yield board


def key_bytes(text):
    return base64.urlsafe_b64decode(text + "=")


# --- The lock's life ----------------------------------------------------------------------------

class World(lockstep.World):
    """A locked board on the lockstep cable."""

    def attach(self):
        self.dfu = dfu.on_line(self.line)

    def contents(self):
        return [path.read_bytes() for path in sorted(self.board.nor.parent.glob("nor.bin*"))]

    def again(self):
        """Resets it; this host is quick enough to keep it in its bootloader."""
        self.board.control("reset")
        self.line.wait_link(False)
        self.line.wait_link()
        return self.serial.hello()


def check_frames_refused(serial):
    """By our own protocol: what needs a key is answered LOCKED, INFO tells what anybody may know."""
    check_equal(serial.hello()[3] >> 8 & 1, 1, "HELLO's bit")
    check_equal(sorted(serial.info()), [0x01, 0x02, 0x18, 0x19], "INFO's items")
    for kind in (client.READ, client.HASH, client.SECTORS):
        check_equal(serial.ask(kind, PROGRAM_ADDRESS, 4096)[0], LOCKED, f"kind {kind}")
    check_equal(serial.begin(bytes(4096))[0], LOCKED, "BEGIN")
    check_equal(serial.request(client.SETTINGS, bytes([5, 1, 0]))[0], LOCKED, "SETTINGS")
    check_equal(serial.request(client.RAM_RUN, bytes(104))[0], LOCKED, "RAM_RUN")
    serial.erase(0, PROGRAM_ADDRESS, 4096)
    serial.write(0, PROGRAM_ADDRESS, bytes(4096))


def check_dfu_refused(host):
    """DFU neither changes nor tells a byte, and says why."""
    for refused in (lambda: host.erase(PROGRAM_ADDRESS), host.mass_erase,
                    lambda: (host.set_address(PROGRAM_ADDRESS), host.block(b"x" * 100)),
                    lambda: host.upload(PROGRAM_ADDRESS, 64)):
        host.begin()
        try:
            refused()
        except dfu.DfuError:
            status = host.status()
            check_equal((status[0], status[2]), (ERR_VENDOR, dfu.ERROR), "errVENDOR")
            check("locked" in host.string(status[3]), host.string(status[3]))
            continue
        raise AssertionError("DFU did not refuse")
    host.clear()


def check_px4_refused(line):
    """PX4's and ArduPilot's protocol says what the board is, and fails at all else."""
    host = px4.Uploader(px4.LinePort(line))
    host.identify()
    for refused in (host.erase, lambda: host.external_erase(4096), lambda: host.word(px4.GET_CRC),
                    lambda: host.command(px4.READ_MULTI, b"\x04", 4)):
        try:
            refused()
        except px4.Refused as error:
            check_equal(error.answer[:2], px4.FAILED, "PX4's answer")
            continue
        raise AssertionError("PX4's protocol did not refuse")
    line.write(b"\0")  # back to frames
    line.held = b""


def check_locked(world):
    before = world.contents()
    check_frames_refused(world.serial)
    check_dfu_refused(world.dfu)
    check_px4_refused(world.line)
    check_frames_refused(world.serial)
    check(world.contents() == before, "the chip has changed")


def check_life(*arguments, bootloader, program, said, nor=None):
    """Nothing without a key by any interface; everything with it, until a reset; the program starts without one."""
    with World(*arguments, bootloader=bootloader, nor=nor, uid=UIDS[0], used=False, button=False) as world:
        check_locked(world)
        key = key_bytes(grant(world.board.folder / "keys.json", board_id(UIDS[0])))
        check_equal(world.serial.request(client.UNLOCK, struct.pack("<I", 1) + key)[0], 0, "UNLOCK")
        check(len(world.serial.info()) > 10, "INFO is as short as without the key")
        check_equal(world.dfu.upload(PROGRAM_ADDRESS, 64), b"\xff" * 64, "upload with a key")
        world.dfu.download(PROGRAM_ADDRESS, program, dfu.layout_pages(world.dfu.string(4)))
        world.wait_program(said)
        world.board.uart_path.write_text("")
        check_equal(world.again()[3] >> 8 & 1, 1, "HELLO's bit after the reset")
        check_locked(world)
        check_equal(world.serial.ask(client.BOOT, 0, 0)[0], 0, "BOOT")
        world.wait_program(said)
