// What a board tells about itself (HELLO and INFO of SPEC.md section 2), and its small requests.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_BOARD_H
#define HOST_BOARD_H

#include "abi/fault_dump.h"
#include "host/area.h"
#include "host/key.h"
#include "host/link.h"
#include "host/plan.h"
#include "host/settings.h"

#define QL_SERIAL_SIZE 25 // 24 digits and the final zero
#define QL_TEXT_SIZE   64
#define QL_RUNS_MAX    16

// A run of bytes that the board knows (SPEC.md section 12).
struct ql_run {
    uint32_t address, length;
    uint8_t state; // enum ql_run_state
    bool is_program;
    uint8_t digest[QL_RUN_DIGEST_SIZE]; // of its SHA-256
};

struct ql_board {
    // HELLO
    uint16_t protocol;
    uint32_t payload_max;
    uint32_t window;
    uint32_t capabilities;
    uint32_t session;
    char serial[QL_SERIAL_SIZE];  // the unique id as the USB serial number spells it
    uint8_t id[QL_BOARD_ID_SIZE]; // computed from it

    // INFO; `items` has bit n set when item n came.
    uint64_t items;
    char name[QL_TEXT_SIZE];
    char bootloader[QL_TEXT_SIZE];
    char chip_name[QL_TEXT_SIZE];
    uint32_t jedec_id; // in bits 23..0
    uint32_t chip_size;
    uint8_t status_registers[3];
    struct ql_area area;
    struct ql_geometry geometry;
    uint8_t stay_reason;
    uint32_t boot_address;
    uint16_t verdict;
    uint32_t verdict_detail;
    uint32_t reset_cause;
    uint32_t idcode;
    uint32_t cpu_hz, quadspi_hz;
    uint32_t frames_taken, frames_damaged;
    uint8_t read_protection;
    uint8_t attempts, attempts_limit; // starts that the program did not confirm
    bool write_protected;             // the bootloader's own flash, with QL_INFO_OWN_FLASH
    uint8_t sfdp[2];
    struct ql_run runs[QL_RUNS_MAX];
    size_t run_count;
    struct ql_settings settings;
    uint8_t last_kind; // enum ql_last_kind; of the newest update that the records know
    uint32_t last_address, last_length;
    uint32_t px4_board_id, px4_board_revision; // what uploaders of PX4 and ArduPilot ask for
    uint16_t dfu_status; // why the last DFU download or upload failed, or one by those uploaders
    uint32_t dfu_detail;
    uint32_t fault_dump[QL_DUMP_WORDS]; // with QL_INFO_FAULT_DUMP; the check is left out
    uint32_t build_size;                // of the bootloader
    uint8_t build_sha256[QL_SHA256_SIZE];
    uint8_t id_told[QL_BOARD_ID_SIZE]; // what the board itself says
    uint8_t lock_state;                // enum ql_lock_state
    uint32_t permissions;
    uint32_t generation;
    uint8_t issuer[QL_FINGERPRINT_SIZE];
};

struct ql_update_progress {
    uint32_t id;
    uint8_t state; // enum ql_update_state
    uint16_t status;
    uint32_t detail;
    uint32_t taken, executed, faults;
    uint32_t erased, programmed, skipped; // bytes
    uint32_t address;
};

// First contact: gives up after 2 s.
int ql_board_hello(struct ql_link *link, struct ql_board *board, struct ql_failure *failure);
int ql_board_info(struct ql_link *link, struct ql_board *board, struct ql_failure *failure);
// Takes INFO's items apart; false when they are malformed.
bool ql_board_parse_info(struct ql_board *board, const uint8_t *items, size_t size);
bool ql_board_parse_hello(struct ql_board *board, const uint8_t *content, size_t size);
// Fails if the board has no chip that can be used, or named too little of it.
int ql_board_check_chip(const struct ql_board *board, struct ql_failure *failure);
bool ql_board_has(const struct ql_board *board, enum ql_info_tag tag);
// Does an update that was not finished share a sector with these bytes?
bool ql_board_is_unfinished(const struct ql_board *board, uint32_t address, uint32_t length);
// Why the board stayed in its bootloader, as a clause: "the button is held".
const char *ql_stay_reason_text(uint8_t reason);

bool ql_progress_parse(struct ql_update_progress *progress, const uint8_t *record, size_t size);
int ql_board_status(struct ql_link *link, struct ql_update_progress *progress,
                    struct ql_failure *failure);
// Closes the update with this id, or whichever is open (0).
int ql_board_abort(struct ql_link *link, uint32_t id, struct ql_failure *failure);
// Closes what another run left open, so that the chip can be read.
int ql_board_make_idle(struct ql_link *link, struct ql_failure *failure);

// At most 4096 bytes.
int ql_board_read(struct ql_link *link, uint32_t address, uint8_t *data, uint32_t size,
                  struct ql_failure *failure);
int ql_board_hash(struct ql_link *link, uint32_t address, uint32_t size,
                  uint8_t digest[QL_SHA256_SIZE], struct ql_failure *failure);
int ql_board_sectors(struct ql_link *link, uint32_t address, uint32_t count,
                     uint8_t (*digests)[QL_SECTOR_DIGEST_SIZE], struct ql_failure *failure);
int ql_board_boot(struct ql_link *link, uint32_t address, struct ql_failure *failure);
// With `forget` the board's fault dump, if it has one, is cleared first.
int ql_board_reset(struct ql_link *link, const struct ql_board *board, bool stay, bool forget,
                   struct ql_failure *failure);

#endif
