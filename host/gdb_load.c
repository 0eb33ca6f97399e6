// `load` into the flash chip: GDB's flash packets collected, and at their end one update over USB.
//
// Written from GDB's manual (vFlashErase, vFlashWrite, vFlashDone) and SPEC.md sections 4, 7
// and 12.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include "host/flash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERNAL_FLASH     0x08000000U
#define INTERNAL_FLASH_END 0x08020000U

void ql_gdb_forget_load(struct ql_gdb *gdb)
{
    ql_image_free(&gdb->load);
    gdb->loading = gdb->server_loading = false;
}

static bool is_bootloaders(const struct ql_gdb *gdb, uint32_t address)
{
    return !gdb->options.internal_flash && address >= INTERNAL_FLASH &&
           address < INTERNAL_FLASH_END;
}

static void refuse(struct ql_gdb *gdb, const struct ql_failure *failure)
{
    ql_gdb_tell_failure(gdb, failure);
    ql_gdb_answer_failure(gdb, failure);
    ql_gdb_forget_load(gdb);
}

static void refuse_internal(struct ql_gdb *gdb, uint32_t address)
{
    struct ql_failure failure;
    ql_fail(&failure, QL_FOREIGN_PROGRAM,
            "the program is linked for 0x%08X, in the internal flash, where the bootloader is",
            address);
    ql_hint(&failure, "link it for 0x90100000 (docs/writing-a-program.md); to load a bootloader, "
                      "start gdb-server with --internal-flash");
    refuse(gdb, &failure);
}

static void refuse_packet(struct ql_gdb *gdb, const char *data)
{
    struct ql_failure failure;
    ql_fail(&failure, QL_INTERNAL, "GDB's packet %.20s cannot be understood", data);
    refuse(gdb, &failure);
}

static void pass_on(struct ql_gdb *gdb, const char *data, size_t size)
{
    struct ql_failure failure;
    gdb->server_loading = true;
    if (ql_gdb_ask(gdb, data, size, &failure) == 0)
        ql_rsp_send(&gdb->debugger, gdb->reply, gdb->reply_size);
    else
        refuse(gdb, &failure);
}

static void take_erase(struct ql_gdb *gdb, const char *data, size_t size)
{
    const char *at = data + strlen("vFlashErase:");
    uint32_t address = 0;
    uint32_t length = 0;
    if (!ql_rsp_take_number(&at, &address) || !ql_rsp_take_character(&at, ',') ||
        !ql_rsp_take_number(&at, &length)) {
        refuse_packet(gdb, data);
    } else if (is_bootloaders(gdb, address)) {
        refuse_internal(gdb, address);
    } else if (!ql_in_chip_window(address)) {
        pass_on(gdb, data, size);
    } else {
        gdb->loading = true;
        ql_rsp_send_text(&gdb->debugger, "OK");
    }
}

// Appends to the last extent, or begins a new one.
static int collect(struct ql_gdb *gdb, uint32_t address, const uint8_t *data, size_t size,
                   struct ql_failure *failure)
{
    struct ql_image *image = &gdb->load;
    struct ql_extent *last = image->count > 0 ? &image->extents[image->count - 1] : NULL;
    if (last == NULL || address != last->address + last->size) {
        gdb->load_room = size;
        return ql_image_add(image, "load", address, data, size, failure);
    }
    if (last->size + size > gdb->load_room) {
        const size_t room = 2 * (last->size + size);
        uint8_t *bytes = realloc(last->data, room);
        if (bytes == NULL)
            return ql_fail_memory(failure);
        last->data = bytes;
        gdb->load_room = room;
    }
    memcpy(last->data + last->size, data, size);
    last->size += (uint32_t)size;
    return 0;
}

static void take_write(struct ql_gdb *gdb, char *data, size_t size)
{
    const char *at = data + strlen("vFlashWrite:");
    struct ql_failure failure;
    uint32_t address = 0;
    if (!ql_rsp_take_number(&at, &address) || !ql_rsp_take_character(&at, ':')) {
        refuse_packet(gdb, data);
    } else if (is_bootloaders(gdb, address)) {
        refuse_internal(gdb, address);
    } else if (!ql_in_chip_window(address)) {
        pass_on(gdb, data, size);
    } else {
        char *bytes = data + (at - data);
        const size_t count = ql_rsp_unescape(bytes, size - (size_t)(at - data));
        gdb->loading = true;
        if (count > 0 && collect(gdb, address, (uint8_t *)bytes, count, &failure) != 0)
            refuse(gdb, &failure);
        else
            ql_rsp_send_text(&gdb->debugger, "OK");
    }
}

// The extent at the default address is the program, else the lowest.
static void choose_program(struct ql_image *image)
{
    for (size_t i = 0; i < image->count; i++) {
        if (image->extents[i].address == QL_PROGRAM_FIRST)
            image->program = i;
    }
}

