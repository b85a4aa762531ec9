"""The table of speeds as a person sees it on a terminal of 80 columns."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from inceptionkit.api.bench import BenchResult
from inceptionkit.cli import console, deploy
from inceptionkit.deployment.backends import LeftOut
from inceptionkit.deployment.benchmark import BenchmarkRow

SLOW = BenchmarkRow(
    engine="inceptionkit+onnxruntime", ours=True, to_the_end=None, precision="fp32", batch=32,
    median_ms=123.4, p95_ms=180.2, p99_ms=201.7, mean_ms=130.0, images_per_second=1234.5,
    bytes=95_000_000, peak_bytes=310_000_000, top1=0.981, agreement=1.0,
)  # fmt: skip
FAST = replace(SLOW, engine="inceptionkit+openvino", median_ms=20.0, mean_ms=20.0)
EARLY = replace(
    FAST, engine="sooner", to_the_end="inceptionkit+openvino", mean_ms=8.0, agreement=0.994
)
OTHER = replace(SLOW, engine="torch", ours=False, median_ms=50.0)
BENCH = BenchResult(
    model="runs/photos-compact-001",
    rows=[SLOW, FAST, EARLY, OTHER],
    left_out=[LeftOut("torch.compile", "fp32", "torch.compile does not compile here (no g++)")],
    images=176,
    which="test",
    against="inceptionkit+torch in fp32",
    threads=2,
    processor="Some Processor",
)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on a terminal of 80 columns."""
    out = io.StringIO()
    wide = Console(file=out, width=80, force_terminal=True, color_system=None, soft_wrap=True)
    monkeypatch.setattr(console, "console", lambda **_: wide)
    return out


def joined(shown: io.StringIO) -> str:
    return " ".join(shown.getvalue().split())


def test_nothing_is_wider_than_the_terminal_and_nothing_is_cut(shown: io.StringIO) -> None:
    deploy.print_bench(BENCH)

    assert max(map(len, shown.getvalue().splitlines())) <= 80
    assert "…" not in shown.getvalue()


def test_gains_and_what_is_left_out_are_said(shown: io.StringIO) -> None:
    deploy.print_bench(BENCH)

    said = joined(shown)
    assert "runs/photos-compact-001 with 2 threads of Some Processor" in said
    assert (
        "the fastest of ours, inceptionkit+openvino in fp32, takes 20.0 ms, of the others, torch "
        "in fp32, 50.0 ms: 2.50 times as long"
    ) in said
    assert "takes 8.00 ms in the mean, running to the end 20.0 ms: 2.50 times as long" in said
    assert "left out: torch.compile in fp32: torch.compile does not compile here (no g++)" in said


def test_columns_that_nothing_is_known_for_are_not_there(shown: io.StringIO) -> None:
    unknown = [replace(row, top1=None, agreement=None) for row in (SLOW, FAST)]
    deploy.print_bench(replace(BENCH, rows=unknown, left_out=[]))

    said = joined(shown)
    assert "top-1" not in said
    assert "agrees" not in said
    assert "images: test" not in said
    assert "times as long" not in said
