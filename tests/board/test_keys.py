#!/usr/bin/env python3
"""Locked bootloaders on the virtual board: two issuers, two boards, keys right and wrong. Prints TAP.

The images are built here, in a folder of their own, with issuers made for the test.

SPDX-License-Identifier: MIT
"""
import base64
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import client
import dfu
import harness
from harness import ROOT, check, check_equal, check_tool, json_of

sys.path.insert(0, str(ROOT / "tests/cli"))
from fake_board import FakeBoard, stuff, unstuff  # noqa: E402

BUILD = ROOT / "build/test-keys"
LIMIT = 65536
STACK_LIMIT = 4096
UIDS = ["003B002644415551454E414C", "003B002644415551454E414D"]
PROGRAM = struct.pack("<II", 0x24080000, 0x90100009) + bytes(range(256)) * 8
LOCKED, BAD_KEY, EXPIRED, WAIT = 30, 31, 32, 33
EXIT_LOCKED, EXIT_WRONG, EXIT_EXPIRED, EXIT_WAIT, EXIT_FILE, EXIT_EXISTS = 60, 61, 62, 63, 64, 15


def board_id(uid):
    words = bytes.fromhex(uid)
    return hashlib.sha256(b"quadlane board id v1\0" + words).hexdigest()


def tool(*arguments, cwd=ROOT, environment=None, limit_s=60):
    return subprocess.run([str(part) for part in [harness.TOOL, *arguments]], capture_output=True, text=True, cwd=cwd,
                          timeout=limit_s, stdin=subprocess.DEVNULL,
                          env={**os.environ, "XDG_CONFIG_HOME": "/nonexistent", **(environment or {})})


@functools.lru_cache
def issuers():
    """A folder with the files of two issuers."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-issuers-"))
    for name in ("vendor", "other"):
        check_tool(tool("keys", "issuer", folder / name), 0)
    return folder


@functools.lru_cache
def image(issuer, generation=1, board="h750_w25q128"):
    """The locked bootloader of an issuer."""
    name = f"{board}-flash-locked"
    built = [BUILD / f"firmware/{name}.{suffix}" for suffix in ("elf", "bin")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    result = subprocess.run(["make", "-C", ROOT, f"BUILD={BUILD.relative_to(ROOT)}", "LIBSODIUM_SRC=build/third_party/libsodium",
                             "MBEDTLS_SRC=build/third_party/mbedtls",
                             f"ISSUER={issuers() / issuer}.pub", f"MIN_GENERATION={generation}",
                             *[path.relative_to(ROOT) for path in built]], env=environment,
                            capture_output=True, text=True, timeout=300)
    check(result.returncode == 0, f"the locked image does not build:\n{result.stderr[-2000:]}")
    copy = issuers() / f"{board}-{issuer}-{generation}.bin"
    shutil.copy(built[1], copy)
    return copy


def grant(file, board, issuer="vendor", *arguments):
    check_tool(tool("keys", "grant", board, "--issuer", issuers() / f"{issuer}.key", "--keys", file, *arguments), 0)
    return json.loads(pathlib.Path(file).read_text())[board]


@contextlib.contextmanager
def locked_board(uid=UIDS[0], issuer="vendor", generation=1, nor=None):
    with harness.Board(bootloader=image(issuer, generation), uid=uid, timeout_s=10**7, nor=nor) as board:
        board.keys = board.folder / "keys.json"
        yield board


class Line:
    """Requests over the board's cable, byte by byte as SPEC.md says."""

    def __init__(self, board):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        deadline = time.monotonic() + 20
        self.tag, self.held = 0, b""
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(2)
                self.socket.connect(str(board.usb_path))
                self.hello = self.request(1, struct.pack("<HHI", 1, 1, 0))
                return
            except OSError:
                check(time.monotonic() < deadline, "the board does not answer")
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, payload, tag=0):
        body = struct.pack("<BBHHH", kind, 0, tag, len(payload), 0) + payload
        self.socket.sendall(b"\0" + stuff(body + struct.pack("<I", zlib.crc32(body))))

    def request(self, kind, payload=b""):
        """Returns status, detail and content."""
        self.tag = self.tag % 0xFFFF + 1
        self.send(kind, payload, self.tag)
        while True:
            data = self.socket.recv(65536)
            if not data:
                raise OSError("closed")
            *frames, self.held = (self.held + data).split(b"\0")
            for frame in frames:
                body = unstuff(frame)
                if len(body) >= 20 and body[0] == kind | 0x80 and struct.unpack_from("<H", body, 2)[0] == self.tag:
                    status, _, detail = struct.unpack_from("<HHI", body, 8)
                    return status, detail, body[16:-4]

    def unlock(self, key, today=1):
        return self.request(9, struct.pack("<I", today) + key)


