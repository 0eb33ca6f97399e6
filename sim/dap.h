// The chip's debug access port: one debug port (DP) and three access ports (AP) behind it.
//
//   AP 0  AHB-AP of the core: its bus with the private peripherals
//   AP 1  AXI-AP: the system bus, without the core
//   AP 2  APB-AP: the system debug bus at 0xE00E0000
//
// SPDX-License-Identifier: MIT
#ifndef SIM_DAP_H
#define SIM_DAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dap;
struct debug;
struct machine;

#define DAP_IDCODE_JTAG UINT32_C(0x6BA00477)
#define DAP_IDCODE_SWD  UINT32_C(0x6BA02477)

struct dap *dap_create(struct machine *machine, struct debug *debug);
void dap_destroy(struct dap *dap);

// Registers of the DP (offset 0, 4, 8, 0xC) and of the AP chosen in SELECT (the low bits of its
// offset). An AP access does nothing while an error sticks in CTRL/STAT.
uint32_t dap_read_dp(struct dap *dap, unsigned offset);
void dap_write_dp(struct dap *dap, unsigned offset, uint32_t value);
uint32_t dap_read_ap(struct dap *dap, unsigned offset);
void dap_write_ap(struct dap *dap, unsigned offset, uint32_t value);
void dap_write_abort(struct dap *dap, uint32_t value);

// Registers of any AP by their whole offset, without SELECT. False: the transfer faulted.
bool dap_read_ap_register(struct dap *dap, unsigned ap, unsigned offset, uint32_t *value);
bool dap_write_ap_register(struct dap *dap, unsigned ap, unsigned offset, uint32_t value);

// Stretches of memory through an AP in accesses of `unit` bytes; the number of bytes before the
// first that faults.
size_t dap_read_memory(struct dap *dap, unsigned ap, uint32_t address, unsigned unit, void *data,
                       size_t size);
size_t dap_write_memory(struct dap *dap, unsigned ap, uint32_t address, unsigned unit,
                        const void *data, size_t size);

#endif
