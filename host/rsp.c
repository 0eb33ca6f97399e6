// GDB's remote serial protocol: framing, escapes, hexadecimal.
//
// SPDX-License-Identifier: MIT
#include "host/rsp.h"

#include "host/error.h"
#include "host/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WRITE_LIMIT_NS (20 * QL_NS_PER_S)
#define PART_LIMIT_NS  (400 * QL_NS_PER_MS)
#define PART_LOOK_MS   50
#define INTERRUPT      0x03

void ql_rsp_open(struct ql_rsp_line *line, int descriptor)
{
    line->descriptor = descriptor;
    line->no_acknowledge = false;
    line->inside = false;
    line->relay_tail = 0;
    line->in_at = line->in_end = 0;
    line->sent_size = 0;
}

void ql_rsp_close(struct ql_rsp_line *line)
{
    if (line->descriptor >= 0)
        close(line->descriptor);
    line->descriptor = -1;
}

void ql_rsp_part(struct ql_rsp_line *line)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t deadline_ns = ql_clock_now(&clock) + PART_LIMIT_NS;
    char ignored[1024];
    bool open = line->descriptor >= 0 && shutdown(line->descriptor, SHUT_WR) == 0;
    while (open && ql_clock_now(&clock) < deadline_ns) {
        struct pollfd wait = {.fd = line->descriptor, .events = POLLIN};
        open = poll(&wait, 1, PART_LOOK_MS) == 0 ||
               recv(line->descriptor, ignored, sizeof ignored, MSG_DONTWAIT) > 0;
    }
    ql_rsp_close(line);
}

static bool write_bytes(struct ql_rsp_line *line, const void *bytes, size_t size)
{
    return line->descriptor >= 0 &&
           ql_descriptor_write(line->descriptor, bytes, size, WRITE_LIMIT_NS) == 0;
}

