// quadlane install: the bootloader onto a board that has none.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"
#include "host/cli/support.h"
#include "host/clock.h"
#include "host/digest.h"
#include "host/discovery.h"
#include "host/file.h"
#include "host/install.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPEAR_WAIT_NS (8 * QL_NS_PER_S)
#define SAVES_MAX      100

struct install {
    struct cli *cli;
    char tool[PATH_MAX], support[PATH_MAX];
    const char *board;
    const struct ql_place *place;
    struct ql_way way;
    char image_path[PATH_MAX + 64];
    uint8_t *image;
    size_t image_size;
    uint8_t *before; // what the place held
    char save[PATH_MAX];
    bool saved;
    struct ql_found present[QL_FOUND_MAX]; // boards on USB before
    size_t present_count;
    char appeared[QL_SERIAL_SIZE];
};

// --- Preparing ----------------------------------------------------------------------------------

static int parse_via(struct install *install, enum ql_via *via)
{
    struct cli *cli = install->cli;
    *via = QL_VIA_ANY;
    if (cli->install.via != NULL) {
        *via = ql_via_from(cli->install.via);
        if (*via == QL_VIA_ANY)
            return ql_fail(&cli->failure, QL_USAGE,
                           "there is no way \"%.60s\": --via is dfu, openocd or maker",
                           cli->install.via);
    }
    if (cli->adapter == NULL)
        return 0;
    if (*via != QL_VIA_ANY && *via != QL_VIA_OPENOCD)
        return ql_fail(&cli->failure, QL_USAGE, "--adapter is for --via openocd");
    *via = QL_VIA_OPENOCD;
    return 0;
}

// The image that belongs to the tool: beside it in a build, in the share folder when installed.
static void find_image(struct install *install)
{
    static const char *const places[] = {"../share/quadlane/firmware", "firmware"};
    char folder[PATH_MAX];
    if (install->cli->install.image != NULL) {
        snprintf(install->image_path, sizeof install->image_path, "%s",
                 install->cli->install.image);
        return;
    }
    snprintf(folder, sizeof folder, "%s", install->tool);
    *strrchr(folder, '/') = '\0';
    for (size_t i = 0; i < 2; i++) {
        snprintf(install->image_path, sizeof install->image_path, "%s/%s/%s%s", folder, places[i],
                 install->board, install->place->suffix);
        if (access(install->image_path, F_OK) == 0)
            return;
    }
}

static int load_image(struct install *install)
{
    struct cli *cli = install->cli;
    find_image(install);
    const int result = ql_install_load(install->image_path, install->board, install->place,
                                       cli_has(cli, CLI_FORCE), &install->image,
                                       &install->image_size, &cli->failure);
    if (result != -QL_FILE_MISSING || cli->install.image != NULL)
        return result;
    if (install->place == ql_place_of(QL_VIA_MAKER))
        ql_hint(&cli->failure, "second-stage images exist only for boards whose maker has a "
                               "bootloader of its own (sp_racing_h7_extreme), and come with the "
                               "build; --image names one from elsewhere");
    else
        ql_hint(&cli->failure, "`make` builds it; --image names one from elsewhere");
    return result;
}

static int find_way(struct install *install, enum ql_via via)
{
    struct cli *cli = install->cli;
    const struct ql_way_wanted wanted = {
        .via = via, .adapter = cli->adapter, .serial = cli->serial};
    int result = ql_install_find(&install->way, &wanted, &cli->failure);
    if (result != 0)
        return result;
    install->way.support = install->support;
    install->way.board = install->board;
    install->way.observer = &cli->observer;
    cli_set(cli, "way", json_string(ql_via_name(install->way.via)));
    cli_say(cli, "through %s, by %s\n", install->way.device,
            install->way.via == QL_VIA_OPENOCD ? "OpenOCD" : "dfu-util");
    install->place = ql_place_of(install->way.via);
    return 0;
}

