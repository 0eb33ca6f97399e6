// The STM32H750 registers that the firmware uses, no others.
//
// Names and values as in RM0433 (checked by a test against ST's SVD file), core registers as in the
// Armv7-M Architecture Reference Manual. One form throughout, so that a script can read it:
//   #define PERIPHERAL_BASE 0xADDRESSu
//   #define PERIPHERAL_REGISTER REGISTER(PERIPHERAL_BASE + 0xOFFSET)
//   #define PERIPHERAL_REGISTER(n) REGISTER(PERIPHERAL_BASE + 0xOFFSET + 0xSTRIDE * (n))
//   #define PERIPHERAL_REGISTER_FIELD (0xMASKu << POSITION)
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_REGISTERS_H
#define FIRMWARE_CHIP_REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

// A value moved to its field's place, and back.
#define FIELD(field, value)    (((uint32_t)(value) * ((field) & (~(field) + 1u))) & (field))
#define FIELD_GET(field, word) (((uint32_t)(word) & (field)) / ((field) & (~(field) + 1u)))

// RCC: reset and clock control

#define RCC_BASE 0x58024400u

#define RCC_CR          REGISTER(RCC_BASE + 0x000)
#define RCC_CR_HSION    (0x1u << 0)
#define RCC_CR_HSIRDY   (0x1u << 2)
#define RCC_CR_HSI48ON  (0x1u << 12)
#define RCC_CR_HSI48RDY (0x1u << 13)
#define RCC_CR_HSEON    (0x1u << 16)
#define RCC_CR_HSERDY   (0x1u << 17)
#define RCC_CR_HSEBYP   (0x1u << 18)
#define RCC_CR_PLL1ON   (0x1u << 24)
#define RCC_CR_PLL1RDY  (0x1u << 25)
#define RCC_CR_PLL2ON   (0x1u << 26)
#define RCC_CR_PLL2RDY  (0x1u << 27)
#define RCC_CR_PLL3ON   (0x1u << 28)
#define RCC_CR_PLL3RDY  (0x1u << 29)

#define RCC_CFGR     REGISTER(RCC_BASE + 0x010)
#define RCC_CFGR_SW  (0x7u << 0)
#define RCC_CFGR_SWS (0x7u << 3)

#define RCC_D1CFGR        REGISTER(RCC_BASE + 0x018)
#define RCC_D1CFGR_HPRE   (0xFu << 0)
#define RCC_D1CFGR_D1PPRE (0x7u << 4)
#define RCC_D1CFGR_D1CPRE (0xFu << 8)

#define RCC_D2CFGR         REGISTER(RCC_BASE + 0x01C)
#define RCC_D2CFGR_D2PPRE1 (0x7u << 4)
#define RCC_D2CFGR_D2PPRE2 (0x7u << 8)

#define RCC_D3CFGR        REGISTER(RCC_BASE + 0x020)
#define RCC_D3CFGR_D3PPRE (0x7u << 4)

#define RCC_PLLCKSELR        REGISTER(RCC_BASE + 0x028)
#define RCC_PLLCKSELR_PLLSRC (0x3u << 0)
#define RCC_PLLCKSELR_DIVM1  (0x3Fu << 4)

#define RCC_PLLCFGR            REGISTER(RCC_BASE + 0x02C)
#define RCC_PLLCFGR_PLL1FRACEN (0x1u << 0)
#define RCC_PLLCFGR_PLL1VCOSEL (0x1u << 1)
#define RCC_PLLCFGR_PLL1RGE    (0x3u << 2)
#define RCC_PLLCFGR_DIVP1EN    (0x1u << 16)
#define RCC_PLLCFGR_DIVQ1EN    (0x1u << 17)
#define RCC_PLLCFGR_DIVR1EN    (0x1u << 18)

#define RCC_PLL1DIVR       REGISTER(RCC_BASE + 0x030)
#define RCC_PLL1DIVR_DIVN1 (0x1FFu << 0)
#define RCC_PLL1DIVR_DIVP1 (0x7Fu << 9)
#define RCC_PLL1DIVR_DIVQ1 (0x7Fu << 16)
#define RCC_PLL1DIVR_DIVR1 (0x7Fu << 24)

