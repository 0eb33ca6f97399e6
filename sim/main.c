// quadlane-board: a virtual STM32H750 board that runs the firmware's own bytes.
//
// SPDX-License-Identifier: MIT
#include "sim/control.h"
#include "sim/core.h"
#include "sim/debug.h"
#include "sim/gdb_server.h"
#include "sim/h750_usart.h"
#include "sim/nor_model.h"
#include "sim/options.h"
#include "sim/probe_jtag.h"
#include "sim/probe_stlink.h"
#include "sim/uart_link.h"
#include "sim/usb_cable.h"
#include "sim/virtual_board.h"

#include <signal.h>
#include <string.h>

#define UARTS_MAX 16u

// Everything that is put away at the end.
struct session {
    const struct options *options;
    struct virtual_board *board;
    struct machine *machine;
    struct usb_cable *cable;
    struct control *control;
    struct uart_link *links[UARTS_MAX];
    unsigned link_count;
    struct probe_stlink *stlink;
    struct probe_jtag *jtag;
    struct gdb_server *gdb;
    struct event timeout;
};

static struct core *interrupted_core;

static void on_signal(int signal)
{
    core_interrupt(interrupted_core, signal);
}

static bool complain(const char *text)
{
    fprintf(stderr, "quadlane-board: %s\n", text);
    return false;
}

// --- Lists --------------------------------------------------------------------------------------

static int list_boards(void)
{
    const struct board_description *board;

    for (unsigned i = 0; (board = board_at(i)) != NULL; i++) {
        printf("%s: %s\n", board->name, board->text);
    }
    return MACHINE_EXIT_OK;
}

static int list_chips(void)
{
    for (const struct nor_model *const *model = nor_models; *model != NULL; model++) {
        printf("%s: %u MiB, JEDEC id %02X %02X %02X\n", (*model)->name,
               (unsigned)((*model)->size >> 20), (*model)->jedec[0], (*model)->jedec[1],
               (*model)->jedec[2]);
    }
    return MACHINE_EXIT_OK;
}

// --- Serial ports -------------------------------------------------------------------------------

static void text_found(void *context)
{
    struct session *session = context;

    machine_stop(session->machine, MACHINE_EXIT_OK);
}

// What --uart says of a port; NULL: nothing. The board's console is on stdio unless some --uart
// says otherwise for any port.
static const char *uart_specification(const struct session *session, const char *name)
{
    const struct options *options = session->options;
    size_t length = strlen(name);

    for (unsigned i = 0; i < options->uart_count; i++) {
        if (strncmp(options->uarts[i], name, length) == 0 && options->uarts[i][length] == '=') {
            return options->uarts[i] + length + 1;
        }
    }
    if (options->uart_count == 0 &&
        strcmp(name, virtual_board_description(session->board)->console) == 0) {
        return "stdio";
    }
    return NULL;
}

static bool check_uart_names(const struct options *options)
{
    for (unsigned i = 0; i < options->uart_count; i++) {
        bool known = false;

        for (unsigned j = 0; usart_names[j] != NULL; j++) {
            size_t length = strlen(usart_names[j]);

            known |= strncmp(options->uarts[i], usart_names[j], length) == 0 &&
                     options->uarts[i][length] == '=';
        }
        if (!known) {
            fprintf(stderr, "quadlane-board: --uart %s: no such serial port; there are",
                    options->uarts[i]);
            for (unsigned j = 0; usart_names[j] != NULL; j++) {
                fprintf(stderr, " %s", usart_names[j]);
            }
            fputc('\n', stderr);
            return false;
        }
    }
    return true;
}

static bool open_uarts(struct session *session)
{
    const struct peripherals *peripherals = virtual_board_peripherals(session->board);
    char error[512];

    if (!check_uart_names(session->options)) {
        return false;
    }
    for (unsigned i = 0; usart_names[i] != NULL; i++) {
        struct uart_link *link =
            uart_link_create(session->machine, peripherals->usarts[i], usart_names[i],
                             uart_specification(session, usart_names[i]), error, sizeof(error));

        if (link == NULL) {
            return complain(error);
        }
        session->links[session->link_count++] = link;
        if (session->options->until != NULL) {
            uart_link_watch(link, session->options->until, text_found, session);
        }
    }
    return true;
}

// --- Start --------------------------------------------------------------------------------------

static void timed_out(void *context)
{
    struct session *session = context;

    fflush(stdout);
    fprintf(stderr, "quadlane-board: time-out: %.3f s of virtual time have passed\n",
            (double)session->options->timeout_ns / 1e9);
    machine_stop(session->machine, MACHINE_EXIT_TIMEOUT);
}

