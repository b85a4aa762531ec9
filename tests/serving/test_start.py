"""What a server reads before it starts, and how it writes its log."""

import asyncio
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from inceptionkit.errors import OptionError
from inceptionkit.serving.limits import Limits
from inceptionkit.serving.server import TOKEN, Service, log_to_stderr, read_token
from inceptionkit.serving.workers import serve_at

SECRET = "a-token-of-many-letters"  # noqa: S105 - of a test
SERVER_ERRORS = "inceptionkit.errors"
NONE = "holds no token; write one of at least 16 characters"
BAD = "a token has at least 16 letters, digits or signs; choose another"


def test_a_token_comes_from_a_file_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    assert read_token(None) == ""

    monkeypatch.setenv(TOKEN, f" {SECRET}\n")
    (tmp_path / "token").write_text("another-token-of-many-letters\n")
    assert read_token(None) == SECRET
    assert read_token(tmp_path / "token") == "another-token-of-many-letters"


@pytest.mark.parametrize("given", ["", " ", "\n"])
def test_an_empty_variable_does_not_open_the_server(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, given)

    with pytest.raises(OptionError) as refused:
        read_token(None)
    assert str(refused.value) == (
        f"{TOKEN}: holds no token; set one of at least 16 characters, or unset the variable"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", NONE),
        (b" \n", NONE),
        (b"short", BAD),
        ("sixteen letters é".encode(), BAD),
        (b"sixteen letters\tand a tab", BAD),
        (b"\xff" * 20, "the token cannot be read (no text)"),
        (None, "the token cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_holds_no_token_is_refused(
    text: bytes | None, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_bytes(text)

    with pytest.raises(OptionError) as refused:
        read_token(file)
    assert str(refused.value) == f"{file}: {words}"


def logging_now() -> list[object]:
    """How this process logs."""
    loggers = [logging.getLogger(name) for name in (None, "inceptionkit.access", SERVER_ERRORS)]
    of_each = [(one.handlers[:], one.level, one.propagate) for one in loggers]
    return [logging.raiseExceptions, warnings.showwarning, *of_each]


def test_a_program_that_serves_logs_afterwards_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (None, "inceptionkit.access", SERVER_ERRORS):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    meanwhile: list[object] = []

    def serve(*_: object) -> int:
        meanwhile.extend(logging_now())
        return 3

    monkeypatch.setattr("inceptionkit.serving.workers.serve_here", serve)
    before = logging_now()
    service = Service(places={}, load=pytest.fail, limits=Limits())

    assert serve_at("127.0.0.1", 0, service, 1, pytest.fail)[1] == 3
    assert logging_now() == before
    assert all(one != other for one, other in zip(meanwhile, before, strict=True))


def test_warnings_that_were_captured_already_stay_so(log: StringIO) -> None:
    with log_to_stderr():
        pass

    assert warnings.showwarning.__module__ == "logging"
    logging.getLogger("inceptionkit.access").info("still there")
    assert "still there" in log.getvalue()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """Standard error of a server that nobody else logs for."""
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    loggers = [logging.getLogger(f"inceptionkit{name}") for name in (".access", ".errors")]
    for logger in (logging.getLogger(), *loggers):
        monkeypatch.setattr(logger, "handlers", [])
    with log_to_stderr():
        yield written


def test_every_event_is_a_line_of_json(log: StringIO) -> None:
    try:
        {}["no key"]
    except KeyError:
        for name in ("inceptionkit.errors", "uvicorn.error", "asyncio"):
            logging.getLogger(name).exception("it failed:\nhere")
    logging.getLogger("inceptionkit.access").info(json.dumps({"status": 200}))
    logging.getLogger("inceptionkit.errors").error(json.dumps({"error": "damaged", "model": "a"}))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("odd EXIF", UserWarning, stacklevel=1)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert len(lines) == 6
    for line, name in zip(
        lines[:3], ("inceptionkit.errors", "uvicorn.error", "asyncio"), strict=True
    ):
        assert (line["logger"], line["level"]) == (name, "error")
        assert line["error"] == "it failed:\nhere"
        assert line["traceback"].startswith("Traceback (most recent call last):\n")
        assert line["traceback"].endswith("KeyError: 'no key'")
    assert lines[3] == {"status": 200}
    assert (lines[4]["error"], lines[4]["model"]) == ("damaged", "a")
    assert "odd EXIF" in lines[5]["error"]


def test_what_a_task_of_the_loop_raises_is_a_line_of_json(log: StringIO) -> None:
    async def run() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    asyncio.run(run())
    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]

    assert line["logger"] == "asyncio"
    assert "ZeroDivisionError" in line["traceback"]
