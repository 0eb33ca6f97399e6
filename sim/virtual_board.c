// A whole virtual board: the microcontroller, its flash chip, its USB host, LED and button.
//
// Memory map of the STM32H750: RM0433 section 2.3 and the CMSIS device header.
//
// SPDX-License-Identifier: MIT
#include "sim/virtual_board.h"

#include "sim/core.h"
#include "sim/h750_flash.h"
#include "sim/h750_quadspi.h"
#include "sim/h750_unmodelled.h"
#include "sim/loader.h"
#include "sim/nor_chip.h"
#include "sim/symbols.h"
#include "sim/usb_host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_SEED      UINT64_C(0x5EED)
#define ROM_BASE         UINT32_C(0x1FF00000)
#define ROM_SIZE         0x1E000u // what lies behind has the unique id
#define RCC_AHB2ENR      0xDCu
#define RCC_AHB4ENR      0xE0u
#define MEMORIES         7u
#define MEMORY_ALIGNMENT 4096u

// The chip's volatile memories. gate_offset 0: always clocked. alias 0: none. The D2 SRAMs of real
// chips answer without the clock that the manual asks for, the backup SRAM does not.
struct memory_description {
    const char *name;
    uint32_t base;
    uint32_t alias;
    uint32_t size;
    uint16_t gate_offset;
    uint8_t gate_bit;
    bool answers_unclocked;
};

static const struct memory_description memories[MEMORIES] = {
    {"ITCM", 0x00000000, 0, 0x10000, 0, 0, false},
    {"DTCM", 0x20000000, 0, 0x20000, 0, 0, false},
    {"AXI SRAM", 0x24000000, 0, 0x80000, 0, 0, false},
    {"SRAM1", 0x30000000, 0x10000000, 0x20000, RCC_AHB2ENR, 29, true},
    {"SRAM2", 0x30020000, 0x10020000, 0x20000, RCC_AHB2ENR, 30, true},
    {"SRAM3", 0x30040000, 0x10040000, 0x8000, RCC_AHB2ENR, 31, true},
    {"SRAM4", 0x38000000, 0, 0x10000, 0, 0, false},
};
static const struct memory_description backup_sram = {"backup SRAM", 0x38800000, 0,    0x1000,
                                                      RCC_AHB4ENR,   28,         false};

struct virtual_board {
    const struct board_description *description;
    struct machine *machine;
    struct core *core;
    struct symbols *symbols;
    struct peripherals peripherals;
    struct nor_chip *chips[2];
    struct quadspi *quadspi;
    struct otg *otg;
    struct usb_host *usb;
    uint8_t *memory[MEMORIES];
    uint8_t *backup_memory;
    uint8_t *rom; // system memory; NULL: nothing was loaded there
    bool boot0;
    bool powered;          // has been on before: RAM content is lost at the next power-on
    bool loaded;           // something was loaded...
    uint32_t load_address; // ...here, the first file's lowest address
    bool led;
    uint64_t power_cycles;
    bool cut_stays; // power does not come back after the cut
};

// --- Power --------------------------------------------------------------------------------------

// RAM after power-on holds something, but nothing to rely on.
static void fill_memory(uint8_t *memory, uint32_t size, uint32_t seed)
{
    uint32_t x = seed | 1;

    for (uint32_t i = 0; i < size; i += 4) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        memcpy(memory + i, &x, 4);
    }
}

static void fill_memories(struct virtual_board *board)
{
    for (unsigned i = 0; i < MEMORIES; i++) {
        fill_memory(board->memory[i], memories[i].size, memories[i].base + 0x1234567u);
        machine_memory_changed(board->machine, memories[i].base, memories[i].size);
    }
    fill_memory(board->backup_memory, backup_sram.size, backup_sram.base);
}

// At the beginning of each reset. There is no battery: the backup domain goes with the supply.
static void reset_starting(void *context, enum reset_kind kind)
{
    struct virtual_board *board = context;

    machine_trace(board->machine, "board", "reset, kind %d", (int)kind);
    if (kind != RESET_POWER_ON || !board->powered) {
        board->powered = true;
        return;
    }
    board->power_cycles++;
    fill_memories(board);
    flash_power_off(board->peripherals.flash);
    for (unsigned i = 0; i < 2 && board->chips[i] != NULL; i++) {
        nor_chip_power_off(board->chips[i]);
        nor_chip_power_on(board->chips[i]);
    }
}

void virtual_board_power_on(struct virtual_board *board)
{
    machine_reset_now(board->machine, RESET_POWER_ON);
}

