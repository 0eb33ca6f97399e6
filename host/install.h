// Puts a bootloader onto a board that has none, by the tools that reach such a board: dfu-util
// (the microcontroller's own loader, or the board maker's) and OpenOCD (a debug probe).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_INSTALL_H
#define HOST_INSTALL_H

#include "host/capture.h"

#include <limits.h>

enum ql_via { QL_VIA_ANY, QL_VIA_DFU, QL_VIA_OPENOCD, QL_VIA_MAKER };

// Where an image goes.
struct ql_place {
    const char *suffix; // of its file, behind the board's name
    uint32_t address, size;
    const char *text; // "the internal flash"
};
const struct ql_place *ql_place_of(enum ql_via via);
// "dfu", "openocd", "maker"; QL_VIA_ANY for anything else.
enum ql_via ql_via_from(const char *name);
const char *ql_via_name(enum ql_via via);

// One way to one board.
struct ql_way {
    enum ql_via via;
    char device[96]; // for people: "ST-LINK at USB 1-2"
    char path[32];   // USB; empty when not known
    char serial[64]; // the probe's, or the DFU device's
    uint16_t vid, pid;
    unsigned alt;        // of DFU
    char adapter[16];    // OpenOCD: its file in debug/openocd/adapter
    const char *support; // the folder `debug`
    const char *board;   // its name
    char folder[512];    // for files that pass between the tools; ql_install_start() makes it
    char unique[25];     // the microcontroller's serial number, as the bootloader spells it; or ""
    const struct ql_observer *observer;
};

struct ql_way_wanted {
    enum ql_via via;
    const char *adapter; // a null pointer: any; else only OpenOCD counts
    const char *serial;  // a null pointer: any
};

// Finds the one way there is; fails when there is none or several.
int ql_install_find(struct ql_way *way, const struct ql_way_wanted *wanted,
                    struct ql_failure *failure);

// The file's bytes, `place->size` of them with FF behind the file's end; free(). A raw
// binary.
// Without `any` they must be a bootloader for this board.
int ql_install_load(const char *path, const char *board, const struct ql_place *place, bool any,
                    uint8_t **bytes, size_t *size, struct ql_failure *failure);

// Makes the way's folder, in $TMPDIR; ql_install_end() takes it away.
int ql_install_start(struct ql_way *way, struct ql_failure *failure);
void ql_install_end(struct ql_way *way);
// All that the place holds now; `bytes` has room for it. Changes nothing on the board, and fails
// when its read-out protection is on.
int ql_install_read(struct ql_way *way, uint8_t *bytes, struct ql_failure *failure);
// Writes, compares, starts.
int ql_install_write(struct ql_way *way, const uint8_t *bytes, size_t size,
                     struct ql_failure *failure);

// For the two tools.
enum { QL_ROM_VID = 0x0483, QL_ROM_PID = 0xDF11 }; // the microcontroller's own loader
int ql_install_find_dfu(struct ql_way *ways, size_t *count, size_t count_max,
                        const struct ql_way_wanted *wanted, struct ql_failure *failure);
int ql_install_read_dfu(struct ql_way *way, uint8_t *bytes, struct ql_failure *failure);
int ql_install_write_dfu(struct ql_way *way, const uint8_t *bytes, size_t size,
                         struct ql_failure *failure);
int ql_install_read_openocd(struct ql_way *way, uint8_t *bytes, struct ql_failure *failure);
int ql_install_write_openocd(struct ql_way *way, size_t size, struct ql_failure *failure);
// A file in the way's folder: its name, and its bytes, which must be `size`.
void ql_install_path(const struct ql_way *way, const char *name, char path[PATH_MAX]);
int ql_install_take(const struct ql_way *way, const char *name, uint8_t *bytes, size_t size,
                    struct ql_failure *failure);
// The rest of the last line of a tool's output that begins so and goes on; empty: there is none.
const char *ql_install_line(const struct ql_capture *said, const char *begin, char *line,
                            size_t size);

#endif
