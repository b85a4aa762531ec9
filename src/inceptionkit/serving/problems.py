"""What goes wrong in a request, as RFC 9457 problem JSON: one sentence, never a path or a trace."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NoReturn

from fastapi.responses import JSONResponse


class Problem(Exception):  # noqa: N818 - the RFC's word
    """A request that is not answered.

    Attributes:
        status: of HTTP.
        detail: one sentence, which says what to do.
        headers: of the answer.
    """

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }

    def response(self, path: str) -> JSONResponse:
        """The answer; under /v2 it says `error` too, which clients of that protocol read."""
        body = self.to_json() | ({"error": self.detail} if path.startswith("/v2") else {})
        return JSONResponse(body, self.status, self.headers, media_type="application/problem+json")


def too_slow(seconds: float) -> Problem:
    """The request took longer than it may: status 408."""
    msg = f"the request took more than {seconds:g} s; send fewer images"
    return Problem(HTTPStatus.REQUEST_TIMEOUT, msg)


def refuse(detail: str) -> NoReturn:
    """The request is not one: status 400.

    Raises:
        Problem: always.
    """
    raise Problem(HTTPStatus.BAD_REQUEST, detail)


def refuse_unknown(detail: str) -> NoReturn:
    """There is nothing of that name: status 404.

    Raises:
        Problem: always.
    """
    raise Problem(HTTPStatus.NOT_FOUND, detail)


def refuse_for_now(detail: str) -> NoReturn:
    """The queue is full: status 429.

    Raises:
        Problem: always.
    """
    raise Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, Retry_After="1")


def refuse_image(detail: str) -> NoReturn:
    """An image cannot be used: status 422.

    Raises:
        Problem: always.
    """
    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
