// The NOR chip model against the W25Q128JV-DTR data sheet (revision C): ids, times, protection,
// modes, and the sentence for each mistake a driver can make.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/machine_build.h"
#include "sim/nor_chip.h"

#define MS UINT64_C(1000000)
#define US UINT64_C(1000)

static struct machine *machine;
static struct nor_chip *chip;
static char complaint[512];
static unsigned complaints;

static void on_violation(void *context, const char *device, const char *text)
{
    (void)context;
    (void)device;
    snprintf(complaint, sizeof(complaint), "%s", text);
    complaints++;
}

static void expect_complaint(const char *part)
{
    if (complaints == 0 || strstr(complaint, part) == NULL) {
        fail_msg("expected a violation with \"%s\", %u seen, last: \"%s\"", part, complaints,
                 complaint);
    }
    complaints = 0;
}

static void expect_none(void)
{
    if (complaints != 0) {
        fail_msg("unexpected violation: %s", complaint);
    }
}

static void start(const char *model)
{
    machine = machine_create();
    machine_on_violation(machine, on_violation, NULL);
    chip = nor_chip_create(machine, nor_model_find(model), "nor1", NULL);
    assert_non_null(chip);
    machine_advance(machine, 5 * MS); // tPUW
    complaints = 0;
}

static int start_iq(void **state)
{
    (void)state;
    start("W25Q128JV-IQ");
    return 0;
}

static int start_im(void **state)
{
    (void)state;
    start("W25Q128JV-IM");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    nor_chip_destroy(chip);
    machine_destroy(machine);
    return 0;
}

// --- Frames -------------------------------------------------------------------------------------

static const struct nor_frame spi = {.has_opcode = true, .opcode_lanes = 1, .clock_hz = 50000000};

static void run(const struct nor_frame *frame, uint8_t *in, const uint8_t *out, size_t length)
{
    nor_chip_begin(chip, frame);
    if (in != NULL) {
        nor_chip_read(chip, in, length);
    } else if (out != NULL) {
        nor_chip_write(chip, out, length);
    }
    nor_chip_end(chip);
}

static void bare_lanes(uint8_t opcode, uint8_t lanes)
{
    struct nor_frame frame = spi;

    frame.opcode = opcode;
    frame.opcode_lanes = lanes;
    run(&frame, NULL, NULL, 0);
}

static void bare(uint8_t opcode)
{
    bare_lanes(opcode, 1);
}

static void at(uint8_t opcode, uint32_t address)
{
    struct nor_frame frame = spi;

    frame.opcode = opcode;
    frame.address = address;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    run(&frame, NULL, NULL, 0);
}

static struct nor_frame read_frame(uint8_t opcode, uint8_t dummy)
{
    struct nor_frame frame = spi;

    frame.opcode = opcode;
    frame.dummy_cycles = dummy;
    frame.data_lanes = 1;
    frame.data_is_read = true;
    return frame;
}

static uint8_t status(uint8_t opcode)
{
    struct nor_frame frame = read_frame(opcode, 0);
    uint8_t value;

    run(&frame, &value, NULL, 1);
    return value;
}

static void read_at(uint8_t opcode, uint8_t dummy, uint32_t address, uint8_t *data, size_t length)
{
    struct nor_frame frame = read_frame(opcode, dummy);

    frame.address = address;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    run(&frame, data, NULL, length);
}

static void write_data(uint8_t opcode, const uint8_t *data, size_t length)
{
    struct nor_frame frame = spi;

    frame.opcode = opcode;
    frame.data_lanes = 1;
    run(&frame, NULL, data, length);
}

static void program_only(uint32_t address, const void *data, size_t length)
{
    struct nor_frame frame = spi;

    frame.opcode = 0x02;
    frame.address = address;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    frame.data_lanes = 1;
    run(&frame, NULL, data, length);
}

static void program(uint32_t address, const void *data, size_t length)
{
    bare(0x06);
    program_only(address, data, length);
    machine_advance(machine, 400 * US);
}

static void erase(uint8_t opcode, uint32_t address)
{
    bare(0x06);
    at(opcode, address);
}

static void status_write(uint8_t opcode, uint8_t value)
{
    bare(0x06);
    write_data(opcode, &value, 1);
    machine_advance(machine, 10 * MS);
}

static struct nor_frame quad_io(uint32_t address, uint8_t mode)
{
    struct nor_frame frame = spi;

    frame.opcode = 0xEB;
    frame.address = address;
    frame.address_bytes = 3;
    frame.address_lanes = 4;
    frame.mode = mode;
    frame.mode_bytes = 1;
    frame.mode_lanes = 4;
    frame.dummy_cycles = 4;
    frame.data_lanes = 4;
    frame.data_is_read = true;
    frame.clock_hz = 100000000;
    return frame;
}

static bool works(void) // in SPI mode, awake, idle
{
    struct nor_frame frame = read_frame(0x9F, 0);
    uint8_t id[3];

    run(&frame, id, NULL, 3);
    return id[0] == 0xEF && id[2] == 0x18;
}

// --- Identity -----------------------------------------------------------------------------------

static void test_jedec_id_iq(void **state)
{
    struct nor_frame frame = read_frame(0x9F, 0);
    uint8_t id[3];

    (void)state;
    run(&frame, id, NULL, 3);
    assert_memory_equal(id, "\xEF\x40\x18", 3);
    assert_int_equal(nor_chip_size(chip), 16777216);
    expect_none();
}

static void test_jedec_id_im(void **state)
{
    struct nor_frame frame = read_frame(0x9F, 0);
    uint8_t id[3];

    (void)state;
    run(&frame, id, NULL, 3);
    assert_memory_equal(id, "\xEF\x70\x18", 3);
}

static void test_other_ids(void **state)
{
    uint8_t id[4];
    struct nor_frame release = read_frame(0xAB, 24);

    (void)state;
    read_at(0x90, 0, 0, id, 4);
    assert_memory_equal(id, "\xEF\x17\xEF\x17", 4);
    read_at(0x90, 0, 1, id, 2);
    assert_memory_equal(id, "\x17\xEF", 2);
    run(&release, id, NULL, 1);
    assert_int_equal(id[0], 0x17);
    expect_none();
}

static void test_sfdp(void **state)
{
    uint8_t bytes[256];

    (void)state;
    read_at(0x5A, 8, 0, bytes, 256);
    assert_memory_equal(bytes, "SFDP\x05\x01\x00\xFF\x00\x05\x01\x10\x80\x00\x00\xFF", 16);
    for (unsigned i = 0x10; i < 0x80; i++) {
        assert_int_equal(bytes[i], 0xFF);
    }
    assert_memory_equal(bytes + 0x80, "\xE5\x20\xF9\xFF\xFF\xFF\xFF\x07\x44\xEB\x08\x6B", 12);
    assert_memory_equal(bytes + 0xBC, "\xE9\x30\xF8\x80", 4);
    expect_none();
}

static void test_unique_id(void **state)
{
    // The controller has at most 31 dummy clocks: address bytes make up the rest.
    struct nor_frame frame = read_frame(0x4B, 8);
    struct nor_chip *first = chip;
    uint8_t id[8];
    uint8_t other[8];

    (void)state;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    run(&frame, id, NULL, 8);
    chip = nor_chip_create(machine, nor_model_find("W25Q128JV-IQ"), "nor2", NULL);
    run(&frame, other, NULL, 8);
    nor_chip_destroy(chip);
    chip = first;
    assert_memory_not_equal(id, other, 8);
    expect_none();
}

