// GPIO ports A to K of the STM32H750.
//
// From STM32H753.svd (layout) and stm32-rs' reset values (JTAG pins on ports A and B). A pin in an
// alternate function shows what the board drives or the pull resistor gives: the models of the
// peripherals look at the pin, they do not drive it.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_gpio.h"

#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <assert.h>
#include <stdlib.h>

#define GPIO_BASE     UINT32_C(0x58020000)
#define GPIO_DISTANCE UINT32_C(0x400)
#define PORT_COUNT    11u
#define PIN_COUNT     16u
#define LISTENERS_MAX 32u
#define LCKR_LCKK     (UINT32_C(1) << 16)

enum gpio_offset {
    GPIO_MODER = 0x00,
    GPIO_OTYPER = 0x04,
    GPIO_OSPEEDR = 0x08,
    GPIO_PUPDR = 0x0C,
    GPIO_IDR = 0x10,
    GPIO_ODR = 0x14,
    GPIO_BSRR = 0x18,
    GPIO_LCKR = 0x1C,
    GPIO_AFRL = 0x20,
    GPIO_AFRH = 0x24,
    GPIO_REGISTERS_END = 0x28,
};

// clang-format off
#define PORT_TABLE(moder, ospeedr, pupdr)                           \
    {                                                               \
        REGISTER("MODER",   0x000, moder,   UINT32_MAX, UINT32_MAX), \
        REGISTER("OTYPER",  0x004, 0,       0xFFFF,     0xFFFF),     \
        REGISTER("OSPEEDR", 0x008, ospeedr, UINT32_MAX, UINT32_MAX), \
        REGISTER("PUPDR",   0x00C, pupdr,   UINT32_MAX, UINT32_MAX), \
        REGISTER("IDR",     0x010, 0,       0xFFFF,     0),          \
        REGISTER("ODR",     0x014, 0,       0xFFFF,     0xFFFF),     \
        REGISTER("BSRR",    0x018, 0,       0,          UINT32_MAX), \
        REGISTER_WORD("LCKR", 0x01C, 0,     0x1FFFF,    0x1FFFF),    \
        REGISTER("AFRL",    0x020, 0,       UINT32_MAX, UINT32_MAX), \
        REGISTER("AFRH",    0x024, 0,       UINT32_MAX, UINT32_MAX), \
        REGISTER_END,                                               \
    }
// clang-format on
static const struct register_info registers_a[] = PORT_TABLE(0xABFFFFFF, 0x0C000000, 0x64000000);
static const struct register_info registers_b[] = PORT_TABLE(0xFFFFFEBF, 0x000000C0, 0x00000100);
static const struct register_info registers_c_to_k[] = PORT_TABLE(0xFFFFFFFF, 0, 0);

static const char *const port_names[PORT_COUNT] = {"GPIOA", "GPIOB", "GPIOC", "GPIOD",
                                                   "GPIOE", "GPIOF", "GPIOG", "GPIOH",
                                                   "GPIOI", "GPIOJ", "GPIOK"};

struct port {
    struct gpio *gpio;
    char letter;
    const struct register_info *table;
    uint32_t registers[GPIO_REGISTERS_END / 4];
    enum pin_drive drive[PIN_COUNT];
    uint16_t levels;     // of all pins, as last told
    unsigned lock_step;  // writes of the LCKR sequence seen
    uint32_t lock_value; // the pins they named
};

struct gpio_listener {
    void (*changed)(void *context, struct pin pin);
    void *context;
};

struct gpio {
    struct machine *machine;
    struct port ports[PORT_COUNT];
    struct gpio_listener listeners[LISTENERS_MAX];
    unsigned listener_count;
};

// --- Pins ---------------------------------------------------------------------------------------

static const struct port *port_of(const struct gpio *gpio, struct pin pin)
{
    assert(pin.port >= 'A' && pin.port < (char)('A' + PORT_COUNT) && pin.number < PIN_COUNT);
    return &gpio->ports[pin.port - 'A'];
}

static uint32_t two_bits(const struct port *port, uint32_t offset, unsigned number)
{
    return port->registers[offset / 4] >> (2 * number) & 3;
}

static bool one_bit(const struct port *port, uint32_t offset, unsigned number)
{
    return (port->registers[offset / 4] >> number & 1) != 0;
}

static unsigned alternate_of(const struct port *port, unsigned number)
{
    return port->registers[GPIO_AFRL / 4 + number / 8] >> (4 * (number % 8)) & 15;
}

static enum pin_mode mode_of(const struct port *port, unsigned number)
{
    return (enum pin_mode)two_bits(port, GPIO_MODER, number);
}

// Level from outside: the board, else the pull resistor, else low.
static bool outer_level(const struct port *port, unsigned number)
{
    if (port->drive[number] != PIN_FLOATING) {
        return port->drive[number] == PIN_DRIVEN_HIGH;
    }
    return two_bits(port, GPIO_PUPDR, number) == 1;
}

