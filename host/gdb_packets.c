// What GDB asks: most of it is passed on, some is answered here.
//
// Written from GDB's manual, appendix "GDB Remote Serial Protocol".
//
// SPDX-License-Identifier: MIT
#include "host/gdb_jlink.h"
#include "host/gdb_session.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_QUERY "qXfer:memory-map:read::"

// A program's code: ITCM, and all other RAM. Fewer bytes are somebody's variables.
#define ITCM_END         0x00010000U
#define RAM_START        0x20000000U
#define RAM_END          0x40000000U
#define RAM_PROGRAM_SIZE 256U

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void answer_error(struct ql_gdb *gdb, const struct ql_failure *failure)
{
    ql_gdb_tell_failure(gdb, failure);
    ql_gdb_answer_failure(gdb, failure);
}

static void pass_on(struct ql_gdb *gdb, const char *data, size_t size)
{
    // A server that is gone is noticed by whoever reads from it.
    gdb->asked = true;
    (void)ql_rsp_send(&gdb->server, data, size);
}

// --- What the two sides can

static bool has_feature(const char *features, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = features; (at = strstr(at, name)) != NULL; at += length) {
        if ((at == features || at[-1] == ';') && (at[length] == '+' || at[length] == '='))
            return true;
    }
    return false;
}

// Acknowledgements are left out on the server's side if it knows how; on GDB's, GDB decides.
static void supported(struct ql_gdb *gdb, const char *data, size_t size)
{
    struct ql_failure failure;
    if (ql_gdb_ask(gdb, data, size, &failure) != 0) {
        answer_error(gdb, &failure);
        return;
    }
    char *answer = NULL;
    const char *own = gdb->reply;
    const bool quiet = has_feature(own, "QStartNoAckMode");
    const int length =
        asprintf(&answer, "%s%s%s%s", own, own[0] != '\0' ? ";" : "",
                 has_feature(own, "qXfer:memory-map:read") ? "" : "qXfer:memory-map:read+;",
                 quiet ? "" : "QStartNoAckMode+;");
    if (length > 0 && answer[length - 1] == ';')
        answer[length - 1] = '\0';
    gdb->server_has_map = has_feature(own, "qXfer:memory-map:read");
    if (quiet && !gdb->server.no_acknowledge &&
        ql_gdb_ask_text(gdb, &failure, "QStartNoAckMode") == 0 && strcmp(gdb->reply, "OK") == 0)
        gdb->server.no_acknowledge = true;
    ql_rsp_send_text(&gdb->debugger, length >= 0 ? answer : "");
    free(answer);
}

static void start_no_acknowledge(struct ql_gdb *gdb)
{
    ql_rsp_send_text(&gdb->debugger, "OK");
    gdb->debugger.no_acknowledge = true;
}

// --- The memory map

char *ql_gdb_server_map(struct ql_gdb *gdb)
{
    struct ql_failure ignored;
    char *text = NULL;
    size_t size = 0;
    while (gdb->server_has_map && size < QL_RSP_PACKET_MAX) {
        if (ql_gdb_ask_text(gdb, &ignored, MAP_QUERY "%zx,%x", size, 0xF00U) != 0 ||
            (gdb->reply[0] != 'm' && gdb->reply[0] != 'l'))
            break;
        const size_t part = ql_rsp_unescape(gdb->reply + 1, gdb->reply_size - 1);
        char *longer = realloc(text, size + part + 1);
        if (longer == NULL)
            break;
        text = longer;
        memcpy(text + size, gdb->reply + 1, part);
        size += part;
        text[size] = '\0';
        if (gdb->reply[0] == 'l' || part == 0)
            return text;
    }
    free(text);
    return NULL;
}

static void send_map(struct ql_gdb *gdb, const char *range)
{
    uint32_t offset = 0;
    uint32_t length = 0;
    if (!ql_rsp_take_number(&range, &offset) || !ql_rsp_take_character(&range, ',') ||
        !ql_rsp_take_number(&range, &length)) {
        ql_rsp_send_text(&gdb->debugger, "E00");
        return;
    }
    if (offset == 0 || gdb->map == NULL) {
        char *own = ql_gdb_server_map(gdb);
        free(gdb->map);
        gdb->map = ql_gdb_map_merge(own);
        gdb->map_size = gdb->map != NULL ? strlen(gdb->map) : 0;
        free(own);
    }
    const size_t size = gdb->map_size;
    const size_t at = offset < size ? offset : size;
    size_t part = size - at;
    if (part > length)
        part = length;
    if (part > QL_RSP_PACKET_MAX / 2)
        part = QL_RSP_PACKET_MAX / 2;
    // Nothing in the document has to be escaped.
    char *answer = gdb->reply;
    answer[0] = at + part < size ? 'm' : 'l';
    if (part > 0)
        memcpy(answer + 1, gdb->map + at, part);
    ql_rsp_send(&gdb->debugger, answer, 1 + part);
}

