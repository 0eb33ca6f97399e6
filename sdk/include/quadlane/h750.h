// The STM32H750's registers that the SDK uses, spelled as in RM0433, one line each, and their bits.
//
// For the SDK's own sources and for programs without a vendor header; no other public header
// includes it, so that it cannot clash with ST's stm32h750xx.h.
// Written from RM0433 (names), checked against ST's SVD.
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_H750_H
#define QUADLANE_H750_H

#include <stdint.h>

#define QL_REGISTER(address) (*(volatile uint32_t *)(address))

// RCC: reset and clocks.
#define RCC_CR        QL_REGISTER(0x58024400u)
#define RCC_CFGR      QL_REGISTER(0x58024410u)
#define RCC_D1CFGR    QL_REGISTER(0x58024418u)
#define RCC_D2CFGR    QL_REGISTER(0x5802441Cu)
#define RCC_D3CFGR    QL_REGISTER(0x58024420u)
#define RCC_PLLCKSELR QL_REGISTER(0x58024428u)
#define RCC_PLLCFGR   QL_REGISTER(0x5802442Cu)
#define RCC_PLL1DIVR  QL_REGISTER(0x58024430u)
#define RCC_PLL1FRACR QL_REGISTER(0x58024434u)
#define RCC_D2CCIP2R  QL_REGISTER(0x58024454u)
#define RCC_AHB2ENR   QL_REGISTER(0x580244DCu)
#define RCC_AHB4ENR   QL_REGISTER(0x580244E0u)
#define RCC_APB2ENR   QL_REGISTER(0x580244F0u)
#define RCC_APB4ENR   QL_REGISTER(0x580244F4u)

#define RCC_CR_HSION     (1u << 0)
#define RCC_CR_HSIRDY    (1u << 2)
#define RCC_CR_HSIDIV    (3u << 3)
#define RCC_CR_HSI48ON   (1u << 12)
#define RCC_CR_HSI48RDY  (1u << 13)
#define RCC_CR_HSEON     (1u << 16)
#define RCC_CR_HSERDY    (1u << 17)
#define RCC_CR_HSEBYP    (1u << 18)
#define RCC_CR_PLL1ON    (1u << 24)
#define RCC_CR_PLL1RDY   (1u << 25)
#define RCC_CR_PLL2ON    (1u << 26)
#define RCC_CR_PLL3ON    (1u << 28)
#define RCC_CFGR_SW      (7u << 0)
#define RCC_CFGR_SW_PLL1 (3u << 0)
#define RCC_CFGR_SWS     (7u << 3)

#define RCC_D1CFGR_HPRE    (15u << 0)
#define RCC_D1CFGR_D1PPRE  (7u << 4)
#define RCC_D1CFGR_D1CPRE  (15u << 8)
#define RCC_D2CFGR_D2PPRE1 (7u << 4)
#define RCC_D2CFGR_D2PPRE2 (7u << 8)
#define RCC_D3CFGR_D3PPRE  (7u << 4)

#define RCC_PLLCKSELR_PLLSRC     (3u << 0)
#define RCC_PLLCKSELR_PLLSRC_HSI (0u << 0)
#define RCC_PLLCKSELR_PLLSRC_CSI (1u << 0)
#define RCC_PLLCKSELR_PLLSRC_HSE (2u << 0)
#define RCC_PLLCKSELR_DIVM1      (63u << 4)
#define RCC_PLLCFGR_PLL1FRACEN   (1u << 0)
#define RCC_PLLCFGR_PLL1VCOSEL   (1u << 1)
#define RCC_PLLCFGR_PLL1RGE      (3u << 2)
#define RCC_PLLCFGR_PLL1RGE_1_2  (0u << 2)
#define RCC_PLLCFGR_PLL1RGE_2_4  (1u << 2)
#define RCC_PLLCFGR_PLL1RGE_4_8  (2u << 2)
#define RCC_PLLCFGR_PLL1RGE_8_16 (3u << 2)
#define RCC_PLLCFGR_DIVP1EN      (1u << 16)
#define RCC_PLLCFGR_DIVQ1EN      (1u << 17)
#define RCC_PLLCFGR_DIVR1EN      (1u << 18)
#define RCC_D2CCIP2R_USART16SEL  (7u << 3)
#define RCC_D2CCIP2R_RNGSEL      (3u << 8)
#define RCC_AHB2ENR_RNGEN        (1u << 6)
#define RCC_AHB2ENR_SRAM1EN      (1u << 29)
#define RCC_AHB2ENR_SRAM2EN      (1u << 30)
#define RCC_AHB2ENR_SRAM3EN      (1u << 31)
#define RCC_AHB4ENR_GPIOBEN      (1u << 1)
#define RCC_APB2ENR_USART1EN     (1u << 4)
#define RCC_APB4ENR_RTCAPBEN     (1u << 16)