static void test_factory_status(void **state)
{
    (void)state;
    assert_int_equal(status(0x05), 0x00);
    assert_int_equal(status(0x35), 0x02);
    assert_int_equal(status(0x15), 0x60);
}

static void test_factory_status_im(void **state)
{
    (void)state;
    assert_int_equal(status(0x35), 0x00);
}

// --- Program and erase --------------------------------------------------------------------------

static void test_program_takes_time(void **state)
{
    uint8_t data[4];

    (void)state;
    bare(0x06);
    assert_int_equal(status(0x05), 0x02);
    program_only(0x1234, "abcd", 4);
    assert_int_equal(status(0x05), 0x03);
    assert_int_equal(nor_chip_busy_until(chip), machine_now_ns(machine) + 400 * US);
    machine_advance(machine, 400 * US - 1);
    assert_int_equal(status(0x05), 0x03);
    machine_advance(machine, 1);
    assert_int_equal(status(0x05), 0x00); // BUSY and WEL both clear
    read_at(0x03, 0, 0x1234, data, 4);
    assert_memory_equal(data, "abcd", 4);
    assert_int_equal(nor_chip_operations(chip), 1);
    assert_true(nor_chip_busy_until(chip) == TIME_NEVER);
    expect_none();
}

static void test_program_needs_write_enable(void **state)
{
    (void)state;
    program_only(0, "x", 1);
    expect_complaint("opcode 02h (page program) without write enable");
    assert_int_equal(status(0x05), 0);
    assert_int_equal(nor_chip_array(chip)[0], 0xFF);
    bare(0x06);
    bare(0x04);
    at(0x20, 0);
    expect_complaint("opcode 20h (erase 4 KB) without write enable");
    assert_int_equal(nor_chip_operations(chip), 0);
}

static void test_program_clears_bits_only(void **state)
{
    (void)state;
    program(0x100, "\xF0", 1);
    program(0x100, "\x30", 1);
    assert_int_equal(nor_chip_array(chip)[0x100], 0x30);
    program(0x100, "\xFF", 1); // leaves it alone
    expect_none();
    program(0x100, "\x0F", 1);
    expect_complaint("program of 0x0F at 0x000100, where 0x30 is: not erased");
    assert_int_equal(nor_chip_array(chip)[0x100], 0x00);
}

static void test_program_wraps_in_page(void **state)
{
    uint8_t data[300];

    (void)state;
    program(0x2FE, "wxyz", 4);
    expect_complaint("passes the end of its page and wraps");
    assert_memory_equal(nor_chip_array(chip) + 0x2FE, "wx", 2);
    assert_memory_equal(nor_chip_array(chip) + 0x200, "yz", 2);
    for (unsigned i = 0; i < 300; i++) {
        data[i] = (uint8_t)(i < 256 ? 0x11 : 0x22);
    }
    program(0x400, data, 300); // the last 256 win
    expect_complaint("program of 300 bytes");
    assert_int_equal(nor_chip_array(chip)[0x400], 0x22);
    assert_int_equal(nor_chip_array(chip)[0x400 + 43], 0x22);
    assert_int_equal(nor_chip_array(chip)[0x400 + 44], 0x11);
}

static void test_quad_program(void **state)
{
    struct nor_frame frame = spi;

    (void)state;
    frame.opcode = 0x32;
    frame.address = 0x500;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    frame.data_lanes = 4;
    bare(0x06);
    run(&frame, NULL, (const uint8_t *)"quad", 4);
    machine_advance(machine, 400 * US);
    assert_memory_equal(nor_chip_array(chip) + 0x500, "quad", 4);
    expect_none();
}

static void check_erase(uint8_t opcode, uint32_t address, uint32_t from, uint32_t size,
                        uint64_t time_ns)
{
    memset(nor_chip_array(chip), 0, nor_chip_size(chip));
    erase(opcode, address);
    machine_advance(machine, time_ns - 1);
    assert_int_equal(status(0x05) & 1, 1);
    machine_advance(machine, 1);
    assert_int_equal(status(0x05), 0);
    for (uint32_t i = 0; i < size; i += 64) {
        assert_int_equal(nor_chip_array(chip)[from + i], 0xFF);
    }
    assert_int_equal(nor_chip_array(chip)[from - 1], 0);
    assert_int_equal(nor_chip_array(chip)[from + size], 0);
}

static void test_erase_sizes_and_times(void **state)
{
    (void)state;
    check_erase(0x20, 0x123456, 0x123000, 0x1000, 45 * MS);
    check_erase(0x52, 0x12F456, 0x128000, 0x8000, 120 * MS);
    check_erase(0xD8, 0x12F456, 0x120000, 0x10000, 150 * MS);
    assert_int_equal(nor_chip_wear(chip, 0x123), 2);
    assert_int_equal(nor_chip_wear(chip, 0x128), 2);
    assert_int_equal(nor_chip_wear(chip, 0x130), 0);
    expect_none();
}

static void test_chip_erase(void **state)
{
    (void)state;
    memset(nor_chip_array(chip), 0, nor_chip_size(chip));
    bare(0x06);
    bare(0xC7);
    machine_advance(machine, 39999 * MS);
    assert_int_equal(status(0x05), 3);
    machine_advance(machine, 1 * MS);
    assert_int_equal(status(0x05), 0);
    assert_int_equal(nor_chip_array(chip)[0], 0xFF);
    assert_int_equal(nor_chip_array(chip)[0xFFFFFF], 0xFF);
    bare(0x06);
    bare(0x60);
    assert_int_equal(status(0x05), 3);
    expect_none();
}

static void test_maximum_times(void **state)
{
    (void)state;
    nor_chip_set_timing(chip, NOR_TIMING_MAXIMUM);
    erase(0x20, 0);
    assert_int_equal(nor_chip_busy_until(chip) - machine_now_ns(machine), 400 * MS);
    machine_advance(machine, 400 * MS);
    bare(0x06);
    program_only(0, "x", 1);
    assert_int_equal(nor_chip_busy_until(chip) - machine_now_ns(machine), 3 * MS);
}

static void test_worn_bytes(void **state)
{
    (void)state;
    assert_true(nor_chip_wear_out(chip, 0x1100, NOR_FAULT_ERASE));
    assert_true(nor_chip_wear_out(chip, 0x2001, NOR_FAULT_PROGRAM));
    memset(nor_chip_array(chip), 0x55, 0x4000);
    for (uint32_t sector = 0x1000; sector <= 0x2000; sector += 0x1000) {
        erase(0x20, sector);
        machine_advance(machine, 45 * MS);
    }
    assert_int_equal(nor_chip_array(chip)[0x10FF], 0xFF);
    assert_int_equal(nor_chip_array(chip)[0x1100], 0x00);
    assert_int_equal(nor_chip_array(chip)[0x1101], 0xFF);
    bare(0x06);
    program_only(0x2000, "\1\2\3", 3);
    machine_advance(machine, 1 * MS);
    assert_memory_equal(nor_chip_array(chip) + 0x2000, "\1\xFF\3", 3);
    assert_true(nor_chip_wear_out(chip, 0x1100, NOR_FAULT_NONE));
    erase(0x20, 0x1000);
    machine_advance(machine, 45 * MS);
    assert_int_equal(nor_chip_array(chip)[0x1100], 0xFF);
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(nor_chip_wear_out(chip, 0x5000 + i, NOR_FAULT_ERASE));
    }
    assert_false(nor_chip_wear_out(chip, 0x6000, NOR_FAULT_ERASE));
    assert_true(nor_chip_wear_out(chip, 0x5000, NOR_FAULT_PROGRAM));
    expect_none();
}

