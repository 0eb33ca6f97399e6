// Endpoints and FIFOs of an OTG core: arming, counting, NAK and STALL, what is pushed and popped.
//
// From the register descriptions as drivers use them (ST's LL, TinyUSB, libopencm3): XFRSIZ of an
// IN endpoint falls as words are pushed, PKTCNT as packets are acknowledged; status words come out
// of the Rx FIFO in the order of the wire, and popping "OUT done" or "SETUP done" raises the
// endpoint's interrupt. Stricter than silicon: what would corrupt a FIFO or send wrong lengths is a
// violation.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_otg_parts.h"

#include <inttypes.h>
#include <string.h>

#define SIZE_PKTCNT_SHIFT 19
#define SIZE_PKTCNT0      (1u << 19) // OUT endpoint 0
#define SIZE_STUPCNT      (3u << 29)
#define FIFO_WORDS_MIN    16u

static uint32_t words_of(uint32_t bytes)
{
    return (bytes + 3) / 4;
}

uint32_t otg_max_packet(const struct otg *otg, unsigned number, bool in)
{
    // MPSIZ of endpoint 0 is a code, and its OUT side copies the IN side's.
    if (number == 0) {
        return 64u >> (otg->in[0].control & 3);
    }
    return (in ? otg->in[number].control : otg->out[number].control) & EPCTL_MPSIZ;
}

static uint32_t size_bytes(unsigned number, uint32_t size)
{
    return number == 0 ? size & 0x7F : size & 0x7FFFF;
}

static uint32_t size_packets(unsigned number, bool in, uint32_t size)
{
    uint32_t mask = number != 0 ? 0x3FF : in ? 3 : 1;

    return (size >> SIZE_PKTCNT_SHIFT) & mask;
}

// --- Tx FIFOs -----------------------------------------------------------------------------------

static unsigned tx_fifo_number(const struct otg *otg, unsigned endpoint)
{
    return (otg->in[endpoint].control & EPCTL_TXFNUM) >> 22;
}

static struct otg_fifo *tx_fifo(struct otg *otg, unsigned endpoint)
{
    unsigned fifo = tx_fifo_number(otg, endpoint);

    return &otg->tx[fifo < OTG_ENDPOINTS ? fifo : 0];
}

static uint32_t tx_depth(const struct otg *otg, unsigned fifo)
{
    return otg->dieptxf[fifo] >> 16;
}

uint32_t otg_tx_free_words(const struct otg *otg, unsigned number)
{
    unsigned fifo = tx_fifo_number(otg, number);
    uint32_t depth;

    if (fifo >= OTG_ENDPOINTS) {
        return 0;
    }
    depth = tx_depth(otg, fifo);
    return depth > otg->tx[fifo].count ? depth - otg->tx[fifo].count : 0;
}

uint32_t otg_in_interrupts(const struct otg *otg, unsigned number)
{
    uint32_t depth = tx_depth(otg, tx_fifo_number(otg, number) % OTG_ENDPOINTS);
    uint32_t free_words = otg_tx_free_words(otg, number);
    uint32_t wanted = otg->gahbcfg & GAHBCFG_TXFELVL ? depth : (depth + 1) / 2;

    return otg->in[number].interrupts | (free_words >= wanted ? IEPINT_TXFE : 0);
}

static void check_fifo_overlap(struct otg *otg, unsigned number, unsigned fifo, uint32_t start,
                               uint32_t depth)
{
    for (unsigned other = 0; other < OTG_ENDPOINTS; other++) {
        unsigned other_fifo = tx_fifo_number(otg, other);
        uint32_t other_start;

        if (other == number || other_fifo >= OTG_ENDPOINTS ||
            (other != 0 && !(otg->in[other].control & EPCTL_USBAEP))) {
            continue;
        }
        if (other_fifo == fifo) {
            machine_violation(otg->machine, otg->name,
                              "IN endpoints %u and %u both use Tx FIFO %u (DIEPCTL.TXFNUM)", number,
                              other, fifo);
            return;
        }
        other_start = otg->dieptxf[other_fifo] & 0xFFFF;
        if (start < other_start + tx_depth(otg, other_fifo) && other_start < start + depth) {
            machine_violation(otg->machine, otg->name,
                              "Tx FIFO %u (words %" PRIu32 "..%" PRIu32
                              ") overlaps Tx FIFO %u, which endpoint %u uses",
                              fifo, start, start + depth - 1, other_fifo, other);
            return;
        }
    }
}

