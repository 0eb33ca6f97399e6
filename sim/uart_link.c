// What joins a serial port of the virtual board to this computer: standard streams, a socket, a
// file, a pseudo-terminal; and the search for a text in what it prints.
//
// Output is collected and written when a line ends or the machine looks at its descriptors; what a
// reader does not take in time is dropped, as on a wire.
//
// SPDX-License-Identifier: MIT
#include "sim/uart_link.h"

#include "sim/h750_usart.h"
#include "sim/machine_build.h"
#include "sim/usb_cable.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define OUTPUT_SIZE          1024u
#define FLUSH_AFTER          (2 * NS_PER_MS)
#define SPECIFIED(s, prefix) (strncmp((s), (prefix), strlen(prefix)) == 0)

struct uart_link {
    struct machine *machine;
    struct usart *usart;
    const char *name;
    int out;      // -1: none
    int in;       // -1: none
    int listener; // -1: none
    char *path;   // of the socket
    struct watch *in_watch;
    struct watch *listener_watch;
    bool restore_terminal;
    struct termios terminal;
    uint8_t output[OUTPUT_SIZE];
    size_t output_count;
    struct event flush;
    const char *text; // searched for
    size_t text_length;
    char *window; // the last text_length characters
    size_t window_count;
    void (*found)(void *context);
    void *found_context;
};

// --- From the board -----------------------------------------------------------------------------

static void flush(void *context)
{
    struct uart_link *link = context;
    size_t written = 0;

    event_cancel(link->machine, &link->flush);
    while (link->out >= 0 && written < link->output_count) {
        ssize_t result = write(link->out, link->output + written, link->output_count - written);

        if (result <= 0) {
            break; // nobody reads: lost on the wire
        }
        written += (size_t)result;
    }
    link->output_count = 0;
}

static void search(struct uart_link *link, uint8_t byte)
{
    if (link->text == NULL) {
        return;
    }
    if (link->window_count == link->text_length) {
        memmove(link->window, link->window + 1, link->text_length - 1);
        link->window_count--;
    }
    link->window[link->window_count++] = (char)byte;
    if (link->window_count == link->text_length &&
        memcmp(link->window, link->text, link->text_length) == 0) {
        flush(link);
        link->found(link->found_context);
    }
}

static void transmitted(void *context, uint8_t byte)
{
    struct uart_link *link = context;

    if (link->out >= 0) {
        link->output[link->output_count++] = byte;
        if (byte == '\n' || link->output_count == OUTPUT_SIZE) {
            flush(link);
        } else if (!link->flush.armed) {
            event_arm_in(link->machine, &link->flush, FLUSH_AFTER);
        }
    }
    search(link, byte);
}

void uart_link_watch(struct uart_link *link, const char *text, void (*found)(void *context),
                     void *context)
{
    link->text = text;
    link->text_length = strlen(text);
    link->window = malloc(link->text_length + 1);
    if (link->window == NULL) {
        abort();
    }
    link->found = found;
    link->found_context = context;
}

// --- To the board -------------------------------------------------------------------------------

static void end_of_input(struct uart_link *link)
{
    machine_unwatch(link->machine, link->in_watch);
    link->in_watch = NULL;
    if (link->listener >= 0) {
        close(link->in);
        link->out = -1;
    }
    link->in = -1;
}

static void input_ready(void *context, int fd, short revents)
{
    struct uart_link *link = context;
    uint8_t data[USART_LINE_SIZE];
    size_t room = USART_LINE_SIZE - usart_receive_pending(link->usart);
    ssize_t count;

    (void)revents;
    if (room == 0) {
        watch_set_events(link->in_watch, 0); // room() sets it again
        return;
    }
    count = read(fd, data, room);
    if (count > 0) {
        usart_receive(link->usart, data, (size_t)count);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR && errno != EIO)) {
        end_of_input(link);
    } else if (errno == EIO) {
        usleep(1000); // a pseudo-terminal that nobody has open
    }
}

