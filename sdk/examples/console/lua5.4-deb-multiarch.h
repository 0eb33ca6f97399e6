// Debian's luaconf.h asks this header for the directory of shared modules; here there are none.
//
// SPDX-License-Identifier: MIT
#ifndef CONSOLE_LUA_DEB_MULTIARCH_H
#define CONSOLE_LUA_DEB_MULTIARCH_H

#define DEB_HOST_MULTIARCH "none"

#endif
