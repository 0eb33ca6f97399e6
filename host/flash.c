// Flashing an image: checks, comparison with the chip, one update for each extent, program last.
//
// SPDX-License-Identifier: MIT
#include "host/flash.h"

#include "host/exst.h"
#include "host/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS_AT_ONCE 64U // 256 KiB: the board answers soon, and progress can be seen
#define RESTARTS_MAX    3

int ql_flash_check(const struct ql_area *area, struct ql_image *image,
                   const struct ql_flash_options *options, struct ql_failure *failure)
{
    int result = 0;
    for (size_t i = 0; i < image->count && result == 0 && !options->is_program; i++) {
        const struct ql_extent *extent = &image->extents[i];
        if (ql_area_is_image(area, extent))
            result = ql_exst_check(options->name, extent->data, extent->size, failure);
    }
    if (result == 0)
        result = ql_area_check_image(area, options->name, image, options->is_program, failure);
    if (result != 0)
        return result;
    const struct ql_extent *program = &image->extents[image->program];
    if (options->is_program)
        result = ql_vectors_check(options->name, program->address, program->data, program->size,
                                  failure);
    return result != 0 ? result : ql_image_align(image, area->sector_size, failure);
}

static uint32_t sector_count(const struct ql_extent *extent)
{
    return (uint32_t)(((uint64_t)extent->size + QL_SECTOR_SIZE - 1) / QL_SECTOR_SIZE);
}

struct job {
    struct ql_connection *connection;
    const struct ql_image *image;
    const struct ql_flash_options *options;
    struct ql_flash_result *result;
    struct ql_failure *failure;
    struct ql_plan *plans; // one for each extent
    uint64_t compared, compare_total;
};

static void show_comparing(const struct job *job)
{
    const struct ql_progress progress = {.phase = QL_PHASE_COMPARING,
                                         .done = job->compared,
                                         .total = job->compare_total,
                                         .now_ns = ql_link_now(&job->connection->link)};
    ql_observe(job->connection->observer, &progress);
}

static int read_digests(struct job *job, const struct ql_extent *extent,
                        uint8_t (*digests)[QL_SECTOR_DIGEST_SIZE])
{
    const uint32_t count = sector_count(extent);
    for (uint32_t done = 0; done < count;) {
        const uint32_t left = count - done;
        const uint32_t step = left < SECTORS_AT_ONCE ? left : SECTORS_AT_ONCE;
        show_comparing(job);
        const int result =
            ql_board_sectors(&job->connection->link, extent->address + done * QL_SECTOR_SIZE, step,
                             digests + done, job->failure);
        if (result != 0)
            return result;
        done += step;
        job->compared += (uint64_t)step * QL_SECTOR_SIZE;
    }
    show_comparing(job);
    return 0;
}

static int plan_extent(struct job *job, size_t index)
{
    const struct ql_extent *extent = &job->image->extents[index];
    const struct ql_board *board = &job->connection->board;
    struct ql_plan *plan = &job->plans[index];
    const bool is_bootloader = ql_area_is_image(&board->area, extent);
    const bool compare = !job->options->full && (board->capabilities & QL_CAPABILITY_SECTORS) != 0;
    uint8_t(*digests)[QL_SECTOR_DIGEST_SIZE] = NULL;
    int result = 0;
    if (compare) {
        digests = calloc(sector_count(extent), sizeof *digests);
        result =
            digests != NULL ? read_digests(job, extent, digests) : ql_fail_memory(job->failure);
    }
    const uint32_t room = board->payload_max < board->window ? board->payload_max : board->window;
    struct ql_plan_request request = {
        .address = extent->address,
        .data = extent->data,
        .size = extent->size,
        .digests = (const uint8_t(*)[QL_SECTOR_DIGEST_SIZE])digests,
        .write_max = (room - QL_STREAM_DATA) / QL_WRITE_GRANULE * QL_WRITE_GRANULE,
        .unfinished = ql_board_is_unfinished(board, extent->address, extent->size),
        .first_page_last =
            is_bootloader || (job->options->is_program && index == job->image->program),
    };
    if (request.write_max > QL_WRITE_LENGTH_MAX)
        request.write_max = QL_WRITE_LENGTH_MAX;
    if (result == 0)
        result = ql_plan_make(plan, &board->geometry, &request, job->failure);
    if (result == 0 && is_bootloader && digests != NULL && plan->count > 0) {
        // A cut shall leave no vector table, whichever sectors differ.
        memset(digests[0], 0, sizeof digests[0]);
        ql_plan_free(plan);
        result = ql_plan_make(plan, &board->geometry, &request, job->failure);
    }
    free(digests);
    return result;
}

