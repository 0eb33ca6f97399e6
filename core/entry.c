// Getting in. Written from SPEC.md sections 15 and 16 and RM0433 (RCC_RSR).
//
// SPDX-License-Identifier: MIT
#include "core/entry.h"

#include <string.h>

#include "abi/bytes.h"
#include "abi/handoff.h"
#include "abi/program_header.h"

#define CAUSE_PIN    (UINT32_C(1) << 22) // RCC_RSR.PINRSTF
#define CAUSES_SHIFT 16                  // its flags begin there
#define COUNT_MAX    0xFFu               // and the field of the count

uint32_t entry_window_word(uint32_t reset_cause)
{
    return QL_WINDOW_MAGIC << 16 | reset_cause >> CAUSES_SHIFT;
}

bool entry_is_second_press(uint32_t word, uint32_t reset_cause)
{
    uint32_t before = word & 0xFFFF, now = reset_cause >> CAUSES_SHIFT;
    return word >> 16 == QL_WINDOW_MAGIC && (reset_cause & CAUSE_PIN) != 0 && (now & ~before) == 0;
}

static uint32_t program_tag(const uint8_t *sha256)
{
    return (uint32_t)sha256[0] << 8 | (uint32_t)sha256[1] << 16 | (uint32_t)sha256[2] << 24;
}

unsigned entry_attempts(uint32_t word, const uint8_t *sha256)
{
    return (word & ~COUNT_MAX) == program_tag(sha256) ? word & COUNT_MAX : 0;
}

uint32_t entry_attempts_next(uint32_t word, const uint8_t *sha256)
{
    unsigned count = entry_attempts(word, sha256);
    return program_tag(sha256) | (count < COUNT_MAX ? count + 1 : COUNT_MAX);
}

// Characters of ASCII, then zeros.
static bool is_text(const uint8_t *field, uint32_t size, uint32_t characters_min)
{
    uint32_t length = 0;
    while (length < size && field[length] >= 0x20 && field[length] <= 0x7E)
        length++;
    for (uint32_t i = length; i < size; i++)
        if (field[i] != 0)
            return false;
    return length >= characters_min;
}

bool entry_must_confirm(const uint8_t *program, uint32_t address, uint32_t length)
{
    const uint8_t *header = program + QL_HEADER_OFFSET;
    if (length < QL_HEADER_OFFSET + QL_HEADER_SIZE ||
        memcmp(header, QL_HEADER_MAGIC, QL_HEADER_MAGIC_SIZE) != 0)
        return false;
    uint32_t size = ql_load_u16(header + QL_HEADER_SIZE_FIELD);
    if (ql_load_u16(header + QL_HEADER_VERSION) == 0 || size < QL_HEADER_SIZE ||
        size > length - QL_HEADER_OFFSET || ql_load_u32(header + QL_HEADER_ADDRESS) != address ||
        ql_load_u32(header + QL_HEADER_ZERO) != 0 ||
        !is_text(header + QL_HEADER_NAME, QL_HEADER_NAME_SIZE, 1) ||
        !is_text(header + QL_HEADER_PROGRAM_VERSION, QL_HEADER_PROGRAM_VERSION_SIZE, 0))
        return false;
    return (ql_load_u32(header + QL_HEADER_FLAGS) & QL_HEADER_FLAG_CONFIRMS) != 0;
}
