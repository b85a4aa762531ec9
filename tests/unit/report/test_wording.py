"""Numbers and names as the page says them."""

import pytest

from inceptionkit.report import wording
from inceptionkit.report.wording import DASH, plain, shorten


def spaced(said: str) -> str:
    """With ordinary spaces, so that tests can be read."""
    return said.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("fraction", "said"),
    [(0.698, "69.8 %"), (1.0, "100 %"), (0.9999, "99.9 %"), (0.0, "0.0 %"), (None, DASH)],
)
def test_a_share_is_a_percentage_and_100_only_if_it_is_all(fraction: float, said: str) -> None:
    assert spaced(wording.share(fraction)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (48.4, "48 s"),
        (59.7, "1 min 00 s"),
        (112, "1 min 52 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (93_600, "1 d 02 h"),
        (None, DASH),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds: float, said: str) -> None:
    assert spaced(wording.duration(seconds)) == said


@pytest.mark.parametrize(
    ("say", "number", "said"),
    [
        (wording.macs, 1_498_376_192, "1.50 GMAC"),
        (wording.macs, 999_600, "1.00 MMAC"),
        (wording.macs, 960, "960 MAC"),
        (wording.size, 612 * 2**20, "612 MiB"),
        (wording.size, 40, "40 B"),
        (wording.size, 1023, "1,023 B"),
        (wording.quantity, 6_624_904, "6.62 M"),
        (wording.quantity, 9_999, "9,999"),
        (wording.rate, 1043.2, "1,043"),
        (wording.rate, 41.27, "41.3"),
        (wording.learning_rate, 0.00045, "0.00045"),
        (wording.loss, float("nan"), DASH),
    ],
)
def test_a_quantity_has_three_digits_and_its_unit(
    say: wording.Saying, number: float, said: str
) -> None:
    assert spaced(say(number)) == said


def test_bytes_that_are_no_utf8_are_shown_as_escapes() -> None:
    name = b"caf\xe9\x1b.jpg".decode("utf-8", "surrogateescape")

    assert plain(name) == r"caf\xe9\x1b.jpg"


@pytest.mark.parametrize("name", ["rose", "東京タワー", "ورد", "tab\tand\nline", "🌷"])
def test_text_that_can_be_shown_is_left_alone(name: str) -> None:
    assert plain(name) == name


@pytest.mark.parametrize("text", ["a" * 50, "東京タワーの写真" * 4, "n01440764_tench_Tinca_tinca"])
@pytest.mark.parametrize("limit", [5, 12, 18])
def test_a_shortened_name_keeps_both_ends_and_fits(text: str, limit: int) -> None:
    short = shorten(text, limit)

    assert wording.cells(short) <= limit
    assert (short[0], short[-1]) == (text[0], text[-1])


def test_a_list_of_names_reads_as_a_sentence() -> None:
    said = [wording.listing(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])]

    assert said == ["", "a", "a and b", "a, b and c"]
