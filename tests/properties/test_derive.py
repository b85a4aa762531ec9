"""Laws of what is read off a network, whatever network it is."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inceptionkit.derive import cost
from inceptionkit.derive.design.budget import Counted
from inceptionkit.derive.design.search import design
from inceptionkit.derive.diagram import draw
from inceptionkit.derive.diagram.rows import sheet
from inceptionkit.derive.diagram.shapes import Box
from inceptionkit.derive.paths import per_path
from inceptionkit.derive.rules import review
from inceptionkit.errors import SpecError
from inceptionkit.spec import (
    Conv,
    Dropout,
    Exit,
    GlobalPool,
    Linear,
    Net,
    Node,
    Op,
    Pool,
    Split,
    from_json,
    steps,
    to_json,
)

KERNELS = st.sampled_from([(1, 1), (3, 3), (1, 7), (7, 1), (5, 5)])
WIDTHS = st.integers(1, 40)
SAME: st.SearchStrategy[Op] = st.one_of(
    st.builds(Conv, WIDTHS, KERNELS), st.just(Pool("max")), st.just(Dropout(0.5))
)
CHAINS: st.SearchStrategy[Node] = st.lists(SAME, max_size=4).map(tuple)


def joined(paths: list[Node]) -> Split:
    return Split(tuple((f"p{i}", path) for i, path in enumerate(paths)))


SPLITS: st.SearchStrategy[Node] = st.lists(CHAINS, min_size=1, max_size=4).map(joined)
NESTED = st.lists(st.one_of(CHAINS, SPLITS), min_size=1, max_size=3).map(joined)
DOWN: st.SearchStrategy[Node] = st.one_of(
    st.builds(Conv, WIDTHS, st.just((3, 3)), st.just(2)), st.just(Pool("max", stride=2))
)
BLOCKS = st.one_of(SAME, CHAINS.filter(bool), SPLITS, NESTED, DOWN)


@st.composite
def nets(draw: st.DrawFn) -> Net:
    nodes = draw(st.lists(BLOCKS, min_size=1, max_size=8))
    names = [f"block{'_' * draw(st.integers(0, 12))}{i}" for i in range(len(nodes))]
    head = (GlobalPool(), Linear(10, classifier=True))
    read = draw(st.lists(st.sampled_from(names), max_size=3))
    exits = [
        Exit(name=f"exit{i}", after=name, head=head, loss_weight=0.3) for i, name in enumerate(read)
    ]
    return Net(
        name="any",
        source="hypothesis",
        image=(3, draw(st.integers(8, 64)), draw(st.integers(8, 64))),
        trunk=tuple(zip(names, nodes, strict=True)),
        head=head,
        exits=tuple(exits),
    )


@given(net=nets(), paths=st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_network_can_be_drawn_and_no_box_covers_another(net: Net, paths: bool) -> None:
    boxes = [s for s in sheet(net, paths=paths).shapes if isinstance(s, Box)]

    ET.fromstring(draw(net, paths=paths))  # noqa: S314 our own
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = abs(a.u - b.u) >= (a.du + b.du) / 2 - 1e-6
            assert apart or abs(a.v - b.v) >= (a.dv + b.dv) / 2 - 1e-6
    if paths:
        drawn = [b for b in boxes if b.kind not in {"image", "exit", "concat", "module"}]
        assert len(drawn) == len(list(steps(net)))


@given(net=nets())
@settings(max_examples=60, deadline=None)
def test_findings_point_into_the_trunk_and_shares_add_up(net: Net) -> None:
    places = {step.at for step in steps(net)}

    for finding in review(net):
        assert any(at == finding.at or at.startswith(f"{finding.at}.") for at in places)
    by_block: dict[str, float] = {}
    for path in per_path(net):
        by_block[path.block] = by_block.get(path.block, 0.0) + path.width_share
    assert all(total == pytest.approx(1) for total in by_block.values())


@given(net=nets())
@settings(max_examples=60, deadline=None)
def test_an_exit_never_saves_more_than_everything_and_blocks_add_up(net: Net) -> None:
    net_cost = cost(net)

    assert all(row.saves_at_most <= 1 for row in net_cost.exits)
    assert sum(line.cost.macs for line in net_cost.blocks) == net_cost.without_exits.macs
    assert max(line.live_cells for line in net_cost.blocks) == net_cost.peak_cells


@given(
    net=nets(),
    times=st.floats(0.3, 3),
    quantity=st.sampled_from(["macs", "params"]),
)
@settings(max_examples=25, deadline=None)
def test_a_design_meets_its_budget_or_says_what_can_be_met(
    net: Net, times: float, quantity: str
) -> None:
    answer = cost(net).without_exits
    assume(answer.macs > 100_000)
    most = times * (answer.macs if quantity == "macs" else answer.params)
    budget = Counted("macs" if quantity == "macs" else "params", most, "it")
    try:
        made = design(net, [budget], side=min(net.image[1:]), classes=10)
    except SpecError as error:
        assert " possible is " in str(error)
        return

    assert 0.97 <= budget.load(cost(made.net)) <= 1
    assert from_json(to_json(made.net)) == made.net
