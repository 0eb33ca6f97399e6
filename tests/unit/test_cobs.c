// Byte stuffing against the examples of the algorithm's authors and of its Wikipedia article.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/cobs.h"

struct example {
    size_t plain_length;
    uint8_t plain[300];
    size_t stuffed_length;
    uint8_t stuffed[300];
};

static void bytes_count(uint8_t *bytes, unsigned first, unsigned last)
{
    for (unsigned value = first; value <= last; value++)
        *bytes++ = (uint8_t)value;
}

static size_t examples_make(struct example *examples)
{
    static const struct example small[] = {
        {0, {0}, 1, {0x01}},
        {1, {0x00}, 2, {0x01, 0x01}},
        {2, {0x00, 0x00}, 3, {0x01, 0x01, 0x01}},
        {3, {0x00, 0x11, 0x00}, 4, {0x01, 0x02, 0x11, 0x01}},
        {4, {0x11, 0x22, 0x00, 0x33}, 5, {0x03, 0x11, 0x22, 0x02, 0x33}},
        {4, {0x11, 0x22, 0x33, 0x44}, 5, {0x05, 0x11, 0x22, 0x33, 0x44}},
        {4, {0x11, 0x00, 0x00, 0x00}, 5, {0x02, 0x11, 0x01, 0x01, 0x01}},
    };
    memcpy(examples, small, sizeof small);
    struct example *next = examples + sizeof small / sizeof small[0];
    // 01..FE
    *next = (struct example){.plain_length = 254, .stuffed_length = 255, .stuffed = {0xFF}};
    bytes_count(next->plain, 0x01, 0xFE);
    bytes_count(next->stuffed + 1, 0x01, 0xFE);
    next++;
    // 00 01..FE
    *next = (struct example){.plain_length = 255, .stuffed_length = 256, .stuffed = {0x01, 0xFF}};
    bytes_count(next->plain + 1, 0x01, 0xFE);
    bytes_count(next->stuffed + 2, 0x01, 0xFE);
    next++;
    // 01..FF
    *next = (struct example){.plain_length = 255, .stuffed_length = 257, .stuffed = {0xFF}};
    bytes_count(next->plain, 0x01, 0xFF);
    bytes_count(next->stuffed + 1, 0x01, 0xFE);
    next->stuffed[255] = 0x02;
    next->stuffed[256] = 0xFF;
    next++;
    // 02..FF 00
    *next = (struct example){.plain_length = 255, .stuffed_length = 257, .stuffed = {0xFF}};
    bytes_count(next->plain, 0x02, 0xFF);
    bytes_count(next->stuffed + 1, 0x02, 0xFF);
    next->stuffed[255] = 0x01;
    next->stuffed[256] = 0x01;
    next++;
    // 03..FF 00 01
    *next = (struct example){.plain_length = 255, .stuffed_length = 256, .stuffed = {0xFE}};
    bytes_count(next->plain, 0x03, 0xFF);
    next->plain[254] = 0x01;
    bytes_count(next->stuffed + 1, 0x03, 0xFF);
    next->stuffed[254] = 0x02;
    next->stuffed[255] = 0x01;
    next++;
    return (size_t)(next - examples);
}

static struct example examples[16];
static size_t example_count;

static int setup(void **state)
{
    (void)state;
    example_count = examples_make(examples);
    return 0;
}

static void encodes_the_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < example_count; i++) {
        uint8_t output[300];
        struct ql_cobs_encoder encoder;
        ql_cobs_encoder_init(&encoder, output, examples[i].stuffed_length);
        for (size_t at = 0; at < examples[i].plain_length; at++)
            ql_cobs_encode(&encoder, &examples[i].plain[at], 1);
        assert_int_equal(ql_cobs_encoder_finish(&encoder), examples[i].stuffed_length);
        assert_memory_equal(output, examples[i].stuffed, examples[i].stuffed_length);
        assert_true(examples[i].stuffed_length <= QL_COBS_ENCODED_MAX(examples[i].plain_length));
    }
}

