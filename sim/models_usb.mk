# sim: USB (cores, host model, cables) and its tests.

SIM_OTG_OBJECTS   := $(addprefix sim/,$(addsuffix .o,h750_otg h750_otg_registers h750_otg_endpoint \
	h750_otg_wire))
SIM_USB_OBJECTS   := $(addprefix sim/,$(addsuffix .o,usb_host usb_host_wire usb_host_enumerate \
	usb_host_descriptors usb_host_acm usb_host_control usb_host_remote))
SIM_CABLE_OBJECTS := $(addprefix sim/,$(addsuffix .o,usb_cable usb_cable_path usb_cable_pty \
	usb_cable_lockstep usb_cable_remote usb_cable_redir usb_cable_usbip tcp_socket))

SIM_USB_TESTS := $(addprefix $(BUILD)/asan/tests/model/test_,otg usb_host usb_cable usb_remote usb_peers)

$(BUILD)/asan/tests/model/test_otg: $(addprefix $(BUILD)/asan/,$(SIM_OTG_OBJECTS) $(SIM_USB_OBJECTS))
$(BUILD)/asan/tests/model/test_usb_host: $(addprefix $(BUILD)/asan/,$(SIM_USB_OBJECTS))
$(BUILD)/asan/tests/model/test_usb_remote: $(addprefix $(BUILD)/asan/,$(SIM_USB_OBJECTS))
$(addprefix $(BUILD)/asan/tests/model/test_,usb_cable usb_peers): \
	$(addprefix $(BUILD)/asan/,$(SIM_USB_OBJECTS) $(SIM_CABLE_OBJECTS))
$(addprefix $(BUILD)/asan/tests/model/test_,usb_host usb_cable usb_remote usb_peers): \
	$(BUILD)/asan/tests/model/fake_device.o

$(SIM_USB_TESTS): %: %.o $(SIM_MACHINE_ASAN)
	$(CLANG) -fsanitize=address,undefined $(sort $^) -lcmocka -o $@

TEST_PROGRAMS += $(SIM_USB_TESTS)

# Fuzz target: the cables' peers.
USB_FUZZ         := $(BUILD)/fuzz/fuzz_usb_peers
USB_FUZZ_OBJECTS := $(addprefix $(BUILD)/fuzz/,$(SIM_USB_OBJECTS) $(SIM_CABLE_OBJECTS) \
                    $(SIM_MACHINE_OBJECTS) tests/model/fake_device.o tests/fuzz/fuzz_usb_peers.o)
USB_FUZZ_SEEDS   := $(BUILD)/fuzz/found/fuzz_usb_peers/usbip

$(USB_FUZZ_SEEDS): tests/fuzz/usb_seeds
	tests/fuzz/usb_seeds $(@D)

$(USB_FUZZ): $(USB_FUZZ_OBJECTS) | $(USB_FUZZ_SEEDS)
	$(CLANG) -fsanitize=fuzzer,address,undefined $^ -o $@

FUZZ_PROGRAMS += $(USB_FUZZ)
