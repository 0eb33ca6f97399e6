#!/usr/bin/env python3
"""The tool's manners: help, exit codes, one clear sentence for each bad input, JSON, progress. Prints TAP.

The boards are fakes with a certain fault (fake_board.py); those that work are tests/board's business.

SPDX-License-Identifier: MIT
"""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
from harness import ROOT, TOOL, check, check_equal, check_tool, run_tests  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fake_board import ABORT, BEGIN, BOOT, END, ERASE, FakeBoard, LockstepBoard, PtyBoard, WRITE  # noqa: E402

VERBS = ["flash", "verify", "read", "erase", "boot", "run", "info", "list", "reset", "set", "id", "keys", "ide"]
PROGRAM = 0x90100000
VECTORS = struct.pack("<II", 0x24080000, PROGRAM + 9)


@contextlib.contextmanager
def folder():
    """A folder of its own, which is also where the tool looks for virtual boards."""
    with tempfile.TemporaryDirectory(prefix="quadlane-cli-") as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def tool(*arguments, runtime="/nonexistent", limit_s=40, prefix=()):
    environment = {**os.environ, "QUADLANE_RUNTIME_DIR": str(runtime)}
    return subprocess.run([str(part) for part in [*prefix, TOOL, *arguments]], capture_output=True, text=True,
                          timeout=limit_s, cwd=ROOT, stdin=subprocess.DEVNULL, env=environment)


def check_refused(process, code, *says):
    """Ended with the code, one sentence on stderr, and nothing on stdout."""
    check_tool(process, code, says)
    sentences = [line for line in process.stderr.splitlines() if line.startswith("quadlane: ")]
    check_equal(len(sentences), 1, "sentences on stderr")
    check_equal(process.stdout, "", "stdout")


