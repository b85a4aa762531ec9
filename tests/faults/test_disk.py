"""Disks that are full, files that are damaged, data that changed."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hearing import Collects

import inceptionkit
from inceptionkit.cli import main
from inceptionkit.errors import RunError
from inceptionkit.spec import Net
from inceptionkit.training.checkpoint import checkpoints
from inceptionkit.training.run import session

pytestmark = pytest.mark.fault


def shorten(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.parametrize("damage", [shorten, flip, lambda _: b""], ids=["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_passed_over_and_it_is_said(
    whole: Path, same: Callable, cut: Path, damage: Callable[[bytes], bytes]
) -> None:
    heard = Collects()
    newest = checkpoints(cut / "checkpoints")[0]
    newest.write_bytes(damage(newest.read_bytes()))
    inceptionkit.resume(cut, listener=heard)

    assert f"{newest} is damaged (its SHA-256 differs); the one before it is used" in heard.said
    same(whole, cut)


def test_no_whole_checkpoint_is_an_error(cut: Path, capfd: pytest.CaptureFixture) -> None:
    for path in checkpoints(cut / "checkpoints"):
        path.write_bytes(shorten(path.read_bytes()))
    capfd.readouterr()

    assert main(["resume", str(cut), "--quiet"]) == 2
    assert capfd.readouterr().err == (
        f"inceptionkit: {cut / 'checkpoints'}: no checkpoint is whole; "
        "start the run again in another folder\n"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda data: (data / "dark" / "0.png").unlink(),
        lambda data: shutil.copy(data / "dark" / "0.png", data / "dark" / "new.png"),
        lambda data: (data / "dark" / "0.png").rename(data / "light" / "00.png"),
    ],
    ids=["an image gone", "an image more", "an image moved"],
)
def test_data_that_changed_since(
    cut: Path, data: Path, capfd: pytest.CaptureFixture, change: Callable[[Path], object]
) -> None:
    change(data)
    capfd.readouterr()

    assert main(["resume", str(cut), "--quiet"]) == 2
    assert capfd.readouterr().err == (
        f"inceptionkit: {cut}: the images at {data} changed since the run began; "
        "put them back as they were, allow it with --allow-changed, or start another run\n"
    )


@pytest.mark.parametrize("allowed", [(), ("--allow-changed",)], ids=["not allowed", "allowed"])
def test_classes_that_changed_since_take_another_run(
    cut: Path, whole: Path, data: Path, capfd: pytest.CaptureFixture, allowed: tuple[str, ...]
) -> None:
    """Which may begin with the weights of this one, once it has come to a model."""
    (data / "dark").rename(data / "black")
    said = (
        f"inceptionkit: {cut}: the classes of the images at {data} changed since the run began; "
        f"put them back as they were, or start another run with: inceptionkit train {data}"
    )
    capfd.readouterr()

    assert main(["resume", str(cut), "--quiet", *allowed]) == 2
    assert capfd.readouterr().err == f"{said}\n"
    shutil.copytree(whole / "model", cut / "model")
    assert main(["resume", str(cut), "--quiet", *allowed]) == 2
    assert capfd.readouterr().err == f"{said} --from {cut}\n"


def test_a_run_that_ended_is_not_computed_anew(whole: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "ended"))
    shutil.rmtree(run / "checkpoints")
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    again = inceptionkit.resume(run)

    assert again.run == run
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_data_that_is_gone(cut: Path, data: Path, capfd: pytest.CaptureFixture) -> None:
    shutil.rmtree(data)
    capfd.readouterr()

    assert main(["resume", str(cut), "--quiet"]) == 2
    assert capfd.readouterr().err.startswith(f"inceptionkit: {data}: no such file or directory; ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "cannot be used (JSONDecodeError("),
        (b'{"format": 99}', "cannot be used (its format is not 1)"),
        (b'{"format": 1}', "cannot be used ('made_at' is missing)"),
        (b"[]", "cannot be used (its format is not 1)"),
        ({"recipe": []}, "cannot be used (recipe must be an object, got [])"),
        ({"preprocessing": []}, "cannot be used (preprocessing must be an object, got [])"),
        ({"execution": {"speed": 1}}, "cannot be used (execution: unknown key 'speed'; "),
    ],
)
def test_a_damaged_run_json(
    cut: Path, capfd: pytest.CaptureFixture, content: bytes | dict[str, Any], said: str
) -> None:
    if isinstance(content, dict):
        content = json.dumps(json.loads((cut / "run.json").read_bytes()) | content).encode()
    (cut / "run.json").write_bytes(content)
    capfd.readouterr()

    assert main(["resume", str(cut), "--quiet"]) == 2
    err = capfd.readouterr().err
    assert err.startswith(f"inceptionkit: {cut / 'run.json'}: {said}")
    assert err.endswith("; start the run again in another folder\n")


def full_at(monkeypatch: pytest.MonkeyPatch, count: int) -> Callable[[], None]:
    """From the n-th flush on there is no space; returns what frees some."""
    flush, left = os.fsync, count

    def fsync(handle: int) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return lambda: monkeypatch.setattr(os, "fsync", flush)


@pytest.mark.parametrize("count", [*range(1, 38, 3)])
def test_no_space_left_at_any_flush(
    whole: Path,
    start: Callable,
    same: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    """One sentence; what was there is whole; with space again the run goes on."""
    out = tmp_path / "full"
    free = full_at(monkeypatch, count)
    with pytest.raises(RunError, match=r"No space left on device\); free space") as caught:
        start("full")
    free()

    assert "\n" not in str(caught.value)
    if saved := checkpoints(out / "checkpoints"):
        there = f"resume from {saved[0].name}, which is whole: inceptionkit resume {out}"
        assert str(caught.value).endswith(f"; free space, then {there}")
    if (out / "run.json").exists():
        inceptionkit.resume(out)
        same(whole, out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB: room for a short run."""
    place = tmp_path / "disk"
    place.mkdir()
    order = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(place)]
    try:
        mounted = subprocess.run(order, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small file system takes root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full_during_a_checkpoint(
    net: Net,
    data: Path,
    whole: Path,
    same: Callable,
    small_disk: Path,
    capfd: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, ballast = small_disk / "run", small_disk / "ballast"
    save, before = session.save_state, {}

    def fill_then_save(folder: Path, state: object) -> Path:
        if state.step == 12 and not before:
            before.update({p: p.read_bytes() for p in checkpoints(folder)})
            with ballast.open("wb", buffering=0) as file:
                try:
                    while file.write(b"\0" * 4096):
                        pass
                except OSError:
                    pass
        return save(folder, state)

    monkeypatch.setattr(session, "save_state", fill_then_save)
    monkeypatch.setattr("inceptionkit.training.run.start.choose_net", chosen(net))
    capfd.readouterr()
    words = ["train", str(data), "--out", str(out), "--epochs", "3", "--quiet"]
    code = main([*words, "batch=8", "ema_horizon=0.3"])
    said = capfd.readouterr().err

    assert code == 2
    assert said.startswith(f"inceptionkit: {out / 'checkpoints' / 'step-000000012.safetensors'}: ")
    assert said.endswith(
        "cannot be written (No space left on device); free space, then resume from "
        f"step-000000006.safetensors, which is whole: inceptionkit resume {out}\n"
    )
    assert said.count("\n") == 1
    assert before
    assert {p: p.read_bytes() for p in checkpoints(out / "checkpoints")} == before
    ballast.unlink()
    assert main(["resume", str(out), "--quiet"]) == 0
    same(whole, out)


def test_a_disk_that_becomes_read_only(
    whole: Path,
    start: Callable,
    same: Callable,
    small_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a failing disk is mounted anew by the system; the run goes on once it can be written."""
    out, save = small_disk / "run", session.save_state

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(small_disk)], check=True)

    def forbid_then_save(folder: Path, state: object) -> Path:
        if state.step == 12:
            remount("ro")
        return save(folder, state)

    monkeypatch.setattr(session, "save_state", forbid_then_save)
    with pytest.raises(RunError) as caught:
        start("cut", out=out)
    assert str(caught.value).endswith(
        "cannot be written (Read-only file system); mount its disk for writing, then resume from "
        f"step-000000006.safetensors, which is whole: inceptionkit resume {out}"
    )
    monkeypatch.setattr(session, "save_state", save)
    remount("rw")
    inceptionkit.resume(out)

    same(whole, out)


def chosen(net: Net) -> Callable:
    """The command line names architectures of the catalog; here it takes `net`."""
    from inceptionkit.spec import with_classes
    from inceptionkit.training.defaults import NetChoice

    return lambda *_, **__: NetChoice(with_classes(net, 3))


def test_another_process_of_the_same_run_folder_is_refused(
    start: Callable, capfd: pytest.CaptureFixture
) -> None:
    """Once a run has begun, its folder is taken."""
    run = start("run")
    capfd.readouterr()

    assert main(["train", "digits", "--out", str(run), "--quiet"]) == 2
    assert "holds another run" in capfd.readouterr().err
