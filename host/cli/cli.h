// What the tool's verbs share: options, output, connecting.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_CLI_H
#define HOST_CLI_CLI_H

#include "host/cli/progress.h"
#include "host/connection.h"
#include "host/flash.h"
#include "host/programs.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define CLI_OPTIONS_MAX   96
#define CLI_ARGUMENTS_MAX 3
#define CLI_MEANINGS_MAX  3

// Options, each a bit of a set.
#define CLI_OPTION(bit) (UINT64_C(1) << (bit))
#define CLI_PORT        CLI_OPTION(0)
#define CLI_SERIAL      CLI_OPTION(1)
#define CLI_WAIT        CLI_OPTION(2)
#define CLI_FULL        CLI_OPTION(3)
#define CLI_NO_BOOT     CLI_OPTION(4)
#define CLI_DATA        CLI_OPTION(5)
#define CLI_ALL         CLI_OPTION(6)
#define CLI_YES         CLI_OPTION(7)
#define CLI_BOOTLOADER  CLI_OPTION(8)
#define CLI_JSON        CLI_OPTION(9)
#define CLI_QUIET       CLI_OPTION(10)
#define CLI_HELP        CLI_OPTION(11)
#define CLI_VERSION     CLI_OPTION(12)
#define CLI_SET         CLI_OPTION(13)
#define CLI_DEFAULT     CLI_OPTION(14)
#define CLI_TOUCH       CLI_OPTION(15)
#define CLI_PROGRAMS    CLI_OPTION(16)
#define CLI_CONFIRM     CLI_OPTION(17)
#define CLI_DFU         CLI_OPTION(18)
#define CLI_ADAPTER     CLI_OPTION(19)
#define CLI_KEYS        CLI_OPTION(20)
#define CLI_ISSUER      CLI_OPTION(21)
#define CLI_ALLOW       CLI_OPTION(22)
#define CLI_GENERATION  CLI_OPTION(23)
#define CLI_NOT_AFTER   CLI_OPTION(24)
#define CLI_WATCH       CLI_OPTION(25)
#define CLI_BOARD_NAME  CLI_OPTION(26)
#define CLI_FORCE       CLI_OPTION(27)
#define CLI_FOLDER      CLI_OPTION(28)
#define CLI_GDB         CLI_OPTION(29) // all options of gdb-server
#define CLI_EXST        CLI_OPTION(30)
#define CLI_INSTALL     CLI_OPTION(31) // those of install alone
#define CLI_VERBOSE     CLI_OPTION(32)
#define CLI_COLOR       CLI_OPTION(33)
#define CLI_CONFIG      CLI_OPTION(34)
#define CLI_MONITOR     CLI_OPTION(40) // those of monitor alone
#define CLI_ELF         CLI_OPTION(41)
#define CLI_FORGET      CLI_OPTION(42)
#define CLI_BASIC       (CLI_QUIET | CLI_VERBOSE | CLI_COLOR | CLI_CONFIG | CLI_HELP | CLI_VERSION)
#define CLI_COMMON      (CLI_JSON | CLI_BASIC)
#define CLI_BOARD       (CLI_PORT | CLI_SERIAL | CLI_WAIT | CLI_TOUCH | CLI_KEYS | CLI_COMMON)

struct cli;

struct cli_verb {
    const char *name;
    const char *arguments; // as help shows them
    const char *summary;   // a line
    const char *text;      // paragraphs of its help page
    const char *words;     // what the first argument may be; a null pointer: no such list
    uint64_t options;      // CLI_...
    // Of options that mean something else here than with other verbs.
    struct {
        uint64_t option;
        const char *text;
    } meanings[CLI_MEANINGS_MAX];
    int arguments_min, arguments_max;
    bool reads_no_config;
    bool several;                // takes more than one board: --all, lists
    bool works_locked;           // a locked board need not be unlocked
    uint32_t permissions;        // without these it is of no use, enum ql_permit
    int (*run)(struct cli *cli); // 0 or -code, with cli->failure filled in
};

// The options of gdb-server.
struct cli_gdb {
    const char *listen, *connect, *server_port, *kind;
    bool once, probe, internal_flash, exit_as_server, as_jlink;
};

// The options of monitor.
struct cli_monitor {
    const char *baud, *flash, *log, *until, *seconds;
    bool timestamps;
};

// The options of install.
struct cli_install {
    const char *via, *image, *save;
};

// All that --port and --serial have named.
struct cli_boards {
    const char *ports[QL_FOUND_MAX], *serials[QL_FOUND_MAX];
    size_t port_count, serial_count;
};

struct cli {
    const struct cli_verb *verb; // a null pointer before it is known
    uint64_t options;
    uint64_t given;                      // those that come from the command line
    bool given_options[CLI_OPTIONS_MAX]; // the same, by their places in the table
    struct config *config;
    const char *config_file; // a null pointer: the usual ones
    const char *port;
    const char *serial;
    struct cli_boards boards;
    const char *touch;
    const char *keys; // file, a null pointer: look for it
    const char *issuer, *allow, *generation, *not_after;
    const char *board_name, *folder, *adapter;
    const char *elf;
    const char *color;   // a null pointer: not given
    const char *confirm; // a null pointer: not given
    uint64_t wait_ns;
    struct cli_gdb gdb;
    struct cli_install install;
    struct cli_monitor monitor;
    const char *arguments[CLI_ARGUMENTS_MAX];
    int argument_count;
    bool needs_key; // although the verb works locked in other ways
    char **words;   // all arguments, however many; ends with a null pointer

