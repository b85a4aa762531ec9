"""Rows a second of the examples for Ray Data and Spark, for 1 and 2 workers of a local cluster.

Each example runs from outside, on a number of files and on four times as many. The difference gives
rows a second without the start of the cluster, which is printed beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from bulk import made
from hardware import RESULTS, hardware, table, write
from serving import googlenet

EXAMPLES = Path(__file__).parents[1] / "docs" / "batch"
IN_RAY = """
import ray, runpy, sys
ray.init(num_cpus=int(sys.argv[1]), include_dashboard=False, _node_ip_address="127.0.0.1")
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0])
"""


def command(engine: str, python: Path, workers: int, words: Sequence[str]) -> list[str]:
    """What runs an example in a local cluster of so many workers."""
    if engine == "ray":
        example = [str(EXAMPLES / "ray_data.py"), *words, str(workers)]
        return [str(python), "-c", IN_RAY, str(workers), *example]
    submit = [str(python.parent / "spark-submit"), "--master", f"local[{workers}]"]
    return [*submit, "--conf", "spark.ui.enabled=false", str(EXAMPLES / "spark.py"), *words]


def seconds(words: Sequence[str], python: Path) -> float:
    """How long a program takes."""
    extra = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "PYSPARK_PYTHON": str(python),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    start = perf_counter()
    done = subprocess.run(
        words, env=os.environ | extra, capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"{words[0]} ended with {done.returncode}\n{done.stderr[-3_000:]}"
        raise SystemExit(msg)
    return perf_counter() - start


def measure(engine: str, python: Path, workers: int, given: argparse.Namespace) -> dict[str, Any]:
    """Rows a second, and seconds before the first."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = given.model or googlenet(folder, "fp32")
        sizes = (given.images, 4 * given.images)
        taken = []
        for size in sizes:
            images = made(folder / f"images-{size}", size)
            words = [str(model), str(images), str(folder / f"out-{size}")]
            taken.append(seconds(command(engine, python, workers, words), python))
    rate = (sizes[1] - sizes[0]) / (taken[1] - taken[0])
    start = taken[0] - sizes[0] / rate
    return {"engine": engine, "workers": workers, "rows_per_second": rate, "start_seconds": start}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", type=Path, help="with inceptionkit, ray and pyspark")
    parser.add_argument("--model", type=Path, help="an exported model; GoogLeNet if left out")
    parser.add_argument("--images", type=int, default=5_000, help="files of the smaller run")
    parser.add_argument("--engines", nargs="+", choices=("ray", "spark"), default=["ray", "spark"])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    return parser.parse_args()


def main() -> int:
    """Measure every engine with every number of workers."""
    given = arguments()
    python = given.python.absolute()
    rows = [
        measure(engine, python, workers, given)
        for engine in given.engines
        for workers in given.workers
    ]
    write(given.results, "cluster", {"rows": rows, "hardware": hardware()})
    first = {row["engine"]: row["rows_per_second"] for row in reversed(rows)}
    lines = [
        (
            f"{row['engine']}, {row['workers']} workers",
            f"{row['rows_per_second']:.0f}",
            f"{row['rows_per_second'] / first[row['engine']]:.2f}",
            f"{row['start_seconds']:.0f} s",
        )
        for row in rows
    ]
    text = table(("engine", "rows/s", "times one worker", "start of the cluster"), lines)
    (given.results / "cluster.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
