# firmware: bootloader images for bare metal, one for each board (boards/NAME.c) and image
# (images/NAME/): build/firmware/BOARD-IMAGE.elf, .bin, .hex, .map. `make size` prints their sizes.
#
# The objects are built apart from the other device code: without the FPU, which a bootloader leaves
# off, and optimised as a whole at the link. -fbuiltin: a memcpy of a word becomes a load and a store.
FIRMWARE_BOARDS := $(patsubst firmware/boards/%.c,%,$(wildcard firmware/boards/*.c))
FIRMWARE_IMAGES := $(patsubst firmware/images/%/main.c,%,$(wildcard firmware/images/*/main.c))
FIRMWARE_NAMES  := $(foreach board,$(FIRMWARE_BOARDS),$(addprefix $(board)-,$(FIRMWARE_IMAGES)))
FIRMWARE_SHARED := $(wildcard firmware/*.c firmware/chip/*.c firmware/usb/*.c) \
                   $(CORE_SOURCES) $(ABI_SOURCES)

FIRMWARE_CFLAGS := $(COMMON) -mcpu=cortex-m7 -mthumb -mfloat-abi=soft -Os -g -flto=1 \
                   -ffreestanding -fbuiltin -ffunction-sections -fdata-sections -fno-common
FIRMWARE_LDFLAGS := $(FIRMWARE_CFLAGS) -nostartfiles -Wl,--gc-sections \
                    -Wl,--fatal-warnings -Wl,--build-id=none

$(BUILD)/firmware/%.o: %.c
	@mkdir -p $(@D)
	$(ARM)gcc $(FIRMWARE_CFLAGS) -c $< -o $@

# firmware_image BOARD IMAGE
define firmware_image
FIRMWARE_OBJECTS_$(1)-$(2) := $$(patsubst %.c,$$(BUILD)/firmware/%.o,$$(FIRMWARE_SHARED) \
    firmware/boards/$(1).c $$(wildcard firmware/images/$(2)/*.c))
$$(BUILD)/firmware/$(1)-$(2).elf: $$(FIRMWARE_OBJECTS_$(1)-$(2)) firmware/images/$(2)/link.ld \
                                  firmware/link/sections.ld
	$$(ARM)gcc $$(FIRMWARE_LDFLAGS) $$(FIRMWARE_OBJECTS_$(1)-$(2)) \
	    -T firmware/images/$(2)/link.ld -Wl,-Map=$$(@:.elf=.map) -o $$@
endef
$(foreach board,$(FIRMWARE_BOARDS),$(foreach image,$(FIRMWARE_IMAGES),\
    $(eval $(call firmware_image,$(board),$(image)))))

$(BUILD)/firmware/%.bin: $(BUILD)/firmware/%.elf
	$(ARM)objcopy -O binary $< $@

$(BUILD)/firmware/%.hex: $(BUILD)/firmware/%.elf
	$(ARM)objcopy -O ihex $< $@

FIRMWARE_FILES := $(foreach suffix,elf bin hex,\
    $(addsuffix .$(suffix),$(addprefix $(BUILD)/firmware/,$(FIRMWARE_NAMES))))
ALL += $(FIRMWARE_FILES)

# An image's limit in bytes of flash; without one only the memory's size counts.
FIRMWARE_LIMIT_flash := 49152

.PHONY: size firmware
firmware: $(FIRMWARE_FILES)
size: $(FIRMWARE_FILES)
	@tools/size_report --size $(ARM)size $(foreach board,$(FIRMWARE_BOARDS),\
	    $(foreach image,$(FIRMWARE_IMAGES),\
	    $(BUILD)/firmware/$(board)-$(image).elf$(addprefix :,$(FIRMWARE_LIMIT_$(image)))))

# What of it runs on a PC.
FIRMWARE_TESTS   := $(BUILD)/tests/unit/test_usb_device
FIRMWARE_OBJECTS := $(addprefix $(BUILD)/asan/firmware/usb/,cdc.o device.o identity.o)

$(FIRMWARE_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/asan/tests/unit/%.o $(FIRMWARE_OBJECTS)
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -o $@

TEST_PROGRAMS += $(FIRMWARE_TESTS)
