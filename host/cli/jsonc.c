// JSON with comments and trailing commas, as VS Code allows it in its own files.
//
// SPDX-License-Identifier: MIT
#include "host/cli/ide.h"

#include <stdlib.h>
#include <string.h>

// The end of the comment at `at`, or `at` if there is none.
static size_t comment_end(const char *text, size_t size, size_t at)
{
    if (at + 1 >= size || text[at] != '/')
        return at;
    if (text[at + 1] == '/') {
        while (at < size && text[at] != '\n')
            at++;
        return at;
    }
    if (text[at + 1] != '*')
        return at;
    for (at += 2; at + 1 < size; at++) {
        if (text[at] == '*' && text[at + 1] == '/')
            return at + 2;
    }
    return size;
}

static size_t string_end(const char *text, size_t size, size_t at)
{
    for (at++; at < size && text[at] != '"'; at++)
        at += text[at] == '\\' ? 1 : 0;
    return at < size ? at + 1 : size;
}

static bool is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

// Blanks what is no JSON; lines stay where they are, for messages. True: there was none.
static bool blank_extras(char *text, size_t size)
{
    bool plain = true;
    size_t comma = size; // of the last one, if only blanks followed it
    for (size_t at = 0; at < size;) {
        const size_t end = comment_end(text, size, at);
        if (end > at) {
            plain = false;
            for (; at < end; at++)
                text[at] = text[at] == '\n' ? '\n' : ' ';
            continue;
        }
        if ((text[at] == ']' || text[at] == '}') && comma < size) {
            plain = false;
            text[comma] = ' ';
        }
        if (!is_space(text[at]))
            comma = text[at] == ',' ? at : size;
        at = text[at] == '"' ? string_end(text, size, at) : at + 1;
    }
    return plain;
}

json_t *ide_read_jsonc(const char *text, size_t size, bool *plain, json_error_t *error)
{
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, size);
    *plain = blank_extras(copy, size);
    json_t *value = json_loadb(copy, size, JSON_REJECT_DUPLICATES, error);
    free(copy);
    return value;
}
