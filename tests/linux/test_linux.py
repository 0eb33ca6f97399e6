#!/usr/bin/env python3
"""A real Linux kernel at the other end of the cable: Debian's own, in QEMU. Prints TAP.

The guest runs the unmodified `quadlane` on a real /dev/ttyACM0, lsusb and usbip; the board is reached over its
usbredir and USB/IP cables. One guest serves all tests but the last ones; each leaves the board in its bootloader.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import pathlib
import random
import re
import shutil
import struct
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests/linux"), str(ROOT / "tests/board")]

import guest as linux  # noqa: E402
import harness  # noqa: E402
import test_second_stage as second  # noqa: E402
from harness import check, check_equal, check_tool, run_tool, wait_for  # noqa: E402

PORT_LIMIT_S = 1.5   # from cable to /dev/ttyACM0
DATA_SIZE = 1536 * 1024
# Boards, and what `quadlane install` finds for them.
INSTALLED = {second.NAME: second.BLOCK, "h750_w25q128": harness.BOOTLOADER}
SERIAL = "003B002644415551454E414C"  # of the default unique id, SPEC.md section 6


class Board(harness.Board):
    """A board at real speed whose USB device is on a cable to another kernel."""

    def __init__(self, cable, *arguments, **options):
        super().__init__(*arguments, usb=False, speed="real", **options)
        where = self.command.index("--usb") + 1
        self.command[where] = f"usbredir:unix:{self.usb_path}" if cable == "usbredir" else "usbip:0"


class World:
    """The board, the guest, and the data that is moved; started once."""

    board = guest = folder = None

    @classmethod
    def start(cls, stack):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-linux-data-"))
        stack.callback(shutil.rmtree, cls.folder, True)
        cls.data = cls.folder / "data.bin"
        cls.data.write_bytes(random.Random(6).randbytes(DATA_SIZE))
        cls.looping = cls.folder / "looping.bin"  # for the internal flash
        cls.looping.write_bytes(struct.pack("<IIH", 0x20020000, 0x08000009, 0xE7FE) + random.Random(7).randbytes(9990))
        cls.other = cls.folder / "other.exst"
        check_tool(run_tool("pack", "--exst", second.OTHER, cls.other))
        cls.board = stack.enter_context(Board("usbredir"))
        cls.guest = stack.enter_context(linux.Guest(redir=cls.board.usb_path, files=cls.files()))

    @classmethod
    def files(cls):
        return {harness.CONSOLE: "data/console.elf", harness.BLINK: "data/blink.elf",
                harness.BLINK.with_suffix(".bin"): "data/blink.bin",
                harness.CONSOLE.with_suffix(".bin"): "data/console.bin",
                ROOT / "build/firmware/tests/board/cdc_program.elf": "data/cdc_program.elf",
                cls.data: "data/data.bin", cls.other: "data/other.exst", cls.looping: "data/looping.bin",
                **{ROOT / f"debug/openocd/{name}.cfg": f"usr/share/quadlane/debug/openocd/{name}.cfg" for name in INSTALLED},
                **{image: f"usr/share/quadlane/firmware/{image.name}" for image in INSTALLED.values()},
                ROOT / "host/70-quadlane.rules": "etc/udev/rules.d/70-quadlane.rules", ROOT / "build/tests/linux/line_manners": "usr/bin/line_manners"}


def port_there(limit_s=10):
    """Waits for the port in the guest; returns the seconds that it took."""
    started = time.monotonic()
    World.guest.check(f"for i in $(seq {int(limit_s * 50)}); do [ -c /dev/ttyACM0 ] && exit 0; usleep 20000; "
                      "done; exit 1", limit_s + 10)
    return time.monotonic() - started


def tool(*arguments, limit_s=60, status=0):
    return World.guest.check(" ".join(["quadlane", *arguments]), limit_s, status)


def tool_json(*arguments, limit_s=60, status=0):
    return json.loads(tool(*arguments, "--json", "2>/tmp/said", limit_s=limit_s, status=status))


def kernel_says(pattern):
    return re.findall(pattern, World.guest.check("dmesg"))


class Counter:
    """Passes on what is printed and counts the results in it."""

    def __init__(self, stream):
        self.stream, self.passed, self.failed = stream, 0, 0

    def write(self, text):
        self.passed += len(re.findall(r"^ok ", text, re.M))
        self.failed += len(re.findall(r"^not ok ", text, re.M))
        return self.stream.write(text)

    def flush(self):
        self.stream.flush()


# --- Tests ---------------------------------------------------------------------------------------

def test_port():
    """from cable to /dev/ttyACM0 in at most 1.5 s, at its best of three"""
    times = []
    for _ in range(3):
        World.board.control("usb unplug")
        World.guest.check("for i in $(seq 250); do [ -e /dev/ttyACM0 ] || exit 0; usleep 20000; done; exit 1")
        time.sleep(0.5)
        World.board.control("usb plug")
        times.append(port_there())
    print(f"# from cable to /dev/ttyACM0: {', '.join(f'{value:.2f}' for value in times)} s")
    check(min(times) <= PORT_LIMIT_S, f"it took {times} s")


def test_lsusb():
    """lsusb -v reads every descriptor, and finds in them what SPEC.md says"""
    text = World.guest.check("lsusb -v -d 1209:0001")
    for pattern in (r"bcdUSB +2\.10", r"idVendor +0x1209", r"idProduct +0x0001", r"bcdDevice +0\.10",
                    r"iManufacturer +1 quadlane\n", r"iProduct +2 quadlane bootloader \(h750_w25q128\)\n",
                    rf"iSerial +3 {SERIAL}\n", r"bMaxPacketSize0 +64", r"bNumInterfaces +\d",
                    r"bFunctionClass +2 ", r"CDC Union:\s+bMasterInterface +0\s+bSlaveInterface +1",
                    r"bEndpointAddress +0x82  EP 2 IN", r"bEndpointAddress +0x01  EP 1 OUT",
                    r"bEndpointAddress +0x81  EP 1 IN", r"bInterfaceProtocol +2 \n +iInterface +4 @External Flash",
                    r"Will Detach\s+Manifestation Intolerant\s+Upload Supported\s+Download Supported",
                    r"wTransferSize +4096 bytes\s+bcdDFUVersion +1\.1a", r"Platform Device Capability:",
                    r"PlatformCapabilityUUID +\{d8dd60df-4589-4cc7-9cd2-659d9e648a9f\}", r"Device Status: +0x0000\s+\(Bus Powered\)"):
        check(re.search(pattern, text), f"{pattern} is not in:\n{text}")
    check("can't get" not in text and "Warning" not in text, text)


def test_kernel():
    """cdc_acm takes the port without a complaint, and sysfs tells the serial number"""
    check_equal(kernel_says(r"cdc_acm \S+: ttyACM0: USB ACM device")[:1] != [], True, "cdc_acm")
    check_equal(World.guest.check("cat /sys/class/tty/ttyACM0/device/../serial").strip(), SERIAL, "serial")
    bad = kernel_says(r"(?i).*(?:device descriptor read|unable to enumerate|device not accepting|"
                      r"config \d+ (?:interface|has)|Zero length descriptor|urb failed|nonzero).*")
    check_equal(bad, [], "complaints of the kernel")


def test_udev():
    """the udev rules give the port to whoever sits at the computer and keep ModemManager off"""
    World.guest.check("ln -sf /usr/bin/udevadm /tmp/systemd-udevd && mkdir -p /run && /tmp/systemd-udevd --daemon && "
                      "udevadm control --ping && udevadm trigger --action=add && udevadm settle", 60)
    for place in ("/dev/ttyACM0", "$(readlink -f /sys/class/tty/ttyACM0/device/..)"):
        found = World.guest.check(f"udevadm info {place}")
        for wanted in (r"E: ID_MM_DEVICE_IGNORE=1\n", r"E: (?:CURRENT_)?TAGS=.*:uaccess:"):
            check(re.search(wanted, found), f"{wanted} is not in:\n{found}")
    found = World.guest.check("udevadm info /dev/ttyS0")
    check("uaccess" not in found and "ID_MM" not in found, f"other ports are under the rules, too:\n{found}")


def test_list_and_info():
    """quadlane finds the board by its USB identity and serial number"""
    text = tool("list")
    check_equal(text.split(), [SERIAL, "h750_w25q128", "/dev/ttyACM0"], "list")
    check_equal(tool_json("info", "--serial", SERIAL)["board"]["serial"], SERIAL, "serial number")
    tool("info", "--serial", "000000000000000000000000", status=40)


def test_flash_verify_read():
    """flash, verify, read: the chip holds the file's bytes"""
    started = time.monotonic()
    tool("flash", "--data", "0x90200000", "/data/data.bin")
    took_s = time.monotonic() - started
    print(f"# {DATA_SIZE // 1024} KiB in {took_s:.1f} s of the wall clock")
    tool("verify", "0x90200000", "/data/data.bin")
    tool("read", "0x90200000", str(DATA_SIZE), "/tmp/back.bin")
    World.guest.check("cmp /tmp/back.bin /data/data.bin && rm /tmp/back.bin")