static int prepare(struct install *install)
{
    struct cli *cli = install->cli;
    enum ql_via via = QL_VIA_ANY;
    install->board = cli->board_name;
    int result = cli_find_support(install->tool, install->support, &cli->failure);
    if (result == 0)
        result = cli_check_board(install->support, install->board, &cli->failure);
    if (result == 0)
        result = parse_via(install, &via);
    if (result == 0)
        result = cli_check_adapter(install->support, cli->adapter, &cli->failure);
    if (result == 0)
        result = find_way(install, via);
    return result == 0 ? load_image(install) : result; // which one, the way decides
}

// --- What is there, and keeping it --------------------------------------------------------------

enum content { CONTENT_BLANK, CONTENT_SAME, CONTENT_BOOTLOADER, CONTENT_OTHER };

static enum content content_of(const struct install *install)
{
    static const char mark[] = "quadlane bootloader (";
    const size_t size = install->place->size;
    size_t blank = 0;
    while (blank < size && install->before[blank] == 0xFF)
        blank++;
    if (blank == size)
        return CONTENT_BLANK;
    if (memcmp(install->before, install->image, size) == 0)
        return CONTENT_SAME;
    return memmem(install->before, size, mark, sizeof mark - 1) != NULL ? CONTENT_BOOTLOADER
                                                                        : CONTENT_OTHER;
}

static bool holds_the_same(const struct install *install, const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    const bool same = ql_file_read(path, &bytes, &size, NULL) == 0 &&
                      size == install->place->size && memcmp(bytes, install->before, size) == 0;
    free(bytes);
    return same;
}

// A copy is the only way back: it never takes another one's place.
static int choose_save(struct install *install)
{
    struct cli *cli = install->cli;
    const char *wanted = cli->install.save;
    char number[16] = "";
    for (int i = 2; i < SAVES_MAX; i++) {
        if (wanted != NULL)
            snprintf(install->save, sizeof install->save, "%s", wanted);
        else
            snprintf(install->save, sizeof install->save, "%s-before%s.bin", install->board,
                     number);
        install->saved = holds_the_same(install, install->save);
        if (install->saved || access(install->save, F_OK) != 0)
            return install->saved ? 0 : ql_file_check_writable(install->save, &cli->failure);
        if (wanted != NULL)
            break;
        snprintf(number, sizeof number, "-%d", i);
    }
    ql_fail(&cli->failure, QL_FILE_EXISTS, "%.300s exists and holds something else", install->save);
    ql_hint(&cli->failure, "name another file with --save; nothing was changed");
    return -QL_FILE_EXISTS;
}

static int ask(struct install *install)
{
    struct cli *cli = install->cli;
    if (cli_has(cli, CLI_YES))
        return 0;
    if (!cli_can_ask()) {
        ql_fail(&cli->failure, QL_USAGE, "there is nobody to ask; nothing was changed");
        ql_hint(&cli->failure, "--yes installs without asking");
        return -QL_USAGE;
    }
    return cli_ask(cli, NULL, "install %s on it? [y/N] ", install->image_path);
}

// Where a maker's bootloader may be, the second stage would leave it alone.
static void tell_second_stage(const struct install *install)
{
    char path[2 * PATH_MAX];
    const size_t length = strlen(install->image_path) - strlen(install->place->suffix);
    if (install->cli->install.image != NULL || install->way.via == QL_VIA_MAKER)
        return;
    snprintf(path, sizeof path, "%.*s%s", (int)length, install->image_path,
             ql_place_of(QL_VIA_MAKER)->suffix);
    if (access(path, F_OK) == 0)
        cli_say(install->cli, "note: this board also takes quadlane behind its maker's bootloader, "
                              "which then stays: --via maker\n");
}

