// The target as the piece itself uses it: packets of its own to the server, between those of GDB.
//
// Written from GDB's manual, appendix "GDB Remote Serial Protocol", the ARMv7-M Architecture
// Reference Manual (debug registers), and RM0433.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ANSWER_LIMIT_NS (20 * QL_NS_PER_S)
#define HALT_LIMIT_NS   (5 * QL_NS_PER_S)
#define RESET_LIMIT_NS  QL_NS_PER_S
#define LOOK_MS         50

// Core registers: DHCSR tells that the core is halted, DEMCR.VC_CORERESET halts it at a reset.
#define DHCSR              0xE000EDF0U
#define DHCSR_S_HALT       (1U << 17)
#define DEMCR              0xE000EDFCU
#define DEMCR_VC_CORERESET 1U
#define AIRCR              0xE000ED0CU
#define AIRCR_SYSRESETREQ  0x05FA0004U
#define REGISTER_PC        15U

static uint64_t now_ns(void)
{
    const struct ql_clock clock = ql_clock_system();
    return ql_clock_now(&clock);
}

static int fail_hung_up(struct ql_gdb *gdb, struct ql_failure *failure)
{
    ql_rsp_close(&gdb->server);
    ql_fail(failure, QL_SERVER_ENDED, "the GDB server hung up");
    ql_hint(failure, "what it said last is on its terminal; start the debugger again");
    return -QL_SERVER_ENDED;
}

static bool is_output(const struct ql_rsp_packet *packet)
{
    return packet->data[0] == 'O' && packet->data[1] != 'K';
}

static bool is_stop(const struct ql_rsp_packet *packet)
{
    return packet->size > 0 && strchr("TSWX", packet->data[0]) != NULL;
}

// Waits for bytes from the server, until the deadline or a short time. False: it is gone.
static bool wait_for_bytes(struct ql_gdb *gdb, uint64_t deadline_ns)
{
    const uint64_t now = now_ns();
    const uint64_t left_ms = deadline_ns > now ? (deadline_ns - now) / QL_NS_PER_MS + 1 : 0;
    struct pollfd wait = {.fd = gdb->server.descriptor, .events = POLLIN};
    poll(&wait, 1, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS);
    return wait.revents == 0 || ql_rsp_fill(&gdb->server);
}

// The next packet that is no console output. Returns 1, 0 when the time is over, or -code.
static int next_packet(struct ql_gdb *gdb, struct ql_rsp_packet *packet, uint64_t deadline_ns,
                       bool show, struct ql_failure *failure)
{
    for (;;) {
        const enum ql_rsp_item item = ql_rsp_next(&gdb->server, packet);
        if (item == QL_RSP_TOO_BIG)
            return fail_hung_up(gdb, failure);
        if (item == QL_RSP_PACKET && !is_output(packet))
            return 1;
        if (item == QL_RSP_PACKET && show && gdb->in_rcmd && packet->size > 1)
            ql_rsp_send(&gdb->debugger, packet->data, packet->size);
        if (item != QL_RSP_NONE)
            continue;
        if (now_ns() >= deadline_ns)
            return 0;
        if (!ql_rsp_is_open(&gdb->server) || !wait_for_bytes(gdb, deadline_ns))
            return fail_hung_up(gdb, failure);
    }
}

static int ask(struct ql_gdb *gdb, const char *data, size_t size, bool show,
               struct ql_failure *failure)
{
    struct ql_rsp_packet packet;
    if (!ql_rsp_is_open(&gdb->server) || !ql_rsp_send(&gdb->server, data, size))
        return fail_hung_up(gdb, failure);
    const uint64_t limit_ns = gdb->patience_ns != 0 ? gdb->patience_ns : ANSWER_LIMIT_NS;
    const int result = next_packet(gdb, &packet, now_ns() + limit_ns, show, failure);
    if (result < 0)
        return result;
    if (result == 0) {
        ql_fail(failure, QL_SERVER_SILENT, "the GDB server does not answer any more (%.20s)", data);
        ql_hint(failure, "look at its own messages; is the probe still plugged in?");
        return -QL_SERVER_SILENT;
    }
    gdb->reply_size = packet.size < sizeof gdb->reply ? packet.size : sizeof gdb->reply - 1;
    memcpy(gdb->reply, packet.data, gdb->reply_size);
    gdb->reply[gdb->reply_size] = '\0';
    return 0;
}

