#!/usr/bin/env python3
"""The source archive: what is in it, that all of build/dist comes out of it again byte by byte, without git. Prints TAP.

SPDX-License-Identifier: MIT
"""
import os
import re
import subprocess
import tarfile
import tempfile

from dist_files import DIST, PACKAGING, ROOT, dist_file  # also the path to the next one
from harness import check, check_equal, run_tests

ARCHIVE = dist_file("quadlane-*[0-9].tar.xz")
# What every Debian build system has, so that no package asks for it.
BUILD_ESSENTIAL = {"gcc", "libc6-dev"}


def test_archive():
    """it holds the files that git knows, debian/changelog and nothing else"""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    folder = ARCHIVE.name.removesuffix(".tar.xz")
    with tarfile.open(ARCHIVE) as archive:
        found = {member.name.removeprefix(folder + "/") for member in archive if not member.isdir()}
    check_equal(found ^ {*tracked, "debian/changelog"}, set(), "files on one side only")


def test_checksums():
    """SHA256SUMS names every file, and fits"""
    said = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=DIST, capture_output=True, text=True)
    check_equal(said.returncode, 0, said.stdout + said.stderr)
    named = {line.split()[1] for line in (DIST / "SHA256SUMS").read_text().splitlines()}
    check_equal(named, {path.name for path in DIST.iterdir()} - {"SHA256SUMS"}, "the files")


def test_same_bytes():
    """`make dist` in the unpacked archive, elsewhere, without git, in another time zone: the same bytes"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-elsewhere-") as folder:
        subprocess.run(["tar", "-x", "-C", folder, "-f", ARCHIVE], check=True)
        tree = f"{folder}/{ARCHIVE.name.removesuffix('.tar.xz')}"
        made = subprocess.run(["make", "dist"], cwd=tree, capture_output=True, text=True, timeout=1100, umask=0o077,
                              env={**os.environ, "TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "MAKEFLAGS": "",
                                   "LIBRARIES_ARM64": str(PACKAGING / "libraries_arm64")})
        check_equal(made.returncode, 0, f"make dist: {made.stdout[-2000:]}{made.stderr[-2000:]}")
        with open(f"{tree}/build/dist/SHA256SUMS") as sums:
            check_equal(sums.read(), (DIST / "SHA256SUMS").read_text(), "SHA256SUMS")


def test_build_depends():
    """debian/control asks for what tools/install_dependencies installs for a build"""
    script = (ROOT / "tools/install_dependencies").read_text()
    installed = set(re.search(r'build="(.*?)"', script, re.S).group(1).split())
    control = (ROOT / "debian/control").read_text()
    asked = set(re.findall(r"^ ([\w+.-]+)", re.search(r"^Build-Depends:\n((?: .*\n)+)", control, re.M).group(1), re.M))
    check_equal(asked - {"debhelper-compat"}, installed - BUILD_ESSENTIAL, "packages for a build")


def test_version():
    """one version: the Makefile's, of the newest changes, of every file"""
    version = re.search(r"^VERSION\s*:=\s*(\S+)$", (ROOT / "Makefile").read_text(), re.M).group(1)
    changes = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M).group(1)
    check_equal(changes, version, "CHANGELOG.md")
    other = [path.name for path in DIST.iterdir() if version not in path.name and path.name != "SHA256SUMS"]
    check(not other, f"files of another version: {other}")


if __name__ == "__main__":
    run_tests(globals())
