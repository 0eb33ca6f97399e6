#!/usr/bin/env python3
"""make campaign: cuts the power at every operation of the flash chip, and inside it, and looks what is left.

For each scenario an uncut update tells the operations there are. Each cut then runs the same update
again on a fresh board with the same chip, takes the power away at the start of one operation or when a
fraction of it is done (the chip keeps partly erased or partly programmed bits), and checks:

- without a cable the board starts nothing but a program that is sealed: the old one as long as no
  operation has touched it or its record, else nothing;
- what was not touched is as it was;
- the bootloader is reachable, a second update succeeds and starts its program, and the board starts
  it by itself at the next power-on.

Two scenarios change a setting instead, before and at a turn-over of the log: afterwards it is the old one or
the new one, no other setting is lost, the program starts as before, and the same command again sets it for good.

A cut is named SCENARIO:OPERATION:FRACTION:SEED; `campaign.py --only NAME` repeats it. All of it runs
in virtual time.

SPDX-License-Identifier: MIT
"""
import argparse
import collections
import dataclasses
import json
import multiprocessing
import os
import pathlib
import random
import re
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import virtual_time
from virtual_time import (CHIP_SIZE, NS_PER_MS, PROGRAM_ADDRESS, PROGRAM_OFFSET, Board, BoardEnded)

PROGRAM_SIZE = 100 * 1024  # erased by 64 KB, 32 KB and 4 KB
SECTOR = 4096
UPDATES_MAX = 64           # until the log of records must have turned over
START_NS = 150 * NS_PER_MS  # by then a program has started that the board starts by itself
OPERATION = re.compile(r"chip 1: (.*) at 0x([0-9A-F]+), operation (\d+)")
SCENARIOS = ["first flash", "used chip", "re-flash", "delta", "first record", "log turn-over",
             "cut again", "settings", "settings turn-over"]
OLD_STARTED = "the old program started"
SETTING, OLD_SETTING, NEW_SETTING = "window", 300, 1234
KEPT = {"attempts": 7, "manufacturer": "ACME", "product": "Bird 7, 32 characters all in all"}


class Failed(Exception):
    """An assertion about the board does not hold."""


def check(condition, message):
    if not condition:
        raise Failed(message)


@dataclasses.dataclass
class Scenario:
    name: str
    before: bytes      # the chip's file
    program: bytes     # what the update brings
    old: bytes | None  # a sealed program that is there before
    operations: list   # of the uncut update: (name, offset in the chip)
    setting: bool = False  # a setting is changed, and no program

    def touches(self, index):
        return self.operations[index][1] >= PROGRAM_OFFSET

    def first_touch(self):
        """The first operation on the program's area; the number of operations if there is none."""
        return next((index for index in range(len(self.operations)) if self.touches(index)),
                    len(self.operations))

    def old_must_start(self, cut):
        """Before the first touch all that happens is the record that says so: it is torn or not begun."""
        if self.setting:
            return True
        if self.old is None:
            return False
        first = self.first_touch()
        return cut.operation < first or (first == 0 and cut.operation == 0 and cut.fraction == 0)


@dataclasses.dataclass(frozen=True)
class Cut:
    scenario: str
    operation: int
    fraction: float
    seed: int

    def __str__(self):
        return f"{self.scenario}:{self.operation}:{self.fraction:.4f}:{self.seed}"


def make_program(seed, changed_sectors=()):
    """Starts and loops; of each sector a quarter is data, the rest blank. `changed_sectors` differ from the same seed's."""
    data = bytearray(b"\xff" * PROGRAM_SIZE)
    for at in range(0, PROGRAM_SIZE, SECTOR):
        data[at:at + 1024] = random.Random(f"{seed} {at}").randbytes(1024)
    for sector in changed_sectors:
        data[sector * SECTOR + 100:sector * SECTOR + 200] = \
            random.Random(f"{seed} change {sector}").randbytes(100)
    data[0:10] = struct.pack("<IIH", 0x20020000, PROGRAM_ADDRESS + 9, 0xE7FE)
    return bytes(data)


