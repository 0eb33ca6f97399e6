#!/bin/sh
# Stands in for SEGGER's JLinkGDBServerCLExe: takes its arguments, and puts programs into the flash chip over USB.
#
# Set the field "Executable path" of Eclipse's J-Link launch configuration (or cortex-debug's "serverpath") to this
# file. With SEGGER's software installed it runs that behind `quadlane gdb-server`. Without, OpenOCD serves the same
# launch configuration with an ST-LINK or another probe, and understands J-Link's monitor commands.
#
# Options of its own, among the others or behind them ("Other options"):
#   --board NAME     the board, as its file in openocd/ is called (may be left out while there is one only)
#   --adapter NAME   the probe for OpenOCD: a file in openocd/adapter/ (stlink)
#   --usb PORT, --serial NUMBER, --keys FILE   as `quadlane flash` takes them (--usb: its --port)
#   --openocd        OpenOCD, although SEGGER's software is there
# Environment: QUADLANE, QUADLANE_OPENOCD, QUADLANE_JLINK name other programs; QUADLANE_BOARD and QUADLANE_ADAPTER stand for the
# options.
#
# Eclipse also connects to -telnetport, where J-Link shows what the program prints by semihosting. OpenOCD has its command
# line there; semihosting goes to the server's own console.
#
# Exit codes as JLinkGDBServerCLExe's, which Eclipse explains: 254 (-2) port taken, 253 (-3) no target, 251 (-5)
# arguments, 250 (-6) unknown device, 249 (-7) no probe, 255 (-1) anything else.
#
# SPDX-License-Identifier: MIT
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")

fail() {
    code=$1
    shift
    echo "quadlane: $*" >&2
    exit "$code"
}

# A quoted copy of the arguments that are the real server's, for `eval set --`.
quote() {
    printf "'%s' " "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

board=${QUADLANE_BOARD:-}
adapter=${QUADLANE_ADAPTER:-stlink}
use_openocd=
port=2331
telnet_port=2333
speed=
select=
device=
log=
host=127.0.0.1
server_words=
tool_words=--as-jlink

take_own() {
    case $1 in
    --board) board=$2 ;;
    --adapter) adapter=$2 ;;
    --usb) tool_words="$tool_words --port $(quote "$2")" ;;
    --serial | --keys) tool_words="$tool_words $1 $(quote "$2")" ;;
    esac
}

take_jlink() {
    case $1 in
    -port) port=$2 ;;
    -telnetport) telnet_port=$2 ;;
    -speed) speed=$2 ;;
    -select) select=$2 ;;
    -device) device=$2 ;;
    -log) log=$2 ;;
    -localhostonly) [ "$2" != 0 ] || host=0.0.0.0 ;;
    -if) interface=$2 ;;
    -endian) endian=$2 ;;
    esac
    server_words="$server_words $(quote "$1") $(quote "$2")"
}

interface=swd
endian=little
while [ $# -gt 0 ]; do
    case $1 in
    --board | --adapter | --usb | --serial | --keys)
        [ $# -ge 2 ] || fail 251 "$1 needs a value"
        take_own "$1" "$2"
        shift
        ;;
    --openocd) use_openocd=yes ;;
    --*) fail 251 "the option $1 is not known; the head of $here/debugger_wrapper.sh lists those of its own" ;;
    -select | -if | -device | -endian | -speed | -port | -swoport | -telnetport | -localhostonly | -log | -timeout | \
        -rtos | -rtttelnetport | -jlinkscriptfile | -x | -xc | -settingsfile | -jtagconf)
        [ $# -ge 2 ] || fail 251 "$1 needs a value"
        take_jlink "$1" "$2"
        shift
        ;;
    -singlerun)
        tool_words="$tool_words --once"
        server_words="$server_words -singlerun"
        ;;
    *) server_words="$server_words $(quote "$1")" ;;
    esac
    shift
done

quadlane=$("$here/find_quadlane.sh") || exit 255

for number in "$port" "$telnet_port"; do
    case $number in
    '' | *[!0-9]*) fail 251 "\"$number\" is no port" ;;
    esac
done

# --- With SEGGER's software

jlink=${QUADLANE_JLINK:-}
if [ -z "$jlink" ] && [ -z "$use_openocd" ]; then
    jlink=$(command -v JLinkGDBServerCLExe || true)
    [ -n "$jlink" ] || jlink=/opt/SEGGER/JLink/JLinkGDBServerCLExe
fi
if [ -z "$use_openocd" ] && [ -x "$jlink" ]; then
    eval "set -- $tool_words --exit-as-server --kind jlink -- $(quote "$jlink") $server_words"
    exec "$quadlane" gdb-server "$@"
fi

# --- Without: OpenOCD

[ "$interface" = swd ] || fail 251 "-if $interface: without SEGGER's software the probe is used by SWD; set it to swd"
[ "$endian" = little ] || fail 251 "-endian $endian: the STM32H750 is little"
case $device in
'' | STM32H7[45]* | stm32h7[45]* | Cortex-M7 | CORTEX-M7) ;;
*) fail 250 "-device $device: this wrapper serves the STM32H750 (and its kin STM32H742 to H757)" ;;
esac
case $select in
'' | usb | USB | usb=* | USB=*) ;;
*) fail 251 "-select $select: only probes on USB can be used without SEGGER's software" ;;
esac

if [ -z "$board" ]; then
    set -- "$here"/openocd/*.cfg
    [ $# = 1 ] || fail 251 "which board? Add \"--board NAME\" to the server's other options: $(
        cd "$here/openocd" && echo ./*.cfg | sed 's#\./##g; s#\.cfg##g')"
    board=$(basename -- "$1" .cfg)
fi
board_file=$here/openocd/$board.cfg
adapter_file=$here/openocd/adapter/$adapter.cfg
[ -r "$board_file" ] || fail 251 "there is no board \"$board\": $board_file is missing"
[ -r "$adapter_file" ] || fail 251 "there is no adapter \"$adapter\": $adapter_file is missing"

openocd=${QUADLANE_OPENOCD:-openocd}
command -v "$openocd" >/dev/null ||
    fail 255 "neither SEGGER's JLinkGDBServerCLExe nor OpenOCD is installed (Debian: apt-get install openocd)"

# OpenOCD ends with 1 whatever is wrong; that the probe is missing is found out beforehand.
set -- -f "$adapter_file"
case $select in
*=?*) set -- "$@" -c "adapter serial ${select#*=}" ;;
esac
if ! probe_says=$("$openocd" "$@" -c "gdb_port disabled; tcl_port disabled; telnet_port disabled" -c init -c exit 2>&1); then
    printf '%s\n' "$probe_says" | grep '^Error' >&2 || true
    fail 249 "the probe \"$adapter\" cannot be opened: is it plugged in, and free? Another one is named by --adapter"
fi

set -- "$@" -f "$board_file" -c "tcl_port disabled; telnet_port $telnet_port"
case $speed in
'' | *[!0-9]*) ;;
*) set -- "$@" -c "adapter speed $speed" ;;
esac
[ -z "$log" ] || set -- "$@" -c "log_output {$log}"
set -- "$@" -c "gdb_port $port" -f "$here/openocd/serve_as_jlink.tcl" -c quadlane_serve_as_jlink

openocd_words=
for word; do
    openocd_words="$openocd_words $(quote "$word")"
done
eval "set -- $tool_words --listen $host:$port -- $(quote "$openocd") $openocd_words"
exec "$quadlane" gdb-server "$@"