def key_bytes(text):
    return base64.urlsafe_b64decode(text + "=")


def test_size_and_stack():
    """the locked image and the signature check's stack stay within their limits"""
    image("vendor")
    report = [ROOT / "tools/size_report", "--size", "arm-none-eabi-size",
              f"{BUILD}/firmware/h750_w25q128-flash-locked.elf:{LIMIT}"]
    result = subprocess.run(report, capture_output=True, text=True)
    check(result.returncode == 0, result.stdout + result.stderr)
    print("#", result.stdout.splitlines()[-1])
    result = subprocess.run([ROOT / "tools/stack_report", "crypto_sign_ed25519_verify_detached",
                             *BUILD.glob("firmware/libsodium/**/*.ci")], capture_output=True, text=True)
    check(result.returncode == 0, result.stderr)
    print("#", result.stdout.strip())
    check(int(result.stdout.split()[0]) <= STACK_LIMIT, result.stdout)
    open_image = harness.BOOTLOADER.with_suffix(".elf")
    symbols = subprocess.run(["arm-none-eabi-nm", open_image], capture_output=True, text=True).stdout
    check("25519" not in symbols and "sha512" not in symbols, "the open image holds cryptography")


def test_issuer_source():
    """the bootloader takes an issuer's public key and nothing else"""
    script = ROOT / "tools/issuer_source"
    with tempfile.TemporaryDirectory() as name:
        for source, generation, says in [("vendor.key", "1", "secret"), ("vendor.pub", "x", "MIN_GENERATION"),
                                         ("vendor.pub", str(1 << 32), "MIN_GENERATION"), ("none", "1", "none")]:
            result = subprocess.run([script, issuers() / source, generation, f"{name}/out.c"], capture_output=True,
                                    text=True)
            check(result.returncode == 1 and says in result.stderr, f"{source}: {result.stderr}")
            check(not os.path.exists(f"{name}/out.c"), "an output was written")


def test_board_id():
    """`id` and `flash ADDRESS ""` print the id, the same at each start, another on each board"""
    for uid in UIDS:
        with locked_board(uid) as board:
            check_equal(board.tool("id").stdout, board_id(uid) + "\n", "id")
            found = board.tool("flash", "0x90100000", "")
            check_equal((found.returncode, found.stdout), (0, f'BOARD ID\n"{board_id(uid)}"\n'), "flash with an empty path")
            check_equal(json_of(board.tool("id", "--json"))["board_id"], board_id(uid), "--json")
            check_equal(json_of(board.tool("flash", "0x90100000", "", "--json"))["board_id"], board_id(uid), "--json")
    with harness.Board(uid=UIDS[1], timeout_s=10**7) as board:
        check_equal(board.tool("id").stdout, board_id(UIDS[1]) + "\n", "id of an open board")
        info = json_of(board.tool("info", "--json"))
        check_equal((info["lock"]["state"], info["lock"]["issuer"]), ("open", None), "lock")
        check_tool(board.tool("info"), 0, [board_id(UIDS[1]), "open: it asks for no key"])


