#!/usr/bin/env python3
"""A sample of the power-cut campaign: each scenario, its rare operations first. Prints TAP.

`make campaign` does the same with thousands of cuts. The seed is printed; CAMPAIGN_SEED repeats it.

SPDX-License-Identifier: MIT
"""
import os
import random
import sys

import campaign

CUTS = 400


def main():
    seed = os.environ.get("CAMPAIGN_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"1..{len(campaign.SCENARIOS)}\n# seed {seed}", flush=True)
    problems = {}
    results = campaign.campaign(CUTS, seed, os.cpu_count() or 1, problem=problems.__setitem__)
    failed = 0
    for number, name in enumerate(campaign.SCENARIOS, 1):
        result = results.get(name)
        lost = [f"{cut}: {text}" for cut, text in result.failures] if result else [problems[name]]
        cuts = sum(result.outcomes.values()) if result else 0
        failed += bool(lost)
        print(f"{'not ok' if lost else 'ok'} {number} - {name}: {cuts} power cuts, none lost")
        for text in lost[:5]:
            print("".join(f"# {line}\n" for line in text.splitlines()), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
