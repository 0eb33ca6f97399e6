// The virtual board's own GDB server: `target remote` without any probe.
//
// Written from GDB's documentation, appendix "GDB Remote Serial Protocol". One core, one thread,
// all-stop. Both kinds of breakpoints are comparators of the model, so code in flash has as many as
// code in RAM. `load` changes flash at once, in no virtual time.
//
// SPDX-License-Identifier: MIT
#include "sim/gdb_server.h"

#include "sim/core.h"
#include "sim/debug.h"
#include "sim/gdb_description.h"
#include "sim/probe_socket.h"
#include "sim/virtual_board.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_MAX  0x4000u // characters between $ and #
#define MEMORY_MAX  (PACKET_MAX / 2)
#define SIGINT_GDB  2
#define SIGTRAP_GDB 5

struct gdb_server {
    struct virtual_board *board;
    struct machine *machine;
    struct debug *debug;
    struct probe_socket *socket;
    bool connected;
    bool no_acknowledge;
    bool running;     // GDB waits for a stop
    bool interrupted; // by Ctrl-C
    char packet[PACKET_MAX + 1];
    size_t packet_length;
    uint8_t memory[MEMORY_MAX];
    char answer[2 * PACKET_MAX];
};

// --- Text
// -----------------------------------------------------------------------------------------

