// UNLOCK (SPEC.md section 13).
//
// SPDX-License-Identifier: MIT
#include "host/unlock.h"

#include "abi/bytes.h"

#include <string.h>

#define TRIES   3
#define STEP_NS (100 * QL_NS_PER_MS)

static int wait(struct ql_link *link, uint32_t wait_ms, struct ql_failure *failure)
{
    const uint64_t start_ns = ql_link_now(link);
    const uint64_t wait_ns = (wait_ms + UINT64_C(1)) * QL_NS_PER_MS;
    for (;;) {
        const uint64_t now_ns = ql_link_now(link);
        const uint64_t waited_ns = now_ns - start_ns;
        if (waited_ns >= wait_ns)
            return 0;
        const struct ql_progress progress = {.phase = QL_PHASE_WAITING,
                                             .done = waited_ns / QL_NS_PER_MS,
                                             .total = wait_ms,
                                             .now_ns = now_ns};
        ql_observe(link->observer, &progress);
        if (ql_cancelled(link->observer))
            return ql_fail(failure, QL_INTERRUPTED, "interrupted");
        ql_clock_sleep(&link->transport.clock,
                       wait_ns - waited_ns < STEP_NS ? wait_ns - waited_ns : STEP_NS);
    }
}

int ql_board_unlock(struct ql_link *link, struct ql_board *board, const struct ql_key *key,
                    bool patient, struct ql_failure *failure)
{
    uint8_t payload[QL_UNLOCK_SIZE];
    struct ql_answer answer;
    ql_store_u32(payload + QL_UNLOCK_TODAY, ql_today());
    memcpy(payload + QL_UNLOCK_KEY, key->bytes, QL_KEY_SIZE);
    for (unsigned i = 0;; i++) {
        int result = ql_link_call(link, QL_KIND_UNLOCK, payload, sizeof payload,
                                  "unlocking the board", &answer, failure);
        if (result == 0)
            break;
        if (answer.status != QL_STATUS_WAIT || !patient || i + 1 == TRIES)
            return result;
        result = wait(link, answer.detail, failure);
        if (result != 0)
            return result;
    }
    if (answer.size < QL_UNLOCK_CONTENT_SIZE || ql_load_u32(answer.content) == 0)
        return ql_fail(failure, QL_KEY_WRONG, "the key permits nothing");
    board->permissions = ql_load_u32(answer.content);
    board->capabilities &= ~(uint32_t)QL_CAPABILITY_LOCKED;
    return 0;
}
