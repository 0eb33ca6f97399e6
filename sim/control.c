// The control socket: lines in, "ok" or "error: sentence" out.
//
//   reset                             the reset pin
//   power-cycle                       power off and on
//   power-cut-after N [FRACTION]      power off and on inside the flash chip's operation N from now
//                                     (0: the next one), when FRACTION (0 to below 1) of it is done
//   power-off-after N [FRACTION]      the same, but power stays off: ends the process with 0
//   flash-cut-after N [FRACTION]      power off and on inside the internal flash's operation N
//   flash-fail erase|program|options N  lets the next N of them go wrong
//   tear-seed N                       how operations look that the power cut (0 at first)
//   chip-times typical|maximum        how long the flash chip's operations take
//   wear-out ADDRESS erase|program|none   the byte there no longer takes an erase, or a program
//   chip-status SR1 SR2 SR3           the chip's status registers, as another tool left them
//   usb plug|unplug                   the USB cable
//   usb suspend|resume                the computer at its other end sleeps, wakes up
//   button down|up                    the board's button
//   boot0 high|low                    the pin that a reset looks at
//   stats                             counters, one "name value" a line, then ok
//   quit                              ends the process with 0
//
// SPDX-License-Identifier: MIT
#include "sim/control.h"

#include "sim/h750_flash.h"
#include "sim/usb_cable.h"
#include "sim/usb_host.h"
#include "sim/virtual_board.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_LENGTH 256u

struct client {
    struct control *control;
    struct watch *watch;
    int fd;
    char line[LINE_MAX_LENGTH];
    size_t length;
    bool overlong;
};

struct control {
    struct virtual_board *board;
    int listener;
    char *path;
};

// --- Commands -----------------------------------------------------------------------------------

static void reset_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    (void)argument;
    machine_reset(virtual_board_machine(board), RESET_PIN);
    fprintf(answer, "ok\n");
}

static void power_cycle_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    (void)argument;
    virtual_board_power_cycle(board);
    fprintf(answer, "ok\n");
}

// N [FRACTION]
static bool parse_cut(const char *argument, unsigned long long *operations, double *fraction,
                      FILE *answer)
{
    char *end;

    errno = 0;
    *fraction = 0.5;
    *operations = strtoull(argument, &end, 10);
    if (end == argument || errno != 0 || argument[0] == '-') {
        fprintf(answer, "error: what is missing is a number of chip operations\n");
        return false;
    }
    if (*end == ' ') {
        const char *start = end + 1;

        *fraction = strtod(start, &end);
        if (end == start) {
            end = (char *)"?";
        }
    }
    if (*end != '\0' || !(*fraction >= 0.0 && *fraction < 1.0)) {
        fprintf(answer, "error: the fraction of the operation that is done is 0 to below 1\n");
        return false;
    }
    return true;
}

static void cut_power(struct virtual_board *board, const char *argument, bool stay_off,
                      FILE *answer)
{
    unsigned long long operations;
    double fraction;

    if (parse_cut(argument, &operations, &fraction, answer)) {
        virtual_board_cut_power_after(board, operations, fraction, stay_off);
        fprintf(answer, "ok\n");
    }
}

static void flash_cut_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    unsigned long long operations;
    double fraction;

    if (parse_cut(argument, &operations, &fraction, answer)) {
        virtual_board_cut_power_in_flash(board, operations, fraction);
        fprintf(answer, "ok\n");
    }
}

static void flash_fail_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    static const char *const kinds[FLASH_FAILURES] = {"erase", "program", "options"};
    size_t length = strcspn(argument, " ");
    const char *number = argument + length + (argument[length] == ' ');
    char *end;
    unsigned long long times = strtoull(number, &end, 10);

    for (unsigned kind = 0; kind < FLASH_FAILURES; kind++) {
        if (strlen(kinds[kind]) == length && memcmp(kinds[kind], argument, length) == 0 &&
            end != number && *end == '\0' && number[0] != '-') {
            flash_fail(virtual_board_peripherals(board)->flash, (enum flash_failure)kind, times);
            fprintf(answer, "ok\n");
            return;
        }
    }
    fprintf(answer, "error: flash-fail takes erase, program or options, and a number\n");
}

static void power_cut_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    cut_power(board, argument, false, answer);
}

static void power_off_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    cut_power(board, argument, true, answer);
}

