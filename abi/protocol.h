// The wire protocol's numbers: kinds, status codes, offsets and sizes. Written from SPEC.md
// sections 1, 2, 3, 4, 6, 7, 13, 14, 15, 17 and 18; the meaning of each stands there.
//
// Offsets are those of a field in its payload (QL_BODY_: in the body); all integers are
// little-endian and are read and written by abi/bytes.h.
//
// SPDX-License-Identifier: MIT
#ifndef ABI_PROTOCOL_H
#define ABI_PROTOCOL_H

#include <stdint.h>

#define QL_PROTOCOL_VERSION 1

// Section 1: the body of a frame.
enum {
    QL_BODY_KIND = 0,
    QL_BODY_FLAGS = 1,
    QL_BODY_TAG = 2,
    QL_BODY_LENGTH = 4,
    QL_BODY_RESERVED = 6,
    QL_BODY_PAYLOAD = 8,
    QL_BODY_CRC_SIZE = 4,
    QL_PAYLOAD_MAX = 4112,
    QL_BODY_MIN = QL_BODY_PAYLOAD + QL_BODY_CRC_SIZE,
    QL_BODY_MAX = QL_BODY_PAYLOAD + QL_PAYLOAD_MAX + QL_BODY_CRC_SIZE,
};

// Ranges of kinds.
enum {
    QL_KIND_REQUEST_FIRST = 0x01,
    QL_KIND_REQUEST_LAST = 0x3F,
    QL_KIND_STREAM_FIRST = 0x40,
    QL_KIND_STREAM_LAST = 0x5F,
    QL_KIND_ANSWER = 0x80, // an answer's kind = its request's + this
    QL_KIND_EVENT_FIRST = 0xC0,
    QL_KIND_EVENT_LAST = 0xDF,
};

enum ql_kind {
    QL_KIND_HELLO = 0x01,
    QL_KIND_INFO = 0x02,
    QL_KIND_STATUS = 0x03,
    QL_KIND_READ = 0x04,
    QL_KIND_HASH = 0x05,
    QL_KIND_SECTORS = 0x06,
    QL_KIND_BOOT = 0x07,
    QL_KIND_RESET = 0x08,
    QL_KIND_UNLOCK = 0x09,
    QL_KIND_BEGIN = 0x10,
    QL_KIND_END = 0x11,
    QL_KIND_ABORT = 0x12,
    QL_KIND_SETTINGS = 0x13,
    QL_KIND_RAM_WRITE = 0x14,
    QL_KIND_RAM_RUN = 0x15,
    QL_KIND_PROTECT = 0x16,
    QL_KIND_REPLACE = 0x17,
    QL_KIND_ERASE = 0x40,
    QL_KIND_WRITE = 0x41,
    QL_KIND_PROGRESS = 0xC0,
};

// Section 2: answers.
enum {
    QL_ANSWER_STATUS = 0,
    QL_ANSWER_DETAIL = 4,
    QL_ANSWER_CONTENT = 8,
};

enum {
    QL_HELLO_LOWEST = 0,
    QL_HELLO_HIGHEST = 2,
    QL_HELLO_ZERO = 4,
    QL_HELLO_SIZE = 8,
    // content of the answer
    QL_HELLO_VERSION = 0,
    QL_HELLO_PAYLOAD_MAX = 2,
    QL_HELLO_WINDOW = 4,
    QL_HELLO_CAPABILITIES = 8,
    QL_HELLO_SESSION = 12,
    QL_HELLO_UID = 16,
    QL_HELLO_ANSWER_ZERO = 28,
    QL_HELLO_CONTENT_SIZE = 32,
};

enum {
    QL_CAPABILITY_UPDATE = 1 << 0,
    QL_CAPABILITY_SECTORS = 1 << 1,
    QL_CAPABILITY_HASH = 1 << 2,
    QL_CAPABILITY_RESET_STAY = 1 << 3,
    QL_CAPABILITY_RAM = 1 << 4,
    QL_CAPABILITY_LOCKED = 1 << 8, // a state: set while no key has unlocked the board
};

