"""How many of 20 injected regressions among 200 statements are found, whether the cause is right, and false alarms.

    python tests/benchmarks/bench_regressions.py [--seeds 20] [--first 1] [--show]

Each seed is another made-up world (`histories.py`): other statements, other noise, other lengths of interval. A
regression counts as found when it is reported in one of the first 3 intervals that it lasts; everything that is
reported of a statement without an injected trouble, or before it, is a false alarm.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random

from histories import RIGHT, TROUBLES, History, Injected

from postai.observe.regressions import Detector


def judge(seed: int, show: bool) -> tuple[Counter[str], float]:
    """One world from its beginning to its end; counts, and the seconds that judging took for one interval."""
    length = Random(seed * 7919).randrange(45, 110)
    world = History(seed, length)
    detector = Detector()
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    took = 0.0
    for i in range(length):
        interval = world.interval(i)
        facts = world.facts_now(i)
        began = time.perf_counter()
        found = [detector.explain(suspect, facts) for suspect in detector.observe(interval).found]
        took += time.perf_counter() - began
        for one in found:
            injected = world.injected.get(one.key.queryid)
            if injected is None or i < injected.at:
                counts["false"] += 1
                if show:
                    statement = next(s for s in world.statements if s.key == one.key)
                    print(f"  false alarm {seed=} {i=}: {one.cause} {one.factor:.2f} {one.evidence}\n    {statement}")
            elif one.key.queryid not in seen:
                seen.add(one.key.queryid)
                late = i - injected.at + 1
                counts["found" if late <= 3 else "late"] += 1
                right = one.cause in RIGHT[injected.trouble]
                counts["right"] += right and late <= 3
                counts[f"found {injected.trouble}"] += late <= 3
                counts[f"right {injected.trouble}"] += right and late <= 3
                if show and not (right and late <= 3):
                    told = f"{one.cause} {one.factor:.2f} {one.evidence}"
                    print(f"  wrong or late {seed=} {i=} {late=} {_said(injected)}: {told}")
    if show:
        for queryid, injected in world.injected.items():
            if queryid not in seen:
                print(f"  missed {seed=} sampled={world.sampled} {_said(injected)}\n    {injected.statement}")
    return counts, took / length


def _said(one: Injected) -> str:
    return f"{one.trouble} at={one.at} factor={one.factor:.1f} share={one.share:.2f} cpu={one.cpu_only}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print what was missed, mistaken, or reported for nothing")
    options = parser.parse_args()
    passed = 0
    total: Counter[str] = Counter()
    for seed in range(options.first, options.first + options.seeds):
        counts, seconds = judge(seed, options.show)
        total.update(counts)
        good = counts["found"] >= 18 and counts["right"] >= 15 and counts["false"] <= 2
        passed += good
        print(
            f"seed {seed}: found {counts['found']} of 20 (late {counts['late']}), cause right {counts['right']}, "
            f"false alarms {counts['false']}, {seconds * 1000:.1f} ms an interval"
            + ("" if good else "  <-- below the bar")
        )
    n = options.seeds
    print(f"\n{passed} of {n} worlds pass (found >= 18, cause right >= 15, false alarms <= 2)")
    print(
        f"mean: found {total['found'] / n:.2f}, right {total['right'] / n:.2f}, false alarms {total['false'] / n:.2f}"
    )
    for trouble in TROUBLES:
        print(f"  {trouble}: found {total[f'found {trouble}']}, right {total[f'right {trouble}']} of {5 * n}")
    return 0 if passed == n else 1


if __name__ == "__main__":
    sys.exit(main())
