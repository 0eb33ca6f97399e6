// SFDP decoding against dumps of real chips.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/sfdp.h"

// W25Q128JV, as published on the linux-mtd list in July 2023.
static const uint8_t w25q128jv_header[16] = {0x53, 0x46, 0x44, 0x50, 0x05, 0x01, 0x00, 0xFF,
                                             0x00, 0x05, 0x01, 0x10, 0x80, 0x00, 0x00, 0xFF};
static const uint32_t w25q128jv_table[16] = {
    0xFFF920E5, 0x07FFFFFF, 0x6B08EB44, 0xBB423B08, 0xFFFFFFFE, 0x0000FFFF, 0xEB40FFFF, 0x520F200C,
    0x0000D810, 0x00A60236, 0xC914EA82, 0x337663E9, 0x757A757A, 0x5CD5A2F7, 0xFF4DF719, 0x80F830E9,
};

struct dump {
    uint8_t bytes[512];
    uint32_t fail_from; // reads from here on fail
};

static int dump_read(void *context, uint32_t address, uint8_t *bytes, size_t length)
{
    const struct dump *dump = context;
    if (address + length > dump->fail_from)
        return QL_ERROR_TIMEOUT;
    memcpy(bytes, dump->bytes + address, length);
    return 0;
}

static void words_put(struct dump *dump, uint32_t address, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (unsigned byte = 0; byte < 4; byte++)
            dump->bytes[address + 4 * i + byte] = (uint8_t)(words[i] >> 8 * byte);
}

static void w25q128jv_make(struct dump *dump)
{
    memset(dump->bytes, 0xFF, sizeof dump->bytes);
    memcpy(dump->bytes, w25q128jv_header, sizeof w25q128jv_header);
    words_put(dump, 0x80, w25q128jv_table, 16);
    dump->fail_from = sizeof dump->bytes;
}

static int parse(struct dump *dump, struct nor_geometry *geometry)
{
    struct sfdp_source source = {dump, dump_read};
    return sfdp_parse(&source, geometry);
}

static void a_w25q128jv_is_understood(void **state)
{
    (void)state;
    struct dump dump;
    struct nor_geometry geometry;
    w25q128jv_make(&dump);
    assert_int_equal(parse(&dump, &geometry), 0);
    assert_int_equal(geometry.size, 16777216);
    assert_int_equal(geometry.page_size, 256);
    assert_int_equal(geometry.address_bytes, 3);
    static const struct nor_erase_type erase[3] = {
        {12, 0x20, 64, 896}, {15, 0x52, 128, 1792}, {16, 0xD8, 160, 2240}};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(geometry.erase[i].size_log2, erase[i].size_log2);
        assert_int_equal(geometry.erase[i].opcode, erase[i].opcode);
        assert_int_equal(geometry.erase[i].typical_ms, erase[i].typical_ms);
        assert_int_equal(geometry.erase[i].maximum_ms, erase[i].maximum_ms);
    }
    assert_int_equal(geometry.erase[3].size_log2, 0);
    assert_int_equal(geometry.program_typical_us, 704);
    assert_int_equal(geometry.program_maximum_us, 6 * 704);
    assert_int_equal(geometry.quad_io.opcode, 0xEB);
    assert_int_equal(geometry.quad_io.mode_clocks, 2);
    assert_int_equal(geometry.quad_io.wait_clocks, 4);
    assert_int_equal(geometry.quad_data.opcode, 0x6B);
    assert_int_equal(geometry.quad_data.mode_clocks, 0);
    assert_int_equal(geometry.quad_data.wait_clocks, 8);
    assert_int_equal(geometry.quad_enable, 4);
    assert_false(geometry.flag_status);
    assert_int_equal(geometry.sfdp_major, 1);
    assert_int_equal(geometry.sfdp_minor, 5);
}

