// How a program ends: by itself, or by a fault.
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_FAULT_H
#define QUADLANE_FAULT_H

// Prints `exit: status N` on the console and stops. main's return and exit() come here.
__attribute__((noreturn)) void ql_exit(int status);

// Called at the end of ql_exit and after a fault or an unexpected interrupt was reported on the
// console. The SDK's own, which is weak, gives control to a debugger if one is attached and
// waits for ever otherwise; a product may want to call ql_reset() instead.
__attribute__((noreturn)) void ql_stop(void);

#endif
