"""What a request asks: its images and how they are to be answered, however it is written."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from inceptionkit.serving.efforts import EFFORTS, EffortName
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.problems import refuse

P = ParamSpec("P")
T = TypeVar("T")
LARGE = 2**18  # bytes of a body that takes milliseconds to read, for which others would wait
TOP_K = 1_000  # most classes that an answer lists
NAME = 200  # characters of a name that are read: names are compared with those of every model
_FIELDS = ("image", "images")
_ASKS = ("model", "version", "top_k", "effort", "time_limit_ms", "exits", "explain")


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded image of a request, and what its sender calls it."""

    data: bytes
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How images are to be answered.

    Attributes:
        model: None for the only one.
        version: None for the newest.
        top_k: classes of an answer.
        effort: how much of the network may answer.
        time_limit_ms: from the header of the request; it replaces the effort.
        exits: whether every exit answers.
        explain: whether a heat map of the main classifier is drawn.
    """

    model: str | None = None
    version: str | None = None
    top_k: int = 5
    effort: EffortName = "balanced"
    time_limit_ms: float | None = None
    exits: bool = False
    explain: bool = False


async def read_request(request: Request, limits: Limits) -> tuple[list[Image], Asked]:
    """Read the images of a request, and how they are to be answered.

    Raises:
        Problem: there are none, or too many, or a parameter is wrong.
    """
    images, asked = await read_images(request, limits)
    return images, parse_asked(asked)


async def read_images(request: Request, limits: Limits) -> tuple[list[Image], dict[str, Any]]:
    """Read the images of a request: a form, JSON with base64, or the bytes of one image.

    Returns:
        The images, and the parameters as they were given.

    Raises:
        Problem: there are none, or too many.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    asked: dict[str, Any] = dict(request.query_params)
    if kind == "multipart/form-data":
        images = await _form(request, limits, asked)
    elif kind == "application/json":
        body = await request.body()
        images = await aside(len(body), _json, body, asked, limits)
    else:
        images = [Image(await request.body())]
    if not images or not any(image.data for image in images):
        msg = "send an image: curl -F image=@photo.jpg ADDRESS"
        refuse(msg)
    refuse_more(len(images), limits)
    return images, asked


def refuse_more(images: int, limits: Limits) -> None:
    """Refuse more images than a request may have, before they are read.

    Raises:
        Problem: so it is.
    """
    if images > limits.images:
        refuse(f"a request has at most {limits.images} images, got {images}; send several")


