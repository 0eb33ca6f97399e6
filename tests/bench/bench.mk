# bench: figures in virtual time (bench.py) and the stop-and-wait loop that they are compared with.

BENCH_BASELINE := $(BUILD)/tests/bench/stop_and_wait
BENCH_FILES    := $(BENCH_BASELINE) $(BUILD)/quadlane $(BUILD)/quadlane-board \
                  $(BUILD)/firmware/h750_w25q128-flash.bin $(BUILD)/sdk/console/console.elf

ALL += $(BENCH_BASELINE)

$(BENCH_BASELINE): $(addprefix $(BUILD)/host/,tests/bench/stop_and_wait.o \
                   $(patsubst %.c,%.o,$(HOST_LIBRARY_SOURCES)))
	@mkdir -p $(@D)
	$(HOST_CC) -o $@ $^ $(HOST_LIBRARIES)

.PHONY: bench bench-build
bench-build: $(BENCH_FILES)
bench:
	@tools/install_dependencies test
	@$(MAKE) --no-print-directory bench-build
	@tests/bench/bench.py
