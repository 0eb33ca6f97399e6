// OpenOCD and a debug probe as the way to a bare board.
//
// Two sessions: the first only reads, while the board runs on; the second writes. Written from
// OpenOCD's manual and RM0433 (DBGMCU_IDC, FLASH_OPTSR_CUR, FLASH_WPSN_CUR1R,
// unique device id).
//
// SPDX-License-Identifier: MIT
#include "host/install.h"

#include "host/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_LIMIT_NS  (60 * QL_NS_PER_S)
#define WRITE_LIMIT_NS (120 * QL_NS_PER_S)
#define DEVICE_H750    0x450u // and all others of its die
#define RDP_LEVEL_0    0xAAu
#define RDP_LEVEL_2    0xCCu

// Runs a script; what it echoes as "quadlane: ..." tells how far it came.
static int run(struct ql_way *way, struct ql_capture *said, const char *script, uint64_t limit_ns,
               const struct ql_observer *observer, struct ql_failure *failure)
{
    char adapter[PATH_MAX];
    char board[PATH_MAX];
    char serial[128];
    snprintf(adapter, sizeof adapter, "%s/openocd/adapter/%s.cfg", way->support, way->adapter);
    snprintf(board, sizeof board, "%s/openocd/%.200s.cfg", way->support, way->board);
    snprintf(serial, sizeof serial, "adapter serial {%s}", way->serial);
    // Early ST-LINKs have bytes in their serial number that no command line takes.
    const size_t plain = strspn(way->serial, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "abcdefghijklmnopqrstuvwxyz-_.");
    const bool named = plain > 0 && way->serial[plain] == '\0';
    const char *const words[] = {"openocd",
                                 "-f",
                                 adapter,
                                 "-c",
                                 named ? serial : "set quadlane_any 1",
                                 "-f",
                                 board,
                                 "-c",
                                 "gdb_port disabled; tcl_port disabled; telnet_port disabled",
                                 "-c",
                                 script,
                                 "-c",
                                 "shutdown",
                                 NULL};
    return ql_capture_run(said, words, limit_ns, observer, failure);
}

// Has the script come to this echo? Only a line of its own counts: errors may quote the script.
static bool told(const struct ql_capture *said, const char *name)
{
    char line[64];
    return ql_install_line(said, name, line, sizeof line)[0] != '\0';
}

static bool says(const struct ql_capture *said, const char *text)
{
    return strstr(said->text, text) != NULL;
}

// What it means that the script did not come to its end.
static int fail_session(const struct ql_way *way, const struct ql_capture *said, const char *what,
                        struct ql_failure *failure)
{
    static const char *const no_probe[] = {"open failed", "No J-Link device found",
                                           "unable to open CMSIS-DAP", "matching CMSIS-DAP",
                                           "Connection refused"};
    static const char *const no_chip[] = {"init mode failed", "cannot read IDR",
                                          "unable to connect to the target",
                                          "Target voltage may be too low", "Could not find MEM-AP"};
    char line[200];
    if (says(said, "LIBUSB_ERROR_ACCESS")) {
        ql_fail(failure, QL_PORT_PERMISSION, "you may not open %s", way->device);
        ql_hint(failure, "OpenOCD's package brings udev rules for probes; plug it in again");
        return -QL_PORT_PERMISSION;
    }
    for (size_t i = 0; i < sizeof no_chip / sizeof no_chip[0]; i++) {
        if (says(said, no_chip[i])) {
            ql_fail(failure, QL_NO_WAY, "%s finds no microcontroller", way->device);
            ql_hint(failure, "is the board powered? Check SWDIO, SWCLK and GND; hold reset while "
                             "the command starts if its program switches these pins off");
            return -QL_NO_WAY;
        }
    }
    for (size_t i = 0; i < sizeof no_probe / sizeof no_probe[0]; i++) {
        if (says(said, no_probe[i])) {
            ql_fail(failure, QL_NO_WAY, "OpenOCD cannot reach %s", way->device);
            ql_hint(failure, "another program may use it: a debugger, an IDE; or plug it in again");
            return -QL_NO_WAY;
        }
    }
    if (ql_install_line(said, "Error: ", line, sizeof line)[0] == '\0')
        ql_install_line(said, "", line, sizeof line);
    return ql_fail(failure, QL_TOOL_FAILED, "OpenOCD could not %s: %s", what, line);
}

static uint32_t number(const struct ql_capture *said, const char *name)
{
    char line[64];
    return (uint32_t)strtoul(ql_install_line(said, name, line, sizeof line), NULL, 16);
}

