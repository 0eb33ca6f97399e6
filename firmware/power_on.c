// The bootloader: starts the program in the quad-SPI chip, or serves a host that wants to change
// it. The same in each image.
//
// Reads from power_on_run downwards as the story from power-on. What is decided and how requests
// are answered stands in core/, SPEC.md says what a host and a program see.
//
// SPDX-License-Identifier: MIT
#include "firmware/power_on.h"

#include <string.h>

#include "abi/protocol.h"
#include "core/boot.h"
#include "core/dfu.h"
#include "core/entry.h"
#include "core/px4.h"
#include "core/server.h"
#include "firmware/board.h"
#include "firmware/chip/hash.h"
#include "firmware/chip/image.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/jump.h"
#include "firmware/chip/panic.h"
#include "firmware/chip/ram.h"
#include "firmware/chip/random.h"
#include "firmware/chip/reset.h"
#include "firmware/chip/time.h"
#include "firmware/chip/uid.h"
#include "firmware/indicator.h"
#include "firmware/usb/cdc.h"
#include "firmware/usb/device.h"
#include "firmware/usb/dfu.h"
#include "firmware/usb/identity.h"

enum {
    RING_SIZE = 80 * 1024, // stream operations; with everything else it fits into DTCM
    ANSWER_LIMIT_MS = 500, // for the last answer to leave before the board starts or resets
    DETACH_MS = 10,        // off the bus long enough for the host to notice
};

static struct nor nor;
static struct server server;
static struct dfu dfu;
static struct px4 px4;
static char dfu_layout_text[DFU_LAYOUT_SIZE];
static struct server_facts facts;
static struct lock_memory lock_memory __attribute__((section(".noinit"), used));
static uint8_t ring[RING_SIZE] __attribute__((section(".noinit.ring"))); // needs no zeros

static bool signal_read(const struct board_signal *signal)
{
    return signal->present && gpio_read(signal->pin) != signal->active_low;
}

static bool usb_power(void)
{
    return !board.vbus.present || signal_read(&board.vbus);
}

static void led_set(bool lit)
{
    if (board.led.present) {
        gpio_write(board.led.pin, lit != board.led.active_low);
    }
}

static void sha256_begin(void *context)
{
    (void)context;
    hash_start();
}

static void sha256_update(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    hash_add(bytes, length);
}

static void sha256_finish(void *context, uint8_t digest[32])
{
    (void)context;
    hash_finish(digest);
}

static const struct sha256_service sha256 = {
    .begin = sha256_begin,
    .update = sha256_update,
    .finish = sha256_finish,
};

static void ram_service_write(void *context, uint32_t address, const uint8_t *bytes,
                              uint32_t length)
{
    (void)context;
    ram_store(address, bytes, length);
}

static const uint8_t *ram_service_bytes(void *context, uint32_t address)
{
    (void)context;
    return ram_pointer(address);
}

// What of the microcontroller's RAM a host may load.
static const struct ram_service *ram_service(void)
{
    static struct ram_area areas[RAM_RANGES_MAX];
    static struct ram_service service = {
        .areas = areas,
        .write = ram_service_write,
        .bytes = ram_service_bytes,
    };
    struct ram_range ranges[RAM_RANGES_MAX];
    service.count = ram_ranges(ranges);
    for (unsigned i = 0; i < service.count; ++i) {
        areas[i] = (struct ram_area){ranges[i].first, ranges[i].end};
    }
    return &service;
}

static void inputs_start(void)
{
    if (board.button.present) {
        gpio_input(board.button.pin, board.button.active_low ? GPIO_PULL_UP : GPIO_PULL_DOWN);
    }
    if (board.vbus.present) {
        gpio_input(board.vbus.pin, board.vbus.active_low ? GPIO_PULL_UP : GPIO_PULL_DOWN);
    }
}

static void server_start(const struct power_on_image *image, const struct reset_words *words)
{
    facts = (struct server_facts){
        .board_name = board.name,
        .version = QUADLANE_VERSION,
        .reset_cause = reset_cause(),
        .attempts = words->attempts,
        .idcode = uid_idcode(),
        .cpu_hz = clock_cpu_hz(),
        .quadspi_hz = qspi_clock_hz(),
        .read_protection = uid_read_protection(),
        .boot_address = QL_PROGRAM_FIRST,
        .reserved_end = board.reserved_end,
        .image_area = image->area,
        .image_area_size = image->area_size,
        .px4_board_id = board.px4_id,
        .px4_board_revision = board.px4_revision,
        .fault_dump = words->has_dump ? words->dump : NULL,
    };
    uid_read(facts.uid);
    const struct server_config config = {
        .facts = &facts,
        .nor = &nor,
        .sha256 = &sha256,
        .policy = &lock_policy,
        .lock_memory = &lock_memory,
        .ram = ram_service(),
        .flash = image->own_flash,
        .ring = ring,
        .ring_size = sizeof ring,
    };
    server_init(&server, &config);
    dfu_init(&dfu, &server, usb_dfu_buffer());
    px4_init(&px4, &server);
}

enum start { START_ALONE, START_BY_HOST, START_IN_RAM };

