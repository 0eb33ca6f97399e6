// The QUADSPI model, register by register, against RM0399 chapter 24 and the errata sheets. The
// board is wired as the SP Racing H7 EXTREME; the kernel clock is HCLK3 at 64 MHz (reset state)
// with PRESCALER 1, so CLK is 32 MHz: one cycle takes 31.25 ns.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_gpio.h"
#include "sim/h750_quadspi.h"
#include "sim/h750_rcc.h"
#include "sim/nor_chip.h"

#define RCC    0x58024400u
#define WINDOW 0x90000000u
#define IRQ    92u
#define MS     UINT64_C(1000000)
#define US     UINT64_C(1000)

enum {
    CR = 0x52005000,
    DCR = CR + 0x04,
    SR = CR + 0x08,
    FCR = CR + 0x0C,
    DLR = CR + 0x10,
    CCR = CR + 0x14,
    AR = CR + 0x18,
    ABR = CR + 0x1C,
    DR = CR + 0x20,
    PSMKR = CR + 0x24,
    PSMAR = CR + 0x28,
    PIR = CR + 0x2C,
    LPTR = CR + 0x30,
};

enum { TEF = 1, TCF = 2, FTF = 4, SMF = 8, TOF = 16, BUSY = 32 };

#define EN        1u
#define ABORT     2u
#define PRESCALER (1u << 24)
#define CR_ON     (EN | PRESCALER)

// Fields of CCR.
#define INSTRUCTION(opcode) (0x100u | (opcode))
#define ADDRESS(mode)       ((mode) << 10 | 2u << 12)
#define ALTERNATE(mode)     ((mode) << 14)
#define DUMMY(cycles)       ((cycles) << 18)
#define DATA(mode)          ((mode) << 24)
#define WRITE               0u
#define READ                (1u << 26)
#define POLL                (2u << 26)
#define MAPPED              (3u << 26)
#define SIOO                (1u << 28)

#define CCR_MAPPED (INSTRUCTION(0xEB) | ADDRESS(3u) | ALTERNATE(3u) | DUMMY(4u) | DATA(3u) | MAPPED)

static struct bench bench;
static struct rcc *rcc;
static struct gpio *gpio;
static struct nor_chip *chips[2];

static const struct quadspi_wiring wiring = {
    .clk = {{'B', 2}, 9},
    .ncs = {{'B', 10}, 9},
    .bank1_io = {{{'D', 11}, 9}, {{'D', 12}, 9}, {{'E', 2}, 9}, {{'D', 13}, 9}},
    .bank2_io = {{{'E', 7}, 10}, {{'E', 8}, 10}, {{'E', 9}, 10}, {{'E', 10}, 10}},
};

static uint32_t rd(uint32_t address)
{
    return bench_read(&bench, address);
}

static void wr(uint32_t address, uint32_t value)
{
    bench_write(&bench, address, value);
}

static void wr_size(uint32_t address, unsigned size, uint32_t value)
{
    assert_true(machine_bus_write(bench.machine, address, size, value));
}

static uint32_t rd_size(uint32_t address, unsigned size)
{
    uint32_t value = 0;

    assert_true(machine_bus_read(bench.machine, address, size, &value));
    return value;
}

static uint64_t now(void)
{
    return machine_now_ns(bench.machine);
}

static void advance(uint64_t ns)
{
    machine_advance(bench.machine, ns);
}

static void complaint(const char *part)
{
    if (bench.violations == 0 || strstr(bench.last, part) == NULL) {
        fail_msg("expected a violation with \"%s\", %u seen, last: \"%s\"", part, bench.violations,
                 bench.last);
    }
    bench.violations = 0;
}

static void silence(void)
{
    if (bench.violations != 0) {
        fail_msg("unexpected violation: %s", bench.last);
    }
}

// --- Set-up -------------------------------------------------------------------------------------

static uint32_t port_base(char port)
{
    return 0x58020000u + 0x400u * (uint32_t)(port - 'A');
}

static void set_field(uint32_t address, unsigned shift, unsigned width, uint32_t value)
{
    uint32_t mask = ((1u << width) - 1u) << shift;

    wr(address, (rd(address) & ~mask) | value << shift);
}

static void set_pin(struct pin_function function, uint32_t mode, uint32_t alternate, uint32_t speed)
{
    uint32_t base = port_base(function.pin.port);
    unsigned number = function.pin.number;

    set_field(base + 0x20 + 4 * (number / 8), 4 * (number % 8), 4, alternate);
    set_field(base + 0x08, 2 * number, 2, speed);
    set_field(base, 2 * number, 2, mode);
}

static void good_pin(struct pin_function function)
{
    set_pin(function, 2, function.alternate, 3);
}

static void good_pins(void)
{
    wr(RCC + 0xE0, 0x7FF);    // GPIO ports
    wr(RCC + 0xD4, 1u << 14); // QSPIEN
    good_pin(wiring.clk);
    good_pin(wiring.ncs);
    for (unsigned i = 0; i < 4; i++) {
        good_pin(wiring.bank1_io[i]);
        good_pin(wiring.bank2_io[i]);
    }
}

static int start_chips(const char *model, unsigned count)
{
    bench_open(&bench);
    rcc = rcc_create(bench.machine, 8000000, 0);
    gpio = gpio_create(bench.machine);
    for (unsigned i = 0; i < 2; i++) {
        chips[i] = i < count ? nor_chip_create(bench.machine, nor_model_find(model),
                                               i == 0 ? "nor1" : "nor2", NULL)
                             : NULL;
    }
    quadspi_create(bench.machine, rcc, gpio, &wiring, chips[0], chips[1]);
    machine_reset_now(bench.machine, RESET_POWER_ON);
    advance(5 * MS);
    good_pins();
    wr(CR, CR_ON);
    wr(DCR, 24u << 16 | 4u << 8); // twice the chip; 5 cycles between commands
    silence();
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_chips("W25Q128JV-IQ", 1);
}

static int start_im(void **state)
{
    (void)state;
    return start_chips("W25Q128JV-IM", 1);
}

static int start_dual(void **state)
{
    (void)state;
    return start_chips("W25Q128JV-IQ", 2);
}

static int stop(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        if (chips[i] != NULL) {
            nor_chip_destroy(chips[i]);
        }
    }
    bench_close(&bench);
    return 0;
}

