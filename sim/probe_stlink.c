// An ST-LINK of the virtual board, reached over TCP as one behind ST's stlink-server.
//
// Written from observing OpenOCD 0.12's `st-link backend tcp` and the constants of its ST-LINK
// driver: an STLINK-V3 with firmware J10. A request of the server has no length of its own: it
// follows from the command. Those for the probe carry 16 bytes of command and what is written.
//
// SPDX-License-Identifier: MIT
#include "sim/probe_stlink.h"

#include "sim/dap.h"
#include "sim/debug.h"
#include "sim/probe_socket.h"

#include <stdlib.h>
#include <string.h>

enum server_command {
    SERVER_REFRESH = 0,
    SERVER_COUNT = 1,
    SERVER_INFO = 2,
    SERVER_OPEN = 3,
    SERVER_CLOSE = 4,
    SERVER_USB = 5,
    SERVER_VERSION = 6,
};

#define SERVER_OK     1u
#define USB_HEADER    32u
#define TRANSFER_MAX  0x20000u
#define VENDOR_ID     0x0483u
#define PRODUCT_ID    0x374Fu
#define DEVICE_ID     1u
#define CONNECTION_ID 1u

enum probe_status { STATUS_OK = 0x80, STATUS_FAULT = 0x81, STATUS_AP_FAULT = 0x11 };

#define STATUS_UNKNOWN 0x82u
#define AIRCR          0xE000ED0Cu
#define AIRCR_RESET    0x05FA0004u
#define PORT_DP        0xFFFFu

