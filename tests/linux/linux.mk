# test-linux: a Linux guest in QEMU as USB host. Its packages are fetched by the machine's package manager.
LINUX_GUEST := $(BUILD)/linux/initrd.gz
LINUX_LINE  := $(BUILD)/tests/linux/line_manners

$(LINUX_LINE): $(BUILD)/host/tests/linux/line_manners.o
	@mkdir -p $(@D)
	$(HOST_CC) $^ -o $@

$(LINUX_GUEST): tests/linux/build_guest tests/linux/init $(BUILD)/quadlane
	tests/linux/build_guest $(BUILD)/linux $(BUILD)/quadlane

.PHONY: test-linux test-linux-build
test-linux:
	@tools/install_dependencies linux
	@$(MAKE) --no-print-directory -j $(JOBS) test-linux-build
	@tests/linux/test_linux.py

test-linux-build: $(LINUX_GUEST) $(LINUX_LINE) $(BUILD)/quadlane-board $(BUILD)/firmware/h750_w25q128-flash.bin \
                  $(GUEST_FILES) $(FIRMWARE_EXST) $(CDC_PROGRAM).elf \
                  $(BUILD)/sdk/console/console.elf $(BUILD)/sdk/blink/blink.elf
