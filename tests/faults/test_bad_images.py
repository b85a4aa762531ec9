"""Thousands of damaged files: no crash, no hang, memory bounded, every file accounted for."""

import hashlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mutants
import pytest

pytestmark = pytest.mark.fault

LONGEST = 20.0  # seconds without a word, after which a file counts as one that hangs
MEMORY = 1_500 * 2**20  # bytes that reading may take at most: 134 million pixels, and a copy

# A process that opens addresses, reads every image whole, as a crop and as `check` does, and says
# what became of each.
READER = """
import json, os, sys
from pathlib import Path
import numpy as np
from inceptionkit.data import decode_sample, open_dataset
from inceptionkit.data.transforms.augmentation import Augmentation, Cropping
from inceptionkit.data.transforms.random_crop import crops_from_encoded
from inceptionkit.data.quality.inspect import STATS_DTYPE, inspect_image
from inceptionkit.errors import DataError
from inceptionkit.preprocess import UnusableImage, header

CROPPING = Cropping(how=Augmentation(), side=8, seed=0, epoch=0)

def tell(*what):
    print(json.dumps(what), flush=True)

def whole(dataset, index):
    header(dataset.read(index))
    decode_sample(dataset, index)

def cropped(dataset, index):
    _, reasons = crops_from_encoded([dataset.read(index)], CROPPING, np.array([index]))
    if reasons:
        raise UnusableImage(reasons[0])

def looked(dataset, index):
    inspect_image(dataset, index, np.zeros((), STATS_DTYPE))

def became(dataset, index):
    found = []
    for use in (whole, cropped, looked):
        try:
            found.append(use(dataset, index))
        except UnusableImage as error:
            found.append(error.reason)
    return found[0] if all(found) or not any(found) else f"differs: {found}"

addresses, user, ready = json.loads(sys.stdin.readline())
for address in ready:
    dataset = open_dataset(address)
    for index in range(len(dataset.samples)):
        became(dataset, index)
if user is not None:
    os.seteuid(user)
for address in addresses:
    tell(address, "", "opened")
    try:
        dataset = open_dataset(address)
    except DataError as error:
        tell(address, "", str(error))
        continue
    for one in dataset.skipped:
        tell(address, one.name, one.reason)
    for index, name in enumerate(dataset.samples.names):
        tell(address, name, became(dataset, index))
# not getrusage: its peak is at least that of the process that started this one
lines = Path("/proc/self/status").read_text().splitlines()
tell("", "peak", *(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")))
"""

Report = dict[tuple[str, str], Any]  # address and name -> reason, None if it could be used


def told(
    addresses: list[str], cache: Path, user: int | None = None, ready: tuple[str, ...] = ()
) -> Report:
    """What a process says of the addresses; it is ended if it says nothing for too long."""
    report: Report = {}
    lines: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-W", "error", "-c", READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        ) as process,
    ):
        process.stdin.write(json.dumps([addresses, user, ready]) + "\n")
        process.stdin.close()
        listener = threading.Thread(target=listen)
        listener.start()
        try:
            for line in heard(lines, report):
                address, name, reason = json.loads(line)
                report[address, name] = reason
        finally:
            process.kill()
            listener.join()
        errors.seek(0)
        assert errors.read().decode() == ""
    assert ("", "peak") in report, f"it ended after {list(report)[-1:]}"
    return report


def heard(lines: "queue.Queue[str]", report: Report) -> Iterator[str]:
    """Each line as it comes."""
    while True:
        try:
            line = lines.get(timeout=LONGEST)
        except queue.Empty:
            pytest.fail(f"nothing said for {LONGEST:.0f} s after {list(report)[-1:]}")
        if not line:
            return
        yield line


def hashes(folder: Path) -> dict[str, str]:
    """Every plain file, its content and its times."""
    return {
        str(path): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
        for path in folder.rglob("*")
        if path.is_file()
    }


