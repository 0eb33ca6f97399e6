// The protocol server: bytes of the line in, bytes of the line out, the update engine between
// (SPEC.md sections 1 to 5).
//
// How an image uses it, from one context (interrupts only fill and empty the USB buffers):
//
//     server_init(&server, &config);
//     for (;;) {
//         while ((n = bytes from the host) > 0)
//             server_receive(&server, bytes, n);
//         bool more = server_run(&server);
//         while (the IN endpoint has room && (n = server_transmit(&server, packet, 64)) > 0) {
//             send the packet; // after a last packet of 64 bytes an empty one
//             more = true;     // room for the next answer may be what something waited for
//         }
//         act on server_action(&server), once what was sent has left;
//         if (!more && no bytes from the host)
//             wait for an interrupt;
//     }
//
// While it waits, something (a tick) must wake it at least every 20 ms.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include "abi/frame.h"
#include "core/bootloader.h"
#include "core/lock.h"
#include "core/ram_program.h"
#include "core/settings.h"
#include "core/update.h"

// What INFO and HELLO tell about the board. Read each time they are asked for, so that main may
// change stay_reason later.
struct server_facts {
    const char *board_name; // at most 255 characters each
    const char *version;
    uint32_t uid[3];
    uint32_t session;     // another one at each start
    uint32_t reset_cause; // RCC_RSR as read at start
    uint32_t attempts;    // RTC_BKP29R as read at start (SPEC.md section 16)
    uint32_t idcode;      // DBGMCU_IDCODE
    uint32_t cpu_hz;
    uint32_t quadspi_hz;
    uint8_t read_protection;
    enum ql_stay_reason stay_reason;
    uint32_t boot_address; // the board's default; server_boot_address says what counts
    uint32_t build_size;   // of the bootloader's image, 0: not known
    uint8_t build_sha256[QL_SHA256_SIZE];
    uint32_t reserved_end; // bytes at the chip's end that are not for programs, multiple of 4096
    // Where in the chip the bootloader itself lies as second stage (SPEC.md section 21), multiples
    // of 4096; size 0: not in the chip.
    uint32_t image_area, image_area_size;
    uint32_t px4_board_id, px4_board_revision; // SPEC.md section 20
    const uint32_t *fault_dump;                // as words of abi/fault_dump.h, null: there is none
};

struct server_config {
    const struct server_facts *facts;
    struct nor *nor; // nor_start was called, whatever it returned
    const struct sha256_service *sha256;
    const struct lock_policy *policy;     // null: nothing opens the board
    struct lock_memory *lock_memory;      // null: wrong keys are forgotten at a reset
    const struct ram_service *ram;        // null: no programs in RAM
    const struct bootloader_flash *flash; // null: the bootloader's own flash is left alone
    // Ring for stream operations. HELLO's window is its size less QL_PAYLOAD_MAX, rounded down to
    // a multiple of 16: 135184 bytes (128 KiB + 4112) give a window of 128 KiB.
    uint8_t *ring;
    uint32_t ring_size; // > 2 * QL_PAYLOAD_MAX
};

enum server_action_kind {
    SERVER_ACT_NOT,
    SERVER_ACT_BOOT,       // start the program at `address`; it was checked
    SERVER_ACT_BOOT_RAM,   // the same, in RAM
    SERVER_ACT_RESET,      // reset
    SERVER_ACT_RESET_STAY, // leave the stay request (SPEC.md section 9), then reset
    SERVER_ACT_REPLACE,    // put `length` bytes of the staging RAM in the bootloader's place
};

struct server_action {
    enum server_action_kind kind;
    uint32_t address;
    uint32_t length;
    bool forget_dump; // before a reset: the fault dump (SPEC.md section 22)
};

enum {
    SERVER_REQUEST_MAX = QL_SETTINGS_SIZE, // the longest payload that any request may have
};