def test_dfu():
    """a locked board's DFU interface neither changes nor tells a byte; with a key from the serial port it does both"""
    program = harness.BLINK.with_suffix(".bin").read_bytes()
    with contextlib.ExitStack() as stack:
        board = stack.enter_context(harness.Board("--load", f"{harness.BLINK}", bootloader=image("vendor"), uid=UIDS[0],
                                                  usb="lockstep"))
        board.control("button down")
        line = client.Line(board.usb_path)
        stack.callback(line.close)
        line.wait_link()
        board.control("button up")
        host = dfu.on_line(line)
        before = (board.folder / "nor.bin").read_bytes()
        for refused in (lambda: host.erase(0x90100000), host.mass_erase,
                        lambda: (host.set_address(0x90100000), host.block(b"x" * 100)),
                        lambda: host.upload(0x90100000, 64)):
            host.begin()
            try:
                refused()
            except dfu.DfuError:
                status = host.status()
                check_equal((status[0], status[2]), (11, dfu.ERROR), "errVENDOR")
                check("locked" in host.string(status[3]), host.string(status[3]))
                continue
            raise AssertionError("it was not refused")
        check((board.folder / "nor.bin").read_bytes() == before, "the chip has changed")
        host.clear()
        key = key_bytes(grant(board.folder / "keys.json", board_id(UIDS[0])))
        check_equal(client.Client(line).request(client.UNLOCK, struct.pack("<I", 1) + key)[0], 0, "UNLOCK")
        check_equal(host.upload(0x90100000, 64), program[:64], "upload with a key")
        host.download(0x90100000, program, dfu.layout_pages(host.string(4)))
        line.wait_link(False, 2000)


def test_locked_without_a_key():
    """without a key nothing is read or changed; the refusal names issuer, board and what to do"""
    fingerprint = json_of(tool("keys", "issuer", issuers() / "third", "--json"))["issuer"]
    check(len(fingerprint) == 32, fingerprint)
    public = bytes.fromhex((issuers() / "vendor.pub").read_text().splitlines()[1])
    issuer = hashlib.sha256(b"quadlane issuer v1\0" + public).hexdigest()[:32]
    with locked_board() as board:
        nor = board.folder / "nor.bin"
        board.tool("id")
        before = nor.read_bytes()
        image_file = board.folder / "program.bin"
        image_file.write_bytes(PROGRAM)
        ram_file = board.folder / "ram.bin"
        ram_file.write_bytes(struct.pack("<II", 0x24080000, 0x24000009) + b"\xfe\xe7" * 8)
        for arguments in (["flash", image_file], ["run", ram_file], ["verify", image_file], ["erase", "--all", "--yes"],
                          ["read", "0x90100000", "16", board.folder / "x"]):
            refused = board.tool(*arguments)
            check_tool(refused, EXIT_LOCKED, [issuer, board_id(UIDS[0]), "send this board id to the vendor: "])
            check(not (board.folder / "x").exists(), "a file was written")
        refused = json.loads(board.tool("erase", "--all", "--yes", "--json").stdout)
        check_equal((refused["error"]["code"], refused["error"]["board_status"]), ("locked", "locked"), "--json")
        info = board.tool("info")
        check_tool(info, 0, [f"locked by the issuer {issuer}", board_id(UIDS[0]), "0.1.0"])
        check("flash chip" not in info.stdout and "program " not in info.stdout, info.stdout)
        check_tool(board.tool("erase", "--all", "--yes", "--keys", "/nonexistent/keys.json"), 10, "there is no file")
        check_equal(board.tool("boot").returncode, 50, "boot of a blank chip")
        check_tool(board.tool("reset", "--bootloader"), 0)
        check_tool(board.tool("id"), 0)
        check(nor.read_bytes() == before, "the chip has changed")


