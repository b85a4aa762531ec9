"""Numbers that somebody else published or counted; ours must be the same integers."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.catalog.inception_naive import inception_naive
from inceptionkit.derive import cost, total_cost
from inceptionkit.spec import (
    Block,
    Conv,
    Dropout,
    Linear,
    Net,
    Signal,
    Step,
    blocks,
    steps,
    walk,
)

GOLDEN = json.loads(Path(__file__).with_name("family.json").read_text())
NETWORKS: dict[str, Any] = GOLDEN["networks"]
ROWS = [
    pytest.param(name, row, id=f"{name}-{row['name']}")
    for name, network in NETWORKS.items()
    for row in network["rows"]
]


def inside(block: Block | Step) -> Iterator[Block | Step]:
    """`block` and everything in it."""
    yield block
    if isinstance(block, Block):
        for part in block.parts:
            yield from inside(part)


def at(net: Net, addresses: str) -> list[Block | Step]:
    found = {part.at: part for block in blocks(net) for part in inside(block)}
    return [found[address] for address in addresses.split()]


def weights(run: Iterable[Step]) -> int:
    """Scalars in the weight tensors of convolutions and linear layers."""
    return (
        total_cost(run).params - biases(run) - sum(gammas(step) + bn_channels(step) for step in run)
    )


def biases(run: Iterable[Step]) -> int:
    return sum(
        step.op.out
        for step in run
        if (isinstance(step.op, Conv) and step.op.bias) or isinstance(step.op, Linear)
    )


def bn_channels(step: Step) -> int:
    return step.op.out if isinstance(step.op, Conv) and step.op.norm else 0


def gammas(step: Step) -> int:
    norm = step.op.norm if isinstance(step.op, Conv) else None
    return step.op.out if norm and norm.gamma else 0


def gammaless(run: Iterable[Step]) -> int:
    return sum(bn_channels(step) - gammas(step) for step in run)


def facts(run: list[Step]) -> dict[str, int]:
    total = total_cost(run)
    return {
        "params": total.params,
        "macs": total.macs,
        "conv_fc_weights": weights(run),
        "conv_fc_biases": biases(run),
        "bn_channels": sum(map(bn_channels, run)),
        "conv_layers": sum(isinstance(step.op, Conv) for step in run),
        "linear_layers": sum(isinstance(step.op, Linear) for step in run),
    }


def test_every_architecture_of_the_papers_has_golden_counts() -> None:
    ours = {
        f"{name}:{dialect}" if dialect and dialect != next(iter(entry.dialects)) else name
        for name, entry in CATALOG.items()
        for dialect in entry.dialects or ("",)
    }
    made_here = {name for name in ours if name.startswith(("inception_v2:", "inception_naive"))}

    assert ours - made_here - {"compact", "inception_small"} == set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_without_exits(name: str) -> None:
    golden, net = NETWORKS[name], architecture(name)
    expected = golden["totals"] | golden.get("own", {})
    found = facts([s for s in steps(net) if not s.at.startswith("exits.")])

    assert list(net.image) == golden["input"]
    assert {key: found[key] for key in expected} == expected, golden["source"]


@pytest.mark.parametrize("name", [n for n, g in NETWORKS.items() if "totals_with_exits" in g])
def test_totals_with_exits(name: str) -> None:
    golden, net = NETWORKS[name], architecture(name)
    found = facts(list(steps(net)))
    expected = golden["totals_with_exits"]

    assert {key: found[key] for key in expected} == expected, golden["source"]


@pytest.mark.parametrize(
    ("name", "params"), [("googlenet", 6_379_728), ("googlenet:torchvision", 6_379_984)]
)
def test_both_exits_of_googlenet_together(name: str, params: int) -> None:
    """Counted with hooks on an independent torch build; torchvision's have batch norm."""
    assert sum(row.own.params for row in cost(architecture(name)).exits) == params


@pytest.mark.parametrize("name", NETWORKS)
def test_the_cost_table_adds_up_to_the_totals(name: str) -> None:
    net_cost = cost(architecture(name))

    assert sum(block.cost.params for block in net_cost.blocks) == net_cost.without_exits.params
    assert sum(block.cost.macs for block in net_cost.blocks) == net_cost.without_exits.macs


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_row(name: str, row: dict[str, Any]) -> None:
    net = architecture(name)
    parts = at(net, row["at"])
    run = [step for part in parts for step in part.steps]
    y, source = parts[-1].output, NETWORKS[name]["source"]

    if "out" in row:
        assert [y.channels, *y.size] == row["out"], source
    if "macs" in row:
        assert total_cost(run).macs == row["macs"], source
    if "weights" in row:
        assert weights(run) == row["weights"], source
    if "params" in row and not (name == "bn_inception:tf_slim" and row["name"] == "conv1"):
        assert total_cost(run).params + gammaless(run) == row["params"], source
    if "p" in row:
        assert parts[0].op == Dropout(row["p"]), source
    if "init_std" in row:
        assert run[0].op.init.std == row["init_std"], source


def test_tf_slim_has_a_bias_and_no_batch_norm_after_its_separable_stem() -> None:
    """The source counts 2 x 64 for batch norm there; TF-slim's code makes 64 biases."""
    (row,) = (r for r in NETWORKS["bn_inception:tf_slim"]["rows"] if r["name"] == "conv1")
    (stem,) = at(architecture("bn_inception:tf_slim"), "trunk.conv1")

    assert total_cost(stem.steps).params == row["params"] - 2 * 64 + 64


