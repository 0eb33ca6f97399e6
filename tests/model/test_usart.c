// The serial ports' model: characters take their time, flags, FIFO, interrupts, rules. Expected
// values from the SVD, ST's HAL (baud rate formulas) and arithmetic.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_gpio.h"
#include "sim/h750_rcc.h"
#include "sim/h750_usart.h"

#define RCC    0x58024400u
#define GPIOB  0x58020400u
#define USART1 0x40011000u
#define LPUART 0x58000C00u
#define CR1    0x00
#define CR2    0x04
#define CR3    0x08
#define BRR    0x0C
#define RQR    0x18
#define ISR    0x1C
#define ICR    0x20
#define RDR    0x24
#define TDR    0x28
#define PRESC  0x2C
#define UE     1u
#define RE     4u
#define TE     8u
#define FIFOEN (1u << 29)
#define ORE    (1u << 3)
#define IDLE   (1u << 4)
#define RXNE   (1u << 5)
#define TC     (1u << 6)
#define TXE    (1u << 7)

struct ports {
    struct bench bench;
    struct usart *usart1;
    struct usart *lpuart1;
    char sent[64];
    size_t sent_count;
    uint64_t sent_ns;
};

static void record(void *context, uint8_t byte)
{
    struct ports *ports = context;

    ports->sent[ports->sent_count++] = (char)byte;
    ports->sent_ns = machine_now_ns(ports->bench.machine);
}

static int open_ports(void **state)
{
    static struct ports ports;
    struct rcc *rcc;
    struct gpio *gpio;

    memset(&ports, 0, sizeof(ports));
    bench_open(&ports.bench);
    rcc = rcc_create(ports.bench.machine, 0, 0);
    gpio = gpio_create(ports.bench.machine);
    ports.usart1 = usart_create(ports.bench.machine, rcc, gpio, "USART1");
    ports.lpuart1 = usart_create(ports.bench.machine, rcc, gpio, "LPUART1");
    assert_null(usart_create(ports.bench.machine, rcc, gpio, "USART9"));
    usart_on_transmit(ports.usart1, record, &ports);
    usart_on_transmit(ports.lpuart1, record, &ports);
    bench_write(&ports.bench, RCC + 0xE0, 2);       // GPIOB
    bench_write(&ports.bench, RCC + 0xF0, 1u << 4); // USART1
    bench_write(&ports.bench, RCC + 0xF4, 1u << 3); // LPUART1
    *state = &ports;
    return 0;
}

static int close_ports(void **state)
{
    bench_close(&((struct ports *)*state)->bench);
    return 0;
}

// PB14 TX and PB15 RX in AF4, 64 MHz / 64 = 1 Mbit/s, 8N1: 10 us a character.
static void start(struct ports *ports, uint32_t cr1)
{
    bench_change(&ports->bench, GPIOB, 15u << 28, 10u << 28);
    bench_write(&ports->bench, GPIOB + 0x24, 0x44u << 24);
    bench_write(&ports->bench, USART1 + BRR, 64);
    bench_write(&ports->bench, USART1 + CR1, cr1);
}

static void test_transmit(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;
    uint64_t start_ns;

    start(ports, UE | TE | RE);
    assert_int_equal(bench_read(bench, USART1 + ISR), TC | TXE | 3u << 21);
    start_ns = machine_now_ns(bench->machine);
    bench_write(bench, USART1 + TDR, 'A');
    assert_int_equal(bench_read(bench, USART1 + ISR) & (TC | TXE), TXE); // in the shift register
    bench_write(bench, USART1 + TDR, 'B');
    assert_int_equal(bench_read(bench, USART1 + ISR) & (TC | TXE), 0);
    bench_wait_us(bench, 11);
    assert_int_equal(ports->sent_count, 1);
    assert_int_equal(ports->sent_ns - start_ns, 10000);
    assert_int_equal(bench_read(bench, USART1 + ISR) & (TC | TXE), TXE);
    bench_wait_us(bench, 10);
    assert_memory_equal(ports->sent, "AB", 2);
    assert_int_equal(ports->sent_ns - start_ns, 20000);
    assert_int_equal(bench_read(bench, USART1 + ISR) & (TC | TXE), TC | TXE);
    bench_expect_clean(bench);
}

static void test_baud_rates(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;
    uint64_t start_ns;

    start(ports, 0);
    bench_write(bench, USART1 + BRR, 0x0160 | 5); // USARTDIV 0x16A = 362, OVER8: 2 * 64 MHz / 362
    bench_write(bench, USART1 + CR1, UE | TE | 1u << 15);
    start_ns = machine_now_ns(bench->machine);
    bench_write(bench, USART1 + TDR, 'x');
    bench_wait_us(bench, 1000);
    assert_int_equal(ports->sent_ns - start_ns, (10 * 362 * 1000 / 2 + 63) / 64);
    bench_write(bench, USART1 + CR1, 0);
    bench_write(bench, USART1 + PRESC, 1); // / 2
    bench_write(bench, USART1 + BRR, 320);
    bench_write(bench, USART1 + CR2, 2u << 12);           // two stop bits
    bench_write(bench, USART1 + CR1, UE | TE | 1u << 28); // 7 data bits
    start_ns = machine_now_ns(bench->machine);
    bench_write(bench, USART1 + TDR, 0xC1);
    bench_wait_us(bench, 1000);
    assert_int_equal(ports->sent_ns - start_ns, 10 * 10000); // 100 kbit/s
    assert_int_equal(ports->sent[1], 0x41);
    bench_expect_clean(bench);
}

