# sim: USB (cores, host model, cables) and its tests.

SIM_OTG_OBJECTS   := $(addprefix sim/,$(addsuffix .o,h750_otg h750_otg_registers h750_otg_endpoint \
	h750_otg_wire))
SIM_USB_OBJECTS   := $(addprefix sim/,$(addsuffix .o,usb_host usb_host_wire usb_host_enumerate \
	usb_host_descriptors usb_host_acm usb_host_control))
SIM_CABLE_OBJECTS := $(addprefix sim/,$(addsuffix .o,usb_cable usb_cable_path usb_cable_pty \
	usb_cable_lockstep))

SIM_USB_TESTS := $(addprefix $(BUILD)/asan/tests/model/test_,otg usb_host usb_cable)

$(BUILD)/asan/tests/model/test_otg: $(addprefix $(BUILD)/asan/,$(SIM_OTG_OBJECTS) $(SIM_USB_OBJECTS))
$(BUILD)/asan/tests/model/test_usb_host: $(addprefix $(BUILD)/asan/,$(SIM_USB_OBJECTS))
$(BUILD)/asan/tests/model/test_usb_cable: \
	$(addprefix $(BUILD)/asan/,$(SIM_USB_OBJECTS) $(SIM_CABLE_OBJECTS))
$(addprefix $(BUILD)/asan/tests/model/test_,usb_host usb_cable): \
	$(BUILD)/asan/tests/model/fake_device.o

$(SIM_USB_TESTS): %: %.o $(SIM_MACHINE_ASAN)
	$(CLANG) -fsanitize=address,undefined $(sort $^) -lcmocka -o $@

TEST_PROGRAMS += $(SIM_USB_TESTS)
