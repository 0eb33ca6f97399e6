#!/bin/sh
# OpenOCD behind `quadlane gdb-server`: takes OpenOCD's arguments, and stands where an IDE asks for OpenOCD.
#
# QUADLANE_OPENOCD names another OpenOCD, QUADLANE another quadlane.
#
# SPDX-License-Identifier: MIT
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
quadlane=$("$here/find_quadlane.sh")
exec "$quadlane" gdb-server -- "${QUADLANE_OPENOCD:-openocd}" "$@"
