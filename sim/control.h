// The control socket: lines in, "ok" or "error: sentence" out.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include <stddef.h>
#include <stdio.h>

struct control;
struct virtual_board;

// specification: "unix:PATH". NULL: `error` holds a sentence.
struct control *control_create(struct virtual_board *board, const char *specification, char *error,
                               size_t error_size);
void control_close(struct control *control);

// Carries out one line and prints what the socket would answer.
void control_execute(struct virtual_board *board, const char *line, FILE *answer);

#endif
