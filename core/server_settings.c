// The SETTINGS request. Written from SPEC.md section 14.
//
// SPDX-License-Identifier: MIT
#include "core/server_settings.h"

#include <string.h>

void server_settings_apply(struct server *server)
{
    settings_read(&server->settings, server->records.settings);
    server->settings_written = server->records.settings_written;
    lock_set_lowest(&server->lock, server->settings.lowest_generation);
}

static struct outcome address_check(const struct server *server, uint32_t address)
{
    struct outcome range = update_range_check(&server->update, address, BOOT_VECTORS_SIZE, true);
    if (range.status == QL_STATUS_OK && address % QL_BOOT_ALIGNMENT != 0)
        return (struct outcome){QL_STATUS_ALIGNMENT, address};
    return range;
}

struct outcome server_settings_check(const struct server *server, const uint8_t *items,
                                     uint32_t length, uint8_t store[QL_SETTINGS_SIZE])
{
    struct settings wanted;
    memcpy(store, server->records.settings, QL_SETTINGS_SIZE);
    struct outcome outcome = settings_change(store, items, length);
    settings_read(&wanted, store);
    if (outcome.status == QL_STATUS_OK && length > 0)
        outcome = update_chip_check(&server->update);
    if (outcome.status == QL_STATUS_OK && settings_has(items, length, QL_SETTING_BOOT_ADDRESS) &&
        settings_has(store, QL_SETTINGS_SIZE, QL_SETTING_BOOT_ADDRESS))
        outcome = address_check(server, wanted.boot_address);
    if (outcome.status == QL_STATUS_OK && settings_has(items, length, QL_SETTING_GENERATION))
        outcome = lock_check_lowest(&server->lock, wanted.lowest_generation);
    return outcome;
}

bool server_settings_run(struct server *server, struct outcome *outcome)
{
    const struct server_request *job = &server->job;
    uint8_t store[QL_SETTINGS_SIZE];
    if (server->job_begun) {
        *outcome = server->update.kept;
        return true;
    }
    // Looked at again: a change that came before, from a line that was lost, may just have ended.
    *outcome = server_settings_check(server, job->payload, job->length, store);
    if (outcome->status == QL_STATUS_OK && job->length > 0)
        *outcome = update_keep(&server->update, store);
    server->job_begun = true;
    return outcome->status != QL_STATUS_OK || job->length == 0;
}
