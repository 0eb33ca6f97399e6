// OTG cores of the STM32H750 (Synopsys dwc2, 3.30a) as full-speed devices: registers, clocks and
// supply, pull-up, interrupts. Slave (FIFO) and buffer DMA mode; no host mode, no isochronous
// endpoints.
//
// Written from the register headers and drivers named in h750_otg_registers.c and from measured
// identification registers. Stricter than silicon: a pull-up without 48 MHz, supply, pins in their
// alternate function or a valid session is a violation, not a device that is silently missing.
// Unconfirmed: DCTL.SDIS is set after reset; a core reset keeps it, GCCFG and the session override;
// SETUP packets are taken with STUPCNT run down; status words of 3.10a cores (STPKTRX, STSPHSRX) do
// not occur in FIFO mode.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_otg_parts.h"

#include "sim/h750_rcc.h"

#include <inttypes.h>
#include <stdlib.h>

#define USB_HZ       48000000u
#define TOLERANCE_HZ (USB_HZ / 400) // 0.25 %
#define FIFO_BASE    0x1000u
#define FIFO_WINDOW  0x1000u

static const struct core_description {
    const char *name, *fifo_name;
    uint32_t base;
    unsigned irq;
    uint8_t gate_bit;
    struct pin pins[2];
    const char *pin_names;
    unsigned alternate;
} cores[] = {
    [OTG_CORE_OTG1_HS] = {"OTG1_HS",
                          "OTG1_HS FIFO",
                          0x40040000,
                          77,
                          25,
                          {{'B', 14}, {'B', 15}},
                          "PB14 and PB15",
                          12},
    [OTG_CORE_OTG2_FS] = {"OTG2_FS",
                          "OTG2_FS FIFO",
                          0x40080000,
                          101,
                          27,
                          {{'A', 11}, {'A', 12}},
                          "PA11 and PA12",
                          10},
};

// --- Interrupts ---------------------------------------------------------------------------------

static uint32_t all_endpoints(const struct otg *otg)
{
    uint32_t daint = 0;

    for (unsigned number = 0; number < OTG_ENDPOINTS; number++) {
        uint32_t in_mask = otg->diepmsk & ~IEPINT_TXFE;

        if ((otg->diepempmsk >> number) & 1) {
            in_mask |= IEPINT_TXFE;
        }
        if (otg_in_interrupts(otg, number) & in_mask) {
            daint |= 1u << number;
        }
        if (otg->out[number].interrupts & otg->doepmsk) {
            daint |= 0x10000u << number;
        }
    }
    return daint;
}

uint32_t otg_interrupts(const struct otg *otg)
{
    uint32_t status = otg->gintsts | GINT_NPTXFE | GINT_PTXFE;
    uint32_t endpoints = all_endpoints(otg) & otg->daintmsk;

    status |= otg->gotgint != 0 ? GINT_OTGINT : 0;
    status |= otg->rx.count != 0 && otg->rx_data_left == 0 ? GINT_RXFLVL : 0;
    status |= otg->dctl & DCTL_GINSTS ? GINT_GINAKEFF : 0;
    status |= otg->dctl & DCTL_GONSTS ? GINT_GONAKEFF : 0;
    status |= endpoints & 0xFFFF ? GINT_IEPINT : 0;
    status |= endpoints >> 16 ? GINT_OEPINT : 0;
    return status;
}

void otg_update_irq(struct otg *otg)
{
    bool level = otg->gahbcfg & GAHBCFG_GINT && (otg_interrupts(otg) & otg->gintmsk) != 0;

    machine_irq(otg->machine, cores[otg->core].irq, level);
}

void otg_ready(struct otg *otg)
{
    if (otg->host != NULL && otg->attached) {
        usb_host_endpoint_ready(otg->host);
    }
}

// --- Pull-up ------------------------------------------------------------------------------------

static bool session_valid(const struct otg *otg)
{
    if (otg->gotgctl & GOTGCTL_BVALOEN) {
        return (otg->gotgctl & GOTGCTL_BVALOVAL) != 0;
    }
    return otg->gccfg & GCCFG_VBDEN && otg->vbus_on;
}

