// CLion: a run configuration "Embedded GDB Server" that starts OpenOCD behind `quadlane
// gdb-server`.
//
// Written from what CLion 2021 and later store under .run/ when a configuration is shared; not
// tried with CLion itself.
//
// SPDX-License-Identifier: MIT
#include "host/cli/ide.h"

#include <string.h>

static void put(FILE *file, const char *key, const char *value)
{
    fprintf(file, " %s=\"", key);
    ide_put_xml(file, value);
    fputc('"', file);
}

static void put_configuration(FILE *file, const struct ide *ide)
{
    char text[2 * PATH_MAX + 400];
    snprintf(text, sizeof text, "quadlane: %.200s", ide->name);
    fputs("<component name=\"ProjectRunConfigurationManager\">\n  <configuration default=\"false\"",
          file);
    put(file, "name", text);
    put(file, "type", "com.jetbrains.cidr.embedded.customgdbserver.type");
    put(file, "factoryName", "com.jetbrains.cidr.embedded.customgdbserver.factory");
    snprintf(text, sizeof text, "-c \"gdb_port " IDE_GDB_PORT "\" %s", ide->openocd_words);
    put(file, "PROGRAM_PARAMS", text);
    put(file, "PASS_PARENT_ENVS_2", "true");
    snprintf(text, sizeof text, "%s", strrchr(ide->folder, '/') + 1);
    put(file, "PROJECT_NAME", text);
    put(file, "TARGET_NAME", ide->name);
    put(file, "CONFIG_NAME", "Debug");
    put(file, "RUN_TARGET_PROJECT_NAME", text);
    put(file, "RUN_TARGET_NAME", ide->name);
    fputs(">\n    <custom-gdb-server version=\"1\"", file);
    put(file, "gdb-connect", "localhost:" IDE_GDB_PORT);
    put(file, "executable", ide->openocd_wrapper);
    put(file, "warmup-ms", "500");
    put(file, "download-type", "ALWAYS");
    put(file, "reset-cmd", "monitor reset halt");
    put(file, "reset-type", "AFTER_DOWNLOAD");
    fputs(">\n      <debugger kind=\"GDB\" isBundled=\"true\" />\n    </custom-gdb-server>\n"
          "    <method v=\"2\">\n      <option name=\"CLION.COMPOUND.BUILD\" enabled=\"true\" />\n"
          "    </method>\n  </configuration>\n</component>\n",
          file);
}

int ide_clion(struct ide *ide)
{
    FILE *file = ide_create(ide, ".run/quadlane-%s.run.xml", ide->name);
    if (file != NULL)
        put_configuration(file, ide);
    const int result = ide_finish(ide, file);
    if (result == 0)
        cli_say(ide->cli, "CLion folder %s, CMake target %s\n", ide->folder, ide->name);
    return result;
}