static void test_preset_status(void **state)
{
    static const uint8_t protected[3] = {0x1C, 0x02, 0x60};
    static const uint8_t without_qe[3] = {0x1C, 0x00, 0x60};
    static const uint8_t busy[3] = {0x01, 0x02, 0x60};

    (void)state;
    assert_true(nor_chip_preset_status(chip, protected));
    assert_int_equal(status(0x05), 0x1C);
    nor_chip_power_off(chip);
    nor_chip_power_on(chip);
    machine_advance(machine, 5 * MS);
    assert_int_equal(status(0x05), 0x1C);
    assert_false(nor_chip_preset_status(chip, without_qe)); // fixed on the -IQ part
    assert_false(nor_chip_preset_status(chip, busy));
    assert_int_equal(status(0x05), 0x1C);
    expect_none();
}

static void test_commands_while_busy(void **state)
{
    uint8_t data[1];

    (void)state;
    erase(0x20, 0);
    assert_int_equal(status(0x05) & 1, 1);
    status(0x35);
    status(0x15);
    expect_none();
    read_at(0x03, 0, 0, data, 1);
    expect_complaint("opcode 03h (read) sent while the chip is BUSY (erase 4 KB)");
    assert_int_equal(data[0], 0xFF);
    bare(0x06);
    expect_complaint("opcode 06h (write enable) sent while the chip is BUSY");
    bare(0xFF);
    bare_lanes(0xFF, 4);
    bare(0xAB);
    expect_none();
    machine_advance(machine, 45 * MS);
    assert_int_equal(status(0x05), 0);
}

static void test_write_too_early_after_power_up(void **state)
{
    (void)state;
    nor_chip_power_off(chip);
    nor_chip_power_on(chip);
    machine_advance(machine, 5 * MS - 1);
    erase(0x20, 0);
    expect_complaint("1 ns too early after power-up");
    assert_int_equal(nor_chip_operations(chip), 0);
    machine_advance(machine, 1);
    at(0x20, 0);
    expect_none();
    assert_int_equal(nor_chip_operations(chip), 1);
}

// --- Reads --------------------------------------------------------------------------------------

static void put(uint32_t address, const char *text)
{
    memcpy(nor_chip_array(chip) + address, text, strlen(text));
}

static void test_read_commands(void **state)
{
    struct nor_frame frame;
    uint8_t data[8];

    (void)state;
    put(0xABCDE0, "12345678");
    read_at(0x03, 0, 0xABCDE0, data, 8);
    assert_memory_equal(data, "12345678", 8);
    read_at(0x0B, 8, 0xABCDE2, data, 4);
    assert_memory_equal(data, "3456", 4);
    frame = read_frame(0x3B, 8);
    frame.address = 0xABCDE0;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    frame.data_lanes = 2;
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "1234", 4);
    frame.opcode = 0x6B;
    frame.data_lanes = 4;
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "1234", 4);
    frame.opcode = 0xBB;
    frame.dummy_cycles = 0;
    frame.address_lanes = 2;
    frame.mode_bytes = 1;
    frame.mode_lanes = 2;
    frame.mode = 0xFF;
    frame.data_lanes = 2;
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "1234", 4);
    frame = quad_io(0xABCDE4, 0xFF);
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "5678", 4);
    expect_none();
}

static void test_read_wraps_at_the_end(void **state)
{
    uint8_t data[4];

    (void)state;
    put(0xFFFFFE, "ab");
    put(0, "cd");
    read_at(0x03, 0, 0xFFFFFE, data, 4);
    assert_memory_equal(data, "abcd", 4);
}

static void test_burst_wrap(void **state)
{
    struct nor_frame set = spi;
    struct nor_frame read = quad_io(0x106, 0xFF);
    uint8_t data[4];

    (void)state;
    set.opcode = 0x77;
    set.address_bytes = 3;
    set.address_lanes = 4;
    set.mode_bytes = 1;
    set.mode_lanes = 4;
    set.mode = 0x00; // W4 = 0: on, W6-5 = 0: 8 bytes
    run(&set, NULL, NULL, 0);
    put(0x100, "01234567");
    run(&read, data, NULL, 4);
    assert_memory_equal(data, "6701", 4);
    set.mode = 0x10;
    run(&set, NULL, NULL, 0);
    put(0x108, "89");
    run(&read, data, NULL, 4);
    assert_memory_equal(data, "6789", 4);
    expect_none();
}

static void test_clock_limits(void **state)
{
    struct nor_frame frame = read_frame(0x03, 0);
    struct nor_frame fast = quad_io(0, 0xFF);
    uint8_t data[1];

    (void)state;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    frame.clock_hz = 50000001;
    run(&frame, data, NULL, 1);
    expect_complaint("opcode 03h (read) clocked at 50000001 Hz, its limit is 50 MHz");
    fast.clock_hz = 133000000;
    run(&fast, data, NULL, 1);
    expect_none();
    fast.clock_hz = 133000001;
    run(&fast, data, NULL, 1);
    expect_complaint("its limit is 133 MHz");
}

// EBh with the factory's dummy clocks, by data sheet.
static void test_clock_limits_of_others(void **state)
{
    static const struct {
        const char *model;
        uint8_t opcode, quad_enable; // 0: none is needed
        uint32_t mhz;
    } chips[] = {
        {"GD25Q64C", 0x31, 0x02, 120},   {"GD25Q128E", 0x31, 0x02, 133},
        {"IS25LP064A", 0x01, 0x40, 104}, {"PY25Q64HA", 0x31, 0x02, 104},
        {"MX25L12833F", 0x01, 0x40, 84}, {"W25Q64JV-IQ", 0, 0, 133},
    };
    char limit[32];
    uint8_t data[1];

    for (size_t i = 0; i < sizeof(chips) / sizeof(chips[0]); i++) {
        struct nor_frame frame = quad_io(0, 0xFF);

        start(chips[i].model);
        machine_advance(machine, 10 * MS);
        if (chips[i].opcode != 0) {
            status_write(chips[i].opcode, chips[i].quad_enable);
            machine_advance(machine, 40 * MS);
        }
        frame.clock_hz = chips[i].mhz * 1000000;
        run(&frame, data, NULL, 1);
        expect_none();
        frame.clock_hz++;
        run(&frame, data, NULL, 1);
        snprintf(limit, sizeof(limit), "its limit is %u MHz", (unsigned)chips[i].mhz);
        expect_complaint(limit);
        stop(state);
    }
}

static void test_wrong_dummy_cycles(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xFF);
    uint8_t data[4];

    (void)state;
    put(0x100, "1234");
    frame.dummy_cycles = 2;
    run(&frame, data, NULL, 4);
    expect_complaint("opcode EBh (fast read quad I/O): 2 clocks too few before the data");
    assert_memory_equal(data,
                        "\xFF"
                        "123",
                        4); // a byte of nothing, then the data
    frame.dummy_cycles = 6;
    run(&frame, data, NULL, 3);
    expect_complaint("2 clocks too many");
    assert_memory_equal(data, "234", 3);
    frame.dummy_cycles = 5;
    run(&frame, data, NULL, 2);
    expect_complaint("1 clocks too many");
    assert_memory_equal(data, "\x13\x23", 2); // half a byte off: 3[1 3][2 3]3
}

static void test_mode_byte_left_floating(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0);
    uint8_t data[4];

    (void)state;
    frame.mode_lanes = 0;
    frame.mode_bytes = 0;
    frame.dummy_cycles = 6;
    run(&frame, data, NULL, 4);
    expect_complaint("the mode byte behind the address is not driven");
}

