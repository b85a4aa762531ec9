"""The architectures by name: one file per paper, each a table as in its paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from inception.catalog.compact import compact
from inception.catalog.googlenet import DIALECTS as GOOGLENET_DIALECTS
from inception.catalog.googlenet import googlenet
from inception.errors import UnknownNameError, did_you_mean
from inception.spec import Net, with_classes, with_input


@dataclass(frozen=True, slots=True)
class Entry:
    """An architecture of the catalog."""

    says: str
    build: Callable[[str, int | None], Net]  # dialect, side of the input -> network
    dialects: Mapping[str, str] = field(default_factory=dict)  # name -> what it says; default first


CATALOG: Mapping[str, Entry] = MappingProxyType(
    {
        "googlenet": Entry(
            "GoogLeNet, Szegedy et al. 2014: 22 layers, two auxiliary classifiers as exits",
            lambda dialect, _: googlenet(dialect),
            {name: dialect.says for name, dialect in GOOGLENET_DIALECTS.items()},
        ),
        "compact": Entry(
            "compact Inception network for 32 to 128 pixel images, two exits; the default for them",
            lambda _, side: compact(side or 32),
        ),
    }
)


def architecture(name: str, *, classes: int | None = None, input: int | None = None) -> Net:  # noqa: A002 - the command line's word
    """Look up a network, as plain data.

    Args:
        name: of the catalog, with the dialect after a colon where there are several:
            "googlenet", "googlenet:bn".
        classes: outputs of every classifier; the catalog's own number if None.
        input: side of the square input, in pixels; the catalog's own if None. An exit that does
            not fit a small input is left out.

    Raises:
        UnknownNameError: no such architecture or dialect.
        SpecError: the network does not fit `input`; the smallest that it fits is named.
    """
    stem, _, dialect = name.partition(":")
    if stem not in CATALOG:
        msg = f"no architecture is called {stem!r}; {did_you_mean(stem, CATALOG)}"
        raise UnknownNameError(msg)
    entry = CATALOG[stem]
    if dialect and dialect not in entry.dialects:
        hint = did_you_mean(dialect, list(entry.dialects))
        msg = f"{stem} has no dialect {dialect!r}; {hint}"
        raise UnknownNameError(msg)
    net = entry.build(dialect or next(iter(entry.dialects), ""), input)
    if input is not None and net.image[1:] != (input, input):
        net = with_input(net, input)
    return net if classes is None else with_classes(net, classes)


__all__ = ["CATALOG", "Entry", "architecture"]
