// The command line: verbs, options, numbers, and the help pages.
//
// SPDX-License-Identifier: MIT
#include "host/cli/options.h"

#include "host/cli/config.h"
#include "host/cli/terminal.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_DEFAULT_NS QL_NS_PER_S
#define WAIT_MAX_S      86400.0

#define PLACE(member) offsetof(struct cli, member)

const struct option_text cli_options[] = {
    {CLI_PORT, "port", "PORT", "a serial port, unix:PATH, tcp:HOST:PORT or lockstep:PATH",
     PLACE(port)},
    {CLI_SERIAL, "serial", "NUMBER", "the board with this serial number", PLACE(serial)},
    {CLI_WAIT, "wait", "SECONDS", "how long to wait for a board that is not there (default 1)", 0},
    {CLI_TOUCH, "touch", "PORT", "ask the program behind this serial port for the bootloader first",
     PLACE(touch)},
    {CLI_FULL, "full", NULL, "write everything, also what the chip holds already", 0},
    {CLI_NO_BOOT, "no-boot", NULL, "do not start the program afterwards", 0},
    {CLI_DATA, "data", NULL, "the file is no program: no vector table, nothing to start", 0},
    {CLI_ALL, "all", NULL, "the whole area that programs may use", 0},
    {CLI_YES, "yes", NULL, "do not ask", 0},
    {CLI_SET, "set", NULL, "from now on the board starts this address by itself", 0},
    {CLI_DEFAULT, "default", NULL, "back to the default", 0},
    {CLI_FORCE, "force", NULL, "do it against the advice of the tool", 0},
    {CLI_PROGRAMS, "programs", NULL, "the programs in the chip of one board", 0},
    {CLI_BOOTLOADER, "bootloader", NULL, "come back into the bootloader", 0},
    {CLI_FORGET, "forget-fault", NULL, "clear the last fault dump", 0},
    {CLI_ELF, "elf", "FILE", "the program with its debug information: lines for addresses",
     PLACE(elf)},
    {CLI_KEYS, "keys", "FILE", "the keys file, for locked boards (default: keys.json)",
     PLACE(keys)},
    {CLI_ISSUER, "issuer", "FILE", "NAME.key, which signs keys; for check NAME.pub will do",
     PLACE(issuer)},
    {CLI_ALLOW, "allow", "LIST",
     "what the key permits: everything (default), or read,write,settings,protect", PLACE(allow)},
    {CLI_GENERATION, "generation", "N", "the key's generation (default 1)", PLACE(generation)},
    {CLI_NOT_AFTER, "not-after", "DATE", "the key's last day, YYYY-MM-DD (default: no end)",
     PLACE(not_after)},
    {CLI_WATCH, "watch", NULL, "stay, and write the file whenever the board restarts", 0},
    {CLI_GDB, "listen", "PORT", "where the debugger connects (default: the server's own port)",
     PLACE(gdb.listen)},
    {CLI_GDB, "connect", "ADDRESS", "HOST:PORT of a server that runs already; none is started",
     PLACE(gdb.connect)},
    {CLI_GDB, "server-port", "N", "the server listens there (default: it is told a free port)",
     PLACE(gdb.server_port)},
    {CLI_GDB, "kind", "KIND", "jlink, openocd, stlink, st-util, pyocd, other (default: by name)",
     PLACE(gdb.kind)},
    {CLI_GDB, "once", NULL, "end when the debugger leaves", PLACE(gdb.once)},
    {CLI_GDB, "probe", NULL, "write the chip by OpenOCD's stmqspi, never over USB",
     PLACE(gdb.probe)},
    {CLI_GDB, "internal-flash", NULL, "let programs be loaded over the bootloader",
     PLACE(gdb.internal_flash)},
    {CLI_GDB, "as-jlink", NULL, "OpenOCD answers as J-Link's server would", PLACE(gdb.as_jlink)},
    {CLI_GDB, "exit-as-server", NULL, "pass on the server's exit code when it ends by itself",
     PLACE(gdb.exit_as_server)},
    {CLI_MONITOR, "baud", "N", "the UART's baud rate (default 115200)", PLACE(monitor.baud)},
    {CLI_MONITOR, "flash", "FILE", "flash this first; Ctrl-T Ctrl-F flashes it again",
     PLACE(monitor.flash)},
    {CLI_MONITOR, "log", "FILE", "append everything to this file, with time stamps",
     PLACE(monitor.log)},
    {CLI_MONITOR, "timestamps", NULL, "time stamps on the screen, too", PLACE(monitor.timestamps)},
    {CLI_MONITOR, "until", "TEXT", "end when the program has printed this", PLACE(monitor.until)},
    {CLI_MONITOR, "seconds", "N", "end after this time", PLACE(monitor.seconds)},
    {CLI_INSTALL, "via", "WAY", "dfu, openocd, or maker (default: the one that is there)",
     PLACE(install.via)},
    {CLI_INSTALL, "image", "FILE", "another bootloader than the one that came with the tool",
     PLACE(install.image)},
    {CLI_INSTALL, "save", "FILE", "where the old content goes (default: NAME-before.bin here)",
     PLACE(install.save)},
    {CLI_BOARD_NAME, "board", "NAME", "the board, as its file in debug/openocd is called",
     PLACE(board_name)},
    {CLI_ADAPTER, "adapter", "NAME",
     "stlink (default), jlink, cmsis-dap, or virtual for quadlane-board", PLACE(adapter)},
    {CLI_FOLDER, "folder", "PATH", "the project's folder (default: the current one)",
     PLACE(folder)},
    {CLI_CONFIRM, "confirm", "PHRASE", "the confirmation, for scripts", PLACE(confirm)},
    {CLI_DFU, "dfu", NULL, "a DfuSe file, for dfu-util and ST's tools", 0},
    {CLI_EXST, "exst", NULL, "a second stage for SP Racing's first one: 448 KB with MD5", 0},
    {CLI_JSON, "json", NULL, "one JSON object on stdout, no progress", 0},
    {CLI_QUIET, "quiet", NULL, "print only errors", 0},
    {CLI_VERBOSE, "verbose", NULL, "tell on stderr what is done, with times", 0},
    {CLI_COLOR, "color", "WHEN", "auto (default; not if NO_COLOR is set), always or never",
     PLACE(color)},
    {CLI_HELP, "help", NULL, "this page", 0},
    {CLI_CONFIG, "config", "FILE", "read this configuration file in place of the usual ones",
     PLACE(config_file)},
    {CLI_VERSION, "version", NULL, "the tool's version", 0},
    {0, NULL, NULL, NULL, 0},
};