static void test_wrong_lanes(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xFF);
    uint8_t data[4];

    (void)state;
    frame.address_lanes = 1;
    run(&frame, data, NULL, 4);
    expect_complaint("opcode EBh (fast read quad I/O) takes its address on 4 lane(s), not on 1");
    bare(0xFF); // what floated has started continuous read
    frame = read_frame(0x9F, 0);
    frame.data_lanes = 4;
    run(&frame, data, NULL, 3);
    expect_complaint("opcode 9Fh (JEDEC id) has its data on 1 lane(s), not on 4");
    frame = read_frame(0x03, 0);
    frame.address_bytes = 4;
    frame.address_lanes = 1;
    run(&frame, data, NULL, 1);
    expect_complaint("8 clocks too many");
}

static void test_quad_without_qe(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xFF);
    uint8_t data[2];

    (void)state;
    put(0x100, "12");
    run(&frame, data, NULL, 2);
    expect_complaint("opcode EBh (fast read quad I/O) sent while QE is 0");
    assert_memory_equal(data, "\xFF\xFF", 2);
    status_write(0x31, 0x02);
    run(&frame, data, NULL, 2);
    assert_memory_equal(data, "12", 2);
    expect_none();
}

static void test_incomplete_commands_do_nothing(void **state)
{
    struct nor_frame frame = spi;

    (void)state;
    frame.opcode = 0x06;
    frame.dummy_cycles = 8;
    run(&frame, NULL, NULL, 0);
    expect_complaint("8 clocks too many");
    assert_int_equal(status(0x05), 0);
    bare(0x06);
    bare(0x20);
    expect_complaint("24 clocks too few");
    at(0x02, 0);
    expect_complaint("sent without data");
    assert_int_equal(nor_chip_operations(chip), 0);
}

// --- Status registers and protection ------------------------------------------------------------

static void test_status_write(void **state)
{
    uint8_t value = 0x1C;

    (void)state;
    bare(0x06);
    write_data(0x01, &value, 1);
    assert_int_equal(status(0x05) & 3, 3);
    machine_advance(machine, 10 * MS - 1);
    assert_int_equal(status(0x05) & 1, 1);
    machine_advance(machine, 1);
    assert_int_equal(status(0x05), 0x1C);
    assert_int_equal(status(0x35), 0x02); // one byte leaves SR2 alone
    bare(0x06);
    write_data(0x01, (const uint8_t *)"\x00\x42", 2);
    machine_advance(machine, 10 * MS);
    assert_int_equal(status(0x05), 0x00);
    assert_int_equal(status(0x35), 0x42);
    expect_none();
    write_data(0x31, &value, 1);
    expect_complaint("opcode 31h (write SR2) without write enable");
    bare(0x06);
    write_data(0x11, (const uint8_t *)"\x00\x00", 2);
    expect_complaint("opcode 11h (write SR3) with 2 bytes");
}

static void test_status_survives_power(void **state)
{
    (void)state;
    status_write(0x01, 0x04);
    nor_chip_power_off(chip);
    nor_chip_power_on(chip);
    assert_int_equal(status(0x05), 0x04);
}

static void test_volatile_status_write(void **state)
{
    uint8_t value = 0x20;

    (void)state;
    bare(0x50);
    assert_int_equal(status(0x05), 0x00); // does not set WEL
    write_data(0x11, &value, 1);
    assert_int_equal(status(0x05), 0x00);
    assert_int_equal(status(0x15), 0x20);
    expect_none();
    write_data(0x11, &value, 1); // 50h is good for one write
    expect_complaint("without write enable");
    nor_chip_power_off(chip);
    nor_chip_power_on(chip);
    assert_int_equal(status(0x15), 0x60);
}

static void test_qe_is_fixed_on_iq(void **state)
{
    (void)state;
    status_write(0x31, 0x00);
    assert_int_equal(status(0x35), 0x02);
    expect_none();
}

static void test_one_time_lock_bits(void **state)
{
    (void)state;
    status_write(0x31, 0x08);
    assert_int_equal(status(0x35), 0x0A);
    status_write(0x31, 0x00);
    assert_int_equal(status(0x35), 0x0A);
}

static void test_status_lock_until_power_cycle(void **state)
{
    (void)state;
    status_write(0x31, 0x01);
    assert_int_equal(status(0x35), 0x03);
    status_write(0x01, 0x04);
    assert_int_equal(status(0x05) & 0xFC, 0x00);
    nor_chip_power_off(chip);
    nor_chip_power_on(chip);
    machine_advance(machine, 5 * MS);
    assert_int_equal(status(0x35), 0x02);
    status_write(0x01, 0x04);
    assert_int_equal(status(0x05), 0x04);
    expect_none();
}

static bool can_erase(uint32_t address)
{
    uint64_t before = nor_chip_operations(chip);

    erase(0x20, address);
    machine_advance(machine, 45 * MS);
    bare(0x04);
    return nor_chip_operations(chip) != before;
}

static void volatile_write(uint8_t opcode, uint8_t value)
{
    bare(0x50);
    write_data(opcode, &value, 1);
}

