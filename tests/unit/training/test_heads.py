"""Linear classifiers on fixed features: what is read, and that the fit is the best there is."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from inceptionkit.catalog import architecture
from inceptionkit.data.loading.in_memory import Images
from inceptionkit.network import build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net
from inceptionkit.training.distributed import Processes
from inceptionkit.training.execution import Execution
from inceptionkit.training.heads import (
    PENALTIES,
    features,
    fit,
    fit_heads,
    linear_heads,
    refit_exits,
    refit_images,
)
from inceptionkit.training.recipe import MODERN, override
from inceptionkit.training.state import TrainConfig, TrainState, new_state


def blobs(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes that overlap, in features of very different scales; one never varies."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    centers = np.random.default_rng(0).normal(size=(3, 5))
    x = centers[labels] + random.normal(size=(count, 5))
    x = np.concatenate([x * [1, 1e3, 1e-2, 1, 1], np.full((count, 1), 7.0)], 1)
    return torch.from_numpy(x).float(), torch.from_numpy(labels)


def test_the_fit_is_that_of_scikit_learn() -> None:
    train, val = blobs(400, 1), blobs(200, 2)
    penalty = 3e-3
    found = fit(train, val, classes=3, penalties=(penalty,))
    x, labels = train[0].numpy()[:, :5], train[1].numpy()
    mean, spread = x.mean(0), x.std(0)
    peer = LogisticRegression(C=1 / (2 * penalty * len(x)), tol=1e-8, max_iter=1_000)
    peer.fit((x - mean) / spread, labels)
    wanted = peer.predict_log_proba((val[0].numpy()[:, :5] - mean) / spread)
    scores = (val[0] @ found.weight.T + found.bias).log_softmax(1).numpy()

    assert np.abs(scores - wanted).max() < 0.02
    assert found.weight[:, 5].tolist() == [0, 0, 0]
    assert found.top1 == pytest.approx((scores.argmax(1) == val[1].numpy()).mean())


def test_the_same_features_give_the_same_bytes_and_the_penalty_comes_from_val() -> None:
    train, val = blobs(60, 3), blobs(400, 4)
    one, two = (fit(train, val, classes=3, smoothing=0.1) for _ in range(2))
    each = [fit(train, val, classes=3, smoothing=0.1, penalties=(p,)) for p in PENALTIES]

    assert torch.equal(one.weight, two.weight)
    assert torch.equal(one.bias, two.bias)
    assert one.top1 == max(found.top1 for found in each)


def test_a_class_without_images_is_no_obstacle() -> None:
    found = fit(blobs(50, 5), blobs(50, 6), classes=4)

    assert torch.isfinite(found.weight).all()
    assert found.weight.shape == (4, 6)


def test_each_classifier_reads_its_own_features(tiny: Net) -> None:
    model = build(tiny, seed=2).eval()
    images = torch.randn(5, 3, 16, 16)
    found = features(model, images.split(2))
    with torch.inference_mode():
        logits = model(images, exits=["first", "second"])
        heads = linear_heads(model)

        assert list(found) == list(heads) == ["first", "second", "main"]
        for name, scores in {**logits.exits, "main": logits.main}.items():
            assert torch.allclose(heads[name](found[name]), scores, atol=1e-5)


def test_a_classifier_that_is_a_convolution_is_left_alone() -> None:
    assert linear_heads(build(architecture("nin_cifar10"))) == {}


def test_shares_of_classes_are_fitted_as_labels_are() -> None:
    train, val = blobs(200, 7), blobs(100, 8)
    shares = torch.nn.functional.one_hot(train[1], 3).float()
    one, other = fit(train, val, classes=3), fit((train[0], shares), val, classes=3)

    torch.testing.assert_close(one.weight, other.weight, rtol=1e-3, atol=1e-4)
    assert one.top1 == other.top1


@pytest.fixture
def job(tiny: Net) -> TrainConfig:
    """Random images; each class has a brightness of its own."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 10
    noise = torch.randint(0, 25, (120, 3, 16, 16), generator=random)
    pixels = (noise + 20 * labels[:, None, None, None]).to(torch.uint8)
    images = Images(pixels, labels, np.ones(120), tuple(map(str, range(120))))
    return TrainConfig(
        net=tiny,
        recipe=override(MODERN, ["batch=20", "flip=none", "policy=trivial"]),
        execution=Execution(),
        preprocessing=Preprocessing(size=16),
        train=images,
        val=images,
        seed=0,
    )