static bool check_clock(struct otg *otg)
{
    uint64_t hz = rcc_clock_hz(otg->rcc, RCC_CLOCK_USB);

    if (hz >= USB_HZ - TOLERANCE_HZ && hz <= USB_HZ + TOLERANCE_HZ) {
        return true;
    }
    machine_violation(otg->machine, otg->name,
                      "USB kernel clock is %" PRIu64
                      " Hz (RCC_D2CCIP2R.USBSEL), it must be 48 MHz within 0.25 %%",
                      hz);
    return false;
}

static void check_pins(struct otg *otg)
{
    const struct core_description *core = &cores[otg->core];

    for (unsigned i = 0; i < 2; i++) {
        if (gpio_pin_mode(otg->gpio, core->pins[i]) != PIN_ALTERNATE ||
            gpio_pin_alternate(otg->gpio, core->pins[i]) != core->alternate) {
            machine_violation(otg->machine, otg->name,
                              "pull-up on, but P%c%u is not in alternate function %u (%s are the "
                              "data lines)",
                              core->pins[i].port, core->pins[i].number, core->alternate,
                              core->pin_names);
            return;
        }
    }
}

static void check_pull_up(struct otg *otg)
{
    check_clock(otg);
    check_pins(otg);
    if (!otg_supplied(otg)) {
        machine_violation(otg->machine, otg->name,
                          "pull-up on without USB supply: PWR_CR3.USB33DEN must be set and "
                          "USB33RDY awaited");
    }
    if (!(otg->gusbcfg & GUSBCFG_PHYSEL)) {
        machine_violation(otg->machine, otg->name,
                          "pull-up on with GUSBCFG.PHYSEL = 0: no ULPI PHY is there");
    }
    if ((otg->dcfg & DCFG_DSPD) != 3) {
        machine_violation(otg->machine, otg->name,
                          "pull-up on with DCFG.DSPD = %u, the internal PHY needs 3 (full speed)",
                          otg->dcfg & DCFG_DSPD);
    }
}

void otg_update_pull_up(struct otg *otg)
{
    bool wanted = otg->gccfg & GCCFG_PWRDWN && !(otg->dctl & DCTL_SDIS);
    bool attached = wanted && session_valid(otg);

    if (attached == otg->attached) {
        return;
    }
    if (attached) {
        check_pull_up(otg);
        otg_line_idle(otg);
    } else {
        event_cancel(otg->machine, &otg->idle);
    }
    otg->attached = attached;
    otg->suspended = false;
    otg->early_suspended = false;
    otg->resetting = false;
    machine_trace(otg->machine, "usb", "%s: pull-up %s", otg->name, attached ? "on" : "off");
    if (otg->host != NULL) {
        usb_host_pull_up_changed(otg->host);
    }
}

static void clocks_changed(void *context)
{
    struct otg *otg = context;

    if (otg->attached) {
        check_clock(otg);
    }
}

static void pin_changed(void *context, struct pin pin)
{
    struct otg *otg = context;
    const struct pin *pins = cores[otg->core].pins;

    if (otg->attached && pin.port == pins[0].port &&
        (pin.number == pins[0].number || pin.number == pins[1].number)) {
        check_pins(otg);
    }
}

// --- Resets -------------------------------------------------------------------------------------

static void reset_endpoints(struct otg *otg)
{
    for (unsigned number = 0; number < OTG_ENDPOINTS; number++) {
        otg->in[number] = (struct otg_in_endpoint){0};
        otg->out[number] = (struct otg_out_endpoint){0};
        otg_tx_flush(otg, number);
    }
    otg->in[0].control = EPCTL_USBAEP;
    otg->out[0].control = EPCTL_USBAEP;
    otg_rx_flush(otg);
    otg->address = 0;
    otg->address_expected = -1;
    otg->data_stage_owed = false;
    otg->enumerated = false;
    otg->setup_armed = false;
}

