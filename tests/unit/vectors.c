// Reads tests/vectors/frames.txt. Written from SPEC.md section 11.
//
// SPDX-License-Identifier: MIT
#include "tests/unit/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_FILE "tests/vectors/frames.txt"

static struct vector vectors[64];
static size_t vector_count;

static void line_read(const char *line)
{
    const char *colon = strchr(line, ':');
    if (line[0] == '#' || !colon)
        return;
    if (vector_count == sizeof vectors / sizeof vectors[0] ||
        (size_t)(colon - line) >= sizeof vectors[0].name)
        abort();
    struct vector *vector = &vectors[vector_count++];
    memcpy(vector->name, line, (size_t)(colon - line));
    const char *text = colon + 1;
    char *rest;
    for (;;) {
        unsigned long byte = strtoul(text, &rest, 16);
        if (rest == text)
            return;
        if (byte > 255 || vector->length == sizeof vector->bytes)
            abort();
        vector->bytes[vector->length++] = (uint8_t)byte;
        text = rest;
    }
}

static void file_read(void)
{
    static char line[16384];
    FILE *file = fopen(VECTOR_FILE, "r");
    if (!file) {
        perror(VECTOR_FILE);
        abort();
    }
    while (fgets(line, sizeof line, file))
        line_read(line);
    fclose(file);
}

const struct vector *vector_at(size_t index)
{
    if (vector_count == 0)
        file_read();
    return index < vector_count ? &vectors[index] : NULL;
}

const struct vector *vector_get(const char *name)
{
    const struct vector *vector;
    for (size_t i = 0; (vector = vector_at(i)) != NULL; i++)
        if (strcmp(vector->name, name) == 0)
            return vector;
    fprintf(stderr, VECTOR_FILE ": no frame called %s\n", name);
    abort();
}
