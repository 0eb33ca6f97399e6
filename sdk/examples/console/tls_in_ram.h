// A TLS connection between two ends in the same program.
//
// SPDX-License-Identifier: MIT
#ifndef CONSOLE_TLS_IN_RAM_H
#define CONSOLE_TLS_IN_RAM_H

#include <stddef.h>

struct tls_result {
    char cipher_suite[64]; // what both ends agreed on
    char answer[256];      // what the client got back: the message, with its case turned around
    size_t answer_size;
    unsigned bytes_on_the_line;
};

// Client and server shake hands (TLS 1.2, certificates checked), the client sends `message` of at
// most 256 bytes, the server answers. Returns 0 or mbedTLS's error code.
int tls_in_ram(const void *message, size_t size, struct tls_result *result);

#endif
