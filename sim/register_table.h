// Rows of a device's register table.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_REGISTER_TABLE_H
#define SIM_REGISTER_TABLE_H

#include "sim/machine.h"

// A register that takes accesses of any size.
#define REGISTER(name, offset, reset, readable, writable)                                          \
    {                                                                                              \
        name, offset, reset, readable, writable, ACCESS_ANY, 1, 4                                  \
    }
// One that takes words only.
#define REGISTER_WORD(name, offset, reset, readable, writable)                                     \
    {                                                                                              \
        name, offset, reset, readable, writable, ACCESS_WORD, 1, 4                                 \
    }
// Flags, or what clears them: reserved bits may be written with anything.
#define REGISTER_FLAGS(name, offset, reset, readable, writable)                                    \
    {                                                                                              \
        name, offset, reset, readable, writable, ACCESS_ANY | ACCESS_FREE, 1, 4                    \
    }
// `count` words of one shape in a row.
#define REGISTER_ROW(name, offset, reset, readable, writable, count)                               \
    {                                                                                              \
        name, offset, reset, readable, writable, ACCESS_ANY, count, 4                              \
    }
#define REGISTER_END                                                                               \
    {                                                                                              \
        NULL, 0, 0, 0, 0, 0, 0, 0                                                                  \
    }

#endif