#define RCC_PLL1FRACR REGISTER(RCC_BASE + 0x034)
#define RCC_PLL2DIVR  REGISTER(RCC_BASE + 0x038)
#define RCC_PLL2FRACR REGISTER(RCC_BASE + 0x03C)
#define RCC_PLL3DIVR  REGISTER(RCC_BASE + 0x040)
#define RCC_PLL3FRACR REGISTER(RCC_BASE + 0x044)

#define RCC_D1CCIPR  REGISTER(RCC_BASE + 0x04C)
#define RCC_D2CCIP1R REGISTER(RCC_BASE + 0x050)

#define RCC_D2CCIP2R        REGISTER(RCC_BASE + 0x054)
#define RCC_D2CCIP2R_USBSEL (0x3u << 20)
#define RCC_D3CCIPR         REGISTER(RCC_BASE + 0x058)

#define RCC_CIER REGISTER(RCC_BASE + 0x060)

#define RCC_AHB3RSTR         REGISTER(RCC_BASE + 0x07C)
#define RCC_AHB3RSTR_QSPIRST (0x1u << 14)

#define RCC_AHB1RSTR            REGISTER(RCC_BASE + 0x080)
#define RCC_AHB1RSTR_USB2OTGRST (0x1u << 27)

#define RCC_AHB2RSTR         REGISTER(RCC_BASE + 0x084)
#define RCC_AHB2RSTR_HASHRST (0x1u << 5)
#define RCC_AHB2RSTR_RNGRST  (0x1u << 6)

#define RCC_AHB4RSTR  REGISTER(RCC_BASE + 0x088)
#define RCC_APB3RSTR  REGISTER(RCC_BASE + 0x08C)
#define RCC_APB1LRSTR REGISTER(RCC_BASE + 0x090)

#define RCC_APB1HRSTR        REGISTER(RCC_BASE + 0x094)
#define RCC_APB1HRSTR_CRSRST (0x1u << 1)
#define RCC_APB2RSTR         REGISTER(RCC_BASE + 0x098)
#define RCC_APB4RSTR         REGISTER(RCC_BASE + 0x09C)

#define RCC_RSR REGISTER(RCC_BASE + 0x0D0)

#define RCC_AHB3ENR        REGISTER(RCC_BASE + 0x0D4)
#define RCC_AHB3ENR_QSPIEN (0x1u << 14)

#define RCC_AHB1ENR           REGISTER(RCC_BASE + 0x0D8)
#define RCC_AHB1ENR_USB2OTGEN (0x1u << 27)

#define RCC_AHB2ENR         REGISTER(RCC_BASE + 0x0DC)
#define RCC_AHB2ENR_HASHEN  (0x1u << 5)
#define RCC_AHB2ENR_RNGEN   (0x1u << 6)
#define RCC_AHB2ENR_SRAM1EN (0x1u << 29)
#define RCC_AHB2ENR_SRAM2EN (0x1u << 30)
#define RCC_AHB2ENR_SRAM3EN (0x1u << 31)

#define RCC_AHB4ENR  REGISTER(RCC_BASE + 0x0E0)
#define RCC_APB3ENR  REGISTER(RCC_BASE + 0x0E4)
#define RCC_APB1LENR REGISTER(RCC_BASE + 0x0E8)

#define RCC_APB1HENR       REGISTER(RCC_BASE + 0x0EC)
#define RCC_APB1HENR_CRSEN (0x1u << 1)
#define RCC_APB2ENR        REGISTER(RCC_BASE + 0x0F0)

#define RCC_APB4ENR          REGISTER(RCC_BASE + 0x0F4)
#define RCC_APB4ENR_RTCAPBEN (0x1u << 16)

#define RCC_AHB1LPENR                 REGISTER(RCC_BASE + 0x100)
#define RCC_AHB1LPENR_USB2OTGULPILPEN (0x1u << 28)

// CRS: clock recovery, which trims HSI48

#define CRS_BASE 0x40008400u

#define CRS_CR            REGISTER(CRS_BASE + 0x000)
#define CRS_CR_CEN        (0x1u << 5)
#define CRS_CR_AUTOTRIMEN (0x1u << 6)

#define CRS_CFGR         REGISTER(CRS_BASE + 0x004)
#define CRS_CFGR_SYNCSRC (0x3u << 28)

// PWR: power control

#define PWR_BASE 0x58024800u

#define PWR_CR1     REGISTER(PWR_BASE + 0x000)
#define PWR_CR1_DBP (0x1u << 8)

#define PWR_CSR1           REGISTER(PWR_BASE + 0x004)
#define PWR_CSR1_ACTVOSRDY (0x1u << 13)