static uint32_t entry_of(const struct ql_extent *extent)
{
    const uint8_t *bytes = extent->data + 4;
    return ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
            (uint32_t)bytes[3] << 24) &
           ~1U;
}

static void tell_result(struct ql_gdb *gdb, const struct ql_flash_result *result)
{
    const double seconds = (double)result->duration_ns / 1e9;
    if (result->sectors_unchanged == result->sectors)
        ql_gdb_tell(gdb, "the chip holds these %llu bytes already; verified over USB in %.2f s",
                    (unsigned long long)result->bytes, seconds);
    else
        ql_gdb_tell(gdb, "%u of %u sectors changed; written and verified over USB in %.2f s",
                    result->sectors - result->sectors_unchanged, result->sectors, seconds);
}

// The board is in its bootloader and connected.
static int write_and_start(struct ql_gdb *gdb, struct ql_connection *connection,
                           const struct ql_flash_options *options, struct ql_failure *failure)
{
    struct ql_flash_result outcome;
    struct ql_image *image = &gdb->load;
    int result = ql_flash_check(&connection->board.area, image, options, failure);
    if (result == 0)
        result = ql_flash(connection, image, options, &outcome, failure);
    if (result != 0)
        return result;
    tell_result(gdb, &outcome);
    gdb->program = image->extents[image->program].address;
    return ql_board_boot(&connection->link, gdb->program, failure);
}

static int load_over_usb(struct ql_gdb *gdb, uint32_t entry, const struct ql_flash_options *options,
                         struct ql_failure *failure)
{
    struct ql_connection *connection = NULL;
    struct ql_failure ignored;
    int result = ql_gdb_enter_bootloader(gdb, entry, &connection, failure);
    if (result == 0) {
        result = write_and_start(gdb, connection, options, failure);
        gdb->hooks.disconnect(gdb->hooks.context);
    }
    if (result == 0)
        return ql_gdb_arrive(gdb, entry, true, failure);
    if (ql_gdb_halt(gdb, &ignored) == 0)
        ql_gdb_breakpoint(gdb, entry, false, &ignored);
    return result;
}

static int load_without_cable(struct ql_gdb *gdb, struct ql_failure *failure)
{
    if (!gdb->options.probe_only)
        ql_gdb_tell(gdb, "%s", failure->sentence);
    return ql_gdb_load_by_probe(gdb, gdb->load.extents[gdb->load.program].address, failure);
}

static int load_chip(struct ql_gdb *gdb, struct ql_failure *failure)
{
    const struct ql_area widest = ql_area_unknown();
    const struct ql_flash_options options = {.name = "load", .is_program = true};
    struct ql_image *image = &gdb->load;
    if (image->count == 0) {
        ql_gdb_tell(gdb, "nothing was written, so nothing is erased; `quadlane erase` does that");
        return 0;
    }
    image->format = QL_FORMAT_ELF; // pieces at addresses of their own
    int result = ql_image_finish(image, options.name, failure);
    if (result != 0)
        return result;
    choose_program(image);
    result = ql_flash_check(&widest, image, &options, failure);
    if (result != 0)
        return result;
    const uint32_t entry = entry_of(&image->extents[image->program]);
    ql_gdb_set_points(gdb, false);
    ql_gdb_identify(gdb);
    result = gdb->options.probe_only ? -QL_NO_CABLE : load_over_usb(gdb, entry, &options, failure);
    if (result == -QL_NO_CABLE && gdb->kind->is_openocd)
        result = load_without_cable(gdb, failure);
    gdb->entry = result == 0 ? entry : 0;
    if (!gdb->private_run)
        ql_gdb_set_points(gdb, true);
    return result;
}

static void take_done(struct ql_gdb *gdb)
{
    struct ql_failure failure;
    int result = 0;
    if (gdb->server_loading) {
        result = ql_gdb_ask_text(gdb, &failure, "vFlashDone");
        if (result == 0 && strcmp(gdb->reply, "OK") != 0) {
            ql_fail(&failure, QL_TARGET_STUCK, "the GDB server could not write its flash (%.40s)",
                    gdb->reply);
            result = -QL_TARGET_STUCK;
        }
    }
    if (result == 0 && gdb->loading) {
        gdb->by_probe = false;
        result = load_chip(gdb, &failure);
    }
    if (result != 0) {
        refuse(gdb, &failure);
        return;
    }
    gdb->result = 0;
    gdb->ram_bytes = 0;
    ql_gdb_forget_load(gdb);
    ql_rsp_send_text(&gdb->debugger, "OK");
}

void ql_gdb_flash_packet(struct ql_gdb *gdb, char *data, size_t size)
{
    if (strncmp(data, "vFlashErase:", 12) == 0)
        take_erase(gdb, data, size);
    else if (strncmp(data, "vFlashWrite:", 12) == 0)
        take_write(gdb, data, size);
    else
        take_done(gdb);
}
