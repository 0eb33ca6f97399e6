// A USB device with endpoint 0 only, polled: what a stand-in for a loader needs of the controller.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_BOARD_GUESTS_LOADER_CONTROL_PIPE_H
#define TESTS_BOARD_GUESTS_LOADER_CONTROL_PIPE_H

#include <stdbool.h>
#include <stdint.h>

enum { PIPE_PACKET_SIZE = 64 };

struct pipe_request {
    uint8_t type, request;
    uint16_t value, index, length;
};

// Starts the controller and shows the device to the host. HSI48 and VDD33USB must be there.
void pipe_start(void);

// Takes the device off the bus, and resets the controller.
void pipe_stop(void);

// Waits for the next request. *reset: the bus was reset since the last one.
void pipe_wait(struct pipe_request *request, bool *reset);

// Each ends the request. False: the host has given it up.
bool pipe_answer(const struct pipe_request *request, const uint8_t *bytes, uint32_t length);
bool pipe_take(uint8_t *bytes, uint32_t length); // the host's bytes; `pipe_done` is still to come
bool pipe_done(void);
void pipe_stall(void);

void pipe_set_address(uint16_t address);

#endif