void virtual_board_power_cycle(struct virtual_board *board)
{
    machine_reset(board->machine, RESET_POWER_ON);
}

static void power_cut(void *context)
{
    struct virtual_board *board = context;

    machine_trace(board->machine, "board", "power is cut at chip operation %" PRIu64,
                  nor_chip_operations(board->chips[0]));
    if (board->cut_stays) {
        machine_stop(board->machine, MACHINE_EXIT_OK);
    } else {
        virtual_board_power_cycle(board);
    }
}

void virtual_board_cut_power_after(struct virtual_board *board, uint64_t operations,
                                   double fraction, bool stay_off)
{
    board->cut_stays = stay_off;
    nor_chip_cut_at(board->chips[0], nor_chip_operations(board->chips[0]) + operations, fraction,
                    power_cut, board);
}

static void flash_power_cut(void *context)
{
    struct virtual_board *board = context;

    machine_trace(board->machine, "board", "power is cut while the internal flash is at work");
    virtual_board_power_cycle(board);
}

void virtual_board_cut_power_in_flash(struct virtual_board *board, uint64_t operations,
                                      double fraction)
{
    flash_cut_after(board->peripherals.flash, operations, fraction, flash_power_cut, board);
}

void virtual_board_seed_tears(struct virtual_board *board, uint64_t seed)
{
    nor_chip_set_seed(board->chips[0], seed);
}

bool virtual_board_wear_out(struct virtual_board *board, uint32_t address, enum nor_fault fault,
                            char *error, size_t error_size)
{
    unsigned count = board->chips[1] != NULL ? 2 : 1;
    size_t size = nor_chip_size(board->chips[0]) * count;
    uint32_t offset = address - QUADSPI_WINDOW;

    if (address < QUADSPI_WINDOW || offset >= size) {
        snprintf(error, error_size, "the chip is mapped at 0x%08X to 0x%08zX", QUADSPI_WINDOW,
                 QUADSPI_WINDOW + size - 1);
        return false;
    }
    // Of two chips the first holds the bytes at even addresses.
    if (!nor_chip_wear_out(board->chips[offset % count], offset / count, fault)) {
        snprintf(error, error_size, "no more bytes can be worn out");
        return false;
    }
    return true;
}

bool virtual_board_preset_status(struct virtual_board *board, const uint8_t status[3], char *error,
                                 size_t error_size)
{
    for (unsigned i = 0; i < 2 && board->chips[i] != NULL; i++) {
        if (!nor_chip_preset_status(board->chips[i], status)) {
            snprintf(error, error_size, "this chip has bits among these that nobody can change");
            return false;
        }
    }
    return true;
}

void virtual_board_set_chip_times(struct virtual_board *board, enum nor_timing timing)
{
    for (unsigned i = 0; i < 2 && board->chips[i] != NULL; i++) {
        nor_chip_set_timing(board->chips[i], timing);
    }
}

// --- Boot ---------------------------------------------------------------------------------------

