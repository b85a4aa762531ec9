"""The architectures by name: one file per paper, each a table as in its paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol

from inceptionkit.catalog import (
    bn_inception,
    googlenet,
    inception_naive,
    inception_v2,
    inception_v3,
    nin,
    yardsticks,
)
from inceptionkit.catalog.compact import compact
from inceptionkit.errors import UnknownNameError, did_you_mean
from inceptionkit.spec import Net, with_classes, with_input, with_pooled_exits


@dataclass(frozen=True, slots=True)
class Entry:
    """An architecture of the catalog."""

    says: str
    build: Callable[[str, int | None], Net]  # dialect, side of the input -> network
    dialects: Mapping[str, str] = field(default_factory=dict)  # name -> what it says; default first


class Says(Protocol):
    """A dialect: what sets it apart in one sentence, whatever else it holds."""

    @property
    def says(self) -> str:
        """The sentence."""


def said(dialects: Mapping[str, Says]) -> dict[str, str]:
    """What each dialect says."""
    return {name: dialect.says for name, dialect in dialects.items()}


CATALOG: Mapping[str, Entry] = MappingProxyType(
    {
        "nin_cifar10": Entry(
            "Network in Network, Lin et al. 2013: 32x32, averages maps per class, no linear layer",
            lambda dialect, _: nin.nin_cifar10(dialect),
            nin.CIFAR10_DIALECTS,
        ),
        "nin_cifar100": Entry(
            "Network in Network for 32x32 and 100 classes", lambda *_: nin.nin_cifar100()
        ),
        "nin_mnist": Entry("Network in Network for 28x28 grey images", lambda *_: nin.nin_mnist()),
        "nin_svhn": Entry("Network in Network for 32x32 house numbers", lambda *_: nin.nin_svhn()),
        "nin_imagenet": Entry(
            "Network in Network for 224x224, of Caffe's model zoo", lambda *_: nin.nin_imagenet()
        ),
        "inception_naive": Entry(
            "GoogLeNet's body without 1x1 reductions: what they save",
            lambda dialect, _: inception_naive.inception_naive(dialect),
            inception_naive.DIALECTS,
        ),
        "googlenet": Entry(
            "GoogLeNet, Szegedy et al. 2014: 22 layers, two auxiliary classifiers as exits",
            lambda dialect, _: googlenet.googlenet(dialect),
            said(googlenet.DIALECTS),
        ),
        "bn_inception": Entry(
            "BN-Inception, Ioffe & Szegedy 2015: two 3x3 for each 5x5, strided modules, two exits",
            lambda dialect, _: bn_inception.bn_inception(dialect),
            said(bn_inception.DIALECTS),
        ),
        "inception_v2": Entry(
            "Inception-v2, table 1 of Szegedy et al. 2015, and its ablations",
            lambda dialect, _: inception_v2.inception_v2(dialect),
            said(inception_v2.DIALECTS),
        ),
        "inception_v3": Entry(
            "Inception-v3, Szegedy et al. 2015: the released network, one exit",
            lambda dialect, _: inception_v3.inception_v3(dialect),
            said(inception_v3.DIALECTS),
        ),
        "inception_v3_151": Entry(
            "Inception-v3 for 151x151 at the cost of 299x299",
            lambda *_: inception_v3.inception_v3_151(),
        ),
        "inception_v3_79": Entry(
            "Inception-v3 for 79x79 at nearly the cost of 299x299",
            lambda *_: inception_v3.inception_v3_79(),
        ),
        "alexnet": Entry(
            "AlexNet, Krizhevsky et al. 2012: a yardstick for cost and speed",
            lambda dialect, _: yardsticks.alexnet(dialect),
            yardsticks.ALEXNET_DIALECTS,
        ),
        "vgg16": Entry(
            "VGG-16, Simonyan & Zisserman 2014: a yardstick for cost and speed",
            lambda *_: yardsticks.vgg16(),
        ),
        "compact": Entry(
            "compact Inception network for 32 to 128 pixel images, two exits; the default for them",
            lambda _, side: compact(side or 32),
        ),
    }
)


def sentences() -> dict[str, str]:
    """What each architecture is, and how each further dialect differs, by full name."""
    found = {}
    for name, entry in CATALOG.items():
        found[name] = entry.says
        _, *others = entry.dialects.items() or [("", "")]
        found |= {f"{name}:{dialect}": says for dialect, says in others}
    return found


def architecture(
    name: str,
    *,
    classes: int | None = None,
    input: int | None = None,  # noqa: A002 - the command line's word
    exits: Literal["published", "pooled"] = "published",
) -> Net:
    """Look up a network, as plain data.

    Args:
        name: of the catalog, with the dialect after a colon where there are several:
            "googlenet", "googlenet:bn".
        classes: outputs of every classifier; the catalog's own number if None.
        input: side of the square input, in pixels; the catalog's own if None. An exit that does
            not fit a small input is left out.
        exits: "pooled" gives each exit a head that averages over the whole grid, for any input.

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
    if exits == "pooled":
        net = with_pooled_exits(net)
    if input is not None and net.image[1:] != (input, input):
        net = with_input(net, input)
    return net if classes is None else with_classes(net, classes)


__all__ = ["CATALOG", "Entry", "architecture", "sentences"]
