// A virtual chip with an id that nobody knows. Apart from the tests, since the core and the virtual
// board both have a `struct nor_command`.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_model.h"

const struct nor_model *model_stranger(void);

const struct nor_model *model_stranger(void)
{
    static struct nor_model stranger;

    stranger = nor_w25q256jv_iq;
    stranger.jedec[1] = 0x66;
    return &stranger;
}
