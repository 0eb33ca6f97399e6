// A board in C for tests of the host's library: protocol, chip and line in virtual time, with
// faults.
//
// Written from SPEC.md alone, with its own framing, so that it shares no mistake with abi/ or
// host/.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_UNIT_FAKE_BOARD_H
#define TESTS_UNIT_FAKE_BOARD_H

#include "host/connection.h"

#define FAKE_CHIP_SIZE  (16U << 20)
#define FAKE_BASE       0x90000000U
#define FAKE_QUEUE_MAX  16384
#define FAKE_OUTPUT_MAX (1U << 20)

enum fake_direction { TO_BOARD, TO_HOST };
// What happens to a frame on the line. UNPLUG: it is lost, and the cable is out after it.
enum fake_fate { PASS, DROP, DOUBLE, DAMAGE, SWAP, UNPLUG };

struct fake_operation {
    uint8_t kind;
    uint32_t address, size, payload_length;
    uint8_t *data;
};

struct fake_board {
    // Behaviour, set by tests.
    enum fake_fate (*fate)(struct fake_board *board, enum fake_direction direction, unsigned number,
                           const uint8_t *body, size_t length);
    void *context;
    bool silent;          // takes everything, says nothing
    bool nonsense;        // answers any byte with text
    bool echo;            // sends back what it gets
    bool gone;            // the cable is out: reading and writing fail
    bool comes_back;      // reconnecting works
    bool resets_when_out; // a lost cable takes the supply with it
    uint32_t capabilities;
    uint32_t window;
    uint16_t payload_max;
    uint16_t begin_status; // what BEGIN is refused with
    uint32_t fail_address; // the erase of this address fails ...
    uint16_t fail_status;  // ... with this status, if it is not 0
    bool stuck_bit;        // programming leaves a bit of the last byte at 1
    bool wrong_digest;     // END is answered OK with another run's digest
    uint64_t cancel_at_ns; // virtual time of a Ctrl-C, 0: none
    uint8_t status_registers[3];
    // A run that INFO tells of, if its state is not 0.
    uint32_t run_address, run_length;
    uint8_t run_state;

    // State.
    uint64_t now_ns;
    uint8_t *chip;
    uint32_t session;
    uint32_t uid[3];
    unsigned frames[2];  // seen in each direction
    unsigned kinds[256]; // good frames taken, by kind
    uint32_t booted_at;
    uint64_t window_peak;
    unsigned reconnects;
    struct {
        uint32_t address, owner;
    } begins[8]; // the first ones that opened an update
    unsigned begin_count;

    // The update.
    uint8_t begin[60];
    uint32_t id;
    uint8_t state;
    uint16_t status;
    uint32_t detail, taken, executed, faults, erased, programmed, skipped, address;
    struct fake_operation queue[FAKE_QUEUE_MAX]; // by stream number
    uint64_t queued_bytes;
    uint64_t busy_until_ns, progress_ns, fault_ns;
    uint32_t executed_bytes;
    bool fault_since_good, end_waiting;
    uint16_t end_tag;
    uint32_t end_count;
    uint64_t verified_ns;

    // The line.
    uint8_t input[8192];
    size_t input_size;
    uint8_t held[8192]; // a swapped frame
    size_t held_size;
    uint8_t output[FAKE_OUTPUT_MAX];
    size_t output_at, output_end;

    struct ql_observer observer;
};

// A board with a chip full of FF; free with fake_destroy.
struct fake_board *fake_create(void);
void fake_destroy(struct fake_board *board);
// A connection to it, as ql_connect() leaves it before HELLO.
void fake_connect(struct fake_board *board, struct ql_connection *connection);
// The same up to INFO; the test fails if that does not work.
void fake_connect_fully(struct fake_board *board, struct ql_connection *connection);

#endif
