// Pins: inputs, outputs, alternate functions, and back to their state after reset.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_GPIO_H
#define FIRMWARE_CHIP_GPIO_H

#include <stdbool.h>
#include <stdint.h>

struct gpio_pin {
    uint8_t port; // 0 is A
    uint8_t number;
};

// For initialisers: GPIO_PIN('B', 2) is PB2.
#define GPIO_PIN(letter, index)                                                                    \
    {                                                                                              \
        .port = (letter) - 'A', .number = (index)                                                  \
    }

enum gpio_pull { GPIO_PULL_NONE = 0, GPIO_PULL_UP = 1, GPIO_PULL_DOWN = 2 };

// Each turns the port's clock on.
void gpio_input(struct gpio_pin pin, enum gpio_pull pull);
void gpio_output(struct gpio_pin pin, bool high);
// Push-pull at the highest speed.
void gpio_alternate(struct gpio_pin pin, uint8_t function, enum gpio_pull pull);

bool gpio_read(struct gpio_pin pin);
void gpio_write(struct gpio_pin pin, bool high);

// One pin as after reset: analog. Its port must have its clock.
void gpio_pin_reset(struct gpio_pin pin);
bool gpio_port_is_on(uint8_t port);
// Resets all ports that are on through RCC and stops their clocks, except those of this mask.
void gpio_ports_reset_except(uint32_t kept);

#endif
