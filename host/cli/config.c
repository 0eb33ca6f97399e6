// Finding and reading configuration files.
//
// SPDX-License-Identifier: MIT
#include "host/cli/config.h"

#include "host/cli/terminal.h"
#include "host/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROJECT_NAME ".quadlane"
#define USER_NAME    "quadlane/config"

// They say what to do this time, not how things are every day.
#define ONCE                                                                                       \
    (CLI_ALL | CLI_YES | CLI_BOOTLOADER | CLI_JSON | CLI_HELP | CLI_VERSION | CLI_SET |            \
     CLI_DEFAULT | CLI_PROGRAMS | CLI_CONFIRM | CLI_DFU | CLI_EXST | CLI_FORCE | CLI_WATCH |       \
     CLI_DATA | CLI_CONFIG)
// A project may come from somebody else: it may say which board is meant, not what is trusted.
#define NOT_IN_PROJECT                                                                             \
    (CLI_GDB | CLI_INSTALL | CLI_ISSUER | CLI_ALLOW | CLI_GENERATION | CLI_NOT_AFTER | CLI_FOLDER)

static void add_user_file(struct config *config)
{
    struct config_file *file = &config->files[config->file_count];
    const char *own = getenv("XDG_CONFIG_HOME");
    const char *user = getenv("HOME");
    int length = 0;
    if (own != NULL && own[0] != '\0')
        length = snprintf(file->path, sizeof file->path, "%s/" USER_NAME, own);
    else if (user != NULL && user[0] != '\0')
        length = snprintf(file->path, sizeof file->path, "%s/.config/" USER_NAME, user);
    if (length > 0 && (size_t)length < sizeof file->path)
        config->file_count++;
}

