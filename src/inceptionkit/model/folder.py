"""The model folder: `model.json`, and tensors or exported graphs beside it; none can run code."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inceptionkit import records
from inceptionkit.addresses import without_secrets
from inceptionkit.errors import InceptionError, RunError, WeightsError, WriteError
from inceptionkit.files import replace_folder, write_json, write_whole
from inceptionkit.model.card import FORMAT, MOST_CARD_BYTES, Card, card_to_json
from inceptionkit.model.exit_policy import ExitPolicy
from inceptionkit.model.seen import SEEN, Seen
from inceptionkit.spec import Net, misfits, steps
from inceptionkit.spec import tensors as shapes
from inceptionkit.text import shell_word

CARD, TENSORS = "model.json", "model.safetensors"
SHIPPED, OWNER = Path(__file__).parents[1] / "pretrained", "inceptionkit"
"""Folders of the models that ship with the package; the id of one is `inceptionkit/NAME`."""
DEFAULT_MODEL = f"{OWNER}/small"
"""The model that `predict`, `embed` and `serve` take where none is given."""
DETECTOR = "detector-1"
"""The format of a detector's model.json, and of the run.json of a run that trains one."""
RCNN = "rcnn-1"
"""The format of an R-CNN's model.json; its classifiers are models of their own."""
MOST_BYTES = 2**31
"""Most bytes of a file beside model.json: 2 GiB, four times the largest network of the family."""
MOST_CELLS = 2**29
"""Most values that one operator of a model may give for one image: 2 GiB as float32."""

Tensors: TypeAlias = Mapping[str, NDArray[Any]]


def write_model(folder: Path, card: Card, tensors: Tensors) -> None:
    """Write a model folder whole; one that stands there already is replaced.

    Args:
        folder: where; its parent exists.
        card: what the model is.
        tensors: name -> float32 or, for half the size, float16 array, exactly those that the
            architecture has.

    Raises:
        WeightsError: the tensors do not fit the architecture.
        RunError: the folder cannot be written.
    """
    if {name: value.shape for name, value in tensors.items()} != dict(shapes(card.architecture)):
        raise misfit(folder, card.architecture, tensors)
    data = save({name: np.ascontiguousarray(value) for name, value in tensors.items()})
    write_files(folder, card, {TENSORS: data})


def write_files(folder: Path, card: Card, files: Mapping[str, bytes]) -> None:
    """Write `model.json`, these files and what the model has seen as a folder that appears whole.

    What it replaces is the model that was there. Files of others stay.

    Raises:
        RunError: the folder cannot be written, or another's file has the name of one of these.
    """
    if card.seen is not None:
        files = {**files, SEEN: card.seen.to_bytes()}
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        for name, data in files.items():
            (beside / name).parent.mkdir(exist_ok=True)
            write_whole(beside / name, data)
        sums = {name: sha256(data).hexdigest() for name, data in files.items()}
        write_json(beside / CARD, card_to_json(card, sums))
        for name in _files_of_others(folder):
            if name in files:
                msg = f"{folder / name}: is not of the model that is there; move it away"
                raise RunError(msg)
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(folder / name, beside / name)
        replace_folder(beside, folder)
    except OSError as error:
        raise WriteError(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _files_of_others(folder: Path) -> list[str]:
    """Files in the folder of a model that its `model.json` does not name."""
    try:
        ours = {CARD, *read_card(folder)[1]}
    except InceptionError:  # of a run that was cut short, or none
        ours = {CARD, TENSORS, SEEN}
    every = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return sorted({path.relative_to(folder).as_posix() for path in every} - ours)


def _link_or_copy(path: Path, place: Path) -> None:
    """Give a file a second place, on the same disk without copying it."""
    try:
        os.link(path, place, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, place, follow_symlinks=False)


def read_model(path: Path) -> tuple[Card, dict[str, NDArray[Any]]]:
    """Read a model folder, or the one inside a run folder.

    Raises:
        WeightsError: nothing is there, the format is unknown, a file is damaged, or a tensor is
            missing or misshapen.
    """
    folder = model_folder(path)
    card, sums = read_card(folder)
    if card.exported is not None:
        msg = f"{folder}: holds exported graphs and no tensors; give the model they were made from"
        raise WeightsError(msg)
    return read_seen(folder, card, sums), read_tensors(folder, card, sums)


def read_tensors(
    folder: Path, card: Card, sums: Mapping[str, str], name: str = TENSORS
) -> dict[str, NDArray[Any]]:
    """Read the tensors beside `model.json`, from the file of that name.

    Returns:
        Name -> float32 array; what is stored as float16 is widened, which is exact.

    Raises:
        WeightsError: the file is damaged, or a tensor is missing or misshapen.
    """
    data = read_file(folder, name, sums)
    try:
        tensors = load(data)
    except (SafetensorError, LookupError, TypeError, ValueError) as error:  # an unknown dtype, too
        msg = f"{folder / name}: not a safetensors file ({error}); copy the model folder again"
        raise WeightsError(msg) from error
    for tensor, stored in tensors.items():
        value = stored.astype(np.float32) if stored.dtype == np.float16 else stored
        tensors[tensor] = value
        if value.dtype != np.float32 or not np.isfinite(value).all():
            got = value.dtype if value.dtype != np.float32 else "values that are not finite"
            msg = f"{folder / name}: {tensor:.80} must be finite float32, got {got}; "
            raise WeightsError(msg + "train or convert the model again")
    if {name: value.shape for name, value in tensors.items()} != dict(shapes(card.architecture)):
        raise misfit(folder, card.architecture, tensors)
    return tensors


def read_seen(folder: Path, card: Card, sums: Mapping[str, str]) -> Card:
    """The card of a folder with what the model has seen, where the folder says it.

    Raises:
        WeightsError: the file is damaged.
    """
    if SEEN not in sums:
        return card
    return replace(card, seen=Seen.from_bytes(read_file(folder, SEEN, sums), folder / SEEN))


def read_file(folder: Path, name: str, sums: Mapping[str, str]) -> bytes:
    """Read a file beside `model.json`.

    Raises:
        WeightsError: it cannot be read, or is not the one that `model.json` names.
    """
    path = folder / name
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            msg = f"{path}: no plain file of at most {MOST_BYTES >> 30} GiB; copy the model folder"
            raise WeightsError(msg)
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); copy the whole model folder"
        raise WeightsError(msg) from error
    if sha256(data).hexdigest() != sums.get(name):
        msg = (
            f"{path}: its SHA-256 is not the one in {CARD}, "
            "the file is damaged or from another model; copy the model folder again"
        )
        raise WeightsError(msg)
    return data


