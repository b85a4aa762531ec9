"""Numbers and names as people read them."""

import pytest

from inceptionkit import text
from inceptionkit.text import DASH, printable, shorten


@pytest.mark.parametrize(
    ("fraction", "written"),
    [
        (0.698, "69.8 %"), (0.98654, "98.7 %"), (1.0, "100 %"), (0.9999, "99.9 %"), (0.0, "0.0 %"),
        (1.034, "103.4 %"), (None, DASH), (float("nan"), DASH),
    ],
)  # fmt: skip
def test_a_fraction_is_a_percentage_and_100_only_if_it_is_all(
    fraction: float, written: str
) -> None:
    assert text.percent(fraction) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0.0 s"),
        (0.000_25, "250 µs"),
        (0.000_999_6, "1.00 ms"),
        (0.04, "40.0 ms"),
        (0.9996, "1.0 s"),
        (9.94, "9.9 s"),
        (48.4, "48 s"),
        (59.4, "59 s"),
        (59.7, "1 min 00 s"),
        (112, "1 min 52 s"),
        (3599.6, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (93_600, "1 d 02 h"),
        (None, DASH),
    ],
)
def test_a_duration_is_in_the_units_that_suit_it(seconds: float, written: str) -> None:
    assert text.duration(seconds) == written


@pytest.mark.parametrize(
    ("write", "number", "written"),
    [
        (text.size, 612 * 2**20, "612 MiB"),
        (text.size, 3 * 2**30, "3.00 GiB"),
        (text.size, 1536, "1.50 KiB"),
        (text.size, 40, "40 B"),
        (text.size, 1023, "1,023 B"),
        (text.quantity, 6_624_904, "6.62 M"),
        (text.quantity, 12_345, "12.3 k"),
        (text.quantity, 1_582_671_872, "1.58 G"),
        (text.quantity, 9_999, "9,999"),
        (text.significant, 1043.2, "1,043"),
        (text.significant, 999.6, "1,000"),
        (text.significant, 41.27, "41.3"),
        (text.significant, 9.996, "10.0"),
        (text.significant, -0.5, "-0.500"),
        (text.significant, 0, "0"),
        (text.count, 1234.5, "1,234"),
        (text.whole_percent, 0.255, "26 %"),
        (text.learning_rate, 0.00045, "0.00045"),
        (text.loss, float("nan"), DASH),
    ],
)
def test_a_quantity_has_three_digits_and_its_unit(
    write: text.Formatter, number: float, written: str
) -> None:
    assert write(number) == written


@pytest.mark.parametrize(
    ("macs", "nearest", "up"),
    [
        (1_498_376_192, "1.50 GMAC", "1.50 GMAC"),
        (1_504_000_000, "1.50 GMAC", "1.51 GMAC"),
        (999_400, "999 kMAC", "1,000 kMAC"),
        (999_600, "1.00 MMAC", "1.00 MMAC"),
        (960.4, "960 MAC", "961 MAC"),
    ],
)
def test_what_a_user_may_type_is_rounded_up(macs: float, nearest: str, up: str) -> None:
    assert (text.quantity(macs, "MAC"), text.quantity(macs, "MAC", up=True)) == (nearest, up)


@pytest.mark.parametrize("number", [0.001_234, 1.0, 9.991, 123, 1_234_567, 1e9, 3.999_99e22])
def test_rounding_up_never_falls_below(number: float) -> None:
    raised = text.round_up(number)

    assert number <= raised <= number * 1.01
    assert float(f"{raised:.3g}") == raised


def test_bytes_that_are_no_utf8_are_shown_as_escapes() -> None:
    name = b"caf\xe9\x1b.jpg".decode("utf-8", "surrogateescape")

    assert printable(name) == r"caf\xe9\x1b.jpg"


@pytest.mark.parametrize(
    "name", ["rose", "東京タワー", "ورد", "ب\u200cب", "🌷", "👩\u200d🌾", "5\u202fpm"]
)
def test_text_that_can_be_shown_is_left_alone(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize("letter", ["\u202e", "\x7f", "\x85", "\u2066", "\ufffe", "\0"])
@pytest.mark.parametrize("lines", [True, False])
def test_what_could_deceive_or_cannot_be_encoded_is_escaped(letter: str, *, lines: bool) -> None:
    assert printable(f"a{letter}b", lines=lines).isascii()
    assert printable(f"a{letter}b", lines=lines).isprintable()


def test_line_ends_are_kept_where_they_are_wanted() -> None:
    assert printable("tab\tand\nline", lines=True) == "tab\tand\nline"
    assert printable("tab\tand\nline\u2028") == r"tab\x09and\x0aline\u2028"


@pytest.mark.parametrize("name", ["a" * 50, "東京タワーの写真" * 4, "n01440764_tench_Tinca_tinca"])
@pytest.mark.parametrize("limit", [5, 12, 18])
def test_a_shortened_name_keeps_both_ends_and_fits(name: str, limit: int) -> None:
    short = shorten(name, limit)

    assert text.cells(short) <= limit
    assert (short[0], short[-1]) == (name[0], name[-1])


def test_a_list_of_names_reads_as_a_sentence() -> None:
    written = [text.listing(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])]

    assert written == ["", "a", "a and b", "a, b and c"]
