#!/usr/bin/env python3
"""Locked bootloaders on the virtual board: two issuers, two boards, keys right and wrong. Prints TAP.

SPDX-License-Identifier: MIT
"""
import datetime
import hashlib
import json
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time

import harness
from harness import ROOT, check, check_equal, check_tool, json_of, run_tool as tool
from locked import BUILD, UIDS, board_id, grant, image, issuers, key_bytes, locked_board
from talk import Requests

sys.path.insert(0, str(ROOT / "tests/cli"))
from fake_board import FakeBoard  # noqa: E402

LIMIT = 65536
STACK_LIMIT = 4096
PROGRAM = struct.pack("<II", 0x24080000, 0x90100009) + bytes(range(256)) * 8
LOCKED, BAD_KEY, EXPIRED, WAIT = 30, 31, 32, 33
EXIT_LOCKED, EXIT_WRONG, EXIT_EXPIRED, EXIT_FILE, EXIT_EXISTS, EXIT_KEPT = 60, 61, 62, 64, 15, 58
READ_16 = struct.pack("<II", 0x90100000, 16)


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
        with Requests(board) as line:
            nor = board.folder / "nor.bin"
            before = nor.read_bytes()
            begin = struct.pack("<IIII", 5, 0x90100000, 256, 0) + hashlib.sha256(b"\0" * 256).digest() + bytes(12)
            ram = struct.pack("<II", 0x24060000, 8) + bytes(8)
            payloads = {0x10: begin, 0x11: struct.pack("<II", 5, 0), 0x12: bytes(4), 0x13: bytes([5, 1, 0]), 0x14: ram,
                        0x15: bytes(104), 0x16: struct.pack("<II", 2, 0x544F5250),
                        0x17: struct.pack("<II", 0x1000, 0) + bytes(32)}
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
        check_equal(own_flash(board), (0xAA, 0, 0), "the microcontroller's flash and its protection")


def own_flash(board):
    found = board.statistics()
    return int(found["flash_rdp"]), int(found["flash_write_protected"]), int(found["flash_operations"])


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
            with Requests(board) as line:
                check_equal(line.hello[2][9] & 1, 1, "HELLO's bit")
                check_equal(line.request(4, struct.pack("<II", 0x90100000, 16))[0], LOCKED, "READ")
                check_equal(line.unlock(key), (0, 0, b"\xff" * 4), "UNLOCK")
                check_equal(line.request(4, struct.pack("<II", 0x90100000, 16)), (0, 0, b"\xff" * 16), "READ")
            # Closing the port is no unplugging.
            with Requests(board) as line:
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
        with Requests(board) as line:
            check_equal(line.unlock(old, 20000)[:2], (EXPIRED, 0), "past its date")
            check_equal(line.unlock(old, 1)[0], 0, "with another date")


def unlock_in_time(line, key, today=1):
    """The board's verdict on a key, when it looks at keys again."""
    deadline = time.monotonic() + 20
    while True:
        answer = line.unlock(key, today)
        if answer[0] != WAIT:
            return answer
        check(time.monotonic() < deadline, "the board does not look at keys any more")
        time.sleep(0.01)


def lock_again(line):
    check_equal(line.request(8, struct.pack("<I", 1))[0], 0, "RESET")
    line.connect()


def test_two_boards_two_issuers():
    """of the four keys for two boards of two issuers each board takes its own, and no other"""
    with tempfile.TemporaryDirectory() as folder:
        keys = {(uid, issuer): key_bytes(grant(f"{folder}/{issuer}.json", board_id(uid), issuer))
                for uid in UIDS for issuer in ("vendor", "other")}
        for own, right in keys.items():
            with locked_board(*own) as board, Requests(board) as line:
                for other, key in keys.items():
                    if other != own:
                        check_equal(unlock_in_time(line, key)[:2], (BAD_KEY, 1), f"the key of {other} on {own}")
                        check_equal(line.request(4, READ_16)[0], LOCKED, "READ")
                        check_equal(unlock_in_time(line, right)[0], 0, f"the own key of {own}")
                        check_equal(line.request(4, READ_16)[0], 0, "READ")
                        lock_again(line)