def check_boots():
    """The device leaves, the program speaks, and after a reset the board knows it as startable."""
    World.guest.check("for i in $(seq 250); do [ -e /dev/ttyACM0 ] || exit 0; usleep 20000; done; exit 1")
    World.board.wait_uart("blink: running", 10)
    World.guest.start("quadlane info --json --wait 20 2>/tmp/said")
    time.sleep(0.5)
    World.board.control("reset")
    status, text = World.guest.finish()
    check_equal(status, 0, f"info behind a reset said {text}")
    check_equal(json.loads(text)["program"]["can_start"], True, "the program")


def test_boot():
    """the program starts, the device leaves; after a reset it comes back and the tool catches the bootloader"""
    tool("flash", "/data/blink.elf")
    check_boots()
    tool("erase", "0x90100000", "64K")
    tool("reset", "--bootloader")
    port_there()


def test_monitor():
    """a program's own port, found without a name, is found again under another one, also behind the bootloader's"""
    tool("run", "/data/cdc_program.elf")
    # Somebody holds the port open: so the kernel gives it another name when it comes back.
    World.guest.check("for i in $(seq 250); do grep -q 'a program' /sys/class/tty/ttyACM0/device/../product && exit 0; "
                      "usleep 20000; done; exit 1")
    World.guest.check("(exec 9<>/dev/ttyACM0; exec sleep 60) </dev/null >/dev/null 2>&1 & echo $! >/tmp/holder; "
                      "mkfifo /tmp/keys; (exec 8<>/tmp/keys; quadlane monitor --wait 5 --log /tmp/log --until bye --seconds 60 "
                      "<&8 >/tmp/printed 2>/tmp/said; echo $? >/tmp/code) </dev/null >/dev/null 2>&1 & sleep 1; echo hello >/tmp/keys")

    def wait_in(file, words):
        World.guest.check(f"for i in $(seq 250); do grep -q '{words}' {file} && exit 0; usleep 40000; done; cat /tmp/said; exit 1")

    wait_in("/tmp/printed", "hello")
    World.board.control("usb unplug")
    wait_in("/tmp/said", "ttyACM0 is gone; waiting for it")
    World.board.control("usb plug")
    wait_in("/tmp/said", "ttyACM1 is back")
    World.guest.check("echo again >/tmp/keys")
    wait_in("/tmp/printed", "again")
    # Back to the bootloader, whose port is not the program's, and to the program.
    World.board.control("reset")
    wait_in("/tmp/said", "ttyACM1 is gone; waiting for it")
    tool("run", "/data/cdc_program.elf", "--wait", "10")
    World.guest.check("for i in $(seq 250); do [ $(grep -c 'is back' /tmp/said) = 2 ] && exit 0; usleep 40000; done; cat /tmp/said; exit 1")
    World.guest.check("echo bye >/tmp/keys; for i in $(seq 250); do [ -s /tmp/code ] && exit $(cat /tmp/code); usleep 40000; done; exit 1")
    World.guest.check("kill $(cat /tmp/holder)")
    World.board.control("reset")
    port_there()


