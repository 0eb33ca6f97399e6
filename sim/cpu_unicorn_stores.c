// Fast stores to RAM in Unicorn 2.0.1.
//
// The library takes each store to RAM the slow way, since it never notes that a page holds no
// translated code. It exports the functions involved; a program linked with their names exported
// stands in front of them. Here they keep the note: pages that get code translated are remembered
// (tlb_protect_code), a store to any other page makes its entry in the TLB a fast one
// (tlb_set_dirty) until code is translated there. Where this does not apply (another library,
// a program that does not export its symbols) the calls go through and stores are slow.
//
// SPDX-License-Identifier: MIT
#include "sim/cpu_unicorn_stores.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CPU_POINTER 0x180 // of the engine: its CPU, as in cpu_unicorn_pc.c
#define REGIONS_MAX 32u
#define PAGE_SHIFT  10u // the smallest page that the library works with
#define RAM_PAGES   (1u << 18)

typedef uint64_t ram_address_function(void *uc, void *memory);
typedef void set_dirty_function(void *cpu, uint32_t address);
typedef void reset_dirty_function(void *cpu, uint64_t host_address, uint64_t length);
typedef void *lock_function(void *uc, uint64_t start, uint64_t end);
typedef void unlock_function(void *pages);
typedef void protect_function(void *uc, uint64_t ram_address);
typedef void invalidate_function(void *uc, void *pages, uint64_t start, int length,
                                 uintptr_t host_pc);

struct region {
    uint32_t base;
    uint32_t size;
    uint8_t *memory;
    uint64_t ram_address; // the library's own number for the first byte
};

struct cpu_stores {
    uc_engine *uc;
    void *cpu;
    uint32_t page_size;
    struct region regions[REGIONS_MAX];
    unsigned region_count;
    uint8_t has_code[RAM_PAGES / 8]; // by RAM address
    struct cpu_stores *next;
};

// The library's own functions, found once.
static struct {
    bool known;
    ram_address_function *ram_address;
    set_dirty_function *set_dirty;
    reset_dirty_function *reset_dirty;
    lock_function *lock;
    unlock_function *unlock;
    protect_function *protect;
    invalidate_function *invalidate;
} library;

static struct cpu_stores *engines; // with fast stores

void *page_collection_lock_arm(void *uc, uint64_t start, uint64_t end);
void page_collection_unlock_arm(void *pages);
void tlb_protect_code_arm(void *uc, uint64_t ram_address);
void tb_invalidate_phys_page_fast_arm(void *uc, void *pages, uint64_t start, int length,
                                      uintptr_t host_pc);

static void find(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL) {
        library.known = false;
    }
    memcpy(function, &found, size);
}

static bool library_find(void)
{
    if (library.lock == NULL) {
        library.known = true;
        find("qemu_ram_addr_from_host_arm", &library.ram_address, sizeof(library.ram_address));
        find("tlb_set_dirty_arm", &library.set_dirty, sizeof(library.set_dirty));
        find("tlb_reset_dirty_arm", &library.reset_dirty, sizeof(library.reset_dirty));
        find("page_collection_lock_arm", &library.lock, sizeof(library.lock));
        find("page_collection_unlock_arm", &library.unlock, sizeof(library.unlock));
        find("tlb_protect_code_arm", &library.protect, sizeof(library.protect));
        find("tb_invalidate_phys_page_fast_arm", &library.invalidate, sizeof(library.invalidate));
    }
    return library.known;
}

static struct cpu_stores *stores_of(const void *uc)
{
    struct cpu_stores *stores = engines;

    while (stores != NULL && stores->uc != uc) {
        stores = stores->next;
    }
    return stores;
}

static const struct region *region_of(const struct cpu_stores *stores, uint64_t ram_address)
{
    for (unsigned i = 0; i < stores->region_count; i++) {
        if (ram_address - stores->regions[i].ram_address < stores->regions[i].size) {
            return &stores->regions[i];
        }
    }
    return NULL;
}

// --- In front of the library --------------------------------------------------------------------

