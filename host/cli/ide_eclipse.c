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

static void put(FILE *file, const char *type, const char *prefix, const char *key,
                const char *value)
{
    fprintf(file, "    <%sAttribute key=\"%s%s\" value=\"", type, prefix, key);
    ide_put_xml(file, value);
    fputs("\"/>\n", file);
}

static void put_text(FILE *file, const char *prefix, const char *key, const char *value)
{
    put(file, "string", prefix, key, value);
}

static void put_truth(FILE *file, const char *prefix, const char *key, bool value)
{
    put(file, "boolean", prefix, key, value ? "true" : "false");
}

static void put_number(FILE *file, const char *prefix, const char *key, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    put(file, "int", prefix, key, text);
}

// What CDT's own part of the launch wants.
static void put_common(FILE *file, const struct ide *ide, const char *project, const char *device,
                       int port)
{
    put_text(file, JTAG, "imageFileName", "");
    put_text(file, JTAG, "imageOffset", "");
    put_text(file, JTAG, "ipAddress", "localhost");
    put_text(file, JTAG, "jtagDevice", device);
    put_truth(file, JTAG, "loadImage", true);
    put_truth(file, JTAG, "loadSymbols", true);
    put_number(file, JTAG, "portNumber", port);
    put_truth(file, JTAG, "setPcRegister", false);
    put_truth(file, JTAG, "setResume", false);
    put_truth(file, JTAG, "setStopAt", true);
    put_text(file, JTAG, "stopAt", ide->stop);
    put_truth(file, JTAG, "useFileForImage", false);
    put_truth(file, JTAG, "useFileForSymbols", false);
    put_truth(file, JTAG, "useProjBinaryForImage", true);
    put_truth(file, JTAG, "useProjBinaryForSymbols", true);
    put_truth(file, JTAG, "useRemoteTarget", true);
    put_text(file, "org.eclipse.cdt.dsf.gdb.", "DEBUG_NAME", ide->gdb);
    put_truth(file, "org.eclipse.cdt.dsf.gdb.", "UPDATE_THREADLIST_ON_SUSPEND", false);
    put_number(file, "org.eclipse.cdt.launch.", "ATTR_BUILD_BEFORE_LAUNCH_ATTR", 2);
    put_text(file, "org.eclipse.cdt.launch.", "PROGRAM_NAME", ide->program_inside);
    put_text(file, "org.eclipse.cdt.launch.", "PROJECT_ATTR", project);
    put_truth(file, "org.eclipse.cdt.launch.", "PROJECT_BUILD_CONFIG_AUTO_ATTR", true);
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
    put_text(file, "", "process_factory_id", "org.eclipse.cdt.dsf.gdb.GdbProcessFactory");
}

static FILE *begin(struct ide_file *target, const char *type)
{
    static size_t size;
    FILE *file = open_memstream(&target->text, &size);
    if (file != NULL)
        fprintf(file,
                "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n"
                "<launchConfiguration type=\"" EMBEDDED "%s.launchConfigurationType\">\n",
                type);
    return file;
}

static int end(struct ide *ide, FILE *file)
{
    fputs("</launchConfiguration>\n", file);
    return fclose(file) == 0 ? 0 : ql_fail_memory(&ide->cli->failure);
}

// The server's fields on the tab "Debugger", with Embedded CDT's own ports and defaults.
static void put_jlink_server(FILE *file, const struct ide *ide)
{
    const char *prefix = EMBEDDED "jlink.";
    char path[PATH_MAX + 32];
    char other[256];
    snprintf(path, sizeof path, "%s/debugger_wrapper.sh", ide->support);
    snprintf(other, sizeof other,
             "-singlerun -strict -timeout 0 -nogui --board %.100s --adapter %s", ide->board,
             ide->adapter);
    put_truth(file, prefix, "doStartGdbServer", true);
    put_text(file, prefix, "gdbServerExecutable", path);
    put_text(file, prefix, "gdbServerConnection", "usb");
    put_text(file, prefix, "gdbServerConnectionAddress", "");
    put_text(file, prefix, "gdbServerDebugInterface", "swd");
    put_text(file, prefix, "gdbServerDeviceEndianness", "little");
    put_text(file, prefix, "gdbServerDeviceName", IDE_DEVICE);
    put_text(file, prefix, "gdbServerDeviceSpeed", "4000");
    put_number(file, prefix, "gdbServerGdbPortNumber", 2331);
    put_number(file, prefix, "gdbServerSwoPortNumber", 2332);
    put_number(file, prefix, "gdbServerTelnetPortNumber", 2333);
    put_text(file, prefix, "gdbServerLog", "");
    put_text(file, prefix, "gdbServerOther", other);
    put_truth(file, prefix, "doGdbServerAllocateConsole", true);
    put_truth(file, prefix, "doGdbServerAllocateSemihostingConsole", true);
    put_truth(file, prefix, "doGdbServerInitRegs", true);
    put_truth(file, prefix, "doGdbServerLocalOnly", true);
    put_truth(file, prefix, "doGdbServerSilent", false);
    put_truth(file, prefix, "doGdbServerVerifyDownload", true);
}

