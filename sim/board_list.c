// The list of boards, filled before main begins.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define BOARDS_MAX 64u

static const struct board_description *boards[BOARDS_MAX];
static unsigned board_count;

void board_register(const struct board_description *description)
{
    unsigned at = board_count++;

    assert(board_count < BOARDS_MAX);
    while (at > 0 && strcmp(boards[at - 1]->name, description->name) > 0) {
        boards[at] = boards[at - 1];
        at--;
    }
    boards[at] = description;
}

const struct board_description *board_at(unsigned index)
{
    return index < board_count ? boards[index] : NULL;
}

const struct board_description *board_find(const char *name)
{
    for (unsigned i = 0; i < board_count; i++) {
        if (strcmp(boards[i]->name, name) == 0) {
            return boards[i];
        }
    }
    return NULL;
}
