"""XML of strangers: no document types, no entities, no external files, no depth."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder  # builds only; expat below reads
from xml.parsers import expat

BYTES = 2**24
"""Most bytes of a file: 16 MiB, about 80,000 objects."""

_DEPTH = 32  # of elements in each other; Pascal VOC has 4


class XmlError(ValueError):
    """Text that is no XML, or XML that is not read."""


def parse(text: bytes) -> Element:
    """The tree of some XML.

    Raises:
        XmlError: it is not well formed, declares a document type or entities, or is too deep.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    depth = 0

    def refuse(*_: object) -> None:
        msg = "it declares a document type, which may hide entities"
        raise XmlError(msg)

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            msg = f"its elements lie more than {_DEPTH} deep in each other"
            raise XmlError(msg)
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(text, True)  # noqa: FBT003 - the parser takes it by place
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, XmlError):
            raise
        msg = f"it is not well-formed XML ({error})"
        raise XmlError(msg) from error
    return builder.close()