// A request kept for later.
struct server_request {
    uint8_t kind; // 0: none
    uint16_t tag;
    uint16_t length; // as it came; the payload is kept up to SERVER_REQUEST_MAX
    uint8_t payload[SERVER_REQUEST_MAX];
};

struct server {
    const struct server_facts *facts;
    struct nor *nor;
    const struct sha256_service *sha256;
    const struct ram_service *ram;
    struct records records;
    struct lock lock;
    struct bootloader bootloader;
    struct update update;
    struct settings settings;  // in force
    uint32_t settings_written; // records.settings_written when they were read
    uint32_t program_end;
    uint32_t frames_taken, frames_damaged;
    // A request that needs the chip or time, under way; and one waiting for room for its answer.
    struct server_request job;
    struct server_request waiting;
    bool job_begun;
    uint32_t job_done;             // bytes or sectors
    struct seal_reading check;     // of a program, begun by server_check_begin
    struct ram_check ram_check;    // of a RAM_RUN
    struct server_action action;   // to be done when its answer has left
    const void *holder;            // by server_hold: whose chip and hash are, null: nobody's
    struct outcome upload_failure; // of the last one by DFU or PX4's protocol that failed
    // The next answer, and the frame on its way out.
    bool answer_ready;
    bool progress_first; // PROGRESS was due before the answer was
    uint8_t answer_kind;
    uint16_t answer_tag;
    uint16_t answer_length;
    bool separate; // a 00 goes before the next frame
    uint32_t out_length, out_sent;
    uint8_t answer[QL_PAYLOAD_MAX];
    uint8_t out[QL_FRAME_MAX + 1];
    struct ql_frame_decoder decoder;
};

void server_init(struct server *server, const struct server_config *config);

// Takes bytes from the host, all of them.
void server_receive(struct server *server, const uint8_t *bytes, size_t length);

// Goes on with what is under way, for about a millisecond at most. Returns true if there is more
// to do at once.
bool server_run(struct server *server);

// Gives up to `capacity` bytes for the host and returns how many; 0: none now.
size_t server_transmit(struct server *server, uint8_t *bytes, size_t capacity);

// The USB device was reset, configured anew or unplugged: forgets half-received and half-sent
// frames, requests and answers, and locks the board again. An open update stays.
void server_line_reset(struct server *server);

// Another protocol has the line: the same, but the board stays unlocked.
void server_silence(struct server *server);

// Good frames since start.
uint32_t server_frames_taken(const struct server *server);

// What the host has asked the board to do, once all bytes of the answer were given out. The caller
// sees to it that they leave, then acts.
struct server_action server_action(const struct server *server);

// The settings in force.
const struct settings *server_settings(const struct server *server);

// The address of the program that the board starts by itself.
uint32_t server_boot_address(const struct server *server);

// Can what lies at `address` be started, as far as that is known without reading all of it? The
// checks of BOOT but for the hash. Maps the chip.
struct outcome server_program_check(struct server *server, uint32_t address);

// The same and as much of the hash as a start without a host has time for; `random` chooses what is
// read. Takes up to about 10 ms at a QUADSPI clock of 32 MHz.
struct outcome server_start_check(struct server *server, uint32_t address, uint32_t random);

// The same and the whole hash, in slices: begin answers what is not right at once, or OK; then run
// returns false until it is done. Nothing else may use the chip or the hash in between.
struct outcome server_check_begin(struct server *server, uint32_t address);
bool server_check_run(struct server *server, uint32_t address, struct outcome *outcome);

// Keeps chip and hash for `holder`: requests that need them are answered BUSY until it releases
// them. Returns false if they are in use.
bool server_hold(struct server *server, const void *holder);
void server_release(struct server *server, const void *holder);

// Has the program at the boot address failed to confirm its start as often as it may?
bool server_attempts_are_spent(struct server *server);

// The program at `address` is about to be started, by a BOOT request if `by_host`. Returns true and
// what RTC_BKP29R must hold then, if it promises to confirm its start.
bool server_attempts_next(struct server *server, uint32_t address, bool by_host, uint32_t *word);

#endif
