# power: cuts of the supply at every operation of the flash chip. CAMPAIGN_CUTS and CAMPAIGN_SEED choose
# how many and which.

CAMPAIGN_FILES := $(BUILD)/quadlane $(BUILD)/quadlane-board \
                  $(BUILD)/firmware/h750_w25q128-flash.bin

.PHONY: campaign campaign-build
campaign-build: $(CAMPAIGN_FILES)
campaign:
	@tools/install_dependencies test
	@$(MAKE) --no-print-directory campaign-build
	@tests/power/campaign.py
