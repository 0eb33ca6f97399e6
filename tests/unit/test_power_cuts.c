// Power cuts at each chip operation of an update and in the middle of it, and again in the update
// after that; resets there, which the chip does not notice; chips as slow as they may be. No
// program may count as sealed that is not whole, and the next update must succeed. The same for
// changes of settings: they are the old ones or the new ones, and nothing else is lost.
//
// The chip is the virtual board's. What a cut leaves half done reads one way at one start and
// another way at the next: this program keeps book of every bit that is not settled, and draws
// those anew at each start. Bits of a run count as settled once END has read it back.
//
// Each operation meets at least one cut. SEED in the environment gives another run, CUTS=all seven
// cuts at each operation.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "abi/bytes.h"
#include "core/server.h"
#include "tests/unit/model_bus.h"
#include "tests/unit/sodium_hash.h"

#define AT        0x90100000u
#define FIRST     0xF0000u // of what is looked at: the log, then the programs
#define LOG_SIZE  0x10000u
#define AREA_SIZE 0x8000u
#define SIZE      (LOG_SIZE + AREA_SIZE)
#define PROGRAM   (3 * 4096u + 1234u)
#define DATA_AT   (AT + 0x6000u)
#define DATA      5000u
#define RING_SIZE 0x10000u

static struct model_bus model_bus;
static struct nor nor;
static struct server server;
static uint8_t ring[RING_SIZE];

// --- Chance -------------------------------------------------------------------------------------

static uint64_t chance_state;

static uint32_t chance(uint32_t below) // splitmix64
{
    uint64_t value = chance_state += UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((value ^ (value >> 31)) >> 32) % below;
}

// --- The chip and its unsettled bits ------------------------------------------------------------

static uint8_t unsettled[SIZE];

struct operation {
    bool any, erase;
    uint32_t first, length; // from FIRST
    uint8_t before[256], data[256];
};

static struct operation last;

static uint32_t offset_of(uint32_t address)
{
    return address - 0x90000000u - FIRST;
}

static uint8_t *chip_at(uint32_t offset)
{
    return nor_chip_array(model_bus.chip) + FIRST + offset;
}

// The last operation ended: its bits are settled, but for those that a program leaves at 1.
static void last_ended(void)
{
    for (uint32_t i = 0; last.any && i < last.length; i++)
        unsettled[last.first + i] &= last.erase ? 0 : last.data[i];
    last.any = false;
}

static void last_torn(void)
{
    for (uint32_t i = 0; last.any && i < last.length; i++)
        unsettled[last.first + i] |= last.erase ? 0xFF : (uint8_t)(last.before[i] & ~last.data[i]);
    last.any = false;
}

// END has read it back.
static void run_settled(uint32_t address, uint32_t length)
{
    uint32_t offset = offset_of(address);
    if (offset < SIZE)
        memset(unsettled + offset, 0, (length + 4095) & ~4095u);
}

static void watch(void *context, const struct nor_command *command, const uint8_t *data,
                  size_t length)
{
    (void)context;
    if (command->opcode == 0x5A)
        return;
    last_ended();
    last = (struct operation){.any = true, .erase = data == NULL};
    uint32_t size = command->opcode == 0x20 ? 0x1000 : command->opcode == 0x52 ? 0x8000 : 0x10000;
    assert_in_range(command->address, FIRST, FIRST + SIZE - 1);
    last.first = command->address - FIRST;
    last.length = data ? (uint32_t)length : size;
    assert_true(last.first + last.length <= SIZE);
    if (!data)
        return;
    memcpy(last.data, data, length);
    memcpy(last.before, chip_at(last.first), length);
    if (last.first < LOG_SIZE && (data[9] == RECORD_SEALED || data[9] == RECORD_CLEARED))
        run_settled(ql_load_u32(data + 12), ql_load_u32(data + 16));
}

// Unsettled bits read all as 1, or page by page all as 0, all as 1, or each as it likes.
static void unsettled_draw(void)
{
    bool all_blank = chance(3) == 0;
    for (uint32_t page = 0; page < SIZE; page += 256) {
        uint32_t way = all_blank ? 1 : chance(4);
        for (uint32_t i = page; i < page + 256; i++) {
            if (unsettled[i] == 0)
                continue;
            uint8_t drawn = way == 0 ? 0 : way == 1 ? 0xFF : (uint8_t)chance(256);
            uint8_t *byte = chip_at(i);
            *byte = (uint8_t)((*byte & ~unsettled[i]) | (drawn & unsettled[i]));
        }
    }
}

