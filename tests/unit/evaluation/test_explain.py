"""Maps of evidence: what they add up to, and that they point at what is there."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy

from inceptionkit.catalog import architecture
from inceptionkit.evaluation.explain.explanation import ExitExplanation, Explanation
from inceptionkit.evaluation.explain.maps import Method, evidence_maps, split_head
from inceptionkit.evaluation.explain.overlays import TILE, grid, overlay
from inceptionkit.network import InceptionNet, build
from inceptionkit.spec import (
    Conv,
    Exit,
    GlobalPool,
    Linear,
    Net,
    Pool,
    named,
    with_exits,
    with_pooled_exits,
)

SIDE, OBJECT, STEPS = 32, 8, 90  # pixels, pixels, updates
ROUNDING = 1e-5


def settle(model: InceptionNet, images: Tensor) -> None:
    """Give the norms the statistics of these images, so that scores are of a usual size."""
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    model.train()(images)
    model.eval()


@pytest.mark.parametrize(
    ("name", "exits"),
    [
        ("googlenet:bn", ("inception3b", "main")),
        ("inception_v3", ("mixed5b", "main")),
        ("compact", ("exit1", "exit2", "main")),
        ("nin_cifar10", ("main",)),
        ("nin_imagenet", ("main",)),
    ],
)
def test_the_mean_of_an_exact_map_and_the_bias_are_the_score(
    name: str, exits: tuple[str, ...]
) -> None:
    side = {"nin_cifar10": 32, "compact": 32}.get(name, 139 if "v3" in name else 96)
    net = architecture(name, input=side, classes=7)
    if exits[0] in dict(net.trunk):
        net = with_exits(net, exits[:-1])
    model = build(net, seed=2)
    images = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        settle(model, images)
        logits = model(images, exits=[e for e in exits if e != "main"])
    for wanted in (0, 6):
        rows = evidence_maps(model, images, [wanted] * 3, exits, "cam")
        for image, row in enumerate(rows):
            for found in row:
                scores = logits.main if found.exit == "main" else logits.exits[found.exit]
                head = model.head if found.exit == "main" else model.exits[found.exit]
                parts = split_head(head)
                assert found.method == "cam"
                assert parts is not None
                bias = 0.0 if parts.after is None else parts.after.bias[wanted].item()
                assert found.map.mean() + bias == pytest.approx(
                    float(scores[image, wanted]), abs=ROUNDING
                )
                assert found.probabilities == pytest.approx(
                    scores[image].softmax(0).numpy(), abs=1e-6
                )


def test_gradients_see_what_the_exact_map_sees(tiny: Net) -> None:
    """Of a head that averages and then classifies, they are the map over its number of cells."""
    model = build(tiny, seed=4).eval()
    images = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    exits = ("first", "second", "main")
    exact = evidence_maps(model, images, [3] * 5, exits, "cam")
    slopes = evidence_maps(model, images, [3] * 5, exits, "gradcam")

    for row, other in zip(exact, slopes, strict=True):
        for cam, gradcam in zip(row, other, strict=True):
            expected = np.maximum(cam.map, 0) / cam.map.size
            assert gradcam.map == pytest.approx(expected, abs=1e-6)
            assert gradcam.method == "gradcam"


def test_a_head_with_layers_between_has_no_exact_map() -> None:
    """GoogLeNet's auxiliary classifiers convolve and have two linear layers."""
    net = architecture("googlenet:bn", classes=5)
    model = build(net).eval()
    (row,) = evidence_maps(model, torch.randn(1, 3, 224, 224), [0], ("aux1", "main"), "cam")

    assert split_head(model.exits["aux1"]) is None
    assert [(found.exit, found.method) for found in row] == [("aux1", "gradcam"), ("main", "cam")]
    assert row[0].map.shape == (14, 14)
    assert split_head(build(with_pooled_exits(net)).exits["aux1"]) is not None


def test_only_the_exits_asked_for_are_explained(tiny: Net) -> None:
    (row,) = evidence_maps(build(tiny), torch.randn(1, 3, 16, 16), [0], ("second",), "cam")

    assert [found.exit for found in row] == ["second"]