static bool level_of(const struct port *port, unsigned number)
{
    if (mode_of(port, number) == PIN_OUTPUT) {
        bool output = one_bit(port, GPIO_ODR, number);
        bool open_drain = one_bit(port, GPIO_OTYPER, number);

        return output && open_drain ? outer_level(port, number) : output;
    }
    return outer_level(port, number);
}

static void check_conflict(const struct port *port, unsigned number)
{
    bool output = one_bit(port, GPIO_ODR, number);

    if (mode_of(port, number) != PIN_OUTPUT || port->drive[number] == PIN_FLOATING ||
        output == (port->drive[number] == PIN_DRIVEN_HIGH) ||
        (output && one_bit(port, GPIO_OTYPER, number))) {
        return;
    }
    machine_violation(port->gpio->machine, port_names[port->letter - 'A'],
                      "P%c%u is an output driven %s against the board, which drives it %s",
                      port->letter, number, output ? "high" : "low", output ? "low" : "high");
}

static void tell(const struct port *port, unsigned number)
{
    const struct gpio *gpio = port->gpio;
    struct pin pin = {.port = port->letter, .number = (uint8_t)number};

    for (unsigned i = 0; i < gpio->listener_count; i++) {
        gpio->listeners[i].changed(gpio->listeners[i].context, pin);
    }
}

// After registers or drives changed; `changed` are pins whose mode or function did.
static void update_pins(struct port *port, uint16_t changed)
{
    for (unsigned number = 0; number < PIN_COUNT; number++) {
        uint16_t bit = (uint16_t)(1u << number);
        bool level = level_of(port, number);

        if (((port->levels & bit) != 0) != level) {
            port->levels ^= bit;
            changed |= bit;
            if (mode_of(port, number) == PIN_OUTPUT) {
                machine_trace(port->gpio->machine, "gpio", "P%c%u is %s", port->letter, number,
                              level ? "high" : "low");
            }
        }
    }
    for (unsigned number = 0; number < PIN_COUNT; number++) {
        if ((changed >> number & 1) != 0) {
            check_conflict(port, number);
            tell(port, number);
        }
    }
}

// --- Registers ----------------------------------------------------------------------------------

static uint32_t input_data(const struct port *port)
{
    uint32_t value = port->levels;

    for (unsigned number = 0; number < PIN_COUNT; number++) {
        if (mode_of(port, number) == PIN_ANALOG) {
            value &= ~(UINT32_C(1) << number); // the Schmitt trigger is off
        }
    }
    return value;
}

static uint32_t port_read(void *context, uint32_t offset, unsigned size)
{
    const struct port *port = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t value = word == GPIO_IDR ? input_data(port) : port->registers[word / 4];

    return register_extract(value, offset, size);
}

// The 16 pins' bits of a mask spread to fields of `width` bits.
static uint32_t spread(uint32_t pins, unsigned width)
{
    uint32_t mask = 0;

    for (unsigned number = 0; number < 32 / width; number++) {
        if ((pins >> number & 1) != 0) {
            mask |= ((UINT32_C(1) << width) - 1) << (width * number);
        }
    }
    return mask;
}

// Pins of which a field of `width` bits differs.
static uint16_t differing_pins(uint32_t a, uint32_t b, unsigned width, unsigned first)
{
    unsigned pins = 0;

    for (unsigned number = 0; number < 32 / width && number < PIN_COUNT; number++) {
        if (((a ^ b) >> (width * number) & ((UINT32_C(1) << width) - 1)) != 0) {
            pins |= 1u << (number + first);
        }
    }
    return (uint16_t)pins;
}

// Keeps fields of locked pins.
static uint32_t locked_fields(const struct port *port, uint32_t word, uint32_t value)
{
    uint32_t lock = port->registers[GPIO_LCKR / 4];
    uint32_t old = port->registers[word / 4];
    uint32_t mask;

    if ((lock & LCKR_LCKK) == 0) {
        return value;
    }
    switch (word) {
    case GPIO_OTYPER:
        mask = lock & 0xFFFF;
        break;
    case GPIO_AFRL:
        mask = spread(lock & 0xFF, 4);
        break;
    case GPIO_AFRH:
        mask = spread(lock >> 8 & 0xFF, 4);
        break;
    default:
        mask = spread(lock & 0xFFFF, 2);
        break;
    }
    if (((value ^ old) & mask) != 0) {
        machine_violation(port->gpio->machine, port_names[port->letter - 'A'],
                          "the configuration of a locked pin is written");
    }
    return (value & ~mask) | (old & mask);
}

