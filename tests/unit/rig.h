// A protocol server on a fake chip, with the facts that the vectors' answers tell.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include "core/dfu.h"
#include "core/px4.h"
#include "core/server.h"
#include "tests/unit/fake_nor.h"

struct rig {
    struct fake_nor fake;
    struct nor nor;
    struct server_facts facts;
    struct sha256_service sha256;
    const struct lock_policy *policy;     // the open one, if no test changes it
    struct lock_memory lock_memory;       // survives rig_restart
    const struct ram_service *ram;        // none, if no test gives one
    const struct bootloader_flash *flash; // the same
    struct server server;
    struct dfu dfu;
    struct px4 px4; // between the line and the server
    uint8_t dfu_buffer[QL_DFU_TRANSFER_SIZE];
    uint8_t *ring; // on the heap, so that the sanitizer sees its ends
    // What the board sent and no test has looked at yet.
    uint8_t out[65536];
    size_t out_length, out_used;
    struct ql_frame_decoder decoder;
    size_t packet; // px4_receive gets at most so many bytes at once
};

// A started server on a chip of `size` bytes that is blank.
void rig_create(struct rig *rig, uint32_t size);
void rig_destroy(struct rig *rig);
// The same board after a reset.
void rig_restart(struct rig *rig);

void rig_receive(struct rig *rig, const uint8_t *bytes, size_t length);
void rig_receive_vector(struct rig *rig, const char *name);
void rig_receive_frame(struct rig *rig, uint8_t kind, uint16_t tag, const void *payload,
                       size_t length);

// Runs the server until it waits, and takes what it sends.
void rig_run(struct rig *rig);
// The same, and lets `time_ms` pass in steps of 100 us.
void rig_run_ms(struct rig *rig, uint32_t time_ms);

// The next frame that the board has sent, or kind 0. Empty frames are passed over; a damaged one
// ends the program.
struct ql_frame rig_next(struct rig *rig);
// Runs for up to `limit_ms` until a frame of this kind comes, dropping others. Kind 0: none came.
struct ql_frame rig_wait(struct rig *rig, uint8_t kind, uint32_t limit_ms);
// The same bytes as the vector's must be next on the line, after nothing but 00.
void rig_expect_vector(struct rig *rig, const char *name);

// Sends a request and returns its answer's status; `answer` (may be NULL) gets the frame.
uint16_t rig_request(struct rig *rig, uint8_t kind, const void *payload, size_t length,
                     struct ql_frame *answer);

// BEGIN for `length` bytes at `address` that shall be `bytes`. Returns the answer's status.
uint16_t rig_begin(struct rig *rig, uint32_t id, uint32_t address, const uint8_t *bytes,
                   uint32_t length, uint32_t flags);
void rig_erase(struct rig *rig, uint32_t id, uint32_t number, uint32_t address, uint32_t size);
void rig_write(struct rig *rig, uint32_t id, uint32_t number, uint32_t address,
               const uint8_t *bytes, uint32_t length);
// END; runs for up to `limit_ms`; returns the status, or 0xFFFF if no answer came.
uint16_t rig_end(struct rig *rig, uint32_t id, uint32_t count, uint32_t limit_ms);

// A program at `address`: a vector table, then bytes that look random.
void rig_program(uint8_t *image, size_t size, uint32_t address);
// What stands in the chip there.
uint8_t *rig_chip_at(const struct rig *rig, uint32_t address);
// The log's place, and its newest record, or NULL.
const uint8_t *rig_slot(const struct rig *rig, unsigned place);
const uint8_t *rig_last_record(const struct rig *rig);

void rig_sha256(const uint8_t *bytes, size_t length, uint8_t digest[32]);
uint32_t rig_word(const struct ql_frame *frame, unsigned offset);

#endif