static void power_lost(void *context)
{
    (void)context;
    model_bus.dead = true;
}

// --- The board ----------------------------------------------------------------------------------

static const struct server_facts facts = {.board_name = "cut", .version = "0", .boot_address = AT};

static uint64_t reset_at = UINT64_MAX; // the number of the operation in which the board is reset
static bool reset_came;

static void board_start(void)
{
    static struct lock_memory lock_memory;
    const struct server_config config = {
        .facts = &facts,
        .nor = &nor,
        .sha256 = &sodium_hash,
        .policy = &lock_policy,
        .lock_memory = &lock_memory,
        .ring = ring,
        .ring_size = sizeof ring,
    };
    if (model_bus.dead) {
        last_torn();
        model_bus.dead = false;
        nor_chip_power_on(model_bus.chip);
        machine_advance(model_bus.machine, 6 * MODEL_MS);
    } else {
        // What is under way ends: the board waits for it.
        last_ended();
        nor_chip_controller_reset(model_bus.chip);
    }
    unsettled_draw();
    reset_came = false;
    reset_at = UINT64_MAX;
    nor_init(&nor, &model_bus.bus, nor_chip_array(model_bus.chip));
    assert_int_equal(nor_start(&nor), 0);
    server_init(&server, &config);
}

// --- The host -----------------------------------------------------------------------------------

struct update_of {
    uint32_t address, length;
    const uint8_t *bytes;
    bool program;
    uint32_t owner;
};

static uint32_t sent;

static bool gone(void)
{
    return model_bus.dead || reset_came;
}

static void run_board(void)
{
    while (!gone()) {
        bool more = update_run(&server.update);
        if (model_bus.dead || update_is_idle(&server.update))
            return;
        if (more)
            continue;
        uint64_t until = nor_chip_busy_until(model_bus.chip);
        if (until == TIME_NEVER)
            return;
        if (nor_chip_operations(model_bus.chip) > reset_at) {
            uint64_t left_ns = until - machine_now_ns(model_bus.machine);
            machine_advance(model_bus.machine, left_ns * chance(100) / 100);
            reset_came = true;
            return;
        }
        machine_advance(model_bus.machine, until - machine_now_ns(model_bus.machine) + 1);
    }
}

static void send(uint8_t kind, uint32_t address, uint32_t size, const uint8_t *data)
{
    uint8_t payload[QL_PAYLOAD_MAX];
    uint32_t length = QL_STREAM_DATA + (data ? size : 0);
    ql_store_u32(payload, server.update.id);
    ql_store_u32(payload + 4, sent++);
    ql_store_u32(payload + 8, address);
    ql_store_u32(payload + 12, size);
    if (data)
        memcpy(payload + 16, data, size);
    assert_true(update_operation(&server.update, kind, payload, length));
    run_board();
}

// As host/plan.c does it: what is right stays, what is blank is not erased (unless an unfinished
// update was here), a program's first page comes last.
static void send_sectors(const struct update_of *what)
{
    bool doubtful = records_is_writing(&server.records, what->address, what->length);
    bool first_due = false;
    for (uint32_t at = 0; at < what->length && !gone(); at += 4096) {
        const uint8_t *held = chip_at(offset_of(what->address) + at);
        uint8_t wanted[4096];
        uint32_t length = what->length - at < 4096 ? what->length - at : 4096;
        memset(wanted, 0xFF, sizeof wanted);
        memcpy(wanted, what->bytes + at, length);
        if (memcmp(held, wanted, 4096) == 0)
            continue;
        if (doubtful || !nor_is_blank(held, 4096))
            send(QL_KIND_ERASE, what->address + at, 4096, NULL);
        bool first = what->program && at == 0;
        first_due = first_due || first;
        if (!gone())
            send(QL_KIND_WRITE, what->address + at + (first ? 256 : 0), first ? 3840 : 4096,
                 wanted + (first ? 256 : 0));
    }
    if (first_due && !gone())
        send(QL_KIND_WRITE, what->address, 256, what->bytes);
}

