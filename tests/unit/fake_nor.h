// A small W25Q128JV behind a `struct nor_bus`, for tests of the core: written from the data sheet
// (W25Q128JV-DTR rev C and the SFDP dump of a W25Q128JV), not from the driver. It keeps its own
// time, which passes in delay_us and where a test lets it.
//
// Whatever a driver must not do ends the program by abort(): a command while the chip works or is
// mapped, programming or erasing without write enable or outside the allowed area, a page wrap.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_UNIT_FAKE_NOR_H
#define TESTS_UNIT_FAKE_NOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/nor_bus.h"

struct fake_nor {
    struct nor_bus bus;
    // Contents, and where they are shown while mapped (no access otherwise).
    uint8_t *array;
    uint8_t *window;
    uint32_t size;
    uint8_t jedec_id[3];
    uint8_t sfdp[256];
    // What a test may set.
    bool absent;        // nothing drives the lines: they read FF
    bool status_locked; // SRL: status registers cannot be written
    bool quad_fixed;    // -IQ parts: QE cannot be cleared
    bool write_enable_broken;
    bool erase_leaves_bit;   // an erase leaves one bit at 0
    bool program_leaves_bit; // a program leaves one bit of its last byte wrong
    bool erase_hangs, program_hangs;
    uint32_t fault_first, fault_end;     // where the faults above are; the programs' area
    uint32_t allowed_first, allowed_end; // erase and program nowhere else
    // State.
    uint8_t status[3];
    bool write_enabled, continuous, qpi, power_down, suspended, reset_enabled;
    bool strict; // the driver has read the id and has to know what it does from then on
    bool mapped;
    bool polling;
    uint64_t now_us;
    uint64_t busy_until_us; // UINT64_MAX: for ever
    // What happened.
    uint32_t erases, programs;         // of the programs' area, from 1 MiB on
    uint32_t low_erases, low_programs; // below it
    uint32_t status_writes, resets, maps;
    uint32_t set_size;
};

// A blank chip with QE set, idle. `size` is a power of two; SFDP is made to fit it.
void fake_nor_create(struct fake_nor *fake, uint32_t size);
void fake_nor_destroy(struct fake_nor *fake);
// Idle, without faults, as after power-on; the contents stay.
void fake_nor_reset(struct fake_nor *fake);
// Lets time pass.
void fake_nor_pass_us(struct fake_nor *fake, uint32_t time_us);
bool fake_nor_is_busy(const struct fake_nor *fake);

#endif