#define OPTION_COUNT (sizeof cli_options / sizeof cli_options[0] - 1)
_Static_assert(OPTION_COUNT <= CLI_OPTIONS_MAX, "CLI_OPTIONS_MAX is too small");

const char cli_general_help[] =
    "Puts programs into the flash chip of an STM32H750 board over USB and starts them there.\n"
    "\n"
    "  quadlane flash firmware.elf              ELF and Intel HEX carry their addresses\n"
    "  quadlane flash 0x90100000 firmware.bin   a raw binary, to this address\n"
    "  quadlane info                            what is connected, and can it start\n"
    "\n"
    "ADDRESS and LENGTH: 0x... or decimal, with K or M behind for KiB or MiB. A board is found by\n"
    "its USB identity; virtual boards (quadlane-board) by their socket in $QUADLANE_RUNTIME_DIR.\n";

const char *option_meaning(const struct cli_verb *verb, const struct option_text *option)
{
    for (size_t i = 0; verb != NULL && i < CLI_MEANINGS_MAX; i++) {
        if (verb->meanings[i].option == option->option)
            return verb->meanings[i].text;
    }
    return option->text;
}

static void print_options(const struct cli_verb *verb, FILE *file)
{
    const uint64_t allowed = verb != NULL ? verb->options : CLI_BOARD;
    fprintf(file, "\nOptions:\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char left[32];
        if ((allowed & cli_options[i].option) == 0)
            continue;
        snprintf(left, sizeof left, "--%s%s%s", cli_options[i].name,
                 cli_options[i].value != NULL ? " " : "",
                 cli_options[i].value != NULL ? cli_options[i].value : "");
        fprintf(file, "  %-18s %s\n", left, option_meaning(verb, &cli_options[i]));
    }
}

