# OpenOCD in the place of J-Link's GDB server: starts, and says when it is ready.
#
# What the program prints by semihosting appears in the server's own output. (OpenOCD 0.12 can also send it to a
# port, `arm semihosting_redirect`, but corrupts its heap when the client of that port leaves.)
#
# SPDX-License-Identifier: MIT

# OpenOCD leaves a halted core halted; whoever ends a debug session wants the program to go on.
lappend pre_shutdown_commands {catch {resume}}

proc quadlane_serve_as_jlink {} {
    init
    # The words that Eclipse and cortex-debug wait for.
    puts stdout "Waiting for GDB connection..."
    flush stdout
}
