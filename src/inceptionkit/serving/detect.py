"""`/v1/detect`: the objects of images."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from inceptionkit.detection.shared.card import DetectorCard
from inceptionkit.detection.shared.exported import open_detector
from inceptionkit.detection.types import Detections, Detector
from inceptionkit.errors import did_you_mean
from inceptionkit.machine import cores
from inceptionkit.preprocess import UnusableImage
from inceptionkit.serving.answering import Answering
from inceptionkit.serving.models import last_part
from inceptionkit.serving.problems import refuse, refuse_image, refuse_unknown
from inceptionkit.serving.requests import (
    Image,
    read_images,
    refuse_unknown_parameters,
    text_of,
)
from inceptionkit.serving.schemas import images_request

_LONGEST = 65_535
"""Pixels of the longer side, those of the largest JPEG: resizing takes memory for each of them."""
_ASKS: dict[str, Any] = {
    "model": {"type": "string", "description": "Which detector; the only one if left out."},
    "least_score": {
        "type": "number", "minimum": 0, "maximum": 1,
        "description": "Least score of a box; the detector's own, `show`, if left out.",
    },
}  # fmt: skip


class FoundBox(BaseModel):
    """One object: x1, y1, x2, y2 in pixels of the upright image; coordinates are edges."""

    label: str
    score: float
    box: list[float]
    exit: str


class FoundIn(BaseModel):
    """One image; `error` alone if it cannot be used."""

    name: str
    width: int = 0
    height: int = 0
    objects: list[FoundBox] = []
    ms: float = 0.0
    error: str = ""


class Found(BaseModel):
    """The images of a request, in its order."""

    model: str
    answers: list[FoundIn]


@dataclass(frozen=True, eq=False)
class ServedDetector:
    """A detector, ready to answer; one image at a time."""

    name: str
    detector: Detector
    card: DetectorCard
    alone: Lock = field(default_factory=Lock)

    def answer(self, image: Image, least: float | None, answering: Answering) -> dict[str, Any]:
        """Decode an image and find its objects.

        Raises:
            UnusableImage: it is no image, claims too many pixels, or is too long.
        """
        with answering.decoded(image.data, self.card.preprocessing.depth) as pixels, self.alone:
            height, width = pixels.shape[:2]
            if max(height, width) > _LONGEST:
                reason = f"has {width}x{height} pixels, the limit of a side is {_LONGEST:,}"
                raise UnusableImage(reason)
            start = perf_counter()
            found = self.detector.detect(pixels)
            seconds = perf_counter() - start
        answering.metrics.engine.labels(self.name).observe(seconds)
        objects = self.objects(found.above(self.card.show if least is None else least))
        return {
            "name": image.name, "width": width, "height": height, "objects": objects,
            "ms": round(1e3 * seconds, 3),
        }  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """What people want to know of it: classes, size, precision, and the score of its boxes."""
        card = self.card
        return {
            "task": "detect",
            "name": self.name,
            "architecture": card.design.net.name,
            "classes": list(card.classes),
            "size": list(card.design.size),
            "map50": card.metrics.get("map50"),
            "images": card.metrics.get("images"),
            "trained_on": last_part(card.origin.get("data", "")),
            "show": card.show,
        }

    def objects(self, found: Detections) -> list[dict[str, Any]]:
        """What is found, as JSON."""
        rows = zip(found.boxes.tolist(), found.labels, found.scores, found.exits, strict=True)
        return [
            {
                "label": self.detector.classes[label],
                "score": round(float(score), 6),
                "box": [round(edge, 2) for edge in box],
                "exit": exit_,
            }
            for box, label, score, exit_ in rows
        ]


@dataclass(eq=False)
class Detecting:
    """Answers images with detectors.

    Attributes:
        detectors: by name.
        answering: its limits hold here too, and it counts.
    """

    detectors: Mapping[str, ServedDetector]
    answering: Answering
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(cores(), thread_name_prefix="detect")
    )

    def cards(self) -> list[dict[str, Any]]:
        """What each detector is."""
        return [one.to_json() for one in self.detectors.values()]

    def find(self, name: str | None) -> ServedDetector:
        """The detector of a name; the only one where none is given.

        Raises:
            Problem: there is none.
        """
        if name is None and len(self.detectors) == 1:
            return next(iter(self.detectors.values()))
        if name is None:
            refuse(f"say which detector, with model: {', '.join(self.detectors)}")
        if name not in self.detectors:
            refuse_unknown(
                f"no detector is called {name[:80]!r}; {did_you_mean(name, self.detectors)}"
            )
        return self.detectors[name]

    async def answer(
        self, images: Sequence[Image], name: str | None, least: float | None
    ) -> dict[str, Any]:
        """What `POST /v1/detect` answers.

        Raises:
            Problem: no such detector, a full queue, or a single image that cannot be used.
        """
        served = self.find(name)
        with self.answering.room(served.name, len(images)):
            answers = await asyncio.gather(*(self._one(served, one, least) for one in images))
        if len(answers) == 1 and "error" in answers[0]:
            refuse_image(f"the image cannot be used: {answers[0]['error']}")
        return {"model": served.name, "answers": answers}

    async def _one(
        self, served: ServedDetector, image: Image, least: float | None
    ) -> dict[str, Any]:
        run = partial(served.answer, image, least, self.answering)
        with self.answering.tracing.part("answer", model=served.name):
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, run)
            except UnusableImage as error:
                self.answering.metrics.unusable.labels(served.name).inc()
                return {"name": image.name, "error": error.reason}


def load_detectors(
    places: Mapping[str, str | Path], answering: Answering, threads: int | None
) -> Detecting:
    """Load detectors by name.

    Raises:
        WeightsError: one is damaged.
        DeploymentError: the engine of an exported one is not installed.
    """
    loaded = {
        name: ServedDetector(name, *open_detector(place, threads=threads))
        for name, place in places.items()
    }
    return Detecting(loaded, answering)


def router(detecting: Detecting) -> APIRouter:
    """The address that finds objects."""
    routes = APIRouter()

    @routes.post(
        "/v1/detect",
        tags=["images"],
        summary="Find the objects of one image or several",
        response_model=Found,
        response_model_exclude_unset=True,
        openapi_extra=images_request(_ASKS),
    )
    async def detect(request: Request) -> JSONResponse:
        """Send a form with files called image, JSON with base64, or the bytes of one image."""
        images, given = await read_images(request, detecting.answering.limits)
        refuse_unknown_parameters(given, _ASKS)
        name, least = text_of(given, "model"), _least(given.get("least_score"))
        found = await detecting.answer(images, name, least)
        request.state.noted = {"model": found["model"], "images": len(images)}
        return JSONResponse(found)

    return routes


def _least(given: object) -> float | None:
    """The least score that is asked for.

    Raises:
        Problem: it is none.
    """
    if given is None:
        return None
    try:
        number = float(str(given))
    except ValueError:
        number = float("nan")
    if isinstance(given, bool) or not 0 <= number <= 1:
        refuse(f"least_score must be a number from 0 to 1, got {str(given)[:40]!r}")
    return number
