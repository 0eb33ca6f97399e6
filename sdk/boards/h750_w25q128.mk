# What a program needs to know of the board h750_w25q128.
HSE_HZ           ?= 8000000
PROGRAM_AREA_END ?= 0x91000000
LED              ?= E3 low