enum {
    QL_READ_ADDRESS = 0,
    QL_READ_LENGTH = 4,
    QL_READ_SIZE = 8,
    QL_READ_LENGTH_MAX = 4096,

    QL_HASH_ADDRESS = 0,
    QL_HASH_LENGTH = 4,
    QL_HASH_SIZE = 8,
    QL_SHA256_SIZE = 32,

    QL_SECTORS_ADDRESS = 0,
    QL_SECTORS_COUNT = 4,
    QL_SECTORS_SIZE = 8,
    QL_SECTORS_COUNT_MAX = 256,
    QL_SECTOR_SIZE = 4096,
    QL_SECTOR_DIGEST_SIZE = 16,

    QL_BOOT_ADDRESS = 0,
    QL_BOOT_ZERO = 4,
    QL_BOOT_SIZE = 8,

    QL_RESET_MODE = 0,
    QL_RESET_SIZE = 4,
    // Bits of the mode.
    QL_RESET_STAY = 1,
    QL_RESET_FORGET_DUMP = 2,
};

enum ql_info_tag {
    QL_INFO_BOARD = 0x01,
    QL_INFO_VERSION = 0x02,
    QL_INFO_JEDEC_ID = 0x03,
    QL_INFO_CHIP_SIZE = 0x04,
    QL_INFO_STATUS_REGISTERS = 0x05,
    QL_INFO_MAPPED_BASE = 0x06,
    QL_INFO_PROGRAM_AREA = 0x07,
    QL_INFO_ERASE_TYPES = 0x08,
    QL_INFO_PAGE = 0x09,
    QL_INFO_STAY_REASON = 0x0A,
    QL_INFO_BOOT_ADDRESS = 0x0B,
    QL_INFO_VERDICT = 0x0C,
    QL_INFO_RESET_CAUSE = 0x0D,
    QL_INFO_IDCODE = 0x0E,
    QL_INFO_CLOCKS = 0x0F,
    QL_INFO_COUNTERS = 0x10,
    QL_INFO_READ_PROTECTION = 0x11,
    QL_INFO_SFDP = 0x12,
    QL_INFO_CHIP_NAME = 0x13,
    QL_INFO_RUN = 0x14, // comes once for each known run
    QL_INFO_SETTINGS = 0x15,
    QL_INFO_LAST_UPDATE = 0x16,
    QL_INFO_OWN_FLASH = 0x17,
    QL_INFO_BOARD_ID = 0x18,
    QL_INFO_LOCK = 0x19,
    QL_INFO_ATTEMPTS = 0x1B,
    QL_INFO_BUILD = 0x1A,
    QL_INFO_DFU = 0x1D,
    QL_INFO_PX4 = 0x1E,
    QL_INFO_FAULT_DUMP = 0x20, // SPEC.md section 22
};

// The value of QL_INFO_PROGRAM_AREA: two words, and two more if the bootloader itself lies in the
// chip.
enum {
    QL_AREA_SIZE = 8,
    QL_AREA_IMAGE = 8,
    QL_AREA_IMAGE_END = 12,
    QL_AREA_SIZE_IMAGE = 16,
};

// The value of QL_INFO_RUN.
enum {
    QL_RUN_ADDRESS = 0,
    QL_RUN_LENGTH = 4,
    QL_RUN_STATE = 8,
    QL_RUN_FLAGS = 9,
    QL_RUN_DIGEST = 12, // the first bytes of its SHA-256
    QL_RUN_DIGEST_SIZE = 8,
    QL_RUN_SIZE = 20,
};

enum ql_run_state {
    QL_RUN_WRITING = 1,
    QL_RUN_SEALED = 2,
};

// The value of QL_INFO_LAST_UPDATE.
enum {
    QL_LAST_KIND = 0,
    QL_LAST_ADDRESS = 4,
    QL_LAST_LENGTH = 8,
    QL_LAST_ID = 12,
    QL_LAST_SIZE = 16,
};