#define PWR_CR3          REGISTER(PWR_BASE + 0x00C)
#define PWR_CR3_BYPASS   (0x1u << 0)
#define PWR_CR3_LDOEN    (0x1u << 1)
#define PWR_CR3_SCUEN    (0x1u << 2)
#define PWR_CR3_USB33DEN (0x1u << 24)
#define PWR_CR3_USB33RDY (0x1u << 26)

#define PWR_D3CR        REGISTER(PWR_BASE + 0x018)
#define PWR_D3CR_VOSRDY (0x1u << 13)
#define PWR_D3CR_VOS    (0x3u << 14)

// FLASH: internal flash interface

#define FLASH_BASE 0x52002000u

#define FLASH_ACR            REGISTER(FLASH_BASE + 0x000)
#define FLASH_ACR_LATENCY    (0xFu << 0)
#define FLASH_ACR_WRHIGHFREQ (0x3u << 4)

#define FLASH_KEYR1        REGISTER(FLASH_BASE + 0x004)
#define FLASH_OPTKEYR      REGISTER(FLASH_BASE + 0x008)
#define FLASH_CR1          REGISTER(FLASH_BASE + 0x00C)
#define FLASH_CR1_LOCK1    (0x1u << 0)
#define FLASH_CR1_PG1      (0x1u << 1)
#define FLASH_CR1_SER1     (0x1u << 2)
#define FLASH_CR1_PSIZE1   (0x3u << 4)
#define FLASH_CR1_START1   (0x1u << 7)
#define FLASH_SR1          REGISTER(FLASH_BASE + 0x010)
#define FLASH_SR1_BSY1     (0x1u << 0)
#define FLASH_SR1_QW1      (0x1u << 2)
#define FLASH_SR1_WRPERR1  (0x1u << 17)
#define FLASH_SR1_PGSERR1  (0x1u << 18)
#define FLASH_SR1_STRBERR1 (0x1u << 19)
#define FLASH_SR1_INCERR1  (0x1u << 21)
#define FLASH_SR1_OPERR1   (0x1u << 22)
#define FLASH_CCR1         REGISTER(FLASH_BASE + 0x014)

#define FLASH_OPTCR                   REGISTER(FLASH_BASE + 0x018)
#define FLASH_OPTCR_OPTLOCK           (0x1u << 0)
#define FLASH_OPTCR_OPTSTART          (0x1u << 1)
#define FLASH_OPTSR_CUR               REGISTER(FLASH_BASE + 0x01C)
#define FLASH_OPTSR_CUR_OPT_BUSY      (0x1u << 0)
#define FLASH_OPTSR_CUR_RDP           (0xFFu << 8)
#define FLASH_OPTSR_CUR_OPTCHANGEERR  (0x1u << 30)
#define FLASH_OPTSR_PRG               REGISTER(FLASH_BASE + 0x020)
#define FLASH_OPTSR_PRG_RDP           (0xFFu << 8)
#define FLASH_OPTCCR                  REGISTER(FLASH_BASE + 0x024)
#define FLASH_OPTCCR_CLR_OPTCHANGEERR (0x1u << 30)
#define FLASH_WPSN_CUR1R              REGISTER(FLASH_BASE + 0x038)
#define FLASH_WPSN_PRG1R              REGISTER(FLASH_BASE + 0x03C)

// GPIO: port 0 is A

#define GPIO_BASE 0x58020000u

#define GPIO_MODER(port)   REGISTER(GPIO_BASE + 0x00 + 0x400 * (port))
#define GPIO_OSPEEDR(port) REGISTER(GPIO_BASE + 0x08 + 0x400 * (port))
#define GPIO_PUPDR(port)   REGISTER(GPIO_BASE + 0x0C + 0x400 * (port))
#define GPIO_IDR(port)     REGISTER(GPIO_BASE + 0x10 + 0x400 * (port))
#define GPIO_BSRR(port)    REGISTER(GPIO_BASE + 0x18 + 0x400 * (port))
#define GPIO_AFRL(port)    REGISTER(GPIO_BASE + 0x20 + 0x400 * (port))
#define GPIO_AFRH(port)    REGISTER(GPIO_BASE + 0x24 + 0x400 * (port))

// QUADSPI

#define QUADSPI_BASE 0x52005000u

