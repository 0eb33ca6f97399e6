"""The messages of tool and virtual board, as their sources have them: what docs/troubleshooting*.md must tell about.

A message is the text that a call takes, with `…` for each value that is put in. What consists of values only (`%s: %s`) is none.

SPDX-License-Identifier: MIT
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STRING = r'"(?:[^"\\]|\\.)*"'
BOARD_CALLS = ("machine_violation", "quadspi_violation", "nor_violation", "host_violation", "complain", "fail", "refuse",
               "fprintf", "snprintf")  # the last two to stderr, and into a buffer called `error`
# Functions of host/ that put a reason into their message: "FILE is truncated or damaged: it ends within the ELF header".
REASONS = ("config_fail", "fail_damaged", "fail_file", "fail_foreign", "fail_own", "fail_syntax", "fail_target", "fail_unsure", "fail_value")
LETTERS_MIN = 6  # of a text that can be looked for


def arguments(source, start):
    """The arguments of the call whose opening bracket ends at `start`, split at their commas."""
    parts, depth, begin, at = [], 1, start, start
    while depth > 0:
        text = re.compile(STRING).match(source, at)
        if text:
            at = text.end()
            continue
        if source[at] in "([{":
            depth += 1
        elif source[at] in ")]}":
            depth -= 1
        elif source[at] == "," and depth == 1:
            parts.append(source[begin:at])
            begin = at + 1
        at += 1
    return [*parts, source[begin:at - 1]]


def texts(expression):
    """Yields each text of an expression: neighbouring strings are one, the sides of `a ? b : c` are two."""
    for group in re.findall(rf"(?:{STRING}|\b(?:PRI\w+|[A-Z_]+_NAME)\b|\s)+", expression):
        pieces = re.findall(rf"{STRING}|\w+", group)
        text = "".join(piece[1:-1] if piece[0] == '"' else "" if piece.startswith("PRI") else "%s" for piece in pieces)
        text = re.sub(r"%%", "\0", text)
        text = re.sub(r"%[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j)?[a-zA-Z]?", "…", text)
        text = re.sub(r"…[…]+", "…", text.replace("\0", "%").replace('\\"', '"').replace("\\n", " ")).strip()
        if len(re.sub("[^a-zA-Z]", "", text)) >= LETTERS_MIN:
            yield text


def calls(folder, names):
    """Yields (file, line, name, arguments) of each call of one of the functions."""
    for path in sorted((ROOT / folder).rglob("*.c")):
        source = path.read_text()
        for found in re.finditer(rf"\b({'|'.join(names)})\(", source):
            yield (path.relative_to(ROOT).as_posix(), source.count("\n", 0, found.start()) + 1, found[1],
                   arguments(source, found.end()))


def codes():
    """The exit code of each enum ql_code."""
    header = (ROOT / "host/error.h").read_text()
    return {name: int(value) for name, value in re.findall(r"^    (QL_\w+) = (\d+),", header, re.M)}


def tool():
    """Yields (where, exit code or None, message) of everything that the tool fails with."""
    known = codes()
    for path, line, _, parts in calls("host", ["ql_fail"]):
        if len(parts) >= 3 and "const char" not in parts[2]:
            for text in texts(parts[2]):
                yield f"{path}:{line}", known.get(parts[1].strip()), text
    status = (ROOT / "host/status.c").read_text()
    for code, rest in re.findall(rf"= \{{{STRING},\s*(QL_\w+),\s*((?:{STRING}\s*)+),", status):
        for text in texts(rest):
            if code != "QL_OK":
                yield "host/status.c", known[code], text


def reasons():
    """Yields (where, reason) of those that are put into a message."""
    for path, line, _, parts in calls("host", REASONS):
        for part in parts:
            if not re.search(r"\bconst char \*", part):
                for text in texts(part):
                    yield f"{path}:{line}", text


def board():
    """Yields (where, message) of what the virtual board stops, warns or ends with."""
    for path, line, name, parts in calls("sim", BOARD_CALLS):
        if name.endswith("printf") and parts[0].strip() not in ("stderr", "error"):
            continue
        for part in parts:
            if not re.search(r"\bconst char \*", part):
                for text in texts(part):
                    text = text.removeprefix("quadlane-board: ").strip()
                    if len(re.sub("[^a-zA-Z]", "", text)) >= LETTERS_MIN:
                        yield f"{path}:{line}", text


def scripts():
    """Yields (where, message) of the debuggers' scripts and of the SDK's Makefile."""
    for path in sorted((ROOT / "debug").glob("*.sh")):
        for number, row in enumerate(path.read_text().splitlines(), 1):
            found = re.search(rf'\bfail "?[$\w]+"? ({STRING}|"[^"]*\$\($)', row)
            if found:
                text = re.sub(r"\$\{?\w+\}?|\$\($", "…", found[1].strip('"').replace('\\"', '"'))
                yield f"{path.relative_to(ROOT)}:{number}", text.strip().rstrip("…").strip()
    for number, row in enumerate((ROOT / "sdk/app.mk").read_text().splitlines(), 1):
        if row.strip().startswith("$(error "):
            text = re.sub(r"\$\(sort .*|\$\(\w+\)", "…", row.strip()[len("$(error "):-1])
            yield f"sdk/app.mk:{number}", text.strip().rstrip("…").strip()