static int digit(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    character |= 0x20;
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

// Reads a hexadecimal number and moves on behind it. False: there is none.
static bool take_number(const char **text, uint32_t *value)
{
    const char *start = *text;

    *value = 0;
    while (digit(**text) >= 0) {
        *value = *value << 4 | (uint32_t)digit(**text);
        (*text)++;
    }
    return *text != start;
}

static bool take_character(const char **text, char character)
{
    if (**text != character) {
        return false;
    }
    (*text)++;
    return true;
}

static void put_bytes(char *text, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[2 * length] = '\0';
}

static size_t get_bytes(const char *text, uint8_t *bytes, size_t room)
{
    size_t count = 0;

    while (count < room && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
        bytes[count++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        text += 2;
    }
    return count;
}

// --- Packets out --------------------------------------------------------------------------------

static void send_packet(struct gdb_server *server, const char *data, size_t length)
{
    static char framed[2 * PACKET_MAX + 8];
    uint8_t sum = 0;
    size_t at = 0;

    framed[at++] = '$';
    for (size_t i = 0; i < length; i++) {
        framed[at++] = data[i];
        sum = (uint8_t)(sum + (uint8_t)data[i]);
    }
    at += (size_t)snprintf(framed + at, 4, "#%02x", sum);
    probe_socket_send(server->socket, framed, at);
}

static void send_text(struct gdb_server *server, const char *text)
{
    send_packet(server, text, strlen(text));
}

static void send_ok(struct gdb_server *server, bool good)
{
    send_text(server, good ? "OK" : "E01");
}

static void send_stop(struct gdb_server *server)
{
    struct cpu_watch watch;
    uint32_t address;
    char text[64];

    if (server->interrupted) {
        snprintf(text, sizeof(text), "T%02xthread:1;", SIGINT_GDB);
    } else if (debug_last_watch(server->debug, &watch, &address)) {
        snprintf(text, sizeof(text), "T%02x%s:%x;thread:1;", SIGTRAP_GDB,
                 watch.read && watch.write ? "awatch"
                 : watch.read              ? "rwatch"
                                           : "watch",
                 watch.base);
    } else {
        snprintf(text, sizeof(text), "T%02xthread:1;", SIGTRAP_GDB);
    }
    server->interrupted = false;
    send_text(server, text);
}

static void core_halted(void *context)
{
    struct gdb_server *server = context;

    if (server->running) {
        server->running = false;
        send_stop(server);
    }
}

// --- Registers
// ------------------------------------------------------------------------------------

// In the order of the target description: r0-r12, sp, lr, pc, xPSR, MSP, PSP, PRIMASK, BASEPRI,
// FAULTMASK, CONTROL, d0-d15, FPSCR.
enum { REGISTER_PRIMASK = 19, REGISTER_D0 = 23, REGISTER_FPSCR = 39, REGISTER_COUNT = 40 };

static unsigned register_size(unsigned number)
{
    return number >= REGISTER_D0 && number < REGISTER_FPSCR     ? 8
           : number >= REGISTER_PRIMASK && number < REGISTER_D0 ? 1
                                                                : 4;
}

// Where PRIMASK, BASEPRI, FAULTMASK, CONTROL stand in the one register that a debug port has.
static unsigned mask_shift(unsigned number)
{
    return 8 * (number - REGISTER_PRIMASK);
}

static void read_register(struct gdb_server *server, unsigned number, uint8_t bytes[8])
{
    uint32_t value[2] = {0, 0};

    if (number >= REGISTER_D0 && number < REGISTER_FPSCR) {
        debug_read_register(server->debug, 64 + 2 * (number - REGISTER_D0), &value[0]);
        debug_read_register(server->debug, 65 + 2 * (number - REGISTER_D0), &value[1]);
    } else if (number == REGISTER_FPSCR) {
        debug_read_register(server->debug, 33, &value[0]);
    } else if (number >= REGISTER_PRIMASK) {
        debug_read_register(server->debug, 20, &value[0]);
        value[0] = value[0] >> mask_shift(number) & 0xFF;
    } else {
        debug_read_register(server->debug, number, &value[0]);
    }
    memcpy(bytes, value, 8);
}

static void write_register(struct gdb_server *server, unsigned number, const uint8_t bytes[8])
{
    uint32_t value[2];
    uint32_t masks;

    memcpy(value, bytes, 8);
    if (number >= REGISTER_D0 && number < REGISTER_FPSCR) {
        debug_write_register(server->debug, 64 + 2 * (number - REGISTER_D0), value[0]);
        debug_write_register(server->debug, 65 + 2 * (number - REGISTER_D0), value[1]);
    } else if (number == REGISTER_FPSCR) {
        debug_write_register(server->debug, 33, value[0]);
    } else if (number >= REGISTER_PRIMASK) {
        debug_read_register(server->debug, 20, &masks);
        masks &= ~(UINT32_C(0xFF) << mask_shift(number));
        debug_write_register(server->debug, 20, masks | (value[0] & 0xFF) << mask_shift(number));
    } else {
        debug_write_register(server->debug, number, value[0]);
    }
}

static void send_registers(struct gdb_server *server)
{
    char *text = server->answer;

    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        uint8_t bytes[8];

        read_register(server, i, bytes);
        put_bytes(text, bytes, register_size(i));
        text += 2 * register_size(i);
    }
    send_text(server, server->answer);
}

static void set_registers(struct gdb_server *server, const char *text)
{
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        uint8_t bytes[8] = {0};

        if (get_bytes(text, bytes, register_size(i)) != register_size(i)) {
            break;
        }
        write_register(server, i, bytes);
        text += 2 * register_size(i);
    }
    send_ok(server, true);
}

static void one_register(struct gdb_server *server, const char *text, bool write)
{
    uint8_t bytes[8] = {0};
    uint32_t number;

    if (!take_number(&text, &number) || number >= REGISTER_COUNT) {
        send_ok(server, false);
        return;
    }
    if (write) {
        bool good = take_character(&text, '=') &&
                    get_bytes(text, bytes, register_size(number)) == register_size(number);

        if (good) {
            write_register(server, number, bytes);
        }
        send_ok(server, good);
        return;
    }
    read_register(server, number, bytes);
    put_bytes(server->answer, bytes, register_size(number));
    send_text(server, server->answer);
}

// --- Memory -------------------------------------------------------------------------------------

static bool take_range(const char **text, uint32_t *address, uint32_t *length)
{
    return take_number(text, address) && take_character(text, ',') && take_number(text, length);
}

