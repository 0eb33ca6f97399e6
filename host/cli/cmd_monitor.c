// quadlane monitor: the program's console on this terminal.
//
// What the program prints goes to stdout, what the tool has to say to stderr, in lines that begin
// with `---`.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"
#include "host/cli/keyboard.h"
#include "host/console.h"
#include "host/console_text.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAUD_DEFAULT    115200u
#define BAUD_MAX        12500000u // a sixteenth of what the UARTs' clock can be at most
#define SECONDS_MAX     86400.0
#define UNTIL_MAX       200
#define LOOK_NS         (100 * QL_NS_PER_MS) // for a port that is not there
#define POLL_MS         200                  // a signal that came just before is seen then
#define AFTER_FLASH_NS  (10 * QL_NS_PER_S)   // a program's own USB port takes its time
#define FLASH_KEY_NS    (30 * QL_NS_PER_S)   // for the board to be reset by hand
#define KEY_QUIT        0x1D                 // Ctrl-]
#define KEY_COMMAND     0x14                 // Ctrl-T
#define CONTROL(letter) ((letter)-0x40)

struct monitor {
    struct cli *cli;
    struct ql_clock clock;
    struct keyboard keyboard;
    struct ql_console console;
    struct ql_addresses *addresses;
    struct ql_console_text screen, record;
    FILE *log; // a null pointer: none
    const char *touch;
    bool input_ended, output_failed;
    bool commanded; // Ctrl-T was pressed
    bool quit, found;
    uint64_t end_ns; // UINT64_MAX: never
    uint64_t bytes;
    unsigned losses;
    char tail[2 * UNTIL_MAX]; // what was printed last, for --until
    size_t tail_length;
};

static uint64_t now(const struct monitor *monitor)
{
    return ql_clock_now(&monitor->clock);
}

// --- Output -------------------------------------------------------------------------------------

static void screen_put(void *context, const char *text, size_t size)
{
    struct monitor *monitor = context;
    if (fwrite(text, 1, size, stdout) != size)
        monitor->output_failed = true;
}

// Carriage returns are for terminals.
static void log_put(void *context, const char *text, size_t size)
{
    const struct monitor *monitor = context;
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\r')
            putc(text[i], monitor->log);
    }
}

static __attribute__((format(printf, 2, 3))) void tell(struct monitor *monitor, const char *format,
                                                       ...)
{
    char text[600] = "--- ";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + 4, sizeof text - 4, format, arguments);
    va_end(arguments);
    if (monitor->log != NULL) {
        ql_console_text_note(&monitor->record, text);
        fflush(monitor->log);
    }
    if (cli_has(monitor->cli, CLI_QUIET))
        return;
    if (monitor->screen.length > 0 && isatty(STDOUT_FILENO))
        screen_put(monitor, "\n", 1);
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
}

static void search(struct monitor *monitor, const uint8_t *bytes, size_t size)
{
    const char *text = monitor->cli->monitor.until;
    const size_t length = text != NULL ? strlen(text) : 0;
    for (size_t i = 0; length > 0 && i < size && !monitor->found; i++) {
        if (monitor->tail_length == sizeof monitor->tail) {
            monitor->tail_length = length - 1;
            memmove(monitor->tail, monitor->tail + sizeof monitor->tail - (length - 1), length - 1);
        }
        monitor->tail[monitor->tail_length++] = (char)bytes[i];
        monitor->found = monitor->tail_length >= length &&
                         memcmp(monitor->tail + monitor->tail_length - length, text, length) == 0;
    }
}

// What came in behind the text of --until still belongs to what is shown.
static void show(struct monitor *monitor, const uint8_t *bytes, size_t size)
{
    monitor->bytes += size;
    ql_console_text_take(&monitor->screen, bytes, size);
    if (fflush(stdout) != 0)
        monitor->output_failed = true;
    if (monitor->log != NULL) {
        ql_console_text_take(&monitor->record, bytes, size);
        fflush(monitor->log);
    }
    search(monitor, bytes, size);
}