def updating():
    """Starts an update in the guest and waits for the middle of it."""
    tool("erase", "0x90200000", "2M", limit_s=120)
    before = World.board.statistics()["nor.bytes_programmed"]
    World.guest.start("quadlane flash --data 0x90200000 /data/data.bin --json --wait 5 2>/tmp/said")
    wait_for(lambda: World.board.statistics()["nor.bytes_programmed"] - before > DATA_SIZE // 3, 60,
             "the middle of the update")
    return before


def finished(before):
    status, text = World.guest.finish(120)
    check_equal(status, 0, f"exit code; it said {text}")
    tool("verify", "0x90200000", "/data/data.bin")
    written = World.board.statistics()["nor.bytes_programmed"] - before
    check(written < DATA_SIZE + 150_000, f"{written} bytes were programmed: it began anew")
    return json.loads(text)


def test_dfu_util():
    """dfu-util: list, download, upload, compare"""
    listed = World.guest.check("dfu-util -l -d 1209:0001")
    check(f'serial="{SERIAL}"' in listed and "@External Flash /0x90100000/99*064Kg,99*064Kg,42*064Kg" in listed, listed)
    said = World.guest.check("dfu-util -d 1209:0001 -a 0 -s 0x90400000 -D /data/data.bin 2>&1 | tail -n 2", 120)
    check("File downloaded successfully" in said, said)
    said = World.guest.check(f"dfu-util -d 1209:0001 -a 0 -s 0x90400000:{DATA_SIZE} -U /tmp/up.bin 2>&1 | tail -n 1; "
                             "cmp /tmp/up.bin /data/data.bin && rm /tmp/up.bin", 120)
    check("Upload done." in said, said)
    tool("verify", "0x90400000", "/data/data.bin")


