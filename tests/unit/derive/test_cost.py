"""Prices worked by hand on a network small enough for it."""

import pytest

from inceptionkit.derive import Cost, cost
from inceptionkit.spec import (
    Conv,
    Exit,
    GlobalPool,
    Linear,
    LocalNorm,
    Net,
    Pool,
    Split,
    misfits,
    named,
    tensors,
)

NET = Net(
    name="small",
    source="test",
    image=(3, 8, 8),
    trunk=named(
        conv=Conv(4, (3, 3), norm=None, bias=True),
        norm=LocalNorm(),
        pool=Pool("max", stride=2, padding="ceil"),
        module=Split(named(a=(Conv(2),), b=(Conv(3), Conv(5, (1, 3))))),
    ),
    head=(GlobalPool(), Linear(10, classifier=True)),
    exits=(
        Exit(
            name="early",
            after="pool",
            head=(GlobalPool(), Linear(10, classifier=True)),
            loss_weight=1.0,
        ),
    ),
)


def test_the_price_of_each_block() -> None:
    lines = {line.at: line.cost for line in cost(NET).blocks}

    assert lines == {
        # 9 * 3 * 4 weights and 4 biases, on 64 cells
        "conv": Cost(112, 108 * 64, 256),
        "norm": Cost(0, 0, 256),
        "pool": Cost(0, 0, 64),
        # 4 * 2 and gamma, beta; 4 * 3; 3 * 3 * 5; on 16 cells
        "module": Cost(8 + 4 + 12 + 6 + 45 + 10, (8 + 12 + 45) * 16, (2 + 3 + 5) * 16),
        "head": Cost(7 * 10 + 10, 70, 7 + 10),
    }


def test_the_price_of_the_exit() -> None:
    (early,) = cost(NET).exits

    assert early.own == Cost(4 * 10 + 10, 40, 4 + 10)
    assert early.macs_to_here == 108 * 64 + 40


def test_memory_at_its_peak_and_in_training() -> None:
    """Local normalization holds its input and its output: twice 4 x 8 x 8 floats."""
    net_cost = cost(NET)

    assert net_cost.activation_bytes == 4 * (256 + 256)
    assert net_cost.training_bytes == 4 * (256 + 256 + 64 + 160 + 17 + 14)


@pytest.mark.parametrize(
    ("module", "channels"),
    [
        # in the second path's second layer: what the first path gave; 30 and 20 channels
        (Split(named(a=(Conv(10),), b=(Conv(30), Conv(20)))), 10 + 30 + 20),
        # in the first path's second layer: the input, which the second path still reads
        (Split(named(a=(Conv(90), Conv(20)), b=(Conv(10),))), 3 + 90 + 20),
        # at the end: both paths and what joins them
        (Split(named(a=(Conv(40),), b=(Conv(40),))), 40 + 40 + 80),
        # two levels: the inner paths' first waits for its own second and for the outer one
        (Split(named(a=Split(named(c=(Conv(90), Conv(9)), d=(Conv(1),))), b=(Conv(1),))), 102),
    ],
)
def test_memory_inside_a_module(module: Split, channels: int) -> None:
    net = Net(name="n", source="t", image=(3, 4, 4), trunk=named(m=module), head=NET.head)

    assert cost(net).peak_cells == 16 * channels


def test_what_the_last_block_sees() -> None:
    """conv 3, pool 5, then 1 x 3 on cells two apart."""
    assert cost(NET).receptive_field == (5, 9)


def test_tensors_are_named_after_their_addresses() -> None:
    names = dict(tensors(NET))

    assert names["trunk.conv.conv.weight"] == (4, 3, 3, 3)
    assert names["trunk.conv.conv.bias"] == (4,)
    assert names["trunk.module.b.1.conv.weight"] == (5, 3, 1, 3)
    assert names["trunk.module.b.1.bn.running_var"] == (5,)
    assert names["exits.early.1.fc.weight"] == (10, 4)
    assert names["head.1.fc.bias"] == (10,)
    assert len(names) == 2 + 3 * 5 + 2 + 2


def test_misfits_are_told_one_by_one_with_both_shapes() -> None:
    found = dict(tensors(NET))
    found["head.1.fc.weight"] = (1000, 7)
    found["head.1.fc.scale"] = (10,)
    del found["head.1.fc.bias"]

    assert misfits(NET, found) == [
        "head.1.fc.bias: missing",
        "head.1.fc.scale: not in small",
        "head.1.fc.weight: got (1000, 7), small needs (10, 7)",
    ]
    assert misfits(NET, dict(tensors(NET))) == []
