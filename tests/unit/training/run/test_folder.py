"""Where a run lands, its logs, and files that appear whole."""

import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inceptionkit.errors import RunError, WriteError
from inceptionkit.files import replace_folder, write_json, write_whole
from inceptionkit.training.run import folder as folders
from inceptionkit.training.run.folder import STEPS, how_to_resume, keep_steps
from inceptionkit.training.run.record import read_record


def test_runs_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = [folders.new_folder(None, "/data/my flowers/", "googlenet:bn") for _ in range(2)]
    (tmp_path / "runs" / "my-flowers-googlenet-bn-005").mkdir()

    assert [str(path) for path in made] == [
        "runs/my-flowers-googlenet-bn-001", "runs/my-flowers-googlenet-bn-002",
    ]  # fmt: skip
    assert all((path / "checkpoints").is_dir() for path in made)
    assert folders.new_folder(None, "digits", "compact").name == "digits-compact-001"


def test_runs_that_begin_at_once_get_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: folders.new_folder(None, "digits", "compact"), range(40)))

    assert len(set(made)) == 40


def test_a_folder_is_taken_from_other_processes_until_it_is_released(tmp_path: Path) -> None:
    program = "import sys; from inceptionkit.training.run.folder import *; take(Path(sys.argv[1]))"

    def other() -> str:
        words = [sys.executable, "-c", program, str(tmp_path / "run")]
        return subprocess.run(words, capture_output=True, text=True, check=False).stderr

    folders.take(folders.take(tmp_path / "run"))  # again by the same process
    refused = other()
    folders.release(tmp_path / "run")

    assert "run: another process works on this run; wait until it has ended" in refused
    assert other() == ""


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a b", "a-b"),
        ("../..", "data"),
        ("...", "data"),
        ("", "data"),
        ("Ünï", "n"),
        ("a/b", "a-b"),
    ],
)
def test_names_are_safe_in_paths(name: str, safe: str) -> None:
    assert folders.clean(name) == safe


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert folders.new_folder(tmp_path / "empty", "digits", "compact") == tmp_path / "empty"
    folders.require_empty(tmp_path / "new")


def test_what_a_run_leaves_that_was_lost_before_its_record_is_no_obstacle(tmp_path: Path) -> None:
    left = folders.new_folder(tmp_path / "run", "digits", "compact")
    folders.write_rows(left / folders.UNUSABLE, [], ("path", "reason"))
    (left / ".run.json.part").write_text("{")

    assert folders.new_folder(left, "digits", "compact") == left


@pytest.mark.parametrize(
    "held",
    [
        ["unusable.csv"],
        ["checkpoints"],
        ["checkpoints/", "unusable.csv", "notes.txt"],
        ["checkpoints/", "checkpoints/step-000000006.safetensors"],
        ["checkpoints/", "log.csv"],
    ],
)
def test_what_a_user_may_want_to_keep_is_no_place_for_a_run(
    tmp_path: Path, held: list[str]
) -> None:
    """Other files beside ours, and files of ours that nobody could have left alone."""
    for name in held:
        place = tmp_path / name
        place.mkdir() if name.endswith("/") else place.write_text("mine")
    with pytest.raises(RunError) as caught:
        folders.require_empty(tmp_path)

    assert str(caught.value) == f"{tmp_path}: folder is not empty; choose another --out"


def test_a_file_is_no_place_for_a_run(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("mine")
    with pytest.raises(RunError) as caught:
        folders.require_empty(place)

    assert str(caught.value) == f"{place}: folder is not empty; choose another --out"


def test_log_lines_after_the_last_saved_update_are_dropped(tmp_path: Path) -> None:
    for step in range(1, 6):
        folders.add_step(tmp_path, {"step": step, "loss": 0.5, "lr": 0.1})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    folders.keep_steps(tmp_path, 3)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    kept = [json.loads(line)["step"] for line in lines]

    assert kept == [1, 2, 3]


def test_rows_there_and_back(tmp_path: Path) -> None:
    folders.write_rows(tmp_path / "x.csv", [{"a": 1, "b": 'x,\n"y"'}, {"a": 2, "b": None}])

    assert folders.read_rows(tmp_path / "x.csv") == [
        {"a": "1", "b": 'x,\n"y"'},
        {"a": "2", "b": ""},
    ]
    assert folders.read_rows(tmp_path / "none.csv") == []


def test_a_file_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "file"
    write_whole(place, "old")

    def full(handle: int) -> None:
        del handle
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError) as caught:
            write_whole(place, "new")
    assert str(caught.value) == (
        f"{place}: cannot be written (No space left on device); free space or choose another folder"
    )
    assert place.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    write_whole(place, b"new")
    assert place.read_text() == "new"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EROFS, "mount its disk for writing"),
        (errno.EACCES, "allow writing there"),
        (errno.ENOENT, "make its folder"),
        (errno.EIO, "mend that"),
    ],
    ids=["full", "read-only", "forbidden", "no folder", "broken"],
)
def test_what_to_do_follows_from_what_is_wrong(tmp_path: Path, number: int, remedy: str) -> None:
    error = OSError(number, os.strerror(number))

    assert str(WriteError(tmp_path, error)) == (
        f"{tmp_path}: cannot be written ({os.strerror(number)}); {remedy} or choose another folder"
    )


def test_a_file_is_flushed_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, flush, rename = [], os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("flush"), flush(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (done.append("rename"), rename(a, b))[1])
    write_whole(tmp_path / "file", "x")

    assert done == ["flush", "rename", "flush"], "the file, its name, the folder"


def test_numbers_that_json_does_not_know_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"loss": float("nan")})

    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced(tmp_path: Path) -> None:
    for name in ("new", "place"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    replace_folder(tmp_path / "new", tmp_path / "place")

    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == [
        "place", "place/new",
    ]  # fmt: skip


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        read_record(tmp_path)

    assert str(caught.value) == (
        f"{tmp_path}: no run there, it holds no run.json; give the folder that `train` printed"
    )


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("runs/a", "inceptionkit resume runs/a"),
        ("it's", """inceptionkit resume 'it'"'"'s'"""),
        ("-odd", "inceptionkit resume ./-odd"),
    ],
)
def test_the_command_that_goes_on_is_one_for_a_shell(folder: str, command: str) -> None:
    assert how_to_resume(Path(folder)) == command


def test_several_processes_go_on_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")

    assert how_to_resume(Path("runs/a")) == "the same torchrun command"


def test_a_log_with_bytes_that_are_no_text(tmp_path: Path) -> None:
    whole = b'{"step": 1, "loss": 2.0}\n'
    (tmp_path / STEPS).write_bytes(whole + b"\xff\xfe")
    keep_steps(tmp_path, 5)

    assert (tmp_path / STEPS).read_bytes() == whole
