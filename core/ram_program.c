// Programs in RAM. Written from SPEC.md section 17.
//
// SPDX-License-Identifier: MIT
#include "core/ram_program.h"

#include <string.h>

#include "abi/bytes.h"

static const struct outcome outcome_ok = {QL_STATUS_OK, 0};

// OK if all bytes lie in one area.
static struct outcome place_check(const struct ram_service *ram, uint32_t address, uint32_t length)
{
    uint32_t missing = address;
    for (unsigned i = 0; i < ram->count; i++) {
        const struct ram_area *area = &ram->areas[i];
        if (address < area->first || address >= area->end)
            continue;
        if (length <= area->end - address)
            return outcome_ok;
        missing = area->end;
    }
    return (struct outcome){QL_STATUS_NO_RAM, missing};
}

struct outcome ram_write(const struct ram_service *ram, const uint8_t *payload, uint32_t length)
{
    if (length < QL_RAM_WRITE_DATA)
        return (struct outcome){QL_STATUS_BAD_REQUEST, length};
    uint32_t address = ql_load_u32(payload + QL_RAM_WRITE_ADDRESS);
    uint32_t size = ql_load_u32(payload + QL_RAM_WRITE_LENGTH);
    if (size == 0 || size > QL_RAM_WRITE_LENGTH_MAX || length != QL_RAM_WRITE_DATA + size)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_RAM_WRITE_LENGTH};
    if (address % QL_RAM_WRITE_GRANULE != 0)
        return (struct outcome){QL_STATUS_ALIGNMENT, address};
    if (size % QL_RAM_WRITE_GRANULE != 0)
        return (struct outcome){QL_STATUS_ALIGNMENT, size};
    struct outcome outcome = place_check(ram, address, size);
    if (outcome.status == QL_STATUS_OK)
        ram->write(ram->context, address, payload + QL_RAM_WRITE_DATA, size);
    return outcome;
}

static struct outcome pieces_take(struct ram_check *check, const uint8_t *payload)
{
    for (unsigned i = 0; i < check->count; i++) {
        uint32_t offset = QL_RAM_RUN_PIECES + i * QL_RAM_PIECE_SIZE;
        struct ram_piece *piece = &check->pieces[i];
        piece->address = ql_load_u32(payload + offset + QL_RAM_PIECE_ADDRESS);
        piece->length = ql_load_u32(payload + offset + QL_RAM_PIECE_LENGTH);
        if (piece->length == 0)
            return (struct outcome){QL_STATUS_BAD_REQUEST, offset};
        struct outcome outcome = place_check(check->ram, piece->address, piece->length);
        if (outcome.status != QL_STATUS_OK)
            return outcome;
    }
    return outcome_ok;
}

static bool is_loaded(const struct ram_check *check, uint32_t address, uint32_t length)
{
    for (unsigned i = 0; i < check->count; i++) {
        const struct ram_piece *piece = &check->pieces[i];
        if (address >= piece->address && address - piece->address < piece->length &&
            length <= piece->length - (address - piece->address))
            return true;
    }
    return false;
}

static struct outcome vectors_check(const struct ram_check *check)
{
    const struct ram_service *ram = check->ram;
    if (check->address % QL_BOOT_ALIGNMENT != 0)
        return (struct outcome){QL_STATUS_ALIGNMENT, check->address};
    if (!is_loaded(check, check->address, BOOT_VECTORS_SIZE))
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_RAM_RUN_ADDRESS};
    const uint8_t *vectors = ram->bytes(ram->context, check->address);
    uint32_t stack = ql_load_u32(vectors);
    uint32_t entry = ql_load_u32(vectors + 4);
    if (!boot_stack_is_in_ram(stack))
        return (struct outcome){QL_STATUS_BAD_STACK, stack};
    bool in_vectors = entry - 1 - check->address < BOOT_VECTORS_SIZE;
    if (entry % 2 == 0 || in_vectors || !is_loaded(check, entry - 1, 2))
        return (struct outcome){QL_STATUS_BAD_ENTRY, entry};
    return outcome_ok;
}

struct outcome ram_check_begin(struct ram_check *check, const struct ram_service *ram,
                               const struct sha256_service *sha256, const uint8_t *payload)
{
    uint32_t count = ql_load_u32(payload + QL_RAM_RUN_COUNT);
    *check = (struct ram_check){.ram = ram,
                                .sha256 = sha256,
                                .address = ql_load_u32(payload + QL_RAM_RUN_ADDRESS),
                                .count = count};
    if (count == 0 || count > QL_RAM_PIECES_MAX)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_RAM_RUN_COUNT};
    memcpy(check->sha256_wanted, payload + QL_RAM_RUN_SHA256, QL_SHA256_SIZE);
    struct outcome outcome = pieces_take(check, payload);
    if (outcome.status == QL_STATUS_OK)
        outcome = vectors_check(check);
    if (outcome.status == QL_STATUS_OK)
        sha256->begin(sha256->context);
    return outcome;
}

bool ram_check_run(struct ram_check *check, uint32_t budget, struct outcome *outcome)
{
    const struct sha256_service *sha256 = check->sha256;
    uint8_t digest[QL_SHA256_SIZE];
    while (check->at < check->count) {
        const struct ram_piece *piece = &check->pieces[check->at];
        uint32_t slice = piece->length - check->done;
        if (slice > budget)
            slice = budget;
        if (slice == 0)
            return false;
        const uint8_t *bytes = check->ram->bytes(check->ram->context, piece->address + check->done);
        sha256->update(sha256->context, bytes, slice);
        budget -= slice;
        check->done += slice;
        if (check->done == piece->length) {
            check->at++;
            check->done = 0;
        }
    }
    sha256->finish(sha256->context, digest);
    *outcome = memcmp(digest, check->sha256_wanted, sizeof digest) == 0
                   ? outcome_ok
                   : (struct outcome){QL_STATUS_VERIFY, check->address};
    return true;
}
