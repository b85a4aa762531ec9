"""The folder of a run: finding a place for it, and its logs."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inceptionkit.data import Unusable
from inceptionkit.errors import RunError, WeightsError, WriteError
from inceptionkit.files import part_of, read_bounded, write_whole
from inceptionkit.machine import launched
from inceptionkit.model.folder import DETECTOR
from inceptionkit.model.seen import NOTHING, Seen
from inceptionkit.text import shell_word

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CHECKPOINTS, MODEL, PAGE = "checkpoints", "model", "report.html"
LOG, STEPS, UNUSABLE, PREDICTIONS = "log.csv", "log.jsonl", "unusable.csv", "predictions.csv"
SEEN_BEFORE = "seen_before.safetensors"  # by the model that a run starts from

RCNN_RUN = "rcnn.json"
"""What a run that trains an R-CNN was asked for; its classifiers are runs of their own in it."""

MOST_CSV_BYTES = 2**30
"""Most bytes of a CSV file of a run: 1 GiB, some ten million images."""


_HEAD_BYTES = 64  # of run.json, in which its format stands
_TAKEN: dict[Path, int] = {}  # folders that this process took, and the handles that lock them


def how_to_resume(folder: Path) -> str:
    """The command that resumes a run: with as many processes, for the same bytes."""
    return "the same torchrun command" if launched() else _resume_command(folder)


def _resume_command(folder: Path) -> str:
    """The command that resumes a run, as a shell takes it; of a part of an R-CNN, the whole."""
    for whole in (folder, folder.parent.parent):  # or RUN/round-1/classifier-1
        if (whole / RCNN_RUN).is_file():
            return f"inceptionkit detect resume {shell_word(whole)}"
    verb = "detect resume" if trains_detector(folder) else "resume"
    return f"inceptionkit {verb} {shell_word(folder)}"


def trains_detector(folder: Path) -> bool:
    """Whether a run trains a detector; False where there is no run."""
    try:
        with (folder / "run.json").open("rb") as file:
            return DETECTOR.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def require_empty(out: Path) -> None:
    """Refuse a folder that is not empty.

    Raises:
        RunError: it is not.
    """
    if out.exists() and not _is_empty(out):
        if (out / "run.json").exists():
            msg = f"{out}: holds another run; choose another --out, or `{_resume_command(out)}`"
        else:
            msg = f"{out}: folder is not empty; choose another --out"
        raise RunError(msg)


def _is_empty(folder: Path) -> bool:
    """Whether a folder is empty, or holds only what is left of a run that was lost before run.json.

    Such a run made the folder of its checkpoints first, and saved none.
    """
    if not folder.is_dir():
        return False
    left, unusable = folder / CHECKPOINTS, folder / UNUSABLE
    ours = {left, unusable, part_of(unusable), part_of(folder / "run.json")}
    there = set(folder.iterdir())
    return not there or (there <= ours and left.is_dir() and not any(left.iterdir()))


def new_folder(out: Path | None, data: str, net: str) -> Path:
    """Make the folder of a new run, and take it for this process.

    Args:
        out: where; None for the next number under `runs/`.
        data: address, for the name.
        net: name of the architecture, for the name.

    Raises:
        RunError: `out` is not empty, another process works there, or no folder can be made.
    """
    if out is not None:
        if out.exists():
            require_empty(out)
        take(out)
        if any(path.name != CHECKPOINTS for path in out.iterdir()):  # come meanwhile, or a lost run
            require_empty(out)
        return out
    stem = _stem(data, net)
    taken = {path.name for path in Path("runs").glob(f"{stem}-*")}
    numbered = (Path("runs") / f"{stem}-{number:03d}" for number in itertools.count(1))
    return take(next(path for path in numbered if path.name not in taken and _is_made(path)))


def existing_runs(out: Path | None, data: str, net: str) -> list[Path]:
    """The folders that `new_folder` may have made for the same run, newest first.

    The numbers of folders grow.
    """
    if out is not None:
        return [out] if out.exists() else []
    found = Path("runs").glob(f"{_stem(data, net)}-[0-9]*")
    return sorted(found, key=lambda p: (len(p.name), p), reverse=True)


def _stem(data: str, net: str) -> str:
    """How the name of a run's folder begins."""
    return f"{clean(Path(data).name)}-{clean(net)}"


def _is_made(folder: Path) -> bool:
    """Make a folder; False if another process was faster. Why it cannot be made, `take` says."""
    try:
        folder.mkdir(parents=True)
    except OSError:
        return not os.path.lexists(folder)
    return True


