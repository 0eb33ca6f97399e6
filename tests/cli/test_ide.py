#!/usr/bin/env python3
"""quadlane ide: the files it writes are what the IDEs read, and the user's own are left alone. Prints TAP.

Names of attributes and settings are those of Embedded CDT (its ConfigurationAttributes and plugin.xml), of
marus25.cortex-debug and of ms-vscode.cpptools (their package.json).

SPDX-License-Identifier: MIT
"""
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
from harness import CONSOLE, FAST, ROOT, TOOL, check, check_equal, check_tool, run_tests  # noqa: E402

BOARD = "h750_w25q128"
EMBEDDED = "ilg.gnumcueclipse.debug.gdbjtag."
JTAG = "org.eclipse.cdt.debug.gdbjtag.core."


@contextlib.contextmanager
def project(name="a project & more"):
    """A folder with a program in build/, under a name that needs quoting everywhere."""
    with tempfile.TemporaryDirectory(prefix="quadlane-ide-") as place:
        folder = pathlib.Path(place).resolve() / name
        (folder / "build").mkdir(parents=True)
        shutil.copy(FAST, folder / "build/motor.elf")
        yield folder


def ide(folder, kind, *arguments, file="build/motor.elf", board=BOARD, tool=TOOL):
    named = ["--board", board] if board else []
    return subprocess.run([str(part) for part in [tool, "ide", kind, file, *named, *arguments]],
                          capture_output=True, text=True, timeout=30, cwd=folder, stdin=subprocess.DEVNULL)


def launch_of(path):
    """A .launch file as (type, {key: value})."""
    root = xml.etree.ElementTree.parse(path).getroot()
    check_equal(root.tag, "launchConfiguration", "the root")
    kinds = {"booleanAttribute": lambda text: {"true": True, "false": False}[text], "intAttribute": int,
             "stringAttribute": str}
    return root.get("type"), {child.get("key"): kinds[child.tag](child.get("value"))
                              for child in root if child.tag in kinds}


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


def test_eclipse():
    """eclipse: two launch configurations with Embedded CDT's types and attributes"""
    with project() as folder:
        check_tool(ide(folder, "eclipse"), 0, ["written", "motor-jlink.launch", "motor-openocd.launch"])
        kind, jlink = launch_of(folder / "motor-jlink.launch")
        check_equal(kind, EMBEDDED + "jlink.launchConfigurationType", "type")
        for key, value in {"gdbServerExecutable": str(ROOT / "debug/debugger_wrapper.sh"),
                           "gdbServerDeviceName": "STM32H750VB", "gdbServerDebugInterface": "swd",
                           "gdbServerGdbPortNumber": 2331, "gdbServerSwoPortNumber": 2332,
                           "gdbServerTelnetPortNumber": 2333, "doStartGdbServer": True,
                           "doFirstReset": True, "doSecondReset": True, "doContinue": True,
                           "doDebugInRam": False}.items():
            check_equal(jlink[EMBEDDED + "jlink." + key], value, key)
        check_equal(jlink[EMBEDDED + "jlink.gdbServerOther"].split()[:5],
                    ["-singlerun", "-strict", "-timeout", "0", "-nogui"], "Embedded CDT's default options")
        kind, openocd = launch_of(folder / "motor-openocd.launch")
        check_equal(kind, EMBEDDED + "openocd.launchConfigurationType", "type")
        words = shlex.split(openocd[EMBEDDED + "openocd.gdbServerOther"])
        check_equal(words[0::2], ["-f", "-f"], "options of OpenOCD")
        check(all(pathlib.Path(word).is_file() for word in words[1::2]), words)
        for launch, port in ((jlink, 2331), (openocd, 3333)):
            check_equal(launch[JTAG + "portNumber"], port, "GDB's port")
            check_equal(launch[JTAG + "stopAt"], "main", "stop at")
            check_equal(launch[JTAG + "loadImage"], True, "loadImage")
            check_equal(launch["org.eclipse.cdt.launch.PROGRAM_NAME"], "build/motor.elf", "program")
            check_equal(launch["org.eclipse.cdt.launch.PROJECT_ATTR"], "a project & more", "project")
        for launch, name in ((jlink, "jlink"), (openocd, "openocd")):
            path = launch[f"{EMBEDDED}{name}.gdbServerExecutable"]
            check(os.access(path, os.X_OK), f"{path} can be run")


