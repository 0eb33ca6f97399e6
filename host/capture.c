// Runs another program to its end, with a limit, and keeps what it said (POSIX).
//
// SPDX-License-Identifier: MIT
#include "host/capture.h"

#include "host/child.h"
#include "host/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 50

// Of a long text the end counts: that is where failures are told.
static void keep(struct ql_capture *capture, const char *bytes, size_t size)
{
    const size_t room = sizeof capture->text - 1;
    if (capture->length + size > room) {
        const size_t dropped = capture->length + size - room;
        memmove(capture->text, capture->text + dropped, capture->length - dropped);
        capture->length -= dropped;
    }
    for (size_t i = 0; i < size; i++)
        capture->text[capture->length++] = bytes[i] != '\0' ? bytes[i] : ' ';
    capture->text[capture->length] = '\0';
}

// More than 0: something came; 0: nothing within a moment; less: nothing will come any more.
static int take(struct ql_capture *capture, int input)
{
    char bytes[4096];
    struct pollfd ready = {.fd = input, .events = POLLIN};
    if (poll(&ready, 1, LOOK_MS) <= 0)
        return 0;
    const ssize_t got = read(input, bytes, sizeof bytes);
    if (got > 0)
        keep(capture, bytes, (size_t)got);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    return got > 0 ? 1 : -1;
}

static int fail_start(const char *program, int error, struct ql_failure *failure)
{
    if (error != ENOENT)
        return ql_fail(failure, QL_TOOL_MISSING, "%s cannot be started: %s", program,
                       strerror(error));
    ql_fail(failure, QL_TOOL_MISSING, "%s is not installed", program);
    ql_hint(failure, "Debian: apt-get install %s; others: it must be in $PATH", program);
    return -QL_TOOL_MISSING;
}

static int follow(struct ql_capture *capture, struct ql_child *child, const char *program,
                  int input, uint64_t limit_ns, const struct ql_observer *observer,
                  struct ql_failure *failure)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t deadline_ns = ql_clock_now(&clock) + limit_ns;
    for (;;) {
        // Asked first: what it said before its end is in the pipe then. A grandchild may hold the
        // pipe open; nobody waits for that one.
        const bool ended = ql_child_has_ended(child);
        const int taken = take(capture, input);
        if (ended && taken <= 0)
            break;
        if (taken < 0)
            ql_clock_sleep(&clock, LOOK_MS * QL_NS_PER_MS / 10);
        if (ql_cancelled(observer))
            return ql_fail(failure, QL_INTERRUPTED,
                           "interrupted; nothing on the board was changed");
        if (!ended && ql_clock_now(&clock) >= deadline_ns)
            return ql_fail(failure, QL_TOOL_FAILED, "%s did not end within %u s", program,
                           (unsigned)(limit_ns / QL_NS_PER_S));
    }
    capture->exit_code = ql_child_exit_code(child);
    return 0;
}

static void note_words(const char *const *words, const struct ql_observer *observer)
{
    char line[320] = "";
    size_t length = 0;
    for (size_t i = 0; words[i] != NULL && length < sizeof line; i++)
        length += (size_t)snprintf(line + length, sizeof line - length, " %s", words[i]);
    ql_note(observer, "runs%s", line);
}

int ql_capture_run(struct ql_capture *capture, const char *const *words, uint64_t limit_ns,
                   const struct ql_observer *observer, struct ql_failure *failure)
{
    int ends[2];
    int error = 0;
    struct ql_child child;
    capture->text[0] = '\0';
    capture->length = 0;
    note_words(words, observer);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ql_fail(failure, QL_INTERNAL, "no pipe can be made: %s", strerror(errno));
    // execvp() does not change them.
    int result = ql_child_spawn(&child, (char *const *)(uintptr_t)words, ends[1], &error, failure);
    close(ends[1]);
    if (result == 0 && error != 0)
        result = fail_start(words[0], error, failure);
    else if (result == 0)
        result = follow(capture, &child, words[0], ends[0], limit_ns, observer, failure);
    ql_child_stop(&child);
    close(ends[0]);
    return result;
}
