// Listening sockets of the cables: stale ones are replaced, live ones are not.
//
// Between bind and listen a socket looks like one that was left behind. So that boards that start
// at the same moment do not take each other's, one at a time looks for its place in a folder.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_cable_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX   99u
#define TURN_MS_MAX 2000u

static bool fill_address(struct sockaddr_un *address, const char *path, char *error,
                         size_t error_size)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (path[0] == '\0' || strlen(path) >= sizeof(address->sun_path)) {
        snprintf(error, error_size, "A socket path has 1 to %zu characters, not %zu.",
                 sizeof(address->sun_path) - 1, strlen(path));
        return false;
    }
    strcpy(address->sun_path, path);
    return true;
}

static int new_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// Somebody listens there. A board that is asked in this way sees a connection that is gone at once.
static bool is_alive(const struct sockaddr_un *address)
{
    int fd = new_socket();
    bool alive;

    if (fd < 0) {
        return true;
    }
    alive = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
            (errno != ECONNREFUSED && errno != ENOENT);
    close(fd);
    return alive;
}

// The turn of this process in a folder: closed, it ends. -1 when there is no such folder, of which
// bind tells, or when somebody is stopped in the middle of his turn.
static int take_turn(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (unsigned ms = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; ms++) {
        if (ms == TURN_MS_MAX) {
            close(fd);
            return -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return fd;
}

static void end_turn(int turn)
{
    if (turn >= 0) {
        close(turn);
    }
}

enum place { PLACE_FREE, PLACE_ALIVE, PLACE_OTHER };

// Removes a socket on which nobody listens.
static enum place clear_place(const struct sockaddr_un *address)
{
    struct stat status;

    if (lstat(address->sun_path, &status) != 0) {
        return PLACE_FREE; // bind says what is wrong with the folder
    }
    if (!S_ISSOCK(status.st_mode)) {
        return PLACE_OTHER;
    }
    if (is_alive(address)) {
        return PLACE_ALIVE;
    }
    unlink(address->sun_path);
    return PLACE_FREE;
}

static int bind_and_listen(const struct sockaddr_un *address, char *error, size_t error_size)
{
    int fd = new_socket();

    if (fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
        listen(fd, 4) == 0) {
        return fd;
    }
    snprintf(error, error_size, "The socket %s cannot be made: %s.", address->sun_path,
             strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int listen_at(const struct sockaddr_un *address, char *error, size_t error_size)
{
    switch (clear_place(address)) {
    case PLACE_ALIVE:
        snprintf(error, error_size, "The socket %s is in use by another program.",
                 address->sun_path);
        return -1;
    case PLACE_OTHER:
        snprintf(error, error_size, "%s exists and is not a socket.", address->sun_path);
        return -1;
    default:
        return bind_and_listen(address, error, error_size);
    }
}

int cable_listen(const char *path, char *error, size_t error_size)
{
    struct sockaddr_un address;
    char folder[sizeof(address.sun_path)];
    int turn, listener;

    if (!fill_address(&address, path, error, error_size)) {
        return -1;
    }
    strcpy(folder, path);
    turn = take_turn(dirname(folder));
    listener = listen_at(&address, error, error_size);
    end_turn(turn);
    return listener;
}

// --- The runtime folder -------------------------------------------------------------------------

static bool runtime_folder(char *folder, size_t size)
{
    const char *own = getenv("QUADLANE_RUNTIME_DIR");
    const char *user = getenv("XDG_RUNTIME_DIR");
    int length;

    if (own != NULL && own[0] != '\0') {
        length = snprintf(folder, size, "%s", own);
    } else if (user != NULL && user[0] != '\0') {
        length = snprintf(folder, size, "%s/quadlane", user);
    } else {
        length = snprintf(folder, size, "/tmp/quadlane-%lu", (unsigned long)getuid());
    }
    return length > 0 && (size_t)length < size;
}

static bool make_folder(const char *folder, char *error, size_t error_size)
{
    struct stat status;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        snprintf(error, error_size, "The folder %s for the board's socket cannot be made: %s.",
                 folder, strerror(errno));
        return false;
    }
    // Another user's folder, or a link to it, is not a place to be found in.
    if (lstat(folder, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != getuid()) {
        snprintf(error, error_size,
                 "%s is not a folder of your own; set QUADLANE_RUNTIME_DIR to one.", folder);
        return false;
    }
    return true;
}

// The first free name in the folder.
static int listen_in(const char *folder, const char *board_name, char *path, size_t path_size,
                     char *error, size_t error_size)
{
    struct sockaddr_un address;

    for (unsigned number = 1; number <= NAMES_MAX; number++) {
        char candidate[512];

        if (number == 1) {
            snprintf(candidate, sizeof(candidate), "%s/%s.sock", folder, board_name);
        } else {
            snprintf(candidate, sizeof(candidate), "%s/%s-%u.sock", folder, board_name, number);
        }
        if (!fill_address(&address, candidate, error, error_size)) {
            return -1;
        }
        if (clear_place(&address) == PLACE_FREE) {
            snprintf(path, path_size, "%s", candidate);
            return bind_and_listen(&address, error, error_size);
        }
    }
    snprintf(error, error_size, "All names from %s/%s.sock to %s-%u.sock are in use.", folder,
             board_name, board_name, NAMES_MAX);
    return -1;
}

int cable_listen_runtime(const char *board_name, char *path, size_t path_size, char *error,
                         size_t error_size)
{
    char folder[256];
    int turn, listener;

    if (!runtime_folder(folder, sizeof(folder))) {
        snprintf(error, error_size, "The path of the runtime folder is too long.");
        return -1;
    }
    if (!make_folder(folder, error, error_size)) {
        return -1;
    }
    turn = take_turn(folder);
    listener = listen_in(folder, board_name, path, path_size, error, error_size);
    end_turn(turn);
    return listener;
}