def unprivileged():
    """What makes a command run as somebody without rights."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []


def program(size=5000):
    return VECTORS + bytes(i * 7 & 0xFF for i in range(size - 8))


def write(path, content):
    path.write_bytes(content)
    return path


def elf(address, content, machine=40, entry=PROGRAM + 9):
    header = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    header += struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, entry, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    return header + struct.pack("<8I", 1, 84, address, address, len(content), len(content), 5, 4) + content


def test_help():
    """--help shows every verb, every option of a verb, and the exit codes"""
    general = tool("--help")
    check_tool(general, 0, [f"\n  {verb} " for verb in VERBS] + ["Exit codes:", "130 interrupted"])
    codes = re.findall(r"^ +(\d+) ([a-z-]+) ", general.stdout.split("Exit codes:")[1], re.M)
    check(len(codes) > 25 and len({code for code, _ in codes}) == len(codes), "codes are not unique")
    for verb in VERBS:
        page = tool(verb, "--help")
        check_tool(page, 0, [f"usage: quadlane {verb}", "--json", "--quiet"])
        for line in (general.stdout + page.stdout).splitlines():
            check(len(line) <= 100, f"line too long: {line}")
        options = re.findall(r"^  (--[a-z-]+) ", page.stdout.split("\nOptions:\n")[1], re.M)
        check_equal(len(options), len(set(options)), f"options of {verb}, each once: {options}")
    check_tool(tool("flash", "--help"), 0, ["--full", "--no-boot", "--wait", "--port", "--serial"])
    check_tool(tool("erase", "--help"), 0, ["--all", "--yes"])
    check_tool(tool("reset", "--help"), 0, "--bootloader")


def test_version():
    """--version"""
    check_equal(tool("--version").stdout, "quadlane 0.1.0\n", "version")


def test_usage():
    """a command line that cannot be understood ends with 2 and says what to do"""
    for arguments in [[], ["nosuchverb"], ["flash"], ["flash", "1", "2", "3"], ["info", "x"], ["info", "--full"],
                      ["flash", "--nosuch", "x"], ["info", "--wait"], ["info", "--wait", "soon"],
                      ["info", "--wait", "-1"], ["read", "zzz", "1", "x"], ["read", PROGRAM, "0", "x"],
                      ["read", "0x1000000000", "1", "x"], ["read", "4096M", "1", "x"], ["erase"], ["erase", "1"],
                      ["erase", "0x90100000", "4K", "--all"], ["info", "--port", "tcp:nowhere"],
                      ["info", "--port", "/dev/null/x/../../LICENSE"]]:
        process = tool(*arguments)
        check(process.returncode in (2, 40), f"{arguments}: {process.returncode} {process.stderr}")
        check(process.stderr.startswith("quadlane: "), process.stderr)
    check_refused(tool("flash", "x.bin", "0x90100000"), 2, "the address comes before the file",
                  "quadlane flash 0x90100000 x.bin")
    with folder() as place:
        check_refused(tool("flash", "0x90100000", write(place / "a.elf", elf(PROGRAM, program()))), 2,
                      "carries its own addresses")


def test_files():
    """a file that is missing, a directory, unreadable, empty, or not writable"""
    with folder() as place:
        check_refused(tool("flash", place / "x.bin"), 10, "there is no file", "x.bin")
        check_refused(tool("flash", place), 11, "is a directory")
        secret = write(place / "secret.bin", b"x")
        secret.chmod(0)
        check_refused(tool("flash", secret, prefix=unprivileged()), 12, "cannot be read")
        check_refused(tool("flash", write(place / "empty.bin", b"")), 13, "is empty")
        check_refused(tool("read", "0x90100000", "16", "/nonexistent/x"), 14, "cannot be written")
        check_refused(tool("read", "0x90100000", "16", place), 11, "is a directory")


def test_images():
    """a damaged ELF, one of another machine, a HEX with a bad checksum, overlapping parts"""
    whole = elf(PROGRAM, program())
    with folder() as place:
        check_refused(tool("flash", write(place / "a.elf", whole[:-1])), 20, "is truncated")
        check_refused(tool("flash", write(place / "a.elf", whole[:30])), 20, "is truncated")
        check_refused(tool("flash", write(place / "a.elf", b"no")), 20, "does not begin")
        check_refused(tool("flash", write(place / "b.elf", elf(PROGRAM, program(), machine=243))), 21, "RISC-V")
        check_refused(tool("flash", "/bin/true"), 21, "x86-64" if os.uname().machine == "x86_64" else "ARM")
        good = ":0200000490105A\n:0100000055AA\n:00000001FF\n"
        check_refused(tool("flash", write(place / "c.hex", good.replace("55AA", "55AB").encode())), 23, "line 2",
                      "checksum is AB, but should be AA")
        check_refused(tool("flash", write(place / "c.hex", good[:-12].encode())), 22, "end record")
        check_refused(tool("flash", write(place / "d.hex", b":00000001FF\n")), 24, "no data")
        twice = good.replace(":0100000055AA\n", ":0100000055AA\n" * 2)
        check_refused(tool("flash", write(place / "e.hex", twice.encode())), 25, "overlap at 0x90100000")


def test_addresses_without_a_board():
    """addresses that no board could take and vector tables that cannot be right need no board"""
    with folder() as place:
        binary = write(place / "a.bin", program())
        check_refused(tool("flash", "0x08000000", binary), 30, "0x08000000", "internal flash")
        check_refused(tool("flash", "0xA0000000", binary), 30, "outside")
        check_refused(tool("flash", "0x90000000", binary), 31, "reserved", "0x90100000")
        check_refused(tool("flash", "0x90100100", binary), 32, "not a multiple of 4096")
        check_refused(tool("erase", "0x90100000", "100"), 32, "not a multiple of 4096")
        check_refused(tool("erase", "0x900FF000", "4K"), 31, "reserved")
        for first, second, says in [(0, PROGRAM + 9, "stack pointer"), (0x24080002, PROGRAM + 9, "multiple of 4"),
                                    (0x24080000, PROGRAM + 8, "even"), (0x24080000, 0x08000009, "0x08000009"),
                                    (0xFFFFFFFF, 0xFFFFFFFF, "blank")]:
            bad = struct.pack("<II", first, second) + program()[8:]
            check_refused(tool("flash", write(place / "v.bin", bad)), 34, says)
        check_refused(tool("flash", write(place / "s.bin", b"1234567")), 34, "too few")


def test_no_board():
    """no board: a sentence at once, or after the time to wait"""
    with folder() as place:
        started = time.monotonic()
        check_refused(tool("info", "--wait", "0", runtime=place), 40, "no board found", "--wait")
        check(time.monotonic() - started < 1, "took too long")
        check_tool(tool("info", "--wait", "1.5", runtime=place), 40, "waiting for the board")
        check(1.4 < time.monotonic() - started < 4, "did not wait 1.5 s")
        check_refused(tool("info", "--serial", "00AA", "--wait", "0", runtime=place), 40, "00AA")
        check_refused(tool("info", "--port", "/dev/ttyACM77", "--wait", "0"), 40, "/dev/ttyACM77")
        check_refused(tool("info", "--port", f"unix:{place}/x", "--wait", "0"), 40, "no virtual board listens")
        check_refused(tool("info", "--port", "tcp:127.0.0.1:1", "--wait", "0"), 40, "refused")
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(place / "dead.sock"))
        dead.close()
        check_refused(tool("info", "--wait", "0", runtime=place), 40, "no board found")
        check_equal(tool("list", runtime=place).stdout, "no board found\n", "list")


def test_waiting_for_a_board():
    """--wait finds a board that comes later"""
    with folder() as place:
        boards = []
        timer = threading.Timer(1.0, lambda: boards.append(FakeBoard(place / "late.sock")))
        timer.start()
        try:
            check_tool(tool("info", "--wait", "20", runtime=place), 0, "h750_w25q128")
        finally:
            timer.join()
            boards[0].stop()


def test_several_boards():
    """two boards: both are named, --serial and --port choose"""
    with folder() as place, FakeBoard(place / "a.sock", uid=(1, 2, 3)), FakeBoard(place / "b.sock", uid=(4, 5, 6)):
        first, second = "000000010000000200000003", "000000040000000500000006"
        check_refused(tool("info", runtime=place), 41, "2 boards", first, second, "--serial")
        check_tool(tool("info", "--serial", second, runtime=place), 0, second)
        check_tool(tool("info", "--port", f"unix:{place}/a.sock", runtime=place), 0, first)
        check_refused(tool("info", "--serial", "77", "--wait", "0", runtime=place), 40, "77")
        listed = tool("list", runtime=place)
        check_tool(listed, 0, [first, second, "a.sock", "b.sock"])
        boards = json.loads(tool("list", "--json", runtime=place).stdout)["boards"]
        check_equal([board["state"] for board in boards], ["ready", "ready"], "states")


def test_busy():
    """a port that another program uses"""
    with folder() as place, FakeBoard(place / "a.sock", mode="hang-up") as board:
        check_refused(tool("info", "--wait", "0", runtime=place), 40, "no bootloader is there")
        other = socket.socket(socket.AF_UNIX)
        blocker = socket.socket(socket.AF_UNIX)
        blocker.bind(str(place / "b.sock"))
        blocker.listen(5)
        other.connect(str(place / "b.sock"))
        kept, _ = blocker.accept()
        threading.Thread(target=lambda: blocker.accept()[0].close(), daemon=True).start()
        check_refused(tool("info", "--port", f"unix:{place}/b.sock", "--wait", "0"), 42, "used by another program")
        board.stop()
        for one in (kept, other, blocker):
            one.close()
        with PtyBoard(place / "c.sock") as terminal:
            fcntl.flock(terminal.slave, fcntl.LOCK_EX)
            check_refused(tool("info", "--port", terminal.name, "--wait", "0"), 42, terminal.name, "fuser")


def test_permission():
    """a port without permission: the sentence says how to get it"""
    with folder() as place, PtyBoard(place / "a.sock") as board:
        os.chmod(board.name, 0)
        check_refused(tool("info", "--port", board.name, "--wait", "0", prefix=unprivileged()), 43,
                      "permission denied", "usermod -aG", "udev")
        os.chmod(place / "a.sock", 0)
        check_refused(tool("info", "--port", f"unix:{place}/a.sock", "--wait", "0", prefix=unprivileged()), 43,
                      "permission denied")


def test_foreign_devices():
    """what is silent or talks nonsense is told within 2 s; another protocol version is named"""
    for mode, code, says in [("silent", 45, "does not answer"), ("nonsense", 46, "does not speak"),
                             ("other-version", 47, "versions")]:
        with folder() as place, FakeBoard(place / "a.sock", mode=mode):
            started = time.monotonic()
            check_refused(tool("info", "--port", f"unix:{place}/a.sock", "--wait", "0"), code, says)
            check(time.monotonic() - started < 3, "took too long")


def test_flash_by_socket_pty_and_tcp():
    """flash writes, verifies and starts: unix:, tcp: and a pseudo terminal"""
    with folder() as place, PtyBoard(place / "a.sock") as board:
        content = program(70001)
        binary = write(place / "a.bin", content)
        process = tool("flash", binary, "--port", f"unix:{place}/a.sock")
        check_tool(process, 0, ["written and verified", "started", "writing: 50 %", "verifying"])
        check_equal(bytes(board.chip[0x100000:0x100000 + 70001]), content, "chip")
        check_equal(board.kinds[-1], BOOT, "last request")
        check_tool(tool("flash", binary, "--port", board.name, "--no-boot"), 0, "held it already")
        check(board.kinds[-1] != BOOT, "started in spite of --no-boot")
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=lambda: board.talk(*(lambda line: (line.recv, line.sendall))(listener.accept()[0])),
                         daemon=True).start()
        check_tool(tool("verify", binary, "--port", f"tcp:127.0.0.1:{listener.getsockname()[1]}"), 0, "are the same")


def test_lockstep():
    """the lockstep cable: virtual time runs while the tool waits, also for the device to come (back)"""
    with folder() as place:
        binary = write(place / "a.bin", program(70001))
        with LockstepBoard(place / "a", ready_ns=400_000_000) as board:
            check_tool(tool("flash", binary, "--port", f"lockstep:{place}/a"), 0, "written and verified")
            check_equal(bytes(board.chip[0x100000:0x100000 + 70001]), program(70001), "chip")
        with LockstepBoard(place / "b", flicker=True) as board:
            check_tool(tool("flash", binary, "--port", f"lockstep:{place}/b"), 0, ["written and verified", "1 time"])
            check_equal(board.kinds.count(END), 2, "ENDs")
        with LockstepBoard(place / "c", ready_ns=10 ** 12):
            started = time.monotonic()
            check_refused(tool("info", "--port", f"lockstep:{place}/c", "--wait", "600"), 40, "no bootloader came up")
            check(time.monotonic() - started < 5, "virtual time took real time")


def test_formats():
    """ELF and Intel HEX go where they say"""
    with folder() as place, FakeBoard(place / "a.sock") as board:
        port = f"unix:{place}/a.sock"
        check_tool(tool("flash", write(place / "a.elf", elf(PROGRAM, program(3000))), "--port", port), 0, "started")
        check_equal(bytes(board.chip[0x100000:0x100000 + 3000]), program(3000), "ELF")
        data = bytes(range(32))
        record = bytes([32, 0x12, 0x34, 0]) + data
        text = f":020000049070FA\n:{record.hex()}{-sum(record) & 255:02x}\n:00000001FF\n"
        check_tool(tool("flash", "--data", write(place / "a.hex", text.encode()), "--port", port), 0, "0x90701")
        check_equal(bytes(board.chip[0x701234:0x701254]), data, "HEX")
        check(BOOT not in board.kinds[-3:], "started data")


def test_run_files():
    """run: what is not for RAM, not as a whole, too large, misplaced or no program is told before a board is looked for"""
    ram = 0x24000000

    def vectors(stack=0x20020000, entry=ram + 9, size=100):
        return struct.pack("<II", stack, entry) + bytes(size - 8)

    def both(first, second):
        header = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
        header += struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, ram + 9, 52, 0, 0, 52, 32, 2, 40, 0, 0)
        for at, address in ((116, first), (216, second)):
            header += struct.pack("<8I", 1, at, address, address, 100, 100, 5, 4)
        return header + vectors() + vectors()

    with folder() as place:
        for name, content, code, says in [
                ("chip.elf", elf(PROGRAM, program()), 55, ["not linked for RAM, but for the flash chip (0x90100000)",
                                                           "quadlane flash"]),
                ("flash.elf", elf(0x08000000, program(), entry=0x08000009), 55, ["another memory", "PLACE := ram"]),
                ("both.elf", both(ram, PROGRAM), 55, ["0x24000000", "the flash chip (0x90100000)", "run loads only RAM"]),
                ("nowhere.elf", both(ram, 0x60000000), 55, ["elsewhere (0x60000000)"]),
                ("even.elf", elf(ram, vectors(entry=ram + 8), entry=ram + 8), 34, ["is no Thumb address"]),
                ("even.bin", vectors(entry=ram + 8), 34, ["is no Thumb address"]),
                ("stack.bin", vectors(stack=0x10000000), 34, ["initial stack pointer 0x10000000"]),
                ("entry.bin", vectors(entry=PROGRAM + 9), 34, ["lies outside the program", "link it for 0x24000000"]),
                ("short.bin", bytes(4), 34, ["too few for a vector table", "first two words"]),
                ("large.bin", vectors(size=(512 << 10) + 1), 33, ["524289 bytes do not fit at 0x24000000", "AXI SRAM"]),
                ("pc.elf", elf(ram, vectors(), machine=62), 21, ["x86-64"]),
                ("cut.elf", elf(ram, vectors())[:-1], 20, ["is truncated"])]:
            process = tool("run", write(place / name, content), "--wait", "0")
            check_refused(process, code, name, *says)
            check("--data" not in process.stderr, process.stderr)
        check_refused(tool("run", "0x24000200", write(place / "a.bin", vectors(entry=ram + 0x209)), "--wait", "0"), 32,
                      "no multiple of 1024", "0x24000000")
        check_refused(tool("run", "0x2001FF00", place / "a.bin", "--wait", "0"), 32)
        check_refused(tool("run", place / "none.elf"), 10, "there is no file")
        # The other way round.
        check_refused(tool("flash", write(place / "ram.elf", elf(ram, vectors(), entry=ram + 9)), "--wait", "0"), 30,
                      "that is RAM: `quadlane run`")
        # A bootloader that is older than this verb.
        with FakeBoard(place / "a.sock"):
            check_refused(tool("run", write(place / "good.bin", vectors()), "--port", f"unix:{place}/a.sock"), 50,
                          "cannot load programs into RAM", "update the bootloader")


def test_too_large():
    """a program larger than the space, by the board's own figures, before BEGIN"""
    with folder() as place, FakeBoard(place / "a.sock") as board:
        large = write(place / "a.bin", program(8) + bytes((15 << 20) - 7))
        check_refused_with_board(board, tool("flash", large, "--port", f"unix:{place}/a.sock"), 33, "do not fit")
        check_refused_with_board(board, tool("flash", "0x91000000", write(place / "b.bin", program()), "--port",
                                             f"unix:{place}/a.sock"), 34, "outside the program")
        check_refused_with_board(board, tool("flash", "--data", "0x91000000", place / "b.bin", "--port",
                                             f"unix:{place}/a.sock"), 30, "outside")
        check_refused_with_board(board, tool("read", "0x90FFFFF0", "17", place / "c", "--port",
                                             f"unix:{place}/a.sock"), 30, "end of the flash chip")


