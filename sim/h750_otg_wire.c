// The USB side of an OTG core: how it answers tokens, resets, frames and silence on the wire.
//
// From USB 2.0 chapter 8 (handshakes, data toggles) and from what drivers of this core rely on:
// "SETUP done" enters the Rx FIFO with the first token behind the SETUP packet, a new address holds
// from the end of the status stage on, the suspend interrupt follows 3 ms behind the early one.
// Silicon differs: flushes, NAKs and disables take effect at once here.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_otg_parts.h"

#include "sim/h750_rcc.h"

#include <inttypes.h>
#include <string.h>

#define RCC_AHB1ENR     0x580244D8u
#define RCC_AHB1LPENR   0x58024500u
#define PWR_CR3         0x5802480Cu
#define CR3_USB33RDY    (1u << 26)
#define REQUEST_ADDRESS 5
#define SETUP_WORDS     3u // status and two words of data
#define IDLE_NS         (3 * NS_PER_MS)

// --- May the core answer at all -----------------------------------------------------------------

static uint32_t register_of(struct otg *otg, uint32_t address)
{
    uint32_t value;

    return machine_bus_read(otg->machine, address, 4, &value) ? value : 0;
}

bool otg_supplied(struct otg *otg)
{
    return (register_of(otg, PWR_CR3) & CR3_USB33RDY) != 0;
}

// In WFI the core's clock runs on only if its LPEN bit is set and that of the absent ULPI is not.
static bool clocked_in_sleep(struct otg *otg)
{
    unsigned bit = otg->core == OTG_CORE_OTG1_HS ? 25 : 27;
    uint32_t lpenr = register_of(otg, RCC_AHB1LPENR);
    bool ulpi = (lpenr >> (bit + 1)) & 1;

    if (((lpenr >> bit) & 1) && !ulpi) {
        otg->sleep_told = false;
        return true;
    }
    if (!otg->sleep_told) {
        otg->sleep_told = true;
        machine_violation(otg->machine, otg->name,
                          "the core's clock stops in WFI while the bus is alive: AHB1LPENR bit %u "
                          "(%s) must be %u",
                          ulpi ? bit + 1 : bit, ulpi ? "ULPI" : "OTG", ulpi ? 0u : 1u);
    }
    return false;
}

static bool clocked(struct otg *otg)
{
    unsigned bit = otg->core == OTG_CORE_OTG1_HS ? 25 : 27;

    if (!otg->attached || otg->pcgcctl & PCGCCTL_STPPCLK) {
        return false;
    }
    if (!otg_supplied(otg)) {
        machine_violation(otg->machine, otg->name,
                          "USB supply switched off (PWR_CR3.USB33DEN) while the pull-up is on");
        return false;
    }
    if (!((register_of(otg, RCC_AHB1ENR) >> bit) & 1)) {
        return false;
    }
    return otg->board.cpu_sleeping == NULL || !otg->board.cpu_sleeping(otg->board.context) ||
           clocked_in_sleep(otg);
}

static bool addressed(struct otg *otg, uint8_t address, unsigned endpoint)
{
    return endpoint < OTG_ENDPOINTS && !otg->resetting && address == otg->address && clocked(otg);
}

// TRDT for the AHB clock, from the reference manual's table for full speed.
static void check_turnaround(struct otg *otg)
{
    static const uint32_t lowest_hz[] = {32000000, 27500000, 24000000, 21800000, 20000000,
                                         18500000, 17200000, 16000000, 15000000, 14200000};
    uint64_t hclk = rcc_clock_hz(otg->rcc, RCC_CLOCK_HCLK);
    uint32_t trdt = (otg->gusbcfg >> 10) & 15;

    if (otg->turnaround_checked) {
        return;
    }
    otg->turnaround_checked = true;
    for (uint32_t i = 0; i < sizeof(lowest_hz) / sizeof(lowest_hz[0]); i++) {
        if (hclk >= lowest_hz[i]) {
            if (trdt != 6 + i) {
                machine_violation(otg->machine, otg->name,
                                  "GUSBCFG.TRDT = %" PRIu32 ", an AHB clock of %" PRIu64
                                  " Hz needs %" PRIu32,
                                  trdt, hclk, 6 + i);
            }
            return;
        }
    }
    machine_violation(otg->machine, otg->name,
                      "AHB clock of %" PRIu64 " Hz, USB needs 14.2 MHz at least", hclk);
}