// What GRSTCTL.CSRST clears.
static void reset_core(struct otg *otg)
{
    otg->gotgctl &= GOTGCTL_BVALOEN | GOTGCTL_BVALOVAL;
    otg->gotgint = 0;
    otg->gahbcfg = 0;
    otg->gusbcfg = 0xA00 | (otg->gusbcfg & GUSBCFG_PHYSEL);
    otg->gintsts = 0;
    otg->gintmsk = 0;
    otg->grxfsiz = 0x200;
    otg->dieptxf[0] = 0x200;
    for (uint32_t fifo = 1; fifo < OTG_ENDPOINTS; fifo++) {
        otg->dieptxf[fifo] = 0x02000000 | (0x400 + 0x200 * (fifo - 1));
    }
    for (uint32_t fifo = OTG_ENDPOINTS; fifo < 16; fifo++) {
        otg->dieptxf[fifo] = 0;
    }
    otg->glpmcfg = 0;
    otg->gdfifocfg = 0x03B80400;
    otg->hptxfsiz = 0x02000600;
    otg->dcfg = 0x02200000 | (otg->dcfg & DCFG_DSPD);
    otg->dctl &= DCTL_SDIS;
    otg->diepmsk = 0;
    otg->doepmsk = 0;
    otg->daintmsk = 0;
    otg->dvbusdis = 0x17D7;
    otg->dvbuspulse = 0x5B8;
    otg->dthrctl = 0;
    otg->diepempmsk = 0;
    otg->deachintmsk = 0;
    reset_endpoints(otg);
}

static void otg_reset(void *context, enum reset_kind kind)
{
    struct otg *otg = context;

    (void)kind;
    otg->gotgctl = 0;
    otg->gusbcfg = 0;
    otg->dcfg = 0;
    otg->dctl = DCTL_SDIS;
    otg->gccfg = 0;
    otg->cid = 0x2300;
    otg->pcgcctl = 0;
    otg->frame = 0;
    reset_core(otg);
    otg->gotgctl = 0x800;
    otg_update_pull_up(otg);
    otg_update_irq(otg);
}

static void write_grstctl(struct otg *otg, uint32_t value)
{
    unsigned fifo = (value >> 6) & 31;

    if (value & GRSTCTL_CSRST) {
        if (!check_clock(otg)) {
            return; // on silicon CSRST never clears
        }
        if (!(otg->gusbcfg & GUSBCFG_PHYSEL)) {
            machine_violation(
                otg->machine, otg->name,
                "core reset with GUSBCFG.PHYSEL = 0: it waits for the clock of a ULPI "
                "PHY that is not there");
        }
        reset_core(otg);
        otg_update_pull_up(otg);
    }
    if (value & GRSTCTL_RXFFLSH) {
        otg_rx_flush(otg);
    }
    if (value & GRSTCTL_TXFFLSH) {
        if (fifo < OTG_ENDPOINTS) {
            otg_tx_flush(otg, fifo);
        } else if (fifo == 0x10) {
            for (unsigned number = 0; number < OTG_ENDPOINTS; number++) {
                otg_tx_flush(otg, number);
            }
        } else {
            machine_violation(otg->machine, otg->name, "GRSTCTL.TXFNUM = %u: no such Tx FIFO",
                              fifo);
        }
    }
}

// --- Register writes ----------------------------------------------------------------------------

