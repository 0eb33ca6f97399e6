# The general peripherals of the STM32H750 and their tests. The board links libnettle for HASH:
# SIM_PERIPHERAL_LIBS.

SIM_PERIPHERAL_OBJECTS := $(addprefix sim/,$(addsuffix .o,h750_peripherals h750_rcc h750_rcc_tree \
	h750_rcc_limits h750_rcc_registers h750_gpio h750_pwr h750_flash h750_usart \
	h750_usart_pins h750_syscfg h750_exti h750_tim h750_tim_count h750_tim_registers h750_rtc \
	h750_rtc_calendar h750_iwdg h750_wwdg h750_crc h750_hash h750_rng h750_dbgmcu h750_uid \
	h750_crs h750_axi h750_fmc h750_dmamux h750_dma h750_dma_transfer h750_bdma \
	h750_unmodelled))
SIM_PERIPHERAL_ASAN    := $(addprefix $(BUILD)/asan/,$(SIM_PERIPHERAL_OBJECTS))
SIM_PERIPHERAL_LIBS    := -lnettle

SIM_PERIPHERAL_TESTS := $(addprefix $(BUILD)/asan/tests/model/test_,rcc gpio flash usart tim rtc \
	digest misc dma)

$(SIM_PERIPHERAL_TESTS): %: %.o $(SIM_MACHINE_ASAN) $(SIM_PERIPHERAL_ASAN)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka $(SIM_PERIPHERAL_LIBS) -o $@

TEST_PROGRAMS += $(SIM_PERIPHERAL_TESTS)
