// The piece between a debugger and its GDB server: sockets, the server's process, and the loop.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS          100 // for the server's end and for signals
#define SERVER_LIMIT_NS  (15 * QL_NS_PER_S)
#define SERVER_RETRY_NS  (20 * QL_NS_PER_MS)
#define PORTS_IN_A_ROW   4U // OpenOCD takes one more for each further core
#define OWN_PORT_FIRST   42000U
#define OWN_PORT_COUNT   8000U
#define OWN_PORT_TRIES   50U
#define FIRST_PACKET_MS  300
#define CONNECT_LIMIT_MS 5000

// --- Sockets

// A listening socket on host:port (port "0": any), or -1 with errno set.
static int listen_on(const char *host, const char *port)
{
    const struct addrinfo wish = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &wish, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    const int made = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made >= 0) {
        setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
        if (bind(made, found->ai_addr, found->ai_addrlen) != 0 || listen(made, 4) != 0) {
            const int error = errno;
            close(made);
            freeaddrinfo(found);
            errno = error;
            return -1;
        }
    }
    freeaddrinfo(found);
    return made;
}

static bool is_free(unsigned port)
{
    char text[8];
    snprintf(text, sizeof text, "%u", port);
    const int descriptor = listen_on("127.0.0.1", text);
    if (descriptor >= 0)
        close(descriptor);
    return descriptor >= 0;
}

// A port for the server with some free ones behind it; 0: none found.
static uint16_t choose_port(void)
{
    const struct ql_clock clock = ql_clock_system();
    for (unsigned i = 0; i < OWN_PORT_TRIES; i++) {
        const uint64_t dice = ql_clock_now(&clock) / 1000 + (unsigned)getpid() * 7919U + i * 131U;
        const unsigned port = OWN_PORT_FIRST + (unsigned)(dice % OWN_PORT_COUNT);
        unsigned good = 0;
        while (good < PORTS_IN_A_ROW && is_free(port + good))
            good++;
        if (good == PORTS_IN_A_ROW)
            return (uint16_t)port;
    }
    return 0;
}

// A connected socket, or -1.
static int connect_to(const char *host, const char *port)
{
    const struct addrinfo wish = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &wish, &found) != 0)
        return -1;
    int made = -1;
    for (const struct addrinfo *at = found; at != NULL && made < 0; at = at->ai_next) {
        int error = 0;
        socklen_t size = sizeof error;
        made = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct pollfd wait = {.fd = made, .events = POLLOUT};
        if (made >= 0 && connect(made, at->ai_addr, at->ai_addrlen) != 0)
            error = errno;
        if (error == EINPROGRESS) {
            error = ETIMEDOUT;
            if (poll(&wait, 1, CONNECT_LIMIT_MS) == 1)
                getsockopt(made, SOL_SOCKET, SO_ERROR, &error, &size);
        }
        if (made >= 0 && error != 0) {
            close(made);
            made = -1;
        }
    }
    freeaddrinfo(found);
    if (made >= 0)
        setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return made;
}

// "HOST:PORT" or "PORT".
static bool split(const char *text, const char *host_default, char *host, size_t host_size,
                  char *port, size_t port_size)
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon != NULL ? colon + 1 : text;
    const int length = colon != NULL ? (int)(colon - text) : 0;
    snprintf(host, host_size, "%.*s", length, text);
    if (length == 0)
        snprintf(host, host_size, "%s", host_default);
    snprintf(port, port_size, "%s", digits);
    return digits[0] != '\0' && strspn(digits, "0123456789") == strlen(digits) &&
           strlen(digits) < 6;
}

// --- Opening

static int fail_words(struct ql_failure *failure, const char *option, const char *value)
{
    return ql_fail(failure, QL_USAGE, "%s %s: a port is a number, with HOST: before it if needed",
                   option, value);
}

