// The DMA models: DMA1 and DMA2 with DMAMUX1, BDMA with DMAMUX2. Expected values from RM0433's
// rules as ST's HAL and AN4031 restate them; request lines from ST's HAL.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_bdma.h"
#include "sim/h750_dma.h"
#include "sim/h750_dmamux.h"
#include "sim/h750_gpio.h"
#include "sim/h750_rcc.h"
#include "sim/h750_usart.h"

#define AHB1ENR  0x580244D8u
#define AHB4ENR  0x580244E0u
#define APB2ENR  0x580244F0u
#define APB4ENR  0x580244F4u
#define DMA1     0x40020000u
#define DMA2     0x40020400u
#define DMAMUX1  0x40020800u
#define BDMA     0x58025400u
#define DMAMUX2  0x58025800u
#define USART1   0x40011000u
#define LPUART1  0x58000C00u
#define GPIOA    0x58020000u
#define AXI_SRAM 0x24000000u
#define SRAM4    0x38000000u

#define CR(stream)   (0x10 + 0x18 * (stream))
#define NDTR(stream) (0x14 + 0x18 * (stream))
#define PAR(stream)  (0x18 + 0x18 * (stream))
#define M0AR(stream) (0x1C + 0x18 * (stream))
#define M1AR(stream) (0x20 + 0x18 * (stream))
#define FCR(stream)  (0x24 + 0x18 * (stream))
#define EN           1u
#define TEIE         (1u << 2)
#define HTIE         (1u << 3)
#define TCIE         (1u << 4)
#define TO_PERIPH    (1u << 6)
#define MEM2MEM      (2u << 6)
#define CIRC         (1u << 8)
#define PINC         (1u << 9)
#define MINC         (1u << 10)
#define PSIZE(code)  ((uint32_t)(code) << 11)
#define MSIZE(code)  ((uint32_t)(code) << 13)
#define DBM          (1u << 18)
#define CT           (1u << 19)
#define MBURST(code) ((uint32_t)(code) << 23)
#define DMDIS        (1u << 2)

struct unit {
    struct bench bench;
    struct usart *usart1;
    struct usart *lpuart1;
    uint8_t ram[4096];
    uint8_t sram4[4096];
    uint8_t dtcm[4096];
    char sent[64];
    size_t sent_count;
};

static void transmitted(void *context, uint8_t byte)
{
    struct unit *unit = context;

    if (unit->sent_count < sizeof(unit->sent) - 1) {
        unit->sent[unit->sent_count++] = (char)byte;
    }
}

static int open_unit(void **state)
{
    static struct unit unit;
    struct machine *machine;
    struct rcc *rcc;
    struct gpio *gpio;
    struct dmamux *mux;

    memset(&unit, 0, sizeof(unit));
    bench_open(&unit.bench);
    machine = unit.bench.machine;
    rcc = rcc_create(machine, 0, 0);
    gpio = gpio_create(machine);
    mux = dmamux_create(machine, rcc, 1);
    dma_create(machine, rcc, mux, 1);
    dma_create(machine, rcc, mux, 2);
    bdma_create(machine, rcc, dmamux_create(machine, rcc, 2));
    unit.usart1 = usart_create(machine, rcc, gpio, "USART1");
    unit.lpuart1 = usart_create(machine, rcc, gpio, "LPUART1");
    usart_on_transmit(unit.usart1, transmitted, &unit);
    machine_map_memory(machine, "AXI SRAM", AXI_SRAM, sizeof(unit.ram), unit.ram, true);
    machine_map_memory(machine, "SRAM4", SRAM4, sizeof(unit.sram4), unit.sram4, true);
    machine_map_memory(machine, "DTCM", 0x20000000, sizeof(unit.dtcm), unit.dtcm, true);
    bench_write(&unit.bench, AHB1ENR, 3);
    bench_write(&unit.bench, AHB4ENR, 1u << 21 | 1);
    bench_write(&unit.bench, APB2ENR, 1u << 4);
    bench_write(&unit.bench, APB4ENR, 1u << 3);
    *state = &unit;
    return 0;
}