// --- The board ----------------------------------------------------------------------------------

// Opens the console, which may take a while to appear; for the first time, or after flashing.
static int open_console(struct monitor *monitor, uint64_t wait_ns)
{
    struct cli *cli = monitor->cli;
    const uint64_t deadline_ns = now(monitor) + wait_ns;
    for (;;) {
        int result = 0;
        if (monitor->console.port[0] == '\0')
            result =
                ql_console_choose(&monitor->console, cli->arguments[0], cli->serial, &cli->failure);
        if (result == 0)
            result = ql_console_open(&monitor->console, &cli->failure);
        const bool may_change = result == -QL_NO_BOARD || result == -QL_PORT_BUSY ||
                                result == -QL_PORT_PERMISSION || result == -QL_BOARD_LOST;
        if (!may_change || now(monitor) >= deadline_ns)
            return result;
        if (cli_was_interrupted())
            return ql_fail(&cli->failure, QL_INTERRUPTED, "interrupted while waiting for a port");
        ql_clock_sleep(&monitor->clock, LOOK_NS);
    }
}

static void lose(struct monitor *monitor)
{
    monitor->losses++;
    tell(monitor, "%s is gone; waiting for it", monitor->console.port);
}

static void look_again(struct monitor *monitor)
{
    struct ql_failure failure;
    if (ql_console_open(&monitor->console, &failure) == 0)
        tell(monitor, "%s is back", monitor->console.port);
}

// Whether or not it could be written, the program that is there then is the console's again.
static int write_file(struct monitor *monitor, struct ql_image *image)
{
    struct cli *cli = monitor->cli;
    const struct ql_flash_options options = {.name = cli->monitor.flash, .is_program = true};
    const struct ql_area widest = ql_area_unknown();
    int result = ql_flash_check(&widest, image, &options, &cli->failure);
    if (result == 0)
        result = cli_connect(cli, true);
    if (result == 0)
        result = cli_flash_write(cli, image, &options);
    return result;
}

// Before the program starts, so that nothing it prints is lost; not where the bootloader has the
// port itself.
static int start(struct monitor *monitor, const struct ql_image *image)
{
    struct cli *cli = monitor->cli;
    struct ql_failure ignored;
    if (monitor->console.port[0] == '\0')
        ql_console_choose(&monitor->console, cli->arguments[0], cli->serial, &ignored);
    if (monitor->console.port[0] != '\0' &&
        strcmp(monitor->console.port, cli->connection.port) != 0)
        ql_console_open(&monitor->console, &ignored);
    return image != NULL ? cli_flash_start(cli, image)
                         : ql_board_boot(&cli->connection.link, 0, &cli->failure);
}

// Meets the bootloader: with a file it is flashed, without one the program is only started anew.
static int visit(struct monitor *monitor, const char *file)
{
    struct cli *cli = monitor->cli;
    struct ql_image image;
    const uint64_t options = cli->options;
    int result = file != NULL ? ql_image_load(&image, file, NULL, &cli->failure) : 0;
    if (result != 0)
        return result;
    ql_console_close(&monitor->console);
    keyboard_restore(&monitor->keyboard);
    cli->options |= CLI_QUIET; // stdout is the program's
    cli->touch = monitor->touch;
    result = file != NULL ? write_file(monitor, &image) : cli_connect(cli, true);
    if (result == 0)
        result = start(monitor, file != NULL ? &image : NULL);
    progress_finish(&cli->progress);
    if (cli->connected)
        ql_disconnect(&cli->connection);
    cli->connected = false;
    cli->options = options;
    if (file != NULL && result == 0)
        tell(monitor, "%s flashed, verified and started", file);
    else if (result == 0)
        tell(monitor, "started anew");
    if (file != NULL)
        ql_image_free(&image);
    keyboard_raw(&monitor->keyboard);
    return result;
}