def put(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return list(files)


COUNTS = [600, pytest.param(20_000, marks=pytest.mark.slow)]
LIES = {
    "flat.png",
    "more.png",
    "short.png",
}  # images still: Pillow fills what is missing with black


@pytest.mark.parametrize("count", COUNTS)
def test_every_damaged_image_is_used_or_listed_with_the_reason(count: int, tmp_path: Path) -> None:
    root, whole = tmp_path / "images", mutants.specimens()
    names = [f"whole/{name}" for name in put(root / "whole", whole)]
    names += [f"odd/{name}" for name in put(root / "odd", mutants.oddities())]
    names += [f"damaged/{n}" for n in put(root / "damaged", dict(mutants.mutants(count, whole)))]
    names += [f"whole/{name}" for name in mutants.put_links(root / "whole")]
    (root / "odd" / os.fsdecode(b"not-utf8-\xff\xfe.png")).write_bytes(whole["plain.png"])
    (root / "odd" / "two\nlines \x1b[31m.png").write_bytes(whole["plain.png"])
    names += ["odd/not-utf8-\\xff\\xfe.png", "odd/two\\x0alines \\x1b[31m.png"]
    before = hashes(root)
    report = told([str(root)], tmp_path / "cache")
    became = {name: reason for (_, name), reason in report.items() if name not in ("", "peak")}
    links = {"whole/up": "links to a folder that is listed already"}

    assert hashes(root) == before
    assert set(became) == {*names, *links}, "every file is accounted for, and once"
    assert links.items() <= became.items()
    assert {name: became[f"whole/{name}"] for name in whole} == dict.fromkeys(whole)
    assert {name for name in mutants.oddities() if not became[f"odd/{name}"]} == LIES
    assert all(reason is None or 0 < len(reason) < 100 for reason in became.values())
    assert [name for name, reason in became.items() if str(reason).startswith("differs")] == []
    assert report["", "peak"] < MEMORY


@pytest.mark.parametrize("count", [60, pytest.param(20_000, marks=pytest.mark.slow)])
def test_every_damaged_container_is_a_source_or_refused(count: int, tmp_path: Path) -> None:
    """Manifests, tars, zips and Parquet; what they hold is an image, or unusable."""
    pytest.importorskip("pyarrow", reason="needs the extra inceptionkit[data]")
    whole = mutants.specimens()
    for klass in "ab":
        put(tmp_path / "data" / klass, whole)
    held = mutants.containers(whole) | {"table.parquet": mutants.parquet(whole)}
    files = held | dict(mutants.mutants(count, held, misnamed=False))
    addresses = [str(tmp_path / "data" / name) for name in put(tmp_path / "data", files)]
    before = hashes(tmp_path / "data")
    report = told(addresses, tmp_path / "cache")

    assert hashes(tmp_path / "data") == before
    assert {address for address, _ in report} == {*addresses, ""}
    for name in held:
        read = [r for (a, n), r in report.items() if a.endswith(f"/{name}") and n]
        assert read.count(None) >= 4, name
    assert report["", "peak"] < MEMORY


def test_files_without_permission_are_listed(tmp_path: Path) -> None:
    """Root may read everything: then another user reads."""
    whole = mutants.specimens()
    with tempfile.TemporaryDirectory() as place:  # a folder that any user may enter
        root = Path(place)
        root.chmod(0o755)
        for klass in ("a", "b", "ready/a", "ready/b"):
            put(root / "photos" / klass, {"1.png": whole["plain.png"], "2.jpg": whole["grey.jpg"]})
        (root / "photos" / "ready").rename(root / "ready")
        (root / "photos" / "b" / "1.png").chmod(0)
        put(root / "photos" / "b" / "locked", {"1.png": whole["plain.png"]})
        (root / "photos" / "b" / "locked").chmod(0)
        user = 65_534 if os.geteuid() == 0 else None
        report = told([str(root / "photos")], tmp_path / "cache", user, (str(root / "ready"),))
        (root / "photos" / "b" / "locked").chmod(0o755)

    denied = "cannot be read: permission denied"
    assert {name: reason for (_, name), reason in report.items() if name not in ("", "peak")} == {
        "a/1.png": None,
        "a/2.jpg": None,
        "b/1.png": denied,
        "b/2.jpg": None,
        "b/locked": denied,
    }
