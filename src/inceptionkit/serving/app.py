"""The application: the addresses that a server answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from inceptionkit.derive import cost
from inceptionkit.evaluation.confidence import wilson
from inceptionkit.serving import detect, inference_protocol, schemas
from inceptionkit.serving.answering import ERRORS, Answering, failed
from inceptionkit.serving.guard import LIVE, Guard
from inceptionkit.serving.heat import explains
from inceptionkit.serving.models import Models, Served, last_part
from inceptionkit.serving.problems import Problem
from inceptionkit.serving.reference import reference_page
from inceptionkit.serving.requests import read_request

_PAGE = {"/": "text/html", "/page.js": "text/javascript", "/page.css": "text/css",
         "/icon.svg": "image/svg+xml"}  # fmt: skip


def make_app(
    answering: Answering, token: str = "", detecting: detect.Detecting | None = None
) -> Guard:
    """The application, with its limits around it.

    Args:
        answering: its models, limits, and what is counted.
        token: that requests must carry; none if empty.
        detecting: its detectors, if it has any.
    """
    models, metrics = answering.models, answering.metrics
    app = FastAPI(
        title="inceptionkit", version=version("inceptionkit"), docs_url=None, redoc_url=None,
        redirect_slashes=False,  # to where a client's Host says
        responses=schemas.PROBLEMS,
        description="Image classifiers and detectors of the Inception family.",
    )  # fmt: skip
    if token:
        _declare_token(app)
    _report_problems(app)
    _add_predict(app, answering)
    _add_models(app, models, detecting)
    _add_page(app)
    app.include_router(inference_protocol.router(models, answering))
    if detecting is not None:
        app.include_router(detect.router(detecting))

    @app.get(
        "/metrics",
        tags=["operation"],
        summary="Numbers for Prometheus",
        response_class=PlainTextResponse,
    )
    def metrics_of_all() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/docs", include_in_schema=False)
    def reference() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    return Guard(app, answering, token)


def _add_predict(app: FastAPI, answering: Answering) -> None:
    @app.post(
        "/v1/predict",
        tags=["images"],
        summary="Classify one image or several",
        response_model=schemas.Answers,
        response_model_exclude_unset=True,
        openapi_extra=schemas.PREDICT_REQUEST,
    )
    async def predict(request: Request) -> JSONResponse:
        """Send a form with files called image, JSON with base64, or the bytes of one image."""
        images, asked = await read_request(request, answering.limits)
        found = await answering.answer(images, asked, request.state.arrived)
        request.state.noted = {"model": found["model"], "images": len(images)}
        return JSONResponse(found)


def _add_models(app: FastAPI, models: Models, detecting: detect.Detecting | None) -> None:
    @app.get(
        "/v1/models", tags=["images"], summary="The models and detectors, and what they are",
        response_model=list[schemas.AnyCard],
    )  # fmt: skip
    def cards() -> list[dict[str, Any]]:
        """Each has the name to ask it by, and its task: classify or detect."""
        detectors = detecting.cards() if detecting else []
        return [*(model_card(served) for served in models), *detectors]


def model_card(served: Served) -> dict[str, Any]:
    """What people want to know of a model: classes, accuracy, size, speed here, what it learnt."""
    card, whole = served.card, cost(served.card.architecture)
    top1, images = card.metrics.get("top1"), card.metrics.get("images")
    return {
        "task": "classify",
        "name": served.name,
        "version": served.version,
        "architecture": card.architecture.name,
        "classes": list(card.classes),
        "input": card.preprocessing.size,
        "crop": card.preprocessing.crop,
        "parameters": whole.without_exits.params,
        "macs": whole.without_exits.macs,
        "top1": top1,
        "images": images,
        "interval": wilson(top1, images) if top1 is not None and images else None,
        "trained_on": last_part(card.origin.get("data", card.origin.get("file", ""))),
        "policy": card.exit_policy is not None,
        "explains": explains(card),
        "efforts": {
            name: {"ms": round(1e3 * effort.seconds, 3), "exits": list(effort.exits)}
            for name, effort in served.efforts.named.items()
        },
    }


def _add_page(app: FastAPI) -> None:
    for path, kind in _PAGE.items():
        app.add_api_route(path, _page(path, kind), include_in_schema=False)


def _page(path: str, kind: str) -> Callable[[], Awaitable[Response]]:
    name = "index.html" if path == "/" else path.removeprefix("/")

    @cache
    def content() -> bytes:
        return (files("inceptionkit.serving") / "page" / name).read_bytes()

    async def answer() -> Response:
        return Response(content(), media_type=kind, headers={"cache-control": "no-cache"})

    return answer


def _declare_token(app: FastAPI) -> None:
    """Say in the API's description that requests carry a token, and which need none."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        found = plain()
        scheme = {"type": "http", "scheme": "bearer"}
        found["components"]["securitySchemes"] = {"token": scheme}
        found["security"] = [{"token": []}]
        for path in LIVE:
            found["paths"][path]["get"]["security"] = []
        return found

    app.openapi = openapi  # type: ignore[method-assign]


def _report_problems(app: FastAPI) -> None:
    """Every error is a problem in JSON."""

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return error.response(request.url.path)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        known = {404: "there is nothing at this address; see /docs",
                 405: "this address does not take that method; see /docs"}  # fmt: skip
        status = HTTPStatus(error.status_code)
        detail = known.get(error.status_code, str(error.detail))
        return Problem(status, detail, **dict(error.headers or {})).response(request.url.path)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        detail = str(error.errors()[0].get("msg", "the request is wrong"))
        return Problem(HTTPStatus.BAD_REQUEST, detail).response(request.url.path)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=499)

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        ERRORS.error("%s", error, exc_info=error)
        return failed(error).response(request.url.path)
