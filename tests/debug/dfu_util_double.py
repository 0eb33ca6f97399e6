#!/usr/bin/env python3
"""A double of dfu-util for tests: the options that `quadlane install` uses, on memories that are files.

Behaves as dfu-util(1) 0.11 says: -l lists alternate settings, -U writes a file that must not exist yet, -D erases the
sectors that it writes (128 KiB; 4 KiB in the chip), ":leave" at the end starts. The folder $DFU_DOUBLE holds list.json
(vid:pid, path, alt, name, serial), ADDRESS.bin for each memory, and faults.json; it writes log.txt.

SPDX-License-Identifier: MIT
"""
import getopt
import json
import os
import pathlib
import sys
import time

FOLDER = pathlib.Path(os.environ["DFU_DOUBLE"])
DEVICES = json.loads((FOLDER / "list.json").read_text())
FAULTS = json.loads((FOLDER / "faults.json").read_text()) if (FOLDER / "faults.json").exists() else {}


def fail(text, code=74):
    print(f"dfu-util: {text}", file=sys.stderr)
    sys.exit(code)


def list_devices():
    print("dfu-util 0.11\n\nCopyright 2005-2009 Weston Schmidt, Harald Welte and OpenMoko Inc.\n")
    if FAULTS.get("access"):
        print("dfu-util: Cannot open DFU device 0483:df11 found on devnum 12 (LIBUSB_ERROR_ACCESS)", file=sys.stderr)
        return
    for number, (vid_pid, path, alt, name, serial) in enumerate(DEVICES):
        print(f'Found DFU: [{vid_pid}] ver=0200, devnum={9 + number}, cfg=1, intf=0, path="{path}", alt={alt}, '
              f'name="{name}", serial="{serial}"')


def memory_at(address):
    for path in FOLDER.glob("0x*.bin"):
        start = int(path.stem, 16)
        if start <= address < start + path.stat().st_size:
            return path, address - start
    return fail(f"No memory segment of device at {address:#x}", 65)


def main():
    options = dict(getopt.getopt(sys.argv[1:], "ld:p:a:s:U:D:")[0])
    with open(FOLDER / "log.txt", "a") as log:
        print(*sys.argv[1:], file=log)
    if "-l" in options:
        time.sleep(FAULTS.get("slow list", 0))
        return list_devices()
    chosen = [device for device in DEVICES
              if (options["-d"], options["-p"], int(options["-a"])) == (device[0], device[1], device[2])]
    if len(chosen) != 1:
        fail("No DFU capable USB device available")
    target = options["-s"].split(":")
    path, offset = memory_at(int(target[0], 16))
    content = bytearray(path.read_bytes())
    if "-U" in options:
        time.sleep(FAULTS.get("slow_read", 0))
        if FAULTS.get("read"):
            fail("Error during special command \"SET_ADDRESS\" get_status: LIBUSB_ERROR_PIPE")
        with open(options["-U"], "xb") as file:
            file.write(content[offset:offset + int(target[1], 16)])
    if "-D" in options:
        data = pathlib.Path(options["-D"]).read_bytes()
        sector = 0x20000 if path.stem == "0x08000000" else 0x1000
        end = -(-(offset + len(data)) // sector) * sector
        if end > len(content):
            fail("Last page at end is not writeable", 65)
        content[offset:end] = b"\xff" * (end - offset)
        time.sleep(FAULTS.get("slow_write", 0))
        kept = data[:len(data) // 2] if FAULTS.get("write") else data
        content[offset:offset + len(kept)] = kept
        if "flip" in FAULTS:
            content[FAULTS["flip"]] ^= 1
        path.write_bytes(content)
        if FAULTS.get("write"):
            fail("Error sending completion packet")
        print("Warning: Invalid DFU suffix signature\nFile downloaded successfully")
    if "leave" in target:
        print("Submitting leave request...")
    return None


main()
