// The cables: stream sockets and their manners, the pseudo-terminal, the lockstep protocol.
//
// Expected values: SPEC.md, section 10.
//
// SPDX-License-Identifier: MIT
#include "tests/model/cable_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static void enumerate(struct bench *bench)
{
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 500 * NS_PER_MS);
    assert_true(usb_host_configured(bench->host));
}

static unsigned line_state(const struct bench *bench)
{
    unsigned lines = 0xFF;

    for (unsigned i = 0; i < bench->device->log_count; i++) {
        if (bench->device->log[i].setup[1] == 0x22) {
            lines = bench->device->log[i].setup[2];
        }
    }
    return lines;
}

// --- Sockets ------------------------------------------------------------------------------------

static void test_socket_carries_both_ways(void **state)
{
    struct bench *bench = *state;
    char text[16] = {0};
    int fd;

    plug(bench, "unix:");
    assert_string_equal(usb_cable_path(bench->cable), bench->path);
    enumerate(bench);
    fd = dial(bench->path);
    run_ms(bench, 5);
    assert_int_equal(line_state(bench), 3);
    assert_int_equal(send(fd, "question", 8, 0), 8);
    run_ms(bench, 2);
    assert_int_equal(bench->device->out_count, 8);
    assert_memory_equal(bench->device->out_bytes, "question", 8);
    fake_device_send(bench->device, bench->host, "answer", 6);
    run_ms(bench, 2);
    assert_int_equal(recv(fd, text, sizeof(text), 0), 6);
    assert_string_equal(text, "answer");
    close(fd);
    run_ms(bench, 5);
    assert_int_equal(line_state(bench), 0);
}

static void test_socket_without_device_closes(void **state)
{
    struct bench *bench = *state;
    int fd;

    plug(bench, "unix:");
    fd = dial(bench->path);
    machine_serve(bench->machine, 0);
    assert_true(is_closed(fd));
    close(fd);
}

static void test_second_connection_is_closed(void **state)
{
    struct bench *bench = *state;
    int first, second;

    plug(bench, "unix:");
    enumerate(bench);
    first = dial(bench->path);
    run_ms(bench, 2);
    second = dial(bench->path);
    run_ms(bench, 2);
    assert_true(is_closed(second));
    assert_false(is_closed(first));
    close(second);
    close(first);
    run_ms(bench, 5);
    first = dial(bench->path); // there is room again
    run_ms(bench, 2);
    assert_false(is_closed(first));
    close(first);
}

static void test_device_goes_away(void **state)
{
    struct bench *bench = *state;
    char text[16] = {0};
    int fd;

    plug(bench, "unix:");
    enumerate(bench);
    fd = dial(bench->path);
    run_ms(bench, 5);
    fake_device_send(bench->device, bench->host, "last", 4);
    run_ms(bench, 2);
    fake_device_attach(bench->device, bench->host, false);
    run_ms(bench, 3);
    assert_int_equal(recv(fd, text, sizeof(text), 0), 4); // what came before is not lost
    assert_true(is_closed(fd));
    close(fd);
    enumerate(bench);
    run_ms(bench, 5);
    assert_int_not_equal(bench->device->log[bench->device->log_count - 1].setup[1], 0x22);
}

static void test_back_pressure_out(void **state)
{
    static uint8_t data[1 << 20];
    struct bench *bench = *state;
    size_t sent = 0;
    int fd;

    plug(bench, "unix:");
    enumerate(bench);
    bench->device->naks_out = true;
    fd = dial(bench->path);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 31 >> 3);
    }
    for (unsigned i = 0; i < 50; i++) {
        ssize_t count = send(fd, data + sent, sizeof(data) - sent, 0);

        sent += count > 0 ? (size_t)count : 0;
        run_ms(bench, 1);
    }
    assert_true(sent < sizeof(data)); // the socket is full
    bench->device->naks_out = false;
    usb_host_endpoint_ready(bench->host);
    sent = sent < 65536 ? sent : 65536;
    for (unsigned i = 0; i < 100 && bench->device->out_count + 4096 < sent; i++) {
        run_ms(bench, 1);
        if (bench->device->out_count > 60000) {
            bench->device->naks_out = true;
        }
    }
    assert_memory_equal(bench->device->out_bytes, data, bench->device->out_count);
    assert_true(bench->device->out_count > 16384);
    close(fd);
}

