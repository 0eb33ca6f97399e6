// HASH processor of the STM32H750: SHA-1, MD5, SHA-224, SHA-256 and HMAC with each.
//
// From STM32H753.svd, the CMSIS header and ST's HAL flow; the digests come from libnettle. A block
// takes 66 cycles of HCLK (82 for SHA-1). The write into DIN that starts a block while another one
// is under way waits on the bus. DMA and context swapping are not modelled: using one says so.
// Messages must end on a whole byte.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_hash.h"

#include "sim/clock_math.h"
#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <nettle/nettle-meta.h>
#include <stdlib.h>
#include <string.h>

enum hash_offset {
    HASH_CR = 0x000,
    HASH_DIN = 0x004,
    HASH_STR = 0x008,
    HASH_HR0 = 0x00C,
    HASH_IMR = 0x020,
    HASH_SR = 0x024,
    HASH_CSR0 = 0x0F8,
    HASH_DIGEST = 0x310,
};

#define HASH_RNG_IRQ 80u
#define IRQ_SOURCE   0u // RNG is 1
#define BLOCK_SIZE   64u
#define DIGEST_MAX   32u
#define CONTEXT_MAX  256u
#define CR_INIT      (UINT32_C(1) << 2)
#define CR_DMAE      (UINT32_C(1) << 3)
#define CR_MODE      (UINT32_C(1) << 6)
#define CR_ALGO      (UINT32_C(1) << 7 | UINT32_C(1) << 18)
#define CR_DINNE     (UINT32_C(1) << 12)
#define CR_LKEY      (UINT32_C(1) << 16)
#define CR_STORED    UINT32_C(0x000520F8)
#define STR_NBLW     UINT32_C(0x1F)
#define STR_DCAL     (UINT32_C(1) << 8)
#define SR_DINIS     (UINT32_C(1) << 0)
#define SR_DCIS      (UINT32_C(1) << 1)
#define SR_BUSY      (UINT32_C(1) << 3)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("CR",    0x000, 0x00000000, 0x00053FF8, 0x000520FC),
    REGISTER_WORD("DIN", 0x004, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("STR",   0x008, 0x00000000, 0x0000001F, 0x0000011F),
    REGISTER("HR0",   0x00C, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER("HR1",   0x010, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER("HR2",   0x014, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER("HR3",   0x018, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER("HR4",   0x01C, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER("IMR",   0x020, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("SR",    0x024, 0x00000001, 0x0000000F, 0x00000003),
    REGISTER_ROW("CSR", 0x0F8, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF, 54),
    REGISTER_ROW("HASH_HR", 0x310, 0x00000000, 0xFFFFFFFF, 0x00000000, 8),
    REGISTER_END,
};
// clang-format on

// What the words of DIN are part of.
enum hash_part { PART_MESSAGE, PART_INNER_KEY, PART_HMAC_MESSAGE, PART_OUTER_KEY };

struct hash {
    struct machine *machine;
    struct rcc *rcc;
    uint32_t control;
    uint32_t string; // STR.NBLW
    uint32_t interrupts;

    const struct nettle_hash *algorithm;
    _Alignas(16) uint8_t context[CONTEXT_MAX];
    enum hash_part part;
    bool started;    // CR.INIT was written
    bool word_waits; // DIN's last word may be the message's last: not hashed yet
    uint32_t word;
    uint32_t words;            // of the present part
    uint8_t inner[DIGEST_MAX]; // HMAC: digest of the inner hash
    uint8_t key[BLOCK_SIZE];   // HMAC: the key as far as it fits a block
    size_t key_length;
    bool key_is_long; // it is hashed instead
    uint32_t digest[8];
    bool digest_ready;
    uint64_t busy_until_ns;
    struct event done;
    bool digest_under_way;
};

static const struct nettle_hash *selected_algorithm(uint32_t control)
{
    switch (control & CR_ALGO) {
    case 0:
        return &nettle_sha1;
    case UINT32_C(1) << 7:
        return &nettle_md5;
    case UINT32_C(1) << 18:
        return &nettle_sha224;
    default:
        return &nettle_sha256;
    }
}

// --- Time and flags -----------------------------------------------------------------------------

static bool is_busy(const struct hash *hash)
{
    return machine_now_ns(hash->machine) < hash->busy_until_ns;
}

static uint32_t status(const struct hash *hash)
{
    return (is_busy(hash) ? SR_BUSY : SR_DINIS) | (hash->digest_ready ? SR_DCIS : 0);
}

static void update_irq(struct hash *hash)
{
    machine_irq_shared(hash->machine, HASH_RNG_IRQ, IRQ_SOURCE,
                       (status(hash) & hash->interrupts & 3) != 0);
}

static void work_done(void *context)
{
    struct hash *hash = context;

    if (hash->digest_under_way) {
        hash->digest_under_way = false;
        hash->digest_ready = true;
    }
    update_irq(hash);
}

static void take_blocks(struct hash *hash, unsigned blocks)
{
    uint64_t cycles = hash->algorithm == &nettle_sha1 ? 82 : 66;
    uint64_t now_ns = machine_now_ns(hash->machine);

    if (hash->busy_until_ns < now_ns) {
        hash->busy_until_ns = now_ns;
    }
    hash->busy_until_ns += ns_of_ticks(blocks * cycles, rcc_clock_hz(hash->rcc, RCC_CLOCK_HCLK));
    event_arm_at(hash->machine, &hash->done, hash->busy_until_ns);
}

// --- Message and keys ---------------------------------------------------------------------------

static void begin_context(struct hash *hash)
{
    hash->algorithm->init(hash->context);
    hash->words = 0;
    hash->word_waits = false;
}

static void hash_bytes(struct hash *hash, const uint8_t *bytes, size_t length)
{
    hash->algorithm->update(hash->context, length, bytes);
}

static void key_bytes(struct hash *hash, const uint8_t *bytes, size_t length)
{
    hash_bytes(hash, bytes, length); // in case it is a long one
    for (size_t i = 0; i < length; i++, hash->key_length++) {
        if (hash->key_length < BLOCK_SIZE) {
            hash->key[hash->key_length] = bytes[i];
        }
    }
}

// A word of DIN as bytes of the message: DATATYPE says what in it is swapped.
static void word_bytes(const struct hash *hash, uint32_t word, uint8_t bytes[4])
{
    unsigned type = hash->control >> 4 & 3;

    if (type == 1) {
        word = word << 16 | word >> 16;
    } else if (type >= 2) {
        word = __builtin_bswap32(word);
    }
    for (unsigned i = 0; i < 4; i++) {
        uint8_t byte = (uint8_t)(word >> (24 - 8 * i));

        if (type == 3) {
            byte = (uint8_t)((byte * UINT64_C(0x0202020202) & UINT64_C(0x010884422010)) % 1023);
        }
        bytes[i] = byte;
    }
}

static void take_word(struct hash *hash, size_t length)
{
    uint8_t bytes[4];

    word_bytes(hash, hash->word, bytes);
    hash->word_waits = false;
    if (hash->part == PART_INNER_KEY || hash->part == PART_OUTER_KEY) {
        key_bytes(hash, bytes, length);
    } else {
        hash_bytes(hash, bytes, length);
    }
}

static void write_din(struct hash *hash, uint32_t value)
{
    if (!hash->started) {
        machine_violation(hash->machine, "HASH", "DIN written before CR.INIT");
        return;
    }
    if (hash->word_waits) {
        take_word(hash, 4);
    }
    hash->word = value;
    hash->word_waits = true;
    hash->words++;
    hash->digest_ready = false;
    if (hash->words > 1 && hash->words % 16 == 1) { // the 17th word starts a block
        machine_stall(hash->machine, hash->busy_until_ns);
        take_blocks(hash, 1);
    }
}

// The key padded to a block, or its hash if it is longer, combined with a constant.
static void hash_key_block(struct hash *hash, uint8_t constant)
{
    uint8_t block[BLOCK_SIZE] = {0};

    if (hash->key_is_long) {
        hash->algorithm->digest(hash->context, hash->algorithm->digest_size, block);
    } else {
        memcpy(block, hash->key, hash->key_length);
    }
    for (unsigned i = 0; i < BLOCK_SIZE; i++) {
        block[i] ^= constant;
    }
    begin_context(hash);
    hash_bytes(hash, block, BLOCK_SIZE);
}

static void end_key(struct hash *hash, uint8_t constant)
{
    hash->key_is_long = (hash->control & CR_LKEY) != 0;
    if (hash->key_is_long != (hash->key_length > BLOCK_SIZE)) {
        machine_violation(hash->machine, "HASH", "CR.LKEY %d does not fit a key of %zu bytes",
                          hash->key_is_long, hash->key_length);
        hash->key_is_long = hash->key_length > BLOCK_SIZE;
    }
    hash_key_block(hash, constant);
    hash->key_length = 0;
}

static void store_digest(struct hash *hash)
{
    uint8_t digest[DIGEST_MAX] = {0};

    hash->algorithm->digest(hash->context, hash->algorithm->digest_size, digest);
    for (unsigned i = 0; i < 8; i++) {
        hash->digest[i] = (uint32_t)digest[4 * i] << 24 | (uint32_t)digest[4 * i + 1] << 16 |
                          (uint32_t)digest[4 * i + 2] << 8 | digest[4 * i + 3];
    }
    hash->digest_under_way = true;
}

static void end_part(struct hash *hash)
{
    switch (hash->part) {
    case PART_INNER_KEY:
        end_key(hash, 0x36);
        hash->part = PART_HMAC_MESSAGE;
        break;
    case PART_HMAC_MESSAGE:
        hash->algorithm->digest(hash->context, hash->algorithm->digest_size, hash->inner);
        begin_context(hash);
        hash->part = PART_OUTER_KEY;
        break;
    case PART_OUTER_KEY:
        end_key(hash, 0x5C);
        hash_bytes(hash, hash->inner, hash->algorithm->digest_size);
        store_digest(hash);
        hash->part = PART_INNER_KEY;
        break;
    default:
        store_digest(hash);
        break;
    }
}

static void calculate(struct hash *hash)
{
    unsigned bits = hash->string & STR_NBLW;
    unsigned blocks = (hash->words % 16) * 4 + 9 > BLOCK_SIZE ? 2 : 1; // padding and length

    if (!hash->started) {
        machine_violation(hash->machine, "HASH", "STR.DCAL before CR.INIT");
        return;
    }
    if (bits % 8 != 0) {
        machine_violation(hash->machine, "HASH", "messages that end within a byte (NBLW %u)", bits);
    }
    if (hash->word_waits) {
        take_word(hash, bits == 0 ? 4 : bits / 8);
    }
    hash->words = 0;
    end_part(hash);
    take_blocks(hash, blocks);
}

// --- Registers ----------------------------------------------------------------------------------

static void write_cr(struct hash *hash, uint32_t value)
{
    uint32_t fixed = CR_ALGO | CR_MODE;

    if ((value & CR_DMAE) != 0) {
        machine_violation(hash->machine, "HASH", "DMA is not modelled (CR.DMAE)");
    }
    if ((value & CR_INIT) == 0 && ((value ^ hash->control) & fixed) != 0 && hash->started) {
        machine_violation(hash->machine, "HASH", "ALGO or MODE changed without CR.INIT");
    }
    hash->control = value & CR_STORED;
    if ((value & CR_INIT) != 0) {
        hash->algorithm = selected_algorithm(value);
        hash->started = true;
        hash->digest_ready = false;
        hash->digest_under_way = false;
        hash->key_length = 0;
        hash->part = (value & CR_MODE) != 0 ? PART_INNER_KEY : PART_MESSAGE;
        begin_context(hash);
    }
}

static uint32_t read_cr(const struct hash *hash)
{
    uint32_t words = hash->words == 0 ? 0 : (hash->words - 1) % 16 + 1;

    return hash->control | (words & 15) << 8 | (words != 0 ? CR_DINNE : 0);
}

static uint32_t read_digest(const struct hash *hash, unsigned index)
{
    if (hash->digest_under_way) {
        machine_violation(hash->machine, "HASH", "the digest is read while SR.BUSY is 1");
    }
    return hash->digest[index];
}

static uint32_t read_word(const struct hash *hash, uint32_t word)
{
    if (word >= HASH_DIGEST) {
        return read_digest(hash, (word - HASH_DIGEST) / 4);
    }
    if (word >= HASH_CSR0) {
        machine_violation(hash->machine, "HASH", "context swapping is not modelled (CSRx)");
        return 0;
    }
    switch (word) {
    case HASH_CR:
        return read_cr(hash);
    case HASH_DIN:
        return hash->word;
    case HASH_STR:
        return hash->string;
    case HASH_IMR:
        return hash->interrupts;
    case HASH_SR:
        return status(hash);
    default:
        return read_digest(hash, (word - HASH_HR0) / 4);
    }
}

static uint32_t hash_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void write_word(struct hash *hash, uint32_t word, uint32_t value)
{
    switch (word) {
    case HASH_CR:
        write_cr(hash, value);
        break;
    case HASH_DIN:
        write_din(hash, value);
        break;
    case HASH_STR:
        hash->string = value & STR_NBLW;
        if ((value & STR_DCAL) != 0) {
            calculate(hash);
        }
        break;
    case HASH_IMR:
        hash->interrupts = value;
        break;
    case HASH_SR:
        hash->digest_ready = hash->digest_ready && (value & SR_DCIS) != 0;
        break;
    default:
        machine_violation(hash->machine, "HASH", "context swapping is not modelled (CSRx)");
        break;
    }
}

static void hash_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct hash *hash = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t rest = word == HASH_CR    ? hash->control
                    : word == HASH_STR ? hash->string
                    : word == HASH_IMR ? hash->interrupts
                    : word == HASH_SR  ? UINT32_MAX
                                       : 0;

    write_word(hash, word, register_merge(rest, offset, size, value));
    update_irq(hash);
}

static void hash_reset(void *context, enum reset_kind kind)
{
    struct hash *hash = context;

    (void)kind;
    event_cancel(hash->machine, &hash->done);
    hash->control = 0;
    hash->string = 0;
    hash->interrupts = 0;
    hash->algorithm = &nettle_sha1;
    hash->started = false;
    hash->word_waits = false;
    hash->word = 0;
    hash->words = 0;
    hash->digest_ready = false;
    hash->digest_under_way = false;
    hash->busy_until_ns = 0;
    memset(hash->digest, 0, sizeof(hash->digest));
    update_irq(hash);
}

struct hash *hash_create(struct machine *machine, struct rcc *rcc)
{
    struct hash *hash = aligned_alloc(16, (sizeof(*hash) + 15) / 16 * 16);
    struct device device = {.name = "HASH",
                            .base = UINT32_C(0x48021400),
                            .size = 0x400,
                            .registers = registers,
                            .context = hash,
                            .read = hash_read,
                            .write = hash_write,
                            .reset = hash_reset,
                            .gate_offset = 0xDC, // AHB2ENR
                            .gate_bit = 5,
                            .reset_offset = 0x84, // AHB2RSTR
                            .reset_bit = 5};

    if (hash == NULL || nettle_sha256.context_size > CONTEXT_MAX) {
        abort();
    }
    memset(hash, 0, sizeof(*hash));
    hash->machine = machine;
    hash->rcc = rcc;
    hash->done = (struct event){.fire = work_done, .context = hash, .name = "HASH"};
    hash_reset(hash, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return hash;
}
