// Reading files: ELF put together byte by byte from the System V ABI, Intel HEX from Intel's
// specification (its own examples included), raw binaries; and what is wrong with bad ones.
//
// SPDX-License-Identifier: MIT
#include "host/area.h"
#include "host/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ql_image image;
static struct ql_failure failure;

static int parse(const char *name, const void *bytes, size_t size)
{
    memset(&failure, 0, sizeof failure);
    return ql_image_parse(&image, name, bytes, size, NULL, &failure);
}

static int parse_text(const char *name, const char *text)
{
    return parse(name, text, strlen(text));
}

static void assert_extent(size_t index, uint32_t address, uint32_t size)
{
    assert_true(index < image.count);
    assert_int_equal(image.extents[index].address, address);
    assert_int_equal(image.extents[index].size, size);
}

// An ELF file of at most 64 KiB under construction.
static uint8_t elf[65536];
static size_t elf_size;

static void half(size_t at, uint32_t value)
{
    elf[at] = (uint8_t)value;
    elf[at + 1] = (uint8_t)(value >> 8);
}

static void word(size_t at, uint32_t value)
{
    half(at, value & 0xFFFF);
    half(at + 2, value >> 16);
}

// Header for ARM, ET_EXEC, with `count` program headers at 52.
static void elf_begin(uint32_t entry, uint32_t count)
{
    memset(elf, 0, sizeof elf);
    memcpy(elf, "\177ELF\1\1\1", 7);
    half(16, 2);
    half(18, 40);
    word(20, 1);
    word(24, entry);
    word(28, 52);
    half(40, 52);
    half(42, 32);
    half(44, count);
    half(46, 40);
    elf_size = 52 + 32 * count;
}

static void elf_segment(uint32_t index, uint32_t type, uint32_t offset, uint32_t virtual,
                        uint32_t physical, uint32_t file_size, uint32_t memory_size)
{
    const size_t at = 52 + 32 * index;
    const uint32_t values[8] = {type, offset, virtual, physical, file_size, memory_size, 5, 4};
    for (size_t i = 0; i < 8; i++)
        word(at + 4 * i, values[i]);
    if (offset + file_size > elf_size && offset + file_size <= sizeof elf)
        elf_size = offset + file_size;
}

// One allocated section of bytes (and the null section), whose headers stand at `at`.
static void elf_section(uint32_t at, uint32_t address, uint32_t offset, uint32_t size)
{
    word(32, at);
    half(48, 2);
    word(at + 40 + 4, 1); // SHT_PROGBITS
    word(at + 40 + 8, 2); // SHF_ALLOC
    word(at + 40 + 12, address);
    word(at + 40 + 16, offset);
    word(at + 40 + 20, size);
    elf_size = at + 80;
}

static void vectors(size_t at, uint32_t stack, uint32_t entry)
{
    word(at, stack);
    word(at + 4, entry);
}

static void test_elf_physical_addresses(void **state)
{
    (void)state;
    // .text at its place; .data loaded behind it for RAM; .bss without bytes; a note.
    elf_begin(0x90100009, 4);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    elf_segment(1, 1, 0x1100, 0x24000000, 0x90100100, 0x20, 0x20);
    elf_segment(2, 1, 0x1120, 0x24000020, 0x24000020, 0, 0x1000);
    elf_segment(3, 4, 0x1120, 0, 0, 0x10, 0x10);
    vectors(0x1000, 0x24080000, 0x90100009);
    elf[0x1100] = 0xDA;
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    assert_int_equal(image.format, QL_FORMAT_ELF);
    assert_int_equal(image.count, 1);
    assert_extent(0, 0x90100000, 0x120);
    assert_int_equal(image.extents[0].data[0x100], 0xDA);
    assert_true(image.has_entry);
    assert_int_equal(image.entry, 0x90100009);
    ql_image_free(&image);
}

// GNU ld maps the file's headers before the first section when the page allows.
static void test_elf_headers_are_not_loaded(void **state)
{
    (void)state;
    elf_begin(0x90100209, 1);
    elf_segment(0, 1, 0, 0x90100000, 0x90100000, 0x300, 0x300);
    vectors(0x200, 0x24080000, 0x90100209);
    elf_section(0x400, 0x90100200, 0x200, 0x100);
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    assert_int_equal(image.count, 1);
    assert_extent(0, 0x90100200, 0x100);
    ql_image_free(&image);
}

