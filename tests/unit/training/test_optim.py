"""Optimizers against torch's own, and against a trace of TensorFlow's rule worked by hand."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from inceptionkit.network import InceptionNet, build
from inceptionkit.spec import Conv, GlobalPool, Net, Node, Split, named
from inceptionkit.training.freezing import rate_shares
from inceptionkit.training.loop import set_lr
from inceptionkit.training.muon import hidden_kernels, orthogonal
from inceptionkit.training.recipe import MODERN, Recipe, override
from inceptionkit.training.rmsprop_tf import RMSPropTensorFlow
from inceptionkit.training.state import make_optimizer, moments, set_moments

RATES = (0.01, 0.02, 0.005)


def steps(model: nn.Module, made: Optimizer, rates: Callable[[float], None]) -> list[Tensor]:
    """Weights after some updates of the same gradients, drawn anew each time."""
    random = torch.Generator().manual_seed(1)
    for lr in RATES:
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=random)
        rates(lr)
        made.step()
    return [p.detach().clone() for p in model.parameters()]


def ours(net: Net, recipe: Recipe) -> list[Tensor]:
    model = build(net, seed=3)
    made = make_optimizer(model, recipe)
    return steps(model, made, lambda lr: set_lr(made, lr))


def theirs(net: Net, make: Callable[..., Optimizer], decay: float) -> list[Tensor]:
    """Torch's optimizer, told by hand which parameters decay."""
    model = build(net, seed=3)
    made = make(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": decay},
            {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ]
    )

    def rate(lr: float) -> None:
        for group in made.param_groups:
            group["lr"] = lr

    return steps(model, made, rate)


@pytest.mark.parametrize(
    ("settings", "make"),
    [
        ((), lambda g: SGD(g, lr=1.0, momentum=0.9, nesterov=True)),
        (("nesterov=false",), lambda g: SGD(g, lr=1.0, momentum=0.9)),
        (("nesterov=false", "momentum=0"), lambda g: SGD(g, lr=1.0)),
        (("optimizer=rmsprop", "momentum=0"), lambda g: RMSprop(g, lr=1.0)),
        (
            ("optimizer=rmsprop", "alpha=0.9", "eps=0.1"),
            lambda g: RMSprop(g, lr=1.0, alpha=0.9, eps=0.1, momentum=0.9),
        ),
        (("optimizer=adamw",), lambda g: AdamW(g, lr=1.0)),
        (
            ("optimizer=adamw", "beta1=0.8", "beta2=0.99", "eps=1e-4"),
            lambda g: AdamW(g, lr=1.0, betas=(0.8, 0.99), eps=1e-4),
        ),
    ],
    ids=lambda value: " ".join(value) or "nesterov" if isinstance(value, tuple) else "",
)
def test_an_update_is_torchs(
    tiny: Net, settings: tuple[str, ...], make: Callable[..., Optimizer]
) -> None:
    found = ours(tiny, override(MODERN, [*settings, "weight_decay=0.01"]))

    for own, other in zip(found, theirs(tiny, make, 0.01), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-7)


def test_rmsprop_of_tensorflow_by_hand() -> None:
    """decay 0.9, epsilon 1, momentum 0.5: s starts at 1 and epsilon stands inside the root.

    g = 2, lr 0.1: s = 0.9 + 0.4 = 1.3, m = 0.2 / sqrt(2.3), w = 1 - m.
    g = -1, lr 0.2: s = 1.17 + 0.1 = 1.27, m = 0.5 m - 0.2 / sqrt(2.27), w = w - m.
    """
    weight = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    made = RMSPropTensorFlow([weight], lr=0.1, alpha=0.9, momentum=0.5, eps=1.0)
    weight.grad = torch.tensor([2.0], dtype=torch.float64)
    made.step()
    first = 0.2 / 2.3**0.5

    assert weight.item() == pytest.approx(1 - first, abs=1e-12)

    made.param_groups[0]["lr"] = 0.2
    weight.grad = torch.tensor([-1.0], dtype=torch.float64)
    made.step()

    assert weight.item() == pytest.approx(1 - first - (0.5 * first - 0.2 / 2.27**0.5), abs=1e-12)
    assert made.state[weight]["square_avg"].item() == pytest.approx(1.27, abs=1e-12)