def take(folder: Path) -> Path:
    """Make a folder and the one of its checkpoints, and keep other processes out.

    Until `release`, or until this process ends in whatever way. Where the system cannot lock a
    folder (Windows, some network disks) nothing is kept out.

    Raises:
        RunError: they cannot be made, or another process has taken the folder.
    """
    handle = None
    try:
        (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        if fcntl is not None and folder.resolve() not in _TAKEN:
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _TAKEN[folder.resolve()] = handle
    except OSError as error:
        if handle is None:
            msg = f"{folder}: cannot be made ({error.strerror}); choose another folder with --out"
            raise RunError(msg) from error
        os.close(handle)
        if isinstance(error, BlockingIOError):
            msg = f"{folder}: another process works on this run; wait until it has ended"
            raise RunError(msg) from error
    return folder


def release(folder: Path) -> None:
    """Let other processes work in a folder that this one took; nothing if it did not."""
    if (handle := _TAKEN.pop(folder.resolve(), None)) is not None:
        os.close(handle)


def empty(folder: Path) -> None:
    """Remove everything in a folder."""
    for path in list(folder.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def clean(name: str) -> str:
    """A name that is safe in a path.

    >>> clean("googlenet:bn"), clean("my photos/")
    ('googlenet-bn', 'my-photos')
    """
    return re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.") or "data"


_COMPUTED = re.compile(r"^['=+\-@\t\r]")  # how text begins that a spreadsheet computes
_KEPT = re.compile(f"^'(?={_COMPUTED.pattern[1:]})")  # before such text


def write_rows(
    path: Path, rows: Sequence[Mapping[str, Any]], heads: Sequence[str] | None = None
) -> None:
    """Write a CSV file whole, a column for every head, or for every key of the first row.

    An apostrophe before text that a spreadsheet would compute keeps it text; `read_rows` drops it.
    """
    heads = heads or list(rows[0] if rows else ())
    returns = any("\r" in str(cell) for row in rows for cell in row.values())
    text = io.StringIO()
    writer = csv.writer(
        text,
        lineterminator="\n",
        quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL,  # which does not think of "\r"
    )
    for cells in (heads, *([row[head] for head in heads] for row in rows)):
        writer.writerow(_COMPUTED.sub(r"'\g<0>", c) if isinstance(c, str) else c for c in cells)
    write_whole(path, text.getvalue().encode(errors="backslashreplace"))


def add_unusable(folder: Path, found: Iterable[Unusable]) -> None:
    """Add to unusable.csv what is not in it yet."""
    known = read_rows(folder / UNUSABLE)
    rows = [{"path": one.name, "reason": one.reason} for one in dict.fromkeys(found)]
    if new := [row for row in rows if row not in known]:
        write_rows(folder / UNUSABLE, [*known, *new])


def read_rows(path: Path, columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a CSV file that we wrote; none if it is not there.

    Args:
        path: of the file.
        columns: that it must have.

    Raises:
        RunError: it cannot be read, is damaged, or lacks a column.
    """
    if not path.is_file():
        return []
    try:
        text = read_bounded(path, MOST_CSV_BYTES).decode()
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        head, *rows = [[_KEPT.sub("", c) for c in row] for row in reader] or [[*columns]]
    except (OSError, ValueError, csv.Error) as error:
        raise damaged(path, str(error)) from error
    if lacking := [name for name in columns if name not in head]:
        raise damaged(path, f"it has no column {lacking[0]!r}")
    if odd := [number for number, row in enumerate(rows, 2) if len(row) != len(head)]:
        raise damaged(path, f"row {odd[0]} has not {len(head)} values")
    return [dict(zip(head, row, strict=True)) for row in rows]


def damaged(path: Path, wrong: str) -> RunError:
    """The error of a file of a run that is not as we wrote it."""
    advice = "copy the run again, or repeat it in another folder"
    return RunError(f"{path}: cannot be used ({wrong}); {advice}")


def read_seen(path: Path) -> Seen:
    """The images that a file of a run says were seen; none where there is no such file.

    Raises:
        RunError: it is damaged.
    """
    try:
        return Seen.from_bytes(path.read_bytes(), path)
    except FileNotFoundError:
        return NOTHING
    except (OSError, WeightsError) as error:
        msg = f"{path}: cannot be used ({error}); start the run again in another folder"
        raise RunError(msg) from error


def keep_steps(folder: Path, last: int) -> None:
    """Drop the lines of log.jsonl that come after step `last`, or that are cut short."""
    path = folder / STEPS
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    kept = [line for line in lines if _is_until(line, last)]
    write_whole(path, "".join(kept))


def _is_until(line: str, last: int) -> bool:
    """Whether a line of log.jsonl is whole and no later than step `last`."""
    try:
        return line.endswith("\n") and int(json.loads(line)["step"]) <= last
    except (ValueError, KeyError, TypeError):
        return False


def add_step(folder: Path, row: Mapping[str, Any]) -> None:
    """Append a line to log.jsonl.

    Raises:
        WriteError: it cannot be written.
    """
    try:
        with (folder / STEPS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise WriteError(folder / STEPS, error) from error
