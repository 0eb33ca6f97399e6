// Words for people: on the terminal at once, in the debugger's console as soon as GDB takes some.
//
// GDB takes console output (O packets) only while it waits for a stop or for a monitor command.
// What there is to say during `load` therefore waits for the next of these; an error's sentence
// also goes into the error packet, which newer versions of GDB show.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TOLD_SIZE     860  // a sentence and its hint
#define O_PACKET_TEXT 200U // bytes in one O packet: every GDB has room for it

void ql_gdb_flush_console(struct ql_gdb *gdb)
{
    for (size_t at = 0; at < gdb->console_size;) {
        char packet[2 * O_PACKET_TEXT + 2] = "O";
        const size_t left = gdb->console_size - at;
        const size_t size = left < O_PACKET_TEXT ? left : O_PACKET_TEXT;
        ql_rsp_put_hex(packet + 1, gdb->console + at, size);
        ql_rsp_send_text(&gdb->debugger, packet);
        at += size;
    }
    gdb->console_size = 0;
}

static void add_line(struct ql_gdb *gdb, const char *text)
{
    char line[900];
    const int length = snprintf(line, sizeof line, "quadlane: %s\n", text);
    const size_t size = length < 0                     ? 0
                        : (size_t)length < sizeof line ? (size_t)length
                                                       : sizeof line - 1;
    if (gdb->console_size + size > sizeof gdb->console)
        gdb->console_size = 0; // nobody listened for long: the newest matters
    memcpy(gdb->console + gdb->console_size, line, size);
    gdb->console_size += size;
    if (gdb->in_rcmd || gdb->running)
        ql_gdb_flush_console(gdb);
}

void ql_gdb_tell(struct ql_gdb *gdb, const char *format, ...)
{
    char text[TOLD_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    gdb->hooks.say(gdb->hooks.context, text, false);
    add_line(gdb, text);
}

void ql_gdb_tell_failure(struct ql_gdb *gdb, const struct ql_failure *failure)
{
    gdb->result = -(int)failure->code;
    char text[TOLD_SIZE];
    snprintf(text, sizeof text, "%s%s%s", failure->sentence,
             failure->hint[0] != '\0' ? "; help: " : "", failure->hint);
    gdb->hooks.say(gdb->hooks.context, text, true);
    add_line(gdb, text);
}

void ql_gdb_answer_failure(struct ql_gdb *gdb, const struct ql_failure *failure)
{
    char text[900];
    char escaped[2 * sizeof text + 4];
    if (gdb->in_rcmd) { // there GDB takes only a number, and the console has the words
        ql_rsp_send_text(&gdb->debugger, "E01");
        return;
    }
    snprintf(text, sizeof text, "E.quadlane: %s%s%s", failure->sentence,
             failure->hint[0] != '\0' ? "; help: " : "", failure->hint);
    const size_t size = ql_rsp_escape(escaped, (const uint8_t *)text, strlen(text));
    ql_rsp_send(&gdb->debugger, escaped, size);
}

void ql_gdb_answer_lost(struct ql_gdb *gdb, const struct ql_failure *failure)
{
    if (gdb->running || gdb->in_rcmd)
        ql_gdb_flush_console(gdb);
    if (gdb->running)
        ql_rsp_send_text(&gdb->debugger, "X09"); // nothing is left that could run
    else
        ql_gdb_answer_failure(gdb, failure);
}

static const char help[] =
    "monitor quadlane restart   reset, and stop at the program's first instruction\n"
    "monitor quadlane status    what is known about board and program\n"
    "All other monitor commands go to the GDB server; `reset halt`, `reset init` (and a bare "
    "`reset`\nwhere the server halts with it) end at the program, too.\n";

static void send_output(struct ql_gdb *gdb, const char *text)
{
    char packet[2 * 512 + 2] = "O";
    while (*text != '\0') {
        const size_t size = strlen(text) < 400 ? strlen(text) : 400;
        ql_rsp_put_hex(packet + 1, text, size);
        ql_rsp_send_text(&gdb->debugger, packet);
        text += size;
    }
}

static void show_status(struct ql_gdb *gdb)
{
    char text[400];
    char program[80] = "not known yet";
    if (gdb->entry != 0)
        snprintf(program, sizeof program, "at 0x%08X, its first instruction at 0x%08X",
                 gdb->program, gdb->entry);
    snprintf(text, sizeof text,
             "GDB server: %s at %s:%s\nboard: serial number %s\nprogram: %s%s%s\n", gdb->kind->name,
             gdb->server_host, gdb->server_port,
             gdb->serial[0] != '\0' ? gdb->serial : "not known yet", program,
             gdb->pristine ? "; halted there" : "",
             gdb->by_probe ? "; written by the probe, so not sealed" : "");
    send_output(gdb, text);
}

void ql_gdb_own_command(struct ql_gdb *gdb, const char *arguments)
{
    struct ql_failure failure;
    int result = 0;
    while (*arguments == ' ')
        arguments++;
    if (strcmp(arguments, "restart") == 0)
        result = ql_gdb_restart(gdb, &failure);
    else if (strcmp(arguments, "status") == 0)
        show_status(gdb);
    else
        send_output(gdb, help);
    if (result == 0) {
        ql_rsp_send_text(&gdb->debugger, "OK");
        return;
    }
    ql_gdb_tell_failure(gdb, &failure);
    ql_gdb_answer_failure(gdb, &failure);
}
