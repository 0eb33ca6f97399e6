#!/usr/bin/env python3
"""`make install` and `make uninstall`: what comes where, that it runs from there, that nothing stays. Prints TAP.

SPDX-License-Identifier: MIT
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
from harness import ROOT, check, check_equal, run_tests  # noqa: E402  (found by the path above)

EXPECTED = {"bin/quadlane": 0o755, "bin/quadlane-board": 0o755, "lib/udev/rules.d/70-quadlane.rules": 0o644,
            "share/man/man1/quadlane.1": 0o644, "share/man/man1/quadlane-board.1": 0o644,
            "share/bash-completion/completions/quadlane": 0o644,
            "share/doc/quadlane/README.md": 0o644, "share/doc/quadlane/html/manual.html": 0o644,
            **{f"share/doc/quadlane/{page.relative_to(ROOT)}": 0o644 for page in (ROOT / "docs").rglob("*.md")},
            "share/quadlane/debug/openocd/h750_w25q128.cfg": 0o644,
            "share/quadlane/firmware/h750_w25q128-flash.bin": 0o644,
            "share/quadlane/sdk/app.mk": 0o644, "share/quadlane/sdk/link/keep_layout": 0o755,
            "share/quadlane/sdk/examples/blink/main.c": 0o644, "share/quadlane/abi/handoff.h": 0o644}
IMAGES = [path.relative_to(ROOT) for pattern in ("*-flash.bin", "*-ram.exst")
          for path in sorted((ROOT / "build/firmware").glob(pattern))]


def make(goal, *settings):
    # -o: the programs are taken as they are, even if a source is newer.
    process = subprocess.run(["make", "-s", "-o", "build/quadlane", "-o", "build/quadlane-board",
                              *(word for image in IMAGES for word in ("-o", image)), goal, *settings],
                             cwd=ROOT, capture_output=True, text=True, timeout=120)
    check_equal(process.returncode, 0, f"make {goal}: {process.stdout}{process.stderr}")


def files(folder):
    return {path.relative_to(folder).as_posix() for path in pathlib.Path(folder).rglob("*") if path.is_file()}


def installed(prefix):
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        base = pathlib.Path(folder + prefix)
        where = [f"DESTDIR={folder}", *([] if prefix == "/usr/local" else [f"PREFIX={prefix}"])]
        make("install", *where)
        once = files(folder)
        make("install", *where)
        check_equal(files(folder) ^ once, set(), "files that come with another `make install`")
        for name, mode in EXPECTED.items():
            check((base / name).is_file(), f"{base / name} is not there; there are {sorted(files(folder))}")
            check_equal((base / name).stat().st_mode & 0o777, mode, f"mode of {name}")
        for program in ("quadlane", "quadlane-board"):
            said = subprocess.run([base / "bin" / program, "--version"], capture_output=True, text=True, cwd="/",
                                  timeout=10)
            check(said.returncode == 0 and said.stdout.startswith(program), f"{program} said {said}")
        # The tool finds the image that was installed with it: the next thing that it misses is a board.
        said = subprocess.run([base / "bin/quadlane", "install", "--board", "h750_w25q128", "--via", "openocd"],
                              capture_output=True, text=True, cwd="/", timeout=10,
                              env={**os.environ, "QUADLANE_USB_DEVICES": folder})
        check_equal((said.returncode, "no debug probe" in said.stderr), (92, True), f"quadlane install: {said}")
        text = (base / "share/doc/quadlane/README.md").read_text()
        check(text == (ROOT / "README.md").read_text(), "another README")
        zsh = "vendor-completions" if prefix == "/usr" else "site-functions"
        check((base / f"share/zsh/{zsh}/_quadlane").read_text().startswith("#compdef quadlane\n"), "completion for zsh")
        (base / "bin/foreign").write_text("not ours")
        make("uninstall", *where)
        check_equal(files(base), {"bin/foreign"}, "what stays behind")


def test_default():
    """under /usr/local by default, and away again"""
    installed("/usr/local")


def test_prefix():
    """PREFIX=/usr, as a package has it"""
    installed("/usr")


if __name__ == "__main__":
    run_tests(globals())