// The FIFO of an IN endpoint that is being armed.
static bool check_fifo(struct otg *otg, unsigned number)
{
    unsigned fifo = tx_fifo_number(otg, number);
    uint32_t start;
    uint32_t depth;

    if (fifo >= OTG_ENDPOINTS) {
        machine_violation(otg->machine, otg->name,
                          "DIEPCTL%u.TXFNUM = %u, the core has Tx FIFOs 0..%u", number, fifo,
                          OTG_ENDPOINTS - 1);
        return false;
    }
    start = otg->dieptxf[fifo] & 0xFFFF;
    depth = tx_depth(otg, fifo);
    if (depth < FIFO_WORDS_MIN || depth * 4 < otg_max_packet(otg, number, true)) {
        machine_violation(otg->machine, otg->name,
                          "Tx FIFO %u of IN endpoint %u has %" PRIu32
                          " words (DIEPTXF%u): it needs at least 16 and room for a packet",
                          fifo, number, depth, fifo);
        return false;
    }
    if (start < otg->grxfsiz || start + depth > OTG_FIFO_WORDS) {
        machine_violation(otg->machine, otg->name,
                          "Tx FIFO %u is at words %" PRIu32 "..%" PRIu32
                          ", outside GRXFSIZ = %" PRIu32 "..1023",
                          fifo, start, start + depth - 1, otg->grxfsiz);
        return false;
    }
    check_fifo_overlap(otg, number, fifo, start, depth);
    return true;
}

uint32_t otg_in_packet_length(const struct otg *otg, unsigned number)
{
    const struct otg_in_endpoint *in = &otg->in[number];
    uint32_t left = in->length - in->sent;
    uint32_t most = otg_max_packet(otg, number, true);

    return left < most ? left : most;
}

bool otg_in_packet_complete(const struct otg *otg, unsigned number)
{
    const struct otg_in_endpoint *in = &otg->in[number];

    return otg->gahbcfg & GAHBCFG_DMAEN ||
           in->pushed - in->sent >= otg_in_packet_length(otg, number);
}

void otg_tx_push(struct otg *otg, unsigned number, uint32_t word)
{
    struct otg_in_endpoint *in = &otg->in[number];
    struct otg_fifo *fifo = tx_fifo(otg, number);
    uint32_t most = otg_max_packet(otg, number, true);
    uint32_t in_packet;
    uint32_t bytes;

    if (!(in->control & EPCTL_EPENA)) {
        machine_violation(otg->machine, otg->name,
                          "word pushed for IN endpoint %u, which is not enabled", number);
        return;
    }
    if (in->pushed == in->length) {
        machine_violation(otg->machine, otg->name,
                          "word pushed for IN endpoint %u beyond the %" PRIu32
                          " bytes of its transfer (DIEPTSIZ.XFRSIZ)",
                          number, in->length);
        return;
    }
    if (otg_tx_free_words(otg, number) == 0) {
        machine_violation(otg->machine, otg->name,
                          "word pushed for IN endpoint %u into a full Tx FIFO (DTXFSTS = 0)",
                          number);
        return;
    }
    fifo->words[(fifo->head + fifo->count++) % OTG_FIFO_WORDS] = word;
    in_packet = most - in->pushed % most;
    bytes = in->length - in->pushed;
    bytes = bytes < in_packet ? bytes : in_packet;
    in->pushed += bytes < 4 ? bytes : 4;
    in->size = (in->size & ~0x7FFFFu) | (in->length - in->pushed);
    if (in->pushed % most == 0 || in->pushed == in->length) {
        otg_ready(otg);
    }
    otg_update_irq(otg);
}

