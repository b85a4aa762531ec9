"""What mixing does to the loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from inceptionkit.data.loading.in_memory import Images
from inceptionkit.data.rng import permutation
from inceptionkit.data.transforms.augmentation import Mixing
from inceptionkit.data.transforms.pipeline import draw_mixture, mix
from inceptionkit.network import Logits
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net
from inceptionkit.training.execution import Execution
from inceptionkit.training.loop import deep_supervision_loss, load_batch, train
from inceptionkit.training.recipe import MODERN, Batching
from inceptionkit.training.schedule import Plan
from inceptionkit.training.state import TrainConfig, new_state

OWN = 0.7  # share of an image that is its own


def loss(logits: Logits, labels: torch.Tensor) -> torch.Tensor:
    return deep_supervision_loss(logits, labels, weights={}, smoothing=0.1)


def test_two_losses_in_shares_are_the_loss_of_classes_in_shares() -> None:
    """Cross-entropy is linear in its target: no table of class shares has to be made."""
    logits = Logits(torch.randn(6, 10, generator=torch.Generator().manual_seed(0)), {})
    labels = torch.tensor([0, 1, 2, 3, 4, 5])
    shares = OWN * torch.eye(10)[labels] + (1 - OWN) * torch.eye(10)[labels.roll(1)]

    found = loss(logits, labels).lerp(loss(logits, labels.roll(1)), 1 - OWN)

    torch.testing.assert_close(found, cross_entropy(logits.main, shares, label_smoothing=0.1))


def test_the_loss_of_a_mixture_with_its_own_class_is_the_loss() -> None:
    logits, labels = Logits(torch.randn(4, 10), {}), torch.tensor([7, 7, 7, 7])

    own = loss(logits, labels)

    torch.testing.assert_close(own.lerp(loss(logits, labels.roll(1)), 0.3), own)


@pytest.mark.parametrize("mixing", [{"mixup": 2.0}, {"cutmix": 1.0}])
def test_an_update_learns_the_classes_of_both_images_in_their_shares(
    tiny: Net, mixing: dict[str, float]
) -> None:
    images = Images(
        torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8),
        torch.arange(8),
        np.ones(8),
        tuple("abcdefgh"),
    )
    job = TrainConfig(
        net=replace(tiny, exits=()),
        recipe=replace(MODERN, batching=Batching(batch=8), mixing=Mixing(**mixing)),
        execution=Execution(precision="fp32", threads=1),
        preprocessing=Preprocessing(size=16),
        train=images,
        val=images,
        seed=3,
    )
    inputs, labels = load_batch(job, permutation(3, 0, 8), job.cropping(0))
    mixture = draw_mixture(job.recipe.mixing, 16, seed=3, step=0)
    assert mixture is not None
    scores = new_state(job).model.train()(mix(inputs, inputs.roll(1, 0), mixture)).main
    each = torch.eye(10)[labels]
    shares = mixture.kept * each + (1 - mixture.kept) * each.roll(1, 0)
    plan = Plan(
        step=0, steps=1, progress=0.0, images_per_second=1.0, seconds_left=None, why="a test"
    )

    state = new_state(job)
    state.plans.append(plan)
    event = next(train(job, state))
    wanted = cross_entropy(scores.detach(), shares, label_smoothing=0.1)

    assert abs(mixture.kept - 0.5) > 0.02  # else the shares could be exchanged
    assert event.loss == pytest.approx(float(wanted))
