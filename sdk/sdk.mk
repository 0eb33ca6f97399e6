# sdk: rules of this folder
#
# The examples are built as a user builds a program: each by its own Makefile and app.mk. Those know
# what has changed, so that they are asked each time; a .bin that stays the same keeps its date.

SDK_EXAMPLES := blink fast console from_ram confirm

ALL += $(foreach example,$(SDK_EXAMPLES),$(BUILD)/sdk/$(example)/$(example).bin)

DEMO_FILES += $(BUILD)/sdk/console/console.elf

.PHONY: $(SDK_EXAMPLES) sdk-example
$(SDK_EXAMPLES): %: $(BUILD)/sdk/$$*/$$*.bin

sdk-example:

define SDK_EXAMPLE_RULE
$(BUILD)/sdk/$(1)/$(1).bin $(BUILD)/sdk/$(1)/$(1).elf $(BUILD)/sdk/$(1)/$(1).hex &: sdk-example
	+@$$(MAKE) --no-print-directory -C sdk/examples/$(1) \
	    BUILD=$$(abspath $$(BUILD))/sdk/$(1) THIRD_PARTY=$$(abspath $$(BUILD))/third_party
endef
$(foreach example,$(SDK_EXAMPLES),$(eval $(call SDK_EXAMPLE_RULE,$(example))))

# What a program built outside of the repository looks like.
TEST_PROGRAMS += tests/sdk/test_app_mk.py tests/sdk/test_stable_layout.py
