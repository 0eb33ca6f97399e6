#!/usr/bin/env python3
"""Runs what README.md and docs/ show: each ```console block's `$ commands`, against a virtual board.

The output must be what the page shows; `...` stands for anything, within a line or as a line for any number of
lines. One board runs for a page, its chip is blank at the page's start, and `quadlane` finds it by itself. The other checks:
links lead somewhere, and every exit code of the tool has its paragraph in docs/troubleshooting.md.

SPDX-License-Identifier: MIT
"""
import os
import pathlib
import re
import subprocess
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / name) for name in ("board", "bench")]
import bench  # noqa: E402  (found by the path above)
import harness  # noqa: E402

PAGES = [harness.ROOT / name for name in ("README.md", "DESIGN.md", "SPEC.md", "CHANGELOG.md")] + \
    sorted((harness.ROOT / "docs").rglob("*.md"))


def blocks(page):
    """Yields (line number, command, expected output) of a page's console blocks."""
    inside, command, number = False, None, 0
    expected = []
    for index, line in enumerate(page.read_text().split("\n"), 1):
        if line.strip() == "```console" or (inside and line.strip() == "```"):
            if command is not None:
                yield number, command, expected
            inside, command, expected = not inside, None, []
        elif inside and line.startswith("$ "):
            if command is not None:
                yield number, command, expected
            number, command, expected = index, line[2:], []
        elif inside and command is not None and command.endswith("\\"):
            command = command[:-1] + line.strip()
        elif inside:
            expected.append(line)


def matches(found, expected):
    """Does the text fit the shown lines?"""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.split("...")) + r"[ ]*\n"
    return re.fullmatch(pattern, found.rstrip("\n") + "\n" if found.strip() else "")


def run_page(page):
    shown = list(blocks(page))
    if not shown:
        return
    with harness.Board(usb=True, speed="max") as board:
        folder = board.folder / "runtime"
        folder.mkdir()
        (folder / "h750_w25q128.sock").symlink_to(board.usb_path)
        environment = {**os.environ, "PATH": f"{harness.ROOT}/build:{os.environ['PATH']}",
                       "QUADLANE_RUNTIME_DIR": str(folder), "COLUMNS": "80"}
        harness.check_tool(board.tool("info"))  # it is there now
        for number, command, expected in shown:
            result = subprocess.run(["sh", "-c", command], capture_output=True, text=True,
                                    timeout=120, cwd=harness.ROOT, env=environment,
                                    stdin=subprocess.DEVNULL)
            text = result.stdout + result.stderr
            harness.check(matches(text, expected),
                          f"{page.name}:{number}: `{command}` prints\n{text}\nbut the page shows\n"
                          + "\n".join(expected))


def test_shown_outputs():
    """every command shown in the pages prints what the page shows"""
    count = 0
    for page in PAGES:
        run_page(page)
        count += len(list(blocks(page)))
    harness.check(count >= 5, f"only {count} commands are shown in all pages")


def test_links():
    """every link to a file or a heading leads somewhere"""
    broken = []
    for page in PAGES:
        text = page.read_text()
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" in target:
                continue
            name, _, anchor = target.partition("#")
            path = page.parent / name if name else page
            if not path.exists():
                broken.append(f"{page.name}: {target}")
            elif anchor:
                headings = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
                            for heading in re.findall(r"^#+ (.*)$", path.read_text(), re.M)}
                if anchor not in headings:
                    broken.append(f"{page.name}: {target}")
        for name in re.findall(r"`((?:docs|sdk|tests|tools|firmware|sim|core|abi|host)/[\w./-]+)`", text):
            if not (harness.ROOT / name).exists() and "*" not in name and "NAME" not in name:
                broken.append(f"{page.name}: `{name}`")
    harness.check(not broken, "broken: " + ", ".join(broken))


def test_exit_codes_have_a_paragraph():
    """docs/troubleshooting.md has a paragraph for every exit code of the tool"""
    listed = re.findall(r"^\s+(\d+) ([a-z][a-z-]+) ", harness.run_tool("--help").stdout, re.M)
    harness.check(len(listed) > 20, f"only {len(listed)} exit codes in --help")
    page = (harness.ROOT / "docs/troubleshooting.md").read_text()
    missing = [f"{code} {name}" for code, name in listed
               if not re.search(rf"^### {code} {name}$", page, re.M) and name not in ("ok",)]
    harness.check(not missing, "missing: " + ", ".join(missing))


def test_limits_of_figures():
    """DESIGN.md's figures are below the limits that it tells, and these are the ones that `make bench` and `make size` keep"""
    pairs = []  # of measured and limit
    found = {}
    table = (harness.ROOT / "DESIGN.md").read_text().partition("\n## Figures\n")[2]
    for cells in (re.split(r" *\| *", line)[1:-1] for line in table.splitlines() if line.startswith("| ")):
        keys, limits = re.findall(r"`(\w+)`", cells[0]), re.findall(r"[\d.]+", cells[-1])
        for key, limit in zip(keys, limits):
            found[key] = float(limit)
        parts = cells[1].split("; ")
        for part, limit in zip(parts, limits * len(parts) if len(limits) == 1 else limits):
            pairs.append((float(re.findall(r"[\d.]+", part)[-1]), float(limit), cells[0]))
    harness.check_equal(found, bench.AT_MOST, "limits in DESIGN.md")
    makefile = (harness.ROOT / "firmware/firmware.mk").read_text()
    sizes = {int(size) for size in re.findall(r"^FIRMWARE_LIMIT_[\w-]+ *:= (\d+)$", makefile, re.M)}
    row = re.search(r"`make size`.*", table)[0]
    harness.check_equal({int(row.split("|")[-2])}, sizes, "limit of the bootloader's size in DESIGN.md")
    above = [what for measured, limit, what in pairs if measured > limit]
    harness.check(len(pairs) > len(bench.AT_MOST) and not above, f"{len(pairs)} figures; above their limit: {above}")


if __name__ == "__main__":
    harness.run_tests(dict(globals()))
