// What is known about single kinds of chips and not told, or told wrong, by SFDP.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_NOR_TABLE_H
#define CORE_NOR_TABLE_H

#include "core/nor.h"

// Amends what SFDP said about the chip with this nor->jedec_id: name, geometry, status registers.
// `has_sfdp` false: nor->geometry holds sfdp_defaults. Returns false if the chip cannot be used,
// since neither SFDP nor the table knows its size.
bool nor_table_apply(struct nor *nor, bool has_sfdp);

#endif
