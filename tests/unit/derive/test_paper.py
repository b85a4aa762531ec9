"""Our rows beside GoogLeNet's table 1."""

import pytest

from inception.catalog import architecture
from inception.derive import beside_paper
from inception.derive.paper import GOOGLENET, same
from inception.errors import UnknownNameError
from inception.spec import Net

K = {"K": 1024, "M": 1_000_000}


def test_the_rows_that_differ_are_those_of_the_reference(googlenet: Net) -> None:
    rows = beside_paper(googlenet).rows
    by_params = [r.row.blocks[0] for r in rows if not r.params_agree]
    by_macs = [r.row.blocks[0] for r in rows if not r.macs_agree]

    assert by_params == [
        "conv1",
        *(f"inception{name}" for name in ("4a", "4c", "4d", "4e", "5a", "5b")),
    ]
    assert by_macs == ["conv1", "inception5a"]
    assert all(r.out_agrees for r in rows)


def test_every_difference_is_explained_and_nothing_else_is(googlenet: Net) -> None:
    for compared in beside_paper(googlenet).rows:
        assert bool(compared.row.note) is not compared.agrees, compared.row.name


def test_our_rows_add_up_to_the_golden_totals(googlenet: Net) -> None:
    rows = beside_paper(googlenet).rows

    assert sum(r.weights for r in rows) == 6_990_272  # conv and linear weights, no biases
    assert sum(r.macs for r in rows) == 1_582_671_872


def test_the_printed_columns_add_up_as_they_do_in_the_paper() -> None:
    params = sum(float(row.params[:-1]) for row in GOOGLENET.rows if row.params)
    ops = sum(float(row.macs[:-1]) for row in GOOGLENET.rows if row.macs)

    assert round(params, 1) == 6797.7
    assert ops == 1502


def test_every_block_but_the_local_norms_stands_in_a_row(googlenet: Net) -> None:
    named = [block for row in GOOGLENET.rows for block in row.blocks]

    assert named == [n for n, _ in googlenet.trunk if not n.startswith("norm")] + ["head"]


def test_a_dialect_is_compared_with_the_same_table() -> None:
    assert beside_paper(architecture("googlenet:bn")).rows[0].weights == 9_408


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
    assert same(ours, printed, K) is agrees


def test_a_network_without_a_table_is_said(compact: Net) -> None:
    with pytest.raises(UnknownNameError) as error:
        beside_paper(compact)

    assert str(error.value) == "no paper's table is kept for 'compact'; there are googlenet"
