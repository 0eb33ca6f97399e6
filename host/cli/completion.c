// Candidates for the word at the cursor, from the tables of verbs and options.
//
// SPDX-License-Identifier: MIT
#include "host/cli/completion.h"

#include "host/cli/options.h"
#include "host/cli/support.h"
#include "host/gdb_kind.h"
#include "host/install.h"
#include "host/settings.h"

#include <string.h>

// The word at the cursor: `kept` characters of it stay as they are, the rest is looked for.
struct cursor {
    const char *word;
    int kept;
};

static void offer(const struct cursor *cursor, const char *candidate, const char *meaning)
{
    const char *begun = cursor->word + cursor->kept;
    if (strncmp(candidate, begun, strlen(begun)) == 0)
        printf("%.*s%s\t%s\n", cursor->kept, cursor->word, candidate, meaning);
}

// Words with spaces or commas between them.
static void offer_list(const struct cursor *cursor, const char *list)
{
    while (*(list += strspn(list, ", ")) != '\0') {
        char word[64];
        const size_t length = strcspn(list, ", ");
        snprintf(word, sizeof word, "%.*s", (int)length, list);
        offer(cursor, word, "");
        list += length;
    }
}

static void offer_boards(const struct cursor *cursor, bool serials)
{
    struct ql_found found[QL_FOUND_MAX];
    size_t count;
    ql_list(found, &count);
    for (size_t i = 0; i < count; i++) {
        const char *other = serials ? found[i].port : found[i].serial;
        char meaning[QL_TEXT_SIZE + QL_PORT_SIZE];
        snprintf(meaning, sizeof meaning, "%s %s", found[i].name, other);
        if (!serials || found[i].serial[0] != '\0')
            offer(cursor, serials ? found[i].serial : found[i].port, meaning);
    }
}

static void offer_ports(const struct cursor *cursor)
{
    offer_boards(cursor, false);
}

// Several of them may stand in one word.
static struct cursor last_of_list(const struct cursor *cursor)
{
    const char *comma = strrchr(cursor->word, ',');
    return (struct cursor){cursor->word,
                           comma != NULL ? (int)(comma + 1 - cursor->word) : cursor->kept};
}

static void offer_serials(const struct cursor *cursor)
{
    const struct cursor last = last_of_list(cursor);
    offer_boards(&last, true);
}

static void offer_names(const struct cursor *cursor,
                        void (*list_names)(const char *, char *, size_t))
{
    struct ql_failure ignored;
    char tool[PATH_MAX];
    char support[PATH_MAX];
    char list[512];
    if (cli_find_support(tool, support, &ignored) != 0)
        return;
    list_names(support, list, sizeof list);
    offer_list(cursor, list);
}

static void offer_board_names(const struct cursor *cursor)
{
    offer_names(cursor, cli_board_names);
}

static void offer_adapters(const struct cursor *cursor)
{
    offer_names(cursor, cli_adapter_names);
}

static void offer_kinds(const struct cursor *cursor)
{
    offer_list(cursor, ql_gdb_kind_names());
}

static void offer_colors(const struct cursor *cursor)
{
    offer_list(cursor, "auto always never");
}

static void offer_ways(const struct cursor *cursor)
{
    for (enum ql_via via = QL_VIA_DFU; via <= QL_VIA_MAKER; via++)
        offer(cursor, ql_via_name(via), "");
}

static void offer_permissions(const struct cursor *cursor)
{
    const struct cursor last = last_of_list(cursor);
    if (strchr(cursor->word, ',') == NULL)
        offer(cursor, cli_permissions(QL_PERMIT_ALL), "");
    for (uint32_t bit = QL_PERMIT_READ; bit <= QL_PERMIT_PROTECT; bit <<= 1)
        offer(&last, cli_permissions(bit), "");
}

static void offer_settings(const struct cursor *cursor)
{
    for (const struct ql_setting_type *type = ql_setting_types; type->name != NULL; type++)
        offer(cursor, type->name, type->takes);
}

