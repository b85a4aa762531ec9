"""What the module promises beyond the properties that hold for every network."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from inceptionkit.catalog import architecture
from inceptionkit.errors import UnknownNameError
from inceptionkit.network import Logits, build, stages
from inceptionkit.spec import Net, with_input


def test_exits_are_computed_when_asked_for_and_only_then(tiny: Net) -> None:
    model, ran = build(tiny), []
    for name in ("first", "second"):
        model.exits[name].register_forward_hook(lambda *_, name=name: ran.append(name))
    images = torch.zeros(2, 3, 16, 16)

    assert model(images).exits == {}
    assert ran == []
    assert list(model(images, exits=["second"]).exits) == ["second"]
    assert ran == ["second"]


@pytest.mark.parametrize("mode", [True, False])
def test_training_and_evaluation_give_the_same_type(tiny: Net, mode: bool) -> None:
    found = build(tiny).train(mode)(torch.zeros(2, 3, 16, 16), exits=["first"])

    assert isinstance(found, Logits)
    assert found.main.shape == found.exits["first"].shape == (2, 10)


def test_an_unknown_exit_is_told_with_the_nearest(tiny: Net) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build(tiny)(torch.zeros(2, 3, 16, 16), exits=["frist"])

    assert str(caught.value) == "tiny has no exit 'frist'; did you mean 'first'?"


def test_all_exits_asked_for_leave_no_parameter_without_gradient(tiny: Net) -> None:
    """So that distributed training needs no search for unused parameters."""
    model = build(tiny)
    found = model(torch.rand(4, 3, 16, 16), exits=["first", "second"])
    (found.main.sum() + sum(y.sum() for y in found.exits.values())).backward()

    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_stages_share_the_modules_of_the_model(tiny: Net) -> None:
    model = build(tiny)
    found = stages(model)

    assert [stage.name for stage in found] == ["first", "second", "main"]
    assert found[0].body[0] is model.trunk["conv1"]
    assert found[2].head is model.head
    assert sum(len(stage.body) for stage in found) == len(model.trunk)


def test_first_weights(tiny: Net) -> None:
    """Variance 2 / fan-in before a ReLU; 0.01 in classifiers; zero biases."""
    model = build(tiny, seed=0)
    conv, fc = model.trunk.inception2.p3[1].conv, model.head[1].fc

    assert float(conv.weight.detach().std()) == pytest.approx((2 / (6 * 9)) ** 0.5, rel=0.1)
    assert float(fc.weight.detach().std()) == pytest.approx(0.01, rel=0.2)
    assert not fc.bias.detach().any()
    assert all((m.weight == 1).all() for m in model.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize(
    "name",
    ["bn_inception", "bn_inception:608", "bn_inception:cadene", "bn_inception:tf_slim",
     "googlenet:tf_slim"],
)  # fmt: skip
@pytest.mark.parametrize("share", [0.75, 0.5])
def test_a_network_at_a_smaller_side_is_the_one_made_for_it(name: str, share: float) -> None:
    """Training crops are smaller; the borders of the side in use moved or broke their grids."""
    net = replace(architecture(name, classes=3), exits=())
    side = round(net.image[1] * share)
    model, other = build(net).eval(), build(with_input(net, side)).eval()
    other.load_state_dict(model.state_dict())
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found, expected = model(images).main, other(images).main

    torch.testing.assert_close(found, expected)