def scene(count: int, seed: int) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
    """Grey noise with one object each: stripes across, stripes down, or a checkerboard."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:OBJECT, :OBJECT] // 2
    objects = [y % 2, x % 2, (x + y) % 2]
    images = random.normal(0, 0.25, (count, 3, SIDE, SIDE)).astype(np.float32)
    labels = random.integers(0, 3, count)
    corners = random.integers(0, SIDE - OBJECT + 1, (count, 2)).tolist()
    for image, label, (top, left) in zip(images, labels, corners, strict=True):
        image[:, top : top + OBJECT, left : left + OBJECT] = 2.0 * objects[label] - 1.0
    return torch.from_numpy(images), torch.from_numpy(labels), corners


@pytest.fixture(scope="module")
def trained() -> InceptionNet:
    """A network that tells the objects apart, wherever they lie."""
    answer = (GlobalPool(), Linear(3, classifier=True))
    net = Net(
        name="objects",
        source="the tests",
        image=(3, SIDE, SIDE),
        trunk=named(
            conv1=Conv(12, (3, 3)),
            pool1=Pool("max", stride=2),
            conv2=Conv(16, (3, 3)),
            pool2=Pool("max", stride=2),
            conv3=Conv(24, (3, 3)),
        ),
        head=answer,
        exits=(Exit(name="early", after="conv2", head=answer, loss_weight=0.5),),
    )
    model = build(net, seed=0).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(STEPS):
        images, labels, _ = scene(32, 1000 + step)
        logits = model(images, exits=["early"])
        loss = cross_entropy(logits.main, labels) + cross_entropy(logits.exits["early"], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def mass_on(evidence: np.ndarray, corner: tuple[int, int]) -> float:
    """Share of the positive evidence within two pixels of the object."""
    wide = Image.fromarray(np.maximum(evidence, 0)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    top, left = corner
    rows = slice(max(0, top - 2), top + OBJECT + 2)
    columns = slice(max(0, left - 2), left + OBJECT + 2)
    whole = np.asarray(wide)
    return float(whole[rows, columns].sum() / max(1e-9, whole.sum()))


@pytest.mark.parametrize("method", ["cam", "gradcam", "occlusion"])
def test_the_mass_of_a_map_lies_on_the_object(trained: InceptionNet, method: Method) -> None:
    """The object and its border are 14 % of the image."""
    images, labels, corners = scene(24, seed=5)
    with torch.no_grad():
        right = trained(images).main.argmax(1) == labels
    rows = evidence_maps(trained, images, labels.tolist(), ("early", "main"), method)
    shares = {
        name: np.median([mass_on(row[place].map, c) for row, c in zip(rows, corners, strict=True)])
        for place, name in enumerate(("early", "main"))
    }

    assert right.float().mean() > 0.9
    assert shares["main"] > 0.5, shares
    assert shares["early"] > 0.35, shares


def test_another_class_has_other_evidence(trained: InceptionNet) -> None:
    images, labels, _ = scene(8, seed=6)
    own = evidence_maps(trained, images, labels.tolist(), ("main",), "cam")
    other = evidence_maps(trained, images, ((labels + 1) % 3).tolist(), ("main",), "cam")

    for (mine,), (theirs,) in zip(own, other, strict=True):
        assert mine.map.mean() > theirs.map.mean()


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 9), columns=st.integers(1, 9), side=st.integers(1, 300))
def test_an_overlay_is_a_picture_whatever_the_map(rows: int, columns: int, side: int) -> None:
    random = np.random.default_rng(rows)
    image = random.integers(0, 256, (side, side, 3), np.uint8)
    for evidence in (random.normal(size=(rows, columns)), np.zeros((rows, columns))):
        found = overlay(image, evidence.astype(np.float32))
        assert (found.shape, found.dtype) == ((TILE, TILE, 3), np.uint8)


def test_no_evidence_shows_the_image_and_much_covers_it() -> None:
    image = np.full((TILE, TILE, 3), 200, np.uint8)
    nothing, all_over = overlay(image, -np.ones((3, 3), np.float32)), np.ones((3, 3), np.float32)
    covered = overlay(image, all_over).astype(int)

    assert (nothing == 200).all()
    assert (covered[..., 0] > covered[..., 2] + 80).all()


def test_a_grid_holds_every_name() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    one = ExitExplanation(
        label="\udce9é中",
        probability=0.9,
        class_probability=0.1,
        method="cam",
        map=np.zeros((2, 2), np.float32),
    )
    explanation = Explanation(path="x" * 500, class_="y" * 500, exits={"z" * 300: one})
    page = Image.open(io.BytesIO(grid([image, image], [explanation] * 2)))

    assert page.format == "PNG"
    assert 2 * TILE < page.width < 3 * TILE
    assert 2 * TILE < page.height < 3 * TILE
