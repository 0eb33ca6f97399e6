// A line from the person at the terminal, with echo and the few keys that every terminal sends.
//
// SPDX-License-Identifier: MIT
#include "line_editor.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "quadlane/uart.h"

enum key {
    KEY_CTRL_C = 3,
    KEY_BACKSPACE = 8,
    KEY_CTRL_U = 21,
    KEY_ESCAPE = 27,
    KEY_DELETE = 127,
};

static void print(const char *text)
{
    ql_uart_write(text, strlen(text));
}

// Arrow keys and their like: ESC [ numbers, then a letter or ~.
static void escape_sequence_skip(void)
{
    uint8_t byte = ql_uart_read_wait();

    if (byte != '[' && byte != 'O')
        return;
    do
        byte = ql_uart_read_wait();
    while (byte < 0x40);
}

// Takes back one character: in UTF-8 that may be several bytes.
static size_t character_erase(const char *line, size_t length)
{
    if (length == 0)
        return 0;
    do
        length--;
    while (length > 0 && ((uint8_t)line[length] & 0xC0) == 0x80);
    print("\b \b");
    return length;
}

static size_t byte_add(char *line, size_t length, size_t size, uint8_t byte)
{
    if (byte < ' ' && byte != '\t')
        return length;
    if (length + 1 >= size) {
        print("\a");
        return length;
    }
    line[length] = (char)byte;
    ql_uart_write(&line[length], 1);
    return length + 1;
}

size_t line_read(const char *prompt, char *line, size_t size)
{
    static bool after_return; // a line feed behind it belongs to the same key
    size_t length = 0;

    print(prompt);
    for (;;) {
        const uint8_t byte = ql_uart_read_wait();
        const bool doubled = after_return && byte == '\n';
        after_return = byte == '\r';
        if (doubled)
            continue;
        if (byte == '\r' || byte == '\n')
            break;
        switch (byte) {
        case KEY_BACKSPACE:
        case KEY_DELETE:
            length = character_erase(line, length);
            break;
        case KEY_CTRL_U:
            while (length > 0)
                length = character_erase(line, length);
            break;
        case KEY_CTRL_C:
            print("^C\r\n");
            print(prompt);
            length = 0;
            break;
        case KEY_ESCAPE:
            escape_sequence_skip();
            break;
        default:
            length = byte_add(line, length, size, byte);
        }
    }
    print("\r\n");
    line[length] = 0;
    return length;
}