static int fail_protected(const struct ql_way *way, unsigned level, struct ql_failure *failure)
{
    ql_fail(failure, QL_BOARD_REFUSED,
            "the microcontroller's read-out protection (RDP) is on, level %d; nothing was changed",
            level == RDP_LEVEL_2 ? 2 : 1);
    if (level == RDP_LEVEL_2)
        ql_hint(failure, "level 2 is for ever: this board cannot take another bootloader");
    else
        ql_hint(failure,
                "lifting it erases all of the internal flash: openocd -f "
                "%s/openocd/adapter/%s.cfg -f %s/openocd/%s.cfg -c \"init; reset halt; "
                "stm32h7x unlock 0\", then take its power away",
                way->support, way->adapter, way->support, way->board);
    return -QL_BOARD_REFUSED;
}

int ql_install_read_openocd(struct ql_way *way, uint8_t *bytes, struct ql_failure *failure)
{
    static struct ql_capture said; // large
    const struct ql_place *place = ql_place_of(way->via);
    char path[PATH_MAX];
    char script[PATH_MAX + 600];
    ql_install_path(way, "before.bin", path);
    snprintf(script, sizeof script,
             "init; "
             "echo \"quadlane device [format %%08x [mrw 0x5C001000]]\"; "
             "echo \"quadlane option [format %%08x [mrw 0x5200201C]]\"; "
             "echo \"quadlane sectors [format %%08x [mrw 0x52002038]]\"; "
             "if {([mrw 0x5C001000] & 0xFFF) != 0x%X || ([mrw 0x5200201C] >> 8 & 0xFF) != 0x%X} {"
             "    shutdown"
             "} else {"
             "    echo \"quadlane unique [format %%08X%%08X%%08X [mrw 0x1FF1E800] "
             "[mrw 0x1FF1E804] [mrw 0x1FF1E808]]\"; "
             "    dump_image {%s} 0x%08X 0x%X; echo \"quadlane read all\""
             "}",
             DEVICE_H750, RDP_LEVEL_0, path, place->address, place->size);
    const int result = run(way, &said, script, READ_LIMIT_NS, way->observer, failure);
    if (result != 0)
        return result;
    if (!told(&said, "quadlane sectors "))
        return fail_session(way, &said, "read the board", failure);
    if ((number(&said, "quadlane device ") & 0xFFF) != DEVICE_H750)
        return ql_fail(failure, QL_NO_WAY,
                       "the probe is on another microcontroller (DBGMCU_IDC 0x%08X, not ...450)",
                       number(&said, "quadlane device "));
    const unsigned level = number(&said, "quadlane option ") >> 8 & 0xFF;
    if (level != RDP_LEVEL_0)
        return fail_protected(way, level, failure);
    if ((number(&said, "quadlane sectors ") & 1) == 0) {
        ql_fail(failure, QL_BOARD_REFUSED,
                "the microcontroller's internal flash is write-protected; nothing was changed");
        ql_hint(failure, "`quadlane protect write off`, if a quadlane bootloader is on the board");
        return -QL_BOARD_REFUSED;
    }
    if (!told(&said, "quadlane read "))
        return fail_session(way, &said, "read the flash", failure);
    ql_install_line(&said, "quadlane unique ", way->unique, sizeof way->unique);
    return ql_install_take(way, "before.bin", bytes, place->size, failure);
}

int ql_install_write_openocd(struct ql_way *way, size_t size, struct ql_failure *failure)
{
    static struct ql_capture said;
    const struct ql_place *place = ql_place_of(way->via);
    char path[PATH_MAX];
    char script[2 * PATH_MAX + 300];
    ql_install_path(way, "image.bin", path);
    snprintf(
        script, sizeof script,
        "init; reset halt; flash write_image erase {%s} 0x%08X bin; echo \"quadlane written all\"; "
        "verify_image {%s} 0x%08X bin; echo \"quadlane verified all\"; reset run",
        path, place->address, path, place->address);
    const int result = run(way, &said, script, WRITE_LIMIT_NS, NULL, failure);
    if (result != 0)
        return result;
    if (told(&said, "quadlane verified "))
        return 0;
    if (told(&said, "quadlane written "))
        return ql_fail(failure, QL_VERIFY, "OpenOCD wrote %zu bytes, but the flash holds others",
                       size);
    fail_session(way, &said, "write", failure);
    ql_hint(failure, "the internal flash may not be whole now; the same command again writes it");
    return -(int)failure->code;
}