def test_dfu_leave():
    """dfu-util -s 0x90100000:leave writes a program and starts it; it starts after a reset, too"""
    said = World.board.uart().count("blink: running")
    World.guest.check("dfu-util -d 1209:0001 -a 0 -s 0x90100000:leave -D /data/blink.bin", 60)
    wait_for(lambda: World.board.uart().count("blink: running") > said, 10, "the program")
    check_boots()
    tool("reset", "--bootloader")
    port_there()


def dfu_util(*arguments, limit_s=120, status=0):
    return World.guest.check(" ".join(["dfu-util -d 1209:0001 -a 0", *arguments]), limit_s, status)


def back_in_bootloader():
    """Out of a program that dfu-util has started, which blinks and says so."""
    World.board.wait_uart("blink: running", 10)
    World.board.uart_path.write_text("")
    World.board.control("button down")
    World.board.control("reset")
    port_there()
    World.board.control("button up")


def test_dfu_leave_later():
    """dfu-util without leave, -U, cmp; then a leave by itself starts the program that was there"""
    dfu_util("-s 0x90200000 -D /data/data.bin")
    World.guest.check(f"rm -f /tmp/back.bin; dfu-util -a 0 -s 0x90200000:{DATA_SIZE} -U /tmp/back.bin")
    World.guest.check("cmp /tmp/back.bin /data/data.bin && rm /tmp/back.bin")
    dfu_util("-s 0x90100000:leave")
    back_in_bootloader()
    tool("verify", "0x90200000", "/data/data.bin")


