"""Early exit: who answers, with what, at what price, and what does not run."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from inceptionkit.derive import cost
from inceptionkit.evaluation.calibration import tempered
from inceptionkit.evaluation.early_exit import ExitMacs, RunToTheEnd, StopWhenSure
from inceptionkit.evaluation.inference import Answers, predict_all_exits, predict_with_early_exit
from inceptionkit.model import ExitPolicy, Gate
from inceptionkit.network import InceptionNet, build
from inceptionkit.preprocess import Preprocessing
from inceptionkit.spec import Net

HOW = Preprocessing(size=16)
ROUNDING = 1e-6  # batches of another size may be summed in another order
thresholds = st.floats(0.0, 1.0)


@pytest.fixture(scope="module")
def model(tiny: Net) -> InceptionNet:
    """Random, but its classifiers are sure of some images and not of others."""
    found = build(tiny, seed=3)
    for name, parameter in found.named_parameters():
        if name.endswith("fc.weight"):
            std = 4.0 if "first" in name else 1.5  # the first block's means differ little
            nn.init.normal_(parameter, std=std, generator=torch.Generator().manual_seed(len(name)))
    found.train()(torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    return found.eval()


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    shape = (41, 3, 16, 16)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1)).byte()


def mean_macs(net: Net, found: Answers) -> float:
    macs = ExitMacs.of(cost(net))
    spent = dict(zip((*macs.names, "main"), macs.spent().tolist(), strict=True))
    return sum(share * spent[name] for name, share in found.shares.items())


def test_the_sample_is_telling(model: InceptionNet, pixels: Tensor) -> None:
    shares = predict_with_early_exit(model, pixels, HOW, StopWhenSure(0.6)).shares

    assert min(shares.values()) > 0.05


@settings(max_examples=40, deadline=None)
@given(threshold=thresholds, batch=st.integers(1, 50))
def test_each_image_is_answered_by_the_first_exit_that_is_sure(
    model: InceptionNet, pixels: Tensor, threshold: float, batch: int
) -> None:
    every = predict_all_exits(model, pixels, HOW)
    found = predict_with_early_exit(model, pixels, HOW, StopWhenSure(threshold), batch=batch)

    assert found.names == ("first", "second", "main")
    for image, stage in enumerate(found.exits.tolist()):
        expected = every[found.names[stage]][image]
        assert found.probabilities[image] == pytest.approx(expected, abs=ROUNDING)
        assert stage == 2 or expected.max() >= threshold - ROUNDING
        for passed in found.names[:stage]:
            assert every[passed][image].max() < threshold + ROUNDING
    assert sum(found.shares.values()) == pytest.approx(1.0)


def test_threshold_zero_lets_all_leave_at_the_first_exit(
    model: InceptionNet, pixels: Tensor
) -> None:
    shares = predict_with_early_exit(model, pixels, HOW, StopWhenSure(0.0)).shares

    assert shares == {"first": 1.0, "second": 0.0, "main": 0.0}


def test_threshold_one_lets_nobody_leave_who_is_not_certain(
    model: InceptionNet, pixels: Tensor
) -> None:
    shares = predict_with_early_exit(model, pixels, HOW, StopWhenSure(1.0)).shares

    assert shares["main"] > 0.9


@settings(max_examples=30, deadline=None)
@given(one=thresholds, other=thresholds)
def test_work_grows_with_the_threshold(
    model: InceptionNet, pixels: Tensor, one: float, other: float
) -> None:
    low, high = sorted([one, other])
    few = predict_with_early_exit(model, pixels, HOW, StopWhenSure(low))
    many = predict_with_early_exit(model, pixels, HOW, StopWhenSure(high))

    assert (few.exits <= many.exits).all()
    assert mean_macs(model.spec, few) <= mean_macs(model.spec, many) + ROUNDING


def test_without_a_policy_no_exit_is_computed(model: InceptionNet, pixels: Tensor) -> None:
    with counted(model) as images:
        found = predict_with_early_exit(model, pixels, HOW, RunToTheEnd())

    assert found.shares == {"main": 1.0}
    assert images == {"trunk.inception2": 41, "trunk.inception3": 41, "head": 41}
    assert found.probabilities == pytest.approx(predict_all_exits(model, pixels, HOW)["main"])


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.6, 0.9])
def test_what_lies_beyond_an_exit_does_not_run(
    model: InceptionNet, pixels: Tensor, threshold: float
) -> None:
    with counted(model) as images:
        found = predict_with_early_exit(model, pixels, HOW, StopWhenSure(threshold), batch=7)
    passed_first = int((found.exits > 0).sum())
    passed_second = int((found.exits > 1).sum())

    assert images.get("exits.first") == 41
    assert images.get("trunk.inception2", 0) == images.get("exits.second", 0) == passed_first
    assert images.get("trunk.inception3", 0) == images.get("head", 0) == passed_second


class counted:  # noqa: N801 - reads as a word
    """Counts the images that pass through the exits, the head and the blocks between them."""

    PLACES = ("exits.first", "trunk.inception2", "exits.second", "trunk.inception3", "head")

    def __init__(self, model: InceptionNet) -> None:
        self.images: dict[str, int] = {}
        self.hooks = [
            model.get_submodule(p).register_forward_hook(self.hook(p)) for p in self.PLACES
        ]

    def hook(self, place: str) -> object:
        def count(_: nn.Module, inputs: tuple[Tensor], __: Tensor) -> None:
            self.images[place] = self.images.get(place, 0) + len(inputs[0])

        return count

    def __enter__(self) -> dict[str, int]:
        return self.images

    def __exit__(self, *_: object) -> Iterator[None] | None:
        for hook in self.hooks:
            hook.remove()
        return None


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(41)), threshold=thresholds)
def test_an_answer_does_not_depend_on_the_images_beside_it(
    model: InceptionNet, pixels: Tensor, order: list[int], threshold: float
) -> None:
    policy = StopWhenSure(threshold)
    plain, mixed = (
        predict_with_early_exit(model, pixels, HOW, policy),
        predict_with_early_exit(model, pixels[order], HOW, policy),
    )

    assert mixed.exits.tolist() == plain.exits[order].tolist()
    assert mixed.probabilities == pytest.approx(plain.probabilities[order], abs=ROUNDING)


def test_exits_come_in_the_order_of_the_trunk_however_they_are_listed(
    tiny: Net, pixels: Tensor
) -> None:
    turned = build(replace(tiny, exits=tiny.exits[::-1])).eval()

    assert [*predict_all_exits(turned, pixels, HOW)] == ["first", "second", "main"]
    assert predict_with_early_exit(turned, pixels, HOW, StopWhenSure(0.5)).names == (
        "first",
        "second",
        "main",
    )


gates = st.tuples(
    st.none() | thresholds, st.none() | thresholds, st.floats(0.3, 3.0), st.floats(0.3, 3.0)
)


def of_gates(first: float | None, second: float | None, cold: float, warm: float) -> ExitPolicy:
    drawn = (("first", first, cold), ("second", second, warm))
    return ExitPolicy(
        measure="margin",
        gates=tuple(
            Gate(exit=name, confidence=sure, temperature=heat)
            for name, sure, heat in drawn
            if sure is not None
        ),
        temperature=2.0,
    )


class executed:  # noqa: N801 - reads as a word
    """Counts the multiply-accumulates that convolutions and linear layers really do."""

    def __init__(self, model: InceptionNet) -> None:
        self.macs = 0
        layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        self.hooks = [layer.register_forward_hook(self.count) for layer in layers]

    def count(self, layer: nn.Module, _: tuple[Tensor], out: Tensor) -> None:
        per_output = layer.weight[0].numel() if isinstance(layer.weight, Tensor) else 0
        self.macs += out.numel() * per_output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()


@settings(max_examples=40, deadline=None)
@given(given_gates=gates, batch=st.integers(1, 50))
def test_the_macs_that_are_stated_are_those_that_are_executed(
    model: InceptionNet, pixels: Tensor, given_gates: tuple, batch: int
) -> None:
    policy, macs = of_gates(*given_gates), ExitMacs.of(cost(model.spec))
    with executed(model) as seen:
        found = predict_with_early_exit(model, pixels, HOW, policy, batch=batch)
    every = zip((*macs.names, "main"), macs.spent(found.names).tolist(), strict=True)
    stated = [spent for name, spent in every if name in found.names]

    assert seen.macs == sum(stated[stage] for stage in found.exits.tolist())


@settings(max_examples=30, deadline=None)
@given(given_gates=gates)
def test_gates_have_temperatures_and_a_measure_of_their_own(
    model: InceptionNet, pixels: Tensor, given_gates: tuple
) -> None:
    policy = of_gates(*given_gates)
    every = predict_all_exits(model, pixels, HOW)
    found = predict_with_early_exit(model, pixels, HOW, policy)
    heats = {gate.exit: gate.temperature for gate in policy.gates} | {"main": 2.0}

    assert found.names == (*(gate.exit for gate in policy.gates), "main")
    for image, stage in enumerate(found.exits.tolist()):
        name = found.names[stage]
        expected = tempered(every[name][image][None], heats[name])[0]
        assert found.probabilities[image] == pytest.approx(expected, abs=1e-5)
        for passed, gate in enumerate(policy.gates[: stage + 1]):
            first, second = sorted(tempered(every[gate.exit][image][None], gate.temperature)[0])[
                :-3:-1
            ]
            if passed < stage:
                assert first - second < gate.confidence + 1e-5
            else:
                assert first - second >= gate.confidence - 1e-5
