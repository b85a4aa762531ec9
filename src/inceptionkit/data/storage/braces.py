"""Brace patterns: many numbered files in one word."""

from __future__ import annotations

import re
from itertools import product

from inceptionkit.errors import DataError

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST = 1_000_000  # files; more are a slip of the finger


def expand(pattern: str) -> list[str]:
    """Every name that a pattern stands for; a word without a pattern stands for itself.

    >>> expand("train-{08..11}.tar")
    ['train-08.tar', 'train-09.tar', 'train-10.tar', 'train-11.tar']

    Raises:
        DataError: a range runs backwards, or stands for too many files.
    """
    ranges = [_numbers(pattern, *bounds) for bounds in _RANGE.findall(pattern)]
    between = _RANGE.sub("\0", pattern).split("\0")
    count = 1
    for numbers in ranges:
        count *= len(numbers)
    if count > _MOST:
        msg = f"{pattern}: stands for {count:,} files; give at most {_MOST:,}"
        raise DataError(msg)
    return [_filled(between, numbers) for numbers in product(*ranges)]


def _numbers(pattern: str, first: str, last: str) -> list[str]:
    if int(first) > int(last):
        msg = f"{pattern}: the range {first}..{last} runs backwards; write {{{last}..{first}}}"
        raise DataError(msg)
    if int(last) - int(first) >= _MOST:
        return [""] * (_MOST + 1)
    width = len(first) if len(first) == len(last) or first[0] == "0" else 0
    return [str(number).zfill(width) for number in range(int(first), int(last) + 1)]


def _filled(between: list[str], numbers: tuple[str, ...]) -> str:
    return between[0] + "".join(n + rest for n, rest in zip(numbers, between[1:], strict=True))
