// From the bootloader's hand-over to main: FPU, caches, clock, MPU, memories, constructors.
//
// The bootloader leaves the world as after a reset, with caches off and the MPU's regions 0 and 1
// guarding the chip's window (SPEC.md section 8); both stay as they are. All of this executes from
// the external chip.
// Written from SPEC.md section 8, the ARMv7-M Architecture Reference Manual and RM0433.
//
// SPDX-License-Identifier: MIT
#include <stddef.h>
#include <stdlib.h>

#include "quadlane/cache.h"
#include "quadlane/clock.h"
#include "quadlane/h750.h"
#include "quadlane/interrupts.h"
#include "quadlane/m7.h"
#include "quadlane/memory.h"
#include "runtime.h"

// From the linker script.
extern uint32_t ql_itcm_load[], ql_dtcm_load[], ql_data_load[];
extern char ql_data_start[], ql_data_end[];
extern char ql_bss_start[], ql_bss_end[];
extern char ql_dtcm_bss_start[], ql_dtcm_bss_end[];
extern char ql_d2_start[], ql_d2_end[];
extern char ql_sram4_start[], ql_sram4_end[];
extern char ql_stack_guard[];
int main(void);

// newlib's: they walk through the linker script's init and fini arrays, and call _init and _fini,
// which compilers before those arrays filled.
void __libc_init_array(void);
void __libc_fini_array(void);
void _init(void);
void _fini(void);

// RASR: size as 2^(size+1), access and memory type.
#define REGION_ON              (1u << 0)
#define REGION_SIZE(log2)      (((uint32_t)(log2)-1u) << 1)
#define REGION_NO_ACCESS       (0u << 24)
#define REGION_READ_WRITE      (3u << 24)
#define REGION_NORMAL_UNCACHED (1u << 19)
#define REGION_EXECUTE_NEVER   (1u << 28)

static void mpu_region_set(uint32_t number, uint32_t address, uint32_t attributes)
{
    MPU_RNR = number;
    MPU_RASR = 0;
    MPU_RBAR = address;
    MPU_RASR = attributes | REGION_ON;
}

static void mpu_set_up(void)
{
    const uint32_t shared_with_dma =
        REGION_READ_WRITE | REGION_NORMAL_UNCACHED | REGION_EXECUTE_NEVER;
    const uint32_t closed = REGION_NO_ACCESS | REGION_EXECUTE_NEVER;

    m7_dmb();
    mpu_region_set(2, 0x00000000, closed | REGION_SIZE(8)); // null pointers
    mpu_region_set(QL_STACK_GUARD_REGION, (uint32_t)(uintptr_t)ql_stack_guard,
                   closed | REGION_SIZE(9));
    mpu_region_set(4, 0x30000000, shared_with_dma | REGION_SIZE(18)); // SRAM1, SRAM2
    mpu_region_set(5, 0x30040000, shared_with_dma | REGION_SIZE(15)); // SRAM3
    mpu_region_set(6, 0x38000000, shared_with_dma | REGION_SIZE(16)); // SRAM4
    mpu_region_set(7, 0x38800000, shared_with_dma | REGION_SIZE(12)); // backup SRAM
    MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
    m7_dsb();
    m7_isb();
}

static void words_copy(void *to, const void *end, const uint32_t *from)
{
    for (uint32_t *word = to; word != end; word++)
        *word = *from++;
}

static void words_clear(void *from, const void *end)
{
    for (uint32_t *word = from; word != end; word++)
        *word = 0;
}

static void memories_fill(void)
{
    words_copy(ql_itcm_start, ql_itcm_end, ql_itcm_load);
    words_copy(ql_dtcm_start, ql_dtcm_end, ql_dtcm_load);
    words_copy(ql_data_start, ql_data_end, ql_data_load);
    words_clear(ql_bss_start, ql_bss_end);
    words_clear(ql_dtcm_bss_start, ql_dtcm_bss_end);
    words_clear(ql_d2_start, ql_d2_end);
    words_clear(ql_sram4_start, ql_sram4_end);
    // What was just written may be fetched as instructions next.
    m7_dsb();
    m7_isb();
}

static void vectors_use_dtcm(void)
{
    for (size_t i = 0; i < QL_VECTOR_COUNT; i++)
        ql_vectors_in_dtcm[i] = ql_vectors[i];
    m7_dsb();
    SCB_VTOR = (uint32_t)(uintptr_t)ql_vectors_in_dtcm;
    m7_dsb();
}

// Behind Reset_Handler, with a stack and the FPU.
__attribute__((noreturn, used, section(".text.startup.quadlane"))) static void run(void)
{
    SCB_VTOR = (uint32_t)(uintptr_t)ql_vectors;
    ql_icache_enable();
    SystemInit();
    RCC_AHB2ENR |= RCC_AHB2ENR_SRAM1EN | RCC_AHB2ENR_SRAM2EN | RCC_AHB2ENR_SRAM3EN;
    (void)RCC_AHB2ENR; // a clock needs two bus cycles before the first access behind it
    mpu_set_up();
    ql_dcache_enable();
    memories_fill();
    vectors_use_dtcm();
    SCB_SHCSR |= SCB_SHCSR_MEMFAULTENA | SCB_SHCSR_BUSFAULTENA | SCB_SHCSR_USGFAULTENA;
    atexit(__libc_fini_array);
    __libc_init_array();
    exit(main());
}

void _init(void)
{
}

void _fini(void)
{
}

// The bootloader has set MSP from the vector table; a debugger that jumps here may not have.
__attribute__((naked, noreturn, section(".text.startup.quadlane"))) void Reset_Handler(void)
{
    __asm volatile("ldr r0, =ql_stack_top\n\t"
                   "mov sp, r0\n\t"
                   "ldr r0, =0xE000ED88\n\t" // CPACR: FPU on before the compiler may use it
                   "ldr r1, [r0]\n\t"
                   "orr r1, r1, #0x00F00000\n\t"
                   "str r1, [r0]\n\t"
                   "dsb\n\t"
                   "isb\n\t"
                   "b %0\n\t"
                   ".ltorg" ::"i"(run));
}
