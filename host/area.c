// The chip's map and the vector table: refusals that need no board (SPEC.md section 7).
//
// SPDX-License-Identifier: MIT
#include "host/area.h"

#include "abi/bytes.h"
#include "host/ram.h"

struct ql_area ql_area_unknown(void)
{
    return (struct ql_area){.chip_start = QL_MAPPED_BASE,
                            .chip_end = QL_CHIP_WINDOW_END,
                            .program_start = QL_PROGRAM_FIRST,
                            .sector_size = QL_SECTOR_SIZE,
                            .program_end = QL_CHIP_WINDOW_END};
}

bool ql_area_is_image(const struct ql_area *area, const struct ql_extent *extent)
{
    return area->image_start < area->image_end && extent->address == area->image_start;
}

static bool outside(const struct ql_area *area, uint32_t address)
{
    return address < area->chip_start || address >= area->chip_end;
}

static int fail_outside(const struct ql_area *area, const char *what, uint32_t address,
                        struct ql_failure *failure)
{
    ql_fail(failure, QL_OUTSIDE, "%s: 0x%08X lies outside the flash chip (0x%08X..0x%08X)", what,
            address, area->chip_start, area->chip_end - 1);
    if (address >= 0x08000000U && address < 0x08200000U)
        ql_hint(failure,
                "that is the microcontroller's internal flash; link the program for "
                "0x%08X (the SDK's app.ld does)",
                area->program_start);
    else if (ql_ram_holds(address))
        ql_hint(failure, "that is RAM: `quadlane run` loads programs there");
    else
        ql_hint(failure,
                "programs lie at 0x%08X and above; of an ELF file the load addresses "
                "count (AT> in the linker script)",
                area->program_start);
    return -QL_OUTSIDE;
}

int ql_area_check_write(const struct ql_area *area, const char *what, uint32_t address,
                        uint64_t length, struct ql_failure *failure)
{
    const uint64_t end = (uint64_t)address + length;
    if (outside(area, address))
        return fail_outside(area, what, address, failure);
    if (address < area->program_start || address >= area->program_end) {
        ql_fail(failure, QL_RESERVED,
                "%s: 0x%08X lies in an area that is reserved (programs may "
                "use 0x%08X..0x%08X)",
                what, address, area->program_start, area->program_end - 1);
        ql_hint(failure, "use 0x%08X, where programs start by default", area->program_start);
        return -QL_RESERVED;
    }
    if (end > area->program_end) {
        ql_fail(failure, QL_TOO_LARGE,
                "%s: %llu bytes do not fit at 0x%08X; from there to the end "
                "of the programs' area are %u",
                what, (unsigned long long)length, address, area->program_end - address);
        ql_hint(failure, "make it smaller, or begin at a lower address (the first is 0x%08X)",
                area->program_start);
        return -QL_TOO_LARGE;
    }
    return 0;
}

int ql_area_check_read(const struct ql_area *area, const char *what, uint32_t address,
                       uint64_t length, struct ql_failure *failure)
{
    if (outside(area, address))
        return fail_outside(area, what, address, failure);
    if ((uint64_t)address + length > area->chip_end) {
        ql_fail(failure, QL_OUTSIDE,
                "%s: %llu bytes from 0x%08X reach behind the end of the flash "
                "chip (0x%08X)",
                what, (unsigned long long)length, address, area->chip_end - 1);
        ql_hint(failure, "there are %u bytes from that address on", area->chip_end - address);
        return -QL_OUTSIDE;
    }
    return 0;
}

int ql_area_check_image(const struct ql_area *area, const char *name, const struct ql_image *image,
                        bool is_program, struct ql_failure *failure)
{
    for (size_t i = 0; i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        const bool is_whole = extent->size == area->image_end - area->image_start;
        const int result =
            !is_program && ql_area_is_image(area, extent) && is_whole
                ? 0
                : ql_area_check_write(area, name, extent->address, extent->size, failure);
        if (result != 0)
            return result;
        const bool must_align =
            image->format == QL_FORMAT_BIN || (is_program && i == image->program);
        if (must_align && extent->address % area->sector_size != 0) {
            ql_fail(failure, QL_ALIGNMENT,
                    "%s: the address 0x%08X is not a multiple of %u "
                    "(0x%X), the chip's smallest erasable unit",
                    name, extent->address, area->sector_size, area->sector_size);
            ql_hint(failure, "the next lower one is 0x%08X, the next higher one 0x%08X",
                    extent->address - extent->address % area->sector_size,
                    extent->address - extent->address % area->sector_size + area->sector_size);
            return -QL_ALIGNMENT;
        }
    }
    return 0;
}

static bool is_stack(uint32_t stack)
{
    static const struct {
        uint32_t start, end;
    } areas[] = {
        {0x20000000, 0x20020000}, // DTCM
        {0x24000000, 0x24080000}, // AXI SRAM
        {0x30000000, 0x30048000}, // D2 SRAM
        {0x38000000, 0x38010000}, // SRAM4
    };
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        if (stack > areas[i].start && stack <= areas[i].end && stack % 4 == 0)
            return true;
    }
    return false;
}

static int fail_stack(const char *name, uint32_t address, uint32_t stack, uint32_t entry,
                      struct ql_failure *failure)
{
    if (stack == UINT32_MAX && entry == UINT32_MAX) {
        ql_fail(failure, QL_VECTOR_TABLE,
                "%s: there is no vector table at 0x%08X, its first words "
                "are blank (FFFFFFFF)",
                name, address);
        ql_hint(failure, "the linker script must put the vector table first");
        return -QL_VECTOR_TABLE;
    }
    ql_fail(failure, QL_VECTOR_TABLE,
            "%s: the vector table cannot be right: its first word, the "
            "initial stack pointer 0x%08X, %s",
            name, stack,
            stack % 4 != 0 ? "is not a multiple of 4" : "lies in no RAM of the STM32H750");
    ql_hint(failure, "is it the right file, and is the vector table its first part? For data that "
                     "is no program use --data");
    return -QL_VECTOR_TABLE;
}

int ql_vectors_check(const char *name, uint32_t address, const uint8_t *data, uint32_t length,
                     struct ql_failure *failure)
{
    if (length < 8) {
        ql_fail(failure, QL_VECTOR_TABLE, "%s: %u bytes are too few for a vector table", name,
                length);
        ql_hint(failure, "for data that is no program use --data");
        return -QL_VECTOR_TABLE;
    }
    const uint32_t stack = ql_load_u32(data);
    const uint32_t entry = ql_load_u32(data + 4);
    if (!is_stack(stack))
        return fail_stack(name, address, stack, entry, failure);
    const uint64_t target = entry & ~1U;
    const bool inside = target >= (uint64_t)address + 8 && target < (uint64_t)address + length;
    if (inside && (entry & 1U) != 0)
        return 0;
    if (inside) {
        ql_fail(failure, QL_VECTOR_TABLE,
                "%s: the vector table cannot be right: its second word, "
                "the entry 0x%08X, is even, so it is no Thumb address",
                name, entry);
        ql_hint(failure, "declare the reset handler as a function (.thumb_func, .type %%function)");
    } else {
        ql_fail(failure, QL_VECTOR_TABLE,
                "%s: the vector table cannot be right: its second word, "
                "the entry 0x%08X, lies outside the program (0x%08X..0x%08X)",
                name, entry, address, address + (length - 1));
        ql_hint(failure,
                "the program was linked for another address; link it for 0x%08X, or give "
                "the address that it was linked for",
                address);
    }
    return -QL_VECTOR_TABLE;
}
