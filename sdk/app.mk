# Builds a program that runs from the external chip. A whole Makefile, in any directory:
#
#     PROGRAM := hello
#     SOURCES := main.c motor.c
#     include /path/to/quadlane/sdk/app.mk
#
# `make` then leaves build/hello.elf, .bin, .hex and .map, and `make clean` removes build/.
# All sources are paths below the Makefile's directory: .c, .cpp or .S. C++ comes without exceptions
# and run-time type information, and without its library unless LDLIBS has -lstdc++.
#
# Variables, to be set before the include:
#   PROGRAM, SOURCES   as above
#   INCLUDES           directories for #include
#   DEFINES            NAME or NAME=VALUE, for the preprocessor
#   CFLAGS, CXXFLAGS, LDFLAGS, LDLIBS   added behind the SDK's own flags
#   OBJECTS            further object files, for which the Makefile has its own rules (below the include)
#   BUILD              where everything is built (build)
#   OPTIMIZE           -O2
#   HSE_HZ             the board's crystal (8000000); 0: none, the PLL runs from HSI
#   NEWLIB             nano (small; no long long in printf) or full
#   PROGRAM_ADDRESS    where the program lies (0x90100000)
#   PROGRAM_AREA_END   first address behind the area for programs (0x91000000: a 16 MB chip, nothing
#                      reserved at its end; `quadlane info` tells what a board reserves)
#   STACK_SIZE         bytes of DTCM that must be left for the stack (16384)
#   ARM                the compiler's prefix (arm-none-eabi-)
#   V                  1: show the commands
#
# SPDX-License-Identifier: MIT

ifndef PROGRAM
$(error PROGRAM is not set: the name of the program, before the line that includes app.mk)
endif

QUADLANE_SDK := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

ARM              ?= arm-none-eabi-
BUILD            ?= build
OPTIMIZE         ?= -O2
HSE_HZ           ?= 8000000
NEWLIB           ?= nano
PROGRAM_ADDRESS  ?= 0x90100000
PROGRAM_AREA_END ?= 0x91000000
STACK_SIZE       ?= 16384

ifeq ($(filter nano full,$(NEWLIB)),)
$(error NEWLIB is "$(NEWLIB)": it can be nano or full)
endif

# __FILE__ does not tell where the program was built: the same sources give the same .bin. What the
# debugger reads keeps the full paths.
QL_CPU    := -mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard
QL_COMMON := $(QL_CPU) $(OPTIMIZE) -g -ffunction-sections -fdata-sections -MMD -MP \
             -fmacro-prefix-map=$(abspath $(QUADLANE_SDK)/..)=quadlane -fmacro-prefix-map=$(CURDIR)=.
QL_NANO   := $(if $(filter nano,$(NEWLIB)),--specs=nano.specs)
QL_CPP    := -I$(QUADLANE_SDK)/include -DQL_HSE_HZ=$(HSE_HZ) $(QL_NANO)
QL_USER   := $(QL_CPP) $(addprefix -I,$(INCLUDES)) $(addprefix -D,$(DEFINES))
QL_STRICT := -std=c11 -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes

# One archive: what a program does not use, or brings itself, is not linked.
QL_SDK_SOURCES := bootloader cache clock fault interrupts startup syscalls system ticks uart
QL_SDK_OBJECTS := $(QL_SDK_SOURCES:%=$(BUILD)/quadlane/%.o)
QL_VECTORS     := $(BUILD)/quadlane/vectors.o
QL_OBJECTS     := $(addprefix $(BUILD)/program/,$(addsuffix .o,$(basename $(SOURCES))))

QL_LDFLAGS := $(QL_CPU) $(OPTIMIZE) $(QL_NANO) -nostartfiles -static \
              -Wl,--defsym=ql_set_program_address=$(PROGRAM_ADDRESS) \
              -Wl,--defsym=ql_set_program_area_end=$(PROGRAM_AREA_END) \
              -Wl,--defsym=ql_set_stack_size=$(STACK_SIZE) \
              -T $(QUADLANE_SDK)/link/app.ld -Wl,--gc-sections -Wl,--no-warn-rwx-segments \
              -Wl,-Map=$(BUILD)/$(PROGRAM).map

QL_QUIET := $(if $(V),,@)

.DEFAULT_GOAL := $(PROGRAM)
.DELETE_ON_ERROR:
.PHONY: $(PROGRAM) clean
$(PROGRAM): $(addprefix $(BUILD)/$(PROGRAM),.bin .hex)

# The settings are part of what is built: objects of other settings are not used.
QL_SETTINGS := $(ARM) $(QL_COMMON) $(QL_USER) $(CFLAGS) $(CXXFLAGS) $(QL_LDFLAGS) $(LDFLAGS) $(LDLIBS)
ifneq ($(file <$(BUILD)/settings),$(QL_SETTINGS))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/settings,$(QL_SETTINGS))
endif

$(BUILD)/program/%.o: %.c $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(QL_QUIET)$(ARM)gcc -std=gnu11 -Wall -Wextra $(QL_COMMON) $(QL_USER) $(CFLAGS) -c $< -o $@

$(BUILD)/program/%.o: %.cpp $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  C++ $<"
	$(QL_QUIET)$(ARM)g++ -Wall -Wextra -fno-exceptions -fno-rtti -fno-use-cxa-atexit -fno-threadsafe-statics $(QL_COMMON) $(QL_USER) $(CXXFLAGS) -c $< -o $@

$(BUILD)/program/%.o: %.S $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  AS  $<"
	$(QL_QUIET)$(ARM)gcc $(QL_COMMON) $(QL_USER) -c $< -o $@

$(BUILD)/quadlane/%.o: $(QUADLANE_SDK)/%.c $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(QL_QUIET)$(ARM)gcc $(QL_STRICT) $(QL_COMMON) $(QL_CPP) -I$(QUADLANE_SDK)/.. -c $< -o $@

$(BUILD)/quadlane/libquadlane.a: $(QL_SDK_OBJECTS)
	@rm -f $@
	$(QL_QUIET)$(ARM)ar rcsD $@ $^

# The C library calls the SDK and the SDK the C library: hence the group.
$(BUILD)/$(PROGRAM).elf: $(QL_VECTORS) $(QL_OBJECTS) $(OBJECTS) $(BUILD)/quadlane/libquadlane.a \
                         $(QUADLANE_SDK)/link/app.ld
	@echo "  LD  $@"
	$(QL_QUIET)$(ARM)gcc $(QL_LDFLAGS) $(LDFLAGS) $(QL_VECTORS) $(QL_OBJECTS) $(OBJECTS) \
	    -Wl,--start-group $(BUILD)/quadlane/libquadlane.a $(LDLIBS) -lc -lm -lgcc -Wl,--end-group -o $@

# Gaps are filled with what erased flash holds.
$(BUILD)/$(PROGRAM).bin: $(BUILD)/$(PROGRAM).elf
	$(QL_QUIET)$(ARM)objcopy -O binary --gap-fill 0xFF $< $@

$(BUILD)/$(PROGRAM).hex: $(BUILD)/$(PROGRAM).elf
	$(QL_QUIET)$(ARM)objcopy -O ihex --gap-fill 0xFF $< $@

clean:
	rm -rf $(BUILD)

-include $(QL_OBJECTS:.o=.d) $(QL_SDK_OBJECTS:.o=.d) $(QL_VECTORS:.o=.d)