static void tear_seed_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    char *end;
    unsigned long long seed;

    errno = 0;
    seed = strtoull(argument, &end, 10);
    if (end == argument || *end != '\0' || errno != 0 || argument[0] == '-') {
        fprintf(answer, "error: tear-seed takes a number\n");
        return;
    }
    virtual_board_seed_tears(board, seed);
    fprintf(answer, "ok\n");
}

static void chip_times_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    bool maximum = strcmp(argument, "maximum") == 0;

    if (!maximum && strcmp(argument, "typical") != 0) {
        fprintf(answer, "error: chip-times takes typical or maximum\n");
        return;
    }
    virtual_board_set_chip_times(board, maximum ? NOR_TIMING_MAXIMUM : NOR_TIMING_TYPICAL);
    fprintf(answer, "ok\n");
}

static void wear_out_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    static const char *const faults[] = {"none", "erase", "program"};
    char *end;
    unsigned long address = strtoul(argument, &end, 0);
    char error[128];

    for (unsigned i = 0; end != argument && *end == ' ' && i < 3; i++) {
        if (strcmp(end + 1, faults[i]) != 0) {
            continue;
        }
        if (virtual_board_wear_out(board, (uint32_t)address, (enum nor_fault)i, error,
                                   sizeof(error))) {
            fprintf(answer, "ok\n");
        } else {
            fprintf(answer, "error: %s\n", error);
        }
        return;
    }
    fprintf(answer, "error: wear-out takes an address and erase, program or none\n");
}

static void chip_status_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    unsigned values[3];
    int length = -1;
    char error[128];

    (void)sscanf(argument, "%x %x %x%n", &values[0], &values[1], &values[2], &length);
    if (length < 0 || argument[length] != '\0' || (values[0] | values[1] | values[2]) > 0xFF) {
        fprintf(answer, "error: chip-status takes three bytes as hexadecimal digits\n");
        return;
    }
    const uint8_t status[3] = {(uint8_t)values[0], (uint8_t)values[1], (uint8_t)values[2]};
    if (virtual_board_preset_status(board, status, error, sizeof(error))) {
        fprintf(answer, "ok\n");
    } else {
        fprintf(answer, "error: %s\n", error);
    }
}

static void usb_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    bool plug = strcmp(argument, "plug") == 0;
    bool suspend = strcmp(argument, "suspend") == 0;

    if (plug || strcmp(argument, "unplug") == 0) {
        virtual_board_plug(board, plug);
    } else if (!suspend && strcmp(argument, "resume") != 0) {
        fprintf(answer, "error: usb takes plug, unplug, suspend or resume\n");
        return;
    } else if (!usb_host_suspend(virtual_board_usb(board), suspend)) {
        fprintf(answer, "error: there is no device to suspend or resume\n");
        return;
    }
    fprintf(answer, "ok\n");
}

static void button_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    bool down = strcmp(argument, "down") == 0;

    if (!down && strcmp(argument, "up") != 0) {
        fprintf(answer, "error: button takes down or up\n");
        return;
    }
    if (virtual_board_description(board)->button.port == 0) {
        fprintf(answer, "error: this board has no button\n");
        return;
    }
    virtual_board_press(board, down);
    fprintf(answer, "ok\n");
}

static void boot0_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    bool high = strcmp(argument, "high") == 0;

    if (!high && strcmp(argument, "low") != 0) {
        fprintf(answer, "error: boot0 takes high or low\n");
    } else if (!virtual_board_set_boot0(board, high)) {
        fprintf(answer, "error: this board has no loader of ST's; --load one at 0x1FF00000\n");
    } else {
        fprintf(answer, "ok\n");
    }
}

static void stats_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    (void)argument;
    virtual_board_print_statistics(board, answer);
    fprintf(answer, "ok\n");
}

static void quit_command(struct virtual_board *board, const char *argument, FILE *answer)
{
    (void)argument;
    machine_stop(virtual_board_machine(board), MACHINE_EXIT_OK);
    fprintf(answer, "ok\n");
}

