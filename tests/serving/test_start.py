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
from inceptionkit.serving.server import TOKEN, log_to_stderr, read_token

SECRET = "a-token-of-many-letters"  # noqa: S105 - of a test
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


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """Standard error of a server that nobody else logs for."""
    written = StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    loggers = [logging.getLogger(f"inceptionkit{name}") for name in (".access", ".errors")]
    for logger in (logging.getLogger(), *loggers):
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "propagate", logger.propagate)
    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    log_to_stderr()
    yield written
    logging.captureWarnings(capture=False)


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
