// Sentences for the status codes that a board answers (SPEC.md section 3).
//
// SPDX-License-Identifier: MIT
#include "host/link.h"

#include <stdio.h>

struct status_text {
    const char *name;
    enum ql_code code;
    const char *sentence; // what the detail says follows as %08X
    const char *hint;
};

static const struct status_text texts[] = {
    [QL_STATUS_OK] = {"ok", QL_OK, "done (0x%08X)", ""},
    [QL_STATUS_UNKNOWN_COMMAND] = {"unknown-command", QL_BOARD_REFUSED,
                                   "the bootloader does not know this command (0x%08X)",
                                   "update the bootloader"},
    [QL_STATUS_BAD_REQUEST] = {"bad-request", QL_BOARD_REFUSED,
                               "the bootloader finds the request malformed (field at 0x%08X)",
                               "tool and bootloader may be of different versions; update both"},
    [QL_STATUS_VERSION] = {"version", QL_OTHER_PROTOCOL,
                           "the bootloader speaks only versions of the protocol up to %u, this "
                           "tool speaks others",
                           "update the older one of the two"},
    [QL_STATUS_BUSY] = {"busy", QL_BOARD_REFUSED,
                        "the board is busy with something else (update 0x%08X)",
                        "wait a moment and repeat the command, or reset the board"},
    [QL_STATUS_OUT_OF_RANGE] = {"out-of-range", QL_BOARD_REFUSED, "0x%08X lies outside the chip",
                                "`quadlane info` shows the chip's size"},
    [QL_STATUS_RESERVED] = {"reserved", QL_BOARD_REFUSED,
                            "0x%08X lies in an area that is not for programs",
                            "`quadlane info` shows the area that programs may use"},
    [QL_STATUS_ALIGNMENT] = {"alignment", QL_BOARD_REFUSED, "0x%08X is not aligned", ""},
    [QL_STATUS_BAD_STACK] = {"bad-stack", QL_BOARD_REFUSED,
                             "the vector table cannot be right: its initial stack pointer 0x%08X "
                             "lies in no RAM",
                             "flash a program that is linked for this address"},
    [QL_STATUS_BAD_ENTRY] = {"bad-entry", QL_BOARD_REFUSED,
                             "the vector table cannot be right: its entry 0x%08X lies outside the "
                             "program or is no Thumb address",
                             "flash a program that is linked for this address"},
    [QL_STATUS_BLANK] = {"blank", QL_BOARD_REFUSED, "there is no program at 0x%08X, only FF",
                         "flash one first: quadlane flash FILE"},
    [QL_STATUS_NO_UPDATE] = {"no-update", QL_BOARD_REFUSED,
                             "the board knows nothing of this update (open is 0x%08X)",
                             "repeat the command"},
    [QL_STATUS_CHIP_ABSENT] = {"chip-absent", QL_CHIP_FAILED,
                               "the board finds no usable flash chip (JEDEC id read: 0x%06X)",
                               "check the chip's soldering and its six lines; is this bootloader "
                               "made for this board?"},
    [QL_STATUS_PROTECTED] = {"protected", QL_CHIP_FAILED,
                             "the flash chip is write-protected at 0x%08X",
                             "look at its status registers with `quadlane info`, and whether its "
                             "/WP pin is tied low"},
    [QL_STATUS_ERASE_FAILED] = {"erase-failed", QL_CHIP_FAILED,
                                "the flash chip could not erase 0x%08X",
                                "repeat the command; if it stays, the chip is worn out or its "
                                "supply is weak"},
    [QL_STATUS_PROGRAM_FAILED] = {"program-failed", QL_CHIP_FAILED,
                                  "the flash chip could not program 0x%08X",
                                  "repeat the command; if it stays, the chip is worn out or its "
                                  "supply is weak"},
    [QL_STATUS_VERIFY] = {"verify", QL_VERIFY,
                          "what the board reads back from 0x%08X on is not what was sent",
                          "repeat the command with --full; if it stays, the chip is worn out or "
                          "its lines are disturbed"},
    [QL_STATUS_INCOMPLETE] = {"incomplete", QL_BOARD_REFUSED,
                              "what is at 0x%08X is unfinished, its update was cut short",
                              "flash it again"},
    [QL_STATUS_CHIP_ERROR] = {"chip-error", QL_CHIP_FAILED,
                              "the flash chip did not answer in time at 0x%08X",
                              "reset the board and repeat the command"},
    [QL_STATUS_NOT_ALLOWED] = {"not-allowed", QL_BOARD_REFUSED,
                               "the board does not allow it in its present state", ""},
    [QL_STATUS_NO_ROOM] = {"no-room", QL_BOARD_REFUSED,
                           "the board keeps account of 8 pieces of the chip already (the oldest "
                           "is at 0x%08X)",
                           "`quadlane info` shows them; erase one that is not needed any more"},
    [QL_STATUS_NOT_SEALED] = {"not-sealed", QL_BOARD_REFUSED,
                              "what is at 0x%08X was not written and verified by quadlane, so it "
                              "is not started",
                              "flash it; what the chip holds already is not written again, only "
                              "verified and sealed"},
    [QL_STATUS_CHANGED] = {"changed", QL_BOARD_REFUSED,
                           "the program at 0x%08X was changed after it had been verified",
                           "flash it again; if nobody changed it on purpose (with a debugger, "
                           "say), the chip is losing data"},
    [QL_STATUS_BAD_SETTING] = {"bad-setting", QL_SETTING_REFUSED,
                               "the bootloader does not know this setting, or not with this value "
                               "(setting %u)",
                               "update the bootloader"},
    [QL_STATUS_GENERATION] = {"generation", QL_SETTING_REFUSED,
                              "the lowest generation only rises, and at most to that of the key in "
                              "use; the nearest that it can be is %u",
                              "`quadlane info` shows the board's; a key of a higher generation "
                              "permits more"},
    [QL_STATUS_NO_RAM] = {"no-ram", QL_RAM_TAKEN,
                          "0x%08X is not free: the bootloader itself uses that RAM",
                          "let the program's start-up fill that memory (AT> AXI SRAM in the linker "
                          "script), or link it for AXI SRAM, 0x24000000"},
    [QL_STATUS_NOT_A_BOOTLOADER] = {"not-a-bootloader", QL_BOOTLOADER_FILE,
                                    "the board finds no bootloader for itself in these bytes "
                                    "(offset 0x%X)",
                                    "use the file that the build made for this board"},
    [QL_STATUS_LOWERS_LOCK] = {"lowers-lock", QL_BOOTLOADER_KEPT,
                               "the new bootloader would let in whom the board keeps out (offset "
                               "0x%X)",
                               "say --force if that is meant"},
    [QL_STATUS_OPTIONS_FAILED] = {"options-failed", QL_BOOTLOADER_KEPT,
                                  "the option bytes could not be changed (OPTSR_CUR 0x%08X)",
                                  "take the power away for a moment and repeat the command"},
    [QL_STATUS_LOCKED] = {"locked", QL_LOCKED,
                          "the board does not permit it to the key it was shown, or was shown none "
                          "(missing permissions: 0x%08X)",
                          "ask the vendor for a key that permits it"},
    [QL_STATUS_BAD_KEY] = {"bad-key", QL_KEY_WRONG,
                           "the board refuses the key: its issuer has not signed it for this board "
                           "(keys of version %u)",
                           "ask the vendor for a key for the id that `quadlane id` prints"},
    [QL_STATUS_EXPIRED] = {"expired", QL_KEY_EXPIRED,
                           "the key is past its date, or of a generation below the board's (%u)",
                           "ask the vendor for a new key"},
    [QL_STATUS_WAIT] = {"wait", QL_KEY_WAIT,
                        "after wrong keys the board looks at no key for another %u ms", "wait"},
};