// Zeros that the linker put between sections are no part of the program.
static void test_elf_padding_between_sections(void **state)
{
    (void)state;
    elf_begin(0x90100009, 1);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    vectors(0x1000, 0x24080000, 0x90100009);
    memset(elf + 0x1008, 0x11, 0xF8);
    elf_section(0x2000, 0x90100000, 0x1000, 0x20);
    half(48, 3);
    memcpy(elf + 0x2050, elf + 0x2028, 40);
    word(0x2050 + 12, 0x90100080);
    word(0x2050 + 16, 0x1080);
    word(0x2050 + 20, 0x40);
    elf_size = 0x2078;
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    assert_extent(0, 0x90100000, 0xC0);
    assert_int_equal(image.extents[0].data[0x1F], 0x11);
    assert_int_equal(image.extents[0].data[0x20], 0xFF);
    assert_int_equal(image.extents[0].data[0x7F], 0xFF);
    assert_int_equal(image.extents[0].data[0x80], 0x11);
    ql_image_free(&image);
}

static void test_elf_program_is_the_extent_of_the_entry(void **state)
{
    (void)state;
    elf_begin(0x90200009, 2);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    elf_segment(1, 1, 0x2000, 0x90200000, 0x90200000, 0x100, 0x100);
    vectors(0x2000, 0x24080000, 0x90200009);
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    assert_int_equal(image.count, 2);
    assert_int_equal(image.program, 1);
    ql_image_free(&image);
}

static void test_elf_vector_table_apart_from_code(void **state)
{
    (void)state;
    elf_begin(0x90108001, 2);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    elf_segment(1, 1, 0x2000, 0x90108000, 0x90108000, 0x100, 0x100);
    vectors(0x1000, 0x24080000, 0x90108001);
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    assert_int_equal(image.count, 1);
    assert_extent(0, 0x90100000, 0x8100);
    assert_int_equal(image.extents[0].data[0x4000], 0xFF);
    ql_image_free(&image);
}

static void test_elf_truncated_anywhere(void **state)
{
    (void)state;
    elf_begin(0x90100009, 1);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    vectors(0x1000, 0x24080000, 0x90100009);
    for (size_t size = 1; size < elf_size; size++) {
        assert_int_equal(parse("a.elf", elf, size), -QL_IMAGE_DAMAGED);
        assert_non_null(strstr(failure.sentence, "a.elf"));
    }
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    ql_image_free(&image);
}

static void test_elf_of_others(void **state)
{
    (void)state;
    elf_begin(0x90100009, 1);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    half(18, 62);
    assert_int_equal(parse("a.elf", elf, elf_size), -QL_IMAGE_MACHINE);
    assert_non_null(strstr(failure.sentence, "x86-64"));
    half(18, 40);
    elf[5] = 2; // big-endian
    assert_int_equal(parse("a.elf", elf, elf_size), -QL_IMAGE_MACHINE);
    elf[5] = 1;
    half(16, 1); // ET_REL
    assert_int_equal(parse("a.elf", elf, elf_size), -QL_IMAGE_MACHINE);
    assert_non_null(strstr(failure.sentence, "object file"));
    half(16, 2);
    elf[4] = 2; // 64 bits
    assert_int_equal(parse("a.elf", elf, elf_size), -QL_IMAGE_MACHINE);
}

static void test_elf_with_nothing_in_it(void **state)
{
    (void)state;
    elf_begin(0, 1);
    elf_segment(0, 1, 0x100, 0x24000000, 0x24000000, 0, 0x100);
    elf_size = 0x100;
    assert_int_equal(parse("a.elf", elf, elf_size), -QL_IMAGE_NOTHING);
    elf_begin(0, 0);
    assert_int_equal(parse("a.elf", elf, elf_size), -QL_IMAGE_NOTHING);
}

