// Plain GDB: a .gdbinit for the project's folder.
//
// SPDX-License-Identifier: MIT
#include "host/cli/ide.h"

int ide_gdb(struct ide *ide)
{
    FILE *file = ide_create(ide, ".gdbinit");
    if (file == NULL)
        return ide_finish(ide, file);
    fprintf(file,
            "# Made by `quadlane ide gdb`: the program, and commands for code in the flash chip.\n"
            "# Start a server first: %s %s\n"
            "# then: target extended-remote localhost:" IDE_GDB_PORT ", load, quadlane-restart\n"
            "file \"%s\"\n"
            "source %s/gdb/quadlane.gdb\n",
            ide->openocd_wrapper, ide->openocd_words, ide->program_inside, ide->support);
    const int result = ide_finish(ide, file);
    if (result == 0)
        cli_say(ide->cli, "GDB in %s, program %s\n", ide->folder, ide->program_inside);
    return result;
}