static void no_signature_gives_the_defaults(void **state)
{
    (void)state;
    struct dump dump;
    struct nor_geometry geometry;
    memset(dump.bytes, 0xFF, sizeof dump.bytes);
    dump.fail_from = sizeof dump.bytes;
    assert_int_equal(parse(&dump, &geometry), QL_ERROR_UNSUPPORTED);
    assert_int_equal(geometry.size, 0);
    assert_int_equal(geometry.page_size, 256);
    assert_int_equal(geometry.erase[0].opcode, 0x20);
    assert_int_equal(geometry.erase[1].opcode, 0xD8);
    assert_int_equal(geometry.quad_io.opcode, 0);
    assert_int_equal(geometry.sfdp_major, 0xFF);
}

static void a_read_error_is_passed_on(void **state)
{
    (void)state;
    for (uint32_t fail_from = 0; fail_from < 0x80 + 64; fail_from += 4) {
        struct dump dump;
        struct nor_geometry geometry;
        w25q128jv_make(&dump);
        dump.fail_from = fail_from;
        assert_int_equal(parse(&dump, &geometry), QL_ERROR_TIMEOUT);
    }
}

// JESD216 before revision A has nine dwords: no times, no quad enable method.
static void a_table_of_nine_dwords_leaves_quad_reading_unknown(void **state)
{
    (void)state;
    struct dump dump;
    struct nor_geometry geometry;
    w25q128jv_make(&dump);
    dump.bytes[9] = 0;
    dump.bytes[11] = 9;
    assert_int_equal(parse(&dump, &geometry), 0);
    assert_int_equal(geometry.size, 16777216);
    assert_int_equal(geometry.quad_enable, NOR_QUAD_UNKNOWN);
    assert_int_equal(geometry.page_size, 256);
    assert_true(geometry.erase[2].maximum_ms >= 2000);
    assert_true(geometry.erase[0].maximum_ms >= 400);
}

// A 512 Mbit chip: density 1FFFFFFF, 3-or-4-byte addresses, a 4-byte table at D0h.
static void large_make(struct dump *dump, bool with_table)
{
    w25q128jv_make(dump);
    static const uint8_t second[8] = {0x84, 0x00, 0x01, 0x02, 0xD0, 0x00, 0x00, 0xFF};
    static const uint32_t words[2] = {0x1FFFFFFF, 0};
    static const uint32_t wide[1] = {0xFFFB20E5};
    // Reading 13, 0C, 6C, EC; programming 12; erasing by types 1 and 3.
    static const uint32_t four_byte[2] = {0x00000A73, 0xFFDC5C21};
    words_put(dump, 0x80, wide, 1);
    words_put(dump, 0x84, words, 1);
    if (!with_table)
        return;
    dump->bytes[6] = 1;
    memcpy(dump->bytes + 16, second, sizeof second);
    words_put(dump, 0xD0, four_byte, 2);
}

static void the_four_byte_table_gives_the_commands(void **state)
{
    (void)state;
    struct dump dump;
    struct nor_geometry geometry;
    large_make(&dump, true);
    assert_int_equal(parse(&dump, &geometry), 0);
    assert_int_equal(geometry.size, 64 * 1024 * 1024);
    assert_int_equal(geometry.address_bytes, 4);
    assert_int_equal(geometry.read_opcode, 0x0C);
    assert_int_equal(geometry.quad_io.opcode, 0xEC);
    assert_int_equal(geometry.quad_data.opcode, 0x6C);
    assert_int_equal(geometry.program_opcode, 0x12);
    assert_int_equal(geometry.erase[0].opcode, 0x21);
    assert_int_equal(geometry.erase[0].size_log2, 12);
    assert_int_equal(geometry.erase[1].size_log2, 0);
    assert_int_equal(geometry.erase[2].opcode, 0xDC);
}

static void without_the_four_byte_table_16_mib_are_used(void **state)
{
    (void)state;
    struct dump dump;
    struct nor_geometry geometry;
    large_make(&dump, false);
    assert_int_equal(parse(&dump, &geometry), 0);
    assert_int_equal(geometry.size, 16 * 1024 * 1024);
    assert_int_equal(geometry.address_bytes, 3);
    assert_int_equal(geometry.quad_io.opcode, 0xEB);
}

