"""The examples of docs/batch in local clusters of two workers, one of which is killed.

Ray and Spark are heavy, and live in an environment of their own: CLUSTER_PYTHON is its interpreter.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest

import inceptionkit

pytestmark = [pytest.mark.slow, pytest.mark.fault, pytest.mark.timeout(900)]
EXAMPLES = Path(__file__).parents[2] / "docs" / "batch"
IN_RAY = """
import ray, runpy, sys
ray.init(num_cpus=2, include_dashboard=False, _node_ip_address="127.0.0.1", _temp_dir=sys.argv[1],
         object_store_memory=200_000_000)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0])
"""


@pytest.fixture
def python() -> Path:
    given = os.environ.get("CLUSTER_PYTHON")
    if given is None:
        pytest.skip("CLUSTER_PYTHON names no environment with ray and pyspark")
    return Path(given)


@pytest.fixture
def files(photos: Callable[..., Path]) -> Path:
    place = photos(each=150)
    (place / "dark" / "7.png").write_bytes(b"no image")
    return place


@pytest.fixture
def ray_files() -> Iterator[str]:
    place = mkdtemp(prefix="ray", dir="/tmp")  # paths of sockets are short
    yield place
    shutil.rmtree(place, ignore_errors=True)


def descendants(pid: int) -> list[int]:
    children = []
    with suppress(OSError):  # it ended meanwhile
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            children += [int(child) for child in task.read_text().split()]
    return [pid for child in children for pid in (child, *descendants(child))]


def classifies(pid: int) -> bool:
    """Whether a process has an engine in memory, and computes: one that waits has no batch."""
    states = [
        task.read_text().rpartition(")")[2].split()[0]
        for task in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return "R" in states and b"onnxruntime" in Path(f"/proc/{pid}/maps").read_bytes()


def run_and_kill_a_worker(words: list[object], python: Path, log: Path) -> str:
    """Run a program; kill the first of its processes that classifies. What the program said."""
    extra = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "PYSPARK_PYTHON": str(python),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    killed = 0
    with log.open("w") as said:
        process = subprocess.Popen(
            [str(word) for word in words], stdout=said, stderr=said, env=os.environ | extra,
            start_new_session=True,
        )  # fmt: skip
    try:
        while process.poll() is None:
            for pid in descendants(process.pid) if not killed else ():
                try:
                    if classifies(pid):
                        os.kill(pid, signal.SIGKILL)
                        killed = pid
                        break
                except OSError:  # it ended meanwhile
                    continue
            time.sleep(0.01)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, log.read_text()[-5_000:]
    assert killed, "no process classified"
    return log.read_text()


def check_rows(out: Path, model: Path, files: Path) -> None:
    """Every image has one row, which says what `predict` says."""
    table = pytest.importorskip("pyarrow.parquet").read_table(out)
    rows = {Path(row["path"].removeprefix("file:")): row for row in table.to_pylist()}
    answers = inceptionkit.predict(model, files).answers

    assert table.num_rows == len(answers) == 300
    assert rows.keys() == {Path(answer.path) for answer in answers}
    for answer in answers:
        row, found = rows[Path(answer.path)], answer.prediction
        assert row["error"] == answer.error
        assert row["label"] == (found and found.label)
        assert row["exit"] == (found and found.exit)
        if found:
            assert row["probability"] == pytest.approx(found.probability, abs=1e-4)


def test_ray_data(
    python: Path, tiny_model: Path, files: Path, tmp_path: Path, ray_files: str
) -> None:
    example = [EXAMPLES / "ray_data.py", tiny_model, files, tmp_path / "out"]
    run_and_kill_a_worker([python, "-c", IN_RAY, ray_files, *example], python, tmp_path / "log")

    check_rows(tmp_path / "out", tiny_model, files)


def test_spark(python: Path, tiny_model: Path, files: Path, tmp_path: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    submit = [python.parent / "spark-submit", "--master", "local[2,4]"]
    submit += ["--conf", "spark.ui.enabled=false"]
    example = [EXAMPLES / "spark.py", tiny_model, files, tmp_path / "out"]
    said = run_and_kill_a_worker([*submit, *example], python, tmp_path / "log")

    assert "Python worker exited unexpectedly" in said
    check_rows(tmp_path / "out", tiny_model, files)
