"""Our rows beside the papers' tables."""

import pytest

from inceptionkit.catalog import architecture
from inceptionkit.derive.paper import TABLES, beside_paper
from inceptionkit.derive.paper.columns import counted
from inceptionkit.errors import SpecError, UnknownNameError
from inceptionkit.spec import Net

K = {"K": 1024, "M": 1_000_000}


def differing(net: Net) -> dict[str, tuple[str, ...]]:
    """Row by its first block -> the columns in which it differs."""
    rows = beside_paper(net).rows
    return {(r.row.blocks or ("",))[0]: r.differs for r in rows if not r.agrees}


def test_googlenets_rows_that_differ_are_those_of_the_reference(googlenet: Net) -> None:
    assert differing(googlenet) == {
        "conv1": ("weights", "MACs"),
        **{f"inception{name}": ("weights",) for name in ("4a", "4c", "4d", "4e", "5b")},
        "inception5a": ("weights", "MACs"),
    }


def test_bn_inceptions_table_contradicts_itself_in_four_rows() -> None:
    """Projections of 128 that make 608 channels where 576 stand, and the grids of 3c and 4e."""
    assert differing(architecture("bn_inception")) == {
        "inception3c": ("output",),
        "inception4c": ("pool",),
        "inception4d": ("pool",),
        "inception4e": ("output",),
    }


def test_the_other_lineage_takes_the_projections_and_is_wider_than_printed() -> None:
    rows = {r.row.name: r for r in beside_paper(architecture("bn_inception:608")).rows}

    assert rows["inception (4c)"].differs == rows["inception (4d)"].differs == ("output",)
    assert rows["inception (4d)"].ours["output"] == "14x14x608"
    assert rows["inception (4d)"].ours["pool"] == "avg+128"
    assert rows["inception (4e)"].ours["output"] == "7x7x1056"


def test_inception_v2_is_the_table_of_rethinking() -> None:
    assert differing(architecture("inception_v2")) == {}


def test_the_released_inception_v3_differs_from_the_table_in_five_rows(inception_v3: Net) -> None:
    found = beside_paper(inception_v3)
    ours = {r.row.printed["input"]: r.ours for r in found.rows}

    assert differing(inception_v3) == {
        "conv3b": ("window",),
        "conv4a": ("window", "input"),
        "": ("window", "input"),
        "mixed5b": ("input",),
        "mixed6b": ("window",),
    }
    assert ours["73x73x64"]["window"] == "1x1/1"
    assert ours["35x35x288"]["input"] == "35x35x192"
    assert ours["17x17x768"]["window"] == "4"
    assert ours["35x35x192"]["input"] == "none"  # the third convolution at 35x35 is left out


def test_a_row_that_an_ablation_lacks_is_none() -> None:
    found = differing(architecture("inception_v2:base"))

    assert found.keys() == {"conv1", "conv2", "conv3"}


@pytest.mark.parametrize("name", TABLES)
def test_every_difference_is_explained_and_nothing_else_is(name: str) -> None:
    for compared in beside_paper(architecture(name)).rows:
        assert bool(compared.row.note) is not compared.agrees, compared.row.name


@pytest.mark.parametrize(
    ("name", "weights", "macs"),
    [
        ("googlenet", 6_990_272, 1_582_671_872),
        ("bn_inception", 11_174_080 - 1_024_000, 2_018_851_840 - 1_024_000),  # prints no classifier
        ("inception_v2", 25_425_248, 6_228_357_728),
        ("inception_v3", 23_799_136, 5_713_216_096),
    ],
)
def test_our_rows_add_up_to_the_golden_totals(name: str, weights: int, macs: int) -> None:
    rows = beside_paper(architecture(name)).rows

    assert sum(int(r.ours.get("weights", 0)) for r in rows) == weights
    assert sum(int(r.ours.get("MACs", 0)) for r in rows) == macs


def test_the_printed_columns_add_up_as_they_do_in_the_paper() -> None:
    rows = TABLES["googlenet"].rows
    params = [row.printed["weights"] for row in rows if "weights" in row.printed]
    ops = [row.printed["MACs"] for row in rows if "MACs" in row.printed]

    assert round(sum(float(text[:-1]) for text in params), 1) == 6797.7
    assert sum(int(text[:-1]) for text in ops) == 1502


@pytest.mark.parametrize("name", TABLES)
def test_every_block_stands_in_one_row(name: str) -> None:
    net = architecture(name)
    named = [block for row in TABLES[name].rows for block in row.blocks]
    last = [] if name == "bn_inception" else ["head.classifier"]

    assert named == [
        *(block for block, _ in net.trunk if not block.startswith("norm")),
        "head.pool",
        *last,
    ]


def test_a_dialect_is_compared_with_the_same_table() -> None:
    assert beside_paper(architecture("googlenet:bn")).rows[0].ours["weights"] == 9_408
    assert beside_paper(architecture("googlenet:separable")).rows[0].agrees


def test_a_dialect_with_other_classes_differs_in_the_classifier() -> None:
    *_, last = beside_paper(architecture("googlenet:tf_slim")).rows

    assert last.ours["output"] == "1x1x1001"
    assert last.differs == ("output",)


@pytest.mark.parametrize(
    ("ours", "printed", "agrees"),
    [
        (114_688, "112K", True),
        (388_096, "380K", True),  # 379.0
        (375_552, "364K", False),  # 366.8
        (73_608_192, "73M", True),  # truncated in print
        (9_408, "2.7K", False),
        (0, "", True),
        (1, "", False),
    ],
)
def test_a_number_agrees_to_one_unit_of_its_last_digit(
    ours: int, printed: str, agrees: bool
) -> None:
    assert counted(K, ours, printed) is agrees


def test_a_network_without_a_table_is_said(compact: Net) -> None:
    with pytest.raises(UnknownNameError) as error:
        beside_paper(compact)

    assert str(error.value) == (
        "no paper's table is kept for 'compact'; "
        "there are those of googlenet, bn_inception, inception_v2, inception_v3"
    )


def test_another_input_is_refused() -> None:
    with pytest.raises(SpecError) as error:
        beside_paper(architecture("googlenet", input=128))

    assert str(error.value) == (
        "googlenet: the paper's table is for 224x224 pixels; leave out --input"
    )