struct probe_stlink {
    struct machine *machine;
    struct debug *debug;
    struct dap *dap;
    struct probe_socket *socket;
    uint8_t mode;   // as GET_CURRENT_MODE tells it
    bool reset_low; // NRST is driven low
    uint8_t status; // of the last memory access
    uint32_t fault_address;
    uint8_t reply[4 + TRANSFER_MAX];
};

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static uint16_t get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static void put_u32(uint8_t *bytes, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

// --- Commands of the probe --------------------------------------------------------------------

static void note_access(struct probe_stlink *probe, uint32_t address, size_t done, size_t wanted)
{
    probe->status = done == wanted ? STATUS_OK : STATUS_AP_FAULT;
    probe->fault_address = address + (uint32_t)done;
}

// The unit of a memory command, 0: it is none. `write`: which way.
static unsigned memory_unit(uint8_t command, bool *write, bool *fixed)
{
    *write = command == 0x08 || command == 0x0D || command == 0x48 || command == 0x50;
    *fixed = command == 0x50 || command == 0x54;
    switch (command) {
    case 0x07:
    case 0x08:
    case 0x50:
    case 0x54:
        return 4;
    case 0x47:
    case 0x48:
        return 2;
    case 0x0C:
    case 0x0D:
        return 1;
    default:
        return 0;
    }
}

// Words to or from one and the same address.
static size_t fixed_access(struct probe_stlink *probe, unsigned ap, uint32_t address, bool write,
                           uint8_t *data, size_t size)
{
    for (size_t done = 0; done + 4 <= size; done += 4) {
        size_t moved = write ? dap_write_memory(probe->dap, ap, address, 4, data + done, 4)
                             : dap_read_memory(probe->dap, ap, address, 4, data + done, 4);

        if (moved != 4) {
            return done;
        }
    }
    return size;
}

static void memory_command(struct probe_stlink *probe, const uint8_t *command, uint8_t *data,
                           size_t size)
{
    uint32_t address = get_u32(command + 2);
    unsigned ap = command[8];
    bool write;
    bool fixed;
    unsigned unit = memory_unit(command[1], &write, &fixed);
    size_t wanted = get_u16(command + 6);
    size_t done;

    wanted = wanted < size ? wanted : size;
    if (fixed) {
        done = fixed_access(probe, ap, address, write, data, wanted);
    } else if (write) {
        done = dap_write_memory(probe->dap, ap, address, unit, data, wanted);
    } else {
        done = dap_read_memory(probe->dap, ap, address, unit, data, wanted);
    }
    note_access(probe, address, done, wanted);
}

static uint8_t read_dap(struct probe_stlink *probe, unsigned port, unsigned offset, uint32_t *value)
{
    if (port == PORT_DP) {
        *value = dap_read_dp(probe->dap, offset & 0xC);
        return STATUS_OK;
    }
    return dap_read_ap_register(probe->dap, port, offset & 0xFC, value) ? STATUS_OK
                                                                        : STATUS_AP_FAULT;
}

static uint8_t write_dap(struct probe_stlink *probe, unsigned port, unsigned offset, uint32_t value)
{
    if (port == PORT_DP) {
        dap_write_dp(probe->dap, offset & 0xC, value);
        return STATUS_OK;
    }
    return dap_write_ap_register(probe->dap, port, offset & 0xFC, value) ? STATUS_OK
                                                                         : STATUS_AP_FAULT;
}

static void set_frequency(const uint8_t *command, uint8_t *data)
{
    memcpy(data + 4, command + 4, 4);
}

static void list_frequencies(uint8_t *data)
{
    static const uint16_t khz[] = {24000, 8000, 3300, 1000, 200, 50, 5};

    data[8] = sizeof(khz) / sizeof(khz[0]);
    for (unsigned i = 0; i < sizeof(khz) / sizeof(khz[0]); i++) {
        put_u32(data + 12 + 4 * i, khz[i]);
    }
}

static void read_all_registers(struct probe_stlink *probe, uint8_t *data)
{
    for (unsigned i = 0; i < 19; i++) {
        uint32_t value;

        debug_read_register(probe->debug, i, &value);
        put_u32(data + 4 + 4 * i, value);
    }
}

// Level: 0 low, 1 released, 2 a pulse. OpenOCD releases the line at each start, driven or not; only
// a line that was low resets the board then.
static void drive_reset(struct probe_stlink *probe, uint8_t level)
{
    if (level == 2 || (level == 1 && probe->reset_low)) {
        machine_reset(probe->machine, RESET_PIN);
    }
    probe->reset_low = level == 0;
}

// Register commands, and those that only want a status. False: unknown.
static bool register_command(struct probe_stlink *probe, const uint8_t *command, uint8_t *data)
{
    uint32_t value = 0;

    switch (command[1]) {
    case 0x31: // READ_IDCODES
        put_u32(data + 4, DAP_IDCODE_SWD);
        return true;
    case 0x32: // RESETSYS
        debug_write(probe->debug, AIRCR, 4, AIRCR_RESET);
        return true;
    case 0x33: // READREG
        data[0] = debug_read_register(probe->debug, command[2], &value) ? STATUS_OK : STATUS_FAULT;
        put_u32(data + 4, value);
        return true;
    case 0x34: // WRITEREG
        data[0] = debug_write_register(probe->debug, command[2], get_u32(command + 3))
                      ? STATUS_OK
                      : STATUS_FAULT;
        return true;
    case 0x35: // WRITEDEBUGREG
        data[0] = debug_write(probe->debug, get_u32(command + 2), 4, get_u32(command + 6))
                      ? STATUS_OK
                      : STATUS_AP_FAULT;
        return true;
    case 0x36: // READDEBUGREG
        data[0] =
            debug_read(probe->debug, get_u32(command + 2), 4, &value) ? STATUS_OK : STATUS_AP_FAULT;
        put_u32(data + 4, value);
        return true;
    case 0x3A:
        read_all_registers(probe, data);
        return true;
    case 0x45: // READ_DAP_REG
        data[0] = read_dap(probe, get_u16(command + 2), get_u16(command + 4), &value);
        put_u32(data + 4, value);
        return true;
    case 0x46: // WRITE_DAP_REG
        data[0] =
            write_dap(probe, get_u16(command + 2), get_u16(command + 4), get_u32(command + 6));
        return true;
    default:
        return false;
    }
}

static void debug_command(struct probe_stlink *probe, const uint8_t *command, uint8_t *data)
{
    data[0] = STATUS_OK;
    switch (command[1]) {
    case 0x30: // ENTER
        probe->mode = 2;
        break;
    case 0x21: // EXIT
        probe->mode = 1;
        break;
    case 0x3B: // GETLASTRWSTATUS
        data[0] = probe->status;
        break;
    case 0x3E: // GETLASTRWSTATUS2
        data[0] = probe->status;
        put_u32(data + 4, probe->fault_address);
        break;
    case 0x3C:
        drive_reset(probe, command[2]);
        break;
    case 0x43: // frequencies of older firmware
    case 0x44:
    case 0x40: // SWO: there is none to receive
    case 0x41:
    case 0x4B: // INIT_AP
    case 0x4C: // CLOSE_AP
        break;
    case 0x42: // GET_TRACE_NB
        data[0] = 0;
        break;
    case 0x61:
        set_frequency(command, data);
        break;
    case 0x62:
        list_frequencies(data);
        break;
    default:
        if (!register_command(probe, command, data)) {
            data[0] = STATUS_UNKNOWN;
            machine_trace(probe->machine, "debug", "ST-LINK command %02X %02X is not known",
                          command[0], command[1]);
        }
        break;
    }
}

static void probe_command(struct probe_stlink *probe, const uint8_t *command, uint8_t *data,
                          size_t size)
{
    bool write;
    bool fixed;

    switch (command[0]) {
    case 0xF1: // GET_VERSION: V3; the rest is told by GET_VERSION_EX
        data[0] = 0x30;
        data[2] = VENDOR_ID & 0xFF;
        data[3] = VENDOR_ID >> 8;
        data[4] = PRODUCT_ID & 0xFF;
        data[5] = PRODUCT_ID >> 8;
        break;
    case 0xFB: { // GET_VERSION_EX
        static const uint8_t version[12] = {3,
                                            0,
                                            10,
                                            3,
                                            0,
                                            0,
                                            0,
                                            0,
                                            VENDOR_ID & 0xFF,
                                            VENDOR_ID >> 8,
                                            PRODUCT_ID & 0xFF,
                                            PRODUCT_ID >> 8};
        memcpy(data, version, sizeof(version));
        break;
    }
    case 0xF5: // GET_CURRENT_MODE
        data[0] = probe->mode;
        break;
    case 0xF7: // GET_TARGET_VOLTAGE: of 1.2 V, of half the supply
        put_u32(data, 1489);
        put_u32(data + 4, 2048);
        break;
    case 0xF2:
        if (memory_unit(command[1], &write, &fixed) != 0) {
            memory_command(probe, command, data, size);
        } else {
            debug_command(probe, command, data);
        }
        break;
    default:
        break;
    }
}

// --- Requests of the server ---------------------------------------------------------------------

static size_t request_length(const uint8_t *data, size_t length)
{
    static const size_t lengths[] = {2, 1, 8, 8, 8, USB_HEADER, 4};

    if (data[0] >= sizeof(lengths) / sizeof(lengths[0])) {
        return 0;
    }
    if (data[0] == SERVER_USB && length >= USB_HEADER && data[24] == 0) {
        return USB_HEADER + get_u32(data + 28);
    }
    return lengths[data[0]];
}

static size_t usb_request(struct probe_stlink *probe, const uint8_t *data)
{
    uint32_t size = get_u32(data + 28);
    uint8_t *transfer = probe->reply + 4;

    if (data[24] == 0) { // to the probe
        memcpy(transfer, data + USB_HEADER, size);
        if (size < 16) {
            memset(transfer + size, 0, 16 - size); // a status nobody asks for
        }
        probe_command(probe, data + 8, transfer, size);
        return 4;
    }
    memset(transfer, 0, size < 128 ? 128 : size);
    probe_command(probe, data + 8, transfer, size);
    return 4 + size;
}

static size_t device_info(uint8_t *reply)
{
    put_u32(reply + 4, DEVICE_ID);
    memcpy(reply + 8, "51554144004C414E4500", 20); // serial number
    reply[40] = VENDOR_ID & 0xFF;
    reply[41] = VENDOR_ID >> 8;
    reply[42] = PRODUCT_ID & 0xFF;
    reply[43] = PRODUCT_ID >> 8;
    return 45;
}

static size_t answer(struct probe_stlink *probe, const uint8_t *data)
{
    uint8_t *reply = probe->reply;

    memset(reply, 0, 64);
    put_u32(reply, SERVER_OK);
    switch (data[0]) {
    case SERVER_VERSION: // of the protocol, then of the server
        put_u32(reply, 2);
        put_u32(reply + 4, 2);
        put_u32(reply + 8, 1);
        return 16;
    case SERVER_INFO:
        return device_info(reply);
    case SERVER_OPEN:
        put_u32(reply + 4, CONNECTION_ID);
        return 8;
    case SERVER_USB:
        return usb_request(probe, data);
    default:
        return 4;
    }
}

static size_t received(void *context, const uint8_t *data, size_t length)
{
    struct probe_stlink *probe = context;
    size_t wanted = request_length(data, length);

    if (wanted == 0 || wanted > USB_HEADER + TRANSFER_MAX ||
        (data[0] == SERVER_USB && length >= USB_HEADER && get_u32(data + 28) > TRANSFER_MAX)) {
        probe_socket_hang_up(probe->socket); // speaks something else
        return 0;
    }
    if (length < wanted || (data[0] == SERVER_USB && length < USB_HEADER)) {
        return 0;
    }
    probe_socket_send(probe->socket, probe->reply, answer(probe, data));
    return wanted;
}

static void connected(void *context)
{
    struct probe_stlink *probe = context;

    probe->mode = 1;
    probe->status = STATUS_OK;
}

// The core stays as the debugger left it, as with a real probe.
static void disconnected(void *context)
{
    (void)context;
}

struct probe_stlink *probe_stlink_create(struct machine *machine, struct debug *debug,
                                         const char *port, char *error, size_t error_size)
{
    struct probe_stlink *probe = calloc(1, sizeof(*probe));
    const struct probe_handler handler = {.context = probe,
                                          .connected = connected,
                                          .disconnected = disconnected,
                                          .received = received};

    if (probe == NULL) {
        abort();
    }
    probe->machine = machine;
    probe->debug = debug;
    probe->dap = dap_create(machine, debug);
    probe->socket = probe_socket_create(machine, "--stlink", port, &handler, error, error_size);
    if (probe->socket == NULL) {
        dap_destroy(probe->dap);
        free(probe);
        return NULL;
    }
    return probe;
}

void probe_stlink_close(struct probe_stlink *probe)
{
    probe_socket_close(probe->socket);
    dap_destroy(probe->dap);
    free(probe);
}
