"""What goes wrong around a server: a full disk for its log, a clock set back, hours of use."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from served import png

from inceptionkit.serving import access

ROOT = Path(__file__).parents[2]
YEAR = 365 * 86_400.0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_for_the_log_stops_no_answer(folder: Path, workers: str) -> None:
    words = ["serve", str(folder), "--port", "0", "--json", "--engine", "onnxruntime"]
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "inceptionkit", *words, "--workers", workers],
            stdout=subprocess.PIPE, stderr=full, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["address"]
    with httpx.Client(base_url=address, timeout=30) as client:
        codes = [client.post("/v1/predict", content=png()).status_code for _ in range(100)]
        codes += [client.post("/v1/predict", content=b"no image").status_code]
    process.terminate()
    code = process.wait(30)
    process.stdout.close()

    assert codes == [200] * 100 + [422]
    assert code == 0


def test_a_clock_that_is_set_back_or_forth_changes_no_answer(
    client: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Limits count by a clock that nobody sets; the log has the time of the day."""
    served, real = client(seconds=5.0), time.time
    logging.getLogger("inceptionkit.access").propagate = True
    answers = []
    with caplog.at_level(logging.INFO, "inceptionkit.access"):
        for shift in (0.0, -YEAR, YEAR, -real()):
            monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
            monkeypatch.setattr(access, "time", time.time)
            found = served.post("/v1/predict?time_limit_ms=4000", content=png())
            assert found.status_code == 200
            answers.append(found.json()["answers"][0]["top"])
            assert served.get("/v2/health/ready").json()["ready"]
    lines = [json.loads(message) for message in caplog.messages]

    assert answers == [answers[0]] * 4
    assert all(0 <= line["ms"] < 5_000 for line in lines)
    assert "inceptionkit_request_seconds_sum" in served.get("/metrics").text


@pytest.mark.slow
@pytest.mark.fault
def test_a_minute_of_all_kinds_of_requests_leaves_nothing_behind(
    tiny_model: Path, tmp_path: Path
) -> None:
    """`benchmarks/leaks.py` does it for twenty."""
    words = ["--model", str(tiny_model), "--minutes", "1", "--results", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "leaks.py", *words], cwd=ROOT / "benchmarks",
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
