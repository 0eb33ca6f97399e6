#!/bin/sh
# OpenOCD behind `quadlane gdb-server`: takes OpenOCD's arguments, and stands where an IDE asks for OpenOCD.
#
# When the session ends, a halted program goes on.
#
# QUADLANE_OPENOCD names another OpenOCD, QUADLANE another quadlane.
#
# SPDX-License-Identifier: MIT
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
quadlane=$("$here/find_quadlane.sh")
exec "$quadlane" gdb-server -- "${QUADLANE_OPENOCD:-openocd}" \
    -c 'lappend pre_shutdown_commands {catch {resume}}' "$@"