static int close_unit(void **state)
{
    struct unit *unit = *state;

    bench_close(&unit->bench);
    return 0;
}

// USART1 on PA9 and PA10 at 1 Mbaud, LPUART1 on the same pins' other function.
static void open_port(struct bench *bench, uint32_t port, unsigned alternate, uint32_t divider)
{
    bench_change(bench, GPIOA, 0xFu << 18, 0xAu << 18);
    bench_change(bench, GPIOA + 0x24, 0xFF0, alternate << 4 | alternate << 8);
    bench_write(bench, port + 0x0C, divider);
    bench_write(bench, port, 1u << 3 | 1u << 2 | 1);
}

static void set_stream(struct bench *bench, uint32_t dma, unsigned stream, uint32_t peripheral,
                       uint32_t memory, uint32_t count)
{
    bench_write(bench, dma + PAR(stream), peripheral);
    bench_write(bench, dma + M0AR(stream), memory);
    bench_write(bench, dma + NDTR(stream), count);
}

static void test_memory_to_memory(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    for (unsigned i = 0; i < 64; i++) {
        unit->ram[i] = (uint8_t)(i * 7);
    }
    set_stream(bench, DMA2, 3, AXI_SRAM, AXI_SRAM + 0x100, 16);
    bench_write(bench, DMA2 + FCR(3), DMDIS | 3);
    bench_write(bench, DMA2 + CR(3),
                MEM2MEM | PINC | MINC | PSIZE(2) | MSIZE(2) | MBURST(1) | TCIE | EN);
    bench_wait_us(bench, 100);
    assert_memory_equal(unit->ram + 0x100, unit->ram, 64);
    assert_int_equal(unit->ram[0x140], 0);
    assert_int_equal(bench_read(bench, DMA2), (0x20u | 0x10) << 22); // TCIF3, HTIF3
    assert_int_equal(bench_read(bench, DMA2 + CR(3)) & EN, 0);
    assert_int_equal(bench_read(bench, DMA2 + NDTR(3)), 0);
    assert_true(machine_irq_level(bench->machine, 59));
    bench_write(bench, DMA2 + 8, 0x3Fu << 22); // as ST's HAL does, with a reserved bit
    assert_false(machine_irq_level(bench->machine, 59));
    bench_expect_clean(bench);
}

static void test_packing(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    memcpy(unit->ram, "abcdefgh", 8);
    set_stream(bench, DMA1, 0, AXI_SRAM, AXI_SRAM + 0x100, 8);
    bench_write(bench, DMA1 + FCR(0), DMDIS | 1);
    bench_write(bench, DMA1 + CR(0), MEM2MEM | PINC | MINC | PSIZE(0) | MSIZE(2) | EN);
    bench_wait_us(bench, 100);
    assert_memory_equal(unit->ram + 0x100, "abcdefgh", 8);
    bench_write(bench, DMA1 + 8, 0x3D);
    set_stream(bench, DMA1, 0, AXI_SRAM, AXI_SRAM + 0x200, 2);
    bench_write(bench, DMA1 + CR(0), MEM2MEM | PINC | MINC | PSIZE(2) | MSIZE(0) | EN);
    bench_wait_us(bench, 100);
    assert_memory_equal(unit->ram + 0x200, "abcdefgh", 8);
    bench_expect_clean(bench);
}

