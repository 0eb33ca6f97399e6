// Programs for RAM. Written from SPEC.md section 17.
//
// SPDX-License-Identifier: MIT
#include "host/ram.h"

#include "abi/bytes.h"
#include "host/area.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define LOADS_MAX 3

static const struct ram {
    const char *name;
    uint32_t first;
    uint64_t end;
} rams[] = {
    {"ITCM", 0x00000000, 0x00010000},     {"DTCM", 0x20000000, 0x20020000},
    {"AXI SRAM", 0x24000000, 0x24080000}, {"D2 SRAM", 0x30000000, 0x30048000},
    {"SRAM4", 0x38000000, 0x38010000},
};

#define RAM_COUNT (sizeof rams / sizeof rams[0])

static const struct ram *find_ram(uint32_t address)
{
    for (size_t i = 0; i < RAM_COUNT; i++) {
        if (address >= rams[i].first && address < rams[i].end)
            return &rams[i];
    }
    return NULL;
}

bool ql_ram_holds(uint32_t address)
{
    return find_ram(address) != NULL;
}

// A part of the image lies at an address that is no RAM.
static int fail_place(const struct ql_image *image, const char *name, uint32_t address,
                      struct ql_failure *failure)
{
    const struct ql_extent *extent = image->extents;
    size_t in_ram = 0;
    for (size_t i = 0; i < image->count; i++)
        in_ram = find_ram(extent[i].address) != NULL ? i + 1 : in_ram;
    if (in_ram > 0) {
        ql_fail(failure, QL_NOT_FOR_RAM,
                "%s has a part for RAM (0x%08X) and one for %s (0x%08X); run loads only RAM", name,
                extent[in_ram - 1].address,
                ql_in_chip_window(address) ? "the flash chip" : "elsewhere", address);
        ql_hint(failure, "let the load addresses (AT> in the linker script) of all parts lie in "
                         "RAM, or all in the chip, and then flash it");
        return -QL_NOT_FOR_RAM;
    }
    ql_fail(failure, QL_NOT_FOR_RAM, "%s is not linked for RAM, but for %s (0x%08X)", name,
            ql_in_chip_window(address) ? "the flash chip" : "another memory", address);
    if (ql_in_chip_window(address))
        ql_hint(failure, "quadlane flash %.200s; or link it for RAM: PLACE := ram in its Makefile",
                name);
    else
        ql_hint(failure, "link it for AXI SRAM, 0x24000000 (PLACE := ram in its Makefile)");
    return -QL_NOT_FOR_RAM;
}

static int check_places(const struct ql_image *image, const char *name, struct ql_failure *failure)
{
    for (size_t i = 0; i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        const struct ram *ram = find_ram(extent->address);
        if (ram == NULL)
            return fail_place(image, name, extent->address, failure);
        if (extent->size <= ram->end - extent->address)
            continue;
        ql_fail(failure, QL_TOO_LARGE,
                "%s: %u bytes do not fit at 0x%08X; from there to the end of %s are %u", name,
                extent->size, extent->address, ram->name, (unsigned)(ram->end - extent->address));
        ql_hint(failure, "a program of that size belongs into the flash chip");
        return -QL_TOO_LARGE;
    }
    if (image->count <= QL_RAM_PIECES_MAX)
        return 0;
    ql_fail(failure, QL_NOT_FOR_RAM, "%s consists of %zu pieces in RAM; a board takes at most %d",
            name, image->count, QL_RAM_PIECES_MAX);
    ql_hint(failure, "let its start-up copy some of them: AT> another one in the linker script");
    return -QL_NOT_FOR_RAM;
}

// Code may lie in another piece than the vector table.
static bool is_entry_elsewhere(const struct ql_image *image, uint32_t entry)
{
    for (size_t i = 0; i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        if (i != image->program && (entry & 1U) != 0 && entry - 1 >= extent->address &&
            entry - 1 - extent->address < extent->size)
            return true;
    }
    return false;
}

static int check_vectors(const struct ql_image *image, const char *name, struct ql_failure *failure)
{
    const struct ql_extent *program = &image->extents[image->program];
    if (program->address % QL_BOOT_ALIGNMENT != 0) {
        ql_fail(failure, QL_ALIGNMENT,
                "%s: its vector table would be at 0x%08X, which is no multiple of 1024 (VTOR)",
                name, program->address);
        ql_hint(failure, "place it at 0x%08X", program->address & ~(QL_BOOT_ALIGNMENT - 1));
        return -QL_ALIGNMENT;
    }
    if (program->size >= 8 && is_entry_elsewhere(image, ql_load_u32(program->data + 4)))
        return 0; // the board looks at the rest
    const int result =
        ql_vectors_check(name, program->address, program->data, program->size, failure);
    if (result != 0 && strstr(failure->hint, "--data") != NULL)
        ql_hint(failure, "its first two words must be a vector table's: the initial stack pointer, "
                         "and the entry with bit 0 set");
    return result;
}

int ql_ram_check(const struct ql_image *image, const char *name, struct ql_failure *failure)
{
    const int result = check_places(image, name, failure);
    return result != 0 ? result : check_vectors(image, name, failure);
}

struct job {
    struct ql_connection *connection;
    const struct ql_image *image;
    struct ql_ram_result *result;
    struct ql_failure *failure;
    uint64_t done;
};