def test_forged_key():
    """a key with any byte changed, so also with more rights, a later date or a higher generation, is refused"""
    with tempfile.TemporaryDirectory() as folder, locked_board() as board:
        weak = key_bytes(grant(f"{folder}/keys.json", board_id(UIDS[0]), "vendor", "--allow", "read", "--not-after", "2020-01-01"))
        forgeries = {f"byte {at}": weak[:at] + bytes([weak[at] ^ 0x10]) + weak[at + 1:] for at in range(0, 80, 3)}
        forgeries["every right"] = weak[:4] + b"\xff" * 4 + weak[8:]
        forgeries["generation 9"] = weak[:8] + struct.pack("<I", 9) + weak[12:]
        forgeries["no end"] = weak[:12] + bytes(4) + weak[16:]
        forgeries["no signature"] = weak[:16] + bytes(64)
        with Requests(board) as line:
            for what, forged in forgeries.items():
                check_equal(unlock_in_time(line, forged)[0], BAD_KEY, what)
                check_equal(line.request(4, READ_16)[0], LOCKED, f"READ after {what}")
                check_equal(unlock_in_time(line, weak)[0], 0, "the right key")  # ends the slowing down
                lock_again(line)


def test_truncated_key():
    """a key that was cut, or has something behind it, is no UNLOCK, and opens nothing"""
    with tempfile.TemporaryDirectory() as folder, locked_board() as board:
        key = key_bytes(grant(f"{folder}/keys.json", board_id(UIDS[0])))
        with Requests(board) as line:
            for length in (0, 1, 4, 15, 16, 20, 79, 81, 84, 300):
                payload = (struct.pack("<I", 1) + key + bytes(300))[:4 + length]
                check_equal(line.request(9, payload)[:2], (2, min(len(payload), 84)), f"a key of {length} bytes")
                check_equal(line.request(4, READ_16)[0], LOCKED, "READ")
            check_equal(line.unlock(key)[0], 0, "the whole one, at once: those were no wrong keys")


def test_replayed_key():
    """a recorded UNLOCK opens its own board again and no other one; a higher generation ends that"""
    with tempfile.TemporaryDirectory() as folder:
        key = key_bytes(grant(f"{folder}/keys.json", board_id(UIDS[0])))
        newer = key_bytes(grant(f"{folder}/keys.json", board_id(UIDS[0]), "vendor", "--generation", "2"))
        with locked_board(UIDS[0]) as board, Requests(board) as line:
            check_equal(line.unlock(key)[0], 0, "UNLOCK")
            lock_again(line)
            check_equal(line.request(4, READ_16)[0], LOCKED, "READ")
            check_equal(line.unlock(key)[0], 0, "the same bytes again")  # docs/keys.md says so
            # Called back: the board's owner raises the lowest generation with a newer key.
            check_equal(line.unlock(newer)[0], 0, "the newer one")
            check_equal(line.request(0x13, bytes([8, 4]) + struct.pack("<I", 2))[0], 0, "SETTINGS")
            check_equal(line.unlock(key)[:2], (EXPIRED, 2), "the old one")
            lock_again(line)
            check_equal(line.unlock(key)[:2], (EXPIRED, 2), "the old one after a reset")
            check_equal(line.request(4, READ_16)[0], LOCKED, "READ")
        with locked_board(UIDS[1]) as board, Requests(board) as line:
            check_equal(line.unlock(key)[0], BAD_KEY, "on another board")


def test_expired_key():
    """a key past its last day is refused, the day itself still counts, and a board told no date takes it"""
    with tempfile.TemporaryDirectory() as folder, locked_board() as board:
        key = key_bytes(grant(f"{folder}/keys.json", board_id(UIDS[0]), "vendor", "--not-after", "2030-12-31"))
        last = (datetime.date(2030, 12, 31) - datetime.date(1970, 1, 1)).days
        with Requests(board) as line:
            for today in (last + 1, last + 400, 0xFFFFFFFF):
                check_equal(line.unlock(key, today)[:2], (EXPIRED, 0), f"day {today}")
                check_equal(line.request(4, READ_16)[0], LOCKED, "READ")
            for today in (last, 1, 0):
                check_equal(line.unlock(key, today)[0], 0, f"day {today}")


def locked_file(board, issuer, generation=1):
    path = board.folder / f"{issuer}-{generation}.bin"
    shutil.copy(image(issuer, generation), path)
    return path