enum ql_last_kind {
    QL_LAST_UNFINISHED = 2,
    QL_LAST_SEALED = 3,
    QL_LAST_COMPLETE = 4,
};

// The value of QL_INFO_BUILD.
enum {
    QL_BUILD_LENGTH = 0,
    QL_BUILD_SHA256 = 4,
    QL_BUILD_SIZE = QL_BUILD_SHA256 + QL_SHA256_SIZE,
};

// The value of QL_INFO_ATTEMPTS.
enum {
    QL_ATTEMPTS_COUNT = 0, // starts that were not confirmed
    QL_ATTEMPTS_LIMIT = 1, // 0: any number
    QL_ATTEMPTS_SIZE = 2,
};

// Section 3.
enum ql_status {
    QL_STATUS_OK = 0,
    QL_STATUS_UNKNOWN_COMMAND = 1,
    QL_STATUS_BAD_REQUEST = 2,
    QL_STATUS_VERSION = 3,
    QL_STATUS_BUSY = 4,
    QL_STATUS_OUT_OF_RANGE = 5,
    QL_STATUS_RESERVED = 6,
    QL_STATUS_ALIGNMENT = 7,
    QL_STATUS_BAD_STACK = 8,
    QL_STATUS_BAD_ENTRY = 9,
    QL_STATUS_BLANK = 10,
    QL_STATUS_NO_UPDATE = 11,
    QL_STATUS_CHIP_ABSENT = 12,
    QL_STATUS_PROTECTED = 13,
    QL_STATUS_ERASE_FAILED = 14,
    QL_STATUS_PROGRAM_FAILED = 15,
    QL_STATUS_VERIFY = 16,
    QL_STATUS_INCOMPLETE = 17,
    QL_STATUS_CHIP_ERROR = 18,
    QL_STATUS_NOT_ALLOWED = 19,
    QL_STATUS_NO_ROOM = 20,
    QL_STATUS_NOT_SEALED = 21,
    QL_STATUS_CHANGED = 22,
    QL_STATUS_BAD_SETTING = 23,
    QL_STATUS_GENERATION = 24,
    QL_STATUS_NO_RAM = 25,
    QL_STATUS_NOT_A_BOOTLOADER = 27,
    QL_STATUS_LOWERS_LOCK = 28,
    QL_STATUS_OPTIONS_FAILED = 29,
    QL_STATUS_LOCKED = 30,
    QL_STATUS_BAD_KEY = 31,
    QL_STATUS_EXPIRED = 32,
    QL_STATUS_WAIT = 33,
};

// Section 4.
enum {
    QL_BEGIN_ID = 0,
    QL_BEGIN_ADDRESS = 4,
    QL_BEGIN_LENGTH = 8,
    QL_BEGIN_FLAGS = 12,
    QL_BEGIN_SHA256 = 16,
    QL_BEGIN_STACK = 48,
    QL_BEGIN_ENTRY = 52,
    QL_BEGIN_OWNER = 56,
    QL_BEGIN_SIZE = 60,
    QL_BEGIN_FLAG_PROGRAM = 1 << 0,

    QL_END_ID = 0,
    QL_END_COUNT = 4,
    QL_END_SIZE = 8,

    QL_ABORT_ID = 0,
    QL_ABORT_SIZE = 4,
};

enum {
    QL_STREAM_ID = 0,
    QL_STREAM_NUMBER = 4,
    QL_STREAM_ADDRESS = 8,
    QL_STREAM_LENGTH = 12, // ERASE: the size, WRITE: the number of bytes that follow
    QL_STREAM_DATA = 16,
    QL_ERASE_SIZE = 16,
    QL_WRITE_GRANULE = 256,
    QL_WRITE_LENGTH_MAX = 4096,
};

enum ql_update_state {
    QL_UPDATE_NONE = 0,
    QL_UPDATE_OPEN = 1,
    QL_UPDATE_VERIFYING = 2,
    QL_UPDATE_COMPLETE = 3,
    QL_UPDATE_FAILED = 4,
    QL_UPDATE_CLOSED = 5,
};

