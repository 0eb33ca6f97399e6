// The GDB servers that are known.
//
// Written from the servers' own manuals and help pages: SEGGER UM08001 (J-Link GDB Server),
// OpenOCD's User's Guide, stlink's st-util(1), ST UM2576 (ST-LINK_gdbserver), pyOCD's
// documentation.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_kind.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ql_gdb_kind kinds[] = {
    {.name = "jlink",
     .program = "jlinkgdbserver",
     .port_options = {"-port"},
     .port = 2331,
     .reset_halt = "reset",
     .then_halt = "halt",
     .bare_reset_halts = true},
    {.name = "openocd",
     .program = "openocd",
     .port = 3333,
     .reset_halt = "reset halt",
     .is_openocd = true},
    {.name = "stlink",
     .program = "st-link_gdbserver",
     .port_options = {"-p", "--port-number"},
     .port = 61234,
     .reset_halt = "reset",
     .then_halt = "halt",
     .bare_reset_halts = true},
    {.name = "st-util",
     .program = "st-util",
     .port_options = {"-p", "--listen_port"},
     .port = 4242,
     .reset_halt = "reset",
     .then_halt = "halt",
     .bare_reset_halts = true},
    {.name = "pyocd",
     .program = "pyocd",
     .port_options = {"-p", "--port"},
     .port_before = "gdbserver",
     .port = 3333,
     .reset_halt = "reset halt"},
};

const struct ql_gdb_kind ql_gdb_kind_other = {
    .name = "other", .port = 2331, .reset_halt = "reset halt", .bare_reset_halts = true};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

const char *ql_gdb_kind_names(void)
{
    return "jlink, openocd, stlink, st-util, pyocd, other";
}

const struct ql_gdb_kind *ql_gdb_kind_named(const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    }
    return strcmp(name, ql_gdb_kind_other.name) == 0 ? &ql_gdb_kind_other : NULL;
}

const struct ql_gdb_kind *ql_gdb_kind_of_program(const char *program)
{
    const char *slash = strrchr(program, '/');
    char name[128];
    size_t length = 0;
    for (const char *at = slash != NULL ? slash + 1 : program;
         *at != '\0' && length < sizeof name - 1; at++)
        name[length++] = (char)tolower((unsigned char)*at);
    name[length] = '\0';
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (strstr(name, kinds[i].program) != NULL)
            return &kinds[i];
    }
    return NULL;
}

void ql_gdb_words_free(char **words)
{
    for (size_t i = 0; words != NULL && words[i] != NULL; i++)
        free(words[i]);
    free(words);
}

static bool read_port(const char *text, uint16_t *port)
{
    char *end = NULL;
    const unsigned long value = strtoul(text, &end, 10);
    if (end == text || value == 0 || value > 65535)
        return false;
    *port = (uint16_t)value;
    return true;
}

// "gdb_port 3333" or "gdb port 3333" somewhere in one of OpenOCD's commands: where the number is.
static const char *openocd_port(const char *command)
{
    static const char *const spellings[] = {"gdb_port ", "gdb port "};
    for (size_t i = 0; i < 2; i++) {
        const char *found = strstr(command, spellings[i]);
        if (found != NULL)
            return found + strlen(spellings[i]);
    }
    return NULL;
}

// The place of the port's number in word `i`, or a null pointer.
static const char *find_port(const struct ql_gdb_kind *kind, char *const *words, size_t i)
{
    if (kind->is_openocd)
        return i > 0 ? openocd_port(words[i]) : NULL;
    for (size_t k = 0; k < QL_GDB_PORT_OPTIONS && kind->port_options[k] != NULL; k++) {
        const char *option = kind->port_options[k];
        const size_t length = strlen(option);
        if (i > 0 && strcmp(words[i - 1], option) == 0)
            return words[i];
        if (strncmp(words[i], option, length) == 0 && words[i][length] == '=')
            return words[i] + length + 1;
    }
    return NULL;
}

// Where a port option is put that the words do not have.
static size_t place_for_port(const struct ql_gdb_kind *kind, char *const *words)
{
    for (size_t i = 1; kind->port_before != NULL && words[i] != NULL; i++) {
        if (strcmp(words[i], kind->port_before) == 0)
            return i + 1;
    }
    return 1;
}

static char *with_number(const char *word, const char *number, uint16_t port)
{
    char *copy = NULL;
    const char *rest = number + strspn(number, "0123456789");
    if (asprintf(&copy, "%.*s%u%s", (int)(number - word), word, port, rest) < 0)
        return NULL;
    return copy;
}

static bool put_port_option(const struct ql_gdb_kind *kind, char **out, uint16_t port)
{
    out[0] = strdup(kind->is_openocd ? "-c" : kind->port_options[0]);
    if (asprintf(&out[1], kind->is_openocd ? "gdb_port %u" : "%u", port) < 0)
        out[1] = NULL;
    return out[0] != NULL && out[1] != NULL;
}

char **ql_gdb_words_with_port(const struct ql_gdb_kind *kind, char *const *words, uint16_t port,
                              uint16_t *asked, struct ql_failure *failure)
{
    size_t count = 0;
    size_t holder = 0; // the word with the port
    while (words[count] != NULL) {
        const char *number = find_port(kind, words, count);
        if (number != NULL && read_port(number, asked))
            holder = count;
        count++;
    }
    if (holder == 0)
        *asked = kind->port;
    char **out = calloc(count + 3, sizeof out[0]);
    const bool add = holder == 0 && (kind->is_openocd || kind->port_options[0] != NULL);
    const size_t place = place_for_port(kind, words);
    bool good = out != NULL;
    for (size_t i = 0, k = 0; good && i < count; i++) {
        if (add && i == place) {
            good = put_port_option(kind, out + k, port);
            k += 2;
        }
        out[k] = i == holder && holder != 0 ? with_number(words[i], find_port(kind, words, i), port)
                                            : strdup(words[i]);
        good = good && out[k++] != NULL;
    }
    if (good && add && place >= count)
        good = put_port_option(kind, out + count, port);
    if (good)
        return out;
    ql_gdb_words_free(out);
    ql_fail_memory(failure);
    return NULL;
}
