// The policy of an image that asks for no key.
//
// SPDX-License-Identifier: MIT
#include "core/lock.h"

const struct lock_marker lock_marker __attribute__((section(".marker.lock"), used)) = {.locked = 0};

const struct lock_policy lock_policy = {.issuer = NULL};
