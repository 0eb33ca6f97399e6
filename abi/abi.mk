# abi: contracts between parts that are built apart.
ABI_SOURCES := abi/cobs.c abi/crc32.c abi/frame.c
