// Pins of the STM32H750 that can carry a serial port's TX or RX, with their alternate function.
//
// Facts from hal_stm32's pinctrl data for the STM32H750XB (the largest package).
//
// SPDX-License-Identifier: MIT
#include "sim/h750_usart_pins.h"

#include "sim/h750_gpio.h"

#include <stddef.h>
#include <string.h>

#define PINS_MAX 7u

struct pin_choice {
    char port;
    uint8_t number;
    uint8_t alternate;
};

struct port_pins {
    const char *name;
    struct pin_choice pins[2][PINS_MAX]; // TX, RX
};

static const struct port_pins table[] = {
    {"USART1",
     {{{'A', 9, 7}, {'B', 6, 7}, {'B', 14, 4}}, {{'A', 10, 7}, {'B', 7, 7}, {'B', 15, 4}}}},
    {"USART2", {{{'A', 2, 7}, {'D', 5, 7}}, {{'A', 3, 7}, {'D', 6, 7}}}},
    {"USART3",
     {{{'B', 10, 7}, {'C', 10, 7}, {'D', 8, 7}}, {{'B', 11, 7}, {'C', 11, 7}, {'D', 9, 7}}}},
    {"UART4",
     {{{'A', 0, 8}, {'A', 12, 6}, {'B', 9, 8}, {'C', 10, 8}, {'D', 1, 8}, {'H', 13, 8}},
      {{'A', 1, 8},
       {'A', 11, 6},
       {'B', 8, 8},
       {'C', 11, 8},
       {'D', 0, 8},
       {'H', 14, 8},
       {'I', 9, 8}}}},
    {"UART5",
     {{{'B', 6, 14}, {'B', 13, 14}, {'C', 12, 8}}, {{'B', 5, 14}, {'B', 12, 14}, {'D', 2, 8}}}},
    {"USART6", {{{'C', 6, 7}, {'G', 14, 7}}, {{'C', 7, 7}, {'G', 9, 7}}}},
    {"UART7",
     {{{'A', 15, 11}, {'B', 4, 11}, {'E', 8, 7}, {'F', 7, 7}},
      {{'A', 8, 11}, {'B', 3, 11}, {'E', 7, 7}, {'F', 6, 7}}}},
    {"UART8", {{{'E', 1, 8}, {'J', 8, 8}}, {{'E', 0, 8}, {'J', 9, 8}}}},
    {"LPUART1", {{{'A', 9, 3}, {'B', 6, 8}}, {{'A', 10, 3}, {'B', 7, 8}}}},
};

static bool is_connected(const struct gpio *gpio, const struct pin_choice *choice)
{
    struct pin pin = {.port = choice->port, .number = choice->number};

    return gpio_pin_mode(gpio, pin) == PIN_ALTERNATE &&
           gpio_pin_alternate(gpio, pin) == choice->alternate;
}

bool usart_pin_connected(const struct gpio *gpio, const char *name, enum usart_signal signal)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct pin_choice *pins = table[i].pins[signal];

        if (strcmp(table[i].name, name) != 0) {
            continue;
        }
        for (unsigned pin = 0; pin < PINS_MAX && pins[pin].port != 0; pin++) {
            if (is_connected(gpio, &pins[pin])) {
                return true;
            }
        }
    }
    return false;
}