static bool flash_is_blank(const struct virtual_board *board)
{
    static const uint8_t blank[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

    return memcmp(flash_array(board->peripherals.flash), blank, sizeof(blank)) == 0;
}

// With BOOT0 low and nothing in the internal flash a program that was loaded elsewhere starts, as a
// debugger would start it.
static uint32_t boot_address(void *context)
{
    const struct virtual_board *board = context;

    if (board->loaded && !board->boot0 && flash_is_blank(board) &&
        flash_boot_address(board->peripherals.flash, false) == FLASH_BASE) {
        return board->load_address;
    }
    return flash_boot_address(board->peripherals.flash, board->boot0);
}

bool virtual_board_set_boot0(struct virtual_board *board, bool high)
{
    if (high && board->rom == NULL) {
        return false;
    }
    board->boot0 = high;
    return true;
}

// --- Loading ------------------------------------------------------------------------------------

static uint8_t *memory_new(uint32_t size)
{
    uint8_t *memory = aligned_alloc(MEMORY_ALIGNMENT, size);

    if (memory == NULL) {
        abort();
    }
    return memory;
}

// ST's loader is not part of this board. Somebody's own may be loaded in its place; without one
// there is no memory, rather than one whose bytes are invented.
static void create_rom(struct virtual_board *board, uint32_t address)
{
    if (board->rom == NULL && address - ROM_BASE < ROM_SIZE) {
        board->rom = memory_new(ROM_SIZE);
        memset(board->rom, 0xFF, ROM_SIZE);
        machine_map_memory(board->machine, "ROM", ROM_BASE, ROM_SIZE, board->rom, false);
    }
}

static uint8_t *memory_at(struct virtual_board *board, uint32_t address, size_t length)
{
    const struct memory_region *region = machine_region_at(board->machine, address);

    if (region == NULL || region->memory == NULL ||
        region->size - (address - region->base) < length) {
        return NULL;
    }
    return region->memory + (address - region->base);
}

static bool put(void *context, uint32_t address, const uint8_t *data, size_t length, char *error,
                size_t error_size)
{
    struct virtual_board *board = context;
    uint8_t *memory;

    create_rom(board, address);
    memory = memory_at(board, address, length);
    if (memory == NULL) {
        snprintf(error, error_size,
                 "there is no memory for the %zu bytes at 0x%08" PRIX32 " on this board", length,
                 address);
        return false;
    }
    memcpy(memory, data, length);
    // With two chips the window is a copy of both.
    for (size_t i = 0; board->chips[1] != NULL && address >= QUADSPI_WINDOW && i < length; i++) {
        size_t offset = address - QUADSPI_WINDOW + i;

        nor_chip_array(board->chips[offset % 2])[offset / 2] = data[i];
    }
    machine_memory_changed(board->machine, address, (uint32_t)length);
    return true;
}

bool virtual_board_load(struct virtual_board *board, const char *specification, char *error,
                        size_t error_size)
{
    const struct loader_target target = {.context = board, .write = put};
    uint32_t lowest;

    if (!loader_load(specification, &target, board->symbols, &lowest, error, error_size)) {
        return false;
    }
    if (!board->loaded) {
        board->loaded = true;
        board->load_address = lowest;
    }
    return true;
}

bool virtual_board_write_flash(struct virtual_board *board, uint32_t address, const uint8_t *data,
                               size_t length)
{
    const struct memory_region *region = machine_region_at(board->machine, address);
    uint8_t *memory = memory_at(board, address, length);

    // With two chips the window is a copy of both.
    if (memory == NULL || region->writable || board->chips[1] != NULL) {
        return false;
    }
    if (address - FLASH_BASE < FLASH_SIZE) {
        flash_forget_programmed(board->peripherals.flash, address - FLASH_BASE, (uint32_t)length);
    }
    if (data != NULL) {
        memcpy(memory, data, length);
    } else {
        memset(memory, 0xFF, length);
    }
    machine_memory_changed(board->machine, address, (uint32_t)length);
    return true;
}

// --- LED, button, cable -------------------------------------------------------------------------

static void pins_changed(void *context, struct pin pin)
{
    struct virtual_board *board = context;
    const struct board_description *description = board->description;
    bool led;

    if (description->led.port == 0 || pin.port != description->led.port ||
        pin.number != description->led.number) {
        return;
    }
    led = gpio_pin_mode(board->peripherals.gpio, pin) == PIN_OUTPUT &&
          gpio_level(board->peripherals.gpio, pin) != description->led_active_low;
    if (led != board->led) {
        board->led = led;
        machine_trace(board->machine, "board", "LED %s", led ? "on" : "off");
    }
}

void virtual_board_press(struct virtual_board *board, bool down)
{
    const struct board_description *description = board->description;

    if (description->button.port != 0) {
        gpio_drive(board->peripherals.gpio, description->button,
                   down != description->button_active_low ? PIN_DRIVEN_HIGH : PIN_DRIVEN_LOW);
    }
}

void virtual_board_plug(struct virtual_board *board, bool plugged)
{
    usb_host_plug(board->usb, plugged);
}

static void vbus_changed(void *context, bool on)
{
    struct virtual_board *board = context;

    if (board->description->vbus.port != 0) {
        gpio_drive(board->peripherals.gpio, board->description->vbus,
                   on ? PIN_DRIVEN_HIGH : PIN_DRIVEN_LOW);
    }
}

static bool cpu_sleeping(void *context)
{
    const struct virtual_board *board = context;

    return core_sleeping(board->core);
}

// --- Composition --------------------------------------------------------------------------------

static void map(struct machine *machine, const struct memory_description *description,
                uint32_t base, void *memory)
{
    if (description->gate_offset == 0) {
        machine_map_memory(machine, description->name, base, description->size, memory, true);
    } else {
        machine_map_gated_memory(machine, description->name, base, description->size, memory,
                                 description->gate_offset, description->gate_bit);
        if (description->answers_unclocked) {
            machine_memory_answers_unclocked(machine, base);
        }
    }
}

static void create_memories(struct virtual_board *board)
{
    for (unsigned i = 0; i < MEMORIES; i++) {
        board->memory[i] = memory_new(memories[i].size);
        map(board->machine, &memories[i], memories[i].base, board->memory[i]);
        if (memories[i].alias != 0) {
            map(board->machine, &memories[i], memories[i].alias, board->memory[i]);
        }
    }
    board->backup_memory = memory_new(backup_sram.size);
    map(board->machine, &backup_sram, backup_sram.base, board->backup_memory);
}

static bool create_chips(struct virtual_board *board, const struct virtual_board_settings *settings)
{
    const char *nor_path = settings->nor_path;
    const char *names[2] = {board->description->chip1, board->description->chip2};

    for (unsigned i = 0; i < 2 && names[i] != NULL; i++) {
        const struct nor_model *model =
            settings->chip != NULL ? settings->chip : nor_model_find(names[i]);
        char path[4096];

        if (model == NULL) {
            fprintf(stderr, "quadlane-board: no model of the chip %s\n", names[i]);
            return false;
        }
        snprintf(path, sizeof(path), i == 0 ? "%s" : "%s.2", nor_path != NULL ? nor_path : "");
        board->chips[i] = nor_chip_create(board->machine, model, i == 0 ? "chip 1" : "chip 2",
                                          nor_path != NULL ? path : NULL);
        if (board->chips[i] == NULL) {
            return false;
        }
    }
    return true;
}

static void create_usb(struct virtual_board *board, bool plugged)
{
    const struct otg_board otg_board = {
        .context = board, .cpu_sleeping = cpu_sleeping, .vbus = vbus_changed};
    enum otg_core other =
        board->description->usb == OTG_CORE_OTG2_FS ? OTG_CORE_OTG1_HS : OTG_CORE_OTG2_FS;
    const struct otg_board unconnected = {0};

    board->otg = otg_create(board->machine, board->peripherals.rcc, board->peripherals.gpio,
                            board->description->usb, &otg_board);
    otg_create(board->machine, board->peripherals.rcc, board->peripherals.gpio, other,
               &unconnected);
    board->usb = usb_host_create(board->machine, otg_port(board->otg), plugged);
    otg_connect(board->otg, board->usb);
}

static void create_parts(struct virtual_board *board, const struct virtual_board_settings *settings)
{
    struct peripherals_settings peripherals = {.hse_hz = settings->board->hse_hz,
                                               .lse_hz = settings->board->lse_hz,
                                               .random_seed = RANDOM_SEED};

    memcpy(peripherals.unique_id, settings->unique_id, sizeof(peripherals.unique_id));
    peripherals_create(&board->peripherals, board->machine, &peripherals);
    create_memories(board);
    fill_memories(board);
    gpio_on_change(board->peripherals.gpio, pins_changed, board);
}

struct virtual_board *virtual_board_create(const struct virtual_board_settings *settings)
{
    struct virtual_board *board = calloc(1, sizeof(*board));

    if (board == NULL) {
        abort();
    }
    board->description = settings->board;
    board->machine = machine_create();
    board->symbols = symbols_create();
    board->core = core_create(board->machine, board->symbols);
    create_parts(board, settings);
    if (!create_chips(board, settings)) {
        return NULL; // the process ends
    }
    board->quadspi = quadspi_create(board->machine, board->peripherals.rcc, board->peripherals.gpio,
                                    &settings->board->quadspi, board->chips[0], board->chips[1]);
    create_usb(board, settings->usb_plugged);
    unmodelled_create(board->machine);
    virtual_board_press(board, false);
    core_on_boot(board->core, boot_address, board);
    machine_on_reset(board->machine, reset_starting, board);
    machine_add_statistic(board->machine, "power_cycles", &board->power_cycles);
    return board;
}

// The models live as long as the process; what must be put away is the chip's file.
void virtual_board_destroy(struct virtual_board *board)
{
    for (unsigned i = 0; i < 2 && board->chips[i] != NULL; i++) {
        nor_chip_destroy(board->chips[i]);
    }
}

// --- Parts --------------------------------------------------------------------------------------

struct machine *virtual_board_machine(struct virtual_board *board)
{
    return board->machine;
}

struct core *virtual_board_core(struct virtual_board *board)
{
    return board->core;
}

struct usb_host *virtual_board_usb(struct virtual_board *board)
{
    return board->usb;
}

const struct peripherals *virtual_board_peripherals(const struct virtual_board *board)
{
    return &board->peripherals;
}

const struct board_description *virtual_board_description(const struct virtual_board *board)
{
    return board->description;
}

void virtual_board_print_statistics(struct virtual_board *board, FILE *stream)
{
    core_update_statistics(board->core);
    machine_print_statistics(board->machine, stream);
}