static void test_lpuart(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;
    uint64_t start_ns;

    bench_change(bench, GPIOB, 3u << 12, 2u << 12); // PB6, AF8
    bench_write(bench, GPIOB + 0x20, 8u << 24);
    bench_write(bench, LPUART + BRR, 256 * 64); // 1 Mbit/s
    bench_write(bench, LPUART + CR1, UE | TE);
    start_ns = machine_now_ns(bench->machine);
    bench_write(bench, LPUART + TDR, 'L');
    bench_wait_us(bench, 20);
    assert_int_equal(ports->sent_ns - start_ns, 10000);
    bench_expect_clean(bench);
}

static void test_receive(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;

    assert_int_equal(usart_receive(ports->usart1, (const uint8_t *)"ab", 2), 2);
    bench_wait_us(bench, 100);
    assert_int_equal(usart_receive_pending(ports->usart1), 2); // the receiver is off
    start(ports, UE | TE | RE | 1u << 5);
    bench_wait_us(bench, 9);
    assert_false(bench_read(bench, USART1 + ISR) & RXNE);
    bench_wait_us(bench, 2);
    assert_true(bench_read(bench, USART1 + ISR) & RXNE);
    assert_true(machine_irq_level(bench->machine, 37));
    assert_int_equal(bench_read(bench, USART1 + RDR), 'a');
    assert_false(machine_irq_level(bench->machine, 37));
    bench_wait_us(bench, 10);
    assert_int_equal(bench_read(bench, USART1 + RDR), 'b');
    assert_false(bench_read(bench, USART1 + ISR) & IDLE);
    bench_wait_us(bench, 20);
    assert_true(bench_read(bench, USART1 + ISR) & IDLE);
    bench_write(bench, USART1 + ICR, IDLE);
    assert_false(bench_read(bench, USART1 + ISR) & IDLE);
    bench_expect_clean(bench);
}

static void test_overrun(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;

    start(ports, UE | RE);
    usart_receive(ports->usart1, (const uint8_t *)"abc", 3);
    bench_wait_us(bench, 35);
    assert_true(bench_read(bench, USART1 + ISR) & ORE);
    assert_int_equal(bench_read(bench, USART1 + RDR), 'a'); // what was there stays
    bench_write(bench, USART1 + ICR, ORE);
    assert_false(bench_read(bench, USART1 + ISR) & (ORE | RXNE));
    bench_expect_clean(bench);
}

static void test_fifo(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;

    start(ports, UE | TE | RE | FIFOEN);
    assert_true(bench_read(bench, USART1 + ISR) & 1u << 23); // TXFE
    for (unsigned i = 0; i < 17; i++) {                      // the shift register and 16 more
        assert_true(bench_read(bench, USART1 + ISR) & TXE);
        bench_write(bench, USART1 + TDR, 'a' + i);
    }
    assert_false(bench_read(bench, USART1 + ISR) & TXE);
    bench_expect_clean(bench);
    bench_write(bench, USART1 + TDR, 'z');
    bench_expect_violation(bench, "lost");
    bench_wait_us(bench, 200);
    assert_int_equal(ports->sent_count, 17);
    usart_receive(ports->usart1, (const uint8_t *)"0123456789abcdefg", 17);
    bench_wait_us(bench, 165);
    assert_true(bench_read(bench, USART1 + ISR) & 1u << 24); // RXFF
    bench_wait_us(bench, 20);
    assert_true(bench_read(bench, USART1 + ISR) & ORE);
    assert_int_equal(bench_read(bench, USART1 + RDR), '0');
    bench_write(bench, USART1 + RQR, 1u << 3);
    assert_false(bench_read(bench, USART1 + ISR) & RXNE);
}

static void test_parity(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;

    start(ports, UE | RE | 1u << 10 | 1u << 12); // 8 data bits, even parity as the ninth
    usart_receive(ports->usart1, (const uint8_t *)"\x07", 1);
    bench_wait_us(bench, 20);
    assert_int_equal(bench_read(bench, USART1 + RDR), 0x107);
    bench_expect_clean(bench);
}

static void test_rules(void **state)
{
    struct ports *ports = *state;
    struct bench *bench = &ports->bench;

    bench_write(bench, USART1 + BRR, 64);
    bench_write(bench, USART1 + TDR, 'x');
    bench_expect_violation(bench, "transmitter is off");
    bench_write(bench, USART1 + CR1, UE | TE);
    bench_write(bench, USART1 + TDR, 'x');
    assert_true(bench->violations > 0); // no pin is switched
    bench->violations = 0;
    bench_write(bench, USART1 + BRR, 65);
    bench_expect_violation(bench, "BRR changed while UE is 1");
    bench_write(bench, USART1 + CR1, UE | TE | FIFOEN);
    bench_expect_violation(bench, "format bits changed");
    bench_write(bench, USART1 + CR1, 0);
    bench_expect_violation(bench, "lost");
}

static void test_room(void **state)
{
    struct ports *ports = *state;
    uint8_t data[USART_LINE_SIZE + 1] = {0};

    assert_int_equal(usart_receive(ports->usart1, data, sizeof(data)), USART_LINE_SIZE);
    assert_int_equal(usart_receive(ports->usart1, data, 1), 0);
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, open_ports, close_ports)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PORT_TEST(test_transmit), PORT_TEST(test_baud_rates), PORT_TEST(test_lpuart),
        PORT_TEST(test_receive),  PORT_TEST(test_overrun),    PORT_TEST(test_fifo),
        PORT_TEST(test_parity),   PORT_TEST(test_rules),      PORT_TEST(test_room),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("usart", tests, NULL, NULL);
}