// --- Control endpoint ---------------------------------------------------------------------------

static bool dma_on(const struct otg *otg)
{
    return (otg->gahbcfg & GAHBCFG_DMAEN) != 0;
}

static void dma_store(struct otg *otg, unsigned number, const uint8_t *data, size_t length)
{
    struct otg_out_endpoint *out = &otg->out[number];

    for (size_t i = 0; i < length; i++) {
        if (!machine_bus_write(otg->machine, out->dma, 1, data[i])) {
            machine_violation(otg->machine, otg->name,
                              "DMA to 0x%08" PRIX32 " ended in a bus error (DOEPDMA%u)", out->dma,
                              number);
            return;
        }
        out->dma++;
    }
}

static void remember_request(struct otg *otg, const uint8_t packet[8])
{
    otg->address_expected = -1;
    otg->data_stage_owed = !(packet[0] & 0x80) && (packet[6] | packet[7]) != 0;
    if (packet[0] == 0 && packet[1] == REQUEST_ADDRESS) {
        otg->address_expected = (int16_t)(packet[2] & 0x7F);
    }
}

static enum usb_handshake wire_setup(void *context, uint8_t address, const uint8_t packet[8])
{
    struct otg *otg = context;
    struct otg_out_endpoint *out = &otg->out[0];
    struct otg_in_endpoint *in = &otg->in[0];
    uint32_t packets_left = out->size >> 29;

    if (!addressed(otg, address, 0)) {
        return USB_NO_ANSWER;
    }
    check_turnaround(otg);
    // ST's driver counts on further SETUP packets being taken when STUPCNT has run down to 0, so it
    // only matters that it was set since the bus reset.
    if (!otg->setup_armed || (!dma_on(otg) && !otg_rx_room(otg, SETUP_WORDS + 1))) {
        return USB_NO_ANSWER;
    }
    packets_left -= packets_left != 0 ? 1 : 0;
    out->size = (out->size & 0x1FFFFFFFu) | packets_left << 29;
    if (otg->setup_done_owed) {
        out->interrupts |= OEPINT_B2BSTUP;
    }
    out->control = (out->control | EPCTL_NAKSTS) & ~EPCTL_STALL;
    in->control = (in->control | EPCTL_NAKSTS) & ~EPCTL_STALL;
    in->in_flight = false;
    in->data1 = true; // data and status stages begin with DATA1
    out->data1 = true;
    otg->setup_done_owed = true;
    remember_request(otg, packet);
    if (dma_on(otg)) {
        dma_store(otg, 0, packet, 8);
    } else {
        otg_rx_put(otg, 0, RX_SETUP_DATA, packet, 8, false);
    }
    return USB_ACK;
}

// The first IN or OUT token behind a SETUP packet tells the core that no further one comes.
static void finish_setup(struct otg *otg)
{
    if (!otg->setup_done_owed) {
        return;
    }
    if (dma_on(otg)) {
        otg->setup_done_owed = false;
        otg->out[0].control &= ~EPCTL_EPENA;
        otg->out[0].interrupts |= OEPINT_STUP;
        otg_update_irq(otg);
    } else if (otg_rx_room(otg, 1)) {
        otg->setup_done_owed = false;
        otg_rx_put(otg, 0, RX_SETUP_DONE, NULL, 0, false);
    }
}

