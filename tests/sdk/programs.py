"""Builds programs outside of the repository, as a user of the SDK does.

SPDX-License-Identifier: MIT
"""
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PREFIX = "arm-none-eabi-"


class Program:
    """A program in a temporary folder of its own; use it in a `with`."""

    def __init__(self, sources, **variables):
        self.sources = sources
        self.variables = variables

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quadlane-sdk-"))
        for name, text in self.sources.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        lines = ["PROGRAM := hello", f"SOURCES := {' '.join(self.sources)}"]
        lines += [f"{name} := {value}" for name, value in self.variables.items()]
        lines += [f"include {ROOT}/sdk/app.mk", ""]
        (self.folder / "Makefile").write_text("\n".join(lines))
        return self

    def __exit__(self, *error):
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self, *arguments):
        """Returns (exit code, all that make and the compiler said)."""
        process = subprocess.run(["make", *arguments], cwd=self.folder, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        return process.returncode, process.stdout

    def build(self):
        code, text = self.make()
        if code != 0:
            raise AssertionError(f"make ended with {code}:\n{text}")
        return text

    def file(self, suffix):
        return self.folder / "build" / f"hello.{suffix}"

    def symbols(self):
        """Name -> address, from the ELF file, by binutils."""
        listing = subprocess.run([PREFIX + "nm", self.file("elf")], check=True, text=True,
                                 capture_output=True).stdout
        return {parts[2]: int(parts[0], 16)
                for parts in (line.split() for line in listing.splitlines()) if len(parts) == 3}
