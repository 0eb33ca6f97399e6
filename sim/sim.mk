# sim: the virtual board quadlane-board and the tests of its models.

# The part of the machine that links without a processor: what tests of single models need.
SIM_MACHINE_OBJECTS := $(addprefix sim/,machine.o machine_time.o machine_report.o machine_watch.o)
SIM_MACHINE_ASAN    := $(addprefix $(BUILD)/asan/,$(SIM_MACHINE_OBJECTS))

# The models' tests: each fragment names its own programs and objects.
include $(wildcard sim/models_*.mk)