// --- Keys ---------------------------------------------------------------------------------------

static void visit_by_key(struct monitor *monitor, const char *file)
{
    struct cli *cli = monitor->cli;
    const uint64_t wait_ns = cli->wait_ns;
    tell(monitor, "looking for the bootloader: reset the board if it does not come by itself");
    if (!cli_has(cli, CLI_WAIT))
        cli->wait_ns = FLASH_KEY_NS;
    if (visit(monitor, file) != 0)
        tell(monitor, "%s", cli->failure.sentence);
    cli->wait_ns = wait_ns;
}

static void help(struct monitor *monitor)
{
    tell(monitor,
         "Ctrl-] quits; Ctrl-T and then: Ctrl-F flashes %s, Ctrl-R starts the program "
         "anew, Ctrl-T or Ctrl-] is sent as it is",
         monitor->cli->monitor.flash != NULL ? monitor->cli->monitor.flash
                                             : "the file of --flash (none was given)");
}

// The key behind Ctrl-T. Returns whether it is the program's.
static bool command(struct monitor *monitor, uint8_t key)
{
    const char *file = monitor->cli->monitor.flash;
    monitor->commanded = false;
    switch (key) {
    case KEY_COMMAND:
    case KEY_QUIT:
        return true;
    case CONTROL('F'):
    case 'f':
        if (file != NULL)
            visit_by_key(monitor, file);
        else
            help(monitor);
        return false;
    case CONTROL('R'):
    case 'r':
        visit_by_key(monitor, NULL);
        return false;
    default:
        help(monitor);
        return false;
    }
}

static void send(struct monitor *monitor, const uint8_t *bytes, size_t size)
{
    if (size == 0 || !monitor->console.is_open)
        return;
    const int result = ql_console_write(&monitor->console, bytes, size);
    if (result == -QL_BOARD_LOST)
        lose(monitor);
    else if (result != 0)
        tell(monitor, "the program does not take what is sent to it");
}

static void take_keys(struct monitor *monitor, const uint8_t *keys, size_t count)
{
    for (size_t i = 0; i < count && !monitor->quit; i++) {
        if (monitor->commanded) {
            if (command(monitor, keys[i]))
                send(monitor, &keys[i], 1);
        } else if (keys[i] == KEY_COMMAND) {
            monitor->commanded = true;
        } else if (keys[i] == KEY_QUIT) {
            monitor->quit = true;
        } else {
            send(monitor, &keys[i], 1);
        }
    }
}

static void take_input(struct monitor *monitor)
{
    uint8_t bytes[1024];
    const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
        monitor->input_ended = true;
    else if (count > 0 && monitor->keyboard.is_there)
        take_keys(monitor, bytes, (size_t)count);
    else if (count > 0)
        send(monitor, bytes, (size_t)count);
}

// --- The loop -----------------------------------------------------------------------------------

static void take_output(struct monitor *monitor)
{
    uint8_t bytes[4096];
    const int count = ql_console_read(&monitor->console, bytes, sizeof bytes);
    if (count > 0)
        show(monitor, bytes, (size_t)count);
    else if (count < 0)
        lose(monitor);
}

static int poll_limit_ms(const struct monitor *monitor)
{
    const uint64_t now_ns = now(monitor);
    const uint64_t left_ns = monitor->end_ns > now_ns ? monitor->end_ns - now_ns : 0;
    const uint64_t limit_ns = monitor->console.is_open ? POLL_MS * QL_NS_PER_MS : LOOK_NS;
    return (int)((left_ns < limit_ns ? left_ns : limit_ns) / QL_NS_PER_MS) + 1;
}

