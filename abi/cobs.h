// Consistent Overhead Byte Stuffing: any bytes become bytes without 00, so that 00 can end a frame.
// Both directions work in pieces, so that neither needs the whole frame at once.
//
// From: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", 1997; SPEC.md section 1.
// SPDX-License-Identifier: MIT
#ifndef ABI_COBS_H
#define ABI_COBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The most bytes that n bytes may become, without the 00 that ends a frame.
#define QL_COBS_ENCODED_MAX(n) ((n) + (n) / 254 + 1)

struct ql_cobs_decoder {
    uint8_t *output;
    size_t capacity;
    size_t length;      // bytes in output so far
    uint8_t group_left; // bytes of the present group still to come
    bool zero_due;      // a zero stands between the present group and the next
    bool begun;         // at least one byte since the last 00
    bool broken;        // the stuffing is wrong or the output too small
};

enum ql_cobs_event {
    QL_COBS_MORE,   // all bytes used, no 00 among them
    QL_COBS_END,    // 00 came: output[0..length-1] is whole
    QL_COBS_EMPTY,  // 00 came right after another one
    QL_COBS_BROKEN, // 00 came, but what went before cannot be decoded or does not fit
};

// Makes the decoder ready for the first frame. `output` takes the decoded bytes of one frame.
void ql_cobs_decoder_init(struct ql_cobs_decoder *decoder, uint8_t *output, size_t capacity);

// Takes bytes up to and including the next 00 and returns how many it took. After an event other
// than QL_COBS_MORE the output stays valid until the next call, which begins a new frame.
size_t ql_cobs_decode(struct ql_cobs_decoder *decoder, const uint8_t *bytes, size_t length,
                      enum ql_cobs_event *event);

struct ql_cobs_encoder {
    uint8_t *output;
    size_t capacity;
    size_t length;  // bytes in output so far, the open group's code byte among them
    size_t code_at; // where the open group's code byte stands
    bool overflow;
};

void ql_cobs_encoder_init(struct ql_cobs_encoder *encoder, uint8_t *output, size_t capacity);
void ql_cobs_encode(struct ql_cobs_encoder *encoder, const uint8_t *bytes, size_t length);
// The number of bytes in the output (without a 00 at the end), or 0 if they did not fit.
size_t ql_cobs_encoder_finish(struct ql_cobs_encoder *encoder);

#endif