static void test_back_pressure_in(void **state)
{
    static uint8_t data[65536], got[2 << 20];
    struct bench *bench = *state;
    struct fake_device *device = bench->device;
    int small = 4096;
    size_t count = 0, offered = 0;
    int fd;

    plug(bench, "unix:");
    enumerate(bench);
    fd = dial(bench->path);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    run_ms(bench, 5);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 17 >> 4);
    }
    // Nobody reads: after the socket's and the cable's buffers the device keeps its bytes.
    for (unsigned i = 0; i < 20; i++) {
        if (device->in_at == device->in_count) {
            device->in_at = 0;
            device->in_count = 0;
            fake_device_send(device, bench->host, data, sizeof(data));
            offered += sizeof(data);
        }
        run_ms(bench, 100);
    }
    assert_true(device->in_at < device->in_count);
    for (unsigned i = 0; i < 400; i++) {
        ssize_t more = recv(fd, got + count, sizeof(got) - count, 0);

        count += more > 0 ? (size_t)more : 0;
        run_ms(bench, 1);
    }
    assert_int_equal(count, offered);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got[i], data[i % sizeof(data)]);
    }
    close(fd);
}

static void test_peer_writes_and_vanishes(void **state)
{
    static uint8_t data[30000];
    struct bench *bench = *state;
    int fd;

    plug(bench, "unix:");
    enumerate(bench);
    fd = dial(bench->path);
    assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
    close(fd);
    run_ms(bench, 100);
    // Gone before it was accepted: its bytes still count, like those of a program that ended.
    assert_int_equal(bench->device->out_count, sizeof(data));
    assert_int_equal(line_state(bench), 0);
    fd = dial(bench->path);
    run_ms(bench, 5);
    close(fd);
    fake_device_send(bench->device, bench->host, data, 3000);
    machine_advance(bench->machine, 10 * NS_PER_MS); // written before it is noticed: no SIGPIPE
    run_ms(bench, 5);
    assert_int_equal(line_state(bench), 0);
}

static void test_half_closed_peer_gets_answers(void **state)
{
    struct bench *bench = *state;
    char text[16] = {0};
    int fd;

    plug(bench, "unix:");
    enumerate(bench);
    fd = dial(bench->path);
    send(fd, "ask", 3, 0);
    shutdown(fd, SHUT_WR);
    run_ms(bench, 10);
    assert_int_equal(line_state(bench), 3);
    fake_device_send(bench->device, bench->host, "tell", 4);
    run_ms(bench, 2);
    assert_int_equal(recv(fd, text, sizeof(text), 0), 4);
    close(fd);
    run_ms(bench, 5);
    assert_int_equal(line_state(bench), 0);
}

static void test_looking_does_not_open(void **state)
{
    struct bench *bench = *state;

    plug(bench, "unix:");
    enumerate(bench);
    close(dial(bench->path));
    run_ms(bench, 5);
    assert_int_equal(line_state(bench), 0xFF); // DTR never moved
}

// --- Paths --------------------------------------------------------------------------------------

static struct usb_cable *try_cable(struct bench *bench, const char *specification)
{
    return usb_cable_create(bench->machine, bench->host, specification, "board", bench->error,
                            sizeof(bench->error));
}

static void test_stale_socket_is_replaced(void **state)
{
    struct bench *bench = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", bench->path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); // the file stays, nobody listens
    plug(bench, "unix:");
}

static void test_live_socket_is_respected(void **state)
{
    struct bench *bench = *state;
    char specification[128];

    plug(bench, "unix:");
    snprintf(specification, sizeof(specification), "unix:%s", bench->path);
    assert_null(try_cable(bench, specification));
    assert_non_null(strstr(bench->error, "is in use by another program."));
}

static void test_other_files_are_respected(void **state)
{
    struct bench *bench = *state;
    char specification[128];
    int fd = open(bench->path, O_CREAT | O_WRONLY, 0600);

    close(fd);
    snprintf(specification, sizeof(specification), "unix:%s", bench->path);
    assert_null(try_cable(bench, specification));
    assert_non_null(strstr(bench->error, "is not a socket."));
    assert_int_equal(access(bench->path, F_OK), 0);
}

