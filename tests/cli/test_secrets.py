"""The password and the signature of an address are kept in memory alone."""

import io
import json
import tarfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from object_server import Handler

from inceptionkit import addresses

USER, PASSWORD, SIGNATURE = "wanda", "p%40ss-w0rd", "5ecre7%2Fs1gn"
SECRETS = ("p%40ss-w0rd", "p@ss-w0rd", "5ecre7%2Fs1gn", "5ecre7/s1gn", "wanda")
QUICK = ("--arch", "compact", "--input", "8", "--epochs", "1", "--precision", "fp32", "batch=8")


class Guarded(Handler):
    """Answers only who knows the password, and the signature."""

    def do_GET(self) -> None:  # noqa: N802
        wanted = b64encode(b"wanda:p@ss-w0rd").decode()
        signed = parse_qs(urlsplit(self.path).query).get("sig") == ["5ecre7/s1gn"]
        if self.headers.get("Authorization") == f"Basic {wanted}" and signed:
            super().do_GET()
        else:
            self.send(403)


@pytest.fixture
def guarded(photos: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that wants a password and a signature; gives its address without them."""
    pytest.importorskip("aiohttp", reason="needs the extra inceptionkit[remote]")
    monkeypatch.setattr("inceptionkit.data.storage.remote.RETRY_PAUSES", (0.0, 0.0))
    folder, files = photos(each=8), {}
    for number, part in enumerate(("dark", "light")):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name in ("dark", "light"):
                for image in sorted((folder / name).glob("*.png"))[number::2]:
                    tar.add(image, f"{name}/{part}{image.name}")
        files[f"data/{number}.tar"] = packed.getvalue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Guarded,), {"files": files}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
    addresses.SECRETS.clear()


def leaks(place: Path) -> list[str]:
    """Names of files and folders that hold a secret, or have one in their names."""
    return [
        str(path)
        for path in place.rglob("*")
        if any(
            secret in str(path.relative_to(place))
            or (path.is_file() and secret.encode() in path.read_bytes())
            for secret in SECRETS
        )
    ]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_no_verb_writes_or_prints_them(
    inceptionkit: Callable, guarded: str, tmp_path: Path
) -> None:
    address = f"http://{USER}:{PASSWORD}@{guarded}/data/{{0..1}}.tar?sig={SIGNATURE}"
    shown = f"http://{guarded}/data/{{0..1}}.tar"
    said = [inceptionkit("train", address, *QUICK)]
    (run,) = (tmp_path / "runs").iterdir()
    for words in (
        ("train", address, *QUICK, "--out", "second", "--json"),
        ("evaluate", run, address),
        ("evaluate", run, address, "--json"),
        ("check", address),
        ("export", run, "--to", "onnx", "--out", "onnx", "--images", "photos"),
        ("report", run),
        ("compare", run, "second"),
        ("resume", run),
        ("--debug", "evaluate", run, address.replace("data/", "gone/")),
        ("--debug", "train", address.replace("sig=", "sig=not")),
        ("--debug", "predict", run, address),
        ("bench", run, "--data", address.replace("data/", "gone/"), "--ours"),
    ):
        said.append(inceptionkit(*words))  # noqa: PERF401 - one after the other
    codes = [one.code for one in said]

    assert codes == [0] * 9 + [2] * 4, [one.err for one in said]
    assert f"http://{guarded}" in said[-2].err, "predict of an address does not lose a slash"
    assert [one for one in said if any(s in one.out + one.err for s in SECRETS)] == []
    assert leaks(tmp_path) == []
    assert shown in (run / "run.json").read_text()


def test_resume_says_how_to_give_the_address_again(inceptionkit: Callable, guarded: str) -> None:
    address = f"http://{USER}:{PASSWORD}@{guarded}/data/{{0..1}}.tar?sig={SIGNATURE}"
    assert inceptionkit("train", address, *QUICK, "--out", "run").code == 0
    addresses.SECRETS.clear()  # as in another process
    record = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps(record | {"result": None}))  # as if it had not ended

    said = inceptionkit("resume", "run")
    assert said.code == 2
    assert "the password or signature is not kept; give the whole address again with --data" in (
        said.err
    )