enum {
    QL_PROGRESS_ID = 0,
    QL_PROGRESS_STATE = 4,
    QL_PROGRESS_STATUS = 6,
    QL_PROGRESS_DETAIL = 8,
    QL_PROGRESS_TAKEN = 12, // = next stream number expected
    QL_PROGRESS_EXECUTED = 16,
    QL_PROGRESS_FAULTS = 20,
    QL_PROGRESS_ERASED = 24,
    QL_PROGRESS_PROGRAMMED = 28,
    QL_PROGRESS_SKIPPED = 32,
    QL_PROGRESS_ADDRESS = 36,
    QL_PROGRESS_SIZE = 40,
    // when the board sends it
    QL_PROGRESS_EVERY_BYTES = 16384,
    QL_PROGRESS_EVERY_MS = 250,
    QL_PROGRESS_FAULT_EVERY_MS = 20,
};

// Section 6.
#define QL_USB_VID 0x1209
#define QL_USB_PID 0x0001

// Section 7.
#define QL_MAPPED_BASE    UINT32_C(0x90000000)
#define QL_PROGRAM_FIRST  UINT32_C(0x90100000) // also the default address of a program
#define QL_BOOT_ALIGNMENT UINT32_C(1024)       // what VTOR needs for the H750's vectors

enum ql_stay_reason {
    QL_STAY_NOT = 0,
    QL_STAY_BLANK = 1,
    QL_STAY_BAD_VECTORS = 2,
    QL_STAY_BUTTON = 3,
    QL_STAY_REQUESTED = 4,
    QL_STAY_CHIP_ABSENT = 5,
    QL_STAY_HOST = 6,
    QL_STAY_UNFINISHED = 7,
    QL_STAY_NOT_SEALED = 8,
    QL_STAY_RESET_TWICE = 9,
    QL_STAY_NOT_CONFIRMED = 10,
};

enum {
    QL_START_CONFIGURE_MS = 500, // the host has this long to configure the device,
    QL_START_HELLO_MS = 700,     // and from then on this long for its first frame, if nobody set it
};

// Section 13.
#define QL_BOARD_ID_DOMAIN    "quadlane board id v1" // hashed with the zero at its end
#define QL_ISSUER_DOMAIN      "quadlane issuer v1"
#define QL_KEY_DOMAIN         "quadlane key v1"
#define QL_PERMIT_ALL         UINT32_MAX
#define QL_GENERATION_DEFAULT 1

enum {
    QL_UID_SIZE = 12,
    QL_BOARD_ID_SIZE = 32,
    QL_FINGERPRINT_SIZE = 16, // the first bytes of a SHA-256
    QL_ISSUER_KEY_SIZE = 32,
    QL_SIGNATURE_SIZE = 64,
};

enum ql_permit {
    QL_PERMIT_READ = 1 << 0,
    QL_PERMIT_WRITE = 1 << 1,
    QL_PERMIT_SETTINGS = 1 << 2,
    QL_PERMIT_PROTECT = 1 << 3,
};

enum {
    QL_KEY_VERSION = 0,
    QL_KEY_ZERO = 1,
    QL_KEY_PERMISSIONS = 4,
    QL_KEY_GENERATION = 8,
    QL_KEY_NOT_AFTER = 12, // days since 1970-01-01, 0: none
    QL_KEY_SIGNATURE = 16,
    QL_KEY_SIZE = QL_KEY_SIGNATURE + QL_SIGNATURE_SIZE,
    QL_KEY_TERMS_SIZE = QL_KEY_SIGNATURE,
    QL_KEY_VERSION_KNOWN = 1,

    QL_UNLOCK_TODAY = 0,
    QL_UNLOCK_KEY = 4,
    QL_UNLOCK_SIZE = QL_UNLOCK_KEY + QL_KEY_SIZE,
    QL_UNLOCK_CONTENT_SIZE = 4, // the permissions held now

