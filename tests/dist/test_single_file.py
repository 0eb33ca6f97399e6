#!/usr/bin/env python3
"""The tool as one file, for both processors, in folders that hold nothing of a system. Prints TAP.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from dist_files import dist_file, run_in  # also the path to the next one
from harness import CONSOLE, Board, check, check_equal, check_tool, run_tests

VERSION = dist_file("quadlane-*-share.tar.xz").name.split("-")[1]
# Whoever asks a plug-in of the system first gets no answer.
NAME_SERVICE = "hosts: mymachines [UNAVAIL=return] files dns\n"


class World:
    """A folder with the tool in it, and an emulator if its processor is another one."""

    def __init__(self, folder, processor):
        self.folder = pathlib.Path(folder)
        shutil.copy(dist_file(f"quadlane-*-linux-{processor}"), self.folder / "quadlane")
        self.command = ["/quadlane"]
        if processor == "arm64":
            shutil.copy(shutil.which("qemu-aarch64-static"), self.folder / "qemu")
            self.command.insert(0, "/qemu")

    def tool(self, *arguments, limit_s=120):
        return run_in(self.folder, *self.command, *arguments, limit_s=limit_s)


def runs_alone(processor):
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        world = World(folder, processor)
        said = world.tool("--version")
        check_equal((said.returncode, said.stdout), (0, f"quadlane {VERSION}\n"), f"--version ({said.stderr})")
        said = world.tool("list")
        check("no board" in said.stdout + said.stderr, f"list: {said}")
        said = world.tool("info", "--port", "tcp:no.such.host.invalid:1")
        check("no.such.host.invalid" in said.stderr and said.returncode > 0, f"a host that is not there: {said}")


def flashes(processor):
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        world = World(folder, processor)
        shutil.copy(CONSOLE, world.folder / "console.elf")
        usb = world.folder / "usb"
        board = Board()
        board.command[board.command.index("--usb") + 1] = f"unix:{usb}"
        with board:
            said = world.tool("info", "--port", "unix:/usb", "--wait", "20")
            check_tool(said, says="h750_w25q128")
            check_tool(world.tool("flash", "/console.elf", "--port", "unix:/usb", "--wait", "20"))
            board.wait_uart("console: all self-tests passed", 120)


def finds_hosts(processor):
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder, \
            socket.create_server(("127.0.0.1", 0)) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
        world = World(folder, processor)
        (world.folder / "etc").mkdir()
        (world.folder / "etc/hosts").write_text("127.0.0.1 board.lab\n")
        (world.folder / "etc/nsswitch.conf").write_text(NAME_SERVICE)
        server.settimeout(60)
        port = server.getsockname()[1]
        said = pool.submit(world.tool, "info", "--port", f"tcp:board.lab:{port}", limit_s=60)
        connection, _ = server.accept()
        check(connection.recv(1), "the tool connected and said nothing")
        connection.close()
        check(said.result().returncode > 0, "a board that hangs up was no failure")


def test_share():
    """with the archive of its other files beside it, it finds its bootloaders"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        tool = pathlib.Path(folder) / "bin/quadlane"
        tool.parent.mkdir()
        shutil.copy(dist_file("quadlane-*-linux-x86_64"), tool)
        ask = [tool, "install", "--board", "h750_w25q128", "--via", "openocd"]
        environment = {**os.environ, "QUADLANE_USB_DEVICES": folder}  # none
        before = subprocess.run(ask, capture_output=True, text=True, timeout=20, env=environment)
        check_equal(before.returncode, 82, f"without: {before}")
        subprocess.run(["tar", "-x", "-C", folder, "-f", dist_file("quadlane-*-share.tar.xz")], check=True)
        after = subprocess.run(ask, capture_output=True, text=True, timeout=20, env=environment)
        check("no debug probe" in after.stderr, f"with it: {after}")


def test_amd64_alone():
    """x86-64: runs in a folder that holds nothing else"""
    runs_alone("x86_64")


def test_amd64_flashes():
    """x86-64: info and a flash of console onto the virtual board, from there"""
    flashes("x86_64")


def test_amd64_hosts():
    """x86-64: finds hosts by /etc/hosts, whatever plug-ins nsswitch.conf names"""
    finds_hosts("x86_64")


def test_arm64_alone():
    """arm64, emulated: runs in a folder that holds nothing else"""
    runs_alone("arm64")


def test_arm64_flashes():
    """arm64, emulated: info and a flash of console onto the virtual board, from there"""
    flashes("arm64")


def test_arm64_hosts():
    """arm64, emulated: finds hosts by /etc/hosts, whatever plug-ins nsswitch.conf names"""
    finds_hosts("arm64")


if __name__ == "__main__":
    run_tests(globals())