// Waits at most 1 ms for the end of what goes on.
static void settle(void)
{
    for (unsigned i = 0; i < 1000 && (rd(SR) & BUSY) != 0; i++) {
        advance(1 * US);
    }
    assert_int_equal(rd(SR) & BUSY, 0);
}

static void command(uint8_t opcode)
{
    wr(FCR, 0x1B);
    wr(CCR, INSTRUCTION(opcode) | WRITE);
    settle();
}

static uint32_t status(void)
{
    uint32_t value;

    wr(DLR, 0);
    wr(CCR, INSTRUCTION(0x05) | DATA(1u) | READ);
    advance(1 * US);
    value = rd_size(DR, 1);
    settle();
    return value;
}

static void put(uint32_t address, const char *text)
{
    memcpy(nor_chip_array(chips[0]) + address, text, strlen(text));
}

static void start_read(uint32_t address, uint32_t length)
{
    wr(FCR, 0x1B);
    wr(DLR, length - 1);
    wr(CCR, INSTRUCTION(0x03) | ADDRESS(1u) | DATA(1u) | READ);
    wr(AR, address);
}

static void erase_running(void)
{
    command(0x06);
    wr(CCR, INSTRUCTION(0x20) | ADDRESS(1u) | WRITE);
    wr(AR, 0x1000);
    settle();
}

// --- Registers ----------------------------------------------------------------------------------

static void test_reset_values(void **state)
{
    (void)state;
    machine_reset_now(bench.machine, RESET_SOFTWARE);
    wr(RCC + 0xD4, 1u << 14);
    for (uint32_t address = CR; address <= LPTR; address += 4) {
        assert_int_equal(rd(address), 0);
    }
}

static void test_storage(void **state)
{
    (void)state;
    wr(DLR, 0x12345678);
    assert_int_equal(rd(DLR), 0x12345678);
    wr_size(DLR + 1, 1, 0xAB);
    assert_int_equal(rd(DLR), 0x1234AB78);
    assert_int_equal(rd_size(DLR + 2, 2), 0x1234);
    wr(PSMKR, 1);
    wr(PSMAR, 2);
    wr(PIR, 3);
    wr(LPTR, 4);
    wr(ABR, 5);
    assert_int_equal(rd(PSMKR), 1);
    assert_int_equal(rd(PSMAR), 2);
    assert_int_equal(rd(PIR), 3);
    assert_int_equal(rd(LPTR), 4);
    assert_int_equal(rd(ABR), 5);
    silence();
    wr(CR, CR_ON | 4); // DMAEN is reserved on the H7
    complaint("reserved bits");
    wr(SR, 1);
    complaint("read-only");
}

static void test_clock_gate(void **state)
{
    (void)state;
    wr(RCC + 0xD4, 0);
    rd(SR);
    complaint("clock is off");
}

static void test_delay_block(void **state)
{
    (void)state;
    assert_int_equal(rd(0x52006000), 0);
    assert_int_equal(rd(0x52006004), 0);
    wr(0x52006000, 3);
    wr(0x52006004, 0x0305);
    assert_int_equal(rd(0x52006000), 3);
    assert_int_equal(rd(0x52006004), 0x0305);
    silence();
}

// --- What starts a transfer, and its time -------------------------------------------------------

static void test_bare_command_starts_with_ccr(void **state)
{
    (void)state;
    wr(CCR, INSTRUCTION(0x06));
    assert_int_equal(rd(SR) & (BUSY | TCF), BUSY);
    // NCS setup, 8 clocks, NCS release: 10 cycles of 31.25 ns
    advance(312);
    assert_int_equal(rd(SR) & (BUSY | TCF), BUSY);
    advance(1);
    assert_int_equal(rd(SR) & (BUSY | TCF), TCF);
    wr(FCR, TCF);
    assert_int_equal(rd(SR) & TCF, 0);
    assert_int_equal(status() & 2, 2); // WEL
    silence();
}

static void test_read_without_address_starts_with_ccr(void **state)
{
    (void)state;
    wr(DLR, 2);
    wr(CCR, INSTRUCTION(0x9F) | DATA(1u) | READ);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    advance(1032); // 1 + 8 + 3 * 8 cycles
    assert_int_equal(rd(SR) >> 8, 3);
    assert_int_equal(rd(SR) & TCF, 0);
    advance(32);
    assert_int_equal(rd(SR) & (TCF | BUSY | FTF), TCF | BUSY | FTF); // BUSY: the FIFO is not empty
    assert_int_equal(rd_size(DR, 1), 0xEF);
    assert_int_equal(rd_size(DR, 2), 0x1840);
    assert_int_equal(rd(SR) & (TCF | BUSY | FTF), TCF);
    silence();
}

static void test_address_starts_with_ar(void **state)
{
    (void)state;
    put(0x123456, "data");
    wr(DLR, 3);
    wr(CCR, INSTRUCTION(0x03) | ADDRESS(1u) | DATA(1u) | READ);
    assert_int_equal(rd(SR) & BUSY, 0);
    wr(AR, 0x123456);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    advance(3 * US);
    assert_memory_equal(&(uint32_t){rd(DR)}, "data", 4);
    silence();
}

static void test_write_starts_with_dr(void **state)
{
    (void)state;
    command(0x06);
    wr(DLR, 3);
    wr(CCR, INSTRUCTION(0x02) | ADDRESS(1u) | DATA(1u));
    wr(AR, 0x2000);
    assert_int_equal(rd(SR) & (BUSY | FTF), FTF);
    wr_size(DR, 1, 'a');
    assert_int_equal(rd(SR) & BUSY, BUSY);
    wr_size(DR, 1, 'b');
    wr_size(DR, 2, 'c' | 'd' << 8);
    settle();
    assert_int_equal(nor_chip_operations(chips[0]), 1);
    advance(400 * US);
    assert_memory_equal(nor_chip_array(chips[0]) + 0x2000, "abcd", 4);
    silence();
}

static void test_status_write_starts_with_dr(void **state)
{
    (void)state;
    command(0x06);
    wr(DLR, 0);
    wr(CCR, INSTRUCTION(0x01) | DATA(1u));
    assert_int_equal(rd(SR) & BUSY, 0);
    wr_size(DR, 1, 0x04);
    settle();
    assert_int_equal(status() & 1, 1);
    advance(10 * MS);
    assert_int_equal(status(), 0x04);
    silence();
}

