"""Every entry and dialect at other inputs and class counts, as data."""

import subprocess
import sys
from dataclasses import replace

import pytest

from inceptionkit.catalog import CATALOG, architecture
from inceptionkit.catalog.inception_v2 import Switches, inception_v2
from inceptionkit.derive import cost
from inceptionkit.errors import SpecError, UnknownNameError
from inceptionkit.spec import Conv, Linear, Net, from_json, smallest_input, steps, to_json

NAMES = [
    f"{name}:{dialect}" if dialect else name
    for name, entry in CATALOG.items()
    for dialect in entry.dialects or ("",)
]


def classifiers(net: Net) -> list[int]:
    return [
        step.op.out
        for step in steps(net)
        if isinstance(step.op, Conv | Linear) and step.op.classifier
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_classifier_takes_the_class_count(name: str) -> None:
    net = architecture(name, classes=7)

    assert classifiers(net) == [7] * (1 + len(net.exits))


@pytest.mark.parametrize("name", NAMES)
def test_json_and_back(name: str) -> None:
    net = architecture(name)

    assert from_json(to_json(net)) == net


@pytest.mark.parametrize("name", NAMES)
def test_every_input_from_the_smallest_on_fits(name: str) -> None:
    smallest = smallest_input(replace(architecture(name), exits=()))
    for side in (*range(smallest, smallest + 40), 127, 128, 223, 225, 300, 331):
        if side >= smallest:
            net = architecture(name, input=side)

            assert net.image[1:] == (side, side)
            assert cost(net).without_exits.macs > 0
    if smallest > 1:
        with pytest.raises(SpecError, match=f"the smallest is {smallest}$"):
            architecture(name, input=smallest - 1)


@pytest.mark.parametrize("name", NAMES)
def test_pooled_exits_fit_wherever_the_trunk_does(name: str) -> None:
    published = architecture(name)
    smallest = smallest_input(replace(published, exits=()))
    pooled = architecture(name, exits="pooled", input=smallest)

    assert [e.name for e in pooled.exits] == [e.name for e in published.exits]


@pytest.mark.parametrize(
    ("name", "exits"),
    [
        ("googlenet", {78: [], 79: ["aux1", "aux2"], 224: ["aux1", "aux2"]}),
        ("googlenet:torchvision", {15: ["aux1", "aux2"]}),  # adaptive: any input
        ("inception_v3", {298: [], 299: ["aux"], 331: ["aux"]}),
        ("inception_v3_151", {150: [], 151: ["aux"]}),
        ("bn_inception", {166: [], 167: ["aux2"], 183: ["aux1", "aux2"]}),
    ],
)
def test_exits_are_there_from_their_smallest_input_on(
    name: str, exits: dict[int, list[str]]
) -> None:
    found = {side: [e.name for e in architecture(name, input=side).exits] for side in exits}

    assert found == exits


def test_the_name_says_the_dialect_unless_it_is_the_default() -> None:
    for name in NAMES:
        entry, _, dialect = name.partition(":")
        first = next(iter(CATALOG[entry].dialects), "")

        assert architecture(name).name == (entry if dialect == first else name)


def test_the_ablations_of_inception_v2_combine() -> None:
    """Each switch off alone, and all together, costs what its arithmetic says."""
    table1 = cost(inception_v2()).without_exits
    symmetric = cost(inception_v2("symmetric")).without_exits
    pool_first = cost(inception_v2("pool_then_conv"))
    conv_first = cost(inception_v2("conv_then_pool"))
    old = Switches(stem="7x7", double=False, asymmetric=False, reduction="conv_then_pool")

    assert symmetric.macs > 1.7 * table1.macs
    assert cost(inception_v2(old)).without_exits.params > 1.6 * table1.params
    reductions = [
        next(b.cost.macs for b in net_cost.blocks if b.at == "reduce5")
        for net_cost in (conv_first, pool_first)
    ]
    assert reductions == [35 * 35 * 288 * 768, 17 * 17 * 288 * 768]


def test_three_3x3_in_the_stem_cost_more_than_the_7x7_they_replace() -> None:
    """Table 3's step "factorized 7x7" makes the network dearer, as the paper's column says."""
    table1, base = cost(inception_v2()).without_exits, cost(inception_v2("base")).without_exits
    three = 149**2 * 32 * 3 * 9 + 147**2 * 32 * 32 * 9 + 147**2 * 64 * 32 * 9

    assert table1.macs - base.macs == three - 147**2 * 64 * 3 * 49


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("inception_v4", "no architecture is called 'inception_v4'; did you mean 'inception_v3'?"),
        ("googlenet:tfslim", "googlenet has no dialect 'tfslim'; did you mean 'tf_slim'?"),
        ("vgg16:bn", "vgg16 has no dialect 'bn'; there are none"),
    ],
)
def test_misspelt_names(name: str, said: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        architecture(name)

    assert str(error.value) == said


def test_the_catalog_needs_no_torch() -> None:
    code = (
        "import sys, inceptionkit; inceptionkit.cost(inceptionkit.architecture('inception_v3'));"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
