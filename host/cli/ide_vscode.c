// VS Code: launch.json for cortex-debug and for the C/C++ extension, tasks.json.
//
// Names of settings are those of the extensions marus25.cortex-debug and ms-vscode.cpptools. Both
// files may hold the user's own entries; only those whose name begins with ours are replaced.
//
// SPDX-License-Identifier: MIT
#include "host/cli/ide.h"

#include "host/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OURS "quadlane: "

// The program as VS Code's files name it.
static json_t *program(const struct ide *ide)
{
    char text[PATH_MAX + 32];
    snprintf(text, sizeof text, "%s%s", ide->inside ? "${workspaceFolder}/" : "",
             ide->program_inside);
    return cli_text(text);
}

static json_t *label(const struct ide *ide, const char *what)
{
    char text[NAME_MAX + 80];
    snprintf(text, sizeof text, OURS "%s%s%s", ide->name, what[0] != '\0' ? " " : "", what);
    return cli_text(text);
}

// What the variants for cortex-debug share.
static json_t *cortex(const struct ide *ide, const char *what, const char *server)
{
    json_t *entry =
        json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "name", label(ide, what),
                  "type", "cortex-debug", "request", "launch", "servertype", server, "cwd",
                  "${workspaceFolder}", "executable", program(ide), "device", IDE_DEVICE,
                  "interface", "swd", "runToEntryPoint", ide->stop, "gdbPath", ide->gdb);
    return entry;
}

static json_t *launches(const struct ide *ide)
{
    json_t *list = json_array();
    json_t *jlink = cortex(ide, "(J-Link's server)", "jlink");
    json_object_set_new(jlink, "serverpath", cli_text(ide->jlink_wrapper));
    json_object_set_new(
        jlink, "serverArgs",
        json_pack("[s, s, s, s]", "--board", ide->board, "--adapter", ide->adapter));
    json_array_append_new(list, jlink);
    json_t *openocd = cortex(ide, "(OpenOCD)", "openocd");
    json_object_set_new(openocd, "serverpath", cli_text(ide->openocd_wrapper));
    json_object_set_new(
        openocd, "configFiles",
        json_pack("[o, o]", cli_text(ide->adapter_file), cli_text(ide->board_file)));
    json_array_append_new(list, openocd);
    json_t *external = cortex(ide, "(server that runs already)", "external");
    json_object_set_new(external, "gdbTarget", json_string("localhost:" IDE_GDB_PORT));
    json_array_append_new(list, external);
    char arguments[2 * PATH_MAX + 400];
    snprintf(arguments, sizeof arguments, "-c \"gdb_port " IDE_GDB_PORT "\" %s",
             ide->openocd_words);
    json_array_append_new(
        list,
        json_pack("{s:o, s:s, s:s, s:o, s:s, s:[], s:s, s:s, s:s, s:b, s:o, s:o, s:s, s:b, s:i, "
                  "s:[{s:s}, {s:s}], s:b, s:{s:b, s:i}}",
                  "name", label(ide, "(C/C++ extension)"), "type", "cppdbg", "request", "launch",
                  "program", program(ide), "cwd", "${workspaceFolder}", "args", "MIMode", "gdb",
                  "miDebuggerPath", ide->gdb, "miDebuggerServerAddress", "localhost:" IDE_GDB_PORT,
                  "useExtendedRemote", 1, "debugServerPath", cli_text(ide->openocd_wrapper),
                  "debugServerArgs", cli_text(arguments), "serverStarted",
                  "Listening on port [0-9]+ for gdb connection", "filterStderr", 1,
                  "serverLaunchTimeout", 20000, "postRemoteConnectCommands", "text", "load", "text",
                  "monitor reset halt", "stopAtEntry", strcmp(ide->stop, "main") == 0,
                  "hardwareBreakpoints", "require", 1, "limit", 8));
    return list;
}

static json_t *task(const struct ide *ide, const char *what, const char *command, json_t *arguments,
                    const char *begins, const char *ends)
{
    json_t *entry =
        json_pack("{s:o, s:s, s:o, s:o, s:[]}", "label", label(ide, what), "type", "process",
                  "command", cli_text(command), "args", arguments, "problemMatcher");
    if (begins == NULL)
        return entry;
    // One that stays in the background; VS Code wants to know when it is ready.
    json_object_set_new(entry, "isBackground", json_true());
    json_object_set_new(entry, "problemMatcher",
                        json_pack("{s:s, s:{s:s, s:s, s:i, s:i}, s:{s:b, s:s, s:s}}", "owner",
                                  "quadlane", "pattern", "regexp", "^(quadlane): (.*)$", "kind",
                                  "file", "file", 1, "message", 2, "background", "activeOnStart", 1,
                                  "beginsPattern", begins, "endsPattern", ends));
    return entry;
}