static void test_abr_starts_nothing_and_ccr_byte_does(void **state)
{
    (void)state;
    wr(ABR, 0xFF);
    assert_int_equal(rd(SR) & BUSY, 0);
    wr_size(CCR + 1, 1, 0x01); // IMODE 1: the instruction's byte is not written
    assert_int_equal(rd(SR) & BUSY, 0);
    wr_size(CCR, 1, 0x06);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    settle();
    assert_int_equal(status() & 2, 2);
    silence();
}

static void test_quad_read_time(void **state)
{
    (void)state;
    put(0x100, "0123456789abcdef");
    wr(DLR, 15);
    wr(ABR, 0xFF);
    wr(CCR, INSTRUCTION(0xEB) | ADDRESS(3u) | ALTERNATE(3u) | DUMMY(4u) | DATA(3u) | READ);
    wr(AR, 0x100);
    // 1 + 8 + 6 + 2 + 4 + 16 * 2 + 1 = 54 cycles
    advance(1687);
    assert_int_equal(rd(SR) & TCF, 0);
    advance(1);
    assert_int_equal(rd(SR) & TCF, TCF);
    assert_memory_equal(&(uint32_t){rd(DR)}, "0123", 4);
    silence();
}

static void test_select_stays_high_between_frames(void **state)
{
    (void)state;
    command(0x06);
    wr(FCR, 0x1B);
    wr(DLR, 0);
    wr(CCR, INSTRUCTION(0x06)); // asked for at once, starts after 5 cycles
    settle();
    silence();
    wr(DCR, 24u << 16); // one cycle: 31 ns
    wr(CCR, INSTRUCTION(0x06));
    advance(313);
    wr(CCR, INSTRUCTION(0x06));
    complaint("chip select was high for 3");
}

static void test_disabled_starts_nothing(void **state)
{
    (void)state;
    wr(CR, PRESCALER);
    wr(CCR, INSTRUCTION(0x06));
    assert_int_equal(rd(SR) & BUSY, 0);
    wr(CCR, INSTRUCTION(0x01) | DATA(1u));
    wr_size(DR, 1, 0);
    complaint("DR written while EN is 0");
}

// --- FIFO ---------------------------------------------------------------------------------------

static void test_full_fifo_stops_the_clock(void **state)
{
    uint8_t *array = nor_chip_array(chips[0]);

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        array[i] = (uint8_t)i;
    }
    start_read(0, 64);
    advance(1 * MS);
    assert_int_equal(rd(SR) >> 8, 32);
    assert_int_equal(rd(SR) & TCF, 0);
    assert_int_equal(rd_size(DR, 1), 0);
    assert_int_equal(rd_size(DR, 2), 0x0201);
    advance(1 * MS);
    assert_int_equal(rd(SR) >> 8, 29); // fewer than 4 are free: CLK stands
    assert_int_equal(rd_size(DR, 1), 3);
    advance(249); // 8 cycles a byte
    assert_int_equal(rd(SR) >> 8, 28);
    advance(1);
    assert_int_equal(rd(SR) >> 8, 29);
    for (unsigned i = 4; i < 64; i += 4) {
        assert_int_equal(rd(DR), i | (i + 1) << 8 | (i + 2) << 16 | (i + 3) << 24);
    }
    settle();
    silence();
}

static void test_threshold_flag_on_reads(void **state)
{
    (void)state;
    wr(CR, CR_ON | 3u << 8); // FTHRES 3: 4 bytes
    start_read(0, 6);
    advance(1032 + 750 - 1); // 33 cycles of command, 24 of three bytes
    assert_int_equal(rd(SR) & FTF, 0);
    advance(251);
    assert_int_equal(rd(SR) & FTF, FTF);
    rd(DR);
    assert_int_equal(rd(SR) & FTF, 0);
    advance(2 * US);
    assert_int_equal(rd(SR) & (FTF | TCF), FTF | TCF); // any byte that is left
    rd_size(DR, 2);
    assert_int_equal(rd(SR) & FTF, 0);
}

static void test_threshold_flag_on_writes(void **state)
{
    (void)state;
    command(0x06);
    wr(CR, CR_ON | 15u << 8); // 16 free bytes
    wr(DLR, 255);
    wr(CCR, INSTRUCTION(0x02) | ADDRESS(1u) | DATA(1u));
    wr(AR, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(rd(SR) & FTF, FTF);
        wr(DR, 0);
    }
    assert_int_equal(rd(SR) & FTF, FTF);
    wr_size(DR, 1, 0);
    assert_int_equal(rd(SR) & FTF, 0);
    assert_int_equal(rd(SR) >> 8, 17);
    advance(1032 + 250);
    assert_int_equal(rd(SR) & FTF, FTF);
    assert_int_equal(rd(SR) >> 8, 16);
}

static void test_dr_read_is_held(void **state)
{
    uint64_t before;

    (void)state;
    put(0x10, "wait");
    start_read(0x10, 4);
    before = now();
    assert_memory_equal(&(uint32_t){rd(DR)}, "wait", 4);
    assert_in_range(now() - before, 2031, 2031 + 16); // 1 + 32 + 32 cycles, rounded to the CPU's
    settle();
    silence();
}

static void test_dr_write_is_held(void **state)
{
    uint64_t before;

    (void)state;
    command(0x06);
    wr(DLR, 63);
    wr(CCR, INSTRUCTION(0x02) | ADDRESS(1u) | DATA(1u));
    wr(AR, 0);
    before = now();
    for (unsigned i = 0; i < 8; i++) {
        wr(DR, 0x01010101 * i);
    }
    assert_int_equal(now(), before);
    wr(DR, 0x08080808); // no room before 4 bytes have left
    assert_in_range(now() - before, 1031 + 1000, 1031 + 1000 + 17);
    for (unsigned i = 9; i < 16; i++) {
        wr(DR, 0x01010101 * i);
    }
    settle();
    advance(400 * US);
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(nor_chip_array(chips[0])[i], i / 4);
    }
    silence();
}

static void test_bytes_behind_the_length_are_dropped(void **state)
{
    (void)state;
    command(0x06);
    wr(DLR, 4);
    wr(CCR, INSTRUCTION(0x02) | ADDRESS(1u) | DATA(1u));
    wr(AR, 0x300);
    wr(DR, 0x44434241);
    wr(DR, 0x48474645);
    settle();
    advance(400 * US);
    assert_memory_equal(nor_chip_array(chips[0]) + 0x300, "ABCDE\xFF\xFF\xFF", 8);
    assert_int_equal(rd(SR) >> 8, 0);
    silence();
}

