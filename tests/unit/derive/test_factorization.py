"""The numbers of docs/explanation/factorization.md."""

import runpy
from operator import itemgetter
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "explanation" / "factorization.md"
EXAMPLES, TABLES, filled = itemgetter("EXAMPLES", "TABLES", "filled")(
    runpy.run_path(str(DOCS / "factorization.py"))
)


def factors(of: str) -> list[tuple[int, int, int, int]]:
    return [
        (a.params, b.params, a.macs, b.macs)
        for a, b in (example.costs for example in EXAMPLES if example.of == of)
    ]


def test_the_page_says_what_is_counted() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert filled(page) == page
    for name, table in TABLES.items():
        assert f"<!-- table: {name} -->\n{table}\n" in page


def test_a_1x1_before_a_5x5_saves_what_the_reference_says() -> None:
    """arXiv:1409.4842; the second is module 3a's 5x5 path."""
    first, second = factors("reduction")

    assert first[:2] == (819_200, 208_896)
    assert second[2:] == (120_422_400, 12_443_648)


def test_stacks_and_rows_with_columns_save_their_fractions() -> None:
    saved = [after / before for of in ("stacks", "asymmetric") for before, after, *_ in factors(of)]

    assert saved == pytest.approx([18 / 25, 27 / 49, 6 / 9, 14 / 49])


def test_pooling_first_costs_a_quarter() -> None:
    (_, _, wide, narrow), (_, _, same, beside) = factors("grid")

    assert wide == same == 2 * 34**2 * 320**2
    assert (wide / narrow, wide / beside) == (4, 8)


def test_a_table_is_replaced_whole() -> None:
    page = "a\n<!-- table: stacks -->\n| old |\n| 1 |\n\nb\n"

    assert filled(page) == f"a\n<!-- table: stacks -->\n{TABLES['stacks']}\n\nb\n"