def write_policy(path: Path, policy: ExitPolicy) -> Path:
    """Store an exit policy with a model, in place of the one it has.

    Returns:
        Path of the `model.json` that holds it.

    Raises:
        WeightsError: there is no model, or it has not these exits.
        RunError: the file cannot be written.
    """
    folder = model_folder(path)
    card, sums = read_card(folder)
    policy.check(card.architecture)
    if folder.parent == SHIPPED:
        msg = f"{path}: ships with the package, which stays as it is; copy {folder} and give the "
        raise WeightsError(msg + "copy")
    write_json(folder / CARD, card_to_json(replace(card, exit_policy=policy), sums))
    return folder / CARD


def model_folder(path: Path) -> Path:
    """`path` itself if it is a model, its `model` folder if it is a run; that of an id that ships.

    Raises:
        WeightsError: it is none of these.
    """
    places = [path, path / "model"]
    if path.parent.as_posix() == OWNER:
        places.append(SHIPPED / path.name)
    for folder in places:
        if (folder / CARD).is_file():
            return folder
    if len(places) == 3 and not path.exists():
        ids = ", ".join(shipped()) or "none"
        msg = f"no model called {path.as_posix()} ships with this installation; it has {ids}"
    elif not path.exists():
        msg = f"{without_secrets(path)}: no such model; give a model folder or a run folder"
    elif (path / "run.json").is_file():
        msg = f"{path}: this run has no model yet; "
        msg += f"finish it with `inceptionkit resume {shell_word(path)}`"
    else:
        msg = f"{path}: no model there, it holds no {CARD}; give a model folder or a run folder"
    raise WeightsError(msg)


def shipped() -> tuple[str, ...]:
    """Ids of the models that ship with the package, as `inceptionkit/small`."""
    return tuple(f"{OWNER}/{card.parent.name}" for card in sorted(SHIPPED.glob(f"*/{CARD}")))


def read_card(folder: Path) -> tuple[Card, dict[str, str]]:  # noqa: C901 - a check per line
    """Read `model.json`; return the card and the SHA-256 of each file.

    Raises:
        WeightsError: damaged, of an unknown format, or incomplete.
    """
    path = folder / CARD
    try:
        with path.open("rb") as file:  # a plain one: `model_folder` has seen to that
            text = file.read(MOST_CARD_BYTES + 1)
        if len(text) > MOST_CARD_BYTES:
            msg = f"larger than {MOST_CARD_BYTES >> 20} MiB"
            raise ValueError(msg)
        data = records.STRICT.decode(text.decode())
    except records.UNREADABLE as error:
        msg = f"{path}: cannot be read as JSON ({error}); copy the model folder again"
        raise WeightsError(msg) from error
    got = data.pop("format", None) if isinstance(data, dict) else None
    if got in (DETECTOR, RCNN):  # which may be a list: not hashable
        msg = f"{path}: this is a detector; use `inceptionkit detect`"
        raise WeightsError(msg)
    if got != FORMAT:
        msg = f"{path}: format must be {FORMAT}, got {got!r}; "
        msg += "use the version of inceptionkit that wrote it"
        raise WeightsError(msg)
    sums = data.pop("files", None)
    try:
        card = records.from_json(Card, {**data, "seen": None}, at="", error=WeightsError)
        wrong = [
            f"{step.at}: {step.output.channels} outputs and {len(card.classes)} classes"
            for step in steps(card.architecture)
            if getattr(step.op, "classifier", False) and step.output.channels != len(card.classes)
        ]
        wrong += [
            f"{step.at}: {cells:,} cells of one image, the limit is {MOST_CELLS:,}"
            for step in steps(card.architecture)
            if (cells := step.output.channels * prod(step.output.size)) > MOST_CELLS
        ]
        if len(set(card.classes)) < len(card.classes):
            wrong.append("two classes have the same name")
        if card.architecture.image[1:] != (card.preprocessing.size,) * 2:
            wrong.append("preprocessing.size is not the side of the architecture's image")
        if not isinstance(sums, dict):
            wrong.append(f"files must be an object, got {sums!r:.80}")
        if wrong:
            raise WeightsError(wrong[0])
        checked = (card.exit_policy, card.exported)
        for part in (part for part in checked if part is not None):
            part.check(card.architecture)
    except InceptionError as error:
        msg = f"{path}: {error}; copy the model folder again"
        raise WeightsError(msg) from error
    return card, sums


def misfit(where: Path, net: Net, tensors: Tensors) -> WeightsError:
    """Tensors that are not exactly those of `net`, naming the first few misfits."""
    wrong = misfits(net, {name: tuple(value.shape) for name, value in tensors.items()})
    shown = "; ".join(wrong[:3]) + ("; ..." if len(wrong) > 3 else "")
    return WeightsError(f"{where}: {len(wrong)} tensors do not fit {net.name}: {shown}")