def test_every_kind():
    """no request of any kind changes or reads the chip of a locked board"""
    allowed = {1, 2, 3, 7, 8, 9}
    with locked_board() as board:
        with Line(board) as line:
            nor = board.folder / "nor.bin"
            before = nor.read_bytes()
            begin = struct.pack("<IIII", 5, 0x90100000, 256, 0) + hashlib.sha256(b"\0" * 256).digest() + bytes(12)
            payloads = {0x10: begin, 0x11: struct.pack("<II", 5, 0), 0x12: bytes(4)}
            for kind in range(1, 0x40):
                if kind in allowed:
                    continue
                for payload in (payloads.get(kind, struct.pack("<II", 0x90100000, 1)), b"", bytes(4112)):
                    status, detail, content = line.request(kind, payload)
                    check(status == LOCKED and detail != 0 and content == b"", f"kind {kind:02X}: {status} {detail}")
            for kind in [0, *range(0x40, 0x100)]:
                line.send(kind, struct.pack("<IIII", 5, 0, 0x90100000, 4096))
                line.send(kind, struct.pack("<IIII", 5, 0, 0x90100000, 256) + bytes(256))
            status, _, record = line.request(3)
            check(status == 0 and record == bytes(40), "an update is known")
            # BOOT tells no word of the chip.
            status, detail, _ = line.request(7, struct.pack("<II", 0, 0))
            check(status != 0 and detail in (0, 0x90100000), f"{status} {detail:08X}")
        check(nor.read_bytes() == before, "the chip has changed")


def test_flash_with_a_key():
    """with its key in keys.json a board is flashed as if it were open; its program starts without one"""
    with locked_board() as board:
        grant(board.keys, board_id(UIDS[1]))
        grant(board.keys, board_id(UIDS[0]))
        check_tool(board.tool("flash", harness.BLINK, "--keys", board.keys), 0, "started")
        check(harness.BLINK.with_suffix(".bin").read_bytes() in (board.folder / "nor.bin").read_bytes(), "not in the chip")


def test_until_reset_or_unplug():
    """an unlock lasts until reset or unplug; then the same key has to be sent again, and works"""
    with tempfile.TemporaryDirectory() as folder, locked_board() as board:
        key = key_bytes(grant(f"{folder}/keys.json", board_id(UIDS[0])))
        for way in ("reset", "unplug", "reset"):
            with Line(board) as line:
                check_equal(line.hello[2][9] & 1, 1, "HELLO's bit")
                check_equal(line.request(4, struct.pack("<II", 0x90100000, 16))[0], LOCKED, "READ")
                check_equal(line.unlock(key), (0, 0, b"\xff" * 4), "UNLOCK")
                check_equal(line.request(4, struct.pack("<II", 0x90100000, 16)), (0, 0, b"\xff" * 16), "READ")
            # Closing the port is no unplugging.
            with Line(board) as line:
                check_equal(line.request(4, struct.pack("<II", 0x90100000, 16))[0], 0, "READ")
                if way == "reset":
                    check_equal(line.request(8, struct.pack("<I", 1))[0], 0, "RESET")
            if way == "unplug":
                board.control("usb unplug")
                time.sleep(0.5)
                board.control("usb plug")
            time.sleep(0.5)


