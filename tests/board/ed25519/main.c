// Checks signatures with the objects that locked bootloaders are linked with, and prints a verdict
// for each: 1 right, 0 wrong; then how many cycles the first one took.
//
// The cases lie at 0x24000000, put there by the test: their number, then for each one the message's
// length, the public key (32 bytes), the signature (64) and the message, filled up to whole words.
//
// SPDX-License-Identifier: MIT
#include "core/ed25519.h"
#include "tests/board/guests/guest.h"

#define CASES       0x24000000u
#define DEMCR       REG(0xE000EDFCu)
#define DWT(offset) REG(0xE0001000u + (offset))

enum { KEY_SIZE = 32, SIGNATURE_SIZE = 64, LINE = 64 };

GUEST_VECTORS GUEST_VECTORS_END;

static void cycles_start(void)
{
    DEMCR |= 1u << 24; // TRCENA
    DWT(0x4) = 0;      // CYCCNT
    DWT(0x0) |= 1u;    // CYCCNTENA
}

void guest_reset(void)
{
    uint32_t count = REG(CASES);
    uint32_t first_cycles = 0;
    const uint8_t *at = (const uint8_t *)(CASES + 4);

    guest_uart_start(64000000);
    for (uint32_t i = 0; i < count; ++i) {
        uint32_t length = REG((uintptr_t)at);
        const uint8_t *key = at + 4;
        const uint8_t *signature = key + KEY_SIZE;
        const uint8_t *message = signature + SIGNATURE_SIZE;
        cycles_start();
        bool right = ed25519_verify(signature, message, length, key);
        if (i == 0) {
            first_cycles = DWT(0x4);
        }
        guest_put(right ? '1' : '0');
        if (i % LINE == LINE - 1) {
            guest_put('\n');
        }
        at = message + ((length + 3) & ~3u);
    }
    guest_put('\n');
    guest_print_value("cycles", first_cycles);
    guest_end();
}
