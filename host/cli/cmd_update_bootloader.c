// quadlane update-bootloader: another bootloader in the place of the one that runs.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/bootloader.h"
#include "host/cli/keys_file.h"

#include <string.h>

static void say_lock(const struct cli *cli, const struct ql_bootloader *bootloader)
{
    char issuer[QL_FINGERPRINT_TEXT];
    ql_fingerprint_text(bootloader->issuer, issuer);
    if (bootloader->locked)
        cli_say(cli, ", locked by the issuer %s, keys of generation %u and up\n", issuer,
                bootloader->generation);
    else
        cli_say(cli, ", open\n");
}

#define BUILD_SHOWN 8 // bytes of a build's SHA-256, as info shows them

static const char *build_text(const uint8_t digest[QL_SHA256_SIZE])
{
    static char texts[2][2 * BUILD_SHOWN + 1];
    static unsigned next;
    char *text = texts[next++ % 2];
    for (unsigned i = 0; i < BUILD_SHOWN; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

static void tell_what_comes(struct cli *cli, const struct ql_bootloader *bootloader)
{
    const struct ql_board *board = &cli->connection.board;
    cli_say(cli, "now   %s, build %s\n", board->bootloader, build_text(board->build_sha256));
    cli_say(cli, "then  %s, build %s, %s", bootloader->version, build_text(bootloader->digest),
            cli_size(bootloader->size));
    say_lock(cli, bootloader);
}

// Will this computer still have a key for the board?
static void warn_of_lock(const struct cli *cli, const struct ql_bootloader *bootloader)
{
    const struct ql_board *board = &cli->connection.board;
    char path[KEYS_PATH_SIZE];
    struct ql_failure ignored;
    struct ql_key key;
    if (!bootloader->locked)
        return;
    if (keys_find(cli->keys, board->id, &key, path, &ignored) != 0)
        fprintf(stderr, "There is no key for this board here: afterwards only the issuer's keys "
                        "open it.\n");
    else if (!ql_key_verify(&key, board->id, bootloader->key) ||
             ql_key_terms(&key).generation < bootloader->generation)
        fprintf(stderr, "The key in %s will not open it any more.\n", path);
}

static int ask(struct cli *cli, const struct ql_bootloader *bootloader)
{
    if (cli_has(cli, CLI_YES))
        return 0;
    if (!cli_can_ask()) {
        ql_fail(&cli->failure, QL_USAGE,
                "replacing the bootloader needs --yes where nobody can be asked; nothing was "
                "changed");
        ql_hint(&cli->failure, "see `quadlane update-bootloader --help` for what can go wrong");
        return -QL_USAGE;
    }
    warn_of_lock(cli, bootloader);
    return cli_ask(
        cli, NULL,
        "For the next seconds the board has no bootloader. If its power goes in that moment, "
        "it comes\nback only through the microcontroller's ROM (BOOT0 and dfu-util) or a "
        "probe. Programs in the\nchip stay in any case.\nReplace the bootloader of board %s? "
        "[y/N] ",
        cli->connection.board.serial);
}

static int replace(struct cli *cli, const struct ql_bootloader *bootloader)
{
    struct ql_connection *connection = &cli->connection;
    const bool force = cli_has(cli, CLI_FORCE);
    bool same = false;
    bool build_seen = false;
    int result = ql_bootloader_check(bootloader, &connection->board, force, &cli->failure);
    if (result == 0)
        result = ql_bootloader_stage(connection, bootloader, force, &same, &cli->failure);
    progress_finish(&cli->progress);
    if (result != 0)
        return result;
    cli_set(cli, "replaced", json_boolean(!same));
    if (same) {
        cli_say(cli, "the board runs this very bootloader (%s, build %s); nothing was changed\n",
                bootloader->version, build_text(bootloader->digest));
        return 0;
    }
    tell_what_comes(cli, bootloader);
    result = ask(cli, bootloader);
    if (result == 0)
        result = ql_bootloader_replace(connection, bootloader, force, &build_seen, &cli->failure);
    progress_finish(&cli->progress);
    if (result != 0) {
        cli_set(cli, "replaced", json_false());
        return result;
    }
    cli_say(cli, "replaced; the board is back with it%s\n",
            build_seen ? "" : " (its build is not told without a key)");
    return 0;
}

static int run(struct cli *cli)
{
    struct ql_bootloader bootloader;
    int result = ql_bootloader_load(&bootloader, cli->arguments[0], &cli->failure);
    if (result != 0)
        return result;
    cli_set(cli, "version", cli_text(bootloader.version));
    cli_set(cli, "build", json_string(build_text(bootloader.digest)));
    result = cli_connect(cli, false);
    if (result == 0)
        result = cli_need(cli, QL_PERMIT_ALL);
    if (result == 0)
        result = replace(cli, &bootloader);
    ql_bootloader_free(&bootloader);
    return result;
}

const struct cli_verb cli_update_bootloader = {
    .name = "update-bootloader",
    .arguments = "FILE",
    .summary = "put another bootloader in the place of the board's own",
    .text =
        "FILE is a bootloader for this very board, as the build makes it (ELF, Intel HEX or raw). "
        "It is\n"
        "brought into the board's RAM and checked there; up to then nothing has changed. Then the "
        "board\n"
        "erases its internal flash, programs and verifies it, and comes back with the new one; "
        "programs,\n"
        "settings and records in the chip stay.\n"
        "\n"
        "If the power goes in those seconds, the board has no bootloader: it comes back through "
        "the\n"
        "microcontroller's ROM (BOOT0 high at reset, then dfu-util) or a probe. So it asks first, "
        "unless\n"
        "--yes. A bootloader that opens a locked board, or gives it to another issuer, needs "
        "--force.",
    .options = CLI_BOARD | CLI_YES | CLI_FORCE,
    .meanings = {{CLI_FORCE, "lower the lock of a locked board"}},
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