static void print_codes(FILE *file)
{
    fprintf(file, "\nExit codes:\n");
    for (const struct ql_code_entry *entry = ql_code_table; entry->name != NULL; entry++)
        fprintf(file, "  %3d %-17s %s\n", entry->code, entry->name, entry->text);
}

void cli_print_help(const struct cli_verb *verb, FILE *file)
{
    if (verb != NULL) {
        fprintf(file, "usage: quadlane %s %s%s[options]\n\n%s\n", verb->name, verb->arguments,
                verb->arguments[0] != '\0' ? " " : "", verb->text);
        print_options(verb, file);
        return;
    }
    fprintf(file, "usage: quadlane VERB [arguments] [options]\n\n%s\nVerbs:\n", cli_general_help);
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        char left[48];
        snprintf(left, sizeof left, "%s %s", cli_verbs[i]->name, cli_verbs[i]->arguments);
        fprintf(file, "  %-30s %s\n", left, cli_verbs[i]->summary);
    }
    fprintf(file, "\n`quadlane VERB --help` tells more about a verb.\n");
    print_options(NULL, file);
    print_codes(file);
}

const struct cli_verb *cli_find_verb(const char *name)
{
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        if (strcmp(cli_verbs[i]->name, name) == 0)
            return cli_verbs[i];
    }
    return NULL;
}

const struct option_text *option_find(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(cli_options[i].name, name) == 0)
            return &cli_options[i];
    }
    return NULL;
}

int cli_parse_number(const char *text, const char *what, uint32_t *value,
                     struct ql_failure *failure)
{
    const bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hexadecimal ? text + 2 : text;
    const size_t length = strspn(digits, hexadecimal ? "0123456789abcdefABCDEF" : "0123456789");
    const char *suffix = digits + length;
    uint64_t scale = 1;
    if (strcmp(suffix, "K") == 0 || strcmp(suffix, "k") == 0)
        scale = 1024;
    else if (strcmp(suffix, "M") == 0 || strcmp(suffix, "m") == 0)
        scale = 1024 * 1024;
    else if (suffix[0] != '\0')
        digits = suffix;
    if (length == 0 || digits == suffix || length > 15) {
        ql_fail(failure, QL_USAGE, "\"%s\" is no %s", text, what);
        ql_hint(failure, "write it as 0x90100000, 4096, 64K or 15M");
        return -QL_USAGE;
    }
    const uint64_t number = strtoull(digits, NULL, hexadecimal ? 16 : 10);
    if (number > UINT32_MAX / scale) {
        ql_fail(failure, QL_USAGE, "the %s %s does not fit into 32 bits", what, text);
        return -QL_USAGE;
    }
    *value = (uint32_t)(number * scale);
    return 0;
}

static bool is_number(const char *text)
{
    uint32_t ignored;
    return cli_parse_number(text, "", &ignored, NULL) == 0;
}

int cli_parse_address_file(struct cli *cli, uint32_t *address, bool *has_address, const char **file)
{
    *has_address = cli->argument_count == 2;
    *file = cli->arguments[cli->argument_count - 1];
    if (!*has_address)
        return 0;
    if (!is_number(cli->arguments[0]) && is_number(cli->arguments[1])) {
        ql_fail(&cli->failure, QL_USAGE, "the address comes before the file");
        ql_hint(&cli->failure, "quadlane %s %s %s", cli->verb->name, cli->arguments[1],
                cli->arguments[0]);
        return -QL_USAGE;
    }
    return cli_parse_number(cli->arguments[0], "address", address, &cli->failure);
}