static void status_stage_done(struct otg *otg)
{
    uint8_t written = (uint8_t)((otg->dcfg & DCFG_DAD) >> 4);

    if (otg->address_expected < 0) {
        return;
    }
    if (written != otg->address_expected) {
        machine_violation(otg->machine, otg->name,
                          "SET_ADDRESS %d was acknowledged with DCFG.DAD = %u: the address must be "
                          "written before the status stage",
                          otg->address_expected, written);
    }
    otg->address = written;
    otg->address_expected = -1;
}

// --- Tokens -------------------------------------------------------------------------------------

static void out_counted(struct otg *otg, unsigned number, size_t length)
{
    struct otg_out_endpoint *out = &otg->out[number];
    uint32_t bytes_mask = number == 0 ? 0x7F : 0x7FFFF;
    uint32_t packets_mask = number == 0 ? 1u << 19 : 0x3FFu << 19;
    uint32_t bytes = out->size & bytes_mask;
    uint32_t packets = out->size & packets_mask;

    bytes -= length < bytes ? (uint32_t)length : bytes;
    packets -= packets != 0 ? 1u << 19 : 0;
    out->size = (out->size & ~(bytes_mask | packets_mask)) | bytes | packets;
    if (packets != 0 && length == otg_max_packet(otg, number, false)) {
        return;
    }
    out->control |= EPCTL_NAKSTS;
    if (dma_on(otg)) {
        out->control &= ~EPCTL_EPENA;
        out->interrupts |= EPINT_XFRC;
    } else {
        out->done_waiting = true;
        otg_rx_put(otg, number, RX_OUT_DONE, NULL, 0, false);
    }
}

static enum usb_handshake out_refuse(struct otg *otg, unsigned number)
{
    struct otg_out_endpoint *out = &otg->out[number];

    out->interrupts |= EPINT_NAK;
    if (!(out->control & EPCTL_EPENA)) {
        out->interrupts |= OEPINT_OTEPDIS;
    }
    otg_update_irq(otg);
    return USB_NAK;
}

static enum usb_handshake wire_out(void *context, uint8_t address, uint8_t endpoint,
                                   const uint8_t *data, size_t length, bool data1)
{
    struct otg *otg = context;
    struct otg_out_endpoint *out = &otg->out[endpoint % OTG_ENDPOINTS];
    unsigned words = (unsigned)(length + 3) / 4 + 2; // status before, OUT done behind

    if (!addressed(otg, address, endpoint) || !(out->control & EPCTL_USBAEP)) {
        return USB_NO_ANSWER;
    }
    if (endpoint == 0 && otg->setup_done_owed) {
        finish_setup(otg);
        return out_refuse(otg, endpoint);
    }
    if (out->control & EPCTL_STALL) {
        return USB_STALL;
    }
    if ((out->control & (EPCTL_EPENA | EPCTL_NAKSTS)) != EPCTL_EPENA || out->done_waiting ||
        otg->dctl & DCTL_GONSTS || (!dma_on(otg) && !otg_rx_room(otg, words))) {
        return out_refuse(otg, endpoint);
    }
    if (length > otg_max_packet(otg, endpoint, false)) {
        out->interrupts |= OEPINT_OUTPKTERR;
        otg_update_irq(otg);
        return USB_NO_ANSWER;
    }
    if (data1 != out->data1) {
        return USB_ACK; // a repetition whose ACK the host has not seen
    }
    out->data1 = !data1;
    if (dma_on(otg)) {
        dma_store(otg, endpoint, data, length);
    } else {
        otg_rx_put(otg, endpoint, RX_OUT_DATA, data, length, data1);
    }
    out_counted(otg, endpoint, length);
    otg_update_irq(otg);
    return USB_ACK;
}

