#!/usr/bin/env python3
"""Every message of the tool, the virtual board, the debuggers' scripts and the SDK's build has its place in the pages. Prints TAP.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "board"), str(pathlib.Path(__file__).resolve().parent)]
import messages  # noqa: E402  (found by the path above)
from harness import ROOT, check, run_tests  # noqa: E402

TOOL_PAGE, BOARD_PAGE = ROOT / "docs/troubleshooting.md", ROOT / "docs/troubleshooting-board.md"


def section(page, code):
    found = re.search(rf"^### {code} .*?(?=^##|\Z)", page, re.M | re.S)
    return found[0] if found else ""


def test_tool():
    """each sentence that the tool fails with stands in docs/troubleshooting.md, below its exit code"""
    page = TOOL_PAGE.read_text()
    found = list(messages.tool())
    check(len(found) > 250, f"only {len(found)} messages in host/")
    missing = [f"{where}: {code}: {text}" for where, code, text in found
               if f"`{text}`" not in (page if code is None else section(page, code))]
    check(not missing, "missing in docs/troubleshooting.md, in the section of their exit code, as `message`:\n" + "\n".join(missing))


def test_reasons():
    """each reason that stands behind such a sentence has its place in docs/troubleshooting.md, too"""
    page = TOOL_PAGE.read_text()
    found = list(messages.reasons())
    check(len(found) > 40, f"only {len(found)} reasons in host/")
    missing = [f"{where}: {text}" for where, text in found if f"`{text}`" not in page]
    check(not missing, "missing in docs/troubleshooting.md:\n" + "\n".join(missing))


def test_no_old_messages():
    """docs/troubleshooting.md has no sentence below an exit code that the tool does not say"""
    page = TOOL_PAGE.read_text()
    known = {text for _, _, text in messages.tool()} | {text for _, text in messages.reasons()}
    told = re.findall(r"^\| `([^`]+)` \|", "".join(section(page, code) for code in messages.codes().values()), re.M)
    old = [text for text in told if text not in known]
    check(not old, f"nobody says: {old}")


def test_stay_reasons():
    """each reason to stay in the bootloader has its row"""
    source = (ROOT / "host/board.c").read_text()
    reasons = re.findall(r'"([^"]+)"', source[source.index("ql_stay_reason_text(uint8_t"):source.index("bool ql_progress_parse")])
    missing = [reason for reason in reasons if f"| {reason} |" not in TOOL_PAGE.read_text()]
    check(len(reasons) > 10 and not missing, f"of {len(reasons)} missing: {missing}")


def test_board():
    """each message of the virtual board stands in docs/troubleshooting-board.md"""
    page = BOARD_PAGE.read_text()
    found = list(messages.board())
    check(len(found) > 300, f"only {len(found)} messages in sim/")
    missing = [f"{where}: {text}" for where, text in found if f"`{text}`" not in page]
    check(not missing, "missing in docs/troubleshooting-board.md:\n" + "\n".join(missing))
    known = {text for _, text in found}
    old = [text for text in re.findall(r"^- `([^`]+)`$", page, re.M) if text not in known]
    check(not old, f"nobody says: {old}")


def test_scripts_and_sdk():
    """each message of the wrappers, of app.mk and of the SDK's linker script stands in docs/troubleshooting.md"""
    page = TOOL_PAGE.read_text()
    found = list(messages.scripts())
    found += [("sdk/link/app.ld", text) for text in re.findall(r'ASSERT\([^;]*?"([^"]+)"\)', (ROOT / "sdk/link/app.ld").read_text())]
    check(len(found) > 20, f"only {len(found)} messages")
    missing = [f"{where}: {text}" for where, text in found if f"`{text}`" not in page]
    check(not missing, "missing in docs/troubleshooting.md:\n" + "\n".join(missing))


if __name__ == "__main__":
    run_tests(dict(globals()))
