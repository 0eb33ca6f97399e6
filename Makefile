# quadlane: one non-recursive build for two compilers. `make help` lists the goals.
#
# A folder's own rules stand in its .mk file. An object's place says how it was compiled:
#   build/host/...  the PC's compiler          build/asan/...  the same with sanitizers
#   build/arm/...   Cortex-M7, bare metal   build/fuzz/...  the sanitizers' and libFuzzer's
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDEXPANSION:

BUILD    := build
VERSION  := 0.1.0
HOST_CC  ?= gcc
CLANG    ?= clang
ARM      ?= arm-none-eabi-
PYTHON   ?= python3

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Werror
COMMON   := -std=c11 $(WARNINGS) -I. -MMD -MP -DQUADLANE_VERSION='"$(VERSION)"'
# The path of the checkout stays out of the objects, so that the same sources give the same bytes.
COMMON   += -ffile-prefix-map=$(CURDIR)=.

HOST_CFLAGS := $(COMMON) -O2 -g -D_GNU_SOURCE -fstack-protector-strong \
               -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HOST_LDFLAGS := -Wl,-z,relro,-z,now
ASAN_CFLAGS := $(COMMON) -O1 -g -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all \
               -fno-omit-frame-pointer
ARM_CPU     := -mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard
ARM_CFLAGS  := $(COMMON) $(ARM_CPU) -Os -g -ffreestanding -ffunction-sections -fdata-sections

# `make` alone builds everything; the rules' order below does not matter.
.PHONY: all
all:

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_CFLAGS) -c $< -o $@

$(BUILD)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(ASAN_CFLAGS) -c $< -o $@

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(ASAN_CFLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(BUILD)/arm/%.o: %.c
	@mkdir -p $(@D)
	$(ARM)gcc $(ARM_CFLAGS) -c $< -o $@

# Programs that a fragment adds: ALL, its tests: TEST_PROGRAMS (each prints TAP).
ALL           :=
TEST_PROGRAMS :=

include abi/abi.mk
include core/core.mk
include firmware/firmware.mk
include host/host.mk
include sim/sim.mk
include sdk/sdk.mk
include tests/tests.mk
include docs/docs.mk
include tools/tools.mk
include tools/dist/dist.mk

all: $(ALL)

-include $(shell find $(BUILD) \( -path $(BUILD)/third_party -o -path $(BUILD)/packaging \) -prune -o -type f -name '*.d' -print 2>/dev/null)
