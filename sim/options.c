// The command line of quadlane-board.
//
// SPDX-License-Identifier: MIT
#include "sim/options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The default unique id: the lot and wafer fields spell QUADLANE.
static const uint8_t default_unique_id[12] = {0x26, 0x00, 0x3B, 0x00, 'Q', 'U',
                                              'A',  'D',  'L',  'A',  'N', 'E'};

enum option_code {
    OPTION_BOARD = 256,
    OPTION_LIST_BOARDS,
    OPTION_CHIP,
    OPTION_LIST_CHIPS,
    OPTION_LOAD,
    OPTION_NOR,
    OPTION_UID,
    OPTION_USB,
    OPTION_UART,
    OPTION_CONTROL,
    OPTION_STLINK,
    OPTION_JTAG,
    OPTION_GDB,
    OPTION_SPEED,
    OPTION_UNTIL,
    OPTION_TIMEOUT,
    OPTION_LENIENT,
    OPTION_TRACE,
    OPTION_REGISTERS,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option long_options[] = {
    {"board", required_argument, NULL, OPTION_BOARD},
    {"list-boards", no_argument, NULL, OPTION_LIST_BOARDS},
    {"chip", required_argument, NULL, OPTION_CHIP},
    {"list-chips", no_argument, NULL, OPTION_LIST_CHIPS},
    {"load", required_argument, NULL, OPTION_LOAD},
    {"nor", required_argument, NULL, OPTION_NOR},
    {"uid", required_argument, NULL, OPTION_UID},
    {"usb", required_argument, NULL, OPTION_USB},
    {"uart", required_argument, NULL, OPTION_UART},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"stlink", required_argument, NULL, OPTION_STLINK},
    {"jtag", required_argument, NULL, OPTION_JTAG},
    {"gdb", required_argument, NULL, OPTION_GDB},
    {"speed", required_argument, NULL, OPTION_SPEED},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"lenient", no_argument, NULL, OPTION_LENIENT},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"registers", no_argument, NULL, OPTION_REGISTERS},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

void options_print_help(void)
{
    printf(
        "Usage: quadlane-board [OPTION]...\n"
        "A virtual STM32H750 board: runs the same bytes that a user flashes.\n"
        "\n"
        "  --board NAME          the board to be (default h750_w25q128)\n"
        "  --list-boards         print the boards there are\n"
        "  --chip NAME           another flash chip in place of the board's (both, if it has two)\n"
        "  --list-chips          print the flash chips there are\n"
        "  --load FILE[@ADDRESS]\n"
        "                        load ELF, Intel HEX or, with ADDRESS, raw bytes into internal\n"
        "                        flash, RAM or the chip; may be given several times\n"
        "  --nor FILE            keep the chip's content in FILE (made if missing)\n"
        "  --uid HEX             unique id, 24 hexadecimal digits in order of address\n"
        "                        (default 26003B00515541444C414E45)\n"
        "  --usb WHERE           the USB serial port: unix:PATH, pty, lockstep:PATH or none\n"
        "                        (default: a socket where `quadlane` looks for boards); or the\n"
        "                        whole USB device: usbredir:unix:PATH for QEMU's usb-redir,\n"
        "                        usbip:[ADDRESS:]PORT for `usbip attach` of a Linux computer\n"
        "  --uart NAME=WHERE     a serial port: stdio, unix:PATH, file:PATH or pty; may be\n"
        "                        given several times (default: the board's console on stdio)\n"
        "  --control unix:PATH   take commands: reset, power-cycle, power-cut-after N [FRACTION],\n"
        "                        power-off-after N [FRACTION], flash-cut-after N [FRACTION],\n"
        "                        flash-fail erase|program|options N, tear-seed N,\n"
        "                        usb plug|unplug|suspend|resume,\n"
        "                        chip-times typical|maximum, wear-out ADDRESS erase|program|none,\n"
        "                        chip-status SR1 SR2 SR3,\n"
        "                        button down|up, boot0 high|low, stats, quit\n"
        "  --stlink PORT         an ST-LINK on this TCP port, as behind stlink-server (OpenOCD:\n"
        "                        st-link backend tcp PORT); 0: any port that is free\n"
        "  --jtag PORT           the JTAG pins for OpenOCD's remote_bitbang\n"
        "  --gdb PORT            GDB connects here without any probe: target remote :PORT\n"
        "  --speed real|max      real (default): never ahead of the wall clock\n"
        "  --until TEXT          end with 0 when a serial port has printed TEXT\n"
        "  --timeout SECONDS     end with 12 after that much virtual time\n"
        "  --lenient             warn instead of stopping when the program breaks a rule\n"
        "  --trace LIST          topics separated by commas, or all: board, quadspi, nor, usb,\n"
        "                        rcc, events, ...\n"
        "  --registers           print PERIPHERAL REGISTER ADDRESS RESET READABLE WRITABLE\n"
        "  --help, --version\n"
        "\n"
        "Exit codes: 0 TEXT was printed or quit; 1 a file, socket or board cannot be used;\n"
        "2 wrong command line; 10 the program broke a rule of the hardware; 11 the core locked\n"
        "up; 12 time-out; 13 asleep with nothing that could wake it; 128+N ended by signal N.\n");
}