static int open_listener(struct ql_gdb *gdb, const char *fallback, struct ql_failure *failure)
{
    const char *wish = gdb->options.listen != NULL ? gdb->options.listen : fallback;
    char host[64];
    char port[8];
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    if (!split(wish, "127.0.0.1", host, sizeof host, port, sizeof port))
        return fail_words(failure, "--listen", wish);
    gdb->listener = listen_on(host, port);
    if (gdb->listener < 0) {
        ql_fail(failure, QL_LISTEN_BUSY, "the debugger's port %s cannot be listened on: %s", wish,
                strerror(errno));
        ql_hint(failure, "another GDB server is running, perhaps one that was left over: end it "
                         "(`ss -ltnp` names it), or choose another port with --listen");
        return -QL_LISTEN_BUSY;
    }
    getsockname(gdb->listener, (struct sockaddr *)&name, &size);
    getnameinfo((struct sockaddr *)&name, size, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    snprintf(gdb->address, sizeof gdb->address, "%s:%s", host, port);
    return 0;
}

static int choose_kind(struct ql_gdb *gdb, struct ql_failure *failure)
{
    const struct ql_gdb_options *options = &gdb->options;
    gdb->kind = options->kind != NULL        ? ql_gdb_kind_named(options->kind)
                : options->server[0] != NULL ? ql_gdb_kind_of_program(options->server[0])
                                             : &ql_gdb_kind_other;
    if (gdb->kind == NULL && options->kind != NULL) {
        ql_fail(failure, QL_USAGE, "--kind %s is not known", options->kind);
        ql_hint(failure, "%s", ql_gdb_kind_names());
        return -QL_USAGE;
    }
    if (gdb->kind == NULL && options->server_port != NULL)
        gdb->kind = &ql_gdb_kind_other;
    if (gdb->kind != NULL)
        return 0;
    ql_fail(failure, QL_USAGE, "%.100s is no GDB server that is known", options->server[0]);
    ql_hint(failure,
            "say what it resembles with --kind (%s), or on which port it listens with "
            "--server-port",
            ql_gdb_kind_names());
    return -QL_USAGE;
}

// Starts the server on a port of our choice, while the debugger's is ours.
static int start_server(struct ql_gdb *gdb, struct ql_failure *failure)
{
    const char *wish = gdb->options.server_port;
    uint16_t asked = 0;
    char fallback[8];
    uint16_t port = wish != NULL ? (uint16_t)strtoul(wish, NULL, 10) : choose_port();
    if (port == 0)
        return wish != NULL ? fail_words(failure, "--server-port", wish)
                            : ql_fail(failure, QL_LISTEN_BUSY, "no free port for the GDB server");
    char **words = ql_gdb_words_with_port(gdb->kind, gdb->options.server, port, &asked, failure);
    if (words == NULL)
        return -(int)failure->code;
    snprintf(gdb->server_host, sizeof gdb->server_host, "127.0.0.1");
    snprintf(gdb->server_port, sizeof gdb->server_port, "%u", port);
    snprintf(fallback, sizeof fallback, "%u", asked);
    // First, so that a debugger that comes as soon as the server says so finds somebody.
    int result = open_listener(gdb, fallback, failure);
    if (result == 0)
        result = ql_child_start(&gdb->child, words, failure);
    ql_gdb_words_free(words);
    return result;
}

int ql_gdb_open(struct ql_gdb **out, const struct ql_gdb_options *options,
                const struct ql_gdb_hooks *hooks, struct ql_failure *failure)
{
    struct ql_gdb *gdb = calloc(1, sizeof *gdb);
    if (gdb == NULL)
        return ql_fail_memory(failure);
    gdb->options = *options;
    gdb->hooks = *hooks;
    gdb->listener = gdb->debugger.descriptor = gdb->server.descriptor = -1;
    int result = choose_kind(gdb, failure);
    if (result == 0 && options->connect == NULL) {
        result = start_server(gdb, failure);
    } else if (result == 0) {
        if (!split(options->connect, "127.0.0.1", gdb->server_host, sizeof gdb->server_host,
                   gdb->server_port, sizeof gdb->server_port))
            result = fail_words(failure, "--connect", options->connect);
        else
            result = open_listener(gdb, "2331", failure);
    }
    if (result == 0)
        *out = gdb;
    else
        ql_gdb_close(gdb);
    return result;
}

void ql_gdb_close(struct ql_gdb *gdb)
{
    ql_rsp_close(&gdb->debugger);
    ql_rsp_close(&gdb->server);
    if (gdb->listener >= 0)
        close(gdb->listener);
    ql_child_stop(&gdb->child);
    ql_gdb_forget_load(gdb);
    free(gdb->map);
    free(gdb);
}

const char *ql_gdb_address(const struct ql_gdb *gdb)
{
    return gdb->address;
}

int ql_gdb_server_exit_code(const struct ql_gdb *gdb)
{
    return gdb->child.ended ? ql_child_exit_code(&gdb->child) : -1;
}

// --- Debuggers coming and going

// Tells a debugger that cannot be served why: the answer to its first packet, which GDB prints.
static void turn_away(int descriptor, const char *why)
{
    struct ql_rsp_line *line = malloc(sizeof *line);
    struct ql_rsp_packet packet;
    char text[600];
    if (line == NULL) {
        close(descriptor);
        return;
    }
    ql_rsp_open(line, descriptor);
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    while (poll(&wait, 1, FIRST_PACKET_MS) == 1 && ql_rsp_fill(line) &&
           ql_rsp_next(line, &packet) == QL_RSP_NONE) {
    }
    snprintf(text, sizeof text, "E.quadlane: %s", why);
    ql_rsp_send_text(line, text);
    ql_rsp_part(line);
    free(line);
}

static int fail_server_gone(struct ql_gdb *gdb, struct ql_failure *failure)
{
    if (ql_child_has_ended(&gdb->child)) {
        ql_fail(failure, QL_SERVER_ENDED, "the GDB server %s", ql_child_end_text(&gdb->child));
        ql_hint(failure, "its own messages say why: is the probe plugged in, and used by nobody "
                         "else?");
        return -QL_SERVER_ENDED;
    }
    ql_fail(failure, QL_SERVER_SILENT, "no GDB server takes connections at %s:%s", gdb->server_host,
            gdb->server_port);
    ql_hint(failure, gdb->options.connect != NULL
                         ? "start it first, or correct --connect"
                         : "does it listen elsewhere? --server-port says where");
    return -QL_SERVER_SILENT;
}

// The server may still be starting.
static int connect_server(struct ql_gdb *gdb, struct ql_failure *failure)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t deadline_ns =
        ql_clock_now(&clock) + (gdb->options.connect != NULL ? 0 : SERVER_LIMIT_NS);
    for (;;) {
        const int descriptor = connect_to(gdb->server_host, gdb->server_port);
        if (descriptor >= 0) {
            ql_rsp_open(&gdb->server, descriptor);
            return 0;
        }
        if (ql_child_has_ended(&gdb->child) || ql_clock_now(&clock) >= deadline_ns)
            return fail_server_gone(gdb, failure);
        if (gdb->hooks.interrupted(gdb->hooks.context))
            return ql_fail(failure, QL_INTERRUPTED, "interrupted");
        ql_clock_sleep(&clock, SERVER_RETRY_NS);
    }
}

