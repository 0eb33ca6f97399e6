// What gdb-server is made of: packets, the memory map, the servers' command lines.
//
// Expected bytes are from GDB's manual ("Overview", "Memory Map Format" of the remote protocol's
// appendix) and the servers' own manuals.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_kind.h"
#include "host/gdb_map.h"
#include "host/rsp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

// A line whose other end the test holds.
struct pair {
    struct ql_rsp_line *line;
    int other;
};

static struct pair make_pair(void)
{
    int sockets[2];
    struct pair pair = {calloc(1, sizeof *pair.line), -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    ql_rsp_open(pair.line, sockets[0]);
    pair.other = sockets[1];
    return pair;
}

static void free_pair(struct pair *pair)
{
    ql_rsp_close(pair->line);
    close(pair->other);
    free(pair->line);
}

static void put(struct pair *pair, const char *text)
{
    assert_int_equal(write(pair->other, text, strlen(text)), strlen(text));
    assert_true(ql_rsp_fill(pair->line));
}

static void expect_sent(struct pair *pair, const char *text)
{
    char bytes[256] = "";
    const ssize_t got = read(pair->other, bytes, sizeof bytes - 1);
    assert_string_equal(got > 0 ? bytes : "", text);
}

static void test_packets(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct ql_rsp_packet packet;
    put(&pair, "+$OK#9");
    assert_int_equal(ql_rsp_next(pair.line, &packet), QL_RSP_NONE);
    put(&pair, "a\x03%Stop:#61$m0,4#fd");
    assert_int_equal(ql_rsp_next(pair.line, &packet), QL_RSP_PACKET);
    assert_string_equal(packet.data, "OK");
    assert_int_equal(packet.size, 2);
    assert_int_equal(ql_rsp_next(pair.line, &packet), QL_RSP_BREAK);
    // The notification's sum is wrong, and nobody asks for it again.
    assert_int_equal(ql_rsp_next(pair.line, &packet), QL_RSP_PACKET);
    assert_string_equal(packet.data, "m0,4");
    expect_sent(&pair, "++");
    free_pair(&pair);
}

static void test_acknowledgements(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct ql_rsp_packet packet;
    put(&pair, "$OK#00");
    assert_int_equal(ql_rsp_next(pair.line, &packet), QL_RSP_NONE);
    expect_sent(&pair, "-");
    assert_true(ql_rsp_send_text(pair.line, "OK"));
    expect_sent(&pair, "$OK#9a");
    put(&pair, "-");
    assert_int_equal(ql_rsp_next(pair.line, &packet), QL_RSP_NONE);
    expect_sent(&pair, "$OK#9a");
    pair.line->no_acknowledge = true;
    put(&pair, "-$OK#9a");
    assert_int_equal(ql_rsp_next(pair.line, &packet), QL_RSP_PACKET);
    expect_sent(&pair, "");
    free_pair(&pair);
}

// Whatever pieces a packet comes in, it goes on as it came, without acknowledgements.
static void test_relay(void **state)
{
    (void)state;
    static const char stream[] = "+$0123456789abcdef#6e+$#00%Stop:T05#xx";
    static const char passed[] = "$0123456789abcdef#6e$#00%Stop:T05#xx";
    for (size_t cut = 1; cut < sizeof stream - 1; cut++) {
        struct pair from = make_pair();
        struct pair to = make_pair();
        unsigned ended = 0;
        char first[sizeof stream];
        memcpy(first, stream, cut);
        first[cut] = '\0';
        put(&from, first);
        assert_true(ql_rsp_relay(from.line, to.line, &ended));
        put(&from, stream + cut);
        assert_true(ql_rsp_relay(from.line, to.line, &ended));
        assert_int_equal(ended, 3);
        expect_sent(&to, passed);
        free_pair(&from);
        free_pair(&to);
    }
}

static void test_escapes(void **state)
{
    (void)state;
    const uint8_t bytes[] = {'a', '#', '$', '}', '*', 0};
    char text[2 * sizeof bytes];
    const size_t size = ql_rsp_escape(text, bytes, sizeof bytes);
    assert_int_equal(size, 10);
    assert_memory_equal(text, "a}\x03}\x04}]}\x0a", 9);
    assert_int_equal(ql_rsp_unescape(text, size), sizeof bytes);
    assert_memory_equal(text, bytes, sizeof bytes);
    const char *number = "90100000,4";
    uint32_t value = 0;
    assert_true(ql_rsp_take_number(&number, &value));
    assert_int_equal(value, 0x90100000);
    number = "123456789";
    assert_false(ql_rsp_take_number(&number, &value));
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

// OpenOCD's map of this board, with and without the chip's bank.
static void test_map(void **state)
{
    (void)state;
    static const char own[] =
        "<?xml version=\"1.0\"?>\n<memory-map>\n"
        "<memory type=\"ram\" start=\"0x0\" length=\"0x8000000\"/>\n"
        "<memory type=\"flash\" start=\"0x8000000\" length=\"0x20000\">\n"
        "<property name=\"blocksize\">0x20000</property>\n</memory>\n"
        "<memory type=\"ram\" start=\"0x8020000\" length=\"0x87fe0000\"/>\n"
        "<memory type='flash' start='0x90000000' length='0x1000000'>"
        "<property name=\"blocksize\">0x10000</property></memory>\n"
        "<memory type=\"ram\" start=\"0x91000000\" length=\"0x6f000000\"/>\n</memory-map>\n";
    uint32_t size = 0;
    uint32_t block = 0;
    char *merged = ql_gdb_map_merge(own);
    assert_non_null(strstr(merged,
                           "type=\"flash\" start=\"0x8000000\" length=\"0x20000\"><property "
                           "name=\"blocksize\">0x20000<"));
    assert_non_null(strstr(merged, "type=\"flash\" start=\"0x90000000\" length=\"0x10000000\">"
                                   "<property name=\"blocksize\">0x1000<"));
    assert_non_null(strstr(merged, "type=\"ram\" start=\"0xa0000000\" length=\"0x60000000\"/>"));
    assert_int_equal(count_of(merged, "<memory "), 5);
    assert_true(ql_gdb_map_chip(own, &size, &block));
    assert_int_equal(size, 0x1000000);
    assert_int_equal(block, 0x10000);
    free(merged);
    // No map at all: everything else stays readable and writable.
    merged = ql_gdb_map_merge(NULL);
    assert_non_null(strstr(merged, "type=\"ram\" start=\"0x0\" length=\"0x90000000\"/>"));
    assert_non_null(strstr(merged, "type=\"ram\" start=\"0xa0000000\" length=\"0x60000000\"/>"));
    assert_int_equal(count_of(merged, "<memory "), 3);
    assert_true(ql_gdb_map_chip(merged, &size, &block));
    assert_int_equal(block, 0x1000);
    free(merged);
    free(ql_gdb_map_merge("<memory"));
    free(ql_gdb_map_merge("<memory type=\"flash\" start=\"x"));
}

static void expect_words(const char *const *words, unsigned asked, const char *expected)
{
    char line[256] = "";
    uint16_t port = 0;
    struct ql_failure failure;
    const struct ql_gdb_kind *kind = ql_gdb_kind_of_program(words[0]);
    assert_non_null(kind);
    char **made =
        ql_gdb_words_with_port(kind, (char *const *)(uintptr_t)words, 42000, &port, &failure);
    assert_non_null(made);
    for (size_t i = 0; made[i] != NULL; i++) {
        strcat(line, i > 0 ? " " : "");
        strcat(line, made[i]);
    }
    assert_string_equal(line, expected);
    assert_int_equal(port, asked);
    ql_gdb_words_free(made);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_words(void **state)
{
    (void)state;
    expect_words(WORDS("/opt/SEGGER/JLinkGDBServerCLExe", "-if", "swd", "-port", "2331", "-vd"),
                 2331, "/opt/SEGGER/JLinkGDBServerCLExe -if swd -port 42000 -vd");
    expect_words(WORDS("JLinkGDBServerCLExe", "-if", "swd"), 2331,
                 "JLinkGDBServerCLExe -port 42000 -if swd");
    expect_words(WORDS("openocd", "-c", "gdb_port 50000", "-f", "x.cfg"), 50000,
                 "openocd -c gdb_port 42000 -f x.cfg");
    expect_words(WORDS("xpack-openocd", "-c", "tcl_port 1; gdb_port 3334; init"), 3334,
                 "xpack-openocd -c tcl_port 1; gdb_port 42000; init");
    expect_words(WORDS("openocd"), 3333, "openocd -c gdb_port 42000");
    expect_words(WORDS("st-util", "--listen_port=4500"), 4500, "st-util --listen_port=42000");
    expect_words(WORDS("ST-LINK_gdbserver", "-p", "61000", "--swd"), 61000,
                 "ST-LINK_gdbserver -p 42000 --swd");
    expect_words(WORDS("pyocd", "gdbserver", "-t", "stm32h750xx"), 3333,
                 "pyocd gdbserver -p 42000 -t stm32h750xx");
    assert_null(ql_gdb_kind_of_program("/usr/bin/gdbserver"));
    assert_null(ql_gdb_kind_named("gdbserver"));
    assert_non_null(ql_gdb_kind_named("other"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets), cmocka_unit_test(test_acknowledgements),
        cmocka_unit_test(test_relay),   cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_map),     cmocka_unit_test(test_words),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