static void test_slow_writer_stretches_the_frame(void **state)
{
    (void)state;
    command(0x06);
    wr(FCR, TCF);
    wr(DLR, 1);
    wr(CCR, INSTRUCTION(0x02) | ADDRESS(1u) | DATA(1u));
    wr(AR, 0);
    wr_size(DR, 1, 'x');
    advance(1 * MS);
    assert_int_equal(rd(SR) & (BUSY | TCF), BUSY);
    wr_size(DR, 1, 'y');
    advance(281); // 8 cycles, and 1 for the release
    assert_int_equal(rd(SR) & TCF, 0);
    advance(1);
    assert_int_equal(rd(SR) & TCF, TCF);
    advance(400 * US);
    assert_memory_equal(nor_chip_array(chips[0]), "xy", 2);
}

static void test_dr_out_of_place(void **state)
{
    (void)state;
    wr(CCR, INSTRUCTION(0x9F) | DATA(1u) | READ);
    wr_size(DR, 1, 0);
    complaint("DR written, but CCR");
    rd_size(DR + 1, 1);
    complaint("data stands at the bottom");
}

// --- Errors -------------------------------------------------------------------------------------

static void test_address_behind_the_flash(void **state)
{
    (void)state;
    wr(DCR, 22u << 16); // 8 MB
    start_read(0x800000, 1);
    assert_int_equal(rd(SR) & (TEF | BUSY), TEF);
    start_read(0x7FFFFC, 4);
    assert_int_equal(rd(SR) & (TEF | BUSY), BUSY);
    advance(10 * US);
    rd(DR);
    settle();
    start_read(0x7FFFFD, 4); // the length passes the end
    assert_int_equal(rd(SR) & (TEF | BUSY), TEF);
    wr(FCR, TEF);
    assert_int_equal(rd(SR) & TEF, 0);
    silence();
}

static void test_undefined_length_ends_with_the_flash(void **state)
{
    (void)state;
    wr(DLR, 0xFFFFFFFF);
    wr(CCR, INSTRUCTION(0x03) | ADDRESS(1u) | DATA(1u) | READ);
    wr(AR, 0x1FFFFFC);
    advance(10 * US);
    assert_int_equal(rd(SR) & TCF, TCF);
    assert_int_equal(rd(SR) >> 8, 4);
    rd(DR);
    wr(FCR, 0x1B);
    wr(DCR, 31u << 16 | 4u << 8); // no end
    wr(DLR, 0xFFFFFFFF);
    wr(AR, 0xFFFFFC);
    for (unsigned i = 0; i < 100; i++) {
        advance(1 * US);
        rd(DR);
    }
    assert_int_equal(rd(SR) & (TCF | BUSY), BUSY);
    wr(CR, CR_ON | ABORT);
    settle();
}

static void test_frozen_while_busy(void **state)
{
    static const struct {
        uint32_t address;
        const char *name;
    } frozen[] = {{DCR, "DCR"},     {DLR, "DLR"},     {CCR, "CCR"}, {AR, "AR"},    {ABR, "ABR"},
                  {PSMKR, "PSMKR"}, {PSMAR, "PSMAR"}, {PIR, "PIR"}, {LPTR, "LPTR"}};

    (void)state;
    start_read(0, 64);
    for (size_t i = 0; i < sizeof(frozen) / sizeof(frozen[0]); i++) {
        uint32_t before = rd(frozen[i].address);
        char text[40];

        snprintf(text, sizeof(text), "%s written while BUSY is 1", frozen[i].name);
        wr(frozen[i].address, 0x100);
        complaint(text);
        assert_int_equal(rd(frozen[i].address), before);
    }
    wr(CR, CR_ON | 0x10); // SSHIFT
    complaint("CR written while BUSY is 1: bits 0x00000010");
    wr(CR, CR_ON | 0x1F0F00); // threshold and interrupts may change
    silence();
}

static void test_ar_again_without_address_is_harmless(void **state)
{
    (void)state;
    wr(DLR, 2);
    wr(CCR, INSTRUCTION(0x9F) | DATA(1u) | READ);
    wr(AR, 0); // as ST's HAL does
    silence();
    advance(2 * US);
    assert_int_equal(rd(SR) >> 8, 3);
}

static void test_errata(void **state)
{
    (void)state;
    wr(CCR, 0);
    complaint("CCR written with 0 hangs");
    wr(DLR, 0);
    wr(CCR, DATA(1u) | READ);
    complaint("erratum 2.6.3");
    command(0x06);
    wr(CCR, INSTRUCTION(0x31) | DUMMY(8u) | DATA(1u));
    wr_size(DR, 1, 2);
    complaint("clocks too many"); // the chip's view comes last
    settle();
    wr(CCR, INSTRUCTION(0x9F) | READ);
    complaint("DMODE 0");
    wr(CCR, INSTRUCTION(0x0D) | ADDRESS(1u) | DATA(1u) | READ | 1u << 31);
    wr(AR, 0);
    complaint("double data rate");
}

static void test_indirect_write_with_dummy_cycles(void **state)
{
    (void)state;
    wr(RCC + 0x4C, 3u << 4);
    set_pin(wiring.ncs, 0, 0, 3); // so that the chip does not complain as well
    wr(CCR, INSTRUCTION(0x31) | DUMMY(8u) | DATA(1u));
    wr_size(DR, 1, 2);
    assert_int_equal(bench.violations, 2);
    complaint("BK1_NCS");
}

static void test_prescaler_0_with_hclk(void **state)
{
    (void)state;
    wr(CR, EN);
    wr(CCR, INSTRUCTION(0x06));
    complaint("erratum 2.7.6");
    settle();
    wr(RCC + 0x4C, 3u << 4); // per_ck
    wr(CCR, INSTRUCTION(0x06));
    settle();
    silence();
}

static void test_stopped_kernel_clock(void **state)
{
    (void)state;
    wr(RCC + 0x4C, 2u << 4); // PLL2R, off
    wr(CCR, INSTRUCTION(0x06));
    complaint("the kernel clock is stopped");
    assert_int_equal(rd(SR) & BUSY, 0);
    wr(RCC + 0x4C, 0);
    start_read(0, 64);
    wr(RCC + 0x4C, 2u << 4);
    complaint("the kernel clock was stopped in the middle of a transfer");
}