static int make_jlink(struct ide *ide, const char *project)
{
    const char *prefix = EMBEDDED "jlink.";
    FILE *file = begin(ide_add(ide, "%s-jlink.launch", ide->name), "jlink");
    if (file == NULL)
        return ql_fail_memory(&ide->cli->failure);
    put_jlink_server(file, ide);
    put_text(file, prefix, "gdbClientOtherCommands", "set mem inaccessible-by-default off");
    put_text(file, prefix, "gdbClientOtherOptions", "");
    put_truth(file, prefix, "doConnectToRunning", false);
    put_truth(file, prefix, "doFirstReset", true);
    put_text(file, prefix, "firstResetType", "");
    put_number(file, prefix, "firstResetSpeed", 1000);
    put_text(file, prefix, "interfaceSpeed", "auto");
    put_truth(file, prefix, "enableFlashBreakpoints", false);
    put_truth(file, prefix, "enableSemihosting", true);
    put_truth(file, prefix, "enableSemihostingIoclientTelnet", true);
    put_truth(file, prefix, "enableSemihostingIoclientGdbClient", false);
    put_truth(file, prefix, "enableSwo", false);
    put_text(file, prefix, "otherInitCommands", "");
    put_truth(file, prefix, "doDebugInRam", false);
    put_truth(file, prefix, "doSecondReset", true);
    put_text(file, prefix, "secondResetType", "");
    put_text(file, prefix, "otherRunCommands", "");
    put_truth(file, prefix, "doContinue", true);
    put_common(file, ide, project, "GNU MCU J-Link", 2331);
    return end(ide, file);
}

static int make_openocd(struct ide *ide, const char *project)
{
    const char *prefix = EMBEDDED "openocd.";
    char path[PATH_MAX + 32];
    char other[2 * PATH_MAX + 300];
    FILE *file = begin(ide_add(ide, "%s-openocd.launch", ide->name), "openocd");
    if (file == NULL)
        return ql_fail_memory(&ide->cli->failure);
    snprintf(path, sizeof path, "%s/openocd_wrapper.sh", ide->support);
    snprintf(other, sizeof other, "-f \"%s/openocd/adapter/%s.cfg\" -f \"%s/openocd/%.100s.cfg\"",
             ide->support, ide->adapter, ide->support, ide->board);
    put_truth(file, prefix, "doStartGdbServer", true);
    put_truth(file, prefix, "doStartGdbCLient", true);
    put_text(file, prefix, "gdbServerExecutable", path);
    put_text(file, prefix, "gdbServerConnectionAddress", "");
    put_number(file, prefix, "gdbServerGdbPortNumber", 3333);
    put_number(file, prefix, "gdbServerTelnetPortNumber", 4444);
    put_text(file, prefix, "gdbServerTclPortNumber", "6666");
    put_text(file, prefix, "gdbServerLog", "");
    put_text(file, prefix, "gdbServerOther", other);
    put_truth(file, prefix, "doGdbServerAllocateConsole", true);
    put_truth(file, prefix, "doGdbServerAllocateTelnetConsole", false);
    put_text(file, prefix, "gdbClientOtherCommands", "set mem inaccessible-by-default off");
    put_text(file, prefix, "gdbClientOtherOptions", "");
    put_truth(file, prefix, "doFirstReset", true);
    put_text(file, prefix, "firstResetType", "init");
    put_truth(file, prefix, "enableSemihosting", true);
    put_text(file, prefix, "otherInitCommands", "");
    put_truth(file, prefix, "doDebugInRam", false);
    put_truth(file, prefix, "doSecondReset", true);
    put_text(file, prefix, "secondResetType", "halt");
    put_text(file, prefix, "otherRunCommands", "");
    put_truth(file, prefix, "doContinue", true);
    put_common(file, ide, project, "GNU MCU OpenOCD", 3333);
    return end(ide, file);
}

int ide_eclipse(struct ide *ide)
{
    char project[NAME_MAX + 1];
    find_project(ide, project);
    int result = make_jlink(ide, project);
    if (result == 0)
        result = make_openocd(ide, project);
    if (result == 0)
        cli_say(ide->cli, "Eclipse project \"%s\", program %s, stops at %s\n", project,
                ide->program_inside, ide->stop);
    return result;
}