static void test_serial_transmit(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    open_port(bench, USART1, 7, 64);
    memcpy(unit->ram, "direct memory access", 20);
    set_stream(bench, DMA1, 5, USART1 + 0x28, AXI_SRAM, 20);
    bench_write(bench, DMAMUX1 + 4 * 5, 42);
    bench_write(bench, DMA1 + CR(5), TO_PERIPH | MINC | TCIE | HTIE | EN);
    bench_wait_us(bench, 100);
    assert_int_equal(unit->sent_count, 0); // nobody asks yet
    bench_write(bench, USART1 + 0x08, 1u << 7);
    bench_wait_us(bench, 95); // nine characters are out, two more wait in the port
    assert_int_equal(bench_read(bench, DMA1 + NDTR(5)), 9);
    assert_int_equal(bench_read(bench, DMA1 + 4), 0x10u << 6); // HTIF5
    assert_true(machine_irq_level(bench->machine, 16));
    bench_wait_us(bench, 200);
    assert_string_equal(unit->sent, "direct memory access");
    assert_int_equal(bench_read(bench, DMA1 + 4), 0x30u << 6);
    assert_int_equal(bench_read(bench, DMA1 + CR(5)) & EN, 0);
    bench_expect_clean(bench);
}

static void test_serial_circular(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    open_port(bench, USART1, 7, 64);
    bench_write(bench, USART1 + 0x08, 1u << 6);
    set_stream(bench, DMA2, 7, USART1 + 0x24, AXI_SRAM, 8);
    bench_write(bench, DMAMUX1 + 4 * 15, 41);
    bench_write(bench, DMA2 + CR(7), CIRC | MINC | TCIE | EN);
    usart_receive(unit->usart1, (const uint8_t *)"0123456789ABC", 13);
    bench_wait_us(bench, 75);
    assert_int_equal(bench_read(bench, DMA2 + NDTR(7)), 1);
    bench_wait_us(bench, 200);
    assert_memory_equal(unit->ram, "89ABC567", 8);
    assert_int_equal(bench_read(bench, DMA2 + NDTR(7)), 3);
    assert_int_equal(bench_read(bench, DMA2 + CR(7)) & EN, EN);
    assert_true(machine_irq_level(bench->machine, 70));
    bench_clear(bench, DMA2 + CR(7), EN);
    assert_int_equal(bench_read(bench, DMA2 + NDTR(7)), 3);
    bench_expect_clean(bench);
}

static void test_double_buffer(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    open_port(bench, USART1, 7, 64);
    bench_write(bench, USART1 + 0x08, 1u << 6);
    set_stream(bench, DMA1, 1, USART1 + 0x24, AXI_SRAM, 4);
    bench_write(bench, DMA1 + M1AR(1), AXI_SRAM + 0x10);
    bench_write(bench, DMAMUX1 + 4, 41);
    bench_write(bench, DMA1 + CR(1), DBM | MINC | EN);
    usart_receive(unit->usart1, (const uint8_t *)"abcdefghijkl", 12);
    bench_wait_us(bench, 45);
    assert_int_equal(bench_read(bench, DMA1 + CR(1)) & CT, CT);
    bench_write(bench, DMA1 + M0AR(1), AXI_SRAM + 0x20); // not in use: may be moved
    bench_wait_us(bench, 200);
    assert_memory_equal(unit->ram, "abcd", 4);
    assert_memory_equal(unit->ram + 0x10, "efgh", 4);
    assert_memory_equal(unit->ram + 0x20, "ijkl", 4);
    bench_expect_clean(bench);
    bench_write(bench, DMA1 + M1AR(1), AXI_SRAM); // in use
    bench_expect_violation(bench, "S1M1AR changed while the stream is enabled");
}

// What the FIFO holds reaches memory at the threshold, or when the stream is switched off.
static void test_fifo_threshold(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    open_port(bench, USART1, 7, 64);
    bench_write(bench, USART1 + 0x08, 1u << 6);
    set_stream(bench, DMA1, 0, USART1 + 0x24, AXI_SRAM, 100);
    bench_write(bench, DMAMUX1, 41);
    bench_write(bench, DMA1 + FCR(0), DMDIS | 1);
    bench_write(bench, DMA1 + CR(0), MINC | EN);
    usart_receive(unit->usart1, (const uint8_t *)"0123456789", 10);
    bench_wait_us(bench, 75);
    assert_int_equal(unit->ram[0], 0);
    assert_int_equal(bench_read(bench, DMA1 + FCR(0)) >> 3 & 7, 1); // 7 bytes
    bench_wait_us(bench, 30);
    assert_memory_equal(unit->ram, "01234567\0", 9);
    bench_clear(bench, DMA1 + CR(0), EN);
    assert_memory_equal(unit->ram, "0123456789\0", 11);
    assert_int_equal(bench_read(bench, DMA1), 0x20); // TCIF: it is off
    assert_int_equal(bench_read(bench, DMA1 + FCR(0)) >> 3 & 7, 4);
    bench_write(bench, DMA1 + CR(0), MINC | EN);
    bench_expect_violation(bench, "flags of its last transfer");
}