async def aside(size: int, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read a body: a large one in a thread, so that others are answered meanwhile."""
    if size <= LARGE:
        return read(*args, **kwargs)
    return await asyncio.to_thread(read, *args, **kwargs)


class _InMemory(MultiPartParser):
    """A form whose files never go to a disk: the body that they come in is bounded."""

    spool_max_size = 0  # none
    ended = False

    def on_end(self) -> None:
        self.ended = True

    async def parse(self) -> FormData:
        self.stream = self._whole(self.stream)
        return await super().parse()

    async def _whole(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The chunks of a body; without its last boundary the last file would be lost unseen."""
        async for chunk in stream:
            yield chunk
        if not self.ended:
            msg = "its last boundary is missing; send it whole"
            raise MultiPartException(msg)


async def _form(request: Request, limits: Limits, asked: dict[str, Any]) -> list[Image]:
    """The files of a form; its other fields are parameters."""
    images, most = [], {"max_files": limits.images + 1, "max_fields": len(_ASKS) + 1}
    try:
        form = await _InMemory(request.headers, request.stream(), **most).parse()
    except MultiPartException as error:
        refuse(f"the form cannot be read: {error.message.rstrip('.')}")
    try:
        for key, value in form.multi_items():
            if isinstance(value, UploadFile):
                if key not in _FIELDS:
                    refuse(f"a file is sent as image, got {key[:40]!r}")
                images.append(Image(await value.read(), value.filename or ""))
            else:
                asked[key] = value
    finally:
        await form.close()
    return images


def json_object(body: bytes, limits: Limits, example: str) -> dict[str, Any]:
    """A JSON object that does not list too many values.

    Args:
        body: its text.
        limits: how many it may list.
        example: for who sends something else.

    Raises:
        Problem: it is none, or lists too many.
    """
    if body.count(b",") >= limits.values:
        msg = f"JSON may list {limits.values:,} values; send encoded images, or binary tensors"
        refuse(msg)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        refuse(f"the body is no JSON; send an object such as {example}")
    if not isinstance(data, dict):
        refuse(f"the body must be a JSON object such as {example}")
    return data


def _json(body: bytes, asked: dict[str, Any], limits: Limits) -> list[Image]:
    """The images of a JSON object, in base64; its other keys are parameters."""
    data = json_object(body, limits, '{"image": "BASE64"}')
    given = [data.pop(key) for key in _FIELDS if key in data]
    texts = [one for some in given for one in (some if isinstance(some, list) else [some])]
    refuse_more(len(texts), limits)
    asked |= data
    return [Image(decoded(text)) for text in texts]


def decoded(text: object) -> bytes:
    """The bytes of an image that JSON holds in base64, with or without a data: address before it.

    Raises:
        Problem: it is no such text.
    """
    given = text if isinstance(text, str) else "?"
    head, comma, rest = given.partition(",")  # data:image/png;base64,...
    try:
        return base64.b64decode(
            rest if comma and head.startswith("data:") else given, validate=True
        )
    except ValueError:
        refuse("an image in JSON is text in base64")


def parse_asked(given: Mapping[str, Any]) -> Asked:
    """Read parameters, of text or of JSON's types.

    Raises:
        Problem: an unknown one, or a value that is none.
    """
    refuse_unknown_parameters(given, _ASKS)
    limit = given.get("time_limit_ms")
    asked = Asked(
        model=text_of(given, "model"),
        version=text_of(given, "version"),
        top_k=int(_number(given, "top_k", 5, 1, TOP_K, whole=True)),
        effort=cast(EffortName, _choice(given, "effort", "balanced", EFFORTS)),
        time_limit_ms=None if limit is None else _number(given, "time_limit_ms", 0, 0, 600_000),
        exits=_choice(given, "exits", "false", ("true", "false")) == "true",
        explain=_choice(given, "explain", "none", ("none", "cam")) == "cam",
    )
    if asked.time_limit_ms is not None and (asked.exits or asked.explain):
        msg = "time_limit_ms cannot be combined with exits or explain; leave out one of them"
        refuse(msg)
    return asked


def refuse_unknown_parameters(given: Iterable[str], known: Collection[str]) -> None:
    """Refuse parameters that there are none of.

    Raises:
        Problem: so it is.
    """
    for key in given:
        if key not in known:
            refuse(f"there is no parameter {key[:40]!r}; there are {', '.join(known)}")


def text_of(given: Mapping[str, Any], key: str) -> str | None:
    """A parameter that names something; None where it is left out or empty."""
    value = given.get(key)
    return None if value is None or value == "" else str(value)[:NAME]


def _choice(given: Mapping[str, Any], key: str, default: str, known: Sequence[str]) -> str:
    value = given.get(key, default)
    text = str(value).lower() if isinstance(value, bool) else value
    if text not in known:
        refuse(f"{key} must be {' or '.join(known)}, got {str(value)[:40]!r}")
    return str(text)


def _number(
    given: Mapping[str, Any],
    key: str,
    default: float,
    low: float,
    high: float,
    *,
    whole: bool = False,
) -> float:
    value = given.get(key, default)
    try:
        number = int(str(value)) if whole else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if isinstance(value, bool) or not low <= number <= high:
        kind = "a whole number" if whole else "a number"
        msg = f"{key} must be {kind} from {low:g} to {high:g}, got {str(value)[:40]!r}"
        refuse(msg)
    return number
