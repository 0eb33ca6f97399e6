// The header by which a program tells its name, at a fixed place behind its vectors. Written from
// SPEC.md section 15; the meaning of each field stands there. Offsets are from the header's start.
//
// SPDX-License-Identifier: MIT
#ifndef ABI_PROGRAM_HEADER_H
#define ABI_PROGRAM_HEADER_H

#define QL_HEADER_OFFSET 0x2C0 // from the program's start
#define QL_HEADER_MAGIC  "QLHEADER"

enum {
    QL_HEADER_MAGIC_SIZE = 8,
    QL_HEADER_VERSION = 8,
    QL_HEADER_SIZE_FIELD = 10,
    QL_HEADER_ADDRESS = 12,
    QL_HEADER_FLAGS = 16,
    QL_HEADER_ZERO = 20,
    QL_HEADER_NAME = 24,
    QL_HEADER_NAME_SIZE = 32,
    QL_HEADER_PROGRAM_VERSION = 56,
    QL_HEADER_PROGRAM_VERSION_SIZE = 24,
    QL_HEADER_SIZE = 80,
    QL_HEADER_FLAG_CONFIRMS = 1 << 0,
};

#endif