static void one_byte_too_little_room_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < example_count; i++) {
        uint8_t output[300];
        memset(output, 0xEE, sizeof output);
        struct ql_cobs_encoder encoder;
        ql_cobs_encoder_init(&encoder, output, examples[i].stuffed_length - 1);
        ql_cobs_encode(&encoder, examples[i].plain, examples[i].plain_length);
        assert_int_equal(ql_cobs_encoder_finish(&encoder), 0);
        assert_int_equal(output[examples[i].stuffed_length - 1], 0xEE);
    }
}

// Feeds `length` bytes in pieces of `piece` and returns the event of the first 00.
static enum ql_cobs_event decode(struct ql_cobs_decoder *decoder, const uint8_t *bytes,
                                 size_t length, size_t piece)
{
    enum ql_cobs_event event = QL_COBS_MORE;
    size_t used = 0;
    while (used < length && event == QL_COBS_MORE) {
        size_t now = length - used < piece ? length - used : piece;
        used += ql_cobs_decode(decoder, bytes + used, now, &event);
    }
    assert_int_equal(used, length);
    return event;
}

static void decodes_the_examples(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 7, 64, 300};
    for (size_t i = 0; i < example_count; i++) {
        for (size_t p = 0; p < 4; p++) {
            uint8_t output[300], line[301] = {0};
            memcpy(line, examples[i].stuffed, examples[i].stuffed_length);
            struct ql_cobs_decoder decoder;
            ql_cobs_decoder_init(&decoder, output, examples[i].plain_length);
            assert_int_equal(decode(&decoder, line, examples[i].stuffed_length + 1, pieces[p]),
                             QL_COBS_END);
            assert_int_equal(decoder.length, examples[i].plain_length);
            assert_memory_equal(output, examples[i].plain, examples[i].plain_length);
        }
    }
}

static void a_frame_too_long_for_the_output_is_broken(void **state)
{
    (void)state;
    static const uint8_t line[] = {0x05, 0x11, 0x22, 0x33, 0x44, 0x00, 0x03, 0x55, 0x66, 0x00};
    uint8_t output[4] = {0, 0, 0, 0xEE};
    struct ql_cobs_decoder decoder;
    ql_cobs_decoder_init(&decoder, output, 3);
    assert_int_equal(decode(&decoder, line, 6, 6), QL_COBS_BROKEN);
    assert_int_equal(output[3], 0xEE);
    // The next frame is not the worse for it.
    assert_int_equal(decode(&decoder, line + 6, 4, 4), QL_COBS_END);
    assert_int_equal(decoder.length, 2);
}

static void a_group_cut_short_is_broken(void **state)
{
    (void)state;
    static const uint8_t line[] = {0x05, 0x11, 0x22, 0x00};
    uint8_t output[8];
    struct ql_cobs_decoder decoder;
    ql_cobs_decoder_init(&decoder, output, sizeof output);
    assert_int_equal(decode(&decoder, line, sizeof line, 1), QL_COBS_BROKEN);
}

static void nothing_between_two_ends_is_empty(void **state)
{
    (void)state;
    static const uint8_t line[] = {0x02, 0x11, 0x00, 0x00};
    uint8_t output[8];
    struct ql_cobs_decoder decoder;
    ql_cobs_decoder_init(&decoder, output, sizeof output);
    assert_int_equal(decode(&decoder, line + 3, 1, 1), QL_COBS_EMPTY);
    assert_int_equal(decode(&decoder, line, 3, 3), QL_COBS_END);
    assert_int_equal(decode(&decoder, line + 3, 1, 1), QL_COBS_EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_the_examples),
        cmocka_unit_test(one_byte_too_little_room_is_told),
        cmocka_unit_test(decodes_the_examples),
        cmocka_unit_test(a_frame_too_long_for_the_output_is_broken),
        cmocka_unit_test(a_group_cut_short_is_broken),
        cmocka_unit_test(nothing_between_two_ends_is_empty),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