def test_eclipse_project():
    """eclipse: the project's name comes from .project"""
    with project() as folder:
        (folder / ".project").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n<projectDescription>\n\t<name>motor-control</name>\n'
            "\t<projects></projects>\n</projectDescription>\n")
        check_tool(ide(folder, "eclipse"))
        _, launch = launch_of(folder / "motor-openocd.launch")
        check_equal(launch["org.eclipse.cdt.launch.PROJECT_ATTR"], "motor-control", "project")


def test_vscode():
    """vscode: cortex-debug's jlink, openocd and external variants, cppdbg, and tasks"""
    with project() as folder:
        check_tool(ide(folder, "vscode"), 0, [".vscode/launch.json", ".vscode/tasks.json"])
        launch = json.loads((folder / ".vscode/launch.json").read_text())
        check_equal(launch["version"], "0.2.0", "version")
        entries = {entry.get("servertype", entry["type"]): entry for entry in launch["configurations"]}
        check_equal(sorted(entries), ["cppdbg", "external", "jlink", "openocd"], "variants")
        for kind, entry in entries.items():
            check_equal(entry["request"], "launch", "request")
            check_equal(entry["cwd"], "${workspaceFolder}", "cwd")
            program = entry["program" if kind == "cppdbg" else "executable"]
            check_equal(program, "${workspaceFolder}/build/motor.elf", "program")
            check(entry["name"].startswith("quadlane: motor"), entry["name"])
            if kind != "cppdbg":
                check_equal((entry["type"], entry["runToEntryPoint"]), ("cortex-debug", "main"), kind)
        check_equal(entries["jlink"]["device"], "STM32H750VB", "device")
        for path in (entries["jlink"]["serverpath"], entries["openocd"]["serverpath"],
                     entries["cppdbg"]["debugServerPath"]):
            check(os.access(path, os.X_OK), f"{path} can be run")
        check(all(pathlib.Path(path).is_file() for path in entries["openocd"]["configFiles"]), "configFiles")
        check_equal(entries["external"]["gdbTarget"], entries["cppdbg"]["miDebuggerServerAddress"], "port")
        words = shlex.split(entries["cppdbg"]["debugServerArgs"])
        check_equal(words[:2], ["-c", "gdb_port 3333"], "arguments of cppdbg's server")
        check(re.search(entries["cppdbg"]["serverStarted"], "Info : Listening on port 3333 for gdb connections"),
              "OpenOCD's line is what cppdbg waits for")
        tasks = json.loads((folder / ".vscode/tasks.json").read_text())
        check_equal(tasks["version"], "2.0.0", "version")
        labels = {task["label"]: task for task in tasks["tasks"]}
        check_equal(len(labels), 3, "tasks")
        for task in labels.values():
            check(os.access(task["command"], os.X_OK), f"{task['command']} can be run")
            if task.get("isBackground"):
                check("owner" in task["problemMatcher"], "VS Code wants an owner for a matcher of one's own")
                re.compile(task["problemMatcher"]["background"]["endsPattern"])


def test_vscode_merges():
    """vscode: entries and settings of the user's own stay, ours are replaced, order is kept"""
    with project() as folder:
        (folder / ".vscode").mkdir()
        path = folder / ".vscode/launch.json"
        mine = {"version": "0.2.0", "inputs": [{"id": "x"}],
                "configurations": [{"name": "mine", "type": "node", "nested": {"b": [1, 2.5, None, "ä\""]}},
                                   {"name": "quadlane: other (OpenOCD)", "type": "kept"},
                                   {"name": "quadlane: motor (OpenOCD)", "type": "old"}]}
        path.write_text(json.dumps(mine))
        check_tool(ide(folder, "vscode"), 0, ["merged", "written"])
        merged = json.loads(path.read_text())
        check_equal(list(merged), ["version", "inputs", "configurations"], "members")
        check_equal(merged["inputs"], mine["inputs"], "what is none of ours")
        check_equal(merged["configurations"][:2], mine["configurations"][:2], "entries of others")
        check_equal(merged["configurations"][2]["servertype"], "openocd", "the one replaced in its place")
        check_equal(len(merged["configurations"]), 6, "entries")
        before = files_below(folder)
        check_tool(ide(folder, "vscode"), 0, "unchanged")
        check_equal(files_below(folder), before, "a second time changes nothing")


