// Time stamps, and addresses in words.
//
// Written from SPEC.md section 22.
//
// SPDX-License-Identifier: MIT
#include "host/console_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DUMP_BEGIN "fault: "
#define DUMP_END   "fault: end"
#define HEX_DIGITS 8
#define LINE_WORDS 16 // addresses that are told of one line

static void put(const struct ql_console_text *text, const char *words)
{
    text->put(text->context, words, strlen(words));
}

static void put_stamp(struct ql_console_text *text)
{
    struct timespec now;
    struct tm local;
    char date[32];
    char stamp[64];
    text->stamped = true;
    if (!text->stamps || clock_gettime(CLOCK_REALTIME, &now) != 0 ||
        localtime_r(&now.tv_sec, &local) == NULL)
        return;
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(stamp, sizeof stamp, "%s.%03ld  ", date, now.tv_nsec / 1000000);
    put(text, stamp);
}

static void put_places(struct ql_console_text *text, uint32_t value, bool is_call)
{
    struct ql_place places[QL_PLACES_MAX];
    const size_t count = is_call
                             ? ql_addresses_find_call(*text->addresses, value, places)
                             : ql_addresses_find(*text->addresses, value & ~UINT32_C(1), places);
    for (size_t i = 0; i < count; i++) {
        char place[QL_PLACE_TEXT_SIZE];
        char begin[32] = "       (inlined by) ";
        if (i == 0)
            snprintf(begin, sizeof begin, "    0x%08X ", value);
        ql_place_format(&places[i], place);
        put_stamp(text);
        put(text, begin);
        put(text, place);
        put(text, "\n");
    }
}

// Is the word before this place `lr`, as in "lr 90100123", "LR: 0x90100123" or "r14/lr = ..."?
static bool follows_lr(const char *line, const char *at)
{
    while (at > line && !isalnum((unsigned char)at[-1]))
        at--;
    return at - line >= 2 && strncasecmp(at - 2, "lr", 2) == 0 &&
           (at - line == 2 || !isalnum((unsigned char)at[-3]));
}

// An address written as 8 hexadecimal digits at `at`, where a word begins: returns its length or 0.
static size_t read_address(const struct ql_console_text *text, const char *at, uint32_t *value)
{
    const bool prefixed = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
    const char *digits = prefixed ? at + 2 : at;
    size_t count = 0;
    while (isxdigit((unsigned char)digits[count]))
        count++;
    if (count != HEX_DIGITS || isalnum((unsigned char)digits[count]) ||
        (!prefixed && !text->in_dump))
        return 0;
    *value = (uint32_t)strtoul(digits, NULL, 16);
    return (size_t)(digits - at) + count;
}

// Tells each address of the line once.
static void explain(struct ql_console_text *text)
{
    const char *line = text->line;
    const bool calls = strncmp(line, "  calls ", 8) == 0;
    uint32_t told[LINE_WORDS];
    size_t told_count = 0;
    for (const char *at = line; *at != '\0' && told_count < LINE_WORDS; at++) {
        uint32_t value = 0;
        const bool begins = at == line || !isalnum((unsigned char)at[-1]);
        const size_t length = begins ? read_address(text, at, &value) : 0;
        if (length == 0)
            continue;
        bool known = false;
        for (size_t i = 0; i < told_count; i++)
            known = known || told[i] == value;
        if (!known) {
            told[told_count++] = value;
            put_places(text, value, (text->in_dump && calls) || follows_lr(line, at));
        }
        at += length - 1;
    }
}

static void end_line(struct ql_console_text *text)
{
    if (text->length > 0 && text->line[text->length - 1] == '\r')
        text->length--;
    text->line[text->length] = '\0';
    if (strncmp(text->line, DUMP_BEGIN, strlen(DUMP_BEGIN)) == 0) {
        text->in_dump = strcmp(text->line, DUMP_END) != 0;
        if (text->in_dump && text->addresses != NULL)
            ql_addresses_refresh(text->addresses);
    } else if (strncmp(text->line, "  ", 2) != 0) {
        text->in_dump = false;
    }
    if (text->addresses != NULL && *text->addresses != NULL)
        explain(text);
    text->length = 0;
    text->stamped = false;
}

void ql_console_text_take(struct ql_console_text *text, const uint8_t *bytes, size_t size)
{
    const char *rest = (const char *)bytes;
    while (size > 0) {
        const char *end = memchr(rest, '\n', size);
        const size_t length = end != NULL ? (size_t)(end - rest) + 1 : size;
        if (!text->stamped)
            put_stamp(text);
        text->put(text->context, rest, length);
        for (size_t i = 0; i < length - (end != NULL ? 1 : 0); i++) {
            if (text->length < sizeof text->line - 1 && rest[i] != '\0')
                text->line[text->length++] = rest[i];
        }
        if (end != NULL)
            end_line(text);
        rest += length;
        size -= length;
    }
}

void ql_console_text_note(struct ql_console_text *text, const char *note)
{
    if (text->stamped || text->length > 0)
        put(text, "\n");
    text->length = 0;
    put_stamp(text);
    put(text, note);
    put(text, "\n");
    text->stamped = false;
}
