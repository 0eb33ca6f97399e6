// The list of the NOR chip types; a new family adds its lines here.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_chip.h"
#include "sim/nor_model.h"

#include <string.h>

const struct nor_model *const nor_models[] = {
    &nor_w25q64jv_iq,
    &nor_w25q128jv_iq,
    &nor_w25q128jv_im,
    &nor_w25q256jv_iq,
    &nor_is25lp064a,
    &nor_mt25ql512ab,
    &nor_gd25q64c,
    &nor_gd25q128e,
    &nor_mx25l12833f,
    &nor_py25q64ha,
    NULL,
};

const struct nor_model *nor_model_find(const char *name)
{
    for (const struct nor_model *const *model = nor_models; *model != NULL; model++) {
        if (strcmp((*model)->name, name) == 0) {
            return *model;
        }
    }
    return NULL;
}