def test_dfu_file():
    """quadlane pack --dfu, dfu-suffix -c and dfu-util -s :leave -D FILE.dfu"""
    tool("pack", "--dfu", "/data/blink.elf", "/tmp/blink.dfu")
    check("0x1209" in World.guest.check("dfu-suffix -c /tmp/blink.dfu"), "dfu-suffix")
    dfu_util("-s :leave -D /tmp/blink.dfu")
    back_in_bootloader()


def test_dfu_mass_erase():
    """dfu-util mass-erase:force, and a download behind it; read unprotect is refused"""
    dfu_util("-s :mass-erase:force", limit_s=180)
    check_equal(tool_json("info")["program"]["can_start"], False, "the program")
    check("not" not in tool("read", "0x90200000", "4096", "/tmp/erased.bin", "--quiet"), "read")
    World.guest.check("tr -d '\\377' </tmp/erased.bin | wc -c | grep -qx 0")
    check(World.guest.run("dfu-util -d 1209:0001 -a 0 -s :unprotect:force")[0] != 0, "read unprotect was taken")
    dfu_util("-s 0x90100000:leave -D /data/blink.bin")
    back_in_bootloader()


def test_dfu_refused():
    """dfu-util with the serial port's update under way, with no program, or outside: it says so and fails"""
    check(World.guest.run("dfu-util -d 1209:0001 -a 0 -s 0x08000000:leave -D /data/blink.bin")[0] != 0, "0x08000000")
    tool("erase", "0x90100000", "64K")
    World.guest.check("head -c 5000 /data/data.bin >/tmp/none.bin")
    status, text = World.guest.run("dfu-util -d 1209:0001 -a 0 -s 0x90100000:leave -D /tmp/none.bin")
    check("dfuERROR" in text, text)
    status, text = World.guest.run("quadlane flash --data 0x90200000 /data/data.bin --full --quiet & sleep 1.5; "
                                   "dfu-util -d 1209:0001 -a 0 -s 0x90100000:leave -D /data/blink.bin; "
                                   "status=$?; wait; exit $status")
    check(status != 0 and "iString" in text, f"ended with {status}:\n{text}")
    tool("verify", "0x90200000", "/data/data.bin")
    tool("info")


def test_dfu_unplug():
    """the cable out in the middle of dfu-util: half a program does not start, the same command finishes the work"""
    World.guest.start("dfu-util -d 1209:0001 -a 0 -s 0x90100000 -D /data/console.bin >/tmp/said 2>&1")
    before = World.board.statistics()["nor.bytes_programmed"]
    wait_for(lambda: World.board.statistics()["nor.bytes_programmed"] - before > 300_000, 60, "the middle")
    World.board.control("usb unplug")
    status, _ = World.guest.finish(60)
    check(status != 0, "dfu-util did not notice")
    World.board.control("usb plug")
    port_there()
    check_equal(tool_json("info")["program"]["can_start"], False, "half a program can start")
    World.guest.check("dfu-util -d 1209:0001 -a 0 -s 0x90100000 -D /data/console.bin >/tmp/said 2>&1", 120)
    tool("verify", "0x90100000", "/data/console.bin")
    tool("erase", "0x90100000", "2M", limit_s=120)


def test_dfu_pace():
    """dfu-util takes at most 1.3 times what `quadlane flash --full` takes for 1 MiB, in the board's time"""
    def measured(command):
        started = World.board.statistics()["virtual_ns"]
        World.guest.check(command, 120)
        return (World.board.statistics()["virtual_ns"] - started) / 1e9

    World.guest.check("head -c 1048576 /data/data.bin >/tmp/one; tail -c 1048576 /data/data.bin >/tmp/two")
    tool("flash", "--data", "0x90600000", "/tmp/one")
    ratios = []
    while len(ratios) < 3 and min(ratios, default=9) > 1.3:  # a busy computer makes the guest slow, not the board
        ours = measured("quadlane flash --full --data 0x90600000 /tmp/two")
        theirs = measured("dfu-util -d 1209:0001 -a 0 -s 0x90600000 -D /tmp/one >/tmp/said 2>&1")
        ratios.append(theirs / ours)
        print(f"# 1 MiB over other data: quadlane {ours:.2f} s, dfu-util {theirs:.2f} s, {ratios[-1]:.2f} times")
    check(min(ratios) <= 1.3, f"{min(ratios):.2f} times")


