// Resets that end at the program's first instruction, and the way into the bootloader.
//
// A reset starts the bootloader; the program comes after it. So a hardware breakpoint waits at the
// program's entry while the bootloader runs. If the bootloader shows up on USB meanwhile, it is
// asked to start the program at once instead of waiting for a host to speak (SPEC.md, section 7).
//
// Written from SPEC.md sections 7 to 9, RM0433 (RCC, PWR, RTC, QUADSPI, unique id) and the ARMv7-M
// Architecture Reference Manual (VTOR).
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include "abi/handoff.h"

#include <stdio.h>
#include <string.h>

#define RCC_APB4ENR          0x580244F4U
#define RCC_APB4ENR_RTCAPBEN (1U << 16)
#define RCC_AHB3ENR          0x580244D4U
#define RCC_AHB3ENR_QSPIEN   (1U << 14)
#define PWR_CR1              0x58024800U
#define PWR_CR1_DBP          (1U << 8)
#define QUADSPI_CR           0x52005000U
#define QUADSPI_CR_EN        1U
#define QUADSPI_CCR          0x52005014U
#define QUADSPI_CCR_FMODE    (3U << 26) // memory-mapped
#define SCB_VTOR             0xE000ED08U
#define UNIQUE_ID            0x1FF1E800U
#define INTERNAL_FLASH       0x08000000U
#define INTERNAL_FLASH_END   0x08020000U
#define ROM_START            0x1FF00000U
#define ROM_END              0x20000000U

#define START_WAIT_NS (2500 * QL_NS_PER_MS) // the start window, and a host that is slow
#define ASKED_WAIT_NS (8 * QL_NS_PER_S)     // the board hashes the program before it starts it
#define AGAIN_WAIT_NS (1500 * QL_NS_PER_MS)
#define LATE_WAIT_NS  (100 * QL_NS_PER_MS)

void ql_gdb_identify(struct ql_gdb *gdb)
{
    struct ql_failure ignored;
    uint32_t words[3];
    for (unsigned i = 0; i < 3; i++) {
        if (ql_gdb_read_word(gdb, UNIQUE_ID + 4 * i, &words[i], &ignored) != 0)
            return;
    }
    if (words[0] == words[1] && words[1] == words[2]) // all 0 or all 1: no such thing here
        return;
    snprintf(gdb->serial, sizeof gdb->serial, "%08X%08X%08X", words[0], words[1], words[2]);
}

// Is a bootloader there that can be run? The core is halted behind a reset.
static int check_bootloader(struct ql_gdb *gdb, struct ql_failure *failure)
{
    uint32_t pc = 0;
    uint32_t words[2] = {0, 0};
    int result = ql_gdb_read_pc(gdb, &pc, failure);
    for (unsigned i = 0; i < 2 && result == 0; i++)
        result = ql_gdb_read_word(gdb, INTERNAL_FLASH + 4 * i, &words[i], failure);
    if (result != 0)
        return result;
    if (pc >= ROM_START && pc < ROM_END) {
        ql_fail(failure, QL_NO_BOOTLOADER,
                "the board starts the microcontroller's ROM (pc 0x%08X): its BOOT0 pin is high",
                pc);
        ql_hint(failure, "let BOOT0 go, or remove its jumper");
        return -QL_NO_BOOTLOADER;
    }
    if (words[1] > INTERNAL_FLASH && words[1] < INTERNAL_FLASH_END)
        return 0;
    ql_fail(failure, QL_NO_BOOTLOADER,
            "there is no bootloader in the board's internal flash (it begins with 0x%08X 0x%08X)",
            words[0], words[1]);
    ql_hint(failure, "put it there first: docs/real-hardware.md shows how");
    return -QL_NO_BOOTLOADER;
}

// SPEC.md section 9. The core is halted behind a reset, so nothing else uses these registers.
static int request_stay(struct ql_gdb *gdb, struct ql_failure *failure)
{
    uint32_t clocks = 0;
    uint32_t power = 0;
    int result = ql_gdb_read_word(gdb, RCC_APB4ENR, &clocks, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, RCC_APB4ENR, clocks | RCC_APB4ENR_RTCAPBEN, failure);
    if (result == 0)
        result = ql_gdb_read_word(gdb, PWR_CR1, &power, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, PWR_CR1, power | PWR_CR1_DBP, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, QL_STAY_REQUEST_ADDRESS, QL_STAY_REQUEST_VALUE, failure);
    // What was changed on the way goes back: the bootloader finds the world of a reset.
    if (result == 0)
        result = ql_gdb_write_word(gdb, PWR_CR1, power, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, RCC_APB4ENR, clocks, failure);
    return result;
}