static void test_clock_change_in_a_transfer(void **state)
{
    (void)state;
    start_read(0, 64);
    advance(1032 + 250);
    assert_int_equal(rd(SR) >> 8, 1);
    wr(RCC, rd(RCC) | 1u << 3); // HSIDIV 1: 32 MHz
    advance(499);
    assert_int_equal(rd(SR) >> 8, 1);
    advance(1);
    assert_int_equal(rd(SR) >> 8, 2);
    silence();
}

// --- Pins ---------------------------------------------------------------------------------------

static void test_pin_not_in_alternate_function(void **state)
{
    (void)state;
    set_pin(wiring.clk, 3, 9, 3);
    wr(CCR, INSTRUCTION(0x06));
    complaint("CLK: PB2 is analog, not in AF9: the chip sees nothing");
    settle();
    good_pin(wiring.clk);
    assert_int_equal(status() & 2, 0); // it has not arrived
    silence();
}

static void test_pin_in_wrong_alternate_function(void **state)
{
    (void)state;
    set_pin(wiring.ncs, 2, 10, 3);
    wr(CCR, INSTRUCTION(0x06));
    complaint("BK1_NCS: PB10 is in AF10, not in AF9");
}

static void test_io_pins_are_needed_as_used(void **state)
{
    (void)state;
    set_pin(wiring.bank1_io[2], 0, 0, 3);
    set_pin(wiring.bank1_io[3], 0, 0, 3);
    start_read(0, 1); // one lane: IO2 and IO3 are free
    silence();
    advance(10 * US);
    rd(DR);
    settle();
    wr(ABR, 0xFF);
    wr(CCR, INSTRUCTION(0xEB) | ADDRESS(3u) | ALTERNATE(3u) | DUMMY(4u) | DATA(3u) | READ);
    wr(AR, 0);
    complaint("BK1_IO2: PE2 is an input");
    advance(10 * US);
    assert_int_equal(rd_size(DR, 1), 0xFF);
}

static void test_pin_speed(void **state)
{
    (void)state;
    set_pin(wiring.bank1_io[1], 2, 9, 1);
    status();
    silence(); // 32 MHz
    wr(RCC + 0x4C, 3u << 4);
    wr(CR, EN);
    status();
    complaint("BK1_IO1: PD12 has OSPEEDR 1, too slow for 64000000 Hz");
}

static void test_chip_clock_limit(void **state)
{
    (void)state;
    wr(RCC + 0x4C, 3u << 4);
    wr(CR, EN);
    start_read(0, 1);
    complaint("opcode 03h (read) clocked at 64000000 Hz, its limit is 50 MHz");
}

// --- Abort --------------------------------------------------------------------------------------

static void test_abort(void **state)
{
    (void)state;
    start_read(0, 64);
    advance(1 * MS);
    wr(CR, CR_ON | ABORT);
    assert_int_equal(rd(CR) & ABORT, ABORT);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    advance(32); // it stood still: NCS rises at once
    assert_int_equal(rd(CR) & ABORT, 0);
    assert_int_equal(rd(SR) & 0x3F23, TCF); // FIFO flushed, BUSY 0
    wr(FCR, TCF);
    assert_int_equal(status(), 0);
    silence();
}

static void test_abort_of_a_write_keeps_whole_bytes(void **state)
{
    (void)state;
    command(0x06);
    wr(DLR, 63);
    wr(CCR, INSTRUCTION(0x02) | ADDRESS(1u) | DATA(1u));
    wr(AR, 0);
    wr(DR, 0x03020100);
    wr(DR, 0x07060504);
    advance(1032 + 250 * 2 + 100);
    wr(CR, CR_ON | ABORT);
    settle();
    advance(400 * US);
    assert_memory_equal(nor_chip_array(chips[0]), "\x00\x01\x02\xFF", 4);
}

static void test_disable_in_a_transfer(void **state)
{
    (void)state;
    start_read(0, 64);
    wr(CR, PRESCALER);
    complaint("EN cleared in the middle of a transfer");
    assert_int_equal(rd(SR) & BUSY, 0);
}

static void test_free_running_clock_sequence(void **state)
{
    (void)state;
    // Erratum 2.7.4
    wr(CR, 0);
    assert_int_equal(rd(SR) & BUSY, 0);
    wr(CR, 0xFF000001);
    wr(CCR, 0x20000000);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    wr(CCR, 0x20000000);
    wr(CR, 0);
    assert_int_equal(rd(SR) & BUSY, 0);
    wr(CR, CR_ON);
    command(0x06);
    silence();
    wr(CCR, 0x20000000);
    wr(CR, CR_ON | ABORT);
    settle();
    silence();
}

// --- Interrupts ---------------------------------------------------------------------------------

static bool irq(void)
{
    return machine_irq_level(bench.machine, IRQ);
}

static void test_interrupts(void **state)
{
    (void)state;
    wr(CR, CR_ON | 1u << 17); // TCIE
    wr(CCR, INSTRUCTION(0x06));
    assert_false(irq());
    advance(313); // by itself, nobody looks at a register
    assert_true(irq());
    wr(FCR, TCF);
    assert_false(irq());
    wr(CR, CR_ON | 1u << 16); // TEIE
    wr(DCR, 22u << 16 | 4u << 8);
    start_read(0x800000, 1);
    assert_true(irq());
    wr(FCR, TEF);
    assert_false(irq());
}

static void test_threshold_interrupt(void **state)
{
    (void)state;
    wr(CR, CR_ON | 1u << 18 | 3u << 8); // FTIE, 4 bytes
    wr(DLR, 7);
    wr(CCR, INSTRUCTION(0x03) | ADDRESS(1u) | DATA(1u) | READ);
    assert_false(irq());
    wr(AR, 0);
    advance(1032 + 999);
    assert_false(irq());
    advance(2);
    assert_true(irq());
    rd(DR);
    assert_false(irq());
    advance(1000);
    assert_true(irq());
    wr(CR, CR_ON | 3u << 8);
    assert_false(irq());
}

// --- Automatic polling --------------------------------------------------------------------------

static void start_poll(uint32_t cr, uint32_t mask, uint32_t match, uint32_t interval)
{
    wr(FCR, 0x1B);
    wr(CR, CR_ON | cr);
    wr(DLR, 0);
    wr(PSMKR, mask);
    wr(PSMAR, match);
    wr(PIR, interval);
    wr(CCR, INSTRUCTION(0x05) | DATA(1u) | POLL);
}

#define APMS (1u << 22)
#define PMM  (1u << 23)
#define SMIE (1u << 19)