// From the sheet's table: first protected address for TB = 0, first unprotected for TB = 1.
static void test_protection_table(void **state)
{
    static const struct {
        uint8_t sec_bp; // SEC in bit 3
        uint32_t size;
    } rows[] = {
        {1, 0x40000}, {2, 0x80000}, {3, 0x100000}, {4, 0x200000}, {5, 0x400000}, {6, 0x800000},
        {9, 0x1000},  {10, 0x2000}, {11, 0x4000},  {12, 0x8000},  {13, 0x8000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t sec = (uint8_t)((rows[i].sec_bp & 8) << 3);
        uint8_t bp = (uint8_t)((rows[i].sec_bp & 7) << 2);
        uint32_t top = 0x1000000 - rows[i].size;

        volatile_write(0x31, 0x02);
        volatile_write(0x01, sec | bp);
        assert_false(can_erase(top));
        assert_true(can_erase(top - 0x1000));
        assert_false(can_erase(0xFFF000));
        volatile_write(0x31, 0x42); // CMP
        assert_true(can_erase(top));
        assert_false(can_erase(top - 0x1000));
        volatile_write(0x31, 0x02);
        volatile_write(0x01, (uint8_t)(sec | bp | 0x20)); // TB
        assert_false(can_erase(rows[i].size - 0x1000));
        assert_true(can_erase(rows[i].size));
        assert_false(can_erase(0));
    }
    volatile_write(0x01, 0x1C); // BP 7: all
    assert_false(can_erase(0));
    assert_false(can_erase(0xFFF000));
    volatile_write(0x31, 0x42);
    assert_true(can_erase(0));
    volatile_write(0x01, 0x00); // CMP with BP 0: all
    assert_false(can_erase(0x800000));
    expect_none();
}

static void test_protected_program_and_chip_erase(void **state)
{
    (void)state;
    volatile_write(0x01, 0x04); // top 256 K
    bare(0x06);
    program_only(0xFFFF00, "x", 1);
    assert_int_equal(status(0x05) & 1, 0);
    bare(0x06);
    bare(0xC7);
    assert_int_equal(status(0x05) & 1, 0);
    program(0xFBFF00, "x", 1);
    assert_int_equal(nor_chip_array(chip)[0xFBFF00], 'x');
    assert_int_equal(nor_chip_array(chip)[0xFFFF00], 0xFF);
    erase(0xD8, 0xFB0000);
    assert_int_equal(status(0x05) & 1, 1);
    expect_none();
}

static void unlock(uint8_t opcode, uint32_t address)
{
    bare(0x06);
    at(opcode, address);
}

static void test_individual_locks(void **state)
{
    uint8_t lock;

    (void)state;
    volatile_write(0x11, 0x64); // WPS
    assert_false(can_erase(0x1000));
    unlock(0x39, 0x1000); // the first block has a lock for each sector
    assert_true(can_erase(0x1000));
    assert_false(can_erase(0x2000));
    read_at(0x3D, 0, 0x1000, &lock, 1);
    assert_int_equal(lock & 1, 0);
    read_at(0x3D, 0, 0x2000, &lock, 1);
    assert_int_equal(lock & 1, 1);
    unlock(0x39, 0x50000); // others one for the block
    assert_true(can_erase(0x5F000));
    unlock(0x36, 0x50000);
    assert_false(can_erase(0x5F000));
    bare(0x06);
    bare(0x98);
    assert_true(can_erase(0x123000));
    bare(0x06);
    bare(0x7E);
    assert_false(can_erase(0x123000));
    expect_none();
    bare(0x04);
    at(0x39, 0);
    expect_complaint("opcode 39h (block unlock) without write enable");
}

static void test_security_registers(void **state)
{
    struct nor_frame frame = spi;
    uint8_t data[4];

    (void)state;
    frame.opcode = 0x42;
    frame.address = 0x002010;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    frame.data_lanes = 1;
    bare(0x06);
    run(&frame, NULL, (const uint8_t *)"key", 3);
    machine_advance(machine, 400 * US);
    read_at(0x48, 8, 0x002010, data, 3);
    assert_memory_equal(data, "key", 3);
    read_at(0x48, 8, 0x001010, data, 1);
    assert_int_equal(data[0], 0xFF);
    erase(0x44, 0x002000);
    machine_advance(machine, 45 * MS);
    read_at(0x48, 8, 0x002010, data, 3);
    assert_memory_equal(data, "\xFF\xFF\xFF", 3);
    status_write(0x31, 0x12); // LB2
    bare(0x06);
    run(&frame, NULL, (const uint8_t *)"new", 3);
    machine_advance(machine, 400 * US);
    read_at(0x48, 8, 0x002010, data, 3);
    assert_memory_equal(data, "\xFF\xFF\xFF", 3);
    expect_none();
    erase(0x44, 0x004000);
    expect_complaint("where there is none");
}

// --- Suspend, power-down, reset -----------------------------------------------------------------

static void test_suspend_and_resume(void **state)
{
    uint8_t data[4];

    (void)state;
    put(0x10000, "data");
    erase(0x20, 0x5000);
    machine_advance(machine, 10 * MS);
    bare(0x75);
    assert_int_equal(status(0x05) & 1, 1);
    machine_advance(machine, 20 * US);
    assert_int_equal(status(0x05) & 1, 0);
    assert_int_equal(status(0x35) & 0x80, 0x80);
    read_at(0x03, 0, 0x10000, data, 4);
    assert_memory_equal(data, "data", 4);
    program(0x20000, "new", 3);
    assert_memory_equal(nor_chip_array(chip) + 0x20000, "new", 3);
    expect_none();
    machine_advance(machine, 1000 * MS);
    bare(0x7A);
    assert_int_equal(status(0x35) & 0x80, 0);
    machine_advance(machine, 35 * MS - 1);
    assert_int_equal(status(0x05) & 1, 1);
    machine_advance(machine, 1);
    assert_int_equal(status(0x05), 0);
    expect_none();
}

static void test_suspended_rules(void **state)
{
    uint8_t data[1];

    (void)state;
    erase(0x20, 0x5000);
    machine_advance(machine, 1 * MS);
    bare(0x75);
    machine_advance(machine, 20 * US);
    read_at(0x03, 0, 0x5800, data, 1);
    expect_complaint("where a suspended operation has left undefined data");
    erase(0x20, 0x9000);
    expect_complaint("opcode 20h (erase 4 KB) while an erase is suspended");
    bare(0x06);
    write_data(0x01, data, 1);
    expect_complaint("opcode 01h (write SR1) while an operation is suspended");
    bare(0x75); // SUS is set: no effect
    expect_none();
    bare(0x7A);
    bare(0x75);
    expect_complaint("less than tSUS");
}

static void test_suspend_is_ignored(void **state)
{
    (void)state;
    bare(0x75); // nothing to suspend
    assert_int_equal(status(0x35), 0x02);
    bare(0x7A);
    bare(0x06);
    bare(0xC7);
    bare(0x75); // not a chip erase
    machine_advance(machine, 20 * US);
    assert_int_equal(status(0x05) & 1, 1);
    assert_int_equal(status(0x35), 0x02);
    expect_none();
}

static void test_suspend_a_program(void **state)
{
    (void)state;
    bare(0x06);
    program_only(0x100, "abc", 3);
    machine_advance(machine, 100 * US);
    bare(0x75);
    machine_advance(machine, 20 * US);
    assert_int_equal(status(0x35) & 0x80, 0x80);
    bare(0x06);
    program_only(0x200, "x", 1);
    expect_complaint("opcode 02h (page program) while a program is suspended");
    bare(0x7A);
    machine_advance(machine, 300 * US);
    assert_int_equal(status(0x05), 0);
    assert_memory_equal(nor_chip_array(chip) + 0x100, "abc", 3);
}

static void test_power_down(void **state)
{
    (void)state;
    bare(0xB9);
    machine_advance(machine, 3 * US);
    assert_false(works());
    expect_complaint("opcode 9Fh sent while the chip is in power-down");
    assert_int_equal(status(0x05), 0xFF);
    expect_complaint("opcode 05h sent while the chip is in power-down");
    bare(0x66);
    bare(0x99);
    expect_none();
    bare(0xAB);
    status(0x05);
    expect_complaint("3000 ns too early after release from power-down");
    machine_advance(machine, 3 * US);
    assert_true(works());
    expect_none();
}

static void test_software_reset(void **state)
{
    (void)state;
    volatile_write(0x11, 0x00);
    bare(0x06);
    bare(0x66);
    bare(0x99);
    assert_false(works());
    expect_complaint("too early after a software reset");
    bare(0x66);
    bare(0x99);
    expect_none();
    machine_advance(machine, 30 * US);
    assert_true(works());
    assert_int_equal(status(0x05), 0x00);
    assert_int_equal(status(0x15), 0x60);
    expect_none();
}

static void test_reset_needs_both_opcodes_in_a_row(void **state)
{
    (void)state;
    bare(0x06);
    bare(0x66);
    status(0x05);
    bare(0x99);
    assert_int_equal(status(0x05), 0x02);
    expect_none();
}

static void test_reset_tears_what_runs(void **state)
{
    unsigned ones = 0;

    (void)state;
    memset(nor_chip_array(chip) + 0x3000, 0, 0x1000);
    erase(0x20, 0x3000);
    machine_advance(machine, 30 * MS);
    bare(0x66);
    bare(0x99);
    expect_none();
    machine_advance(machine, 30 * US);
    assert_int_equal(status(0x05), 0);
    for (unsigned i = 0; i < 0x1000; i++) {
        ones += (unsigned)__builtin_popcount(nor_chip_array(chip)[0x3000 + i]);
    }
    assert_in_range(ones, 8 * 0x1000 / 3, 8 * 0x1000 * 2 / 3); // 2/3 of the time: 56 % of the bits
    machine_advance(machine, 100 * MS);
    assert_int_equal(nor_chip_wear(chip, 3), 1);
}

// --- Modes --------------------------------------------------------------------------------------

static void test_continuous_read(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xA0);
    uint8_t data[4];

    (void)state;
    put(0x100, "1234");
    put(0x200, "5678");
    run(&frame, data, NULL, 4);
    frame.has_opcode = false;
    frame.address = 0x200;
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "5678", 4);
    frame.mode = 0xFF;
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "5678", 4);
    assert_true(works()); // the mode byte has ended it
    expect_none();
    run(&frame, data, NULL, 4);
    expect_complaint("a frame without an opcode sent while the chip is not in continuous read");
}

