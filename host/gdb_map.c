// GDB's memory map: reading a server's, cutting the chip's window out, writing the merged one.
//
// Written from GDB's manual, section "Memory Map Format". Only what the format allows is
// understood: <memory type= start= length=> with one <property name="blocksize">.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_map.h"

#include "abi/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGIONS_MAX 64

struct region {
    char type[8];
    uint64_t start, end;
    uint64_t block; // of flash; 0: none given
};

struct regions {
    struct region list[REGIONS_MAX];
    size_t count;
};

// The value of an attribute of the element that begins at `element`.
static bool attribute(const char *element, const char *name, char *value, size_t size)
{
    const char *end = strchr(element, '>');
    const size_t length = strlen(name);
    for (const char *at = element; end != NULL && at < end; at++) {
        if (strncmp(at, name, length) != 0 || at[length] != '=' || at[-1] > ' ')
            continue;
        const char quote = at[length + 1];
        const char *text = at + length + 2;
        const char *close = quote == '"' || quote == '\'' ? strchr(text, quote) : NULL;
        if (close == NULL || (size_t)(close - text) >= size)
            return false;
        memcpy(value, text, (size_t)(close - text));
        value[close - text] = '\0';
        return true;
    }
    return false;
}

static uint64_t block_of(const char *element)
{
    const char *end = strstr(element, "</memory>");
    const char *property = strstr(element, "<property");
    if (property == NULL || end == NULL || property > end)
        return 0;
    const char *text = strchr(property, '>');
    return text != NULL ? strtoull(text + 1, NULL, 0) : 0;
}

static void read_regions(struct regions *regions, const char *document)
{
    for (const char *at = document; at != NULL && regions->count < REGIONS_MAX;) {
        struct region *region = &regions->list[regions->count];
        char start[32];
        char length[32];
        at = strstr(at, "<memory");
        if (at == NULL)
            return;
        const char *element = at++;
        if (element[7] > ' ' || !attribute(element, "type", region->type, sizeof region->type) ||
            !attribute(element, "start", start, sizeof start) ||
            !attribute(element, "length", length, sizeof length))
            continue;
        region->start = strtoull(start, NULL, 0);
        region->end = region->start + strtoull(length, NULL, 0);
        region->block = strcmp(region->type, "flash") == 0 ? block_of(element) : 0;
        regions->count++;
    }
}

static void write_region(FILE *file, const char *type, uint64_t start, uint64_t end, uint64_t block)
{
    if (start >= end)
        return;
    fprintf(file, "<memory type=\"%s\" start=\"0x%llx\" length=\"0x%llx\"", type,
            (unsigned long long)start, (unsigned long long)(end - start));
    if (block != 0)
        fprintf(file, "><property name=\"blocksize\">0x%llx</property></memory>\n",
                (unsigned long long)block);
    else
        fprintf(file, "/>\n");
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

char *ql_gdb_map_merge(const char *document)
{
    struct regions regions = {.count = 0};
    char *text = NULL;
    size_t size = 0;
    if (document != NULL)
        read_regions(&regions, document);
    if (regions.count == 0)
        regions.list[regions.count++] =
            (struct region){.type = "ram", .end = UINT64_C(0x100000000)};
    FILE *file = open_memstream(&text, &size);
    if (file == NULL)
        return NULL;
    fputs("<?xml version=\"1.0\"?>\n"
          "<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
          "\"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n<memory-map>\n",
          file);
    for (size_t i = 0; i < regions.count; i++) {
        const struct region *region = &regions.list[i];
        write_region(file, region->type, region->start, smaller(region->end, QL_CHIP_WINDOW),
                     region->block);
        write_region(file, region->type, larger(region->start, QL_CHIP_WINDOW_END), region->end,
                     region->block);
    }
    write_region(file, "flash", QL_CHIP_WINDOW, QL_CHIP_WINDOW_END, QL_SECTOR_SIZE);
    fputs("</memory-map>\n", file);
    return fclose(file) == 0 ? text : NULL;
}

bool ql_gdb_map_chip(const char *document, uint32_t *size, uint32_t *block)
{
    struct regions regions = {.count = 0};
    read_regions(&regions, document);
    for (size_t i = 0; i < regions.count; i++) {
        const struct region *region = &regions.list[i];
        const uint64_t length = region->end - region->start;
        if (region->start != QL_CHIP_WINDOW || region->block == 0 || region->block > length ||
            length > QL_CHIP_WINDOW_END - QL_CHIP_WINDOW)
            continue;
        *size = (uint32_t)length;
        *block = (uint32_t)region->block;
        return true;
    }
    return false;
}
