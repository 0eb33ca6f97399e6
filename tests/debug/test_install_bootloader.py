#!/usr/bin/env python3
"""`quadlane install`: through stock OpenOCD onto the virtual board, and through a double of dfu-util. Prints TAP.

The double (dfu_util_double.py) stands in for the real dfu-util with loaders that fail in every way; the real one with
loaders that work: tests/linux/test_linux.py.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import pty
import random
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time

from probes import BOOTLOADER, ROOT, ProbedBoard, check, check_equal  # noqa: E402
from harness import TOOL, check_tool, json_of, run_tests  # noqa: E402

NAME = "h750_w25q128"
IMAGE = BOOTLOADER.read_bytes()
SIZE = 0x20000
OTHER_IMAGE = ROOT / "build/firmware/weact_ministm32h750-flash.bin"
# A program that loops at once, and random bytes behind it.
OTHER = struct.pack("<IIH", 0x20020000, 0x08000009, 0xE7FE) + random.Random(7).randbytes(SIZE - 10)
MAKER = ("0483:df11", "1-3", 0, "@External Flash /0x90000000/256*64Kg", "SPRH7")
# The alternate settings that the loader of an STM32H7 shows.
ROM = [("0483:df11", "1-2", 1, "@Option Bytes   /0x5200201C/01*128 e", "200364500000"),
       ("0483:df11", "1-2", 0, "@Internal Flash   /0x08000000/16*128Kg", "200364500000")]


def check_bytes(found, expected, what):
    """Too many to be printed."""
    differs = next((i for i, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), min(len(found), len(expected)))
    check(found == expected, f"{what}: {len(found)} bytes, expected {len(expected)}; the first other one is at {differs:#x}")


def install(folder, *arguments, environment=None, limit_s=120):
    """The tool in a folder of its own, where it leaves what it saves."""
    usb = folder / "no-usb"
    usb.mkdir(exist_ok=True)
    settings = {**os.environ, "QUADLANE_USB_DEVICES": str(usb), "QUADLANE_RUNTIME_DIR": str(usb), **(environment or {})}
    return subprocess.run([str(part) for part in [TOOL, "install", *arguments]], capture_output=True, text=True,
                          timeout=limit_s, cwd=folder, stdin=subprocess.DEVNULL, env=settings)


# --- OpenOCD ------------------------------------------------------------------------------------

def by_probe(board, *arguments, name=NAME, limit_s=120):
    return install(board.folder, "--board", name, "--adapter", "virtual", "--port", f"unix:{board.usb_path}",
                   *arguments, environment={"QUADLANE_STLINK": board.ports["stlink"]}, limit_s=limit_s)


def internal_flash(board):
    path = board.folder / "flash.bin"
    answers = board.openocd("dapdirect_swd", f"dump_image {path} 0x08000000 {SIZE:#x}")
    check("dumped" in answers[0], f"{answers}")
    return path.read_bytes()


def start_image(board, content):
    """A file to put into the internal flash before the board starts."""
    path = board.folder / "content.bin"
    path.write_bytes(content)
    board.command[1:1] = ["--load", f"{path}@0x08000000"]


def test_blank():
    """OpenOCD: onto a blank board; its bootloader answers with the image's name and build"""
    with ProbedBoard(bootloader=None, program=None, usb=True) as board:
        said = by_probe(board, "--yes", "--wait", "30")
        check_tool(said, 0, ["the virtual board's probe", "blank", "written and read back", f"answers on board {NAME}",
                             "the same build"])
        check_equal(list(board.folder.glob("*-before*")), [], "saved files")
        check_bytes(internal_flash(board), IMAGE.ljust(SIZE, b"\xff"), "the internal flash")
        again = json_of(by_probe(board, "--yes", "--wait", "30", "--json"))
        check_equal((again["written"], again["answers"], again["way"]), (False, True, "openocd"), "the second time")