static void test_bad_specifications(void **state)
{
    struct bench *bench = *state;
    char specification[300];

    assert_null(try_cable(bench, "tcp:1"));
    assert_non_null(strstr(bench->error, "no USB cable \"tcp:1\""));
    assert_null(try_cable(bench, "unix:/nowhere/at/all"));
    assert_non_null(strstr(bench->error, "No such file or directory."));
    memset(specification, 'x', sizeof(specification));
    memcpy(specification, "unix:", 5);
    specification[sizeof(specification) - 1] = '\0';
    assert_null(try_cable(bench, specification));
    assert_non_null(strstr(bench->error, "has 1 to 107 characters"));
}

static void test_runtime_names(void **state)
{
    struct bench *bench = *state;
    struct usb_cable *first, *second;
    char expected[128];
    struct stat status;

    setenv("QUADLANE_RUNTIME_DIR", bench->folder, 1);
    first = try_cable(bench, NULL);
    assert_non_null(first);
    snprintf(expected, sizeof(expected), "%s/board.sock", bench->folder);
    assert_string_equal(usb_cable_path(first), expected);
    second = try_cable(bench, NULL);
    assert_non_null(second);
    snprintf(expected, sizeof(expected), "%s/board-2.sock", bench->folder);
    assert_string_equal(usb_cable_path(second), expected);
    usb_cable_close(first);
    usb_cable_close(second);
    unsetenv("QUADLANE_RUNTIME_DIR");
    setenv("XDG_RUNTIME_DIR", bench->folder, 1);
    first = try_cable(bench, NULL);
    assert_non_null(first);
    snprintf(expected, sizeof(expected), "%s/quadlane", bench->folder);
    assert_int_equal(stat(expected, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    usb_cable_close(first);
    rmdir(expected);
    unsetenv("XDG_RUNTIME_DIR");
}

static void test_foreign_runtime_folder(void **state)
{
    struct bench *bench = *state;
    char link[128];

    snprintf(link, sizeof(link), "%s/link", bench->folder);
    assert_int_equal(symlink("/tmp", link), 0);
    setenv("QUADLANE_RUNTIME_DIR", link, 1);
    assert_null(try_cable(bench, NULL));
    assert_non_null(strstr(bench->error, "is not a folder of your own"));
    unsetenv("QUADLANE_RUNTIME_DIR");
    unlink(link);
}

static void test_none(void **state)
{
    struct bench *bench = *state;

    plug(bench, "none");
    assert_string_equal(usb_cable_path(bench->cable), "");
    assert_false(usb_cable_plugged("none"));
    assert_true(usb_cable_plugged(NULL));
    assert_true(usb_cable_plugged("unix:x"));
}

// --- Pseudo-terminal ----------------------------------------------------------------------------

static void test_pty(void **state)
{
    struct bench *bench = *state;
    struct termios mode;
    char text[16] = {0};
    int fd;

    plug(bench, "pty");
    enumerate(bench);
    run_ms(bench, 30);
    assert_int_equal(line_state(bench), 0xFF);
    fd = open(usb_cable_path(bench->cable), O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(tcgetattr(fd, &mode), 0);
    assert_int_equal(mode.c_lflag & (ICANON | ECHO | ISIG), 0);
    assert_int_equal(mode.c_oflag & OPOST, 0);
    run_ms(bench, 30);
    assert_int_equal(line_state(bench), 3);
    assert_int_equal(write(fd, "a\n\x03", 3), 3);
    run_ms(bench, 5);
    assert_memory_equal(bench->device->out_bytes, "a\n\x03", 3);
    fake_device_send(bench->device, bench->host, "b\n", 2);
    run_ms(bench, 5);
    assert_int_equal(read(fd, text, sizeof(text)), 2);
    assert_string_equal(text, "b\n");
    close(fd);
    run_ms(bench, 30);
    assert_int_equal(line_state(bench), 0);
    fd = open(usb_cable_path(bench->cable), O_RDWR | O_NOCTTY | O_NONBLOCK);
    run_ms(bench, 30);
    assert_int_equal(line_state(bench), 3);
    close(fd);
}

// --- Lockstep -----------------------------------------------------------------------------------

struct answer {
    uint8_t link, idle;
    uint32_t count;
    uint64_t now_ns;
    uint8_t bytes[4096];
};

static void message(int fd, char operation, const void *data, uint32_t length)
{
    uint8_t head[8] = {(uint8_t)operation,      0, 0, 0, (uint8_t)length, (uint8_t)(length >> 8),
                       (uint8_t)(length >> 16), 0};

    assert_int_equal(send(fd, head, 8, 0), 8);
    if (length != 0) {
        assert_int_equal(send(fd, data, length, 0), length);
    }
}

// The board's loop: from event to event while the limit allows.
static void board_loop(struct bench *bench, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        uint64_t now_ns = machine_now_ns(bench->machine);
        uint64_t next_ns = machine_next_event_ns(bench->machine);

        machine_serve(bench->machine, 0);
        if (machine_at_limit(bench->machine)) {
            continue;
        }
        next_ns = next_ns < bench->machine->limit_ns ? next_ns : bench->machine->limit_ns;
        machine_advance(bench->machine, next_ns > now_ns ? next_ns - now_ns : 0);
    }
}

static bool take_answer(struct bench *bench, int fd, struct answer *answer, unsigned steps)
{
    uint8_t head[16];

    for (unsigned i = 0; i < steps; i++) {
        if (recv(fd, head, 16, MSG_PEEK) == 16) {
            break;
        }
        board_loop(bench, 1);
    }
    if (recv(fd, head, 16, 0) != 16) {
        return false;
    }
    answer->link = head[0];
    answer->idle = head[1];
    assert_int_equal(head[2] | head[3], 0);
    memcpy(&answer->count, head + 4, 4);
    memcpy(&answer->now_ns, head + 8, 8);
    assert_in_range(answer->count, 0, sizeof(answer->bytes));
    if (answer->count != 0) {
        assert_int_equal(recv(fd, answer->bytes, answer->count, 0), answer->count);
    }
    return true;
}

static struct answer run(struct bench *bench, int fd, uint64_t limit_ns)
{
    struct answer answer;

    message(fd, 'R', &limit_ns, 8);
    assert_true(take_answer(bench, fd, &answer, 200000));
    return answer;
}

static int lockstep_start(struct bench *bench)
{
    int fd;

    plug(bench, "lockstep:");
    fd = dial(bench->path);
    assert_true(fd >= 0);
    return fd;
}

static void test_lockstep_time_stands_still(void **state)
{
    struct bench *bench = *state;
    int fd = lockstep_start(bench);
    struct answer answer;

    board_loop(bench, 100);
    assert_int_equal(machine_now_ns(bench->machine), 0);
    answer = run(bench, fd, 0);
    assert_int_equal(answer.now_ns, 0);
    assert_int_equal(answer.link, 0);
    assert_int_equal(answer.count, 0);
    answer = run(bench, fd, 5 * NS_PER_MS);
    assert_int_equal(answer.now_ns, 5 * NS_PER_MS);
    board_loop(bench, 100);
    assert_int_equal(machine_now_ns(bench->machine), 5 * NS_PER_MS);
    close(fd);
    board_loop(bench, 10);
    fd = dial(bench->path); // the next peer finds the time where the last one left it
    answer = run(bench, fd, 0);
    assert_int_equal(answer.now_ns, 5 * NS_PER_MS);
    close(fd);
}

static void test_lockstep_conversation(void **state)
{
    struct bench *bench = *state;
    int fd = lockstep_start(bench);
    struct answer answer;
    uint64_t linked_ns;

    message(fd, 'O', NULL, 0); // holds until there is a port
    fake_device_attach(bench->device, bench->host, true);
    answer = run(bench, fd, NS_PER_S);
    assert_int_equal(answer.link, 1);
    linked_ns = answer.now_ns;
    assert_in_range(linked_ns, 200 * NS_PER_MS, 400 * NS_PER_MS);
    answer = run(bench, fd, 10 * NS_PER_MS);
    assert_int_equal(answer.now_ns - linked_ns, 10 * NS_PER_MS);
    assert_int_equal(line_state(bench), 3);
    message(fd, 'W', "hello", 5);
    answer = run(bench, fd, 0);
    assert_int_equal(answer.idle, 0);
    answer = run(bench, fd, NS_PER_MS);
    assert_int_equal(answer.idle, 1);
    assert_memory_equal(bench->device->out_bytes, "hello", 5);
    fake_device_send(bench->device, bench->host, "world", 5);
    answer = run(bench, fd, NS_PER_S);
    assert_int_equal(answer.count, 5);
    assert_memory_equal(answer.bytes, "world", 5);
    assert_true(answer.now_ns < linked_ns + 13 * NS_PER_MS); // and not a second later
    board_loop(bench, 100);
    assert_int_equal(run(bench, fd, 0).now_ns, answer.now_ns);
    fake_device_attach(bench->device, bench->host, false);
    answer = run(bench, fd, NS_PER_S);
    assert_int_equal(answer.link, 0);
    fake_device_attach(bench->device, bench->host, true);
    answer = run(bench, fd, NS_PER_S);
    assert_int_equal(answer.link, 1);
    answer = run(bench, fd, 10 * NS_PER_MS);
    assert_int_equal(line_state(bench), 3); // opened again by itself
    close(fd);
}

static void test_lockstep_closed_port(void **state)
{
    struct bench *bench = *state;
    int fd = lockstep_start(bench);
    struct answer answer;

    fake_device_attach(bench->device, bench->host, true);
    run(bench, fd, NS_PER_S);
    message(fd, 'W', "lost", 4);
    fake_device_send(bench->device, bench->host, "unheard", 7);
    answer = run(bench, fd, 10 * NS_PER_MS);
    assert_int_equal(answer.count, 0);
    assert_int_equal(answer.idle, 1);
    assert_int_equal(bench->device->out_count, 0);
    message(fd, 'O', NULL, 0);
    message(fd, 'W', "first", 5);
    message(fd, 'C', NULL, 0);
    message(fd, 'W', "last", 4);
    answer = run(bench, fd, 10 * NS_PER_MS);
    assert_int_equal(bench->device->out_count, 5); // C waits for what came before it
    assert_int_equal(line_state(bench), 0);
    close(fd);
}

static void test_lockstep_more_than_the_queue(void **state)
{
    static uint8_t data[60000];
    struct bench *bench = *state;
    int fd = lockstep_start(bench);
    struct answer answer;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 11 >> 2);
    }
    fake_device_attach(bench->device, bench->host, true);
    run(bench, fd, NS_PER_S);
    message(fd, 'O', NULL, 0);
    message(fd, 'W', data, sizeof(data));
    message(fd, 'C', NULL, 0);
    answer = run(bench, fd, 20 * NS_PER_MS);
    assert_int_equal(answer.idle, 0);
    answer = run(bench, fd, 60 * NS_PER_MS); // 60000 bytes take 49.4 frames
    assert_int_equal(answer.idle, 1);
    assert_int_equal(bench->device->out_count, sizeof(data));
    assert_memory_equal(bench->device->out_bytes, data, sizeof(data));
    answer = run(bench, fd, 5 * NS_PER_MS);
    assert_int_equal(line_state(bench), 0);
    close(fd);
}

