// USB on-the-go cores of the STM32H750 as full-speed devices: OTG2 (the manual's OTG_FS, PA11/PA12)
// and OTG1 (OTG_HS with its internal full-speed PHY, PB14/PB15).
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_OTG_H
#define SIM_H750_OTG_H

#include <stdbool.h>

struct gpio;
struct machine;
struct otg;
struct rcc;
struct register_info;
struct usb_device_port;
struct usb_host;

enum otg_core {
    OTG_CORE_OTG1_HS, // 0x40040000, IRQ 77, PB14/PB15 in AF12
    OTG_CORE_OTG2_FS, // 0x40080000, IRQ 101, PA11/PA12 in AF10
};

// What the core needs to know of its surroundings. Functions may be NULL.
struct otg_board {
    void *context;
    bool (*cpu_sleeping)(void *context);  // the core waits in WFI or WFE; NULL: never
    void (*frame)(void *context);         // a start of frame was heard: the signal to CRS
    void (*vbus)(void *context, bool on); // the cable's 5 V came or went: the board moves PA9
};

// Adds the core to the machine's bus. `board` is copied.
struct otg *otg_create(struct machine *machine, struct rcc *rcc, struct gpio *gpio,
                       enum otg_core core, const struct otg_board *board);

// The device's end of the wire, for usb_host_create().
const struct usb_device_port *otg_port(struct otg *otg);

// Names the host at the other end, so that it hears of the pull-up and of endpoints made ready.
void otg_connect(struct otg *otg, struct usb_host *host);

// The register table, ends with a NULL name.
const struct register_info *otg_registers(void);

#endif
