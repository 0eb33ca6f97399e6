// start.lua as a part of the program.
//
// SPDX-License-Identifier: MIT
        .section .rodata.start_script, "a"
        .global start_script
        .global start_script_end
start_script:
        .incbin "start.lua"
start_script_end:
