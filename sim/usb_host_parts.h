// The inside of the USB host model, shared by the files usb_host*.c only.
//
// usb_host.c: the port (connect, reset, suspend) and its face; usb_host_wire.c: frames and
// transactions; usb_host_enumerate.c: what Linux asks of a new device; usb_host_descriptors.c: what
// it accepts; usb_host_acm.c: the CDC-ACM driver; usb_host_control.c: transfers of programs;
// usb_host_remote.c: drivers elsewhere, whose requests come over a cable.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_USB_HOST_PARTS_H
#define SIM_USB_HOST_PARTS_H

#include "sim/machine.h"
#include "sim/usb_host.h"
#include "sim/usb_host_remote.h"

#define CONTROL_DATA_MAX  65536u
#define CONFIGURATION_MAX 4096u
#define CONTROL_QUEUE_MAX 8u
#define OUT_QUEUE_SIZE    16384u
#define PACKET_MAX        64u
#define PIPES_MAX         30u
#define PROGRAM_DATA_MAX  8192u

enum control_result {
    CONTROL_OK,
    CONTROL_STALL,
    CONTROL_ERROR, // three times no answer
    CONTROL_TIMEOUT,
};

struct usb_request {
    uint8_t setup[8];
    uint8_t data[8];          // of the data stage towards the device
    const uint8_t *long_data; // the same if 8 bytes are not enough, else NULL; lives until `done`
    bool patient;             // whoever asks has a time limit of his own
    void (*done)(struct usb_host *host, enum control_result result, size_t length);
};

enum control_stage { CONTROL_IDLE, CONTROL_SETUP, CONTROL_DATA, CONTROL_STATUS };

struct control_pipe {
    enum control_stage stage;
    struct usb_request request;
    uint8_t data[CONTROL_DATA_MAX]; // what the device sent
    size_t length;                  // of the data stage so far
    bool data1;
    bool naked; // the last answer was NAK
    unsigned errors;
    struct event timeout;
    struct usb_request queue[CONTROL_QUEUE_MAX];
    unsigned queued;
};

struct data_pipe;

// Who uses a pipe: asked for packets and told of what became of them.
struct pipe_user {
    bool (*wanted)(const struct usb_host *host, const struct data_pipe *pipe); // has work for it
    size_t (*next_packet)(struct usb_host *host, struct data_pipe *pipe, uint8_t *packet); // peeks
    void (*sent)(struct usb_host *host, struct data_pipe *pipe, size_t length);
    void (*received)(struct usb_host *host, struct data_pipe *pipe, const uint8_t *data,
                     size_t length);
    void (*halted)(struct usb_host *host, struct data_pipe *pipe); // STALL
    void (*failed)(struct usb_host *host, struct data_pipe *pipe); // three times no answer
};

struct data_pipe {
    bool present;
    uint8_t endpoint; // number without direction
    bool in;
    const struct pipe_user *user;
    uint16_t max_packet;
    uint16_t interval; // frames; 0: bulk
    bool data1;
    bool naked;
    bool halted; // STALL; CLEAR_FEATURE is under way
    bool due;    // interrupt: to be asked in this frame
    unsigned errors;
    uint64_t resume_ns; // after errors: not before
};

enum wire_kind { WIRE_IDLE, WIRE_SETUP, WIRE_OUT, WIRE_IN_END };

struct wire {
    struct event event;
    bool running;                       // frames are sent
    struct data_pipe *pipes[PIPES_MAX]; // of the present configuration
    unsigned pipe_count;
    bool waiting; // all that is pending was answered with NAK
    uint64_t wait_start_ns;
    uint64_t frame_start_ns;
    uint16_t frame;
    enum wire_kind kind;
    struct data_pipe *pipe; // of the transaction, NULL: control
    uint8_t packet[PACKET_MAX];
    size_t length;
    bool data1;
    unsigned turn;
};

enum hub_state {
    HUB_EMPTY,
    HUB_DEBOUNCE,
    HUB_BEFORE_RESET,
    HUB_RESET,
    HUB_RECOVERY,
    HUB_ADDRESS_SETTLES,
    HUB_TALKING, // enumerating or configured
    HUB_FAILED,
};

struct acm_function {
    bool present;
    uint8_t control_interface;
    uint8_t data_interface;
    uint8_t capabilities; // bmCapabilities of the ACM descriptor
    struct data_pipe notify, in, out;
};

// usb_host_control.c: the transfer of a program.
struct program_transfer {
    bool under_way;
    uint8_t setup[8];
    uint8_t data[PROGRAM_DATA_MAX];
    void (*done)(void *context, enum usb_transfer_result result, const uint8_t *data,
                 size_t length);
    void *context;
};

struct urb_queue {
    struct urb *first;
    struct urb **end;
};

// usb_host_remote.c: the device as a driver elsewhere sees it.
struct remote {
    bool used;
    bool present; // `connected` was told
    bool ready;   // not between a reset and the end of the enumeration behind it
    struct remote_events events;
    struct remote_view view;
    uint8_t device[18]; // as told
    uint8_t configuration[CONFIGURATION_MAX];
    struct urb_queue queues[URB_ENDPOINTS];
    struct data_pipe pipes[PIPES_MAX];
    uint8_t pipe_interfaces[PIPES_MAX];
    unsigned pipe_count;
};

enum acm_state { ACM_CLOSED, ACM_OPEN, ACM_DRAINING };

struct usb_host {
    struct machine *machine;
    struct usb_device_port port;
    bool plugged;
    enum hub_state hub;
    struct event hub_timer;
    struct event detach;
    uint64_t detached_ns;
    bool suspended; // asked for
    bool asleep;    // the device was told
    struct event suspend_timer;

    struct wire wire;
    struct control_pipe control;

    uint8_t address;
    uint8_t next_address;
    uint8_t max_packet0;
    bool second_reset;
    unsigned attempts;
    unsigned step;
    uint8_t device_descriptor[18];
    uint8_t configuration[CONFIGURATION_MAX];
    size_t configuration_length;
    uint16_t bos_length;
    uint16_t language;
    unsigned string_interface; // whose name is asked for
    struct usb_identity identity;
    bool identified;

    struct acm_function acm;
    bool configured; // the serial port exists
    bool wanted_open;
    bool throttled;
    enum acm_state acm_state;
    uint32_t wanted_rate; // that the cable's other side has set
    uint32_t line_rate;
    struct event drain_timer;
    uint8_t out_queue[OUT_QUEUE_SIZE];
    size_t out_head, out_count;
    bool out_refused; // the last send did not take everything
    uint8_t notification[64];
    size_t notification_length;
    struct usb_serial_events events;

    struct program_transfer program;
    struct remote remote;

    bool enumerated; // a program's transfers may come, whatever drivers make of the device
    uint64_t frames, out_bytes, in_bytes, naks, errors, enumerations;
};

void host_violation(struct usb_host *host, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// usb_host_wire.c
void wire_init(struct usb_host *host);
void wire_start(struct usb_host *host);
void wire_stop(struct usb_host *host);
void wire_kick(struct usb_host *host); // something new is pending
void control_init(struct usb_host *host);
// Queues a control transfer; `data` is read for requests towards the device.
void control_submit(struct usb_host *host, const struct usb_request *request);
void control_cancel_all(struct usb_host *host);
// Ends the present transfer if it is `owner`'s (its `done`), without calling it.
void control_cancel(struct usb_host *host,
                    void (*done)(struct usb_host *, enum control_result, size_t));
bool control_busy(const struct usb_host *host);
// The pipes that the wire serves, in this order; `pipe` lives until pipes_remove_all.
void pipe_add(struct usb_host *host, struct data_pipe *pipe, const struct pipe_user *user);
void pipes_remove_all(struct usb_host *host);
void pipe_pause(struct usb_host *host, struct data_pipe *pipe); // not asked for a while

// usb_host.c
void hub_port_failed(struct usb_host *host, const char *what); // resets and tries again, 4 times
void hub_reset_port(struct usb_host *host);                    // a little later
void hub_settle_address(struct usb_host *host);

// usb_host_enumerate.c
void enumerate_start(struct usb_host *host);   // behind a reset
void enumerate_settled(struct usb_host *host); // behind SET_ADDRESS
const uint8_t *next_descriptor(const uint8_t *at, const uint8_t *end);

// usb_host_descriptors.c: complaints end in violations; false: Linux would not use it.
bool check_device_descriptor(struct usb_host *host, const uint8_t *data, size_t length);
void check_bos(struct usb_host *host, const uint8_t *data, size_t length);
bool check_configuration(struct usb_host *host, const uint8_t *data, size_t length);
// A pipe for an endpoint, from its checked descriptor.
void describe_pipe(struct data_pipe *pipe, const uint8_t *descriptor);
// Fills host->acm from a checked configuration.
void find_acm(struct usb_host *host);

// usb_host_control.c
void program_gone(struct usb_host *host);
// usb_host_remote.c
void remote_init(struct usb_host *host);
void remote_probe(struct usb_host *host); // the device is configured
void remote_gone(struct usb_host *host);

// usb_host_acm.c
void acm_init(struct usb_host *host);
void acm_probe(struct usb_host *host); // the device is configured
void acm_gone(struct usb_host *host);

#endif