def test_wrong_keys():
    """forged, truncated, foreign, of another issuer, of an old generation, past its date"""
    with tempfile.TemporaryDirectory() as folder, locked_board(generation=2) as board:
        file = f"{folder}/keys.json"
        mine, yours = board_id(UIDS[0]), board_id(UIDS[1])
        right = grant(file, mine, "vendor", "--generation", "2")

        def attempt(text, code, says, wait=True):
            pathlib.Path(file).write_text(json.dumps({mine: text}))
            check_tool(board.tool("read", "0x90100000", "16", f"{folder}/x", "--keys", file), code, says)
            check(not os.path.exists(f"{folder}/x"), "a file was written")
            if wait:  # the right key ends the slowing down
                pathlib.Path(file).write_text(json.dumps({mine: right}))
                check_tool(board.tool("info", "--keys", file), 0)
                check_tool(board.tool("read", "0x90100000", "16", f"{folder}/x", "--keys", file), 0)
                os.unlink(f"{folder}/x")
                check_tool(board.tool("reset", "--bootloader"), 0)

        attempt(right[:40] + ("A" if right[40] != "A" else "B") + right[41:], EXIT_WRONG, "refuses the key")
        attempt(grant(file, yours, "vendor", "--generation", "2"), EXIT_WRONG, "refuses the key")
        attempt(grant(file, mine, "other", "--generation", "2"), EXIT_WRONG, "refuses the key")
        attempt(right[:-1], EXIT_FILE, "malformed", wait=False)
        attempt("", EXIT_FILE, "malformed", wait=False)
        attempt(grant(file, mine, "vendor", "--generation", "1"), EXIT_EXPIRED, "generation below the board's (2)", wait=False)
        attempt(grant(file, mine, "vendor", "--generation", "2", "--not-after", "2020-01-01"), EXIT_EXPIRED, "2020-01-01",
                wait=False)
        # A host with a wrong date: the board compares with what it is told.
        old = key_bytes(grant(file, mine, "vendor", "--generation", "2", "--not-after", "2020-01-01"))
        with Line(board) as line:
            check_equal(line.unlock(old, 20000)[:2], (EXPIRED, 0), "past its date")
            check_equal(line.unlock(old, 1)[0], 0, "with another date")


def test_two_issuers():
    """a board obeys its own issuer only"""
    for issuer, other in (("vendor", "other"), ("other", "vendor")):
        with tempfile.TemporaryDirectory() as folder, locked_board(issuer=issuer) as board:
            with Line(board) as line:
                foreign = key_bytes(grant(f"{folder}/a.json", board_id(UIDS[0]), other))
                own = key_bytes(grant(f"{folder}/b.json", board_id(UIDS[0]), issuer))
                check_equal(line.unlock(foreign)[:2], (BAD_KEY, 1), "the other issuer's key")
                while line.unlock(own)[0] == WAIT:
                    time.sleep(0.05)
                check_equal(line.request(4, struct.pack("<II", 0x90100000, 16))[0], 0, "READ")


def test_slowing_down():
    """after wrong keys the board looks at no key for 1 s, 2 s, 4 s, also over a reset"""
    with tempfile.TemporaryDirectory() as folder, \
            harness.Board(bootloader=image("vendor"), uid=UIDS[0], timeout_s=300, speed="real") as board:
        right = key_bytes(grant(f"{folder}/keys.json", board_id(UIDS[0])))
        wrong = right[:-1] + bytes([right[-1] ^ 1])
        for wait_ms in (1000, 2000, 4000):
            with Line(board) as line:
                check_equal(line.unlock(wrong)[0], BAD_KEY, "a wrong key")
                status, left, _ = line.unlock(right)
                check(status == WAIT and wait_ms - 200 < left <= wait_ms, f"{status} {left} of {wait_ms}")
                if wait_ms < 4000:
                    time.sleep(left / 1000 - 0.2)
                    check_equal(line.unlock(right)[0], WAIT, "shortly before the wait's end")
                    time.sleep(0.4)
                else:
                    line.request(8, struct.pack("<I", 1))
        time.sleep(0.5)
        with Line(board) as line:
            status, left, _ = line.unlock(right)
            check(status == WAIT and left > 2500, f"after the reset: {status} {left}")
            time.sleep(left / 1000 + 0.2)
            check_equal(line.unlock(right)[0], 0, "the right key")