void otg_tx_flush(struct otg *otg, unsigned fifo)
{
    otg->tx[fifo].head = 0;
    otg->tx[fifo].count = 0;
    for (unsigned number = 0; number < OTG_ENDPOINTS; number++) {
        if (tx_fifo_number(otg, number) == fifo) {
            otg->in[number].in_flight = false;
            otg->in[number].pushed = otg->in[number].sent;
        }
    }
}

// --- Arming -------------------------------------------------------------------------------------

static bool check_endpoint(struct otg *otg, unsigned number, bool in, uint32_t control)
{
    const char *way = in ? "IN" : "OUT";
    uint32_t type = (control & EPCTL_EPTYP) >> 18;
    uint32_t most = otg_max_packet(otg, number, in);

    if (number == 0) {
        return true;
    }
    if (!(control & EPCTL_USBAEP)) {
        machine_violation(otg->machine, otg->name,
                          "%s endpoint %u enabled while it is not active (USBAEP = 0)", way,
                          number);
        return false;
    }
    if (type == 1) {
        machine_violation(otg->machine, otg->name,
                          "%s endpoint %u is isochronous, which the virtual board does not model",
                          way, number);
        return false;
    }
    if (most == 0 || most > OTG_PACKET_MAX) {
        machine_violation(otg->machine, otg->name,
                          "%s endpoint %u enabled with MPSIZ = %" PRIu32 ", full speed takes 1..64",
                          way, number, most);
        return false;
    }
    return true;
}

static bool check_size(struct otg *otg, unsigned number, bool in, uint32_t size)
{
    uint32_t bytes = size_bytes(number, size);
    uint32_t packets = size_packets(number, in, size);
    uint32_t most = otg_max_packet(otg, number, in);
    uint32_t needed = bytes == 0 ? 1 : (bytes + most - 1) / most;
    // An IN transfer of whole packets may end in an empty one.
    uint32_t allowed = needed + (in && bytes != 0 && bytes % most == 0 ? 1 : 0);

    if (packets >= needed && packets <= allowed) {
        return true;
    }
    machine_violation(otg->machine, otg->name,
                      "%s endpoint %u enabled with PKTCNT = %" PRIu32 " and XFRSIZ = %" PRIu32
                      ", but that is %" PRIu32 " packets of at most %" PRIu32,
                      in ? "IN" : "OUT", number, packets, bytes, needed, most);
    // ChibiOS receives the status stage of its control transfers with both counts at 0.
    return packets != 0 || (number == 0 && !in);
}

static void arm_in(struct otg *otg, unsigned number)
{
    struct otg_in_endpoint *in = &otg->in[number];

    if (!check_endpoint(otg, number, true, in->control) || !check_fifo(otg, number) ||
        !check_size(otg, number, true, in->size)) {
        return;
    }
    in->control |= EPCTL_EPENA;
    in->size_written = false;
    in->in_flight = false;
    in->length = size_bytes(number, in->size);
    in->pushed = 0;
    in->sent = 0;
}

static void arm_out(struct otg *otg, unsigned number)
{
    struct otg_out_endpoint *out = &otg->out[number];

    if (!check_endpoint(otg, number, false, out->control) ||
        !check_size(otg, number, false, out->size)) {
        return;
    }
    out->control |= EPCTL_EPENA;
    out->size_written = false;
    otg->data_stage_owed = otg->data_stage_owed && number != 0;
}

static uint32_t control_bits(unsigned number, uint32_t old, uint32_t value, uint32_t writable)
{
    uint32_t control = (old & ~writable) | (value & writable);

    if (number == 0) {
        // Active always; only the core clears STALL of a control endpoint.
        control |= EPCTL_USBAEP | (old & EPCTL_STALL);
        control &= ~EPCTL_EPTYP;
    }
    return control;
}

// EPENA written back by a read-modify-write of an enabled endpoint begins nothing new, unless a new
// size and CNAK say so.
static bool is_arming(uint32_t control, uint32_t value, bool size_written)
{
    return value & EPCTL_EPENA &&
           (!(control & EPCTL_EPENA) || (value & EPCTL_CNAK && size_written));
}

