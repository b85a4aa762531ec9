"""The laboratory's record: networks of the published cost, modules that begin as the identity."""

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "lab"))

import record_fit
from record import SIDES, reached
from record_fit import Images, Muon, Recipe, epoch_of, fit, normalized, scored, shifted
from record_nets import INCEPTION, PLAIN, STEM, Layer, RecordNet, Row, macs

# by hand: stem at 31x31, then 24-64 there, 64-64 and 64-256 at 15, 256-256 twice at 7, once at 3
OF_PLAIN = 961 * (12 * STEM + 9 * STEM * 64) + 225 * 9 * 64 * (64 + 256) + 2560
OF_PLAIN += 9 * 256 * 256 * (49 + 49 + 9)


def test_the_plain_network_costs_what_was_published_and_ours_seven_tenths() -> None:
    plain, ours = (macs(RecordNet(rows, nn.GELU, 0.6)) for rows in (PLAIN, INCEPTION))

    assert plain == OF_PLAIN
    assert ours <= 0.7 * plain


def test_a_module_begins_by_passing_its_input_on() -> None:
    x = torch.randn(2, 20, 7, 7)
    layer = Layer(20, Row(14, 10), nn.Identity, 0.6).eval()

    torch.testing.assert_close(layer(x)[:, :20], x)


def test_images_move_by_up_to_two_pixels() -> None:
    images = torch.zeros(1000, 3, 32, 32)
    images[:, :, 16, 16] = 1

    at = shifted(images, torch.Generator().manual_seed(0))[:, 0].flatten(1).argmax(1)

    assert {(int(p) // 32 - 16, int(p) % 32 - 16) for p in at} == {
        (down, right) for down in range(-2, 3) for right in range(-2, 3)
    }


def test_an_image_is_mirrored_in_every_other_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_fit, "MOVED", 0)
    images = Images(torch.rand(20, 3, 32, 32), torch.arange(20))
    rng, seen = torch.Generator().manual_seed(0), []
    for number in (0, 1):
        (batch,) = epoch_of(images, Recipe(batch=20), number, rng)
        seen.append(batch.pixels[batch.labels.argsort()])

    torch.testing.assert_close(seen[0], seen[1].flip(-1))


@pytest.mark.parametrize(("rescaled", "steps"), [((1, 0), [1, 2, 3, 4, 5, 6]), ((2, 3), [3])])
def test_kernels_are_rescaled_when_the_recipe_says_so(
    rescaled: tuple[float, float], steps: list[int]
) -> None:
    kernel = torch.randn(4, 3, 3, 3, requires_grad=True)
    muon, found = Muon([kernel], Recipe(rescaled=rescaled), steps=6), []
    for step in range(1, 7):
        with torch.no_grad():
            kernel.mul_(5)
        muon.step(0.0)
        if kernel.norm() < 3:
            found.append(step)

    assert found == steps


def run(top1: float, flop: float, seconds: float) -> dict[str, float]:
    return {
        "top1_views": top1, "train_flop": flop, "test_flop": 0.0,
        "train_seconds": seconds, "test_seconds": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "others", "is_reached"),
    [
        ([run(0.941, 1, 1)], [run(0.94, 2, 2)], True),
        ([run(0.941, 1, 1), run(0.93, 1, 1)], [run(0.94, 2, 2)], False),
        ([run(0.941, 3, 1)], [run(0.94, 2, 2)], False),
        ([run(0.941, 1, 3)], [run(0.94, 2, 2)], False),
        ([run(0.941, 1, 1)], [], False),
        ([], [run(0.94, 2, 2)], False),
    ],
)
def test_the_record_needs_runs_of_all_three(ours: list, others: list, is_reached: bool) -> None:
    first, *rest = (side.name for side in SIDES)

    assert reached({first: ours} | dict.fromkeys(rest, others)) is is_reached


def test_training_learns_and_counts_its_work() -> None:
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(192) % 2
    pixels = torch.randint(0, 100, (192, 3, 32, 32), generator=rng)
    pixels[labels == 1, 0] += 120
    images = Images(normalized(pixels.to(torch.uint8)), labels)
    torch.manual_seed(0)
    net = RecordNet((Row(8, pool=True), Row(6, 2, pool=True)), nn.SiLU, 0.6, classes=2)
    recipe = Recipe(epochs=4.5, batch=32, whitened=64, views="unsure", small=16, small_share=0.3)

    found = fit(net, images, recipe, 0) | scored(net, images, recipe)

    assert found["steps"] == 27
    assert found["top1"] > 0.95
    assert found["train_flop"] == 6 * 32 * (8 * macs(net, 16) + 19 * macs(net))
    assert found["test_flop"] == 2 * macs(net) * (192 + 5 * 48)
