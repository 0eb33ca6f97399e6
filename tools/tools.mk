# tools: the goals that people and CI call. Each recipe that needs packages installs them first.

.PHONY: help demo demo-debug test check tidy fuzz size clean dependencies
FUZZ_SECONDS ?= 60
JOBS         ?= $(shell nproc)

help:
	@echo "make            build everything (packages must be there: make dependencies)"
	@echo "make demo       from nothing to a 1 MiB program running from the flash chip of a virtual board"
	@echo "make demo-debug a debugging session on the virtual board: load, breakpoints, restart, with figures"
	@echo "make test       every test, one summary line at the end"
	@echo "make test-linux a real Linux kernel in QEMU at the board's USB: quadlane on /dev/ttyACM0, lsusb, usbip"
	@echo "make check      what CI runs: build, tidy, size limits, tests, demo, fuzzing for $(FUZZ_SECONDS) s a target"
	@echo "make dist       what is handed out, in build/dist: the tool as one file, Debian packages, sources; make test-dist"
	@echo "make bench      what updates and starts cost, in virtual time; fails above the limits"
	@echo "make campaign   cuts the power at every operation of the flash chip, CAMPAIGN_CUTS=10000 times"
	@echo "make size       sizes of the images; fails above the limits"
	@echo "make fuzz       fuzz targets, FUZZ_SECONDS=$(FUZZ_SECONDS) each"
	@echo "make tidy       layout and style rules"
	@echo "make docs       the manual for a browser, build/docs/manual.html; make pictures: the SVGs of docs/pictures"
	@echo "make recordings runs the sessions of docs/pictures anew on the virtual board"
	@echo "make install    tool, virtual board, bootloaders, SDK, udev rules, pages, completion into \$$(DESTDIR)\$$(PREFIX), PREFIX=/usr/local"
	@echo "make uninstall  takes it away again"
	@echo "make clean      remove build/"

dependencies:
	@tools/install_dependencies test

# A second make, since what the first one would find missing is only installed here.
demo:
	@tools/install_dependencies demo
	@$(MAKE) --no-print-directory -j $(JOBS) demo-build
	@tools/demo

.PHONY: demo-build
demo-build: $(DEMO_FILES) $(BUILD)/quadlane $(BUILD)/quadlane-board \
            $(BUILD)/firmware/h750_w25q128-flash.bin

demo-debug:
	@tools/install_dependencies test
	@$(MAKE) --no-print-directory -j $(JOBS) demo-debug-build
	@tests/debug/demo_debug.py

.PHONY: demo-debug-build
demo-debug-build: $(BUILD)/sdk/console/console.elf $(BUILD)/quadlane $(BUILD)/quadlane-board \
                  $(BUILD)/firmware/h750_w25q128-flash.bin

test:
	@tools/install_dependencies test
	@$(MAKE) --no-print-directory -j $(JOBS) test-build
	@tests/run $(TEST_COMMANDS)

.PHONY: test-build
test-build: $(ALL) $(TEST_PROGRAMS) $(TEST_FILES)

tidy:
	@tools/tidy

fuzz:
	@tools/install_dependencies test
	@$(MAKE) --no-print-directory -j $(JOBS) $(FUZZ_PROGRAMS)
	@tests/run --limit $$(($(FUZZ_SECONDS) + 120)) $(addprefix tests/fuzz/run+$(FUZZ_SECONDS)+,$(FUZZ_PROGRAMS))

check:
	@tools/check

clean:
	rm -rf $(BUILD)

PREFIX ?= /usr/local
INSTALLED_PROGRAMS := $(BUILD)/quadlane $(BUILD)/quadlane-board
INSTALLED_DOCS     := README.md SPEC.md DESIGN.md CHANGELOG.md LICENSE $(wildcard docs/*.md docs/*/*.md) $(PICTURES)
INSTALLED_RULES    := host/70-quadlane.rules
INSTALLED_DEBUG    := $(shell find debug -type f)
# What a program needs to be built: sdk/app.mk finds the rest relative to itself.
INSTALLED_SDK      := $(shell find sdk -type f ! -name sdk.mk ! -path '*/build/*' ! -path '*/__pycache__/*') \
                      $(shell grep -rhos 'abi/[a-z_]*\.h' sdk --include='*.[ch]' | sort -u) tools/fetch_sources
INSTALLED_IMAGES    = $(FIRMWARE_BOARDS:%=$(BUILD)/firmware/%-flash.bin) $(FIRMWARE_STAGED:%=$(BUILD)/firmware/%-ram.exst) \
                     $(FIRMWARE_LOADERS)

# Where each of them goes; zsh of a distribution may look elsewhere (Debian's packages: vendor-completions); udev reads rules under /usr and under /usr/local.
installed_programs = $(DESTDIR)$(PREFIX)/bin
installed_rules    = $(DESTDIR)$(PREFIX)/lib/udev/rules.d
installed_share    = $(DESTDIR)$(PREFIX)/share/quadlane
installed_docs     = $(DESTDIR)$(PREFIX)/share/doc/quadlane
ZSH_FUNCTIONS     ?= $(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
installed_pages    = $(DESTDIR)$(PREFIX)/share/man/man1
installed_bash     = $(DESTDIR)$(PREFIX)/share/bash-completion/completions/quadlane
installed_zsh      = $(DESTDIR)$(PREFIX)/share/zsh/$(ZSH_FUNCTIONS)/_quadlane

.PHONY: install uninstall installed
installed: $(INSTALLED_PROGRAMS) $(INSTALLED_IMAGES) $(MANUAL) $(MAN_PAGES) $(COMPLETIONS)
install: installed
	install -D -m 755 -t $(installed_programs) $(INSTALLED_PROGRAMS)
	install -D -m 644 -t $(installed_rules) $(INSTALLED_RULES)
	for file in $(INSTALLED_DEBUG) $(INSTALLED_SDK); do \
	    [ -x $$file ] && mode=755 || mode=644; install -D -m $$mode $$file $(installed_share)/$$file || exit 1; \
	done
	install -D -m 644 -t $(installed_share)/firmware $(INSTALLED_IMAGES)
	for file in $(INSTALLED_DOCS); do install -D -m 644 $$file $(installed_docs)/$$file || exit 1; done
	install -D -m 644 -t $(installed_pages) $(MAN_PAGES)
	install -D -m 644 $(BUILD)/share/completion.bash $(installed_bash)
	install -D -m 644 $(BUILD)/share/completion.zsh $(installed_zsh)
	mkdir -p $(installed_docs)/html && cp -R $(dir $(MANUAL)). $(installed_docs)/html && chmod -R u=rwX,go=rX $(installed_docs)/html
	-@[ -n "$(DESTDIR)" ] || udevadm control --reload 2>/dev/null || true

uninstall:
	rm -f $(INSTALLED_PROGRAMS:$(BUILD)/%=$(installed_programs)/%) $(INSTALLED_RULES:host/%=$(installed_rules)/%)
	rm -f $(MAN_PAGES:$(BUILD)/share/%=$(installed_pages)/%) $(installed_bash) $(installed_zsh)
	rm -rf $(installed_share) $(installed_docs)