// PWR: supply and voltage scale.
#define PWR_CR1  QL_REGISTER(0x58024800u)
#define PWR_CSR1 QL_REGISTER(0x58024804u)
#define PWR_D3CR QL_REGISTER(0x58024818u)

#define PWR_CR1_DBP         (1u << 8)
#define PWR_CSR1_ACTVOSRDY  (1u << 13)
#define PWR_D3CR_VOSRDY     (1u << 13)
#define PWR_D3CR_VOS        (3u << 14)
#define PWR_D3CR_VOS_SCALE1 (3u << 14)

// FLASH: wait states of the internal flash.
#define FLASH_ACR QL_REGISTER(0x52002000u)

#define FLASH_ACR_LATENCY    (15u << 0)
#define FLASH_ACR_WRHIGHFREQ (3u << 4)

// GPIO port B (console).
#define GPIOB_MODER   QL_REGISTER(0x58020400u)
#define GPIOB_OSPEEDR QL_REGISTER(0x58020408u)
#define GPIOB_PUPDR   QL_REGISTER(0x5802040Cu)
#define GPIOB_AFRH    QL_REGISTER(0x58020424u)

// USART1: the console.
#define USART1_CR1   QL_REGISTER(0x40011000u)
#define USART1_CR2   QL_REGISTER(0x40011004u)
#define USART1_CR3   QL_REGISTER(0x40011008u)
#define USART1_BRR   QL_REGISTER(0x4001100Cu)
#define USART1_ISR   QL_REGISTER(0x4001101Cu)
#define USART1_ICR   QL_REGISTER(0x40011020u)
#define USART1_RDR   QL_REGISTER(0x40011024u)
#define USART1_TDR   QL_REGISTER(0x40011028u)
#define USART1_PRESC QL_REGISTER(0x4001102Cu)

#define USART_CR1_UE     (1u << 0)
#define USART_CR1_RE     (1u << 2)
#define USART_CR1_TE     (1u << 3)
#define USART_CR1_RXNEIE (1u << 5)
#define USART_CR1_TXEIE  (1u << 7)
#define USART_ISR_PE     (1u << 0)
#define USART_ISR_FE     (1u << 1)
#define USART_ISR_NE     (1u << 2)
#define USART_ISR_ORE    (1u << 3)
#define USART_ISR_RXNE   (1u << 5)
#define USART_ISR_TC     (1u << 6)
#define USART_ISR_TXE    (1u << 7)

// IWDG1: the independent watchdog.
#define IWDG_KR  QL_REGISTER(0x58004800u)
#define IWDG_PR  QL_REGISTER(0x58004804u)
#define IWDG_RLR QL_REGISTER(0x58004808u)
#define IWDG_SR  QL_REGISTER(0x5800480Cu)

// RNG: true random numbers.
#define RNG_CR QL_REGISTER(0x48021800u)
#define RNG_SR QL_REGISTER(0x48021804u)
#define RNG_DR QL_REGISTER(0x48021808u)

#define RNG_CR_RNGEN (1u << 2)
#define RNG_SR_DRDY  (1u << 0)
#define RNG_SR_CECS  (1u << 1)
#define RNG_SR_SECS  (1u << 2)
#define RNG_SR_CEIS  (1u << 5)
#define RNG_SR_SEIS  (1u << 6)

// DBGMCU: which silicon this is, what stands still with the core; AXI: the cure for its oldest
// revision (ES0392).
#define DBGMCU_IDCODE    QL_REGISTER(0x5C001000u)
#define DBGMCU_APB4FZ1   QL_REGISTER(0x5C001054u)
#define AXI_TARG7_FN_MOD QL_REGISTER(0x51008108u)

#define DBGMCU_APB4FZ1_DBG_WDGLSD1 (1u << 18)

#endif