def test_permissions():
    """a key that only allows reading does not allow writing"""
    with locked_board() as board:
        grant(board.keys, board_id(UIDS[0]), "vendor", "--allow", "read")
        file = board.folder / "program.bin"
        file.write_bytes(PROGRAM)
        check_tool(board.tool("read", "0x90100000", "16", board.folder / "x", "--keys", board.keys), 0)
        check_equal((board.folder / "x").read_bytes(), b"\xff" * 16, "chip")
        check_tool(board.tool("flash", file, "--keys", board.keys), EXIT_LOCKED, "permits read, not read,write")
        check_tool(board.tool("info", "--keys", board.keys), 0, "unlocked, permits read;")
        grant(board.keys, board_id(UIDS[0]), "vendor", "--allow", "write")
        check_tool(board.tool("reset", "--bootloader"), 0)
        check_tool(board.tool("flash", file, "--no-boot", "--keys", board.keys), 0, "verified")
        # A program in RAM can do anything, so that it needs everything.
        ram_file = board.folder / "ram.bin"
        ram_file.write_bytes(struct.pack("<II", 0x24080000, 0x24000009) + b"\xfe\xe7" * 8)
        check_tool(board.tool("run", ram_file, "--keys", board.keys), EXIT_LOCKED, "missing permissions: 0x")
        grant(board.keys, board_id(UIDS[0]))
        check_tool(board.tool("reset", "--bootloader"), 0)
        check_tool(board.tool("run", ram_file, "--keys", board.keys), 0, "started")


def test_issuer_files():
    """issuer files: mode 0600, never overwritten, and refused when they are something else"""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_tool(tool("keys", "issuer", "a", cwd=folder), 0)
        check_equal(stat.S_IMODE((folder / "a.key").stat().st_mode), 0o600, "mode")
        before = (folder / "a.key").read_bytes(), (folder / "a.pub").read_bytes()
        check_tool(tool("keys", "issuer", "a", cwd=folder), EXIT_EXISTS, "not overwritten")
        (folder / "a.pub").rename(folder / "b.pub")
        check_tool(tool("keys", "issuer", "a", cwd=folder), EXIT_EXISTS, "a.key")
        check(not (folder / "a.pub").exists(), "half an issuer was written")
        check_tool(tool("keys", "issuer", "b", cwd=folder), EXIT_EXISTS, "b.pub")
        check(not (folder / "b.key").exists(), "half an issuer was written")
        check_equal(((folder / "a.key").read_bytes(), (folder / "b.pub").read_bytes()), before, "files")
        check_tool(tool("keys", "issuer", "x/y", cwd=folder), 14)
        seed = (folder / "a.key").read_text().splitlines()[1]
        bad = {"empty": "", "pub": before[1].decode(), "cut": before[0].decode()[:-3], "more": before[0].decode() + "0",
               "digits": before[0].decode().replace(seed[0], "g"), "header": "x" + before[0].decode()}
        for kind, text in bad.items():
            (folder / "bad").write_text(text)
            check_tool(tool("keys", "grant", "00" * 32, "--issuer", "bad", cwd=folder), EXIT_FILE)
            check(not (folder / "keys.json").exists(), f"{kind}: a key was written")