static void test_polling_waits_for_the_chip(void **state)
{
    uint64_t end_ns;

    (void)state;
    erase_running();
    end_ns = nor_chip_busy_until(chips[0]);
    start_poll(APMS | SMIE, 1, 0, 64);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    advance(10 * US);
    assert_int_equal(rd(SR) & (BUSY | SMF | FTF), BUSY | FTF);
    assert_int_equal(rd_size(DR, 1), 3);
    assert_int_equal(rd(SR) & FTF, 0);
    advance(end_ns - now() - 1);
    assert_false(irq());
    // the first read that ends at or behind the chip's end: 18 + 64 cycles apart
    advance(82 * 31 + 22);
    assert_true(irq());
    assert_int_equal(rd(SR) & (BUSY | SMF), SMF);
    assert_int_equal(rd(DR), 0);
    wr(FCR, SMF);
    assert_false(irq());
    silence();
}

static void test_polling_without_stop(void **state)
{
    (void)state;
    start_poll(0, 1, 0, 16);
    advance(10 * US);
    assert_int_equal(rd(SR) & (BUSY | SMF), BUSY | SMF);
    wr(FCR, SMF);
    advance(10 * US);
    assert_int_equal(rd(SR) & (BUSY | SMF), BUSY | SMF);
    wr(CR, CR_ON | ABORT);
    settle();
    assert_int_equal(rd(SR) & TCF, TCF);
    start_poll(0, 1, 0, 16);
    advance(10 * US);
    wr(CR, PRESCALER); // EN = 0 ends it as well
    assert_int_equal(rd(SR) & BUSY, 0);
    silence();
}

static void test_polling_match_modes(void **state)
{
    (void)state;
    command(0x06);              // status 02h
    start_poll(APMS, 3, 1, 16); // AND: bit 0 and bit 1 differ
    advance(100 * US);
    assert_int_equal(rd(SR) & (BUSY | SMF), BUSY);
    wr(CR, CR_ON | APMS | ABORT);
    settle();
    start_poll(APMS | PMM, 3, 0, 16); // OR: bit 0 is equal
    advance(10 * US);
    assert_int_equal(rd(SR) & (BUSY | SMF), SMF);
    silence();
}

static void test_polling_of_a_busy_chip_is_cheap(void **state)
{
    unsigned steps = 0;

    (void)state;
    erase_running();
    start_poll(APMS, 1, 0, 0);
    while ((rd(SR) & SMF) == 0 && steps < 1000) {
        uint64_t next_ns = machine_next_event_ns(bench.machine);

        assert_true(next_ns != TIME_NEVER);
        advance(next_ns - now());
        steps++;
    }
    assert_in_range(steps, 1, 5); // not one event for each of 50 000 polls
}

static void test_polling_four_bytes(void **state)
{
    (void)state;
    wr(DLR, 7); // more than 4 are not read
    wr(PSMKR, 0xFFFFFF);
    wr(PSMAR, 0x1840EF);
    wr(PIR, 16);
    wr(CR, CR_ON | APMS);
    wr(CCR, INSTRUCTION(0x9F) | DATA(1u) | POLL);
    advance(10 * US);
    assert_int_equal(rd(SR) & (BUSY | SMF), SMF);
    assert_int_equal(rd(DR) & 0xFFFFFF, 0x1840EF);
    silence();
}

// --- Memory-mapped mode -------------------------------------------------------------------------

static void map(void)
{
    wr(ABR, 0xFF);
    wr(CCR, CCR_MAPPED);
}

static bool window_read(uint32_t address, uint32_t *value)
{
    return machine_bus_read(bench.machine, address, 4, value);
}

static void test_mapped_reads(void **state)
{
    uint32_t value;

    (void)state;
    put(0x100, "mapped! ");
    put(0xFFFFFC, "last");
    map();
    assert_int_equal(rd(SR) & BUSY, 0); // until the first access
    assert_memory_equal(&(uint32_t){rd(WINDOW + 0x100)}, "mapp", 4);
    assert_int_equal(rd_size(WINDOW + 0x104, 2), 'e' | 'd' << 8);
    assert_int_equal(rd_size(WINDOW + 0x106, 1), '!');
    assert_true(window_read(WINDOW + 0xFFFFFC, &value));
    assert_memory_equal(&value, "last", 4);
    assert_int_equal(rd(SR), BUSY);
    assert_int_equal(rd(DR), 0);
    silence();
}

static void test_mapped_freezes_registers(void **state)
{
    (void)state;
    map();
    rd(WINDOW);
    wr(CCR, INSTRUCTION(0x05) | DATA(1u) | READ);
    complaint("CCR written while BUSY is 1 (memory-mapped reads prefetch: abort first)");
    wr(DCR, 0);
    complaint("DCR written while BUSY is 1");
    wr(AR, 0); // ignored in this mode
    silence();
    wr(CR, CR_ON | ABORT);
    settle();
    assert_int_equal(rd(SR) & TCF, TCF);
    rd(WINDOW); // still in the mode
    assert_int_equal(rd(SR) & BUSY, BUSY);
    wr(CR, CR_ON | ABORT);
    settle();
    assert_int_equal(status(), 0);
    silence();
}

static void expect_closed(const char *why)
{
    uint32_t value;

    assert_false(window_read(WINDOW, &value));
    complaint(why);
}

static void test_window_outside_the_mode(void **state)
{
    (void)state;
    expect_closed("0x90000000 accessed: EN is 0"); // since the reset
    command(0x06);
    expect_closed("not in memory-mapped mode");
    map();
    rd(WINDOW);
    wr(CR, PRESCALER);
    assert_int_equal(rd(SR) & BUSY, 0);
    expect_closed("EN is 0");
    wr(CR, CR_ON); // CCR still says FMODE 3
    rd(WINDOW);
    silence();
}

static void test_window_behind_the_chip(void **state)
{
    uint32_t value;

    (void)state;
    map();
    assert_false(window_read(WINDOW + 0x1000000, &value));
    complaint("0x91000000 accessed, the chip ends at 0x90FFFFFF");
    assert_false(machine_bus_write(bench.machine, WINDOW, 4, 0)); // read only
}