static void test_lockstep_repeats_exactly(void **state)
{
    uint64_t times[2];

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        void *own;
        struct bench *bench;
        struct answer answer = {0};
        int fd;

        set_up(&own);
        bench = own;
        fd = lockstep_start(bench);
        fake_device_attach(bench->device, bench->host, true);
        message(fd, 'O', NULL, 0);
        run(bench, fd, NS_PER_S);
        fake_device_send(bench->device, bench->host, "x", 1);
        answer = run(bench, fd, NS_PER_S);
        assert_int_equal(answer.count, 1);
        times[round] = answer.now_ns;
        close(fd);
        tear_down(&own);
    }
    assert_int_equal(times[0], times[1]);
}

static struct answer control(struct bench *bench, int fd, const uint8_t *setup, uint32_t length)
{
    struct answer answer;

    message(fd, 'X', setup, length);
    assert_true(take_answer(bench, fd, &answer, 200000));
    return answer;
}

// A program's control transfers: the answer's second byte tells how they ended.
static void test_lockstep_control(void **state)
{
    static const uint8_t get_device[8] = {0x80, 6, 0, 1, 0, 0, 64, 0};
    static const uint8_t get_status[8] = {0x80, 0, 0, 0, 0, 0, 2, 0};
    static const uint8_t line_coding[15] = {0x21, 0x20, 0, 0, 0, 0, 7, 0, 0, 8, 7, 6, 5, 4, 8};
    enum { DONE = 0, STALL = 1, NO_ANSWER = 2, TIMEOUT = 3 };
    struct bench *bench = *state;
    int fd = lockstep_start(bench);
    struct answer answer = control(bench, fd, get_device, 8);
    uint64_t before_ns;

    assert_int_equal(answer.link, 0);
    assert_int_equal(answer.idle, NO_ANSWER);
    assert_int_equal(answer.now_ns, 0);
    message(fd, 'O', NULL, 0);
    fake_device_attach(bench->device, bench->host, true);
    run(bench, fd, NS_PER_S);
    before_ns = run(bench, fd, 10 * NS_PER_MS).now_ns;
    fake_device_send(bench->device, bench->host, "serial", 6);
    answer = control(bench, fd, get_device, 8);
    assert_int_equal(answer.idle, DONE);
    assert_int_equal(answer.count, 18);
    assert_memory_equal(answer.bytes, bench->device->device, 18);
    assert_in_range(answer.now_ns - before_ns, 1, 2 * NS_PER_MS);
    board_loop(bench, 100);
    assert_int_equal(machine_now_ns(bench->machine), answer.now_ns); // time stands still again
    assert_int_equal(run(bench, fd, 10 * NS_PER_MS).count, 6);       // the serial port's bytes wait
    answer = control(bench, fd, line_coding, sizeof(line_coding));
    assert_int_equal(answer.idle, DONE);
    assert_int_equal(answer.count, 0);
    assert_memory_equal(bench->device->log[bench->device->log_count - 1].setup, line_coding, 8);
    assert_memory_equal(bench->device->log[bench->device->log_count - 1].data, line_coding + 8, 7);
    bench->device->stall_request = 0;
    assert_int_equal(control(bench, fd, get_status, 8).idle, STALL);
    bench->device->stall_request = -1;
    bench->device->naks_control = true;
    before_ns = machine_now_ns(bench->machine);
    answer = control(bench, fd, get_device, 8);
    assert_int_equal(answer.idle, TIMEOUT);
    assert_in_range(answer.now_ns - before_ns, 5 * NS_PER_S, 6 * NS_PER_S);
    close(fd);
}