def test_protecting_a_locked_board():
    """protection is shown to who may read, changed by who may protect; the bootloader is replaced by who may do everything"""
    with locked_board() as board:
        serial = json_of(board.tool("id", "--json"))["board"]["serial"]
        changing = ["protect", "write", "on", "--confirm", f"protect write on {serial}"]
        new = locked_file(board, "vendor", 2)
        for arguments in (["protect"], changing, ["update-bootloader", new, "--yes"], ["update-bootloader", new, "--yes", "--force"]):
            check_tool(board.tool(*arguments), EXIT_LOCKED, board_id(UIDS[0]))
        check_equal(own_flash(board), (0xAA, 0, 0), "without a key")
        for allowed, may_change in (("read,write,settings", False), ("protect", True)):
            grant(board.keys, board_id(UIDS[0]), "vendor", "--allow", allowed)
            check_tool(board.tool("reset", "--bootloader"), 0)
            check_tool(board.tool("protect", "--keys", board.keys), 0, "level 0")
            check_tool(board.tool(*changing, "--keys", board.keys), 0 if may_change else EXIT_LOCKED)
            check_tool(board.tool("update-bootloader", new, "--yes", "--keys", board.keys), EXIT_LOCKED, "not everything")
            check_equal(own_flash(board), (0xAA, int(may_change), 0), f"with {allowed}")


def test_replacing_a_locked_bootloader():
    """another bootloader of the issuer keeps the keys; who is kept out is not let in without --force"""
    with locked_board() as board:
        vendor, raised, other = (locked_file(board, *which) for which in (("vendor", 1), ("vendor", 2), ("other", 1)))
        keys = {name: board.folder / f"{name}.json" for name in ("one", "two", "other")}
        grant(keys["one"], board_id(UIDS[0]))
        grant(keys["two"], board_id(UIDS[0]), "vendor", "--generation", "2")
        grant(keys["other"], board_id(UIDS[0]), "other")

        def update(file, key, code, says=(), *extra):
            check_tool(board.tool("update-bootloader", file, "--yes", *extra, *(["--keys", keys[key]] if key else [])), code, says)

        def lock():
            return json_of(board.tool("info", "--json", "--keys", keys["two"]))["lock"]

        update(vendor, "one", 0, "very bootloader")
        for lowered in (harness.BOOTLOADER, other):
            update(lowered, "one", EXIT_KEPT, ["would let in whom it keeps out", "--force"])
        check_equal(own_flash(board)[2], 0, "operations of the flash")
        update(raised, "one", 0, "replaced")
        check_equal((lock()["state"], lock()["lowest_generation"]), ("unlocked", 2), "the raised generation")
        check_tool(board.tool("reset", "--bootloader"), 0)
        update(vendor, "one", EXIT_EXPIRED)
        update(vendor, "two", EXIT_KEPT, "--force")
        update(vendor, "two", 0, "replaced", "--force")
        check_tool(board.tool("reset", "--bootloader"), 0)
        update(other, "one", 0, "replaced", "--force")
        update(vendor, "one", EXIT_WRONG)
        update(harness.BOOTLOADER, "other", 0, "replaced", "--force")
        check_equal(lock()["state"], "open", "the lock")
        # An open board takes any; from then on it obeys the one.
        update(vendor, None, 0, ["then  0.1.0", "locked by the issuer", "its build is not told without a key"])
        update(harness.BOOTLOADER, None, EXIT_LOCKED)
        update(harness.BOOTLOADER, "one", EXIT_KEPT)


def test_two_issuers():
    """a board obeys its own issuer only"""
    for issuer, other in (("vendor", "other"), ("other", "vendor")):
        with tempfile.TemporaryDirectory() as folder, locked_board(issuer=issuer) as board:
            with Requests(board) as line:
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
            with Requests(board) as line:
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
        with Requests(board) as line:
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


def test_several_boards():
    """flash --all shows each locked board its own key; one without a key fails alone"""
    with locked_board() as first, locked_board(UIDS[1]) as second, locked_board(UIDS[1][:-1] + "F") as third:
        runtime = first.folder / "runtime"
        runtime.mkdir()
        for number, board in enumerate((first, second, third)):
            board.wait_device()
            (runtime / f"{number}.sock").symlink_to(board.usb_path)
        for uid in UIDS:
            grant(first.keys, board_id(uid))
        program = first.folder / "program.bin"
        program.write_bytes(PROGRAM)
        done = tool("flash", "--all", "--no-boot", "--json", program, "--keys", first.keys,
                    environment={"QUADLANE_RUNTIME_DIR": str(runtime)})
        check_equal(done.returncode, 96, f"exit code ({done.stdout}{done.stderr})")
        ends = {row["board"]["id"]: row.get("error", {}).get("code") for row in json.loads(done.stdout)["boards"]}
        check_equal(ends, {board_id(UIDS[0]): None, board_id(UIDS[1]): None, board_id(UIDS[1][:-1] + "F"): "locked"},
                    "each board's end")


if __name__ == "__main__":
    harness.run_tests(globals())
