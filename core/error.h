// What functions inside the device return when they fail; towards the host these become status
// codes (SPEC.md section 3).
//
// SPDX-License-Identifier: MIT
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

enum ql_error {
    QL_ERROR_TIMEOUT = -1,     // the chip or its controller did not answer in time
    QL_ERROR_BUS = -2,         // the controller reported an error of its own
    QL_ERROR_ABSENT = -3,      // no chip answers
    QL_ERROR_UNSUPPORTED = -4, // a chip answers, but it is not one that can be used
    QL_ERROR_BUSY = -5,        // the chip is still at work
    QL_ERROR_REFUSED = -6,     // the chip does not take the write enable
    QL_ERROR_PROTECTED = -7,   // block protection bits stay set
    QL_ERROR_ARGUMENT = -8,    // address, length or size not possible
    QL_ERROR_WORN = -9,        // the chip does not hold what was written
};

#endif
