#!/usr/bin/env python3
"""The program's world: it finds the state of SPEC.md section 8, and may do with it what programs do. TAP.

A guest program prints every readable register of the chip. The same program, started by the reset itself from
the internal flash, tells what a reset leaves; the two may differ only where section 8 says so.

SPDX-License-Identifier: MIT
"""
import re
import socket
import struct
import subprocess
import time

from harness import BOARD, BOOTLOADER, GUESTS, Board, check, check_equal, check_tool, run_tests, wait_for

LIST_ADDRESS = 0x24000000
# Their clocks are always on; the others are read after all clocks were switched on.
UNGATED = {"RCC", "PWR", "FLASH", "DBGMCU", "EXTI", "IWDG1"}
# Reading takes something out, or has no meaning at rest.
NOT_READ = {("QUADSPI", "DR"), ("RNG", "DR"), ("OTG1_HS", "GRXSTSP"), ("OTG2_FS", "GRXSTSP")}
# The board stops at them, as they are not there.
NOT_MODELLED = re.compile(r"TIM\d+\.DMAR|HASH\.CSR\d+|SYSCFG\.(PKGR|UR\d+)")
NAMES = {}  # address -> PERIPHERAL.REGISTER


def read_registers():
    """(peripheral, register, address) of every register that may be read."""
    lines = subprocess.run([BOARD, "--registers"], check=True, capture_output=True, text=True,
                           timeout=20).stdout.splitlines()
    found = []
    for line in lines:
        peripheral, register, address, _, readable, _ = line.split()
        if int(readable, 16) and (peripheral, register) not in NOT_READ and peripheral != "UID" \
                and not NOT_MODELLED.fullmatch(f"{peripheral}.{register}"):
            found.append((peripheral, register, int(address, 16)))
            NAMES[int(address, 16)] = f"{peripheral}.{register}"
    return found


def write_list(board):
    """The list that the guest reads; returns what loads it."""
    registers = read_registers()
    first = [address for peripheral, _, address in registers
             if address >= 0xE0000000 or peripheral in UNGATED]
    second = [address for _, _, address in registers if address not in first]
    check(len(first) > 250 and len(second) > 700, "the list of registers is too short")
    path = board.folder / "list"
    path.write_bytes(b"".join(struct.pack(f"<I{len(part)}I", len(part), *part)
                              for part in (first, second)))
    return f"{path}@{LIST_ADDRESS:#x}"


def parse(text):
    """Name -> value, and the MPU's regions."""
    values, regions = {}, []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "region":
            regions.append((int(words[1], 16), int(words[2], 16)))
        elif len(words) == 2:
            name = words[0]
            if len(name) == 8:
                name = NAMES[int(name, 16)]
            values[name] = int(words[1], 16)
    return values, regions


def state(*arguments, guest, work=None, **options):
    """What the guest prints; `work` brings it to its start where the board doesn't by itself."""
    board = Board(*arguments, **options)
    board.command += ["--load", write_list(board)]
    if not work:
        board.command += ["--load", str(guest)]
    with board:
        if work:
            work(board)
        board.wait_uart("end\n", 60)
        return parse(board.uart())


def reset_state():
    return state(guest=GUESTS / "state-flash.elf", bootloader=None, usb=False)


def bits(value, high, low):
    return value >> low & ((1 << (high - low + 1)) - 1)


def check_core(values, regions):
    for name in ("primask", "faultmask", "basepri", "control", "ipsr"):
        check_equal(values[name], 0, name)
    check_equal(values["msp"], 0x20020000, "MSP")
    check_equal(values["SCB.VTOR"], 0x90100000, "VTOR")
    check_equal(values["MPU.CTRL"], 5, "MPU_CTRL: on, PRIVDEFENA")
    # XN, no access, strongly ordered and shareable, 256 MB; read-only, write-back, 16 MB.
    check_equal(regions[0], (0x90000000, 1 << 28 | 1 << 18 | 27 << 1 | 1), "MPU region 0")
    check_equal(regions[1], (0x90000000, 6 << 24 | 3 << 16 | 23 << 1 | 1), "MPU region 1")
    check_equal(len(regions), 16, "MPU regions")
    for address, attributes in regions[2:]:
        check_equal((address, attributes), (0, 0), "MPU regions 2 to 15")


