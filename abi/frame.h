// Frames on the line: bodies with kind, tag, payload and CRC, stuffed and ended by 00 (SPEC.md
// section 1).
//
// SPDX-License-Identifier: MIT
#ifndef ABI_FRAME_H
#define ABI_FRAME_H

#include "abi/cobs.h"
#include "abi/protocol.h"

// The most bytes a frame may take on the line, the 00 at its end among them.
#define QL_FRAME_MAX (QL_COBS_ENCODED_MAX(QL_BODY_MAX) + 1)

struct ql_frame {
    uint8_t kind;
    uint16_t tag;
    uint16_t length; // of the payload
    const uint8_t *payload;
};

// Writes the frame and the 00 that ends it. Returns the number of bytes, or 0 if the payload is
// longer than QL_PAYLOAD_MAX or the frame does not fit into `capacity` (QL_FRAME_MAX is always
// enough). A 00 in front, where SPEC.md asks for one, is the caller's.
size_t ql_frame_encode(const struct ql_frame *frame, uint8_t *output, size_t capacity);

struct ql_frame_decoder {
    struct ql_cobs_decoder cobs;
    uint32_t crc;   // of the body so far
    size_t checked; // bytes in `crc`
    uint8_t body[QL_BODY_MAX];
};

enum ql_frame_event {
    QL_FRAME_MORE,    // all bytes used, no frame ended
    QL_FRAME_GOOD,    // a frame ended and is right
    QL_FRAME_DAMAGED, // a frame ended and is damaged in the sense of SPEC.md section 1
};

// Also forgets a half-received frame.
void ql_frame_decoder_init(struct ql_frame_decoder *decoder);

// Takes bytes up to the end of the next frame and returns how many it took; empty frames are
// passed over. With QL_FRAME_GOOD `frame` is filled; its payload lies in the decoder and stays
// valid until the next call. Kinds are not judged here.
size_t ql_frame_decode(struct ql_frame_decoder *decoder, const uint8_t *bytes, size_t length,
                       enum ql_frame_event *event, struct ql_frame *frame);

#endif