// --- Monitor commands

// "  Reset   halt " to "reset halt".
static void tidy_command(char *command)
{
    size_t length = 0;
    for (const char *at = command; *at != '\0'; at++) {
        const bool space = isspace((unsigned char)*at);
        if (space && (length == 0 || command[length - 1] == ' '))
            continue;
        command[length++] = space ? ' ' : (char)tolower((unsigned char)*at);
    }
    if (length > 0 && command[length - 1] == ' ')
        length--;
    command[length] = '\0';
}

// Does this command leave the board halted behind a reset? `reset 0`, `reset 1`... are J-Link's.
static bool is_reset_to_halt(const struct ql_gdb *gdb, const char *command)
{
    if (strcmp(command, "reset halt") == 0 || strcmp(command, "reset init") == 0)
        return true;
    if (!(gdb->kind->bare_reset_halts || gdb->options.as_jlink) || !begins(command, "reset"))
        return false;
    const char *rest = command + strlen("reset");
    return *rest == '\0' || (rest[0] == ' ' && isdigit((unsigned char)rest[1]));
}

// What tells or sets something in the server only, so that the target stays as it is.
static bool is_harmless(const char *command)
{
    static const char *const words[] = {"halt",
                                        "speed",
                                        "adapter",
                                        "clrbp",
                                        "regs",
                                        "reg",
                                        "version",
                                        "help",
                                        "flash breakpoints",
                                        "gdb_sync",
                                        "arm semihosting",
                                        "semihosting",
                                        "swo"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t length = strlen(words[i]);
        if (begins(command, words[i]) && (command[length] == '\0' || command[length] == ' '))
            return strcmp(words[i], "reg") != 0 || command[length] == '\0';
    }
    return false;
}

static void restart(struct ql_gdb *gdb)
{
    struct ql_failure failure;
    if (ql_gdb_restart(gdb, &failure) == 0)
        ql_rsp_send_text(&gdb->debugger, "OK");
    else
        answer_error(gdb, &failure);
}

// J-Link's own commands, for a server that does not know them. Whatever comes of it, the answer is
// no error: GDB would end the launch. False: it is none of them.
static bool take_jlink_command(struct ql_gdb *gdb, const char *command)
{
    char text[QL_JLINK_TEXT];
    struct ql_failure failure;
    if (!gdb->options.as_jlink || !gdb->kind->is_openocd)
        return false;
    const enum ql_gdb_jlink_action action = ql_gdb_jlink_translate(command, text);
    if (action == QL_JLINK_PASS)
        return false;
    gdb->pristine = gdb->pristine && is_harmless(command);
    if (action == QL_JLINK_SEND && ql_gdb_monitor(gdb, text, true, &failure) == 0) {
        ql_rsp_send(&gdb->debugger, gdb->reply, gdb->reply_size); // with what the command printed
        return true;
    }
    if (action == QL_JLINK_ANSWER)
        ql_gdb_tell(gdb, "%s", text);
    else
        ql_gdb_tell(gdb, "%s: %s", command, failure.sentence);
    ql_rsp_send_text(&gdb->debugger, "OK");
    return true;
}

static void monitor(struct ql_gdb *gdb, const char *data, size_t size)
{
    char command[256];
    const size_t length =
        ql_rsp_get_hex(data + strlen("qRcmd,"), (uint8_t *)command, sizeof command - 1);
    command[length] = '\0';
    tidy_command(command);
    gdb->in_rcmd = true;
    ql_gdb_flush_console(gdb);
    if (begins(command, "quadlane") && (command[8] == '\0' || command[8] == ' ')) {
        ql_gdb_own_command(gdb, command + 8);
        gdb->in_rcmd = false;
    } else if (take_jlink_command(gdb, command)) {
        gdb->in_rcmd = false;
    } else if (is_reset_to_halt(gdb, command)) {
        restart(gdb);
        gdb->in_rcmd = false;
    } else {
        gdb->pristine = gdb->pristine && is_harmless(command);
        pass_on(gdb, data, size); // in_rcmd ends with the answer
    }
}

// --- Breakpoints and memory

static void remember_point(struct ql_gdb *gdb, const char *text, bool set)
{
    size_t i = 0;
    while (i < gdb->point_count && strcmp(gdb->points[i].text, text) != 0)
        i++;
    if (!set && i < gdb->point_count)
        gdb->points[i] = gdb->points[--gdb->point_count];
    else if (set && i == gdb->point_count && i < QL_GDB_POINTS_MAX &&
             strlen(text) < sizeof gdb->points[0].text)
        strcpy(gdb->points[gdb->point_count++].text, text);
}