def test_keys_files():
    """keys.json: extended as a whole, foreign entries kept, a malformed one left alone"""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        file = folder / "keys.json"
        secret = issuers() / "vendor.key"
        check_tool(tool("keys", "grant", "AB" * 32, "--issuer", secret, cwd=folder), 0, "ab" * 32)
        check_equal(stat.S_IMODE(file.stat().st_mode), 0o600, "mode")
        check_equal(list(json.loads(file.read_text())), ["ab" * 32], "boards")
        file.write_text(json.dumps({"note": ["ours"], "CD" * 32: "old", "ab" * 32: "old"}))
        file.chmod(0o640)
        check_tool(tool("keys", "grant", "cd" * 32, "--issuer", secret, "--not-after", "2999-12-31", "--allow", "write",
                        cwd=folder), 0, "read,write, generation 1, until 2999-12-31")
        found = json.loads(file.read_text())
        check_equal((list(found), found["note"], found["ab" * 32]), (["note", "CD" * 32, "ab" * 32], ["ours"], "old"), "entries")
        check_equal((len(found["CD" * 32]), stat.S_IMODE(file.stat().st_mode)), (107, 0o640), "key, mode")
        check_equal(sorted(path.name for path in folder.iterdir()), ["keys.json"], "files left behind")
        check_tool(tool("keys", "show", cwd=folder), 0, ["malformed", "read,write, generation 1, until 2999-12-31", "2 keys"])
        check_tool(tool("keys", "check", cwd=folder), EXIT_FILE, "malformed")
        del found["ab" * 32]
        file.write_text(json.dumps(found))
        check_tool(tool("keys", "check", "--issuer", issuers() / "vendor.pub", cwd=folder), 0, ": right")
        check_tool(tool("keys", "check", "--issuer", issuers() / "other.pub", cwd=folder), EXIT_WRONG, "not signed by")
        for text in ("", "{", "[]", '"x"', '{"a": 1, "a": 2}', '{"a": 1} x', "\xff"):
            file.write_bytes(text.encode("latin-1"))
            check_tool(tool("keys", "grant", "cd" * 32, "--issuer", secret, cwd=folder), EXIT_FILE, "is no keys file")
            check_equal(file.read_bytes(), text.encode("latin-1"), "the malformed file")
        for arguments in (["grant", "12"], ["grant", "zz" * 32], ["grant", "12" * 32], ["what"], ["show", "x"], ["issuer"],
                          ["grant", "12" * 32, "--issuer", secret, "--allow", "all"],
                          ["grant", "12" * 32, "--issuer", secret, "--not-after", "2023-02-30"],
                          ["grant", "12" * 32, "--issuer", secret, "--generation", "-1"]):
            check_tool(tool("keys", *arguments, cwd=folder), 2)


def test_where_keys_are_found():
    """keys.json is found beside the tool, in the working directory, in the configuration directory"""
    with tempfile.TemporaryDirectory() as name, locked_board() as board:
        folder = pathlib.Path(name)
        port = ["--port", f"unix:{board.usb_path}", "--wait", "20"]
        grant(folder / "keys.json", board_id(UIDS[0]))
        places = {"here": folder / "here", "tool": folder / "tool", "config": folder / "config/quadlane"}
        for place in places.values():
            place.mkdir(parents=True)
        shutil.copy(harness.TOOL, places["tool"] / "quadlane")
        for place in places.values():
            (folder / "keys.json").rename(place / "keys.json")
            # A file that is broken elsewhere does no harm if the key is found.
            broken = places["here"] if place != places["here"] else places["config"]
            (broken / "keys.json").write_text("{")
            result = subprocess.run([places["tool"] / "quadlane", "read", "0x90100000", "16", folder / "x", *port],
                                    capture_output=True, text=True, cwd=places["here"], timeout=60,
                                    env={**os.environ, "XDG_CONFIG_HOME": str(folder / "config")})
            check_tool(result, 0)
            (broken / "keys.json").unlink()
            (place / "keys.json").rename(folder / "keys.json")
            check_tool(board.tool("reset", "--bootloader"), 0)


def test_a_board_that_lies():
    """a board whose id does not follow from its unique id is refused"""
    class Liar(FakeBoard):
        def info(self):
            return super().info() + bytes([0x18, 32]) + bytes(32)
    with tempfile.TemporaryDirectory() as name, Liar(f"{name}/a.sock"):
        check_tool(tool("id", "--port", f"unix:{name}/a.sock"), 46, "not the one that follows from its unique id")


if __name__ == "__main__":
    try:
        harness.run_tests(dict(globals()))
    finally:
        if issuers.cache_info().currsize:
            shutil.rmtree(issuers(), ignore_errors=True)