static void write_dctl(struct otg *otg, uint32_t value)
{
    uint32_t naks = otg->dctl & (DCTL_GINSTS | DCTL_GONSTS);
    uint32_t risen = value & ~otg->dctl;

    naks |= value & DCTL_SGINAK ? DCTL_GINSTS : 0;
    naks &= value & DCTL_CGINAK ? ~DCTL_GINSTS : ~0u;
    if (value & DCTL_SGONAK && !(naks & DCTL_GONSTS) && otg_rx_room(otg, 1) &&
        !(otg->gahbcfg & GAHBCFG_DMAEN)) {
        otg_rx_put(otg, 0, RX_GLOBAL_OUT_NAK, NULL, 0, false);
    }
    naks |= value & DCTL_SGONAK ? DCTL_GONSTS : 0;
    naks &= value & DCTL_CGONAK ? ~DCTL_GONSTS : ~0u;
    otg->dctl = naks | (value & 0x873);
    if (!(value & DCTL_SDIS) && otg->gccfg & GCCFG_PWRDWN && !(otg->gccfg & GCCFG_VBDEN) &&
        !(otg->gotgctl & GOTGCTL_BVALOEN)) {
        machine_violation(otg->machine, otg->name,
                          "pull-up wanted (DCTL.SDIS = 0) without a session: neither VBUS sensing "
                          "(GCCFG.VBDEN) nor the override (GOTGCTL.BVALOEN) is on");
    }
    if (risen & DCTL_RWUSIG && otg->suspended && otg->host != NULL) {
        usb_host_remote_wakeup(otg->host);
    }
    otg_update_pull_up(otg);
    otg_ready(otg);
}

static void write_dcfg(struct otg *otg, uint32_t value)
{
    uint8_t address = (uint8_t)((value & DCFG_DAD) >> 4);

    otg->dcfg = value & 0x03201FF7;
    if (otg->address_expected < 0 || address == 0) {
        otg->address = address; // else from the end of the status stage on
    }
}

static void write_gusbcfg(struct otg *otg, uint32_t value)
{
    otg->gusbcfg = value & 0x63FEBF47;
    if (value & GUSBCFG_FHMOD) {
        machine_violation(otg->machine, otg->name,
                          "GUSBCFG.FHMOD set: the virtual board does not model host mode");
    }
    otg->turnaround_checked = false;
}

static void write_rx_size(struct otg *otg, uint32_t value)
{
    if (value != otg->grxfsiz && otg->rx.count != 0) {
        machine_violation(otg->machine, otg->name,
                          "GRXFSIZ changed while the Rx FIFO holds %u words", otg->rx.count);
    }
    if (value < 16 || value > OTG_FIFO_WORDS) {
        machine_violation(otg->machine, otg->name, "GRXFSIZ = %" PRIu32 ", it takes 16..1024 words",
                          value);
    }
    otg->grxfsiz = value;
}

static void write_tx_size(struct otg *otg, unsigned fifo, uint32_t value)
{
    if (value != otg->dieptxf[fifo] && fifo < OTG_ENDPOINTS && otg->tx[fifo].count != 0) {
        machine_violation(otg->machine, otg->name,
                          "DIEPTXF%u changed while the Tx FIFO holds %u words", fifo,
                          otg->tx[fifo].count);
    }
    otg->dieptxf[fifo] = value;
}

static void write_endpoint(struct otg *otg, uint32_t offset, uint32_t value)
{
    bool in = offset < 0xB00;
    unsigned number = (offset - (in ? 0x900 : 0xB00)) / 0x20;

    switch (offset % 0x20) {
    case 0x00:
        (in ? otg_in_control_write : otg_out_control_write)(otg, number, value);
        break;
    case 0x08:
        *(in ? &otg->in[number].interrupts : &otg->out[number].interrupts) &= ~value;
        break;
    case 0x10:
        (in ? otg_in_size_write : otg_out_size_write)(otg, number, value);
        break;
    case 0x14:
        *(in ? &otg->in[number].dma : &otg->out[number].dma) = value;
        break;
    default:
        break;
    }
}

// Registers that only hold what was written; NULL for the others.
static uint32_t *plain_register(struct otg *otg, uint32_t offset)
{
    switch (offset) {
    case 0x018:
        return &otg->gintmsk;
    case 0x008:
        return &otg->gahbcfg;
    case 0x03C:
        return &otg->cid;
    case 0x054:
        return &otg->glpmcfg;
    case 0x05C:
        return &otg->gdfifocfg;
    case 0x100:
        return &otg->hptxfsiz;
    case 0x810:
        return &otg->diepmsk;
    case 0x814:
        return &otg->doepmsk;
    case 0x81C:
        return &otg->daintmsk;
    case 0x828:
        return &otg->dvbusdis;
    case 0x82C:
        return &otg->dvbuspulse;
    case 0x830:
        return &otg->dthrctl;
    case 0x834:
        return &otg->diepempmsk;
    case 0x83C:
        return &otg->deachintmsk;
    case 0xE00:
        return &otg->pcgcctl;
    default:
        return NULL;
    }
}

