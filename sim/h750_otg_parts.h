// The inside of an OTG core, shared by the files h750_otg*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_OTG_PARTS_H
#define SIM_H750_OTG_PARTS_H

#include "sim/h750_gpio.h"
#include "sim/h750_otg.h"
#include "sim/machine.h"
#include "sim/usb_host.h"

#define OTG_ENDPOINTS  9u    // control endpoint included
#define OTG_FIFO_WORDS 1024u // the core's RAM
#define OTG_PACKET_MAX 64u   // full speed, no isochronous endpoints

#define GOTGCTL_BVALOEN  (1u << 6)
#define GOTGCTL_BVALOVAL (1u << 7)
#define GOTGCTL_CIDSTS   (1u << 16)
#define GOTGCTL_BSVLD    (1u << 19)
#define GOTGINT_SEDET    (1u << 2)
#define GAHBCFG_GINT     (1u << 0)
#define GAHBCFG_DMAEN    (1u << 5)
#define GAHBCFG_TXFELVL  (1u << 7)
#define GUSBCFG_PHYSEL   (1u << 6)
#define GUSBCFG_FHMOD    (1u << 29)
#define GUSBCFG_FDMOD    (1u << 30)
#define GRSTCTL_CSRST    (1u << 0)
#define GRSTCTL_RXFFLSH  (1u << 4)
#define GRSTCTL_TXFFLSH  (1u << 5)
#define GINT_OTGINT      (1u << 2)
#define GINT_SOF         (1u << 3)
#define GINT_RXFLVL      (1u << 4)
#define GINT_NPTXFE      (1u << 5)
#define GINT_GINAKEFF    (1u << 6)
#define GINT_GONAKEFF    (1u << 7)
#define GINT_ESUSP       (1u << 10)
#define GINT_USBSUSP     (1u << 11)
#define GINT_USBRST      (1u << 12)
#define GINT_ENUMDNE     (1u << 13)
#define GINT_IEPINT      (1u << 18)
#define GINT_OEPINT      (1u << 19)
#define GINT_RSTDET      (1u << 23)
#define GINT_PTXFE       (1u << 26)
#define GINT_SRQINT      (1u << 30)
#define GCCFG_PWRDWN     (1u << 16)
#define GCCFG_VBDEN      (1u << 21)
#define DCFG_DSPD        3u
#define DCFG_DAD         0x7F0u
#define DCTL_RWUSIG      (1u << 0)
#define DCTL_SDIS        (1u << 1)
#define DCTL_GINSTS      (1u << 2)
#define DCTL_GONSTS      (1u << 3)
#define DCTL_SGINAK      (1u << 7)
#define DCTL_CGINAK      (1u << 8)
#define DCTL_SGONAK      (1u << 9)
#define DCTL_CGONAK      (1u << 10)
#define PCGCCTL_STPPCLK  (1u << 0)
#define EPCTL_MPSIZ      0x7FFu
#define EPCTL_USBAEP     (1u << 15)
#define EPCTL_DPID       (1u << 16)
#define EPCTL_NAKSTS     (1u << 17)
#define EPCTL_EPTYP      (3u << 18)
#define EPCTL_SNPM       (1u << 20)
#define EPCTL_STALL      (1u << 21)
#define EPCTL_TXFNUM     (15u << 22)
#define EPCTL_CNAK       (1u << 26)
#define EPCTL_SNAK       (1u << 27)
#define EPCTL_SD0PID     (1u << 28)
#define EPCTL_SODDFRM    (1u << 29)
#define EPCTL_EPDIS      (1u << 30)
#define EPINT_XFRC       (1u << 0)
#define EPINT_EPDISD     (1u << 1)
#define IEPINT_ITTXFE    (1u << 4)
#define IEPINT_INEPNE    (1u << 6)
#define IEPINT_TXFE      (1u << 7)
#define OEPINT_STUP      (1u << 3)
#define OEPINT_OTEPDIS   (1u << 4)
#define OEPINT_B2BSTUP   (1u << 6)
#define OEPINT_OUTPKTERR (1u << 8)
#define EPINT_NAK        (1u << 13)
#define EPCTL_EPENA      (1u << 31)
#define GINT_WKUINT      (1u << 31)
#define GRSTCTL_AHBIDL   (1u << 31)

enum rx_status {
    RX_GLOBAL_OUT_NAK = 1,
    RX_OUT_DATA = 2,
    RX_OUT_DONE = 3,
    RX_SETUP_DONE = 4,
    RX_SETUP_DATA = 6,
};