static void test_mapping_wrong_frames(void **state)
{
    (void)state;
    wr(ABR, 0xFF);
    wr(CCR, CCR_MAPPED + DUMMY(2u));
    complaint("2 clocks too many before the data");
    expect_closed("does not read the chip's contents");
    wr(CCR, CCR_MAPPED & ~ALTERNATE(3u));
    complaint("mode byte behind the address is not driven");
    wr(CCR, (CCR_MAPPED & ~ALTERNATE(3u)) + DUMMY(2u));
    complaint("mode byte behind the address is not driven");
    wr(CCR, INSTRUCTION(0x9F) | DATA(1u) | MAPPED);
    complaint("does not read the array");
    map();
    rd(WINDOW);
    silence();
}

static void test_mapping_without_qe(void **state)
{
    (void)state;
    map();
    complaint("QE is 0");
    expect_closed("QE is 0");
}

static void test_mapping_a_busy_chip(void **state)
{
    (void)state;
    erase_running();
    map();
    complaint("sent while the chip is BUSY");
}

static void test_mapping_sizes(void **state)
{
    (void)state;
    wr(DCR, 23u << 16 | 4u << 8);
    map();
    complaint("FSIZE 23 ends where the chip ends");
    wr(CCR, INSTRUCTION(0x06));
    settle();
    wr(DCR, 22u << 16 | 4u << 8);
    map();
    complaint("FSIZE 22 covers 0x800000 bytes of the chip's 0x1000000");
}

static void test_mapping_pins_and_clock(void **state)
{
    (void)state;
    set_pin(wiring.bank1_io[3], 0, 0, 3);
    map();
    complaint("BK1_IO3: PD13 is an input");
    expect_closed("wrong frame, clock or pin");
    good_pin(wiring.bank1_io[3]);
    map();
    rd(WINDOW);
    silence();
    set_pin(wiring.bank1_io[3], 1, 9, 3); // taken away
    assert_string_equal("QUADSPI: BK1_IO3: PD13 is an output, not in AF9: the chip sees nothing",
                        bench.last);
    bench.violations = 0;
    expect_closed("wrong frame, clock or pin");
}

static void test_kernel_clock_stops_under_the_window(void **state)
{
    (void)state;
    map();
    rd(WINDOW);
    wr(RCC + 0x4C, 2u << 4);
    complaint("the kernel clock was stopped while the chip is mapped");
    expect_closed("kernel clock was stopped");
}

static void test_gate_closes_under_the_window(void **state)
{
    (void)state;
    map();
    rd(WINDOW);
    wr(RCC + 0xD4, 0);
    complaint("QSPIEN was cleared while the chip is mapped");
}

static void test_clock_too_fast_under_the_window(void **state)
{
    (void)state;
    wr(CCR, INSTRUCTION(0x03) | ADDRESS(1u) | DATA(1u) | MAPPED);
    rd(WINDOW);
    silence();
    wr(CR, CR_ON | ABORT);
    settle();
    wr(CR, EN);
    complaint("clocked at 64000000 Hz, its limit is 50 MHz");
}

static void expect_timing(uint32_t first_ns, uint32_t next_ns)
{
    const struct memory_region *region = machine_region_at(bench.machine, WINDOW);

    assert_int_equal(region->first_line_ns, first_ns);
    assert_int_equal(region->next_line_ns, next_ns);
}

static void test_window_timing(void **state)
{
    (void)state;
    map();
    // CSHT 5, release 1, setup 1, 8 + 6 + 2 + 4, 64 cycles of data
    expect_timing(2844, 2000);
    wr(RCC, rd(RCC) | 1u << 3); // HSIDIV: HCLK3 32 MHz
    expect_timing(5688, 4000);
    silence();
}

static void test_time_out_releases_the_chip(void **state)
{
    (void)state;
    wr(LPTR, 1000);
    wr(CR, CR_ON | 8u | 1u << 20); // TCEN, TOIE
    map();
    advance(1 * MS);
    assert_int_equal(rd(SR) & TOF, 0);
    rd(WINDOW);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    advance((21 + 64 + 1000) * 32);
    assert_int_equal(rd(SR) & (BUSY | TOF), TOF);
    assert_true(irq());
    wr(FCR, TOF);
    assert_false(irq());
    rd(WINDOW);
    assert_int_equal(rd(SR) & BUSY, BUSY);
    silence();
}

static void test_continuous_read_with_sioo(void **state)
{
    (void)state;
    wr(ABR, 0xA0);
    wr(CCR, CCR_MAPPED | SIOO);
    expect_timing(2844, 2000);
    rd(WINDOW);
    silence();
    expect_timing(2594, 2000); // the next jump goes without the opcode
    wr(CR, CR_ON | ABORT);
    settle();
    rd(WINDOW);
    silence();
    wr(CR, CR_ON | ABORT);
    settle();
    wr(FCR, 0x1B);
    wr(DLR, 0);
    wr(CCR, INSTRUCTION(0x05) | DATA(1u) | READ); // the mode was not left
    complaint("opcode 05h sent while the chip is in continuous read mode");
}

static void test_sioo_without_continuous_read(void **state)
{
    uint32_t value;

    (void)state;
    wr(ABR, 0xFF);
    wr(CCR, CCR_MAPPED | SIOO);
    silence();
    assert_false(window_read(WINDOW, &value));
    complaint("not in continuous read mode");
}

static void test_continuous_read_without_sioo(void **state)
{
    uint32_t value;

    (void)state;
    wr(ABR, 0xA0);
    wr(CCR, CCR_MAPPED);
    assert_false(window_read(WINDOW, &value));
    complaint("sent while the chip is in continuous read mode");
}

static void test_reset_leaves_the_chip_alone(void **state)
{
    (void)state;
    wr(ABR, 0xA0);
    wr(CCR, CCR_MAPPED | SIOO);
    rd(WINDOW);
    machine_reset_now(bench.machine, RESET_PIN);
    expect_closed("EN is 0");
    good_pins();
    wr(CR, CR_ON);
    wr(DCR, 24u << 16 | 4u << 8);
    assert_int_equal(status(), 0xFF); // the chip is still in continuous read mode
    silence();                        // which this driver cannot know
    command(0xFF);
    assert_int_equal(status(), 0);
    erase_running();
    machine_reset_now(bench.machine, RESET_SOFTWARE);
    good_pins();
    wr(CR, CR_ON);
    assert_int_equal(status() & 1, 1); // its erase goes on
    advance(45 * MS);
    assert_int_equal(status(), 0);
    silence();
}

// --- Two chips ----------------------------------------------------------------------------------

#define DFM  (1u << 6)
#define FSEL (1u << 7)

