// DFU with ST's extensions, the device's side without the bus: requests in, answers out, the update
// engine behind (SPEC.md section 19).
//
// How an image uses it, from the same context as the server:
//
//     dfu_init(&dfu, &server, buffer);
//     for (;;) {
//         if a request for the interface has come whole (DNLOAD's bytes stand in the buffer)
//             dfu_request(&dfu, &request, answer, &length) ? send the answer : stall;
//         bool more = dfu_run(&dfu);
//         act on dfu_action(&dfu);
//     }
//
// While dfu_is_holding says so, the buffer's bytes are still wanted and no DNLOAD may be let in.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_DFU_H
#define CORE_DFU_H

#include "core/server.h"

enum {
    DFU_DETACH = 0,
    DFU_DNLOAD = 1,
    DFU_UPLOAD = 2,
    DFU_GETSTATUS = 3,
    DFU_CLRSTATUS = 4,
    DFU_GETSTATE = 5,
    DFU_ABORT = 6,
};

enum {
    DFU_STATUS_SIZE = 6,
    DFU_LAYOUT_SIZE = 126 + 1, // the longest text that a string descriptor holds
    DFU_SEGMENTS_MAX = 10,     // of the layout, beside the smaller pages at its end
    DFU_SEGMENT_PAGES_MAX = 99,
    DFU_PAGES_MAX = (DFU_SEGMENTS_MAX + 1) * DFU_SEGMENT_PAGES_MAX,
    DFU_RUNS_MAX = 4,
    DFU_STRING_LAYOUT = 4, // index of the interface's string,
    DFU_STRING_REASON = 5, // and of the one that tells why
    DFU_SILENCE_MS = 3000,
    DFU_LEAVE_MS = 20,        // behind the answer that says so
    DFU_LEAVE_LIMIT_MS = 500, // if nobody asks for it
};

enum dfu_state {
    DFU_STATE_IDLE = 2,
    DFU_STATE_DNLOAD_SYNC = 3,
    DFU_STATE_DNBUSY = 4,
    DFU_STATE_DNLOAD_IDLE = 5,
    DFU_STATE_MANIFEST = 7,
    DFU_STATE_UPLOAD_IDLE = 9,
    DFU_STATE_ERROR = 10,
};

enum dfu_status {
    DFU_STATUS_OK = 0x00,
    DFU_STATUS_WRITE = 0x03,
    DFU_STATUS_ERASE = 0x04,
    DFU_STATUS_PROG = 0x06,
    DFU_STATUS_VERIFY = 0x07,
    DFU_STATUS_ADDRESS = 0x08,
    DFU_STATUS_NOTDONE = 0x09,
    DFU_STATUS_FIRMWARE = 0x0A,
    DFU_STATUS_VENDOR = 0x0B,
    DFU_STATUS_UNKNOWN = 0x0E,
    DFU_STATUS_STALLEDPKT = 0x0F,
};

struct dfu_request {
    uint8_t request;
    uint16_t value, length;
};

// What the last DNLOAD is at.
enum dfu_work {
    DFU_WORK_NOT, // done
    DFU_WORK_ERASE,
    DFU_WORK_MASS_ERASE,
    DFU_WORK_WRITE,
    DFU_WORK_DRAIN, // until everything is executed
    DFU_WORK_SEAL,  // leave: run by run,
    DFU_WORK_CHECK, // then the program that shall start
    DFU_WORK_LEFT,
};

// Pages that touch each other.
struct dfu_run {
    uint32_t pages_first, pages_end; // those erased or written to
    uint32_t first, end;             // bytes written; end 0: none
    uint32_t erased_end;             // behind the last page erased by its own command
};

struct dfu {
    struct server *server;
    struct update *update;
    uint8_t *buffer; // QL_DFU_TRANSFER_SIZE bytes
    enum dfu_state state;
    enum dfu_status status;
    const char *reason; // of errVENDOR
    uint32_t transfers; // DNLOADs and UPLOADs since start
    uint32_t heard_ms;
    uint32_t pointer;
    // Pages: `page_count` of `page_size`, then `tail_count` of `tail_size`.
    uint32_t page_size, page_erase, page_count;
    uint32_t tail_size, tail_count;
    uint8_t noted[(DFU_PAGES_MAX + 7) / 8]; // to be erased, a bit each
    uint32_t noted_count;
    uint32_t erase_at, erase_end; // the page whose erases are being given to the engine
    uint32_t cursor;              // behind what was written last
    // The DNLOAD under way.
    enum dfu_work work;
    bool told; // dfuDNBUSY was said
    uint32_t page;
    uint32_t write_address, write_length, write_done;
    // The download.
    struct dfu_run runs[DFU_RUNS_MAX]; // the last one is the engine's while that is open
    unsigned run_count;
    bool started; // the engine is, or was last, at the last run
    bool parking; // the engine ends a run that was only erased
    // Leave.
    unsigned sealed;       // the run that is sealed,
    bool sealing;          // the engine is at it
    uint32_t sealed_first; // the first program that was sealed, 0: none
    bool checking;
    uint32_t start_address;
    bool manifest_told;
    uint32_t left_ms;
};

void dfu_init(struct dfu *dfu, struct server *server, uint8_t *buffer);

// The interface's string.
void dfu_layout(const struct dfu *dfu, char text[DFU_LAYOUT_SIZE]);

// A request to the interface. `answer` is where the bytes for the host are (in the buffer or in
// `small`), `*length` how many. Returns false if it is to be stalled.
bool dfu_request(struct dfu *dfu, const struct dfu_request *request, uint8_t small[DFU_STATUS_SIZE],
                 const uint8_t **answer, size_t *length);
// One that could not be let in.
void dfu_refuse(struct dfu *dfu);

bool dfu_is_holding(const struct dfu *dfu);

// Why errVENDOR, in words.
const char *dfu_reason(const struct dfu *dfu);

// Goes on with what is under way. Returns true if there is more to do at once.
bool dfu_run(struct dfu *dfu);

// The USB device was reset, configured anew or unplugged.
void dfu_line_reset(struct dfu *dfu);

// SERVER_ACT_BOOT once the program shall start.
struct server_action dfu_action(const struct dfu *dfu);

#endif
