// The JTAG pins of the virtual board, driven over TCP by OpenOCD's remote_bitbang.
//
// Written from OpenOCD's description of the remote_bitbang protocol, IEEE 1149.1, the ARM Debug
// Interface Architecture Specification (IHI 0031, JTAG-DP) and RM0433: the chain is TDI, boundary
// scan TAP (5 bits of instruction), JTAG-DP (4 bits), TDO.
//
// SPDX-License-Identifier: MIT
#include "sim/probe_jtag.h"

#include "sim/dap.h"
#include "sim/machine.h"
#include "sim/probe_socket.h"

#include <stdlib.h>

enum tap_state {
    TEST_LOGIC_RESET,
    RUN_TEST_IDLE,
    SELECT_DR,
    CAPTURE_DR,
    SHIFT_DR,
    EXIT1_DR,
    PAUSE_DR,
    EXIT2_DR,
    UPDATE_DR,
    SELECT_IR,
    CAPTURE_IR,
    SHIFT_IR,
    EXIT1_IR,
    PAUSE_IR,
    EXIT2_IR,
    UPDATE_IR,
};

// By TMS 0 and 1.
static const uint8_t next_state[16][2] = {
    [TEST_LOGIC_RESET] = {RUN_TEST_IDLE, TEST_LOGIC_RESET},
    [RUN_TEST_IDLE] = {RUN_TEST_IDLE, SELECT_DR},
    [SELECT_DR] = {CAPTURE_DR, SELECT_IR},
    [CAPTURE_DR] = {SHIFT_DR, EXIT1_DR},
    [SHIFT_DR] = {SHIFT_DR, EXIT1_DR},
    [EXIT1_DR] = {PAUSE_DR, UPDATE_DR},
    [PAUSE_DR] = {PAUSE_DR, EXIT2_DR},
    [EXIT2_DR] = {SHIFT_DR, UPDATE_DR},
    [UPDATE_DR] = {RUN_TEST_IDLE, SELECT_DR},
    [SELECT_IR] = {CAPTURE_IR, TEST_LOGIC_RESET},
    [CAPTURE_IR] = {SHIFT_IR, EXIT1_IR},
    [SHIFT_IR] = {SHIFT_IR, EXIT1_IR},
    [EXIT1_IR] = {PAUSE_IR, UPDATE_IR},
    [PAUSE_IR] = {PAUSE_IR, EXIT2_IR},
    [EXIT2_IR] = {SHIFT_IR, UPDATE_IR},
    [UPDATE_IR] = {RUN_TEST_IDLE, SELECT_DR},
};

enum dp_instruction { DP_ABORT = 0x8, DP_DPACC = 0xA, DP_APACC = 0xB, DP_IDCODE = 0xE };

#define BS_IDCODE       0x01u
#define BS_IDCODE_VALUE UINT32_C(0x06450041)
#define ACK_OK          2u
#define ANSWERS_MAX     4096u

struct shift_register {
    uint64_t bits;
    unsigned length;
};

struct probe_jtag {
    struct machine *machine;
    struct dap *dap;
    struct probe_socket *socket;
    enum tap_state state;
    uint8_t dp_instruction;
    uint8_t bs_instruction;
    struct shift_register dp;
    struct shift_register bs;
    uint32_t posted; // result of the last transfer, for the next capture
    bool clock;
    bool output; // TDO
    bool reset_pin_low;
};

// --- The TAPs
// -------------------------------------------------------------------------------------

static void tap_reset(struct probe_jtag *probe)
{
    probe->dp_instruction = DP_IDCODE;
    probe->bs_instruction = BS_IDCODE;
}

static void capture_dr(struct probe_jtag *probe)
{
    switch (probe->dp_instruction) {
    case DP_ABORT:
    case DP_DPACC:
    case DP_APACC:
        probe->dp = (struct shift_register){(uint64_t)probe->posted << 3 | ACK_OK, 35};
        break;
    case DP_IDCODE:
        probe->dp = (struct shift_register){DAP_IDCODE_JTAG, 32};
        break;
    default:
        probe->dp = (struct shift_register){0, 1};
        break;
    }
    if (probe->bs_instruction == BS_IDCODE) {
        probe->bs = (struct shift_register){BS_IDCODE_VALUE, 32};
    } else {
        probe->bs = (struct shift_register){0, 1};
    }
}

static void capture_ir(struct probe_jtag *probe)
{
    probe->dp = (struct shift_register){0x1, 4};
    probe->bs = (struct shift_register){0x1, 5};
}

static void shift(struct probe_jtag *probe, bool tdi)
{
    uint64_t between = probe->bs.bits & 1;

    probe->dp.bits = probe->dp.bits >> 1 | between << (probe->dp.length - 1);
    probe->bs.bits = probe->bs.bits >> 1 | (uint64_t)tdi << (probe->bs.length - 1);
}