def test_vscode_comments():
    """vscode: a file with comments or one that cannot be understood is not touched without --force"""
    commented = '{\n  // my own\n  "version": "0.2.0", /* "x" */\n  "configurations": [\n    {"name": "a // b",},\n  ],\n}\n'
    for text, says in ((commented, "comments"), ("{ nonsense", "not what VS Code writes"),
                       ('{"configurations": 5}', "not what"), ("", "not what"), ("[]", "not what")):
        with project() as folder:
            (folder / ".vscode").mkdir()
            path = folder / ".vscode/launch.json"
            path.write_text(text)
            before = files_below(folder)
            check_tool(ide(folder, "vscode"), 15, [says, "--force"])
            check_equal(files_below(folder), before, "files after a refusal")
            check_tool(ide(folder, "vscode", "--force"))
            names = [entry["name"] for entry in json.loads(path.read_text())["configurations"]]
            check_equal(len(names) - names.count("a // b"), 4, "our entries")
            check_equal("a // b" in names, text == commented, "the user's own entry")


def test_nothing_overwritten():
    """files of the user's own are not overwritten, and then nothing at all is written"""
    with project() as folder:
        (folder / "motor-openocd.launch").write_text("mine")
        before = files_below(folder)
        check_tool(ide(folder, "eclipse"), 15, ["motor-openocd.launch", "--force"])
        check_equal(files_below(folder), before, "files")
        check_tool(ide(folder, "eclipse", "--force"))
        launch_of(folder / "motor-openocd.launch")
        check_tool(ide(folder, "eclipse"), 0, "unchanged")


def test_clion_and_gdb():
    """clion and gdb: well-formed, and GDB takes the .gdbinit"""
    with project("plain") as folder:
        check_tool(ide(folder, "clion"))
        root = xml.etree.ElementTree.parse(folder / ".run/quadlane-motor.run.xml").getroot()
        server = root.find("configuration/custom-gdb-server")
        check(os.access(server.get("executable"), os.X_OK), "the server can be run")
        check_equal(server.get("gdb-connect"), "localhost:3333", "connects to")
        check_tool(ide(folder, "gdb"))
        text = subprocess.run(["gdb-multiarch", "-q", "-nx", "-batch", "-x", ".gdbinit", "-ex", "info address main",
                               "-ex", "help quadlane-fault"], capture_output=True, text=True, timeout=60,
                              cwd=folder, stdin=subprocess.DEVNULL)
        check('Symbol "main" is' in text.stdout and "fault registers" in text.stdout and not text.stderr,
              text.stdout + text.stderr)


def test_where():
    """--folder, a program outside the folder, --json, and the adapter's name"""
    with project() as folder, tempfile.TemporaryDirectory(prefix="quadlane-ide-") as other:
        process = ide(folder, "vscode", "--folder", other, "--adapter", "virtual", "--json")
        check_tool(process)
        check_equal(len(json.loads(process.stdout)["files"]), 2, "files")
        entries = json.loads((pathlib.Path(other) / ".vscode/launch.json").read_text())["configurations"]
        check_equal(entries[0]["executable"], str(folder / "build/motor.elf"), "program outside")
        check_equal(entries[0]["serverArgs"][-1], "virtual", "adapter")


def test_stop():
    """a program without main stops at its entry, by name or by address"""
    with project("plain") as folder:
        subprocess.run(["arm-none-eabi-objcopy", "--strip-symbol=main", FAST, folder / "a.elf"], check=True)
        check_tool(ide(folder, "eclipse", file="a.elf"), 0, "no function main")
        _, launch = launch_of(folder / "a-jlink.launch")
        check_equal(launch[JTAG + "stopAt"], "Reset_Handler", "stop at")
        subprocess.run(["arm-none-eabi-strip", FAST, "-o", folder / "b.elf"], check=True)
        check_tool(ide(folder, "eclipse", file="b.elf"))
        _, launch = launch_of(folder / "b-jlink.launch")
        entry = subprocess.run(["arm-none-eabi-readelf", "-h", FAST], capture_output=True, text=True,
                               check=True).stdout.split("Entry point address:")[1].split()[0]
        check_equal(launch[JTAG + "stopAt"], f"*{int(entry, 16) & ~1:#010x}", "stop at")