static void begin_session(struct ql_gdb *gdb)
{
    gdb->asked = gdb->orphaned = false;
    gdb->ahead.state = QL_AHEAD_NONE;
    gdb->ahead.sequence = false;
    gdb->ahead.length = 0;
    gdb->ram_bytes = 0;
    gdb->running = gdb->in_rcmd = gdb->private_run = gdb->stop_cancels = false;
    gdb->point_count = 0;
    gdb->console_size = 0;
    gdb->pristine = gdb->by_probe = gdb->no_cable = false;
    gdb->patience_ns = 0;
    gdb->entry = gdb->program = 0; // another may have been loaded meanwhile
    ql_gdb_forget_load(gdb);
}

static void take_debugger(struct ql_gdb *gdb)
{
    struct ql_failure failure;
    const int descriptor = accept4(gdb->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0)
        return;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (ql_rsp_is_open(&gdb->debugger)) {
        turn_away(descriptor, "another debugger is connected to this gdb-server already");
        ql_gdb_tell(gdb, "a second debugger was turned away");
        return;
    }
    begin_session(gdb);
    if (connect_server(gdb, &failure) != 0) {
        ql_gdb_tell_failure(gdb, &failure);
        turn_away(descriptor, failure.sentence);
        return;
    }
    ql_rsp_open(&gdb->debugger, descriptor);
}

static void end_session(struct ql_gdb *gdb)
{
    ql_rsp_part(&gdb->debugger);
    ql_rsp_close(&gdb->server);
    ql_gdb_forget_load(gdb);
}

static int fail_server_lost(struct ql_gdb *gdb, struct ql_failure *failure)
{
    if (ql_child_has_ended(&gdb->child))
        return fail_server_gone(gdb, failure);
    ql_fail(failure, QL_SERVER_ENDED, "the GDB server at %s:%s hung up", gdb->server_host,
            gdb->server_port);
    ql_hint(failure, "its own messages say why");
    return -QL_SERVER_ENDED;
}

// The server hung up. GDB is told now if it waits for something, else at its next packet.
static void lose_server(struct ql_gdb *gdb)
{
    const struct ql_clock clock = ql_clock_system();
    struct ql_failure failure;
    ql_rsp_close(&gdb->server);
    ql_clock_sleep(&clock, LOOK_MS * QL_NS_PER_MS); // its exit code comes a moment later
    fail_server_lost(gdb, &failure);
    if (gdb->result == 0)
        ql_gdb_tell_failure(gdb, &failure);
    if (gdb->running || gdb->in_rcmd || gdb->asked) {
        ql_gdb_answer_lost(gdb, &failure);
        end_session(gdb);
    }
    gdb->orphaned = true;
}

static void answer_orphan(struct ql_gdb *gdb, const struct ql_rsp_packet *packet)
{
    struct ql_failure failure;
    fail_server_lost(gdb, &failure);
    gdb->running =
        strchr("cCsS", packet->data[0]) != NULL || strncmp(packet->data, "vCont;", 6) == 0;
    gdb->in_rcmd = strncmp(packet->data, "qRcmd,", 6) == 0;
    ql_gdb_answer_lost(gdb, &failure);
    if (gdb->running || gdb->in_rcmd) // the console has shown it
        end_session(gdb);
}