// Says what will be overwritten, asks, and saves it.
static int keep(struct install *install, enum content content)
{
    static const char *const texts[] = {[CONTENT_BLANK] = "blank",
                                        [CONTENT_SAME] = "the same as the image",
                                        [CONTENT_BOOTLOADER] = "another quadlane bootloader",
                                        [CONTENT_OTHER] =
                                            "not quadlane's: a program or the maker's bootloader"};
    struct cli *cli = install->cli;
    int result = 0;
    cli_say(cli, "%s, 0x%08X, %s: %s\n", install->place->text, install->place->address,
            cli_size(install->place->size), texts[content]);
    if (content == CONTENT_SAME)
        return 0;
    if (content != CONTENT_BLANK)
        result = choose_save(install);
    if (result == 0 && install->save[0] != '\0')
        cli_say(cli, "it will be overwritten, and is %s %s\n",
                install->saved ? "kept already in" : "kept in", install->save);
    if (content == CONTENT_OTHER)
        tell_second_stage(install);
    if (result == 0)
        result = ask(install);
    if (result != 0 || install->save[0] == '\0')
        return result;
    cli_set(cli, "saved", cli_text(install->save));
    return install->saved
               ? 0
               : ql_file_write(install->save, install->before, install->place->size, &cli->failure);
}

static void tell_way_back(const struct install *install)
{
    const struct ql_way *way = &install->way;
    if (install->save[0] == '\0')
        return;
    cli_say(install->cli,
            "back to what was there: quadlane install --board %s --via %s%s%s "
            "--image %s --force\n",
            install->board, ql_via_name(way->via), way->adapter[0] != '\0' ? " --adapter " : "",
            way->adapter, install->save);
}

// --- Afterwards ---------------------------------------------------------------------------------

// Is what answers on USB what was installed?
static int compare(struct install *install)
{
    struct cli *cli = install->cli;
    const struct ql_board *board = &cli->connection.board;
    uint8_t digest[QL_SHA256_SIZE];
    if (strcmp(board->name, install->board) != 0)
        return ql_fail(&cli->failure, QL_VERIFY,
                       "the bootloader that answers calls its board %s, not %s", board->name,
                       install->board);
    if (ql_board_has(board, QL_INFO_BUILD)) {
        if (board->build_size <= install->image_size)
            ql_sha256(install->image, board->build_size, digest);
        if (board->build_size > install->image_size ||
            memcmp(digest, board->build_sha256, sizeof digest) != 0)
            return ql_fail(&cli->failure, QL_VERIFY,
                           "the bootloader that answers is another build than %s",
                           install->image_path);
    }
    cli_say(cli, "bootloader %s answers on board %s, number %s: the same build as the image\n",
            board->bootloader, board->name, board->serial);
    return 0;
}

static bool was_present(const struct install *install, const char *serial)
{
    for (size_t i = 0; i < install->present_count; i++) {
        if (strcmp(install->present[i].serial, serial) == 0)
            return true;
    }
    return false;
}

// A board on USB that was not there before.
static int find_new(struct install *install)
{
    struct cli *cli = install->cli;
    const struct ql_clock clock = ql_clock_system();
    const uint64_t deadline_ns = ql_clock_now(&clock) + cli->wait_ns;
    for (;;) {
        struct ql_found found[QL_FOUND_MAX];
        size_t count = 0;
        ql_discover_usb(found, &count);
        for (size_t i = 0; i < count; i++) {
            if (was_present(install, found[i].serial))
                continue;
            snprintf(install->appeared, sizeof install->appeared, "%s", found[i].serial);
            cli->serial = install->appeared;
            return 0;
        }
        if (ql_clock_now(&clock) >= deadline_ns || cli_was_interrupted())
            return ql_fail(&cli->failure, QL_NO_BOARD, "no further board has appeared");
        ql_clock_sleep(&clock, 50 * QL_NS_PER_MS);
    }
}

