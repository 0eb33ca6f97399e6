# sim: the virtual board quadlane-board and the tests of its models.

# The part of the machine that links without a processor: what tests of single models need.
SIM_MACHINE_OBJECTS := $(addprefix sim/,machine.o machine_time.o machine_report.o machine_watch.o)
SIM_MACHINE_ASAN    := $(addprefix $(BUILD)/asan/,$(SIM_MACHINE_OBJECTS))

# The core complex.
SIM_CORE_OBJECTS := $(addprefix sim/,core.o core_run.o cpu_unicorn.o cpu_unicorn_pc.o \
                    cpu_unicorn_stores.o nvic.o \
                    nvic_registers.o systick.o mpu.o l1_cache.o debug.o debug_components.o \
                    debug_units.o symbols.o loader.o)
SIM_CORE_ASAN    := $(addprefix $(BUILD)/asan/,$(SIM_CORE_OBJECTS))

# The models' tests: each fragment names its own programs and objects.
include $(wildcard sim/models_*.mk)

# The whole board: every file but main.c, for tests that have one inside.
SIM_OBJECTS   := $(patsubst %.c,%.o,$(filter-out sim/main.c,$(wildcard sim/*.c sim/boards/*.c)))
# -rdynamic: cpu_unicorn_stores.c stands in front of functions of the library.
SIM_LIBRARIES := -rdynamic -lunicorn -lelf -ldl $(SIM_PERIPHERAL_LIBS) -lm

$(BUILD)/quadlane-board: $(addprefix $(BUILD)/host/,$(SIM_OBJECTS) sim/main.o)
	$(HOST_CC) $(HOST_LDFLAGS) $^ $(SIM_LIBRARIES) -o $@

ALL += $(BUILD)/quadlane-board

# Its manual page is its --help; without the date, so that the same sources give the same bytes.
MAN_PAGES += $(BUILD)/share/quadlane-board.1
ALL       += $(BUILD)/share/quadlane-board.1

$(BUILD)/share/quadlane-board.1: $(BUILD)/quadlane-board
	@mkdir -p $(@D)
	help2man --no-info --name "a virtual STM32H750 board" $< | sed '/^\.TH/s/"[A-Z][a-z]* [0-9]*"/""/' > $@

# Guest programs for the core's tests.
SIM_GUESTS := $(BUILD)/arm/tests/model/guest/core.elf

$(BUILD)/arm/tests/model/guest/%.elf: $(BUILD)/arm/tests/model/guest/%.o tests/model/guest/guest.ld
	$(ARM)gcc $(ARM_CPU) -nostdlib -nostartfiles -T tests/model/guest/guest.ld $< -lgcc -o $@

$(BUILD)/asan/tests/model/test_core: $(BUILD)/asan/tests/model/test_core.o $(SIM_CORE_ASAN) \
                                     $(SIM_MACHINE_ASAN) | $(SIM_GUESTS)
	$(CLANG) $(ASAN_CFLAGS) $^ -lcmocka $(SIM_LIBRARIES) -o $@

TEST_PROGRAMS += $(BUILD)/asan/tests/model/test_core

$(BUILD)/asan/tests/model/test_machine: $(BUILD)/asan/tests/model/test_machine.o $(SIM_MACHINE_ASAN)
	$(CLANG) $(ASAN_CFLAGS) $^ -lcmocka -o $@

TEST_PROGRAMS += $(BUILD)/asan/tests/model/test_machine

$(BUILD)/asan/tests/model/test_virtual_board: $(BUILD)/asan/tests/model/test_virtual_board.o \
                                              $(addprefix $(BUILD)/asan/,$(SIM_OBJECTS))
	$(CLANG) $(ASAN_CFLAGS) $^ -lcmocka $(SIM_LIBRARIES) -o $@

TEST_PROGRAMS += $(BUILD)/asan/tests/model/test_virtual_board
