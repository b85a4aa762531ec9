"""Files at s3://, gs://, https://, http:// and hf:// addresses, through fsspec."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from time import sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

from inceptionkit.addresses import SECRETS, hide, with_secrets, without_secrets
from inceptionkit.data.storage.file import RefusedSource, reason_of
from inceptionkit.errors import DataError, did_you_mean
from inceptionkit.text import printable, size

_T = TypeVar("_T")

PACKAGES = {
    "http": "aiohttp",
    "https": "aiohttp",
    "s3": "s3fs",
    "gs": "gcsfs",
    "hf": "huggingface_hub",
}
"""What fsspec needs for each kind of address; all are in the extra `remote`."""

_STAMPS = (
    *("ETag", "etag", "blob_id", "md5Hash", "Content-MD5", "Digest"),  # of the content
    *("Last-Modified", "LastModified", "updated", "mtime"),  # of the time of its last change
)
"""What file systems of fsspec call that which is another once a file is another."""

BLOCK_BYTES = 2**22  # bytes of one request: few requests for many small images that lie together
_BLOCKS_KEPT = 16  # in memory, of all files of one source
_WHOLE_BYTES = 2**30  # in memory, of all files of a server that sends no parts of them
RETRY_PAUSES = (0.1, 0.5)  # seconds before each further try
_PARTIAL = 206  # HTTP's status of a part
_STALLED_SECONDS = 60.0  # seconds without a byte after which a request is given up


def is_remote(address: str) -> bool:
    """Whether an address is of another machine.

    >>> is_remote("https://x.org/a.tar"), is_remote("photos/a.tar")
    (True, False)
    """
    return "://" in address


def _scheme(address: str) -> str:
    """How the address is reached: "https", "s3", ..."""
    kind = address.partition("://")[0].lower()
    if kind not in PACKAGES:
        advice = did_you_mean(kind, tuple(PACKAGES))
        msg = f"{printable(address)}: {kind}:// is not a supported kind of address; {advice}"
        raise DataError(msg)
    return kind


def file_system(address: str) -> Any:  # noqa: ANN401 - fsspec has no types
    """The file system that holds `address`.

    Raises:
        DataError: a package is missing.
    """
    import fsspec

    kind = _scheme(address)
    try:
        files = fsspec.filesystem(kind, **_patience(kind))
    except ImportError as error:
        package = PACKAGES[kind]
        msg = (
            f"{printable(address)}: reading {kind}:// needs {package}, which is not installed; "
            "run pip install 'inceptionkit[remote]'"
        )
        raise DataError(msg) from error
    files.invalidate_cache()  # fsspec keeps what it listed as long as the process lives
    return files


def _patience(kind: str) -> dict[str, Any]:
    """Options that end a request which has stalled; others than HTTP have their own."""
    if not kind.startswith("http"):
        return {}
    from aiohttp import ClientTimeout

    patience = ClientTimeout(total=None, sock_connect=_STALLED_SECONDS, sock_read=_STALLED_SECONDS)
    return {"client_kwargs": {"timeout": patience}}


def children(address: str) -> list[str]:
    """Addresses of what lies in a remote folder; empty if it is none, or cannot be listed."""
    files = file_system(address)
    start = f"{_scheme(address)}://"
    try:
        listed = _tried(lambda: files.ls(with_secrets(address), detail=False))
    except OSError:
        return []
    full = [name if name.startswith(start) else start + name.lstrip("/") for name in listed]
    named = map(without_secrets, full)
    return sorted(name for name in named if name.rstrip("/") != address.rstrip("/"))


@dataclass(slots=True)
class Recent:
    """The blocks that were read last. One that is wanted twice at once is fetched once.

    Of a server that sends no parts of files, whole files: each is fetched once, and kept.
    """

    kept: OrderedDict[tuple[str, int], Future[bytes]] = field(default_factory=OrderedDict)
    wholes: dict[str, bytes] | None = None  # by address; None while the server sends parts
    lock: Lock = field(default_factory=Lock)
    fetching: Lock = field(default_factory=Lock)  # held while a whole file is

    def get(self, key: tuple[str, int], fetch: Callable[[], bytes]) -> bytes:
        """The block of that `key`."""
        with self.lock:
            known = self.kept.get(key)
            block = self.kept.setdefault(key, Future()) if known is None else known
            self.kept.move_to_end(key)
            if len(self.kept) > _BLOCKS_KEPT:
                self.kept.popitem(last=False)
        if known is None:
            self._fill(key, block, fetch)
        return block.result()

    def _fill(self, key: tuple[str, int], block: Future[bytes], fetch: Callable[[], bytes]) -> None:
        try:
            block.set_result(fetch())
        except BaseException as error:  # noqa: BLE001 - whoever waits for the block must hear it
            block.set_exception(error)
            with self.lock:
                self.kept.pop(key, None)


@dataclass(slots=True)
class Remote:
    """A file of another machine, read by ranges."""

    where: str
    name: str
    files: Any  # fsspec's file system
    recent: Recent
    known: dict[str, Any] | None = None  # what the file system says of it

    @property
    def chunk(self) -> int:
        return BLOCK_BYTES

    def info(self) -> dict[str, Any]:
        """What the file system says of it.

        Raises:
            OSError: it is not there, or the server does not report its size.
        """
        if self.known is None:
            details: dict[str, Any] = _tried(lambda: self.files.info(with_secrets(self.where)))
            if details.get("size") is None:
                msg = "the server does not report the file size"
                raise OSError(msg)
            self.known = details
        return self.known

    def size(self) -> int:
        return int(self.info()["size"])

    def identity(self) -> str:
        """Address, size, and whatever the server gives that changes with the content; else ""."""
        details = self.info()
        known = [f"{key}={details[key]}" for key in _STAMPS if details.get(key)]
        return "\0".join([self.where, str(self.size()), *known]) if known else ""

    def read(self, start: int, stop: int) -> bytes:
        stop = min(stop, self.size())
        if start >= stop:
            return b""
        if self.recent.wholes is not None and self.size() > BLOCK_BYTES:
            return self._whole()[start:stop]
        first, last = start // BLOCK_BYTES, (stop - 1) // BLOCK_BYTES
        held = b"".join(self._block(number) for number in range(first, last + 1))
        return held[start - first * BLOCK_BYTES : stop - first * BLOCK_BYTES]

    def beside(self, name: str) -> Remote:
        where = f"{without_query(self.where).rpartition('/')[0]}/{name}"
        return Remote(where, name, self.files, self.recent)

    def _block(self, number: int) -> bytes:
        start = number * BLOCK_BYTES
        stop = min(start + BLOCK_BYTES, self.size())
        return self.recent.get((self.where, number), lambda: self._fetch(start, stop))

    def _fetch(self, start: int, stop: int) -> bytes:
        def ask() -> bytes | None:
            data: bytes | None
            if self.where.startswith(("http://", "https://")):
                from fsspec.asyn import sync

                part = None if stop - start == self.size() else (start, stop)
                where = with_secrets(self.where)
                data = sync(self.files.loop, _get, self.files, where, self.size(), part)
            else:
                data = self.files.cat_file(with_secrets(self.where), start=start, end=stop)
            if data is not None and len(data) != stop - start:
                msg = f"the connection gave {len(data)} of {stop - start} bytes"
                raise OSError(msg)
            return data

        data = _tried(ask)
        return self._whole()[start:stop] if data is None else data

    def _whole(self) -> bytes:
        """All bytes, of a server that sends no parts; fetched once.

        Raises:
            RefusedSource: the files of this server do not fit into memory.
        """
        with self.recent.fetching:
            wholes = self.recent.wholes = self.recent.wholes or {}
            if self.where not in wholes:
                needed = self.size() + sum(map(len, wholes.values()))
                if needed > _WHOLE_BYTES:
                    msg = (
                        f"{printable(self.where)}: its server sends only whole files, and "
                        f"{size(needed)} of them do not fit into the {size(_WHOLE_BYTES)} that are "
                        "used; download the files and name them here"
                    )
                    raise RefusedSource(msg)
                wholes[self.where] = self._fetch(0, self.size())
            return wholes[self.where]


async def _get(files: Any, where: str, size: int, part: tuple[int, int] | None) -> bytes | None:  # noqa: ANN401 - fsspec has no types
    """Bytes of a file by HTTP, never more than were asked for.

    Args:
        files: the file system.
        where: address of the file.
        size: of it, in bytes.
        part: first byte, and one past the last; None for all.

    Returns:
        None where the server would send all of a file of which a part was asked for.
    """
    session = await files.set_session()
    asked = dict(files.kwargs.get("headers", {}))
    if part:
        asked["Range"] = f"bytes={part[0]}-{part[1] - 1}"
    how = files.kwargs | {"headers": asked}
    async with session.get(files.encode_url(where), **how) as answer:
        files._raise_not_found_for_status(answer, where)  # noqa: SLF001 - it knows the errors
        if part and answer.status != _PARTIAL:
            return None
        most, data = part[1] - part[0] if part else size, bytearray()
        async for piece in answer.content.iter_chunked(2**18):
            data += piece
            if len(data) > most:
                break
    return bytes(data)


def _tried(ask: Callable[[], _T], pauses: Sequence[float] = RETRY_PAUSES) -> _T:
    """Ask, again if it fails; what is not there is not asked for again."""
    try:
        return ask()
    except (FileNotFoundError, PermissionError) as error:
        if not SECRETS:
            raise
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else PermissionError
        raise kind(hide(reason_of(error))) from None
    except Exception as error:  # noqa: BLE001 - each client library has errors of its own
        if not pauses:
            raise OSError(hide(reason_of(error))) from (None if SECRETS else error)
    sleep(pauses[0])
    return _tried(ask, pauses[1:])


def without_query(address: str) -> str:
    """An address up to the query that a web server may want behind a file's name.

    >>> without_query("https://x.org/a.tar?download=true")
    'https://x.org/a.tar'
    """
    if not address.startswith(("http://", "https://")):
        return address
    return urlsplit(address)._replace(query="", fragment="").geturl()