static void test_opcode_in_continuous_read_is_misread(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xA0);
    uint8_t data[4];

    (void)state;
    run(&frame, data, NULL, 4);
    assert_int_equal(status(0x05), 0xFF);
    expect_complaint("opcode 05h sent while the chip is in continuous read mode");
    run(&frame, data, NULL, 4);
    expect_complaint("opcode EBh sent while the chip is in continuous read mode");
}

static void test_ff_ends_continuous_read(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xA0);
    uint8_t data[4];

    (void)state;
    run(&frame, data, NULL, 4);
    bare_lanes(0xFF, 4); // two clocks are not enough
    assert_int_equal(status(0x05), 0xFF);
    expect_complaint("continuous read");
    bare(0xFF);
    assert_int_equal(status(0x05), 0x00);
    assert_true(works());
    expect_none();
}

static void test_dual_continuous_read_needs_16_ones(void **state)
{
    struct nor_frame frame = read_frame(0xBB, 0);
    struct nor_frame ones = spi;
    uint8_t data[1];

    (void)state;
    frame.address_bytes = 3;
    frame.address_lanes = 2;
    frame.mode = 0xA0;
    frame.mode_bytes = 1;
    frame.mode_lanes = 2;
    frame.data_lanes = 2;
    run(&frame, data, NULL, 1);
    bare(0xFF);
    assert_false(works());
    ones.opcode = 0xFF;
    ones.mode = 0xFF;
    ones.mode_bytes = 1;
    ones.mode_lanes = 1;
    run(&ones, NULL, NULL, 0);
    assert_true(works());
    expect_none();
}

static void test_qpi(void **state)
{
    struct nor_frame frame = {.has_opcode = true,
                              .opcode = 0x9F,
                              .opcode_lanes = 4,
                              .data_lanes = 4,
                              .data_is_read = true,
                              .clock_hz = 50000000};
    uint8_t data[4];

    (void)state;
    bare(0x38);
    expect_complaint("opcode 38h (enter QPI) sent while QE is 0");
    status_write(0x31, 0x02);
    bare(0x38);
    run(&frame, data, NULL, 3);
    assert_memory_equal(data, "\xEF\x70\x18", 3);
    expect_none();
    status(0x05);
    expect_complaint(
        "opcode 05h sent on 1 lane(s) to a chip in QPI mode, which reads opcodes on 4");
    put(0x123456, "qpi!");
    frame.opcode = 0xEB;
    frame.address = 0x123456;
    frame.address_bytes = 3;
    frame.address_lanes = 4;
    frame.mode = 0xFF;
    frame.mode_bytes = 1;
    frame.mode_lanes = 4;
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "qpi!", 4);
    expect_none();
    frame.clock_hz = 80000000;
    run(&frame, data, NULL, 4);
    expect_complaint("its limit is 50 MHz");
    bare_lanes(0xFF, 4);
    assert_true(works());
    expect_none();
}

static void test_qpi_read_parameters(void **state)
{
    struct nor_frame set = {.has_opcode = true,
                            .opcode = 0xC0,
                            .opcode_lanes = 4,
                            .data_lanes = 4,
                            .clock_hz = 50000000};
    struct nor_frame frame = {.has_opcode = true,
                              .opcode = 0x0B,
                              .opcode_lanes = 4,
                              .address = 0x40,
                              .address_bytes = 3,
                              .address_lanes = 4,
                              .dummy_cycles = 8,
                              .data_lanes = 4,
                              .data_is_read = true,
                              .clock_hz = 133000000};
    uint8_t data[4];

    (void)state;
    status_write(0x31, 0x02);
    bare(0x38);
    run(&set, NULL, (const uint8_t *)"\x31", 1); // 8 dummy clocks, wrap 16
    put(0x40, "0123456789abcdef");
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "0123", 4);
    frame.opcode = 0x0C;
    frame.address = 0x4E;
    run(&frame, data, NULL, 4);
    assert_memory_equal(data, "ef01", 4);
    expect_none();
    bare_lanes(0x66, 4);
    bare_lanes(0x99, 4);
    machine_advance(machine, 30 * US);
    assert_true(works());
    expect_none();
}

static void test_iq_has_no_qpi(void **state)
{
    (void)state;
    bare(0x38);
    assert_true(works());
    expect_none();
}

static void test_probing_is_allowed(void **state)
{
    static const uint8_t opcodes[] = {0xAF, 0x9E, 0x70, 0x65, 0x85};
    uint8_t data[4];

    (void)state;
    for (size_t i = 0; i < sizeof(opcodes); i++) {
        struct nor_frame frame = read_frame(opcodes[i], 0);

        run(&frame, data, NULL, 4);
        assert_memory_equal(data, "\xFF\xFF\xFF\xFF", 4);
    }
    bare(0xF0);
    bare_lanes(0xF5, 4);
    bare(0xB7);
    expect_none();
}

static void test_unknown_writes_are_mistakes(void **state)
{
    (void)state;
    bare(0x06);
    at(0xD7, 0x1000); // another family's sector erase
    expect_complaint("opcode D7h is none of this chip's");
    write_data(0x3E, (const uint8_t *)"\x80", 1);
    expect_complaint("opcode 3Eh is none of this chip's");
}

static void test_double_rate_is_not_there(void **state)
{
    struct nor_frame frame = read_frame(0x0D, 6);
    uint8_t data[1];

    (void)state;
    frame.address_bytes = 3;
    frame.address_lanes = 1;
    run(&frame, data, NULL, 1);
    expect_complaint("needs both clock edges");
}

// Whatever state the chip is in, the usual sequence gets it out without a complaint.
static void recover(void)
{
    bare_lanes(0xFF, 4);
    bare(0xFF);
    bare(0xAB);
    for (unsigned i = 0; i < 100 && (status(0x05) & 1) != 0; i++) {
        machine_advance(machine, 1 * MS);
    }
    bare_lanes(0x66, 4);
    bare_lanes(0x99, 4);
    bare(0x66);
    bare(0x99);
    machine_advance(machine, 30 * US);
    assert_true(works());
    assert_int_equal(status(0x05), 0);
    expect_none();
}

static void test_recovery_from_continuous_read(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xA0);
    uint8_t data[1];

    (void)state;
    run(&frame, data, NULL, 1);
    nor_chip_controller_reset(chip);
    recover();
}

static void test_recovery_from_busy(void **state)
{
    (void)state;
    erase(0x20, 0);
    nor_chip_controller_reset(chip);
    assert_false(works()); // a driver that asks for the id first
    recover();
}

static void test_recovery_from_power_down(void **state)
{
    (void)state;
    bare(0xB9);
    machine_advance(machine, 3 * US);
    nor_chip_controller_reset(chip);
    recover();
}

