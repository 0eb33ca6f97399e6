// quadlane ide: files that make an IDE's Debug button work for a program in the chip.
//
// SPDX-License-Identifier: MIT
#include "host/cli/ide.h"

#include "host/cli/support.h"
#include "host/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ide_kind {
    const char *name;
    int (*make)(struct ide *ide);
};

static const struct ide_kind kinds[] = {
    {"eclipse", ide_eclipse},
    {"vscode", ide_vscode},
    {"clion", ide_clion},
    {"gdb", ide_gdb},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

void ide_put_xml(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", file);
            break;
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        case '\n':
            fputs("&#10;", file);
            break;
        default:
            fputc(*text, file);
        }
    }
}

static struct ide_file *add(struct ide *ide, const char *format, va_list arguments)
{
    struct ide_file *file = &ide->files[ide->file_count++];
    char name[PATH_MAX];
    vsnprintf(name, sizeof name, format, arguments);
    const int length = snprintf(file->path, sizeof file->path, "%s/%s", ide->folder, name);
    if (length < 0 || (size_t)length >= sizeof file->path)
        file->path[0] = '\0'; // opening it will fail
    return file;
}

struct ide_file *ide_add(struct ide *ide, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct ide_file *file = add(ide, format, arguments);
    va_end(arguments);
    return file;
}

FILE *ide_create(struct ide *ide, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct ide_file *file = add(ide, format, arguments);
    va_end(arguments);
    return open_memstream(&file->text, &file->size);
}

int ide_finish(struct ide *ide, FILE *file)
{
    return file != NULL && fclose(file) == 0 ? 0 : ql_fail_memory(&ide->cli->failure);
}

// --- Where things are ---------------------------------------------------------------------------

static int find_folder(struct ide *ide)
{
    const char *wanted = ide->cli->folder != NULL ? ide->cli->folder : ".";
    if (realpath(wanted, ide->folder) != NULL && cli_is_folder(ide->folder))
        return 0;
    ql_fail(&ide->cli->failure, QL_FILE_MISSING, "there is no folder %.200s", wanted);
    ql_hint(&ide->cli->failure, "--folder is the project's own; leave it out for the current one");
    return -QL_FILE_MISSING;
}

// The first of the usual GDBs that is installed.
static const char *find_gdb(void)
{
    const char *search = getenv("PATH");
    static const char *const names[] = {"arm-none-eabi-gdb", "gdb-multiarch"};
    for (size_t i = 0; search != NULL && i < 2; i++) {
        for (const char *at = search; *at != '\0'; at += strspn(at, ":")) {
            const size_t length = strcspn(at, ":");
            char path[PATH_MAX];
            const int used = snprintf(path, sizeof path, "%.*s/%s", (int)length, at, names[i]);
            if (used > 0 && (size_t)used < sizeof path && access(path, X_OK) == 0)
                return names[i];
            at += length;
        }
    }
    return names[0];
}

// --- The program --------------------------------------------------------------------------------

// Is it one that the chip takes? The checks are those of `flash`.
static int check_program(struct ide *ide, const char *path)
{
    struct ql_image image;
    const struct ql_area widest = ql_area_unknown();
    const struct ql_flash_options options = {.name = path, .is_program = true};
    int result = ql_image_load(&image, path, NULL, &ide->cli->failure);
    if (result != 0)
        return result;
    if (image.format != QL_FORMAT_ELF) {
        result = ql_fail(&ide->cli->failure, QL_IMAGE_DAMAGED,
                         "%s is no ELF file; a debugger needs one, with symbols", path);
        ql_hint(&ide->cli->failure, "give the .elf from which the .bin or .hex was made");
    }
    if (result == 0)
        result = ql_flash_check(&widest, &image, &options, &ide->cli->failure);
    ql_image_free(&image);
    return result;
}

// Where to stop first: main, or what the file's entry is called, or its address.
static int choose_stop(struct ide *ide)
{
    struct ql_elf_symbols symbols;
    const int result = ql_elf_symbols_read(&symbols, ide->program, &ide->cli->failure);
    if (result != 0)
        return result;
    if (symbols.has_main)
        snprintf(ide->stop, sizeof ide->stop, "main");
    else if (symbols.entry_name[0] != '\0')
        snprintf(ide->stop, sizeof ide->stop, "%s", symbols.entry_name);
    else
        snprintf(ide->stop, sizeof ide->stop, "*0x%08x", symbols.entry);
    if (!symbols.has_main)
        cli_say(ide->cli, "note: %s has no function main; it will stop at %s\n",
                ide->program_inside, ide->stop);
    return 0;
}

static int take_program(struct ide *ide)
{
    const char *path = ide->cli->arguments[1];
    int result = check_program(ide, path);
    if (result != 0)
        return result;
    if (realpath(path, ide->program) == NULL)
        return ql_fail(&ide->cli->failure, QL_FILE_MISSING, "there is no file %s", path);
    const size_t length = strlen(ide->folder);
    ide->inside = strncmp(ide->program, ide->folder, length) == 0 && ide->program[length] == '/';
    ide->program_inside = ide->inside ? ide->program + length + 1 : ide->program;
    const char *slash = strrchr(ide->program, '/');
    snprintf(ide->name, sizeof ide->name, "%.*s", NAME_MAX, slash + 1);
    char *dot = strrchr(ide->name, '.');
    if (dot != NULL && dot != ide->name)
        *dot = '\0';
    return choose_stop(ide);
}

// --- Writing ------------------------------------------------------------------------------------

