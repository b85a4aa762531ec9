"""The architectures by name: one file per paper, each a table as in its paper.

Also from files that `inceptionkit design` or a run wrote.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

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
from inceptionkit.catalog.inception_small import inception_small
from inceptionkit.errors import RunError, SpecError, UnknownNameError, did_you_mean
from inceptionkit.files import read_bounded, write_whole
from inceptionkit.records import STRICT
from inceptionkit.spec import Net, from_json, to_text, with_classes, with_input, with_pooled_exits

DEFAULT = "inception_small"  # the family where nobody asks for another
DEFAULT_SIDE = 160  # pixels, up to which it is; above, GoogLeNet is
SUFFIX = ".json"
LARGEST_FILE = 16 * 2**20  # bytes; Inception-v3 takes 0.1 MiB


class Says(Protocol):
    """A dialect: what sets it apart in one sentence, whatever else it holds."""

    @property
    def says(self) -> str:
        """The sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An architecture of the catalog."""

    says: str
    build: Callable[[str, int | None], Net]  # dialect, side of the input -> network
    dialects: Mapping[str, str | Says] = field(default_factory=dict)  # by name; default first

    def sentences(self) -> dict[str, str]:
        """What each dialect says."""
        return {
            name: says if isinstance(says, str) else says.says
            for name, says in self.dialects.items()
        }


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
            googlenet.DIALECTS,
        ),
        "bn_inception": Entry(
            "BN-Inception, Ioffe & Szegedy 2015: two 3x3 for each 5x5, strided modules, two exits",
            lambda dialect, _: bn_inception.bn_inception(dialect),
            bn_inception.DIALECTS,
        ),
        "inception_v2": Entry(
            "Inception-v2, table 1 of Szegedy et al. 2015, and its ablations",
            lambda dialect, _: inception_v2.inception_v2(dialect),
            inception_v2.DIALECTS,
        ),
        "inception_v3": Entry(
            "Inception-v3, Szegedy et al. 2015: the released network, one exit",
            lambda dialect, _: inception_v3.inception_v3(dialect),
            inception_v3.DIALECTS,
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
            "compact Inception network for 32 to 128 pixel images of three-path modules, two exits",
            lambda _, side: compact(side or 32),
        ),
        "inception_small": Entry(
            "Inception network of 3x3 and 1x1 paths for 16 to 160 pixels, two exits; the default",
            lambda _, side: inception_small(side or 32),
        ),
    }
)


def sentences() -> dict[str, str]:
    """What each architecture is, and how each further dialect differs, by full name."""
    found = {}
    for name, entry in CATALOG.items():
        found[name] = entry.says
        _, *others = entry.sentences().items() or [("", "")]
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


def find(
    name: str,
    *,
    classes: int | None = None,
    side: int | None = None,
    pooled_exits: bool = False,
) -> Net:
    """Look up an architecture.

    Args:
        name: of the catalog, or path of an architecture file, which ends in .json: what `design`
            writes, or the run.json of a run.
        classes: outputs of every classifier; the architecture's own if None.
        side: of the square input, in pixels; the architecture's own if None. An exit that does not
            fit a small input is left out.
        pooled_exits: whether exits average over the whole grid, so that any input serves.

    Raises:
        UnknownNameError: no such architecture or dialect.
        SpecError: the file is none, or the network does not fit the input.
    """
    if not name.endswith(SUFFIX):
        exits: Literal["pooled", "published"] = "pooled" if pooled_exits else "published"
        return architecture(name, classes=classes, input=side, exits=exits)
    net = read(Path(name))
    if pooled_exits:
        net = with_pooled_exits(net)
    if side is not None:
        net = with_input(net, side)
    return net if classes is None else with_classes(net, classes)


def family_member(name: str | None, side: int) -> Net:
    """The network to scale: with the stem it has for such images, else its own.

    Args:
        name: of the architecture; chosen by `side` if None.
        side: of the square input, pixels.
    """
    name = name or (DEFAULT if side <= DEFAULT_SIDE else "googlenet:bn")
    own = find(name)
    try:
        resized = find(name, side=side)
    except SpecError:  # too small for its stem: others are tried
        return own
    return own if resized.trunk == own.trunk else resized


def read(path: Path) -> Net:
    """Read an architecture file, or the architecture in what a run or a model says of itself.

    Raises:
        SpecError: it is missing, too large, no JSON, or no architecture; the place is named.
    """
    try:
        text = read_bounded(path, LARGEST_FILE)
    except OSError as error:
        if error.errno == errno.EFBIG:
            msg = f"{path}: larger than {LARGEST_FILE >> 20} MiB, so no architecture file"
            raise SpecError(msg) from error
        msg = f"{path}: cannot be read ({error.strerror}); `inceptionkit design` writes such files"
        raise SpecError(msg) from error
    try:
        return from_json(_within(STRICT.decode(text.decode())))
    except SpecError as error:
        msg = f"{path}: {error}"
        raise SpecError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is no architecture file ({type(error).__name__}); it must be JSON as "
        raise SpecError(msg + "`inceptionkit design` writes it") from error


def check_name(path: Path) -> None:
    """Refuse a name of an architecture file that nothing would read as one.

    Raises:
        SpecError: it does not end in .json.
    """
    if path.suffix != SUFFIX:
        msg = f"{path}: the name of an architecture file must end in {SUFFIX}"
        raise SpecError(msg)


def write_new(path: Path, net: Net) -> None:
    """Write an architecture file for people to edit; one that is there may be edited already.

    Raises:
        SpecError: its name does not end in .json.
        RunError: it is there already, or cannot be written.
    """
    check_name(path)
    if path.exists():
        msg = f"{path}: is there already; choose another --out"
        raise RunError(msg)
    write_whole(path, to_text(net))


def _within(data: Any) -> Any:  # noqa: ANN401 - JSON
    """The architecture that a run.json or model.json holds; other data as it is."""
    return data.get("architecture", data) if isinstance(data, dict) else data


__all__ = [
    "CATALOG",
    "DEFAULT",
    "DEFAULT_SIDE",
    "SUFFIX",
    "Entry",
    "architecture",
    "check_name",
    "family_member",
    "find",
]