static void room(void *context)
{
    struct uart_link *link = context;

    if (link->in_watch != NULL) {
        watch_set_events(link->in_watch, POLLIN);
    }
}

static void watch_input(struct uart_link *link)
{
    link->in_watch = machine_watch(link->machine, link->in, POLLIN, input_ready, link);
}

// --- The kinds ----------------------------------------------------------------------------------

static void connection_ready(void *context, int fd, short revents)
{
    struct uart_link *link = context;
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)revents;
    if (connection < 0) {
        return;
    }
    if (link->in >= 0) {
        close(connection); // one at a time
        return;
    }
    link->in = connection;
    link->out = connection;
    watch_input(link);
}

static bool open_socket(struct uart_link *link, const char *path, char *error, size_t error_size)
{
    link->listener = cable_listen(path, error, error_size);
    if (link->listener < 0) {
        return false;
    }
    link->path = strdup(path);
    link->listener_watch =
        machine_watch(link->machine, link->listener, POLLIN, connection_ready, link);
    return true;
}

// A terminal gives each key at once and does not echo: the program on the board does.
static void open_standard(struct uart_link *link)
{
    struct termios raw;

    link->out = STDOUT_FILENO;
    link->in = STDIN_FILENO;
    if (isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &link->terminal) == 0) {
        raw = link->terminal;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_iflag &= ~(tcflag_t)ICRNL;
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        link->restore_terminal = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    watch_input(link);
}

static bool open_file(struct uart_link *link, const char *path, char *error, size_t error_size)
{
    link->out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (link->out < 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool open_terminal(struct uart_link *link, char *error, size_t error_size)
{
    struct termios raw;
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    int other;

    if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0) {
        snprintf(error, error_size, "no pseudo-terminal: %s", strerror(errno));
        return false;
    }
    // Kept open, so that a reader may come and go.
    other = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (other >= 0 && tcgetattr(other, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(other, TCSANOW, &raw);
    }
    link->in = fd;
    link->out = fd;
    watch_input(link);
    fprintf(stderr, "quadlane-board: %s is on %s\n", link->name, ptsname(fd));
    return true;
}

static bool open_kind(struct uart_link *link, const char *specification, char *error,
                      size_t error_size)
{
    if (specification == NULL) {
        return true;
    }
    if (strcmp(specification, "stdio") == 0) {
        open_standard(link);
        return true;
    }
    if (strcmp(specification, "pty") == 0) {
        return open_terminal(link, error, error_size);
    }
    if (SPECIFIED(specification, "unix:")) {
        return open_socket(link, specification + strlen("unix:"), error, error_size);
    }
    if (SPECIFIED(specification, "file:")) {
        return open_file(link, specification + strlen("file:"), error, error_size);
    }
    snprintf(error, error_size, "%s=%s: must be stdio, unix:PATH, file:PATH or pty", link->name,
             specification);
    return false;
}

struct uart_link *uart_link_create(struct machine *machine, struct usart *usart, const char *name,
                                   const char *specification, char *error, size_t error_size)
{
    struct uart_link *link = calloc(1, sizeof(*link));

    if (link == NULL) {
        abort();
    }
    link->machine = machine;
    link->usart = usart;
    link->name = name;
    link->out = -1;
    link->in = -1;
    link->listener = -1;
    link->flush = (struct event){.fire = flush, .context = link, .name = "UART output"};
    if (!open_kind(link, specification, error, error_size)) {
        free(link);
        return NULL;
    }
    usart_on_transmit(usart, transmitted, link);
    usart_on_room(usart, room, link);
    return link;
}

void uart_link_close(struct uart_link *link)
{
    flush(link);
    if (link->restore_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &link->terminal);
    }
    if (link->path != NULL) {
        unlink(link->path);
        free(link->path);
    }
    free(link->window);
    free(link);
}
