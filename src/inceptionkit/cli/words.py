"""Numbers as people say them."""

from __future__ import annotations


def count_said(count: float) -> str:
    """Three digits and a unit: "7.00 M", "1.58 G".

    >>> count_said(6_998_552), count_said(512)
    ('7.00 M', '512')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{three_digits(count / size)} {unit}"
    return f"{count:g}"


def bytes_said(count: float) -> str:
    """Binary units: "4.6 MiB".

    >>> bytes_said(4_816_896), bytes_said(100)
    ('4.59 MiB', '100 B')
    """
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{three_digits(count / size)} {unit}"
    return f"{count:g} B"


def three_digits(number: float) -> str:
    """At least three significant digits, no exponent."""
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"


def seconds_said(seconds: float) -> str:
    """Hours, minutes and seconds: "1 h 05 min", "9 min 58 s", "3.2 s".

    >>> seconds_said(598), seconds_said(3.21), seconds_said(3900)
    ('9 min 58 s', '3.2 s', '1 h 05 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def percent(share: float | None) -> str:
    """A share from 0 to 1: "98.6 %", or a dash for None."""
    return "–" if share is None else f"{100 * share:.1f} %"  # noqa: RUF001 - a dash is meant


def points_said(share: float) -> str:
    """A difference of two shares, in points with its sign: "+1.5", "-0.2", "0.0".

    >>> points_said(-0.0114), points_said(0.0)
    ('-1.1', '0.0')
    """
    said = f"{100 * share:+.1f}"
    return "0.0" if said in {"+0.0", "-0.0"} else said