void otg_in_control_write(struct otg *otg, unsigned number, uint32_t value)
{
    struct otg_in_endpoint *in = &otg->in[number];

    in->control =
        control_bits(number, in->control, value,
                     EPCTL_MPSIZ | EPCTL_USBAEP | EPCTL_EPTYP | EPCTL_STALL | EPCTL_TXFNUM);
    if (value & (EPCTL_SD0PID | EPCTL_SODDFRM)) {
        in->data1 = (value & EPCTL_SD0PID) == 0;
    }
    if (value & EPCTL_CNAK) {
        in->control &= ~EPCTL_NAKSTS;
        in->interrupts &= ~IEPINT_INEPNE;
    }
    if (value & EPCTL_SNAK) {
        in->control |= EPCTL_NAKSTS;
        in->interrupts |= IEPINT_INEPNE;
    }
    if (value & EPCTL_EPDIS && in->control & EPCTL_EPENA) {
        in->control &= ~EPCTL_EPENA;
        in->interrupts |= EPINT_EPDISD;
        in->in_flight = false;
    } else if (is_arming(in->control, value, in->size_written)) {
        arm_in(otg, number);
    }
    otg_ready(otg);
    otg_update_irq(otg);
}

// The manual has EPENA fall with the end of the SETUP stage. NuttX's driver clears NAK alone then,
// whatever DOEPTSIZ0 has left, and is known to work: real cores must receive the packet.
static void receive_unarmed(struct otg *otg)
{
    struct otg_out_endpoint *out = &otg->out[0];

    machine_violation(
        otg->machine, otg->name,
        "DOEPCTL0.CNAK set for a data stage without EPENA, which fell with the end of "
        "the SETUP stage");
    out->control |= EPCTL_EPENA;
    out->size = (out->size & SIZE_STUPCNT) | SIZE_PKTCNT0 | otg_max_packet(otg, 0, false);
}

void otg_out_control_write(struct otg *otg, unsigned number, uint32_t value)
{
    struct otg_out_endpoint *out = &otg->out[number];

    out->control =
        control_bits(number, out->control, value,
                     EPCTL_MPSIZ | EPCTL_USBAEP | EPCTL_EPTYP | EPCTL_SNPM | EPCTL_STALL);
    if (value & (EPCTL_SD0PID | EPCTL_SODDFRM)) {
        out->data1 = (value & EPCTL_SD0PID) == 0;
    }
    if (value & EPCTL_CNAK) {
        out->control &= ~EPCTL_NAKSTS;
    }
    if (value & EPCTL_SNAK) {
        out->control |= EPCTL_NAKSTS;
    }
    if (value & EPCTL_EPDIS && out->control & EPCTL_EPENA && number != 0) {
        out->control &= ~EPCTL_EPENA;
        out->interrupts |= EPINT_EPDISD;
    } else if (is_arming(out->control, value, out->size_written)) {
        arm_out(otg, number);
    } else if (number == 0 && value & EPCTL_CNAK && !(out->control & EPCTL_EPENA) &&
               otg->data_stage_owed) {
        receive_unarmed(otg);
    }
    otg_ready(otg);
    otg_update_irq(otg);
}

// The counters belong to the core from EPENA on, until the transfer ends or is held by NAK.
static bool size_is_free(struct otg *otg, const char *name, unsigned number, uint32_t control)
{
    if ((control & (EPCTL_EPENA | EPCTL_NAKSTS)) != EPCTL_EPENA) {
        return true;
    }
    machine_violation(otg->machine, otg->name, "%s%u changed while its endpoint is enabled", name,
                      number);
    return false;
}

void otg_in_size_write(struct otg *otg, unsigned number, uint32_t value)
{
    struct otg_in_endpoint *in = &otg->in[number];

    if (value != in->size && !size_is_free(otg, "DIEPTSIZ", number, in->control)) {
        return;
    }
    in->size = value;
    in->size_written = true;
}

void otg_out_size_write(struct otg *otg, unsigned number, uint32_t value)
{
    struct otg_out_endpoint *out = &otg->out[number];
    uint32_t changed = out->size ^ value;

    if (number == 0) {
        changed &= ~SIZE_STUPCNT; // room for SETUP packets may be given at any time
        otg->setup_armed = otg->setup_armed || (value & SIZE_STUPCNT) != 0;
    }
    if (changed != 0 && !size_is_free(otg, "DOEPTSIZ", number, out->control)) {
        return;
    }
    out->size = value;
    out->size_written = out->size_written || changed != 0;
}

