// keys.json: keys of many boards in one JSON object (SPEC.md section 13, "Files").
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_KEYS_FILE_H
#define HOST_CLI_KEYS_FILE_H

#include "host/key.h"

#include <jansson.h>

#define KEYS_FILE_NAME  "keys.json"
#define KEYS_PATH_SIZE  1024
#define KEYS_PLACES_MAX 3

// Where keys.json is looked for: beside the tool, in the working directory, in the user's
// configuration directory.
struct keys_places {
    char paths[KEYS_PLACES_MAX][KEYS_PATH_SIZE];
    size_t count;
};
void keys_places(struct keys_places *places);

// Reads the file. The object is the caller's.
int keys_load(const char *path, json_t **object, struct ql_failure *failure);
// Sets one board's key in the file, which is replaced as a whole or stays as it is; other entries
// stay. A file that is not there is made (mode 0600).
int keys_put(const char *path, const char *board_id, const char *key, struct ql_failure *failure);

// Looks for this board's key: in the named file, or with a null pointer in all places. Returns 0
// with *path; -QL_LOCKED: there is none; others: a file cannot be read.
int keys_find(const char *named, const uint8_t board_id[QL_BOARD_ID_SIZE], struct ql_key *key,
              char path[KEYS_PATH_SIZE], struct ql_failure *failure);

#endif
