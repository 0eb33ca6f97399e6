"""What tests of build/dist share: where it is, which files there are, folders to change the root to.

SPDX-License-Identifier: MIT
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests/board"))

from harness import check  # noqa: E402  (found by the path above)

DIST = ROOT / "build/dist"
PACKAGING = ROOT / "build/packaging"


def dist_file(pattern):
    """The one file whose name fits."""
    found = sorted(DIST.glob(pattern))
    check(len(found) == 1, f"{pattern} in {DIST}: there are {[path.name for path in found]}")
    return found[0]


def run_in(root, *command, limit_s=60, environment=None, **more):
    """Runs a program with `root` for its world; returns the finished process with stdout and stderr as text."""
    # Without root's rights, a name space of one's own gives the right to change the root.
    change = ["chroot"] if os.getuid() == 0 else ["unshare", "--map-root-user", "chroot"]
    return subprocess.run([*change, root, *map(str, command)], capture_output=True, text=True, timeout=limit_s,
                          stdin=subprocess.DEVNULL, env=environment or {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, **more)