def test_refused():
    """unknown boards, IDEs and adapters, files that are no programs for the chip, and a folder that cannot be written"""
    with project("plain") as folder:
        before = files_below(folder)
        check_tool(ide(folder, "eclipse", board=None), 81, BOARD)
        check_tool(ide(folder, "eclipse", board="no_such"), 81, BOARD)
        check_tool(ide(folder, "eclipse", board="../openocd/" + BOARD), 81)
        check_tool(ide(folder, "emacs"), 2, "eclipse, vscode, clion or gdb")
        check_tool(ide(folder, "eclipse", "--adapter", "x"), 2, "cmsis-dap")
        check_tool(ide(folder, "eclipse", "--folder", "nowhere"), 10, "nowhere")
        check_tool(ide(folder, "eclipse", file="missing.elf"), 10)
        check_tool(ide(folder, "eclipse", file="/bin/true"), 21)
        check_tool(ide(folder, "eclipse", file=ROOT / "build/firmware/h750_w25q128-flash.elf"), 30)
        check_tool(ide(folder, "eclipse", file=CONSOLE.with_suffix(".bin")), 20, "no ELF")
        check_equal(files_below(folder), before, "files after refusals")
        (folder / ".vscode").write_text("a file in the way")
        check_tool(ide(folder, "vscode"), 14)
        with tempfile.TemporaryDirectory(prefix="quadlane-ide-") as other:
            alone = shutil.copy(TOOL, other)
            check_tool(ide(folder, "eclipse", tool=alone), 82, "make install")


def test_every_board():
    """every board that has an OpenOCD file can be named, and stock OpenOCD reads the files that are then named"""
    boards = sorted(path.stem for path in (ROOT / "debug/openocd").glob("*.cfg"))
    check(BOARD in boards, boards)
    for board in boards:
        with project("plain") as folder:
            check_tool(ide(folder, "vscode", board=board))
            entries = json.loads((folder / ".vscode/launch.json").read_text())["configurations"]
            files = next(entry for entry in entries if entry.get("servertype") == "openocd")["configFiles"]
            words = [word for path in files for word in ("-f", path)]
            process = subprocess.run(["openocd", *words, "-c", "shutdown"], capture_output=True, text=True,
                                     timeout=30, stdin=subprocess.DEVNULL)
            check("Error" not in process.stderr, f"{board}: {process.stderr}")


def test_scripts():
    """shellcheck finds nothing in the wrappers, which are plain POSIX shell"""
    scripts = sorted((ROOT / "debug").glob("*.sh"))
    check(len(scripts) >= 3, scripts)
    process = subprocess.run(["shellcheck", "--shell=sh", *scripts], capture_output=True, text=True, timeout=60)
    check(process.returncode == 0, process.stdout + process.stderr)


def test_install():
    """make install brings the debuggers' files along, and the installed tool finds them"""
    with tempfile.TemporaryDirectory(prefix="quadlane-ide-") as place, project("plain") as folder:
        subprocess.run(["make", "-s", "-o", "build/quadlane", "-o", "build/quadlane-board", "install",
                        f"DESTDIR={place}", "PREFIX=/usr"], cwd=ROOT, check=True, timeout=120)
        check_tool(ide(folder, "eclipse", tool=pathlib.Path(place) / "usr/bin/quadlane"))
        _, launch = launch_of(folder / "motor-jlink.launch")
        wrapper = pathlib.Path(launch[EMBEDDED + "jlink.gdbServerExecutable"])
        check(wrapper.is_relative_to(pathlib.Path(place).resolve() / "usr/share"), wrapper)
        found = subprocess.run([wrapper.parent / "find_quadlane.sh"], capture_output=True, text=True, check=True)
        check(os.path.samefile(found.stdout.strip(), pathlib.Path(place) / "usr/bin/quadlane"), found.stdout)


if __name__ == "__main__":
    run_tests(globals())
