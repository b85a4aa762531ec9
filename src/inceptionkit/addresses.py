"""Addresses of other machines: what of them is secret is kept in memory alone, and shown nowhere.

A password, or the signature that a web server wants behind a name, enters with a verb's arguments.
There `without_secrets` takes it off; `with_secrets` puts it back where the machine is asked.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

_PARTS = re.compile(r"(\w+)://(?:([^/?#]*)@)?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_HARMLESS = frozenset({"alt", "dl", "download", "raw"})  # of a query: how to send, not to whom
_LONG_ENOUGH = 4  # letters of a secret that is looked for in others' messages
_SLASH_LOST = re.compile(r"(https?|s3|gs|hf):/(?=[^/])")  # what a `Path` makes of an address

SECRETS: dict[str, tuple[str, str]] = {}
"""Address as it is shown -> user and password, and query; in this process alone."""


def without_secrets(given: str | Path) -> str:
    """An address as it may be shown, without its user, password and query.

    >>> without_secrets("https://me:secret@x.org/a.tar?download=true&sig=abc")
    'https://x.org/a.tar?download=true'
    >>> without_secrets("photos/a.tar")
    'photos/a.tar'
    """
    address = _SLASH_LOST.sub(r"\1://", str(given), count=1)
    found = _PARTS.fullmatch(address)
    if found is None:
        return address
    kind, user, place, query = found.groups()
    web = kind.lower() in {"http", "https"}
    query = query if web else None  # elsewhere a name may hold a question mark
    kept = [part for part in (query or "").split("&") if part.partition("=")[0] in _HARMLESS]
    if not user and query == ("&".join(kept) or None):
        return address
    shown = f"{kind}://{place}" if web else address.replace(f"{user}@", "", 1)
    shown += f"?{'&'.join(kept)}" if kept else ""
    SECRETS[shown] = (user or "", query or "")
    return shown


def with_secrets(shown: str) -> str:
    """The address that a shown one stands for, or one that was found in the same folder."""
    secret = SECRETS.get(shown)
    if secret is None:
        near = [known for known in SECRETS if shown.startswith(_folder(known))]
        if not near:
            return shown
        secret = SECRETS[max(near, key=lambda known: len(_folder(known)))]
    user, query = secret
    kind, _, rest = shown.partition("://")
    place = rest.partition("?")[0] if query else rest
    return f"{kind}://{user}{'@' if user else ''}{place}{'?' if query else ''}{query}"


def _folder(address: str) -> str:
    """What the addresses beside this one begin with: the machine at least."""
    before = address.partition("{")[0].partition("?")[0]
    return f"{before.rpartition('/')[0]}/" if before.count("/") > 2 else f"{before}/"


def hide(text: str) -> str:
    """Others' text without what is secret in any address of this process."""
    for user, query in SECRETS.values():
        values = (part.partition("=")[2] for part in query.split("&"))
        parts = {user, query, *user.split(":"), *values}
        for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
            if len(part) >= _LONG_ENOUGH:
                text = text.replace(part, "***")
    return text
