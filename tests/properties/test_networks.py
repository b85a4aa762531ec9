"""Statements that hold for every network, checked on networks that nobody designed."""

import json
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inceptionkit.derive import Cost, cost
from inceptionkit.errors import SpecError
from inceptionkit.network import build, stages
from inceptionkit.network.layers import LocalResponseNorm
from inceptionkit.spec import (
    AdaptivePool,
    BatchNorm,
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Node,
    Pool,
    Split,
    blocks,
    from_json,
    named,
    smallest_for_exit,
    smallest_input,
    steps,
    tensors,
    to_json,
    with_classes,
    with_input,
)
from inceptionkit.spec.edit import fits

SAME_MATHS = 1e-6  # float32, another order of summation

sides = st.integers(1, 5)
strides = st.integers(1, 3)
norms = st.sampled_from([None, BatchNorm(), BatchNorm(eps=1e-5), BatchNorm(gamma=False)])
yes_no = st.booleans()
convs = st.builds(
    Conv,
    st.integers(1, 6),
    st.tuples(sides, sides),
    strides,
    st.sampled_from(["same", "valid", "tensorflow", 1, 2]),
    norms,
    yes_no,
    yes_no,
)
grouped = st.builds(
    lambda wide, narrow, kernel, groups: (
        Conv(wide),
        Conv(narrow, kernel, groups=groups, norm=None),
    ),
    st.sampled_from([2, 4]),
    st.sampled_from([4, 8]),
    st.tuples(sides, sides),
    st.sampled_from([2, "each"]),
)
pools = st.builds(
    Pool,
    st.sampled_from(["max", "avg"]),
    st.tuples(sides, sides),
    strides,
    st.sampled_from(["same", "valid", "ceil", "tensorflow"]),
    yes_no,
)
local = st.builds(
    LocalNorm, st.integers(1, 6), st.floats(1e-5, 1.0), st.floats(0.3, 1.0), st.floats(0.5, 2.0)
)
ops = st.one_of(convs, grouped, pools, local)
odd = st.sampled_from([1, 3, 5])
kept = st.builds(
    Conv, st.integers(1, 6), st.tuples(odd, odd), norm=norms, bias=yes_no
)  # keep the grid, so that paths can be joined
paths = st.lists(st.one_of(kept, local), min_size=1, max_size=3).map(tuple)
splits = st.builds(lambda a, b, c: Split(named(a=a, b=b, c=c)), paths, paths, paths)
nested = st.builds(lambda a, b: Split(named(a=a, b=b)), splits, paths)
nodes = st.one_of(ops, splits, nested)
heads = st.sampled_from(
    [
        (GlobalPool(), Linear(4, classifier=True)),
        (Linear(5, relu=True), Dropout(0.5), Linear(4, classifier=True)),
        (Conv(4, bias=True, norm=None, classifier=True), GlobalPool()),
        (AdaptivePool((3, 2)), Linear(4, classifier=True)),
    ]
)


@st.composite
def nets(draw: st.DrawFn, *, fitting: bool = True) -> Net:
    trunk = draw(st.lists(nodes, min_size=1, max_size=4))
    names = [f"n{i}" for i in range(len(trunk))]
    exits = [
        Exit(name=f"e{i}", after=after, head=draw(heads), loss_weight=draw(st.floats(0, 1)))
        for i, after in enumerate(draw(st.lists(st.sampled_from(names), max_size=2)))
    ]
    net = Net(
        name="random",
        source="hypothesis",
        image=(draw(st.integers(1, 3)), draw(st.integers(5, 24)), draw(st.integers(5, 24))),
        trunk=tuple(zip(names, trunk, strict=True)),
        head=draw(heads),
        exits=tuple(exits),
    )
    while fitting and not fits(net):
        net = replace(net, image=(net.image[0], net.image[1] * 2, net.image[2] * 2))
    return net


@settings(max_examples=120, deadline=None)
@given(net=nets())
def test_shapes_names_and_counts_agree_with_torch(net: Net) -> None:
    model = build(net).eval()
    macs = 0

    def count(part: nn.Module, _: object, y: torch.Tensor) -> None:
        nonlocal macs
        macs += part.weight.numel() * (y[0, 0].numel() if y.ndim == 4 else 1)

    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.register_forward_hook(count)
    x, reads = torch.zeros(1, *net.image), {}
    for block in blocks(net):
        exit_ = block.at.startswith("exits.")
        y = model.get_submodule(block.at)(x)
        reads[block.at] = tuple(y.shape[1:])
        x = x if exit_ else y
    state = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    counted = {name for name in state if name.endswith("num_batches_tracked")}
    net_cost = cost(net)

    for block in blocks(net):
        assert reads[block.at] in {
            (block.output.channels, *block.output.size),
            (block.output.channels,),
        }
    assert dict(tensors(net)) == {name: state[name] for name in state.keys() - counted}
    assert {step.at for step in steps(net)} <= {name for name, _ in model.named_modules()}
    assert net_cost.with_exits.params == sum(p.numel() for p in model.parameters())
    assert net_cost.with_exits.macs == macs


@settings(max_examples=100, deadline=None)
@given(net=nets())
def test_a_network_survives_json(net: Net) -> None:
    assert from_json(json.loads(json.dumps(to_json(net)))) == net


