"""What the page of several runs shows, as plain data; rules as in `content`."""

from collections.abc import Mapping
from dataclasses import dataclass

from inceptionkit.report.content import EpochRow, ExitRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run among others."""

    name: str  # as it was given
    title: str  # "digits with compact"
    scored_set: str
    scored_images: int
    top1: float | None
    params: int
    macs: int
    seconds: float | None
    epochs: tuple[EpochRow, ...]
    exits: tuple[ExitRow, ...]  # in trunk order, main last
    recalls: Mapping[str, float | None]  # of every class


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting that is not the same in all runs."""

    name: str
    values: tuple[str | None, ...]  # one for each run; None where it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstFirst:
    """A run beside the first, image by image."""

    name: str
    images: int
    only_first: int  # images that the first run alone gets right
    only_this: int
    difference: float  # of top-1, this less the first
    low: float  # of its 95 % interval
    high: float
    p_value: float  # McNemar's exact test


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything the page of several runs shows."""

    title: str
    made_at: str  # of the latest run: given, so that equal runs make equal pages
    runs: tuple[RunRow, ...]
    differences: tuple[Difference, ...]
    against_first: tuple[AgainstFirst, ...]  # those that scored the same images
    classes: tuple[str, ...]  # in all runs