static void test_elf_overlap(void **state)
{
    (void)state;
    elf_begin(0, 2);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    elf_segment(1, 1, 0x1100, 0x901000FF, 0x901000FF, 0x100, 0x100);
    assert_int_equal(parse("a.elf", elf, elf_size), -QL_IMAGE_OVERLAP);
    assert_non_null(strstr(failure.sentence, "0x901000FF"));
}

static void test_elf_takes_no_address(void **state)
{
    (void)state;
    const uint32_t address = 0x90100000;
    elf_begin(0x90100009, 1);
    elf_segment(0, 1, 0x1000, 0x90100000, 0x90100000, 0x100, 0x100);
    assert_int_equal(ql_image_parse(&image, "a.elf", elf, elf_size, &address, &failure), -QL_USAGE);
}

static void test_bin(void **state)
{
    (void)state;
    const uint32_t address = 0x90234000;
    assert_int_equal(ql_image_parse(&image, "a.bin", (const uint8_t *)"abc", 3, &address, NULL), 0);
    assert_int_equal(image.format, QL_FORMAT_BIN);
    assert_extent(0, 0x90234000, 3);
    ql_image_free(&image);
    assert_int_equal(parse("a.bin", "abc", 3), 0);
    assert_extent(0, 0x90100000, 3);
    ql_image_free(&image);
    assert_int_equal(parse("a.bin", "", 0), -QL_FILE_EMPTY);
    const uint32_t high = 0xFFFFFFFE;
    assert_int_equal(ql_image_parse(&image, "a.bin", (const uint8_t *)"abc", 3, &high, &failure),
                     -QL_OUTSIDE);
}

// The example records of Intel's specification, revision A: start addresses in both forms, extended
// addresses, data, end.
static void test_hex_of_intels_specification(void **state)
{
    (void)state;
    assert_int_equal(parse_text("a.hex", ":020000021200EA\r\n"
                                         ":0400000300003800C1\r\n"
                                         ":02000004FFFFFC\r\n"
                                         ":04000005000000CD2A\r\n"
                                         ":10010000214601360121470136007EFE09D2190140\r\n"
                                         ":00000001FF\r\n"),
                     0);
    assert_int_equal(image.format, QL_FORMAT_HEX);
    assert_extent(0, 0xFFFF0100, 16);
    assert_int_equal(image.extents[0].data[0], 0x21);
    assert_int_equal(image.extents[0].data[15], 0x01);
    assert_true(image.has_entry);
    assert_int_equal(image.entry, 0xCD);
    ql_image_free(&image);
    assert_int_equal(parse_text("a.hex", ":0400000300003800C1\n:0100000055AA\n:00000001FF\n"), 0);
    assert_int_equal(image.entry, 0x3800);
    ql_image_free(&image);
}

// Within a segment addresses wrap at 64 KiB; in linear mode they run on.
static void test_hex_wrap(void **state)
{
    (void)state;
    assert_int_equal(parse_text("a.hex", ":020000021000EC\n:04FFFE00AABBCCDDF1\n:00000001FF\n"), 0);
    assert_int_equal(image.count, 2);
    assert_extent(0, 0x10000, 2);
    assert_int_equal(image.extents[0].data[0], 0xCC);
    assert_extent(1, 0x1FFFE, 2);
    ql_image_free(&image);
}

static void test_hex_linear(void **state)
{
    (void)state;
    assert_int_equal(parse_text("a.hex", ":0200000490105A\n:04FFFE00AABBCCDDF1\n:00000001FF\n"), 0);
    assert_int_equal(image.count, 1);
    assert_extent(0, 0x9010FFFE, 4);
    ql_image_free(&image);
}