static int fail_no_cable(struct ql_gdb *gdb, struct ql_failure *failure)
{
    gdb->no_cable = true;
    ql_fail(failure, QL_NO_CABLE,
            "the bootloader runs, but no board%s%s came up on USB within %.1f s",
            gdb->serial[0] != '\0' ? " with the serial number " : "", gdb->serial,
            (double)gdb->options.usb_wait_ns / 1e9);
    ql_hint(failure, "plug in the board's USB cable (not only the probe's), or wait longer with "
                     "--wait");
    return -QL_NO_CABLE;
}

static int connect_usb(struct ql_gdb *gdb, uint64_t wait_ns, bool unlock,
                       struct ql_connection **connection, struct ql_failure *failure)
{
    return gdb->hooks.connect(gdb->hooks.context, gdb->serial[0] != '\0' ? gdb->serial : NULL,
                              wait_ns, unlock, connection, failure);
}

int ql_gdb_enter_bootloader(struct ql_gdb *gdb, uint32_t entry, struct ql_connection **connection,
                            struct ql_failure *failure)
{
    int result = ql_gdb_reset_halt(gdb, failure);
    if (result == 0)
        result = check_bootloader(gdb, failure);
    if (result == 0)
        result = request_stay(gdb, failure);
    if (result == 0)
        result = ql_gdb_breakpoint(gdb, entry, true, failure);
    if (result == 0)
        result = ql_gdb_go(gdb, failure);
    if (result != 0)
        return result;
    // One that was not there a moment ago gets less time.
    const uint64_t wait_ns = gdb->no_cable ? AGAIN_WAIT_NS : gdb->options.usb_wait_ns;
    result = connect_usb(gdb, wait_ns, true, connection, failure);
    if (result == 0)
        gdb->no_cable = false;
    return result == -QL_NO_BOARD ? fail_no_cable(gdb, failure) : result;
}

int ql_gdb_arrive(struct ql_gdb *gdb, uint32_t entry, bool asked, struct ql_failure *failure)
{
    struct ql_failure ignored;
    uint32_t pc = 0;
    int result = ql_gdb_wait_stop(gdb, asked ? ASKED_WAIT_NS : LATE_WAIT_NS, failure);
    const bool stopped = result == 1;
    if (result == 0)
        result = ql_gdb_halt(gdb, failure);
    if (result >= 0)
        result = ql_gdb_breakpoint(gdb, entry, false, failure);
    if (result >= 0)
        result = ql_gdb_read_pc(gdb, &pc, failure);
    if (result != 0) {
        ql_gdb_halt(gdb, &ignored);
        return result;
    }
    if (pc == entry) {
        gdb->pristine = true;
        return 0;
    }
    ql_fail(failure, QL_TARGET_STUCK,
            "the program was started, but the core %s 0x%08X and not at its first instruction "
            "0x%08X",
            stopped ? "stopped at" : "is at", pc, entry);
    ql_hint(failure, "do the vector table's second word and the program agree?");
    return -QL_TARGET_STUCK;
}

static bool is_mapped(struct ql_gdb *gdb)
{
    struct ql_failure ignored;
    uint32_t clocks = 0;
    uint32_t control = 0;
    uint32_t mode = 0;
    return ql_gdb_read_word(gdb, RCC_AHB3ENR, &clocks, &ignored) == 0 &&
           (clocks & RCC_AHB3ENR_QSPIEN) != 0 &&
           ql_gdb_read_word(gdb, QUADSPI_CR, &control, &ignored) == 0 &&
           (control & QUADSPI_CR_EN) != 0 &&
           ql_gdb_read_word(gdb, QUADSPI_CCR, &mode, &ignored) == 0 &&
           (mode & QUADSPI_CCR_FMODE) == QUADSPI_CCR_FMODE;
}

// Takes the entry out of a vector table's second word. False: that is none.
static bool take_entry(struct ql_gdb *gdb, uint32_t table, uint32_t word)
{
    if ((word & 1) == 0 || word < table + 8 || !ql_in_chip_window(word))
        return false;
    gdb->program = table;
    gdb->entry = word & ~1U;
    return true;
}

// While the chip is mapped its vector table can be read. Reading it while it is not would fault.
static bool learn_entry(struct ql_gdb *gdb)
{
    struct ql_failure ignored;
    uint32_t table = 0;
    uint32_t word = 0;
    if (!is_mapped(gdb) || ql_gdb_read_word(gdb, SCB_VTOR, &table, &ignored) != 0)
        return false;
    if (!ql_in_chip_window(table))
        table = QL_PROGRAM_FIRST;
    return ql_gdb_read_word(gdb, table + 4, &word, &ignored) == 0 && take_entry(gdb, table, word);
}