static void offer_verbs(const struct cursor *cursor)
{
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        offer(cursor, cli_verbs[i]->name, cli_verbs[i]->summary);
}

static void offer_options(const struct cursor *cursor, const struct cli_verb *verb)
{
    const uint64_t taken = verb != NULL ? verb->options : CLI_HELP | CLI_VERSION;
    for (size_t i = 0; cli_options[i].name != NULL; i++) {
        char word[48];
        snprintf(word, sizeof word, "--%s", cli_options[i].name);
        if ((taken & cli_options[i].option) != 0)
            offer(cursor, word, option_meaning(verb, &cli_options[i]));
    }
}

static void offer_value(const struct cursor *cursor, const struct option_text *option)
{
    static const struct {
        const char *name;
        void (*offer)(const struct cursor *cursor);
    } sources[] = {
        {"port", offer_ports},        {"touch", offer_ports},      {"serial", offer_serials},
        {"board", offer_board_names}, {"adapter", offer_adapters}, {"kind", offer_kinds},
        {"color", offer_colors},      {"via", offer_ways},         {"allow", offer_permissions}};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (strcmp(option->name, sources[i].name) == 0)
            sources[i].offer(cursor);
    }
    if (strcmp(option->value, "FILE") == 0)
        printf(":files\n");
    if (strcmp(option->value, "PATH") == 0)
        printf(":folders\n");
}

// Where in the command line of a verb the cursor is.
struct place {
    const struct cli_verb *verb;
    const struct option_text *option; // whose value is asked for
    int arguments;                    // before the cursor
    bool after_dashes;                // behind "--"
};

static const struct option_text *option_before_value(const char *word)
{
    const struct option_text *option = strncmp(word, "--", 2) == 0 ? option_find(word + 2) : NULL;
    return option != NULL && option->value != NULL ? option : NULL;
}

static struct place find_place(char *const *words, int count)
{
    struct place place = {.verb = cli_find_verb(words[0])};
    for (int i = 1; i < count - 1; i++) {
        const struct option_text *option = option_before_value(words[i]);
        place.after_dashes = place.after_dashes || strcmp(words[i], "--") == 0;
        if (option != NULL && i + 1 == count - 1)
            place.option = option;
        else if (option != NULL)
            i++;
        else if (words[i][0] != '-')
            place.arguments++;
    }
    return place;
}

static void offer_argument(const struct cursor *cursor, const struct place *place)
{
    const struct cli_verb *verb = place->verb;
    static const char *const files[] = {"FILE", "IN", "SERVER"};
    if (verb == &cli_set_verb && place->arguments == 0)
        offer_settings(cursor);
    if (verb == &cli_config && place->arguments == 0)
        offer_verbs(cursor);
    if (verb->words != NULL && place->arguments == 0) {
        offer_list(cursor, verb->words);
        return;
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strstr(verb->arguments, files[i]) != NULL) {
            printf(":files\n");
            return;
        }
    }
}

void completion_print(char *const *words, int count)
{
    struct cursor cursor = {.word = words[count - 1]};
    if (count == 1) {
        offer_verbs(&cursor);
        offer_options(&cursor, NULL);
        return;
    }
    const struct place place = find_place(words, count);
    const char *sign = strchr(cursor.word, '=');
    char name[48];
    if (place.verb == NULL)
        return;
    if (place.option != NULL) {
        offer_value(&cursor, place.option);
    } else if (place.after_dashes) {
        printf(":files\n");
    } else if (cursor.word[0] == '-' && sign != NULL) {
        snprintf(name, sizeof name, "%.*s", (int)(sign - cursor.word), cursor.word);
        const struct option_text *option = option_before_value(name);
        cursor.kept = (int)(sign + 1 - cursor.word);
        if (option != NULL)
            offer_value(&cursor, option);
    } else if (cursor.word[0] == '-') {
        offer_options(&cursor, place.verb);
    } else {
        offer_argument(&cursor, &place);
    }
}
