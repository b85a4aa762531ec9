"""The HTML that all pages share: template, style and script.

A template prints everything through `printable`, so that a file name of any bytes can be shown,
and through jinja2's escaping. Nothing in a page is loaded from elsewhere: pictures are data URIs,
style and script are inline, and a content security policy makes the browser hold the page to that.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import jinja2
from markupsafe import Markup

from inceptionkit.text import (
    DASH,
    count,
    duration,
    learning_rate,
    loss,
    p_value,
    percent,
    plural,
    points,
    printable,
    quantity,
    significant,
    size,
    whole_percent,
)  # fmt: skip

_FORMATTERS: tuple[Callable[..., str], ...] = (
    percent, whole_percent, count, quantity, size, significant, loss, learning_rate, duration,
    plural, points, p_value,
)  # fmt: skip
_UNIT = r"%|[µm]?s|min|h|d|[kMGT]|[kMGT]?MAC|(?:[KMGT]i)?B"
_BEFORE_A_UNIT = re.compile(rf"(?<=\d) (?=(?:{_UNIT})(?!\w))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry of a page's own contents."""

    anchor: str
    title: str


def fill(template: str, **values: object) -> str:
    """A page: the template with `values`, the shared style and the shared script."""
    templates = _templates()
    script = templates.get_template("page.js").render().strip()
    return templates.get_template(template).render(
        style=Markup(templates.get_template("page.css").render()),  # noqa: S704 ours
        script=Markup(script),  # noqa: S704 ours
        script_hash=_policy_hash(script),
        **values,
    )


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("inceptionkit.report", "templates"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        finalize=_finalized,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update({say.__name__: say for say in _FORMATTERS})
    return templates


def _finalized(value: object) -> object:
    """What the template prints for a value: text that can be encoded, a dash for nothing."""
    if value is None:
        return DASH
    if isinstance(value, Markup):
        return value
    return _BEFORE_A_UNIT.sub("\N{NO-BREAK SPACE}", printable(str(value), lines=True))


def _policy_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
