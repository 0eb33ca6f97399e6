// What foreign programs do to a serial port: every speed, break, modem lines, odd frames, the
// probes of a modem manager, closing in the middle. Prints how many bytes the device answered; the
// test then asks whether the device still obeys.
//
// From termios(3), ioctl_tty(2), and what ModemManager writes to a new port (AT and QCDM probes).
//
// SPDX-License-Identifier: MIT
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const unsigned rates[] = {50,     300,    1200,    2400,    9600,     12345, 57600,
                                 115200, 250000, 1000000, 4000000, 0xFFFFFF, 9600};
static const unsigned frames[] = {CS8,           CS7 | PARENB, CS5 | CSTOPB, CS6 | PARENB | PARODD,
                                  CS8 | CRTSCTS, CS8};

static int open_port(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        fprintf(stderr, "line_manners: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    return fd;
}

static void set_line(int fd, unsigned rate, unsigned frame)
{
    struct termios2 line = {0};

    line.c_cflag = BOTHER | CREAD | CLOCAL | frame;
    line.c_ispeed = rate;
    line.c_ospeed = rate;
    if (ioctl(fd, TCSETS2, &line) != 0) {
        fprintf(stderr, "line_manners: %u baud: %s\n", rate, strerror(errno));
        exit(1);
    }
}

static void play_with_lines(int fd)
{
    int lines = TIOCM_DTR;

    ioctl(fd, TIOCMBIC, &lines); // as a board of another make is reset
    lines = TIOCM_RTS;
    ioctl(fd, TIOCMBIC, &lines);
    ioctl(fd, TIOCMBIS, &lines);
    lines = TIOCM_DTR;
    ioctl(fd, TIOCMBIS, &lines);
    ioctl(fd, TIOCMGET, &lines);
}

static size_t listen_for(int fd, int limit_ms)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    size_t heard = 0;
    char bytes[4096];

    while (poll(&readable, 1, limit_ms) > 0) {
        ssize_t count = read(fd, bytes, sizeof(bytes));

        if (count <= 0) {
            break;
        }
        heard += (size_t)count;
    }
    return heard;
}

static size_t probe(int fd)
{
    static const char *const probes[] = {"AT\r",     "AT+CGMI\r", "ATI\r", "\x78\xF0\x7E",
                                         "\x7E\x7E", "+++",       "ATZ\r", "help\r\n"};
    size_t heard = 0;

    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        if (write(fd, probes[i], strlen(probes[i])) < 0) {
            fprintf(stderr, "line_manners: write: %s\n", strerror(errno));
            exit(1);
        }
        heard += listen_for(fd, 50);
    }
    return heard;
}

int main(int count, char **arguments)
{
    const char *path = count > 1 ? arguments[1] : "/dev/ttyACM0";
    int fd = open_port(path);
    int second = open_port(path); // nobody has claimed the port for himself
    size_t heard;

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        set_line(fd, rates[i], frames[i % (sizeof(frames) / sizeof(frames[0]))]);
        play_with_lines(fd);
    }
    ioctl(fd, TCSBRK, 0); // 250 ms and more of break
    ioctl(fd, TIOCSBRK, 0);
    ioctl(fd, TIOCCBRK, 0);
    heard = probe(second);
    close(second);
    set_line(fd, 1200, CS8); // closing at 1200 baud starts other makes' bootloaders
    close(fd);
    printf("%zu\n", heard);
    return 0;
}