static bool in_fetch(struct otg *otg, unsigned number, uint8_t *data, uint32_t length)
{
    struct otg_in_endpoint *in = &otg->in[number];
    const struct otg_fifo *fifo = &otg->tx[((in->control & EPCTL_TXFNUM) >> 22) % OTG_ENDPOINTS];

    for (uint32_t i = 0; i < length; i++) {
        uint32_t value;

        if (!dma_on(otg)) {
            value = fifo->words[(fifo->head + i / 4) % OTG_FIFO_WORDS] >> (8 * (i % 4));
        } else if (!machine_bus_read(otg->machine, in->dma + in->sent + i, 1, &value)) {
            machine_violation(otg->machine, otg->name,
                              "DMA from 0x%08" PRIX32 " ended in a bus error (DIEPDMA%u)",
                              in->dma + in->sent + i, number);
            return false;
        }
        data[i] = (uint8_t)value;
    }
    return true;
}

static enum usb_handshake in_refuse(struct otg *otg, unsigned number)
{
    struct otg_in_endpoint *in = &otg->in[number];

    in->interrupts |= EPINT_NAK;
    if ((in->control & (EPCTL_EPENA | EPCTL_NAKSTS)) == EPCTL_EPENA) {
        in->interrupts |= IEPINT_ITTXFE;
    }
    otg_update_irq(otg);
    return USB_NAK;
}

static enum usb_handshake wire_in(void *context, uint8_t address, uint8_t endpoint, uint8_t *data,
                                  size_t *length, bool *data1)
{
    struct otg *otg = context;
    struct otg_in_endpoint *in = &otg->in[endpoint % OTG_ENDPOINTS];
    uint32_t packet;

    if (!addressed(otg, address, endpoint) || !(in->control & EPCTL_USBAEP)) {
        return USB_NO_ANSWER;
    }
    if (endpoint == 0 && otg->setup_done_owed) {
        finish_setup(otg);
        return in_refuse(otg, endpoint);
    }
    if (in->control & EPCTL_STALL) {
        return USB_STALL;
    }
    if ((in->control & (EPCTL_EPENA | EPCTL_NAKSTS)) != EPCTL_EPENA || otg->dctl & DCTL_GINSTS ||
        !otg_in_packet_complete(otg, endpoint)) {
        return in_refuse(otg, endpoint);
    }
    packet = otg_in_packet_length(otg, endpoint);
    if (packet > *length || !in_fetch(otg, endpoint, data, packet)) {
        return USB_NO_ANSWER;
    }
    in->in_flight = true;
    in->in_flight_length = packet;
    *length = packet;
    *data1 = in->data1;
    return USB_ACK;
}

static void wire_in_acknowledged(void *context, uint8_t endpoint)
{
    struct otg *otg = context;
    struct otg_in_endpoint *in = &otg->in[endpoint % OTG_ENDPOINTS];
    struct otg_fifo *fifo = &otg->tx[((in->control & EPCTL_TXFNUM) >> 22) % OTG_ENDPOINTS];
    uint32_t words = (in->in_flight_length + 3) / 4;
    uint32_t packets = in->size & 0x1FF80000u;

    if (!in->in_flight) {
        return;
    }
    in->in_flight = false;
    in->data1 = !in->data1;
    in->sent += in->in_flight_length;
    if (dma_on(otg)) {
        in->pushed = in->sent;
        in->size = (in->size & ~0x7FFFFu) | (in->length - in->sent);
    } else {
        fifo->head = (fifo->head + words) % OTG_FIFO_WORDS;
        fifo->count -= words;
    }
    packets -= packets != 0 ? 1u << 19 : 0;
    in->size = (in->size & ~0x1FF80000u) | packets;
    if (packets == 0) {
        in->control &= ~EPCTL_EPENA;
        in->interrupts |= EPINT_XFRC;
    }
    if (endpoint == 0 && in->in_flight_length == 0) {
        status_stage_done(otg);
    }
    otg_update_irq(otg);
}

// --- The bus as a whole -------------------------------------------------------------------------

static bool wire_attached(void *context)
{
    const struct otg *otg = context;

    return otg->attached;
}

