// quadlane keys: issuers, and the keys that they sign.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/cli/keys_file.h"
#include "host/issuer.h"

#include <string.h>

static int run_issuer(struct cli *cli)
{
    struct ql_issuer issuer;
    char text[QL_FINGERPRINT_TEXT];
    uint8_t fingerprint[QL_FINGERPRINT_SIZE];
    const char *name = cli->arguments[1];
    const int result = ql_issuer_create(&issuer, name, &cli->failure);
    if (result != 0)
        return result;
    ql_fingerprint(issuer.key, fingerprint);
    ql_fingerprint_text(fingerprint, text);
    ql_issuer_forget(&issuer);
    cli_set(cli, "issuer", json_string(text));
    cli_set(cli, "name", cli_text(name));
    cli_say(cli, "issuer %s\n", text);
    cli_say(cli,
            "%s.key  the secret that signs keys: keep a copy in a safe place, give it to nobody\n",
            name);
    cli_say(cli, "%s.pub  for the bootloader: make ISSUER=%s.pub\n", name, name);
    return 0;
}

static int parse_terms(struct cli *cli, struct ql_terms *terms)
{
    *terms = (struct ql_terms){QL_PERMIT_ALL, QL_GENERATION_DEFAULT, 0};
    int result = 0;
    if (cli->allow != NULL)
        result = cli_parse_permissions(cli->allow, &terms->permissions, &cli->failure);
    if (result == 0 && cli->generation != NULL)
        result = cli_parse_number(cli->generation, "generation", &terms->generation, &cli->failure);
    if (result == 0 && cli->not_after != NULL &&
        !ql_date_parse(cli->not_after, &terms->not_after)) {
        ql_fail(&cli->failure, QL_USAGE, "--not-after %s: no date", cli->not_after);
        ql_hint(&cli->failure, "write it as 2030-12-31");
        result = -QL_USAGE;
    }
    return result;
}

// "everything, generation 1, until 2030-12-31"
static const char *terms_text(struct ql_terms terms)
{
    static char text[128];
    char date[QL_DATE_TEXT];
    const int length = snprintf(text, sizeof text, "%s, generation %u",
                                cli_permissions(terms.permissions), terms.generation);
    ql_date_text(terms.not_after, date);
    if (terms.not_after != 0)
        snprintf(text + length, sizeof text - (size_t)length, ", until %s", date);
    return text;
}

static json_t *terms_json(const char *board_id, struct ql_terms terms)
{
    char date[QL_DATE_TEXT];
    ql_date_text(terms.not_after, date);
    return json_pack("{s:s, s:s, s:I, s:I, s:o}", "board_id", board_id, "allows",
                     cli_permissions(terms.permissions), "permissions",
                     (json_int_t)terms.permissions, "generation", (json_int_t)terms.generation,
                     "not_after", terms.not_after != 0 ? json_string(date) : json_null());
}

static int run_grant(struct cli *cli)
{
    struct ql_issuer issuer;
    struct ql_terms terms;
    struct ql_key key;
    uint8_t id[QL_BOARD_ID_SIZE];
    char id_text[QL_BOARD_ID_TEXT];
    char key_text[QL_KEY_TEXT];
    const char *file = cli->keys != NULL ? cli->keys : KEYS_FILE_NAME;
    if (!ql_board_id_parse(cli->arguments[1], id)) {
        ql_fail(&cli->failure, QL_USAGE, "\"%s\" is no board id", cli->arguments[1]);
        ql_hint(&cli->failure, "it has 64 hexadecimal digits; `quadlane id` prints it");
        return -QL_USAGE;
    }
    if (cli->issuer == NULL) {
        ql_fail(&cli->failure, QL_USAGE, "grant needs --issuer NAME.key, which signs the key");
        ql_hint(&cli->failure, "`quadlane keys issuer NAME` makes one");
        return -QL_USAGE;
    }
    int result = parse_terms(cli, &terms);
    if (result == 0)
        result = ql_issuer_read(&issuer, cli->issuer, true, &cli->failure);
    if (result != 0)
        return result;
    ql_key_sign(&key, id, terms, issuer.secret);
    const bool right = ql_key_verify(&key, id, issuer.key);
    ql_issuer_forget(&issuer);
    if (!right)
        return ql_fail(&cli->failure, QL_INTERNAL, "the signature just made does not hold");
    ql_board_id_text(id, id_text);
    ql_key_text(&key, key_text);
    result = keys_put(file, id_text, key_text, &cli->failure);
    if (result != 0)
        return result;
    json_t *one = terms_json(id_text, terms);
    json_object_update(cli->result, one);
    json_decref(one);
    cli_set(cli, "file", cli_text(file));
    cli_set(cli, "key", json_string(key_text));
    cli_say(cli, "%s: %s\n%s has its key now\n", id_text, terms_text(terms), file);
    return 0;
}

// What is to be said of an entry; 0 if it can be used.
static int judge(const char *text, const uint8_t id[QL_BOARD_ID_SIZE],
                 const struct ql_issuer *issuer, struct ql_terms *terms, const char **verdict)
{
    struct ql_key key;
    *terms = (struct ql_terms){0};
    if (text == NULL || !ql_key_parse(text, &key)) {
        *verdict = "malformed";
        return -QL_KEYS_FILE;
    }
    *terms = ql_key_terms(&key);
    if (issuer != NULL && !ql_key_verify(&key, id, issuer->key)) {
        *verdict = "not signed by this issuer for this board";
        return -QL_KEY_WRONG;
    }
    if (terms->not_after != 0 && ql_today() > terms->not_after) {
        *verdict = "expired";
        return -QL_KEY_EXPIRED;
    }
    *verdict = issuer != NULL ? "right" : "well-formed";
    return 0;
}

