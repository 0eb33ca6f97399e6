# OpenOCD in the place of J-Link's GDB server: starts, offers a terminal port, says when it is ready.
#
# Written from OpenOCD's User's Guide, "Architecture and Core Commands" (arm semihosting_redirect).
#
# SPDX-License-Identifier: MIT

# Eclipse connects to the terminal port and shows there what the program prints by semihosting.
proc quadlane_serve_as_jlink {terminal_port} {
    init
    if {[catch {
        arm semihosting enable
        arm semihosting_redirect tcp $terminal_port
    } why]} {
        echo "quadlane: no terminal on port $terminal_port: $why"
    }
    # The words that Eclipse and cortex-debug wait for.
    puts stdout "Waiting for GDB connection..."
    flush stdout
}
