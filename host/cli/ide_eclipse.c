// Eclipse launch configurations for Embedded CDT: GDB SEGGER J-Link Debugging, GDB OpenOCD
// Debugging.
//
// The names of attributes and types are Embedded CDT's (ilg.gnumcueclipse...) and CDT's own
// (org.eclipse.cdt...); Eclipse takes *.launch files that lie in a project.
//
// SPDX-License-Identifier: MIT
#include "host/cli/ide.h"

#include "host/file.h"

#include <stdlib.h>
#include <string.h>

#define EMBEDDED "ilg.gnumcueclipse.debug.gdbjtag."
#define JTAG     "org.eclipse.cdt.debug.gdbjtag.core."

// The project's name stands in its .project file; a new one is named after its folder.
static void find_project(const struct ide *ide, char name[NAME_MAX + 1])
{
    char path[PATH_MAX + 16];
    uint8_t *bytes = NULL;
    size_t size = 0;
    snprintf(name, NAME_MAX + 1, "%.*s", NAME_MAX, strrchr(ide->folder, '/') + 1);
    snprintf(path, sizeof path, "%s/.project", ide->folder);
    if (ql_file_read(path, &bytes, &size, NULL) != 0)
        return;
    char *text = malloc(size + 1);
    if (text != NULL) {
        memcpy(text, bytes, size);
        text[size] = '\0';
        char *start = strstr(text, "<name>");
        char *end = start != NULL ? strstr(start, "</name>") : NULL;
        if (end != NULL) {
            *end = '\0';
            snprintf(name, NAME_MAX + 1, "%.*s", NAME_MAX, start + strlen("<name>"));
        }
    }
    free(text);
    free(bytes);
}

// An attribute whose value is the same for every project.
struct attribute {
    const char *type; // "string", "boolean", "int"; a null pointer ends the table
    const char *key, *value;
};

// Of both servers' tabs, with Embedded CDT's own ports and defaults.
static const struct attribute of_both[] = {
    {"boolean", "doStartGdbServer", "true"},
    {"string", "gdbServerConnectionAddress", ""},
    {"string", "gdbServerLog", ""},
    {"boolean", "doGdbServerAllocateConsole", "true"},
    {"string", "gdbClientOtherCommands", "set mem inaccessible-by-default off"},
    {"string", "gdbClientOtherOptions", ""},
    {"boolean", "doFirstReset", "true"},
    {"boolean", "enableSemihosting", "true"},
    {"string", "otherInitCommands", ""},
    {"boolean", "doDebugInRam", "false"},
    {"boolean", "doSecondReset", "true"},
    {"string", "otherRunCommands", ""},
    {"boolean", "doContinue", "true"},
    {NULL, NULL, NULL},
};

// J-Link's tab alone.
static const struct attribute of_jlink[] = {
    {"string", "gdbServerConnection", "usb"},
    {"string", "gdbServerDebugInterface", "swd"},
    {"string", "gdbServerDeviceEndianness", "little"},
    {"string", "gdbServerDeviceSpeed", "4000"},
    {"int", "gdbServerGdbPortNumber", "2331"},
    {"int", "gdbServerSwoPortNumber", "2332"},
    {"int", "gdbServerTelnetPortNumber", "2333"},
    {"boolean", "doGdbServerAllocateSemihostingConsole", "true"},
    {"boolean", "doGdbServerInitRegs", "true"},
    {"boolean", "doGdbServerLocalOnly", "true"},
    {"boolean", "doGdbServerSilent", "false"},
    {"boolean", "doGdbServerVerifyDownload", "true"},
    {"boolean", "doConnectToRunning", "false"},
    {"string", "firstResetType", ""},
    {"int", "firstResetSpeed", "1000"},
    {"string", "interfaceSpeed", "auto"},
    {"boolean", "enableFlashBreakpoints", "false"},
    {"boolean", "enableSemihostingIoclientTelnet", "true"},
    {"boolean", "enableSemihostingIoclientGdbClient", "false"},
    {"boolean", "enableSwo", "false"},
    {"string", "secondResetType", ""},
    {"string", "gdbServerDeviceName", IDE_DEVICE},
    {NULL, NULL, NULL},
};

// OpenOCD's tab alone.
static const struct attribute of_openocd[] = {
    {"boolean", "doStartGdbCLient", "true"},
    {"int", "gdbServerGdbPortNumber", IDE_GDB_PORT},
    {"int", "gdbServerTelnetPortNumber", "4444"},
    {"string", "gdbServerTclPortNumber", "6666"},
    {"boolean", "doGdbServerAllocateTelnetConsole", "false"},
    {"string", "firstResetType", "init"},
    {"string", "secondResetType", "halt"},
    {NULL, NULL, NULL},
};

