"""Numbers and names as a reader wants to see them."""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import TypeGuard

DASH = "\N{EN DASH}"  # what stands for a number that is not there
SPACE = "\N{NO-BREAK SPACE}"  # between a number and its unit
MINUTE, HOUR, DAY = 60, 3600, 86400
Saying = Callable[[float | None], str]  # how to say a number that may be missing
# What cannot be encoded or shown, and what turns the direction of the text around it.
UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def plain(text: str) -> str:
    r"""Text that UTF-8, HTML and XML can all carry; other characters become escapes.

    >>> plain("caf\udce9.jpg")
    'caf\\xe9.jpg'
    """
    return UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte of a file name that is not UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cells(text: str) -> int:
    """Columns `text` takes in a fixed-width font; Chinese, Japanese and Korean take two each."""
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


def is_measured(number: float | None) -> TypeGuard[float]:
    """Whether there is a number: neither None nor, by somebody's mistake, NaN or infinite."""
    return number is not None and math.isfinite(number)


def _or_dash(say: Callable[[float], str]) -> Saying:
    def said(number: float | None) -> str:
        return say(number) if is_measured(number) else DASH

    said.__doc__ = say.__doc__
    said.__name__ = say.__name__
    return said


def _significant(number: float, digits: int = 3) -> str:
    whole = len(str(int(abs(number))))
    return f"{number:,.{max(0, digits - whole)}f}"


def _scaled(number: float, units: tuple[str, ...], step: float) -> str:
    rank = 0
    while rank + 1 < len(units) and float(f"{abs(number):.3g}") >= step:
        number, rank = number / step, rank + 1
    unit = f"{SPACE}{units[rank]}" if units[rank] else ""
    return (f"{number:,.0f}" if rank == 0 else _significant(number)) + unit


@_or_dash
def share(fraction: float) -> str:
    """A fraction as a percentage with one decimal; 100 % only if it is all of it."""
    shown = min(fraction * 100, 99.9) if fraction < 1 else 100
    return (f"{shown:.1f}" if shown < 100 else "100") + f"{SPACE}%"


@_or_dash
def whole_share(fraction: float) -> str:
    """A fraction as a whole percentage, for axes and asides."""
    return f"{fraction * 100:.0f}{SPACE}%"


@_or_dash
def count(number: float) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,.0f}"


@_or_dash
def quantity(number: float) -> str:
    """A count too long to read out: 6.62 M."""
    if number < 10_000:
        return f"{number:,.0f}"
    return _scaled(number, ("", "k", "M", "G", "T"), 1000)


@_or_dash
def macs(number: float) -> str:
    """Multiply-accumulates: 1.50 GMAC."""
    return _scaled(number, ("MAC", "kMAC", "MMAC", "GMAC", "TMAC"), 1000)


@_or_dash
def size(number: float) -> str:
    """Bytes: 312 MiB."""
    return _scaled(number, ("B", "KiB", "MiB", "GiB", "TiB"), 1024)


@_or_dash
def rate(number: float) -> str:
    """Images per second, without the unit."""
    return _significant(number) if number < 100 else f"{number:,.0f}"


@_or_dash
def loss(number: float) -> str:
    """A loss in nats."""
    return f"{number:.3f}" if abs(number) < 1000 else f"{number:.3g}"


@_or_dash
def learning_rate(number: float) -> str:
    """A learning rate: 0.1, 0.00045, 3e-07."""
    return f"{number:.3g}"


@_or_dash
def duration(seconds: float) -> str:
    """Seconds as a person says them: 48 s, 1 min 52 s, 2 h 05 min."""
    if seconds < 10:
        return f"{seconds:.1f}{SPACE}s"
    total = round(seconds)
    if total < MINUTE:
        return f"{total}{SPACE}s"
    if total < HOUR:
        return f"{total // MINUTE}{SPACE}min {total % MINUTE:02d}{SPACE}s"
    if total < DAY:
        return f"{total // HOUR}{SPACE}h {total % HOUR // MINUTE:02d}{SPACE}min"
    return f"{total // DAY}{SPACE}d {total % DAY // HOUR:02d}{SPACE}h"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A count and its noun: 1 image, 2 images."""
    return f"{number:,}{SPACE}{one if number == 1 else many or one + 's'}"


def listing(names: list[str]) -> str:
    """Names as in a sentence: a, b and c."""
    return " and ".join(
        part for part in (", ".join(names[:-1]), names[-1] if names else "") if part
    )
