"""What a detector learns from, where it looks, and what it leaves out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from inceptionkit.detection.shared.coding import encode
from inceptionkit.detection.shared.design import Design
from inceptionkit.detection.shared.loss import (
    IGNORED,
    Targets,
    assign,
    detection_loss,
)
from inceptionkit.detection.shared.network import DetectorNet
from inceptionkit.detection.shared.predict import SharedDetector, Window, window
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

WHOLE = Window(slice(0, 32), slice(0, 48))


@pytest.fixture
def design(tiny: Net) -> Design:
    return Design(
        net=tiny, size=(64, 96), taps=("inception2", "inception3"), rejecter="conv1",
        anchors=((8.0, 8.0), (24.0, 24.0)), channels=16, hidden=32, grid=5,
    )  # fmt: skip


@pytest.fixture
def model(design: Design) -> DetectorNet:
    return DetectorNet(design, 2, seed=0).eval()


def targets(*rows: tuple[float, float, float, float, int]) -> Targets:
    table = torch.tensor(rows)
    return Targets(table[None, :, :4], table[None, :, 4].long())


def test_every_object_has_anchors_and_far_ones_are_background(model: DetectorNet) -> None:
    seen = model(torch.zeros(1, 3, 64, 96))
    anchors = model.anchors(seen.features)

    place, sort = assign(anchors, targets((10, 10, 34, 34, 0), (60, 40, 68, 48, 1)))

    mine = [(sort[0] == 1) & (place[0] == number) for number in range(2)]
    assert all(int(of.sum()) >= 6 for of in mine)
    assert int((sort[0] == 0).sum()) > 0.8 * len(anchors)


def test_what_is_left_out_is_neither_an_object_nor_background(model: DetectorNet) -> None:
    anchors = model.anchors(model(torch.zeros(1, 3, 64, 96)).features)

    _, sort = assign(anchors, targets((10, 10, 34, 34, IGNORED)))

    assert not (sort == 1).any()
    assert (sort == IGNORED).any()


def test_a_place_without_an_object_changes_nothing(model: DetectorNet) -> None:
    images = torch.randn(1, 3, 64, 96)
    objects = targets((10, 10, 34, 34, 0))
    padded = targets((10, 10, 34, 34, 0), (0, 0, 0, 0, IGNORED))

    own, other = (detection_loss(model, model(images), one) for one in (objects, padded))

    torch.testing.assert_close(own, other)


def test_the_loss_reaches_every_weight(model: DetectorNet) -> None:
    images = torch.randn(2, 3, 64, 96)
    both = Targets(torch.tensor([[[10.0, 10, 34, 34]]] * 2), torch.tensor([[0], [1]]))

    detection_loss(model.train(), model(images), both).total().backward()

    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []


def test_images_without_objects_have_a_finite_loss(model: DetectorNet) -> None:
    losses = detection_loss(model, model(torch.randn(1, 3, 64, 96)), targets((0, 0, 0, 0, IGNORED)))

    assert all(np.isfinite(float(part.detach())) for part in losses)
    assert [float(p.detach()) for p in (losses.anchor_shifts, losses.region_shifts)] == [0, 0]


def test_the_first_losses_are_those_of_guessing(model: DetectorNet) -> None:
    """Classes are equally likely at first: log 3 nats for two and background."""
    losses = detection_loss(model, model(torch.randn(1, 3, 64, 96)), targets((5, 5, 40, 40, 1)))

    assert float(losses.classes.detach()) == pytest.approx(np.log(3), abs=0.1)


def test_the_best_proposals_come_first_and_lie_inside(model: DetectorNet) -> None:
    seen = model(torch.randn(1, 3, 64, 96))
    anchors = model.anchors(seen.features)
    wanted = torch.tensor([20.0, 12, 50, 40])
    logits = torch.full_like(seen.objectness, -9.0)
    logits[0, 300] = 9.0
    shifts = torch.zeros_like(seen.shifts)
    shifts[0, 300] = encode(wanted, anchors[300])

    found = model.propose(seen._replace(objectness=logits, shifts=shifts), 10, among=50)

    torch.testing.assert_close(found[0, 0], wanted, atol=1e-3, rtol=0)
    assert found.shape == (1, 10, 4)
    assert (found[..., 2] <= 96).all()
    assert (found[..., 0] >= 0).all()


@pytest.mark.parametrize(
    ("areas", "wanted"),
    [
        ([], None),
        ([(0, 0)], ((0, 8), (0, 8))),
        ([(3, 5)], ((8, 20), (16, 28))),
        ([(7, 11)], ((24, 32), (40, 48))),
        ([(1, 1), (6, 10)], ((0, 32), (0, 48))),
    ],
)
def test_the_window_holds_every_occupied_area_and_its_neighbors(
    areas: list[tuple[int, int]], wanted: object
) -> None:
    occupied = torch.zeros(8, 12, dtype=torch.bool)
    for area in areas:
        occupied[area] = True

    found = window(occupied, WHOLE)

    shown = found and tuple((s.start, s.stop) for s in (found.rows, found.columns))
    assert shown == wanted


def logits_at(model: DetectorNet, place: tuple[int, int]) -> None:
    """Make the rejecter see something at one place alone."""

    def early(images: Tensor) -> tuple[Tensor, Tensor]:
        x, occupied = DetectorNet.early(model, images)
        occupied = torch.full_like(occupied, -5.0)
        occupied[0, *place] = 5.0
        return x, occupied

    model.early = early  # type: ignore[method-assign]


def test_looking_away_skips_and_moves_boxes_back(model: DetectorNet) -> None:
    """Objects in the middle of the part that is kept are those that the whole image gives."""
    with torch.no_grad():
        for part in (model.objectness, model.classifier, model.corrector, model.shifts):
            part.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(0))
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    logits_at(model, (4, 6))
    everywhere = SharedDetector(model, ("a", "b"), Preprocessing(size=16))

    found, share = replace(everywhere, reject=0.0).detect_and_tell(image)

    assert 0 < share < 0.3
    low, high = np.array([40, 24, 40, 24]) - 1e-3, np.array([64, 48, 64, 48]) + 1e-3
    assert len(found)
    assert ((found.boxes >= low) & (found.boxes <= high)).all()
    assert everywhere.detect_and_tell(image)[1] == 1.0


def test_an_image_that_is_empty_ends_early(model: DetectorNet) -> None:
    detector = SharedDetector(model, ("a", "b"), Preprocessing(size=16), reject=np.inf)

    def late(*_: object) -> None:
        pytest.fail("the rest of the network ran")

    model.late = late  # type: ignore[method-assign,assignment]
    found, share = detector.detect_and_tell(np.zeros((30, 40, 3), np.uint8))

    assert (len(found), share) == (0, 0.0)


def test_what_lies_beside_the_image_is_no_object(model: DetectorNet) -> None:
    """A tall image fills the left of the working size; regions of the rest have no area in it."""
    with torch.no_grad():
        for part in (model.objectness, model.classifier, model.corrector, model.shifts):
            part.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(0))
    image = np.random.default_rng(0).integers(0, 256, (64, 4, 3), np.uint8)

    found = SharedDetector(model, ("a", "b"), Preprocessing(size=16)).detect(image)

    assert len(found)
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert len(found.labels) == len(found.scores) == len(found.exits) == len(found)