static int parse_wait(struct cli *cli, const char *text)
{
    char *end = NULL;
    const double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= WAIT_MAX_S)) {
        ql_fail(&cli->failure, QL_USAGE, "--wait %s: seconds are a number from 0 to 86400", text);
        return -QL_USAGE;
    }
    cli->wait_ns = (uint64_t)(seconds * 1e9);
    return 0;
}

static int parse_color(struct cli *cli, const char *text)
{
    static const char *const modes[] = {
        [COLORS_AUTO] = "auto", [COLORS_ALWAYS] = "always", [COLORS_NEVER] = "never"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(text, modes[i]) == 0) {
            terminal_set_colors((enum color_mode)i);
            return 0;
        }
    }
    return ql_fail(&cli->failure, QL_USAGE, "--color %s: it is auto, always or never", text);
}

static int fail_usage(struct cli *cli)
{
    ql_hint(&cli->failure, "`quadlane %s%s--help` shows what it takes",
            cli->verb != NULL ? cli->verb->name : "", cli->verb != NULL ? " " : "");
    return -QL_USAGE;
}

// A list of serial numbers may stand behind one --serial.
static int take_boards(struct cli *cli, uint64_t option, const char *value)
{
    struct cli_boards *boards = &cli->boards;
    const bool is_port = option == CLI_PORT;
    const char **list = is_port ? boards->ports : boards->serials;
    size_t *count = is_port ? &boards->port_count : &boards->serial_count;
    char *words = strdup(value); // kept until the tool ends
    if (words == NULL)
        return ql_fail_memory(&cli->failure);
    for (char *word = words; word != NULL;) {
        char *comma = is_port ? NULL : strchr(word, ',');
        if (comma != NULL)
            *comma++ = '\0';
        if (*count == QL_FOUND_MAX)
            return ql_fail(&cli->failure, QL_USAGE, "at most %d boards at once", QL_FOUND_MAX);
        if (word[0] != '\0')
            list[(*count)++] = word;
        word = comma;
    }
    if (*count == 0)
        return ql_fail(&cli->failure, QL_USAGE, "%s needs a value",
                       is_port ? "--port" : "--serial");
    *(is_port ? &cli->port : &cli->serial) = list[*count - 1];
    return 0;
}

int option_take(struct cli *cli, const struct option_text *option, const char *value)
{
    if (cli->verb != NULL && (cli->verb->options & option->option) == 0) {
        ql_fail(&cli->failure, QL_USAGE, "%s does not take --%s", cli->verb->name, option->name);
        return fail_usage(cli);
    }
    cli->options |= option->option;
    char *place = (char *)cli + option->place;
    if (option->place != 0 && option->value != NULL)
        memcpy(place, &value, sizeof value);
    else if (option->place != 0)
        *(bool *)place = true;
    if (cli->verb != NULL && cli->verb->several && (option->option & (CLI_PORT | CLI_SERIAL)) != 0)
        return take_boards(cli, option->option, value);
    if (option->option == CLI_COLOR)
        return parse_color(cli, value);
    return option->option == CLI_WAIT ? parse_wait(cli, value) : 0;
}

static int take_given(struct cli *cli, const struct option_text *option, const char *value)
{
    cli->given_options[option - cli_options] = true;
    return option_take(cli, option, value);
}