#define QUADSPI_CR           REGISTER(QUADSPI_BASE + 0x000)
#define QUADSPI_CR_EN        (0x1u << 0)
#define QUADSPI_CR_ABORT     (0x1u << 1)
#define QUADSPI_CR_SSHIFT    (0x1u << 4)
#define QUADSPI_CR_DFM       (0x1u << 6)
#define QUADSPI_CR_SMIE      (0x1u << 19)
#define QUADSPI_CR_APMS      (0x1u << 22)
#define QUADSPI_CR_PRESCALER (0xFFu << 24)

#define QUADSPI_DCR       REGISTER(QUADSPI_BASE + 0x004)
#define QUADSPI_DCR_CSHT  (0x7u << 8)
#define QUADSPI_DCR_FSIZE (0x1Fu << 16)

#define QUADSPI_SR        REGISTER(QUADSPI_BASE + 0x008)
#define QUADSPI_SR_TEF    (0x1u << 0)
#define QUADSPI_SR_TCF    (0x1u << 1)
#define QUADSPI_SR_SMF    (0x1u << 3)
#define QUADSPI_SR_BUSY   (0x1u << 5)
#define QUADSPI_SR_FLEVEL (0x3Fu << 8)

#define QUADSPI_FCR      REGISTER(QUADSPI_BASE + 0x00C)
#define QUADSPI_FCR_CTEF (0x1u << 0)
#define QUADSPI_FCR_CTCF (0x1u << 1)
#define QUADSPI_FCR_CSMF (0x1u << 3)
#define QUADSPI_FCR_CTOF (0x1u << 4)

#define QUADSPI_DLR REGISTER(QUADSPI_BASE + 0x010)

#define QUADSPI_CCR             REGISTER(QUADSPI_BASE + 0x014)
#define QUADSPI_CCR_INSTRUCTION (0xFFu << 0)
#define QUADSPI_CCR_IMODE       (0x3u << 8)
#define QUADSPI_CCR_ADMODE      (0x3u << 10)
#define QUADSPI_CCR_ADSIZE      (0x3u << 12)
#define QUADSPI_CCR_ABMODE      (0x3u << 14)
#define QUADSPI_CCR_DCYC        (0x1Fu << 18)
#define QUADSPI_CCR_DMODE       (0x3u << 24)
#define QUADSPI_CCR_FMODE       (0x3u << 26)
#define QUADSPI_CCR_FRCM        (0x1u << 29)

#define QUADSPI_AR    REGISTER(QUADSPI_BASE + 0x018)
#define QUADSPI_ABR   REGISTER(QUADSPI_BASE + 0x01C)
#define QUADSPI_DR    REGISTER(QUADSPI_BASE + 0x020)
#define QUADSPI_PSMKR REGISTER(QUADSPI_BASE + 0x024)
#define QUADSPI_PSMAR REGISTER(QUADSPI_BASE + 0x028)
#define QUADSPI_PIR   REGISTER(QUADSPI_BASE + 0x02C)

// OTG: the USB2 OTG core, full speed, on PA11 and PA12

#define OTG_BASE 0x40080000u

#define OTG_GOTGCTL          REGISTER(OTG_BASE + 0x000)
#define OTG_GOTGCTL_BVALOEN  (0x1u << 6)
#define OTG_GOTGCTL_BVALOVAL (0x1u << 7)

#define OTG_GAHBCFG      REGISTER(OTG_BASE + 0x008)
#define OTG_GAHBCFG_GINT (0x1u << 0)

#define OTG_GUSBCFG        REGISTER(OTG_BASE + 0x00C)
#define OTG_GUSBCFG_TOCAL  (0x7u << 0)
#define OTG_GUSBCFG_PHYSEL (0x1u << 6)
#define OTG_GUSBCFG_TRDT   (0xFu << 10)
#define OTG_GUSBCFG_FDMOD  (0x1u << 30)

#define OTG_GRSTCTL         REGISTER(OTG_BASE + 0x010)
#define OTG_GRSTCTL_CSRST   (0x1u << 0)
#define OTG_GRSTCTL_RXFFLSH (0x1u << 4)
#define OTG_GRSTCTL_TXFFLSH (0x1u << 5)
#define OTG_GRSTCTL_TXFNUM  (0x1Fu << 6)
#define OTG_GRSTCTL_AHBIDL  (0x1u << 31)

