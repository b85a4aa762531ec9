"""Numbers, units and names as people read them, the same on a terminal and on a page."""

from __future__ import annotations

import math
import re
import shlex
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias, TypeGuard

P = ParamSpec("P")
Formatter: TypeAlias = Callable[[float | None], str]

DASH = "\N{EN DASH}"  # stands for a number that is missing
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# What cannot be encoded or shown, or acts on what shows it: controls, ends of lines, what turns the
# direction of the text around it, and halves of pairs.
_ACTING = "\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe-\uffff"
ESCAPES: Mapping[int, str] = {
    code: f"\\x{shown:02x}" if shown < 0x100 else f"\\u{shown:04x}"
    for first, last in re.findall("(.)-(.)", _ACTING, re.DOTALL)
    for code in range(ord(first), ord(last) + 1)
    for shown in [code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code]  # bytes that are not UTF-8
}
"""Such a character -> how it is written; for `str.translate`."""

ESCAPES_IN_LINES = {code: shown for code, shown in ESCAPES.items() if chr(code) not in "\t\n"}
"""The same for text of several lines."""


def is_measured(number: float | None) -> TypeGuard[float]:
    """Whether there is a number: neither None nor NaN nor infinite."""
    return number is not None and math.isfinite(number)


def _or_dash(
    write: Callable[Concatenate[float, P], str],
) -> Callable[Concatenate[float | None, P], str]:
    @wraps(write)
    def written(number: float | None, /, *args: P.args, **options: P.kwargs) -> str:
        missing = number is None or not math.isfinite(number)
        return DASH if number is None or missing else write(number, *args, **options)

    return written


@_or_dash
def percent(fraction: float) -> str:
    """A fraction as a percentage with one decimal; 100 % only if it is all of it.

    >>> percent(0.9864), percent(0.9999), percent(1)
    ('98.6 %', '99.9 %', '100 %')
    """
    if fraction == 1:
        return "100 %"
    return f"{min(100 * fraction, 99.9) if fraction < 1 else 100 * fraction:.1f} %"


@_or_dash
def whole_percent(fraction: float) -> str:
    """A fraction as a whole percentage, for axes and asides."""
    return f"{fraction * 100:.0f} %"


@_or_dash
def points(difference: float) -> str:
    """A difference of two fractions in percentage points, with its sign.

    >>> points(-0.0114), points(0.015), points(0.0)
    ('-1.1', '+1.5', '0.0')
    """
    shown = f"{100 * difference:+.1f}"
    return "0.0" if shown in {"+0.0", "-0.0"} else shown


@_or_dash
def count(number: float) -> str:
    """A whole number with thousands separators."""
    return f"{number:,.0f}"


@_or_dash
def significant(number: float) -> str:
    """At least three significant digits, no exponent.

    >>> significant(1043.2), significant(41.27), significant(9.996), significant(0.0423)
    ('1,043', '41.3', '10.0', '0.0423')
    """
    if number == 0:
        return "0"
    rank = math.floor(math.log10(float(f"{abs(number):.2e}")))
    return f"{number:,.{max(0, 2 - rank)}f}"


@_or_dash
def quantity(number: float, unit: str = "", *, up: bool = False) -> str:
    """A count in three digits; one without a unit is written out below 10,000.

    Args:
        number: not negative.
        unit: of it, such as "MAC".
        up: round up rather than to the nearest.

    >>> quantity(6_624_904), quantity(9_999), quantity(1_498_376_192, "MAC"), quantity(960, "MAC")
    ('6.62 M', '9,999', '1.50 GMAC', '960 MAC')
    """
    if number < 10_000 and not unit:
        return f"{number:,.0f}"
    return _scaled(number, ("", "k", "M", "G", "T"), unit, 1000, up=up)


@_or_dash
def size(number: float, *, up: bool = False) -> str:
    """Bytes in binary units.

    >>> size(4_816_896), size(100)
    ('4.59 MiB', '100 B')
    """
    return _scaled(number, ("", "Ki", "Mi", "Gi", "Ti"), "B", 1024, up=up)