static bool complain(const char *text, const char *argument)
{
    fprintf(stderr, "quadlane-board: %s: %s\n", argument, text);
    return false;
}

static int digit(char character)
{
    const char *digits = "0123456789ABCDEF";
    const char *found = character != '\0' ? strchr(digits, character >= 'a' && character <= 'f'
                                                               ? character - 'a' + 'A'
                                                               : character)
                                          : NULL;

    return found != NULL ? (int)(found - digits) : -1;
}

static bool parse_unique_id(struct options *options, const char *argument)
{
    if (strlen(argument) != 24) {
        return complain("--uid takes 24 hexadecimal digits", argument);
    }
    for (unsigned i = 0; i < 12; i++) {
        int high = digit(argument[2 * i]);
        int low = digit(argument[2 * i + 1]);

        if (high < 0 || low < 0) {
            return complain("--uid takes 24 hexadecimal digits", argument);
        }
        options->unique_id[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static bool parse_timeout(struct options *options, const char *argument)
{
    char *end;
    double seconds = strtod(argument, &end);

    if (end == argument || *end != '\0' || !isfinite(seconds) || seconds <= 0 || seconds > 1e9) {
        return complain("--timeout takes a number of seconds above 0", argument);
    }
    options->timeout_ns = (uint64_t)(seconds * 1e9);
    return true;
}

static bool parse_speed(struct options *options, const char *argument)
{
    options->max_speed = strcmp(argument, "max") == 0;
    return options->max_speed || strcmp(argument, "real") == 0 ||
           complain("--speed takes real or max", argument);
}

static bool add(const char **list, unsigned *count, unsigned max, const char *argument)
{
    if (*count == max) {
        return complain("too many options of this kind", argument);
    }
    list[(*count)++] = argument;
    return true;
}

static bool parse_flag(struct options *options, int option)
{
    switch (option) {
    case OPTION_LIST_BOARDS:
        options->list_boards = true;
        return true;
    case OPTION_LIST_CHIPS:
        options->list_chips = true;
        return true;
    case OPTION_LENIENT:
        options->lenient = true;
        return true;
    case OPTION_REGISTERS:
        options->list_registers = true;
        return true;
    case OPTION_HELP:
        options->help = true;
        return true;
    case OPTION_VERSION:
        options->version = true;
        return true;
    default: // getopt has said what is wrong
        fprintf(stderr, "quadlane-board: try --help\n");
        return false;
    }
}

static bool parse_option(struct options *options, int option, const char *argument)
{
    switch (option) {
    case OPTION_BOARD:
        options->board = argument;
        return true;
    case OPTION_CHIP:
        options->chip = argument;
        return true;
    case OPTION_LOAD:
        return add(options->loads, &options->load_count, OPTIONS_LOADS_MAX, argument);
    case OPTION_NOR:
        options->nor = argument;
        return true;
    case OPTION_UID:
        return parse_unique_id(options, argument);
    case OPTION_USB:
        options->usb = argument;
        return true;
    case OPTION_UART:
        return strchr(argument, '=') != NULL
                   ? add(options->uarts, &options->uart_count, OPTIONS_UARTS_MAX, argument)
                   : complain("--uart takes NAME=WHERE", argument);
    case OPTION_CONTROL:
        options->control = argument;
        return true;
    case OPTION_STLINK:
        options->stlink = argument;
        return true;
    case OPTION_JTAG:
        options->jtag = argument;
        return true;
    case OPTION_GDB:
        options->gdb = argument;
        return true;
    case OPTION_SPEED:
        return parse_speed(options, argument);
    case OPTION_UNTIL:
        options->until = argument;
        return *argument != '\0' || complain("--until takes a text", "empty text");
    case OPTION_TIMEOUT:
        return parse_timeout(options, argument);
    case OPTION_TRACE:
        options->trace = argument;
        return true;
    default:
        return parse_flag(options, option);
    }
}

bool options_parse(struct options *options, int argc, char **argv)
{
    int option;

    memset(options, 0, sizeof(*options));
    memcpy(options->unique_id, default_unique_id, sizeof(default_unique_id));
    options->board = "h750_w25q128";
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (!parse_option(options, option, optarg)) {
            return false;
        }
    }
    if (optind < argc) {
        return complain("not an option; try --help", argv[optind]);
    }
    return true;
}