static void test_lockstep_bad_messages(void **state)
{
    static const uint8_t bad[][8] = {{'X', 0, 0, 0, 0, 0, 0, 0},
                                     {'R', 0, 0, 0, 4, 0, 0, 0},
                                     {'O', 0, 0, 0, 1, 0, 0, 0},
                                     {'R', 1, 0, 0, 8, 0, 0, 0},
                                     {'W', 0, 0, 0, 1, 0, 16, 0}};
    struct bench *bench = *state;

    plug(bench, "lockstep:");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd = dial(bench->path);

        board_loop(bench, 2);
        assert_int_equal(send(fd, bad[i], 8, 0), 8);
        board_loop(bench, 2);
        assert_true(is_closed(fd));
        close(fd);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_socket_carries_both_ways),
        TEST(test_socket_without_device_closes),
        TEST(test_second_connection_is_closed),
        TEST(test_device_goes_away),
        TEST(test_back_pressure_out),
        TEST(test_back_pressure_in),
        TEST(test_peer_writes_and_vanishes),
        TEST(test_half_closed_peer_gets_answers),
        TEST(test_looking_does_not_open),
        TEST(test_stale_socket_is_replaced),
        TEST(test_live_socket_is_respected),
        TEST(test_other_files_are_respected),
        TEST(test_bad_specifications),
        TEST(test_runtime_names),
        TEST(test_foreign_runtime_folder),
        TEST(test_none),
        TEST(test_pty),
        TEST(test_lockstep_time_stands_still),
        TEST(test_lockstep_conversation),
        TEST(test_lockstep_closed_port),
        TEST(test_lockstep_more_than_the_queue),
        TEST(test_lockstep_repeats_exactly),
        TEST(test_lockstep_control),
        TEST(test_lockstep_bad_messages),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
