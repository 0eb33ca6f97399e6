// CRC-32 against published check values and zlib's results.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/crc32.h"

static void check_value_of_the_catalogue(void **state)
{
    (void)state;
    assert_int_equal(ql_crc32(0, (const uint8_t *)"123456789", 9), 0xCBF43926);
}

static void values_of_zlib(void **state)
{
    (void)state;
    // zlib.crc32 of: nothing, one zero, 32 zeros, 32 times FF, "quadlane".
    static const uint8_t zeros[32];
    uint8_t ones[32];
    memset(ones, 0xFF, sizeof ones);
    assert_int_equal(ql_crc32(0, zeros, 0), 0);
    assert_int_equal(ql_crc32(0, zeros, 1), 0xD202EF8D);
    assert_int_equal(ql_crc32(0, zeros, 32), 0x190A55AD);
    assert_int_equal(ql_crc32(0, ones, 32), 0xFF6CAB0B);
    assert_int_equal(ql_crc32(0, (const uint8_t *)"quadlane", 8), 0xEAD186CB);
}

static void in_pieces_as_in_one(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= 9; cut++) {
        const uint8_t *digits = (const uint8_t *)"123456789";
        uint32_t first = ql_crc32(0, digits, cut);
        assert_int_equal(ql_crc32(first, digits + cut, 9 - cut), 0xCBF43926);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_value_of_the_catalogue),
        cmocka_unit_test(values_of_zlib),
        cmocka_unit_test(in_pieces_as_in_one),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
