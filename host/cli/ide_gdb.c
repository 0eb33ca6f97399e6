// Plain GDB: a .gdbinit for the project's folder.
//
// SPDX-License-Identifier: MIT
#include "host/cli/ide.h"

#include <stdlib.h>

int ide_gdb(struct ide *ide)
{
    static size_t size;
    struct ide_file *target = ide_add(ide, ".gdbinit");
    FILE *file = open_memstream(&target->text, &size);
    if (file == NULL)
        return ql_fail_memory(&ide->cli->failure);
    fprintf(file,
            "# Made by `quadlane ide gdb`: the program, and commands for code in the flash chip.\n"
            "# Start a server first: %s/openocd_wrapper.sh -f %s/openocd/adapter/%s.cfg \\\n"
            "#     -f %s/openocd/%s.cfg\n"
            "# then: target extended-remote localhost:3333, load, quadlane-restart\n"
            "file \"%s\"\n"
            "source %s/gdb/quadlane.gdb\n",
            ide->support, ide->support, ide->adapter, ide->support, ide->board, ide->program_inside,
            ide->support);
    if (fclose(file) != 0)
        return ql_fail_memory(&ide->cli->failure);
    cli_say(ide->cli, "GDB in %s, program %s\n", ide->folder, ide->program_inside);
    return 0;
}
