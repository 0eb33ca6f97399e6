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
#   APP_NAME           the program's name in its header, as `quadlane list --programs` shows it, at most 32
#                      characters of ASCII (PROGRAM)
#   APP_VERSION        the program's version, the same with at most 24 (none)
#   CONFIRM            1: the program promises to call ql_confirm() at each start, once it runs well
#   INCLUDES           directories for #include
#   DEFINES            NAME or NAME=VALUE, for the preprocessor
#   CFLAGS, CXXFLAGS, LDFLAGS, LDLIBS   added behind the SDK's own flags
#   OBJECTS            further object files, for which the Makefile has its own rules (below the include)
#   BUILD              where everything is built (build)
#   OPTIMIZE           -O2
#   BOARD              a file in boards/ gives the next three their values (h750_w25q128)
#   HSE_HZ             the board's crystal; 0: none, the PLL runs from HSI
#   PROGRAM_AREA_END   first address behind the area for programs (`quadlane info` tells what a board reserves
#                      at the chip's end)
#   LED                its pin and the level at which it is lit: E3 low
#   NEWLIB             nano (small; no long long in printf) or full
#   PROGRAM_ADDRESS    where the program lies (0x90100000)
#   STACK_SIZE         bytes of DTCM that must be left for the stack (16384)
#   STABLE_LAYOUT      1: what has not changed stays where it was at the last link, so that flashing
#                      after a small edit writes few sectors (the default, if there is a python3;
#                      not with -flto); 0: the layout depends on the sources alone
#   PLACE              chip (default), or ram: a program for `quadlane run`, in AXI SRAM
#   RAM_IMAGE_SIZE     with PLACE=ram: bytes of AXI SRAM for code and constants (262144, a multiple of
#                      4096); variables and heap get the rest of its 512 KiB
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
BOARD            ?= h750_w25q128
NEWLIB           ?= nano
PLACE            ?= chip
RAM_IMAGE_SIZE   ?= 262144
ifeq ($(PLACE),ram)
override PROGRAM_ADDRESS  := 0x24000000
override PROGRAM_AREA_END := 0x24000000+$(RAM_IMAGE_SIZE)
override STABLE_LAYOUT    := 0
else ifneq ($(PLACE),chip)
$(error PLACE is "$(PLACE)": it can be chip or ram)
endif
PROGRAM_ADDRESS  ?= 0x90100000
APP_NAME         ?= $(PROGRAM)
APP_VERSION      ?=
CONFIRM          ?= 0
STACK_SIZE       ?= 16384
PYTHON           ?= python3
STABLE_LAYOUT    ?= $(if $(shell command -v $(PYTHON) 2>/dev/null),1,0)
ifneq ($(findstring -flto,$(CFLAGS) $(CXXFLAGS) $(LDFLAGS) $(OPTIMIZE)),)
override STABLE_LAYOUT := 0
endif

