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
from inceptionkit.detection.shared.network import DetectorNet, Regions, Seen
from inceptionkit.detection.shared.predict import SharedDetector, Window, candidates, window
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


def make_scores_differ(model: DetectorNet) -> None:
    with torch.no_grad():
        for part in (model.objectness, model.classifier, model.corrector, model.shifts):
            part.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(0))


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


ANCHOR = torch.tensor([[0.0, 0, 20, 20]])
SMALL = (0, 0, 10, 14, 0)  # IoU with the anchor 0.35


def test_an_anchor_that_is_sure_to_be_an_objects_is_not_given_to_another() -> None:
    """It is the nearest of the small object; six other anchors are nearer to the large one."""
    large = (2, 0, 22, 20, 1)  # IoU with the anchor 0.82
    anchors = torch.cat([ANCHOR, torch.tensor([large[:4]] * 6)])

    place, sort = assign(anchors, targets(SMALL, large))

    assert (place.tolist(), sort.tolist()) == ([[1] * 7], [[1] * 7])
    assert assign(anchors, targets(SMALL))[1][0, 0] == 1


def test_an_object_that_is_left_out_takes_no_anchor_from_another() -> None:
    left_out = (10, 0, 20, 16, IGNORED)  # IoU with the anchor 0.4, the other's 0.35

    place, sort = assign(ANCHOR, targets(SMALL, left_out))

    assert (place.tolist(), sort.tolist()) == ([[0]], [[1]])


def test_what_lies_in_an_object_that_is_left_out_is_no_background(model: DetectorNet) -> None:
    """A crowd is far larger than anchors and regions, so that their IoU with it is small."""
    crowd = targets((0, 0, 96, 64, IGNORED))
    seen = model(torch.randn(1, 3, 64, 96))
    anchors = model.anchors(seen.features)

    losses = detection_loss(model, seen, crowd)

    inside = (anchors[:, :2] >= 0).all(1) & (anchors[:, 2:] <= torch.tensor([96, 64])).all(1)
    assert inside.any()
    assert (assign(anchors, crowd)[1][0, inside] == IGNORED).all()
    assert float(losses.classes.detach()) == 0


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


def test_the_rejecter_does_not_change_the_trunk(model: DetectorNet) -> None:
    both = targets((10, 10, 34, 34, 0))

    detection_loss(model, model(torch.randn(1, 3, 64, 96)), both).emptiness.backward()

    assert {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None} == {
        "rejecter"
    }


def test_regions_are_classified_with_dropout_in_training_alone(model: DetectorNet) -> None:
    seen, boxes = model(torch.randn(1, 3, 64, 96)), torch.tensor([[[10.0, 10, 34, 34]]])
    make_scores_differ(model)

    usual = [model.regions(seen.features, boxes).classes for _ in range(2)]
    model.train()
    torch.manual_seed(0)
    first, second = (model.regions(seen.features, boxes).classes for _ in range(2))
    torch.manual_seed(0)
    again = model.regions(seen.features, boxes).classes

    assert torch.equal(*usual)
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


def test_few_proposals_are_not_filled_up(model: DetectorNet) -> None:
    """All anchors are grown to the whole image here, and one is left of them."""
    seen = model(torch.zeros(2, 3, 64, 96))
    grown = torch.zeros_like(seen.shifts)
    grown[..., 2:] = 100.0
    seen = seen._replace(shifts=grown)

    found = model.propose(seen, 10, among=50)

    assert found.boxes[:, 0].tolist() == [[0, 0, 96, 64]] * 2
    assert (found.boxes[:, 1:] == 0).all()
    assert (found.objectness[:, 1:] == -np.inf).all()
    assert len(candidates(model, Seen(*(part[:1] for part in seen)), -np.inf).objectness) == 1


def test_regions_below_the_exit_are_never_classified(model: DetectorNet) -> None:
    make_scores_differ(model)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    everywhere = SharedDetector(model, ("a", "b"), Preprocessing(size=16))
    scan = everywhere.scan(image)
    assert scan.candidates is not None
    logit = float(scan.candidates.objectness[5]) - 1e-4
    pooled = list[int]()
    whole = model.regions

    def regions(features: Tensor, boxes: Tensor) -> Regions:
        pooled.append(boxes.shape[1])
        return whole(features, boxes)

    model.regions = regions  # type: ignore[method-assign]
    found, work = replace(everywhere, region_exit=logit).detect_and_tell(image)
    least = replace(everywhere, region_exit=1e9).detect_and_tell(image)[1]

    assert pooled == [6, 1]
    assert (work.regions, work.skipped) == (len(scan.candidates.objectness), work.regions - 6)
    assert least.regions - least.skipped == 1
    cut = scan.at_exit(logit).detections(100)
    np.testing.assert_allclose(found.boxes, cut.boxes, atol=1e-3)
    np.testing.assert_allclose(found.scores, cut.scores, atol=1e-5)
    assert set(found.exits) == {"main"}


def test_proposals_lie_in_the_image_the_likeliest_first(model: DetectorNet) -> None:
    make_scores_differ(model)
    image = np.random.default_rng(0).integers(0, 256, (128, 180, 3), np.uint8)
    detector = SharedDetector(model, ("a", "b"), Preprocessing(size=16))

    few, many = (detector.proposals(image, most) for most in (5, 60))

    assert len(few) == 5
    assert len(few) < len(many) <= 60
    np.testing.assert_array_equal(few, many[:5])
    assert ((many[:, :2] >= 0) & (many[:, 2:] <= [180, 128])).all()
    assert (many[:, 2:] > many[:, :2]).all()
    assert many[:, 2].max() > 96


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

    proposed = model.propose(seen._replace(objectness=logits, shifts=shifts), 10, among=50)

    found = proposed.boxes
    assert proposed.objectness[0].tolist() == sorted(proposed.objectness[0].tolist())[::-1]
    assert proposed.objectness[0, 0] == 9
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
    make_scores_differ(model)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    logits_at(model, (4, 6))
    everywhere = SharedDetector(model, ("a", "b"), Preprocessing(size=16))

    found, work = replace(everywhere, reject=0.0).detect_and_tell(image)

    assert 0 < work.area < 0.3
    low, high = np.array([40, 24, 40, 24]) - 1e-3, np.array([64, 48, 64, 48]) + 1e-3
    assert len(found)
    assert ((found.boxes >= low) & (found.boxes <= high)).all()
    assert everywhere.detect_and_tell(image)[1].area == 1.0


def test_an_image_that_is_empty_ends_early(model: DetectorNet) -> None:
    detector = SharedDetector(model, ("a", "b"), Preprocessing(size=16), reject=np.inf)

    def late(*_: object) -> None:
        pytest.fail("the rest of the network ran")

    model.late = late  # type: ignore[method-assign,assignment]
    found, work = detector.detect_and_tell(np.zeros((30, 40, 3), np.uint8))

    assert (len(found), work) == (0, (0.0, 0, 0))
    assert detector.proposals(np.zeros((30, 40, 3), np.uint8), 5).shape == (0, 4)


def test_what_lies_beside_the_image_is_no_object(model: DetectorNet) -> None:
    """A tall image fills the left of the working size; regions of the rest have no area in it."""
    make_scores_differ(model)
    image = np.random.default_rng(0).integers(0, 256, (64, 4, 3), np.uint8)

    found = SharedDetector(model, ("a", "b"), Preprocessing(size=16)).detect(image)

    assert len(found)
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert len(found.labels) == len(found.scores) == len(found.exits) == len(found)
