// The inside of the update engine, shared by the files core/update*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_UPDATE_PARTS_H
#define CORE_UPDATE_PARTS_H

#include "core/update.h"

// In the ring an operation keeps the layout of its payload; the kind takes the place of the id. In
// an open-ended update the place of the number tells which of a WRITE's bytes the host has sent.
enum {
    RING_KIND = QL_STREAM_ID,
    RING_SENT = QL_STREAM_NUMBER, // u16 offset of the first, u16 their number
};

// Room for one more operation, in one piece; the window must have room for it.
uint8_t *update_ring_push(struct update *update, uint32_t length);

// Opens the engine for an update that the caller has described.
void update_start(struct update *update);

// The operations that wait are dropped; the chip's own, and a record, may have to end first.
void update_stop(struct update *update, enum ql_update_state state);

// Before an operation on these bytes: does a WRITING of this update cover them?
bool update_is_covered(const struct update *update, uint32_t address, uint32_t size);
// Widens the update to them, for the next WRITING. Returns false if there is no room for the run.
bool update_widen(struct update *update, uint32_t address, uint32_t size);

#endif
