// Programs and their headers. Written from SPEC.md sections 12 and 15.
//
// SPDX-License-Identifier: MIT
#include "host/programs.h"

#include "abi/bytes.h"

#include <stdlib.h>
#include <string.h>

// ASCII, filled up with zeros.
static bool take_name(char *text, const uint8_t *field, size_t size)
{
    size_t length = 0;
    while (length < size && field[length] >= ' ' && field[length] <= '~')
        length++;
    for (size_t i = length; i < size; i++) {
        if (field[i] != 0)
            return false;
    }
    memcpy(text, field, length);
    text[length] = '\0';
    return true;
}

bool ql_program_header_parse(struct ql_program_header *header, uint32_t address,
                             const uint8_t bytes[QL_HEADER_SIZE])
{
    if (memcmp(bytes, QL_HEADER_MAGIC, QL_HEADER_MAGIC_SIZE) != 0 ||
        ql_load_u16(bytes + QL_HEADER_VERSION) == 0 ||
        ql_load_u16(bytes + QL_HEADER_SIZE_FIELD) < QL_HEADER_SIZE ||
        ql_load_u32(bytes + QL_HEADER_ADDRESS) != address ||
        ql_load_u32(bytes + QL_HEADER_ZERO) != 0)
        return false;
    header->confirms = (ql_load_u32(bytes + QL_HEADER_FLAGS) & QL_HEADER_FLAG_CONFIRMS) != 0;
    return take_name(header->name, bytes + QL_HEADER_NAME, QL_HEADER_NAME_SIZE) &&
           header->name[0] != '\0' &&
           take_name(header->version, bytes + QL_HEADER_PROGRAM_VERSION,
                     QL_HEADER_PROGRAM_VERSION_SIZE);
}

static int read_header(struct ql_link *link, struct ql_program *program, uint32_t end,
                       struct ql_failure *failure)
{
    uint8_t bytes[QL_HEADER_SIZE];
    const uint32_t at = program->address + QL_HEADER_OFFSET;
    if (end - program->address < QL_HEADER_OFFSET + QL_HEADER_SIZE)
        return 0;
    const int result = ql_board_read(link, at, bytes, sizeof bytes, failure);
    if (result == 0)
        program->has_header = ql_program_header_parse(&program->header, program->address, bytes);
    return result;
}

static int look_at(struct ql_link *link, const struct ql_run *run, struct ql_program *program,
                   struct ql_failure *failure)
{
    uint8_t digest[QL_SHA256_SIZE];
    const int result = ql_board_hash(link, run->address, run->length, digest, failure);
    if (result == 0)
        program->state = memcmp(digest, run->digest, QL_RUN_DIGEST_SIZE) == 0 ? QL_PROGRAM_UNCHANGED
                                                                              : QL_PROGRAM_CHANGED;
    return result;
}

static int take_run(struct ql_link *link, const struct ql_board *board, const struct ql_run *run,
                    bool look, struct ql_program *program, struct ql_failure *failure)
{
    const bool sealed = run->state == QL_RUN_SEALED;
    *program = (struct ql_program){
        .address = run->address,
        .length = run->length,
        .state = sealed ? QL_PROGRAM_SEALED : QL_PROGRAM_UNFINISHED,
        .starts = run->address == board->boot_address,
    };
    if (!sealed)
        return 0;
    const int result = read_header(link, program, run->address + run->length, failure);
    return result == 0 && look ? look_at(link, run, program, failure) : result;
}

// Something that may be a program lies where the board starts one, and no record knows of it.
static bool has_stranger(const struct ql_board *board)
{
    return board->verdict == QL_STATUS_NOT_SEALED && ql_board_has(board, QL_INFO_BOOT_ADDRESS);
}

static int by_address(const void *left, const void *right)
{
    const struct ql_program *a = left;
    const struct ql_program *b = right;
    return a->address < b->address ? -1 : a->address > b->address;
}

int ql_board_programs(struct ql_link *link, const struct ql_board *board, bool look,
                      struct ql_program programs[QL_PROGRAMS_MAX], size_t *count,
                      struct ql_failure *failure)
{
    *count = 0;
    for (size_t i = 0; i < board->run_count; i++) {
        if (!board->runs[i].is_program)
            continue;
        const int result =
            take_run(link, board, &board->runs[i], look, &programs[(*count)++], failure);
        if (result != 0)
            return result;
    }
    if (has_stranger(board)) {
        struct ql_program *program = &programs[(*count)++];
        *program = (struct ql_program){
            .address = board->boot_address, .state = QL_PROGRAM_NOT_SEALED, .starts = true};
        const int result = read_header(link, program, board->area.program_end, failure);
        if (result != 0)
            return result;
    }
    qsort(programs, *count, sizeof programs[0], by_address);
    return 0;
}

static const struct {
    const char *name, *text;
} states[] = {
    [QL_PROGRAM_UNFINISHED] = {"unfinished", "unfinished: its update was cut short"},
    [QL_PROGRAM_SEALED] = {"sealed", "sealed"},
    [QL_PROGRAM_UNCHANGED] = {"sealed", "sealed"},
    [QL_PROGRAM_CHANGED] = {"changed", "changed since it was sealed"},
    [QL_PROGRAM_NOT_SEALED] = {"not-sealed", "not sealed: quadlane did not write it"},
};

const char *ql_program_state_text(enum ql_program_state state)
{
    return states[state].text;
}

const char *ql_program_state_name(enum ql_program_state state)
{
    return states[state].name;
}
