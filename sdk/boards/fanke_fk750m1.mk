# What a program needs to know of the board fanke_fk750m1.
HSE_HZ           ?= 25000000
PROGRAM_AREA_END ?= 0x90800000
LED              ?= C13 low