int ql_gdb_swallow(struct ql_gdb *gdb, struct ql_failure *failure)
{
    struct ql_rsp_packet packet;
    return next_packet(gdb, &packet, now_ns() + ANSWER_LIMIT_NS, false, failure);
}

int ql_gdb_ask(struct ql_gdb *gdb, const char *data, size_t size, struct ql_failure *failure)
{
    return ask(gdb, data, size, false, failure);
}

int ql_gdb_ask_text(struct ql_gdb *gdb, struct ql_failure *failure, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ask(gdb, text, (size_t)length, false, failure);
}

static int fail_target(struct ql_failure *failure, const char *what, const char *reply)
{
    ql_fail(failure, QL_TARGET_STUCK, "the GDB server cannot %s (it answers \"%.40s\")", what,
            reply);
    ql_hint(failure, "look at its own messages: is the probe connected to the board, and the board "
                     "powered?");
    return -QL_TARGET_STUCK;
}

int ql_gdb_monitor(struct ql_gdb *gdb, const char *command, bool show, struct ql_failure *failure)
{
    char text[1024] = "qRcmd,";
    if (strlen(command) > sizeof text / 2 - 8)
        return fail_target(failure, "take so long a command", "");
    ql_rsp_put_hex(text + 6, command, strlen(command));
    const int result = ask(gdb, text, strlen(text), show, failure);
    if (result != 0)
        return result;
    if (gdb->reply[0] == '\0' || gdb->reply[0] == 'E') {
        char what[80];
        snprintf(what, sizeof what, "do `monitor %.50s`", command);
        return fail_target(failure, what, gdb->reply);
    }
    return 0;
}

int ql_gdb_read_word(struct ql_gdb *gdb, uint32_t address, uint32_t *value,
                     struct ql_failure *failure)
{
    uint8_t bytes[4];
    char what[40];
    const int result = ql_gdb_ask_text(gdb, failure, "m%x,4", address);
    if (result != 0)
        return result;
    if (gdb->reply_size != 8 || ql_rsp_get_hex(gdb->reply, bytes, 4) != 4) {
        snprintf(what, sizeof what, "read memory at 0x%08X", address);
        return fail_target(failure, what, gdb->reply);
    }
    *value = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
             (uint32_t)bytes[3] << 24;
    return 0;
}

static void put_word(char text[9], uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    ql_rsp_put_hex(text, bytes, 4);
}

int ql_gdb_write_word(struct ql_gdb *gdb, uint32_t address, uint32_t value,
                      struct ql_failure *failure)
{
    char digits[9];
    char what[40];
    put_word(digits, value);
    const int result = ql_gdb_ask_text(gdb, failure, "M%x,4:%s", address, digits);
    snprintf(what, sizeof what, "write memory at 0x%08X", address);
    return result == 0 && strcmp(gdb->reply, "OK") != 0 ? fail_target(failure, what, gdb->reply)
                                                        : result;
}

int ql_gdb_read_pc(struct ql_gdb *gdb, uint32_t *pc, struct ql_failure *failure)
{
    uint8_t bytes[4];
    const char *digits = gdb->reply;
    int result = ql_gdb_ask_text(gdb, failure, "p%x", REGISTER_PC);
    if (result == 0 && gdb->reply_size != 8) { // a server without p
        result = ql_gdb_ask_text(gdb, failure, "g");
        digits = gdb->reply_size >= (REGISTER_PC + 1) * 8 ? gdb->reply + REGISTER_PC * 8 : "";
    }
    if (result != 0)
        return result;
    if (ql_rsp_get_hex(digits, bytes, 4) != 4)
        return fail_target(failure, "read the program counter", gdb->reply);
    *pc = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
          (uint32_t)bytes[3] << 24;
    return 0;
}

int ql_gdb_set_register(struct ql_gdb *gdb, unsigned number, uint32_t value,
                        struct ql_failure *failure)
{
    char digits[9];
    put_word(digits, value);
    const int result = ql_gdb_ask_text(gdb, failure, "P%x=%s", number, digits);
    return result == 0 && strcmp(gdb->reply, "OK") != 0
               ? fail_target(failure, "set a register", gdb->reply)
               : result;
}