def test_the_two_rmsprops_differ_where_epsilon_is_one() -> None:
    """With the paper's epsilon torch's rule takes a first step twice as long and more."""
    lengths = []
    for kind in (RMSPropTensorFlow, RMSprop):
        weight = nn.Parameter(torch.zeros(1))
        weight.grad = torch.tensor([0.01])
        kind([weight], lr=1.0, eps=1.0, alpha=0.9).step()
        lengths.append(abs(weight.item()))

    assert lengths[0] == pytest.approx(0.01 / (0.9 + 1e-5 + 1.0) ** 0.5, rel=1e-4)
    assert lengths[1] == pytest.approx(0.01 / (1.0 + 0.01 * 0.1**0.5), rel=1e-4)


@pytest.mark.parametrize(
    "word",
    ["nesterov=true", "nesterov=false", "optimizer=rmsprop", "optimizer=adamw", "optimizer=muon"],
)
def test_a_first_update_that_a_scaler_leaves_out_leaves_no_trace(tiny: Net, word: str) -> None:
    model = build(tiny, seed=3)
    before = [p.detach().clone() for p in model.parameters()]
    made = make_optimizer(model, override(MODERN, [word]))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    scaler.scale(torch.ones(()))
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, float("inf"))
    rubbish = [torch.full_like(p, float("nan")) for p in model.parameters()]
    del rubbish  # what the heap hands out next
    scaler.unscale_(made)
    scaler.step(made)
    scaler.update()

    assert all(torch.equal(p, was) for p, was in zip(model.parameters(), before, strict=True))
    assert not any(value.any() for value in moments(made, model).values())


@pytest.mark.parametrize("kind", ["sgd", "rmsprop", "rmsprop_tf", "adamw", "muon"])
def test_what_an_optimizer_remembers_can_be_put_back(tiny: Net, kind: str) -> None:
    """After that both go on alike, bit for bit."""
    recipe = override(MODERN, [f"optimizer={kind}"])
    one, two = build(tiny, seed=3), build(tiny, seed=3)
    ours, theirs = make_optimizer(one, recipe), make_optimizer(two, recipe)
    assert not any(value.any() for value in moments(ours, one).values())
    steps(one, ours, lambda lr: set_lr(ours, lr))
    two.load_state_dict(one.state_dict())
    set_moments(theirs, two, {k: v.clone() for k, v in moments(ours, one).items()})
    found = [steps(one, ours, lambda lr: set_lr(ours, lr))]
    found.append(steps(two, theirs, lambda lr: set_lr(theirs, lr)))

    for own, other in zip(*found, strict=True):
        assert torch.equal(own, other)


def parameter_rates(model: InceptionNet, recipe: Recipe) -> dict[str, float]:
    made = make_optimizer(model, recipe)
    set_lr(made, 1.0)
    rates = {id(p): group["lr"] for group in made.param_groups for p in group["params"]}
    return {name: rates[id(p)] for name, p in model.named_parameters() if id(p) in rates}


def test_each_block_learns_slower_than_the_next(tiny: Net) -> None:
    rates = parameter_rates(build(tiny), override(MODERN, ["layer_decay=0.5"]))

    assert rates["head.1.fc.weight"] == rates["exits.first.1.fc.weight"] == 1.0
    assert rates["trunk.inception3.p1.0.conv.weight"] == 1.0
    assert rates["trunk.inception2.p1.0.conv.weight"] == 0.25  # a pool stands between them
    assert rates["trunk.conv1.conv.weight"] == 0.125