// Returns true when END is OK, false when the power went or a reset came.
static bool update(const struct update_of *what)
{
    uint8_t payload[QL_BEGIN_SIZE] = {0};
    struct outcome outcome;
    static uint32_t id;
    ql_store_u32(payload, ++id);
    ql_store_u32(payload + 4, what->address);
    ql_store_u32(payload + 8, what->length);
    crypto_hash_sha256(payload + 16, what->bytes, what->length);
    ql_store_u32(payload + 56, what->owner);
    if (what->program) {
        payload[12] = 1;
        memcpy(payload + 48, what->bytes, 8);
    }
    sent = 0;
    assert_int_equal(update_begin(&server.update, payload).status, 0);
    run_board();
    send_sectors(what);
    if (gone())
        return false;
    assert_int_equal(update_end(&server.update, id, sent).status, 0);
    run_board();
    if (gone())
        return false;
    assert_true(update_end_outcome(&server.update, id, &outcome));
    assert_int_equal(outcome.status, 0);
    return true;
}

// Returns true when the settings stand in the chip.
static bool keep(const uint8_t settings[QL_SETTINGS_SIZE])
{
    assert_int_equal(update_keep(&server.update, settings).status, 0);
    run_board();
    if (gone())
        return false;
    assert_int_equal(server.update.kept.status, 0);
    return true;
}

// --- What must hold -----------------------------------------------------------------------------

static uint8_t old_program[PROGRAM], new_program[PROGRAM], third_program[PROGRAM];
static uint8_t data[DATA], old_data[DATA];
static uint64_t cuts, resets;
static bool data_matters, must_start;
static uint8_t old_settings[QL_SETTINGS_SIZE], new_settings[QL_SETTINGS_SIZE];
static char where[128];

static void fail_with(const char *what)
{
    print_message("# %s: %s\n", where, what);
    fail();
}

static void check(void)
{
    for (unsigned i = 0; i < server.records.count; i++) {
        const struct records_run *run = &server.records.runs[i];
        uint8_t digest[32];
        uint32_t offset = offset_of(run->address);
        if (!run->sealed || offset + run->length > SIZE)
            continue;
        crypto_hash_sha256(digest, chip_at(offset), run->length);
        if (memcmp(digest, run->sha256, 32) != 0)
            fail_with("a run counts as sealed that is not whole");
    }
    const uint8_t *settings = server.records.settings;
    if (memcmp(settings, old_settings, QL_SETTINGS_SIZE) != 0 &&
        memcmp(settings, new_settings, QL_SETTINGS_SIZE) != 0)
        fail_with("the settings are neither the old ones nor the new ones");
    struct outcome start = server_start_check(&server, AT, chance(16));
    if (must_start && start.status != QL_STATUS_OK)
        fail_with("the program is not started any more");
    if (start.status == QL_STATUS_OK && memcmp(chip_at(LOG_SIZE), old_program, PROGRAM) != 0 &&
        memcmp(chip_at(LOG_SIZE), new_program, PROGRAM) != 0)
        fail_with("half a program would start");
    if (start.status == QL_STATUS_OK && data_matters &&
        memcmp(chip_at(offset_of(DATA_AT)), old_data, DATA) != 0 &&
        memcmp(chip_at(offset_of(DATA_AT)), data, DATA) != 0)
        fail_with("a program would start whose data are not whole");
}

static void restarts(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        board_start();
        check();
    }
}

// --- Scenarios ----------------------------------------------------------------------------------

static const struct update_of to_old = {AT, PROGRAM, old_program, true, 0};
static const struct update_of to_new = {AT, PROGRAM, new_program, true, 0};
static const struct update_of to_third = {AT, PROGRAM, third_program, true, 0};
static const struct update_of to_data = {DATA_AT, DATA, data, false, AT};
static const struct update_of to_old_data = {DATA_AT, DATA, old_data, false, AT};

struct scenario {
    const char *name;
    void (*prepare)(unsigned variant);
    unsigned variants;
    bool with_data; // data that belongs to the program go first
};

static void prepare_nothing(unsigned variant)
{
    (void)variant;
}

static void prepare_old(unsigned variant)
{
    (void)variant;
    assert_true(update(&to_old));
}

// Only the second sector differs.
static void prepare_nearly_new(unsigned variant)
{
    (void)variant;
    memcpy(old_program, new_program, PROGRAM);
    old_program[5000] ^= 0x11;
    assert_true(update(&to_old));
}

