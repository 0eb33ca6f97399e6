# core: the device's logic, without registers.
CORE_SOURCES := core/boot.c core/nor.c core/nor_table.c core/server.c core/server_info.c core/sfdp.c core/update.c