def answering(job: TrainConfig, steps: int) -> TrainState:
    """A state whose main classifier knows the classes, and whose exits are as drawn."""
    state = new_state(job)
    fit_heads(job, state, 120, lambda *_: None)
    drawn = linear_heads(new_state(job).average)
    for name, layer in linear_heads(state.average).items():
        if name != "main":
            layer.load_state_dict(drawn[name].state_dict())
    state.step = steps
    return state


def test_exits_learn_what_the_main_classifier_answers(job: TrainConfig) -> None:
    """Nothing else changes, and the same state gives the same bytes."""
    one, two = answering(job, 400), answering(job, 400)
    before = {name: value.clone() for name, value in one.average.state_dict().items()}
    told: list[tuple[int, int]] = []
    found = refit_exits(job, one, lambda done, every: told.append((done, every)))
    again = refit_exits(job, two, lambda *_: None)
    after = one.average.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}

    assert found == again
    assert all(now > was + 0.2 for was, now in found.values())
    assert list(found) == ["first", "second"]
    assert changed == {f"exits.{e}.1.fc.{p}" for e in found for p in ("weight", "bias")}
    other = two.average.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in after.items())
    assert told[-1] == (240, 240)


def test_exits_keep_what_is_no_worse(job: TrainConfig) -> None:
    state = answering(job, 400)
    found = refit_exits(job, state, lambda *_: None)
    layers = linear_heads(state.average)
    kept = {name: layers[name].weight.clone() for name in found}
    again = refit_exits(job, state, lambda *_: None)

    assert {name: was for name, (was, _) in again.items()} == {
        n: now for n, (_, now) in found.items()
    }
    for name, (was, now) in again.items():
        assert torch.equal(layers[name].weight, kept[name]) == (was == now), name


def test_every_process_takes_part_whether_or_not_it_finds_an_exit_better(job: TrainConfig) -> None:
    """One whose rounding decides otherwise would leave the others waiting for ever."""
    sent = list[torch.Size]()

    class Listening(Processes):
        def broadcast_tensors(self, tensors: Sequence[torch.Tensor]) -> None:
            sent.extend(one.shape for one in tensors)

    state = answering(job, 400)
    job = replace(job, processes=Listening())
    refit_exits(job, state, lambda *_: None)
    first, sent[:] = list(sent), []

    again = refit_exits(job, state, lambda *_: None)

    assert any(was == now for was, now in again.values())  # nothing better is found
    assert sent == first
    assert len(first) == 2 * len(again)


def test_when_exits_are_left_alone(job: TrainConfig, tiny: Net) -> None:
    """After short runs, where the recipe says so, without exits, and with few images a class."""
    off = replace(job, recipe=override(job.recipe, ["refit_exits=false"]))
    alone = replace(job, net=replace(tiny, exits=()))

    assert refit_images(job) == 120
    assert refit_images(off) == refit_images(alone) == 0
    for config, steps in ((job, 90), (off, 400), (alone, 400)):
        state = answering(config, steps)
        before = {name: value.clone() for name, value in state.average.state_dict().items()}

        assert refit_exits(config, state, lambda *_: None) == {}
        after = state.average.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_fewer_images_are_fitted_to_where_classes_are_many() -> None:
    """The features of an Inception exit, times a thousand classes, times these images."""
    net = architecture("compact", classes=1_000)
    images = Images(
        torch.zeros((1, 3, 32, 32), dtype=torch.uint8).expand(50_000, 3, 32, 32),
        torch.zeros(50_000).long(), np.ones(50_000), range(50_000),
    )  # fmt: skip
    config = TrainConfig(
        net=net,
        recipe=MODERN,
        execution=Execution(),
        preprocessing=Preprocessing(size=32),
        train=images,
        val=images,
        seed=0,
    )

    assert 500 < refit_images(config) < 2_000
    assert refit_images(replace(config, net=architecture("compact", classes=10))) == 10_000