static void read_memory(struct gdb_server *server, const char *text)
{
    uint32_t address;
    uint32_t length;
    size_t count;

    if (!take_range(&text, &address, &length)) {
        send_ok(server, false);
        return;
    }
    length = length < MEMORY_MAX ? length : MEMORY_MAX;
    count = debug_read_memory(server->debug, address, server->memory, length);
    if (count == 0 && length != 0) {
        send_ok(server, false);
        return;
    }
    put_bytes(server->answer, server->memory, count);
    send_text(server, server->answer);
}

// Undoes the escapes of binary data in place; returns the number of bytes.
static size_t unescape(char *data, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        if (data[i] == '}' && i + 1 < length) {
            data[count++] = (char)(data[++i] ^ 0x20);
        } else {
            data[count++] = data[i];
        }
    }
    return count;
}

// M and X: hexadecimal or binary.
static void write_memory(struct gdb_server *server, char *text, size_t size, bool binary)
{
    const char *at = text;
    const uint8_t *data;
    uint32_t address;
    uint32_t length;
    size_t count;

    if (!take_range(&at, &address, &length) || !take_character(&at, ':')) {
        send_ok(server, false);
        return;
    }
    if (binary) {
        char *start = text + (at - text);

        count = unescape(start, size - (size_t)(at - text));
        data = (const uint8_t *)start;
    } else {
        count = get_bytes(at, server->memory, sizeof(server->memory));
        data = server->memory;
    }
    send_ok(server,
            count == length && debug_write_memory(server->debug, address, data, count) == count);
}

static void flash_erase(struct gdb_server *server, const char *text)
{
    uint32_t address;
    uint32_t length;

    send_ok(server, take_range(&text, &address, &length) &&
                        virtual_board_write_flash(server->board, address, NULL, length));
}

static void flash_write(struct gdb_server *server, char *text, size_t size)
{
    const char *at = text;
    uint32_t address;
    size_t count;

    if (!take_number(&at, &address) || !take_character(&at, ':')) {
        send_ok(server, false);
        return;
    }
    count = unescape(text + (at - text), size - (size_t)(at - text));
    send_ok(server, virtual_board_write_flash(server->board, address, (const uint8_t *)at, count));
}

// --- Breakpoints, running
// -------------------------------------------------------------------------

static void stop_point(struct gdb_server *server, const char *text, bool set)
{
    char kind = *text++;
    struct cpu_watch watch = {0};
    uint32_t address;
    uint32_t length;

    if (!take_character(&text, ',') || !take_range(&text, &address, &length)) {
        send_ok(server, false);
        return;
    }
    watch.base = address;
    watch.size = length;
    watch.write = kind == '2' || kind == '4';
    watch.read = kind == '3' || kind == '4';
    if (kind == '0' || kind == '1') {
        send_ok(server, debug_set_breakpoint(server->debug, address & ~UINT32_C(1), set));
    } else if (watch.read || watch.write) {
        send_ok(server, length != 0 && debug_set_watch(server->debug, &watch, set));
    } else {
        send_text(server, "");
    }
}

static void go(struct gdb_server *server, bool step, const char *address)
{
    uint32_t pc;

    if (take_number(&address, &pc)) {
        debug_write_register(server->debug, 15, pc);
    }
    server->running = true;
    server->interrupted = false;
    if (step) {
        debug_step(server->debug, true);
    } else {
        debug_resume(server->debug);
    }
}

static void interrupt(struct gdb_server *server)
{
    if (server->running) {
        server->interrupted = true;
        debug_halt(server->debug);
    }
}

// --- monitor
// --------------------------------------------------------------------------------------

// A line of output, then the result.
static void monitor_answer(struct gdb_server *server, const char *line)
{
    char text[512] = "O";

    put_bytes(text + 1, (const uint8_t *)line, strlen(line));
    send_text(server, text);
    send_ok(server, true);
}