def check_refused_with_board(board, process, code, *says):
    check_tool(process, code, says)
    check(BEGIN not in board.kinds and ERASE not in board.kinds, "the chip was touched")


def test_board_refuses():
    """boot of a blank chip, a board without a chip, verify of something else"""
    with folder() as place, FakeBoard(place / "a.sock", blank_verdict=True) as board:
        port = f"unix:{place}/a.sock"
        check_refused(tool("boot", "--port", port), 50, "no program at 0x90100000")
        check_tool(tool("info", "--port", port), 0, ["cannot start", "there is no program at 0x90100000"])
        board.chip[0x100000:0x100000 + 5000] = program()
        board.chip[0x100000 + 4500] ^= 1
        process = tool("verify", write(place / "a.bin", program()), "--port", port)
        check_tool(process, 52, ["first difference at 0x90101194", "1 sector"])
    with folder() as place, FakeBoard(place / "a.sock", mode="no-chip"):
        port = f"unix:{place}/a.sock"
        check_refused(tool("flash", write(place / "a.bin", program()), "--port", port), 51, "JEDEC id read: 0xFFFFFF")
        check_tool(tool("info", "--port", port), 0, "no usable flash chip was found")


def test_unplugged_in_the_middle():
    """a board that goes away for good: said within some seconds, and what state the chip is in"""
    with folder() as place, FakeBoard(place / "a.sock", vanish_at=WRITE):
        process = tool("flash", write(place / "a.bin", program(200000)), "--port", f"unix:{place}/a.sock")
        check_tool(process, 44, ["did not come back", "0x90100000..0x90130D3F in the chip is unfinished"])