def test_other_content():
    """OpenOCD: onto a board with another program, which is saved; and back again"""
    board = ProbedBoard(bootloader=None, program=None, usb=True)
    start_image(board, OTHER)
    with board:
        check_tool(by_probe(board), 2, ["nobody to ask", "--yes", "not quadlane's", "overwritten"])
        check_bytes(internal_flash(board), OTHER, "the internal flash after no answer")
        said = by_probe(board, "--yes", "--wait", "30")
        check_tool(said, 0, ["not quadlane's", f"kept in {NAME}-before.bin", "the same build", "back to what was there"])
        check_bytes((board.folder / f"{NAME}-before.bin").read_bytes(), OTHER, "what was saved")
        check_bytes(internal_flash(board), IMAGE.ljust(SIZE, b"\xff"), "the internal flash")
        back = next(line for line in said.stdout.splitlines() if line.startswith("back to")).split("install ")[1]
        said = install(board.folder, *back.split(), "--yes", environment={"QUADLANE_STLINK": board.ports["stlink"]})
        check_tool(said, 0, ["another quadlane bootloader", f"{NAME}-before-2.bin"])
        check_bytes(internal_flash(board), OTHER, "the internal flash after the way back")


def test_protected():
    """OpenOCD: a board with read-out protection is left alone"""
    board = ProbedBoard(bootloader=None, program=None, usb=True)
    start_image(board, OTHER)
    with board:
        # FLASH_OPTKEYR, FLASH_OPTSR_PRG with RDP level 1, OPTSTART (RM0433).
        board.openocd("dapdirect_swd", "mww 0x52002008 0x08192A3B", "mww 0x52002008 0x4C5D6E7F",
                      "mww 0x52002020 [expr {([mrw 0x52002020] & ~0xFF00) | 0x5500}]", "mww 0x52002018 2", "sleep 100")
        check_tool(by_probe(board, "--yes"), 50, ["read-out protection (RDP) is on, level 1", "nothing was changed"])


def test_write_protected():
    """OpenOCD: a board whose internal flash is write-protected is left alone"""
    board = ProbedBoard(bootloader=None, program=None, usb=True)
    start_image(board, OTHER)
    with board:
        # FLASH_WPSN_PRG1R with sector 0 protected (0), OPTSTART (RM0433).
        board.openocd("dapdirect_swd", "mww 0x52002008 0x08192A3B", "mww 0x52002008 0x4C5D6E7F",
                      "mww 0x5200203C 0xFE", "mww 0x52002018 2", "sleep 100")
        check_tool(by_probe(board, "--yes"), 50, ["write-protected", "nothing was changed"])
        check_bytes(internal_flash(board), OTHER, "the internal flash")


def test_probe_troubles():
    """OpenOCD: not installed, its probe not there, another microcontroller's file, a full stop in the middle"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        folder = pathlib.Path(name)
        arguments = ("--board", NAME, "--adapter", "virtual", "--yes")
        check_tool(install(folder, *arguments, environment={"PATH": name}), 91, ["openocd is not installed", "apt-get"])
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            said = install(folder, *arguments, environment={"QUADLANE_STLINK": str(closed.getsockname()[1])})
        check_tool(said, 92, ["OpenOCD cannot reach the virtual board's probe"])
        for adapter in ("usbdap", "../adapter/stlink"):
            check_tool(install(folder, "--board", NAME, "--adapter", adapter), 2, "there is no adapter")
        # Programs in openocd's place: what it says when a probe is there, and no chip or no permission.
        for words, code, says in (("Error: init mode failed (unable to connect to the target)", 92, "no microcontroller"),
                                  ("Error: libusb_open() failed with LIBUSB_ERROR_ACCESS", 43, "may not open"),
                                  ("quadlane device 10006411\nquadlane option 0000aad0\nquadlane sectors 000000ff", 92, "another microcontroller"),
                                  ("Error: flash bank is on fire", 94, "flash bank is on fire")):
            write_program(folder / "openocd", f"printf '%s\\n' '{words}' >&2; exit 1")
            said = install(folder, *arguments, environment={"PATH": f"{name}:{os.environ['PATH']}"})
            check_tool(said, code, says)


# --- USB ----------------------------------------------------------------------------------------

def write_program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def put_usb(folder, path, vid, pid, serial="", product=""):
    device = folder / "usb" / path
    device.mkdir(parents=True)
    for name, text in (("idVendor", vid), ("idProduct", pid), ("serial", serial), ("product", product)):
        (device / name).write_text(text + "\n")


def test_which_way():
    """what hangs on USB decides: none, several, a serial number, an adapter"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        folder = pathlib.Path(name)
        (folder / "usb").mkdir()
        write_program(folder / "openocd", 'echo "Error: asked for $*" >&2; exit 1')

        def asked(*arguments):
            return install(folder, "--board", NAME, "--yes", *arguments,
                           environment={"PATH": name, "QUADLANE_USB_DEVICES": f"{name}/usb"})

        write_program(folder / "dfu-util", "exit 0")
        check_tool(asked(), 92, ["no board in DFU mode and no debug probe", "BOOT0"])
        put_usb(folder, "1-1", "0483", "374b", "066DFF", "STM32 STLink")
        put_usb(folder, "1-1:1.0", "", "")
        put_usb(folder, "1-5", "1d6b", "0002")
        check_tool(asked(), 94, ["ST-LINK at USB 1-1, by OpenOCD", "adapter/stlink.cfg", "adapter serial {066DFF}",
                                 f"{NAME}.cfg"])
        put_usb(folder, "1-2.4", "1366", "0101", "000051", "J-Link")
        put_usb(folder, "2-1", "0d28", "0204", "9900", "DAPLink CMSIS-DAP")
        check_tool(asked(), 41, ["ST-LINK at USB 1-1 (--via openocd --serial 066DFF)", "J-Link at USB 1-2.4", "9900"])
        check_tool(asked("--serial", "000051"), 94, "adapter/jlink.cfg")
        check_tool(asked("--adapter", "cmsis-dap"), 94, "adapter/cmsis-dap.cfg")
        check_tool(asked("--serial", "4711"), 92, "4711")
        put_usb(folder, "3-1", "0483", "df11", "2003", "STM32  BOOTLOADER")
        (folder / "dfu-util").unlink()
        check_tool(asked(), 91, ["dfu-util is not installed", "apt-get install dfu-util"])
        check_tool(asked("--via", "openocd", "--serial", "9900"), 94, "cmsis-dap.cfg")