// The next bytes of an extent, from `at` on, widened to the board's granule with FF. Returns how
// many bytes of the extent they bring.
static uint32_t put_slice(uint8_t *payload, const struct ql_extent *extent, uint32_t at,
                          uint16_t *length)
{
    const uint32_t before = (extent->address + at) % QL_RAM_WRITE_GRANULE;
    uint32_t size = extent->size - at;
    if (size > QL_RAM_WRITE_LENGTH_MAX - before)
        size = QL_RAM_WRITE_LENGTH_MAX - before;
    const uint32_t wide =
        (before + size + QL_RAM_WRITE_GRANULE - 1) & ~(uint32_t)(QL_RAM_WRITE_GRANULE - 1);
    ql_store_u32(payload + QL_RAM_WRITE_ADDRESS, extent->address + at - before);
    ql_store_u32(payload + QL_RAM_WRITE_LENGTH, wide);
    memset(payload + QL_RAM_WRITE_DATA, 0xFF, wide);
    memcpy(payload + QL_RAM_WRITE_DATA + before, extent->data + at, size);
    *length = (uint16_t)(QL_RAM_WRITE_DATA + wide);
    return size;
}

int ql_ram_load(struct ql_link *link, const struct ql_extent *piece, uint64_t *done, uint64_t total,
                struct ql_failure *failure)
{
    struct ql_answer answer;
    uint8_t payload[QL_RAM_WRITE_DATA + QL_RAM_WRITE_LENGTH_MAX];
    char what[64];
    for (uint32_t at = 0; at < piece->size;) {
        uint16_t length;
        const uint32_t size = put_slice(payload, piece, at, &length);
        snprintf(what, sizeof what, "loading 0x%08X", piece->address + at);
        const int result =
            ql_link_call(link, QL_KIND_RAM_WRITE, payload, length, what, &answer, failure);
        if (result != 0)
            return result;
        at += size;
        *done += size;
        const struct ql_progress progress = {
            .phase = QL_PHASE_LOADING, .done = *done, .total = total, .now_ns = ql_link_now(link)};
        ql_observe(link->observer, &progress);
    }
    return 0;
}

static void put_run(uint8_t payload[QL_RAM_RUN_SIZE], const struct ql_image *image)
{
    crypto_hash_sha256_state hash;
    memset(payload, 0, QL_RAM_RUN_SIZE);
    ql_store_u32(payload + QL_RAM_RUN_ADDRESS, image->extents[image->program].address);
    ql_store_u32(payload + QL_RAM_RUN_COUNT, (uint32_t)image->count);
    crypto_hash_sha256_init(&hash);
    for (size_t i = 0; i < image->count; i++) {
        uint8_t *piece = payload + QL_RAM_RUN_PIECES + i * QL_RAM_PIECE_SIZE;
        ql_store_u32(piece + QL_RAM_PIECE_ADDRESS, image->extents[i].address);
        ql_store_u32(piece + QL_RAM_PIECE_LENGTH, image->extents[i].size);
        crypto_hash_sha256_update(&hash, image->extents[i].data, image->extents[i].size);
    }
    crypto_hash_sha256_final(&hash, payload + QL_RAM_RUN_SHA256);
}

static int start(struct job *job)
{
    struct ql_answer answer;
    uint8_t payload[QL_RAM_RUN_SIZE];
    put_run(payload, job->image);
    const int result =
        ql_link_call(&job->connection->link, QL_KIND_RAM_RUN, payload, sizeof payload,
                     "starting the program in RAM", &answer, job->failure);
    // It may be gone before its answer was read from the port.
    return result == -QL_BOARD_LOST ? 0 : result;
}

static int load_and_start(struct job *job)
{
    int result = ql_board_make_idle(&job->connection->link, job->failure);
    job->done = 0;
    for (size_t i = 0; i < job->image->count && result == 0; i++)
        result = ql_ram_load(&job->connection->link, &job->image->extents[i], &job->done,
                             job->result->bytes, job->failure);
    if (result == -QL_BOARD_LOST) {
        result = job->connection->reconnect(job->connection, job->failure);
        return result == 0 ? -QL_BOARD_LOST : result;
    }
    return result == 0 ? start(job) : result;
}

int ql_ram_run(struct ql_connection *connection, const struct ql_image *image,
               struct ql_ram_result *result, struct ql_failure *failure)
{
    struct job job = {connection, image, result, failure, 0};
    *result = (struct ql_ram_result){.bytes = ql_image_size(image)};
    if ((connection->board.capabilities & QL_CAPABILITY_RAM) == 0) {
        ql_fail(failure, QL_BOARD_REFUSED, "this bootloader cannot load programs into RAM");
        ql_hint(failure, "update the bootloader");
        return -QL_BOARD_REFUSED;
    }
    const uint64_t start_ns = ql_link_now(&connection->link);
    for (;;) {
        const int outcome = load_and_start(&job);
        if (outcome == 0)
            result->duration_ns = ql_link_now(&connection->link) - start_ns;
        // A board that was away, or lost its supply for a moment, is loaded again.
        const bool again = outcome == -QL_BOARD_LOST || outcome == -QL_VERIFY;
        if (outcome == 0 || !again || ++result->repetitions == LOADS_MAX)
            return outcome;
    }
}