// What J-Link's, OpenOCD's and ST's servers are asked by IDEs. What is not known must not fail: an
// error ends an IDE's launch.
static void monitor(struct gdb_server *server, const char *hex)
{
    char command[128];
    size_t length = get_bytes(hex, (uint8_t *)command, sizeof(command) - 1);

    command[length] = '\0';
    if (strncmp(command, "reset run", 9) == 0) {
        debug_ask_reset(server->debug, false);
        monitor_answer(server, "reset, running\n");
    } else if (strncmp(command, "reset", 5) == 0) {
        debug_ask_reset(server->debug, true);
        monitor_answer(server, "reset, halted before the first instruction\n");
    } else if (strcmp(command, "halt") == 0) {
        debug_halt(server->debug);
        monitor_answer(server, "halted\n");
    } else if (strcmp(command, "go") == 0 || strcmp(command, "resume") == 0) {
        debug_resume(server->debug);
        monitor_answer(server, "running\n");
    } else if (strcmp(command, "help") == 0) {
        monitor_answer(server, "reset [halt|run], halt, go; others are accepted and ignored\n");
    } else {
        monitor_answer(server, "ignored: this is the virtual board's own GDB server\n");
    }
}

// --- Queries
// --------------------------------------------------------------------------------------

static void transfer(struct gdb_server *server, const char *document, const char *range)
{
    uint32_t offset;
    uint32_t length;
    size_t size = strlen(document);

    if (!take_range(&range, &offset, &length)) {
        send_ok(server, false);
        return;
    }
    offset = offset < size ? offset : (uint32_t)size;
    length = length < PACKET_MAX - 1 ? length : PACKET_MAX - 1;
    length = length < size - offset ? length : (uint32_t)(size - offset);
    server->answer[0] = offset + length < size ? 'm' : 'l';
    memcpy(server->answer + 1, document + offset, length);
    send_packet(server, server->answer, 1 + length);
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void query(struct gdb_server *server, const char *text)
{
    static const char features[] = "qXfer:features:read:target.xml:";
    static const char memory_map[] = "qXfer:memory-map:read::";

    if (begins(text, "qSupported")) {
        send_text(server, "PacketSize=4000;qXfer:features:read+;qXfer:memory-map:read+;"
                          "QStartNoAckMode+;vContSupported+");
    } else if (begins(text, features)) {
        transfer(server, gdb_target_description(), text + sizeof(features) - 1);
    } else if (begins(text, memory_map)) {
        transfer(server, gdb_memory_map(server->machine), text + sizeof(memory_map) - 1);
    } else if (begins(text, "qRcmd,")) {
        monitor(server, text + 6);
    } else if (begins(text, "qAttached")) {
        send_text(server, "1");
    } else if (begins(text, "qfThreadInfo")) {
        send_text(server, "m1");
    } else if (begins(text, "qsThreadInfo")) {
        send_text(server, "l");
    } else if (strcmp(text, "qC") == 0) {
        send_text(server, "QC1");
    } else if (begins(text, "qSymbol")) {
        send_ok(server, true);
    } else if (begins(text, "QStartNoAckMode")) {
        send_ok(server, true);
        server->no_acknowledge = true;
    } else {
        send_text(server, "");
    }
}

static void v_packet(struct gdb_server *server, char *text, size_t length)
{
    if (begins(text, "vCont?")) {
        send_text(server, "vCont;c;C;s;S");
    } else if (begins(text, "vCont;")) {
        go(server, (text[6] | 0x20) == 's', "");
    } else if (begins(text, "vFlashErase:")) {
        flash_erase(server, text + 12);
    } else if (begins(text, "vFlashWrite:")) {
        flash_write(server, text + 12, length - 12);
    } else if (begins(text, "vFlashDone") || begins(text, "vKill")) {
        send_ok(server, true);
    } else {
        send_text(server, "");
    }
}

// --- Packets in
// -----------------------------------------------------------------------------------

static void leave(struct gdb_server *server)
{
    debug_clear_stops(server->debug);
    debug_attach(server->debug, false);
}

static void packet(struct gdb_server *server, char *text, size_t length)
{
    switch (text[0]) {
    case '?':
        send_stop(server);
        break;
    case 'g':
        send_registers(server);
        break;
    case 'G':
        set_registers(server, text + 1);
        break;
    case 'p':
    case 'P':
        one_register(server, text + 1, text[0] == 'P');
        break;
    case 'm':
        read_memory(server, text + 1);
        break;
    case 'M':
    case 'X':
        write_memory(server, text + 1, length - 1, text[0] == 'X');
        break;
    case 'Z':
    case 'z':
        stop_point(server, text + 1, text[0] == 'Z');
        break;
    case 'c':
    case 's':
        go(server, text[0] == 's', text + 1);
        break;
    case 'q':
    case 'Q':
        query(server, text);
        break;
    case 'v':
        v_packet(server, text, length);
        break;
    case 'H':
    case 'T':
    case '!':
        send_ok(server, true);
        break;
    case 'D':
        leave(server);
        send_ok(server, true);
        break;
    case 'R':
        debug_ask_reset(server->debug, true);
        break;
    case 'k':
        probe_socket_hang_up(server->socket);
        break;
    default:
        send_text(server, "");
        break;
    }
}

// One packet from its $ on; returns how many characters it has, 0: not all are here.
static size_t take_packet(struct gdb_server *server, const uint8_t *data, size_t length)
{
    const uint8_t *hash = memchr(data, '#', length);
    size_t size = hash != NULL ? (size_t)(hash - data) - 1 : 0;
    const uint8_t *again = hash != NULL ? memrchr(data + 1, '$', size) : NULL;
    uint8_t sum = 0;

    if (again != NULL) { // a packet that was broken off
        return (size_t)(again - data);
    }
    if (hash == NULL || length < size + 4) {
        if (length > PACKET_MAX + 4) {
            probe_socket_hang_up(server->socket);
        }
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + data[1 + i]);
    }
    if (size > PACKET_MAX || sum != (digit((char)hash[1]) << 4 | digit((char)hash[2]))) {
        if (!server->no_acknowledge) {
            probe_socket_send(server->socket, "-", 1);
        }
        return size + 4;
    }
    if (!server->no_acknowledge) {
        probe_socket_send(server->socket, "+", 1);
    }
    memcpy(server->packet, data + 1, size);
    server->packet[size] = '\0';
    packet(server, server->packet, size);
    return size + 4;
}

