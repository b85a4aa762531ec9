"""A server on this machine that speaks as much of S3, Google's storage and the Hub as is read."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

Files = Mapping[str, bytes]  # "bucket/folder/name" -> content

TIME = "2026-01-02T03:04:05.000Z"
COMMIT = "0" * 40
HUB = "/api/datasets/"


def inside(files: Files, folder: str) -> tuple[dict[str, bytes], list[str]]:
    """Files of a folder, and the folders in it, both with their whole paths."""
    start = f"{folder.rstrip('/')}/"
    below = {name: content for name, content in files.items() if name.startswith(start)}
    folders = {start + n.removeprefix(start).split("/")[0] for n in below if "/" in n[len(start) :]}
    return {n: c for n, c in below.items() if "/" not in n[len(start) :]}, sorted(folders)


class Handler(BaseHTTPRequestHandler):
    """Each kind of store has paths of its own."""

    protocol_version = "HTTP/1.1"
    files: Files

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        path = unquote(address.path).lstrip("/")
        if path.startswith(("storage/v1/b/", "download/storage/v1/b/")):
            self.google(path.partition("/b/")[2], query)
        elif address.path.startswith(HUB):
            self.hub(path.removeprefix(HUB.lstrip("/")))
        elif found := re.fullmatch(r"datasets/(\w+/\w+)/resolve/[^/]+/(.+)", path):
            self.send_file(f"{found[1]}/{found[2]}")
        elif "list-type" in query:
            self.bucket(path.strip("/"), query)
        else:
            self.send_file(path)

    def bucket(self, name: str, query: Mapping[str, str]) -> None:
        """S3's list of a folder."""
        files, folders = inside(self.files, f"{name}/{query.get('prefix', '')}")
        keys = (
            f"<Contents><Key>{escape(key.partition('/')[2])}</Key><Size>{len(content)}</Size>"
            f"<ETag>{tag(content)}</ETag><LastModified>{TIME}</LastModified></Contents>"
            for key, content in files.items()
        )
        prefixes = (
            f"<CommonPrefixes><Prefix>{escape(one.partition('/')[2])}/</Prefix></CommonPrefixes>"
            for one in folders
        )
        body = "".join((*keys, *prefixes))
        count = len(files) + len(folders)
        self.send(
            200,
            f"<ListBucketResult><Name>{name}</Name><KeyCount>{count}</KeyCount>"
            f"<IsTruncated>false</IsTruncated>{body}</ListBucketResult>".encode(),
            {"Content-Type": "application/xml"},
        )

    def google(self, path: str, query: Mapping[str, str]) -> None:
        """Google's objects: a list, what is known of one, and its content."""
        bucket, _, key = path.partition("/o")
        key = key.lstrip("/")
        if query.get("alt") == "media":
            self.send_file(f"{bucket}/{key}")
        elif key:
            found = self.files.get(f"{bucket}/{key}")
            self.send_json(self.google_object(f"{bucket}/{key}") if found is not None else None)
        else:
            files, folders = inside(self.files, f"{bucket}/{query.get('prefix', '')}")
            prefixes = [f"{one.partition('/')[2]}/" for one in folders]
            self.send_json({"items": [*map(self.google_object, files)], "prefixes": prefixes})

    def google_object(self, name: str) -> dict[str, str]:
        bucket, _, key = name.partition("/")
        content = self.files[name]
        size, stamp = str(len(content)), md5(content, usedforsecurity=False).hexdigest()
        return {
            "kind": "storage#object", "bucket": bucket, "name": key, "size": size,
            "md5Hash": stamp, "updated": TIME, "timeCreated": TIME, "generation": "1",
        }  # fmt: skip

    def hub(self, path: str) -> None:
        """The Hub's description of a repository, and of a folder in it."""
        repository, _, rest = path.partition("/tree/")
        if rest:
            folder = f"{repository}/{rest.partition('/')[2]}".rstrip("/")
            files, folders = inside(self.files, folder)
            self.send_json([*map(self.entry, files), *map(self.entry, folders)] or None)
            return
        repository = path.partition("/revision/")[0]
        known = any(name.startswith(f"{repository}/") for name in self.files)
        self.send_json({"id": repository, "sha": COMMIT, "siblings": []} if known else None)

    def entry(self, name: str) -> dict[str, object] | None:
        """What the Hub says of a file or a folder."""
        path, content = "/".join(name.split("/")[2:]), self.files.get(name)
        if content is not None:
            stamp = md5(content, usedforsecurity=False).hexdigest()
            return {"type": "file", "path": path, "size": len(content), "oid": stamp}
        if any(one.startswith(f"{name}/") for one in self.files):
            return {"type": "directory", "path": path, "oid": "0"}
        return None

    def send_file(self, name: str) -> None:
        """A file, or the part of it that is asked for."""
        content = self.files.get(name)
        if content is None:
            self.send(404)
            return
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin, end = 0, len(content)
        if part:
            begin, end = int(part[1]), min(int(part[2] or end) + 1, end)
        told = {"ETag": tag(content), "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}
        told |= {"Content-Range": f"bytes {begin}-{end - 1}/{len(content)}"} if part else {}
        told |= {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        self.send(206 if part else 200, content[begin:end], told)

    def send_json(self, found: object) -> None:
        """An answer; None for what is not there."""
        if found is None:
            self.send(404)
        else:
            self.send(200, json.dumps(found).encode(), {"Content-Type": "application/json"})

    def send(self, code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def tag(content: bytes) -> str:
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


@contextmanager
def serving(files: Files) -> Iterator[str]:
    """Serve `files`; gives the server's address."""
    kind = type("Own", (Handler,), {"files": files})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
