// Which way leads to a bare board, what may be put there, and the files between the tools.
//
// Written from SPEC.md section 6 (the bootloader's USB identity), RM0433 (memory map of the
// STM32H750), and the USB ids of ST's, SEGGER's and CMSIS-DAP's probes as OpenOCD's files have
// them.
//
// SPDX-License-Identifier: MIT
#include "host/install.h"

#include "abi/bytes.h"
#include "host/bootloader.h"
#include "host/exst.h"
#include "host/file.h"
#include "host/usb_devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define WAYS_MAX    16
#define DEVICES_MAX 128

static const struct ql_place places[] = {
    [QL_VIA_ANY] = {"-flash.bin", 0x08000000, 0x20000, "the internal flash"},
    [QL_VIA_DFU] = {"-flash.bin", 0x08000000, 0x20000, "the internal flash"},
    [QL_VIA_OPENOCD] = {"-flash.bin", 0x08000000, 0x20000, "the internal flash"},
    [QL_VIA_MAKER] = {"-ram.exst", 0x90F90000, 0x70000, "the maker's area for a second stage"},
};

static const char *const via_names[] = {[QL_VIA_ANY] = "any",
                                        [QL_VIA_DFU] = "dfu",
                                        [QL_VIA_OPENOCD] = "openocd",
                                        [QL_VIA_MAKER] = "maker"};

const struct ql_place *ql_place_of(enum ql_via via)
{
    return &places[via];
}

enum ql_via ql_via_from(const char *name)
{
    for (enum ql_via via = QL_VIA_DFU; via <= QL_VIA_MAKER; via++) {
        if (strcmp(name, via_names[via]) == 0)
            return via;
    }
    return QL_VIA_ANY;
}

const char *ql_via_name(enum ql_via via)
{
    return via_names[via];
}

// --- The image ----------------------------------------------------------------------------------

static int fail_foreign(const char *path, const char *what, struct ql_failure *failure)
{
    if (what != NULL) // else the sentence is there already
        ql_fail(failure, QL_IMAGE_FOREIGN, "%s %s", path, what);
    failure->code = QL_IMAGE_FOREIGN;
    ql_hint(failure, "the build makes BOARD-flash.bin for every board; --force installs any file");
    return -QL_IMAGE_FOREIGN;
}

// What update-bootloader checks, and the way it starts. A second stage's block is filled up behind
// its image; ql_exst_check() knows it to be whole.
static int check_bootloader(const char *path, const char *board, const struct ql_place *place,
                            uint8_t *bytes, uint32_t size, struct ql_failure *failure)
{
    struct ql_bootloader bootloader;
    char text[160];
    uint32_t address = place->address;
    if (place == &places[QL_VIA_MAKER]) {
        const int result = ql_exst_check(path, bytes, size, failure);
        if (result != 0)
            return result;
        const uint32_t length = ql_load_u32(bytes + QL_MARKER_OFFSET + QL_MARKER_LENGTH);
        size = length < size ? length : size;
        address = QL_EXST_ADDRESS;
    }
    if (ql_bootloader_parse(&bootloader, path, bytes, size, address, failure) != 0)
        return fail_foreign(path, NULL, failure);
    if (strcmp(bootloader.board, board) != 0) {
        snprintf(text, sizeof text, "is a bootloader for another board, %s, not for %.64s",
                 bootloader.board, board);
        return fail_foreign(path, text, failure);
    }
    const uint32_t stack = ql_load_u32(bytes);
    const uint32_t start = ql_load_u32(bytes + 4);
    if (stack >> 24 < 0x20 || stack >> 24 > 0x24 || start < address || start >= address + size)
        return fail_foreign(path, "has no vector table that can be right", failure);
    return 0;
}

static int check_image(const char *path, const char *board, const struct ql_place *place, bool any,
                       uint8_t *bytes, size_t size, struct ql_failure *failure)
{
    char text[160];
    if (size == 0)
        return ql_fail(failure, QL_FILE_EMPTY, "%s is empty", path);
    if (size > 4 && (memcmp(bytes, "\177ELF", 4) == 0 || bytes[0] == ':'))
        return fail_foreign(path, "is no raw binary: give the .bin beside it", failure);
    if (size > place->size) {
        snprintf(text, sizeof text, "has %zu bytes, which do not fit into %s, 0x%08X to 0x%08X",
                 size, place->text, place->address, place->address + place->size - 1);
        return fail_foreign(path, text, failure);
    }
    return any ? 0 : check_bootloader(path, board, place, bytes, (uint32_t)size, failure);
}