static void test_recovery_from_qpi(void **state)
{
    struct nor_frame frame = quad_io(0x100, 0xA0);
    uint8_t data[1];

    (void)state;
    status_write(0x31, 0x02);
    bare(0x38);
    nor_chip_controller_reset(chip);
    recover();
    bare(0x38);
    frame.opcode_lanes = 4;
    frame.dummy_cycles = 0;
    frame.clock_hz = 50000000;
    run(&frame, data, NULL, 1); // continuous read in QPI
    expect_none();
    nor_chip_controller_reset(chip);
    recover();
}

static void test_recovery_from_busy_in_qpi(void **state)
{
    struct nor_frame frame = {.has_opcode = true,
                              .opcode = 0xD8,
                              .opcode_lanes = 4,
                              .address_bytes = 3,
                              .address_lanes = 4,
                              .clock_hz = 50000000};

    (void)state;
    status_write(0x31, 0x02);
    bare(0x38);
    bare_lanes(0x06, 4);
    run(&frame, NULL, NULL, 0);
    assert_int_equal(nor_chip_operations(chip), 2);
    nor_chip_controller_reset(chip);
    recover();
}

static void test_inherited_state_forgives_no_writes(void **state)
{
    (void)state;
    erase(0x20, 0);
    nor_chip_controller_reset(chip);
    bare(0x06);
    expect_none();
    at(0x20, 0x1000);
    expect_complaint("BUSY");
    machine_advance(machine, 45 * MS);
    assert_true(works()); // standard state: from here the usual rules hold
    erase(0x20, 0);
    works();
    expect_complaint("BUSY");
}

static void test_select_high_time(void **state)
{
    struct nor_frame frame = read_frame(0x05, 0);
    uint8_t value;

    (void)state;
    frame.select_high_ns = 10;
    run(&frame, &value, NULL, 1);
    run(&frame, &value, NULL, 1);
    expect_none();
    bare(0x06);
    run(&frame, &value, NULL, 1);
    expect_complaint("chip select was high for 10 ns");
    bare(0x06);
    frame.select_high_ns = 50;
    run(&frame, &value, NULL, 1);
    expect_none();
    frame.select_high_ns = 9;
    run(&frame, &value, NULL, 1);
    expect_complaint("needs 10 ns after a read");
}

// --- Power cuts, files --------------------------------------------------------------------------

static unsigned cuts;

static void on_cut(void *context)
{
    (void)context;
    cuts++;
}

static void test_cut_before_an_operation(void **state)
{
    (void)state;
    cuts = 0;
    nor_chip_cut_at(chip, 1, 0.0, on_cut, NULL);
    program(0, "a", 1);
    assert_int_equal(cuts, 0);
    program(1, "b", 1);
    assert_int_equal(cuts, 1);
    assert_int_equal(nor_chip_array(chip)[0], 'a');
    assert_int_equal(nor_chip_array(chip)[1], 0xFF);
    assert_int_equal(status(0x05), 0xFF); // no power
    nor_chip_power_on(chip);
    assert_int_equal(status(0x05), 0x00);
    assert_int_equal(nor_chip_operations(chip), 2);
}

static void torn_page(double fraction, uint64_t seed, uint8_t page[256])
{
    static const uint8_t zeros[256];

    memset(nor_chip_array(chip), 0xFF, 256);
    nor_chip_set_seed(chip, seed);
    nor_chip_cut_at(chip, nor_chip_operations(chip), fraction, on_cut, NULL);
    program(0, zeros, 256);
    memcpy(page, nor_chip_array(chip), 256);
    nor_chip_power_on(chip);
    machine_advance(machine, 5 * MS);
}

static unsigned count_ones(const uint8_t *bytes, size_t length)
{
    unsigned ones = 0;

    for (size_t i = 0; i < length; i++) {
        ones += (unsigned)__builtin_popcount(bytes[i]);
    }
    return ones;
}

static void test_cut_inside_a_program(void **state)
{
    uint8_t early[256];
    uint8_t late[256];
    uint8_t other[256];

    (void)state;
    cuts = 0;
    torn_page(0.25, 7, early);
    torn_page(0.75, 7, late);
    torn_page(0.75, 8, other);
    assert_int_equal(cuts, 3);
    assert_in_range(count_ones(early, 256), 2048 * 6 / 10, 2048 * 9 / 10);
    assert_in_range(count_ones(late, 256), 2048 * 1 / 10, 2048 * 4 / 10);
    assert_memory_not_equal(late, other, 256);
    expect_none();
}

static void test_torn_bits_repeat(void **state)
{
    uint8_t first[256];
    uint8_t second[256];

    (void)state;
    torn_page(0.5, 42, first);
    stop(state);
    start("W25Q128JV-IQ");
    torn_page(0.5, 42, second);
    assert_memory_equal(first, second, 256);
}

static void test_cut_inside_an_erase(void **state)
{
    unsigned ones;

    (void)state;
    memset(nor_chip_array(chip), 0x55, 0x2000);
    nor_chip_cut_at(chip, 0, 0.2, on_cut, NULL);
    erase(0x20, 0);
    machine_advance(machine, 45 * MS);
    ones = count_ones(nor_chip_array(chip), 0x1000);
    assert_true(ones < 0x1000 * 4); // on the way to all zeros first
    assert_int_equal(nor_chip_array(chip)[0x1000], 0x55);
    nor_chip_power_on(chip);
    machine_advance(machine, 5 * MS);
    nor_chip_cut_at(chip, 1, 0.9, on_cut, NULL);
    erase(0x20, 0);
    machine_advance(machine, 45 * MS);
    ones = count_ones(nor_chip_array(chip), 0x1000);
    assert_in_range(ones, 0x1000 * 8 * 7 / 10, 0x1000 * 8 - 1);
}

static void test_power_off_tears_a_suspended_erase(void **state)
{
    (void)state;
    memset(nor_chip_array(chip), 0, 0x1000);
    erase(0x20, 0);
    machine_advance(machine, 40 * MS);
    bare(0x75);
    machine_advance(machine, 20 * US);
    nor_chip_power_off(chip);
    assert_in_range(count_ones(nor_chip_array(chip), 0x1000), 1, 0x1000 * 8 - 1);
    nor_chip_power_on(chip);
    assert_int_equal(status(0x35), 0x02);
}

static unsigned changes;
static uint32_t changed_offset;
static uint32_t changed_length;

static void on_change(void *context, uint32_t offset, uint32_t length)
{
    (void)context;
    changes++;
    changed_offset = offset;
    changed_length = length;
}

static void test_change_is_told(void **state)
{
    (void)state;
    changes = 0;
    nor_chip_on_change(chip, on_change, NULL);
    program(0x1234, "x", 1);
    assert_int_equal(changes, 1);
    assert_int_equal(changed_offset, 0x1200);
    assert_int_equal(changed_length, 0x100);
    erase(0x52, 0x9000);
    assert_int_equal(changes, 1);
    machine_advance(machine, 120 * MS);
    assert_int_equal(changes, 2);
    assert_int_equal(changed_offset, 0x8000);
    assert_int_equal(changed_length, 0x8000);
}

static char file_path[64];

static int start_file(void **state)
{
    int fd;

    (void)state;
    strcpy(file_path, "/tmp/nor_chip_test_XXXXXX");
    fd = mkstemp(file_path);
    assert_true(fd >= 0);
    close(fd);
    machine = machine_create();
    machine_on_violation(machine, on_violation, NULL);
    complaints = 0;
    return 0;
}

static int stop_file(void **state)
{
    (void)state;
    unlink(file_path);
    machine_destroy(machine);
    return 0;
}

static struct nor_chip *open_file(const char *model)
{
    struct nor_chip *opened = nor_chip_create(machine, nor_model_find(model), "nor1", file_path);

