// What the writers of the IDEs' files share.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_IDE_H
#define HOST_CLI_IDE_H

#include "host/cli/cli.h"
#include "host/elf_symbols.h"

#include <limits.h>

#define IDE_FILES_MAX 4

// A file to be written: everything is made and checked before the first one is.
struct ide_file {
    char path[PATH_MAX];
    char *text;        // the whole new content; free()
    size_t size;       // of it, once ide_finish() is through
    bool exists, same; // with another content, or with this one
    bool merged;       // the user's own parts are in it
};

struct ide {
    struct cli *cli;
    char folder[PATH_MAX];  // of the project, absolute
    char program[PATH_MAX]; // absolute
    // The same as seen from the folder; an absolute path if it lies elsewhere.
    const char *program_inside;
    bool inside;
    char name[NAME_MAX + 1];        // the file's, without its suffix
    char stop[QL_SYMBOL_SIZE + 16]; // where the program shall stop first
    char support[PATH_MAX];         // the folder `debug`
    char tool[PATH_MAX];            // this program
    const char *board, *adapter;
    const char *gdb; // a program's name
    // Files in `support`: servers, and what OpenOCD is to be given.
    char jlink_wrapper[PATH_MAX + 32], openocd_wrapper[PATH_MAX + 32];
    char adapter_file[PATH_MAX + 128], board_file[PATH_MAX + 128];
    char openocd_words[2 * PATH_MAX + 300]; // both of them as options in a line
    struct ide_file files[IDE_FILES_MAX];
    size_t file_count;
};

#define IDE_GDB_PORT "3333"        // OpenOCD's own
#define IDE_DEVICE   "STM32H750VB" // as SEGGER names it

// A new file below the project's folder.
struct ide_file *ide_add(struct ide *ide, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The same, to be written through a stream; a null pointer: no memory.
FILE *ide_create(struct ide *ide, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ide_finish(struct ide *ide, FILE *file);

// Each adds its files.
int ide_eclipse(struct ide *ide);
int ide_vscode(struct ide *ide);
int ide_clion(struct ide *ide);
int ide_gdb(struct ide *ide);

// For text in XML's attributes; `"`, `&`, `<`, `>` and line ends are escaped.
void ide_put_xml(FILE *file, const char *text);

// JSON as VS Code writes it: with comments, and commas before a closing bracket. *plain: it had
// none of them, so that nothing is lost when it is written again. A null pointer: it cannot be
// understood.
json_t *ide_read_jsonc(const char *text, size_t size, bool *plain, json_error_t *error);

#endif
