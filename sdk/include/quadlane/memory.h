// Where code and data live: macros that put a function or a variable into one of the fast memories.
//
// Without a macro, code and constants stay in the external chip (cached), variables go into AXI
// SRAM (cached). The start-up copies what has a value from the chip before main.
//
//     QL_ITCM void motor_step(void) { ... }    // runs without wait states, from RAM
//     QL_DTCM uint32_t gain[3] = {1, 2, 3};    // no wait states, not reachable by most DMA
//     QL_DTCM_ZERO float history[1024];        // the same, starts as zeros
//     QL_DMA uint8_t frame[1500];              // D2 SRAM, never cached: shared with DMA, zeros
//     QL_SRAM4 uint8_t low_power[512];         // D3 SRAM, never cached: for BDMA, zeros
//     QL_NOINIT struct crash_record last;      // keeps its bytes over a reset
//     QL_BACKUP uint8_t log[256];              // backup SRAM: see its remark
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_MEMORY_H
#define QUADLANE_MEMORY_H

// A function in ITCM (64 KB): instruction fetches without wait states whatever the caches do, also
// while the chip is not mapped. What it calls must be in ITCM too to profit; `noinline` keeps it
// from dissolving into a caller that runs from the chip. A call between the chip and ITCM is too
// far for a BL instruction: the linker puts a stub in between.
#define QL_ITCM __attribute__((section(".itcm.text"), noinline))

// Data in DTCM (128 KB, shared with the stack), with and without an initial value.
#define QL_DTCM      __attribute__((section(".dtcm.data")))
#define QL_DTCM_ZERO __attribute__((section(".dtcm.bss")))

// Buffers that DMA1, DMA2, Ethernet or USB share with the program (D2 SRAM, 288 KB), and those
// of BDMA (SRAM4, 64 KB). The start-up makes both memories uncached. Aligned to a cache line.
#define QL_DMA   __attribute__((section(".d2.bss"), aligned(32)))
#define QL_SRAM4 __attribute__((section(".sram4.bss"), aligned(32)))

// Not touched by the start-up: what a reset found there stays. Undefined after power-on, so keep a
// check word beside it. DTCM is not cached: nothing is lost in a cache at a reset.
#define QL_NOINIT __attribute__((section(".noinit")))

// Backup SRAM (4 KB). Its clock (RCC_AHB4ENR bit 28) and PWR_CR1.DBP are the program's to switch on
// before the first access; the start-up leaves it alone.
#define QL_BACKUP __attribute__((section(".backup")))

// Ends of things, from the linker script, for programs and debuggers.
extern char ql_image_start[], ql_image_end[]; // what is flashed, in the chip
extern char ql_image_used[];                  // its code and data without gaps; the "address" is
                                              // the size in bytes, in whole KiB
extern char ql_itcm_start[], ql_itcm_end[];   // QL_ITCM
extern char ql_dtcm_start[], ql_dtcm_end[];   // QL_DTCM
extern char ql_heap_start[], ql_heap_end[];   // malloc's
extern char ql_stack_limit[], ql_stack_top[]; // grows down from the top
extern char ql_program_area_start[], ql_program_area_end[];

#endif