// The collection of locks serves threads, of which there is one.
void *page_collection_lock_arm(void *uc, uint64_t start, uint64_t end)
{
    if (stores_of(uc) != NULL) {
        return NULL;
    }
    return library_find() ? library.lock(uc, start, end) : NULL;
}

void page_collection_unlock_arm(void *pages)
{
    if (pages != NULL) {
        library.unlock(pages);
    }
}

// A page gets its first translated code: stores to it must be seen.
void tlb_protect_code_arm(void *uc, uint64_t ram_address)
{
    struct cpu_stores *stores = stores_of(uc);
    const struct region *region = stores != NULL ? region_of(stores, ram_address) : NULL;
    uint64_t page = ram_address >> PAGE_SHIFT;

    library_find();
    library.protect(uc, ram_address);
    if (region != NULL) {
        uint32_t pages = stores->page_size >> PAGE_SHIFT;

        page &= ~(uint64_t)(pages - 1);
        for (uint32_t i = 0; i < pages; i++) {
            stores->has_code[(page + i) / 8] |= (uint8_t)(1u << ((page + i) % 8));
        }
        library.reset_dirty(stores->cpu,
                            (uint64_t)(uintptr_t)region->memory +
                                ((page << PAGE_SHIFT) - region->ram_address),
                            stores->page_size);
    }
}

// A store the slow way. If it went to a page without code, the next one is fast.
void tb_invalidate_phys_page_fast_arm(void *uc, void *pages, uint64_t start, int length,
                                      uintptr_t host_pc)
{
    struct cpu_stores *stores = stores_of(uc);
    const struct region *region;
    uint64_t page = start >> PAGE_SHIFT;

    library_find();
    library.invalidate(uc, pages, start, length, host_pc);
    region = stores != NULL ? region_of(stores, start) : NULL;
    if (region != NULL && (stores->has_code[page / 8] >> (page % 8) & 1) == 0) {
        library.set_dirty(stores->cpu, region->base + (uint32_t)(start - region->ram_address));
    }
}

// --- Regions ------------------------------------------------------------------------------------

void cpu_stores_mapped(struct cpu_stores *stores, uint32_t base, uint32_t size, void *memory)
{
    struct region *region;
    uint64_t ram_address = library.ram_address(stores->uc, memory);

    // Of two addresses of the same memory only one can be told from its RAM address.
    if (stores->region_count == REGIONS_MAX || region_of(stores, ram_address) != NULL ||
        ram_address + size > (uint64_t)RAM_PAGES << PAGE_SHIFT) {
        return;
    }
    region = &stores->regions[stores->region_count++];
    *region =
        (struct region){.base = base, .size = size, .memory = memory, .ram_address = ram_address};
}

void cpu_stores_unmapped(struct cpu_stores *stores, uint32_t base)
{
    for (unsigned i = 0; i < stores->region_count; i++) {
        if (stores->regions[i].base == base) {
            stores->regions[i] = stores->regions[--stores->region_count];
            return;
        }
    }
}

struct cpu_stores *cpu_stores_create(uc_engine *uc)
{
    struct cpu_stores *stores;
    size_t page_size = 0;

    if (!library_find() || uc_query(uc, UC_QUERY_PAGE_SIZE, &page_size) != UC_ERR_OK ||
        page_size < 1u << PAGE_SHIFT) {
        return NULL;
    }
    stores = calloc(1, sizeof(*stores));
    if (stores == NULL) {
        abort();
    }
    stores->uc = uc;
    stores->page_size = (uint32_t)page_size;
    memcpy(&stores->cpu, (char *)uc + CPU_POINTER, sizeof(stores->cpu));
    stores->next = engines;
    engines = stores;
    return stores;
}

void cpu_stores_destroy(struct cpu_stores *stores)
{
    struct cpu_stores **link = &engines;

    if (stores == NULL) {
        return;
    }
    while (*link != stores) {
        link = &(*link)->next;
    }
    *link = stores->next;
    free(stores);
}
