// quadlane manual: the page quadlane(1), made from the tables that --help prints (man(7)).
//
// SPDX-License-Identifier: MIT
#include "host/cli/options.h"

#include <string.h>

// Text as roff reads it; a line that would begin like a request is kept from it.
static void print_text(const char *text, size_t length)
{
    if (length > 0 && (text[0] == '.' || text[0] == '\''))
        printf("\\&");
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\')
            printf("\\e");
        else if (text[i] == '-')
            printf("\\-");
        else if (text[i] == '`')
            printf("\\(ga");
        else if (text[i] == '\'')
            printf("\\(aq");
        else
            putchar(text[i]);
    }
}

static void print_word(const char *text)
{
    print_text(text, strlen(text));
}

// Lines in columns, and such as begin with white space, stay as they are.
static bool is_table(const char *text, size_t length)
{
    bool begins = true;
    for (size_t i = 0; i < length; i++) {
        if ((begins && text[i] == ' ') || strncmp(text + i, "   ", 3) == 0)
            return true;
        begins = text[i] == '\n';
    }
    return false;
}

// One line of the source for each line of the help page; paragraphs have an empty line between.
static void print_paragraphs(const char *text)
{
    for (bool first = true; *text != '\0'; first = false) {
        const char *end = strstr(text, "\n\n");
        const size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
        const bool table = is_table(text, length);
        printf("%s%s", first ? "" : ".PP\n", table ? ".nf\n" : "");
        for (size_t at = 0; at < length;) {
            const size_t line = strcspn(text + at, "\n");
            print_text(text + at, line);
            putchar('\n');
            at += line + 1;
        }
        if (table)
            printf(".fi\n");
        text += length + strspn(text + length, "\n");
    }
}

static void print_option(const struct cli_verb *verb, const struct option_text *option)
{
    printf(".TP\n\\fB\\-\\-");
    print_word(option->name);
    printf("\\fR");
    if (option->value != NULL)
        printf(" \\fI%s\\fR", option->value);
    putchar('\n');
    print_word(option_meaning(verb, option));
    putchar('\n');
}

static void print_verb(const struct cli_verb *verb)
{
    printf(".SS quadlane %s ", verb->name);
    print_word(verb->arguments);
    putchar('\n');
    print_paragraphs(verb->text);
    for (size_t i = 0; cli_options[i].name != NULL; i++) {
        const struct option_text *option = &cli_options[i];
        const bool common = (option->option & CLI_BOARD) != 0;
        if ((verb->options & option->option) != 0 &&
            (!common || option_meaning(verb, option) != option->text))
            print_option(verb, option);
    }
}

static void print_options(void)
{
    printf(".SH OPTIONS\nThose that many verbs take. The others stand with their verbs.\n");
    for (size_t i = 0; cli_options[i].name != NULL; i++) {
        if ((cli_options[i].option & CLI_BOARD) != 0)
            print_option(NULL, &cli_options[i]);
    }
}

static void print_codes(void)
{
    printf(".SH EXIT STATUS\n");
    for (const struct ql_code_entry *entry = ql_code_table; entry->name != NULL; entry++) {
        printf(".TP\n\\fB%d\\fR ", (int)entry->code);
        print_word(entry->name);
        putchar('\n');
        print_word(entry->text);
        putchar('\n');
    }
}

static const char files_and_more[] =
    ".SH FILES\n"
    ".TP\n\\fI.quadlane\\fR, \\fI~/.config/quadlane/config\\fR\n"
    "configuration files, see \\fBquadlane config\\fR\n"
    ".TP\n\\fIkeys.json\\fR\n"
    "keys of locked boards: beside the tool, in the working directory, in "
    "\\fI~/.config/quadlane\\fR\n"
    ".SH ENVIRONMENT\n"
    ".TP\n\\fBQUADLANE_RUNTIME_DIR\\fR\n"
    "where the sockets of virtual boards are\n"
    ".TP\n\\fBXDG_CONFIG_HOME\\fR\n"
    "in place of \\fI~/.config\\fR\n"
    ".TP\n\\fBNO_COLOR\\fR\n"
    "if not empty, no colours\n"
    ".TP\n\\fBTERM\\fR\n"
    "if \\fBdumb\\fR, neither colours nor a progress bar\n"
    ".SH SEE ALSO\n"
    ".BR quadlane\\-board (1)\n";

static int run(struct cli *cli)
{
    (void)cli;
    printf(".\\\" Made by `quadlane manual` from the tool's own tables.\n"
           ".TH QUADLANE 1 \"\" \"quadlane " QUADLANE_VERSION "\" \"User Commands\"\n"
           ".nh\n.ad l\n"
           ".SH NAME\nquadlane \\- programs for the flash chip of STM32H750 boards, over USB\n"
           ".SH SYNOPSIS\n\\fBquadlane\\fR \\fIVERB\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]\n"
           ".SH DESCRIPTION\n");
    print_paragraphs(cli_general_help);
    printf(".SH VERBS\n");
    for (size_t i = 0; cli_verbs[i] != NULL; i++)
        print_verb(cli_verbs[i]);
    print_options();
    print_codes();
    printf("%s", files_and_more);
    return 0;
}

const struct cli_verb cli_manual = {
    .name = "manual",
    .arguments = "",
    .summary = "print the manual page",
    .text = "Prints the page quadlane(1), which holds the help pages of all verbs, for `man`:\n"
            "\n"
            "    quadlane manual | man -l -",
    .options = CLI_BASIC,
    .reads_no_config = true,
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
