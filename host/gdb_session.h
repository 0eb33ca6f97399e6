// What the parts of the piece between debugger and server share.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_GDB_SESSION_H
#define HOST_GDB_SESSION_H

#include "host/child.h"
#include "host/gdb.h"
#include "host/gdb_kind.h"
#include "host/gdb_map.h"
#include "host/image.h"
#include "host/rsp.h"

#define QL_GDB_POINTS_MAX  64
#define QL_GDB_CONSOLE_MAX 8192

// A breakpoint or watchpoint that GDB has in the target: the packet behind its Z.
struct ql_gdb_point {
    char text[40];
};

// One block of memory that GDB has not asked for yet.
struct ql_gdb_ahead {
    enum {
        QL_AHEAD_NONE,
        QL_AHEAD_ASKED,   // the server was asked
        QL_AHEAD_CLAIMED, // and meanwhile GDB wants it, too
        QL_AHEAD_READY,   // the answer is in `reply`
    } state;
    bool sequence;            // GDB's last two blocks followed each other
    uint32_t address, length; // of its last one
    uint64_t ready_ns;
    size_t size;
    char reply[QL_RSP_PACKET_MAX];
};

struct ql_gdb {
    struct ql_gdb_options options;
    struct ql_gdb_hooks hooks;
    const struct ql_gdb_kind *kind;
    struct ql_child child;
    int listener;
    char address[80];     // of the listener
    char server_host[64]; // and its port
    char server_port[16];
    struct ql_rsp_line debugger, server;

    // Between GDB and the server.
    bool running;     // GDB waits for a stop
    bool asked;       // GDB waits for an answer of the server's
    bool orphaned;    // the server is gone; GDB is told at its next packet
    bool in_rcmd;     // GDB waits for a monitor command: console output may be sent
    bool private_run; // the target runs on our behalf
    struct ql_gdb_point points[QL_GDB_POINTS_MAX];
    size_t point_count;
    bool server_has_map;
    struct ql_gdb_ahead ahead;
    char *map; // the merged memory map, or a null pointer
    size_t map_size;
    char console[QL_GDB_CONSOLE_MAX]; // what the debugger's console has not been told yet
    size_t console_size;

    // The board.
    char serial[QL_SERIAL_SIZE]; // empty: not known
    bool stop_cancels;           // a stop of the target ends the search for USB
    bool no_cable;               // was not found the last time
    uint32_t program;            // address of the vector table of what was loaded, or 0
    uint32_t entry;              // of it, without the Thumb bit; 0: not known
    uint32_t ram_bytes;          // written into memory since the last load or resume
    bool pristine;               // halted at the entry, and nothing happened since
    bool by_probe;               // the chip was written through the debugger: not sealed

    // `load` under way: what goes into the chip, and whether the server's flash is written, too.
    struct ql_image load;
    size_t load_room; // bytes allocated for its last extent
    bool loading, server_loading;
    int result; // the code of the last failure of a load or restart that was not made good

    uint64_t patience_ns; // with the server's answers; 0: the usual
    size_t reply_size;
    char reply[QL_RSP_PACKET_MAX + 1]; // the server's last answer to a private packet
};

// --- gdb_target.c: the target through the server. All return 0 or -code with the failure.