static void wire_vbus(void *context, bool on)
{
    struct otg *otg = context;

    if (otg->vbus_on == on) {
        return;
    }
    otg->vbus_on = on;
    if (otg->board.vbus != NULL) {
        otg->board.vbus(otg->board.context, on);
    }
    if (otg->gccfg & GCCFG_VBDEN) {
        if (on) {
            otg->gintsts |= GINT_SRQINT;
        } else {
            otg->gotgint |= GOTGINT_SEDET;
        }
    }
    otg_update_pull_up(otg);
    if (!on && otg->attached) {
        otg_line_idle(otg); // the core does not see that the cable has gone
    }
    otg_update_irq(otg);
}

static void wire_bus_reset(void *context)
{
    struct otg *otg = context;

    if (!otg->attached) {
        return;
    }
    event_cancel(otg->machine, &otg->idle);
    if (otg->suspended) {
        otg->gintsts |= GINT_RSTDET;
    }
    otg->suspended = false;
    otg->early_suspended = false;
    otg->resetting = true;
    otg->turnaround_checked = false;
    otg->setup_done_owed = false;
    otg->setup_armed = otg->out[0].size >> 29 != 0;
    otg->address_expected = -1;
    otg->data_stage_owed = false;
    otg->gintsts |= GINT_USBRST;
    for (unsigned number = 0; number < OTG_ENDPOINTS; number++) {
        uint32_t kept = number == 0 ? EPCTL_USBAEP : 0;

        otg->in[number].control = (otg->in[number].control & (~EPCTL_USBAEP | kept)) | EPCTL_NAKSTS;
        otg->out[number].control =
            (otg->out[number].control & (~EPCTL_USBAEP | kept)) | EPCTL_NAKSTS;
        otg->in[number].in_flight = false;
    }
    otg_update_irq(otg);
}

static void wire_suspend(void *context, bool suspended)
{
    struct otg *otg = context;

    if (!otg->attached) {
        return;
    }
    if (suspended) {
        otg->early_suspended = true;
        otg->gintsts |= GINT_ESUSP;
        event_arm_in(otg->machine, &otg->idle, IDLE_NS);
    } else {
        event_cancel(otg->machine, &otg->idle);
        otg->early_suspended = false;
        if (otg->suspended) {
            otg->suspended = false;
            otg->gintsts |= GINT_WKUINT;
        }
    }
    otg_update_irq(otg);
}

static void wire_start_of_frame(void *context, uint16_t frame)
{
    struct otg *otg = context;

    if (!otg->attached || !clocked(otg)) {
        return;
    }
    otg->frame = frame;
    otg->gintsts |= GINT_SOF;
    if (otg->board.frame != NULL) {
        otg->board.frame(otg->board.context);
    }
    if (otg->resetting) {
        otg->resetting = false;
        otg->enumerated = true;
        otg->gintsts |= GINT_ENUMDNE;
        otg_update_irq(otg);
    } else if (otg->gintmsk & GINT_SOF) {
        otg_update_irq(otg);
    }
}

static void idle_fire(void *context)
{
    struct otg *otg = context;

    if (!otg->attached) {
        return;
    }
    if (!otg->early_suspended) {
        otg->early_suspended = true;
        otg->gintsts |= GINT_ESUSP;
        event_arm_in(otg->machine, &otg->idle, IDLE_NS);
    } else if (!otg->suspended) {
        otg->suspended = true;
        otg->gintsts |= GINT_USBSUSP;
    }
    otg_update_irq(otg);
}

void otg_line_idle(struct otg *otg)
{
    otg->early_suspended = false;
    event_arm_in(otg->machine, &otg->idle, IDLE_NS);
}

void otg_wire_init(struct otg *otg)
{
    otg->idle = (struct event){.fire = idle_fire, .context = otg, .name = "OTG idle line"};
    otg->port = (struct usb_device_port){
        .context = otg,
        .attached = wire_attached,
        .vbus = wire_vbus,
        .bus_reset = wire_bus_reset,
        .suspend = wire_suspend,
        .start_of_frame = wire_start_of_frame,
        .setup = wire_setup,
        .out = wire_out,
        .in = wire_in,
        .in_acknowledged = wire_in_acknowledged,
    };
}
