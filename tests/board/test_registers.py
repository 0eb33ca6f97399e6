#!/usr/bin/env python3
"""Three witnesses of the chip's registers must agree: firmware's header, virtual board, ST's SVD.

The firmware's and the SDK's headers are read by their one form of `#define`; the virtual board prints its
tables with --registers; the SVD stands condensed in tests/vectors/stm32h753_registers.txt. Where a witness is
known to be wrong or to use another name, tests/vectors/register_deviations.txt says so, with the reason.

SPDX-License-Identifier: MIT
"""
import fnmatch
import re
import subprocess
import sys

import harness

HEADERS = [harness.ROOT / "firmware/chip/registers.h",
           harness.ROOT / "sdk/include/quadlane/h750.h"]
VECTORS = harness.ROOT / "tests/vectors"
# Blocks of the core that no SVD describes: firmware and virtual board are compared with each other.
CORE_BASE = 0xE0000000


class Register:
    """Name, reset value, and the bits that exist, as one witness has it."""

    def __init__(self, name, reset=None, bits=0xFFFFFFFF, fields=None):
        self.name, self.reset, self.bits, self.fields = name, reset, bits, fields or {}


def read_svd():
    """Address -> Register, and the peripherals by name."""
    peripherals, registers = {}, {}
    for line in (VECTORS / "stm32h753_registers.txt").read_text().splitlines():
        words = line.split()
        if not words or words[0] == "#":
            continue
        if words[0] == "peripheral":
            current = peripherals[words[1]] = {"base": int(words[2], 16), "registers": [],
                                               "like": words[4] if len(words) > 3 else words[1]}
        else:
            fields = {}
            for text in words[5:]:
                name, bit, width = text.rsplit(":", 2)
                fields[name] = ((1 << int(width)) - 1) << int(bit)
            current["registers"].append((words[1], int(words[2], 16), int(words[3], 16), fields))
    for name, peripheral in peripherals.items():
        for register, offset, reset, fields in peripherals[peripheral["like"]]["registers"]:
            # Two registers at one address are two views of it, as CCMR1_Input and CCMR1_Output.
            known = registers.setdefault(peripheral["base"] + offset,
                                         Register(f"{name}.{register}", reset, 0, {}))
            known.fields.update(fields)
            for mask in fields.values():
                known.bits |= mask
    return registers


def read_header(path):
    """Address -> Register with the fields that the header names."""
    text = re.sub(r"\\\n", " ", path.read_text())
    bases = {name: int(value, 16)
             for name, value in re.findall(r"#define (\w+)_BASE\s+(0x[0-9A-Fa-f]+)u", text)}
    registers, by_name = {}, {}
    for name, base, offset in re.findall(
            r"#define (\w+)(?:\(\w+\))?\s+REGISTER\((\w+)_BASE \+ (0x[0-9A-Fa-f]+)", text):
        register = Register(f"{base}.{name.removeprefix(base + '_')}")
        registers[bases[base] + int(offset, 16)] = register
        by_name[name] = register
    for name, address in re.findall(  # the SDK's form: the address stands there as it is
            r"#define (\w+)\s+QL_REGISTER\((0x[0-9A-Fa-f]+)u\)", text):
        by_name[name] = registers[int(address, 16)] = Register(name.replace("_", ".", 1))
        # USART_CR1_UE is the field of each USART's CR1; the first stands for all.
        by_name.setdefault(re.sub(r"^([A-Z]+)\d_", r"\1_", name), by_name[name])
    for name, mask, shift in re.findall(
            r"#define (\w+)\s+\((0x[0-9A-Fa-f]+|\d+)u << (\d+)\)", text):
        owner = max((known for known in by_name if name.startswith(known + "_")), key=len,
                    default=None)
        if owner is None:  # OTG_DOEPTSIZ0_STUPCNT: a field that only the first of a row has
            owner = max((known for known in by_name if name.startswith(known + "0_")), key=len,
                        default=None)
            harness.check(owner is not None, f"{path.name}: {name} belongs to no register")
            name = name.replace(owner + "0_", owner + "_", 1)
        by_name[owner].fields[name.removeprefix(owner + "_")] = int(mask, 0) << int(shift)
    harness.check(registers, f"{path.name}: no register found; has the form of its lines changed?")
    return registers


def read_board():
    lines = subprocess.run([harness.BOARD, "--registers"], check=True, capture_output=True,
                           text=True, timeout=20).stdout.splitlines()
    registers = {}
    for line in lines:
        peripheral, register, address, reset, readable, writable = line.split()
        registers[int(address, 16)] = Register(f"{peripheral}.{register}", int(reset, 16),
                                               int(readable, 16) | int(writable, 16))
    harness.check(len(registers) > 500, f"only {len(registers)} registers from --registers")
    return registers


