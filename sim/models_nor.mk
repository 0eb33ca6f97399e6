# sim: tests of the NOR chip and of the QUADSPI controller.

NOR_OBJECTS := $(patsubst sim/%.c,%,$(wildcard sim/nor_*.c))
QUADSPI_OBJECTS := h750_quadspi h750_quadspi_map h750_quadspi_transfer h750_quadspi_wires
NOR_ASAN := $(NOR_OBJECTS:%=$(BUILD)/asan/sim/%.o)
QUADSPI_ASAN := $(QUADSPI_OBJECTS:%=$(BUILD)/asan/sim/%.o)
# The models it is wired to.
QUADSPI_PEERS := h750_rcc h750_rcc_limits h750_rcc_registers h750_rcc_tree h750_gpio
QUADSPI_PEERS_ASAN := $(QUADSPI_PEERS:%=$(BUILD)/asan/sim/%.o)

NOR_TESTS := $(BUILD)/asan/tests/model/test_nor_chip $(BUILD)/asan/tests/model/test_quadspi
TEST_PROGRAMS += $(NOR_TESTS)

$(BUILD)/asan/tests/model/test_nor_chip: $(NOR_ASAN)
$(BUILD)/asan/tests/model/test_quadspi: $(NOR_ASAN) $(QUADSPI_ASAN) $(QUADSPI_PEERS_ASAN)

$(NOR_TESTS): %: %.o $$(SIM_MACHINE_ASAN)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka $(SIM_PERIPHERAL_LIBS) -o $@
