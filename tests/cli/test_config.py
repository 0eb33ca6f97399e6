#!/usr/bin/env python3
"""Configuration files: what they may say, which line counts, what is refused and where. Prints TAP.

What is expected stands in docs/configuration.md.

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
from harness import TOOL, check, check_equal, check_tool, run_tests  # noqa: E402

FIRST, SECOND = "003B0026444155510000414C", "003B0026444155510100414C"


class Place:
    """A user's configuration folder, and a project with a folder in it, where the tool runs."""

    def __init__(self, folder):
        self.user, self.project = folder / "config/quadlane/config", folder / "project/.quadlane"
        self.inside = folder / "project/build"
        for path in (self.user.parent, self.inside):
            path.mkdir(parents=True)
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder / "home"),
                            "QUADLANE_RUNTIME_DIR": str(folder / "runtime")}

    def tool(self, *words, cwd=None):
        return subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True, timeout=20,
                              cwd=cwd or self.inside, stdin=subprocess.DEVNULL, env=self.environment)

    def used(self, verb):
        """Name and value of each line that counts for a verb."""
        result = self.tool("config", verb, "--json")
        check_tool(result)
        return {entry["name"]: entry["value"] for entry in json.loads(result.stdout)["entries"]}


@contextlib.contextmanager
def place(user="", project=None):
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        made = Place(pathlib.Path(folder).resolve())
        made.user.write_text(user)
        if project is not None:
            made.project.write_text(project)
        yield made


def test_order():
    """the command line counts before the project's file, that before the user's, a verb's section before the rest"""
    with place("wait = 0.1\nfull = yes\n[info]\nwait = 0.2\n[flash]\nfull = no\n", "[verify]\nwait = 0.3\n") as here:
        check_equal(here.used("read"), {"wait": "0.1"}, "read")
        check_equal(here.used("info"), {"wait": "0.2"}, "info")
        check_equal(here.used("verify"), {"wait": "0.3"}, "verify")
        check_equal(here.used("flash"), {"wait": "0.1", "full": "no"}, "flash")
        check_equal(here.used("list"), {"wait": "0.1"}, "list")
        check_tool(here.tool("info"), 40, f"note: --wait 0.2 comes from {here.user}:4\n")
        check("comes from" not in here.tool("info", "--wait", "0").stderr, "the command line counts first")
        check_tool(here.tool("list"), 0, "no board found")
        plain = here.tool("config")
        check_tool(plain, 0, [f"{here.project}\n", f"{here.user}\n", "wait = 0.1", f"{here.user}:1",
                              "[verify] wait = 0.3", f"{here.project}:2"])


def test_which_board():
    """who names a board in one place does not get another one from a weaker place"""
    with place(f"serial = {FIRST}\nwait = 0\n", "port = unix:/nonexistent\n") as here:
        check_equal(here.used("info"), {"port": "unix:/nonexistent", "wait": "0"}, "the project's port")
        check_equal(here.used("install"), {"wait": "0", "port": "unix:/nonexistent"}, "--serial of install is a probe's")
        check_tool(here.tool("info", "--serial", SECOND), 40, f"no board with the serial number {SECOND}")
        here.project.unlink()
        check_equal(here.used("install"), {"wait": "0"}, "install")
        check_tool(here.tool("info"), 40, [f"no board with the serial number {FIRST}", f"{here.user}:1"])
        check_tool(here.tool("info", "--port", "unix:/nonexistent"), 40, "no virtual board listens")
        # --all is all boards to flash, but all of one board to erase.
        (here.inside / "data").write_bytes(bytes(16))
        check_tool(here.tool("flash", "--all", "--data", "data"), 40, "no board found\n")
        check_tool(here.tool("erase", "--all", "--yes"), 40, f"no board with the serial number {FIRST}")


def test_paths():
    """paths start at the file's folder, ~/ at the user's"""
    with place("[gdb-server]\nkind = openocd\n", "keys = secrets/keys.json\n[flash]\nkeys = ~/keys.json\n") as here:
        check_equal(here.used("info")["keys"], str(here.project.parent / "secrets/keys.json"), "keys")
        check_equal(here.used("flash")["keys"], here.environment["HOME"] + "/keys.json", "keys of flash")
        check_equal(here.used("gdb-server")["kind"], "openocd", "kind")


def test_mistakes():
    """a line that cannot be understood ends with 95, says file, line and what is wrong, and stops every verb but --help"""
    for line, words in [("colour = always", "colour: there is no such option"), ("just words", "neither NAME = VALUE nor"),
                        ("[flush]", "[flush]: there is no such verb"),
                        ("[flash", "a line that begins with [ is [VERB]"), ("[flash] # mine", "is [VERB], no more"),
                        ("\x1b[31mwait = 1", "a control character"), ("serial =", "serial: the value is missing"),
                        ("full = 1", "full: the value is yes or no"), ("yes = yes", "belongs on the command line"),
                        ("force = yes", "belongs on the command line"), ("json = yes", "belongs on the command line"),
                        ("[info]\nfull = yes", "full: the verb does not take this option"),
                        ("wait = soon", "seconds are a number"), ("color = red", "it is auto, always or never"),
                        ("full = no\nfull = yes", "it is there already"), ("a" * 100000, "neither"),
                        ("\xff=", "no such option")]:
        number = 2 + line.count("\n")
        with place("# mine\n" + line + "\n") as here:
            result = here.tool("info")
            check_tool(result, 95, [f"{here.user}:{number}: ", words, "--config /dev/null"])
            check_equal(result.stdout, "", "stdout")
            check_tool(here.tool("--help"), 0)
            check_tool(here.tool("info", "--config", "/dev/null", "--wait", "0"), 40)
    with place("# \0\n") as here:
        check_tool(here.tool("info"), 95, "zero byte")
        check_tool(here.tool("info", "--config", here.inside / "missing"), 95, "there is no file")
        here.user.unlink()
        here.user.mkdir()
        check_tool(here.tool("info"), 95, ["is a directory", "--config FILE"])
        check_equal(json.loads(here.tool("info", "--json").stdout)["error"]["code"], "configuration", "code")


def test_project_of_others():
    """a project's file says which board, not what is trusted; one that others may write to is not read"""
    for line in ("port = tcp:127.0.0.1:1", "image = x.bin", "connect = 127.0.0.1:1", "issuer = x.key", "[monitor]\nlog = ~/.profile"):
        with place(project=line + "\n") as here:
            check_tool(here.tool("list"), 95, "this belongs into your own file")
    with place(project="port = unix:/x\nnonsense\n") as here:
        here.project.chmod(0o666)
        check_tool(here.tool("list"), 0, "is not read: others may write to it")
        here.project.unlink()
        here.user.write_text("port = tcp:127.0.0.1:1\n")
        check_tool(here.tool("list"), 0)


def test_nearest():
    """the nearest project file counts alone, and only below folders of the user's own"""
    with place(project="wait = 1\n") as here:
        (here.inside / ".quadlane").write_text("full = yes\n")
        check_equal(here.used("flash"), {"full": "yes"}, "nearest")
        if os.geteuid() == 0:
            (here.inside / ".quadlane").unlink()
            os.chown(here.inside, 65534, 65534)
            check_equal(here.used("flash"), {}, "below somebody else's folder")


if __name__ == "__main__":
    run_tests(dict(globals()))
