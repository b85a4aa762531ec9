"""Statements that hold for every network, checked on networks nobody designed."""

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inception.derive import bill, tensors
from inception.errors import SpecError
from inception.network import build
from inception.spec import (
    AdaptivePool,
    BatchNorm,
    Conv,
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
    steps,
    to_json,
)

odd = st.sampled_from([1, 3, 5])
kernels = st.tuples(odd, odd)
norms = st.sampled_from([None, BatchNorm(), BatchNorm(gamma=False)])
even = st.sampled_from([2, 4, 6])
groups = st.sampled_from([1, 1, 2])
convs = st.builds(
    Conv,
    even,
    kernels,
    st.sampled_from([1, 2, 3]),
    st.sampled_from(["same", "valid", "tensorflow", 1, 2]),
    norms,
    st.booleans(),
    groups=groups,
)
depthwise = st.builds(Conv, st.just(24), kernels, groups=st.just("each"))
pools = st.builds(
    Pool,
    st.sampled_from(["max", "avg"]),
    st.sampled_from([(3, 3), (2, 2), (5, 5)]),
    st.sampled_from([1, 2, 3]),
    st.sampled_from(["same", "valid", "ceil", "tensorflow", 1]),
    st.booleans(),
)
ops = st.one_of(convs, depthwise, pools, st.just(LocalNorm()), st.just(AdaptivePool((4, 4))))
flat = st.builds(Conv, even, kernels, norm=norms, groups=groups)
paths = st.lists(flat, min_size=1, max_size=3).map(tuple)
splits = st.builds(lambda a, b, c: Split(named(a=a, b=b, c=c)), paths, paths, paths)
nodes = st.one_of(ops, splits)


def wrap(trunk: list[Node], side: int) -> Net:
    return Net(
        name="random",
        source="hypothesis",
        image=(2, side, side),
        trunk=tuple((f"n{i}", node) for i, node in enumerate(trunk)),
        head=(GlobalPool(), Linear(4, classifier=True)),
    )


nets = st.builds(wrap, st.lists(nodes, min_size=1, max_size=4), st.integers(9, 24))


def possible(net: Net) -> bool:
    try:
        list(blocks(net))
    except SpecError:
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(net=nets)
def test_shapes_names_and_counts_agree_with_torch(net: Net) -> None:
    assume(possible(net))
    model = build(net).eval()
    x = torch.rand(1, *net.image)
    for block in blocks(net):
        x = model.get_submodule(block.at)(x)
        shape = (block.y.channels, *block.y.size)

        assert tuple(x.shape[1:]) in {shape, shape[:1]}  # a classifier's scores are flat
    state = {
        name: tuple(value.shape)
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }

    assert dict(tensors(net)) == state
    assert bill(steps(net)).params == sum(p.numel() for p in model.parameters())
    assert {step.at for step in steps(net)} <= {name for name, _ in model.named_modules()}


@settings(max_examples=100, deadline=None)
@given(net=nets)
def test_a_network_survives_json(net: Net) -> None:
    assert from_json(to_json(net)) == net


spreading = st.one_of(
    st.builds(
        Conv,
        even,
        kernels,
        st.sampled_from([1, 2]),
        st.sampled_from(["same", "valid", "tensorflow"]),
    ),
    st.builds(Pool, st.just("avg"), st.just((3, 3)), st.sampled_from([1, 2])),
    splits,
)


@settings(max_examples=40, deadline=None)
@given(trunk=st.lists(spreading, min_size=1, max_size=3))
def test_the_receptive_field_is_where_the_gradient_is(trunk: list[Node]) -> None:
    """With positive weights and average pooling, a pixel matters iff its gradient is positive.

    The field is a span, not a count: 1x1/2 then 3x3 reads 3 pixels spread over 5.
    """
    net = wrap(trunk, 97)
    assume(possible(net))
    *_, last = (b for b in blocks(net) if b.at.startswith("trunk."))
    model = build(net).eval().double()
    for name, parameter in model.named_parameters():
        torch.nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)
    image = torch.ones(1, 2, 97, 97, dtype=torch.float64, requires_grad=True)
    x = image
    for block in model.trunk.values():
        x = block(x)
    x[0, :, x.shape[2] // 2, x.shape[3] // 2].sum().backward()

    assert image.grad is not None
    rows, columns = (image.grad[0].sum(0) > 0).nonzero(as_tuple=True)
    span = (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1)

    assert span == last.y.view
