// HASH processor of the STM32H750: SHA-1, MD5, SHA-224, SHA-256 and HMAC.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_HASH_H
#define SIM_H750_HASH_H

struct hash;
struct machine;
struct rcc;

struct hash *hash_create(struct machine *machine, struct rcc *rcc);

#endif