static void prepare_garbage(unsigned variant)
{
    for (uint32_t i = 0; i < SIZE; i++)
        *chip_at(i) = variant == 0 ? (uint8_t)chance(256) : 0;
    board_start();
}

// Single records until `slot` is the next one; others' runs are known beside the program.
static void prepare_slot(unsigned slot, uint32_t others)
{
    for (uint32_t i = 0; i < others; i++) {
        struct records_run run = {.address = AT + 0x400000 + i * 0x10000, .length = 4096};
        records_write(&server.records, RECORD_WRITING, &run);
        while (records_poll(&server.records) == 1)
            machine_advance(model_bus.machine, MODEL_MS);
    }
    assert_true(update(&to_old));
    while (server.records.slot != slot) {
        struct records_run run = *records_find(&server.records, AT);
        records_write(&server.records, RECORD_SEALED, &run);
        while (records_poll(&server.records) == 1)
            machine_advance(model_bus.machine, MODEL_MS);
    }
    board_start();
}

static void prepare_turn_over(unsigned variant)
{
    prepare_slot(13 + variant, 0);
}

static void prepare_turn_over_with_others(unsigned variant)
{
    prepare_slot(13 + variant, 7);
}

static void prepare_data(unsigned variant)
{
    (void)variant;
    assert_true(update(&to_old_data));
    assert_true(update(&to_old));
}

// Settings fill their record, whatever they mean.
static void settings_fill(uint8_t settings[QL_SETTINGS_SIZE])
{
    settings[0] = 0x70;
    settings[1] = QL_SETTINGS_SIZE - 2;
    for (unsigned i = 2; i < QL_SETTINGS_SIZE; i++)
        settings[i] = (uint8_t)chance(256);
}

static void prepare_settings(unsigned variant)
{
    (void)variant;
    settings_fill(old_settings);
    memcpy(new_settings, old_settings, sizeof new_settings); // no update changes them
    assert_true(keep(old_settings));
    assert_true(update(&to_old));
}

static void prepare_settings_and_turn_over(unsigned variant)
{
    settings_fill(old_settings);
    memcpy(new_settings, old_settings, sizeof new_settings);
    assert_true(keep(old_settings));
    prepare_slot(13 + variant, 7);
}

static const struct scenario scenarios[] = {
    {"first flash", prepare_nothing, 1, false},
    {"over an old program", prepare_old, 1, false},
    {"one sector", prepare_nearly_new, 1, false},
    {"over garbage", prepare_garbage, 2, false},
    {"turn-over", prepare_turn_over, 4, false},
    {"turn-over with 7 other runs", prepare_turn_over_with_others, 4, false},
    {"with data", prepare_data, 1, true},
    {"with settings", prepare_settings, 1, false},
    {"turn-over with 7 other runs and settings", prepare_settings_and_turn_over, 4, false},
};

static void fill(uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)chance(256);
    ql_store_u32(bytes, 0x24080000);
    ql_store_u32(bytes + 4, AT + 0x101);
}

static bool update_all(const struct scenario *scenario)
{
    return (!scenario->with_data || update(&to_data)) && update(&to_new);
}

static uint8_t base[SIZE];

static void restore(void)
{
    nor_chip_cut_at(model_bus.chip, UINT64_MAX, 0, NULL, NULL);
    board_start();
    memcpy(chip_at(0), base, SIZE);
    memset(unsettled, 0, SIZE);
    last.any = false;
    board_start();
}

static void cut_after(uint64_t operations, double fraction)
{
    nor_chip_cut_at(model_bus.chip, nor_chip_operations(model_bus.chip) + operations, fraction,
                    power_lost, NULL);
    cuts++;
}

