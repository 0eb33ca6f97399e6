#!/usr/bin/env python3
"""A line that loses, doubles, damages and reorders frames, in both directions: the update ends right. Prints TAP.

A proxy stands between the tool and the board and does it to frames drawn from a seed (BAD_LINE_SEED repeats one).

SPDX-License-Identifier: MIT
"""
import os
import random
import socket
import threading
import time

from harness import Board, blink_with_data, check, check_equal, check_tool, json_of, run_tests, run_tool

SIZE = 300_000
CONTENT = blink_with_data(SIZE, 4)
SAID = "blink: running"
SEED = os.environ.get("BAD_LINE_SEED") or str(random.SystemRandom().randrange(1 << 32))


class BadLine:
    """Listens at `path`, passes everything on to the board, except for what `harm` makes of a frame.

    harm(frame, held) returns the frames to send instead; `held` is a list that it may keep frames in.
    """

    def __init__(self, board, to_board, to_host):
        self.path = board.folder / "bad_line"
        self.board = board
        self.harm = {"to_board": to_board, "to_host": to_host}
        self.counts = {"to_board": 0, "to_host": 0}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(1)
        self.sockets = [self.listener]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                host, _ = self.listener.accept()
                board = socket.socket(socket.AF_UNIX)
                board.connect(str(self.board.usb_path))
            except OSError:
                return
            self.sockets += [host, board]
            ends = [threading.Thread(target=self.pump, args=(name, source, sink), daemon=True)
                    for name, source, sink in (("to_board", host, board), ("to_host", board, host))]
            for end in ends:
                end.start()
            for end in ends:
                end.join()

    def pump(self, name, source, sink):
        rest, held = b"", []
        try:
            while data := source.recv(65536):
                *frames, rest = (rest + data).split(b"\0")
                for frame in frames:
                    for part in self.touch(name, frame, held):
                        sink.sendall(part + b"\0")
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def touch(self, name, frame, held):
        if not frame or self.harm[name] is None:
            return [frame]
        parts = self.harm[name](frame, held)
        if parts != [frame]:
            self.counts[name] += 1
        return parts

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in self.sockets:
            end.close()


def every(number, what, name):
    """Does it to one frame of each `number`, drawn from the seed: often enough, but in no rhythm that repetitions keep."""
    chance = random.Random(f"{SEED} {name}")

    def choose():
        while True:
            chosen = chance.randrange(number)
            yield from (at == chosen for at in range(number))

    choices = choose()
    return lambda frame, held: what(frame, held, chance) if next(choices) or held else [frame]


def lose(frame, held, chance):
    return []


def double(frame, held, chance):
    return [frame, frame]


def damage(frame, held, chance):
    at = chance.randrange(len(frame))
    return [frame[:at] + bytes([frame[at] % 255 + 1]) + frame[at + 1:]]


def cut(frame, held, chance):
    """Two frames run into one, as when the zero between them is lost."""
    return [frame[:chance.randrange(1, len(frame) + 1)]]


def reorder(frame, held, chance):
    """Holds a frame back until the next one has passed."""
    if held:
        return [frame, held.pop()]
    held.append(frame)
    return []


def flash_over(to_board, to_host, least, arguments=()):
    """Flashes and verifies; the line has harmed at least `least` frames in the directions in which it harms."""
    with Board() as board, BadLine(board, to_board, to_host) as line:
        file = board.folder / "program.bin"
        file.write_bytes(CONTENT)
        print(f"# seed {SEED}")
        result = json_of(run_tool("flash", "--json", *arguments, file, "--port", f"unix:{line.path}", "--wait", "20",
                                  limit_s=180))
        board.wait_uart(SAID)
        check(board.chip_bytes(size=SIZE) == CONTENT, "the chip does not hold the program")
        for name, harm in (("to_board", to_board), ("to_host", to_host)):
            check(harm is None or line.counts[name] >= least, f"{line.counts[name]} frames were harmed {name}")
        return result


def test_lost():
    """one frame in twelve is lost on the way to the board"""
    flash_over(every(12, lose, "lost"), None, 4)


def test_lost_answers():
    """one frame in six is lost on the way to the host"""
    flash_over(None, every(6, lose, "lost answers"), 3)


def test_doubled():
    """every third frame comes twice, in both directions"""
    flash_over(every(3, double, "doubled"), every(3, double, "doubled answers"), 3)


def test_damaged():
    """one frame in twelve is damaged to the board, one in eight to the host"""
    flash_over(every(12, damage, "damaged"), every(8, damage, "damaged answers"), 3)


def test_cut_short():
    """frames that are cut short"""
    flash_over(every(12, cut, "cut"), every(8, cut, "cut answers"), 3)


def test_reordered():
    """one frame in ten comes behind the next one"""
    flash_over(every(10, reorder, "reordered"), None, 4)


def test_everything():
    """all of it at once"""
    kinds = [lose, double, damage, cut]
    chance = random.Random(f"{SEED} everything")

    def any_of(frame, held, _):
        return chance.choice(kinds)(frame, held, chance)

    flash_over(every(12, any_of, "a"), every(6, any_of, "b"), 3)


def test_silent():
    """a line that passes nothing on after a while: the tool gives up with a sentence, in time"""
    passed = []

    def dies(frame, held):
        passed.append(frame)
        return [frame] if len(passed) < 60 else []

    with Board() as board, BadLine(board, dies, None) as line:
        file = board.folder / "program.bin"
        file.write_bytes(CONTENT)
        began_s = time.monotonic()
        process = run_tool("flash", file, "--port", f"unix:{line.path}", "--wait", "5", limit_s=120)
        check_tool(process, 45)
        check(time.monotonic() - began_s < 60, f"it took {time.monotonic() - began_s:.0f} s")
        check_equal(board.uart(), "", "what half a program said")
        check_tool(board.tool("flash", file))
        board.wait_uart(SAID)


if __name__ == "__main__":
    run_tests(globals())