# --- dfu-util -----------------------------------------------------------------------------------

class Loader:
    """A folder with the double of dfu-util in front of the memories of a board."""

    def __init__(self, devices=tuple(ROM), content=b"", faults=None):
        self.temporary = tempfile.TemporaryDirectory(prefix="quadlane-test-")
        self.folder = pathlib.Path(self.temporary.name)
        (self.folder / "dfu-util").symlink_to(ROOT / "tests/debug/dfu_util_double.py")
        (self.folder / "list.json").write_text(json.dumps(devices))
        self.flash = self.folder / "0x08000000.bin"
        self.flash.write_bytes(content.ljust(SIZE, b"\xff"))
        self.passing = self.folder / "passing"
        self.passing.mkdir()
        self.set_faults(**(faults or {}))

    def set_faults(self, **faults):
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        left = list(self.passing.iterdir())
        self.temporary.cleanup()
        check_equal(left, [], "what stays in $TMPDIR")

    def install(self, *arguments, board=NAME, limit_s=60):
        return install(self.folder, "--board", board, "--yes", "--wait", "0", *arguments, limit_s=limit_s,
                       environment=self.environment())

    def environment(self):
        return {"PATH": f"{self.folder}:{os.environ['PATH']}", "DFU_DOUBLE": str(self.folder), "TMPDIR": str(self.passing)}

    def log(self):
        path = self.folder / "log.txt"
        return path.read_text().splitlines() if path.exists() else []


def test_dfu():
    """dfu-util (a double): reads, saves, writes, reads back, leaves; the second time nothing is written"""
    with Loader(content=OTHER) as loader:
        check_tool(loader.install(), 0, ["the microcontroller's DFU at USB 1-2, by dfu-util", "written and read back",
                                         f"kept in {NAME}-before.bin", "not met on USB", "press reset"])
        check_bytes(loader.flash.read_bytes(), IMAGE.ljust(SIZE, b"\xff"), "the internal flash")
        check_bytes((loader.folder / f"{NAME}-before.bin").read_bytes(), OTHER, "what was saved")
        for line in loader.log()[1:]:
            check(line.startswith("-d 0483:df11 -p 1-2 -a 0 -s 0x08000000"), line)
        files = [line.split()[-1] for line in loader.log() if " -U " in line or " -D " in line]
        check_equal([pathlib.Path(file).parent.parent for file in files], [loader.passing] * 3, "where files pass between the tools")
        check("leave" in loader.log()[-1] and " -D " not in loader.log()[-1], f"the end: {loader.log()}")
        check_tool(loader.install(), 0, "the same as the image")
        check(sum(" -D " in line for line in loader.log()) == 1, f"written twice: {loader.log()}")


