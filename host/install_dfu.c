// dfu-util as the way to a bare board: the microcontroller's own loader, or a board maker's.
//
// Written from dfu-util(1), UM0424 (DfuSe: the memory's layout in the interface's name) and AN2606
// (loader of the STM32H7).
//
// SPDX-License-Identifier: MIT
#include "host/install.h"

#include "host/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define LIST_LIMIT_NS  (20 * QL_NS_PER_S)
#define READ_LIMIT_NS  (90 * QL_NS_PER_S)
#define WRITE_LIMIT_NS (180 * QL_NS_PER_S)
#define OWN_VID        0x1209 // quadlane's own DFU does not reach its own flash

// The text between `key` and the next quote, within the line.
static bool take_text(const char *line, size_t length, const char *key, char *text, size_t size)
{
    const char *at = memmem(line, length, key, strlen(key));
    if (at == NULL)
        return false;
    at += strlen(key);
    const size_t left = length - (size_t)(at - line);
    const char *end = memchr(at, '"', left);
    snprintf(text, size, "%.*s", (int)(end != NULL ? (size_t)(end - at) : left), at);
    return true;
}

// How many bytes a layout names, from its address on: segments of COUNT*SIZE, unit and kind.
static uint64_t layout_size(const char *segments)
{
    uint64_t sum = 0;
    for (const char *at = segments; *at != '\0';) {
        char *end;
        const uint64_t count = strtoull(at, &end, 10);
        if (end == at || *end != '*')
            break;
        const uint64_t size = strtoull(end + 1, &end, 10);
        sum += count * size * (*end == 'K' ? 1024 : *end == 'M' ? 1024 * 1024 : 1);
        at = end + strcspn(end, ",");
        at += *at == ',';
    }
    return sum;
}

// The second stage lies at the end of the maker's chip. A larger chip is another board's, whose
// loader would take the same address for something else.
static bool is_makers(const char *name)
{
    const struct ql_place *place = ql_place_of(QL_VIA_MAKER);
    char *segments;
    const char *address = strstr(name, "/0x90");
    const uint64_t start = strtoull(address + 1, &segments, 16);
    return *segments == '/' && start + layout_size(segments + 1) == place->address + place->size;
}

// One line of `dfu-util -l`; false when it is no device of ours. *strange: what is there is a
// microcontroller that is no STM32H750 (its flash does not begin with 128 KiB sectors), or the
// loader of a board with another chip.
static bool parse_line(const char *line, size_t length, struct ql_way *way, char strange[64])
{
    static const char begin[] = "Found DFU: [";
    char name[128] = "";
    char alt[8] = "";
    if (length < sizeof begin + 9 || strncmp(line, begin, sizeof begin - 1) != 0)
        return false;
    *way = (struct ql_way){.vid = (uint16_t)strtoul(line + sizeof begin - 1, NULL, 16),
                           .pid = (uint16_t)strtoul(line + sizeof begin + 4, NULL, 16)};
    take_text(line, length, "path=\"", way->path, sizeof way->path);
    take_text(line, length, "serial=\"", way->serial, sizeof way->serial);
    take_text(line, length, "name=\"", name, sizeof name);
    if (take_text(line, length, "alt=", alt, sizeof alt))
        way->alt = (unsigned)strtoul(alt, NULL, 10);
    if (way->vid == OWN_VID)
        return false;
    if (strstr(name, "/0x90") != NULL) {
        way->via = QL_VIA_MAKER;
        snprintf(way->device, sizeof way->device, "the maker's DFU at USB %s", way->path);
        if (!is_makers(name))
            snprintf(strange, 64, "%.63s", name);
        return is_makers(name);
    }
    if (way->vid != QL_ROM_VID || way->pid != QL_ROM_PID || way->alt != 0)
        return false;
    const char *sector = strstr(name, "/0x08000000/");
    sector = sector != NULL ? sector + 12 + strspn(sector + 12, "0123456789") : "";
    way->via = QL_VIA_DFU;
    snprintf(way->device, sizeof way->device, "the microcontroller's DFU at USB %s", way->path);
    if (strncmp(sector, "*128K", 5) != 0) {
        snprintf(strange, 64, "%.63s", name);
        return false;
    }
    return true;
}

static int fail_list(const struct ql_capture *said, const char *strange, struct ql_failure *failure)
{
    if (strange[0] != '\0')
        return ql_fail(failure, QL_NO_WAY,
                       "the board in DFU mode is no STM32H750, or has another chip: its memory is "
                       "\"%s\"",
                       strange);
    if (strstr(said->text, "LIBUSB_ERROR_ACCESS") == NULL)
        return 0;
    ql_fail(failure, QL_PORT_PERMISSION, "a board in DFU mode is there, but you may not open it");
    ql_hint(failure, "`sudo make install` brings udev rules: then plug it in again");
    return -QL_PORT_PERMISSION;
}