#define OTG_GINTSTS         REGISTER(OTG_BASE + 0x014)
#define OTG_GINTSTS_RXFLVL  (0x1u << 4)
#define OTG_GINTSTS_USBRST  (0x1u << 12)
#define OTG_GINTSTS_ENUMDNE (0x1u << 13)
#define OTG_GINTSTS_IEPINT  (0x1u << 18)
#define OTG_GINTSTS_OEPINT  (0x1u << 19)

// Its bits have the places of OTG_GINTSTS.
#define OTG_GINTMSK REGISTER(OTG_BASE + 0x018)

#define OTG_GRXSTSP        REGISTER(OTG_BASE + 0x020)
#define OTG_GRXSTSP_EPNUM  (0xFu << 0)
#define OTG_GRXSTSP_BCNT   (0x7FFu << 4)
#define OTG_GRXSTSP_PKTSTS (0xFu << 17)

#define OTG_GRXFSIZ REGISTER(OTG_BASE + 0x024)

#define OTG_DIEPTXF0        REGISTER(OTG_BASE + 0x028)
#define OTG_DIEPTXF0_TX0FSA (0xFFFFu << 0)
#define OTG_DIEPTXF0_TX0FD  (0xFFFFu << 16)

#define OTG_GCCFG        REGISTER(OTG_BASE + 0x038)
#define OTG_GCCFG_PWRDWN (0x1u << 16)

#define OTG_DIEPTXF1          REGISTER(OTG_BASE + 0x104)
#define OTG_DIEPTXF1_INEPTXSA (0xFFFFu << 0)
#define OTG_DIEPTXF1_INEPTXFD (0xFFFFu << 16)
#define OTG_DIEPTXF2          REGISTER(OTG_BASE + 0x108)

#define OTG_DCFG      REGISTER(OTG_BASE + 0x800)
#define OTG_DCFG_DSPD (0x3u << 0)
#define OTG_DCFG_DAD  (0x7Fu << 4)

#define OTG_DCTL      REGISTER(OTG_BASE + 0x804)
#define OTG_DCTL_SDIS (0x1u << 1)

#define OTG_DIEPMSK       REGISTER(OTG_BASE + 0x810)
#define OTG_DIEPMSK_XFRCM (0x1u << 0)

#define OTG_DOEPMSK       REGISTER(OTG_BASE + 0x814)
#define OTG_DOEPMSK_XFRCM (0x1u << 0)
#define OTG_DOEPMSK_STUPM (0x1u << 3)

#define OTG_DAINT        REGISTER(OTG_BASE + 0x818)
#define OTG_DAINT_IEPINT (0xFFFFu << 0)
#define OTG_DAINT_OEPINT (0xFFFFu << 16)

#define OTG_DAINTMSK      REGISTER(OTG_BASE + 0x81C)
#define OTG_DAINTMSK_IEPM (0xFFFFu << 0)
#define OTG_DAINTMSK_OEPM (0xFFFFu << 16)

#define OTG_DIEPCTL(n)     REGISTER(OTG_BASE + 0x900 + 0x20 * (n))
#define OTG_DIEPCTL_MPSIZ  (0x7FFu << 0)
#define OTG_DIEPCTL_USBAEP (0x1u << 15)
#define OTG_DIEPCTL_EPTYP  (0x3u << 18)
#define OTG_DIEPCTL_STALL  (0x1u << 21)
#define OTG_DIEPCTL_TXFNUM (0xFu << 22)
#define OTG_DIEPCTL_CNAK   (0x1u << 26)
#define OTG_DIEPCTL_SNAK   (0x1u << 27)
#define OTG_DIEPCTL_SD0PID (0x1u << 28)
#define OTG_DIEPCTL_EPDIS  (0x1u << 30)
#define OTG_DIEPCTL_EPENA  (0x1u << 31)

#define OTG_DIEPINT(n)     REGISTER(OTG_BASE + 0x908 + 0x20 * (n))
#define OTG_DIEPINT_XFRC   (0x1u << 0)
#define OTG_DIEPINT_EPDISD (0x1u << 1)

#define OTG_DIEPTSIZ(n)     REGISTER(OTG_BASE + 0x910 + 0x20 * (n))
#define OTG_DIEPTSIZ_XFRSIZ (0x7FFFFu << 0)
#define OTG_DIEPTSIZ_PKTCNT (0x3FFu << 19)

#define OTG_DTXFSTS(n)        REGISTER(OTG_BASE + 0x918 + 0x20 * (n))
#define OTG_DTXFSTS_INEPTFSAV (0xFFFFu << 0)