static void test_hex_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ql_code code;
        const char *says;
    } cases[] = {
        {":0100000055AB\n:00000001FF\n", QL_HEX_CHECKSUM,
         "line 1: the checksum is AB, but should "
         "be AA"},
        {":0100000055AA\n:0100010055A8\n:00000001FF\n", QL_HEX_CHECKSUM, "line 2"},
        {":0100000055AA\n", QL_HEX_SYNTAX, "without an end record"},
        {":0100000055AA\n:00000001FF\n:0100000055AA\n", QL_HEX_SYNTAX, "behind the end record"},
        {":0100000055AA\nhello\n", QL_HEX_SYNTAX, "line 2: does not begin with a colon"},
        {":0100000055A\n", QL_HEX_SYNTAX, "length"},
        {":0100000055\n", QL_HEX_SYNTAX, "length"},
        {":0200000055A9\n", QL_HEX_SYNTAX, "length field"},
        {":01000000G5AA\n", QL_HEX_SYNTAX, "hexadecimal"},
        {":0100000655A4\n", QL_HEX_SYNTAX, "record type"},
        {":0100000455A6\n", QL_HEX_SYNTAX, "does not allow"},
        {":00000001FF\n", QL_IMAGE_NOTHING, "no data"},
        {":0100000055AA\n:0100000055AA\n:00000001FF\n", QL_IMAGE_OVERLAP, "overlap"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse_text("a.hex", cases[i].text), -(int)cases[i].code);
        assert_int_equal(failure.code, cases[i].code);
        if (strstr(failure.sentence, cases[i].says) == NULL)
            print_message("# %s\n", failure.sentence);
        assert_non_null(strstr(failure.sentence, cases[i].says));
    }
}

static void test_hex_is_known_by_its_content(void **state)
{
    (void)state;
    assert_int_equal(parse_text("firmware", ":0100000055AA\n:00000001FF\n"), 0);
    assert_int_equal(image.format, QL_FORMAT_HEX);
    ql_image_free(&image);
}

// Merged when less than a sector lies between them, whatever order they come in.
static void test_merging(void **state)
{
    (void)state;
    elf_begin(0, 3);
    elf_segment(0, 1, 0x1000, 0, 0x90103000, 0x10, 0x10);
    elf_segment(1, 1, 0x1000, 0, 0x90101FFF, 0x02, 0x02);
    elf_segment(2, 1, 0x1000, 0, 0x90104010, 0x10, 0x10);
    elf_size = 0x1010;
    memset(elf + 0x1000, 0x11, 0x10);
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    // 0x90101FFF..0x90102000, then 0x90103000: a gap of 0xFFF bytes; then one of exactly 0x1000.
    assert_int_equal(image.count, 2);
    assert_extent(0, 0x90101FFF, 0x1011);
    assert_extent(1, 0x90104010, 0x10);
    assert_int_equal(image.extents[0].data[1], 0x11);
    assert_int_equal(image.extents[0].data[2], 0xFF);
    assert_int_equal(ql_image_align(&image, 4096, NULL), 0);
    assert_extent(0, 0x90101000, 0x2010);
    assert_extent(1, 0x90104000, 0x20);
    assert_int_equal(image.extents[1].data[0], 0xFF);
    assert_int_equal(image.extents[1].data[0x10], 0x11);
    ql_image_free(&image);
}

// Two chips side by side erase 8 KiB at once: whole sectors, and what shares one becomes one
// extent.
static void test_large_sectors(void **state)
{
    (void)state;
    elf_begin(0, 3);
    elf_segment(0, 1, 0x1000, 0, 0x90102000, 0x10, 0x10);
    elf_segment(1, 1, 0x1000, 0, 0x90103800, 0x10, 0x10);
    elf_segment(2, 1, 0x1000, 0, 0x90105000, 0x10, 0x10);
    elf_size = 0x1010;
    memset(elf + 0x1000, 0x11, 0x10);
    assert_int_equal(parse("a.elf", elf, elf_size), 0);
    assert_int_equal(image.count, 3);
    assert_int_equal(ql_image_align(&image, 8192, NULL), 0);
    assert_int_equal(image.count, 2);
    assert_extent(0, 0x90102000, 0x2000);
    assert_extent(1, 0x90104000, 0x2000);
    assert_int_equal(image.extents[0].data[0x1800], 0x11);
    assert_int_equal(image.extents[0].data[0x1810], 0xFF);
    assert_int_equal(image.extents[1].data[0xFFF], 0xFF);
    assert_int_equal(image.extents[1].data[0x1000], 0x11);
    assert_int_equal(image.program, 0);
    ql_image_free(&image);
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(ql_image_load(&image, "/nowhere/x.bin", NULL, &failure), -QL_FILE_MISSING);
    assert_int_equal(ql_image_load(&image, "tests", NULL, &failure), -QL_FILE_DIRECTORY);
    assert_int_equal(ql_image_load(&image, "/dev/null", NULL, &failure), -QL_FILE_EMPTY);
    assert_int_equal(ql_image_load(&image, "LICENSE", NULL, &failure), 0);
    ql_image_free(&image);
}