int ql_install_find_dfu(struct ql_way *ways, size_t *count, size_t count_max,
                        const struct ql_way_wanted *wanted, struct ql_failure *failure)
{
    static struct ql_capture said; // large
    const char *const words[] = {"dfu-util", "-l", NULL};
    char strange[64] = "";
    size_t found = 0;
    const int result = ql_capture_run(&said, words, LIST_LIMIT_NS, NULL, failure);
    if (result != 0)
        return result;
    for (const char *at = said.text; *at != '\0';) {
        struct ql_way way;
        const size_t length = strcspn(at, "\r\n");
        if (parse_line(at, length, &way, strange) &&
            (wanted->via == QL_VIA_ANY || wanted->via == way.via) &&
            (wanted->serial == NULL || strcasecmp(wanted->serial, way.serial) == 0) &&
            *count < count_max) {
            ways[(*count)++] = way;
            found++;
        }
        at += length;
        at += strspn(at, "\r\n");
    }
    return found > 0 || *count > 0 ? 0 : fail_list(&said, strange, failure);
}

// dfu-util on this way's device, with `target` for -s; `option` and `file` may be null pointers.
static int run(struct ql_way *way, struct ql_capture *said, const char *target, const char *option,
               const char *file, uint64_t limit_ns, const struct ql_observer *observer,
               struct ql_failure *failure)
{
    char device[16];
    char alt[16];
    snprintf(device, sizeof device, "%04x:%04x", way->vid, way->pid);
    snprintf(alt, sizeof alt, "%u", way->alt);
    const char *const words[] = {"dfu-util", "-d", device, "-p",   way->path, "-a",
                                 alt,        "-s", target, option, file,      NULL};
    return ql_capture_run(said, words, limit_ns, observer, failure);
}

static int fail_tool(const struct ql_capture *said, const char *what, struct ql_failure *failure)
{
    char line[200];
    ql_install_line(said, "", line, sizeof line);
    return ql_fail(failure, QL_TOOL_FAILED, "dfu-util could not %s: %s", what, line);
}

int ql_install_read_dfu(struct ql_way *way, uint8_t *bytes, struct ql_failure *failure)
{
    static struct ql_capture said;
    const struct ql_place *place = ql_place_of(way->via);
    char target[32];
    char path[PATH_MAX];
    snprintf(target, sizeof target, "0x%08X:0x%X", place->address, place->size);
    ql_install_path(way, "before.bin", path);
    int result = run(way, &said, target, "-U", path, READ_LIMIT_NS, way->observer, failure);
    if (result != 0)
        return result;
    if (said.exit_code != 0) {
        // The loader refuses to read while the protection is on, and says no more than that.
        fail_tool(&said, "read the flash", failure);
        ql_hint(failure,
                "nothing was changed. If its read-out protection (RDP) is on, which only a "
                "mass erase lifts, the loader refuses; else plug the board in again");
        return -QL_TOOL_FAILED;
    }
    return ql_install_take(way, "before.bin", bytes, place->size, failure);
}

// Read back before it is started: what comes out must be what went in.
static int compare(struct ql_way *way, const uint8_t *bytes, size_t size,
                   struct ql_failure *failure)
{
    static struct ql_capture said;
    const struct ql_place *place = ql_place_of(way->via);
    char target[32];
    char path[PATH_MAX];
    uint8_t *after = malloc(size);
    if (after == NULL)
        return ql_fail_memory(failure);
    snprintf(target, sizeof target, "0x%08X:0x%zX", place->address, size);
    ql_install_path(way, "after.bin", path);
    int result = run(way, &said, target, "-U", path, READ_LIMIT_NS, NULL, failure);
    if (result == 0 && said.exit_code != 0)
        result = fail_tool(&said, "read back what it wrote", failure);
    if (result == 0)
        result = ql_install_take(way, "after.bin", after, size, failure);
    size_t same = 0;
    while (result == 0 && same < size && after[same] == bytes[same])
        same++;
    if (result == 0 && same < size)
        result = ql_fail(failure, QL_VERIFY, "0x%08zX holds %02X after writing, not %02X",
                         place->address + same, after[same], bytes[same]);
    free(after);
    return result;
}

int ql_install_write_dfu(struct ql_way *way, const uint8_t *bytes, size_t size,
                         struct ql_failure *failure)
{
    static struct ql_capture said;
    const struct ql_place *place = ql_place_of(way->via);
    char target[32];
    char path[PATH_MAX];
    snprintf(target, sizeof target, "0x%08X", place->address);
    ql_install_path(way, "image.bin", path);
    int result = run(way, &said, target, "-D", path, WRITE_LIMIT_NS, NULL, failure);
    if (result == 0 && said.exit_code != 0) {
        result = fail_tool(&said, "write", failure);
        ql_hint(failure, "what is there now is not whole; the same command again writes it anew");
    }
    if (result == 0)
        result = compare(way, bytes, size, failure);
    // The maker's loader takes none but a power-on as the way to its second stage.
    if (result != 0 || way->via == QL_VIA_MAKER)
        return result;
    // It is written and compared: that a loader does not leave by itself (some do not) is no
    // failure, a reset does it.
    snprintf(target, sizeof target, "0x%08X:leave", place->address);
    return run(way, &said, target, NULL, NULL, LIST_LIMIT_NS, NULL, failure);
}
