# What a program needs to know of the board devebox_h750_v2.
HSE_HZ           ?= 25000000
PROGRAM_AREA_END ?= 0x90800000
LED              ?= A1 low