static int parse_options(struct cli *cli, int count, char **words)
{
    struct option table[OPTION_COUNT + 1] = {0};
    for (size_t i = 0; i < OPTION_COUNT; i++)
        table[i] = (struct option){cli_options[i].name, cli_options[i].value != NULL, NULL,
                                   (int)(256 + i)};
    opterr = 0;
    for (;;) {
        const int found = getopt_long(count, words, ":hqvV", table, NULL);
        int result = 0;
        if (found == -1)
            return 0;
        if (found >= 256)
            result = take_given(cli, &cli_options[found - 256], optarg);
        else if (found == 'h')
            result = take_given(cli, option_find("help"), NULL);
        else if (found == 'q')
            result = take_given(cli, option_find("quiet"), NULL);
        else if (found == 'v')
            result = take_given(cli, option_find("verbose"), NULL);
        else if (found == 'V')
            result = take_given(cli, option_find("version"), NULL);
        else {
            ql_fail(&cli->failure, QL_USAGE,
                    found == ':' ? "%s needs a value" : "the option %s is not known or not unique",
                    words[optind - 1]);
            result = fail_usage(cli);
        }
        if (result != 0)
            return result;
    }
}

static int take_arguments(struct cli *cli, int count, char **words)
{
    const struct cli_verb *verb = cli->verb;
    if (count < verb->arguments_min || count > verb->arguments_max) {
        if (verb->arguments_max == 0)
            ql_fail(&cli->failure, QL_USAGE, "%s takes no argument, but \"%s\" was given",
                    verb->name, words[0]);
        else
            ql_fail(&cli->failure, QL_USAGE, "%s takes %s, but %d argument%s given", verb->name,
                    verb->arguments, count, count == 1 ? " was" : "s were");
        return fail_usage(cli);
    }
    for (int i = 0; i < count && i < CLI_ARGUMENTS_MAX; i++)
        cli->arguments[i] = words[i];
    cli->argument_count = count;
    cli->words = words;
    return 0;
}

static int fail_without_verb(struct cli *cli)
{
    char names[256] = "";
    for (size_t i = 0; cli_verbs[i] != NULL; i++) {
        const size_t length = strlen(names);
        const char *before = i == 0 ? "" : cli_verbs[i + 1] != NULL ? ", " : " or ";
        snprintf(names + length, sizeof names - length, "%s%s", before, cli_verbs[i]->name);
    }
    ql_fail(&cli->failure, QL_USAGE, "it needs a verb: %s", names);
    return fail_usage(cli);
}

static int take_config(struct cli *cli)
{
    static struct config config; // large, and its values are pointed to
    cli->config = &config;
    const int result = config_load(&config, cli, &cli->failure);
    return result != 0 ? result : config_apply(&config, cli);
}

int cli_parse(struct cli *cli, int count, char **words)
{
    cli->wait_ns = WAIT_DEFAULT_NS;
    // The verb decides which options there are, so it is looked for first.
    if (count > 1 && words[1][0] != '-') {
        cli->verb = cli_find_verb(words[1]);
        if (cli->verb == NULL) {
            const bool json = strcmp(words[count - 1], "--json") == 0;
            cli->options |= json ? CLI_JSON : 0;
            ql_fail(&cli->failure, QL_USAGE, "there is no verb \"%s\"", words[1]);
            return fail_usage(cli);
        }
        count--;
        words++;
    }
    // Known before the rest is understood, so that a mistake there is reported in JSON, too.
    for (int i = 1; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--json") == 0)
            cli->options |= CLI_JSON;
    }
    int result = parse_options(cli, count, words);
    if (result != 0 || cli_has(cli, CLI_HELP) || cli_has(cli, CLI_VERSION))
        return result;
    if (cli->verb == NULL)
        return fail_without_verb(cli);
    if (cli_has(cli, CLI_QUIET) && cli_has(cli, CLI_VERBOSE))
        return ql_fail(&cli->failure, QL_USAGE, "--quiet and --verbose do not go together");
    result = take_arguments(cli, count - optind, words + optind);
    return result != 0 || cli->verb->reads_no_config ? result : take_config(cli);
}