// The sequence 1, 0, 1 in LCKK with the same pins locks them until the next reset.
static void write_lock(struct port *port, uint32_t value)
{
    bool key = (value & LCKR_LCKK) != 0;
    uint32_t pins = value & 0xFFFF;

    if ((port->registers[GPIO_LCKR / 4] & LCKR_LCKK) != 0) {
        return;
    }
    if (port->lock_step > 0 && pins == port->lock_value && key == (port->lock_step == 2)) {
        port->lock_step++;
    } else {
        port->lock_step = key ? 1 : 0;
        port->lock_value = pins;
    }
    port->registers[GPIO_LCKR / 4] = pins;
    if (port->lock_step == 3) {
        port->registers[GPIO_LCKR / 4] |= LCKR_LCKK;
        port->lock_step = 0;
    }
}

static void write_configuration(struct port *port, uint32_t word, uint32_t value)
{
    uint32_t old = port->registers[word / 4];
    uint16_t changed = 0;

    value = locked_fields(port, word, value);
    port->registers[word / 4] = value;
    if (word == GPIO_AFRL || word == GPIO_AFRH) {
        changed = differing_pins(old, value, 4, word == GPIO_AFRH ? 8 : 0);
    } else if (word != GPIO_OTYPER) {
        changed = differing_pins(old, value, 2, 0);
    }
    update_pins(port, changed);
}

static void port_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct port *port = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t whole = register_merge(port->registers[word / 4], offset, size, value);

    switch (word) {
    case GPIO_BSRR:
        whole = register_merge(0, offset, size, value);
        port->registers[GPIO_ODR / 4] &= ~(whole >> 16);
        port->registers[GPIO_ODR / 4] |= whole & 0xFFFF; // set wins over reset
        update_pins(port, 0);
        break;
    case GPIO_ODR:
        port->registers[GPIO_ODR / 4] = whole & 0xFFFF;
        update_pins(port, 0);
        break;
    case GPIO_LCKR:
        write_lock(port, whole);
        break;
    default:
        write_configuration(port, word, whole);
        break;
    }
}

static void port_reset(void *context, enum reset_kind kind)
{
    struct port *port = context;

    (void)kind;
    for (const struct register_info *info = port->table; info->name != NULL; info++) {
        port->registers[info->offset / 4] = info->reset;
    }
    port->lock_step = 0;
    update_pins(port, UINT16_MAX);
}

// --- Construction -------------------------------------------------------------------------------

static void port_create(struct gpio *gpio, unsigned index)
{
    struct port *port = &gpio->ports[index];
    struct device device = {.name = port_names[index],
                            .base = GPIO_BASE + index * GPIO_DISTANCE,
                            .size = GPIO_DISTANCE,
                            .context = port,
                            .read = port_read,
                            .write = port_write,
                            .reset = port_reset,
                            .gate_offset = 0xE0, // AHB4ENR
                            .gate_bit = (uint8_t)index,
                            .reset_offset = 0x88, // AHB4RSTR
                            .reset_bit = (uint8_t)index};

    port->gpio = gpio;
    port->letter = (char)('A' + index);
    port->table = index == 0 ? registers_a : index == 1 ? registers_b : registers_c_to_k;
    device.registers = port->table;
    port_reset(port, RESET_POWER_ON);
    machine_add_device(gpio->machine, &device);
}

struct gpio *gpio_create(struct machine *machine)
{
    struct gpio *gpio = calloc(1, sizeof(*gpio));

    if (gpio == NULL) {
        abort();
    }
    gpio->machine = machine;
    for (unsigned index = 0; index < PORT_COUNT; index++) {
        port_create(gpio, index);
    }
    return gpio;
}

enum pin_mode gpio_pin_mode(const struct gpio *gpio, struct pin pin)
{
    return mode_of(port_of(gpio, pin), pin.number);
}

unsigned gpio_pin_alternate(const struct gpio *gpio, struct pin pin)
{
    return alternate_of(port_of(gpio, pin), pin.number);
}

unsigned gpio_pin_speed(const struct gpio *gpio, struct pin pin)
{
    return two_bits(port_of(gpio, pin), GPIO_OSPEEDR, pin.number);
}

void gpio_drive(struct gpio *gpio, struct pin pin, enum pin_drive drive)
{
    struct port *port = (struct port *)port_of(gpio, pin);

    port->drive[pin.number] = drive;
    check_conflict(port, pin.number);
    update_pins(port, 0);
}

bool gpio_level(const struct gpio *gpio, struct pin pin)
{
    return (port_of(gpio, pin)->levels >> pin.number & 1) != 0;
}

void gpio_on_change(struct gpio *gpio, void (*changed)(void *context, struct pin pin),
                    void *context)
{
    assert(gpio->listener_count < LISTENERS_MAX);
    gpio->listeners[gpio->listener_count++] =
        (struct gpio_listener){.changed = changed, .context = context};
}