// A cut at operation `at`; half of the times another one in the update after that; then one that
// ends well.
static void cut_once(const struct scenario *scenario, uint64_t at, double fraction, uint64_t count)
{
    snprintf(where, sizeof where, "%s, operation %u of %u cut at %.3f", scenario->name,
             (unsigned)at, (unsigned)count, fraction);
    nor_chip_set_seed(model_bus.chip, chance(UINT32_MAX));
    restore();
    cut_after(at, fraction);
    if (update_all(scenario))
        fail_with("the cut did not come");
    restarts(2);
    for (unsigned more = chance(4); more > 0; more--) {
        cut_after(chance((uint32_t)count + 4), chance(100) / 100.0);
        update_all(scenario);
        nor_chip_cut_at(model_bus.chip, UINT64_MAX, 0, NULL, NULL);
        restarts(2);
    }
    if (!update_all(scenario))
        fail_with("cut without a cut");
    check();
    if (server_start_check(&server, AT, 0).status != QL_STATUS_OK ||
        memcmp(chip_at(LOG_SIZE), new_program, PROGRAM) != 0)
        fail_with("the update after the cut is not started");
    // A SEALED that was cut at its very end and read right is not written again by that one, and
    // may be gone tomorrow. An update that changes something is known for good.
    assert_true(update(&to_third));
    for (unsigned i = 0; i < 3; i++) {
        board_start();
        if (server_start_check(&server, AT, i).status != QL_STATUS_OK ||
            memcmp(chip_at(LOG_SIZE), third_program, PROGRAM) != 0)
            fail_with("a later update is not started");
    }
}

static void reset_once(const struct scenario *scenario, uint64_t at, uint64_t count)
{
    snprintf(where, sizeof where, "%s, reset in operation %u of %u", scenario->name, (unsigned)at,
             (unsigned)count);
    restore();
    reset_at = nor_chip_operations(model_bus.chip) + at;
    if (update_all(scenario))
        fail_with("the reset did not come");
    restarts(2);
    if (!update_all(scenario))
        fail_with("a reset that was not asked for");
    restarts(2);
    if (server_start_check(&server, AT, 0).status != QL_STATUS_OK ||
        memcmp(chip_at(LOG_SIZE), new_program, PROGRAM) != 0)
        fail_with("the update after the reset is not started");
    resets++;
}

static void run_scenario(const struct scenario *scenario, unsigned variant)
{
    static const double fractions[] = {0, 0.01, 0.2, 0.3, 0.6, 0.95, 0.999};
    fill(old_program, PROGRAM);
    fill(new_program, PROGRAM);
    fill(third_program, PROGRAM);
    fill(old_data, DATA);
    fill(data, DATA);
    memset(base, 0xFF, SIZE);
    data_matters = scenario->with_data;
    must_start = false;
    memset(old_settings, 0xFF, QL_SETTINGS_SIZE);
    memset(new_settings, 0xFF, QL_SETTINGS_SIZE);
    restore();
    scenario->prepare(variant);
    board_start();
    memcpy(base, chip_at(0), SIZE);
    uint64_t before = nor_chip_operations(model_bus.chip);
    assert_true(update_all(scenario));
    uint64_t count = nor_chip_operations(model_bus.chip) - before;
    bool all = getenv("CUTS") != NULL;
    for (uint64_t at = 0; at < count; at++)
        for (unsigned i = 0; i < sizeof fractions / sizeof fractions[0]; i++)
            if (all || i == at % 7 || chance(12) == 0)
                cut_once(scenario, at, fractions[i], count);
    for (uint64_t at = 0; at < count; at += all ? 1 : 5)
        reset_once(scenario, at, count);
}

// --- Changes of settings ------------------------------------------------------------------------

// A cut at operation `at` of a change, perhaps more in the changes after that.
static void cut_change(uint64_t at, double fraction, uint64_t count)
{
    uint8_t seen[QL_SETTINGS_SIZE];
    nor_chip_set_seed(model_bus.chip, chance(UINT32_MAX));
    restore();
    cut_after(at, fraction);
    if (keep(new_settings))
        fail_with("the cut did not come");
    restarts(2);
    for (unsigned more = chance(4); more > 0; more--) {
        cut_after(chance((uint32_t)count + 2), chance(100) / 100.0);
        keep(new_settings);
        nor_chip_cut_at(model_bus.chip, UINT64_MAX, 0, NULL, NULL);
        restarts(2);
    }
    // They may change to and fro until something is written; from then on they stay.
    memcpy(seen, server.records.settings, sizeof seen);
    if (chance(2) == 0) {
        assert_true(update(&to_third));
        must_start = false; // check() knows only the old and the new one
    } else {
        memcpy(seen, new_settings, sizeof seen);
        if (!keep(new_settings))
            fail_with("cut without a cut");
    }
    for (unsigned i = 0; i < 4; i++) {
        board_start();
        if (memcmp(server.records.settings, seen, sizeof seen) != 0)
            fail_with("the settings change by themselves");
        if (server_start_check(&server, AT, i).status != QL_STATUS_OK)
            fail_with("a change of settings took the program");
    }
    must_start = true;
}

