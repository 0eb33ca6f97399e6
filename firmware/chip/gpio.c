// GPIO ports, from RM0433, chapter "General-purpose I/Os".
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/gpio.h"

#include "firmware/chip/registers.h"

enum { MODE_INPUT = 0, MODE_OUTPUT = 1, MODE_ALTERNATE = 2, MODE_ANALOG = 3 };
enum { SPEED_LOW = 0, SPEED_VERY_HIGH = 3 };

static void field_set(volatile uint32_t *word, uint32_t position, uint32_t width, uint32_t value)
{
    uint32_t mask = ((1u << width) - 1) << position;
    *word = (*word & ~mask) | value << position;
}

static void function_set(struct gpio_pin pin, uint32_t function)
{
    volatile uint32_t *word = pin.number < 8 ? &GPIO_AFRL(pin.port) : &GPIO_AFRH(pin.port);
    field_set(word, pin.number % 8u * 4u, 4, function);
}

static void mode_set(struct gpio_pin pin, uint32_t mode)
{
    field_set(&GPIO_MODER(pin.port), pin.number * 2u, 2, mode);
}

static void pull_set(struct gpio_pin pin, uint32_t pull)
{
    field_set(&GPIO_PUPDR(pin.port), pin.number * 2u, 2, pull);
}

static void speed_set(struct gpio_pin pin, uint32_t speed)
{
    field_set(&GPIO_OSPEEDR(pin.port), pin.number * 2u, 2, speed);
}

static void port_enable(uint8_t port)
{
    RCC_AHB4ENR |= 1u << port;
    (void)RCC_AHB4ENR; // the clock is there when this read has returned
}

void gpio_input(struct gpio_pin pin, enum gpio_pull pull)
{
    port_enable(pin.port);
    pull_set(pin, pull);
    mode_set(pin, MODE_INPUT);
}

void gpio_output(struct gpio_pin pin, bool high)
{
    port_enable(pin.port);
    gpio_write(pin, high);
    mode_set(pin, MODE_OUTPUT);
}

void gpio_alternate(struct gpio_pin pin, uint8_t function, enum gpio_pull pull)
{
    port_enable(pin.port);
    function_set(pin, function);
    speed_set(pin, SPEED_VERY_HIGH);
    pull_set(pin, pull);
    mode_set(pin, MODE_ALTERNATE); // last, so that the pin never carries another function
}

bool gpio_read(struct gpio_pin pin)
{
    return GPIO_IDR(pin.port) >> pin.number & 1u;
}

void gpio_write(struct gpio_pin pin, bool high)
{
    GPIO_BSRR(pin.port) = 1u << (high ? pin.number : pin.number + 16u);
}

void gpio_pin_reset(struct gpio_pin pin)
{
    mode_set(pin, MODE_ANALOG);
    gpio_write(pin, false);
    function_set(pin, 0);
    speed_set(pin, SPEED_LOW);
    pull_set(pin, GPIO_PULL_NONE);
}

bool gpio_port_is_on(uint8_t port)
{
    return (RCC_AHB4ENR >> port & 1u) != 0;
}

void gpio_ports_reset_except(uint32_t kept)
{
    enum { PORTS = 11 };
    uint32_t ports = RCC_AHB4ENR & ((1u << PORTS) - 1) & ~kept;
    RCC_AHB4RSTR |= ports;
    RCC_AHB4RSTR &= ~ports;
    RCC_AHB4ENR &= ~ports;
}
