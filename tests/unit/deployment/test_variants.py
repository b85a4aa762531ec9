"""The fastest variant is the fastest of those that lose little enough, judged on val."""

import numpy as np
import pytest

from inceptionkit.deployment.benchmark import BenchmarkRow
from inceptionkit.deployment.quantize import in_points
from inceptionkit.deployment.variants import Variant, Variants, reason_for
from inceptionkit.evaluation.confidence import paired

IMAGES = 1000
OPEN, COULD = "they cannot rule out a loss of more than 0.3 points", "like them could"


def variant(precision: str, ms: float, lost: int) -> Variant:
    row = BenchmarkRow(
        engine="inceptionkit+openvino", ours=True, to_the_end=None, precision=precision, batch=8,
        median_ms=ms, p95_ms=ms, p99_ms=ms, mean_ms=ms, images_per_second=1e3 / ms,
        bytes=1, peak_bytes=None, top1=0.5, agreement=0.5,
    )  # type: ignore[arg-type] # fmt: skip
    numbers = np.arange(IMAGES)
    change = paired(numbers >= max(-lost, 0), numbers >= max(lost, 0))
    return Variant(None, row, change)  # type: ignore[arg-type] # nothing is written


def table(*found: Variant, most: float = 0.003) -> Variants:
    return Variants(
        variants=found, left_out=(), images=1, which="test", chosen_on="val", max_drop=most
    )


@pytest.mark.parametrize(
    ("lost", "most", "chosen"),
    [
        ({"bf16": 0, "int8": 3}, 0.003, "int8"),
        ({"bf16": 0, "int8": 4}, 0.003, "bf16"),
        ({"bf16": 9, "int8": 4}, 0.003, "fp32"),
        ({"bf16": 0, "int8": 1}, 0.0, "bf16"),
        ({"bf16": 0, "int8": -2}, 0.0, "int8"),
        ({"bf16": 500, "int8": 600}, 1.0, "int8"),
    ],
)
def test_the_fastest_loses_at_most_what_it_may(
    lost: dict[str, int], most: float, chosen: str
) -> None:
    found = table(
        variant("fp32", 9.0, 0),
        variant("bf16", 4.0, lost["bf16"]),
        variant("int8", 2.0, lost["int8"]),
        most=most,
    )

    assert found.fastest().row.precision == chosen


def test_there_is_always_fp32() -> None:
    found = table(variant("fp32", 9.0, 1), variant("int8", 2.0, 2), most=0.0)

    assert found.fastest().row.precision == "fp32"


def test_a_machine_on_which_fp32_is_fastest_gets_fp32() -> None:
    found = table(variant("fp32", 2.0, 0), variant("int8", 3.0, 0))

    assert found.fastest().row.precision == "fp32"


def test_the_reason_says_what_it_gains_what_it_costs_and_where_that_was_found() -> None:
    found = table(variant("fp32", 9.0, 0), variant("int8", 2.0, 2))

    assert reason_for(found, found.fastest()) == (
        "int8: the fastest here (int8 2.00 ms, fp32 9.00 ms) of those that lose at most "
        "0.3 points of top-1; it changes it by -0.2 points (-0.7 to +0.2) on 1,000 images: val; "
        "they cannot rule out a loss of more than 0.3 points, about 11,500 like them could"
    )


@pytest.mark.parametrize(
    ("lost", "gained", "images", "said"),
    [
        (0, 0, 2, f"0.0 points (-65.8 to +65.8) on 2 images: val; {OPEN}, about 1,280 {COULD}"),
        (9, 0, 1000, f"-0.9 points (-1.7 to -0.5) on 1,000 images: val; {OPEN}"),
        (0, 0, 2000, "0.0 points (-0.2 to +0.2) on 2,000 images: val"),
    ],
)
def test_few_images_say_how_little_they_know(
    lost: int, gained: int, images: int, said: str
) -> None:
    numbers = np.arange(images)
    change = paired(numbers >= gained, numbers >= lost)

    assert in_points(change, "val", 0.003) == said
