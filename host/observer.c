// What the library tells while it works: formatting its notes.
//
// SPDX-License-Identifier: MIT
#include "host/observer.h"

#include <stdarg.h>
#include <stdio.h>

#define NOTE_SIZE 400

void ql_note(const struct ql_observer *observer, const char *format, ...)
{
    char text[NOTE_SIZE];
    va_list arguments;
    if (observer == NULL || observer->note == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    observer->note(observer->context, text);
}
