"""The models that a server has: by name and version, loaded again when their folders change."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import MappingProxyType
from typing import TypeAlias

from inceptionkit.errors import InceptionError, OptionError, did_you_mean
from inceptionkit.evaluation.predictor import Predictor
from inceptionkit.model import Card, model_folder
from inceptionkit.serving.batching import Batcher, worthwhile_batch
from inceptionkit.serving.efforts import Efforts, efforts_of
from inceptionkit.serving.heat import HeatMaps, heat_maps
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.metrics import Metrics
from inceptionkit.serving.problems import refuse_unknown

POLL_SECONDS = 1.0
"""Time from one look at the folders to the next. A change is taken up when it is a poll old."""
_RETRY_SECONDS = 5.0, 300.0  # from a load that failed to the next: at first, and at most
_VERSION = re.compile(r"[1-9]\d{0,8}")
_ABSOLUTE = re.compile(r"(?<![\w./])/(?:[^/\s]+/)*")  # a path, up to its last part
_ERRORS = logging.getLogger("inceptionkit.errors")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")  # in the address of a model

Load: TypeAlias = Callable[[str | Path], Predictor]
_Signature: TypeAlias = tuple[tuple[str, int, int], ...]


@dataclass(eq=False)
class Served:
    """One version of a model, ready to answer.

    Attributes:
        name: in addresses.
        version: a whole number, as text.
        predictor: the model.
        efforts: what it can be asked for.
        batcher: what runs it.
        heat_maps: what draws its heat maps, made when first asked for.
    """

    name: str
    version: str
    predictor: Predictor
    efforts: Efforts
    batcher: Batcher
    heat_maps: Callable[[], HeatMaps]

    @property
    def card(self) -> Card:
        """What its folder says of it."""
        return self.predictor.card


@dataclass(eq=False)
class _Watched:
    """Where a version lies, and what was found there.

    Attributes:
        loaded: of its files, when they were last read, whether well or not.
        seen: of its files, at the last poll.
        wrong: why it could not be loaded; "" if it could.
        pause: seconds from the last load to the next, if that failed.
        due: when it is loaded again although nothing changed, by `monotonic`.
    """

    place: str | Path
    loaded: _Signature
    seen: _Signature
    served: Served | None = None
    wrong: str = ""
    pause: float = 0.0
    due: float = math.inf


@dataclass(eq=False)
class Models:
    """Every model of a server.

    Attributes:
        places: name -> folder, weights file, or id of released weights.
        limits: of batches.
        metrics: what is counted.
        load: reads a model.
    """

    places: Mapping[str, str | Path]
    limits: Limits
    metrics: Metrics
    load: Load
    _versions: dict[str, dict[str, _Watched]] = field(default_factory=dict)
    _stop: Event = field(default_factory=Event)
    _watcher: Thread | None = None

    def start(self) -> None:
        """Load every model, and watch the folders.

        Raises:
            InceptionError: one cannot be loaded.
        """
        for name in self.places:
            self._refresh(name, first=True)
        self._watcher = Thread(target=self._watch, name="models", daemon=True)
        self._watcher.start()

    def stop(self, seconds: float | None = None) -> None:
        """Take no more images; wait for those that came.

        Args:
            seconds: to wait for all of them; `limits.drain_seconds` if None.
        """
        self._stop.set()
        until = monotonic() + (self.limits.drain_seconds if seconds is None else seconds)
        if self._watcher is not None:  # it may be loading
            self._watcher.join(max(0.0, until - monotonic()))
        known = [one for some in self._versions.copy().values() for one in some.copy().values()]
        every = [one.served for one in known]
        for served in filter(None, every):
            served.batcher.close()
        for served in filter(None, every):
            served.batcher.join(max(0.0, until - monotonic()))

    def find(self, name: str | None = None, version: str | None = None) -> Served:
        """The model that answers.

        Args:
            name: None for the only one.
            version: None for the newest that could be loaded.

        Raises:
            Problem: there is none, or there are several and none is named.
        """
        if name is None:
            if not self.places:
                refuse_unknown("no model is served here, only detectors: /v1/detect answers")
            if len(self.places) > 1:
                msg = f"several models are served: say which by model=, {', '.join(self.places)}"
                refuse_unknown(msg)
            (name,) = self.places
        if name not in self._versions:
            refuse_unknown(f"no model is called {name!r}; {did_you_mean(name, self.places)}")
        ready = {v: one.served for v, one in self._versions[name].copy().items() if one.served}
        if version is not None and version not in ready:
            there = ", ".join(ready) or "none"
            refuse_unknown(f"model {name!r} has no version {version!r}; there are {there}")
        newest = max(ready, key=int, default="")
        if not newest:
            refuse_unknown(f"model {name!r} cannot be loaded; see /v2/health/ready")
        return ready[newest if version is None else version]

    def ready(self) -> Mapping[str, str]:
        """Model -> what is wrong with its newest version; "" if it is served as it lies there."""
        found = {}
        for name, some in self._versions.copy().items():
            versions = some.copy()
            newest = versions[max(versions, key=int)] if versions else None
            found[name] = newest.wrong if newest else "its folder holds no model"
        return MappingProxyType(found)

    def answer(self) -> bool:
        """Whether each model has a version that answers."""
        return all(self.versions(name) for name in self.places)

    def versions(self, name: str) -> tuple[str, ...]:
        """The versions that answer, oldest first."""
        some = self._versions.get(name, {})
        return tuple(sorted((v for v, one in some.copy().items() if one.served), key=int))

    def __iter__(self) -> Iterator[Served]:
        """The newest version of each model that answers."""
        for name in self.places:
            if versions := self.versions(name):
                yield self.find(name, versions[-1])

    def _watch(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            for name in self.places:
                try:
                    self._refresh(name)
                except Exception as error:  # noqa: BLE001 - the other models are watched all the same
                    _ERRORS.error(json.dumps({"error": str(error), "model": name}))

    def _refresh(self, name: str, *, first: bool = False) -> None:
        """Load what is new or has changed, and let go what is gone."""
        known = self._versions.setdefault(name, {})
        places = self._places(name, known)
        for version, place in places.items():
            now = _signature(place)
            one = known.get(version)
            if one is None:
                one = known[version] = _Watched(place, loaded=(), seen=now if first else ())
            one.place = place
            settled, one.seen = now == one.seen, now
            if first or (settled and (now != one.loaded or monotonic() >= one.due)):
                self._load(name, version, one, first=first)
        for version in known.keys() - places.keys():
            gone = known.pop(version)
            if gone.served:
                gone.served.batcher.close()

    def _places(self, name: str, known: Mapping[str, _Watched]) -> Mapping[str, str | Path]:
        """Where the versions of a model lie: one that is gone stays until another is served."""
        found = _versions_at(self.places[name])
        if not any(one.served for version, one in known.items() if version in found):
            found |= {version: one.place for version, one in known.items() if version not in found}
        return found or {"1": self.places[name]}

    def _load(self, name: str, version: str, one: _Watched, *, first: bool) -> None:
        """Load a version; where that fails the one before it goes on."""
        one.loaded = one.seen
        try:
            predictor = self.load(one.place)
            alike = self._alike(name, predictor)
            most = min(self.limits.batch, predictor.batch)
            served = Served(
                name,
                version,
                predictor,
                efforts_of(predictor, alike.efforts if alike else None),
                Batcher(
                    predictor,
                    self.limits,
                    alike.batcher.batch if alike else worthwhile_batch(predictor, most),
                    partial(self._count, name),
                ),
                cache(partial(heat_maps, predictor)),
            )
        except Exception as error:
            self.metrics.reloads.labels(name, "failed").inc()
            if first:
                raise
            _ERRORS.error(json.dumps({"error": str(error), "model": name, "version": version}))
            one.wrong = _without_folders(_reason(error, one.place), one.place)
            least, most_seconds = _RETRY_SECONDS
            one.pause = min(2 * one.pause, most_seconds) or least
            one.due = monotonic() + one.pause
            return
        if self._stop.is_set():
            served.batcher.close()
            return
        self.metrics.reloads.labels(name, "loaded").inc()
        one.wrong, one.pause, one.due = "", 0.0, math.inf
        before, one.served = one.served, served
        if before:
            before.batcher.close()

    def _alike(self, name: str, predictor: Predictor) -> Served | None:
        """A version that takes as long: measured beside requests, this one would seem slower."""
        every = [one.served for one in self._versions[name].values() if one.served]
        return next((one for one in every if _speed(one.predictor) == _speed(predictor)), None)

    def _count(self, name: str, images: int, seconds: float) -> None:
        self.metrics.batches.labels(name).observe(images)
        self.metrics.engine.labels(name).observe(seconds)


def named(models: Sequence[str | Path]) -> dict[str, str | Path]:
    """Names for models: `NAME=MODEL`, or the last part of where each lies.

    >>> named(["runs/roses-001", "cats=runs/cats-002", "torchvision/googlenet"])
    {'roses-001': 'runs/roses-001', 'cats': 'runs/cats-002', 'googlenet': 'torchvision/googlenet'}

    Raises:
        OptionError: two have one name, or a name has other characters than letters, digits, dots,
            dashes and underscores.
    """
    found: dict[str, str | Path] = {}
    for model in models:
        name, equals, place = str(model).rpartition("=")
        if not equals or Path(model).exists():
            place = str(model)
            name = _UNFIT.sub("-", Path(place).expanduser().absolute().name).strip("-") or "model"
        if _UNFIT.search(name) or not name:
            msg = f"{model}: a name has letters, digits, '.', '-' and '_' only, got {name!r}"
            raise OptionError(msg)
        if name in found:
            msg = f"two models are called {name!r}; name them, such as first={found[name]}"
            raise OptionError(msg)
        found[name] = place
    return found


def last_part(address: str) -> str | None:
    r"""The last part of an address, for strangers: the folders above are private.

    >>> last_part("/home/rose/photos/"), last_part("C:\\photos"), last_part("")
    ('photos', 'photos', None)
    """
    return re.split(r"[/\\]", address.rstrip("/\\"))[-1] or None


def _reason(error: Exception, place: str | Path) -> str:
    """What is wrong with a model that cannot be loaded, and what to do."""
    if isinstance(error, OSError):
        return f"{place}: cannot be read ({error.strerror}); check its rights and its disk"
    return str(error)


def _without_folders(text: str, place: str | Path) -> str:
    """A message for strangers: no path of this machine, only the last part of each.

    >>> _without_folders("/srv/my models/roses/model.json: unknown format", "/srv/my models/roses")
    'roses/model.json: unknown format'
    """
    for folder in (str(Path(place).absolute().parent), str(Path(place).parent)):
        if folder not in {".", "/"}:
            text = text.replace(f"{folder}/", "")
    return _ABSOLUTE.sub("", text)


def _versions_at(place: str | Path) -> dict[str, str | Path]:
    """The versions of a model: folders 1, 2, ... that hold one each, or itself as version 1."""
    folder = Path(place)
    if _holds_model(folder):
        return {"1": place}
    try:
        inside = {one.name: one for one in folder.iterdir() if _VERSION.fullmatch(one.name)}
    except OSError:  # it is none, or was removed meanwhile
        return {}
    return {name: one for name, one in inside.items() if _holds_model(one)}


def _holds_model(folder: Path) -> bool:
    try:
        model_folder(folder)
    except (InceptionError, OSError):  # of a disk that cannot be reached
        return False
    return True


def _signature(place: str | Path) -> _Signature:
    """Names, times and sizes of the files of a model: what changes when it is replaced."""
    try:
        if not (root := Path(place)).is_dir():
            return ()
        root = model_folder(root)
        status = [(str(one), one.stat()) for one in sorted(root.rglob("*"))]
    except (InceptionError, OSError):
        return ()
    return tuple((name, one.st_mtime_ns, one.st_size) for name, one in status)


def _speed(predictor: Predictor) -> tuple[object, ...]:
    """What the speed of a model depends on, besides the machine."""
    card = predictor.card
    how, made = card.preprocessing, card.exported
    exported = made and (made.kind, made.precision, made.stages, made.resize is None)
    return predictor.engine, predictor.batch, card.architecture, how.size, exported