int ql_install_load(const char *path, const char *board, const struct ql_place *place, bool any,
                    uint8_t **bytes, size_t *size, struct ql_failure *failure)
{
    uint8_t *file = NULL;
    int result = ql_file_read(path, &file, size, failure);
    if (result == 0)
        result = check_image(path, board, place, any, file, *size, failure);
    *bytes = result == 0 ? malloc(place->size) : NULL;
    if (result == 0 && *bytes == NULL)
        result = ql_fail_memory(failure);
    if (result == 0) {
        memset(*bytes, 0xFF, place->size);
        memcpy(*bytes, file, *size);
    }
    free(file);
    return result;
}

// --- Ways ---------------------------------------------------------------------------------------

// Which adapter file of OpenOCD's is for this device? A null pointer: it is no probe.
static const char *adapter_of(const struct ql_usb_device *device, const char **name)
{
    static const uint16_t st[] = {0x3748, 0x374B, 0x374D, 0x374E, 0x374F,
                                  0x3752, 0x3753, 0x3754, 0x3755, 0x3757};
    for (size_t i = 0; device->vid == 0x0483 && i < sizeof st / sizeof st[0]; i++) {
        if (device->pid == st[i]) {
            *name = "ST-LINK";
            return "stlink";
        }
    }
    if (device->vid == 0x1366) {
        *name = "J-Link";
        return "jlink";
    }
    if (strstr(device->product, "CMSIS-DAP") != NULL) {
        *name = "CMSIS-DAP probe";
        return "cmsis-dap";
    }
    return NULL;
}

static void add_probe(struct ql_way *ways, size_t *count, const struct ql_usb_device *device,
                      const struct ql_way_wanted *wanted)
{
    const char *name = "";
    const char *adapter = adapter_of(device, &name);
    if (adapter == NULL || *count == WAYS_MAX ||
        (wanted->adapter != NULL && strcmp(wanted->adapter, adapter) != 0) ||
        (wanted->serial != NULL && strcasecmp(wanted->serial, device->serial) != 0))
        return;
    struct ql_way *way = &ways[(*count)++];
    *way = (struct ql_way){.via = QL_VIA_OPENOCD, .vid = device->vid, .pid = device->pid};
    snprintf(way->adapter, sizeof way->adapter, "%s", adapter);
    snprintf(way->serial, sizeof way->serial, "%s", device->serial);
    snprintf(way->path, sizeof way->path, "%s", device->path);
    snprintf(way->device, sizeof way->device, "%s at USB %.31s", name, device->path);
}

static void find_probes(struct ql_way *ways, size_t *count, const struct ql_way_wanted *wanted)
{
    struct ql_usb_device devices[DEVICES_MAX];
    if (wanted->adapter != NULL && strcmp(wanted->adapter, "virtual") == 0) {
        ways[*count] = (struct ql_way){
            .via = QL_VIA_OPENOCD, .device = "the virtual board's probe", .adapter = "virtual"};
        (*count)++;
        return;
    }
    const size_t device_count = ql_usb_devices(devices, DEVICES_MAX);
    for (size_t i = 0; i < device_count; i++)
        add_probe(ways, count, &devices[i], wanted);
}

static bool loader_is_there(void)
{
    struct ql_usb_device devices[DEVICES_MAX];
    const size_t count = ql_usb_devices(devices, DEVICES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (devices[i].vid == QL_ROM_VID && devices[i].pid == QL_ROM_PID)
            return true;
    }
    return false;
}

static int fail_none(const struct ql_way_wanted *wanted, struct ql_failure *failure)
{
    if (wanted->serial != NULL)
        ql_fail(failure, QL_NO_WAY, "no probe or DFU device with the serial number %.60s is there",
                wanted->serial);
    else if (wanted->via == QL_VIA_OPENOCD || wanted->adapter != NULL)
        ql_fail(failure, QL_NO_WAY, "no debug probe%s%.20s is connected",
                wanted->adapter != NULL ? " of the kind " : "",
                wanted->adapter != NULL ? wanted->adapter : "");
    else if (wanted->via == QL_VIA_MAKER)
        ql_fail(failure, QL_NO_WAY,
                "no board with its maker's bootloader in DFU mode is connected");
    else
        ql_fail(failure, QL_NO_WAY, "no board in DFU mode%s is connected",
                wanted->via == QL_VIA_ANY ? " and no debug probe" : "");
    ql_hint(failure, "hold BOOT0 while pressing reset and connect the board's USB (lsusb: "
                     "0483:df11), or connect an ST-LINK or J-Link to SWDIO, SWCLK, GND");
    return -QL_NO_WAY;
}