// The nearest one, as long as the folders belong to the user.
static void add_project_file(struct config *config)
{
    struct config_file *file = &config->files[config->file_count];
    char folder[PATH_MAX];
    struct stat status;
    if (getcwd(folder, sizeof folder) == NULL)
        return;
    while (stat(folder[0] != '\0' ? folder : "/", &status) == 0 && status.st_uid == getuid()) {
        const int length = snprintf(file->path, sizeof file->path, "%s/" PROJECT_NAME, folder);
        if (length <= 0 || (size_t)length >= sizeof file->path)
            return;
        if (stat(file->path, &status) == 0 && S_ISREG(status.st_mode)) {
            file->is_project = true;
            config->file_count++;
            return;
        }
        char *slash = strrchr(folder, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

int config_fail(const struct config *config, const struct config_entry *entry, const char *text,
                struct ql_failure *failure)
{
    ql_fail(failure, QL_CONFIGURATION, "%.160s:%u: %.200s", config->files[entry->file].path,
            entry->line, text);
    ql_hint(failure, "put the line right or take it out; --config /dev/null reads no file");
    return -QL_CONFIGURATION;
}

// Takes white space away at both ends.
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

// Paths start at the file's own folder, or with ~/ at the user's.
static char *resolve(const struct config_file *file, const char *value)
{
    char path[2 * PATH_MAX];
    const char *user = getenv("HOME");
    const char *slash = strrchr(file->path, '/');
    if (strncmp(value, "~/", 2) == 0 && user != NULL)
        snprintf(path, sizeof path, "%s%s", user, value + 1);
    else if (value[0] == '/' || slash == NULL)
        snprintf(path, sizeof path, "%s", value);
    else
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - file->path), file->path, value);
    return strdup(path);
}

static bool is_path(const struct option_text *option)
{
    return option->value != NULL &&
           (strcmp(option->value, "FILE") == 0 || strcmp(option->value, "PATH") == 0);
}

// A board in the network, a file that the monitor writes to, and what else is a matter of trust.
static bool is_private(const struct option_text *option, const char *value)
{
    return (option->option & NOT_IN_PROJECT) != 0 ||
           (option->option == CLI_MONITOR && is_path(option)) ||
           (option->option == CLI_PORT && strncmp(value, "tcp:", 4) == 0);
}

static const char *problem_of(const struct config *config, const struct config_entry *entry,
                              const char *value)
{
    const struct option_text *option = entry->option;
    if (option == NULL)
        return "there is no such option";
    if ((option->option & ONCE) != 0)
        return "this option belongs on the command line";
    if (config->files[entry->file].is_project && is_private(option, value))
        return "this belongs into your own file, not into a project's";
    if (entry->verb != NULL && (entry->verb->options & option->option) == 0)
        return "the verb does not take this option";
    if (option->value == NULL && strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return "the value is yes or no";
    if (value[0] == '\0')
        return "the value is missing";
    for (size_t i = 0; i < config->count; i++) {
        const struct config_entry *other = &config->entries[i];
        if (other->file == entry->file && other->verb == entry->verb && other->option == option)
            return "it is there already in a line above";
    }
    return config->count == CONFIG_ENTRIES_MAX ? "there are too many lines" : NULL;
}

// NAME = VALUE
static int take_setting(struct config *config, struct config_entry *entry, char *text,
                        struct ql_failure *failure)
{
    char *sign = strchr(text, '=');
    if (sign == NULL)
        return config_fail(config, entry, "this is neither NAME = VALUE nor [VERB]", failure);
    *sign = '\0';
    const char *value = trim(sign + 1);
    entry->option = option_find(trim(text));
    const char *problem = problem_of(config, entry, value);
    if (problem != NULL) {
        char sentence[200];
        snprintf(sentence, sizeof sentence, "%.80s: %s", trim(text), problem);
        return config_fail(config, entry, sentence, failure);
    }
    entry->value =
        is_path(entry->option) ? resolve(&config->files[entry->file], value) : strdup(value);
    if (entry->value == NULL)
        return ql_fail_memory(failure);
    config->entries[config->count++] = *entry;
    return 0;
}

static int take_line(struct config *config, struct config_entry *entry, char *line,
                     struct ql_failure *failure)
{
    char *text = trim(line);
    const size_t length = strlen(text);
    if (length == 0 || text[0] == '#' || text[0] == ';')
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (iscntrl((unsigned char)text[i]) && text[i] != '\t')
            return config_fail(config, entry, "there is a control character in it", failure);
    }
    if (text[0] != '[')
        return take_setting(config, entry, text, failure);
    if (text[length - 1] != ']')
        return config_fail(config, entry, "a line that begins with [ is [VERB], no more", failure);
    text[length - 1] = '\0';
    const char *name = trim(text + 1);
    char sentence[100];
    snprintf(sentence, sizeof sentence, "[%.60s]: there is no such verb", name);
    entry->verb = cli_find_verb(name);
    return entry->verb != NULL ? 0 : config_fail(config, entry, sentence, failure);
}

static int take_text(struct config *config, size_t file, char *text, struct ql_failure *failure)
{
    struct config_entry entry = {.file = file};
    int result = 0;
    while (result == 0 && text != NULL) {
        char *end = strchr(text, '\n');
        if (end != NULL)
            *end++ = '\0';
        entry.line++;
        result = take_line(config, &entry, text, failure);
        text = end;
    }
    return result;
}

// A project file that somebody else could have written is not read.
static bool is_trusted(const struct config_file *file)
{
    struct stat status;
    if (!file->is_project || stat(file->path, &status) != 0)
        return true;
    if (status.st_uid == getuid() && (status.st_mode & S_IWOTH) == 0)
        return true;
    fprintf(stderr, "%squadlane:%s %s is not read: others may write to it\n",
            terminal_color(stderr, COLOR_WARNING), terminal_color(stderr, COLOR_NONE), file->path);
    return false;
}

static int read_file(struct config *config, size_t index, bool named, struct ql_failure *failure)
{
    struct config_file *file = &config->files[index];
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!is_trusted(file))
        return 0;
    int result = ql_file_read(file->path, &bytes, &size, failure);
    if (result == -QL_FILE_MISSING && !named)
        return 0;
    if (result != 0) {
        failure->code = QL_CONFIGURATION;
        ql_hint(failure, "--config FILE names a configuration file, /dev/null none");
        return -QL_CONFIGURATION;
    }
    file->there = true;
    char *text = strndup((const char *)bytes, size);
    free(bytes);
    if (text == NULL)
        return ql_fail_memory(failure);
    if (strlen(text) != size)
        result =
            ql_fail(failure, QL_CONFIGURATION, "%s is no text: it holds a zero byte", file->path);
    else
        result = take_text(config, index, text, failure);
    free(text);
    return result;
}

int config_load(struct config *config, const struct cli *cli, struct ql_failure *failure)
{
    const bool named = cli->config_file != NULL;
    *config = (struct config){0};
    if (named) {
        snprintf(config->files[0].path, sizeof config->files[0].path, "%s", cli->config_file);
        config->file_count = 1;
    } else {
        add_project_file(config);
        add_user_file(config);
    }
    int result = 0;
    for (size_t i = 0; result == 0 && i < config->file_count; i++)
        result = read_file(config, i, named, failure);
    return result;
}
