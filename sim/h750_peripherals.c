// All general peripherals of an STM32H750, wired to each other as on silicon.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_peripherals.h"

#include "sim/h750_axi.h"
#include "sim/h750_bdma.h"
#include "sim/h750_crc.h"
#include "sim/h750_crs.h"
#include "sim/h750_dbgmcu.h"
#include "sim/h750_dma.h"
#include "sim/h750_dmamux.h"
#include "sim/h750_exti.h"
#include "sim/h750_flash.h"
#include "sim/h750_fmc.h"
#include "sim/h750_gpio.h"
#include "sim/h750_hash.h"
#include "sim/h750_iwdg.h"
#include "sim/h750_pwr.h"
#include "sim/h750_rcc.h"
#include "sim/h750_rng.h"
#include "sim/h750_rtc.h"
#include "sim/h750_syscfg.h"
#include "sim/h750_tim.h"
#include "sim/h750_uid.h"
#include "sim/h750_usart.h"

#include <stddef.h>

void peripherals_create(struct peripherals *peripherals, struct machine *machine,
                        const struct peripherals_settings *settings)
{
    struct rcc *rcc = rcc_create(machine, settings->hse_hz, settings->lse_hz);
    struct dmamux *mux = dmamux_create(machine, rcc, 1);

    peripherals->rcc = rcc;
    peripherals->pwr = pwr_create(machine, rcc);
    peripherals->gpio = gpio_create(machine);
    peripherals->flash = flash_create(machine, rcc);
    peripherals->syscfg = syscfg_create(machine, peripherals->pwr);
    peripherals->exti = exti_create(machine, peripherals->gpio, peripherals->syscfg);
    peripherals->rtc = rtc_create(machine, rcc, peripherals->pwr, peripherals->exti);
    peripherals->crs = crs_create(machine, rcc);
    peripherals->hash = hash_create(machine, rcc);
    for (unsigned i = 0; usart_names[i] != NULL; i++) {
        peripherals->usarts[i] = usart_create(machine, rcc, peripherals->gpio, usart_names[i]);
    }
    for (unsigned i = 0; tim_names[i] != NULL; i++) {
        peripherals->timers[i] = tim_create(machine, rcc, tim_names[i]);
    }
    dma_create(machine, rcc, mux, 1);
    dma_create(machine, rcc, mux, 2);
    bdma_create(machine, rcc, dmamux_create(machine, rcc, 2));
    rng_create(machine, rcc, settings->random_seed);
    crc_unit_create(machine);
    iwdg_create(machine, rcc);
    wwdg_create(machine, rcc);
    dbgmcu_create(machine);
    uid_create(machine, settings->unique_id);
    axi_create(machine);
    fmc_create(machine);
}
