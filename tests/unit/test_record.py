"""The laboratory's record: networks of the published cost, modules that begin as the identity."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "lab"))

from record_fit import Images, Recipe, fit, normalized, orthogonal, scored, shifted
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


def test_an_update_has_singular_values_near_one() -> None:
    update = orthogonal(torch.randn(32, 64), (3.4445, -4.7750, 2.0315))

    values = torch.linalg.svdvals(update)
    assert values.min() > 0.2
    assert values.max() < 1.7


def test_images_move_by_two_pixels_at_most() -> None:
    images = torch.zeros(64, 3, 32, 32)
    images[:, :, 16, 16] = 1

    at = shifted(images, torch.Generator().manual_seed(0))[:, 0].flatten(1).argmax(1)

    assert {(int(p) // 32 - 16, int(p) % 32 - 16) for p in at} <= {
        (down, right) for down in range(-2, 3) for right in range(-2, 3)
    }


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
    per_image = 6 * 32 * (8 * macs(net, 16) + 19 * macs(net))
    assert found["train_flop"] == per_image