#define OTG_DOEPCTL(n)     REGISTER(OTG_BASE + 0xB00 + 0x20 * (n))
#define OTG_DOEPCTL_MPSIZ  (0x7FFu << 0)
#define OTG_DOEPCTL_USBAEP (0x1u << 15)
#define OTG_DOEPCTL_EPTYP  (0x3u << 18)
#define OTG_DOEPCTL_STALL  (0x1u << 21)
#define OTG_DOEPCTL_CNAK   (0x1u << 26)
#define OTG_DOEPCTL_SNAK   (0x1u << 27)
#define OTG_DOEPCTL_SD0PID (0x1u << 28)
#define OTG_DOEPCTL_EPENA  (0x1u << 31)

#define OTG_DOEPINT(n)   REGISTER(OTG_BASE + 0xB08 + 0x20 * (n))
#define OTG_DOEPINT_XFRC (0x1u << 0)
#define OTG_DOEPINT_STUP (0x1u << 3)

#define OTG_DOEPTSIZ(n)     REGISTER(OTG_BASE + 0xB10 + 0x20 * (n))
#define OTG_DOEPTSIZ_XFRSIZ (0x7FFFFu << 0)
#define OTG_DOEPTSIZ_PKTCNT (0x3FFu << 19)

#define OTG_DOEPTSIZ0_STUPCNT (0x3u << 29)

#define OTG_PCGCCTL REGISTER(OTG_BASE + 0xE00)

// The FIFO windows: a write pushes into the IN endpoint's FIFO, a read of any pops the receive
// FIFO.
#define OTG_DFIFO(n) REGISTER(OTG_BASE + 0x1000 + 0x1000 * (n))

// RNG

#define RNG_BASE 0x48021800u

#define RNG_CR       REGISTER(RNG_BASE + 0x000)
#define RNG_CR_RNGEN (0x1u << 2)

#define RNG_SR      REGISTER(RNG_BASE + 0x004)
#define RNG_SR_DRDY (0x1u << 0)
#define RNG_SR_CECS (0x1u << 1)
#define RNG_SR_SECS (0x1u << 2)

#define RNG_DR REGISTER(RNG_BASE + 0x008)

// HASH

#define HASH_BASE 0x48021400u

#define HASH_CR          REGISTER(HASH_BASE + 0x000)
#define HASH_CR_INIT     (0x1u << 2)
#define HASH_CR_DATATYPE (0x3u << 4)
#define HASH_CR_ALGO0    (0x1u << 7)
#define HASH_CR_ALGO1    (0x1u << 18)

#define HASH_DIN REGISTER(HASH_BASE + 0x004)

#define HASH_STR      REGISTER(HASH_BASE + 0x008)
#define HASH_STR_NBLW (0x1Fu << 0)
#define HASH_STR_DCAL (0x1u << 8)

#define HASH_SR      REGISTER(HASH_BASE + 0x024)
#define HASH_SR_DCIS (0x1u << 1)

#define HASH_HR(n) REGISTER(HASH_BASE + 0x310 + 0x4 * (n))

// RTC: its backup registers

#define RTC_BASE 0x58004000u

#define RTC_BKP13R REGISTER(RTC_BASE + 0x084)
#define RTC_BKP29R REGISTER(RTC_BASE + 0x0C4)
#define RTC_BKP30R REGISTER(RTC_BASE + 0x0C8)
#define RTC_BKP31R REGISTER(RTC_BASE + 0x0CC)

// DBGMCU

#define DBGMCU_BASE 0x5C001000u

#define DBGMCU_IDC REGISTER(DBGMCU_BASE + 0x000)

// UID: the unique device id, three words

#define UID_BASE 0x1FF1E800u

#define UID_WORD(n) REGISTER(UID_BASE + 0x0 + 0x4 * (n))

// The core's own registers, Armv7-M and Cortex-M7

#define SYST_BASE 0xE000E010u

#define SYST_CSR           REGISTER(SYST_BASE + 0x0)
#define SYST_CSR_ENABLE    (0x1u << 0)
#define SYST_CSR_TICKINT   (0x1u << 1)
#define SYST_CSR_CLKSOURCE (0x1u << 2)
#define SYST_CSR_COUNTFLAG (0x1u << 16)
#define SYST_RVR           REGISTER(SYST_BASE + 0x4)
#define SYST_CVR           REGISTER(SYST_BASE + 0x8)

