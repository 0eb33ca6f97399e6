// GDB's remote serial protocol as bytes: packets out of a stream and into it.
//
// Written from GDB's manual, appendix "GDB Remote Serial Protocol": `$data#cs` with cs the sum of
// data modulo 256 in two hexadecimal digits, `+` and `-` as acknowledgements until both sides leave
// them out, 0x03 alone as interruption, `%` for notifications, `}` before a byte xor 0x20.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_RSP_H
#define HOST_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QL_RSP_PACKET_MAX (256U * 1024U) // no server takes or sends more
#define QL_RSP_BUFFER     (2 * QL_RSP_PACKET_MAX)

// One end of a conversation. `descriptor` is a connected, non-blocking stream socket, or -1.
struct ql_rsp_line {
    int descriptor;
    bool no_acknowledge;
    bool inside; // relaying: between the `$` and the checksum of a packet
    unsigned relay_tail;
    size_t in_at, in_end;
    size_t sent_size; // of the last packet sent, for `-`
    uint8_t in[QL_RSP_BUFFER];
    uint8_t sent[QL_RSP_PACKET_MAX + 8];
};

enum ql_rsp_item {
    QL_RSP_NONE,    // nothing complete yet
    QL_RSP_PACKET,  // a packet, acknowledged
    QL_RSP_NOTICE,  // a notification
    QL_RSP_BREAK,   // 0x03
    QL_RSP_TOO_BIG, // no peer that keeps the protocol sends this
};

// The characters between `$` and `#`, valid until the line is read again. A zero stands behind.
struct ql_rsp_packet {
    char *data;
    size_t size;
};

void ql_rsp_open(struct ql_rsp_line *line, int descriptor);
void ql_rsp_close(struct ql_rsp_line *line);
// The same, after the other end has read what was sent, or a short time has passed. Closing while
// bytes are unread would reset the connection, and with it what is still on its way.
void ql_rsp_part(struct ql_rsp_line *line);

// Takes what the socket holds; waits for nothing. False: the other end is gone.
bool ql_rsp_fill(struct ql_rsp_line *line);
// The next item among the bytes taken. Packets with a wrong checksum are asked for again.
enum ql_rsp_item ql_rsp_next(struct ql_rsp_line *line, struct ql_rsp_packet *packet);
// Passes packets on as their bytes arrive, whether complete or not; both lines must be without
// acknowledgements. `*ended` counts the packets whose end was passed on. False: a line is gone.
bool ql_rsp_relay(struct ql_rsp_line *from, struct ql_rsp_line *to, unsigned *ended);

// `data` must be escaped where that is needed. False: the other end is gone or takes nothing.
bool ql_rsp_send(struct ql_rsp_line *line, const char *data, size_t size);
bool ql_rsp_send_text(struct ql_rsp_line *line, const char *text);
bool ql_rsp_send_break(struct ql_rsp_line *line);

// Undoes escapes in place; returns the number of bytes.
size_t ql_rsp_unescape(char *data, size_t size);
// Escapes into `out`, which has room for 2 * size; returns the number of characters.
size_t ql_rsp_escape(char *out, const uint8_t *data, size_t size);
// Two hexadecimal digits a byte. Both end `out` with a zero or return the number of bytes.
void ql_rsp_put_hex(char *out, const void *data, size_t size);
size_t ql_rsp_get_hex(const char *text, uint8_t *out, size_t room);
// Reads a hexadecimal number and moves on behind it. False: there is none, or it has over 32 bits.
bool ql_rsp_take_number(const char **text, uint32_t *value);
bool ql_rsp_take_character(const char **text, char character);

static inline bool ql_rsp_is_open(const struct ql_rsp_line *line)
{
    return line->descriptor >= 0;
}

#endif