static const struct {
    const char *name;
    bool has_argument;
    void (*run)(struct virtual_board *board, const char *argument, FILE *answer);
} commands[] = {
    {"reset", false, reset_command},
    {"power-cycle", false, power_cycle_command},
    {"power-cut-after", true, power_cut_command},
    {"power-off-after", true, power_off_command},
    {"flash-cut-after", true, flash_cut_command},
    {"flash-fail", true, flash_fail_command},
    {"tear-seed", true, tear_seed_command},
    {"chip-times", true, chip_times_command},
    {"wear-out", true, wear_out_command},
    {"chip-status", true, chip_status_command},
    {"usb", true, usb_command},
    {"button", true, button_command},
    {"boot0", true, boot0_command},
    {"stats", false, stats_command},
    {"quit", false, quit_command},
};

void control_execute(struct virtual_board *board, const char *line, FILE *answer)
{
    size_t name_length = strcspn(line, " ");
    const char *argument = line + name_length + (line[name_length] == ' ');

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strlen(commands[i].name) != name_length ||
            memcmp(commands[i].name, line, name_length) != 0) {
            continue;
        }
        if (commands[i].has_argument != (*argument != '\0')) {
            fprintf(answer, "error: %s takes %s\n", commands[i].name,
                    commands[i].has_argument ? "an argument" : "no argument");
            return;
        }
        commands[i].run(board, argument, answer);
        return;
    }
    fprintf(answer, "error: unknown command, there are reset, power-cycle, power-cut-after N "
                    "[FRACTION], power-off-after N [FRACTION], flash-cut-after N [FRACTION], "
                    "flash-fail erase|program|options N, tear-seed N, chip-times typical|maximum, "
                    "wear-out ADDRESS erase|program|none, chip-status SR1 SR2 SR3, "
                    "usb plug|unplug|suspend|resume, "
                    "button down|up, boot0 high|low, stats, quit\n");
}

// --- The socket ---------------------------------------------------------------------------------

static void answer_line(struct client *client)
{
    char *text = NULL;
    size_t length = 0;
    FILE *answer = open_memstream(&text, &length);

    if (answer == NULL) {
        abort();
    }
    client->line[client->length] = '\0';
    if (client->overlong) {
        fprintf(answer, "error: a line has at most %u characters\n", LINE_MAX_LENGTH - 1);
    } else {
        control_execute(client->control->board, client->line, answer);
    }
    fclose(answer);
    for (size_t sent = 0; sent < length;) {
        ssize_t result = send(client->fd, text + sent, length - sent, MSG_NOSIGNAL);

        if (result <= 0) {
            break; // the reader of `ready` sees the end
        }
        sent += (size_t)result;
    }
    free(text);
    client->length = 0;
    client->overlong = false;
}

static void take_byte(struct client *client, char byte)
{
    if (byte == '\n') {
        answer_line(client);
    } else if (byte == '\r') {
        return;
    } else if (client->length < LINE_MAX_LENGTH - 1) {
        client->line[client->length++] = byte;
    } else {
        client->overlong = true;
    }
}

static void client_ready(void *context, int fd, short revents)
{
    struct client *client = context;
    char bytes[512];
    ssize_t count = read(fd, bytes, sizeof(bytes));

    (void)revents;
    if (count <= 0) {
        machine_unwatch(virtual_board_machine(client->control->board), client->watch);
        close(fd);
        free(client);
        return;
    }
    for (ssize_t i = 0; i < count; i++) {
        take_byte(client, bytes[i]);
    }
}

static void listener_ready(void *context, int fd, short revents)
{
    struct control *control = context;
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    struct client *client;

    (void)revents;
    if (connection < 0) {
        return;
    }
    client = calloc(1, sizeof(*client));
    if (client == NULL) {
        abort();
    }
    client->control = control;
    client->fd = connection;
    client->watch = machine_watch(virtual_board_machine(control->board), connection, POLLIN,
                                  client_ready, client);
}

struct control *control_create(struct virtual_board *board, const char *specification, char *error,
                               size_t error_size)
{
    struct control *control;

    if (strncmp(specification, "unix:", 5) != 0) {
        snprintf(error, error_size, "--control %s: must be unix:PATH", specification);
        return NULL;
    }
    control = calloc(1, sizeof(*control));
    if (control == NULL) {
        abort();
    }
    control->board = board;
    control->path = strdup(specification + 5);
    control->listener = cable_listen(control->path, error, error_size);
    if (control->listener < 0) {
        free(control->path);
        free(control);
        return NULL;
    }
    machine_watch(virtual_board_machine(board), control->listener, POLLIN, listener_ready, control);
    return control;
}

void control_close(struct control *control)
{
    unlink(control->path);
    close(control->listener);
    free(control->path);
    free(control);
}
