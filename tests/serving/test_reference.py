"""`/docs`: every operation of the API, on a page that works without a network."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest


class Page(HTMLParser):
    """The addresses of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [str(value) for name, value in attrs if name in {"src", "href", "action"}]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(client: Callable) -> Page:
    return Page(client().get("/docs").text)


def test_the_reference_lists_every_operation(client: Callable, page: Page) -> None:
    paths = client().get("/openapi.json").json()["paths"]
    operations = [f"{m.upper()} {path}" for path, methods in paths.items() for m in methods]

    assert {"POST /v1/predict", "POST /v2/models/{name}/infer", "GET /metrics"} <= set(operations)
    for one in operations:
        assert one in page.text
    for parameter in ("top_k", "time_limit_ms", "Inference-Header-Content-Length"):
        assert parameter in page.text


def test_the_reference_has_the_schemas_of_bodies_and_answers(client: Callable, page: Page) -> None:
    schemas = client().get("/openapi.json").json()["components"]["schemas"]

    assert {"Answers", "Problem", "ModelCard"} <= schemas.keys()
    for name in schemas:
        assert f"Schema {name}" in page.text
    for kind in ("multipart/form-data", "application/json", "application/octet-stream"):
        assert f"Body: {kind}" in page.text
    assert '"minItems": 1' in page.text


def test_the_reference_loads_nothing_from_elsewhere(client: Callable, page: Page) -> None:
    served = client()

    assert page.addresses
    for address in page.addresses:
        assert re.fullmatch(r"#?[a-zA-Z.]+", address), address
        if not address.startswith("#"):
            assert served.get(f"/{address}").status_code == 200
    assert not page.tags & {"script", "iframe", "img", "style"}