// Words as they stand in a FIFO.
struct otg_fifo {
    uint32_t words[OTG_FIFO_WORDS];
    unsigned head;
    unsigned count;
};

struct otg_in_endpoint {
    uint32_t control; // MPSIZ, USBAEP, EPTYP, STALL, TXFNUM, NAKSTS, EPENA
    uint32_t interrupts;
    uint32_t size; // DIEPTSIZ: XFRSIZ falls as words are pushed, PKTCNT as packets are acknowledged
    uint32_t dma;
    bool data1;
    bool size_written; // since it was armed
    uint32_t length;   // of the transfer
    uint32_t pushed;   // bytes of it in the FIFO or sent
    uint32_t sent;     // bytes of it acknowledged
    bool in_flight;    // a packet went out, its ACK has not come
    uint32_t in_flight_length;
};

struct otg_out_endpoint {
    uint32_t control;
    uint32_t interrupts;
    uint32_t size;
    uint32_t dma;
    bool data1; // expected next
    bool size_written;
    bool done_waiting; // its RX_OUT_DONE is in the Rx FIFO
};

struct otg {
    struct machine *machine;
    struct rcc *rcc;
    struct gpio *gpio;
    enum otg_core core;
    struct otg_board board;
    struct usb_host *host;
    struct usb_device_port port;
    const char *name;
    struct event idle; // 3 ms without traffic, twice

    uint32_t gotgctl, gotgint, gahbcfg, gusbcfg, gintsts, gintmsk;
    uint32_t grxfsiz, dieptxf[16], gccfg, cid, glpmcfg, gdfifocfg, hptxfsiz;
    uint32_t dcfg, dctl, diepmsk, doepmsk, daintmsk;
    uint32_t dvbusdis, dvbuspulse, dthrctl, diepempmsk, deachintmsk, pcgcctl;
    struct otg_in_endpoint in[OTG_ENDPOINTS];
    struct otg_out_endpoint out[OTG_ENDPOINTS];

    struct otg_fifo rx;
    unsigned rx_data_left; // words of the packet whose status was popped last
    struct otg_fifo tx[OTG_ENDPOINTS];

    bool vbus_on;
    bool attached;
    bool suspended;
    bool early_suspended;
    bool resetting;  // between bus_reset and the first start of frame
    bool enumerated; // a reset has ended: DSTS.ENUMSPD is valid
    bool turnaround_checked;
    bool sleep_told;
    uint16_t frame;
    uint8_t address;          // the one the core answers to
    bool setup_armed;         // DOEPTSIZ0.STUPCNT was set
    bool setup_done_owed;     // RX_SETUP_DONE follows the next token
    bool data_stage_owed;     // the last request has data for the device
    int16_t address_expected; // SET_ADDRESS under way: its value, else -1
};

const struct register_info *otg_registers(void);

// Interrupt line by the present state.
void otg_update_irq(struct otg *otg);
uint32_t otg_interrupts(const struct otg *otg);
// Pull-up by the present state; tells the host of changes.
void otg_update_pull_up(struct otg *otg);
void otg_ready(struct otg *otg);

// h750_otg_endpoint.c
uint32_t otg_max_packet(const struct otg *otg, unsigned number, bool in);
void otg_in_control_write(struct otg *otg, unsigned number, uint32_t value);
void otg_out_control_write(struct otg *otg, unsigned number, uint32_t value);
void otg_in_size_write(struct otg *otg, unsigned number, uint32_t value);
void otg_out_size_write(struct otg *otg, unsigned number, uint32_t value);
uint32_t otg_in_interrupts(const struct otg *otg, unsigned number);
uint32_t otg_tx_free_words(const struct otg *otg, unsigned number);
uint32_t otg_in_packet_length(const struct otg *otg, unsigned number);
bool otg_in_packet_complete(const struct otg *otg, unsigned number);
void otg_tx_push(struct otg *otg, unsigned number, uint32_t word);
void otg_tx_flush(struct otg *otg, unsigned fifo);
void otg_rx_flush(struct otg *otg);
bool otg_rx_room(const struct otg *otg, unsigned words);
void otg_rx_put(struct otg *otg, unsigned endpoint, enum rx_status status, const uint8_t *data,
                size_t length, bool data1);
uint32_t otg_rx_peek_status(const struct otg *otg);
uint32_t otg_rx_pop_status(struct otg *otg);
uint32_t otg_rx_pop_word(struct otg *otg);

// h750_otg_wire.c
bool otg_supplied(struct otg *otg); // PWR_CR3.USB33RDY
void otg_wire_init(struct otg *otg);
void otg_line_idle(struct otg *otg); // nothing comes any more: suspend follows

#endif