bool ql_rsp_fill(struct ql_rsp_line *line)
{
    if (line->in_at == line->in_end) {
        line->in_at = line->in_end = 0;
    } else if (line->in_at > 0 && line->in_end > sizeof line->in - QL_RSP_PACKET_MAX / 4) {
        memmove(line->in, line->in + line->in_at, line->in_end - line->in_at);
        line->in_end -= line->in_at;
        line->in_at = 0;
    }
    // One byte stays free for the zero behind a packet.
    const size_t room = sizeof line->in - 1 - line->in_end;
    if (room == 0)
        return true; // ql_rsp_next says that it is too big
    const ssize_t got = recv(line->descriptor, line->in + line->in_end, room, MSG_DONTWAIT);
    if (got > 0)
        line->in_end += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

static int digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    character = (char)(character | 0x20);
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

static uint8_t sum_of(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum;
}

// A packet or notification stands at in_at. NONE: it is not complete, or was damaged.
static enum ql_rsp_item take_packet(struct ql_rsp_line *line, struct ql_rsp_packet *packet)
{
    uint8_t *start = line->in + line->in_at;
    const size_t there = line->in_end - line->in_at;
    uint8_t *hash = memchr(start, '#', there);
    if (hash == NULL || (size_t)(hash - start) + 3 > there)
        return there > QL_RSP_PACKET_MAX ? QL_RSP_TOO_BIG : QL_RSP_NONE;
    const size_t size = (size_t)(hash - start) - 1;
    const int high = digit((char)hash[1]);
    const int low = digit((char)hash[2]);
    const bool good = high >= 0 && low >= 0 && sum_of(start + 1, size) == (high << 4 | low);
    const bool notice = *start == '%';
    line->in_at += size + 4;
    if (!line->no_acknowledge && !notice)
        write_bytes(line, good ? "+" : "-", 1);
    if (!good)
        return QL_RSP_NONE;
    *hash = '\0';
    *packet = (struct ql_rsp_packet){(char *)start + 1, size};
    return notice ? QL_RSP_NOTICE : QL_RSP_PACKET;
}

enum ql_rsp_item ql_rsp_next(struct ql_rsp_line *line, struct ql_rsp_packet *packet)
{
    while (line->in_at < line->in_end) {
        const uint8_t byte = line->in[line->in_at];
        if (byte == '$' || byte == '%') {
            const size_t before = line->in_at;
            const enum ql_rsp_item item = take_packet(line, packet);
            if (item != QL_RSP_NONE || line->in_at == before)
                return item;
            continue;
        }
        line->in_at++;
        if (byte == INTERRUPT)
            return QL_RSP_BREAK;
        if (byte == '-' && !line->no_acknowledge && line->sent_size > 0)
            write_bytes(line, line->sent, line->sent_size);
    }
    return QL_RSP_NONE;
}

// How many of the bytes from in_at on belong to the packet that is being passed on.
static size_t relay_length(struct ql_rsp_line *line, unsigned *ended)
{
    const uint8_t *start = line->in + line->in_at;
    const size_t there = line->in_end - line->in_at;
    size_t length = 0;
    if (line->relay_tail == 0) {
        const uint8_t *hash = memchr(start, '#', there);
        if (hash == NULL)
            return there;
        length = (size_t)(hash - start) + 1;
        line->relay_tail = 2;
    }
    while (length < there && line->relay_tail > 0) {
        length++;
        line->relay_tail--;
        if (line->relay_tail == 0) {
            line->inside = false;
            (*ended)++;
        }
    }
    return length;
}

bool ql_rsp_relay(struct ql_rsp_line *from, struct ql_rsp_line *to, unsigned *ended)
{
    while (from->in_at < from->in_end) {
        if (!from->inside) {
            const uint8_t byte = from->in[from->in_at];
            if (byte != '$' && byte != '%') {
                from->in_at++;
                continue;
            }
            from->inside = true;
        }
        const size_t at = from->in_at;
        const size_t length = relay_length(from, ended);
        from->in_at += length;
        if (!write_bytes(to, from->in + at, length))
            return false;
    }
    return true;
}

bool ql_rsp_send(struct ql_rsp_line *line, const char *data, size_t size)
{
    if (size > QL_RSP_PACKET_MAX)
        return false;
    line->sent[0] = '$';
    memcpy(line->sent + 1, data, size);
    snprintf((char *)line->sent + 1 + size, 4, "#%02x", sum_of(data, size));
    line->sent_size = size + 4;
    return write_bytes(line, line->sent, line->sent_size);
}

bool ql_rsp_send_text(struct ql_rsp_line *line, const char *text)
{
    return ql_rsp_send(line, text, strlen(text));
}

bool ql_rsp_send_break(struct ql_rsp_line *line)
{
    return write_bytes(line, "\x03", 1);
}

size_t ql_rsp_unescape(char *data, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '}' && i + 1 < size)
            data[count++] = (char)(data[++i] ^ 0x20);
        else
            data[count++] = data[i];
    }
    return count;
}

size_t ql_rsp_escape(char *out, const uint8_t *data, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        const bool special = data[i] == '$' || data[i] == '#' || data[i] == '}' || data[i] == '*';
        if (special)
            out[count++] = '}';
        out[count++] = (char)(special ? data[i] ^ 0x20 : data[i]);
    }
    return count;
}

void ql_rsp_put_hex(char *out, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *out = '\0';
}

size_t ql_rsp_get_hex(const char *text, uint8_t *out, size_t room)
{
    size_t count = 0;
    while (count < room && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
        out[count++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        text += 2;
    }
    return count;
}

bool ql_rsp_take_number(const char **text, uint32_t *value)
{
    const char *start = *text;
    uint64_t number = 0;
    while (digit(**text) >= 0 && number <= UINT32_MAX) {
        number = number << 4 | (uint64_t)digit(**text);
        (*text)++;
    }
    *value = (uint32_t)number;
    return *text != start && number <= UINT32_MAX;
}

bool ql_rsp_take_character(const char **text, char character)
{
    if (**text != character)
        return false;
    (*text)++;
    return true;
}