// --- The loop

static bool from_debugger(struct ql_gdb *gdb)
{
    struct ql_rsp_packet packet;
    if (!ql_rsp_fill(&gdb->debugger))
        return false;
    while (ql_rsp_is_open(&gdb->debugger)) {
        switch (ql_rsp_next(&gdb->debugger, &packet)) {
        case QL_RSP_NONE:
            return true;
        case QL_RSP_PACKET:
            if (gdb->orphaned)
                answer_orphan(gdb, &packet);
            else
                ql_gdb_take_packet(gdb, packet.data, packet.size);
            break;
        case QL_RSP_BREAK:
            ql_rsp_send_break(&gdb->server);
            break;
        case QL_RSP_NOTICE:
            break;
        case QL_RSP_TOO_BIG:
            return false;
        }
    }
    return false;
}

// A packet of the server went to the debugger: what it was waiting for may have come.
static void note_answer(struct ql_gdb *gdb, const struct ql_rsp_packet *packet)
{
    const bool output = packet->data[0] == 'O' && packet->data[1] != 'K';
    if (!output)
        gdb->running = gdb->in_rcmd = gdb->asked = false;
}

static bool pass_answer(struct ql_gdb *gdb, const struct ql_rsp_packet *packet)
{
    char stop[400];
    if (gdb->ahead.state == QL_AHEAD_ASKED || gdb->ahead.state == QL_AHEAD_CLAIMED)
        return ql_gdb_ahead_receive(gdb, packet);
    const bool stopped = gdb->running && packet->data[0] == 'T' && packet->size < sizeof stop;
    note_answer(gdb, packet);
    if (!stopped)
        return ql_rsp_send(&gdb->debugger, packet->data, packet->size);
    memcpy(stop, packet->data, packet->size + 1);
    const size_t size = ql_gdb_name_watch(gdb, stop, packet->size, sizeof stop);
    return ql_rsp_send(&gdb->debugger, stop, size);
}

static bool from_server(struct ql_gdb *gdb)
{
    struct ql_rsp_packet packet;
    unsigned ended = 0;
    const bool quiet = gdb->server.no_acknowledge && gdb->debugger.no_acknowledge;
    if (!ql_rsp_fill(&gdb->server))
        return false;
    // While the target runs each packet is looked at; answers pass as fast as they come.
    if (quiet && !gdb->running && !gdb->in_rcmd && gdb->ahead.state == QL_AHEAD_NONE) {
        const bool good = ql_rsp_relay(&gdb->server, &gdb->debugger, &ended);
        gdb->asked = gdb->asked && ended == 0;
        if (good && ended > 0)
            ql_gdb_ahead_ask(gdb);
        return good;
    }
    for (;;) {
        switch (ql_rsp_next(&gdb->server, &packet)) {
        case QL_RSP_PACKET:
            if (!pass_answer(gdb, &packet))
                return false;
            break;
        case QL_RSP_NOTICE: // only in non-stop mode, which none of the servers has
            break;
        case QL_RSP_BREAK:
            break;
        case QL_RSP_NONE:
            return true;
        case QL_RSP_TOO_BIG:
            return false;
        }
    }
}

static void serve(struct ql_gdb *gdb)
{
    struct pollfd list[3] = {{.fd = gdb->listener, .events = POLLIN},
                             {.fd = gdb->debugger.descriptor, .events = POLLIN},
                             {.fd = gdb->server.descriptor, .events = POLLIN}};
    if (poll(list, 3, LOOK_MS) <= 0)
        return;
    if (list[2].revents != 0 && !from_server(gdb))
        lose_server(gdb);
    if (list[1].revents != 0 && ql_rsp_is_open(&gdb->debugger) && !from_debugger(gdb))
        end_session(gdb);
    if (ql_rsp_is_open(&gdb->debugger) && !ql_rsp_is_open(&gdb->server) && !gdb->orphaned)
        lose_server(gdb);
    if (list[0].revents != 0)
        take_debugger(gdb);
}

int ql_gdb_run(struct ql_gdb *gdb, struct ql_failure *failure)
{
    bool served = false;
    for (;;) {
        serve(gdb);
        const bool connected = ql_rsp_is_open(&gdb->debugger);
        if (gdb->hooks.interrupted(gdb->hooks.context))
            return 0;
        if (gdb->options.once && served && !connected)
            break;
        served = served || connected;
        if (!connected && ql_child_has_ended(&gdb->child)) {
            if (ql_child_exit_code(&gdb->child) != 0 || !served)
                return fail_server_gone(gdb, failure);
            break;
        }
    }
    if (gdb->result != 0)
        ql_fail(failure, (enum ql_code) - gdb->result, "the last `load` or restart failed");
    return gdb->result;
}
