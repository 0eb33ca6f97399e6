# tools/dist: what is handed out to people, in build/dist, and the tests of it.

.PHONY: dist test-dist
dist:
	@tools/install_dependencies dist
	@tools/dist/make_dist '$(VERSION)' $(BUILD)

# The packages are tried with the largest example, in a bare Debian 12.
test-dist: dist
	@$(MAKE) --no-print-directory -j $(JOBS) $(BUILD)/sdk/console/console.elf $(BUILD)/quadlane-board \
	    $(BUILD)/firmware/h750_w25q128-flash.bin
	@tests/run --limit 1200 $(sort $(wildcard tests/dist/test_*.py))
