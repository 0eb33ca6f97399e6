// Frames against the vectors written by hand.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/frame.h"
#include "tests/unit/vectors.h"

static struct ql_frame_decoder decoder;

static enum ql_frame_event decode(const uint8_t *bytes, size_t length, size_t piece,
                                  struct ql_frame *frame)
{
    enum ql_frame_event event = QL_FRAME_MORE;
    size_t used = 0;
    while (used < length && event == QL_FRAME_MORE) {
        size_t now = length - used < piece ? length - used : piece;
        used += ql_frame_decode(&decoder, bytes + used, now, &event, frame);
    }
    assert_int_equal(used, length);
    return event;
}

// Every good vector decodes; encoding what was decoded gives the vector's own bytes.
static void vectors_decode_and_encode(void **state)
{
    (void)state;
    const struct vector *vector;
    for (size_t i = 0; (vector = vector_at(i)) != NULL; i++) {
        if (strncmp(vector->name, "damaged_", 8) == 0)
            continue;
        struct ql_frame frame;
        ql_frame_decoder_init(&decoder);
        assert_int_equal(decode(vector->bytes, vector->length, 1 + i * 13, &frame), QL_FRAME_GOOD);
        uint8_t line[QL_FRAME_MAX];
        assert_int_equal(ql_frame_encode(&frame, line, sizeof line), vector->length);
        assert_memory_equal(line, vector->bytes, vector->length);
        assert_int_equal(ql_frame_encode(&frame, line, vector->length), vector->length);
        assert_int_equal(ql_frame_encode(&frame, line, vector->length - 1), 0);
    }
    assert_true(vector_at(30) != NULL);
}

static void damaged_vectors_are_damaged(void **state)
{
    (void)state;
    const struct vector *vector;
    ql_frame_decoder_init(&decoder);
    for (size_t i = 0; (vector = vector_at(i)) != NULL; i++) {
        if (strncmp(vector->name, "damaged_", 8) != 0 || strcmp(vector->name, "damaged_kind") == 0)
            continue;
        struct ql_frame frame;
        assert_int_equal(decode(vector->bytes, vector->length, 5, &frame), QL_FRAME_DAMAGED);
        // What follows is taken.
        const struct vector *hello = vector_get("hello_request");
        assert_int_equal(decode(hello->bytes, hello->length, 5, &frame), QL_FRAME_GOOD);
    }
}

static void fields_are_where_they_belong(void **state)
{
    (void)state;
    const struct vector *vector = vector_get("info_request");
    struct ql_frame frame;
    ql_frame_decoder_init(&decoder);
    assert_int_equal(decode(vector->bytes, vector->length, 100, &frame), QL_FRAME_GOOD);
    assert_int_equal(frame.kind, 0x02);
    assert_int_equal(frame.tag, 0x0207);
    assert_int_equal(frame.length, 0);
    vector = vector_get("unknown_request");
    assert_int_equal(decode(vector->bytes, vector->length, 100, &frame), QL_FRAME_GOOD);
    assert_int_equal(frame.kind, 0x3E);
    assert_int_equal(frame.length, 3);
    assert_memory_equal(frame.payload, "\x00\xFF\x00", 3);
}

// Changing any single bit of a frame gives no other good frame.
static void each_single_bit_counts(void **state)
{
    (void)state;
    const struct vector *vector = vector_get("erase");
    for (size_t bit = 0; bit < vector->length * 8; bit++) {
        uint8_t line[64] = {0};
        memcpy(line, vector->bytes, vector->length);
        line[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ql_frame_decoder_init(&decoder);
        size_t used = 0;
        while (used < vector->length + 1) {
            struct ql_frame frame;
            enum ql_frame_event event;
            used +=
                ql_frame_decode(&decoder, line + used, vector->length + 1 - used, &event, &frame);
            assert_int_not_equal(event, QL_FRAME_GOOD);
        }
    }
}

static void the_largest_payload_fits_and_one_more_does_not(void **state)
{
    (void)state;
    static uint8_t payload[QL_PAYLOAD_MAX + 1], line[QL_FRAME_MAX];
    memset(payload, 0x77, sizeof payload);
    struct ql_frame frame = {0x41, 0, QL_PAYLOAD_MAX, payload};
    size_t length = ql_frame_encode(&frame, line, sizeof line);
    assert_true(length > QL_PAYLOAD_MAX && length <= QL_FRAME_MAX);
    struct ql_frame decoded;
    ql_frame_decoder_init(&decoder);
    assert_int_equal(decode(line, length, 64, &decoded), QL_FRAME_GOOD);
    assert_int_equal(decoded.length, QL_PAYLOAD_MAX);
    assert_memory_equal(decoded.payload, payload, QL_PAYLOAD_MAX);
    frame.length++;
    assert_int_equal(ql_frame_encode(&frame, line, sizeof line), 0);
}

static void endless_bytes_without_an_end_do_no_harm(void **state)
{
    (void)state;
    static uint8_t noise[20000];
    memset(noise, 0x5A, sizeof noise);
    struct ql_frame frame;
    ql_frame_decoder_init(&decoder);
    assert_int_equal(decode(noise, sizeof noise, 64, &frame), QL_FRAME_MORE);
    noise[0] = 0;
    assert_int_equal(decode(noise, 1, 1, &frame), QL_FRAME_DAMAGED);
    const struct vector *hello = vector_get("hello_request");
    assert_int_equal(decode(hello->bytes, hello->length, 64, &frame), QL_FRAME_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_and_encode),
        cmocka_unit_test(damaged_vectors_are_damaged),
        cmocka_unit_test(fields_are_where_they_belong),
        cmocka_unit_test(each_single_bit_counts),
        cmocka_unit_test(the_largest_payload_fits_and_one_more_does_not),
        cmocka_unit_test(endless_bytes_without_an_end_do_no_harm),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
