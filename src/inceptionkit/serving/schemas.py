"""Requests and answers as OpenAPI describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from inceptionkit.serving.efforts import EFFORTS
from inceptionkit.serving.requests import TOP_K


class Top(BaseModel):
    """A class and its probability."""

    label: str
    probability: float


class ExitSays(BaseModel):
    """What one exit says."""

    exit: str
    ms: float
    label: str
    probability: float
    top: list[Top]


class Heat(BaseModel):
    """Where the main classifier looks: a transparent PNG in base64, as wide as what it sees."""

    label: str
    png: str


class Answer(BaseModel):
    """One image; `error` alone if it cannot be used."""

    name: str
    label: str = ""
    probability: float = 0.0
    top: list[Top] = []
    exit: str = ""
    ms: float = 0.0
    exits: list[ExitSays] = []
    heat: Heat | None = None
    error: str = ""


class Answers(BaseModel):
    """The images of a request, in its order."""

    model: str
    version: str
    answers: list[Answer]


class EffortCost(BaseModel):
    """What an effort costs here: milliseconds of one image, and the exits where it may stop."""

    ms: float
    exits: list[str]


class ModelCard(BaseModel):
    """A classifier."""

    task: Literal["classify"]
    name: str
    version: str
    architecture: str
    classes: list[str]
    input: int
    crop: float
    parameters: int
    macs: int
    top1: float | None
    images: int | None
    interval: tuple[float, float] | None
    trained_on: str | None
    policy: bool
    explains: bool
    efforts: dict[str, EffortCost]


class DetectorCard(BaseModel):
    """A detector: `size` is height and width of what it sees, `show` its own `least_score`."""

    task: Literal["detect"]
    name: str
    architecture: str
    classes: list[str]
    size: tuple[int, int]
    map50: float | None
    images: int | None
    trained_on: str | None
    show: float


AnyCard = Annotated[ModelCard | DetectorCard, Field(discriminator="task")]
"""What is served, whatever its task."""


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "model": Problem,
        "content": {"application/problem+json": {"schema": schema}},
    }


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _problem("The request is not one."),
    401: _problem("A token is needed."),
    404: _problem("There is no such model."),
    408: _problem("It took too long."),
    413: _problem("The body is too large."),
    422: _problem("The image cannot be used."),
    429: _problem("The queue is full."),
    500: _problem("The model failed."),
}
_BINARY = {"type": "string", "format": "binary"}
LENGTH = "Inference-Header-Content-Length"
INFER_REQUEST: dict[str, Any] = {
    "parameters": [
        {
            "name": LENGTH,
            "in": "header",
            "schema": {
                "type": "integer",
                "minimum": 0,
                "description": "Bytes of JSON at the start of the body, before binary tensors.",
            },
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["inputs"],
                    "properties": {
                        "id": {"type": "string"},
                        "parameters": {"type": "object"},
                        "inputs": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["name", "datatype", "shape"],
                                "properties": {
                                    "name": {"enum": ["image", "encoded"]},
                                    "datatype": {"enum": ["UINT8", "BYTES"]},
                                    "shape": {"type": "array", "items": {"type": "integer"}},
                                    "data": {"type": "array"},
                                },
                            },
                        },
                        "outputs": {"type": "array", "items": {"type": "object"}},
                    },
                }
            },
            "application/octet-stream": {"schema": _BINARY},
        },
    },
}
_BASE64 = {"type": "string", "contentEncoding": "base64"}
_ASKS: dict[str, Any] = {
    "model": {"type": "string", "description": "Which model; the only one if left out."},
    "version": {"type": "string", "description": "Which version; the newest if left out."},
    "top_k": {
        "type": "integer",
        "minimum": 1,
        "maximum": TOP_K,
        "default": 5,
        "description": "Number of classes in an answer.",
    },
    "effort": {
        "type": "string",
        "enum": list(EFFORTS),
        "default": "balanced",
        "description": "The first exit, the stored exit policy, or the whole network.",
    },
    "time_limit_ms": {
        "type": "number",
        "minimum": 0,
        "maximum": 600_000,
        "description": "Instead of effort: the last exit that is fast enough answers. "
        "It cannot be combined with exits or explain.",
    },
    "explain": {
        "type": "string",
        "enum": ["none", "cam"],
        "default": "none",
        "description": "A heat map of each image.",
    },
    "exits": {"type": "boolean", "default": False, "description": "Whether every exit answers."},
}


def images_request(asks: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a request with images and these parameters."""
    return {
        "parameters": [{"name": name, "in": "query", "schema": one} for name, one in asks.items()],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["image"],
                        "properties": {"image": {"type": "array", "minItems": 1, "items": _BINARY}}
                        | asks,
                    }
                },
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "image": _BASE64,
                            "images": {"type": "array", "items": _BASE64},
                        }
                        | asks,
                    }
                },
                "application/octet-stream": {"schema": _BINARY},
            },
        },
    }


PREDICT_REQUEST = images_request(_ASKS)