// --- Rx FIFO ------------------------------------------------------------------------------------

void otg_rx_flush(struct otg *otg)
{
    otg->rx.head = 0;
    otg->rx.count = 0;
    otg->rx_data_left = 0;
    otg->setup_done_owed = false;
    for (unsigned number = 0; number < OTG_ENDPOINTS; number++) {
        otg->out[number].done_waiting = false;
    }
}

bool otg_rx_room(const struct otg *otg, unsigned words)
{
    return otg->rx.count + words <= otg->grxfsiz && otg->rx.count + words <= OTG_FIFO_WORDS;
}

static void rx_put_word(struct otg *otg, uint32_t word)
{
    otg->rx.words[(otg->rx.head + otg->rx.count++) % OTG_FIFO_WORDS] = word;
}

void otg_rx_put(struct otg *otg, unsigned endpoint, enum rx_status status, const uint8_t *data,
                size_t length, bool data1)
{
    rx_put_word(otg, endpoint | (uint32_t)length << 4 | (data1 ? 2u : 0u) << 15 |
                         (uint32_t)status << 17 | (otg->frame & 15u) << 21);
    for (size_t at = 0; at < length; at += 4) {
        uint8_t bytes[4] = {0};

        memcpy(bytes, data + at, length - at < 4 ? length - at : 4);
        rx_put_word(otg, bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                             (uint32_t)bytes[3] << 24);
    }
    otg_update_irq(otg);
}

uint32_t otg_rx_peek_status(const struct otg *otg)
{
    return otg->rx.count == 0 || otg->rx_data_left != 0 ? 0 : otg->rx.words[otg->rx.head];
}

static uint32_t rx_take_word(struct otg *otg)
{
    uint32_t word = otg->rx.words[otg->rx.head];

    otg->rx.head = (otg->rx.head + 1) % OTG_FIFO_WORDS;
    otg->rx.count--;
    return word;
}

static void status_popped(struct otg *otg, uint32_t word)
{
    unsigned number = word & 15;
    struct otg_out_endpoint *out = &otg->out[number];

    switch ((enum rx_status)((word >> 17) & 15)) {
    case RX_OUT_DATA:
    case RX_SETUP_DATA:
        otg->rx_data_left = words_of((word >> 4) & 0x7FF);
        break;
    case RX_OUT_DONE:
        out->done_waiting = false;
        out->control &= ~EPCTL_EPENA;
        out->interrupts |= EPINT_XFRC;
        break;
    case RX_SETUP_DONE:
        out->control &= ~EPCTL_EPENA;
        out->interrupts |= OEPINT_STUP;
        break;
    case RX_GLOBAL_OUT_NAK:
        break;
    }
}

uint32_t otg_rx_pop_status(struct otg *otg)
{
    uint32_t word;

    if (otg->rx_data_left != 0) {
        machine_violation(otg->machine, otg->name,
                          "GRXSTSP popped while %u words of the packet before are still in the Rx "
                          "FIFO",
                          otg->rx_data_left);
        while (otg->rx_data_left != 0) {
            otg->rx_data_left--;
            rx_take_word(otg);
        }
    }
    if (otg->rx.count == 0) {
        machine_violation(otg->machine, otg->name, "GRXSTSP popped while the Rx FIFO is empty");
        return 0;
    }
    word = rx_take_word(otg);
    status_popped(otg, word);
    otg_ready(otg);
    otg_update_irq(otg);
    return word;
}

uint32_t otg_rx_pop_word(struct otg *otg)
{
    uint32_t word;

    if (otg->rx_data_left == 0) {
        machine_violation(otg->machine, otg->name,
                          "word read from the Rx FIFO, but no data is there (%s)",
                          otg->rx.count == 0 ? "it is empty" : "GRXSTSP was not popped");
        return 0;
    }
    otg->rx_data_left--;
    word = rx_take_word(otg);
    otg_ready(otg);
    otg_update_irq(otg);
    return word;
}