static void expect_refused(struct bench *bench, uint32_t control, const char *text, uint32_t flag)
{
    bench_write(bench, DMA1 + CR(2), control | TEIE | EN);
    bench_expect_violation(bench, text);
    assert_int_equal(bench_read(bench, DMA1 + CR(2)) & EN, 0);
    assert_int_equal(bench_read(bench, DMA1) >> 16, flag);
    bench_write(bench, DMA1 + 8, 0x3Du << 16);
}

static void test_mistakes(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    expect_refused(bench, TO_PERIPH, "NDTR 0", 0);
    set_stream(bench, DMA1, 2, USART1 + 0x28, 0x20000100, 4);
    expect_refused(bench, TO_PERIPH | MINC, "M0AR 0x20000100 is in DTCM", 8);
    set_stream(bench, DMA1, 2, AXI_SRAM, 0x100, 4);
    expect_refused(bench, MEM2MEM, "M0AR 0x00000100 is in ITCM", 8);
    set_stream(bench, DMA1, 2, AXI_SRAM, AXI_SRAM + 0x102, 4);
    expect_refused(bench, MEM2MEM | MSIZE(2) | PSIZE(2), "not aligned", 8);
    expect_refused(bench, MEM2MEM | CIRC, "excludes CIRC", 8);
    expect_refused(bench, MEM2MEM | PSIZE(3), "reserved", 8);
    expect_refused(bench, 3u << 6, "DIR 3", 8);
    expect_refused(bench, 1u << 5, "PFCTRL", 8);
    bench_write(bench, DMA1 + M0AR(2), AXI_SRAM + 0x100);
    expect_refused(bench, MEM2MEM | MSIZE(2) | MBURST(1), "bursts of 16 bytes", 1);
    bench_write(bench, DMA1 + NDTR(2), 3);
    expect_refused(bench, MEM2MEM | MSIZE(1), "no whole number of memory items", 8);
    set_stream(bench, DMA1, 2, 0x70000000, AXI_SRAM, 4);
    bench_write(bench, DMA1 + CR(2), MEM2MEM | TEIE | EN);
    bench_wait_us(bench, 10);
    bench_expect_violation(bench, "reading 0x70000000 ended in a bus error");
    assert_true(machine_irq_level(bench->machine, 13));
    (void)unit;
}

static void test_protected_while_enabled(void **state)
{
    struct bench *bench = &((struct unit *)*state)->bench;

    set_stream(bench, DMA1, 4, USART1 + 0x28, AXI_SRAM, 4);
    bench_write(bench, DMA1 + CR(4), TO_PERIPH | MINC | EN);
    bench_write(bench, DMA1 + NDTR(4), 9);
    bench_expect_violation(bench, "S4NDTR changed");
    assert_int_equal(bench_read(bench, DMA1 + NDTR(4)), 4);
    bench_write(bench, DMA1 + PAR(4), 0x40000000);
    bench_expect_violation(bench, "S4PAR changed");
    bench_write(bench, DMA1 + FCR(4), DMDIS);
    bench_expect_violation(bench, "S4FCR changed");
    bench_write(bench, DMA1 + CR(4), TO_PERIPH | CIRC | MINC | EN);
    bench_expect_violation(bench, "S4CR changed");
    bench_write(bench, DMA1 + CR(4), TO_PERIPH | MINC | TCIE | EN); // enables may
    bench_expect_clean(bench);
}