static int plan_all(struct job *job)
{
    struct ql_flash_result *sum = job->result;
    sum->sectors = sum->sectors_unchanged = 0;
    sum->write_bytes = sum->erase_bytes = 0;
    job->compared = job->compare_total = 0;
    for (size_t i = 0; i < job->image->count; i++)
        job->compare_total += (uint64_t)sector_count(&job->image->extents[i]) * QL_SECTOR_SIZE;
    for (size_t i = 0; i < job->image->count; i++) {
        const int result = plan_extent(job, i);
        if (result != 0)
            return result;
        const struct ql_plan *plan = &job->plans[i];
        sum->sectors += plan->sectors;
        sum->sectors_unchanged += plan->sectors_unchanged;
        sum->write_bytes += plan->write_bytes;
        sum->erase_bytes += plan->erase_bytes;
        ql_note(job->connection->observer,
                "0x%08X: %u of %u sectors differ; %zu operations erase %llu and write %llu bytes, "
                "%.3f s of the chip's time",
                job->image->extents[i].address, plan->sectors - plan->sectors_unchanged,
                plan->sectors, plan->count, (unsigned long long)plan->erase_bytes,
                (unsigned long long)plan->write_bytes, (double)plan->typical_us / 1e6);
    }
    return 0;
}

// What progress counts: bytes written, or erased when nothing is to be written.
static uint64_t counted_bytes(const struct ql_plan *plan)
{
    return plan->write_bytes > 0 ? plan->write_bytes : plan->erase_bytes;
}

// Adds to the failure's sentence where the chip and the file differ first.
static void tell_difference(struct job *job, struct ql_extent *extent)
{
    struct ql_failure ignored;
    struct ql_difference difference;
    const struct ql_image image = {.extents = extent, .count = 1};
    if (ql_verify(job->connection, &image, &difference, &ignored) != 0 || !difference.differs)
        return;
    char *sentence = job->failure->sentence;
    const size_t length = strlen(sentence);
    snprintf(sentence + length, sizeof job->failure->sentence - length,
             "; first at 0x%08X, where the chip holds %02X and not %02X (%u sector%s differ%s)",
             difference.address, difference.chip, difference.file, difference.sectors,
             difference.sectors == 1 ? "" : "s", difference.sectors == 1 ? "s" : "");
}

// Says by the status registers what keeps the chip from being written.
static void tell_protection(struct job *job)
{
    struct ql_failure ignored;
    struct ql_board *board = &job->connection->board;
    if (ql_board_info(&job->connection->link, board, &ignored) != 0 ||
        !ql_board_has(board, QL_INFO_STATUS_REGISTERS))
        return;
    const uint8_t *status = board->status_registers;
    const char *lock = "protection bits that cannot be cleared";
    if ((status[1] & 0x01) != 0)
        lock = "its status registers are locked until its power is taken away, or for good (SRL)";
    else if ((status[0] & 0x80) != 0)
        lock = "its status registers are locked while its /WP pin is low (SRP)";
    ql_hint(job->failure, "%s: SR1 %02X, SR2 %02X, SR3 %02X", lock, status[0], status[1],
            status[2]);
}