def test_betas_have_a_rate_of_their_own(tiny: Net) -> None:
    rates = parameter_rates(build(tiny), override(MODERN, ["norm_bias_rate=8", "layer_decay=0.5"]))

    assert rates["trunk.inception3.p1.0.bn.bias"] == 8.0
    assert rates["trunk.conv1.bn.bias"] == 1.0
    assert rates["trunk.conv1.bn.weight"] == rates["trunk.conv1.conv.weight"] == 0.125
    assert rates["head.1.fc.bias"] == 1.0


def lifted(matrix: Tensor, iterations: int) -> Tensor:
    """Its singular values through the quintic of Muon's page, one by one."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    values = values / (values.norm() + 1e-7)
    for _ in range(iterations):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left * values @ right


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (30, 2, 3, 3), (5, 5, 1, 1), (1, 4, 1, 7)])
@pytest.mark.parametrize("iterations", [1, 3, 5])
def test_a_momentum_keeps_its_singular_vectors(shape: tuple[int, ...], iterations: int) -> None:
    """Whichever of rows and columns are more, and in either layout."""
    random = torch.Generator().manual_seed(0)
    kernel = torch.randn(shape, generator=random, dtype=torch.float64)
    expected = lifted(kernel.flatten(1), iterations).reshape(shape)
    last = kernel.contiguous(memory_format=torch.channels_last)
    zeros, low = torch.zeros_like(kernel), torch.bfloat16

    for found in orthogonal([kernel, last], iterations, None):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    assert not orthogonal([zeros], iterations, None)[0].any()
    torch.testing.assert_close(
        orthogonal([kernel], iterations, low)[0], expected, rtol=0.1, atol=0.03
    )


def test_kernels_move_by_muon_and_the_rest_by_sgd(tiny: Net) -> None:
    """Three updates, each parameter by itself; one kernel has no norm after it."""
    bare = replace(tiny, trunk=tuple((name, without_norm(op)) for name, op in tiny.trunk))
    recipe = override(
        MODERN, ["optimizer=muon", "lr=0.5", "sgd_lr=0.1", "weight_decay=0.01", "layer_decay=0.5"]
    )
    model = build(bare, seed=3)
    shares = rate_shares(model, recipe)
    made = make_optimizer(model, recipe)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    steps(model, made, lambda lr: set_lr(made, lr))

    random = torch.Generator().manual_seed(1)
    momenta = {name: torch.zeros_like(p) for name, p in before.items()}
    for lr in RATES:
        for name, weight in before.items():
            gradient = torch.randn(weight.shape, generator=random)
            hidden = name.endswith("conv.weight") and not name.startswith("trunk.conv1.")
            rate, decay = lr * shares[name] * (1 if hidden else 0.2), 0.01 * (weight.ndim > 1)
            gradient = gradient if hidden else gradient + decay * weight
            momenta[name] = (0.6 if hidden else 0.85) * momenta[name] + gradient
            move = gradient + (0.6 if hidden else 0.85) * momenta[name]
            kept = 1.0
            if hidden:
                move = lifted(move.flatten(1), 3).reshape(move.shape)
                decayed, unit = 1 - rate * decay, len(weight) ** 0.5 / weight.norm()
                kept = decayed if ".p1." in name else unit
            before[name] = kept * weight - rate * move
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter, before[name], rtol=1e-4, atol=1e-5, msg=name)


def without_norm(node: Node) -> Node:
    """A block whose path "p1" has no norms."""
    if not isinstance(node, Split):
        return node
    bare = {"p1": (Conv(8, norm=None, bias=True),)}
    return Split(tuple((path, bare.get(path, ops)) for path, ops in node.paths))


def test_what_muon_leaves_to_sgd() -> None:
    """The first convolution, the classifier's, and such as treat channels apart."""
    net = Net(
        name="net",
        source="the tests",
        image=(3, 8, 8),
        trunk=named(first=Conv(4), apart=Conv(4, (3, 3), groups="each"), second=Conv(6)),
        head=(Conv(10, classifier=True, relu=False, norm=None), GlobalPool()),
    )

    assert hidden_kernels(net) == {"trunk.second.conv.weight": True}
