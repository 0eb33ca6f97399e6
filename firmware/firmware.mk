# firmware: bootloader images for bare metal, one for each board (boards/NAME.c) and image
# (images/NAME/): build/firmware/BOARD-IMAGE.elf, .bin, .hex, .map. `make size` prints their sizes.
# The image `ram` is for boards whose struct has a .second_stage, and comes as .exst file, too.
# The images `stldr` and `flm` are external loaders for debug probes: build/firmware/BOARD.stldr, BOARD.FLM.
#
# `make ISSUER=NAME.pub` also builds BOARD-IMAGE-locked.*: the same objects, the issuer's public key
# in place of the open policy, and libsodium's signature check over mbedTLS's SHA-512. MIN_GENERATION=N makes them refuse
# keys of generations before N. The sources of both are Debian's, fetched when they are missing;
# LIBSODIUM_SRC=DIRECTORY and MBEDTLS_SRC=DIRECTORY name others.
#
# The objects are built apart from the other device code: without the FPU, which a bootloader leaves
# off, and optimised as a whole at the link. -fbuiltin: a memcpy of a word becomes a load and a store.
FIRMWARE_BOARDS := $(patsubst firmware/boards/%.c,%,$(wildcard firmware/boards/*.c))
FIRMWARE_IMAGES := $(patsubst firmware/images/%/main.c,%,$(wildcard firmware/images/*/main.c))
FIRMWARE_STAGED := $(notdir $(basename $(shell grep -l '^ *\.second_stage = ' firmware/boards/*.c)))
# The boards of an image.
firmware_boards  = $(if $(filter ram%,$(1)),$(FIRMWARE_STAGED),$(FIRMWARE_BOARDS))
FIRMWARE_NAMES  := $(foreach image,$(FIRMWARE_IMAGES),\
                     $(addsuffix -$(image),$(call firmware_boards,$(image))))
FIRMWARE_SHARED := $(wildcard firmware/*.c firmware/chip/*.c firmware/usb/*.c) \
                   $(CORE_SOURCES) $(ABI_SOURCES)

FIRMWARE_CFLAGS := $(COMMON) -mcpu=cortex-m7 -mthumb -mfloat-abi=soft -Os -g -flto=1 -flto-partition=one \
                   -ffreestanding -fbuiltin -ffunction-sections -fdata-sections -fno-common
FIRMWARE_LDFLAGS := $(FIRMWARE_CFLAGS) -nostartfiles -Wl,--gc-sections \
                    -Wl,--fatal-warnings -Wl,--build-id=none

$(BUILD)/firmware/%.o: %.c
	@mkdir -p $(@D)
	$(ARM)gcc $(FIRMWARE_CFLAGS) -c $< -o $@

# firmware_image BOARD IMAGE SUFFIX POLICY-OBJECTS
define firmware_image
FIRMWARE_OBJECTS_$(1)-$(2)$(3) := $$(patsubst %.c,$$(BUILD)/firmware/%.o,$$(FIRMWARE_SHARED) \
    firmware/boards/$(1).c $$(wildcard firmware/images/$(2)/*.c)) $(4)
$$(BUILD)/firmware/$(1)-$(2)$(3).elf: $$(FIRMWARE_OBJECTS_$(1)-$(2)$(3)) \
                                      firmware/images/$(2)/link.ld firmware/link/sections.ld tools/bootloader_marker
	$$(ARM)gcc $$(FIRMWARE_LDFLAGS) $$(FIRMWARE_OBJECTS_$(1)-$(2)$(3)) \
	    -T firmware/images/$(2)/link.ld -Wl,-Map=$$(@:.elf=.map) -o $$@
	tools/bootloader_marker $$(ARM)objcopy $$@
endef
FIRMWARE_OPEN := $(BUILD)/firmware/core/lock_open.o
$(foreach image,$(FIRMWARE_IMAGES),$(foreach board,$(call firmware_boards,$(image)),\
    $(eval $(call firmware_image,$(board),$(image),,$(FIRMWARE_OPEN)))))

# libsodium: what checking a signature takes, without its start-up and its choice of processors.
LIBSODIUM_SRC   ?= $(BUILD)/third_party/libsodium
LIBSODIUM_FILES := crypto_core/ed25519/ref10/ed25519_ref10 \
                   crypto_sign/ed25519/ref10/open crypto_sign/ed25519/ref10/sign \
                   crypto_verify/sodium/verify sodium/utils
LIBSODIUM_FLAGS := -std=gnu11 -w -DCONFIGURED=1 -DSODIUM_STATIC=1 -DNATIVE_LITTLE_ENDIAN=1 \
                   -I$(LIBSODIUM_SRC)/src/libsodium/include \
                   -I$(LIBSODIUM_SRC)/src/libsodium/include/sodium \
                   -fmacro-prefix-map=$(abspath $(LIBSODIUM_SRC))/=
LIBSODIUM_C     := $(LIBSODIUM_FILES:%=$(LIBSODIUM_SRC)/src/libsodium/%.c)


# mbedTLS: its small SHA-512 under libsodium's names.
MBEDTLS_SRC   ?= $(BUILD)/third_party/mbedtls
MBEDTLS_FILES := sha512
MBEDTLS_FLAGS := -w -I$(MBEDTLS_SRC)/include -DMBEDTLS_CONFIG_FILE='"firmware/lock/sha512_config.h"' -I. \
                 -fmacro-prefix-map=$(abspath $(MBEDTLS_SRC))/=
MBEDTLS_C     := $(MBEDTLS_FILES:%=$(MBEDTLS_SRC)/library/%.c)

$(BUILD)/third_party/libsodium:
	@tools/fetch_sources $(@D) $(@F)
$(LIBSODIUM_C): | $(LIBSODIUM_SRC)
$(MBEDTLS_C): | $(MBEDTLS_SRC)

# -fcallgraph-info: how much stack each function takes, and who calls whom (tools/stack_report).
$(BUILD)/firmware/libsodium/%.o: $(LIBSODIUM_SRC)/src/libsodium/%.c
	@mkdir -p $(@D)
	$(ARM)gcc $(filter-out -std=% -W% -flto=% -MMD -MP,$(FIRMWARE_CFLAGS)) $(LIBSODIUM_FLAGS) \
	    -fcallgraph-info=su -c $< -o $@

$(BUILD)/firmware/mbedtls/%.o: $(MBEDTLS_SRC)/library/%.c
	@mkdir -p $(@D)
	$(ARM)gcc $(filter-out -W% -flto=% -MMD -MP,$(FIRMWARE_CFLAGS)) $(MBEDTLS_FLAGS) \
	    -fcallgraph-info=su -c $< -o $@

$(BUILD)/firmware/lock/%.o: firmware/lock/%.c $(LIBSODIUM_C) $(MBEDTLS_C)
	@mkdir -p $(@D)
	$(ARM)gcc $(filter-out -std=% -W% -flto=% -MMD -MP,$(FIRMWARE_CFLAGS)) $(LIBSODIUM_FLAGS) \
	    $(MBEDTLS_FLAGS) -fcallgraph-info=su -c $< -o $@

# The policy is made anew when it would say something else.
MIN_GENERATION  ?= 1
FIRMWARE_ISSUER := $(BUILD)/firmware/issuer
$(FIRMWARE_ISSUER).c: tools/issuer_source $(ISSUER) firmware-issuer
	@mkdir -p $(@D)
	@tools/issuer_source '$(ISSUER)' '$(MIN_GENERATION)' $@
.PHONY: firmware-issuer
firmware-issuer:

$(FIRMWARE_ISSUER).o: $(FIRMWARE_ISSUER).c
	$(ARM)gcc $(FIRMWARE_CFLAGS) -c $< -o $@

FIRMWARE_ED25519 := $(BUILD)/firmware/core/ed25519_sodium.o \
                    $(BUILD)/firmware/lock/sha512_mbedtls.o \
                    $(LIBSODIUM_FILES:%=$(BUILD)/firmware/libsodium/%.o) \
                    $(MBEDTLS_FILES:%=$(BUILD)/firmware/mbedtls/%.o)
FIRMWARE_LOCKED  := $(FIRMWARE_ISSUER).o $(FIRMWARE_ED25519)
ifneq ($(ISSUER),)
$(foreach image,$(FIRMWARE_IMAGES),$(foreach board,$(call firmware_boards,$(image)),\
    $(eval $(call firmware_image,$(board),$(image),-locked,$(FIRMWARE_LOCKED)))))
FIRMWARE_NAMES  += $(addsuffix -locked,$(FIRMWARE_NAMES))
FIRMWARE_IMAGES += $(addsuffix -locked,$(FIRMWARE_IMAGES))
endif

$(BUILD)/firmware/%.bin: $(BUILD)/firmware/%.elf
	$(ARM)objcopy -O binary $< $@

$(BUILD)/firmware/%.hex: $(BUILD)/firmware/%.elf
	$(ARM)objcopy -O ihex $< $@

# As the maker's first stage takes it.
$(BUILD)/firmware/%.exst: $(BUILD)/firmware/%.bin $(BUILD)/quadlane
	$(BUILD)/quadlane pack --exst $< $@

# External loaders, BOARD.stldr and BOARD.FLM: the same drivers, but code that runs wherever a tool
# puts it. The linker makes that (with the list of what has to be moved along) of shared objects
# only; tools know executables, so the type in the ELF header, two bytes at 16, is set to 2.
LOADER_IMAGES       := stldr flm
LOADER_SUFFIX_stldr := stldr
LOADER_SUFFIX_flm   := FLM
LOADER_SHARED       := $(wildcard firmware/loader/*.c) $(addprefix firmware/chip/,$(addsuffix .c,\
                     cache clock gpio interrupt mpu qspi takeover time)) \
                   $(addprefix core/,nor.c nor_table.c sfdp.c)
LOADER_CFLAGS       := $(filter-out -flto% -g,$(FIRMWARE_CFLAGS)) -fpie
LOADER_LDFLAGS      := $(LOADER_CFLAGS) -nostartfiles -Wl,-pie,--no-dynamic-linker,--gc-sections \
                   -Wl,--fatal-warnings,--build-id=none,--strip-debug,-z,max-page-size=4

$(BUILD)/loader/%.o: %.c
	@mkdir -p $(@D)
	$(ARM)gcc $(LOADER_CFLAGS) -c $< -o $@

# firmware_loader BOARD IMAGE
define firmware_loader
FIRMWARE_OBJECTS_$(1)-$(2) := $$(patsubst %.c,$$(BUILD)/loader/%.o,$$(LOADER_SHARED) \
    firmware/boards/$(1).c $$(wildcard firmware/images/$(2)/*.c))
$$(BUILD)/firmware/$(1).$$(LOADER_SUFFIX_$(2)): $$(FIRMWARE_OBJECTS_$(1)-$(2)) \
                                      firmware/images/$(2)/link.ld firmware/link/loader.ld
	@mkdir -p $$(@D)
	$$(ARM)gcc $$(LOADER_LDFLAGS) $$(FIRMWARE_OBJECTS_$(1)-$(2)) -T firmware/images/$(2)/link.ld -o $$@
	printf '\002\000' | dd of=$$@ bs=1 seek=16 conv=notrunc status=none
endef
$(foreach image,$(LOADER_IMAGES),$(foreach board,$(FIRMWARE_BOARDS),\
    $(eval $(call firmware_loader,$(board),$(image)))))
FIRMWARE_LOADERS := $(foreach image,$(LOADER_IMAGES),\
    $(FIRMWARE_BOARDS:%=$(BUILD)/firmware/%.$(LOADER_SUFFIX_$(image))))
ALL += $(FIRMWARE_LOADERS)

FIRMWARE_FILES := $(foreach suffix,elf bin hex,\
    $(addsuffix .$(suffix),$(addprefix $(BUILD)/firmware/,$(FIRMWARE_NAMES))))
FIRMWARE_EXST  := $(foreach image,$(filter ram%,$(FIRMWARE_IMAGES)),\
    $(FIRMWARE_STAGED:%=$(BUILD)/firmware/%-$(image).exst))
ALL += $(FIRMWARE_FILES) $(FIRMWARE_EXST)

# An image's limit in bytes of flash; without one only the memory's size counts.
FIRMWARE_LIMIT_flash        := 65536
FIRMWARE_LIMIT_flash-locked := 65536
FIRMWARE_LIMIT_ram          := 65536
FIRMWARE_LIMIT_ram-locked   := 65536

.PHONY: size firmware
firmware: $(FIRMWARE_FILES) $(FIRMWARE_EXST) $(FIRMWARE_LOADERS)
size: $(FIRMWARE_FILES)
	@tools/size_report --size $(ARM)size $(foreach image,$(FIRMWARE_IMAGES),\
	    $(foreach board,$(call firmware_boards,$(image)),\
	    $(BUILD)/firmware/$(board)-$(image).elf$(addprefix :,$(FIRMWARE_LIMIT_$(image)))))

# What of it runs on a PC.
FIRMWARE_TESTS   := $(BUILD)/tests/unit/test_usb_device
FIRMWARE_OBJECTS := $(addprefix $(BUILD)/asan/firmware/usb/,cdc.o device.o dfu.o identity.o microsoft.o)

$(FIRMWARE_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/asan/tests/unit/%.o $(FIRMWARE_OBJECTS)
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -o $@

TEST_PROGRAMS += $(FIRMWARE_TESTS)

# The signature check of locked images, for the PC. Its libsodium is hidden from the PC's own, with
# which the test compares it.
ED25519_TEST    := $(BUILD)/tests/unit/test_ed25519
ED25519_OBJECTS := $(BUILD)/asan/core/ed25519_sodium.o $(BUILD)/asan/lock/sha512_mbedtls.o \
                   $(LIBSODIUM_FILES:%=$(BUILD)/asan/libsodium/%.o) \
                   $(MBEDTLS_FILES:%=$(BUILD)/asan/mbedtls/%.o)
ED25519_CC      := $(CLANG) -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
                   -fno-sanitize-recover=all

$(BUILD)/asan/libsodium/%.o: $(LIBSODIUM_SRC)/src/libsodium/%.c
	@mkdir -p $(@D)
	$(ED25519_CC) $(LIBSODIUM_FLAGS) -c $< -o $@

$(BUILD)/asan/mbedtls/%.o: $(MBEDTLS_SRC)/library/%.c
	@mkdir -p $(@D)
	$(ED25519_CC) $(MBEDTLS_FLAGS) -c $< -o $@

$(BUILD)/asan/lock/%.o: firmware/lock/%.c $(LIBSODIUM_C) $(MBEDTLS_C)
	@mkdir -p $(@D)
	$(ED25519_CC) $(LIBSODIUM_FLAGS) $(MBEDTLS_FLAGS) -c $< -o $@

$(BUILD)/asan/ed25519_device.o: $(ED25519_OBJECTS)
	ld -r -o $@ $^
	objcopy --keep-global-symbol=ed25519_verify $@

$(ED25519_TEST): $(BUILD)/asan/tests/unit/test_ed25519.o $(BUILD)/asan/ed25519_device.o
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -lsodium -o $@

TEST_PROGRAMS += $(ED25519_TEST)