// Sends a packet and waits for its answer, in gdb->reply. Output for the console that comes before
// is passed on to the debugger if it may get some.
int ql_gdb_ask(struct ql_gdb *gdb, const char *data, size_t size, struct ql_failure *failure);
int ql_gdb_ask_text(struct ql_gdb *gdb, struct ql_failure *failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Waits for an answer that nobody wants any more.
int ql_gdb_swallow(struct ql_gdb *gdb, struct ql_failure *failure);
// A monitor command; its output is dropped, except where `show`.
int ql_gdb_monitor(struct ql_gdb *gdb, const char *command, bool show, struct ql_failure *failure);
int ql_gdb_read_word(struct ql_gdb *gdb, uint32_t address, uint32_t *value,
                     struct ql_failure *failure);
int ql_gdb_write_word(struct ql_gdb *gdb, uint32_t address, uint32_t value,
                      struct ql_failure *failure);
int ql_gdb_read_pc(struct ql_gdb *gdb, uint32_t *pc, struct ql_failure *failure);
int ql_gdb_set_register(struct ql_gdb *gdb, unsigned number, uint32_t value,
                        struct ql_failure *failure);
// Resets; the core is halted before the first instruction.
int ql_gdb_reset_halt(struct ql_gdb *gdb, struct ql_failure *failure);
int ql_gdb_breakpoint(struct ql_gdb *gdb, uint32_t address, bool set, struct ql_failure *failure);
// Takes all that GDB has set out of the target, or puts it back.
void ql_gdb_set_points(struct ql_gdb *gdb, bool set);
int ql_gdb_go(struct ql_gdb *gdb, struct ql_failure *failure);
// Waits until the target has stopped. Returns 1 if it has, 0 when the time is over, or -code.
int ql_gdb_wait_stop(struct ql_gdb *gdb, uint64_t limit_ns, struct ql_failure *failure);
// Halts a target that runs on our behalf.
int ql_gdb_halt(struct ql_gdb *gdb, struct ql_failure *failure);

// --- gdb_restart.c: resets that end at the program.

// Resets the board and leaves it halted at the program's first instruction, or, when no program
// starts, at the bootloader's; the console is told which.
int ql_gdb_restart(struct ql_gdb *gdb, struct ql_failure *failure);
// From the halted target to the bootloader, connected over USB and unlocked; a hardware breakpoint
// at `entry` is set on the way. The target runs, whatever comes of it, if gdb->private_run says so.
int ql_gdb_enter_bootloader(struct ql_gdb *gdb, uint32_t entry, struct ql_connection **connection,
                            struct ql_failure *failure);
// Waits for the breakpoint at `entry` and takes it away; `asked`: the bootloader was told to start
// the program. Whatever comes of it, the target is halted.
int ql_gdb_arrive(struct ql_gdb *gdb, uint32_t entry, bool asked, struct ql_failure *failure);
// Reads the unique id, which is the serial number on USB.
void ql_gdb_identify(struct ql_gdb *gdb);

// --- gdb_probe.c: without USB, by OpenOCD's stmqspi. The chip is written, and the core set to the
// program's first instruction.

int ql_gdb_load_by_probe(struct ql_gdb *gdb, uint32_t program, struct ql_failure *failure);
int ql_gdb_restart_by_probe(struct ql_gdb *gdb, struct ql_failure *failure);

// --- gdb_load.c: `load` into the chip.

// The packets vFlashErase, vFlashWrite, vFlashDone; answers the debugger.
void ql_gdb_flash_packet(struct ql_gdb *gdb, char *data, size_t size);
void ql_gdb_forget_load(struct ql_gdb *gdb);

// --- gdb_console.c: words for people, in the debugger and on the terminal.

void ql_gdb_tell(struct ql_gdb *gdb, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ql_gdb_tell_failure(struct ql_gdb *gdb, const struct ql_failure *failure);
// Sends what waits for the debugger's console; only while it may be sent.
void ql_gdb_flush_console(struct ql_gdb *gdb);
// Answers the debugger with an error and its sentence.
void ql_gdb_answer_failure(struct ql_gdb *gdb, const struct ql_failure *failure);
// Gives the debugger what it waits for, whatever that is: the console's text, and an error or stop.
void ql_gdb_answer_lost(struct ql_gdb *gdb, const struct ql_failure *failure);
// `monitor quadlane ...`; answers the debugger.
void ql_gdb_own_command(struct ql_gdb *gdb, const char *arguments);

// --- gdb_ahead.c

// A packet from GDB: true if it is answered, or will be, by what was asked for ahead.
bool ql_gdb_ahead_take(struct ql_gdb *gdb, const char *data);
// Asks ahead if GDB reads in sequence; only while the server has nothing else to answer.
void ql_gdb_ahead_ask(struct ql_gdb *gdb);
// The server's answer to that. False: the debugger is gone.
bool ql_gdb_ahead_receive(struct ql_gdb *gdb, const struct ql_rsp_packet *packet);

// --- gdb_watch.c

// Adds to a stop reply which watchpoint was hit, if the server does not tell. Returns its new size,
// at most `room`.
size_t ql_gdb_name_watch(struct ql_gdb *gdb, char *stop, size_t size, size_t room);

// --- gdb_packets.c

// The server's own memory map, whole; the text is the caller's. A null pointer: it has none.
char *ql_gdb_server_map(struct ql_gdb *gdb);
// Takes one packet from the debugger: handles it, or passes it on.
void ql_gdb_take_packet(struct ql_gdb *gdb, char *data, size_t size);

#endif
