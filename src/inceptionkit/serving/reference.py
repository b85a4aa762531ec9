"""The API as a page that works without a network, written from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def reference_page(openapi: Mapping[str, Any]) -> str:
    """HTML: every address with its parameters, bodies and answers.

    Args:
        openapi: the document, as `/openapi.json` gives it.
    """
    pages = Environment(
        loader=PackageLoader("inceptionkit.serving", "page"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return pages.get_template("reference.html.j2").render(api=openapi)
