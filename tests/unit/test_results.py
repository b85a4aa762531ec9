"""What verbs return is shown in a few lines."""

from dataclasses import dataclass
from typing import Any

from inceptionkit.results import LINES, Result, table


@dataclass(frozen=True, repr=False)
class Found(Result):
    """Anything."""

    told: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Tell it."""
        return self.told


def test_a_result_is_shown_in_a_line_per_key() -> None:
    found = Found(
        {
            "images": 1234567,
            "top1": 0.987654321,
            "good": True,
            "page": None,
            "sizes": [1, 2],
            "rows": [{}, {}],
            "exits": {"exit1": {"top1": 1}},
            "many": [123456] * 99,
        }
    )

    assert repr(found) == (
        "Found\n    images: 1,234,567\n    top1: 0.987654\n    good: True\n    page: None\n"
        "    sizes: 1, 2\n    rows: 2\n    exits: 1 (exit1)\n    many: 99"
    )


def test_of_many_keys_only_the_first_are_shown() -> None:
    lines = repr(Found({f"key{i}": i for i in range(LINES + 3)})).splitlines()

    assert len(lines) == LINES + 2
    assert lines[-1] == "    and 3 more"


def test_a_table_is_escaped() -> None:
    assert table(["a<b"], [["<i>"], [3]]) == (
        "<table><tr><th>a&lt;b</th></tr><tr><td>&lt;i&gt;</td></tr><tr><td>3</td></tr></table>"
    )