def test_unplug():
    """cable out in the middle and in again: the update goes on where it stopped"""
    before = updating()
    World.board.control("usb unplug")
    time.sleep(1)
    World.board.control("usb plug")
    result = finished(before)
    check_equal((result["reconnects"], result["restarts"]), (1, 0), "reconnects, restarts")


def test_unplug_for_good():
    """a cable that stays out: exit code 44; later the same command finishes the work"""
    before = updating()
    World.board.control("usb unplug")
    status, text = World.guest.finish(60)
    check_equal((status, json.loads(text)["error"]["code"]), (44, "board-lost"), f"it said {text}")
    print("# a lost cable:", *World.guest.check("cat /tmp/said").splitlines()[-2:])
    World.board.control("usb plug")
    port_there()
    World.guest.start("quadlane flash --data 0x90200000 /data/data.bin --json --wait 5 2>/tmp/said")
    finished(before)


def test_reset_in_the_middle():
    """the board is reset in the middle: the same command finishes the work or says what to do"""
    before = updating()
    World.board.control("reset")
    status, text = World.guest.finish(120)
    check(status in (0, 44), f"exit code {status}; it said {text}")
    World.guest.start("quadlane flash --data 0x90200000 /data/data.bin --json --wait 5 2>/tmp/said")
    finished(before)


def test_line_manners():
    """speeds, frames, break, DTR, a modem manager's probes, 1200 baud: the board stays and obeys"""
    resets = World.board.statistics()["usb_enumerations"]
    heard = World.guest.check("line_manners /dev/ttyACM0")
    print(f"# the board answered foreign programs with {heard.strip()} bytes")
    check_equal(World.board.statistics()["usb_enumerations"], resets, "enumerations")
    check_equal(tool_json("info")["board"]["serial"], SERIAL, "serial number")
    tool("flash", "--data", "0x90200000", "/data/data.bin")


def test_foreign_program_stays():
    """another program holds the port: a sentence and exit code 42, or the work is done; the board is well"""
    World.guest.check("(exec 9<>/dev/ttyACM0; sleep 2) & sleep 0.5; quadlane info || [ $? = 42 ]")
    World.guest.check("sleep 2; quadlane info")


def test_autosuspend():
    """the kernel suspends the closed port and wakes it when it is opened"""
    device = "$(readlink -f /sys/class/tty/ttyACM0/device/..)"
    World.guest.check(f"echo 0 > {device}/power/autosuspend_delay_ms; echo auto > {device}/power/control")
    World.guest.check(f"for i in $(seq 100); do [ $(cat {device}/power/runtime_status) = suspended ] && exit 0; "
                      "usleep 50000; done; exit 1")
    tool("info")
    tool("flash", "--data", "0x90200000", "/data/data.bin")
    World.guest.check(f"echo on > {device}/power/control")


def test_sleep():
    """the whole computer sleeps for three seconds: the port is there afterwards"""
    World.guest.check("echo devices > /sys/power/pm_test; echo 3 > /sys/module/suspend/parameters/pm_test_delay; "
                      "echo mem > /sys/power/state", 60)
    check(kernel_says("PM: suspend exit"), "the guest did not sleep")
    port_there()
    tool("info", "--wait", "5")


