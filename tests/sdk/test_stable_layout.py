#!/usr/bin/env python3
"""The stable layout of app.mk: small edits change few sectors of the image. Prints TAP.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "board")]

from harness import check, check_equal, run_tests  # noqa: E402
from programs import ROOT, Program  # noqa: E402

FILES, FUNCTIONS = 5, 120
# What an edit may cost: where it is, what it calls or says, the place of what has outgrown its own,
# and who else names that.
FEW_SECTORS = 6

HELLO = """
#include <stdio.h>
int main(void) { printf("hello\\n"); return 0; }
"""

FUNCTION = """
int part_{file}_{n}(int x)
{{
    static int calls, limit = {n};
    printf("part {file} {n} was called with %d, {n} times {file}\\n", x);
    calls += x;
    return calls > limit ? calls * {n} : part_{next_file}_{n}(calls);
}}
"""


def file_text(file):
    next_file = (file + 1) % FILES
    return "#include <stdio.h>\n" + "".join(
        f"int part_{next_file}_{n}(int x);\n" + FUNCTION.format(file=file, n=n, next_file=next_file)
        for n in range(FUNCTIONS))


def sources():
    calls = "".join(f"    sum += part_{file}_{n}(sum);\n"
                    for file in range(FILES) for n in range(FUNCTIONS))
    declarations = "".join(f"int part_{file}_{n}(int x);\n"
                           for file in range(FILES) for n in range(FUNCTIONS))
    files = {f"part{file}.c": file_text(file) for file in range(FILES)}
    return {"main.c": f"{declarations}int main(void)\n{{\n    int sum = 1;\n{calls}    return sum;\n}}\n",
            **files}


def edit(program, file, before, after):
    path = program.folder / file
    text = path.read_text()
    check_equal(text.count(before), 1, f"times that {before!r} is in {file}")
    path.write_text(text.replace(before, after))


def compare(before, after):
    """(sectors that differ, sectors), by the tool."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / name for name in ("before", "after")]
        for path, data in zip(paths, (before, after)):
            path.write_bytes(data)
        said = subprocess.run([ROOT / "tools/compare_images", *paths], capture_output=True,
                              text=True)
    numbers = re.fullmatch(r"(\d+) of (\d+) sectors differ\n", said.stdout)
    check(numbers is not None, said.stdout + said.stderr)
    check_equal(said.returncode, int(numbers[1] != "0"), "exit code")
    return int(numbers[1]), int(numbers[2])


EDITS = [
    ("a string of the same length", "part2.c", "part 2 7 was called", "part 2 7 WAS called"),
    ("a longer string", "part1.c", "part 1 8 was called", "part 1 8 was called today, it seems,"),
    ("another constant", "part3.c", "static int calls, limit = 9;", "static int calls, limit = 70000;"),
    ("a line more", "part0.c", 'printf("part 0 3 was', 'puts("one line more");\n    printf("part 0 3 was'),
    ("a new function", "part2.c", "int part_2_5(int x)\n{\n",
     'int more(int x);\nint more(int x)\n{\n    printf("%d more\\n", x);\n    return x / 3;\n}\n'
     "int part_2_5(int x)\n{\n    x = more(x);\n"),
    ("new variables", "part4.c", 'printf("part 4 4 was',
     'static int a[5], b = 17;\n    printf("%d", b += a[x % 5]++);\n    printf("part 4 4 was'),
    ("a function less", "main.c", "    sum += part_4_119(sum);\n", ""),
]


def test_compare_images():
    """compare_images counts the sectors that differ; what is behind the first image counts as erased"""
    image = bytes(range(256)) * 64
    check_equal(compare(image, image), (0, 4), "the same")
    changed = bytearray(image)
    changed[4095] ^= 1
    changed[4096] ^= 1
    check_equal(compare(image, bytes(changed)), (2, 4), "two bytes beside each other")
    check_equal(compare(image, image + b"\xff" * 5000), (0, 6), "blank at the end")
    check_equal(compare(image, image + b"\xff" * 5000 + b"\0"), (1, 6), "data at the end")
    check_equal(compare(image + b"more", image), (0, 4), "a shorter image")


def test_edits():
    """Edits, one after the other, change few sectors each"""
    with Program(sources()) as program:
        program.build()
        before = program.file("bin").read_bytes()
        for what, *change in EDITS:
            edit(program, *change)
            said = program.build()
            check("anew" not in said, said)
            after = program.file("bin").read_bytes()
            different, count = compare(before, after)
            check(count >= 20, f"only {count} sectors")
            print(f"# {what}: {different} of {count}")
            check(1 <= different <= FEW_SECTORS, f"{what}: {different} of {count} sectors differ")
            before = after


def test_without():
    """STABLE_LAYOUT=0: no places are kept, and the same edit changes most sectors"""
    with Program(sources(), STABLE_LAYOUT="0") as program:
        program.build()
        before = program.file("bin").read_bytes()
        edit(program, *EDITS[3][1:])
        program.build()
        different, count = compare(before, program.file("bin").read_bytes())
        check(different > count // 2, f"only {different} of {count} sectors differ")
        check(not program.file("places").exists(), "there is a file of places")


def test_size():
    """The image is at most an eighth larger than without, and ql_image_used does not count gaps"""
    with Program(sources(), STABLE_LAYOUT="0") as program:
        program.build()
        plain = program.symbols()["ql_image_size"]
        check(plain - 8192 < program.symbols()["ql_image_used"] <= plain, "used, without")
    with Program(sources()) as program:
        program.build()
        clean = program.symbols()
        check(clean["ql_image_size"] <= plain * 9 // 8 + 1024,
              f"{clean['ql_image_size']} bytes instead of {plain}")
        check_equal(program.file("bin").stat().st_size, clean["ql_image_size"], "bytes of .bin")
        for _, *change in EDITS[1:4]:
            edit(program, *change)
        program.build()
        edited = program.symbols()
        check(edited["ql_image_size"] > clean["ql_image_size"], "nothing has moved")
        check(0 <= edited["ql_image_used"] - clean["ql_image_used"] <= 1024,
              f"{edited['ql_image_used']} bytes used, {clean['ql_image_used']} before")


def test_anew():
    """When much has gone the places are made anew: the image is that of a clean build"""
    with Program(sources()) as program:
        program.build()
        for file in (0, 1, 3, 4):
            path = program.folder / f"part{file}.c"
            path.write_text(re.sub(r"    printf.*\n", "", path.read_text()))
        said = program.build()
        check("all places made anew" in said, said)
        image = program.file("bin").read_bytes()
        program.make("clean")
        program.build()
        check(image == program.file("bin").read_bytes(), "a clean build is different")


def test_no_room():
    """A program without room for a stable layout is linked without"""
    text = "char large[{size}]; int main(void) {{ return large[*(volatile int *)large]; }}\n"
    with Program({"main.c": text.format(size=1000)}, STABLE_LAYOUT="0") as program:
        program.build()
        symbols = program.symbols()
        size = 1000 + symbols["ql_heap_end"] - symbols["ql_heap_start"]
    with Program({"main.c": text.format(size=size)}) as program:
        said = program.build()
        check("no room for a stable layout" in said, said)
        check_equal(program.symbols()["ql_heap_start"], 0x24080000, "the heap's start")


def test_link_time_optimization():
    """-flto works; it excludes a stable layout"""
    with Program({"main.c": HELLO}, CFLAGS="-flto", LDFLAGS="-flto") as program:
        program.build()
        check(not program.file("places").exists(), "there is a file of places")


run_tests(globals())
