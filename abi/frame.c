// Frames on the line. Written from SPEC.md section 1.
//
// SPDX-License-Identifier: MIT
#include "abi/frame.h"

#include "abi/bytes.h"
#include "abi/crc32.h"

// The CRC-32 of any bytes with their own CRC-32 behind them.
#define CRC_OF_CHECKED 0x2144DF1Cu

size_t ql_frame_encode(const struct ql_frame *frame, uint8_t *output, size_t capacity)
{
    if (frame->length > QL_PAYLOAD_MAX || capacity == 0)
        return 0;
    uint8_t header[QL_BODY_PAYLOAD] = {[QL_BODY_KIND] = frame->kind};
    ql_store_u16(header + QL_BODY_TAG, frame->tag);
    ql_store_u16(header + QL_BODY_LENGTH, frame->length);
    uint8_t check[QL_BODY_CRC_SIZE];
    uint32_t crc = ql_crc32(0, header, sizeof header);
    ql_store_u32(check, ql_crc32(crc, frame->payload, frame->length));

    struct ql_cobs_encoder encoder;
    ql_cobs_encoder_init(&encoder, output, capacity - 1);
    ql_cobs_encode(&encoder, header, sizeof header);
    ql_cobs_encode(&encoder, frame->payload, frame->length);
    ql_cobs_encode(&encoder, check, sizeof check);
    size_t length = ql_cobs_encoder_finish(&encoder);
    if (length == 0)
        return 0;
    output[length] = 0;
    return length + 1;
}

static void check_restart(struct ql_frame_decoder *decoder)
{
    decoder->crc = 0;
    decoder->checked = 0;
}

// The check keeps up with the bytes, so that the end of a long frame takes no longer than the rest.
static void check_go_on(struct ql_frame_decoder *decoder)
{
    decoder->crc = ql_crc32(decoder->crc, decoder->body + decoder->checked,
                            decoder->cobs.length - decoder->checked);
    decoder->checked = decoder->cobs.length;
}

void ql_frame_decoder_init(struct ql_frame_decoder *decoder)
{
    check_restart(decoder);
    ql_cobs_decoder_init(&decoder->cobs, decoder->body, sizeof decoder->body);
}

static enum ql_frame_event body_judge(const uint8_t *body, size_t length, uint32_t crc,
                                      struct ql_frame *frame)
{
    if (length < QL_BODY_MIN || crc != CRC_OF_CHECKED)
        return QL_FRAME_DAMAGED;
    size_t checked = length - QL_BODY_CRC_SIZE;
    uint16_t payload_length = ql_load_u16(body + QL_BODY_LENGTH);
    if (payload_length != checked - QL_BODY_PAYLOAD || body[QL_BODY_FLAGS] != 0 ||
        ql_load_u16(body + QL_BODY_RESERVED) != 0)
        return QL_FRAME_DAMAGED;
    *frame = (struct ql_frame){
        .kind = body[QL_BODY_KIND],
        .tag = ql_load_u16(body + QL_BODY_TAG),
        .length = payload_length,
        .payload = body + QL_BODY_PAYLOAD,
    };
    return QL_FRAME_GOOD;
}

size_t ql_frame_decode(struct ql_frame_decoder *decoder, const uint8_t *bytes, size_t length,
                       enum ql_frame_event *event, struct ql_frame *frame)
{
    size_t used = 0;
    *event = QL_FRAME_MORE;
    *frame = (struct ql_frame){0};
    while (used < length && *event == QL_FRAME_MORE) {
        enum ql_cobs_event unstuffed;
        used += ql_cobs_decode(&decoder->cobs, bytes + used, length - used, &unstuffed);
        if (unstuffed == QL_COBS_MORE || unstuffed == QL_COBS_END)
            check_go_on(decoder);
        if (unstuffed == QL_COBS_END)
            *event = body_judge(decoder->body, decoder->cobs.length, decoder->crc, frame);
        else if (unstuffed == QL_COBS_BROKEN)
            *event = QL_FRAME_DAMAGED;
        if (unstuffed != QL_COBS_MORE)
            check_restart(decoder);
    }
    return used;
}
