// What newlib asks of an operating system: the console as files 0, 1 and 2, a heap, and no files.
//
// Weak, so that a program can bring its own of any of them.
// Written from newlib's manual, section "System Calls".
//
// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#include "quadlane/clock.h"
#include "quadlane/fault.h"
#include "quadlane/memory.h"
#include "quadlane/uart.h"

#define WEAK __attribute__((weak))

int _close(int file);
int _fstat(int file, struct stat *status);
int _getpid(void);
int _gettimeofday(struct timeval *time, void *zone);
int _isatty(int file);
int _kill(int process, int number);
int _link(const char *old, const char *new);
_off_t _lseek(int file, _off_t offset, int whence);
int _open(const char *name, int flags, int mode);
_ssize_t _read(int file, void *buffer, size_t size);
void *_sbrk(ptrdiff_t increment);
int _stat(const char *name, struct stat *status);
clock_t _times(struct tms *times);
int _unlink(const char *name);
_ssize_t _write(int file, const void *buffer, size_t size);

static int fail(int error)
{
    errno = error;
    return -1;
}

WEAK void *_sbrk(ptrdiff_t increment)
{
    static char *heap_now = ql_heap_start;
    char *const before = heap_now;

    if (increment > ql_heap_end - heap_now || increment < ql_heap_start - heap_now) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap_now += increment;
    return before;
}

// As a terminal in line mode without editing: waits for one byte, takes what else is there.
WEAK _ssize_t _read(int file, void *buffer, size_t size)
{
    unsigned char *const bytes = buffer;
    size_t count = 0;

    if (file != STDIN_FILENO)
        return fail(EBADF);
    if (size == 0)
        return 0;
    bytes[count++] = ql_uart_read_wait();
    while (count < size && bytes[count - 1] != '\n') {
        const int byte = ql_uart_read();
        if (byte < 0)
            break;
        bytes[count++] = (unsigned char)byte;
    }
    return (_ssize_t)count;
}

// A terminal needs a carriage return before each line feed.
WEAK _ssize_t _write(int file, const void *buffer, size_t size)
{
    const char *const bytes = buffer;
    size_t begin = 0;

    if (file != STDOUT_FILENO && file != STDERR_FILENO)
        return fail(EBADF);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n')
            continue;
        ql_uart_write(bytes + begin, i - begin);
        ql_uart_write("\r", 1);
        begin = i;
    }
    ql_uart_write(bytes + begin, size - begin);
    return (_ssize_t)size;
}

WEAK int _close(int file)
{
    (void)file;
    return fail(EBADF);
}

WEAK int _fstat(int file, struct stat *status)
{
    if (file < STDIN_FILENO || file > STDERR_FILENO)
        return fail(EBADF);
    *status = (struct stat){.st_mode = S_IFCHR};
    return 0;
}

WEAK int _isatty(int file)
{
    return file >= STDIN_FILENO && file <= STDERR_FILENO;
}

WEAK int _open(const char *name, int flags, int mode)
{
    (void)name;
    (void)flags;
    (void)mode;
    return fail(ENOENT);
}

WEAK int _stat(const char *name, struct stat *status)
{
    (void)name;
    (void)status;
    return fail(ENOENT);
}

WEAK int _unlink(const char *name)
{
    (void)name;
    return fail(ENOENT);
}

WEAK int _link(const char *old, const char *new)
{
    (void)old;
    (void)new;
    return fail(EMLINK);
}

WEAK _off_t _lseek(int file, _off_t offset, int whence)
{
    (void)file;
    (void)offset;
    (void)whence;
    return fail(ESPIPE);
}

WEAK int _getpid(void)
{
    return 1;
}

WEAK int _kill(int process, int number)
{
    (void)process;
    ql_exit(128 + number);
}

// There is no calendar: time counts from the program's ql_ticks_start(). A weak reference: asking
// for the time must not bring the SDK's SysTick_Handler into a program with another use for it.
#pragma weak ql_ticks_ms

WEAK int _gettimeofday(struct timeval *time, void *zone)
{
    (void)zone;
    if (ql_ticks_ms == NULL)
        return fail(ENOSYS);
    const uint32_t now_ms = ql_ticks_ms();
    time->tv_sec = (time_t)(now_ms / 1000);
    time->tv_usec = (suseconds_t)(now_ms % 1000) * 1000;
    return 0;
}

WEAK clock_t _times(struct tms *times)
{
    if (ql_ticks_ms == NULL)
        return (clock_t)fail(ENOSYS);
    const clock_t now = (clock_t)((uint64_t)ql_ticks_ms() * CLOCKS_PER_SEC / 1000);

    *times = (struct tms){.tms_utime = now};
    return now;
}

__attribute__((weak, noreturn)) void _exit(int status)
{
    ql_exit(status);
}
