# The general peripherals of the STM32H750 and their tests.

SIM_PERIPHERAL_OBJECTS := $(addprefix sim/,$(addsuffix .o,h750_rcc h750_rcc_tree h750_rcc_limits \
	h750_rcc_registers h750_gpio h750_pwr h750_flash h750_usart h750_usart_pins \
	h750_syscfg h750_exti h750_tim h750_tim_count h750_tim_registers))
SIM_PERIPHERAL_ASAN    := $(addprefix $(BUILD)/asan/,$(SIM_PERIPHERAL_OBJECTS))

SIM_PERIPHERAL_TESTS := $(addprefix $(BUILD)/asan/tests/model/test_,rcc gpio flash usart tim)

$(SIM_PERIPHERAL_TESTS): %: %.o $(SIM_MACHINE_ASAN) $(SIM_PERIPHERAL_ASAN)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -o $@

TEST_PROGRAMS += $(SIM_PERIPHERAL_TESTS)
