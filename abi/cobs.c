// Consistent Overhead Byte Stuffing, in pieces.
//
// From: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", 1997; SPEC.md section 1.
// SPDX-License-Identifier: MIT
#include "abi/cobs.h"

// A group of this code has 254 bytes and no zero after it.
#define CODE_FULL 255

static void frame_restart(struct ql_cobs_decoder *decoder)
{
    decoder->length = 0;
    decoder->group_left = 0;
    decoder->zero_due = false;
    decoder->begun = false;
    decoder->broken = false;
}

void ql_cobs_decoder_init(struct ql_cobs_decoder *decoder, uint8_t *output, size_t capacity)
{
    decoder->output = output;
    decoder->capacity = capacity;
    frame_restart(decoder);
}

static void byte_put(struct ql_cobs_decoder *decoder, uint8_t byte)
{
    if (decoder->length < decoder->capacity)
        decoder->output[decoder->length++] = byte;
    else
        decoder->broken = true;
}

static enum ql_cobs_event frame_end(const struct ql_cobs_decoder *decoder)
{
    if (!decoder->begun)
        return QL_COBS_EMPTY;
    return decoder->broken || decoder->group_left > 0 ? QL_COBS_BROKEN : QL_COBS_END;
}

size_t ql_cobs_decode(struct ql_cobs_decoder *decoder, const uint8_t *bytes, size_t length,
                      enum ql_cobs_event *event)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = bytes[i];
        if (byte == 0) {
            // The output's length has to outlive this call, all else starts anew.
            size_t decoded = decoder->length;
            *event = frame_end(decoder);
            frame_restart(decoder);
            decoder->length = decoded;
            return i + 1;
        }
        if (!decoder->begun) {
            frame_restart(decoder);
            decoder->begun = true;
        }
        if (decoder->group_left > 0) {
            byte_put(decoder, byte);
            decoder->group_left--;
            continue;
        }
        if (decoder->zero_due)
            byte_put(decoder, 0);
        decoder->group_left = (uint8_t)(byte - 1);
        decoder->zero_due = byte != CODE_FULL;
    }
    *event = QL_COBS_MORE;
    return length;
}

static void group_open(struct ql_cobs_encoder *encoder)
{
    encoder->code_at = encoder->length;
    if (encoder->length < encoder->capacity)
        encoder->length++;
    else
        encoder->overflow = true;
}

static void group_close(struct ql_cobs_encoder *encoder)
{
    if (!encoder->overflow)
        encoder->output[encoder->code_at] = (uint8_t)(encoder->length - encoder->code_at);
}

void ql_cobs_encoder_init(struct ql_cobs_encoder *encoder, uint8_t *output, size_t capacity)
{
    encoder->output = output;
    encoder->capacity = capacity;
    encoder->length = 0;
    encoder->overflow = false;
    group_open(encoder);
}

void ql_cobs_encode(struct ql_cobs_encoder *encoder, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length && !encoder->overflow; i++) {
        // A full group ends when another byte follows, so that nothing stands behind the last one.
        if (encoder->length - encoder->code_at == CODE_FULL) {
            group_close(encoder);
            group_open(encoder);
        }
        if (bytes[i] == 0) {
            group_close(encoder);
            group_open(encoder);
        } else if (encoder->length < encoder->capacity) {
            encoder->output[encoder->length++] = bytes[i];
        } else {
            encoder->overflow = true;
        }
    }
}

size_t ql_cobs_encoder_finish(struct ql_cobs_encoder *encoder)
{
    group_close(encoder);
    return encoder->overflow ? 0 : encoder->length;
}