// The board as the program shall find it (SPEC.md section 8), then the program. One in RAM
// (section 17) needs no chip.
static _Noreturn void program_start(uint32_t address, enum start start)
{
    const bool in_ram = start == START_IN_RAM;
    uint32_t attempts;
    if (!in_ram && server_attempts_next(&server, address, start == START_BY_HOST, &attempts)) {
        reset_attempts_write(attempts);
    }
    const bool mapped = nor.state != NOR_ABSENT || !in_ram;
    hash_stop();
    ram_stop(in_ram);
    if (!clock_is_reset()) {
        // The chip is hidden while its clock changes and shown again at the clock that it keeps.
        if (mapped && nor_unmap(&nor) != 0) {
            reset_into_bootloader();
        }
        clock_reset();
    }
    if (mapped && nor_map(&nor) != 0) {
        reset_into_bootloader();
    }
    const struct board_signal *signals[] = {&board.led, &board.button, &board.vbus};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
        if (signals[i]->present && gpio_port_is_on(signals[i]->pin.port)) {
            gpio_pin_reset(signals[i]->pin);
        }
    }
    gpio_ports_reset_except(qspi_ports(&board.qspi));
    jump(address);
}

static void build_identify(void)
{
    facts.build_size = image_size();
    hash_start();
    hash_add(image_start(), facts.build_size);
    hash_finish(facts.build_sha256);
}

static void usb_start(void)
{
    clock_fast(&board.crystal);
    facts.cpu_hz = clock_cpu_hz();
    facts.quadspi_hz = qspi_clock_hz();
    facts.session = random_word();
    lock_identify(&server.lock); // while nothing else hashes
    build_identify();
    const struct settings *settings = server_settings(&server);
    dfu_layout(&dfu, dfu_layout_text);
    usb_device_start(usb_identity(board.name, facts.uid, settings->manufacturer, settings->product,
                                  dfu_layout_text));
}

static void usb_stop(void)
{
    usb_device_stop();
    uint32_t since_ms = time_now_ms();
    while (time_now_ms() - since_ms < DETACH_MS) {
        interrupt_wait(interrupt_notes());
    }
}

// Another host may be there now: what the one before has begun, and its key, count no more.
static bool line_has_changed(void)
{
    static uint32_t generation;
    if (usb_device_generation() == generation) {
        return false;
    }
    generation = usb_device_generation();
    server_line_reset(&server);
    px4_line_reset(&px4);
    dfu_line_reset(&dfu);
    return true;
}

// Bytes from the host, as far as they are taken. Returns whether some are left.
static bool receive(void)
{
    static uint8_t bytes[256];
    static size_t length, used;

    if (line_has_changed()) {
        length = used = 0;
    }
    for (;;) {
        if (used == length) {
            used = 0;
            length = cdc_read(bytes, sizeof bytes);
        }
        // Looked at behind the reading, so that no byte of a new host passes for the old one's;
        // these bytes may be either's, and whoever sent them sends them again.
        if (line_has_changed()) {
            used = length;
        } else if (length == 0) {
            return false;
        } else {
            size_t taken = px4_receive(&px4, bytes + used, length - used);
            used += taken;
            if (taken == 0) {
                return true;
            }
        }
    }
}

// Bytes from the host, work, bytes to the host. Returns whether there is more to do at once.
static bool serve_once(void)
{
    uint8_t bytes[256];
    size_t length, room;

    bool left = receive();
    usb_dfu_serve(&dfu);
    usb_identity_reason(dfu_reason(&dfu));
    bool more = server_run(&server);
    more = dfu_run(&dfu) || more;
    more = px4_run(&px4) || more;
    while ((room = cdc_room()) > 0 &&
           (length = px4_transmit(&px4, bytes, room < sizeof bytes ? room : sizeof bytes)) > 0) {
        cdc_write(bytes, length);
    }
    return more || (left && px4_is_ready(&px4));
}

static unsigned led_flashes(bool panicked)
{
    switch (facts.stay_reason) {
    case QL_STAY_BAD_VECTORS:
    case QL_STAY_CHIP_ABSENT:
    case QL_STAY_UNFINISHED:
    case QL_STAY_NOT_SEALED:
        return facts.stay_reason;
    case QL_STAY_NOT_CONFIRMED:
        return INDICATOR_NOT_CONFIRMED;
    default:
        return panicked ? INDICATOR_PANIC : 0;
    }
}

static bool led_is_lit(bool panicked)
{
    enum ql_led setting = server_settings(&server)->led;
    bool updating = update_is_open(&server.update);
    unsigned flashes = led_flashes(panicked);
    if (setting == QL_LED_DARK || (setting == QL_LED_WRONG && (updating || flashes == 0))) {
        return false;
    }
    return indicator_is_lit(time_now_ms(), updating, flashes);
}

// A second press of reset counts while the window is open (SPEC.md section 16).
static bool window_is_open;

static void window_open(void)
{
    window_is_open = server_settings(&server)->double_reset;
    if (window_is_open) {
        reset_window_write(entry_window_word(facts.reset_cause));
    }
}

