# host: the library behind the tool, the tool, their tests and fuzz targets.

HOST_LIBRARY_SOURCES := $(wildcard host/*.c) abi/cobs.c abi/crc32.c abi/frame.c
HOST_TOOL_SOURCES    := $(wildcard host/cli/*.c)
HOST_LIBRARIES       := -lserialport -ldw -lelf -lsodium -lnettle
HOST_TOOL_LIBRARIES  := $(HOST_LIBRARIES) -ljansson

HOST_TOOL_OBJECTS    := $(patsubst %.c,$(BUILD)/host/%.o,$(HOST_LIBRARY_SOURCES) $(HOST_TOOL_SOURCES))

ALL += $(BUILD)/quadlane

$(BUILD)/quadlane: $(HOST_TOOL_OBJECTS)
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_LDFLAGS) -o $@ $^ $(HOST_TOOL_LIBRARIES)

# The tool as one file that needs nothing of the Linux system it runs on. The linker's warnings about
# names of hosts and groups are answered by host/static/names.c.
$(BUILD)/quadlane-static: $(HOST_TOOL_OBJECTS) $(BUILD)/host/host/static/names.o
	@mkdir -p $(@D)
	$(HOST_CC) $(HOST_LDFLAGS) -static-pie -o $@ $^ $(HOST_TOOL_LIBRARIES) -lz

# The tool prints its own manual page and completions.
MAN_PAGES   := $(BUILD)/share/quadlane.1
COMPLETIONS := $(BUILD)/share/completion.bash $(BUILD)/share/completion.zsh
ALL         += $(MAN_PAGES) $(COMPLETIONS)

$(BUILD)/share/quadlane.1: $(BUILD)/quadlane
	@mkdir -p $(@D)
	$< manual > $@

$(BUILD)/share/completion.%: $(BUILD)/quadlane
	@mkdir -p $(@D)
	$< completion $* > $@

# The library alone, with sanitizers, for unit tests and fuzz targets.
HOST_ASAN_LIBRARY := $(patsubst %.c,$(BUILD)/asan/%.o,$(HOST_LIBRARY_SOURCES))
HOST_UNIT_TESTS   := $(addprefix $(BUILD)/tests/unit/,test_gdb test_image test_plan test_link test_host_update test_gdb_jlink \
                       test_watched_file)
TEST_PROGRAMS     += $(HOST_UNIT_TESTS)

$(HOST_UNIT_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/asan/tests/unit/%.o $(HOST_ASAN_LIBRARY) \
                    $(BUILD)/asan/tests/unit/fake_board.o $(BUILD)/asan/tests/unit/vectors.o
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined -o $@ $^ $(HOST_LIBRARIES) -lcmocka

# Fuzz targets: everything of ours that the input reaches is compiled for coverage.
HOST_FUZZ_TARGETS := $(addprefix $(BUILD)/fuzz/,fuzz_elf fuzz_hex fuzz_answers fuzz_console)
FUZZ_PROGRAMS     += $(HOST_FUZZ_TARGETS)

$(HOST_FUZZ_TARGETS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o \
                      $(patsubst %.c,$(BUILD)/fuzz/%.o,$(HOST_LIBRARY_SOURCES)) \
                      | tests/fuzz/host_seeds
	@mkdir -p $(@D)
	tests/fuzz/host_seeds $* $(BUILD)/fuzz/found/$*
	$(CLANG) -fsanitize=address,undefined,fuzzer -o $@ $^ $(HOST_LIBRARIES)

# Whose addresses are named.
$(BUILD)/fuzz/tests/fuzz/fuzz_console.o: ASAN_CFLAGS += -DPROGRAM='"$(BUILD)/sdk/blink/blink.elf"'
$(BUILD)/fuzz/fuzz_console: | $(BUILD)/sdk/blink/blink.elf
