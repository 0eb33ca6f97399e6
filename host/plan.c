// The planner: which sectors must change, which erases cover them most cheaply, which pages follow.
//
// A larger erase is faster for its size but also takes neighbours that need not change and must
// then be written again; the sum of the chip's typical times decides, unit by unit.
//
// SPDX-License-Identifier: MIT
#include "host/plan.h"

#include "host/digest.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE        256U // the granule of WRITE
#define PAGES_PER_SECTOR (QL_SECTOR_SIZE / PAGE_SIZE)

struct sector {
    bool erase;     // holds something that only an erase can change
    bool same;      // holds already what it shall
    uint16_t pages; // bit n: page n is not all FF
};

struct planner {
    struct ql_plan *plan;
    const struct ql_plan_request *request;
    struct ql_erase_type erase[QL_ERASE_TYPES_MAX]; // largest first
    size_t erase_count;
    uint32_t page_us;
    uint32_t write_limit; // most bytes in the next WRITE
    struct sector *sectors;
    size_t room;
    struct ql_failure *failure;
};

static uint16_t used_pages(const uint8_t *data, size_t size)
{
    uint16_t pages = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0xFF)
            pages = (uint16_t)(pages | 1U << (i / PAGE_SIZE));
    }
    return pages;
}

static unsigned count_bits(uint16_t bits)
{
    unsigned count = 0;
    for (; bits != 0; bits = (uint16_t)(bits & (bits - 1)))
        count++;
    return count;
}

static void look_at_sectors(struct planner *planner)
{
    const struct ql_plan_request *request = planner->request;
    uint8_t blank[QL_SECTOR_DIGEST_SIZE];
    uint8_t wanted[QL_SECTOR_DIGEST_SIZE];
    ql_sector_digest(request->data, 0, blank);
    for (uint32_t i = 0; i < planner->plan->sectors; i++) {
        struct sector *sector = &planner->sectors[i];
        const uint32_t offset = i * QL_SECTOR_SIZE;
        const uint32_t left = request->size - offset;
        const uint32_t size = left < QL_SECTOR_SIZE ? left : QL_SECTOR_SIZE;
        sector->pages = used_pages(request->data + offset, size);
        sector->erase = true;
        if (request->digests == NULL)
            continue;
        ql_sector_digest(request->data + offset, size, wanted);
        sector->same = memcmp(request->digests[i], wanted, sizeof wanted) == 0;
        sector->erase = !sector->same && (request->unfinished ||
                                          memcmp(request->digests[i], blank, sizeof blank) != 0);
        if (sector->same)
            planner->plan->sectors_unchanged++;
    }
}

static int append(struct planner *planner, uint8_t kind, uint32_t address, uint32_t size,
                  uint32_t typical_us)
{
    struct ql_plan *plan = planner->plan;
    if (plan->count == planner->room) {
        const size_t room = planner->room == 0 ? 256 : planner->room * 2;
        struct ql_operation *larger = realloc(plan->operations, room * sizeof *larger);
        if (larger == NULL)
            return ql_fail_memory(planner->failure);
        plan->operations = larger;
        planner->room = room;
    }
    plan->operations[plan->count++] = (struct ql_operation){kind, address, size, typical_us};
    plan->typical_us += typical_us;
    *(kind == QL_KIND_ERASE ? &plan->erase_bytes : &plan->write_bytes) += size;
    return 0;
}

// The first WRITEs are short and grow: the chip gets to work when the first page has arrived, and
// each WRITE arrives while the one before is programmed.
static int append_write(struct planner *planner, uint32_t address, uint32_t size)
{
    if (planner->write_limit < planner->request->write_max)
        planner->write_limit *= 2;
    if (planner->write_limit > planner->request->write_max)
        planner->write_limit = planner->request->write_max;
    return append(planner, QL_KIND_WRITE, address, size, size / PAGE_SIZE * planner->page_us);
}

// The used pages of sectors [first, end), each as part of the longest WRITE that is allowed.
// `erased`: even sectors that were right before must be written again.
static int write_sectors(struct planner *planner, uint32_t first, uint32_t end, bool erased)
{
    const struct ql_plan_request *request = planner->request;
    uint32_t start = 0;
    uint32_t size = 0;
    for (uint32_t page = first * PAGES_PER_SECTOR; page <= end * PAGES_PER_SECTOR; page++) {
        bool used = false;
        if (page < end * PAGES_PER_SECTOR) {
            const struct sector *sector = &planner->sectors[page / PAGES_PER_SECTOR];
            used = (sector->pages >> page % PAGES_PER_SECTOR & 1) != 0 &&
                   (erased || !sector->same) && !(page == 0 && request->first_page_last);
        }
        if (size > 0 && (!used || size == planner->write_limit)) {
            const int result = append_write(planner, start, size);
            if (result != 0)
                return result;
            size = 0;
        }
        if (used && size == 0)
            start = request->address + page * PAGE_SIZE;
        if (used)
            size += PAGE_SIZE;
    }
    return 0;
}

// The part of a unit that lies in the run, in sectors from the run's start.
struct span {
    uint32_t first, end;
    bool whole; // all of the unit lies in the run
};

static struct span unit_span(const struct planner *planner, uint64_t address, uint32_t size)
{
    const uint64_t run = planner->request->address;
    const uint64_t run_end = run + (uint64_t)planner->plan->sectors * QL_SECTOR_SIZE;
    const uint64_t start = address > run ? address : run;
    const uint64_t end = address + size < run_end ? address + size : run_end;
    if (start >= end)
        return (struct span){0};
    return (struct span){(uint32_t)((start - run) / QL_SECTOR_SIZE),
                         (uint32_t)((end - run) / QL_SECTOR_SIZE), end - start == size};
}