def test_dfu_save():
    """dfu-util (a double): --save, and files that exist are never overwritten"""
    with Loader(content=OTHER) as loader:
        kept = loader.folder / "kept.bin"
        kept.write_text("something else")
        check_tool(loader.install("--save", kept), 15, ["exists and holds something else", "--save"])
        check_equal((kept.read_text(), loader.flash.read_bytes()), ("something else", OTHER), "nothing was changed")
        check_tool(loader.install("--save", loader.folder / "no/such/kept.bin"), 14)
        check_bytes(loader.flash.read_bytes(), OTHER, "the flash when nothing could be saved")
        (loader.folder / f"{NAME}-before.bin").write_text("an older one")
        check_tool(loader.install(), 0, f"{NAME}-before-2.bin")
        check_equal((loader.folder / f"{NAME}-before.bin").read_text(), "an older one", "the older one")


def answer(loader, *keys):
    """Runs install on a terminal of its own and types; returns its exit code and what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(loader.folder)
        os.environ.update(loader.environment(), QUADLANE_USB_DEVICES=str(loader.folder / "none"))
        os.execv(TOOL, ["quadlane", "install", "--board", NAME, "--wait", "0"])
    shown = b""
    waiting = list(keys)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        shown += part
        if waiting and waiting[0][0] in shown:
            os.write(terminal, waiting.pop(0)[1])
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_question():
    """dfu-util (a double): it asks on a terminal; no, nothing and Ctrl-C change nothing, also while it reads; while it writes, Ctrl-C waits"""
    with Loader(content=OTHER) as loader:
        for typed in (b"n\n", b"\n", b"yesterday\x03", b"\x04"):
            code, shown = answer(loader, (b"[y/N]", typed))
            check_equal((code, "will be overwritten" in shown), (130, True), f"{typed}: {shown}")
        check_equal(list(loader.folder.glob("*-before*")), [], "saved without an answer")
        loader.set_faults(slow_read=5)
        code, shown = answer(loader, (b"by dfu-util", b"\x03"))
        check_equal((code, "nothing on the board was changed" in shown), (130, True), f"Ctrl-C while it reads: {shown}")
        check_bytes(loader.flash.read_bytes(), OTHER, "the internal flash")
        loader.set_faults(slow_write=1)
        code, shown = answer(loader, (b"[y/N]", b"y\n"), (b"keep cable and power", b"\x03"))
        check("written and read back" in shown, f"{code}: {shown}")
        check_bytes(loader.flash.read_bytes(), IMAGE.ljust(SIZE, b"\xff"), "the internal flash after Ctrl-C")


def test_dfu_troubles():
    """dfu-util (a double): permission, protection, broken writes, other devices, one that hangs"""
    with Loader(faults={"access": True}) as loader:
        check_tool(loader.install(), 43, ["may not open", "udev"])
    with Loader(content=OTHER, faults={"read": True}) as loader:
        check_tool(loader.install(), 94, ["could not read the flash", "LIBUSB_ERROR_PIPE", "RDP"])
        check_bytes(loader.flash.read_bytes(), OTHER, "the flash")
        loader.set_faults(write=True)
        check_tool(loader.install(), 94, ["could not write", "Error sending completion packet", "same command again"])
        loader.set_faults(flip=0x100)
        check_tool(loader.install(), 52, ["0x08000100 holds"])
        loader.set_faults()
        check_tool(loader.install(), 0, "written and read back")
    f4 = [("0483:df11", "1-2", 0, "@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg", "3")]
    with Loader(devices=f4) as loader:
        check_tool(loader.install(), 92, ["no STM32H750", "04*016Kg"])
    own = [("1209:0001", "1-2", 0, "@Flash /0x90000000/4096*4Kg", "3")]
    with Loader(devices=own) as loader:
        check_tool(loader.install(), 92)
    two = [*ROM, ("0483:df11", "1-7", 0, ROM[1][3], "AB")]
    with Loader(devices=two) as loader:
        check_tool(loader.install(), 41, ["USB 1-2", "USB 1-7", "--serial AB"])
        check_tool(loader.install("--serial", "AB"), 0, "USB 1-7")
    with Loader(faults={"slow list": 60}) as loader:
        check_tool(loader.install(), 94, "dfu-util did not end within 20 s")


def test_images():
    """images: for another board, of another size, no bootloader, missing, ELF and HEX"""
    with Loader(content=OTHER) as loader:
        image = loader.folder / "image.bin"
        check_tool(loader.install("--image", OTHER_IMAGE), 93, ["is a bootloader for another board", NAME])
        image.write_bytes(IMAGE + bytes(SIZE))
        check_tool(loader.install("--image", image), 93, ["do not fit", "0x0801FFFF"])
        image.write_bytes(OTHER)
        check_tool(loader.install("--image", image), 93, ["is no quadlane bootloader", "--force"])
        check_tool(loader.install("--image", loader.folder / "none.bin"), 10)
        for offset in (0, 0x400, len(IMAGE) - 1):
            image.write_bytes(IMAGE[:offset] + bytes([IMAGE[offset] ^ 1]) + IMAGE[offset + 1:])
            check_tool(loader.install("--image", image), 93, ["checksum", "--force"])
        image.write_bytes(IMAGE[:-4])
        check_tool(loader.install("--image", image), 93, ["cut"])
        loader.passing.rmdir()
        check_tool(loader.install(), 14, [str(loader.passing), "No such file"])
        loader.passing.mkdir()
        image.write_bytes(b"")
        check_tool(loader.install("--image", image), 13)
        check_tool(loader.install(board="no_such_board"), 81, NAME)
        check_tool(loader.install("--via", "pigeon"), 2, "dfu, openocd or maker")
        for suffix in (".elf", ".hex"):
            check_tool(loader.install("--image", BOOTLOADER.with_suffix(suffix)), 93, ["no raw binary", ".bin"])
        check_bytes(loader.flash.read_bytes(), OTHER, "the internal flash")
        check_equal([line for line in loader.log() if " -D " in line], [], "what was written")


def test_maker():
    """through the maker's DFU (a double): the second stage goes to its own area only, and says so when there is none"""
    name = "sp_racing_h7_extreme"
    stage = ROOT / f"build/firmware/{name}-ram.exst"
    old = random.Random(9).randbytes(0x1000000)
    with Loader(devices=[MAKER]) as loader:
        check_tool(loader.install("--via", "maker"), 10, [f"{NAME}-ram.exst", "maker"])
        check_tool(loader.install("--via", "dfu", board=name), 92, "no board in DFU mode")
        chip = loader.folder / "0x90000000.bin"
        chip.write_bytes(old)
        damaged = bytearray(stage.read_bytes())
        damaged[0x400] ^= 1
        image = loader.folder / "damaged.exst"
        image.write_bytes(damaged)
        check_tool(loader.install("--image", image, "--via", "maker", board=name), 89)
        check_bytes(chip.read_bytes(), old, "the chip")
        said = loader.install(board=name)
        check_tool(said, 0, ["the maker's DFU", "0x90F90000", "read back", f"kept in {name}-before.bin", "take its power away"])
        check_bytes(chip.read_bytes(), old[:0xF90000] + stage.read_bytes(), "the chip")
        check_bytes((loader.folder / f"{name}-before.bin").read_bytes(), old[0xF90000:], "what was saved")
        check_bytes(loader.flash.read_bytes(), b"\xff" * SIZE, "the internal flash")
        check(not any("leave" in line for line in loader.log()), "the maker's loader was told to jump somewhere")
        check("--via maker --image" in said.stdout, f"the way back: {said.stdout}")
        said = loader.install("--via", "maker", "--force", "--image", f"{name}-before.bin", board=name)
        check_tool(said, 0, "read back")
        check_bytes(chip.read_bytes(), old, "the chip after the way back")
    # What such loaders tell of boards with other chips, whose second stage is elsewhere.
    for layout in ("998*128Kg,1*128Kg,4*128Kg,21*128Ka", "111*8Kg,16*8Kg,1*8Kg,128*8Kg,0*8Ka", "rubbish", ""):
        with Loader(devices=[(*MAKER[:3], f"@External Flash /0x90000000/{layout}", "SPRH7")]) as loader:
            check_tool(loader.install(board=name), 92, ["another chip", layout])
            check_equal([line for line in loader.log() if "-l" not in line.split()], [], "what was read or written")
    with Loader(content=OTHER) as loader:
        check_tool(loader.install(board=name), 0, ["behind its maker's bootloader", "--via maker"])


if __name__ == "__main__":
    run_tests(globals())
