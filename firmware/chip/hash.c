// The HASH unit, from RM0433, chapter "Hash processor".
//
// A write of HASH_DIN while the unit works on a block waits on the bus, so that the loop needs no
// flags; a block takes 66 cycles.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/hash.h"

#include <string.h>

#include "firmware/chip/panic.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/time.h"

enum { DATATYPE_BYTES = 2 };
enum { DIGEST_LIMIT_US = 1000 };

static uint32_t pending;        // bytes that do not fill a word yet, the first in bits 7:0
static unsigned pending_length; // 0..3

void hash_start(void)
{
    RCC_AHB2ENR |= RCC_AHB2ENR_HASHEN;
    (void)RCC_AHB2ENR;
    // Both ALGO bits: SHA-256. Bytes are swapped on the way in, as SHA-256 wants the first on top.
    HASH_CR =
        HASH_CR_ALGO1 | HASH_CR_ALGO0 | FIELD(HASH_CR_DATATYPE, DATATYPE_BYTES) | HASH_CR_INIT;
    pending = 0;
    pending_length = 0;
}

void hash_add(const uint8_t *data, size_t length)
{
    while (length > 0 && pending_length != 0) {
        pending |= (uint32_t)*data++ << pending_length * 8;
        --length;
        if (++pending_length == 4) {
            HASH_DIN = pending;
            pending = 0;
            pending_length = 0;
        }
    }
    for (; length >= 4; length -= 4, data += 4) {
        uint32_t word;
        memcpy(&word, data, sizeof word);
        HASH_DIN = word;
    }
    for (; length > 0; --length) {
        pending |= (uint32_t)*data++ << pending_length++ * 8;
    }
}

void hash_finish(uint8_t digest[HASH_DIGEST_SIZE])
{
    if (pending_length != 0) {
        HASH_DIN = pending;
    }
    HASH_STR = FIELD(HASH_STR_NBLW, pending_length * 8); // 0: the whole last word counts
    HASH_STR |= HASH_STR_DCAL;
    struct time_limit limit = time_limit_us(DIGEST_LIMIT_US);
    while ((HASH_SR & HASH_SR_DCIS) == 0) {
        if (time_limit_reached(&limit)) {
            panic(PANIC_HASH, HASH_SR);
        }
    }
    for (unsigned i = 0; i < HASH_DIGEST_SIZE / 4; ++i) {
        uint32_t word = __builtin_bswap32(HASH_HR(i));
        memcpy(digest + 4 * i, &word, sizeof word);
    }
}

void hash_stop(void)
{
    RCC_AHB2RSTR |= RCC_AHB2RSTR_HASHRST;
    RCC_AHB2RSTR &= ~RCC_AHB2RSTR_HASHRST;
    RCC_AHB2ENR &= ~RCC_AHB2ENR_HASHEN;
}
