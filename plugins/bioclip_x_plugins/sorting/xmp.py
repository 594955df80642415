"""Keywords in XMP sidecar files: new ones are written, existing ones get what they lack and keep every other byte.

XMP is ISO 16684-1; keywords are `dc:subject` and, as paths, Lightroom's `lr:hierarchicalSubject`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from bioclip_x.plugin import DOCUMENT_DEPTH, XMP_BYTES

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PREFIXES: Final = {"dc": "http://purl.org/dc/elements/1.1/", "lr": "http://ns.adobe.com/lightroom/1.0/"}
SUBJECT: Final = f"{PREFIXES['dc']} subject"
HIERARCHICAL: Final = f"{PREFIXES['lr']} hierarchicalSubject"
CONTAINERS: Final = tuple(f"{RDF} {name}" for name in ("Bag", "Seq", "Alt"))

Keywords = Mapping[str, Sequence[str]]
"""Property → its keywords: flat ones of SUBJECT, paths with "|" between names of HIERARCHICAL."""


class SidecarError(ValueError):
    """Why a sidecar cannot be changed."""


@dataclass(slots=True)
class _Tag:
    """An element in the bytes: where its first tag begins, and where its last tag, or what follows an empty element, begins."""

    start: int
    end: int = -1


@dataclass(slots=True)
class _Found:
    """What a sidecar has. bags: property → its container. items: property → its keywords. about: of the first description."""

    root: _Tag | None = None
    about: str = ""
    properties: set[str] = field(default_factory=set)
    bags: dict[str, _Tag] = field(default_factory=dict)
    items: dict[str, list[str]] = field(default_factory=dict)


def make_sidecar(keywords: Keywords) -> bytes:
    """A new sidecar."""
    empty = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="bioclip-x">\n <rdf:RDF xmlns:rdf="{RDF}">\n </rdf:RDF>\n</x:xmpmeta>\n'
    packet = f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{empty}<?xpacket end="w"?>\n'
    return add_keywords(packet.encode(), keywords)


def add_keywords(raw: bytes, keywords: Keywords) -> bytes:
    """A sidecar with the keywords that it lacks; the same bytes if it has them all. Raises SidecarError for what is no XMP."""
    found = _parse(raw)
    if found.root is None:
        raise SidecarError("it is not an XMP file: it has no rdf:RDF")
    edits: list[tuple[_Tag, str]] = []
    new: dict[str, list[str]] = {}
    for name, words in keywords.items():
        lacking = [word for word in dict.fromkeys(words) if word not in found.items.get(name, ())]
        if not lacking:
            continue
        if name in found.bags:
            prefix = _read_name(raw, found.bags[name]).rpartition(":")[0]
            item = f"{prefix}:li" if prefix else "li"
            edits.append((found.bags[name], "".join(f"<{item}>{escape(word)}</{item}>" for word in lacking)))
        elif name in found.properties:
            raise SidecarError(f"its {name.rpartition(' ')[2]} is not a list")
        else:
            new[name] = lacking
    if new:
        edits.append((found.root, _make_description(new, found.about)))
    changed = raw
    for tag, text in sorted(edits, key=lambda edit: -edit[0].end):
        changed = _insert(changed, tag, text.encode())
    missing = {name: set(words) - set(_parse(changed).items.get(name, ())) for name, words in keywords.items()}
    if any(missing.values()):
        raise SidecarError("keywords cannot be added to it")
    return changed


def _make_description(keywords: Keywords, about: str) -> str:
    """An rdf:Description of its own, which XMP allows; it declares its prefixes itself."""
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in {"rdf": RDF, **PREFIXES}.items())
    lines = []
    for name, words in keywords.items():
        uri, _, local = name.partition(" ")
        prefix = next(one for one, known in PREFIXES.items() if known == uri)
        items = "".join(f"<rdf:li>{escape(word)}</rdf:li>" for word in words)
        lines.append(f"<{prefix}:{local}><rdf:Bag>{items}</rdf:Bag></{prefix}:{local}>")
    return f"<rdf:Description rdf:about={quoteattr(about)}{declared}>{''.join(lines)}</rdf:Description>\n "


def _insert(raw: bytes, tag: _Tag, text: bytes) -> bytes:
    """Inserts text at the end of an element."""
    if raw[tag.end : tag.end + 2] == b"</":
        return raw[: tag.end] + text + raw[tag.end :]
    slash = raw.rindex(b"/", tag.start, tag.end)  # an empty element, <rdf:Bag/>
    return raw[:slash] + b">" + text + f"</{_read_name(raw, tag)}>".encode() + raw[tag.end :]


def _read_name(raw: bytes, tag: _Tag) -> str:
    """The name of an element as it is written, with its prefix."""
    return raw[tag.start + 1 : tag.start + 200].decode("utf-8", "ignore").split(">")[0].split("/")[0].split()[0]


def _parse(raw: bytes) -> _Found:
    """Finds the properties and their places. Document types, hence entities of its own, are refused."""
    if len(raw) > XMP_BYTES:
        raise SidecarError(f"it has more than {XMP_BYTES >> 20} MiB")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raise SidecarError("it is not in UTF-8") from None
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.buffer_text = True
    reader = _Reader(parser)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.add_text
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    parser.XmlDeclHandler = reader.refuse_encoding
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as problem:
        raise SidecarError(f"it is not well-formed XML: {problem}") from None
    return reader.found


class _Reader:
    """Handlers of one parser."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._path: list[tuple[str, _Tag]] = []
        self._text = ""
        self.found = _Found()

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if len(self._path) >= DOCUMENT_DEPTH:
            raise SidecarError(f"it has more than {DOCUMENT_DEPTH} elements within one another")
        tag = _Tag(self._parser.CurrentByteIndex)
        names = [one for one, _ in self._path]
        if name == f"{RDF} RDF" and self.found.root is None:
            self.found.root = tag
        if name == f"{RDF} Description" and names[-1:] == [f"{RDF} RDF"]:
            self.found.about = self.found.about or attributes.get(f"{RDF} about", "")
            self.found.properties |= {one for one in (SUBJECT, HIERARCHICAL) if one in attributes}
        if name in (SUBJECT, HIERARCHICAL) and names[-1:] == [f"{RDF} Description"]:
            self.found.properties.add(name)
        if name in CONTAINERS and names[-1:] and names[-1] in self.found.properties:
            self.found.bags.setdefault(names[-1], tag)
        self._path.append((name, tag))
        self._text = ""

    def end(self, name: str) -> None:
        _, tag = self._path.pop()
        tag.end = self._parser.CurrentByteIndex
        names = [one for one, _ in self._path]
        if name == f"{RDF} li" and len(names) > 1 and names[-2] in self.found.properties:
            self.found.items.setdefault(names[-2], []).append(self._text)
        self._text = ""

    def add_text(self, text: str) -> None:
        self._text += text

    def refuse_doctype(self, *_: object) -> None:
        raise SidecarError("it declares a document type, which XMP has none of")

    def refuse_encoding(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in ("utf-8", "utf8"):
            raise SidecarError(f"it is in {encoding}; expected UTF-8")