static bool needs_erase(const struct planner *planner, struct span span)
{
    for (uint32_t i = span.first; i < span.end; i++) {
        if (planner->sectors[i].erase)
            return true;
    }
    return false;
}

// The cost in µs of erasing the unit at once; UINT64_MAX if that is not possible.
static uint64_t whole_cost(const struct planner *planner, size_t level, struct span span)
{
    if (!span.whole)
        return UINT64_MAX;
    uint64_t cost = (uint64_t)planner->erase[level].typical_ms * 1000;
    for (uint32_t i = span.first; i < span.end; i++) {
        if (planner->sectors[i].same)
            cost += (uint64_t)count_bits(planner->sectors[i].pages) * planner->page_us;
    }
    return cost;
}

static uint64_t unit_cost(const struct planner *planner, size_t level, uint64_t address)
{
    const uint32_t size = planner->erase[level].size;
    const struct span span = unit_span(planner, address, size);
    if (!needs_erase(planner, span))
        return 0;
    uint64_t best = whole_cost(planner, level, span);
    if (level + 1 == planner->erase_count)
        return best;
    uint64_t sum = 0;
    for (uint64_t part = address; part < address + size; part += planner->erase[level + 1].size) {
        const uint64_t cost = unit_cost(planner, level + 1, part);
        sum = cost == UINT64_MAX || sum == UINT64_MAX ? UINT64_MAX : sum + cost;
    }
    return sum < best ? sum : best;
}

static int plan_unit(struct planner *planner, size_t level, uint64_t address)
{
    const uint32_t size = planner->erase[level].size;
    const struct span span = unit_span(planner, address, size);
    if (!needs_erase(planner, span))
        return write_sectors(planner, span.first, span.end, false);
    const uint64_t cost = unit_cost(planner, level, address);
    if (cost == UINT64_MAX && level + 1 == planner->erase_count)
        return ql_fail(planner->failure, QL_ALIGNMENT,
                       "the chip cannot erase 0x%08llX alone, its "
                       "smallest erase there has %u bytes",
                       (unsigned long long)address, size);
    if (cost == whole_cost(planner, level, span) && cost != UINT64_MAX) {
        const int result = append(planner, QL_KIND_ERASE, (uint32_t)address, size,
                                  planner->erase[level].typical_ms * 1000);
        return result != 0 ? result : write_sectors(planner, span.first, span.end, true);
    }
    for (uint64_t part = address; part < address + size; part += planner->erase[level + 1].size) {
        const int result = plan_unit(planner, level + 1, part);
        if (result != 0)
            return result;
    }
    return 0;
}

static int compare_sizes(const void *left, const void *right)
{
    const uint32_t a = ((const struct ql_erase_type *)left)->size;
    const uint32_t b = ((const struct ql_erase_type *)right)->size;
    return a > b ? -1 : a < b;
}

// Erase sizes that make sense here: whole sectors, at most 16 MiB, each a power of two.
static int take_geometry(struct planner *planner, const struct ql_geometry *geometry)
{
    for (size_t i = 0; i < geometry->erase_count; i++) {
        const uint32_t size = geometry->erase[i].size;
        if (size >= QL_SECTOR_SIZE && size <= UINT32_C(1) << 24 && (size & (size - 1)) == 0)
            planner->erase[planner->erase_count++] = geometry->erase[i];
    }
    if (planner->erase_count == 0)
        return ql_fail(planner->failure, QL_CHIP_FAILED,
                       "the board names no erase size that can be used");
    qsort(planner->erase, planner->erase_count, sizeof planner->erase[0], compare_sizes);
    // The board counts in pages of the chip; a WRITE's granule is 256 bytes.
    const uint32_t page_size = geometry->page_size != 0 ? geometry->page_size : PAGE_SIZE;
    planner->page_us = (uint32_t)((uint64_t)geometry->page_typical_us * PAGE_SIZE / page_size);
    return 0;
}

static int plan_units(struct planner *planner)
{
    const struct ql_plan_request *request = planner->request;
    const uint32_t step = planner->erase[0].size;
    const uint64_t end = (uint64_t)request->address + request->size;
    for (uint64_t unit = request->address & ~(uint64_t)(step - 1); unit < end; unit += step) {
        const int result = plan_unit(planner, 0, unit);
        if (result != 0)
            return result;
    }
    // The first page was left out everywhere; it is due when its sector was.
    const struct sector *first = &planner->sectors[0];
    bool due = !first->same;
    for (size_t i = 0; i < planner->plan->count && !due; i++) {
        const struct ql_operation *operation = &planner->plan->operations[i];
        due = operation->kind == QL_KIND_ERASE && operation->address == request->address;
    }
    if (request->first_page_last && due && (first->pages & 1) != 0)
        return append_write(planner, request->address, PAGE_SIZE);
    return 0;
}

int ql_plan_make(struct ql_plan *plan, const struct ql_geometry *geometry,
                 const struct ql_plan_request *request, struct ql_failure *failure)
{
    struct planner planner = {
        .plan = plan, .request = request, .write_limit = PAGE_SIZE, .failure = failure};
    *plan = (struct ql_plan){
        .sectors = (uint32_t)(((uint64_t)request->size + QL_SECTOR_SIZE - 1) / QL_SECTOR_SIZE)};
    planner.sectors = calloc(plan->sectors, sizeof planner.sectors[0]);
    if (planner.sectors == NULL)
        return ql_fail_memory(failure);
    int result = take_geometry(&planner, geometry);
    if (result == 0) {
        look_at_sectors(&planner);
        result = plan_units(&planner);
    }
    free(planner.sectors);
    if (result != 0)
        ql_plan_free(plan);
    return result;
}

void ql_plan_free(struct ql_plan *plan)
{
    free(plan->operations);
    *plan = (struct ql_plan){0};
}