static void update_dr(struct probe_jtag *probe)
{
    uint32_t value = (uint32_t)(probe->dp.bits >> 3);
    unsigned offset = (unsigned)probe->dp.bits << 1 & 0xC;
    bool read = (probe->dp.bits & 1) != 0;

    switch (probe->dp_instruction) {
    case DP_ABORT:
        dap_write_abort(probe->dap, value);
        break;
    case DP_DPACC:
        if (read) {
            // RDBUFF has no value of its own here: the posted result was just shifted out.
            probe->posted = offset == 0xC ? 0 : dap_read_dp(probe->dap, offset);
        } else {
            dap_write_dp(probe->dap, offset, value);
        }
        break;
    case DP_APACC:
        if (read) {
            probe->posted = dap_read_ap(probe->dap, offset);
        } else {
            dap_write_ap(probe->dap, offset, value);
        }
        break;
    default:
        break;
    }
}

static void rising_edge(struct probe_jtag *probe, bool tms, bool tdi)
{
    switch (probe->state) {
    case CAPTURE_DR:
        capture_dr(probe);
        break;
    case CAPTURE_IR:
        capture_ir(probe);
        break;
    case SHIFT_DR:
    case SHIFT_IR:
        shift(probe, tdi);
        break;
    default:
        break;
    }
    probe->state = (enum tap_state)next_state[probe->state][tms];
    switch (probe->state) {
    case TEST_LOGIC_RESET:
        tap_reset(probe);
        break;
    case UPDATE_DR:
        update_dr(probe);
        break;
    case UPDATE_IR:
        probe->dp_instruction = (uint8_t)probe->dp.bits & 0xF;
        probe->bs_instruction = (uint8_t)probe->bs.bits & 0x1F;
        break;
    default:
        break;
    }
}

// --- The pins
// -------------------------------------------------------------------------------------

static void set_pins(struct probe_jtag *probe, unsigned pins)
{
    bool clock = (pins & 4) != 0;

    if (clock && !probe->clock) {
        rising_edge(probe, (pins & 2) != 0, (pins & 1) != 0);
    } else if (!clock && probe->clock) {
        bool shifting = probe->state == SHIFT_DR || probe->state == SHIFT_IR;

        probe->output = !shifting || (probe->dp.bits & 1) != 0; // else not driven: pulled up
    }
    probe->clock = clock;
}

static void set_resets(struct probe_jtag *probe, unsigned resets)
{
    bool low = (resets & 1) != 0;

    if ((resets & 2) != 0) {
        probe->state = TEST_LOGIC_RESET;
        tap_reset(probe);
    }
    if (probe->reset_pin_low && !low) {
        machine_reset(probe->machine, RESET_PIN);
    }
    probe->reset_pin_low = low;
}

static size_t received(void *context, const uint8_t *data, size_t length)
{
    struct probe_jtag *probe = context;
    char answers[ANSWERS_MAX];
    size_t count = 0;
    size_t taken = 0;

    for (; taken < length && count < ANSWERS_MAX; taken++) {
        char character = (char)data[taken];

        if (character >= '0' && character <= '7') {
            set_pins(probe, (unsigned)(character - '0'));
        } else if (character >= 'r' && character <= 'u') {
            set_resets(probe, (unsigned)(character - 'r'));
        } else if (character == 'R') {
            answers[count++] = probe->output ? '1' : '0';
        } else if (character == 'Q') {
            probe_socket_hang_up(probe->socket);
            return 0;
        } // B, b: the probe's own light
    }
    probe_socket_send(probe->socket, answers, count);
    return taken;
}

static void connected(void *context)
{
    struct probe_jtag *probe = context;

    probe->state = TEST_LOGIC_RESET;
    tap_reset(probe);
}

static void disconnected(void *context)
{
    struct probe_jtag *probe = context;

    set_resets(probe, 0);
}

struct probe_jtag *probe_jtag_create(struct machine *machine, struct debug *debug, const char *port,
                                     char *error, size_t error_size)
{
    struct probe_jtag *probe = calloc(1, sizeof(*probe));
    const struct probe_handler handler = {.context = probe,
                                          .connected = connected,
                                          .disconnected = disconnected,
                                          .received = received};

    if (probe == NULL) {
        abort();
    }
    probe->machine = machine;
    probe->dap = dap_create(machine, debug);
    probe->output = true;
    probe->socket = probe_socket_create(machine, "--jtag", port, &handler, error, error_size);
    if (probe->socket == NULL) {
        dap_destroy(probe->dap);
        free(probe);
        return NULL;
    }
    return probe;
}

void probe_jtag_close(struct probe_jtag *probe)
{
    probe_socket_close(probe->socket);
    dap_destroy(probe->dap);
    free(probe);
}