QL_BOARD := $(QUADLANE_SDK)/boards/$(BOARD).mk
ifeq ($(wildcard $(QL_BOARD)),)
$(error BOARD is "$(BOARD)": there are $(sort $(basename $(notdir $(wildcard $(QUADLANE_SDK)/boards/*.mk)))))
endif
include $(QL_BOARD)
ifneq ($(words $(LED)) $(filter low high,$(LED)),2 $(word 2,$(LED)))
$(error LED is "$(LED)": a pin and the level at which it is lit, as in E3 low)
endif
QL_LED := -DQL_LED_PORT="'$(shell printf %.1s '$(LED)')'" -DQL_LED_PIN=$(shell echo '$(firstword $(LED))' | cut -c2-) \
          -DQL_LED_ACTIVE_LOW=$(if $(filter low,$(LED)),1,0)

ifeq ($(filter nano full,$(NEWLIB)),)
$(error NEWLIB is "$(NEWLIB)": it can be nano or full)
endif

ifneq ($(findstring ",$(APP_NAME)$(APP_VERSION))$(findstring ',$(APP_NAME)$(APP_VERSION))$(findstring \,$(APP_NAME)$(APP_VERSION)),)
$(error APP_NAME and APP_VERSION are plain text, without quotes and backslashes)
endif
ifeq ($(filter 0 1,$(CONFIRM)),)
$(error CONFIRM is "$(CONFIRM)": it can be 0 or 1)
endif

# __FILE__ does not tell where the program was built: the same sources give the same .bin. What the
# debugger reads keeps the full paths.
QL_CPU    := -mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard
QL_COMMON := $(QL_CPU) $(OPTIMIZE) -g -ffunction-sections -fdata-sections -MMD -MP \
             -fmacro-prefix-map=$(abspath $(QUADLANE_SDK)/..)=quadlane -fmacro-prefix-map=$(CURDIR)=.
QL_NANO   := $(if $(filter nano,$(NEWLIB)),--specs=nano.specs)
QL_CPP    := -I$(QUADLANE_SDK)/include -DQL_HSE_HZ=$(HSE_HZ) $(QL_LED) $(QL_NANO)
QL_USER   := $(QL_CPP) $(addprefix -I,$(INCLUDES)) $(addprefix -D,$(DEFINES))
QL_STRICT := -std=c11 -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes

# One archive: what a program does not use, or brings itself, is not linked.
QL_SDK_SOURCES := bootloader cache clock fault fault_record interrupts led startup syscalls system ticks uart \
                  watchdog
QL_SDK_OBJECTS := $(QL_SDK_SOURCES:%=$(BUILD)/quadlane/%.o)
QL_VECTORS     := $(BUILD)/quadlane/vectors.o $(BUILD)/quadlane/header.o
QL_OBJECTS     := $(addprefix $(BUILD)/program/,$(addsuffix .o,$(basename $(SOURCES))))

# With the stable layout strings and constants are not merged over functions and files: the linker
# would put them in an order in which each depends on all. Rules for OBJECTS end with it, too.
QL_UNMERGED := alloc,load,readonly,data,contents
QL_COMPILED := $(if $(filter 1,$(STABLE_LAYOUT)),$(ARM)objcopy \
               --set-section-flags '.rodata*.str1.*=$(QL_UNMERGED)' \
               --set-section-flags '.rodata*.cst*=$(QL_UNMERGED)',:)

QL_COMMA   := ,
QL_LDFLAGS := $(QL_CPU) $(OPTIMIZE) $(QL_NANO) -nostartfiles -static \
              -Wl,--defsym=ql_set_program_address=$(PROGRAM_ADDRESS) \
              -Wl,--defsym=ql_set_program_area_end=$(PROGRAM_AREA_END) \
              -Wl,--defsym=ql_set_stack_size=$(STACK_SIZE) \
              $(if $(filter ram,$(PLACE)),-Wl$(QL_COMMA)--defsym=ql_set_axi_start=$(PROGRAM_AREA_END)) \
              -Wl,--gc-sections -Wl,--no-warn-rwx-segments

QL_QUIET := $(if $(V),,@)

.DEFAULT_GOAL := $(PROGRAM)
.DELETE_ON_ERROR:
.PHONY: $(PROGRAM) clean
$(PROGRAM): $(addprefix $(BUILD)/$(PROGRAM),.bin .hex)

# The settings are part of what is built: objects of other settings are not used.
QL_SETTINGS := $(ARM) $(QL_COMMON) $(QL_USER) $(CFLAGS) $(CXXFLAGS) $(QL_COMPILED) $(QL_LDFLAGS) $(LDFLAGS) $(LDLIBS)
ifneq ($(file <$(BUILD)/settings),$(QL_SETTINGS))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/settings,$(QL_SETTINGS))
endif

# Those of the header are apart: a new version compiles nothing else.
QL_HEADER := -DQL_APP_NAME='"$(strip $(APP_NAME))"' -DQL_APP_VERSION='"$(strip $(APP_VERSION))"' \
             -DQL_APP_CONFIRMS=$(CONFIRM)
ifneq ($(file <$(BUILD)/settings-header),$(QL_HEADER))
$(file >$(BUILD)/settings-header,$(QL_HEADER))
endif
$(BUILD)/quadlane/header.o: private QL_CPP += $(QL_HEADER)
$(BUILD)/quadlane/header.o: $(BUILD)/settings-header

$(BUILD)/program/%.o: %.c $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(QL_QUIET)$(ARM)gcc -std=gnu11 -Wall -Wextra $(QL_COMMON) $(QL_USER) $(CFLAGS) -c $< -o $@
	$(QL_QUIET)$(QL_COMPILED) $@

$(BUILD)/program/%.o: %.cpp $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  C++ $<"
	$(QL_QUIET)$(ARM)g++ -Wall -Wextra -fno-exceptions -fno-rtti -fno-use-cxa-atexit -fno-threadsafe-statics $(QL_COMMON) $(QL_USER) $(CXXFLAGS) -c $< -o $@
	$(QL_QUIET)$(QL_COMPILED) $@

$(BUILD)/program/%.o: %.S $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  AS  $<"
	$(QL_QUIET)$(ARM)gcc $(QL_COMMON) $(QL_USER) -c $< -o $@
	$(QL_QUIET)$(QL_COMPILED) $@

$(BUILD)/quadlane/%.o: $(QUADLANE_SDK)/%.c $(BUILD)/settings
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(QL_QUIET)$(ARM)gcc $(QL_STRICT) $(QL_COMMON) $(QL_CPP) -I$(QUADLANE_SDK)/.. -c $< -o $@
	$(QL_QUIET)$(QL_COMPILED) $@

$(BUILD)/quadlane/libquadlane.a: $(QL_SDK_OBJECTS)
	@rm -f $@
	$(QL_QUIET)$(ARM)ar rcsD $@ $^

# Linker script, map, ELF file. The C library calls the SDK and the SDK the C library: hence the group.
QL_LINK = $(ARM)gcc $(QL_LDFLAGS) -T $(1) -Wl,-Map=$(2) $(LDFLAGS) $(QL_VECTORS) $(QL_OBJECTS) $(OBJECTS) \
	-Wl,--start-group $(BUILD)/quadlane/libquadlane.a $(LDLIBS) -lc -lm -lgcc -Wl,--end-group -o $(3)

# The first link tells what the program consists of, the second one puts it where it was. If there is
# no room for that, the first one stands.
QL_STABLE = $(BUILD)/$(PROGRAM).stable
QL_KEEP_LAYOUT = $(PYTHON) $(QUADLANE_SDK)/link/keep_layout --readelf $(ARM)readelf --build $(BUILD) \
	--script $(QUADLANE_SDK)/link/app.ld --map $(BUILD)/$(PROGRAM).map --places $(BUILD)/$(PROGRAM).places \
	--new-places $(QL_STABLE).places --new-script $(QL_STABLE).ld

$(BUILD)/$(PROGRAM).elf: $(QL_VECTORS) $(QL_OBJECTS) $(OBJECTS) $(BUILD)/quadlane/libquadlane.a \
                         $(QUADLANE_SDK)/link/app.ld $(QUADLANE_SDK)/link/keep_layout
	@echo "  LD  $@"
	$(QL_QUIET)$(call QL_LINK,$(QUADLANE_SDK)/link/app.ld,$(BUILD)/$(PROGRAM).map,$@)
ifeq ($(STABLE_LAYOUT),1)
	$(QL_QUIET)$(QL_KEEP_LAYOUT)
	$(QL_QUIET)if $(call QL_LINK,$(QL_STABLE).ld,$(QL_STABLE).map,$(QL_STABLE).elf); then \
	    for file in places map elf; do mv $(QL_STABLE).$$file $(BUILD)/$(PROGRAM).$$file; done; \
	else \
	    echo "      no room for a stable layout: linked without" >&2; rm -f $(BUILD)/$(PROGRAM).places; \
	fi
endif

# Gaps are filled with what erased flash holds.
$(BUILD)/$(PROGRAM).bin: $(BUILD)/$(PROGRAM).elf
	$(QL_QUIET)$(ARM)objcopy -O binary --gap-fill 0xFF $< $@

$(BUILD)/$(PROGRAM).hex: $(BUILD)/$(PROGRAM).elf
	$(QL_QUIET)$(ARM)objcopy -O ihex --gap-fill 0xFF $< $@

clean:
	rm -rf $(BUILD)

-include $(QL_OBJECTS:.o=.d) $(QL_SDK_OBJECTS:.o=.d) $(QL_VECTORS:.o=.d)