class Chip:
    """A chip's file and a file for the tool, in a folder."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "nor.bin"
        self.image = pathlib.Path(folder) / "program.bin"

    def restore(self, content):
        self.path.write_bytes(content)

    def content(self):
        return self.path.read_bytes()

    def program(self, size=PROGRAM_SIZE):
        with open(self.path, "rb") as file:
            file.seek(PROGRAM_OFFSET)
            return file.read(size)

    def flash(self, board, program):
        self.image.write_bytes(program)
        return board.tool("flash", self.image)


def update(chip, before, program):
    """An uncut update; returns its operations."""
    chip.restore(before)
    with Board(chip.path, "--trace", "nor") as board:
        result = chip.flash(board, program)
        check(result.returncode == 0, f"the uncut update failed: {result.stderr}")
        check(board.wait_program() is not None, "the program was not started")
        found = [OPERATION.search(line) for line in board.said().splitlines()]
    operations = [(match[1], int(match[2], 16)) for match in found if match]
    check(chip.program() == program, "the uncut update left something else in the chip")
    return operations


def into_bootloader(board):
    """A power-on with the button held."""
    board.control("button down")
    board.control("power-cycle")
    board.pass_time(NS_PER_MS)
    end_ns = board.now_ns + 3000 * NS_PER_MS
    while not board.link:
        board.run(end_ns - board.now_ns)
        check(board.now_ns < end_ns, "the bootloader did not come up within 3 s")
    board.control("button up")
    board.pass_time(50 * NS_PER_MS)


def settings_of(board):
    result = board.tool("set", "--json")
    check(result.returncode == 0, f"the settings cannot be read: {result.stderr}")
    return {name: each["value"] for name, each in json.loads(result.stdout)["settings"].items()}


def change(board):
    return board.tool("set", SETTING, NEW_SETTING)


def change_setting(name, chip, program):
    """A board that keeps settings and starts a program; the change of one of them, uncut, as a Scenario."""
    update(chip, b"\xff" * CHIP_SIZE, make_program("before"))
    with Board(chip.path) as board:
        board.enter_bootloader()
        for setting, value in {**KEPT, SETTING: OLD_SETTING}.items():
            check(board.tool("set", setting, value).returncode == 0, f"{setting} cannot be set")
    # Nothing is appended behind settings at a later start, but behind what an update leaves it is.
    turns_over = name.endswith("turn-over")
    if turns_over:
        program = make_program("before")
    else:
        update(chip, chip.content(), program)
    before = chip.content()
    with Board(chip.path, "--trace", "nor") as board:
        board.enter_bootloader()
        check(change(board).returncode == 0, "the uncut change failed")
        found = [OPERATION.search(line) for line in board.said().splitlines()]
    operations = [(match[1], int(match[2], 16)) for match in found if match]
    check(any("erase" in operation for operation, _ in operations) == turns_over,
          f"the change does not write what was expected: {operations}")
    return Scenario(name, before, program, program, operations, setting=True)


def turn_over(chip, before, programs):
    """Updates until one erases a sector of the log; returns that Scenario."""
    old = None
    for number in range(UPDATES_MAX):
        program = programs[number % 2]
        operations = update(chip, before, program)
        log = {offset // SECTOR for _, offset in operations if offset < PROGRAM_OFFSET}
        erases = [name for name, offset in operations
                  if offset < PROGRAM_OFFSET and "erase" in name]
        if number > 0 and erases and log:
            return Scenario("log turn-over", before, program, old, operations)
        old, before = program, chip.content()
    raise Failed(f"the log of records did not turn over within {UPDATES_MAX} updates")


def make_scenario(name, folder):
    chip = Chip(folder)
    blank = b"\xff" * CHIP_SIZE
    used = random.Random("a used chip").randbytes(CHIP_SIZE)
    old, new = make_program("old"), make_program("new")
    delta = make_program("old", (5, 6, 20))
    if name == "log turn-over":
        return turn_over(chip, used, (old, delta))
    if name.startswith("settings"):
        return change_setting(name, chip, old)
    update(chip, blank, old)
    holding_old = chip.content()
    unsealed = blank[:PROGRAM_OFFSET] + old
    unsealed += blank[len(unsealed):]
    before, program, sealed = {
        "first flash": (blank, new, None),
        "used chip": (used, new, None),
        "re-flash": (holding_old, new, old),
        "delta": (holding_old, delta, old),
        "first record": (unsealed, old, None),
        "cut again": (holding_old, new, old),
    }[name]
    operations = update(chip, before, program)
    check(operations, "the update did nothing to the chip: this bootloader keeps no records")
    return Scenario(name, before, program, sealed, operations)


# --- One cut ------------------------------------------------------------------------------------


def cut_update(scenario, chip, operation, fraction, seed):
    """Updates until the power goes; returns whether it did."""
    with Board(chip.path) as board:
        board.control(f"power-off-after {operation} {fraction:.4f}")
        board.control(f"tear-seed {seed}")
        if scenario.setting:
            board.enter_bootloader()
        result = change(board) if scenario.setting else chip.flash(board, scenario.program)
        if result.returncode == 0:
            return False
        try:
            code = board.process.wait(virtual_time.WALL_LIMIT_S)
        finally:
            said = board.said()
    check(code == 0, f"the board did not end by the cut but with {code}: {said[-1000:]}")
    return True


def check_untouched(scenario, chip, cut):
    """Nothing of the program's area has changed before the first operation there."""
    first = scenario.first_touch()
    if cut.operation < first or (cut.operation == first and cut.fraction == 0):
        end = PROGRAM_OFFSET + PROGRAM_SIZE
        check(chip.program() == scenario.before[PROGRAM_OFFSET:end],
              "the program's area changed before anything touched it")


