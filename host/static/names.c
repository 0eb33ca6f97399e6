// The C library's name service in the tool that is one file: hosts, services and groups come from
// the files below /etc and from DNS, never from a plug-in of the system.
//
// A statically linked glibc would load whatever /etc/nsswitch.conf names, code that was built for
// the system's own glibc and need not get along with ours. Linked into build/quadlane-static only.
//
// SPDX-License-Identifier: MIT
#include <nss.h>

__attribute__((constructor)) static void use_built_in_services(void)
{
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("services", "files");
    __nss_configure_lookup("group", "files");
}