// What a pipe brings waits there until somebody can take it; keys are always looked at.
static void step(struct monitor *monitor)
{
    const bool listens =
        !monitor->input_ended && (monitor->keyboard.is_there || monitor->console.is_open);
    struct pollfd waits[] = {{.fd = listens ? STDIN_FILENO : -1, .events = POLLIN},
                             {.fd = ql_console_descriptor(&monitor->console), .events = POLLIN}};
    if (poll(waits, 2, poll_limit_ms(monitor)) < 0)
        return;
    if (waits[1].revents != 0)
        take_output(monitor);
    if (waits[0].revents != 0)
        take_input(monitor);
    if (!monitor->console.is_open)
        look_again(monitor);
}

static bool goes_on(const struct monitor *monitor)
{
    return !monitor->quit && !monitor->found && !monitor->output_failed && !cli_was_interrupted() &&
           now(monitor) < monitor->end_ns;
}

static int run_loop(struct monitor *monitor)
{
    struct cli *cli = monitor->cli;
    while (goes_on(monitor))
        step(monitor);
    if (monitor->output_failed)
        return ql_fail(&cli->failure, QL_FILE_UNWRITABLE, "the output cannot be written");
    if (cli->monitor.until == NULL || monitor->found || monitor->quit || cli_was_interrupted())
        return 0;
    ql_fail(&cli->failure, QL_TEXT_MISSING, "\"%s\" was not printed within %s s",
            cli->monitor.until, cli->monitor.seconds);
    ql_hint(&cli->failure, "%s",
            monitor->bytes == 0 ? "nothing was: is it the right port, and the right --baud?"
                                : "look at what was printed, or give it more time");
    return -QL_TEXT_MISSING;
}

// --- Options ------------------------------------------------------------------------------------

static int read_baud(struct monitor *monitor)
{
    const char *text = monitor->cli->monitor.baud;
    uint32_t baud = BAUD_DEFAULT;
    const int result =
        text != NULL ? cli_parse_number(text, "baud rate", &baud, &monitor->cli->failure) : 0;
    if (result != 0)
        return result;
    if (baud == 0 || baud > BAUD_MAX)
        return ql_fail(&monitor->cli->failure, QL_USAGE, "--baud %s: it can be 1 to %u", text,
                       BAUD_MAX);
    monitor->console.baud = baud;
    return 0;
}

static int read_limits(struct monitor *monitor)
{
    struct cli *cli = monitor->cli;
    const struct cli_monitor *wish = &cli->monitor;
    char *end = NULL;
    monitor->end_ns = UINT64_MAX;
    if (wish->until != NULL && (wish->until[0] == '\0' || strlen(wish->until) > UNTIL_MAX))
        return ql_fail(&cli->failure, QL_USAGE, "--until takes 1 to %d characters", UNTIL_MAX);
    if (wish->seconds == NULL)
        return 0;
    const double seconds = strtod(wish->seconds, &end);
    if (end == wish->seconds || *end != '\0' || !(seconds >= 0 && seconds <= SECONDS_MAX))
        return ql_fail(&cli->failure, QL_USAGE, "--seconds %s: it is a number from 0 to 86400",
                       wish->seconds);
    monitor->end_ns = (uint64_t)(seconds * 1e9);
    return 0;
}

// --elf, or else what is flashed if that is an ELF file.
static int read_elf(struct monitor *monitor)
{
    struct cli *cli = monitor->cli;
    struct ql_failure ignored;
    if (cli->elf != NULL)
        return ql_addresses_open(&monitor->addresses, cli->elf, &cli->failure);
    if (cli->monitor.flash != NULL)
        ql_addresses_open(&monitor->addresses, cli->monitor.flash, &ignored);
    return 0;
}

static int open_log(struct monitor *monitor)
{
    struct cli *cli = monitor->cli;
    if (cli->monitor.log == NULL)
        return 0;
    monitor->log = fopen(cli->monitor.log, "ae");
    return monitor->log != NULL
               ? 0
               : ql_fail(&cli->failure, QL_FILE_UNWRITABLE, "%s cannot be written: %s",
                         cli->monitor.log, strerror(errno));
}

