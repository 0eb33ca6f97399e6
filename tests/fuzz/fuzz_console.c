// Any bytes as what a program prints, with a real program's addresses to be named in it: each byte
// is shown, in its place, and what is put between belongs to whole lines.
//
// SPDX-License-Identifier: MIT
#include "host/console_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct shown {
    const char *next, *end; // of the program's own bytes
    char last;              // of all
};

static void put(void *context, const char *text, size_t size)
{
    struct shown *shown = context;
    const bool is_own = text >= shown->next && text < shown->end;
    if (size == 0 || (is_own && text != shown->next) || (!is_own && shown->last == 0))
        abort();
    if (is_own)
        shown->next += size;
    shown->last = text[size - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ql_addresses *addresses;
    struct ql_failure failure;
    if (addresses == NULL && ql_addresses_open(&addresses, PROGRAM, &failure) != 0)
        abort();
    if (size == 0)
        return 0;
    const char *begin = (const char *)data + 1;
    const size_t piece = data[0] < size - 1 ? data[0] : size - 1;
    struct shown shown = {begin, begin + size - 1, 0};
    struct ql_console_text text = {.put = put, .context = &shown, .addresses = &addresses};
    ql_console_text_take(&text, data + 1, piece);
    ql_console_text_take(&text, data + 1 + piece, size - 1 - piece);
    if (shown.next != shown.end)
        abort();
    return 0;
}
