// Decoding of SFDP tables. Written from JESD216B's layout as public drivers use it, checked against
// the dump of a W25Q128JV.
//
// SPDX-License-Identifier: MIT
#include "core/sfdp.h"

#include "abi/bytes.h"
#include "core/error.h"

enum {
    SIGNATURE = 0x50444653, // "SFDP"
    HEADER_SIZE = 8,
    PARAMETER_HEADER_SIZE = 8,
    PARAMETER_HEADERS_MAX = 16,
    ID_BASIC = 0xFF00,
    ID_FOUR_BYTE = 0xFF84,
    BASIC_DWORDS_MIN = 9, // JESD216, the first revision
    BASIC_DWORDS_MAX = 16,
    FOUR_BYTE_DWORDS = 2,
    SIZE_MAX_LOG2 = 28, // the controller's window: 256 MiB
    THREE_BYTE_SIZE = 1 << 24,
};

struct table {
    uint32_t address;
    uint8_t major, minor;
    uint8_t dwords; // 0: not there
};

// The dwords are numbered from 1, as in the standard; those that a table lacks are 0.
struct dwords {
    uint32_t value[BASIC_DWORDS_MAX + 1];
    unsigned count;
};

static uint32_t bits(uint32_t value, unsigned high, unsigned low)
{
    return value >> low & ((UINT32_C(1) << (high - low + 1)) - 1);
}

void sfdp_defaults(struct nor_geometry *geometry)
{
    *geometry = (struct nor_geometry){
        .page_size = 256,
        .address_bytes = 3,
        .erase = {{.size_log2 = 12, .opcode = 0x20, .typical_ms = 60, .maximum_ms = 1000},
                  {.size_log2 = 16, .opcode = 0xD8, .typical_ms = 200, .maximum_ms = 3000}},
        .program_opcode = 0x02,
        .program_typical_us = 700,
        .program_maximum_us = 5000,
        .read_opcode = 0x0B,
        .quad_enable = NOR_QUAD_UNKNOWN,
        .sfdp_major = 0xFF,
        .sfdp_minor = 0xFF,
    };
}

// Finds the newest table of each kind. Returns 0, QL_ERROR_UNSUPPORTED or the source's error.
static int tables_find(const struct sfdp_source *source, struct table *basic,
                       struct table *four_byte)
{
    uint8_t bytes[HEADER_SIZE];
    int error = source->read(source->context, 0, bytes, sizeof bytes);
    if (error != 0)
        return error;
    if (ql_load_u32(bytes) != SIGNATURE)
        return QL_ERROR_UNSUPPORTED;
    unsigned headers = bytes[6] + 1U;
    for (unsigned i = 0; i < headers && i < PARAMETER_HEADERS_MAX; i++) {
        error = source->read(source->context, HEADER_SIZE + i * PARAMETER_HEADER_SIZE, bytes,
                             sizeof bytes);
        if (error != 0)
            return error;
        unsigned id = (unsigned)bytes[7] << 8 | bytes[0];
        struct table table = {
            .address = ql_load_u32(bytes + 4) & 0xFFFFFF,
            .major = bytes[2],
            .minor = bytes[1],
            .dwords = bytes[3],
        };
        struct table *kind = id == ID_BASIC ? basic : id == ID_FOUR_BYTE ? four_byte : NULL;
        if (kind && table.major == 1 && (kind->dwords == 0 || table.minor >= kind->minor))
            *kind = table;
    }
    return basic->dwords >= BASIC_DWORDS_MIN ? 0 : QL_ERROR_UNSUPPORTED;
}

static int dwords_read(const struct sfdp_source *source, const struct table *table,
                       struct dwords *dwords)
{
    *dwords = (struct dwords){.count = table->dwords};
    if (dwords->count > BASIC_DWORDS_MAX)
        dwords->count = BASIC_DWORDS_MAX;
    for (unsigned i = 0; i < dwords->count; i++) {
        uint8_t bytes[4];
        int error = source->read(source->context, table->address + 4 * i, bytes, sizeof bytes);
        if (error != 0)
            return error;
        dwords->value[i + 1] = ql_load_u32(bytes);
    }
    return 0;
}

// Dword 2: the number of bits less 1, or with bit 31 its logarithm.
static uint32_t size_decode(uint32_t density)
{
    if (density >> 31 == 0)
        return (density >> 3) + 1;
    uint32_t bits_log2 = density & 0x7FFFFFFF;
    if (bits_log2 < 3)
        return 0;
    if (bits_log2 - 3 > SIZE_MAX_LOG2)
        return UINT32_C(1) << SIZE_MAX_LOG2;
    return UINT32_C(1) << (bits_log2 - 3);
}

static struct nor_read_type read_type_decode(uint32_t half)
{
    return (struct nor_read_type){
        .opcode = (uint8_t)bits(half, 15, 8),
        .mode_clocks = (uint8_t)bits(half, 7, 5),
        .wait_clocks = (uint8_t)bits(half, 4, 0),
    };
}

// What a type may take where dword 10 is missing.
static void erase_times_default(struct nor_erase_type *type)
{
    bool sector = type->size_log2 <= 12;
    type->typical_ms = sector ? 60 : 200;
    type->maximum_ms = sector ? 1000 : 3000;
}

