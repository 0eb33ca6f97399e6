#!/usr/bin/env python3
"""The pictures of the pages: each is what its source makes, recordings show what a run shows today, the manual for a browser holds together. Prints TAP.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import html
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "board"))
import harness  # noqa: E402  (found by the path above)

ROOT = harness.ROOT
PICTURES = ROOT / "docs/pictures"


def made(*command, limit_s=60):
    process = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=limit_s,
                             stdin=subprocess.DEVNULL)
    harness.check(process.returncode == 0, f"{command} ended with {process.returncode}: {process.stderr[-2000:]}")
    return process.stdout


def load(name):
    """A script of tools/, as a module."""
    import importlib.machinery
    import importlib.util
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def test_pictures():
    """each SVG of docs/pictures is what its source makes, is XML, and is shown by a page"""
    sources = {path: "draw" for path in PICTURES.glob("*.draw")} | {path: "play" for path in PICTURES.glob("*.session")}
    harness.check_equal(sorted(path.stem for path in sources), sorted(path.stem for path in PICTURES.glob("*.svg")),
                        "pictures and their sources")
    shown = "".join(page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    for source, tool in sources.items():
        picture = source.with_suffix(".svg")
        harness.check(made(ROOT / "tools" / tool, source.relative_to(ROOT)) == picture.read_text(),
                      f"{picture.name} is not what {source.name} makes; `make pictures` does")
        root = xml.etree.ElementTree.parse(picture).getroot()
        harness.check(root.find("{http://www.w3.org/2000/svg}title").text, f"{picture.name} has no title")
        harness.check(f"pictures/{picture.name})" in shown, f"no page shows {picture.name}")


def test_draw_complains():
    """a drawing with a mistake is refused, with file and line"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        path = pathlib.Path(folder) / "bad.draw"
        for content, words in (("size 100 100 : x\nbox pc 0 0 40 40 : much too long for it", "bad.draw:2: "),
                               ("size 100 100 : x\ncircle pc 0 0 4", "bad.draw:2: "), ("box pc 0 0 4 4\n", "size"),
                               ("size 100 100 : x\nline blue 1 2 3", "bad.draw:2: ")):
            path.write_text(content)
            said = subprocess.run([ROOT / "tools/draw", path], capture_output=True, text=True, timeout=20)
            harness.check(said.returncode == 1 and words in said.stderr, f"{content!r}: {said}")


def without_figures(screen):
    """What must be the same in each run: the words. Times, rates, sizes and addresses of a build are not."""
    rows = [re.sub(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?: (?:bytes|KiB|MiB)\b)?", "0", row) for row in screen]
    return [re.sub(r"^(comparing|writing|verifying|Loading section) .*", r"\1", row) for row in rows]


def check_session(path):
    play = load("play")
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as folder:
        made(ROOT / "tools/record", path, folder, limit_s=180)
        casts = sorted(pathlib.Path(folder).iterdir())
        harness.check_equal([cast.name for cast in casts], sorted(cast.name for cast in PICTURES.glob(f"{path.stem}.*.cast")),
                            "recordings")
        for cast in casts:
            now, kept = (without_figures(play.last_screen(file)) for file in (cast, PICTURES / cast.name))
            harness.check(now == kept, f"{cast.name} ends with\n" + "\n".join(kept) + "\nand now with (`make recordings`)\n"
                          + "\n".join(now))


def test_recordings():
    """each recorded session, run again, ends with the same screens but for times and sizes"""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for result in [pool.submit(check_session, path) for path in sorted(PICTURES.glob("*.session"))]:
            result.result()


def test_figures():
    """the table in docs/itcm.md is what the recording beside it shows"""
    block = re.search(r"<!-- output: fast -->\n```text\n(.*?)```", (ROOT / "docs/itcm.md").read_text(), re.S)[1].splitlines()
    screen = load("play").last_screen(PICTURES / "itcm.board.cast")
    harness.check(len(block) == 5 and set(block) <= set(screen), f"{block} is not in {screen}")


def vectors():
    found = re.findall(r"^(\w+): ((?:[0-9a-f]{2} ?)+)$", (ROOT / "tests/vectors/frames.txt").read_text(), re.M)
    return {name: bytes.fromhex(digits) for name, digits in found}


def unstuffed(frame):
    body, at = b"", 0
    while frame[at] != 0:
        body += frame[at + 1:at + frame[at]] + (b"\0" if frame[at] < 255 else b"")
        at += frame[at]
    return body[:-1]


def test_worked_bytes():
    """the frames that docs/protocol.md and its picture take apart are those of the vectors"""
    page, picture = (ROOT / "docs/protocol.md").read_text(), (PICTURES / "frame.draw").read_text()
    request, answer = vectors()["hello_request"], vectors()["hello_answer"]
    harness.check(request[:-1].hex(" ").upper() in picture, "frame.draw: what travels")
    fields = [bytes.fromhex(digits) for digits in re.findall(r"\| `([0-9A-F ]+)`$", picture, re.M)]
    harness.check_equal(b"".join(fields[:-1])[:20].hex(), unstuffed(request).hex(), "the fields in frame.draw")
    harness.check(request.hex(" ") in page, "protocol.md: the bytes of hello.py")
    harness.check(answer.hex(" ") in page, "protocol.md: the answer")
    rows = [bytes.fromhex(digits) for digits in re.findall(r"^\| `([0-9a-f ]+)` \|", page, re.M)]
    harness.check_equal(b"".join(rows).hex(" "), unstuffed(answer).hex(" "), "the answer's fields in protocol.md")


def test_manual():
    """every page is in the manual for a browser, and each link there leads to a file and an anchor"""
    with tempfile.TemporaryDirectory(prefix="quadlane-test-") as name:
        folder = pathlib.Path(name)
        made(ROOT / "tools/manual", folder)
        pages = {path: path.read_text() for path in folder.rglob("*.html")}
        sources = [page for page in (ROOT / "docs").rglob("*.md")]
        harness.check(len(pages) == len(sources) + 4, f"{len(pages)} pages of {len(sources)} + 4")
        broken = []
        for path, text in pages.items():
            for target in re.findall(r'(?:href|src)="([^"]+)"', text):
                file, _, anchor = html.unescape(target).partition("#")
                if "://" in target:
                    continue
                other = (path.parent / file).resolve() if file else path
                inside = other.is_relative_to(folder.resolve())
                if inside and not other.exists() or anchor and other in pages and f'id="{anchor}"' not in pages[other]:
                    broken.append(f"{path.relative_to(folder)}: {target}")
        harness.check(not broken, "broken: " + ", ".join(broken))


def test_index():
    """docs/README.md leads to every page of docs/"""
    index = (ROOT / "docs/README.md").read_text()
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md" and f"]({page.name})" not in index]
    harness.check(not missing, f"not in docs/README.md: {missing}")


if __name__ == "__main__":
    harness.run_tests(dict(globals()))