// SPEC.md section 7.
static void test_vector_table(void **state)
{
    (void)state;
    static const struct {
        uint32_t stack, entry;
        bool good;
    } cases[] = {
        {0x24080000, 0x90100009, true},  {0x20020000, 0x90100009, true},
        {0x30048000, 0x90100009, true},  {0x38010000, 0x90100009, true},
        {0x20000004, 0x901000FF, true},  {0x20000000, 0x90100009, false},
        {0x20020004, 0x90100009, false}, {0x24080004, 0x90100009, false},
        {0x24000002, 0x90100009, false}, {0x00001000, 0x90100009, false},
        {0xFFFFFFFF, 0xFFFFFFFF, false}, {0x24080000, 0x90100008, false},
        {0x24080000, 0x90100007, false}, {0x24080000, 0x90100101, false},
        {0x24080000, 0x08000101, false}, {0x24080000, 0x00000000, false},
    };
    uint8_t program[0x100] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        elf_begin(0, 0);
        vectors(0, cases[i].stack, cases[i].entry);
        memcpy(program, elf, 8);
        const int result = ql_vectors_check("x", 0x90100000, program, sizeof program, &failure);
        assert_int_equal(result, cases[i].good ? 0 : -QL_VECTOR_TABLE);
    }
    assert_int_equal(ql_vectors_check("x", 0x90100000, program, 7, &failure), -QL_VECTOR_TABLE);
}

static void test_areas(void **state)
{
    (void)state;
    struct ql_area area = {.chip_start = 0x90000000,
                           .chip_end = 0x91000000,
                           .program_start = 0x90100000,
                           .program_end = 0x90F80000,
                           .sector_size = 4096,
                           .known = true};
    assert_int_equal(ql_area_check_write(&area, "x", 0x90100000, 0xE80000, &failure), 0);
    assert_int_equal(ql_area_check_write(&area, "x", 0x90100000, 0xE80001, &failure),
                     -QL_TOO_LARGE);
    assert_int_equal(ql_area_check_write(&area, "x", 0x900FF000, 1, &failure), -QL_RESERVED);
    assert_int_equal(ql_area_check_write(&area, "x", 0x90F80000, 1, &failure), -QL_RESERVED);
    assert_int_equal(ql_area_check_write(&area, "x", 0x91000000, 1, &failure), -QL_OUTSIDE);
    assert_int_equal(ql_area_check_write(&area, "x", 0x08000000, 1, &failure), -QL_OUTSIDE);
    assert_int_equal(ql_area_check_read(&area, "x", 0x90FFFFFF, 1, &failure), 0);
    assert_int_equal(ql_area_check_read(&area, "x", 0x90FFFFFF, 2, &failure), -QL_OUTSIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elf_physical_addresses),
        cmocka_unit_test(test_elf_headers_are_not_loaded),
        cmocka_unit_test(test_elf_padding_between_sections),
        cmocka_unit_test(test_elf_program_is_the_extent_of_the_entry),
        cmocka_unit_test(test_elf_vector_table_apart_from_code),
        cmocka_unit_test(test_elf_truncated_anywhere),
        cmocka_unit_test(test_elf_of_others),
        cmocka_unit_test(test_elf_with_nothing_in_it),
        cmocka_unit_test(test_elf_overlap),
        cmocka_unit_test(test_elf_takes_no_address),
        cmocka_unit_test(test_bin),
        cmocka_unit_test(test_hex_of_intels_specification),
        cmocka_unit_test(test_hex_wrap),
        cmocka_unit_test(test_hex_linear),
        cmocka_unit_test(test_hex_faults),
        cmocka_unit_test(test_hex_is_known_by_its_content),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_large_sectors),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_vector_table),
        cmocka_unit_test(test_areas),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
