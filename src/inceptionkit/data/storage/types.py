"""A zip or tar as a list of its members, each of which can be read by itself."""

from __future__ import annotations

import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from inceptionkit.data.storage.file import File, RefusedSource, UnreadableShard, reason_of
from inceptionkit.data.types import Unusable

MEMBER_LIMIT = 2**28
"""Most bytes that an image file in a container may have: 256 MiB. More is a bomb, or no image."""

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RecursionError,
    struct.error,
)
"""What the standard library's readers raise on hostile bytes."""

TARS = (".tar", ".tar.gz", ".tgz")
ZIPS = (".zip",)


class Member(NamedTuple):
    """One file in a container."""

    path: str  # as the container spells it
    place: tuple[int, ...]  # first byte, size in bytes, and what else `Container.read` needs
    content: bytes | None = None  # of a member that was wanted at once


class Container(Protocol):
    """One zip or tar. Reading is safe from several threads; nothing is ever written."""

    @property
    def file(self) -> File:
        """The file that holds the members."""

    def members(self, wanted: Callable[[str, int], bool]) -> Iterator[Member]:
        """List the plain files, once, front to back; those that are `wanted` with their content.

        `wanted` is asked with the path and the bytes of each.

        Links, folders and devices are skipped.

        Raises:
            One of `_DAMAGE`: it is damaged from there on.
        """

    def read(self, place: tuple[int, ...]) -> bytes:
        """Bytes of one member.

        Raises:
            UnusableImage: the member is damaged, encrypted, or too large.
            OSError: the file cannot be read.
        """


def gathered(
    container: Container, wanted: Callable[[str, int], bool]
) -> tuple[list[Member], tuple[Unusable, ...]]:
    """The members of a container, as far as it is whole, and what is wrong with it.

    Raises:
        UnreadableShard: it is missing, or nothing in it can be read.
        RefusedSource: shards that lie there are not read.
    """
    members: list[Member] = []
    try:
        for member in container.members(wanted):
            members.append(member)  # noqa: PERF402 - what was listed before the damage is kept
    except RefusedSource:
        raise
    except _DAMAGE as error:
        if not members:
            raise UnreadableShard(
                container.file.where, f"cannot be read ({reason_of(error)})"
            ) from error
        reason = f"the shard is damaged after {len(members)} files ({reason_of(error)})"
        return members, (Unusable(container.file.name, reason),)
    if not members:
        raise UnreadableShard(container.file.where, "is empty")
    return members, ()
