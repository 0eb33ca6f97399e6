// What the GDB server tells GDB of the target: its registers and its memory.
//
// Written from GDB's documentation, appendices "Target Descriptions" and "Memory Map Format".
// Memory that is flash makes GDB use hardware breakpoints and its flash packets for `load`.
//
// SPDX-License-Identifier: MIT
#include "sim/gdb_description.h"

#include "sim/machine_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 8192u

struct text {
    char characters[TEXT_MAX];
    size_t length;
};

static void append(struct text *text, const char *format, const char *name, unsigned long first,
                   unsigned long second)
{
    size_t room = TEXT_MAX - text->length;
    int length = snprintf(text->characters + text->length, room, format, name, first, second);

    text->length += length < 0 ? 0 : (size_t)length < room ? (size_t)length : room - 1;
}

static void append_line(struct text *text, const char *line)
{
    append(text, "%s\n", line, 0, 0);
}

static void core_registers(struct text *text)
{
    append_line(text, "<feature name=\"org.gnu.gdb.arm.m-profile\">");
    for (unsigned i = 0; i < 13; i++) {
        append(text, "<reg name=\"%s%lu\" bitsize=\"32\"/>\n", "r", i, 0);
    }
    append_line(text, "<reg name=\"sp\" bitsize=\"32\" type=\"data_ptr\"/>\n"
                      "<reg name=\"lr\" bitsize=\"32\"/>\n"
                      "<reg name=\"pc\" bitsize=\"32\" type=\"code_ptr\"/>\n"
                      "<reg name=\"xPSR\" bitsize=\"32\"/>\n"
                      "</feature>");
}

static void system_registers(struct text *text)
{
    append_line(text, "<feature name=\"org.gnu.gdb.arm.m-system\">\n"
                      "<reg name=\"msp\" bitsize=\"32\" type=\"data_ptr\"/>\n"
                      "<reg name=\"psp\" bitsize=\"32\" type=\"data_ptr\"/>");
    for (unsigned i = 0; i < 4; i++) {
        static const char *const names[] = {"primask", "basepri", "faultmask", "control"};

        append(text, "<reg name=\"%s\" bitsize=\"8\" type=\"int8\" group=\"system\"/>\n", names[i],
               0, 0);
    }
    append_line(text, "</feature>");
}

static void fp_registers(struct text *text)
{
    append_line(text, "<feature name=\"org.gnu.gdb.arm.vfp\">");
    for (unsigned i = 0; i < 16; i++) {
        append(text, "<reg name=\"%s%lu\" bitsize=\"64\" type=\"ieee_double\"/>\n", "d", i, 0);
    }
    append_line(text, "<reg name=\"fpscr\" bitsize=\"32\" type=\"int\" group=\"float\"/>\n"
                      "</feature>");
}

const char *gdb_target_description(void)
{
    static struct text text;

    if (text.length == 0) {
        append_line(&text, "<?xml version=\"1.0\"?>\n"
                           "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                           "<target version=\"1.0\">\n"
                           "<architecture>arm</architecture>");
        core_registers(&text);
        system_registers(&text);
        fp_registers(&text);
        append_line(&text, "</target>");
    }
    return text.characters;
}

static void memory(struct text *text, const char *type, unsigned long start, unsigned long length)
{
    append(text, "<memory type=\"%s\" start=\"0x%lx\" length=\"0x%lx\"/>\n", type, start, length);
}

static void flash(struct text *text, unsigned long start, unsigned long length, unsigned long block)
{
    append(text, "<memory type=\"%s\" start=\"0x%lx\" length=\"0x%lx\">", "flash", start, length);
    append(text, "<property name=\"%s\">0x%lx</property></memory>\n", "blocksize", block, 0);
}

const char *gdb_memory_map(const struct machine *machine)
{
    static struct text text;
    const struct memory_region *window = machine_region_at(machine, UINT32_C(0x90000000));

    text.length = 0;
    append_line(&text,
                "<?xml version=\"1.0\"?>\n"
                "<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
                "\"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n"
                "<memory-map>");
    memory(&text, "ram", 0x00000000, 0x10000);
    flash(&text, 0x08000000, 0x20000, 0x20000);
    memory(&text, "ram", 0x10000000, 0x48000);
    memory(&text, "rom", 0x1FF00000, 0x20000);
    memory(&text, "ram", 0x20000000, 0x20000);
    memory(&text, "ram", 0x24000000, 0x80000);
    memory(&text, "ram", 0x30000000, 0x48000);
    memory(&text, "ram", 0x38000000, 0x10000);
    memory(&text, "ram", 0x38800000, 0x1000);
    memory(&text, "ram", 0x40000000, 0x20000000);
    if (window != NULL) {
        flash(&text, 0x90000000, window->size, 0x1000);
    }
    memory(&text, "ram", 0xE0000000, 0x20000000);
    append_line(&text, "</memory-map>");
    return text.characters;
}