#define TEXT_COUNT (sizeof texts / sizeof texts[0])

static bool is_known(uint16_t status)
{
    return status < TEXT_COUNT && texts[status].name != NULL;
}

const char *ql_status_name(uint16_t status)
{
    return is_known(status) ? texts[status].name : "unknown";
}

// The formats stand in the table above, each with one unsigned argument or none.
static void format_text(char *text, size_t size, const char *format, uint32_t detail)
{
    snprintf(text, size, format, detail);
}

int ql_fail_status(struct ql_failure *failure, const char *what, uint16_t status, uint32_t detail)
{
    char sentence[256];
    if (!is_known(status) || status == QL_STATUS_OK) {
        ql_fail(failure, QL_BOARD_REFUSED,
                "%s: the board answered with status %u (0x%08X), which this tool does not know",
                what, status, detail);
        ql_hint(failure, "update this tool");
    } else {
        format_text(sentence, sizeof sentence, texts[status].sentence, detail);
        ql_fail(failure, texts[status].code, "%s: %s", what, sentence);
        ql_hint(failure, "%s", texts[status].hint);
    }
    if (failure != NULL) {
        failure->board_status = status;
        failure->board_detail = detail;
        return -(int)failure->code;
    }
    return is_known(status) ? -(int)texts[status].code : -QL_BOARD_REFUSED;
}
