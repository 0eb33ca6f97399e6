// Leaves the chip in one state after another that a reset of the microcontroller does not end, and
// resets: continuous reading, power-down, an erase under way, an erase suspended, a write enabled,
// QPI, 4-byte addresses. It says "N" at each start, which proves that the bootloader found the chip
// in order. How its chip is brought there stands in AXI SRAM, where the test puts it.
//
// What leaves memory-mapped mode runs from DTCM: the part of the program that changes the chip's
// state is copied there. Written from RM0433 and the data sheet of the W25Q128JV-DTR.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

#define QUADSPI(offset) REG(0x52005000u + (offset))
#define STEP            REG(0x24001000u) // survives the resets; the bootloader uses no AXI SRAM
#define STEP_MARK       0x53544550u
#define ROUTINE_SIZE    1024u
#define ERASED          0x700000u // a sector of the chip that holds nothing
#define CCR_ONE_LANE    (1u << 8)

GUEST_VECTORS GUEST_VECTORS_END;

// Opcodes, 0: the chip does not know this; registers of the QUADSPI for a read that goes on.
struct chip {
    uint32_t suspend;
    uint32_t enter_qpi;
    uint32_t enter_four_byte;
    uint32_t read_ccr;
    uint32_t read_abr;
    uint32_t allow; // opcode and, above it, a byte that allow such a read; 0: nothing is needed
};
#define CHIP (*(const struct chip *)0x24001004u)

static uint32_t routine[ROUTINE_SIZE / 4];

enum step {
    STEP_NOTHING,
    STEP_CONTINUOUS,
    STEP_POWER_DOWN,
    STEP_ERASING,
    STEP_SUSPENDED,
    STEP_ENABLED,
    STEP_QPI,
    STEP_FOUR_BYTE,
    STEP_COUNT
};

#define LOCAL static inline __attribute__((always_inline))

LOCAL void idle_wait(void)
{
    while ((QUADSPI(0x08) & 1u << 5) != 0) { // SR.BUSY
    }
}

LOCAL void command(uint32_t opcode)
{
    idle_wait();
    QUADSPI(0x14) = CCR_ONE_LANE | opcode; // indirect write of the instruction alone
    idle_wait();
}

LOCAL void erase(uint32_t address)
{
    command(0x06);
    QUADSPI(0x14) = CCR_ONE_LANE | 1u << 10 | 2u << 12 | 0x20u;
    QUADSPI(0x18) = address;
    idle_wait();
}

// With such a mode byte the chip expects an address, not an instruction, at the next chip select.
LOCAL void continuous_read(void)
{
    if (CHIP.allow != 0) {
        uint32_t chips = (QUADSPI(0x00) & 1u << 6) != 0 ? 2 : 1; // CR.DFM
        command(0x06);
        QUADSPI(0x10) = chips - 1;
        QUADSPI(0x14) = CCR_ONE_LANE | 1u << 24 | (CHIP.allow & 0xFFu);
        for (uint32_t i = 0; i < chips; ++i) { // a byte for each
            *(volatile uint8_t *)0x52005020u = (uint8_t)(CHIP.allow >> 8);
        }
        idle_wait();
        QUADSPI(0x0C) = 0x1B;
    }
    QUADSPI(0x10) = 3;
    QUADSPI(0x1C) = CHIP.read_abr;
    QUADSPI(0x14) = CHIP.read_ccr;
    QUADSPI(0x18) = 0x100000u;
    while ((QUADSPI(0x08) & 1u << 1) == 0) { // SR.TCF
    }
    (void)QUADSPI(0x20);
    idle_wait();
}

LOCAL void wait_loop(uint32_t turns)
{
    for (; turns > 0; --turns) {
        __asm volatile("");
    }
}

// Runs at another place than it was linked for: calls nothing, uses no data.
__attribute__((noinline, section(".text.routine"))) static void state_change(uint32_t step)
{
    REG(0xE000ED98u) = 1; // the MPU's region 1 opened the window; without it nobody may read there
    REG(0xE000EDA0u) = 0;
    __asm volatile("dsb\nisb" ::: "memory");
    QUADSPI(0x00) |= 1u << 1; // CR.ABORT
    while ((QUADSPI(0x00) & 1u << 1) != 0) {
    }
    idle_wait();
    QUADSPI(0x0C) = 0x1B; // FCR
    wait_loop(1000000);   // the chip takes no write for 5 ms after power-on
    // Compared one by one: a jump table would lie elsewhere.
    if (step == STEP_CONTINUOUS) {
        continuous_read();
    }
    if (step == STEP_POWER_DOWN) {
        command(0xB9);
    }
    if (step == STEP_ERASING || step == STEP_SUSPENDED) {
        erase(ERASED);
    }
    if (step == STEP_SUSPENDED) {
        wait_loop(5000);
        command(CHIP.suspend);
    }
    if (step == STEP_ENABLED) {
        command(0x06);
    }
    if (step == STEP_QPI) {
        command(CHIP.enter_qpi);
    }
    if (step == STEP_FOUR_BYTE) {
        command(0x06); // some chips ask for it
        command(CHIP.enter_four_byte);
    }
    __asm volatile("dsb" ::: "memory");
    REG(0xE000ED0Cu) = 0x05FA0004u; // AIRCR.SYSRESETREQ
    for (;;) {
    }
}

void guest_reset(void)
{
    uint32_t step = STEP & 0xFFu;

    if ((STEP ^ STEP_MARK) >> 8 != 0) {
        step = STEP_NOTHING; // the first start after power-on
    }
    guest_uart_start(64000000u);
    guest_put((char)('0' + step));
    guest_put('\n');
    guest_uart_stop();
    step++;
    if (step == STEP_QPI && CHIP.enter_qpi == 0) {
        step++;
    }
    if (step == STEP_FOUR_BYTE && CHIP.enter_four_byte == 0) {
        step++;
    }
    if (step == STEP_COUNT) {
        guest_uart_start(64000000u);
        guest_end();
    }
    STEP = (STEP_MARK & ~0xFFu) | step;
    const uint32_t *from = (const uint32_t *)((uint32_t)state_change & ~1u);
    for (unsigned i = 0; i < ROUTINE_SIZE / 4; ++i) {
        routine[i] = from[i];
    }
    __asm volatile("dsb\nisb" ::: "memory");
    ((void (*)(uint32_t))((uint32_t)routine | 1u))(step);
}
