# GDB commands for programs in the flash chip; `source` this file, or let `quadlane ide gdb` do it.
#
# Addresses of the program come from its symbols; those of the core's registers from the Armv7-M
# Architecture Reference Manual, sections B3.2.13 to B3.2.19.
#
# SPDX-License-Identifier: MIT

# Code in the chip can only have hardware breakpoints. A server that names the chip in its memory map
# (quadlane gdb-server, OpenOCD with the board's file) makes GDB choose them by itself.
set mem inaccessible-by-default off
set breakpoint auto-hw on

define quadlane-restart
    monitor reset halt
    maintenance flush register-cache
    tbreak main
    continue
end
document quadlane-restart
Resets the board and runs to main. The program in the chip stays as it is; `load` puts a new one there.
end

define quadlane-where
    printf "vector table  0x%08x", *(unsigned int *) 0xE000ED08
    info symbol *(unsigned int *) 0xE000ED08
    printf "exception     %u (0: none)\n", *(unsigned int *) 0xE000ED04 & 0x1FF
    info symbol $pc
end
document quadlane-where
Shows whose vector table is in use, which exception is active, and where the program counter is.
end

define quadlane-fault
    set $quadlane_cfsr = *(unsigned int *) 0xE000ED28
    set $quadlane_hfsr = *(unsigned int *) 0xE000ED2C
    printf "CFSR  0x%08x", $quadlane_cfsr
    if $quadlane_cfsr & 0x00000001
        printf "  IACCVIOL: execution where the MPU forbids it"
    end
    if $quadlane_cfsr & 0x00000002
        printf "  DACCVIOL: access that the MPU forbids"
    end
    if $quadlane_cfsr & 0x00000100
        printf "  IBUSERR: no code can be fetched there"
    end
    if $quadlane_cfsr & 0x00000200
        printf "  PRECISERR: nothing answers at that address"
    end
    if $quadlane_cfsr & 0x00000400
        printf "  IMPRECISERR: an earlier write went wrong"
    end
    if $quadlane_cfsr & 0x00010000
        printf "  UNDEFINSTR: no such instruction"
    end
    if $quadlane_cfsr & 0x00020000
        printf "  INVSTATE: jump to an even address"
    end
    if $quadlane_cfsr & 0x00080000
        printf "  NOCP: the FPU is off"
    end
    if $quadlane_cfsr & 0x01000000
        printf "  UNALIGNED"
    end
    if $quadlane_cfsr & 0x02000000
        printf "  DIVBYZERO"
    end
    printf "\n"
    if $quadlane_cfsr & 0x00000080
        printf "MMFAR 0x%08x\n", *(unsigned int *) 0xE000ED34
    end
    if $quadlane_cfsr & 0x00008000
        printf "BFAR  0x%08x\n", *(unsigned int *) 0xE000ED38
    end
    printf "HFSR  0x%08x", $quadlane_hfsr
    if $quadlane_hfsr & 0x40000000
        printf "  FORCED: a fault that had no handler of its own"
    end
    if $quadlane_hfsr & 0x00000002
        printf "  VECTTBL: the vector table cannot be read"
    end
    printf "\n"
end
document quadlane-fault
Says what the fault registers say after a crash.
end