    struct ql_failure failure;
    int exit_code;  // not 0: instead of the failure's own code
    json_t *result; // what --json prints beside "ok" and "verb"
    struct progress progress;
    struct ql_observer observer;
    const char *note_label; // before each note, where several boards are served
    struct ql_connection connection;
    bool connected;
};

extern const struct cli_verb cli_flash, cli_verify, cli_read, cli_erase, cli_info, cli_list,
    cli_boot, cli_run, cli_reset, cli_id, cli_keys, cli_set_verb, cli_gdb_server, cli_ide, cli_pack,
    cli_protect, cli_update_bootloader, cli_install_verb, cli_monitor_verb, cli_config,
    cli_completion, cli_manual;
extern const struct cli_verb
    *const cli_verbs[]; // in the order of the help page; a null pointer ends it

// Fills in options and arguments. Returns 0 or -QL_USAGE.
int cli_parse(struct cli *cli, int count, char **words);
void cli_print_help(const struct cli_verb *verb, FILE *file);

// Has the option been given on the command line?
static inline bool cli_was_given(const struct cli *cli, uint64_t option)
{
    return (cli->given & option) != 0;
}

// The same, or in a configuration file?
static inline bool cli_has(const struct cli *cli, uint64_t option)
{
    return (cli->options & option) != 0;
}

// 0x..., decimal, and both with K or M behind. `what` is for the message ("address").
int cli_parse_number(const char *text, const char *what, uint32_t *value,
                     struct ql_failure *failure);
// Splits `[ADDRESS] FILE`; *has_address tells whether there is one.
int cli_parse_address_file(struct cli *cli, uint32_t *address, bool *has_address,
                           const char **file);

// Connects and reads INFO; no key is looked for.
int cli_reach(struct cli *cli);
// The same, and finds the board's id for people and for --json.
int cli_identify(struct cli *cli, char id[QL_BOARD_ID_TEXT]);
// Shows the board its key if it is locked and there is one. Without one it is a failure unless the
// verb works locked.
int cli_unlock(struct cli *cli);
// Is this permitted? If not, the key is shown, although another one may have
// unlocked the board; and if that is not enough, it is a failure.
int cli_need(struct cli *cli, uint32_t permissions);
// May the chip be read, after all that?
bool cli_may_read(const struct cli *cli);
// Both of these; with `need_chip` a board without a usable chip is a failure.
int cli_connect(struct cli *cli, bool need_chip);

// Changes settings, then asks the board again what it is.
int cli_change_settings(struct cli *cli, const uint8_t *items, size_t size);
// May the board start this address by itself? Without --force there must be a program.
int cli_check_boot_address(struct cli *cli, uint32_t address);

// Parts of what several verbs show, as JSON. `only` may be a null pointer: all settings.
json_t *cli_settings_json(const struct ql_board *board, const struct ql_setting_type *only);
json_t *cli_program_json(const struct ql_program *program);
// "console 1.2", or "-".
const char *cli_program_name(const struct ql_program *program);
// info's part about the flash chip, for people and for --json.
void cli_print_chip(const struct cli *cli, const struct ql_board *board);
// info's part about the last fault.
int cli_tell_fault(struct cli *cli);
void cli_set_chip(struct cli *cli, const struct ql_board *board);

// Writes the image into the connected board's chip and tells how it went; then starts it, unless
// told not to.
int cli_flash_write(struct cli *cli, struct ql_image *image,
                    const struct ql_flash_options *options);
int cli_flash_start(struct cli *cli, const struct ql_image *image);
// quadlane flash --watch.
int cli_watch(struct cli *cli, const uint32_t *address, const struct ql_flash_options *options);

// Does the command line name more than one board?
bool cli_wants_several(const struct cli *cli);
// Does the work for each of them, all at once, and shows a table. In `work` cli is the process's
// own copy; it connects by cli_connect.
int cli_several(struct cli *cli, int (*work)(struct cli *cli, void *context), void *context);

// "everything", "read,write". Valid until the next call.
const char *cli_permissions(uint32_t permissions);
int cli_parse_permissions(const char *text, uint32_t *permissions, struct ql_failure *failure);

// Prints to stdout unless --quiet or --json.
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Adds members to the result of --json; takes over the value.
void cli_set(struct cli *cli, const char *key, json_t *value);
// A JSON string of any bytes: what is not UTF-8 (a file's name may be so) becomes question marks.
json_t *cli_text(const char *text);
void cli_set_board(struct cli *cli);
// What --json prints of a command that ended like this. The object is the caller's.
json_t *cli_outcome(const struct cli *cli, int result);
// Sizes for people: "15 MiB", "1.2 MiB", "640 bytes". The text stays valid for some calls.
const char *cli_size(uint64_t size);
bool cli_was_interrupted(void);
// Does somebody sit at a terminal?
bool cli_can_ask(void);
// Asks there. 0 when the answer is `phrase` (a null pointer: begins with y), else -QL_INTERRUPTED.
int cli_ask(struct cli *cli, const char *phrase, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The observer of the verbs: progress, Ctrl-C, and with --verbose notes on stderr.
struct ql_observer cli_observer(struct cli *cli);
// A line on stderr, with the time since the tool's start.
void cli_note(struct cli *cli, const char *text);
// The sentence and the hint, on stderr.
void cli_print_failure(const struct ql_failure *failure);

#endif