static void window_close(void)
{
    if (window_is_open) {
        reset_window_write(0);
    }
    window_is_open = false;
}

// Of the image that can (SPEC.md section 18); the server asks for it of no other.
static void (*own_flash_replace)(uint32_t length);

static void act(const struct server_action *action)
{
    uint32_t since_ms = time_now_ms();
    window_close(); // the reset to come is no press
    while (!(cdc_has_sent_all() && usb_device_is_quiet()) &&
           time_now_ms() - since_ms < ANSWER_LIMIT_MS) {
        interrupt_wait(interrupt_notes());
    }
    usb_stop();
    if (action->forget_dump) {
        reset_dump_forget();
    }
    switch (action->kind) {
    case SERVER_ACT_BOOT:
        program_start(action->address, START_BY_HOST);
    case SERVER_ACT_BOOT_RAM:
        program_start(action->address, START_IN_RAM);
    case SERVER_ACT_REPLACE:
        own_flash_replace(action->length); // does not return
        break;
    case SERVER_ACT_RESET_STAY:
        reset_into_bootloader();
    default:
        reset_system();
    }
}

// While a host may still come, the whole program is hashed; it starts when nobody came and it is
// unchanged.
struct offer {
    bool open;
    struct boot_window window;
    bool check_begun, check_done;
    struct outcome check;
};

static void offer_begin(struct offer *offer)
{
    offer->open = true;
    window_open();
    boot_window_open(&offer->window, time_now_ms(), server_settings(&server)->window_ms);
}

static void offer_end(struct offer *offer, enum ql_stay_reason reason)
{
    window_close();
    offer->open = false;
    facts.stay_reason = reason;
}

// Returns whether there is more to do at once.
static bool offer_step(struct offer *offer)
{
    enum boot_window_state state =
        boot_window_step(&offer->window, time_now_ms(), usb_device_is_configured(),
                         server_frames_taken(&server) + dfu.transfers + px4.commands);
    if (state == BOOT_WINDOW_STAY) {
        offer_end(offer, QL_STAY_HOST);
        return false;
    }
    if (!offer->check_begun) {
        offer->check_begun = true;
        offer->check = server_check_begin(&server, server_boot_address(&server));
        offer->check_done = offer->check.status != QL_STATUS_OK;
    } else if (!offer->check_done) {
        offer->check_done = server_check_run(&server, server_boot_address(&server), &offer->check);
    } else if (offer->check.status != QL_STATUS_OK) {
        offer_end(offer, QL_STAY_NOT_SEALED);
    } else if (state == BOOT_WINDOW_START) {
        usb_stop();
        window_close();
        program_start(server_boot_address(&server), START_ALONE);
    }
    return offer->open && !offer->check_done;
}

static _Noreturn void serve(bool offered)
{
    struct offer offer = {.open = false};
    bool panicked = panic_last().reason != PANIC_NONE;

    panic_acknowledge();
    if (board.led.present) {
        gpio_output(board.led.pin, board.led.active_low);
    }
    usb_start();
    if (offered) {
        offer_begin(&offer);
    }
    for (;;) {
        uint32_t notes = interrupt_notes();
        // Without a chance to start a program there is nothing to lose by connecting: a board whose
        // VBUS line is not wired as its struct says must stay reachable.
        usb_device_plug(!offer.open || usb_power());
        bool more = serve_once();
        led_set(led_is_lit(panicked));
        struct server_action action = server_action(&server);
        if (action.kind == SERVER_ACT_NOT) {
            action = dfu_action(&dfu);
        }
        if (action.kind == SERVER_ACT_NOT) {
            action = px4_action(&px4);
        }
        if (action.kind != SERVER_ACT_NOT) {
            act(&action);
        }
        if (offer.open && offer_step(&offer)) {
            more = true;
        }
        if (!more) {
            interrupt_wait(notes);
        }
    }
}

void power_on_run(const struct power_on_image *image)
{
    clock_supply_start();
    inputs_start();
    qspi_start(&board.qspi);
    nor_init(&nor, qspi_bus(), (const uint8_t *)QSPI_WINDOW);
    bool chip_usable = nor_start(&nor) == 0;
    const struct reset_words words = reset_words_take();
    server_start(image, &words);
    own_flash_replace = image->own_flash_replace;

    const struct boot_facts boot_facts = {
        .stay_requested = words.stay_requested,
        .reset_twice = server_settings(&server)->double_reset && !reset_has_debugger() &&
                       entry_is_second_press(words.window, facts.reset_cause),
        .button_held = signal_read(&board.button),
        .chip_usable = chip_usable,
        .usb_power = usb_power(),
        .window_ms = server_settings(&server)->window_ms,
        .program = server_start_check(&server, server_boot_address(&server), random_word()),
        .unconfirmed = server_attempts_are_spent(&server),
    };
    struct boot_decision decision = boot_decide(&boot_facts);
    if (decision.action == BOOT_START) {
        program_start(server_boot_address(&server), START_ALONE);
    }
    facts.stay_reason = decision.reason;
    serve(decision.action == BOOT_OFFER);
}
