"""An exported model in a browser: ONNX Runtime Web runs the file as it is, resize included."""

import os
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from chromium import CHROMIUM, OPTIONS
from PIL import Image

import inceptionkit

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
WEB = os.environ.get("ONNXRUNTIME_WEB")  # the unpacked npm package
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(
        WEB is None, reason="ONNXRUNTIME_WEB does not name an unpacked npm package onnxruntime-web"
    ),
]
PAGE = Path(__file__).parents[2] / "docs" / "deploy" / "browser.html"
QUIET = [option for option in OPTIONS if not option.startswith(("--headless", "--virtual-time"))]


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder; modules need their type."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture that no codec changes, larger than the network's input and not square."""
    coarse = np.random.default_rng(3).integers(0, 256, (10, 14, 3), np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(coarse).resize((140, 100), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def exported(tiny_model: Path, photo: Path, tmp_path: Path) -> Path:
    """A model that resizes, the page of the docs, and ONNX Runtime Web, in one folder."""
    folder = tmp_path / "site"
    inceptionkit.export(tiny_model, to="onnx", resize=True, images=photo, out=folder, listener=None)
    shutil.copy(PAGE, folder)
    for name in FILES:
        shutil.copy(Path(str(WEB)) / "dist" / name, folder)
    return folder


@pytest.fixture
def address(exported: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=exported))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/browser.html"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_of_the_docs_answers_as_python_does(
    address: str, exported: Path, photo: Path
) -> None:
    wrong: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        page.locator("body[data-ready]").wait_for(timeout=60_000)
        page.set_input_files("#file", photo)
        page.locator("#answer li").first.wait_for(timeout=60_000)
        shown = page.locator("#answer li").all_inner_texts()
        browser.close()

    (answer,) = inceptionkit.load(exported).predict([photo])
    rows = [text.removesuffix(" %").rsplit(" ", 1) for text in shown]
    assert wrong == []
    assert [label for label, _ in rows] == [label for label, _ in answer.top]
    assert [float(share) / 100 for _, share in rows] == pytest.approx(
        [probability for _, probability in answer.top], abs=1e-3
    )