def test_interrupted():
    """Ctrl-C in the middle: ABORT is sent, the sentence says what the chip holds, 130"""
    with folder() as place, FakeBoard(place / "a.sock", mode="frozen") as board:
        process = subprocess.Popen([TOOL, "flash", write(place / "a.bin", program(200000)), "--port",
                                    f"unix:{place}/a.sock"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while WRITE not in board.kinds and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
        check_equal(process.returncode, 130, "exit code")
        check("interrupted" in said and "0x90100000" in said, said)
        check(ABORT in board.kinds, "no ABORT came")


def test_json():
    """--json prints one object, whatever happens"""
    with folder() as place, FakeBoard(place / "a.sock"):
        port = ["--port", f"unix:{place}/a.sock"]
        binary = write(place / "a.bin", program())
        for arguments, code in [(["info", *port], 0), (["flash", binary, *port], 0), (["verify", binary, *port], 0),
                                (["read", "0x90000000", "5000", place / "x", *port], 0),
                                (["erase", "0x90100000", "8K", *port], 0), (["verify", binary, *port], 52),
                                (["reset", "--bootloader", *port], 0), (["boot", *port], 0), (["list"], 0),
                                (["flash", place / "none", *port], 10), (["flash", *port], 2), (["nonsense"], 2),
                                (["info", "--wait", "0"], 40)]:
            process = tool(*arguments, "--json")
            check_equal(process.returncode, code, f"{arguments}: exit code ({process.stderr})")
            answer = json.loads(process.stdout)
            check_equal(answer["ok"], code == 0, f"{arguments}: ok")
            check("error" not in answer or answer["error"]["exit"] == code, process.stdout)
            check(code != 0 or process.stderr == "", f"stderr: {process.stderr}")
        answer = json.loads(tool("info", "--json", *port).stdout)
        check_equal(answer["chip"]["size"], 16 << 20, "chip size")
        check_equal(answer["board"]["serial"], "000000010000000200000003", "serial number")


def test_json_of_odd_names():
    """a file name that is not UTF-8 does not break the JSON"""
    name = b"/nonexistent/\xff\xfe.bin"
    process = subprocess.run([os.fsencode(TOOL), b"flash", name, b"--json"], capture_output=True, timeout=10)
    check_equal(process.returncode, 10, "exit code")
    check("??.bin" in json.loads(process.stdout)["error"]["message"], "message")


def test_quiet():
    """--quiet prints nothing but errors"""
    with folder() as place, FakeBoard(place / "a.sock"):
        process = tool("flash", "--quiet", write(place / "a.bin", program()), "--port", f"unix:{place}/a.sock")
        check_tool(process, 0)
        check_equal(process.stdout + process.stderr, "", "output")


def test_erase():
    """erase makes sectors blank, --all the programs' area, and says so"""
    with folder() as place, FakeBoard(place / "a.sock") as board:
        port = ["--port", f"unix:{place}/a.sock"]
        board.chip[:] = bytes(16 << 20)
        check_tool(tool("erase", "0x90101000", "8K", *port), 0, "8 KiB at 0x90101000 are blank now")
        check_equal(bytes(board.chip[0x100FFF:0x103001]), b"\0" + b"\xff" * 8192 + b"\0", "chip")
        check_tool(tool("erase", "--all", "--yes", *port), 0, "15 MiB at 0x90100000")
        check(board.chip[0x0FFFFF] == 0 and board.chip[0x100000:] == b"\xff" * (15 << 20), "chip")


def on_terminal(arguments, columns, answer=b""):
    """Runs the tool on a terminal; returns exit code and what appeared."""
    process, master = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.environ["TERM"] = "xterm"
        time.sleep(0.2)  # until the width is set
        os.execv(TOOL, [str(part) for part in [TOOL, *arguments]])
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    shown = b""
    with contextlib.suppress(OSError):
        while True:
            part = os.read(master, 4096)
            shown += part
            if answer and b"[y/N]" in shown:
                os.write(master, answer)
                answer = b""
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


def test_terminal():
    """on a terminal: a bar with phase, percent, rate and time, never wider than the terminal"""
    with folder() as place, FakeBoard(place / "a.sock") as board:
        port = ["--port", f"unix:{place}/a.sock"]
        for columns in (100, 60, 30):
            board.chip[:] = bytes(16 << 20)
            code, shown = on_terminal(["flash", write(place / "a.bin", program(400000)), *port], columns)
            check_equal(code, 0, f"exit code ({shown})")
            check("writing" in shown and "100 %" in shown and "verifying" in shown, shown)
            check(columns < 60 or "KiB/s" in shown and "[###" in shown, shown)
            for line in re.split(r"[\r\n]+", shown.split("390.62")[0].replace("\x1b[K", "")):
                if line.startswith(("comparing", "writing", "verifying")):
                    check(len(line) < columns, f"{len(line)} columns of {columns}: {line}")
        board.chip[:] = bytes(16 << 20)
        for typed in (b"n\n", b"\n", b"yesterday\x03", b"\x04"):
            code, shown = on_terminal(["erase", "--all", *port], 80, typed)
            check(code == 130 and "declined" in shown, f"{typed}: {code} {shown}")
        check(not any(board.chip), "the chip after all these answers")
        code, shown = on_terminal(["erase", "0x90100000", "4K", *port], 80, b"y\n")
        check(code == 0 and "blank now" in shown, f"{code} {shown}")


if __name__ == "__main__":
    run_tests(dict(globals()))
