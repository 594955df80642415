"""Parses small XML documents that may come from anybody: no document type, hence no entities, and few levels."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from bioclip_x.errors import BioclipXError
from bioclip_x.limits import DOCUMENT_DEPTH


def parse_xml(text: bytes, where: str, error: type[BioclipXError] = BioclipXError) -> ElementTree.Element:
    """Returns the root element. Raises `error` for a text that is not XML, or nested more than `DOCUMENT_DEPTH` deep.

    So is one with a document type: its entities could multiply, or name other files. where: the file's name in errors.
    """
    parser = ElementTree.XMLParser(target=_Builder())
    try:
        parser.feed(text)
        root: ElementTree.Element = parser.close()
    except _RefusedError as problem:
        raise error(f"{where} {problem}") from None
    except (ElementTree.ParseError, LookupError, ValueError) as problem:
        raise error(f"{where} is not valid XML: {problem}") from None
    return root


class _RefusedError(Exception):
    """The document is refused; the message says why."""


class _Builder(ElementTree.TreeBuilder):
    """Builds the elements. A document type is declared before them, in whatever encoding."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise _RefusedError("has a DOCTYPE, or entities, which is refused for safety; remove it")

    def start(self, tag: Any, attrs: Any, /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > DOCUMENT_DEPTH:
            raise _RefusedError(f"has elements nested more than {DOCUMENT_DEPTH} deep")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)