    QL_UNLOCK_WAIT_FIRST_MS = 1000,
    QL_UNLOCK_WAIT_MAX_MS = 60000,
};

enum ql_lock_state {
    QL_LOCK_OPEN = 0,
    QL_LOCK_LOCKED = 1,
    QL_LOCK_UNLOCKED = 2,
};

// INFO item QL_INFO_LOCK.
enum {
    QL_LOCK_STATE = 0,
    QL_LOCK_PERMISSIONS = 4,
    QL_LOCK_GENERATION = 8,
    QL_LOCK_ISSUER = 12, // absent if the board is open
    QL_LOCK_SIZE_OPEN = 12,
    QL_LOCK_SIZE = QL_LOCK_ISSUER + QL_FINGERPRINT_SIZE,
};

// Section 14.
enum {
    QL_SETTINGS_SIZE = 240, // at most
    QL_SETTING_TEXT_MAX = 32,
    QL_SETTINGS_END = 0xFF, // in place of a tag
};

enum ql_setting {
    QL_SETTING_BOOT_ADDRESS = 0x01,
    QL_SETTING_WINDOW = 0x02,
    QL_SETTING_ATTEMPTS = 0x03,
    QL_SETTING_DOUBLE_RESET = 0x04,
    QL_SETTING_LED = 0x05,
    QL_SETTING_MANUFACTURER = 0x06,
    QL_SETTING_PRODUCT = 0x07,
    QL_SETTING_GENERATION = 0x08,
};

enum ql_led {
    QL_LED_DARK = 0,
    QL_LED_ALL = 1,
    QL_LED_WRONG = 2, // only what is wrong
};

enum {
    QL_WINDOW_MAX_MS = 60000,
    QL_ATTEMPTS_DEFAULT = 3,
};

#define QL_MANUFACTURER_DEFAULT "quadlane"
#define QL_PRODUCT_SUFFIX       " (quadlane)" // behind the owner's product

// Section 17.
enum {
    QL_RAM_WRITE_ADDRESS = 0,
    QL_RAM_WRITE_LENGTH = 4,
    QL_RAM_WRITE_DATA = 8,
    QL_RAM_WRITE_GRANULE = 8, // of address and length
    QL_RAM_WRITE_LENGTH_MAX = 4096,

    QL_RAM_RUN_ADDRESS = 0,
    QL_RAM_RUN_COUNT = 4,
    QL_RAM_RUN_SHA256 = 8,
    QL_RAM_RUN_PIECES = QL_RAM_RUN_SHA256 + QL_SHA256_SIZE,
    QL_RAM_PIECE_ADDRESS = 0,
    QL_RAM_PIECE_LENGTH = 4,
    QL_RAM_PIECE_SIZE = 8,
    QL_RAM_PIECES_MAX = 8,
    QL_RAM_RUN_SIZE = QL_RAM_RUN_PIECES + QL_RAM_PIECES_MAX * QL_RAM_PIECE_SIZE,
};

_Static_assert(QL_RAM_RUN_SIZE == 104, "SPEC.md section 17: RAM_RUN");
_Static_assert(QL_RAM_WRITE_DATA + QL_RAM_WRITE_LENGTH_MAX <= QL_PAYLOAD_MAX,
               "RAM_WRITE fits a payload");

// Section 18.
#define QL_BOOTLOADER_ADDRESS UINT32_C(0x08000000)
#define QL_BOOTLOADER_MAX     UINT32_C(131072)
#define QL_STAGING_ADDRESS    UINT32_C(0x24060000) // where RAM_WRITE puts a new bootloader
#define QL_MARKER_MAGIC       UINT32_C(0x424C4451) // "QDLB"
#define QL_PROTECT_WORD       UINT32_C(0x544F5250) // "PROT"

