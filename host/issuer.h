// Issuers: who may sign keys. A secret file and a public one (SPEC.md section 13, "Files").
//
// SPDX-License-Identifier: MIT
#ifndef HOST_ISSUER_H
#define HOST_ISSUER_H

#include "host/key.h"

struct ql_issuer {
    bool has_secret;
    uint8_t secret[64]; // libsodium's form
    uint8_t key[QL_ISSUER_KEY_SIZE];
};

// Makes a new issuer and writes NAME.key (mode 0600) and NAME.pub; files that exist are never
// overwritten.
int ql_issuer_create(struct ql_issuer *issuer, const char *name, struct ql_failure *failure);
// Reads either kind of file; with `need_secret` a public one is a failure.
int ql_issuer_read(struct ql_issuer *issuer, const char *path, bool need_secret,
                   struct ql_failure *failure);
// Wipes the secret.
void ql_issuer_forget(struct ql_issuer *issuer);

#endif
