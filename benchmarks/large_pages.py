"""Pages and findings of data that is large: seconds, and memory of the process.

Each case runs in a process of its own. `classes`: the page of a run with so many classes, ten
scored images each, of which a third are misread; and the page of a check of as many, forty images
each. `groups`: what `check` says of so many groups of copies, as findings and as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from hardware import RESULTS, hardware, table, write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

CASES = {"run page": 10_000, "check page": 10_000, "findings": 100_000}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the cases; print a table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help="measure this one, in this process")
    args = parser.parse_args(argv)
    if args.case:
        print(json.dumps(measured(args.case)))
        return 0
    rows = []
    for case in CASES:
        command = [sys.executable, __file__, "--case", case]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout))
    write(RESULTS, "large_pages", {**hardware(), "cases": rows})
    print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    return 0


def measured(case: str) -> dict[str, object]:
    """Seconds and memory of one case, without what making it up takes."""
    run = {"run page": run_page, "check page": check_page, "findings": findings}[case]
    work = run(CASES[case])
    before, start = _peak(), perf_counter()
    text = work()
    seconds = perf_counter() - start
    return {
        "case": case,
        "count": CASES[case],
        "seconds": round(seconds, 1),
        "MB": round(_peak()),
        "MB before": round(before),
        "page MB": round(len(text) / 1e6, 1),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def run_page(classes: int) -> Callable[[], str]:
    """The page of a run."""
    from made_up import made_up_run

    from inceptionkit.evaluation.metrics import confusion
    from inceptionkit.report.pictures import Album
    from inceptionkit.report.run_page import render

    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 10)
    wrong = random.random(len(labels)) < 1 / 3
    guesses = np.where(wrong, random.integers(0, classes, len(labels)), labels)
    names = tuple(f"class {number}" for number in range(classes))
    images = {name: {"train": 100, "val": 10, "test": 10} for name in names}
    run = made_up_run(2, classes=names)

    def work() -> str:
        matrix = confusion(guesses, labels, classes)
        return render(replace(run, confusion=matrix), Album(), images)

    return work


def check_page(classes: int) -> Callable[[], str]:
    """The page of a check."""
    from made_up import MadeUpImages, made_up_scan

    from inceptionkit.data.quality.findings import find
    from inceptionkit.report.check_page import render

    labels = np.repeat(np.arange(classes), 40)
    names = [f"{label}/{number}.jpg" for number, label in enumerate(labels.tolist())]
    every = tuple(f"class {number}" for number in range(classes))
    dataset = MadeUpImages(names, labels.tolist(), [-1] * len(labels), every)
    scan = made_up_scan(dataset)
    scan.stats["spread"], scan.stats["high"] = 50, 200
    return lambda: render(scan, (), find(scan, ()), (), made_at="today")


def findings(groups: int) -> Callable[[], str]:
    """What is said of copies: a tenth of them across sets, a tenth across classes."""
    from made_up import MadeUpImages, made_up_scan

    from inceptionkit.data.quality.findings import find
    from inceptionkit.data.quality.near_duplicates import Group
    from inceptionkit.data.quality.summary import summary
    from inceptionkit.report.check_page import render

    count = 3 * groups
    group = np.arange(count) // 3
    last = np.arange(count) % 3 == 2
    sets = np.where((group % 10 == 0) & last, 2, 0)
    labels = np.where((group % 10 == 1) & last, 1, 0) + group % 100
    names = [f"{number}.jpg" for number in range(count)]
    every = tuple(f"class {number}" for number in range(101))
    dataset = MadeUpImages(names, labels.tolist(), sets.tolist(), every)
    scan = made_up_scan(dataset)
    scan.stats["spread"], scan.stats["high"] = 50, 200
    found = tuple(
        Group(members=(at, at + 1, at + 2), exact=False, mirrored=False)
        for at in range(0, count, 3)
    )

    def work() -> str:
        said = find(scan, found)
        page = render(scan, found, said, (), made_at="today")
        return page + json.dumps(summary(scan, found, said))

    return work


if __name__ == "__main__":
    raise SystemExit(main())
