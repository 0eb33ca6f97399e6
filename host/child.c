// A program that is started beside this one and ended with it (POSIX; prctl of Linux).
//
// SPDX-License-Identifier: MIT
#include "host/child.h"

#include "host/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_LIMIT_NS (3 * QL_NS_PER_S)
#define LOOK_NS       (5 * QL_NS_PER_MS)

// In the new process: becomes the program, or tells through the pipe why not.
static _Noreturn void become(char *const *words, int report, int output, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) // it ended before the line above
        _exit(1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    if (output >= 0) {
        // Ctrl-C is for this program, which decides whether the other one may be ended.
        setpgid(0, 0);
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
    }
    execvp(words[0], words);
    const int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

static int fail_start(const char *program, int error, struct ql_failure *failure)
{
    ql_fail(failure, QL_SERVER_MISSING, "the GDB server %.200s cannot be started: %s", program,
            strerror(error));
    ql_hint(failure, error == ENOENT ? "install it, or name it with its whole path behind the --"
                                     : "look at the file's permissions");
    return -QL_SERVER_MISSING;
}

int ql_child_spawn(struct ql_child *child, char *const *words, int output, int *error,
                   struct ql_failure *failure)
{
    int report[2];
    *error = 0;
    *child = (struct ql_child){0};
    if (pipe2(report, O_CLOEXEC) != 0)
        return ql_fail(failure, QL_INTERNAL, "no pipe can be made: %s", strerror(errno));
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0)
        become(words, report[1], output, parent);
    close(report[1]);
    const bool failed = pid < 0 || read(report[0], error, sizeof *error) == sizeof *error;
    close(report[0]);
    if (pid < 0)
        return ql_fail(failure, QL_INTERNAL, "no process can be made: %s", strerror(errno));
    child->pid = pid;
    if (!failed)
        return 0;
    waitpid(pid, &child->status, 0);
    child->pid = 0;
    return 0;
}

int ql_child_start(struct ql_child *child, char *const *words, struct ql_failure *failure)
{
    int error = 0;
    const int result = ql_child_spawn(child, words, -1, &error, failure);
    return result == 0 && error != 0 ? fail_start(words[0], error, failure) : result;
}

bool ql_child_has_ended(struct ql_child *child)
{
    if (child->pid != 0 && waitpid(child->pid, &child->status, WNOHANG) == child->pid) {
        child->pid = 0;
        child->ended = true;
    }
    return child->ended;
}

static bool ends_within(struct ql_child *child, uint64_t limit_ns)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t deadline_ns = ql_clock_now(&clock) + limit_ns;
    while (!ql_child_has_ended(child)) {
        if (ql_clock_now(&clock) >= deadline_ns)
            return false;
        ql_clock_sleep(&clock, LOOK_NS);
    }
    return true;
}

void ql_child_stop(struct ql_child *child)
{
    if (child->pid == 0)
        return;
    kill(child->pid, SIGTERM);
    if (ends_within(child, STOP_LIMIT_NS))
        return;
    kill(child->pid, SIGKILL);
    ends_within(child, STOP_LIMIT_NS);
}

int ql_child_exit_code(const struct ql_child *child)
{
    return WIFEXITED(child->status) ? WEXITSTATUS(child->status) : 128 + WTERMSIG(child->status);
}

const char *ql_child_end_text(const struct ql_child *child)
{
    static char text[80];
    if (WIFEXITED(child->status))
        snprintf(text, sizeof text, "ended with exit code %d", WEXITSTATUS(child->status));
    else
        snprintf(text, sizeof text, "was ended by signal %d (%s)", WTERMSIG(child->status),
                 strsignal(WTERMSIG(child->status)));
    return text;
}