def read_deviations():
    """(kind, name) -> reason; each must be used, so that none outlives its cause."""
    deviations = {}
    for line in (VECTORS / "register_deviations.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            kind, name, reason = line.split(None, 2)
            deviations[kind, name] = reason
    return deviations


SVD = read_svd()
DEVIATIONS = read_deviations()
USED = set()


def excused(kind, name):
    """Both OTG cores have the same registers; `OTG` stands for them."""
    name = re.sub(r"^OTG[12]_[HF]S(?:_[A-Z]+)?\.", "OTG.", name)
    for known, pattern in DEVIATIONS:
        if known == kind and fnmatch.fnmatchcase(name, pattern):
            USED.add((known, pattern))
            return True
    return False


def plain(name):
    """A name without what the witnesses spell differently: OTG instances, array brackets, case."""
    peripheral, register = name.upper().split(".", 1)
    peripheral = re.sub(r"^OTG\w*", "OTG", peripheral)
    peripheral = re.sub(r"^GPIO[A-K]?$", "GPIO", peripheral)
    peripheral = re.sub(r"^(IWDG|WWDG)1$", r"\1", peripheral)  # RM0433 numbers the watchdogs
    register = re.sub(r"^(?:OTG_(?:HS_|FS_)?|FS_|HS_)", "", register)
    register = register.removeprefix(peripheral + "_")  # the SVD repeats some peripherals' names
    register = re.sub(r"_(?:INPUT|OUTPUT)$", "", register)  # views of a timer's CCMR
    return f"{peripheral}.{re.sub(r'[^A-Z0-9]', '', register)}"


def report(findings):
    harness.check(not findings, f"{len(findings)} disagreements:\n" + "\n".join(findings[:60]))


def same_name(kind, ours, theirs):
    """A trailing 0 is the first one of a row, which our headers name without it."""
    return plain(ours).rstrip("0") == plain(theirs).rstrip("0") or excused(kind, ours)


def header_findings(path):
    for address, register in read_header(path).items():
        if address >= CORE_BASE or excused("absent", register.name):
            continue
        witness = SVD.get(address)
        if witness is None:
            yield f"{register.name} at {address:#010x}: the SVD has no register there"
            continue
        if not same_name("name", register.name, witness.name):
            yield f"{register.name} at {address:#010x}: the SVD calls it {witness.name}"
        for field, mask in register.fields.items():
            if {name.upper(): bits for name, bits in witness.fields.items()}.get(field) == mask \
                    or excused("field", f"{register.name}.{field}"):
                continue
            if any(field.startswith(name + "_") and not mask & ~bits
                   for name, bits in witness.fields.items()):
                continue  # RCC_CFGR_SW_PLL1: a value of the field, in its place
            near = [name for name, other in witness.fields.items() if other & mask]
            yield f"{register.name}.{field} = {mask:#x}: the SVD has {near} there"


def test_headers_against_svd():
    """the firmware's and the SDK's registers and fields stand where the SVD has them"""
    report([finding for path in HEADERS for finding in header_findings(path)])


def test_board_against_svd():
    """the virtual board's registers have the SVD's names, reset values and bits"""
    findings = []
    for address, register in read_board().items():
        witness = SVD.get(address)
        if address >= CORE_BASE or excused("absent", register.name):
            continue
        if witness is None:
            findings.append(f"{register.name} at {address:#010x}: the SVD has no register there")
            continue
        if not same_name("name", register.name, witness.name):
            findings.append(f"{register.name} at {address:#010x}: the SVD calls it {witness.name}")
        if register.reset != witness.reset and not excused("reset", register.name):
            findings.append(f"{register.name}: reset {register.reset:#010x}, the SVD says "
                            f"{witness.reset:#010x}")
        if register.bits != witness.bits and not excused("bits", register.name):
            findings.append(f"{register.name}: bits {register.bits:#010x}, the SVD says "
                            f"{witness.bits:#010x} ({register.bits ^ witness.bits:#010x} differ)")
    report(findings)


def test_board_is_complete():
    """every register that the SVD has in a modelled peripheral exists on the virtual board"""
    board = read_board()
    modelled = {address & ~0x3FF for address in board}
    report([f"{register.name} at {address:#010x} is missing" for address, register in SVD.items()
            if address & ~0x3FF in modelled and address not in board
            and not excused("missing", register.name)])


def test_headers_against_board():
    """what the firmware and the SDK use exists on the virtual board, under the same name, with those bits"""
    board, findings = read_board(), []
    for path in HEADERS:
        for address, register in read_header(path).items():
            witness = board.get(address)
            if witness is None:
                if not excused("board-absent", register.name):
                    findings.append(f"{register.name} at {address:#010x}: not on the virtual board")
                continue
            if not same_name("board-name", register.name, witness.name):
                findings.append(f"{register.name} at {address:#010x}: the board calls it {witness.name}")
            for field, mask in register.fields.items():
                if mask & ~witness.bits and not excused("board-bits", f"{register.name}.{field}"):
                    findings.append(f"{register.name}.{field}: bits {mask & ~witness.bits:#x} do not "
                                    "exist on the virtual board")
    report(findings)


def test_no_stale_deviation():
    """every excuse in register_deviations.txt is still needed"""
    for check in (test_headers_against_svd, test_board_against_svd, test_board_is_complete,
                  test_headers_against_board):
        try:
            check()
        except AssertionError:
            pass
    stale = [f"{kind} {name}" for kind, name in DEVIATIONS if (kind, name) not in USED]
    harness.check(not stale, "excuses that nothing needs: " + ", ".join(stale))


if __name__ == "__main__":
    sys.exit(harness.run_tests(dict(globals())))