enum {
    // The marker, at this offset of an image, and its fields from there on.
    QL_MARKER_OFFSET = 0x2C0,
    QL_MARKER_VERSION = 4,
    QL_MARKER_SIZE_FIELD = 6,
    QL_MARKER_ADDRESS = 8,
    QL_MARKER_LENGTH = 12,
    QL_MARKER_CRC = 16,
    QL_MARKER_TEXT = 20, // the bootloader's version
    QL_MARKER_TEXT_SIZE = 12,
    QL_MARKER_BOARD = 32,
    QL_MARKER_BOARD_SIZE = 32,
    QL_MARKER_LOCK = 64,
    QL_MARKER_GENERATION = 68,
    QL_MARKER_ISSUER = 72,
    QL_MARKER_ZERO = 104,
    QL_MARKER_SIZE = 128,
    QL_MARKER_VERSION_KNOWN = 1,
    QL_MARKER_LOCKED = 1,
    QL_BOOTLOADER_MIN = QL_MARKER_OFFSET + QL_MARKER_SIZE,

    QL_PROTECT_WHAT = 0,
    QL_PROTECT_CHECK = 4,
    QL_PROTECT_SIZE = 8,

    QL_REPLACE_LENGTH = 0,
    QL_REPLACE_FLAGS = 4,
    QL_REPLACE_SHA256 = 8,
    QL_REPLACE_SIZE = 40,
    QL_REPLACE_CONTENT_SIZE = 4,
    QL_REPLACE_LOWER_LOCK = 1 << 0,
    QL_REPLACE_CHECK_ONLY = 1 << 1,

    // INFO item QL_INFO_OWN_FLASH
    QL_OWN_FLASH_RDP = 0,
    QL_OWN_FLASH_WRITE = 1,
    QL_OWN_FLASH_SIZE = 4,
};

enum ql_protect {
    QL_PROTECT_READ = 1,      // read-out protection level 1
    QL_PROTECT_WRITE = 2,     // the sector cannot be erased or programmed
    QL_PROTECT_WRITE_OFF = 3, // it can be again
};

_Static_assert(QL_MARKER_ZERO + 24 == QL_MARKER_SIZE, "a marker has 128 bytes");
_Static_assert(QL_KEY_SIZE == 80 && QL_UNLOCK_SIZE == 84, "SPEC.md section 13: a key");
_Static_assert(QL_BODY_MIN == 12 && QL_BODY_MAX == 4124, "SPEC.md section 1: size of a body");
_Static_assert(QL_STREAM_DATA + QL_WRITE_LENGTH_MAX == QL_PAYLOAD_MAX, "a WRITE fills a payload");
_Static_assert(QL_ANSWER_CONTENT + QL_READ_LENGTH_MAX <= QL_PAYLOAD_MAX, "READ fits its answer");
_Static_assert(QL_ANSWER_CONTENT + QL_SECTORS_COUNT_MAX * QL_SECTOR_DIGEST_SIZE <= QL_PAYLOAD_MAX,
               "SECTORS fits its answer");
_Static_assert(QL_BEGIN_SHA256 + QL_SHA256_SIZE == QL_BEGIN_STACK, "BEGIN is laid out in a row");
_Static_assert(QL_BEGIN_OWNER + 4 == QL_BEGIN_SIZE, "BEGIN has 60 bytes");
_Static_assert(QL_RUN_DIGEST + QL_RUN_DIGEST_SIZE == QL_RUN_SIZE, "a run's item has 20 bytes");
_Static_assert(QL_PROGRESS_ADDRESS + 4 == QL_PROGRESS_SIZE, "a progress record has 40 bytes");
_Static_assert(QL_HELLO_ANSWER_ZERO + 4 == QL_HELLO_CONTENT_SIZE, "HELLO answers 32 bytes");

// Section 19.
enum {
    QL_DFU_TRANSFER_SIZE = 4096,
    QL_UPDATE_SILENCE_MS = 10000, // after which a download closes the serial port's update
    // The value of QL_INFO_DFU.
    QL_DFU_FAILURE_STATUS = 0,
    QL_DFU_FAILURE_DETAIL = 4,
    QL_DFU_FAILURE_SIZE = 8,
};

#endif