// Goes through the file's boards; returns the first problem's code.
static int list_file(struct cli *cli, const char *path, json_t *object,
                     const struct ql_issuer *issuer, bool verdicts)
{
    int worst = 0;
    json_t *list = json_array();
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        uint8_t id[QL_BOARD_ID_SIZE];
        struct ql_terms terms;
        const char *verdict;
        if (!ql_board_id_parse(name, id))
            continue;
        const int result = judge(json_string_value(value), id, issuer, &terms, &verdict);
        worst = worst == 0 ? result : worst;
        json_t *one = terms_json(name, terms);
        json_object_set_new(one, "verdict", json_string(verdict));
        json_array_append_new(list, one);
        cli_say(cli, "%s: %s%s%s\n", name, result == -QL_KEYS_FILE ? verdict : terms_text(terms),
                verdicts && result != -QL_KEYS_FILE ? ": " : "",
                verdicts && result != -QL_KEYS_FILE ? verdict : "");
    }
    const size_t count = json_array_size(list);
    cli_say(cli, "%zu key%s in %s\n", count, count == 1 ? "" : "s", path);
    cli_set(cli, "file", cli_text(path));
    cli_set(cli, "keys", list);
    return worst;
}

// The file that is meant: the named one, or the first that is there.
static int load_file(struct cli *cli, char path[KEYS_PATH_SIZE], json_t **object)
{
    struct keys_places places = {.count = 1};
    int result = -QL_FILE_MISSING;
    if (cli->keys != NULL)
        snprintf(places.paths[0], KEYS_PATH_SIZE, "%s", cli->keys);
    else
        keys_places(&places);
    for (size_t i = 0; i < places.count && result == -QL_FILE_MISSING; i++) {
        memcpy(path, places.paths[i], KEYS_PATH_SIZE);
        result = keys_load(path, object, &cli->failure);
    }
    if (result == -QL_FILE_MISSING && cli->keys == NULL) {
        ql_fail(&cli->failure, QL_FILE_MISSING,
                "there is no " KEYS_FILE_NAME " beside the tool, in this folder or in the user's "
                "configuration");
        ql_hint(&cli->failure, "name it with --keys");
    }
    return result;
}

static int run_list(struct cli *cli, bool verdicts)
{
    struct ql_issuer issuer;
    char path[KEYS_PATH_SIZE];
    json_t *object = NULL;
    const bool has_issuer = verdicts && cli->issuer != NULL;
    int result = load_file(cli, path, &object);
    if (result == 0 && has_issuer)
        result = ql_issuer_read(&issuer, cli->issuer, false, &cli->failure);
    if (result == 0) {
        result = list_file(cli, path, object, has_issuer ? &issuer : NULL, verdicts);
        if (!verdicts)
            result = 0;
        else if (result != 0)
            ql_fail(&cli->failure, (enum ql_code) - result, "%s holds keys that cannot be used",
                    path);
    }
    if (has_issuer)
        ql_issuer_forget(&issuer);
    json_decref(object);
    return result;
}

static int run(struct cli *cli)
{
    const char *what = cli->arguments[0];
    const int wanted = strcmp(what, "issuer") == 0 || strcmp(what, "grant") == 0 ? 2 : 1;
    const bool known = wanted == 2 || strcmp(what, "show") == 0 || strcmp(what, "check") == 0;
    if (!known || cli->argument_count != wanted) {
        ql_fail(&cli->failure, QL_USAGE, known ? "keys %s takes %s" : "keys does not know \"%s\"%s",
                what,
                !known        ? ""
                : wanted == 2 ? "one more argument"
                              : "no further argument");
        ql_hint(&cli->failure, "keys issuer NAME, keys grant BOARD_ID, keys show, or keys check");
        return -QL_USAGE;
    }
    if (strcmp(what, "issuer") == 0)
        return run_issuer(cli);
    if (strcmp(what, "grant") == 0)
        return run_grant(cli);
    return run_list(cli, strcmp(what, "check") == 0);
}

const struct cli_verb cli_keys = {
    .name = "keys",
    .arguments = "COMMAND [NAME | BOARD_ID]",
    .summary = "make and look at the keys of locked boards",
    .text =
        "keys issuer NAME     makes an issuer: NAME.key signs keys, NAME.pub goes into "
        "bootloaders\n"
        "keys grant BOARD_ID  signs a key for one board (--issuer NAME.key) and puts it into "
        "keys.json\n"
        "keys show            what the keys in keys.json permit\n"
        "keys check           can they be used: form, date, and with --issuer NAME.pub the "
        "signatures\n"
        "\n"
        "Only a bootloader built with `make ISSUER=NAME.pub` asks for a key. The tool looks for\n"
        "keys.json beside itself, in the working directory and in ~/.config/quadlane; grant "
        "writes\n"
        "it into the working directory.",
    .words = "issuer grant show check",
    .options = CLI_KEYS | CLI_ISSUER | CLI_ALLOW | CLI_GENERATION | CLI_NOT_AFTER | CLI_COMMON,
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};