static int update_extent(struct job *job, size_t index, struct ql_update_request *request)
{
    struct ql_extent *extent = &job->image->extents[index];
    struct ql_update_outcome outcome = {0};
    request->address = extent->address;
    request->data = extent->data;
    request->size = extent->size;
    request->is_program = job->options->is_program && index == job->image->program;
    request->owner = job->options->is_program && !request->is_program
                         ? job->image->extents[job->image->program].address
                         : 0;
    request->plan = &job->plans[index];
    const int result = ql_update_run(job->connection, request, &outcome, job->failure);
    if (result == -QL_VERIFY)
        tell_difference(job, extent);
    else if (result == -QL_CHIP_FAILED && job->failure->board_status == QL_STATUS_PROTECTED)
        tell_protection(job);
    job->result->rewinds += outcome.rewinds;
    job->result->reconnects += outcome.reconnects;
    request->before_bytes += counted_bytes(request->plan);
    request->before_us += request->plan->typical_us;
    return result;
}

static int update_all(struct job *job)
{
    const struct ql_image *image = job->image;
    struct ql_update_request request = {0};
    for (size_t i = 0; i < image->count; i++) {
        request.total_bytes += counted_bytes(&job->plans[i]);
        request.total_us += job->plans[i].typical_us;
    }
    for (size_t i = 0; i < image->count; i++) {
        const int result = i != image->program ? update_extent(job, i, &request) : 0;
        if (result != 0)
            return result;
    }
    return update_extent(job, image->program, &request);
}

static void forget_plans(struct job *job)
{
    for (size_t i = 0; i < job->image->count; i++)
        ql_plan_free(&job->plans[i]);
}

// Nothing was begun yet, so a board that comes back is asked again from the start.
static int plan_on_idle_board(struct job *job)
{
    int result = ql_board_make_idle(&job->connection->link, job->failure);
    // After an interruption the board knows more than when it was asked first.
    if (result == 0 && job->result->reconnects + job->result->restarts > 0)
        result = ql_board_info(&job->connection->link, &job->connection->board, job->failure);
    if (result == 0)
        result = plan_all(job);
    if (result != -QL_BOARD_LOST)
        return result;
    job->result->reconnects++;
    result = job->connection->reconnect(job->connection, job->failure);
    return result == 0 ? QL_UPDATE_AGAIN : result;
}

// A board that was reset in the middle may hold anything: compare and plan again.
static int flash_again_and_again(struct job *job)
{
    for (;;) {
        int result = plan_on_idle_board(job);
        if (result == 0)
            result = update_all(job);
        forget_plans(job);
        if (result != QL_UPDATE_AGAIN)
            return result;
        if (++job->result->restarts > RESTARTS_MAX) {
            ql_fail(job->failure, QL_BOARD_LOST,
                    "the board went away %u times in the middle of the update; what it holds is "
                    "unfinished",
                    job->result->restarts);
            ql_hint(job->failure, "look at its supply and its cable, then repeat the command");
            return -QL_BOARD_LOST;
        }
    }
}

int ql_flash(struct ql_connection *connection, const struct ql_image *image,
             const struct ql_flash_options *options, struct ql_flash_result *result,
             struct ql_failure *failure)
{
    struct job job = {.connection = connection,
                      .image = image,
                      .options = options,
                      .result = result,
                      .failure = failure};
    *result = (struct ql_flash_result){.bytes = ql_image_size(image)};
    if ((connection->board.capabilities & QL_CAPABILITY_UPDATE) == 0) {
        ql_fail(failure, QL_BOARD_REFUSED, "this bootloader cannot write the chip over USB");
        ql_hint(failure, "update the bootloader");
        return -QL_BOARD_REFUSED;
    }
    job.plans = calloc(image->count, sizeof job.plans[0]);
    if (job.plans == NULL)
        return ql_fail_memory(failure);
    const uint64_t start_ns = ql_link_now(&connection->link);
    const int outcome = flash_again_and_again(&job);
    if (outcome == 0) // else the line, and its clock, may be gone
        result->duration_ns = ql_link_now(&connection->link) - start_ns;
    free(job.plans);
    return outcome;
}
