#!/usr/bin/env python3
"""The Debian packages in a bare Debian 12: installed by apt, used, purged. Prints TAP.

The bare system is debootstrap's, kept in build/packaging; each run has a copy. What apt downloads into the copy is
kept, too. The packages run with the copy for their world, without /proc and without mounts.

SPDX-License-Identifier: MIT
"""
import shutil
import subprocess

from dist_files import DIST, PACKAGING, ROOT, dist_file, run_in  # also the path to the next one
from harness import CONSOLE, check, check_equal, run_tests, wait_for

PACKAGES = ("quadlane", "quadlane-board", "quadlane-firmware", "quadlane-sdk")
SHARE = "usr/share/quadlane"
BARE = PACKAGING / "debian_12"
ARCHIVES = "var/cache/apt/archives"
HELLO = """PROGRAM := hello
SOURCES := main.c
include /usr/share/quadlane/sdk/app.mk
"""
HELLO_SOURCE = """#include <stdio.h>

int main(void)
{
    printf("hello from %p\\n", (void *)main);
    for (;;) {
    }
}
"""


class BareSystem:
    """A copy of the bare system in a folder; use it in a `with`."""

    root = PACKAGING / "try"

    def __enter__(self):
        made = subprocess.run([ROOT / "tools/dist/bare_root", BARE], capture_output=True, text=True, timeout=500)
        check_equal(made.returncode, 0, made.stderr)
        shutil.rmtree(self.root, ignore_errors=True)  # of a run that was killed
        self.root.mkdir()
        subprocess.run(["cp", "-a", "--reflink=auto", f"{BARE}/.", self.root], check=True, timeout=120)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    def run(self, *command, code=0, limit_s=60):
        said = run_in(self.root, *command, limit_s=limit_s)
        check_equal(said.returncode, code, f"{' '.join(command)}: {said.stdout[-2000:]}{said.stderr[-2000:]}")
        return said.stdout + said.stderr

    def apt(self, *arguments):
        return self.run("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-y", "-q", "-o", "Acquire::Retries=3",
                        "-o", "APT::Sandbox::User=root", *arguments, limit_s=500)

    def install(self, *packages):
        (self.root / "packages").mkdir(exist_ok=True)
        for package in packages:
            shutil.copy(dist_file(f"{package}_*.deb" if package != "quadlane" else "quadlane_*_amd64.deb"),
                        self.root / "packages" / f"{package}.deb")
        self.apt("install", "--no-install-recommends", *(f"/packages/{package}.deb" for package in packages))
        shutil.rmtree(self.root / "packages")
        for file in (self.root / ARCHIVES).glob("*.deb"):
            shutil.copy2(file, BARE / ARCHIVES)

    def files(self):
        """Every file and folder but what apt and dpkg keep for themselves."""
        names = {path.relative_to(self.root).as_posix() for top in ("usr", "etc", "var/lib", "opt")
                 for path in (self.root / top).rglob("*")}
        return {name for name in names if not name.startswith(("var/lib/dpkg/", "var/lib/apt/"))}

    def flash(self, program, says):
        """A virtual board with the packaged bootloader, and the packaged tool, inside; on the UART the program says..."""
        uart = self.root / "tmp/uart"
        uart.unlink(missing_ok=True)
        board = subprocess.Popen(
            ["chroot", self.root, "quadlane-board", "--load",
             f"/{SHARE}/firmware/h750_w25q128-flash.bin@0x08000000", "--nor", "/tmp/nor.bin", "--usb", "unix:/tmp/usb",
             "--uart", "USART1=file:/tmp/uart", "--speed", "max", "--timeout", "1000000"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            self.run("quadlane", "flash", program, "--port", "unix:/tmp/usb", "--wait", "20")
            wait_for(lambda: says in uart.read_text(errors="replace") or board.poll() is not None, 120, f"{says!r}")
            check(says in uart.read_text(errors="replace"), f"{says!r} on the UART: {uart.read_text(errors='replace')[-500:]}")
        finally:
            board.kill()
            board.communicate()
            (self.root / "tmp/nor.bin").unlink(missing_ok=True)


def test_tool_board_firmware():
    """quadlane, quadlane-board and quadlane-firmware: installed, console flashed onto the virtual board, purged without a trace"""
    with BareSystem() as system:
        system.apt("update")
        # What they depend on comes first, and is no trace of them.
        depends = {word.strip().split(" ")[0] for package in PACKAGES[:3] for word in subprocess.run(
            ["dpkg-deb", "--field", dist_file(f"{package}_*.deb"), "Depends"], capture_output=True, text=True,
            check=True).stdout.split(",") if word.strip()}
        system.apt("install", "--no-install-recommends", *sorted(depends))
        before = system.files()
        system.install(*PACKAGES[:3])
        check("quadlane" in system.run("quadlane", "--version"), "--version")
        shutil.copy(CONSOLE, system.root / "tmp/console.elf")
        system.flash("/tmp/console.elf", "console: all self-tests passed")
        system.apt("purge", *PACKAGES[:3])
        check_equal(system.files() ^ before, set(), "files that came or went")
        left = system.run("dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n")
        check("quadlane" not in left, f"dpkg still knows {left}")


def test_sdk():
    """quadlane-sdk: a program built with the documented line in its Makefile runs; so does a copied example"""
    with BareSystem() as system:
        system.apt("update")
        system.install(*PACKAGES)
        hello = system.root / "tmp/hello"
        hello.mkdir()
        (hello / "Makefile").write_text(HELLO)
        (hello / "main.c").write_text(HELLO_SOURCE)
        system.run("make", "-C", "/tmp/hello", limit_s=120)
        system.flash("/tmp/hello/build/hello.elf", "hello from 0x901")
        system.run("cp", "-r", f"/{SHARE}/sdk/examples/blink", "/tmp/blink")
        system.run("make", "-C", "/tmp/blink", "QUADLANE=/usr/share/quadlane", limit_s=120)
        check((system.root / "tmp/blink/build/blink.bin").stat().st_size > 0, "blink.bin")
        system.apt("purge", *PACKAGES)
        left = sorted(name for name in system.files() if "quadlane" in name)
        check_equal(left, [], "what stays behind")


if __name__ == "__main__":
    run_tests(globals())
