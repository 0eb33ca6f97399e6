# What all boards here have in common for OpenOCD: the STM32H750, its QUADSPI pins and one chip mapped at 0x90000000.
#
# A board's file sets `h750_pins` (port, number, alternate function of CLK, NCS, IO0 to IO3) and `h750_dcr` (QUADSPI_DCR), for two
# chips in dual-flash mode or 4-byte addresses also `h750_cr` and `h750_ccr`, then sources this one. `reset init` sets up clocks and pins and maps the chip. Commands use one line each for instruction, address and
# data, which stmqspi copies for its own; that is slower than what firmware does, but it is the same for every mode the chip may be in.
#
# Written from RM0433 (RCC, GPIO, QUADSPI), data sheets of the chips and OpenOCD's manual, section "stmqspi". Registers are named
# as in RM0433.
#
# SPDX-License-Identifier: MIT

set QUADSPI 1
if {![info exists h750_cr]} {
    set h750_cr 0x03000011  ;# HCLK3 / 4, SSHIFT, EN
}
if {![info exists h750_ccr]} {
    set h750_ccr 0x0D002503 ;# memory-mapped, 03h, 24-bit address, one line
}
source [find target/stm32h7x.cfg]

# Code in the chip can only have hardware breakpoints; GDB knows that by itself only if the chip was
# probed before it connected.
gdb_breakpoint_override hard

# One instruction without address and data, by hand.
proc h750_chip_command {instruction} {
    mww 0x5200500C 0x0000001B                    ;# FCR: all flags
    mww 0x52005014 [expr {0x00000100 | $instruction}] ;# CCR: IMODE one line, indirect write
    for {set tries 0} {$tries < 100} {incr tries} {
        if {([mrw 0x52005008] & 0x22) == 0x02} {  ;# SR: TCF and not BUSY
            return
        }
    }
    error "QUADSPI does not finish instruction [format 0x%02X $instruction]"
}

# A port's number from its letter.
proc h750_port {letter} {
    return [string first $letter ABCDEFGHIJK]
}

# A pin as alternate function 9 or 10, high speed, no pull.
proc h750_pin {port number function} {
    set base [expr {0x58020000 + 0x400 * $port}]
    set half [expr {$base + ($number < 8 ? 0x20 : 0x24)}]
    set shift [expr {4 * ($number % 8)}]
    mmw $half [expr {$function << $shift}] [expr {0xF << $shift}]
    mmw [expr {$base + 0x08}] [expr {2 << (2 * $number)}] [expr {3 << (2 * $number)}]
    mmw [expr {$base + 0x0C}] 0 [expr {3 << (2 * $number)}]
    mmw $base [expr {2 << (2 * $number)}] [expr {3 << (2 * $number)}]
}

proc h750_chip_init {} {
    global h750_pins h750_dcr h750_cr h750_ccr
    foreach {port number function} $h750_pins {
        mmw 0x580244E0 [expr {1 << [h750_port $port]}] 0 ;# RCC_AHB4ENR: the port's clock
    }
    mmw 0x580244D4 0x00004000 0                   ;# RCC_AHB3ENR: QSPIEN
    mmw 0x5802447C 0x00004000 0                   ;# RCC_AHB3RSTR: QSPIRST
    mmw 0x5802447C 0 0x00004000
    mmw 0x5802444C 0 0x00000030                   ;# RCC_D1CCIPR: QUADSPI on HCLK3
    foreach {port number function} $h750_pins {
        h750_pin [h750_port $port] $number $function
    }
    # The window as device memory without execution: else the core might read it ahead on its own
    # while stmqspi uses the chip, which locks the bus. `reset` ends this.
    mww 0xE000ED98 0                              ;# MPU_RNR
    mww 0xE000ED9C 0x90000000                     ;# MPU_RBAR
    mww 0xE000EDA0 0x13010037                     ;# MPU_RASR: XN, full access, device, 256 MiB
    mww 0xE000ED94 5                              ;# MPU_CTRL: PRIVDEFENA, ENABLE
    mww 0x52005004 $h750_dcr                      ;# DCR: FSIZE, CSHT
    mww 0x52005000 $h750_cr                       ;# CR
    h750_chip_command 0xFF                        ;# out of continuous read
    h750_chip_command 0x66                        ;# reset enable
    h750_chip_command 0x99                        ;# reset
    sleep 1
    mww 0x52005014 $h750_ccr                      ;# CCR: memory-mapped
}

# Resets into quadlane's bootloader, which stays: the stay request, RTC_BKP31R, before its first
# instruction.
proc bootloader {} {
    reset halt
    mmw 0x580244F4 0x00010000 0                   ;# RCC_APB4ENR: RTCAPBEN
    mmw 0x58024800 0x00000100 0                   ;# PWR_CR1: DBP
    mww 0x580040CC 0x544C4251                     ;# RTC_BKP31R: "QBLT"
    resume
}

stm32h7x.cpu0 configure -event reset-init {
    h750_chip_init
}
