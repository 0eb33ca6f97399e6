# What a program needs to know of the board sp_racing_h7_extreme.
HSE_HZ           ?= 8000000
PROGRAM_AREA_END ?= 0x90F80000
LED              ?= E3 low
