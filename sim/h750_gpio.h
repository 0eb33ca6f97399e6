// GPIO ports A to K of the STM32H750: modes, alternate functions, levels in and out.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_GPIO_H
#define SIM_H750_GPIO_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct gpio;

struct pin {
    char port;      // 'A'..'K', 0: not wired
    uint8_t number; // 0..15
};

enum pin_mode { PIN_INPUT, PIN_OUTPUT, PIN_ALTERNATE, PIN_ANALOG };

struct gpio *gpio_create(struct machine *machine);

enum pin_mode gpio_pin_mode(const struct gpio *gpio, struct pin pin);
unsigned gpio_pin_alternate(const struct gpio *gpio, struct pin pin); // 0..15
unsigned gpio_pin_speed(const struct gpio *gpio, struct pin pin);     // OSPEEDR 0..3

// What the board drives from outside; floating inputs follow the pull resistors, else read 0.
enum pin_drive { PIN_FLOATING, PIN_DRIVEN_LOW, PIN_DRIVEN_HIGH };
void gpio_drive(struct gpio *gpio, struct pin pin, enum pin_drive drive);

// Level on the pin now, whoever drives it.
bool gpio_level(const struct gpio *gpio, struct pin pin);

// `changed` is called when the mode, function or level of any pin changes (EXTI, LED, QUADSPI).
void gpio_on_change(struct gpio *gpio, void (*changed)(void *context, struct pin pin),
                    void *context);

#endif