static int meet(struct install *install)
{
    struct cli *cli = install->cli;
    int result = 0;
    if (!cli_has(cli, CLI_WAIT))
        cli->wait_ns = APPEAR_WAIT_NS;
    cli_say(cli, "waiting for it on USB\n");
    // The probe knows which one it is; DFU's numbers are others.
    cli->serial = install->way.unique[0] != '\0' ? install->way.unique : NULL;
    if (cli->serial == NULL && cli->port == NULL)
        result = find_new(install);
    if (result == 0)
        result = cli_reach(cli);
    progress_finish(&cli->progress);
    const bool absent = result == -QL_NO_BOARD || result == -QL_SEVERAL_BOARDS ||
                        result == -QL_PORT_PERMISSION || result == -QL_PORT_BUSY;
    cli_set(cli, "answers", json_boolean(result == 0));
    if (!absent)
        return result == 0 ? compare(install) : result;
    cli_say(cli, "it was not met on USB: %s\n", cli->failure.sentence);
    cli_say(cli, "press reset (BOOT0 released) with the board's own USB cable in; then `quadlane "
                 "info`\n");
    cli->failure = (struct ql_failure){0};
    return 0;
}

static int work(struct install *install)
{
    struct cli *cli = install->cli;
    install->before = malloc(install->place->size);
    if (install->before == NULL)
        return ql_fail_memory(&cli->failure);
    ql_discover_usb(install->present, &install->present_count);
    int result = ql_install_start(&install->way, &cli->failure);
    if (result == 0)
        result = ql_install_read(&install->way, install->before, &cli->failure);
    if (result != 0)
        return result;
    const enum content content = content_of(install);
    result = keep(install, content);
    cli_set(cli, "written", json_boolean(result == 0 && content != CONTENT_SAME));
    if (result == 0 && content != CONTENT_SAME) {
        cli_say(cli, "writing %s; keep cable and power\n", cli_size(install->image_size));
        result =
            ql_install_write(&install->way, install->image, install->image_size, &cli->failure);
        if (result == 0)
            cli_say(cli, "written and read back\n");
        tell_way_back(install);
    }
    if (result == 0 && install->way.via == QL_VIA_MAKER)
        cli_say(cli, "take its power away and give it again: the maker's bootloader then starts "
                     "it; `quadlane info`\n");
    else if (result == 0 && !cli_has(cli, CLI_FORCE))
        result = meet(install);
    return result;
}

static int run(struct cli *cli)
{
    static struct install install;
    install = (struct install){.cli = cli};
    int result = prepare(&install);
    if (result == 0) {
        cli_set(cli, "image", cli_text(install.image_path));
        cli_set(cli, "bytes", json_integer((json_int_t)install.image_size));
        cli_set(cli, "address", json_integer(install.place->address));
        result = work(&install);
    }
    ql_install_end(&install.way);
    free(install.image);
    free(install.before);
    return result;
}

const struct cli_verb cli_install_verb = {
    .name = "install",
    .arguments = "",
    .summary = "put the bootloader onto a board that has none",
    .text =
        "Puts the bootloader of board NAME into the microcontroller's internal flash, through\n"
        "  dfu      the microcontroller's own loader: BOOT0 high at reset, USB (dfu-util)\n"
        "  openocd  an ST-LINK, J-Link or CMSIS-DAP probe (OpenOCD)\n"
        "  maker    the board maker's bootloader, as its second stage (dfu-util); the internal\n"
        "           flash stays as it is\n"
        "It finds out which of them is there, reads what it would overwrite, says so and asks. "
        "What\n"
        "was there is saved first; afterwards it is read back, and compared with what the new\n"
        "bootloader tells on USB. A read-out protected board is left alone.",
    .options = CLI_BOARD_NAME | CLI_INSTALL | CLI_ADAPTER | CLI_SERIAL | CLI_PORT | CLI_WAIT |
               CLI_YES | CLI_FORCE | CLI_COMMON,
    .meanings = {{CLI_SERIAL, "the probe or DFU device with this serial number"},
                 {CLI_ADAPTER,
                  "stlink, jlink, cmsis-dap, virtual (default: the one that is there)"},
                 {CLI_FORCE, "take any image: to go back to a saved one"}},
    .works_locked = true,
    .run = run,
};
