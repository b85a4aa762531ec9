"""GoogLeNet costs what its paper says and what others counted: exact integers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inceptionkit import architecture, cost
from inceptionkit.derive import Cost
from inceptionkit.spec import Conv, Linear, Node, Split, blocks, steps
from inceptionkit.spec.edit import rewrite

NUMBERS: Mapping[str, Any] = json.loads(Path(__file__).with_name("numbers.json").read_text())
ROWS = NUMBERS["table_1"]["rows"]
DIALECTS = ("googlenet", "googlenet:bn")


def row_cost(name: str, row: Mapping[str, Any]) -> Cost:
    found = {line.at: line.cost for line in cost(architecture(name)).blocks}
    return sum((found[block] for block in row["blocks"]), Cost())


@pytest.mark.parametrize("name", DIALECTS)
def test_totals(name: str) -> None:
    golden, net_cost = NUMBERS["totals"][name], cost(architecture(name))

    assert net_cost.without_exits.params == golden["params"], golden["source"]
    assert net_cost.without_exits.macs == golden["macs"], golden["source"]


def test_totals_with_both_exits() -> None:
    golden, net_cost = NUMBERS["totals"]["googlenet"], cost(architecture("googlenet"))

    assert net_cost.with_exits.params == golden["params_with_exits"], golden["source"]
    assert net_cost.with_exits.macs == golden["macs_with_exits"], golden["source"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["blocks"][-1])
def test_row_of_table_1(row: Mapping[str, Any]) -> None:
    paper = row_cost("googlenet", row)

    assert paper.params == row["params"], NUMBERS["table_1"]["source"]
    assert paper.macs == row["macs"], NUMBERS["table_1"]["source"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["blocks"][-1])
def test_row_of_table_1_with_batch_norm(row: Mapping[str, Any]) -> None:
    """Two scalars a channel in place of one; the linear layer keeps its biases."""
    batch_norm, biases = row_cost("googlenet:bn", row), row["params"] - row["weights"]
    norms = biases if row["blocks"] == ["head"] else 2 * biases

    assert batch_norm.params == row["weights"] + norms
    assert batch_norm.macs == row["macs"]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["printed_mega_ops"]], ids=lambda row: row["blocks"][-1]
)
def test_row_agrees_with_the_operations_that_the_paper_prints(row: Mapping[str, Any]) -> None:
    """The paper rounds, or drops the fraction."""
    assert abs(row_cost("googlenet", row).macs / 1e6 - row["printed_mega_ops"]) < 1.0


@pytest.mark.parametrize("name", DIALECTS)
def test_output_sizes_of_table_1(name: str) -> None:
    seen = {block.at.removeprefix("trunk."): block.output for block in blocks(architecture(name))}
    found = [(seen[r["blocks"][-1]].channels, *seen[r["blocks"][-1]].size) for r in ROWS]

    assert found == [tuple(row["out"]) for row in ROWS]


@pytest.mark.parametrize("name", ["aux1", "aux2"])
def test_exit(name: str) -> None:
    golden = NUMBERS["exits"][name]
    (exit_,) = (row for row in cost(architecture("googlenet")).exits if row.exit.name == name)
    until = [row["blocks"][-1] for row in ROWS].index(golden["after"])

    assert exit_.exit.after == golden["after"]
    assert exit_.exit.loss_weight == golden["loss_weight"]
    assert exit_.own.params == golden["params"], NUMBERS["exits"]["source"]
    assert exit_.own.macs == golden["macs"], NUMBERS["exits"]["source"]
    assert exit_.macs_to_here == sum(row["macs"] for row in ROWS[: until + 1]) + golden["macs"]


def test_exit_pools_to_a_grid_of_four_by_four() -> None:
    net = architecture("googlenet")
    pools = [step.output for step in steps(net) if step.at in {"exits.aux1.0", "exits.aux2.0"}]

    assert [(y.channels, y.size) for y in pools] == [(512, (4, 4)), (528, (4, 4))]


def test_a_three_by_three_in_place_of_the_five_by_five_would_be_seen() -> None:
    """The classic silent mistake: same shapes, same names, other weights."""
    net = architecture("googlenet:bn")

    def shrink(op: Node) -> Node:
        small = isinstance(op, Conv) and op.kernel == (5, 5)
        return replace(op, kernel=(3, 3)) if small else op

    wrong = replace(net, trunk=tuple((name, rewrite(node, shrink)) for name, node in net.trunk))
    golden = NUMBERS["five_by_five"]

    assert cost(net).without_exits.params - cost(wrong).without_exits.params == golden["value"], (
        golden["source"]
    )


def test_every_module_has_the_five_by_five() -> None:
    net = architecture("googlenet")
    modules = [node for _, node in net.trunk if isinstance(node, Split)]

    assert len(modules) == 9
    for module in modules:
        paths = dict(module.paths)
        assert list(paths) == ["p1", "p3", "p5", "pool"]
        assert [op.kernel for op in paths["p5"]] == [(1, 1), (5, 5)]


def test_layers_with_weights() -> None:
    """22 in depth; 57 convolutions and a linear layer; 59 and five with the exits."""
    net = architecture("googlenet")
    plain = replace(net, exits=())

    def count(found: object, kind: type) -> int:
        return sum(isinstance(step.op, kind) for step in steps(found))

    assert (count(plain, Conv), count(plain, Linear)) == (57, 1)
    assert (count(net, Conv), count(net, Linear)) == (59, 5)


@pytest.mark.parametrize("name", DIALECTS)
def test_receptive_field(name: str) -> None:
    golden = {k: v for k, v in NUMBERS["receptive_field"].items() if isinstance(v, list)}
    seen = {block.at.removeprefix("trunk."): block.output for block in blocks(architecture(name))}

    assert {at: [seen[at].receptive_field[0], seen[at].stride[0]] for at in golden} == golden
    assert cost(architecture(name)).receptive_field == (715, 715)


def test_local_norm_stands_after_the_first_pool_and_before_the_second() -> None:
    """Figure 3 of the paper, and Caffe's file."""
    names = [name for name, _ in architecture("googlenet").trunk][:7]
    norm = dict(architecture("googlenet").trunk)["norm1"]

    assert names == ["conv1", "pool1", "norm1", "conv2", "conv3", "norm2", "pool2"]
    assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 1e-4, 0.75, 1.0)


def test_dropout_and_units_of_the_exits() -> None:
    """Section 5: 40 % before the classifier, 70 % in the exits."""
    net = architecture("googlenet")
    dropouts = {step.at: step.op.p for step in steps(net) if hasattr(step.op, "p")}

    assert dropouts == {"exits.aux1.3": 0.7, "exits.aux2.3": 0.7, "head.1": 0.4}
