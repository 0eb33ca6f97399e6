// FLASH of the STM32H750: the interface registers, the 128 KB array with its programming rules, the
// option bytes.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_FLASH_H
#define SIM_H750_FLASH_H

#include <stdbool.h>
#include <stdint.h>

struct flash;
struct machine;
struct rcc;

#define FLASH_BASE UINT32_C(0x08000000)
#define FLASH_SIZE UINT32_C(0x20000)

// Maps the array at FLASH_BASE (erased) and takes the CPU's stores to it. Array and option bytes
// outlive resets and power cycles of the machine.
struct flash *flash_create(struct machine *machine, struct rcc *rcc);

// The array's bytes, for a loader; after a change tell the machine (machine_memory_changed).
// Words at `offset` were changed by a tool, not by the program: they may be programmed again.
void flash_forget_programmed(struct flash *flash, uint32_t offset, uint32_t length);
uint8_t *flash_array(struct flash *flash);

// Cuts power inside operation number `operations` from now (0: the next one), when `fraction` of it
// is done. Erasing, programming a word and changing the option bytes count. `cut_power` is to call
// flash_power_off or reset the machine.
void flash_cut_after(struct flash *flash, uint64_t operations, double fraction,
                     void (*cut_power)(void *context), void *context);

enum flash_failure {
    FLASH_FAILURE_ERASE,   // bits stay, OPERR
    FLASH_FAILURE_PROGRAM, // half of the word stays blank
    FLASH_FAILURE_OPTIONS, // nothing changes, OPTCHANGEERR
    FLASH_FAILURES,
};

// Lets the next `times` operations of a kind go wrong.
void flash_fail(struct flash *flash, enum flash_failure kind, uint64_t times);

// Power is going: what is being programmed or erased is left torn. Call before RESET_POWER_ON.
void flash_power_off(struct flash *flash);

// Where the core boots with the BOOT0 pin at this level (option bytes BOOT_ADD0, BOOT_ADD1).
uint32_t flash_boot_address(const struct flash *flash, bool boot0);

// Erase and program operations since creation.
uint64_t flash_operations(const struct flash *flash);

#endif