static int set_up(struct monitor *monitor)
{
    struct cli *cli = monitor->cli;
    int result = read_baud(monitor);
    if (result == 0)
        result = read_limits(monitor);
    if (result == 0)
        result = read_elf(monitor);
    if (result == 0)
        result = open_log(monitor);
    monitor->touch = cli->touch;
    monitor->screen = (struct ql_console_text){.put = screen_put,
                                               .context = monitor,
                                               .addresses = &monitor->addresses,
                                               .stamps = cli->monitor.timestamps};
    monitor->record = (struct ql_console_text){
        .put = log_put, .context = monitor, .addresses = &monitor->addresses, .stamps = true};
    return result;
}

static int work(struct monitor *monitor)
{
    struct cli *cli = monitor->cli;
    uint64_t wait_ns = cli->wait_ns;
    int result = 0;
    if (cli->monitor.flash != NULL) {
        result = visit(monitor, cli->monitor.flash);
        if (!cli_has(cli, CLI_WAIT))
            wait_ns = AFTER_FLASH_NS;
    }
    if (result == 0 && !monitor->console.is_open)
        result = open_console(monitor, wait_ns);
    if (result != 0)
        return result;
    if (monitor->end_ns != UINT64_MAX)
        monitor->end_ns += now(monitor);
    tell(monitor, "%s%s", monitor->console.port,
         monitor->keyboard.is_there ? "; Ctrl-] quits, Ctrl-T Ctrl-H helps" : "");
    keyboard_raw(&monitor->keyboard);
    return run_loop(monitor);
}

static int run(struct cli *cli)
{
    static struct monitor monitor;
    monitor = (struct monitor){.cli = cli, .clock = ql_clock_system()};
    keyboard_init(&monitor.keyboard);
    int result = set_up(&monitor);
    if (result == 0)
        result = work(&monitor);
    keyboard_restore(&monitor.keyboard);
    ql_console_close(&monitor.console);
    ql_addresses_close(monitor.addresses);
    if (monitor.screen.length > 0 && isatty(STDOUT_FILENO))
        putchar('\n');
    if (monitor.log != NULL && fclose(monitor.log) != 0 && result == 0)
        result = ql_fail(&cli->failure, QL_FILE_UNWRITABLE, "%s cannot be written: %s",
                         cli->monitor.log, strerror(errno));
    return result;
}

const struct cli_verb cli_monitor_verb = {
    .name = "monitor",
    .arguments = "[PORT]",
    .summary = "show what the program prints, and send it what is typed",
    .text = "Joins this terminal to the program's console at PORT: a UART adapter (/dev/ttyUSB0), "
            "the\n"
            "program's own USB serial port (/dev/ttyACM0), unix:PATH or tcp:HOST:PORT. Without "
            "PORT the\n"
            "one USB serial port that is there and is no bootloader. A port that goes away, at a "
            "reset or\n"
            "because the cable is out, is waited for; one on USB is found again by its serial "
            "number.\n"
            "\n"
            "Ctrl-] quits. Ctrl-T and then Ctrl-F flashes the file of --flash, Ctrl-R starts the "
            "program\n"
            "anew, Ctrl-H shows these keys. Both need the bootloader: reset the board, or give "
            "--touch.\n"
            "Without a terminal stdin goes to the program; it ends with --seconds, --until or a "
            "signal.\n"
            "\n"
            "With --elf, addresses in fault dumps, and any 0x followed by 8 digits, are told as "
            "function,\n"
            "file and line beneath. --port and --serial name the board in its bootloader, for "
            "--flash.",
    .options = (CLI_BOARD & ~CLI_JSON) | CLI_ELF | CLI_MONITOR,
    .meanings = {{CLI_SERIAL, "the board with this serial number, and its program's USB port"}},
    .arguments_min = 0,
    .arguments_max = 1,
    .permissions = QL_PERMIT_READ | QL_PERMIT_WRITE,
    .run = run,
};