@settings(max_examples=100, deadline=None)
@given(net=nets())
def test_cost_adds_up(net: Net) -> None:
    net_cost = cost(net)
    trunk = [line.cost for line in net_cost.blocks]
    own = [exit_.own for exit_ in net_cost.exits]

    assert sum(trunk, Cost()) == net_cost.without_exits
    assert sum(own, net_cost.without_exits) == net_cost.with_exits
    assert [e.exit for e in net_cost.exits] == sorted(
        net.exits, key=lambda e: [name for name, _ in net.trunk].index(e.after)
    )
    for exit_ in net_cost.exits:
        until = [line.at for line in net_cost.blocks].index(exit_.exit.after)
        macs = sum(line.cost.macs for line in net_cost.blocks[: until + 1])
        assert exit_.macs_to_here == macs + exit_.own.macs
    largest = max(step.input.cells for step in steps(replace(net, exits=())))
    assert largest <= net_cost.peak_cells <= net_cost.without_exits.cells + largest


@settings(max_examples=60, deadline=None)
@given(net=nets(fitting=False))
def test_smallest_input_is_the_smallest(net: Net) -> None:
    smallest = smallest_input(net)

    assert fits(replace(net, image=(net.image[0], smallest, smallest)))
    for side in range(1, smallest):
        assert not fits(replace(net, image=(net.image[0], side, side)))
    build(with_input(net, smallest))(torch.zeros(2, net.image[0], smallest, smallest))


@settings(max_examples=60, deadline=None)
@given(net=nets(fitting=False), side=st.integers(1, 40))
def test_another_input_keeps_every_exit_that_fits(net: Net, side: int) -> None:
    try:
        other = with_input(net, side)
    except SpecError:
        assert not fits(replace(net, image=(net.image[0], side, side), exits=()))
        return
    for exit_ in net.exits:
        alone = replace(net, image=(net.image[0], side, side), exits=(exit_,))
        assert (exit_ in other.exits) == fits(alone)
        assert exit_ not in other.exits or smallest_for_exit(net, exit_) <= side


@settings(max_examples=60, deadline=None)
@given(net=nets(), classes=st.integers(2, 9))
def test_every_classifier_gets_the_classes(net: Net, classes: int) -> None:
    names = [e.name for e in net.exits]
    logits = build(with_classes(net, classes)).eval()(torch.zeros(2, *net.image), exits=names)

    assert {y.flatten(1).shape for y in (logits.main, *logits.exits.values())} == {(2, classes)}
    assert list(logits.exits) == sorted(
        names, key=lambda n: next(e.after for e in net.exits if e.name == n)
    )


@settings(max_examples=60, deadline=None)
@given(net=nets())
def test_stages_one_after_the_other_are_the_forward_pass(net: Net) -> None:
    model = build(net).eval()
    images = torch.rand(2, *net.image, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = model(images, exits=[e.name for e in net.exits])
        x, found = images, {}
        for stage in stages(model):
            x = stage.body(x)
            found[stage.name] = stage.head(x)

    assert list(found) == [*whole.exits, "main"]
    for name, expected in (*whole.exits.items(), ("main", whole.main)):
        torch.testing.assert_close(found[name], expected, rtol=0, atol=0)


smooth = st.one_of(
    st.builds(Conv, st.integers(1, 4), st.tuples(odd, odd), st.integers(1, 2)),
    st.builds(Conv, st.integers(1, 4), st.tuples(odd, odd), padding=st.just("valid")),
    st.builds(
        Pool,
        st.just("avg"),
        st.just((3, 3)),
        st.integers(1, 2),
        st.sampled_from(["same", "valid", "ceil"]),
    ),
    st.just(LocalNorm()),
    st.builds(
        lambda a, b: Split(named(a=a, b=b)),
        st.lists(kept, min_size=1, max_size=3).map(tuple),
        st.lists(kept, min_size=1, max_size=3).map(tuple),
    ),
)


@settings(max_examples=60, deadline=None)
@given(trunk=st.lists(smooth, min_size=1, max_size=3))
def test_receptive_field_is_where_the_gradient_is(trunk: list[Node]) -> None:
    """With positive weights and average pooling, a pixel counts iff its gradient is not zero.

    The field is a span, not a count: 1x1/2 then 3x3 reads 3 pixels spread over 5.
    """
    net = Net(
        name="random",
        source="hypothesis",
        image=(3, 97, 97),
        trunk=tuple((f"n{i}", node) for i, node in enumerate(trunk)),
        head=(GlobalPool(), Linear(2, classifier=True)),
    )
    model = build(net).eval().double()
    for name, parameter in model.named_parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0 / fan_in)
    image = torch.ones(1, 3, 97, 97, dtype=torch.float64, requires_grad=True)
    x = image
    for block in model.trunk.values():
        x = block(x)
    x[0, :, x.shape[2] // 2, x.shape[3] // 2].sum().backward()
    rows, cols = (image.grad[0].abs().sum(0) > 0).nonzero(as_tuple=True)
    span = (int(rows.max() - rows.min()) + 1, int(cols.max() - cols.min()) + 1)

    assert span == cost(net).receptive_field


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 7),
    alpha=st.floats(1e-5, 2.0),
    beta=st.floats(0.1, 1.5),
    k=st.floats(0.5, 3.0),
    channels=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_local_response_norm_is_that_of_torch(
    size: int, alpha: float, beta: float, k: float, channels: int, seed: int
) -> None:
    x = torch.randn(2, channels, 3, 4, generator=torch.Generator().manual_seed(seed)) * 3
    ours = LocalResponseNorm(size, alpha, beta, k)(x)
    theirs = nn.LocalResponseNorm(size, alpha, beta, k)(x)

    torch.testing.assert_close(ours, theirs, rtol=10 * SAME_MATHS, atol=SAME_MATHS)


@settings(max_examples=20, deadline=None)
@given(net=nets(), seed=st.integers(0, 2**40))
def test_the_seed_decides_the_first_weights(net: Net, seed: int) -> None:
    one, two = build(net, seed=seed).state_dict(), build(net, seed=seed).state_dict()
    other = build(net, seed=seed + 1).state_dict()

    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
