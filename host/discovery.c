// Where boards may be: USB serial ports by their descriptors, virtual boards by their sockets.
//
// SPDX-License-Identifier: MIT
#include "host/discovery.h"

#include <dirent.h>
#include <libserialport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRODUCT "quadlane bootloader"

void ql_runtime_folder(char *path, size_t size)
{
    const char *own = getenv("QUADLANE_RUNTIME_DIR");
    const char *user = getenv("XDG_RUNTIME_DIR");
    if (own != NULL && own[0] != '\0')
        snprintf(path, size, "%s", own);
    else if (user != NULL && user[0] != '\0')
        snprintf(path, size, "%s/quadlane", user);
    else
        snprintf(path, size, "/tmp/quadlane-%u", (unsigned)getuid());
}

// How much of a product's name is the owner's (SPEC.md section 14); 0: it is none of those.
static size_t owner_length(const char *product)
{
    const size_t length = strlen(product);
    const size_t suffix = strlen(QL_PRODUCT_SUFFIX);
    return length > suffix && strcmp(product + length - suffix, QL_PRODUCT_SUFFIX) == 0
               ? length - suffix
               : 0;
}

// 1209:0001 is shared by everybody who develops: the product's name decides.
static bool is_ours(const struct sp_port *port)
{
    int vid = 0;
    int pid = 0;
    if (sp_get_port_transport(port) != SP_TRANSPORT_USB ||
        sp_get_port_usb_vid_pid(port, &vid, &pid) != SP_OK || vid != QL_USB_VID ||
        pid != QL_USB_PID)
        return false;
    const char *product = sp_get_port_usb_product(port);
    return product != NULL &&
           (strncmp(product, PRODUCT, strlen(PRODUCT)) == 0 || owner_length(product) > 0);
}

// The board's name stands in brackets behind the product's; an owner's product is its name.
static void copy_board_name(char name[QL_TEXT_SIZE], const char *product)
{
    const size_t owner = owner_length(product);
    if (owner > 0) {
        snprintf(name, QL_TEXT_SIZE, "%.*s", (int)owner, product);
        return;
    }
    const char *open = strchr(product, '(');
    snprintf(name, QL_TEXT_SIZE, "%s", open != NULL ? open + 1 : "");
    name[strcspn(name, ")")] = '\0';
}

void ql_discover_usb(struct ql_found *found, size_t *count)
{
    struct sp_port **ports = NULL;
    if (sp_list_ports(&ports) != SP_OK)
        return;
    for (size_t i = 0; ports[i] != NULL && *count < QL_FOUND_MAX; i++) {
        if (!is_ours(ports[i]))
            continue;
        struct ql_found *board = &found[(*count)++];
        *board = (struct ql_found){.state = QL_FOUND_READY};
        const char *serial = sp_get_port_usb_serial(ports[i]);
        snprintf(board->port, sizeof board->port, "%s", sp_get_port_name(ports[i]));
        snprintf(board->serial, sizeof board->serial, "%s", serial != NULL ? serial : "");
        copy_board_name(board->name, sp_get_port_usb_product(ports[i]));
    }
    sp_free_port_list(ports);
}

static int compare_names(const void *left, const void *right)
{
    const struct ql_usb_port *one = left;
    const struct ql_usb_port *other = right;
    return strcmp(one->port, other->port);
}

size_t ql_discover_usb_ports(struct ql_usb_port *found, size_t count_max)
{
    struct sp_port **ports = NULL;
    size_t count = 0;
    if (sp_list_ports(&ports) != SP_OK)
        return 0;
    for (size_t i = 0; ports[i] != NULL && count < count_max; i++) {
        if (sp_get_port_transport(ports[i]) != SP_TRANSPORT_USB || is_ours(ports[i]))
            continue;
        struct ql_usb_port *port = &found[count++];
        const char *serial = sp_get_port_usb_serial(ports[i]);
        snprintf(port->port, sizeof port->port, "%s", sp_get_port_name(ports[i]));
        snprintf(port->serial, sizeof port->serial, "%s", serial != NULL ? serial : "");
    }
    sp_free_port_list(ports);
    qsort(found, count, sizeof found[0], compare_names);
    return count;
}

static int is_socket_name(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".sock") == 0;
}

void ql_discover_virtual(struct ql_found *found, size_t *count)
{
    char folder[QL_PORT_SIZE - 8];
    struct dirent **entries = NULL;
    struct stat status;
    ql_runtime_folder(folder, sizeof folder);
    // In a folder that someone else made, someone else's program would wait for our file.
    if (stat(folder, &status) != 0 || status.st_uid != getuid())
        return;
    const int entry_count = scandir(folder, &entries, is_socket_name, alphasort);
    for (int i = 0; i < entry_count; i++) {
        char path[QL_PORT_SIZE];
        const char *name = entries[i]->d_name;
        const int length = snprintf(path, sizeof path, "unix:%s/%s", folder, name);
        if (*count < QL_FOUND_MAX && length > 0 && (size_t)length < sizeof path &&
            stat(path + 5, &status) == 0 && S_ISSOCK(status.st_mode)) {
            struct ql_found *board = &found[(*count)++];
            *board = (struct ql_found){.is_virtual = true, .state = QL_FOUND_SILENT};
            memcpy(board->port, path, (size_t)length + 1);
            snprintf(board->name, sizeof board->name, "%.*s", (int)strlen(name) - 5, name);
        }
        free(entries[i]);
    }
    if (entry_count >= 0)
        free(entries);
}