// The same over USB: the breakpoint can only be set while the core is halted.
static int learn_over_usb(struct ql_gdb *gdb, struct ql_connection *connection,
                          struct ql_failure *failure)
{
    uint8_t bytes[8];
    if (ql_board_read(&connection->link, QL_PROGRAM_FIRST, bytes, sizeof bytes, failure) != 0)
        return 0; // locked, or no chip: BOOT tells
    const uint32_t word = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 |
                          (uint32_t)bytes[7] << 24;
    if (!take_entry(gdb, QL_PROGRAM_FIRST, word))
        return 0; // BOOT says what is wrong
    int result = ql_gdb_halt(gdb, failure);
    if (result == 0)
        result = ql_gdb_breakpoint(gdb, gdb->entry, true, failure);
    return result == 0 ? ql_gdb_go(gdb, failure) : result;
}

// Lets the bootloader run until it has started the program or says why not. Returns 1 if it was
// asked to over USB, 0 if not, or -code.
static int start_program(struct ql_gdb *gdb, struct ql_failure *failure)
{
    struct ql_connection *connection = NULL;
    struct ql_failure ignored;
    if (gdb->options.probe_only)
        return ql_gdb_wait_stop(gdb, START_WAIT_NS, failure) < 0 ? -(int)failure->code : 0;
    gdb->stop_cancels = true;
    int result = connect_usb(gdb, START_WAIT_NS, false, &connection, &ignored);
    gdb->stop_cancels = false;
    if (result != 0) // no cable, or the program has started
        return 0;
    if (gdb->entry == 0)
        result = learn_over_usb(gdb, connection, failure);
    if (result == 0)
        result = ql_board_boot(&connection->link, gdb->program, failure);
    gdb->hooks.disconnect(gdb->hooks.context);
    return result == 0 ? 1 : result;
}

// One reset, from the bootloader's first instruction to the program's. Returns 1: at the program,
// 0: it does not start there, or -code.
static int reset_once(struct ql_gdb *gdb, struct ql_failure *failure)
{
    struct ql_failure ignored;
    const uint32_t entry = gdb->entry;
    int result = ql_gdb_reset_halt(gdb, failure);
    if (result == 0)
        result = check_bootloader(gdb, failure);
    if (result == 0 && entry != 0)
        result = ql_gdb_breakpoint(gdb, entry, true, failure);
    if (result == 0)
        result = ql_gdb_go(gdb, failure);
    if (result != 0)
        return result;
    result = start_program(gdb, failure);
    if (result >= 0 && gdb->entry != 0)
        return ql_gdb_arrive(gdb, gdb->entry, result == 1, failure) == 0 ? 1 : -(int)failure->code;
    ql_gdb_halt(gdb, &ignored);
    if (gdb->entry != 0)
        ql_gdb_breakpoint(gdb, gdb->entry, false, &ignored);
    return result < 0 ? result : 0;
}

static int reset_to_program(struct ql_gdb *gdb, struct ql_failure *failure)
{
    if (gdb->entry == 0)
        learn_entry(gdb);
    const uint32_t entry = gdb->entry;
    int result = reset_once(gdb, failure);
    if (result != 1 && result != -QL_SERVER_ENDED && result != -QL_NO_BOOTLOADER &&
        learn_entry(gdb) && gdb->entry != entry)
        result = reset_once(gdb, failure); // another program than was thought
    if (result == 0) {
        ql_fail(failure, QL_TARGET_STUCK, "no program started after the reset");
        ql_hint(failure, "`load` one; `quadlane info` says why the board stays in its bootloader");
        result = -QL_TARGET_STUCK;
    }
    return result == 1 ? 0 : result;
}

int ql_gdb_restart(struct ql_gdb *gdb, struct ql_failure *failure)
{
    struct ql_failure ignored;
    if (gdb->pristine) {
        ql_gdb_tell(gdb, "the board is halted at the program's first instruction, 0x%08X, already",
                    gdb->entry);
        return 0;
    }
    ql_gdb_set_points(gdb, false);
    ql_gdb_identify(gdb);
    const bool by_probe = gdb->by_probe || (gdb->options.probe_only && gdb->kind->is_openocd);
    int result = by_probe ? ql_gdb_restart_by_probe(gdb, failure) : reset_to_program(gdb, failure);
    if (result == 0) {
        ql_gdb_tell(gdb, "reset; halted at the program's first instruction, 0x%08X", gdb->entry);
    } else if (result != -QL_SERVER_ENDED && result != -QL_SERVER_SILENT) {
        // A debugger's launch goes on with `load`: that needs a halted board and no error.
        ql_gdb_tell(gdb, "%s", failure->sentence);
        result = ql_gdb_reset_halt(gdb, failure);
        ql_gdb_tell(gdb, "halted at the bootloader's first instruction%s%s",
                    failure->hint[0] != '\0' ? "; " : "", failure->hint);
    }
    if (result == 0)
        ql_gdb_set_points(gdb, true);
    else
        ql_gdb_halt(gdb, &ignored);
    return result;
}
