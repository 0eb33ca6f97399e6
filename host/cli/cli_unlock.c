// A locked board: finding its key and showing it, or saying what to do without one.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/cli/keys_file.h"

#include <string.h>

static int fail_locked(struct cli *cli)
{
    const struct ql_board *board = &cli->connection.board;
    char id[QL_BOARD_ID_TEXT];
    char issuer[QL_FINGERPRINT_TEXT];
    ql_board_id_text(board->id, id);
    ql_fingerprint_text(board->issuer, issuer);
    ql_fail(&cli->failure, QL_LOCKED,
            "this board is locked by the issuer %s, and there is no key for its board id %s in %s",
            issuer, id, cli->keys != NULL ? cli->keys : "any " KEYS_FILE_NAME);
    ql_hint(&cli->failure,
            "send this board id to the vendor: %s; put the keys.json that comes back beside the "
            "tool or into this folder, or name it with --keys",
            id);
    cli->failure.board_status = QL_STATUS_LOCKED;
    return -QL_LOCKED;
}

static int check_date(struct cli *cli, const struct ql_key *key, const char *path)
{
    char date[QL_DATE_TEXT];
    const struct ql_terms terms = ql_key_terms(key);
    if (terms.not_after == 0 || ql_today() <= terms.not_after)
        return 0;
    ql_date_text(terms.not_after, date);
    ql_fail(&cli->failure, QL_KEY_EXPIRED, "the key for this board in %.200s was good until %s",
            path, date);
    ql_hint(&cli->failure,
            "ask the vendor for a new key; if this computer's date is wrong, set it");
    return -QL_KEY_EXPIRED;
}

static bool works_locked(const struct cli *cli)
{
    return cli->verb->works_locked && !cli->needs_key;
}

static int unlock(struct cli *cli)
{
    struct ql_connection *connection = &cli->connection;
    char path[KEYS_PATH_SIZE];
    struct ql_key key;
    int result = keys_find(cli->keys, connection->board.id, &key, path, &cli->failure);
    if (result == -QL_LOCKED)
        return fail_locked(cli);
    if (result == 0)
        result = check_date(cli, &key, path);
    if (result == 0)
        result = ql_board_unlock(&connection->link, &connection->board, &key, !works_locked(cli),
                                 &cli->failure);
    if (result != 0)
        return result;
    ql_note(&cli->observer, "unlocked by the key in %s: %s", path,
            cli_permissions(connection->board.permissions));
    connection->has_key = true;
    connection->key = key;
    return 0;
}

int cli_unlock(struct cli *cli)
{
    struct ql_connection *connection = &cli->connection;
    if (!ql_board_is_locked(&connection->board))
        return 0;
    const int result = unlock(cli);
    if (result == 0)
        return ql_board_info(&connection->link, &connection->board, &cli->failure);
    // What works without a key works with a wrong one.
    const bool line = result == -QL_BOARD_LOST || result == -QL_BOARD_SILENT ||
                      result == -QL_BOARD_NONSENSE || result == -QL_INTERRUPTED;
    return works_locked(cli) && !line ? 0 : result;
}

static bool is_permitted(const struct ql_board *board, uint32_t permissions)
{
    return !ql_board_has(board, QL_INFO_LOCK) || (board->permissions & permissions) == permissions;
}

int cli_need(struct cli *cli, uint32_t permissions)
{
    struct ql_connection *connection = &cli->connection;
    const struct ql_board *board = &connection->board;
    char held[64];
    if (is_permitted(board, permissions))
        return 0;
    int result = unlock(cli);
    if (result == 0)
        result = ql_board_info(&connection->link, &connection->board, &cli->failure);
    if (result != 0 || is_permitted(board, permissions))
        return result;
    snprintf(held, sizeof held, "%s", cli_permissions(board->permissions));
    ql_fail(&cli->failure, QL_LOCKED, "the key for this board permits %s, not %s", held,
            cli_permissions(permissions));
    ql_hint(&cli->failure, "ask the vendor for a key that permits it");
    cli->failure.board_status = QL_STATUS_LOCKED;
    return -QL_LOCKED;
}

bool cli_may_read(const struct cli *cli)
{
    const struct ql_board *board = &cli->connection.board;
    return !ql_board_has(board, QL_INFO_LOCK) || (board->permissions & QL_PERMIT_READ) != 0;
}

static const struct {
    uint32_t bit;
    const char *name;
} permits[] = {
    {QL_PERMIT_READ, "read"},
    {QL_PERMIT_WRITE, "write"},
    {QL_PERMIT_SETTINGS, "settings"},
    {QL_PERMIT_PROTECT, "protect"},
};

#define PERMIT_COUNT (sizeof permits / sizeof permits[0])

const char *cli_permissions(uint32_t permissions)
{
    static char text[64];
    size_t length = 0;
    if (permissions == QL_PERMIT_ALL)
        return "everything";
    text[0] = '\0';
    for (size_t i = 0; i < PERMIT_COUNT; i++) {
        if ((permissions & permits[i].bit) != 0)
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%s",
                                       length > 0 ? "," : "", permits[i].name);
    }
    return length > 0 ? text : "nothing";
}

int cli_parse_permissions(const char *text, uint32_t *permissions, struct ql_failure *failure)
{
    *permissions = 0;
    if (strcmp(text, "everything") == 0) {
        *permissions = QL_PERMIT_ALL;
        return 0;
    }
    for (const char *word = text; word != NULL;) {
        const size_t length = strcspn(word, ",");
        uint32_t bit = 0;
        for (size_t i = 0; i < PERMIT_COUNT; i++) {
            if (strlen(permits[i].name) == length && strncmp(word, permits[i].name, length) == 0)
                bit = permits[i].bit;
        }
        if (bit == 0) {
            ql_fail(failure, QL_USAGE, "--allow %s: \"%.*s\" is no permission", text, (int)length,
                    word);
            ql_hint(failure, "everything, or some of read,write,settings,protect");
            return -QL_USAGE;
        }
        *permissions |= bit;
        word = word[length] != '\0' ? word + length + 1 : NULL;
    }
    // The board takes nobody's update who may not read, and how it is protected is read, too.
    if ((*permissions & (QL_PERMIT_WRITE | QL_PERMIT_PROTECT)) != 0)
        *permissions |= QL_PERMIT_READ;
    return 0;
}