static json_t *tasks(const struct ide *ide)
{
    json_t *list = json_array();
    json_array_append_new(list, task(ide, "flash", ide->tool,
                                     json_pack("[s, o]", "flash", program(ide)), NULL, NULL));
    json_array_append_new(list, task(ide, "flash at each restart", ide->tool,
                                     json_pack("[s, s, o]", "flash", "--watch", program(ide)),
                                     "is in its bootloader", "^waiting for the board|^started"));
    json_array_append_new(
        list, task(ide, "GDB server", ide->openocd_wrapper,
                   json_pack("[s, s, s, o, s, o]", "-c", "gdb_port " IDE_GDB_PORT, "-f",
                             cli_text(ide->adapter_file), "-f", cli_text(ide->board_file)),
                   "^Open On-Chip Debugger", "Listening on port [0-9]+ for gdb connection"));
    return list;
}

static bool is_ours(const json_t *entry, const char *key)
{
    const char *name = json_string_value(json_object_get(entry, key));
    return name != NULL && strncmp(name, OURS, strlen(OURS)) == 0;
}

// Puts our entries where the first one of the same name stood; others of ours, for another program,
// stay.
static void merge(json_t *list, json_t *ours, const char *key)
{
    size_t index;
    json_t *entry;
    json_array_foreach(ours, index, entry)
    {
        const char *name = json_string_value(json_object_get(entry, key));
        size_t at = json_array_size(list);
        for (size_t i = json_array_size(list); i-- > 0;) {
            const json_t *old = json_array_get(list, i);
            if (is_ours(old, key) &&
                strcmp(json_string_value(json_object_get(old, key)), name) == 0)
                at = i;
        }
        if (at < json_array_size(list))
            json_array_set(list, at, entry);
        else
            json_array_append(list, entry);
    }
    json_decref(ours);
}

static int fail_own(struct ide *ide, const char *path, const char *why)
{
    ql_fail(&ide->cli->failure, QL_FILE_EXISTS, "%s %s", path, why);
    ql_hint(&ide->cli->failure, "with --force it is written anew; nothing was changed");
    return -QL_FILE_EXISTS;
}

// What is there already, or an empty object; *object is a null pointer if it must not be touched.
static int read_own(struct ide *ide, struct ide_file *file, const char *list_name, json_t **object)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    bool plain = true;
    json_error_t error = {0};
    *object = NULL;
    if (access(file->path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        *object = json_object();
        return 0;
    }
    const int result = ql_file_read(file->path, &bytes, &size, &ide->cli->failure);
    if (result != 0)
        return result;
    const bool force = cli_has(ide->cli, CLI_FORCE);
    json_t *found = ide_read_jsonc((const char *)bytes, size, &plain, &error);
    free(bytes);
    const json_t *list = json_object_get(found, list_name);
    if (json_is_object(found) && (list == NULL || json_is_array(list)) && (plain || force)) {
        file->merged = true;
        *object = found;
        return 0;
    }
    const bool understood = found != NULL;
    json_decref(found);
    if (force) {
        *object = json_object();
        return 0;
    }
    if (understood && !plain)
        return fail_own(ide, file->path, "has comments, which would be lost by adding to it");
    return fail_own(ide, file->path, "is not what VS Code writes there");
}

static int make(struct ide *ide, const char *name, const char *version, const char *list_name,
                const char *key, json_t *ours)
{
    struct ide_file *file = ide_add(ide, ".vscode/%s", name);
    json_t *object = NULL;
    const int result = read_own(ide, file, list_name, &object);
    if (result != 0) {
        json_decref(ours);
        return result;
    }
    if (json_object_get(object, "version") == NULL)
        json_object_set_new(object, "version", json_string(version));
    if (json_object_get(object, list_name) == NULL)
        json_object_set_new(object, list_name, json_array());
    merge(json_object_get(object, list_name), ours, key);
    char *text = json_dumps(object, JSON_INDENT(4));
    json_decref(object);
    if (text == NULL)
        return ql_fail_memory(&ide->cli->failure);
    file->text = malloc(strlen(text) + 2);
    if (file->text != NULL)
        sprintf(file->text, "%s\n", text);
    free(text);
    return file->text != NULL ? 0 : ql_fail_memory(&ide->cli->failure);
}

int ide_vscode(struct ide *ide)
{
    int result = make(ide, "launch.json", "0.2.0", "configurations", "name", launches(ide));
    if (result == 0)
        result = make(ide, "tasks.json", "2.0.0", "tasks", "label", tasks(ide));
    if (result == 0)
        cli_say(ide->cli, "VS Code folder %s, program %s, stops at %s\n", ide->folder,
                ide->program_inside, ide->stop);
    return result;
}
