// What is known about a fault, gathered and kept over the next reset in backup registers.
//
// Written from SPEC.md section 22 and the ARMv7-M Architecture Reference Manual: sections B1.5.6
// and B1.5.7 (exception frame, EXC_RETURN), A7.7.18 (BL), A7.7.19 (BLX).
//
// SPDX-License-Identifier: MIT
#include "quadlane/m7.h"
#include "quadlane/memory.h"
#include "runtime.h"

#define FRAME_WORDS      8u
#define FRAME_WORDS_FPU  26u
#define FRAME_LR         5
#define FRAME_PC         6
#define FRAME_PSR        7
#define PSR_PADDED       (1u << 9) // a word more, to align the stack to 8
#define EXC_RETURN_PSP   (1u << 2)
#define EXC_RETURN_NOFPU (1u << 4)
#define SCAN_WORDS       1024u
#define SCAN_SIZE        (4u * SCAN_WORDS)

static uint32_t address_of(const void *place)
{
    return (uint32_t)(uintptr_t)place;
}

static const uint32_t *words_at(uint32_t address)
{
    return (const uint32_t *)(uintptr_t)address;
}

// First address behind the memory in which a stack at `address` lies; 0: there can be none.
static uint32_t stack_end(uint32_t address)
{
    static const struct {
        uint32_t first, end;
    } memories[] = {{0x20000000, 0x20020000},
                    {0x24000000, 0x24080000},
                    {0x30000000, 0x30048000},
                    {0x38000000, 0x38010000}};

    for (unsigned i = 0; i < sizeof memories / sizeof *memories; i++)
        if (address % 4 == 0 && address >= memories[i].first && address < memories[i].end)
            return memories[i].end;
    return 0;
}

// The frame that the CPU pushed can only be believed where a stack can be.
static const uint32_t *frame_find(uint32_t sp, uint32_t cfsr)
{
    const uint32_t end = stack_end(sp);

    return (cfsr & QL_CFSR_STACKING) == 0 && end != 0 && end - sp >= 4 * FRAME_WORDS ? words_at(sp)
                                                                                     : NULL;
}

// A stack that was too small, rather than a stack pointer that went astray.
static bool is_full(uint32_t sp, uint32_t cfsr)
{
    const uint32_t limit = address_of(ql_stack_limit);

    return (cfsr & QL_CFSR_STACKING) && (stack_end(sp) != 0 || limit - sp <= SCAN_SIZE);
}

// Where calls can be looked for without a stack pointer that can be believed: what is below the
// limit is not the stack's.
static uint32_t scan_start(bool full)
{
    const uint32_t limit = address_of(ql_stack_limit);
    const uint32_t top = address_of(ql_stack_top);

    return full || top - limit < SCAN_SIZE ? limit : top - SCAN_SIZE;
}

static bool is_inside(uint32_t address, const char *first, const char *end)
{
    return address >= address_of(first) + 4 && address < address_of(end);
}

// Does the value point into the program's code, behind a call?
static bool is_return_address(uint32_t value)
{
    const uint32_t address = value & ~1u;

    if ((value & 1) == 0 || !(is_inside(address, ql_image_start, ql_image_end) ||
                              is_inside(address, ql_itcm_start, ql_itcm_end)))
        return false;
    const uint16_t *const behind = (const uint16_t *)(uintptr_t)address;
    return ((behind[-2] & 0xF800u) == 0xF000u && (behind[-1] & 0xD000u) == 0xD000u) ||
           (behind[-1] & 0xFF87u) == 0x4780u;
}

// The first ones from `sp` on; where nothing tells which are old, the outermost are the surest.
static unsigned calls_find(uint32_t sp, bool outermost, uint32_t *calls)
{
    const uint32_t end = stack_end(sp);
    unsigned count = 0;

    for (unsigned i = 0; i < SCAN_WORDS && sp < end; i++, sp += 4) {
        if (!is_return_address(*words_at(sp)))
            continue;
        if (count == QL_DUMP_CALLS_MAX && !outermost)
            break;
        if (count == QL_DUMP_CALLS_MAX)
            for (count = 0; count < QL_DUMP_CALLS_MAX - 1; count++)
                calls[count] = calls[count + 1];
        calls[count++] = *words_at(sp);
    }
    return count;
}

void ql_fault_gather(struct ql_fault *fault, uint32_t sp, uint32_t exc_return)
{
    uint32_t *const words = fault->words;
    const uint32_t cfsr = SCB_CFSR;
    uint32_t flags = is_full(sp, cfsr) ? QL_DUMP_STACK_FULL : 0;
    uint32_t calls_from = sp;
    bool astray = false;

    for (unsigned i = 0; i < QL_DUMP_WORDS; i++)
        words[i] = 0;
    fault->frame = frame_find(sp, cfsr);
    if (fault->frame != NULL) {
        flags |= QL_DUMP_HAS_FRAME;
        words[QL_DUMP_PC] = fault->frame[FRAME_PC];
        words[QL_DUMP_LR] = fault->frame[FRAME_LR];
        words[QL_DUMP_PSR] = fault->frame[FRAME_PSR];
        sp += 4 * (exc_return & EXC_RETURN_NOFPU ? FRAME_WORDS : FRAME_WORDS_FPU);
        sp += fault->frame[FRAME_PSR] & PSR_PADDED ? 4 : 0;
        calls_from = sp;
    } else if (!(exc_return & EXC_RETURN_PSP)) {
        astray = flags == 0;
        calls_from = scan_start(!astray);
    }
    words[QL_DUMP_SP] = sp;
    words[QL_DUMP_PROGRAM] = address_of(ql_image_start);
    words[QL_DUMP_CFSR] = cfsr;
    words[QL_DUMP_HFSR] = SCB_HFSR;
    words[QL_DUMP_FAULT_ADDRESS] = cfsr & QL_CFSR_MMARVALID   ? SCB_MMFAR
                                   : cfsr & QL_CFSR_BFARVALID ? SCB_BFAR
                                                              : 0;
    words[QL_DUMP_KIND] =
        QL_DUMP_KIND_MAKE(m7_exception_number(), flags,
                          calls_find(calls_from, astray, words + QL_DUMP_CALLS), exc_return);
    words[QL_DUMP_CHECK] = ql_dump_check(words);
}

// The check comes last: a dump is there as a whole or not at all.
void ql_fault_keep(const struct ql_fault *fault)
{
    ql_backup_write(QL_DUMP_ADDRESS, 0);
    for (unsigned i = QL_DUMP_KIND; i < QL_DUMP_WORDS; i++)
        ql_backup_write(QL_DUMP_ADDRESS + 4 * i, fault->words[i]);
    ql_backup_write(QL_DUMP_ADDRESS, fault->words[QL_DUMP_CHECK]);
}