@pytest.mark.parametrize("name", [n for n, g in NETWORKS.items() if "own" in g])
def test_a_dialect_without_gamma_lacks_what_the_source_counts(name: str) -> None:
    golden, run = NETWORKS[name], list(steps(replace(architecture(name), exits=())))
    stem = 2 * 64 - 64 if name == "bn_inception:tf_slim" else 0

    assert gammaless(run) == sum(map(bn_channels, run))
    assert golden["totals"]["params"] - golden["own"]["params"] == gammaless(run) + stem


@pytest.mark.parametrize("name", [n for n in GOLDEN["tf_slim_base_variables"] if n != "source"])
def test_variables_of_tf_slims_unit_tests(name: str) -> None:
    golden = GOLDEN["tf_slim_base_variables"][name]
    run = [s for s in steps(architecture(name)) if s.at.startswith("trunk.")]
    found = {
        "weights": weights(run),
        "bn_channels": sum(map(bn_channels, run)),
        "biases": biases(run),
    }
    moving = 2 * found["bn_channels"]

    assert found == {key: golden[key] for key in found}
    assert total_cost(run).params + moving == golden["total"]


def test_keras_counts_moving_statistics_as_parameters() -> None:
    run = list(steps(architecture("inception_v3:keras")))
    total = total_cost(run).params + 2 * sum(map(bn_channels, run))

    assert total == GOLDEN["keras_total_with_moving_statistics"]["value"]


@pytest.mark.parametrize("side", GOLDEN["inception_v3_other_inputs"]["macs"])
def test_inception_v3_at_other_inputs(side: str) -> None:
    net = architecture("inception_v3", input=int(side))

    assert cost(net).without_exits.macs == GOLDEN["inception_v3_other_inputs"]["macs"][side]


@pytest.mark.parametrize("case", [n for n in GOLDEN["grids"] if n != "source"])
def test_grids(case: str) -> None:
    name, _, side = case.partition("@")
    net = architecture(name, input=int(side))
    last_of_stage = ("mixed5d", "mixed6e", "mixed7c")
    sizes = [
        block.output.size[0]
        for block in blocks(net)
        if block.at.startswith(("trunk.conv", "trunk.pool")) or block.at.endswith(last_of_stage)
    ]

    assert sizes == GOLDEN["grids"][case]


def test_the_exit_fits_the_low_resolution_stems() -> None:
    """torchvision's auxiliary head fails below 299 pixels; here the 17x17 grid is the same."""
    for name in ("inception_v3_151", "inception_v3_79"):
        (exit_,) = at(architecture(name), "exits.aux")

        assert exit_.input.size == (17, 17)


@pytest.mark.parametrize("module", GOLDEN["naive_modules"]["rows"])
def test_naive_module_on_googlenets_widths(module: str) -> None:
    channels, out, params, macs, reduced_params, reduced_macs = GOLDEN["naive_modules"]["rows"][
        module
    ]
    side = {"3": 28, "4": 14, "5": 7}[module[-2]]
    x = Signal(channels, (side, side))
    naive = walk(module, dict(inception_naive().trunk)[module], x)
    reduced = walk(module, dict(architecture("googlenet").trunk)[module], x)

    assert naive.output.channels == out
    assert (total_cost(naive.steps).params, total_cost(naive.steps).macs) == (params, macs)
    assert (total_cost(reduced.steps).params, total_cost(reduced.steps).macs) == (
        reduced_params,
        reduced_macs,
    )


@pytest.mark.parametrize(
    ("name", "key"), [("inception_naive", "chained"), ("googlenet", "with_reductions")]
)
def test_nine_modules(name: str, key: str) -> None:
    modules = [b for b in cost(architecture(name)).blocks if b.at.startswith("inception")]
    totals = [sum(b.cost.params for b in modules), sum(b.cost.macs for b in modules)]

    assert totals == GOLDEN["naive_modules"][key]
    if name == "inception_naive":
        assert [b.output.channels for b in modules] == GOLDEN["naive_modules"]["chained_widths"]


def test_the_scaled_naive_network_costs_what_googlenet_costs() -> None:
    naive, reduced = (
        cost(architecture(n)).without_exits for n in ("inception_naive:scaled", "googlenet")
    )

    assert naive.macs == pytest.approx(reduced.macs, rel=0.001)


def depth(block: Block | Step) -> int:
    """Weight layers on the longest path."""
    if isinstance(block, Step):
        return int(isinstance(block.op, Conv | Linear))
    parts = [depth(part) for part in block.parts]
    return max(parts) if block.parallel else sum(parts)


@pytest.mark.parametrize("name", [n for n in GOLDEN["depth"] if n != "source"])
def test_depth(name: str) -> None:
    net = replace(architecture(name), exits=())

    assert sum(map(depth, blocks(net))) == GOLDEN["depth"][name]


@pytest.mark.parametrize("name", [n for n in GOLDEN["linear_params"] if n != "source"])
def test_share_of_the_fully_connected_layers(name: str) -> None:
    linear = [step for step in steps(architecture(name)) if isinstance(step.op, Linear)]

    assert total_cost(linear).params == GOLDEN["linear_params"][name]


def test_receptive_field_of_inception_v3() -> None:
    (last,) = at(architecture("inception_v3"), "trunk.mixed7c")

    assert last.output.receptive_field[0] == GOLDEN["receptive_field"]["inception_v3"]
    assert last.output.stride == (32, 32)
