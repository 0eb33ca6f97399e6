// The PX4 and ArduPilot bootloader protocol beside ours on the serial port, the device's side:
// bytes in, bytes out, the update engine behind (SPEC.md section 20).
//
// It stands between the line and the server. How an image uses it, from the server's context:
//
//     px4_init(&px4, &server);
//     for (;;) {
//         bytes from the host: px4_receive(&px4, bytes, n) tells how many it took; offer the rest
//             again after the next px4_run
//         bool more = server_run(&server);
//         more = px4_run(&px4) || more;
//         while (there is room && (n = px4_transmit(&px4, packet, room)) > 0)
//             send;
//         act on px4_action(&px4);
//     }
//
// SPDX-License-Identifier: MIT
#ifndef CORE_PX4_H
#define CORE_PX4_H

#include "core/server.h"

enum {
    PX4_REVISION = 5, // of the protocol
    PX4_SPLIT_MS = 50,
    PX4_HALF_COMMAND_MS = 500,
    PX4_SILENCE_MS = 10000,
    PX4_PERCENT_EVERY_MS = 250,
    PX4_LEAVE_MS = 100, // from the answer to BOOT to the start
    PX4_DATA_MAX = 255,
    PX4_COMMAND_MAX = 3 + PX4_DATA_MAX, // opcode, length, bytes, end
    PX4_ANSWER_MAX = PX4_DATA_MAX + 2,
    PX4_PAGE = 1024, // of what is given to the engine at once
};

// Where the bytes go; both are the same part of the chip.
enum px4_area {
    PX4_AREA_NONE,
    PX4_AREA_FIRMWARE,
    PX4_AREA_EXTERNAL,
};

// The command under way.
enum px4_work {
    PX4_WORK_NOT,
    PX4_WORK_ERASE,          // waits for the engine
    PX4_WORK_EXTERNAL_ERASE, // the same,
    PX4_WORK_PERCENT,        // then erases
    PX4_WORK_PROGRAM,
    PX4_WORK_CRC,
    PX4_WORK_READ,
    PX4_WORK_SEAL,  // BOOT: what was written,
    PX4_WORK_START, // then the check of what shall start
    PX4_WORK_CHECK,
    PX4_WORK_LEFT,
};

struct px4 {
    struct server *server;
    struct update *update;
    uint32_t commands; // understood since start
    // Whose bytes are they?
    bool speaking;  // this protocol's
    bool at_begin;  // a frame of ours may begin with the next byte
    bool kept_sync; // that was a GET_SYNC, not yet given to anyone
    uint32_t heard_ms;
    // The command that comes in, or is under way; and its answer.
    uint8_t command[PX4_COMMAND_MAX];
    unsigned length;
    uint8_t out[PX4_ANSWER_MAX];
    unsigned out_length, out_sent;
    unsigned asked;                    // what opens the gates
    uint32_t read_next, read_ext_next; // offsets of READ_MULTI and EXTF_READ_MULTI
    // The upload.
    enum px4_area area;  // since its erase
    bool empty_internal; // an erase of the internal flash came behind a whole external one
    bool checked;        // a CRC was asked for since the last byte
    uint32_t first;      // address of the upload,
    uint32_t end;        // behind the last byte taken,
    uint32_t erased_end, erase_target;
    uint8_t page[PX4_PAGE]; // bytes behind the engine's last,
    uint32_t page_fill;
    // Work.
    enum px4_work work;
    uint32_t work_ms;    // when it began
    uint32_t percent_ms; // when the last one was told
    uint32_t data_done;
    bool begun;
    uint32_t crc, read_address, read_end, fill; // of the CRC: chip bytes, then FF
    uint32_t start_address;
    uint32_t left_ms;
};

void px4_init(struct px4 *px4, struct server *server);

// Takes bytes from the host, those of our own protocol for the server. Returns how many; none
// while a command is under way.
size_t px4_receive(struct px4 *px4, const uint8_t *bytes, size_t length);
// Would it take more now?
bool px4_is_ready(const struct px4 *px4);

// Goes on with what is under way. Returns true if there is more to do at once.
bool px4_run(struct px4 *px4);

// Up to `capacity` bytes for the host, of whichever protocol it speaks; returns how many.
size_t px4_transmit(struct px4 *px4, uint8_t *bytes, size_t capacity);

// The USB device was reset, configured anew or unplugged.
void px4_line_reset(struct px4 *px4);

// SERVER_ACT_BOOT once the program shall start.
struct server_action px4_action(const struct px4 *px4);

// The protocol's CRC-32, on from `crc`, which begins with 0; and that of `count` bytes FF.
uint32_t px4_crc(uint32_t crc, const uint8_t *bytes, size_t length);
uint32_t px4_crc_fill(uint32_t crc, uint32_t count);

#endif
