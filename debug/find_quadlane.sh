#!/bin/sh
# Prints the path of the tool that belongs to this folder: of the checkout, of the installation, or of $PATH.
#
# QUADLANE names another one.
#
# SPDX-License-Identifier: MIT
set -eu

here=$(dirname -- "$(readlink -f -- "$0")")
for candidate in "${QUADLANE:-}" "$here/../build/quadlane" "$here/../../../bin/quadlane" \
    "$(command -v quadlane || true)"; do
    if [ -x "$candidate" ] && [ ! -d "$candidate" ]; then
        printf '%s\n' "$candidate"
        exit 0
    fi
done
echo "quadlane: the tool is neither beside $here nor in \$PATH; build it (make), or set QUADLANE to its path" >&2
exit 127
