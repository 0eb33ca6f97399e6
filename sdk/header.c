// The program's header: name, version, and what it promises, at a fixed place behind the vectors.
//
// app.mk gives QL_APP_NAME, QL_APP_VERSION and QL_APP_CONFIRMS. Written from SPEC.md section 15.
//
// SPDX-License-Identifier: MIT
#include <stddef.h>
#include <stdint.h>

#include "abi/program_header.h"
#include "runtime.h"

struct header {
    char magic[QL_HEADER_MAGIC_SIZE];
    uint16_t version;
    uint16_t size;
    const union ql_vector *program;
    uint32_t flags;
    uint32_t zero;
    char name[QL_HEADER_NAME_SIZE];
    char program_version[QL_HEADER_PROGRAM_VERSION_SIZE];
};

_Static_assert(sizeof(struct header) == QL_HEADER_SIZE, "SPEC.md section 15");
_Static_assert(offsetof(struct header, program) == QL_HEADER_ADDRESS, "SPEC.md section 15");
_Static_assert(offsetof(struct header, name) == QL_HEADER_NAME, "SPEC.md section 15");
_Static_assert(offsetof(struct header, program_version) == QL_HEADER_PROGRAM_VERSION,
               "SPEC.md section 15");
_Static_assert(sizeof QL_APP_NAME - 1 > 0, "APP_NAME is empty");
_Static_assert(sizeof QL_APP_NAME - 1 <= QL_HEADER_NAME_SIZE,
               "APP_NAME has more than 32 characters");
_Static_assert(sizeof QL_APP_VERSION - 1 <= QL_HEADER_PROGRAM_VERSION_SIZE,
               "APP_VERSION has more than 24 characters");

__attribute__((section(".program_header"), used)) static const struct header header = {
    .magic = QL_HEADER_MAGIC,
    .version = 1,
    .size = QL_HEADER_SIZE,
    .program = ql_vectors,
    .flags = QL_APP_CONFIRMS ? QL_HEADER_FLAG_CONFIRMS : 0,
    .name = QL_APP_NAME,
    .program_version = QL_APP_VERSION,
};
