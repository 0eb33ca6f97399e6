// The monitor commands of SEGGER's J-Link GDB server, as OpenOCD knows them.
//
// Written from SEGGER's manual UM08001, chapter "J-Link GDB Server", section "Supported remote
// (monitor) commands", and OpenOCD's User's Guide, "General Commands", "Architecture and Core
// Commands", "RTT". A command that cannot be done is answered with a sentence and no error, since
// IDEs send such commands unasked, and GDB ends a launch at the first error.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_jlink.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// If the command begins with these words, what follows them; else a null pointer.
static const char *behind(const char *command, const char *words)
{
    const size_t length = strlen(words);
    if (strncmp(command, words, length) != 0)
        return NULL;
    const char *rest = command + length;
    if (*rest == ' ')
        return rest + 1;
    return *rest == '\0' ? rest : NULL;
}

static bool is_number(const char *text)
{
    char *end = NULL;
    if (!isdigit((unsigned char)text[0]))
        return false;
    (void)strtoul(text, &end, 0);
    return end != text && strchr(" =", *end) != NULL;
}

struct command {
    const char *words;
    enum ql_gdb_jlink_action action;
    const char *text; // %s: what follows the words
};

static const struct command commands[] = {
    {"halt", QL_JLINK_SEND, "halt"},
    {"go", QL_JLINK_SEND, "resume"},
    {"step", QL_JLINK_SEND, "step"},
    {"si", QL_JLINK_SEND, "step"},
    {"clrbp", QL_JLINK_SEND, "rbp all"},
    {"regs", QL_JLINK_SEND, "reg"},
    {"sleep", QL_JLINK_SEND, "sleep %s"},
    {"waithalt", QL_JLINK_SEND, "wait_halt %s"},
    {"writeu8", QL_JLINK_SEND, "mwb %s"},
    {"writeu16", QL_JLINK_SEND, "mwh %s"},
    {"writeu32", QL_JLINK_SEND, "mww %s"},
    {"semihosting enable", QL_JLINK_SEND, "arm semihosting enable"},
    {"semihosting disable", QL_JLINK_SEND, "arm semihosting disable"},
    {"semihosting ioclient", QL_JLINK_ANSWER, "semihosting: output goes to the server's console"},
    {"semihosting", QL_JLINK_ANSWER, "semihosting: only enable and disable are known here"},
    {"flash breakpoints", QL_JLINK_ANSWER,
     "flash breakpoints: none here; the core's 8 hardware breakpoints are used"},
    {"flash", QL_JLINK_ANSWER, "flash: `load` writes the flash chip, nothing has to be set"},
    {"swo", QL_JLINK_ANSWER, "SWO: not available through this probe"},
    {"interface", QL_JLINK_ANSWER, "interface: SWD"},
    {"endian", QL_JLINK_ANSWER, "endian: little"},
    {"device", QL_JLINK_ANSWER, "device: the one that the board's OpenOCD file names"},
    {"exec", QL_JLINK_ANSWER, "exec: not known here"},
    {"vectorcatch", QL_JLINK_ANSWER, "vectorcatch: use `monitor cortex_m vector_catch`"},
};

// `speed N` in kHz; a remote JTAG has none, so the answer to an error is the same sentence.
static enum ql_gdb_jlink_action speed(const char *rest, char text[QL_JLINK_TEXT])
{
    if (is_number(rest)) {
        snprintf(text, QL_JLINK_TEXT, "adapter speed %s", rest);
        return QL_JLINK_SEND;
    }
    snprintf(text, QL_JLINK_TEXT, "speed: stays as it is");
    return QL_JLINK_ANSWER;
}

// `memu32 A`, `memu32 A = V` (the `=` may be left out), 8 and 16 bits too.
static bool memory(const char *command, char text[QL_JLINK_TEXT])
{
    static const char *const names[] = {"memu8", "memu16", "memu32"};
    static const char letters[] = "bhw";
    for (size_t i = 0; i < 3; i++) {
        const char *rest = behind(command, names[i]);
        if (rest == NULL || !is_number(rest))
            continue;
        const int size = (int)strcspn(rest, " =");
        const char *value = rest + size + strspn(rest + size, " =");
        if (*value != '\0')
            snprintf(text, QL_JLINK_TEXT, "mw%c %.*s %.100s", letters[i], size, rest, value);
        else
            snprintf(text, QL_JLINK_TEXT, "md%c %.*s", letters[i], size, rest);
        return true;
    }
    return false;
}

// `reg NAME`, `reg NAME = V`: OpenOCD has no `=`.
static bool register_access(const char *command, char text[QL_JLINK_TEXT])
{
    const char *rest = behind(command, "reg");
    if (rest == NULL || *rest == '\0')
        return false;
    const int size = (int)strcspn(rest, " =");
    const char *value = rest + size + strspn(rest + size, " =");
    snprintf(text, QL_JLINK_TEXT, "reg %.*s%s%.100s", size, rest, *value != '\0' ? " " : "", value);
    return true;
}

// `setbp A`: in hardware.
static bool breakpoint(const char *command, char text[QL_JLINK_TEXT])
{
    const char *rest = behind(command, "setbp");
    if (rest == NULL || !is_number(rest))
        return false;
    snprintf(text, QL_JLINK_TEXT, "bp %.*s 2 hw", (int)strcspn(rest, " "), rest);
    return true;
}

// Where SEGGER's terminal blocks are; OpenOCD wants a length to search in and their name.
static bool terminal(const char *command, char text[QL_JLINK_TEXT])
{
    const char *rest = behind(command, "setrttaddr");
    if (rest == NULL || !is_number(rest))
        return false;
    snprintf(text, QL_JLINK_TEXT, "rtt setup %.40s 24 \"SEGGER RTT\"", rest);
    return true;
}

enum ql_gdb_jlink_action ql_gdb_jlink_translate(const char *command, char text[QL_JLINK_TEXT])
{
    // `exec` hands a command to the probe's library; some are the same as those without it.
    const char *executed = behind(command, "exec");
    const char *inner = executed != NULL ? executed : command;
    const char *rest = behind(command, "speed");
    if (rest != NULL)
        return speed(rest, text);
    if (memory(inner, text) || register_access(command, text) || breakpoint(command, text) ||
        (executed != NULL && terminal(inner, text)))
        return QL_JLINK_SEND;
    // OpenOCD's own commands that begin with the same word.
    if (behind(command, "flash probe") != NULL || behind(command, "flash info") != NULL ||
        behind(command, "flash banks") != NULL || behind(command, "flash list") != NULL)
        return QL_JLINK_PASS;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        rest = behind(command, commands[i].words);
        if (rest == NULL)
            continue;
        const char *place = strstr(commands[i].text, "%s");
        if (place != NULL)
            snprintf(text, QL_JLINK_TEXT, "%.*s%.200s", (int)(place - commands[i].text),
                     commands[i].text, rest);
        else
            snprintf(text, QL_JLINK_TEXT, "%s", commands[i].text);
        return commands[i].action;
    }
    return QL_JLINK_PASS;
}