// Dwords 8 and 9: four pairs of size and opcode; dword 10: their times. Returns how many there are.
static unsigned erase_types_decode(const struct dwords *dwords, struct nor_erase_type *types)
{
    static const uint16_t unit_ms[4] = {1, 16, 128, 1000};
    unsigned count = 0;
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++) {
        uint32_t pair = dwords->value[8 + i / 2] >> 16 * (i % 2);
        struct nor_erase_type *type = &types[i];
        *type = (struct nor_erase_type){
            .size_log2 = (uint8_t)bits(pair, 7, 0),
            .opcode = (uint8_t)bits(pair, 15, 8),
        };
        if (type->size_log2 < 8 || type->size_log2 > SIZE_MAX_LOG2) {
            type->size_log2 = 0;
            continue;
        }
        count++;
        if (dwords->count < 10) {
            erase_times_default(type);
            continue;
        }
        uint32_t times = dwords->value[10];
        uint32_t field = bits(times, 10 + 7 * i, 4 + 7 * i);
        type->typical_ms = (bits(field, 4, 0) + 1) * unit_ms[bits(field, 6, 5)];
        type->maximum_ms = type->typical_ms * 2 * (bits(times, 3, 0) + 1);
    }
    return count;
}

static void basic_decode(const struct dwords *dwords, struct nor_geometry *geometry)
{
    const uint32_t *value = dwords->value;
    geometry->size = size_decode(value[2]);
    if (bits(value[1], 18, 17) == 2)
        geometry->address_bytes = 4;
    if (bits(value[1], 21, 21))
        geometry->quad_io = read_type_decode(bits(value[3], 15, 0));
    if (bits(value[1], 22, 22))
        geometry->quad_data = read_type_decode(bits(value[3], 31, 16));
    if (dwords->count >= 11) {
        uint32_t unit_us = bits(value[11], 13, 13) ? 64 : 8;
        geometry->page_size = UINT32_C(1) << bits(value[11], 7, 4);
        geometry->program_typical_us = (bits(value[11], 12, 8) + 1) * unit_us;
        geometry->program_maximum_us =
            geometry->program_typical_us * 2 * (bits(value[11], 3, 0) + 1);
    }
    // Bit 2: register 05h tells by bit 0; bit 3: register 70h tells by bit 7.
    if (dwords->count >= 14)
        geometry->flag_status = bits(value[14], 3, 2) == 2;
    if (dwords->count >= 15)
        geometry->quad_enable = (enum nor_quad_enable)bits(value[15], 22, 20);
    if (dwords->count >= 16 && bits(value[16], 24, 24))
        geometry->four_byte_entry = NOR_FOUR_BYTE_B7;
    else if (dwords->count >= 16 && bits(value[16], 25, 25))
        geometry->four_byte_entry = NOR_FOUR_BYTE_06_B7;
}

// The table says which commands exist in a form of their own for 4-byte addresses.
bool sfdp_four_byte_apply(const uint32_t words[2], struct nor_geometry *geometry)
{
    uint32_t has = words[0];
    if (!bits(has, 1, 1) || !bits(has, 6, 6))
        return false; // no 0Ch (fast read) or no 12h (page program)
    geometry->address_bytes = 4;
    geometry->four_byte_entry = NOR_FOUR_BYTE_NONE;
    geometry->read_opcode = 0x0C;
    geometry->program_opcode = 0x12;
    geometry->quad_program_opcode = bits(has, 7, 7) ? 0x34 : 0;
    geometry->quad_io.opcode = bits(has, 5, 5) ? 0xEC : 0;
    geometry->quad_data.opcode = bits(has, 4, 4) ? 0x6C : 0;
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++) {
        geometry->erase[i].opcode = (uint8_t)(words[1] >> 8 * i);
        if (!bits(has, 9 + i, 9 + i))
            geometry->erase[i].size_log2 = 0;
    }
    return true;
}

int sfdp_parse(const struct sfdp_source *source, struct nor_geometry *geometry)
{
    sfdp_defaults(geometry);
    struct table basic = {0}, four_byte = {0};
    int error = tables_find(source, &basic, &four_byte);
    if (error != 0)
        return error;
    struct dwords dwords;
    error = dwords_read(source, &basic, &dwords);
    if (error != 0)
        return error;
    struct nor_erase_type erase[NOR_ERASE_TYPES];
    if (erase_types_decode(&dwords, erase) == 0 || size_decode(dwords.value[2]) == 0)
        return QL_ERROR_UNSUPPORTED;
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++)
        geometry->erase[i] = erase[i];
    basic_decode(&dwords, geometry);
    geometry->sfdp_major = basic.major;
    geometry->sfdp_minor = basic.minor;
    if (geometry->size <= THREE_BYTE_SIZE || geometry->address_bytes == 4) {
        geometry->four_byte_entry = NOR_FOUR_BYTE_NONE;
        return 0;
    }
    if (four_byte.dwords >= FOUR_BYTE_DWORDS) {
        error = dwords_read(source, &four_byte, &dwords);
        if (error != 0)
            return error;
        if (sfdp_four_byte_apply(dwords.value + 1, geometry))
            return 0;
    }
    if (geometry->four_byte_entry == NOR_FOUR_BYTE_NONE)
        geometry->size = THREE_BYTE_SIZE;
    return 0;
}
