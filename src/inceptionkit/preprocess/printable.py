"""File names as text that any terminal, CSV file and JSON document takes."""

from __future__ import annotations


def printable(name: str) -> str:
    r"""`name` with every character that cannot be shown written as an escape.

    A name that is not UTF-8 reaches Python as lone surrogates, which no output accepts; a name
    may also hold line ends and terminal codes. What is printable already is returned as it is.

    >>> printable("caf\udce9.jpg")
    'caf\\xe9.jpg'
    >>> printable("two\nlines.jpg")
    'two\\x0alines.jpg'
    """
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else _escaped(c) for c in name)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as os.fsdecode keeps it
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
