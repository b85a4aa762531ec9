"""Images, archives of them, and a web server that can fail."""

import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

Files = Mapping[str, bytes]


def encoded(value: int, form: str = "PNG") -> bytes:
    """A small image, red to the degree of `value`."""
    stream = io.BytesIO()
    Image.new("RGB", (5, 4), (value, 0, 0)).save(stream, form, lossless=True)
    return stream.getvalue()


@pytest.fixture(scope="session")
def image() -> Callable[..., bytes]:
    return encoded


@pytest.fixture(scope="session")
def tar() -> Callable[[Path, Files], Path]:
    """Writes a tar; packed if its name says so."""

    def write(path: Path, files: Files) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz" if path.name.endswith(("gz", "tgz")) else "w") as opened:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                opened.addfile(member, io.BytesIO(content))
        return path

    return write


@pytest.fixture(scope="session")
def zipped() -> Callable[[Path, Files], Path]:
    """Writes a zip, every other member deflated."""

    def write(path: Path, files: Files) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as opened:
            for number, (name, content) in enumerate(files.items()):
                opened.writestr(
                    name, content, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[number % 2]
                )
        return path

    return write


@dataclass
class Web:
    """A web server that serves `files`, and fails as it is told to."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True  # whether it knows ranges
    etags: bool = True  # whether it sends them
    changed: str = ""  # when its files were, as an HTTP date
    cuts: int = 0  # how many of the next answers break off in the middle
    asked: list[str] = field(default_factory=list)  # methods, paths and ranges


def part_asked(web: Web, given: str, size: int) -> tuple[int, int] | None:
    """First byte and one past the last of a Range header; None for the whole file."""
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", given) if web.ranges else None
    return (int(found[1]), min(int(found[2]) + 1, size)) if found else None


class Handler(BaseHTTPRequestHandler):
    web: Web

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        part = self.answer()
        if self.web.cuts and part:
            self.web.cuts -= 1
            part = part[: len(part) // 2]
            self.close_connection = True
        self.wfile.write(part)

    def answer(self) -> bytes:
        """Send the headers; the bytes that are asked for."""
        path, given = self.path.partition("?")[0].lstrip("/"), self.headers.get("Range", "")
        self.web.asked.append(f"{self.command} {path} {given}".strip())
        content = self.web.files.get(path)
        if content is None:
            self.send_error(404)
            return b""
        part = part_asked(self.web, given, len(content))
        begin, end = part or (0, len(content))
        self.send_response(206 if part else 200)
        self.send_header("Content-Length", str(end - begin))
        if self.web.etags:
            self.send_header("ETag", f'"{hash(content)}"')
        if self.web.changed:
            self.send_header("Last-Modified", self.web.changed)
        if self.web.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if part:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        self.end_headers()
        return content[begin:end]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server on this machine. Its indices are cached in a folder of the test."""
    pytest.importorskip("aiohttp", reason="needs the extra inceptionkit[remote]")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("inceptionkit.data.storage.remote.RETRY_PAUSES", (0.0, 0.0))
    served = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"web": served}))
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
