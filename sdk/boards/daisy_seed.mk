# What a program needs to know of the board daisy_seed.
HSE_HZ           ?= 16000000
PROGRAM_AREA_END ?= 0x90800000
LED              ?= C7 high
