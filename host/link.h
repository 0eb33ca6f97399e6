// Frames to and from a board, and requests with their repetitions (SPEC.md sections 1, 2 and 5).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include "abi/frame.h"
#include "host/error.h"
#include "host/observer.h"
#include "host/transport.h"

#define QL_REQUEST_TRIES      5
#define QL_REQUEST_TIMEOUT_NS QL_NS_PER_S

struct ql_link {
    struct ql_transport transport;
    const struct ql_observer *observer;
    bool deaf_to_cancel; // while cleaning up after Ctrl-C
    bool doubt;          // the last frame may not have gone out whole: begin the next with 00
    uint16_t tag;        // of the last request
    // Counters since the link was made.
    uint64_t bytes_received;
    uint64_t frames_received; // good answers and events
    uint64_t frames_damaged;
    uint64_t repetitions; // of requests
    uint64_t heard_ns;    // when the last good frame came
    struct ql_frame_decoder decoder;
    uint8_t input[4096];
    size_t input_at, input_end;
    uint8_t output[QL_FRAME_MAX + 1];
};

struct ql_answer {
    uint16_t status;
    uint32_t detail;
    uint32_t size; // of the content
    uint8_t content[QL_PAYLOAD_MAX];
};

struct ql_patience {
    unsigned tries;
    uint64_t timeout_ns; // of each
};

// Takes over the open transport.
void ql_link_init(struct ql_link *link, const struct ql_transport *transport,
                  const struct ql_observer *observer);
void ql_link_close(struct ql_link *link);
uint64_t ql_link_now(const struct ql_link *link);

int ql_link_send(struct ql_link *link, const struct ql_frame *frame, struct ql_failure *failure);
// The next good answer or event. Returns 1 with a frame (valid until the next call), 0 when the
// deadline passed, or -code.
int ql_link_receive(struct ql_link *link, struct ql_frame *frame, uint64_t deadline_ns,
                    struct ql_failure *failure);

// Sends a request and waits for its answer, with the patience of SPEC.md section 5. Whatever status
// the answer has, the result is 0. Events that come meanwhile are dropped.
int ql_link_request(struct ql_link *link, uint8_t kind, const uint8_t *payload, uint16_t length,
                    struct ql_answer *answer, struct ql_failure *failure);
int ql_link_request_patiently(struct ql_link *link, uint8_t kind, const uint8_t *payload,
                              uint16_t length, struct ql_patience patience,
                              struct ql_answer *answer, struct ql_failure *failure);
// As ql_link_request, and a status other than OK is a failure; `what` says in its sentence what
// was tried ("reading 0x90100000"). A board that is busy for a moment is asked again.
int ql_link_call(struct ql_link *link, uint8_t kind, const uint8_t *payload, uint16_t length,
                 const char *what, struct ql_answer *answer, struct ql_failure *failure);

// Is the frame the answer to a request of this kind and tag? Takes it apart if so.
bool ql_answer_take(struct ql_answer *answer, const struct ql_frame *frame, uint8_t kind,
                    uint16_t tag);

// The sentence for a status that a board answered.
int ql_fail_status(struct ql_failure *failure, const char *what, uint16_t status, uint32_t detail);
const char *ql_status_name(uint16_t status);

#endif