#define NVIC_BASE 0xE000E100u

#define NVIC_ISER(n) REGISTER(NVIC_BASE + 0x000 + 0x4 * (n))
#define NVIC_ICER(n) REGISTER(NVIC_BASE + 0x080 + 0x4 * (n))
#define NVIC_ICPR(n) REGISTER(NVIC_BASE + 0x180 + 0x4 * (n))
#define NVIC_IPR(n)  REGISTER(NVIC_BASE + 0x300 + 0x4 * (n))

#define SCB_BASE 0xE000ED00u

#define SCB_ICSR                 REGISTER(SCB_BASE + 0x04)
#define SCB_ICSR_PENDSTCLR       (0x1u << 25)
#define SCB_ICSR_PENDSVCLR       (0x1u << 27)
#define SCB_VTOR                 REGISTER(SCB_BASE + 0x08)
#define SCB_AIRCR                REGISTER(SCB_BASE + 0x0C)
#define SCB_AIRCR_SYSRESETREQ    (0x1u << 2)
#define SCB_AIRCR_PRIGROUP       (0x7u << 8)
#define SCB_AIRCR_VECTKEY        (0xFFFFu << 16)
#define SCB_SCR                  REGISTER(SCB_BASE + 0x10)
#define SCB_CCR                  REGISTER(SCB_BASE + 0x14)
#define SCB_CCR_BFHFNMIGN        (0x1u << 8)
#define SCB_CCR_DC               (0x1u << 16)
#define SCB_CCR_IC               (0x1u << 17)
#define SCB_SHPR(n)              REGISTER(SCB_BASE + 0x18 + 0x4 * (n))
#define SCB_SHCSR                REGISTER(SCB_BASE + 0x24)
#define SCB_CFSR                 REGISTER(SCB_BASE + 0x28)
#define SCB_HFSR                 REGISTER(SCB_BASE + 0x2C)
#define SCB_MMFAR                REGISTER(SCB_BASE + 0x34)
#define SCB_BFAR                 REGISTER(SCB_BASE + 0x38)
#define SCB_CCSIDR               REGISTER(SCB_BASE + 0x80)
#define SCB_CCSIDR_ASSOCIATIVITY (0x3FFu << 3)
#define SCB_CCSIDR_NUMSETS       (0x7FFFu << 13)
#define SCB_CSSELR               REGISTER(SCB_BASE + 0x84)
#define SCB_CPACR                REGISTER(SCB_BASE + 0x88)
#define SCB_ICIALLU              REGISTER(SCB_BASE + 0x250)
#define SCB_DCISW                REGISTER(SCB_BASE + 0x260)
#define SCB_DCISW_SET            (0x1FFu << 5)
#define SCB_DCISW_WAY            (0x3u << 30)
#define SCB_DCCMVAC              REGISTER(SCB_BASE + 0x268)
#define SCB_DCCISW               REGISTER(SCB_BASE + 0x274)

#define CoreDebug_BASE 0xE000EDF0u

#define CoreDebug_DHCSR           REGISTER(CoreDebug_BASE + 0x00)
#define CoreDebug_DHCSR_C_DEBUGEN (0x1u << 0)

#define MPU_BASE 0xE000ED90u

#define MPU_CTRL            REGISTER(MPU_BASE + 0x04)
#define MPU_CTRL_ENABLE     (0x1u << 0)
#define MPU_CTRL_PRIVDEFENA (0x1u << 2)
#define MPU_RNR             REGISTER(MPU_BASE + 0x08)
#define MPU_RBAR            REGISTER(MPU_BASE + 0x0C)
#define MPU_RASR            REGISTER(MPU_BASE + 0x10)
#define MPU_RASR_ENABLE     (0x1u << 0)
#define MPU_RASR_SIZE       (0x1Fu << 1)
#define MPU_RASR_B          (0x1u << 16)
#define MPU_RASR_C          (0x1u << 17)
#define MPU_RASR_S          (0x1u << 18)
#define MPU_RASR_AP         (0x7u << 24)
#define MPU_RASR_XN         (0x1u << 28)

#define AXI_BASE 0x51000000u

#define AXI_TARG7_FN_MOD                   REGISTER(AXI_BASE + 0x8108)
#define AXI_TARG7_FN_MOD_READ_ISS_OVERRIDE (0x1u << 0)

#endif