static void reset_change(uint64_t at)
{
    restore();
    reset_at = nor_chip_operations(model_bus.chip) + at;
    if (keep(new_settings))
        fail_with("the reset did not come");
    restarts(2);
    if (!keep(new_settings))
        fail_with("a reset that was not asked for");
    for (unsigned i = 0; i < 3; i++) {
        board_start();
        check();
        if (memcmp(server.records.settings, new_settings, QL_SETTINGS_SIZE) != 0)
            fail_with("the settings after the reset are not known");
    }
    resets++;
}

// The old settings are the newest record (`newest`) or an older one; `slot` is the next one then.
static void run_change(unsigned slot, bool newest, uint32_t others)
{
    static const double fractions[] = {0, 0.01, 0.2, 0.6, 0.95, 0.999};
    memset(old_settings, 0xFF, QL_SETTINGS_SIZE);
    memset(new_settings, 0xFF, QL_SETTINGS_SIZE);
    memset(base, 0xFF, SIZE);
    data_matters = false;
    must_start = false;
    restore();
    settings_fill(old_settings);
    settings_fill(new_settings);
    if (!newest)
        assert_true(keep(old_settings));
    prepare_slot(slot, others);
    if (newest)
        assert_true(keep(old_settings));
    board_start();
    must_start = true;
    memcpy(base, chip_at(0), SIZE);
    uint64_t before = nor_chip_operations(model_bus.chip);
    assert_true(keep(new_settings));
    uint64_t count = nor_chip_operations(model_bus.chip) - before;
    for (uint64_t at = 0; at < count; at++) {
        for (unsigned i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
            snprintf(where, sizeof where, "settings, slot %u, %u others, cut at %u of %u, %.3f",
                     slot, others, (unsigned)at, (unsigned)count, fractions[i]);
            cut_change(at, fractions[i], count);
        }
        snprintf(where, sizeof where, "settings, slot %u, reset at %u", slot, (unsigned)at);
        reset_change(at);
    }
}

static void power_cuts_while_settings_change(void **state)
{
    (void)state;
    const char *text = getenv("SEED");
    chance_state = text ? strtoull(text, NULL, 0) : 1;
    cuts = 0;
    resets = 0;
    fill(old_program, PROGRAM);
    fill(new_program, PROGRAM);
    fill(third_program, PROGRAM);
    model_bus_create(&model_bus, "W25Q128JV-IQ");
    model_bus.watch = watch;
    for (unsigned slot = 12; slot <= 16; slot++)
        for (unsigned newest = 0; newest < 2; newest++)
            for (uint32_t others = 0; others <= 7; others += 7)
                run_change(slot, newest == 1, others);
    print_message("# %llu cuts and %llu resets, no setting lost\n", (unsigned long long)cuts,
                  (unsigned long long)resets);
    model_bus_destroy(&model_bus);
}

static void power_cuts_at_every_operation(void **state)
{
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
    chance_state = seed;
    print_message("# seed %llu\n", (unsigned long long)seed);
    model_bus_create(&model_bus, "W25Q128JV-IQ");
    model_bus.watch = watch;
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        for (unsigned variant = 0; variant < scenarios[i].variants; variant++)
            run_scenario(&scenarios[i], variant);
    print_message("# %llu cuts and %llu resets, none lost\n", (unsigned long long)cuts,
                  (unsigned long long)resets);
    model_bus_destroy(&model_bus);
}

// The data sheet's longest times: 3 ms a page, 400 ms a sector.
static void a_slow_chip_takes_updates(void **state)
{
    (void)state;
    model_bus_create(&model_bus, "W25Q128JV-IQ");
    model_bus.watch = watch;
    nor_chip_set_timing(model_bus.chip, NOR_TIMING_MAXIMUM);
    fill(old_program, PROGRAM);
    fill(new_program, PROGRAM);
    board_start();
    for (unsigned i = 0; i < 12; i++) {
        assert_true(update(i % 2 ? &to_new : &to_old));
        board_start();
        assert_int_equal(server_start_check(&server, AT, i).status, QL_STATUS_OK);
    }
    assert_true(server.records.base > 1);
    model_bus_destroy(&model_bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cuts_at_every_operation),
        cmocka_unit_test(power_cuts_while_settings_change),
        cmocka_unit_test(a_slow_chip_takes_updates),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