static void test_dual_flash_reads(void **state)
{
    uint32_t value;

    (void)state;
    memcpy(nor_chip_array(chips[0]) + 0x80, "ace", 3);
    memcpy(nor_chip_array(chips[1]) + 0x80, "bdf", 3);
    wr(CR, CR_ON | DFM);
    wr(DLR, 2);
    assert_int_equal(rd(DLR), 3); // always even
    wr(CCR, INSTRUCTION(0x03) | ADDRESS(1u) | DATA(1u) | READ);
    wr(AR, 0x101);
    assert_int_equal(rd(AR), 0x100);
    advance(1032 + 500); // two bytes of each
    assert_int_equal(rd(SR) >> 8, 4);
    value = rd(DR);
    assert_memory_equal(&value, "abcd", 4);
    settle();
    silence();
}

static void test_dual_flash_status_and_program(void **state)
{
    (void)state;
    wr(CR, CR_ON | DFM);
    command(0x06);
    wr(DLR, 1);
    wr(CCR, INSTRUCTION(0x05) | DATA(1u) | READ);
    advance(2 * US);
    assert_int_equal(rd_size(DR, 2), 0x0202);
    wr(DLR, 3);
    wr(CCR, INSTRUCTION(0x02) | ADDRESS(1u) | DATA(1u));
    wr(AR, 0x400);
    wr(DR, 0x64636261);
    settle();
    advance(400 * US);
    assert_memory_equal(nor_chip_array(chips[0]) + 0x200, "ac", 2);
    assert_memory_equal(nor_chip_array(chips[1]) + 0x200, "bd", 2);
    silence();
}

static void test_dual_flash_mapped(void **state)
{
    uint32_t value;

    (void)state;
    memcpy(nor_chip_array(chips[0]) + 0x80, "ac", 2);
    memcpy(nor_chip_array(chips[1]) + 0x80, "bd", 2);
    wr(CR, CR_ON | DFM);
    wr(DCR, 25u << 16 | 4u << 8);
    map();
    value = rd(WINDOW + 0x100);
    assert_memory_equal(&value, "abcd", 4);
    assert_true(window_read(WINDOW + 0x1FFFFFC, &value));
    silence();
    expect_timing(1844, 1000);
}

static void test_second_bank(void **state)
{
    uint32_t value;

    (void)state;
    memcpy(nor_chip_array(chips[0]), "one.", 4);
    memcpy(nor_chip_array(chips[1]), "two.", 4);
    map();
    value = rd(WINDOW);
    assert_memory_equal(&value, "one.", 4);
    wr(CR, CR_ON | ABORT);
    settle();
    wr(CR, CR_ON | FSEL);
    value = rd(WINDOW);
    assert_memory_equal(&value, "two.", 4);
    silence();
}

static void test_second_bank_without_chip(void **state)
{
    (void)state;
    wr(CR, CR_ON | FSEL);
    wr(CCR, INSTRUCTION(0x06));
    complaint("bank 2 is used, but the board has no chip there");
}

#define TEST(test)    cmocka_unit_test_setup_teardown(test, start, stop)
#define TEST_IM(test) cmocka_unit_test_setup_teardown(test, start_im, stop)
#define DUAL(test)    cmocka_unit_test_setup_teardown(test, start_dual, stop)

static const struct CMUnitTest tests[] = {
    TEST(test_reset_values),
    TEST(test_storage),
    TEST(test_clock_gate),
    TEST(test_delay_block),
    TEST(test_bare_command_starts_with_ccr),
    TEST(test_read_without_address_starts_with_ccr),
    TEST(test_address_starts_with_ar),
    TEST(test_write_starts_with_dr),
    TEST(test_status_write_starts_with_dr),
    TEST(test_abr_starts_nothing_and_ccr_byte_does),
    TEST(test_quad_read_time),
    TEST(test_select_stays_high_between_frames),
    TEST(test_disabled_starts_nothing),
    TEST(test_full_fifo_stops_the_clock),
    TEST(test_threshold_flag_on_reads),
    TEST(test_threshold_flag_on_writes),
    TEST(test_dr_read_is_held),
    TEST(test_dr_write_is_held),
    TEST(test_bytes_behind_the_length_are_dropped),
    TEST(test_slow_writer_stretches_the_frame),
    TEST(test_dr_out_of_place),
    TEST(test_address_behind_the_flash),
    TEST(test_undefined_length_ends_with_the_flash),
    TEST(test_frozen_while_busy),
    TEST(test_ar_again_without_address_is_harmless),
    TEST(test_errata),
    TEST(test_indirect_write_with_dummy_cycles),
    TEST(test_prescaler_0_with_hclk),
    TEST(test_stopped_kernel_clock),
    TEST(test_clock_change_in_a_transfer),
    TEST(test_pin_not_in_alternate_function),
    TEST(test_pin_in_wrong_alternate_function),
    TEST(test_io_pins_are_needed_as_used),
    TEST(test_pin_speed),
    TEST(test_chip_clock_limit),
    TEST(test_abort),
    TEST(test_abort_of_a_write_keeps_whole_bytes),
    TEST(test_disable_in_a_transfer),
    TEST(test_free_running_clock_sequence),
    TEST(test_interrupts),
    TEST(test_threshold_interrupt),
    TEST(test_polling_waits_for_the_chip),
    TEST(test_polling_without_stop),
    TEST(test_polling_match_modes),
    TEST(test_polling_of_a_busy_chip_is_cheap),
    TEST(test_polling_four_bytes),
    TEST(test_mapped_reads),
    TEST(test_mapped_freezes_registers),
    TEST(test_window_outside_the_mode),
    TEST(test_window_behind_the_chip),
    TEST(test_mapping_wrong_frames),
    TEST_IM(test_mapping_without_qe),
    TEST(test_mapping_a_busy_chip),
    TEST(test_mapping_sizes),
    TEST(test_mapping_pins_and_clock),
    TEST(test_kernel_clock_stops_under_the_window),
    TEST(test_gate_closes_under_the_window),
    TEST(test_clock_too_fast_under_the_window),
    TEST(test_window_timing),
    TEST(test_time_out_releases_the_chip),
    TEST(test_continuous_read_with_sioo),
    TEST(test_sioo_without_continuous_read),
    TEST(test_continuous_read_without_sioo),
    TEST(test_reset_leaves_the_chip_alone),
    DUAL(test_dual_flash_reads),
    DUAL(test_dual_flash_status_and_program),
    DUAL(test_dual_flash_mapped),
    DUAL(test_second_bank),
    TEST(test_second_bank_without_chip),
};

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