def look_after_cut(scenario, chip, board, must_start):
    """The first power-on after the cut, without a cable; returns what the board did.

    must_start: the old program must start (True), must not (False), may if it is whole (None).
    """
    board.control("usb unplug")
    started = board.wait_program(START_NS) is not None
    if must_start is None:
        must_start = started and chip.program() == scenario.old
    if must_start:
        check(started, "the old program is untouched but was not started")
        check(chip.program() == scenario.old, "the old program is damaged")
        return OLD_STARTED
    if started:
        held = chip.program()
        what = "half a program"
        if held == scenario.program:
            what = "the new program, which was not sealed yet"
        elif held == scenario.old:
            what = "the old program, which was no longer sealed"
        raise Failed(f"the board started {what}")
    return "the bootloader stayed"


def repair(scenario, chip, board, started):
    """The cable comes: the bootloader is there, and a second update brings everything in order."""
    board.control("usb plug")
    if started:
        board.control("power-cycle")
    result = chip.flash(board, scenario.program)
    check(result.returncode == 0, f"the second update failed: {result.stderr}")
    check(board.wait_program() is not None, "the second update's program was not started")
    check(chip.program() == scenario.program, "the second update left something else in the chip")
    board.control("usb unplug")
    board.control("power-cycle")
    board.pass_time(NS_PER_MS // 100)
    check(board.wait_program(START_NS) is not None,
          "after the second update the board does not start the program by itself")


def repair_setting(board):
    """The cable comes: the setting is one of the two, the others are there, and it can be changed."""
    board.control("usb plug")
    into_bootloader(board)
    found = settings_of(board)
    check(found[SETTING] in (OLD_SETTING, NEW_SETTING), f"the setting is {found[SETTING]}")
    for name, value in KEPT.items():
        check(found[name] == value, f"{name} is {found[name]!r}, no longer {value!r}")
    check(change(board).returncode == 0, "the second change failed")
    for _ in range(2):
        into_bootloader(board)
        check(settings_of(board) == {**found, SETTING: NEW_SETTING}, "the second change was lost")


def cut_again(scenario, chip, cut):
    """The second update skips what the first has done: its cut comes among the operations left."""
    chance = random.Random(str(cut))
    left = len(scenario.operations) - cut.operation
    return cut_update(scenario, chip, chance.randrange(left + 1), chance.uniform(0.02, 0.98),
                      cut.seed + 1)


def run_cut(scenario, folder, cut):
    """Returns what the board did after the cut; raises Failed."""
    chip = Chip(folder)
    chip.restore(scenario.before)
    try:
        check(cut_update(scenario, chip, cut.operation, cut.fraction, cut.seed),
              "the update ended before the cut")
        check_untouched(scenario, chip, cut)
        must_start = scenario.old_must_start(cut)
        if scenario.name == "cut again":
            if not cut_again(scenario, chip, cut):
                return "the second update was through before its cut"
            # Before the first touch the second update may write one record more than the first.
            must_start = None if must_start else False
        with Board(chip.path) as board:
            outcome = look_after_cut(scenario, chip, board, must_start)
            if scenario.setting:
                repair_setting(board)
            else:
                repair(scenario, chip, board, outcome == OLD_STARTED)
    except BoardEnded as ended:
        raise Failed(f"the board ended: {str(ended)[-1500:]}") from None
    return outcome


# --- Many cuts ----------------------------------------------------------------------------------


def choose_cuts(scenario, count, seed):
    """Every operation's start, then inside every one, over and over; what is rare comes first."""
    chance = random.Random(f"{seed} {scenario.name}")
    everything = range(len(scenario.operations))
    rare = {scenario.first_touch(), everything[-1]} & set(everything)
    rare |= {index for index in everything
             if not scenario.touches(index) or "erase" in scenario.operations[index][0]}
    rest = [index for index in everything if index not in rare]
    chance.shuffle(rest)
    cuts = [Cut(scenario.name, index, 0.0, 0) for index in sorted(rare)]
    cuts += [inside_cut(scenario, index, chance) for index in sorted(rare)]
    cuts += [Cut(scenario.name, index, 0.0, 0) for index in rest]
    while len(cuts) < count:
        cuts += [inside_cut(scenario, index, chance) for index in [*rest, *rare]]
    return cuts[:count]


def inside_cut(scenario, index, chance):
    return Cut(scenario.name, index, round(chance.uniform(0.02, 0.98), 4), chance.randrange(1 << 32))


workers_scenarios = {}


def worker(cut):
    scenario = workers_scenarios[cut.scenario]
    with tempfile.TemporaryDirectory(prefix="quadlane-cut-", dir=memory_folder()) as folder:
        try:
            return cut, run_cut(scenario, folder, cut), None
        except Failed as failure:
            return cut, "FAILED", str(failure)
        except Exception as error:  # a harness that breaks must not end the campaign unheard
            return cut, "FAILED", f"{type(error).__name__}: {error}"


def memory_folder():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclasses.dataclass
class Result:
    """What became of a scenario."""
    name: str
    operations: int
    outcomes: collections.Counter
    failures: list


def prepare(names, problem):
    """Makes the scenarios; `problem(name, text)` is told of those that cannot be made."""
    with tempfile.TemporaryDirectory(prefix="quadlane-cut-", dir=memory_folder()) as folder:
        for name in names:
            try:
                workers_scenarios[name] = make_scenario(name, folder)
            except Failed as failure:
                problem(name, str(failure))


def run(cuts, results, processes, progress):
    """Makes the cuts; the scenarios must be prepared before."""
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for number, (cut, outcome, failure) in enumerate(pool.imap_unordered(worker, cuts), 1):
            result = results[cut.scenario]
            result.outcomes[outcome] += 1
            if failure:
                result.failures.append((cut, failure))
            progress(number, cut, failure)


def campaign(count, seed, processes, names=tuple(SCENARIOS), progress=lambda *_: None,
             problem=lambda *_: None):
    """Runs `count` cuts over the scenarios; returns a Result for each that could be made."""
    workers_scenarios.clear()
    prepare(names, problem)
    share = -(-count // max(1, len(workers_scenarios)))
    results = {}
    cuts = []
    for name, scenario in workers_scenarios.items():
        results[name] = Result(name, len(scenario.operations), collections.Counter(), [])
        cuts += choose_cuts(scenario, share, seed)
    random.Random(seed).shuffle(cuts)
    run(cuts[:count], results, processes, progress)
    return results


def only(name, processes):
    scenario, operation, fraction, seed = name.split(":")
    prepare([scenario], lambda _, text: sys.exit(text))
    print(f"{scenario}: operation {operation} is "
          f"{workers_scenarios[scenario].operations[int(operation)]}")
    cut = Cut(scenario, int(operation), float(fraction), int(seed))
    _, outcome, failure = worker(cut)
    print(f"{cut}: {failure or outcome}")
    return 1 if failure else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cuts", type=int, default=int(os.environ.get("CAMPAIGN_CUTS", 10000)))
    parser.add_argument("--seed", default=os.environ.get("CAMPAIGN_SEED") or
                        str(random.SystemRandom().randrange(1 << 32)))
    parser.add_argument("--only", metavar="SCENARIO:OPERATION:FRACTION:SEED")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, help="cuts at once")
    options = parser.parse_args()
    if options.only:
        return only(options.only, options.j)
    print(f"campaign: {options.cuts} cuts, seed {options.seed}", flush=True)
    begin_s = time.monotonic()
    missing = []

    def progress(number, cut, failure):
        if failure:
            print(f"LOST {cut}: {failure}", flush=True)
        if number % 500 == 0:
            print(f"  {number} cuts, {time.monotonic() - begin_s:.0f} s", flush=True)

    def problem(name, text):
        missing.append(name)
        print(f"LOST {name}: {text}", flush=True)

    results = campaign(options.cuts, options.seed, options.j, progress=progress, problem=problem)
    return report(results.values(), missing, options.seed, time.monotonic() - begin_s)


def report(results, missing, seed, seconds):
    total = lost = 0
    print(f"\n{'scenario':16} {'operations':>10} {'cuts':>6} {'lost':>5}  what the board did at its "
          "next power-on")
    for result in results:
        cuts = sum(result.outcomes.values())
        outcomes = ", ".join(f"{number} {what}" for what, number in result.outcomes.most_common()
                             if what != "FAILED")
        print(f"{result.name:16} {result.operations:10} {cuts:6} {len(result.failures):5}  {outcomes}")
        total += cuts
        lost += len(result.failures)
    for name in missing:
        print(f"{name:16} not run")
    print(f"campaign: {total} cuts, {lost} lost, {len(missing)} scenarios not run, seed {seed}, "
          f"{seconds:.0f} s")
    return 1 if lost or missing or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
