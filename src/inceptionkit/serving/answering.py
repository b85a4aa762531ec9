"""From encoded images to answers: decoded in threads, run in batches, refused where it is full."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inceptionkit.errors import DeploymentError
from inceptionkit.machine import cores
from inceptionkit.preprocess import UnusableImage, as_rgb, header
from inceptionkit.serving.batching import Answers, Closed
from inceptionkit.serving.budget import Bodies, Pixels
from inceptionkit.serving.efforts import Deadline, Effort, run_effort, run_every_exit
from inceptionkit.serving.heat import explains, picture
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.models import Models, Served
from inceptionkit.serving.problems import Problem, refuse, refuse_for_now, refuse_image
from inceptionkit.serving.requests import Asked, Image
from inceptionkit.serving.tracing import Tracing

ERRORS = logging.getLogger("inceptionkit.errors")


@dataclass(eq=False)
class Answering:
    """Answers images.

    Attributes:
        models: that answer.
        limits: of the queue, and of the pixels of an image.
        metrics: what is counted.
        tracing: what makes spans of decoding and answering.
        bodies: that are held, of all requests.
        pixels: that are decoded, of all requests.
    """

    models: Models
    limits: Limits
    metrics: Metrics
    tracing: Tracing = field(default_factory=Tracing)
    bodies: Bodies = field(init=False)
    pixels: Pixels = field(init=False)
    _inside: int = 0
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(cores(), thread_name_prefix="decode")
    )

    def __post_init__(self) -> None:
        limits = self.limits
        self.bodies = Bodies(max(limits.all_body_bytes, limits.body_bytes))
        self.pixels = Pixels(limits.decoded_pixels)

    async def answer(self, images: Sequence[Image], asked: Asked, arrived: float) -> dict[str, Any]:
        """What `POST /v1/predict` answers.

        Args:
            images: encoded.
            asked: how they are to be answered.
            arrived: when the request did, by `perf_counter`.

        Raises:
            Problem: no such model, a full queue, or a single image that cannot be used.
        """
        served = self.models.find(asked.model, asked.version)
        if asked.explain and not explains(served.card):
            refuse("this model has no heat maps: serve the run, not an export of it")
        effort = None if asked.exits else chosen(served, asked, arrived)
        with self.room(served.name, len(images)):
            answers = await self._answers(served, images, asked, effort)
        return {"model": served.name, "version": served.version, "answers": answers}

    async def _answers(
        self,
        served: Served,
        images: Sequence[Image],
        asked: Asked,
        effort: Effort | Deadline | None,
    ) -> list[dict[str, Any]]:
        """The answer to each image.

        Raises:
            Problem: the only image cannot be used.
        """
        found = await self.run(served, [image.data for image in images], effort)
        if len(found) == 1 and isinstance(found[0], UnusableImage):
            refuse_image(f"the image cannot be used: {found[0].reason}")
        answers = [
            {"name": image.name}
            | (
                {"error": one.reason}
                if isinstance(one, UnusableImage)
                else to_json(served, one, asked.top_k)
            )
            for image, one in zip(images, found, strict=True)
        ]
        if asked.explain:
            await self._add_heat(served, images, answers)
        return answers

    async def _add_heat(
        self, served: Served, images: Sequence[Image], answers: Sequence[dict[str, Any]]
    ) -> None:
        """Add a heat map to each answer: what speaks for its class."""
        loop = asyncio.get_running_loop()
        for image, answer in zip(images, answers, strict=True):
            if "label" in answer:
                heat = partial(self._heat, served, image.data, answer["label"])
                answer["heat"] = await loop.run_in_executor(self._threads, heat)

    def _heat(self, served: Served, image: bytes, label: str) -> dict[str, str]:
        pixels = self._prepared(served, image)
        evidence = served.heat_maps()(pixels, served.card.classes.index(label))
        return {"label": label, "png": picture(evidence)}

    async def run(
        self,
        served: Served,
        images: Sequence[bytes | NDArray[np.uint8]],
        effort: Effort | Deadline | None,
    ) -> list[Answers | UnusableImage]:
        """Decode and run images, for which there is `room`.

        Args:
            served: the model.
            images: encoded, or RGB pixels (height, width, 3).
            effort: where it may stop, or until when; None for the answers of every exit.
        """
        return await asyncio.gather(*(self._one(served, image, effort) for image in images))

    @contextmanager
    def room(self, model: str, images: int) -> Iterator[None]:
        """A place in the queue for all images of a request, until it is answered.

        Args:
            model: that answers, or detector.
            images: of the request.

        Raises:
            Problem: the queue is full.
        """
        if self._inside + images > self.limits.queue:
            self.metrics.rejected.labels(model).inc()
            refuse_for_now(f"{self.limits.queue} images wait already; try again in a second")
        self._inside += images
        waiting = self.metrics.waiting.labels(model)
        waiting.inc(images)
        try:
            yield
        finally:
            self._inside -= images
            waiting.dec(images)

    async def _one(
        self, served: Served, image: bytes | NDArray[np.uint8], effort: Effort | Deadline | None
    ) -> Answers | UnusableImage:
        loop, batcher = asyncio.get_running_loop(), served.batcher
        batcher.coming += 1
        try:
            with self.tracing.part("decode"):
                pixels = await loop.run_in_executor(self._threads, self._prepared, served, image)
        except UnusableImage as error:
            self.metrics.unusable.labels(served.name).inc()
            return error
        finally:
            batcher.coming -= 1
        with self.tracing.part("answer", model=served.name, version=served.version):
            try:
                waiting: Future[Answers] = batcher.submit(pixels, effort)
            except Closed:  # replaced meanwhile: the one that was found still answers
                now = effort.effort() if isinstance(effort, Deadline) else effort
                run = run_every_exit if now is None else partial(run_effort, effort=now)
                alone = partial(run, served.predictor, pixels[None])
                (answers,) = await loop.run_in_executor(self._threads, alone)
            else:
                answers = await asyncio.wrap_future(waiting)
        if effort is not None:
            self.metrics.images.labels(served.name, answers[-1].exit).inc()
        return answers

    def _prepared(self, served: Served, image: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The pixels that the network takes.

        Raises:
            UnusableImage: it is no image, or claims too many pixels.
        """
        prepare, depth = served.predictor.prepare, served.card.preprocessing.depth
        if isinstance(image, bytes):
            with self.decoded(image, depth) as pixels:
                return prepare(pixels)
        return prepare(as_rgb(image, depth))

    @contextmanager
    def decoded(self, image: bytes, depth: int = 16) -> Iterator[NDArray[np.uint8]]:
        """The RGB pixels of an encoded image, once there is memory for them.

        Args:
            image: encoded.
            depth: bits that the values of deep images use.

        Raises:
            UnusableImage: it is no image, or claims too many pixels.
        """
        claimed = header(image)
        count = claimed.width * claimed.height
        if count > self.limits.image_pixels:
            reason = f"claims {claimed.width}x{claimed.height} pixels, the limit is "
            raise UnusableImage(reason + f"{self.limits.image_pixels:,} in all")
        with self.pixels.of(count):
            yield as_rgb(image, depth)