def _scaled(number: float, prefixes: Sequence[str], unit: str, step: float, *, up: bool) -> str:
    rank = 0
    while rank + 1 < len(prefixes) and float(f"{number:.3g}") >= step:
        number, rank = number / step, rank + 1
    if rank:
        digits = significant(round_up(number) if up else number)
    else:
        digits = f"{math.ceil(number) if up else number:,.0f}"
    return f"{digits} {prefixes[rank]}{unit}".rstrip()


def round_up(number: float, digits: int = 3) -> float:
    """The smallest number of so many significant digits that is not below `number`, which is > 0.

    >>> round_up(1_234_567), round_up(1.001), round_up(1e9)
    (1240000.0, 1.01, 1000000000.0)
    """
    decimals = digits - 1 - math.floor(math.log10(number))
    raised = math.ceil(number * 10.0**decimals * (1 - 1e-12))
    return float(f"{raised}e{-decimals}")


@_or_dash
def loss(number: float) -> str:
    """A loss, in nats."""
    return f"{number:.3f}" if abs(number) < 1000 else f"{number:.3g}"


@_or_dash
def learning_rate(number: float) -> str:
    """A learning rate: 0.1, 0.00045, 3e-07."""
    return f"{number:.3g}"


@_or_dash
def p_value(number: float) -> str:
    """The p of a test: 0.065, 1.2e-07."""
    return f"{number:.2g}"


@_or_dash
def duration(seconds: float) -> str:
    """Seconds in the units that suit them.

    >>> duration(3.21), duration(598), duration(3900), duration(0.00961), duration(0.00025)
    ('3.2 s', '9 min 58 s', '1 h 05 min', '9.61 ms', '250 µs')
    """
    if 0 < seconds < 0.9995:
        number, unit = (seconds * 1e3, "ms") if seconds >= 0.9995e-3 else (seconds * 1e6, "µs")
        return f"{significant(number)} {unit}"
    if seconds < 10:
        return f"{seconds:.1f} s"
    total = round(seconds)
    if total < _MINUTE:
        return f"{total} s"
    if total < _HOUR:
        return f"{total // _MINUTE} min {total % _MINUTE:02d} s"
    if total < _DAY:
        return f"{total // _HOUR} h {total % _HOUR // _MINUTE:02d} min"
    return f"{total // _DAY} d {total % _DAY // _HOUR:02d} h"


def plural(number: int, noun: str, many: str | None = None) -> str:
    """A count and its noun: 1 image, 1,200 images."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def listing(names: Sequence[str]) -> str:
    """Names as in a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def sentence(text: str) -> str:
    """The first sentence of a text, on one line.

    >>> sentence("Train a classifier. It takes a while.")
    'Train a classifier.'
    """
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def shell_word(given: object) -> str:
    """A path or another word as a shell takes it, in a command to copy.

    >>> shell_word("runs/my photos"), shell_word("-x"), shell_word("photos/")
    ("'runs/my photos'", './-x', 'photos/')
    """
    word = str(given)
    return shlex.quote(f"./{word}" if word.startswith("-") else word)


def printable(text: str, *, lines: bool = False) -> str:
    r"""`text` with every character that cannot be shown or encoded written as an escape.

    A file name that is not UTF-8 reaches Python as lone surrogates, which no output accepts; a name
    may also hold line ends and terminal codes.

    Args:
        text: a file name, a class name or a message.
        lines: keep tabs and the ends of lines.

    >>> printable("caf\udce9.jpg"), printable("two\nlines.jpg")
    ('caf\\xe9.jpg', 'two\\x0alines.jpg')
    """
    return text.translate(ESCAPES_IN_LINES if lines else ESCAPES)


def cells(text: str) -> int:
    """Columns that `text` takes in a fixed-width font; Chinese, Japanese and Korean take two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` columns, its middle replaced where it is longer.

    >>> shorten("Ceropegia woodii variegata", 13)
    'Cerope…iegata'
    """
    if cells(text) <= limit:
        return text
    head, tail = text, ""
    while cells(head) > limit // 2:
        head = head[:-1]
    for letter in reversed(text):
        if cells(head) + 1 + cells(letter + tail) > limit:
            break
        tail = letter + tail
    return f"{head}\N{HORIZONTAL ELLIPSIS}{tail}"
