// The list of USB devices (Linux: Documentation/ABI/testing/sysfs-bus-usb).
//
// SPDX-License-Identifier: MIT
#include "host/usb_devices.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A file of one line; the empty string when there is none.
static void read_line(const char *folder, const char *device, const char *name, char *text,
                      size_t size)
{
    char path[PATH_MAX];
    text[0] = '\0';
    const int length = snprintf(path, sizeof path, "%s/%s/%s", folder, device, name);
    FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "r") : NULL;
    if (file == NULL)
        return;
    if (fgets(text, (int)size, file) == NULL)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

size_t ql_usb_devices(struct ql_usb_device *devices, size_t count_max)
{
    const char *own = getenv("QUADLANE_USB_DEVICES");
    const char *folder = own != NULL && own[0] != '\0' ? own : "/sys/bus/usb/devices";
    struct dirent **entries = NULL;
    size_t count = 0;
    const int entry_count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < entry_count; i++) {
        struct ql_usb_device device = {0};
        char vid[8];
        char pid[8];
        const char *name = entries[i]->d_name;
        read_line(folder, name, "idVendor", vid, sizeof vid);
        read_line(folder, name, "idProduct", pid, sizeof pid);
        // Interfaces have none of these; `.` and `..` neither.
        if (vid[0] != '\0' && pid[0] != '\0' && count < count_max &&
            strlen(name) < sizeof device.path) {
            device.vid = (uint16_t)strtoul(vid, NULL, 16);
            device.pid = (uint16_t)strtoul(pid, NULL, 16);
            memcpy(device.path, name, strlen(name) + 1);
            read_line(folder, name, "serial", device.serial, sizeof device.serial);
            read_line(folder, name, "product", device.product, sizeof device.product);
            devices[count++] = device;
        }
        free(entries[i]);
    }
    if (entry_count >= 0)
        free(entries);
    return count;
}