// A software breakpoint in the chip cannot be written there: it becomes a hardware one.
static void take_point(struct ql_gdb *gdb, char *data)
{
    struct ql_failure failure;
    const char *at = data + 3;
    uint32_t address = 0;
    const bool software = data[1] == '0';
    if (software && data[2] == ',' && ql_rsp_take_number(&at, &address) &&
        ql_in_chip_window(address))
        data[1] = '1';
    if (ql_gdb_ask(gdb, data, strlen(data), &failure) != 0) {
        answer_error(gdb, &failure);
        return;
    }
    if (strcmp(gdb->reply, "OK") == 0)
        remember_point(gdb, data + 1, data[0] == 'Z');
    ql_rsp_send(&gdb->debugger, gdb->reply, gdb->reply_size);
}

// A program in RAM is none of our business, but its user may think that it is in the chip.
static void note_ram_program(struct ql_gdb *gdb, uint32_t pc)
{
    if (gdb->ram_bytes >= RAM_PROGRAM_SIZE && (pc < ITCM_END || (pc >= RAM_START && pc < RAM_END)))
        ql_gdb_tell(gdb,
                    "this program was loaded into RAM (0x%08X); nothing went into the flash chip, "
                    "and a reset starts what is there",
                    pc);
    gdb->ram_bytes = 0;
}

// The window cannot be written like memory; on silicon the attempt is a fault.
static bool refuse_write(struct ql_gdb *gdb, const char *data)
{
    struct ql_failure failure;
    const char *at = data + 1;
    uint32_t address = 0;
    uint32_t length = 0;
    if (!ql_rsp_take_number(&at, &address) || !ql_rsp_take_character(&at, ',') ||
        !ql_rsp_take_number(&at, &length))
        return false;
    if (!ql_in_chip_window(address)) {
        gdb->ram_bytes += length;
        return false;
    }
    if (length == 0) {
        ql_rsp_send_text(&gdb->debugger, "OK"); // GDB tries out whether there is an X
        return true;
    }
    ql_fail(&failure, QL_FOREIGN_PROGRAM,
            "0x%08X is in the flash chip, which cannot be written like memory", address);
    ql_hint(&failure, "`load` writes programs into it");
    answer_error(gdb, &failure);
    return true;
}

// GDB sets the program counter to the ELF file's entry after `load`, where it is already.
static bool changes_nothing(struct ql_gdb *gdb, const char *data)
{
    const char *at = data + 1;
    uint32_t number = 0;
    uint8_t bytes[4];
    if (data[0] != 'P' || !ql_rsp_take_number(&at, &number) || number != 15 ||
        !ql_rsp_take_character(&at, '=') || ql_rsp_get_hex(at, bytes, 4) != 4)
        return false;
    const uint32_t value = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                           (uint32_t)bytes[3] << 24;
    note_ram_program(gdb, value);
    return (value & ~1U) == gdb->entry;
}

// --- All packets

static void resume(struct ql_gdb *gdb, const char *data, size_t size)
{
    gdb->pristine = false;
    gdb->running = true;
    gdb->ram_bytes = 0;
    ql_gdb_flush_console(gdb);
    pass_on(gdb, data, size);
}

// `run` in extended mode: vRun wants a stop as its answer, R none.
static void run_again(struct ql_gdb *gdb, bool answer)
{
    struct ql_failure failure;
    if (ql_gdb_restart(gdb, &failure) != 0)
        ql_gdb_tell_failure(gdb, &failure);
    if (answer)
        ql_rsp_send_text(&gdb->debugger, "S05");
}

static bool is_resume(const char *data)
{
    return strchr("cCsS", data[0]) != NULL || begins(data, "vCont;");
}

void ql_gdb_take_packet(struct ql_gdb *gdb, char *data, size_t size)
{
    if (ql_gdb_ahead_take(gdb, data))
        return;
    if (size == 0) {
        ql_rsp_send_text(&gdb->debugger, "");
    } else if (begins(data, "qSupported")) {
        supported(gdb, data, size);
    } else if (strcmp(data, "QStartNoAckMode") == 0) {
        start_no_acknowledge(gdb);
    } else if (begins(data, MAP_QUERY)) {
        send_map(gdb, data + strlen(MAP_QUERY));
    } else if (begins(data, "vFlash")) {
        gdb->pristine = false;
        ql_gdb_flash_packet(gdb, data, size);
    } else if (begins(data, "qRcmd,")) {
        monitor(gdb, data, size);
    } else if (data[0] == 'Z' || data[0] == 'z') {
        take_point(gdb, data);
    } else if (data[0] == 'M' || data[0] == 'X') {
        if (refuse_write(gdb, data))
            return;
        gdb->pristine = false;
        pass_on(gdb, data, size);
    } else if (is_resume(data)) {
        resume(gdb, data, size);
    } else if (data[0] == 'R' || begins(data, "vRun")) {
        run_again(gdb, data[0] == 'v');
    } else {
        if (data[0] == 'G' || data[0] == 'P')
            gdb->pristine = changes_nothing(gdb, data) && gdb->pristine;
        pass_on(gdb, data, size);
    }
}