static bool create_board(struct session *session)
{
    const struct options *options = session->options;
    struct virtual_board_settings settings = {.board = board_find(options->board),
                                              .nor_path = options->nor,
                                              .usb_plugged = usb_cable_plugged(options->usb)};

    if (settings.board == NULL) {
        fprintf(stderr, "quadlane-board: no board is called %s; try --list-boards\n",
                options->board);
        return false;
    }
    if (options->chip != NULL) {
        settings.chip = nor_model_find(options->chip);
        if (settings.chip == NULL) {
            fprintf(stderr, "quadlane-board: no chip is called %s; try --list-chips\n",
                    options->chip);
            return false;
        }
    }
    memcpy(settings.unique_id, options->unique_id, sizeof(settings.unique_id));
    session->board = virtual_board_create(&settings);
    if (session->board == NULL) {
        return false;
    }
    session->machine = virtual_board_machine(session->board);
    machine_set_lenient(session->machine, options->lenient);
    machine_set_trace(session->machine, options->trace);
    return true;
}

static bool load_files(struct session *session)
{
    char error[512];

    for (unsigned i = 0; i < session->options->load_count; i++) {
        if (!virtual_board_load(session->board, session->options->loads[i], error, sizeof(error))) {
            return complain(error);
        }
    }
    return true;
}

static bool open_cables(struct session *session)
{
    const struct options *options = session->options;
    char error[512];

    session->cable = usb_cable_create(session->machine, virtual_board_usb(session->board),
                                      options->usb, options->board, error, sizeof(error));
    if (session->cable == NULL) {
        return complain(error);
    }
    if (options->usb == NULL || strcmp(options->usb, "pty") == 0) {
        fprintf(stderr, "quadlane-board: USB is on %s\n", usb_cable_path(session->cable));
    }
    if (options->control != NULL) {
        session->control = control_create(session->board, options->control, error, sizeof(error));
        if (session->control == NULL) {
            return complain(error);
        }
    }
    return open_uarts(session);
}

static bool open_probes(struct session *session)
{
    const struct options *options = session->options;
    struct debug *debug = core_debug(virtual_board_core(session->board));
    char error[512];

    if (options->stlink != NULL || options->jtag != NULL || options->gdb != NULL) {
        debug_expect(debug);
    }
    if (options->stlink != NULL) {
        session->stlink =
            probe_stlink_create(session->machine, debug, options->stlink, error, sizeof(error));
        if (session->stlink == NULL) {
            return complain(error);
        }
    }
    if (options->jtag != NULL) {
        session->jtag =
            probe_jtag_create(session->machine, debug, options->jtag, error, sizeof(error));
        if (session->jtag == NULL) {
            return complain(error);
        }
    }
    if (options->gdb != NULL) {
        session->gdb = gdb_server_create(session->board, options->gdb, error, sizeof(error));
        if (session->gdb == NULL) {
            return complain(error);
        }
    }
    return true;
}

static int run(struct session *session)
{
    struct core *core = virtual_board_core(session->board);
    // The peer of a lockstep cable owns the time.
    bool lockstep =
        session->options->usb != NULL && strncmp(session->options->usb, "lockstep:", 9) == 0;

    interrupted_core = core;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGHUP, on_signal);
    virtual_board_power_on(session->board);
    if (session->options->timeout_ns != 0) {
        session->timeout =
            (struct event){.fire = timed_out, .context = session, .name = "time-out"};
        event_arm_at(session->machine, &session->timeout, session->options->timeout_ns);
    }
    return core_run(core, !session->options->max_speed && !lockstep);
}

static void put_away(struct session *session)
{
    for (unsigned i = 0; i < session->link_count; i++) {
        uart_link_close(session->links[i]);
    }
    if (session->stlink != NULL) {
        probe_stlink_close(session->stlink);
    }
    if (session->jtag != NULL) {
        probe_jtag_close(session->jtag);
    }
    if (session->gdb != NULL) {
        gdb_server_close(session->gdb);
    }
    if (session->control != NULL) {
        control_close(session->control);
    }
    if (session->cable != NULL) {
        usb_cable_close(session->cable);
    }
    if (session->board != NULL) {
        virtual_board_destroy(session->board);
    }
}

static int board_main(const struct options *options)
{
    struct session session = {.options = options};
    int code = MACHINE_EXIT_FAILED;

    signal(SIGPIPE, SIG_IGN);
    if (create_board(&session)) {
        if (options->list_registers) {
            machine_print_registers(session.machine, stdout);
            code = MACHINE_EXIT_OK;
        } else if (load_files(&session) && open_cables(&session) && open_probes(&session)) {
            code = run(&session);
        }
    }
    put_away(&session);
    return code;
}

int main(int argc, char **argv)
{
    struct options options;

    if (!options_parse(&options, argc, argv)) {
        return MACHINE_EXIT_USAGE;
    }
    if (options.help) {
        options_print_help();
        return MACHINE_EXIT_OK;
    }
    if (options.version) {
        printf("quadlane-board %s\n", QUADLANE_VERSION);
        return MACHINE_EXIT_OK;
    }
    if (options.list_boards) {
        return list_boards();
    }
    if (options.list_chips) {
        return list_chips();
    }
    return board_main(&options);
}
