// Intel HEX: record types 00 to 05, each checksum checked.
//
// Written from Intel's "Hexadecimal Object File Format Specification", revision A, 1988. Data
// behind an extended segment address wraps within its 64 KiB, as that document says.
//
// SPDX-License-Identifier: MIT
#include "host/image.h"

#include <stdlib.h>
#include <string.h>

enum record_type {
    RECORD_DATA = 0,
    RECORD_END = 1,
    RECORD_SEGMENT_BASE = 2,
    RECORD_SEGMENT_START = 3,
    RECORD_LINEAR_BASE = 4,
    RECORD_LINEAR_START = 5,
};

struct reader {
    struct ql_image *image;
    const char *name;
    struct ql_failure *failure;
    unsigned line;
    uint32_t base;
    bool segmented;
    bool ended;
    // The run of consecutive bytes collected so far.
    uint64_t run_address;
    uint8_t *run;
    size_t run_size;
    size_t run_room;
};

struct record {
    uint8_t size;
    uint16_t offset;
    uint8_t type;
    uint8_t data[255];
};

static int fail_syntax(struct reader *reader, const char *what)
{
    ql_fail(reader->failure, QL_HEX_SYNTAX, "%s, line %u: %s", reader->name, reader->line, what);
    ql_hint(reader->failure, "is this an Intel HEX file, and whole? build or copy it again");
    return -QL_HEX_SYNTAX;
}

static int digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return -1;
}

static int flush_run(struct reader *reader)
{
    if (reader->run_size == 0)
        return 0;
    const int result = ql_image_add(reader->image, reader->name, reader->run_address, reader->run,
                                    reader->run_size, reader->failure);
    reader->run_size = 0;
    return result;
}

static int put_byte(struct reader *reader, uint32_t address, uint8_t byte)
{
    if (reader->run_size == 0 || reader->run_address + reader->run_size != address) {
        const int result = flush_run(reader);
        if (result != 0)
            return result;
        reader->run_address = address;
    }
    if (reader->run_size == reader->run_room) {
        const size_t room = reader->run_room == 0 ? 4096 : reader->run_room * 2;
        uint8_t *run = realloc(reader->run, room);
        if (run == NULL)
            return ql_fail_memory(reader->failure);
        reader->run = run;
        reader->run_room = room;
    }
    reader->run[reader->run_size++] = byte;
    return 0;
}

static int put_data(struct reader *reader, const struct record *record)
{
    for (unsigned i = 0; i < record->size; i++) {
        uint32_t offset = record->offset + i;
        if (reader->segmented)
            offset &= 0xFFFFU;
        const int result = put_byte(reader, reader->base + offset, record->data[i]);
        if (result != 0)
            return result;
    }
    return 0;
}

// Turns `:LLAAAATT...CC` (length characters) into a record.
static int decode_line(struct reader *reader, const uint8_t *text, size_t length,
                       struct record *record)
{
    uint8_t bytes[5 + 255];
    if (text[0] != ':')
        return fail_syntax(reader, "does not begin with a colon");
    const size_t count = (length - 1) / 2;
    if (length % 2 == 0 || count < 5 || count > sizeof bytes)
        return fail_syntax(reader, "has a length that no record has (cut off?)");
    uint8_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const int high = digit(text[1 + 2 * i]);
        const int low = digit(text[2 + 2 * i]);
        if (high < 0 || low < 0)
            return fail_syntax(reader, "has a character that is no hexadecimal digit");
        bytes[i] = (uint8_t)(high << 4 | low);
        sum = (uint8_t)(sum + bytes[i]);
    }
    if (bytes[0] + 5U != count)
        return fail_syntax(reader, "is longer or shorter than its length field says");
    if (sum != 0) {
        const uint8_t found = bytes[count - 1];
        ql_fail(reader->failure, QL_HEX_CHECKSUM,
                "%s, line %u: the checksum is %02X, but should be %02X", reader->name, reader->line,
                found, (uint8_t)(found - sum));
        ql_hint(reader->failure, "the file is damaged; build or copy it again");
        return -QL_HEX_CHECKSUM;
    }
    record->size = bytes[0];
    record->offset = (uint16_t)(bytes[1] << 8 | bytes[2]);
    record->type = bytes[3];
    memcpy(record->data, bytes + 4, record->size);
    return 0;
}

static uint32_t big_endian(const uint8_t *data, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}

static int apply(struct reader *reader, const struct record *record)
{
    static const uint8_t sizes[] = {[RECORD_END] = 0,
                                    [RECORD_SEGMENT_BASE] = 2,
                                    [RECORD_SEGMENT_START] = 4,
                                    [RECORD_LINEAR_BASE] = 2,
                                    [RECORD_LINEAR_START] = 4};
    if (record->type > RECORD_LINEAR_START)
        return fail_syntax(reader, "has a record type above 05");
    if (record->type != RECORD_DATA && record->size != sizes[record->type])
        return fail_syntax(reader, "has a length that its record type does not allow");
    switch ((enum record_type)record->type) {
    case RECORD_DATA:
        return put_data(reader, record);
    case RECORD_END:
        reader->ended = true;
        break;
    case RECORD_SEGMENT_BASE:
        reader->base = big_endian(record->data, 2) << 4;
        reader->segmented = true;
        break;
    case RECORD_LINEAR_BASE:
        reader->base = big_endian(record->data, 2) << 16;
        reader->segmented = false;
        break;
    case RECORD_SEGMENT_START:
        reader->image->entry = (big_endian(record->data, 2) << 4) + big_endian(record->data + 2, 2);
        reader->image->has_entry = true;
        break;
    case RECORD_LINEAR_START:
        reader->image->entry = big_endian(record->data, 4);
        reader->image->has_entry = true;
        break;
    }
    return 0;
}

static int read_line(struct reader *reader, const uint8_t *text, size_t length)
{
    struct record record;
    if (reader->ended)
        return fail_syntax(reader, "stands behind the end record (two files joined?)");
    const int result = decode_line(reader, text, length, &record);
    return result != 0 ? result : apply(reader, &record);
}

static int read_lines(struct reader *reader, const uint8_t *bytes, size_t size)
{
    for (size_t start = 0; start < size;) {
        const uint8_t *newline = memchr(bytes + start, '\n', size - start);
        const size_t next = newline != NULL ? (size_t)(newline - bytes) + 1 : size;
        size_t length = next - start;
        while (length > 0 && memchr(" \t\r\n\032", bytes[start + length - 1], 5) != NULL)
            length--;
        reader->line++;
        const int result = length > 0 ? read_line(reader, bytes + start, length) : 0;
        if (result != 0)
            return result;
        start = next;
    }
    if (!reader->ended)
        return fail_syntax(reader, "the file ends here without an end record (truncated?)");
    return flush_run(reader);
}

int ql_hex_read(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                struct ql_failure *failure)
{
    struct reader reader = {.image = image, .name = name, .failure = failure};
    int result = read_lines(&reader, bytes, size);
    free(reader.run);
    if (result == 0 && image->count == 0)
        result = ql_fail(failure, QL_IMAGE_NOTHING, "%s holds no data records", name);
    return result;
}
