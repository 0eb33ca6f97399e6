# What a program needs to know of the board weact_ministm32h750.
HSE_HZ           ?= 25000000
PROGRAM_AREA_END ?= 0x90800000
LED              ?= E3 high