static void write_special(struct otg *otg, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case 0x000:
        otg->gotgctl = value & 0x00101FFE;
        otg_update_pull_up(otg);
        break;
    case 0x004:
        otg->gotgint &= ~value;
        break;
    case 0x00C:
        write_gusbcfg(otg, value);
        break;
    case 0x010:
        write_grstctl(otg, value);
        break;
    case 0x014:
        otg->gintsts &= ~value;
        break;
    case 0x024:
        write_rx_size(otg, value);
        break;
    case 0x028:
        write_tx_size(otg, 0, value);
        break;
    case 0x038:
        otg->gccfg = value & 0x003F0000;
        otg_update_pull_up(otg);
        break;
    case 0x800:
        write_dcfg(otg, value);
        break;
    case 0x804:
        write_dctl(otg, value);
        break;
    default:
        if (offset >= 0x104 && offset < 0x140) {
            write_tx_size(otg, (offset - 0x100) / 4, value);
        }
        break;
    }
}

static void otg_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct otg *otg = context;
    uint32_t *plain = plain_register(otg, offset);

    (void)size; // the table allows words only
    if (plain != NULL) {
        *plain = value;
    } else if (offset >= 0x900 && offset < 0xD00) {
        write_endpoint(otg, offset, value);
    } else {
        write_special(otg, offset, value);
    }
    otg_update_irq(otg);
}

// --- Register reads -----------------------------------------------------------------------------

static uint32_t read_endpoint(struct otg *otg, uint32_t offset)
{
    bool in = offset < 0xB00;
    unsigned number = (offset - (in ? 0x900 : 0xB00)) / 0x20;

    switch (offset % 0x20) {
    case 0x00:
        if (in) {
            return otg->in[number].control | (otg->in[number].data1 ? EPCTL_DPID : 0);
        }
        if (number == 0) {
            return otg->out[0].control | (otg->in[0].control & 3);
        }
        return otg->out[number].control | (otg->out[number].data1 ? EPCTL_DPID : 0);
    case 0x08:
        return in ? otg_in_interrupts(otg, number) : otg->out[number].interrupts;
    case 0x10:
        return in ? otg->in[number].size : otg->out[number].size;
    case 0x14:
        return in ? otg->in[number].dma : otg->out[number].dma;
    default:
        return in ? otg_tx_free_words(otg, number) : 0;
    }
}

static uint32_t read_dsts(const struct otg *otg)
{
    uint32_t speed = otg->enumerated ? 3 : 0; // full speed, 48 MHz

    return 0x10 | (otg->suspended ? 1u : 0u) | speed << 1 | (uint32_t)(otg->frame & 0x3FFF) << 8;
}

static uint32_t read_special(struct otg *otg, uint32_t offset)
{
    switch (offset) {
    case 0x000:
        return otg->gotgctl | GOTGCTL_CIDSTS | (session_valid(otg) ? GOTGCTL_BSVLD : 0);
    case 0x004:
        return otg->gotgint;
    case 0x00C:
        return otg->gusbcfg;
    case 0x010:
        return GRSTCTL_AHBIDL;
    case 0x014:
        return otg_interrupts(otg);
    case 0x01C:
        return otg_rx_peek_status(otg);
    case 0x020:
        return otg_rx_pop_status(otg);
    case 0x024:
        return otg->grxfsiz;
    case 0x028:
        return otg->dieptxf[0];
    case 0x038:
        return otg->gccfg;
    case 0x800:
        return otg->dcfg;
    case 0x804:
        return otg->dctl;
    case 0x808:
        return read_dsts(otg);
    case 0x818:
        return all_endpoints(otg);
    case 0x838:
        return all_endpoints(otg) & 0x00020002;
    default:
        return offset >= 0x104 && offset < 0x140 ? otg->dieptxf[(offset - 0x100) / 4] : 0;
    }
}