@contextlib.contextmanager
def instead(*arguments, **options):
    """Another board on the guest's USB in place of the one that all tests share."""
    World.board.control("usb unplug")
    with Board("usbredir", *arguments, sealed=False, **options) as board:
        World.guest.monitor(f"chardev-add socket,id=instead,path={board.usb_path},reconnect=1")
        World.guest.monitor("device_add usb-redir,id=instead,bus=xhci.0,port=3,chardev=instead")
        try:
            yield board
        finally:
            World.guest.monitor("device_del instead")  # takes its chardev away, too
            World.board.control("usb plug")
    port_there()


def loader_there(limit_s=10):
    World.guest.check(f"for i in $(seq {limit_s * 5}); do dfu-util -l 2>/dev/null | grep -q 'Found DFU: .0483:df11' && exit 0; "
                      "sleep 0.2; done; exit 1", limit_s + 20)
    return World.guest.check("dfu-util -l")


def into_makers_dfu(board):
    board.control("button down")
    board.control("power-cycle")
    text = loader_there()
    board.control("button up")
    return text


def test_second_stage():
    """the maker's DFU: quadlane install puts the second stage behind it, which works; dfu-util takes it back by hand"""
    nor = World.folder / "nor.bin"
    nor.write_bytes(second.chip_with(World.other.read_bytes()))
    with instead("--board", second.NAME, "--load", second.FIRST, bootloader=None, nor=nor) as board:
        board.wait_uart(second.OTHER_SAID)
        check("/0x90000000/" in into_makers_dfu(board), "the layout")
        World.guest.check("dfu-util -s 0x90F90000:0x70000 -U /tmp/before.exst && cmp /tmp/before.exst /data/other.exst", 60)
        said = World.guest.check(f"cd /tmp; quadlane install --board {second.NAME} --yes; cmp {second.NAME}-before.bin before.exst", 60)
        for words in ("the maker's DFU at USB", "0x90F90000", "written and read back", "take its power away",
                      f"--via maker --image {second.NAME}-before.bin --force"):
            check(words in said, said)
        board.control("power-cycle")
        port_there()
        check_equal(tool_json("info")["board"]["name"], second.NAME, "the board")
        tool("flash", "/data/blink.elf")
        board.wait_uart("blink: running")
        into_makers_dfu(board)
        World.guest.check("dfu-util -s 0x90F90000:0x70000 -D /tmp/before.exst", 60)
        second.check_left_alone(board)
        board.uart_path.write_text("")
        board.control("power-cycle")
        board.wait_uart(second.OTHER_SAID)


def test_install():
    """the ROM's DFU: quadlane install onto a blank board, which comes up by itself; by hand, in place of what was there"""
    with instead("--load", harness.GUESTS / "rom_loader-rom.elf", bootloader=None) as board:
        check("@Internal Flash   /0x08000000/16*128Kg" in loader_there(), "dfu-util -l")
        said = World.guest.check("cd /tmp; quadlane install --board h750_w25q128 --yes --wait 15", 60)
        for words in ("the microcontroller's DFU at USB", "blank", "written and read back", "the same build as the image"):
            check(words in said, said)
        tool("flash", "/data/blink.elf")
        board.wait_uart("blink: running")
        board.control("boot0 high")
        board.control("reset")
        loader_there()
        board.control("boot0 low")
        image = f"/usr/share/quadlane/firmware/{harness.BOOTLOADER.name}"
        World.guest.check("cd /tmp; quadlane install --board h750_w25q128 --yes --force --image /data/looping.bin", 60)
        board.control("boot0 high")
        board.control("reset")
        loader_there()
        World.guest.check("dfu-util -a 0 -d 0483:df11 -s 0x08000000:10000 -U /tmp/there.bin && cmp /tmp/there.bin /data/looping.bin")
        World.guest.check(f"cd /tmp; cmp -n $(wc -c <{image}) h750_w25q128-before.bin {image}")
        board.control("boot0 low")
        World.guest.check(f"dfu-util -a 0 -d 0483:df11 -s 0x08000000:leave -D {image}", 60)
        port_there()