// A server whose monitor command fails: the core's own registers do the same.
static int reset_by_registers(struct ql_gdb *gdb, struct ql_failure *failure)
{
    uint32_t catch = 0;
    uint32_t status = 0;
    int result = ql_gdb_read_word(gdb, DEMCR, &catch, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, DEMCR, catch | DEMCR_VC_CORERESET, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, AIRCR, AIRCR_SYSRESETREQ, failure);
    const uint64_t deadline_ns = now_ns() + RESET_LIMIT_NS;
    while (result == 0 && (status & DHCSR_S_HALT) == 0) {
        if (now_ns() > deadline_ns)
            return fail_target(failure, "reset the board", "it does not halt");
        result = ql_gdb_read_word(gdb, DHCSR, &status, failure);
    }
    return result == 0 ? ql_gdb_write_word(gdb, DEMCR, catch, failure) : result;
}

int ql_gdb_reset_halt(struct ql_gdb *gdb, struct ql_failure *failure)
{
    gdb->pristine = false;
    int result = ql_gdb_monitor(gdb, gdb->kind->reset_halt, false, failure);
    if (result == 0 && gdb->kind->then_halt != NULL)
        result = ql_gdb_monitor(gdb, gdb->kind->then_halt, false, failure);
    return result == -QL_TARGET_STUCK ? reset_by_registers(gdb, failure) : result;
}

int ql_gdb_breakpoint(struct ql_gdb *gdb, uint32_t address, bool set, struct ql_failure *failure)
{
    const int result = ql_gdb_ask_text(gdb, failure, "%c1,%x,2", set ? 'Z' : 'z', address);
    return result == 0 && strcmp(gdb->reply, "OK") != 0
               ? fail_target(failure, set ? "set a hardware breakpoint" : "take a breakpoint away",
                             gdb->reply)
               : result;
}

void ql_gdb_set_points(struct ql_gdb *gdb, bool set)
{
    struct ql_failure failure;
    for (size_t i = 0; i < gdb->point_count; i++) {
        if (ql_gdb_ask_text(gdb, &failure, "%c%s", set ? 'Z' : 'z', gdb->points[i].text) != 0)
            return;
    }
}

int ql_gdb_go(struct ql_gdb *gdb, struct ql_failure *failure)
{
    if (!ql_rsp_is_open(&gdb->server) || !ql_rsp_send_text(&gdb->server, "c"))
        return fail_hung_up(gdb, failure);
    gdb->private_run = true;
    gdb->pristine = false;
    return 0;
}

int ql_gdb_wait_stop(struct ql_gdb *gdb, uint64_t limit_ns, struct ql_failure *failure)
{
    const uint64_t deadline_ns = now_ns() + limit_ns;
    while (gdb->private_run) {
        struct ql_rsp_packet packet;
        const int result = next_packet(gdb, &packet, deadline_ns, false, failure);
        if (result < 0 || result == 0)
            return result;
        if (packet.data[0] == 'E') {
            gdb->private_run = false;
            return fail_target(failure, "let the board run", packet.data);
        }
        gdb->private_run = !is_stop(&packet);
    }
    return 1;
}

int ql_gdb_halt(struct ql_gdb *gdb, struct ql_failure *failure)
{
    if (!gdb->private_run)
        return 0;
    if (!ql_rsp_is_open(&gdb->server) || !ql_rsp_send_break(&gdb->server))
        return fail_hung_up(gdb, failure);
    const int result = ql_gdb_wait_stop(gdb, HALT_LIMIT_NS, failure);
    if (result == 0)
        return fail_target(failure, "halt the board", "nothing");
    return result < 0 ? result : 0;
}

static bool is_leaving(const struct ql_rsp_line *line)
{
    uint8_t byte = 0;
    if (!ql_rsp_is_open(line))
        return true;
    const ssize_t got = recv(line->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got == 1 && byte == 0x03);
}

bool ql_gdb_cancelled(struct ql_gdb *gdb)
{
    struct ql_failure ignored;
    if (gdb->hooks.interrupted(gdb->hooks.context) || is_leaving(&gdb->debugger))
        return true;
    return gdb->stop_cancels && ql_gdb_wait_stop(gdb, 0, &ignored) != 0;
}
