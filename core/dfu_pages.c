// The memory's layout as DfuSe tells it. Written from SPEC.md section 19; the form of the text is
// that of ST's UM0424, chapter 4.3.2.
//
// SPDX-License-Identifier: MIT
#include "core/dfu_parts.h"

enum {
    PAGE_SIZE_NONE = 65536, // without a chip
    KIB = 1024,
    MIB = 1024 * 1024,
};

void dfu_pages_init(struct dfu *dfu)
{
    const struct update *update = dfu->update;
    uint32_t size = update->program_end - update->program_first;
    uint32_t most = DFU_SEGMENTS_MAX * DFU_SEGMENT_PAGES_MAX;
    if (update->nor->state == NOR_ABSENT)
        return;
    dfu->tail_size = nor_sector_size(update->nor);
    dfu->page_erase = nor_erase_size(update->nor, 0, NOR_ERASE_MAX);
    dfu->page_size = dfu->page_erase;
    while (size / dfu->page_size > most)
        dfu->page_size *= 2;
    dfu->page_count = size / dfu->page_size;
    dfu->tail_count = size % dfu->page_size / dfu->tail_size;
    if (dfu->tail_count > DFU_SEGMENT_PAGES_MAX)
        dfu->tail_count = DFU_SEGMENT_PAGES_MAX;
}

uint32_t dfu_page_address(const struct dfu *dfu, uint32_t page)
{
    uint32_t first = dfu->update->program_first;
    if (page <= dfu->page_count)
        return first + page * dfu->page_size;
    return first + dfu->page_count * dfu->page_size + (page - dfu->page_count) * dfu->tail_size;
}

uint32_t dfu_page_find(const struct dfu *dfu, uint32_t address)
{
    uint32_t offset = address - dfu->update->program_first;
    uint32_t tail = dfu->page_count * dfu->page_size;
    if (offset < tail)
        return offset / dfu->page_size;
    return dfu->page_count + (offset - tail) / dfu->tail_size;
}

bool dfu_page_is_noted(const struct dfu *dfu, uint32_t page)
{
    return page < DFU_PAGES_MAX && (dfu->noted[page / 8] >> page % 8 & 1) != 0;
}

void dfu_page_note(struct dfu *dfu, uint32_t page, bool noted)
{
    if (dfu_page_is_noted(dfu, page) == noted || page >= DFU_PAGES_MAX)
        return;
    dfu->noted[page / 8] ^= (uint8_t)(1u << page % 8);
    dfu->noted_count += noted ? 1 : UINT32_MAX;
}

static char *text_put(char *at, const char *text)
{
    while (*text)
        *at++ = *text++;
    *at = 0;
    return at;
}

static char *number_put(char *at, uint32_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = 0;
    return at + digits;
}

static char *segment_put(char *at, uint32_t count, uint32_t size)
{
    bool in_mib = size >= MIB;
    at = number_put(at, count, 2);
    at = text_put(at, "*");
    at = number_put(at, size / (in_mib ? MIB : KIB), 3);
    return text_put(at, in_mib ? "Mg" : "Kg");
}

void dfu_layout(const struct dfu *dfu, char text[DFU_LAYOUT_SIZE])
{
    char *at = text_put(text, "@External Flash /0x90100000/");
    uint32_t left = dfu->page_count;
    if (left + dfu->tail_count == 0)
        at = segment_put(at, 0, PAGE_SIZE_NONE);
    while (left > 0) {
        uint32_t count = left < DFU_SEGMENT_PAGES_MAX ? left : DFU_SEGMENT_PAGES_MAX;
        left -= count;
        at = segment_put(at, count, dfu->page_size);
        if (left + dfu->tail_count > 0)
            at = text_put(at, ",");
    }
    if (dfu->tail_count > 0)
        (void)segment_put(at, dfu->tail_count, dfu->tail_size);
}