static size_t received(void *context, const uint8_t *data, size_t length)
{
    struct gdb_server *server = context;

    switch (data[0]) {
    case '$':
        return take_packet(server, data, length);
    case 0x03:
        interrupt(server);
        return 1;
    default: // acknowledgements
        return 1;
    }
}

static void connected(void *context)
{
    struct gdb_server *server = context;

    server->no_acknowledge = false;
    server->running = false;
    server->interrupted = false;
    debug_attach(server->debug, true);
    debug_halt(server->debug);
}

static void disconnected(void *context)
{
    leave(context);
}

struct gdb_server *gdb_server_create(struct virtual_board *board, const char *port, char *error,
                                     size_t error_size)
{
    struct gdb_server *server = calloc(1, sizeof(*server));
    const struct probe_handler handler = {.context = server,
                                          .connected = connected,
                                          .disconnected = disconnected,
                                          .received = received};

    if (server == NULL) {
        abort();
    }
    server->board = board;
    server->machine = virtual_board_machine(board);
    server->debug = core_debug(virtual_board_core(board));
    server->socket =
        probe_socket_create(server->machine, "--gdb", port, &handler, error, error_size);
    if (server->socket == NULL) {
        free(server);
        return NULL;
    }
    debug_on_halt(server->debug, core_halted, server);
    return server;
}

void gdb_server_close(struct gdb_server *server)
{
    probe_socket_close(server->socket);
    debug_on_halt(server->debug, NULL, NULL);
    free(server);
}