static int look_at(struct ide *ide, struct ide_file *file)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct ql_failure *failure = &ide->cli->failure;
    if (access(file->path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    const int result = ql_file_read(file->path, &bytes, &size, failure);
    if (result != 0)
        return result;
    file->exists = true;
    file->same = size == strlen(file->text) && memcmp(bytes, file->text, size) == 0;
    free(bytes);
    if (file->same || file->merged || cli_has(ide->cli, CLI_FORCE))
        return 0;
    ql_fail(failure, QL_FILE_EXISTS, "%s exists and holds something else", file->path);
    ql_hint(failure, "with --force it is overwritten; nothing was changed");
    return -QL_FILE_EXISTS;
}

static int fail_write(const char *path, struct ql_failure *failure)
{
    return ql_fail(failure, QL_FILE_UNWRITABLE, "%s cannot be written: %s", path, strerror(errno));
}

// Writes beside the file, then takes its place: an IDE that has it open never sees half of it.
static int store(const struct ide_file *file, struct ql_failure *failure)
{
    char aside[PATH_MAX + 8];
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", file->path);
    *strrchr(folder, '/') = '\0';
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return fail_write(folder, failure);
    snprintf(aside, sizeof aside, "%s.new", file->path);
    const int result =
        ql_file_write(aside, (const uint8_t *)file->text, strlen(file->text), failure);
    if (result != 0 || rename(aside, file->path) == 0)
        return result;
    const int wrong = fail_write(file->path, failure);
    unlink(aside);
    return wrong;
}

static int write_files(struct ide *ide)
{
    int result = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < ide->file_count && result == 0; i++)
        result = look_at(ide, &ide->files[i]);
    for (size_t i = 0; i < ide->file_count && result == 0; i++) {
        const struct ide_file *file = &ide->files[i];
        if (!file->same)
            result = store(file, &ide->cli->failure);
        if (result != 0)
            break;
        json_array_append_new(list, cli_text(file->path));
        cli_say(ide->cli, "%s  %s\n",
                file->same                     ? "unchanged"
                : file->merged && file->exists ? "merged   "
                                               : "written  ",
                file->path);
    }
    cli_set(ide->cli, "files", list);
    return result;
}

static void name_files(struct ide *ide)
{
    snprintf(ide->jlink_wrapper, sizeof ide->jlink_wrapper, "%s/debugger_wrapper.sh", ide->support);
    snprintf(ide->openocd_wrapper, sizeof ide->openocd_wrapper, "%s/openocd_wrapper.sh",
             ide->support);
    snprintf(ide->adapter_file, sizeof ide->adapter_file, "%s/openocd/adapter/%.60s.cfg",
             ide->support, ide->adapter);
    snprintf(ide->board_file, sizeof ide->board_file, "%s/openocd/%.100s.cfg", ide->support,
             ide->board);
    snprintf(ide->openocd_words, sizeof ide->openocd_words, "-f \"%s\" -f \"%s\"",
             ide->adapter_file, ide->board_file);
}

static int prepare(struct ide *ide)
{
    ide->board = ide->cli->board_name;
    ide->adapter = ide->cli->adapter != NULL ? ide->cli->adapter : "stlink";
    int result = cli_find_support(ide->tool, ide->support, &ide->cli->failure);
    if (result == 0)
        result = cli_check_board(ide->support, ide->board, &ide->cli->failure);
    if (result == 0)
        result = cli_check_adapter(ide->support, ide->adapter, &ide->cli->failure);
    if (result == 0)
        result = find_folder(ide);
    if (result == 0)
        result = take_program(ide);
    if (result == 0)
        name_files(ide);
    ide->gdb = find_gdb();
    return result;
}

static int run(struct cli *cli)
{
    static struct ide ide;
    const struct ide_kind *kind = NULL;
    ide = (struct ide){.cli = cli};
    for (size_t i = 0; i < KIND_COUNT; i++)
        kind = strcmp(kinds[i].name, cli->arguments[0]) == 0 ? &kinds[i] : kind;
    if (kind == NULL)
        return ql_fail(&cli->failure, QL_USAGE,
                       "there is no IDE \"%.60s\": choose eclipse, vscode, clion or gdb",
                       cli->arguments[0]);
    int result = prepare(&ide);
    if (result == 0)
        result = kind->make(&ide);
    if (result == 0)
        result = write_files(&ide);
    for (size_t i = 0; i < ide.file_count; i++)
        free(ide.files[i].text);
    return result;
}

const struct cli_verb cli_ide = {
    .name = "ide",
    .arguments = "IDE FILE",
    .summary = "write the files that an IDE's Debug button needs",
    .words = "eclipse vscode clion gdb",
    .text =
        "IDE is eclipse (Embedded CDT: launch configurations for a J-Link, which also serve an\n"
        "ST-LINK, and for OpenOCD), vscode (cortex-debug and C/C++: launch.json, tasks.json), "
        "clion\n"
        "(a run configuration) or gdb (.gdbinit). FILE is the program, an ELF file for the chip; "
        "its\n"
        "path, its symbols and the board's name are all that goes into them. The files go into "
        "the\n"
        "current folder, which is the project's, or into --folder.\n"
        "\n"
        "Files of your own are not overwritten without --force. In launch.json and tasks.json only "
        "what\n"
        "is named \"quadlane: ...\" is replaced.",
    .options = CLI_BOARD_NAME | CLI_ADAPTER | CLI_FOLDER | CLI_FORCE | CLI_COMMON,
    .meanings = {{CLI_FORCE, "overwrite files that exist"}},
    .arguments_min = 2,
    .arguments_max = 2,
    .works_locked = true,
    .run = run,
};