static void test_multiplexer(void **state)
{
    struct bench *bench = &((struct unit *)*state)->bench;

    bench_write(bench, DMAMUX1, 1u << 16);
    bench_expect_violation(bench, "synchronisation is not modelled (C0CR.SE)");
    bench_write(bench, DMAMUX2 + 0x104, 1u << 16);
    bench_expect_violation(bench, "request generators are not modelled (RG1CR.GE)");
    bench_write(bench, AHB1ENR, 0);
    bench_read(bench, DMAMUX1);
    bench_expect_violation(bench, "DMA1EN and DMA2EN are 0");
    bench_write(bench, AHB1ENR, 2);
    assert_int_equal(bench_read(bench, DMAMUX1), 1u << 16);
    bench_expect_clean(bench);
}

// --- BDMA ---------------------------------------------------------------------------------------

#define CCR(channel)   (BDMA + 0x08 + 0x14 * (channel))
#define CNDTR(channel) (CCR(channel) + 4)
#define CPAR(channel)  (CCR(channel) + 8)
#define CM0AR(channel) (CCR(channel) + 12)

static void test_basic_dma(void **state)
{
    struct unit *unit = *state;
    struct bench *bench = &unit->bench;

    open_port(bench, LPUART1, 3, 64 * 256);
    bench_write(bench, LPUART1 + 0x08, 1u << 6);
    bench_write(bench, CPAR(3), LPUART1 + 0x24);
    bench_write(bench, CM0AR(3), SRAM4 + 8);
    bench_write(bench, CNDTR(3), 4);
    bench_write(bench, DMAMUX2 + 12, 9);
    bench_write(bench, CCR(3), 1u << 7 | 1u << 1 | EN); // MINC, TCIE
    usart_receive(unit->lpuart1, (const uint8_t *)"wxyz", 4);
    bench_wait_us(bench, 100);
    assert_memory_equal(unit->sram4 + 8, "wxyz", 4);
    assert_int_equal(bench_read(bench, BDMA), 7u << 12); // GIF, TCIF, HTIF
    assert_int_equal(bench_read(bench, CCR(3)) & EN, EN);
    assert_true(machine_irq_level(bench->machine, 132));
    bench_write(bench, BDMA + 4, 1u << 12);
    assert_false(machine_irq_level(bench->machine, 132));
    bench_expect_clean(bench);
}

static void test_basic_dma_stays_in_its_domain(void **state)
{
    struct bench *bench = &((struct unit *)*state)->bench;

    bench_write(bench, CPAR(0), SRAM4);
    bench_write(bench, CM0AR(0), AXI_SRAM);
    bench_write(bench, CNDTR(0), 4);
    bench_write(bench, CCR(0), 1u << 14 | EN);
    bench_expect_violation(bench, "outside the D3 domain");
    assert_int_equal(bench_read(bench, BDMA), 9);
    bench_write(bench, CM0AR(0), SRAM4 + 0x100);
    bench_write(bench, CCR(0), 1u << 14 | 1u << 6 | 1u << 7 | 2u << 8 | EN); // words to bytes
    bench_write(bench, CNDTR(0), 5);
    bench_expect_violation(bench, "CNDTR0 changed while the channel is enabled");
    bench_wait_us(bench, 10);
    assert_int_equal(bench_read(bench, CNDTR(0)), 0);
}

#define UNIT_TEST(name) cmocka_unit_test_setup_teardown(name, open_unit, close_unit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_memory_to_memory),
        UNIT_TEST(test_packing),
        UNIT_TEST(test_serial_transmit),
        UNIT_TEST(test_serial_circular),
        UNIT_TEST(test_double_buffer),
        UNIT_TEST(test_fifo_threshold),
        UNIT_TEST(test_mistakes),
        UNIT_TEST(test_protected_while_enabled),
        UNIT_TEST(test_multiplexer),
        UNIT_TEST(test_basic_dma),
        UNIT_TEST(test_basic_dma_stays_in_its_domain),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dma", tests, NULL, NULL);
}
