// Whole files in and out, with sentences for what can be wrong with them.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include "host/error.h"

#include <stddef.h>
#include <stdint.h>

// The bytes are the caller's to free. Also reads pipes. At most 1 GiB.
int ql_file_read(const char *path, uint8_t **bytes, size_t *size, struct ql_failure *failure);
// Finds out whether the file can be written, without changing what it holds.
int ql_file_check_writable(const char *path, struct ql_failure *failure);
int ql_file_write(const char *path, const uint8_t *bytes, size_t size, struct ql_failure *failure);

#endif