def check_quadspi(values):
    check_equal(values["QUADSPI.CR"] & ~(1 << 4), 1 << 24 | 1, "QUADSPI_CR: prescaler 1, on")
    ccr = values["QUADSPI.CCR"]
    check_equal([bits(ccr, 27, 26), bits(ccr, 7, 0), bits(ccr, 9, 8), bits(ccr, 11, 10),
                 bits(ccr, 13, 12), bits(ccr, 15, 14), bits(ccr, 17, 16), bits(ccr, 22, 18),
                 bits(ccr, 25, 24), bits(ccr, 31, 28)],
                [3, 0xEB, 1, 3, 2, 3, 0, 4, 3, 0],
                "QUADSPI_CCR: mapped, EBh on 1-4-4, 24-bit address, mode byte, 4 dummy clocks, plain")
    check_equal(values["QUADSPI.ABR"], 0xFF, "mode byte")
    check_equal(bits(values["QUADSPI.DCR"], 20, 16), 24, "FSIZE, one more than the chip's (erratum)")


def check_pins(values, reset):
    """PB2, PB10, PD11..13, PE2 are QUADSPI's; all other pins as after a reset."""
    pins = {"B": (2, 10), "D": (11, 12, 13), "E": (2,)}
    for port in "ABCDEFGHIJK":
        for register, width in (("MODER", 2), ("OTYPER", 1), ("OSPEEDR", 2), ("PUPDR", 2), ("ODR", 1)):
            name = f"GPIO{port}.{register}"
            ours = sum(((1 << width) - 1) << width * pin for pin in pins.get(port, ()))
            check_equal(values[name] & ~ours, reset[name] & ~ours, f"{name} of other pins")
        for pin in range(16):
            name = f"GPIO{port}.AFR{'LH'[pin // 8]}"
            mine = pin in pins.get(port, ())
            check_equal(values[name] >> 4 * (pin % 8) & 15, 9 if mine else 0, f"{name} of pin {pin}")
            if mine:
                check_equal(values[f"GPIO{port}.MODER"] >> 2 * pin & 3, 2, f"mode of P{port}{pin}")


# What section 8 names; each is checked by itself above or here.
MAY_DIFFER = {
    "SCB.VTOR", "MPU.CTRL", "MPU.RNR", "QUADSPI.CR", "QUADSPI.DCR", "QUADSPI.SR", "QUADSPI.CCR",
    "QUADSPI.ABR", "QUADSPI.AR", "RCC.AHB3ENR", "RCC.AHB4ENR", "RCC.C1_AHB3ENR", "RCC.C1_AHB4ENR",
    "PWR.CR3", "PWR.CSR1", "PWR.D3CR", "RCC.RSR", "RCC.C1_RSR",
    *(f"MPU.R{kind}{view}" for kind in ("BAR", "ASR") for view in range(4)),
    *(f"GPIO{port}.{register}" for port in "BDE"
      for register in ("MODER", "OSPEEDR", "PUPDR", "AFRL", "AFRH", "IDR")),
}


def check_state(found, reset):
    values, regions = found
    check_core(values, regions)
    check_quadspi(values)
    check_pins(values, reset)
    for name in ("RCC.AHB3ENR", "RCC.C1_AHB3ENR"):
        check_equal(values[name], 1 << 14, f"{name}: QSPIEN alone")
    for name in ("RCC.AHB4ENR", "RCC.C1_AHB4ENR"):
        check_equal(values[name], 1 << 1 | 1 << 3 | 1 << 4, f"{name}: ports B, D and E alone")
    check_equal(values["PWR.CR3"] & 0x01000007, 2, "PWR_CR3: LDO chosen, USB33DEN off")
    ready = 1 << 13
    for name in ("PWR.CSR1", "PWR.D3CR"):
        check_equal(values[name] | ready, reset[name] | ready, f"{name}, but for its ready flag")
    wrong = [f"{name} is {values[name]:#010x}, after a reset {value:#010x}"
             for name, value in reset.items() if name not in MAY_DIFFER | {"msp"} and values[name] != value]
    check(not wrong, f"{len(wrong)} registers differ from a reset's:\n" + "\n".join(wrong))


RESET = {}


def reset_values():
    if not RESET:
        RESET.update(reset_state()[0])
    return RESET