// W25Q256JV as published from a real chip: revision 1.5, no 4-byte table, B7h named in dword 16.
static void a_w25q256jv_is_switched_by_b7(void **state)
{
    (void)state;
    static const uint32_t table[16] = {
        0xFFFB20E5, 0x0FFFFFFF, 0x6B08EB44, 0xBB423B08, 0xFFFFFFFE, 0x0000FFFF,
        0xEB40FFFF, 0x520F200C, 0x0000D810, 0x00A60236, 0xD314EA82, 0x337663E9,
        0x757A757A, 0x5CD5A2F7, 0xFF4DF719, 0xA5F970E9,
    };
    struct dump dump;
    struct nor_geometry geometry;
    w25q128jv_make(&dump);
    words_put(&dump, 0x80, table, 16);
    assert_int_equal(parse(&dump, &geometry), 0);
    assert_int_equal(geometry.size, 32 * 1024 * 1024);
    assert_int_equal(geometry.address_bytes, 3);
    assert_int_equal(geometry.four_byte_entry, NOR_FOUR_BYTE_B7);
}

// MX25L12833F as published by Macronix on linux-mtd, where Linux's own decoding of it stands, too:
// 20h, 52h, D8h; EBh with 2 mode and 4 dummy clocks; 6Bh with 8; pages of 256; 16 MiB.
static void a_mx25l12833f_is_understood_as_linux_does(void **state)
{
    (void)state;
    static const uint32_t table[16] = {
        0xFFF120E5, 0x07FFFFFF, 0x6B08EB44, 0xBB043B08, 0xFFFFFFFE, 0xFF00FFFF,
        0xEB44FFFF, 0x520F200C, 0xFF00D810, 0x00BD4182, 0xC67BE581, 0x38670344,
        0xB030B030, 0x5CD5BDF7, 0xFF29BE4A, 0xFFFFD0E1,
    };
    struct dump dump;
    struct nor_geometry geometry;
    w25q128jv_make(&dump);
    words_put(&dump, 0x80, table, 16);
    assert_int_equal(parse(&dump, &geometry), 0);
    assert_int_equal(geometry.size, 16 * 1024 * 1024);
    assert_int_equal(geometry.page_size, 256);
    assert_int_equal(geometry.erase[0].opcode, 0x20);
    assert_int_equal(geometry.erase[1].opcode, 0x52);
    assert_int_equal(geometry.erase[2].opcode, 0xD8);
    assert_int_equal(geometry.quad_io.opcode, 0xEB);
    assert_int_equal(geometry.quad_io.mode_clocks, 2);
    assert_int_equal(geometry.quad_io.wait_clocks, 4);
    assert_int_equal(geometry.quad_data.opcode, 0x6B);
    assert_int_equal(geometry.quad_data.wait_clocks, 8);
    assert_int_equal(geometry.quad_enable, NOR_QUAD_SR1_BIT6);
    assert_int_equal(geometry.four_byte_entry, NOR_FOUR_BYTE_NONE);
}

// No bytes of a table, whatever they are, may lead to a division by zero or a shift too far.
static void random_tables_do_no_harm(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        struct dump dump;
        struct nor_geometry geometry;
        large_make(&dump, round % 2);
        for (uint32_t i = 8; i < 0xE0; i++) {
            seed = seed * 1664525 + 1013904223;
            if (i >= 0x80 || seed >> 28 == 0)
                dump.bytes[i] = (uint8_t)(seed >> 16);
        }
        if (parse(&dump, &geometry) == 0) {
            assert_true(geometry.size > 0 && geometry.size <= 0x10000000);
            assert_true(geometry.page_size > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_w25q128jv_is_understood),
        cmocka_unit_test(no_signature_gives_the_defaults),
        cmocka_unit_test(a_read_error_is_passed_on),
        cmocka_unit_test(a_table_of_nine_dwords_leaves_quad_reading_unknown),
        cmocka_unit_test(the_four_byte_table_gives_the_commands),
        cmocka_unit_test(without_the_four_byte_table_16_mib_are_used),
        cmocka_unit_test(a_w25q256jv_is_switched_by_b7),
        cmocka_unit_test(a_mx25l12833f_is_understood_as_linux_does),
        cmocka_unit_test(random_tables_do_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