static int fail_several(const struct ql_way *ways, size_t count, struct ql_failure *failure)
{
    char list[300] = "";
    for (size_t i = 0; i < count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s (--via %s%s%s)", i > 0 ? ", " : "",
                 ways[i].device, via_names[ways[i].via],
                 ways[i].serial[0] != '\0' ? " --serial " : "", ways[i].serial);
    }
    ql_fail(failure, QL_SEVERAL_BOARDS, "there is more than one way: %s", list);
    ql_hint(failure, "choose one of them by these options; they may lead to different boards");
    return -QL_SEVERAL_BOARDS;
}

int ql_install_find(struct ql_way *way, const struct ql_way_wanted *wanted,
                    struct ql_failure *failure)
{
    struct ql_way ways[WAYS_MAX];
    size_t count = 0;
    int result = 0;
    if (wanted->via == QL_VIA_ANY || wanted->via == QL_VIA_OPENOCD)
        find_probes(ways, &count, wanted);
    if (wanted->via != QL_VIA_OPENOCD && wanted->adapter == NULL)
        result = ql_install_find_dfu(ways, &count, WAYS_MAX, wanted, failure);
    // Without dfu-util a probe will do, unless a board waits in its loader.
    if (result == -QL_TOOL_MISSING && wanted->via == QL_VIA_ANY &&
        (wanted->serial != NULL ? count > 0 : !loader_is_there()))
        result = 0;
    if (result != 0)
        return result;
    if (count == 0)
        return fail_none(wanted, failure);
    if (count > 1)
        return fail_several(ways, count, failure);
    *way = ways[0];
    return 0;
}

// --- Work ---------------------------------------------------------------------------------------

int ql_install_start(struct ql_way *way, struct ql_failure *failure)
{
    const char *own = getenv("TMPDIR");
    const char *parent = own != NULL && own[0] != '\0' ? own : "/tmp";
    const int length =
        snprintf(way->folder, sizeof way->folder, "%s/quadlane-install-XXXXXX", parent);
    if (length > 0 && (size_t)length >= sizeof way->folder)
        errno = ENAMETOOLONG;
    else if (mkdtemp(way->folder) != NULL)
        return 0;
    way->folder[0] = '\0';
    return ql_fail(failure, QL_FILE_UNWRITABLE, "no folder can be made in %.200s: %s", parent,
                   strerror(errno));
}

void ql_install_end(struct ql_way *way)
{
    static const char *const names[] = {"before.bin", "image.bin", "after.bin"};
    char path[PATH_MAX];
    if (way->folder[0] == '\0')
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ql_install_path(way, names[i], path);
        unlink(path);
    }
    rmdir(way->folder);
    way->folder[0] = '\0';
}

void ql_install_path(const struct ql_way *way, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", way->folder, name);
}

int ql_install_take(const struct ql_way *way, const char *name, uint8_t *bytes, size_t size,
                    struct ql_failure *failure)
{
    char path[PATH_MAX];
    uint8_t *file = NULL;
    size_t file_size = 0;
    ql_install_path(way, name, path);
    const int result = ql_file_read(path, &file, &file_size, failure);
    if (result == 0 && file_size == size)
        memcpy(bytes, file, size);
    free(file);
    if (result == 0 && file_size != size)
        return ql_fail(failure, QL_TOOL_FAILED, "only %zu of %zu bytes could be read back",
                       file_size, size);
    return result;
}

const char *ql_install_line(const struct ql_capture *said, const char *begin, char *line,
                            size_t size)
{
    const size_t length = strlen(begin);
    line[0] = '\0';
    for (const char *at = said->text; *at != '\0';) {
        const size_t end = strcspn(at, "\r\n");
        if (end > length && strncmp(at, begin, length) == 0)
            snprintf(line, size, "%.*s", (int)(end - length), at + length);
        at += end;
        at += strspn(at, "\r\n");
    }
    return line;
}

int ql_install_read(struct ql_way *way, uint8_t *bytes, struct ql_failure *failure)
{
    return way->via == QL_VIA_OPENOCD ? ql_install_read_openocd(way, bytes, failure)
                                      : ql_install_read_dfu(way, bytes, failure);
}

int ql_install_write(struct ql_way *way, const uint8_t *bytes, size_t size,
                     struct ql_failure *failure)
{
    char path[PATH_MAX];
    ql_install_path(way, "image.bin", path);
    const int result = ql_file_write(path, bytes, size, failure);
    if (result != 0)
        return result;
    return way->via == QL_VIA_OPENOCD ? ql_install_write_openocd(way, size, failure)
                                      : ql_install_write_dfu(way, bytes, size, failure);
}
