# What a program needs to know of the board stm32h750b_dk.
HSE_HZ           ?= 25000000
PROGRAM_AREA_END ?= 0x98000000
LED              ?= I13 low
