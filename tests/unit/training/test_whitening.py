"""What a recipe does to first weights: whitened patches, partial identities."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from inceptionkit.errors import RecipeError
from inceptionkit.network import build
from inceptionkit.spec import BatchNorm, Conv, Net
from inceptionkit.training.recipe import MODERN, Initialization, override, whitened_layer
from inceptionkit.training.state import initialize
from inceptionkit.training.whitening import (
    images_for_whitening,
    whitened_convolution,
    whitening_kernels,
)

STEM = Conv(24, (2, 2), padding="valid", norm=None, bias=True)


def with_stem(net: Net, stem: Conv) -> Net:
    return replace(net, trunk=(("stem", stem), *net.trunk))


def smooth_images(count: int) -> Tensor:
    """Neighboring pixels and channels resemble each other."""
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(count, 3, 16, 16, generator=random, dtype=torch.float64)
    blurred = nn.functional.avg_pool2d(noise, 3, 1, 1)
    return blurred + 0.5 * blurred.mean(1, keepdim=True)


def test_answers_of_a_whitened_layer_are_uncorrelated_and_of_variance_one() -> None:
    images = smooth_images(300)
    kernels = whitening_kernels(nn.Conv2d(3, 24, 2), [images[:100], images[100:]])
    answers = conv2d(images, kernels).transpose(0, 1).flatten(1)
    first = answers[:12]

    assert torch.equal(kernels[12:], -kernels[:12])
    second_moments = first @ first.T / first.shape[1]
    torch.testing.assert_close(second_moments, torch.eye(12).double(), rtol=0, atol=0.02)


def test_few_channels_are_the_axes_of_most_variance() -> None:
    images = smooth_images(60)
    whole = whitening_kernels(nn.Conv2d(3, 24, 2), [images])
    few = whitening_kernels(nn.Conv2d(3, 8, 2), [images])
    lengths = whole[:12].flatten(1).norm(dim=1)

    assert torch.equal(few[:4], whole[:4])
    assert (lengths.diff() > 0).all(), "the less an axis varies, the more it is stretched"


@pytest.mark.parametrize("stride", [1, 2])
def test_how_images_are_divided_does_not_matter(
    stride: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, conv = smooth_images(20), nn.Conv2d(3, 24, 2, stride=stride)
    whole = whitening_kernels(conv, [images])
    monkeypatch.setattr("inceptionkit.training.whitening._AT_ONCE", 5000)

    torch.testing.assert_close(whitening_kernels(conv, images.split(7)), whole)


def test_gray_and_black_images_give_finite_kernels() -> None:
    gray = smooth_images(20)[:, :1].expand(-1, 3, -1, -1)
    for images in (gray, torch.zeros(8, 3, 16, 16)):
        assert whitening_kernels(nn.Conv2d(3, 24, 2), [images]).isfinite().all()


@pytest.mark.parametrize(
    ("stem", "why"),
    [
        (replace(STEM, norm=BatchNorm()), "must have a bias and no norm; use an architecture with"),
        (replace(STEM, bias=False), "must have a bias and no norm"),
        (replace(STEM, out=26), "must have an even number of channels, at most 24; it has 26"),
        (replace(STEM, out=7), "must have an even number of channels, at most 24; it has 7"),
        (replace(STEM, groups=3), "must read all channels together"),
    ],
)
def test_a_first_layer_that_cannot_whiten(tiny: Net, stem: Conv, why: str) -> None:
    with pytest.raises(RecipeError) as caught:
        whitened_layer(with_stem(tiny, stem))

    assert str(caught.value).startswith("first_layer=whitened: trunk.stem of tiny ")
    assert why in str(caught.value)
    whitened_layer(with_stem(tiny, STEM))


def test_more_images_are_looked_at_where_each_has_few_patches(tiny: Net) -> None:
    counts = [
        images_for_whitening(replace(with_stem(tiny, STEM), image=(3, side, side)))
        for side in (16, 32, 96, 224)
    ]

    assert counts == [5000, 2**21 // 31**2, 256, 256]


@pytest.mark.parametrize(("share", "learns"), [(0.0, False), (0.4, True)])
def test_kernels_of_a_whitened_layer_do_not_learn(tiny: Net, share: float, learns: bool) -> None:
    init = override(MODERN, ["first_layer=whitened", f"bias_share={share}"]).init
    model = build(with_stem(tiny, STEM))
    initialize(model, init)
    first = whitened_convolution(model)

    assert first.out_channels == 24
    assert first.bias is not None
    assert (first.weight.requires_grad, first.bias.requires_grad) == (False, learns)
    others = [p for n, p in model.named_parameters() if not n.startswith("trunk.stem.")]
    assert all(p.requires_grad for p in others)


def test_larger_convolutions_pass_channels_on(tiny: Net) -> None:
    """Up to as many as come in and go out; the first one, 1x1 and depthwise ones are drawn."""
    wide = Conv(20, (3, 3))
    net = replace(tiny, trunk=(*tiny.trunk, ("wide", wide), ("apart", replace(wide, groups=4))))
    model, drawn = build(net, seed=5), build(net, seed=5)
    initialize(model, Initialization(identity=True))
    pairs = zip(model.named_parameters(), drawn.parameters(), strict=True)
    changed = {name for (name, own), was in pairs if not torch.equal(own, was)}
    layer = model.trunk["inception2"]["p3"][1].conv  # 6 -> 12
    narrow = model.trunk["wide"].conv  # 24 -> 20
    images = torch.randn(2, 6, 5, 5)

    assert changed == {
        "trunk.inception2.p3.1.conv.weight",
        "trunk.inception3.p3.1.conv.weight",
        "trunk.wide.conv.weight",
    }
    assert torch.equal(layer(images)[:, :6], images)
    assert torch.equal(layer.weight[6:], drawn.trunk["inception2"]["p3"][1].conv.weight[6:])
    assert narrow.weight.sum() == narrow.weight.count_nonzero() == 20