def test_state_without_cable():
    """started at once, without a cable: every register is as section 8 says"""
    found = state(guest=GUESTS / "state.elf", usb=False)
    check_state(found, reset_values())
    check_equal(found[0]["RCC.RSR"], reset_values()["RCC.RSR"], "RCC_RSR: untouched")


def test_state_after_window():
    """started after a start window in which the USB host configured the device and said nothing: the same"""
    check_state(state(guest=GUESTS / "state.elf"), reset_values())


def test_state_after_update():
    """started by `quadlane flash` after an update over USB: the same"""
    guest = GUESTS / "state.elf"
    check_state(state(guest=guest, work=lambda board: check_tool(board.tool("flash", guest))),
                reset_values())


def test_state_after_boot():
    """started by `quadlane boot` out of a bootloader that was kept by its button: the same"""
    def work(board):
        board.control("button down")
        board.control("reset")
        check_tool(board.tool("flash", "--no-boot", GUESTS / "state.elf"))
        check_tool(board.tool("boot"))
        board.control("button up")
    values, regions = state(guest=GUESTS / "state.elf", work=work)
    # PE4 is held down, so that its input differs.
    check_state((values, regions), reset_values())


def test_clocks():
    """a program may reset RCC as ST's SystemInit does, stop all PLLs and start them anew, to 480 MHz"""
    with Board("--load", GUESTS / "clocks.elf", usb=False) as board:
        board.wait_uart("end\n")
        check_equal(board.uart(), "found\nreset\n400 MHz\nslow\n480 MHz\nend\n", "what it said")
        check_equal(board.statistics()["cpu_hz"], 480e6, "CPU clock at the end")


def test_clocks_after_update():
    """the same after an update, when the bootloader has used PLL1 before"""
    with Board() as board:
        check_tool(board.tool("flash", GUESTS / "clocks.elf"))
        board.wait_uart("480 MHz\nend\n")


def test_interrupts():
    """interrupts through the vector table in the chip: SysTick, and USART1's receiver"""
    board = Board("--load", GUESTS / "interrupts.elf", usb=False)
    board.command[board.command.index(f"USART1=file:{board.uart_path}")] = \
        f"USART1=unix:{board.folder}/terminal"
    # In the pace of the wall clock, as the terminal's are limits of the wall clock.
    board.command[board.command.index("max")] = "real"
    with board, socket.socket(socket.AF_UNIX) as terminal:
        wait_for(lambda: (board.folder / "terminal").exists(), 10, "the UART's socket")
        terminal.connect(str(board.folder / "terminal"))
        said = b""
        terminal.settimeout(0.2)
        deadline = time.monotonic() + 20
        while b"." not in said:  # the program may not listen yet
            check(time.monotonic() < deadline, "the program does not answer")
            terminal.sendall(b"?")
            try:
                said += terminal.recv(4096)
            except TimeoutError:
                pass
        terminal.settimeout(20)
        terminal.sendall(b"hello, 4 worlds Q")
        while b"end\n" not in said:
            part = terminal.recv(4096)
            check(part, f"the line closed after {said!r}")
            said += part
    check_equal(said.decode().lstrip("."), "HELLO, 4 WORLDS Q\nechoed 00000011\nticked\nend\n",
                "what it said")


def test_faults():
    """a program's fault handlers get what the core tells; the board reports the faults with symbols"""
    with Board("--load", GUESTS / "crash.elf", usb=False) as board:
        board.wait_uart("end\n")
        check_equal(board.uart(), "bus fault, CFSR 00008200\nBFAR 40100000\nat the load\n"
                    "hard fault, CFSR 00010000\nHFSR 40000000\nat the undefined instruction\nend\n",
                    "what it said")
        for words in ("BusFault: data access at 0x40100000", "guest_crash",
                      "HardFault: undefined instruction", "guest_undefined"):
            check(words in board.output(), f"{words!r} is not in:\n{board.output()}")


def test_internal_flash():
    """an update leaves the internal flash alone; the bootloader's image fits into it"""
    with Board() as board:
        check_tool(board.tool("flash", GUESTS / "clocks.elf"))
        board.wait_uart("end\n")
        check_equal(board.statistics()["flash_operations"], 0, "operations of the internal flash")
    check(0 < BOOTLOADER.stat().st_size <= 48 * 1024, "the image fits")


if __name__ == "__main__":
    run_tests(globals())
