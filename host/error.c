// Failures: filling in the record, and the table of codes that help and documentation print.
//
// SPDX-License-Identifier: MIT
#include "host/error.h"

#include <stdarg.h>
#include <stdio.h>

const struct ql_code_entry ql_code_table[] = {
    {QL_OK, "ok", "done"},
    {QL_INTERNAL, "internal", "a fault of the tool or of this computer (no memory, ...)"},
    {QL_USAGE, "usage", "the command line cannot be understood"},
    {QL_FILE_MISSING, "file-missing", "there is no such file"},
    {QL_FILE_DIRECTORY, "file-directory", "the file is a directory"},
    {QL_FILE_UNREADABLE, "file-unreadable", "the file cannot be read"},
    {QL_FILE_EMPTY, "file-empty", "the file is empty"},
    {QL_FILE_UNWRITABLE, "file-unwritable", "the output file cannot be written"},
    {QL_FILE_EXISTS, "file-exists", "a file exists that is not overwritten"},
    {QL_IMAGE_DAMAGED, "image-damaged", "the ELF file is truncated or contradicts itself"},
    {QL_IMAGE_MACHINE, "image-machine", "the ELF file is no 32-bit little-endian ARM program"},
    {QL_HEX_SYNTAX, "hex-syntax", "a line is not Intel HEX"},
    {QL_HEX_CHECKSUM, "hex-checksum", "a checksum in the Intel HEX file is wrong"},
    {QL_IMAGE_NOTHING, "image-nothing", "the file holds no bytes to write"},
    {QL_IMAGE_OVERLAP, "image-overlap", "parts of the file overlap"},
    {QL_OUTSIDE, "outside", "an address outside the chip"},
    {QL_RESERVED, "reserved", "an address in an area that is not for programs"},
    {QL_ALIGNMENT, "alignment", "an address or length that is not aligned"},
    {QL_TOO_LARGE, "too-large", "more bytes than there is space"},
    {QL_VECTOR_TABLE, "vector-table", "the vector table cannot be right"},
    {QL_NO_BOARD, "no-board", "no board found"},
    {QL_SEVERAL_BOARDS, "several-boards", "more than one board found"},
    {QL_PORT_BUSY, "port-busy", "another program uses the port"},
    {QL_PORT_PERMISSION, "port-permission", "no permission to use the port"},
    {QL_BOARD_LOST, "board-lost", "the board went away in the middle"},
    {QL_BOARD_SILENT, "board-silent", "the board does not answer"},
    {QL_BOARD_NONSENSE, "board-nonsense", "what answers does not speak quadlane's protocol"},
    {QL_OTHER_PROTOCOL, "protocol-version", "the board speaks another version of the protocol"},
    {QL_BOARD_REFUSED, "board-refused", "the board refused"},
    {QL_CHIP_FAILED, "chip-failed", "the flash chip is absent, protected or failed"},
    {QL_VERIFY, "verify", "the chip does not hold these bytes"},
    {QL_SETTING_BAD, "setting-value", "no such setting, or a value that it cannot have"},
    {QL_SETTING_REFUSED, "setting-refused", "the board as it is cannot take this setting"},
    {QL_NOT_FOR_RAM, "not-for-ram", "run: the program is not, or not as a whole, for RAM"},
    {QL_RAM_TAKEN, "ram-taken", "run: a part of it lies where the bootloader itself is"},
    {QL_BOOTLOADER_FILE, "bootloader-file", "the file is no bootloader for this board"},
    {QL_BOOTLOADER_KEPT, "bootloader-kept",
     "a protection or the lock keeps the bootloader as it is"},
    {QL_BOOTLOADER_UNSURE, "bootloader-unsure", "the board is not back with the new bootloader"},
    {QL_LOCKED, "locked", "the board is locked, and no key here permits it"},
    {QL_KEY_WRONG, "key-wrong", "a key is not signed by the issuer for this board"},
    {QL_KEY_EXPIRED, "key-expired", "a key is past its date or of an old generation"},
    {QL_KEY_WAIT, "key-wait", "the board looks at no key for a while, after wrong ones"},
    {QL_KEYS_FILE, "keys-file", "a file of keys or of an issuer cannot be understood"},
    {QL_SERVER_MISSING, "server-missing", "the GDB server cannot be started"},
    {QL_SERVER_ENDED, "server-ended", "the GDB server ended or hung up"},
    {QL_SERVER_SILENT, "server-silent", "the GDB server does not listen or answer"},
    {QL_LISTEN_BUSY, "listen-busy", "the debugger's port is taken"},
    {QL_TARGET_STUCK, "target-stuck", "the board cannot be led to the program by the debugger"},
    {QL_NO_CABLE, "no-cable", "the bootloader does not show up on USB"},
    {QL_FOREIGN_PROGRAM, "foreign-program", "the program is not for the flash chip"},
    {QL_NO_BOOTLOADER, "no-bootloader", "the board has no bootloader that can be run"},
    {QL_WATCHED, "watched", "another --watch waits for this board already"},
    {QL_BOARD_UNKNOWN, "board-unknown", "there is no such board"},
    {QL_SUPPORT_MISSING, "support-missing", "the debuggers' files are not where they should be"},
    {QL_DFU_PLAIN, "dfu-plain", "a .dfu file that names no addresses"},
    {QL_DFU_FOREIGN, "dfu-foreign", "a .dfu file for another device"},
    {QL_EXST_DAMAGED, "exst-damaged", "no whole second stage for the bootloader's place"},
    {QL_EXST_UNFIT, "exst-unfit", "an image that cannot be a second stage"},
    {QL_TOOL_MISSING, "tool-missing", "install: dfu-util or OpenOCD is not installed"},
    {QL_NO_WAY, "no-way", "install: no board in DFU mode and no debug probe with a board"},
    {QL_IMAGE_FOREIGN, "image-foreign", "install: the image is no bootloader for this board"},
    {QL_TOOL_FAILED, "tool-failed", "install: dfu-util or OpenOCD failed"},
    {QL_CONFIGURATION, "configuration", "a configuration file cannot be understood"},
    {QL_SOME_FAILED, "some-failed", "several boards: at least one failed"},
    {QL_TEXT_MISSING, "text-missing", "monitor: the program did not print what was waited for"},
    {QL_INTERRUPTED, "interrupted", "interrupted (Ctrl-C) or declined"},
    {QL_OK, NULL, NULL},
};

const char *ql_code_name(enum ql_code code)
{
    for (const struct ql_code_entry *entry = ql_code_table; entry->name != NULL; entry++) {
        if (entry->code == code)
            return entry->name;
    }
    return "internal";
}

int ql_fail(struct ql_failure *failure, enum ql_code code, const char *format, ...)
{
    if (failure != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(failure->sentence, sizeof failure->sentence, format, arguments);
        va_end(arguments);
        failure->code = code;
        failure->board_status = 0;
        failure->board_detail = 0;
        failure->hint[0] = '\0';
    }
    return -(int)code;
}

void ql_hint(struct ql_failure *failure, const char *format, ...)
{
    if (failure == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->hint, sizeof failure->hint, format, arguments);
    va_end(arguments);
}

int ql_fail_memory(struct ql_failure *failure)
{
    return ql_fail(failure, QL_INTERNAL, "this computer has no memory left");
}