    machine_advance(machine, 5 * MS);
    return opened;
}

static void test_file_keeps_contents(void **state)
{
    (void)state;
    chip = open_file("W25Q128JV-IM");
    program(0x1000, "kept", 4);
    status_write(0x31, 0x02);
    erase(0x20, 0x2000);
    machine_advance(machine, 45 * MS);
    bare(0x38);
    nor_chip_destroy(chip);
    chip = open_file("W25Q128JV-IM");
    assert_memory_equal(nor_chip_array(chip) + 0x1000, "kept", 4);
    assert_true(works()); // QPI is gone, as after a power cycle
    assert_int_equal(status(0x35), 0x02);
    assert_int_equal(nor_chip_wear(chip, 2), 1);
    nor_chip_destroy(chip);
    expect_none();
}

static void test_file_takes_an_image(void **state)
{
    FILE *file = fopen(file_path, "r+b");

    (void)state;
    fputs("image", file);
    fclose(file);
    assert_int_equal(truncate(file_path, 0x1000000), 0);
    chip = open_file("W25Q128JV-IQ");
    assert_non_null(chip);
    assert_memory_equal(nor_chip_array(chip), "image", 5);
    assert_int_equal(status(0x35), 0x02);
    nor_chip_destroy(chip);
    assert_null(open_file("W25Q128JV-IM")); // belongs to the other type now
}

static void test_file_of_wrong_size_is_left_alone(void **state)
{
    struct stat info;

    (void)state;
    assert_int_equal(truncate(file_path, 1000), 0);
    assert_null(open_file("W25Q128JV-IQ"));
    assert_int_equal(stat(file_path, &info), 0);
    assert_int_equal(info.st_size, 1000);
}

static void test_file_is_for_one_board(void **state)
{
    (void)state;
    chip = open_file("W25Q128JV-IQ");
    assert_null(open_file("W25Q128JV-IQ"));
    nor_chip_destroy(chip);
}

// --- Mapping ------------------------------------------------------------------------------------

static void expect_unmappable(const struct nor_frame *frame, const char *part)
{
    char reason[256] = "";

    assert_false(nor_chip_can_map(chip, frame, reason, sizeof(reason)));
    if (strstr(reason, part) == NULL) {
        fail_msg("expected a reason with \"%s\", got \"%s\"", part, reason);
    }
    expect_none();
}

static void test_can_map(void **state)
{
    struct nor_frame frame = quad_io(0, 0xFF);
    char reason[256];
    uint8_t data[1];

    (void)state;
    assert_true(nor_chip_can_map(chip, &frame, reason, sizeof(reason)));
    frame.dummy_cycles = 6;
    expect_unmappable(&frame, "2 clocks too many");
    frame = quad_io(0, 0xFF);
    frame.opcode = 0x9F;
    expect_unmappable(&frame, "opcode 9Fh");
    frame = quad_io(0, 0xA0);
    assert_true(nor_chip_can_map(chip, &frame, reason, sizeof(reason)));
    run(&frame, data, NULL, 1);
    expect_unmappable(&frame, "continuous read");
    frame.has_opcode = false;
    assert_true(nor_chip_can_map(chip, &frame, reason, sizeof(reason)));
    bare(0xFF);
    expect_unmappable(&frame, "not in continuous read");
    frame = quad_io(0, 0xFF);
    erase(0x20, 0);
    expect_unmappable(&frame, "BUSY");
    bare(0x75);
    machine_advance(machine, 20 * US);
    expect_unmappable(&frame, "suspended");
}

static void test_can_map_needs_qe(void **state)
{
    struct nor_frame frame = quad_io(0, 0xFF);

    (void)state;
    expect_unmappable(&frame, "QE is 0");
}

static void test_models_are_found(void **state)
{
    (void)state;
    assert_non_null(nor_model_find("W25Q128JV-IQ"));
    assert_non_null(nor_model_find("W25Q128JV-IM"));
    assert_null(nor_model_find("W25Q128"));
}

#define IQ(test)    cmocka_unit_test_setup_teardown(test, start_iq, stop)
#define IM(test)    cmocka_unit_test_setup_teardown(test, start_im, stop)
#define FILED(test) cmocka_unit_test_setup_teardown(test, start_file, stop_file)

static const struct CMUnitTest tests[] = {
    IQ(test_jedec_id_iq),
    IM(test_jedec_id_im),
    IQ(test_other_ids),
    IQ(test_sfdp),
    IQ(test_unique_id),
    IQ(test_factory_status),
    IM(test_factory_status_im),
    IQ(test_program_takes_time),
    IQ(test_program_needs_write_enable),
    IQ(test_program_clears_bits_only),
    IQ(test_program_wraps_in_page),
    IQ(test_quad_program),
    IQ(test_erase_sizes_and_times),
    IQ(test_chip_erase),
    IQ(test_maximum_times),
    IQ(test_worn_bytes),
    IQ(test_preset_status),
    IQ(test_commands_while_busy),
    IQ(test_write_too_early_after_power_up),
    IQ(test_read_commands),
    IQ(test_read_wraps_at_the_end),
    IQ(test_burst_wrap),
    IQ(test_clock_limits),
    cmocka_unit_test(test_clock_limits_of_others),
    IQ(test_wrong_dummy_cycles),
    IQ(test_mode_byte_left_floating),
    IQ(test_wrong_lanes),
    IM(test_quad_without_qe),
    IQ(test_incomplete_commands_do_nothing),
    IQ(test_status_write),
    IQ(test_status_survives_power),
    IQ(test_volatile_status_write),
    IQ(test_qe_is_fixed_on_iq),
    IQ(test_one_time_lock_bits),
    IQ(test_status_lock_until_power_cycle),
    IQ(test_protection_table),
    IQ(test_protected_program_and_chip_erase),
    IQ(test_individual_locks),
    IQ(test_security_registers),
    IQ(test_suspend_and_resume),
    IQ(test_suspended_rules),
    IQ(test_suspend_is_ignored),
    IQ(test_suspend_a_program),
    IQ(test_power_down),
    IQ(test_software_reset),
    IQ(test_reset_needs_both_opcodes_in_a_row),
    IQ(test_reset_tears_what_runs),
    IQ(test_continuous_read),
    IQ(test_opcode_in_continuous_read_is_misread),
    IQ(test_ff_ends_continuous_read),
    IQ(test_dual_continuous_read_needs_16_ones),
    IM(test_qpi),
    IM(test_qpi_read_parameters),
    IQ(test_iq_has_no_qpi),
    IQ(test_probing_is_allowed),
    IQ(test_unknown_writes_are_mistakes),
    IM(test_double_rate_is_not_there),
    IQ(test_recovery_from_continuous_read),
    IQ(test_recovery_from_busy),
    IQ(test_recovery_from_power_down),
    IM(test_recovery_from_qpi),
    IM(test_recovery_from_busy_in_qpi),
    IQ(test_inherited_state_forgives_no_writes),
    IQ(test_select_high_time),
    IQ(test_cut_before_an_operation),
    IQ(test_cut_inside_a_program),
    IQ(test_torn_bits_repeat),
    IQ(test_cut_inside_an_erase),
    IQ(test_power_off_tears_a_suspended_erase),
    IQ(test_change_is_told),
    FILED(test_file_keeps_contents),
    FILED(test_file_takes_an_image),
    FILED(test_file_of_wrong_size_is_left_alone),
    FILED(test_file_is_for_one_board),
    IQ(test_can_map),
    IM(test_can_map_needs_qe),
    cmocka_unit_test(test_models_are_found),
};

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
