# What a program needs to know of the board art_pi.
HSE_HZ           ?= 25000000
PROGRAM_AREA_END ?= 0x90800000
LED              ?= I8 low