// What CDT's own part of the launch wants.
static const struct attribute of_jtag[] = {
    {"string", "imageFileName", ""},
    {"string", "imageOffset", ""},
    {"string", "ipAddress", "localhost"},
    {"boolean", "loadImage", "true"},
    {"boolean", "loadSymbols", "true"},
    {"boolean", "setPcRegister", "false"},
    {"boolean", "setResume", "false"},
    {"boolean", "setStopAt", "true"},
    {"boolean", "useFileForImage", "false"},
    {"boolean", "useFileForSymbols", "false"},
    {"boolean", "useProjBinaryForImage", "true"},
    {"boolean", "useProjBinaryForSymbols", "true"},
    {"boolean", "useRemoteTarget", "true"},
    {NULL, NULL, NULL},
};

// The same, with keys in full.
static const struct attribute of_cdt[] = {
    {"boolean", "org.eclipse.cdt.dsf.gdb.UPDATE_THREADLIST_ON_SUSPEND", "false"},
    {"int", "org.eclipse.cdt.launch.ATTR_BUILD_BEFORE_LAUNCH_ATTR", "2"},
    {"boolean", "org.eclipse.cdt.launch.PROJECT_BUILD_CONFIG_AUTO_ATTR", "true"},
    {"string", "process_factory_id", "org.eclipse.cdt.dsf.gdb.GdbProcessFactory"},
    {NULL, NULL, NULL},
};

struct server {
    const char *name, *device, *port;
    const struct attribute *attributes;
};

static void put(FILE *file, const char *type, const char *prefix, const char *key,
                const char *value)
{
    fprintf(file, "    <%sAttribute key=\"%s%s\" value=\"", type, prefix, key);
    ide_put_xml(file, value);
    fputs("\"/>\n", file);
}

static void put_all(FILE *file, const char *prefix, const struct attribute *attribute)
{
    for (; attribute->type != NULL; attribute++)
        put(file, attribute->type, prefix, attribute->key, attribute->value);
}

static void put_resource(FILE *file, const char *project)
{
    fputs("    <listAttribute key=\"org.eclipse.debug.core.MAPPED_RESOURCE_PATHS\">\n"
          "        <listEntry value=\"/",
          file);
    ide_put_xml(file, project);
    fputs("\"/>\n    </listAttribute>\n"
          "    <listAttribute key=\"org.eclipse.debug.core.MAPPED_RESOURCE_TYPES\">\n"
          "        <listEntry value=\"4\"/>\n    </listAttribute>\n"
          "    <listAttribute key=\"org.eclipse.debug.ui.favoriteGroups\">\n"
          "        <listEntry value=\"org.eclipse.debug.ui.launchGroup.debug\"/>\n"
          "    </listAttribute>\n",
          file);
}

static int make(struct ide *ide, const char *project, const struct server *server,
                const char *wrapper, const char *words)
{
    char prefix[64];
    FILE *file = ide_create(ide, "%s-%s.launch", ide->name, server->name);
    if (file == NULL)
        return ide_finish(ide, file);
    snprintf(prefix, sizeof prefix, EMBEDDED "%s.", server->name);
    fprintf(file,
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n"
            "<launchConfiguration type=\"%slaunchConfigurationType\">\n",
            prefix);
    put(file, "string", prefix, "gdbServerExecutable", wrapper);
    put(file, "string", prefix, "gdbServerOther", words);
    put_all(file, prefix, of_both);
    put_all(file, prefix, server->attributes);
    put(file, "string", JTAG, "jtagDevice", server->device);
    put(file, "int", JTAG, "portNumber", server->port);
    put(file, "string", JTAG, "stopAt", ide->stop);
    put_all(file, JTAG, of_jtag);
    put(file, "string", "org.eclipse.cdt.dsf.gdb.", "DEBUG_NAME", ide->gdb);
    put(file, "string", "org.eclipse.cdt.launch.", "PROGRAM_NAME", ide->program_inside);
    put(file, "string", "org.eclipse.cdt.launch.", "PROJECT_ATTR", project);
    put_all(file, "", of_cdt);
    put_resource(file, project);
    fputs("</launchConfiguration>\n", file);
    return ide_finish(ide, file);
}

int ide_eclipse(struct ide *ide)
{
    static const struct server jlink = {"jlink", "GNU MCU J-Link", "2331", of_jlink};
    static const struct server openocd = {"openocd", "GNU MCU OpenOCD", IDE_GDB_PORT, of_openocd};
    char project[NAME_MAX + 1];
    char words[256];
    find_project(ide, project);
    snprintf(words, sizeof words,
             "-singlerun -strict -timeout 0 -nogui --board %.100s --adapter %s", ide->board,
             ide->adapter);
    int result = make(ide, project, &jlink, ide->jlink_wrapper, words);
    if (result == 0)
        result = make(ide, project, &openocd, ide->openocd_wrapper, ide->openocd_words);
    if (result == 0)
        cli_say(ide->cli, "Eclipse project \"%s\", program %s, stops at %s\n", project,
                ide->program_inside, ide->stop);
    return result;
}
