# sim: tests of the NOR chip and of the QUADSPI controller.

NOR_OBJECTS := nor_chip nor_command nor_decode nor_judge nor_models nor_operation nor_store \
               nor_w25q128jv
NOR_ASAN := $(NOR_OBJECTS:%=$(BUILD)/asan/sim/%.o)

TEST_PROGRAMS += $(BUILD)/asan/tests/model/test_nor_chip

$(BUILD)/asan/tests/model/test_nor_chip: $(BUILD)/asan/tests/model/test_nor_chip.o $(NOR_ASAN) \
                                         $$(SIM_MACHINE_ASAN)
	$(CLANG) $(ASAN_CFLAGS) $^ -lcmocka -o $@
