# Guest programs of the system tests. Each is linked to run from the chip; `state` also to run from the
# internal flash, where it finds the world as a reset leaves it, and from each RAM; `crash` from RAM. `first_stage` is for
# the internal flash, `other_stage` for where that one copies it, `rom_loader` for the ROM.
GUESTS      := $(patsubst tests/board/guests/%.c,%,$(wildcard tests/board/guests/*.c))
GUEST_FILES := $(GUESTS:%=$(BUILD)/arm/tests/board/guests/%.elf) \
               $(addprefix $(BUILD)/arm/tests/board/guests/,first_stage-flash.elf state-flash.elf state-itcm.elf state-d2.elf \
                 state-sram4.elf crash-ram.elf other_stage-exst.elf rom_loader-rom.elf)

# guest_link SUFFIX ADDRESS
define guest_link
$(BUILD)/arm/tests/board/guests/%$(1).elf: $(BUILD)/arm/tests/board/guests/%.o tests/board/guests/guest.ld
	$$(ARM)gcc $$(ARM_CPU) -nostdlib -nostartfiles -Wl,--defsym=GUEST_ADDRESS=$(2) \
	    -T tests/board/guests/guest.ld $$(filter %.o,$$^) -lgcc -o $$@
endef
$(eval $(call guest_link,,0x90100000))
$(eval $(call guest_link,-flash,0x08000000))
$(eval $(call guest_link,-ram,0x24000000))
$(eval $(call guest_link,-exst,0x24010000))
$(eval $(call guest_link,-rom,0x1FF00000))
$(eval $(call guest_link,-itcm,0x00000000))
$(eval $(call guest_link,-d2,0x30000000))
$(eval $(call guest_link,-sram4,0x38000000))

# Loaders in DFU mode.
GUEST_LOADER := $(patsubst %.c,$(BUILD)/arm/%.o,$(wildcard tests/board/guests/loader/*.c))
$(addprefix $(BUILD)/arm/tests/board/guests/,first_stage.elf first_stage-flash.elf rom_loader.elf rom_loader-rom.elf): \
    $(GUEST_LOADER)

.SECONDARY: $(GUESTS:%=$(BUILD)/arm/tests/board/guests/%.o)

# A program with USB of its own, out of the bootloader's objects; `quadlane run` loads it.
CDC_PROGRAM         := $(BUILD)/firmware/tests/board/cdc_program
CDC_PROGRAM_OBJECTS := $(patsubst %.c,$(BUILD)/firmware/%.o,$(FIRMWARE_SHARED) \
    firmware/boards/h750_w25q128.c tests/board/cdc_program/main.c sdk/bootloader.c)

$(BUILD)/firmware/sdk/bootloader.o: private FIRMWARE_CFLAGS += -Isdk/include

$(CDC_PROGRAM).elf: $(CDC_PROGRAM_OBJECTS) $(FIRMWARE_OPEN) tests/board/cdc_program/link.ld firmware/link/sections.ld
	$(ARM)gcc $(FIRMWARE_LDFLAGS) $(filter %.o,$^) -T tests/board/cdc_program/link.ld -o $@

TEST_FILES += $(GUEST_FILES) $(CDC_PROGRAM).elf

# The signature check of locked images as they are linked with it, in a program of its own.
ED25519_GUEST         := $(BUILD)/firmware/tests/board/ed25519
ED25519_GUEST_OBJECTS := $(ED25519_GUEST)/main.o $(FIRMWARE_ED25519)

$(ED25519_GUEST).elf: $(ED25519_GUEST_OBJECTS) tests/board/guests/guest.ld
	$(ARM)gcc $(FIRMWARE_LDFLAGS) $(filter %.o,$^) -Wl,--defsym=GUEST_ADDRESS=0x08000000 \
	    -T tests/board/guests/guest.ld -o $@

TEST_FILES += $(ED25519_GUEST).elf