def chosen(served: Served, asked: Asked, arrived: float) -> Effort | Deadline:
    """The effort that a request asks for, or until when it asks for an answer."""
    if asked.time_limit_ms is None:
        return served.efforts.named[asked.effort]
    return Deadline(served.efforts, arrived + asked.time_limit_ms / 1e3)


def to_json(served: Served, answers: Answers, top_k: int) -> dict[str, Any]:
    """One image: the best classes, the exit that answered, and each exit where all were asked."""
    last = _answer(served, answers[-1].probabilities, top_k) | {
        "exit": answers[-1].exit,
        "ms": round(answers[-1].ms, 3),
    }
    if len(answers) > 1:
        last["exits"] = [
            {"exit": one.exit, "ms": round(one.ms, 3), **_answer(served, one.probabilities, top_k)}
            for one in answers
        ]
    return last


def _answer(served: Served, row: NDArray[np.float32], top_k: int) -> dict[str, Any]:
    best = np.argsort(-row, kind="stable")[:top_k].tolist()
    top = [{"label": served.card.classes[i], "probability": float(row[i])} for i in best]
    return {**top[0], "top": top}


def failed(error: Exception) -> Problem:
    """What went wrong in a model, without a path of this machine."""
    what = "the model cannot run" if isinstance(error, DeploymentError) else "the answer failed"
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, f"{what}; see the log of the server")
