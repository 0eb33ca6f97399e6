// Programs that must confirm their start, as the server's records and facts tell. Written from
// SPEC.md section 16.
//
// SPDX-License-Identifier: MIT
#include "core/server_entry.h"

#include "core/entry.h"

const struct records_run *server_confirming_run(struct server *server, uint32_t address)
{
    const struct records_run *run = records_find(&server->records, address);
    if (!run || !run->sealed || !(run->flags & QL_BEGIN_FLAG_PROGRAM) || nor_map(server->nor) != 0)
        return NULL;
    const uint8_t *program = update_chip_bytes(&server->update, address);
    return entry_must_confirm(program, address, run->length) ? run : NULL;
}

bool server_attempts_are_spent(struct server *server)
{
    const struct records_run *run = server_confirming_run(server, server_boot_address(server));
    unsigned limit = server_settings(server)->attempts;
    return run && limit != 0 && entry_attempts(server->facts->attempts, run->sha256) >= limit;
}

bool server_attempts_next(struct server *server, uint32_t address, bool by_host, uint32_t *word)
{
    const struct records_run *run = server_confirming_run(server, address);
    if (run)
        *word = entry_attempts_next(by_host ? 0 : server->facts->attempts, run->sha256);
    return run != NULL;
}