// Registers whose value never changes: that of the table.
static bool is_constant(uint32_t offset)
{
    return offset == 0x02C || (offset >= 0x040 && offset <= 0x050);
}

static uint32_t otg_read(void *context, uint32_t offset, unsigned size)
{
    struct otg *otg = context;
    uint32_t *plain = plain_register(otg, offset);

    (void)size;
    if (plain != NULL) {
        return *plain;
    }
    if (offset >= 0x900 && offset < 0xD00) {
        return read_endpoint(otg, offset);
    }
    if (is_constant(offset)) {
        for (const struct register_info *info = otg_registers(); info->name != NULL; info++) {
            if (info->offset == offset) {
                return info->reset;
            }
        }
    }
    return read_special(otg, offset);
}

// --- FIFO windows -------------------------------------------------------------------------------

static bool fifo_access_allowed(struct otg *otg, unsigned size)
{
    if (size != 4) {
        machine_violation(otg->machine, otg->name, "FIFO window accessed by %u bytes, words only",
                          size);
    }
    if (otg->gahbcfg & GAHBCFG_DMAEN) {
        machine_violation(otg->machine, otg->name, "FIFO window accessed in DMA mode");
    }
    return size == 4;
}

static uint32_t fifo_read(void *context, uint32_t offset, unsigned size)
{
    struct otg *otg = context;

    (void)offset; // all windows read the one Rx FIFO
    return fifo_access_allowed(otg, size) ? otg_rx_pop_word(otg) : 0;
}

static void fifo_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct otg *otg = context;

    if (fifo_access_allowed(otg, size)) {
        otg_tx_push(otg, offset / FIFO_WINDOW, value);
    }
}

// --- Set-up -------------------------------------------------------------------------------------

static void add_devices(struct otg *otg)
{
    const struct core_description *core = &cores[otg->core];
    struct device registers = {.name = core->name,
                               .base = core->base,
                               .size = FIFO_BASE,
                               .registers = otg_registers(),
                               .context = otg,
                               .read = otg_read,
                               .write = otg_write,
                               .reset = otg_reset,
                               .gate_offset = 0xD8, // RCC_AHB1ENR
                               .gate_bit = core->gate_bit,
                               .reset_bit = core->gate_bit,
                               .reset_offset = 0x80}; // RCC_AHB1RSTR
    struct device windows = {.name = core->fifo_name,
                             .base = core->base + FIFO_BASE,
                             .size = OTG_ENDPOINTS * FIFO_WINDOW,
                             .context = otg,
                             .read = fifo_read,
                             .write = fifo_write,
                             .gate_offset = 0xD8,
                             .gate_bit = core->gate_bit};

    machine_add_device(otg->machine, &registers);
    machine_add_device(otg->machine, &windows);
}

struct otg *otg_create(struct machine *machine, struct rcc *rcc, struct gpio *gpio,
                       enum otg_core core, const struct otg_board *board)
{
    struct otg *otg = calloc(1, sizeof(*otg));

    if (otg == NULL) {
        abort();
    }
    otg->machine = machine;
    otg->rcc = rcc;
    otg->gpio = gpio;
    otg->core = core;
    otg->board = *board;
    otg->name = cores[core].name;
    otg_wire_init(otg);
    otg_reset(otg, RESET_POWER_ON);
    add_devices(otg);
    rcc_on_change(rcc, clocks_changed, otg);
    gpio_on_change(gpio, pin_changed, otg);
    return otg;
}

const struct usb_device_port *otg_port(struct otg *otg)
{
    return &otg->port;
}

void otg_connect(struct otg *otg, struct usb_host *host)
{
    otg->host = host;
}
