# core: the device's logic, without registers, and the tests of abi and core.
# The policies and the signature check are linked by choice.
CORE_SOURCES := $(filter-out core/lock_open.c core/ed25519_sodium.c,$(sort $(wildcard core/*.c)))

UNIT_TESTS   := $(addprefix $(BUILD)/tests/unit/test_,crc32 cobs frame sfdp nor records update seals server \
                boot bootloader entry lock ram_program dfu px4 settings)
UNIT_SHARED  := tests/unit/fake_nor.c tests/unit/rig.c tests/unit/sodium_hash.c tests/unit/vectors.c
# Tests make their own policies; this is the one of an image without an issuer.
UNIT_SHARED  += core/lock_open.c
UNIT_OBJECTS := $(patsubst %.c,$(BUILD)/asan/%.o,$(ABI_SOURCES) $(CORE_SOURCES) $(UNIT_SHARED))

$(UNIT_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/asan/tests/unit/%.o $(UNIT_OBJECTS)
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -lsodium -o $@

TEST_PROGRAMS += $(UNIT_TESTS)

# The driver on the virtual board's chip, which knows nothing of it.
UNIT_ON_MODEL         := $(addprefix $(BUILD)/tests/unit/test_,nor_chips nor_on_model power_cuts)
UNIT_ON_MODEL_OBJECTS := $(patsubst %.c,$(BUILD)/asan/%.o,$(ABI_SOURCES) $(CORE_SOURCES) \
                           core/lock_open.c tests/unit/model_bus.c tests/unit/model_stranger.c \
                           tests/unit/sodium_hash.c)

$(UNIT_ON_MODEL): $(BUILD)/tests/unit/%: $(BUILD)/asan/tests/unit/%.o $(UNIT_ON_MODEL_OBJECTS) \
                  $$(NOR_ASAN) $$(SIM_MACHINE_ASAN)
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -lsodium -o $@

TEST_PROGRAMS += $(UNIT_ON_MODEL)

# The device's side of the line under libFuzzer, with the vectors as seeds.
FUZZ_DEVICE         := $(BUILD)/fuzz/fuzz_device_frames
FUZZ_DEVICE_SOURCES := $(ABI_SOURCES) $(CORE_SOURCES) core/lock_open.c tests/unit/fake_nor.c \
                       tests/unit/sodium_hash.c tests/fuzz/device_chip.c tests/fuzz/fuzz_device_frames.c
FUZZ_DEVICE_OBJECTS := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(FUZZ_DEVICE_SOURCES))

# Seeds lie where tests/fuzz/run keeps what it finds: one for each vector, and the whole session.
FUZZ_DEVICE_SEEDS   := $(BUILD)/fuzz/found/fuzz_device_frames/session_bodies

$(FUZZ_DEVICE_SEEDS): tests/fuzz/device_seeds tests/vectors/frames.txt
	$< tests/vectors/frames.txt $(@D)

$(FUZZ_DEVICE): $(FUZZ_DEVICE_OBJECTS) | $(FUZZ_DEVICE_SEEDS)
	$(CLANG) -fsanitize=fuzzer,address,undefined $^ -lsodium -o $@

FUZZ_PROGRAMS += $(FUZZ_DEVICE)

# The DFU interface: requests of all kinds, with what dfu-util does as seeds.
FUZZ_DFU         := $(BUILD)/fuzz/fuzz_dfu
FUZZ_DFU_OBJECTS := $(filter-out %/fuzz_device_frames.o,$(FUZZ_DEVICE_OBJECTS)) $(BUILD)/fuzz/tests/fuzz/fuzz_dfu.o
FUZZ_DFU_SEEDS   := $(BUILD)/fuzz/found/fuzz_dfu/blank

$(FUZZ_DFU_SEEDS): tests/fuzz/dfu_seeds
	$< $(@D)

$(FUZZ_DFU): $(FUZZ_DFU_OBJECTS) | $(FUZZ_DFU_SEEDS)
	$(CLANG) -fsanitize=fuzzer,address,undefined $^ -lsodium -o $@

FUZZ_PROGRAMS += $(FUZZ_DFU)
