// The bootloader's own flash (SPEC.md section 18): protecting it, and another bootloader in its
// place.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_BOOTLOADER_H
#define HOST_BOOTLOADER_H

#include "host/connection.h"

// A bootloader from a file, and what its marker says.
struct ql_bootloader {
    uint8_t *bytes;
    uint32_t size;
    char version[QL_MARKER_TEXT_SIZE];
    char board[QL_MARKER_BOARD_SIZE];
    uint8_t digest[QL_SHA256_SIZE]; // its build
    bool locked;
    uint32_t generation;
    uint8_t key[QL_ISSUER_KEY_SIZE];
    uint8_t issuer[QL_FINGERPRINT_SIZE];
};

// Reads ELF, Intel HEX or a raw binary. -QL_BOOTLOADER_FILE if it is no whole bootloader.
int ql_bootloader_load(struct ql_bootloader *bootloader, const char *path,
                       struct ql_failure *failure);
// The same for `bytes` that are there already, made for `address`; the caller keeps them. `path` is
// for the sentence.
int ql_bootloader_parse(struct ql_bootloader *bootloader, const char *path, uint8_t *bytes,
                        uint32_t size, uint32_t address, struct ql_failure *failure);
void ql_bootloader_free(struct ql_bootloader *bootloader);

enum ql_lock_change {
    QL_LOCK_SAME,    // for the same keys, or for none as before
    QL_LOCK_RAISED,  // keys that fit now will not fit then, or none is needed now
    QL_LOCK_LOWERED, // who is kept out now will be let in, wholly or in part
};

// What becomes of the board's lock with this bootloader.
enum ql_lock_change ql_bootloader_lock_change(const struct ql_bootloader *bootloader,
                                              const struct ql_board *board);

// Does the bootloader lie in the internal flash, as far as the board tells? QL_BOARD_REFUSED if it
// is a second stage.
int ql_board_check_own_flash(const struct ql_board *board, struct ql_failure *failure);

// Is it made for this board, and can this board replace its bootloader? With `force` the lock may
// be lowered.
int ql_bootloader_check(const struct ql_bootloader *bootloader, const struct ql_board *board,
                        bool force, struct ql_failure *failure);

// Brings it into the board's RAM and has the board check it there. *same: the board runs these
// very bytes. Nothing is changed.
int ql_bootloader_stage(struct ql_connection *connection, const struct ql_bootloader *bootloader,
                        bool force, bool *same, struct ql_failure *failure);

// Puts what was staged in the bootloader's place, waits until the board is back, and looks whether
// it runs the new one. *build_seen: the board told its build, too (a locked one does not).
int ql_bootloader_replace(struct ql_connection *connection, const struct ql_bootloader *bootloader,
                          bool force, bool *build_seen, struct ql_failure *failure);

// The level of the read-out protection.
static inline unsigned ql_read_level(const struct ql_board *board)
{
    return board->read_protection == 0xAA ? 0 : board->read_protection == 0xCC ? 2 : 1;
}

// Changes it; the board's record tells what it is afterwards.
int ql_board_protect(struct ql_link *link, struct ql_board *board, enum ql_protect what,
                     struct ql_failure *failure);

#endif
