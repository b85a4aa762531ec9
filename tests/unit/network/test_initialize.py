"""First weights are what the description says, and a function of the seed."""

import subprocess
import sys

import pytest
import torch

from inceptionkit.catalog import architecture
from inceptionkit.network import build
from inceptionkit.network.build import draw
from inceptionkit.spec import Conv, GlobalPool, Init, Linear, Net, named, steps


def drawn(init: Init, fan_in: int = 100) -> torch.Tensor:
    weight = torch.empty(4000, fan_in)
    draw(weight, init, torch.Generator().manual_seed(0))
    return weight


def test_truncated_normals_are_truncated_at_two_standard_deviations() -> None:
    weight = drawn(Init("truncated", std=0.1))

    assert weight.abs().max().item() == pytest.approx(0.2, rel=1e-3)
    assert weight.abs().max() <= 0.2
    assert weight.std().item() == pytest.approx(0.1 * 0.8796, rel=0.01)
    assert (weight.abs() < 0.1).float().mean().item() == pytest.approx(0.6827 / 0.9545, abs=0.005)


def test_a_normal_has_the_spread_stated() -> None:
    weight = drawn(Init(std=0.05))

    assert weight.std().item() == pytest.approx(0.05, rel=0.01)
    assert weight.abs().max() > 0.15


def test_caffes_xavier_is_uniform_over_the_fan_in() -> None:
    weight, bound = drawn(Init("uniform", gain=1.0)), (3 / 100) ** 0.5

    assert weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert weight.std().item() == pytest.approx(0.1, rel=0.01)


def test_hes_spread_is_the_default() -> None:
    assert drawn(Init()).std().item() == pytest.approx(0.02**0.5, rel=0.01)


@pytest.mark.parametrize(
    ("relu", "classifier", "std"),
    [(True, False, (2 / 90) ** 0.5), (False, False, (1 / 90) ** 0.5), (False, True, 0.01)],
    ids=["rectified", "linear", "classifier"],
)
def test_what_is_linear_keeps_the_variance_and_only_classifiers_begin_small(
    relu: bool, classifier: bool, std: float
) -> None:
    conv = Conv(200, (3, 3), norm=None, relu=relu, classifier=classifier)
    net = Net(
        name="net",
        source="",
        image=(10, 8, 8),
        trunk=named(only=conv),
        head=(GlobalPool(), Linear(3, classifier=True)),
    )
    weight = build(net).trunk["only"].conv.weight

    assert weight.std().item() == pytest.approx(std, rel=0.05)


@pytest.mark.parametrize("name", ["googlenet", "nin_cifar100", "bn_inception:tf_slim"])
def test_every_operator_begins_as_its_description_says(name: str) -> None:
    net = architecture(name, classes=100)
    model = build(net)
    for step in steps(net):
        if isinstance(step.op, Conv | Linear) and step.op.init is not None:
            part = "conv" if isinstance(step.op, Conv) else "fc"
            layer = model.get_submodule(f"{step.at}.{part}")
            init, fan_in = step.op.init, layer.weight[0].numel()
            std = init.std if init.std is not None else (init.gain / fan_in) ** 0.5
            spread = 0.8796 if init.distribution == "truncated" else 1.0

            assert layer.weight.std().item() == pytest.approx(std * spread, rel=0.15), step.at
            if layer.bias is not None:
                assert (layer.bias == init.bias).all(), step.at


def test_the_same_seed_gives_the_same_weights() -> None:
    net = architecture("compact")
    one, again, other = (build(net, seed=seed).state_dict() for seed in (1, 1, 2))

    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["trunk.conv1.conv.weight"], other["trunk.conv1.conv.weight"])


def test_weights_that_follow_are_not_drawn_but_norms_and_buffers_are_right() -> None:
    state = build(architecture("inception_v3:tf"), weights_follow=True).state_dict()

    assert all(not state[key].any() for key in state if key.endswith("conv.weight"))
    assert all(state[key].eq(1).all() for key in state if key.endswith("running_var"))
    assert all(not state[key].any() for key in state if key.endswith("running_mean"))
    assert all(state[key].device.type == "cpu" for key in state)


def test_building_leaves_torchs_global_generator_alone() -> None:
    before = torch.get_rng_state()
    build(architecture("compact"))

    assert torch.equal(torch.get_rng_state(), before)


def test_building_does_not_import_what_torchs_meta_device_needs() -> None:
    """sympy takes half a second, in every process that builds."""
    program = (
        "import sys; from inceptionkit import architecture, build; build(architecture('compact'));"
        "sys.exit('sympy' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