def test_hub():
    """behind a hub of full speed, whose enumeration is slow: found, written, and caught in its start window"""
    World.guest.monitor("device_del board")
    World.guest.check("for i in $(seq 250); do [ -e /dev/ttyACM0 ] || exit 0; usleep 20000; done; exit 1")
    World.guest.monitor("device_add usb-hub,id=hub,bus=xhci.0,port=2")
    time.sleep(1)
    World.guest.monitor(f"chardev-add socket,id=redir2,path={World.board.usb_path},reconnect=1")
    World.guest.monitor("device_add usb-redir,id=board2,bus=xhci.0,port=2.1,chardev=redir2")
    print(f"# behind the hub after {port_there():.2f} s")
    check("1-2.1" in World.guest.check("readlink -f /sys/class/tty/ttyACM0/device"), "it is not behind the hub")
    tool("info")
    tool("flash", "--data", "0x90200000", "/data/data.bin")
    tool("flash", "/data/blink.elf")
    check_boots()


def test_usbip():
    """USB/IP: usbip list and attach, the tool, a reset of the board, attached anew"""
    with Board("usbip") as board, linux.Guest(files=World.files(), network=True) as guest:
        address = re.search(r"USB/IP is on 127\.0\.0\.1:(\d+)", board.output())
        remote = f"--tcp-port {address.group(1)}"
        guest.check("while read -r module; do insmod /modules/$module.ko; done </modules/usbip")
        guest.check("mkdir -p /var/run/vhci_hcd; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; "
                    "ip route add default via 10.0.2.2")
        listed = guest.check(f"for i in 1 2 3 4 5 6 7 8; do usbip {remote} list -r 10.0.2.2 && exit 0; sleep 1; "
                             "done; exit 1", 60)
        check("1209:0001" in listed and "1-1:" in listed, listed)
        for _ in range(2):
            guest.check(f"usbip {remote} attach -r 10.0.2.2 -b 1-1")
            guest.check("for i in $(seq 250); do [ -c /dev/ttyACM0 ] && exit 0; usleep 20000; done; exit 1")
            check(SERIAL in guest.check("quadlane list"), "list")
            busy = guest.run(f"usbip {remote} attach -r 10.0.2.2 -b 1-1")
            check(busy[0] != 0, f"attached twice: {busy}")
            guest.check("quadlane flash --data 0x90200000 /data/data.bin")
            guest.check("quadlane verify 0x90200000 /data/data.bin")
            board.control("reset")  # the device goes: Linux detaches it
            guest.check("for i in $(seq 250); do [ -e /dev/ttyACM0 ] || exit 0; usleep 20000; done; exit 1")
            time.sleep(1)
        guest.check(f"usbip {remote} attach -r 10.0.2.2 -b 1-1")
        guest.check("for i in $(seq 250); do [ -c /dev/ttyACM0 ] && exit 0; usleep 20000; done; exit 1")
        guest.check("usbip detach -p 00; quadlane info", status=40)


def main():
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        World.start(stack)
        versions = (linux.FOLDER / "versions.txt").read_text().split("\n")
        for line in [World.guest.check("uname -srv").strip(), *filter(None, versions),
                     harness.subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True,
                                            text=True).stdout.split("\n")[0],
                     World.guest.check("quadlane --version").strip(),
                     f"guest ready after {World.guest.boot_s:.1f} s"]:
            print(f"# {line}", flush=True)
        port_there(30)
        counter = Counter(sys.stdout)
        with contextlib.redirect_stdout(counter), contextlib.suppress(SystemExit):
            harness.run_tests(globals())
        print(f"# {time.monotonic() - started:.0f} s in all")
    print(f"{counter.passed} passed, {counter.failed} failed")
    sys.exit(1 if counter.failed or not counter.passed else 0)


if __name__ == "__main__":
    main()
